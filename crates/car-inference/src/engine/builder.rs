//! Builds engines.

use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

use super::own_runners::OwnRunners;
use super::{EngineShared, InferenceEngine};
use crate::error::InferenceError;
use crate::log::{EventLog, MemoryLog};
use crate::options::{EngineOptions, Limits, OnLogFailure, RetryPolicy, Timeouts};
use crate::policy::{AllowAll, Policy};
use crate::runner::InferenceRunner;
use crate::schema::ModelSchema;

/// Builds an [`InferenceEngine`].
#[derive(Default)]
pub struct InferenceEngineBuilder {
    options: EngineOptions,
    policy: Option<Arc<dyn Policy>>,
    log: Option<Arc<dyn EventLog>>,
    own_runners: OwnRunners,
    commits: Option<tokio::runtime::Handle>,
}

impl InferenceEngineBuilder {
    /// Adds a model.
    #[must_use]
    pub fn model(mut self, model: ModelSchema) -> Self {
        self.options.models.push(model);
        self
    }

    /// Sets models, timeouts, limits and retries at once, and replaces what was set before.
    #[must_use]
    pub fn options(mut self, options: EngineOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets the timeouts.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.options.timeouts = timeouts;
        self
    }

    /// Sets the limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.options.limits = limits;
        self
    }

    /// Sets the retry policy.
    #[must_use]
    pub fn retry(mut self, retry: RetryPolicy) -> Self {
        self.options.retry = retry;
        self
    }

    /// Sets the policy. Default: [`AllowAll`].
    #[must_use]
    pub fn policy(mut self, policy: impl Policy) -> Self {
        self.policy = Some(Arc::new(policy));
        self
    }

    /// Sets the event log. Default: a [`MemoryLog`] of its own.
    #[must_use]
    pub fn event_log(mut self, log: impl EventLog) -> Self {
        self.log = Some(Arc::new(log));
        self
    }

    /// As [`event_log`](Self::event_log), of one that others hold as well.
    #[must_use]
    pub fn shared_event_log(mut self, log: Arc<dyn EventLog>) -> Self {
        self.log = Some(log);
        self
    }

    /// Sets whether calls go on when the event log has failed. Default: they are refused.
    #[must_use]
    pub fn on_log_failure(mut self, on_log_failure: OnLogFailure) -> Self {
        self.options.on_log_failure = on_log_failure;
        self
    }

    /// Adds a model with its own runner, which is tried before the engine's. See
    /// [`InferenceEngine::register_model_with_runner`].
    #[must_use]
    pub fn model_with_runner(mut self, model: ModelSchema, runner: Arc<dyn InferenceRunner>) -> Self {
        let _replaced = self.own_runners.replace_for_model(&model.id, Some(runner));
        self.model(model)
    }

    /// Sets the engine's own runner, which is tried before the process's. See [`InferenceEngine::set_runner`].
    #[must_use]
    pub fn runner(mut self, runner: Arc<dyn InferenceRunner>) -> Self {
        let _replaced = self.own_runners.slots.replace(None, Some(runner));
        self
    }

    /// Sets the engine's runner for models with this hint. See [`InferenceEngine::set_runner_for`].
    #[must_use]
    pub fn runner_for(mut self, hint: &str, runner: Arc<dyn InferenceRunner>) -> Self {
        let _replaced = self.own_runners.slots.replace(Some(hint), Some(runner));
        self
    }

    /// Waits for the log's commits on this runtime, for hosts that drive calls from threads without one.
    #[must_use]
    pub fn runtime(mut self, runtime: tokio::runtime::Handle) -> Self {
        self.commits = Some(runtime);
        self
    }

    /// The engine, for options known to be valid; [`try_build`](Self::try_build) returns the error instead.
    ///
    /// # Panics
    /// When the options are invalid.
    #[must_use]
    pub fn build(self) -> InferenceEngine {
        match self.try_build() {
            Ok(engine) => engine,
            Err(error) => panic!("{error}"),
        }
    }

    /// The engine.
    ///
    /// # Errors
    /// [`InferenceError::InvalidRequest`] with everything that is wrong with the options.
    pub fn try_build(self) -> Result<InferenceEngine, InferenceError> {
        let problems = self.options.validate();
        if !problems.is_empty() {
            return Err(InferenceError::InvalidRequest(problems));
        }
        let EngineOptions {
            models,
            timeouts,
            limits,
            retry,
            on_log_failure,
        } = self.options;
        let models = models
            .into_iter()
            .map(|model| (model.id.clone(), Arc::new(model)))
            .collect();
        Ok(InferenceEngine {
            shared: Arc::new(EngineShared {
                models: RwLock::new(models),
                timeouts,
                limits,
                retry,
                policy: self.policy.unwrap_or_else(|| Arc::new(AllowAll)),
                on_log_failure,
                log: self.log.unwrap_or_else(|| Arc::new(MemoryLog::default())),
                own_runners: RwLock::new(self.own_runners),
                commits: self.commits,
                next_call: std::sync::atomic::AtomicU64::new(0),
                open_calls: Mutex::default(),
                call_over: Notify::new(),
            }),
        })
    }
}
