//! What one environment (main thread or worker) holds: its mailbox, and what its ids stand for. Cleaned up with it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr;
use std::sync::{Arc, Weak};

use car_inference::InferenceEngine;
use car_inference::error::{CancelKind, CancelReason};
use napi::bindgen_prelude::{Array, Function};
use napi::{Env, sys};
use napi_derive::napi;

use crate::event_clock::EventClock;
use crate::js_runner::JsRunner;
use crate::logs::{self, LogHandle};
use crate::mailbox::{Mailbox, Message};
use crate::ports::{Port, Role};
use crate::runners;
use crate::table::Table;

pub struct Environment {
    pub mailbox: Arc<Mailbox>,
    pub ports: Table<Port>,
    pub clock: EventClock,
    pub engines: Table<(InferenceEngine, LogHandle)>,
    pub logs: Table<LogHandle>,
    /// Calls of this environment that Rust drives, by their trace ids: a run that comes back here finds its call.
    pub driven: HashMap<String, u32>,
    /// Runners of this environment, and where each is set.
    pub runners: Table<PlacedRunner>,
    /// The failure of the last function that said it failed.
    pub failure: String,
    /// What the copies of the package's JavaScript on this thread share; null before the first of them.
    pub realm: sys::napi_ref,
    hooked: bool,
}

/// Where a runner of this environment is set.
pub enum PlacedRunner {
    /// Not set yet: the caller of `newRunner` sets it next.
    Nowhere(Arc<JsRunner>),
    /// In the process's slot for this hint, or in the slot for every model.
    Process(Option<String>, Weak<JsRunner>),
    /// On an engine or a call of this environment, which ends with the environment.
    Own(Weak<JsRunner>),
}

impl PlacedRunner {
    pub fn upgrade(&self) -> Option<Arc<JsRunner>> {
        match self {
            Self::Nowhere(runner) => Some(Arc::clone(runner)),
            Self::Process(_, runner) | Self::Own(runner) => runner.upgrade(),
        }
    }
}

impl Environment {
    fn new() -> Self {
        Self {
            mailbox: Mailbox::new(),
            ports: Table::default(),
            clock: EventClock::new(),
            engines: Table::default(),
            logs: Table::default(),
            driven: HashMap::new(),
            runners: Table::default(),
            failure: String::new(),
            realm: ptr::null_mut(),
            hooked: false,
        }
    }
}

thread_local! {
    /// Node runs one environment a thread; a second copy of the package in it shares what is here.
    static ENVIRONMENT: RefCell<Environment> = RefCell::new(Environment::new());
}

/// Runs `work` on this thread's environment. Never call JavaScript from within.
pub fn with<R>(work: impl FnOnce(&mut Environment) -> R) -> R {
    ENVIRONMENT.with_borrow_mut(work)
}

/// Where this thread's environment lies, for as long as the thread lives: for callbacks that are made once an event, which
/// napi hands it at no cost.
pub fn address() -> *mut c_void {
    ENVIRONMENT.with(|environment| ptr::from_ref(environment).cast_mut().cast())
}

/// As [`with`].
///
/// # Safety
/// `address` must be what [`address`] has said on this thread.
#[inline]
pub unsafe fn with_at<R>(address: *mut c_void, work: impl FnOnce(&mut Environment) -> R) -> R {
    // SAFETY: by contract; nobody but this thread has it, and not before the thread's end is it gone.
    let environment = unsafe { &*address.cast::<RefCell<Environment>>() };
    work(&mut environment.borrow_mut())
}

/// Says whom to wake when [`take_messages`] has something.
#[napi(catch_unwind)]
pub fn set_mailbox(env: Env, ring: Function<'_, (), ()>) -> napi::Result<()> {
    with(|environment| {
        environment.mailbox.connect(&ring)?;
        environment.clean_up_with(env)
    })
}

/// The messages posted since the last time, flat: kind, id, payload.
#[napi(catch_unwind, ts_return_type = "Array<number | string>")]
pub fn take_messages(env: &Env) -> napi::Result<Array<'_>> {
    let messages = with(|environment| {
        let messages = environment.mailbox.take();
        messages
            .into_iter()
            .map(|message| environment.receive(message))
            .collect::<Vec<_>>()
    });
    let mut array = env.create_array(u32::try_from(messages.len() * 3).unwrap_or(u32::MAX))?;
    for (index, (kind, id, payload)) in (0u32..).zip(messages) {
        array.set(index * 3, kind)?;
        array.set(index * 3 + 1, id)?;
        array.set(index * 3 + 2, payload)?;
    }
    Ok(array)
}

impl Environment {
    /// Has this be cleaned up when the environment ends.
    pub fn clean_up_with(&mut self, env: Env) -> napi::Result<()> {
        if !self.hooked {
            // Its address, because the hook has to be sendable; it runs on this thread, while the environment is still there.
            env.add_env_cleanup_hook(env.raw() as usize, |env| clean_up(env as sys::napi_env))?;
            self.hooked = true;
        }
        Ok(())
    }

    fn receive(&mut self, message: Message) -> (u32, u32, String) {
        match message {
            Message::Run(run) => {
                let call = self.driven.get(run.emitter.trace_id()).copied();
                let (port, payload) = (run.port, run.payload(call));
                self.ports.put(port, Port::hosted(*run));
                (1, port, payload)
            }
            Message::Stop(port, failure) => (2, port, failure),
            Message::Drained(port) => (3, port, String::new()),
            Message::Ready(call) => (4, call, String::new()),
            Message::RunnerDropped(runner) => {
                self.runners.remove(runner);
                (5, runner, String::new())
            }
            Message::Sealed(call) => (6, call, String::new()),
            Message::Answer(ticket, answer) => (8, ticket, answer),
            Message::Opened(ticket, log) => (8, ticket, logs::opened(self.logs.add(*log))),
            Message::Over(port, failure) => {
                self.ports.remove(port);
                (7, port, failure)
            }
        }
    }
}

/// The failure of the last function on this thread that said it failed; empty when there was none.
#[napi(catch_unwind)]
pub fn take_failure() -> String {
    with(|environment| std::mem::take(&mut environment.failure))
}

/// The environment ends: its runners leave their slots, its hosted runs fail, its calls are cancelled and recorded, its logs are
/// written and closed.
fn clean_up(env: sys::napi_env) {
    let gone = with(|environment| {
        environment.mailbox.close();
        std::mem::replace(environment, Environment::new())
    });
    if !gone.realm.is_null() {
        // SAFETY: the reference is of this environment, which ends only after its hooks. Nothing is left to do on failure.
        let _status = unsafe { sys::napi_delete_reference(env, gone.realm) };
    }
    for runner in gone.runners.into_values() {
        if let PlacedRunner::Process(hint, runner) = runner
            && let Some(runner) = runner.upgrade()
        {
            runners::clear(hint.as_deref(), Some(&runner));
        }
    }
    for port in gone.ports.into_values() {
        // A hosted run's sender is dropped with its port, which fails the run for whoever waits for it.
        if let Role::Local { call } = &port.role {
            call.cancel(CancelReason {
                kind: CancelKind::Engine,
                message: Some("its thread exited".into()),
                cause_id: None,
            });
            let attempt = port.emitter.as_ref().map_or(0, car_inference::EventEmitter::attempt);
            let _over = call.settle(attempt, Ok(None));
        }
    }
    // Not only dropped: a call whose ending waits for its commit still holds its log, and the process may not wait for that.
    let engines = gone.engines.into_values().map(|(_, log)| log);
    for log in gone.logs.into_values().chain(engines) {
        // Nobody is left to be told.
        let _unheard = log.store.close();
    }
}
