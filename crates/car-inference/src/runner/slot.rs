//! The process-wide registry of runners. Runners are dropped outside its lock, so that a runner may register
//! another in its `Drop`.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use parking_lot::RwLock;

use super::InferenceRunner;

/// Runners in slots: one for each hint, and one for every model.
#[derive(Default)]
pub(crate) struct Slots {
    any: Option<Arc<dyn InferenceRunner>>,
    by_hint: HashMap<String, Arc<dyn InferenceRunner>>,
}

/// The slots of the process.
static SLOTS: LazyLock<RwLock<Slots>> = LazyLock::new(RwLock::default);

impl Slots {
    /// The runner in the slot for a hint, or without a hint in the slot for every model.
    pub(crate) fn get(&self, hint: Option<&str>) -> Option<&Arc<dyn InferenceRunner>> {
        match hint {
            None => self.any.as_ref(),
            Some(hint) => self.by_hint.get(hint),
        }
    }

    /// Sets or clears a slot. Returns the previous runner; the caller drops it outside the lock.
    pub(crate) fn replace(
        &mut self,
        hint: Option<&str>,
        runner: Option<Arc<dyn InferenceRunner>>,
    ) -> Option<Arc<dyn InferenceRunner>> {
        match (hint, runner) {
            (None, runner) => std::mem::replace(&mut self.any, runner),
            (Some(hint), Some(runner)) => self.by_hint.insert(hint.to_owned(), runner),
            (Some(hint), None) => self.by_hint.remove(hint),
        }
    }

    /// Clears a slot if `is_mine` returns true for its runner. Returns the removed runner; the caller drops it outside
    /// the lock.
    pub(crate) fn take_if(
        &mut self,
        hint: Option<&str>,
        is_mine: impl FnOnce(&dyn InferenceRunner) -> bool,
    ) -> Option<Arc<dyn InferenceRunner>> {
        self.get(hint)
            .is_some_and(|runner| is_mine(&**runner))
            .then(|| self.replace(hint, None))
            .flatten()
    }

    /// The hints that have a runner, in no order.
    pub(crate) fn hints(&self) -> impl Iterator<Item = &str> {
        self.by_hint.keys().map(String::as_str)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.any.is_none() && self.by_hint.is_empty()
    }

    /// Adds the runners for a model with this hint to a chain: the one for the hint, then the one for every model.
    pub(crate) fn append_to(&self, chain: &mut Vec<Arc<dyn InferenceRunner>>, hint: Option<&str>) {
        let of_hint = hint.and_then(|hint| self.by_hint.get(hint));
        for runner in of_hint.into_iter().chain(&self.any) {
            append(chain, runner);
        }
    }
}

/// Adds a runner to a chain unless it is already in it: a call tries each runner once for each model.
pub(crate) fn append(chain: &mut Vec<Arc<dyn InferenceRunner>>, runner: &Arc<dyn InferenceRunner>) {
    if !chain.iter().any(|known| known.is_same(&**runner)) {
        chain.push(Arc::clone(runner));
    }
}

/// Registers the process-wide runner, or clears it with `None`. Calls in flight keep the runner they started with.
///
/// Every engine of the process tries it after its own runners; [`InferenceEngine::set_runner`] sets an engine's own
/// runner.
///
/// [`InferenceEngine::set_runner`]: crate::InferenceEngine::set_runner
pub fn set_inference_runner(runner: Option<Arc<dyn InferenceRunner>>) {
    let old = SLOTS.write().replace(None, runner);
    drop(old);
}

/// The process-wide runner.
#[must_use]
pub fn current_inference_runner() -> Option<Arc<dyn InferenceRunner>> {
    SLOTS.read().any.clone()
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
    let old = SLOTS.write().take_if(hint, is_mine);
    old.is_some()
}

/// Adds the process's runners for a model with this hint to a chain.
pub(crate) fn append_registered(chain: &mut Vec<Arc<dyn InferenceRunner>>, hint: Option<&str>) {
    SLOTS.read().append_to(chain, hint);
}

/// The hints for which the process has a runner, in no order.
pub(crate) fn hints_with_runner() -> Vec<String> {
    SLOTS.read().hints().map(str::to_owned).collect()
}
