//! What a runner sends beside the hot events, and what became of it.

use car_inference::call::Step;
use car_inference::error::{FailureDetails, Problem};
use car_inference::runner::{RunnerError, RunnerResult};
use car_inference::{ErrorCode, Failure, StreamEvent};
use napi_derive::napi;
use serde::Deserialize;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::calls::take_step;
use crate::environment;
use crate::hosted_run::Outcome;
use crate::json_text::to_json;
use crate::ports::{Port, Role, code};
use crate::runtime::runtime;

/// Passes one event, given as JSON. Returns a verdict.
#[napi(catch_unwind)]
pub fn emit_event(port: u32, json: String) -> u32 {
    environment::with(|environment| {
        let Some(port) = environment.ports.get_mut(port) else {
            return code::CLOSED;
        };
        match StreamEvent::from_json(&json) {
            Err(problems) => reject(port, kind_of(&json).as_deref(), problems),
            // What JavaScript reads in its own JSON is the event only if nothing was filled in.
            Ok(event) => port.admit_whole(event, |event| is_canonical(event, &json)),
        }
    })
}

/// The `type` of a value that is not a valid event.
fn kind_of(json: &str) -> Option<String> {
    let event: Value = serde_json::from_str(json).ok()?;
    Some(event.get("type")?.as_str()?.to_owned())
}

/// Whether JavaScript's own reading of the JSON is the event.
fn is_canonical(event: &StreamEvent, json: &str) -> bool {
    if to_json(event) == json {
        return true;
    }
    // Perhaps its fields only come in another order.
    let given: Option<Value> = serde_json::from_str(json).ok();
    given.is_some() && given == serde_json::to_value(event).ok()
}

/// Ends a call because of an event that could not even be written as JSON.
#[napi(catch_unwind)]
pub fn reject_event(port: u32, path: String, message: String) -> u32 {
    environment::with(|environment| match environment.ports.get_mut(port) {
        Some(port) => reject(port, None, vec![Problem::new(path, message)]),
        None => code::CLOSED,
    })
}

/// Ends a call because of a defect of ours that was caught on its way.
#[napi(catch_unwind)]
pub fn fail_internal(port: u32, message: String) -> u32 {
    environment::with(|environment| {
        let Some(port) = environment.ports.get(port) else {
            return code::CLOSED;
        };
        match &port.emitter {
            Some(emitter) => port.encode(emitter.reject(Failure::new(ErrorCode::Internal, message))),
            None => code::CLOSED,
        }
    })
}

fn reject(port: &Port, kind: Option<&str>, problems: Vec<Problem>) -> u32 {
    match &port.emitter {
        Some(emitter) => port.encode(emitter.reject(Failure::invalid_event(kind, problems))),
        None => code::CLOSED,
    }
}

/// Whether events are no longer taken.
#[napi(catch_unwind)]
pub fn is_closed(port: u32) -> bool {
    environment::with(|environment| {
        let emitter = environment.ports.get(port).and_then(|port| port.emitter.as_ref());
        emitter.is_none_or(car_inference::EventEmitter::is_closed)
    })
}

/// An outcome without a result.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum OutcomeJson {
    Error(Box<ThrownJson>),
    /// What the runner returned has no JSON.
    Invalid(Problem),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ThrownJson {
    kind: ThrownKind,
    message: String,
    #[serde(flatten)]
    details: FailureDetails,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ThrownKind {
    Declined,
    Failed,
}

/// The JSON of the result in an outcome with one. `src/run.ts` puts exactly this around it, so the result's own text is
/// parsed only once.
fn result_in(json: &str) -> Option<&str> {
    json.strip_prefix(r#"{"result":"#)?.strip_suffix('}')
}

fn parse_result(json: &str) -> Result<RunnerResult, Vec<Problem>> {
    RunnerResult::from_json(json).map_err(|problems| {
        let inside = |problem: Problem| {
            let dot = if problem.path.is_empty() { "" } else { "." };
            Problem::new(format!("result{dot}{}", problem.path), problem.message)
        };
        problems.into_iter().map(inside).collect()
    })
}

/// An outcome, or what makes it none.
fn parse(json: Option<&str>) -> Result<Outcome, Vec<Problem>> {
    let Some(json) = json else { return Ok(Ok(None)) };
    if let Some(result) = result_in(json) {
        return match result {
            "null" => Ok(Ok(None)),
            result => Ok(Ok(Some(parse_result(result)?))),
        };
    }
    match serde_json::from_str(json) {
        Ok(OutcomeJson::Invalid(problem)) => Err(vec![problem]),
        Ok(OutcomeJson::Error(thrown)) => {
            let ThrownJson { kind, message, details } = *thrown;
            let error = match kind {
                ThrownKind::Declined => RunnerError::Declined(message),
                ThrownKind::Failed => RunnerError::Failed(message),
            };
            Ok(Err((error, details)))
        }
        Err(error) => Err(vec![Problem::new("result", error.to_string())]),
    }
}

/// Tells what became of a runner. Returns what is to be done next; for a hosted run, nothing.
#[napi(catch_unwind)]
pub fn settle(port_id: u32, outcome_json: Option<String>) -> i32 {
    const ENDED: i32 = -1;
    let outcome = parse(outcome_json.as_deref());
    let taken = environment::with(|environment| {
        let port = environment.ports.get_mut(port_id)?;
        port.flush_halves();
        let emitter = port.emitter.clone();
        match &mut port.role {
            Role::Local { call } => Some((call.clone(), emitter, None)),
            Role::Hosted { settled, .. } => {
                let settled = settled.take();
                environment.ports.remove(port_id);
                let emitter = emitter?;
                Some((emitter.call().clone(), Some(emitter), Some(settled)))
            }
        }
    });
    let Some((call, Some(emitter), hosted)) = taken else {
        return ENDED;
    };
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(problems) if hosted.is_none() => {
            let step = call.settle_invalid(emitter.attempt(), Failure::invalid_result(problems));
            return take_step(port_id, &call, step);
        }
        Err(problems) => {
            emitter.reject(Failure::invalid_result(problems));
            Ok(None)
        }
    };
    match hosted {
        Some(settled) => {
            let outcome = match outcome {
                // It ends the call, whoever says so; its consumer need not wait until the driver's thread has been woken.
                Ok(result) => {
                    // A log that commits later does so where the driver would have had it done.
                    let _runtime = runtime().map(Runtime::enter);
                    call.settle_ahead(emitter.attempt(), result);
                    Ok(None)
                }
                failed => failed,
            };
            // A call that was sealed off meanwhile no longer waits for its runner.
            if let Some(settled) = settled {
                drop(settled.send(outcome));
            }
            ENDED
        }
        None => {
            let step: Step = match outcome {
                Ok(result) => call.settle(emitter.attempt(), Ok(result)),
                Err((error, details)) => {
                    emitter.describe_failure(details);
                    call.settle(emitter.attempt(), Err(error))
                }
            };
            take_step(port_id, &call, step)
        }
    }
}
