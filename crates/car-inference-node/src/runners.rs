//! Registers this environment's runners: in the process-wide slots, and on its engines and calls.

use std::any::Any;
use std::sync::Arc;

use car_inference::InferenceRunner;
use car_inference::runner::{
    clear_inference_runner_if, current_inference_runner, current_inference_runner_for, set_inference_runner,
    set_inference_runner_for,
};
use napi_derive::napi;

use crate::environment::{self, Environment, PlacedRunner};
use crate::js_runner::JsRunner;

/// Registers a runner in a slot of the process. Returns its id, under which JavaScript keeps the runner itself.
/// `object_id` is the same for each registration of one object.
#[napi(catch_unwind)]
pub fn register_runner(object_id: u32, hint: Option<String>) -> u32 {
    let runner = environment::with(|environment| {
        let runner = environment.make_runner(object_id);
        let placed = PlacedRunner::Process(hint.clone(), Arc::downgrade(&runner));
        environment.runners.put(runner.runner_id, placed);
        runner
    });
    let runner_id = runner.runner_id;
    match hint {
        None => set_inference_runner(Some(runner)),
        Some(hint) => set_inference_runner_for(&hint, Some(runner)),
    }
    runner_id
}

/// Creates a runner for an engine or a call. Pass its id to the very next function. Returns the id, under which
/// JavaScript keeps the runner object.
#[napi(catch_unwind)]
pub fn new_runner(object_id: u32) -> u32 {
    environment::with(|environment| {
        let runner = environment.make_runner(object_id);
        let runner_id = runner.runner_id;
        environment.runners.put(runner_id, PlacedRunner::Nowhere(runner));
        runner_id
    })
}

/// Sets a slot of an engine to a runner from `newRunner`, or clears it.
#[napi(catch_unwind)]
pub fn set_engine_runner(engine: u32, hint: Option<String>, runner_id: Option<u32>) {
    let placed = environment::with(|environment| {
        let runner = runner_id.and_then(|runner_id| environment.place_runner(runner_id));
        let (engine, _) = environment.engines.get(engine)?;
        Some((engine.clone(), runner.map(|runner| runner as Arc<dyn InferenceRunner>)))
    });
    // Outside the lock, because the replaced runner may be dropped here.
    if let Some((engine, runner)) = placed {
        match hint {
            None => engine.set_runner(runner),
            Some(hint) => engine.set_runner_for(&hint, runner),
        }
    }
}

/// Clears a slot of an engine if it still holds that runner. Returns whether it was cleared.
#[napi(catch_unwind)]
pub fn clear_engine_runner(engine: u32, hint: Option<String>, runner_id: u32) -> bool {
    let found = environment::with(|environment| {
        let runner = environment.runners.get(runner_id)?.upgrade()?;
        let (engine, _) = environment.engines.get(engine)?;
        Some((engine.clone(), runner))
    });
    found.is_some_and(|(engine, runner)| engine.clear_runner_if(hint.as_deref(), |held| is_registration(held, &runner)))
}

impl Environment {
    fn make_runner(&mut self, object_id: u32) -> Arc<JsRunner> {
        Arc::new(JsRunner {
            mailbox: Arc::clone(&self.mailbox),
            runner_id: self.runners.vacant(),
            object_id,
        })
    }

    /// Takes a runner from `newRunner`, to set it on an engine or a call.
    pub fn place_runner(&mut self, runner_id: u32) -> Option<Arc<JsRunner>> {
        let placed = self.runners.get_mut(runner_id)?;
        let PlacedRunner::Nowhere(runner) = placed else {
            return None;
        };
        let runner = Arc::clone(runner);
        *placed = PlacedRunner::Own(Arc::downgrade(&runner));
        Some(runner)
    }
}

/// Clears a slot: if it still holds that runner, or whatever it holds when none is named. Returns whether it did.
#[napi(catch_unwind)]
pub fn clear_runner(hint: Option<String>, runner_id: Option<u32>) -> bool {
    let Some(runner_id) = runner_id else {
        return clear(hint.as_deref(), None);
    };
    let runner = environment::with(|environment| environment.runners.get(runner_id)?.upgrade());
    runner.is_some_and(|runner| clear(hint.as_deref(), Some(&runner)))
}

pub fn clear(hint: Option<&str>, only: Option<&Arc<JsRunner>>) -> bool {
    clear_inference_runner_if(hint, |held| only.is_none_or(|only| is_registration(held, only)))
}

/// Whether a slot holds exactly this registration of a runner, and not another registration of the same runner.
fn is_registration(held: &dyn InferenceRunner, of: &Arc<JsRunner>) -> bool {
    let held: &dyn Any = held;
    held.downcast_ref::<JsRunner>()
        .is_some_and(|held| std::ptr::eq(held, &**of))
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
