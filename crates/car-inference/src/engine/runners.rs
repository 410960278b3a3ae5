//! Sets an engine's own runners. The order in which they are tried is in `own_runners`.

use std::sync::Arc;

use super::InferenceEngine;
use crate::runner::InferenceRunner;

impl InferenceEngine {
    /// Sets the engine's own runner, which is tried before the process's; `None` clears it. Calls in flight keep the
    /// runners they started with.
    ///
    /// An engine with its own runner accepts requests for unregistered models. If it has no registered models, it also
    /// accepts requests without a model.
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
    /// The engine holds the runner. A runner that calls the same engine should hold it by a weak reference; otherwise
    /// neither is ever dropped.
    pub fn set_runner(&self, runner: Option<Arc<dyn InferenceRunner>>) {
        let old = self.shared.own_runners.write().slots.replace(None, runner);
        drop(old);
    }

    /// Like [`set_runner`](Self::set_runner), for models with this hint. It is tried before the engine's runner for
    /// every model.
    pub fn set_runner_for(&self, hint: &str, runner: Option<Arc<dyn InferenceRunner>>) {
        let old = self.shared.own_runners.write().slots.replace(Some(hint), runner);
        drop(old);
    }

    /// The engine's own runner; the runners of the process are not considered.
    #[must_use]
    pub fn runner(&self) -> Option<Arc<dyn InferenceRunner>> {
        self.shared.own_runners.read().slots.get(None).cloned()
    }

    /// The engine's own runner for models with this hint.
    #[must_use]
    pub fn runner_for(&self, hint: &str) -> Option<Arc<dyn InferenceRunner>> {
        self.shared.own_runners.read().slots.get(Some(hint)).cloned()
    }

    /// The runner that a model was registered with.
    #[must_use]
    pub fn model_runner(&self, model: &str) -> Option<Arc<dyn InferenceRunner>> {
        self.shared.own_runners.read().for_model(model).cloned()
    }

    /// Clears the engine's runner, or the one for a hint, if `is_mine` returns true for it. Returns whether it was
    /// cleared.
    pub fn clear_runner_if(&self, hint: Option<&str>, is_mine: impl FnOnce(&dyn InferenceRunner) -> bool) -> bool {
        let old = self.shared.own_runners.write().slots.take_if(hint, is_mine);
        old.is_some()
    }
}
