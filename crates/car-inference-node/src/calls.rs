//! Calls of this environment's consumers: opened, started, watched, drained, forgotten.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use car_inference::call::{Batch, Call, DeadlineCheck, Step, Stopped};
use car_inference::error::{CancelKind, CancelReason, InferenceError, Problem};
use car_inference::{CallOptions, Completion, Failure, GenerateRequest, ModelSchema, Nesting, StreamEvent};
use napi::Either;
use napi_derive::napi;
use serde::Serialize;

use crate::engines::settings_json;
use crate::environment;
use crate::js_runner::ask_ahead;
use crate::json_text::{TooLong, to_js_json, to_json, to_sized_js_json};
use crate::mailbox::{Mailbox, Message, ReadyWaker};
use crate::ports::{Port, Role, code};
use crate::runners::local_id;
use crate::runtime::runtime;

/// Steps that are not a runner's id. `Step` in `src/native.ts` has the same.
mod step {
    pub const ENDED: i32 = -1;
    pub const WAIT: i32 = -2;
    pub const FOREIGN: i32 = -3;
    pub const SEALING: i32 = -4;
}

fn call_of(id: u32) -> Option<Call> {
    environment::with(|environment| environment.ports.get(id)?.call().cloned())
}

fn mailbox() -> Arc<Mailbox> {
    environment::with(|environment| Arc::clone(&environment.mailbox))
}

/// Opens a call: checks the request and resolves its models; nothing starts. `enclosing` is the id of the innermost of the
/// `depth` calls around it. `runner` is the id of the call's own runner, from `newRunner`. Returns the call's id, or -1.
#[napi(catch_unwind)]
pub fn open(
    engine: u32,
    request_json: String,
    options_json: Option<String>,
    depth: Option<u32>,
    enclosing: Option<u32>,
    runner: Option<u32>,
) -> i32 {
    environment::with(|environment| {
        // Taken first, so that the runner is released if opening fails.
        let runner = runner.and_then(|runner| environment.place_runner(runner));
        let Some((engine, _)) = environment.engines.get(engine) else {
            return environment.fail_unknown("engine");
        };
        let options = match options_json {
            None => Ok(CallOptions::default()),
            Some(json) => CallOptions::from_json(&json),
        };
        let enclosing = enclosing.and_then(|call| environment.ports.get(call)?.call().cloned());
        let nesting = Nesting {
            depth: depth.map_or(0, |depth| depth as usize),
            parent_trace_id: enclosing.as_ref().map(|call| call.facts().trace_id.clone()),
        };
        let request = GenerateRequest::from_json(&request_json);
        let opened = match (request, options) {
            (Ok(request), Ok(options)) => {
                let open = || match runner {
                    None => engine.open_within(request, &options, nesting),
                    Some(runner) => engine.open_with_runner(request, &options, nesting, runner),
                };
                let opened = match &enclosing {
                    None => open(),
                    Some(call) => call.enclose(open),
                };
                opened.map_err(|error| invalid_call(&error))
            }
            // The part that parsed may be invalid too; all problems are reported at once.
            (request, options) => Err(invalid_parts(
                request.map_or_else(|problems| problems, |request| request.validate()),
                options.map_or_else(|problems| problems, |options| options.validate()),
            )),
        };
        match opened {
            Ok(call) => environment.ports.add(Port::local(call)).cast_signed(),
            Err(failure) => environment.fail(&failure),
        }
    })
}

/// Why a call with a well-formed request was not opened.
fn invalid_call(error: &InferenceError) -> Failure {
    const OPTIONS: [&str; 3] = ["timeouts.", "limits.", "retry."];
    let InferenceError::InvalidRequest(problems) = error else {
        return Failure::from(error);
    };
    let is_option = |problem: &Problem| OPTIONS.iter().any(|option| problem.path.starts_with(option));
    let (options, request) = problems.iter().cloned().partition(is_option);
    invalid_parts(request, options)
}

/// Says which part is not valid: the request, the call options or both.
fn invalid_parts(request: Vec<Problem>, options: Vec<Problem>) -> Failure {
    let parts = [("request", request), ("call options", options)];
    let failures = parts
        .into_iter()
        .filter(|(_, problems)| !problems.is_empty())
        .map(|(what, problems)| Failure::invalid(what, problems));
    let joined = failures.reduce(|mut first, second| {
        first.message = format!("{}; {}", first.message, second.message);
        first.problems.extend(second.problems);
        first
    });
    joined.unwrap_or_else(|| Failure::invalid("request", Vec::new()))
}

/// The error message for an unknown field of an object that only JavaScript reads. It lists the known fields and
/// suggests the one that was probably meant.
#[napi(catch_unwind)]
pub fn unknown_field(name: String, known: Vec<String>) -> String {
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    Problem::unknown_field("", &name, &known).message
}

/// What is wrong with a request that JSON cannot hold: a JSON list of problems. Such a request comes with markers in place
/// of the values without JSON.
#[napi(catch_unwind)]
pub fn request_problems(request_json: String) -> Result<String, TooLong> {
    let problems = GenerateRequest::from_json(&request_json).map_or_else(|problems| problems, |_| Vec::new());
    to_js_json(&problems)
}

/// The request of a call's current attempt, as JSON. Runners in this thread, in another thread and in Rust get the
/// same, and the log records it.
#[napi(catch_unwind)]
pub fn request_json(call_id: u32) -> Result<String, TooLong> {
    let Some(call) = call_of(call_id) else {
        return Ok(String::new());
    };
    to_js_json(&*call.request_for(&call.model_used()))
}

/// The settings of a call, as JSON.
#[napi(catch_unwind)]
pub fn call_settings(call_id: u32) -> String {
    call_of(call_id).map_or_else(|| "{}".into(), |call| settings_json(call.settings()))
}

/// A call's trace id; empty when it is not open any more.
#[napi(catch_unwind)]
pub fn trace_id(call_id: u32) -> String {
    call_of(call_id).map_or_else(String::new, |call| call.facts().trace_id.clone())
}

/// The id of the model that serves a call; empty when the call is not open any more.
#[napi(catch_unwind)]
pub fn model_used(call_id: u32) -> String {
    call_of(call_id).map_or_else(String::new, |call| call.model_used().id.clone())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AttemptFacts<'a> {
    trace_id: &'a str,
    model: &'a ModelSchema,
    attempt: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_ref: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<u64>,
}

/// What a runner learns of its attempt, as JSON.
#[napi(catch_unwind)]
pub fn attempt_facts(port: u32) -> String {
    let emitter = environment::with(|environment| environment.ports.get(port)?.emitter.clone());
    let Some(emitter) = emitter else { return String::new() };
    to_json(&AttemptFacts {
        trace_id: emitter.trace_id(),
        model: emitter.model(),
        attempt: emitter.attempt(),
        hint: emitter.hint(),
        client_ref: emitter.client_ref(),
        deadline: emitter.deadline().map(epoch_ms),
    })
}

fn epoch_ms(time: SystemTime) -> u64 {
    u64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

/// Starts a call. Returns what is to be done next.
#[napi(catch_unwind)]
pub fn start(call_id: u32) -> i32 {
    call_of(call_id).map_or(step::ENDED, |call| take_step(call_id, &call, call.start()))
}

/// Goes on after a wait. Returns what is to be done next.
#[napi(catch_unwind)]
pub fn resume(call_id: u32) -> i32 {
    call_of(call_id).map_or(step::ENDED, |call| {
        match call.check_deadlines(None) {
            DeadlineCheck::Over => return step::ENDED,
            DeadlineCheck::Sealing => return take_step(call_id, &call, Step::Sealing),
            _ => {}
        }
        take_step(call_id, &call, call.resume())
    })
}

/// Tells JavaScript a step, or has Rust drive the call when the step is not JavaScript's to take.
pub fn take_step(call_id: u32, call: &Call, step: Step) -> i32 {
    match step {
        Step::Ended => step::ENDED,
        Step::Sealing => {
            post_when_sealed(call_id, call);
            step::SEALING
        }
        Step::Wait(delay) => {
            environment::with(|environment| {
                if let Some(port) = environment.ports.get_mut(call_id) {
                    port.wait = delay;
                }
            });
            step::WAIT
        }
        Step::Run(attempt) => {
            // Events that wait until they are durable go by Rust's buffer.
            if let Some(runner_id) = local_id(&*attempt.runner).filter(|_| !call.is_buffered()) {
                environment::with(|environment| {
                    if let Some(port) = environment.ports.get_mut(call_id) {
                        port.begin(&attempt);
                    }
                });
                return runner_id;
            }
            call.buffer_events();
            environment::with(|environment| environment.driven.insert(call.facts().trace_id.clone(), call_id));
            let attempt = ask_ahead(call, attempt);
            match runtime() {
                Some(runtime) => drop(runtime.spawn(call.clone().drive(Step::Run(attempt)))),
                None => {
                    let error = car_inference::RunnerError::Failed("no thread could be started".into());
                    let _over = call.settle(attempt.number, Err(error));
                }
            }
            step::FOREIGN
        }
    }
}

fn post_when_sealed(call_id: u32, call: &Call) {
    let mailbox = mailbox();
    // An environment that is gone has no consumer to tell.
    call.on_sealed(move || drop(mailbox.post(Message::Sealed(call_id))));
}

/// How long to wait before `resume`, in milliseconds.
#[napi(catch_unwind)]
pub fn step_delay(call_id: u32) -> f64 {
    environment::with(|environment| {
        environment
            .ports
            .get(call_id)
            .map_or(0.0, |port| port.wait.as_secs_f64() * 1_000.0)
            .ceil()
    })
}

/// Cancels a call. Returns 0 when its runner is to be aborted, 1 when it is over, 2 when Rust drives it, 3
/// when the log commits its ending (SEALED will be posted).
#[napi(catch_unwind)]
pub fn stop(call_id: u32, cause_json: String) -> u32 {
    const STOPPING: u32 = 0;
    const OVER: u32 = 1;
    const FOREIGN: u32 = 2;
    const SEALING: u32 = 3;
    let Some(call) = call_of(call_id) else { return OVER };
    let reason = serde_json::from_str(&cause_json).unwrap_or(CancelReason {
        kind: CancelKind::Consumer,
        message: None,
        cause_id: None,
    });
    match call.cancel(reason) {
        _ if call.is_buffered() => FOREIGN,
        Stopped::Stopping => STOPPING,
        Stopped::Sealing => {
            post_when_sealed(call_id, &call);
            SEALING
        }
        Stopped::Over => OVER,
    }
}

/// Why a call, or a hosted run's call, is being stopped: a failure, as JSON.
#[napi(catch_unwind)]
pub fn stop_reason(port: u32) -> String {
    let emitter = environment::with(|environment| environment.ports.get(port)?.emitter.clone());
    let reason = match emitter {
        Some(emitter) => emitter.stop_reason(),
        // Stopped before its first attempt.
        None => call_of(port).and_then(|call| call.stop_reason()),
    };
    to_json(&reason.unwrap_or_else(|| Failure::new(car_inference::ErrorCode::Cancelled, "the call is over")))
}

/// The consumer is gone on purpose: the call runs on.
#[napi(catch_unwind)]
pub fn detach(call_id: u32) {
    if let Some(call) = call_of(call_id)
        && call.is_buffered()
    {
        call.detach();
        // Nothing is left to drain, so only the ending itself can tell that the call is over.
        post_when_sealed(call_id, &call);
    }
}

/// Looks at the clock of a call that JavaScript drives. Milliseconds until the next look, -1 when no time runs, -2 when
/// one ran out and the runner is to be aborted, -3 when the call is over without its runner, -4 when the
/// log commits its ending (SEALED will be posted), -5 to abort the runner because another attempt follows, -6 to stop
/// waiting for that runner.
#[napi(catch_unwind)]
pub fn deadline(call_id: u32, waited_ms: f64) -> f64 {
    const NONE: f64 = -1.0;
    const STOPPED: f64 = -2.0;
    const OVER: f64 = -3.0;
    const SEALING: f64 = -4.0;
    const WITHDRAWN: f64 = -5.0;
    const GIVEN_UP: f64 = -6.0;
    let Some(call) = call_of(call_id) else { return OVER };
    let waited = Duration::try_from_secs_f64(waited_ms.max(0.0) / 1_000.0).unwrap_or(Duration::MAX);
    // JavaScript does not ask again at each event, so the idle time that the next event starts counts too.
    let idle = call.settings().timeouts.idle_ms.map(|ms| ms as f64);
    match call.check_deadlines(Some(waited)) {
        DeadlineCheck::None => idle.unwrap_or(NONE),
        DeadlineCheck::Stopped => STOPPED,
        DeadlineCheck::Withdrawn => WITHDRAWN,
        DeadlineCheck::GivenUp => GIVEN_UP,
        DeadlineCheck::Over => OVER,
        DeadlineCheck::Sealing => {
            post_when_sealed(call_id, &call);
            SEALING
        }
        DeadlineCheck::After(delay) => {
            let delay = (delay.as_secs_f64() * 1_000.0).ceil().max(1.0);
            delay.min(idle.unwrap_or(f64::INFINITY))
        }
    }
}

/// Continues a call without the runner of a withdrawn attempt that did not stop in time. Returns the next step.
#[napi(catch_unwind)]
pub fn give_up(call_id: u32) -> i32 {
    let attempt = environment::with(|environment| {
        let emitter = environment.ports.get(call_id)?.emitter.as_ref();
        emitter.map(|emitter| (emitter.call().clone(), emitter.attempt()))
    });
    attempt.map_or(step::ENDED, |(call, attempt)| {
        take_step(call_id, &call, call.give_up(attempt))
    })
}

/// Whether an event of the call was recorded and may have been delivered.
#[napi(catch_unwind)]
pub fn has_begun(call_id: u32) -> bool {
    call_of(call_id).is_some_and(|call| call.has_begun())
}

/// A call's ending, as JSON.
#[napi(catch_unwind)]
pub fn ending(call_id: u32) -> Result<Option<String>, TooLong> {
    let ending = call_of(call_id).and_then(|call| call.ending());
    let Some(ending) = ending else { return Ok(None) };
    let Completion { text, reasoning, .. } = &ending.completion;
    let reasoning_bytes: usize = reasoning.iter().map(|block| block.text.len()).sum();
    to_sized_js_json(&*ending, text.len() + reasoning_bytes).map(Some)
}

/// Whether something is to be handed over in place of, or beside, JavaScript's own events.
#[napi(catch_unwind)]
pub fn has_deliveries(call_id: u32) -> bool {
    environment::with(|environment| {
        environment
            .ports
            .get(call_id)
            .is_some_and(|port| !port.stand_ins.is_empty() || port.call().is_some_and(Call::has_replaced))
    })
}

/// What is to be handed over, as a JSON array.
#[napi(catch_unwind)]
pub fn take_deliveries(call_id: u32) -> Result<String, TooLong> {
    let events: Vec<StreamEvent> = environment::with(|environment| {
        let Some(port) = environment.ports.get_mut(call_id) else {
            return Vec::new();
        };
        let mut events = std::mem::take(&mut port.stand_ins);
        if let Role::Local { call } = &port.role {
            events.extend(call.take_replaced());
        }
        events
    });
    to_js_json(&events)
}

/// One event of a batch. Nearly all are text deltas: the text alone stands for one.
#[derive(Serialize)]
#[serde(untagged)]
enum BatchItem<'a> {
    TextDelta(&'a str),
    Other(&'a StreamEvent),
    /// There are no more yet.
    Empty,
}

impl<'a> From<&'a StreamEvent> for BatchItem<'a> {
    fn from(event: &'a StreamEvent) -> Self {
        match event {
            StreamEvent::TextDelta(text) => Self::TextDelta(text),
            other => Self::Other(other),
        }
    }
}

/// The next events of a call that Rust drives: a JSON array, in which a string is a text delta, and a null at the end says
/// that there are no more yet (READY will be posted). -1 when there are none yet (as well), -2 when it is over.
#[napi(catch_unwind)]
pub fn drain(call_id: u32) -> Result<Either<String, i32>, TooLong> {
    const BATCH_MAX: usize = 32;
    const EMPTY: i32 = -1;
    const ENDED: i32 = -2;
    let Some(call) = call_of(call_id) else {
        return Ok(Either::B(ENDED));
    };
    let waker = Waker::from(Arc::new(ReadyWaker {
        mailbox: mailbox(),
        call: call_id,
    }));
    let mut context = Context::from_waker(&waker);
    let mut events = match call.poll_drain(&mut context, BATCH_MAX) {
        Poll::Pending => return Ok(Either::B(EMPTY)),
        Poll::Ready(Batch::Ended) => return Ok(Either::B(ENDED)),
        Poll::Ready(Batch::Events(events)) => events,
    };
    let mut is_empty = false;
    // Asked at once, or JavaScript would have to ask again only to hear that there is nothing.
    if events.len() < BATCH_MAX {
        match call.poll_drain(&mut context, BATCH_MAX) {
            Poll::Pending => is_empty = true,
            Poll::Ready(Batch::Ended) => {}
            Poll::Ready(Batch::Events(more)) => events.extend(more),
        }
    }
    let items = events.iter().map(BatchItem::from);
    let batch: Vec<_> = items.chain(is_empty.then_some(BatchItem::Empty)).collect();
    Ok(Either::A(to_js_json(&batch)?))
}

/// Forgets a call; one that is still going on is cancelled.
#[napi(catch_unwind)]
pub fn release(call_id: u32) {
    let port = environment::with(|environment| {
        let port = environment.ports.remove(call_id);
        if let Some(call) = port.as_ref().and_then(Port::call) {
            environment.driven.remove(&call.facts().trace_id);
        }
        port
    });
    if let Some(Port {
        role: Role::Local { call },
        emitter,
        ..
    }) = port
    {
        let stopped = call.cancel(CancelReason {
            kind: CancelKind::Consumer,
            message: None,
            cause_id: None,
        });
        if stopped == Stopped::Stopping && !call.is_buffered() {
            // Nobody will tell how the runner settled.
            let attempt = emitter.map_or(0, |emitter| emitter.attempt());
            let _over = call.settle(attempt, Ok(None));
        }
    }
}

/// Ends a call because its emitter went on into a full buffer without awaiting.
#[napi(catch_unwind)]
pub fn overrun(port: u32) -> u32 {
    environment::with(|environment| {
        let Some(port) = environment.ports.get(port) else {
            return code::CLOSED;
        };
        let Some(emitter) = &port.emitter else {
            return code::CLOSED;
        };
        port.encode(emitter.call().overrun(emitter.attempt()))
    })
}
