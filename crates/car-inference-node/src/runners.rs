//! Registering this environment's runners in the process-wide slots.

use std::any::Any;
use std::sync::Arc;

use car_inference::InferenceRunner;
use car_inference::runner::{
    clear_inference_runner_if, current_inference_runner, current_inference_runner_for, set_inference_runner,
    set_inference_runner_for,
};
use napi_derive::napi;

use crate::environment;
use crate::js_runner::JsRunner;

/// Registers a runner. Returns its id, under which JavaScript keeps the runner itself.
#[napi(catch_unwind)]
pub fn register_runner(hint: Option<String>) -> u32 {
    let (runner_id, runner) = environment::with(|environment| {
        let runner_id = environment.runners.vacant();
        let runner = Arc::new(JsRunner {
            mailbox: Arc::clone(&environment.mailbox),
            runner_id,
        });
        environment
            .runners
            .put(runner_id, (hint.clone(), Arc::downgrade(&runner)));
        (runner_id, runner)
    });
    match hint {
        None => set_inference_runner(Some(runner)),
        Some(hint) => set_inference_runner_for(&hint, Some(runner)),
    }
    runner_id
}

/// Clears a slot: if it still holds that runner, or whatever it holds when none is named. Returns whether it did.
#[napi(catch_unwind)]
pub fn clear_runner(hint: Option<String>, runner_id: Option<u32>) -> bool {
    let Some(runner_id) = runner_id else {
        return clear(hint.as_deref(), None);
    };
    let runner = environment::with(|environment| environment.runners.get(runner_id)?.1.upgrade());
    runner.is_some_and(|runner| clear(hint.as_deref(), Some(&runner)))
}

pub fn clear(hint: Option<&str>, only: Option<&Arc<JsRunner>>) -> bool {
    clear_inference_runner_if(hint, |held| {
        only.is_none_or(|only| {
            let held: &dyn Any = held;
            held.downcast_ref::<JsRunner>()
                .is_some_and(|held| std::ptr::eq(held, &**only))
        })
    })
}

/// The runner that a slot holds: its id when it is this environment's, -1 when there is none, -2 when it lives
/// elsewhere.
#[napi(catch_unwind)]
pub fn current_runner(hint: Option<String>) -> i32 {
    let held = match &hint {
        None => current_inference_runner(),
        Some(hint) => current_inference_runner_for(hint),
    };
    held.map_or(-1, |held| local_id(&*held).unwrap_or(-2))
}

/// A runner's id, when it is this environment's own.
pub fn local_id(runner: &dyn InferenceRunner) -> Option<i32> {
    let runner: &dyn Any = runner;
    let runner = runner.downcast_ref::<JsRunner>()?;
    let own = environment::with(|environment| environment.mailbox.environment_id);
    (runner.mailbox.environment_id == own)
        .then(|| i32::try_from(runner.runner_id).ok())
        .flatten()
}
