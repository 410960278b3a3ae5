//! The process-wide registry of runners. Runners are dropped outside its lock, so that a runner may register
//! another in its `Drop`.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use parking_lot::RwLock;

use super::InferenceRunner;

#[derive(Default)]
struct Slots {
    process_wide: Option<Arc<dyn InferenceRunner>>,
    by_hint: HashMap<String, Arc<dyn InferenceRunner>>,
}

static SLOTS: LazyLock<RwLock<Slots>> = LazyLock::new(RwLock::default);

impl Slots {
    fn get(&self, hint: Option<&str>) -> Option<&Arc<dyn InferenceRunner>> {
        match hint {
            None => self.process_wide.as_ref(),
            Some(hint) => self.by_hint.get(hint),
        }
    }

    fn replace(
        &mut self,
        hint: Option<&str>,
        runner: Option<Arc<dyn InferenceRunner>>,
    ) -> Option<Arc<dyn InferenceRunner>> {
        match (hint, runner) {
            (None, runner) => std::mem::replace(&mut self.process_wide, runner),
            (Some(hint), Some(runner)) => self.by_hint.insert(hint.to_owned(), runner),
            (Some(hint), None) => self.by_hint.remove(hint),
        }
    }
}

/// Registers the process-wide runner, or clears it with `None`. Calls in flight keep the runner they started with.
pub fn set_inference_runner(runner: Option<Arc<dyn InferenceRunner>>) {
    let old = SLOTS.write().replace(None, runner);
    drop(old);
}

/// The process-wide runner.
#[must_use]
pub fn current_inference_runner() -> Option<Arc<dyn InferenceRunner>> {
    SLOTS.read().process_wide.clone()
}

/// Registers the runner for models with this hint, or clears it with `None`. It is asked before the process-wide one.
pub fn set_inference_runner_for(hint: &str, runner: Option<Arc<dyn InferenceRunner>>) {
    let old = SLOTS.write().replace(Some(hint), runner);
    drop(old);
}

/// The runner registered for models with this hint.
#[must_use]
pub fn current_inference_runner_for(hint: &str) -> Option<Arc<dyn InferenceRunner>> {
    SLOTS.read().by_hint.get(hint).cloned()
}

/// Clears a slot (the process-wide one without a hint) only if `is_mine` says so of the runner it holds. Returns
/// whether it was cleared.
pub fn clear_inference_runner_if(hint: Option<&str>, is_mine: impl FnOnce(&dyn InferenceRunner) -> bool) -> bool {
    let mut slots = SLOTS.write();
    if !slots.get(hint).is_some_and(|runner| is_mine(&**runner)) {
        return false;
    }
    let old = slots.replace(hint, None);
    drop(slots);
    drop(old);
    true
}

/// The runners to ask for a model, in order.
pub(crate) fn candidates(hint: Option<&str>) -> Vec<Arc<dyn InferenceRunner>> {
    let slots = SLOTS.read();
    let mut candidates: Vec<_> = hint
        .and_then(|hint| slots.by_hint.get(hint))
        .cloned()
        .into_iter()
        .collect();
    if let Some(runner) = &slots.process_wide
        && !candidates.iter().any(|known| Arc::ptr_eq(known, runner))
    {
        candidates.push(Arc::clone(runner));
    }
    candidates
}
