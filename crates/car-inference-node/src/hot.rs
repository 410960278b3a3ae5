//! The calls made once a token: plain Node-API callbacks, a number and a string in; nothing out when the event passed, and
//! otherwise a number.
//! Everything else goes through napi-derive.

use std::ffi::{CStr, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use car_inference::StreamEvent;
use napi::bindgen_prelude::Object;
use napi::{Env, JsValue, Status, sys};
use napi_derive::napi;

use crate::environment::{self, Environment};
use crate::ports::code;
use crate::text::{self, Strand};

#[napi(module_exports)]
fn export_hot_calls(exports: Object<'_>, env: Env) -> napi::Result<()> {
    let calls: [(&CStr, Callback); 6] = [
        (c"textDelta", text_delta),
        (c"reasoningDelta", reasoning_delta),
        (c"toolCallDelta", tool_call_delta),
        (c"usage", usage),
        (c"done", done),
        (c"panicProbeHot", panic_probe_hot),
    ];
    for (name, callback) in calls {
        let mut function = ptr::null_mut();
        // SAFETY: `env` is the environment being initialised; the name is terminated; the callback data
        // is this thread's.
        let status = unsafe {
            sys::napi_create_function(
                env.raw(),
                name.as_ptr(),
                isize::try_from(name.count_bytes()).unwrap_or_default(),
                Some(callback),
                environment::address(),
                &mut function,
            )
        };
        napi::check_status!(status)?;
        // SAFETY: both values belong to this environment.
        napi::check_status!(unsafe {
            sys::napi_set_named_property(env.raw(), exports.raw(), name.as_ptr(), function)
        })?;
    }
    Ok(())
}

type Callback = unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> sys::napi_value;

unsafe extern "C" fn text_delta(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: napi calls this with its own environment and callback info.
    unsafe { answer(env, || delta::<2>(env, info, |_| Ok(Strand::Text))) }
}

unsafe extern "C" fn reasoning_delta(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: as above.
    unsafe { answer(env, || delta::<3>(env, info, |index| Ok(Strand::Reasoning(index)))) }
}

unsafe extern "C" fn tool_call_delta(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: as above.
    unsafe { answer(env, || delta::<3>(env, info, |index| Ok(Strand::Arguments(index)))) }
}

/// Arguments: port, and the six counts in the order of `StreamEvent::Usage`; a negative one is absent.
unsafe extern "C" fn usage(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    const COUNTS: usize = 6;
    let work = || {
        // SAFETY: napi calls this with its own environment and callback info.
        let (arguments, environment): ([_; 1 + COUNTS], _) = unsafe { arguments(env, info)? };
        let mut counts = [None; COUNTS];
        for (count, value) in counts.iter_mut().zip(&arguments[1..]) {
            // SAFETY: the value belongs to this callback.
            let number = unsafe { double(env, *value)? };
            // TypeScript lets whole numbers through that JavaScript holds exactly.
            *count = (number >= 0.0).then_some(number as u64);
        }
        // SAFETY: as above.
        let port_id = unsafe { number(env, arguments[0])? };
        let [
            input_tokens,
            output_tokens,
            total_tokens,
            cache_read_input_tokens,
            cache_creation_input_tokens,
            reasoning_tokens,
        ] = counts;
        let usage = StreamEvent::Usage {
            input_tokens,
            output_tokens,
            total_tokens,
            cache_read_input_tokens,
            cache_creation_input_tokens,
            reasoning_tokens,
        };
        // SAFETY: as above.
        Ok(unsafe { whole(environment, port_id, usage) })
    };
    // SAFETY: as above.
    unsafe { answer(env, work) }
}

/// A `done` that says nothing more. Argument: port.
unsafe extern "C" fn done(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let work = || {
        // SAFETY: napi calls this with its own environment and callback info.
        let ([port], environment) = unsafe { arguments(env, info)? };
        // SAFETY: the value belongs to this callback.
        let port_id = unsafe { number(env, port)? };
        let done = StreamEvent::Done {
            text: String::new(),
            tool_calls: Vec::new(),
        };
        // SAFETY: as above.
        Ok(unsafe { whole(environment, port_id, done) })
    };
    // SAFETY: as above.
    unsafe { answer(env, work) }
}

/// # Safety
/// `environment` must be the data of the callback that is running.
unsafe fn whole(environment: *mut c_void, port_id: u32, event: StreamEvent) -> u32 {
    let work = |environment: &mut Environment| match environment.ports.get_mut(port_id) {
        Some(port) => port.admit_whole(event, |_| true),
        None => code::CLOSED,
    };
    // SAFETY: by contract.
    unsafe { environment::with_at(environment, work) }
}

/// Panics, so that tests can see what a panic on this way becomes.
unsafe extern "C" fn panic_probe_hot(env: sys::napi_env, _info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: as above.
    unsafe { answer(env, || panic!("panicProbeHot")) }
}

/// Panics, so that tests can see what a panic becomes.
#[napi(catch_unwind)]
pub fn panic_probe() {
    panic!("panicProbe");
}

/// Arguments: port, index (when there are three), text.
///
/// # Safety
/// `env` and `info` must be the ones of the callback that is running.
unsafe fn delta<const ARGUMENTS: usize>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    strand: impl FnOnce(usize) -> Result<Strand, Status>,
) -> Result<u32, Status> {
    // SAFETY: by contract.
    let (arguments, environment): ([_; ARGUMENTS], _) = unsafe { arguments(env, info)? };
    // SAFETY: the values belong to this callback.
    let (port_id, index) = unsafe {
        (
            number(env, arguments[0])?,
            if ARGUMENTS == 3 { number(env, arguments[1])? } else { 0 },
        )
    };
    let strand = strand(index as usize)?;
    let value = arguments[ARGUMENTS - 1];
    let work = |environment: &mut Environment| {
        let Some(port) = environment.ports.get_mut(port_id) else {
            return Ok(code::CLOSED);
        };
        if port.halves.is_empty() {
            let now = environment.clock.now();
            // SAFETY: the value belongs to this callback.
            let passed = unsafe { text::with_utf8(env, value, |text| port.admit_at(strand.event_ref(text), now))? };
            if let Some(verdict) = passed {
                return Ok(verdict);
            }
        }
        // SAFETY: the value belongs to this callback.
        // It passes also when nothing but a half was in it: that it came has to be judged, and not only its text.
        let text = port.halves.join(strand, unsafe { text::utf16(env, value)? });
        Ok(port.admit_stand_in(strand.event_ref(&text).to_event()))
    };
    // SAFETY: the callback's data is this.
    unsafe { environment::with_at(environment, work) }
}

/// The arguments of a callback, and its data: this thread's environment.
///
/// # Safety
/// `env` and `info` must be the ones of the callback that is running.
unsafe fn arguments<const COUNT: usize>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> Result<([sys::napi_value; COUNT], *mut c_void), Status> {
    let mut arguments = [ptr::null_mut(); COUNT];
    let mut count = COUNT;
    let mut environment = ptr::null_mut();
    // SAFETY: `arguments` holds `count` values; napi fills missing ones with undefined.
    let status = unsafe {
        sys::napi_get_cb_info(
            env,
            info,
            &mut count,
            arguments.as_mut_ptr(),
            ptr::null_mut(),
            &mut environment,
        )
    };
    match Status::from(status) {
        Status::Ok => Ok((arguments, environment)),
        failed => Err(failed),
    }
}

/// # Safety
/// `env` and `value` must be the ones of the callback that is running.
unsafe fn double(env: sys::napi_env, value: sys::napi_value) -> Result<f64, Status> {
    let mut number = 0.0;
    // SAFETY: by contract.
    match Status::from(unsafe { sys::napi_get_value_double(env, value, &mut number) }) {
        Status::Ok => Ok(number),
        failed => Err(failed),
    }
}

/// # Safety
/// `env` and `value` must be the ones of the callback that is running.
unsafe fn number(env: sys::napi_env, value: sys::napi_value) -> Result<u32, Status> {
    let mut number = 0;
    // SAFETY: by contract.
    match Status::from(unsafe { sys::napi_get_value_uint32(env, value, &mut number) }) {
        Status::Ok => Ok(number),
        failed => Err(failed),
    }
}

/// # Safety
/// `env` must be the one of the callback that is running.
unsafe fn answer(env: sys::napi_env, work: impl FnOnce() -> Result<u32, Status>) -> sys::napi_value {
    let mut value = ptr::null_mut();
    // A panic must not cross into C, where it would end the process.
    match catch_unwind(AssertUnwindSafe(work)) {
        // Nothing is what nearly all of them answer, and costs nothing to make.
        Ok(Ok(code::PASS)) => {}
        Ok(Ok(verdict)) => {
            // SAFETY: by contract.
            unsafe { sys::napi_create_uint32(env, verdict, &mut value) };
        }
        Ok(Err(_)) => {
            // SAFETY: by contract; the text is terminated.
            unsafe { sys::napi_throw_type_error(env, ptr::null(), c"expected a port and the event's parts".as_ptr()) };
        }
        Err(_) => {
            // SAFETY: as above.
            unsafe { sys::napi_throw_error(env, c"car-inference.panic".as_ptr(), c"the gate panicked".as_ptr()) };
        }
    }
    value
}
