//! Setting an engine's own runners. The order in which they are asked is in `own_runners`.

use std::sync::Arc;

use super::InferenceEngine;
use crate::runner::InferenceRunner;

impl InferenceEngine {
    /// Sets the runner that only this engine asks, before the process's, or clears it with `None`. Calls in flight keep the
    /// runners they started with.
    ///
    /// With a runner of its own an engine takes requests for models that it does not know, and requests without a model
    /// when it knows none.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// use std::sync::Arc;
    /// use car_inference::testing::{Script, ScriptedRunner};
    /// use car_inference::{GenerateRequest, InferenceEngine};
    ///
    /// let engine = InferenceEngine::new();
    /// engine.set_runner(Some(Arc::new(ScriptedRunner::new([Script::new().text("hello")]))));
    /// let request = GenerateRequest { prompt: "hi".into(), ..Default::default() };
    /// assert_eq!(engine.generate(request).await?.text, "hello");
    /// # Ok::<(), car_inference::InferenceError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// The engine keeps the runner. One that calls the same engine should hold it weakly, or neither is ever dropped.
    pub fn set_runner(&self, runner: Option<Arc<dyn InferenceRunner>>) {
        let old = self.shared.own_runners.write().slots.replace(None, runner);
        drop(old);
    }

    /// As [`set_runner`](Self::set_runner), for models with this hint. It is asked before the engine's runner for every model.
    pub fn set_runner_for(&self, hint: &str, runner: Option<Arc<dyn InferenceRunner>>) {
        let old = self.shared.own_runners.write().slots.replace(Some(hint), runner);
        drop(old);
    }

    /// The runner of this engine, without looking at the process's.
    #[must_use]
    pub fn runner(&self) -> Option<Arc<dyn InferenceRunner>> {
        self.shared.own_runners.read().slots.get(None).cloned()
    }

    /// The runner of this engine for models with this hint.
    #[must_use]
    pub fn runner_for(&self, hint: &str) -> Option<Arc<dyn InferenceRunner>> {
        self.shared.own_runners.read().slots.get(Some(hint)).cloned()
    }

    /// The runner that a model was registered with.
    #[must_use]
    pub fn model_runner(&self, model: &str) -> Option<Arc<dyn InferenceRunner>> {
        self.shared.own_runners.read().for_model(model).cloned()
    }

    /// Clears the engine's runner, or that of a hint, only if `is_mine` says so of the runner that is there. Returns whether
    /// it was cleared.
    pub fn clear_runner_if(&self, hint: Option<&str>, is_mine: impl FnOnce(&dyn InferenceRunner) -> bool) -> bool {
        let old = self.shared.own_runners.write().slots.take_if(hint, is_mine);
        old.is_some()
    }
}
