//! The trait that hosts implement, and the process's slots for it: one for every model, and one for each hint. An
//! engine's own runners are set on the [engine](crate::InferenceEngine::set_runner).
//!
//! # Which runner answers
//!
//! A call tries these runners, in this order:
//!
//! 1. the call's own: [`generate_with_runner`](crate::InferenceEngine::generate_with_runner)
//! 2. its model's: [`register_model_with_runner`](crate::InferenceEngine::register_model_with_runner)
//! 3. the engine's for the model's hint: [`set_runner_for`](crate::InferenceEngine::set_runner_for)
//! 4. the engine's for every model: [`set_runner`](crate::InferenceEngine::set_runner)
//! 5. the process's for the model's hint: [`set_inference_runner_for`]
//! 6. the process's for every model: [`set_inference_runner`]
//!
//! Then it tries the same for each fallback model. It goes on to the next runner only when one
//! [declines](RunnerError::Declined). A runner that is set in several of these places is tried once for each model.
//!
//! # Spans and task-locals
//!
//! A runner runs in its own task, inside the [`tracing`] span in which the call was made. So its log events are in the
//! caller's span, in every attempt.
//!
//! Tokio's task-locals belong to one task. The runner is in another task, so it does not see the caller's task-locals.
//! To pass a value on, give the call a runner that holds the value and enters its scope:
//!
//! ```
//! use std::sync::Arc;
//! use async_trait::async_trait;
//! use car_inference::{
//!     CallOptions, EventEmitter, GenerateRequest, InferenceEngine, InferenceRunner, RunnerError, RunnerResult,
//! };
//!
//! tokio::task_local! {
//!     static TENANT: String;
//! }
//!
//! struct Provider;
//!
//! #[async_trait]
//! impl InferenceRunner for Provider {
//!     async fn run(&self, _request: GenerateRequest, _emitter: EventEmitter) -> Result<RunnerResult, RunnerError> {
//!         Ok(RunnerResult { text: TENANT.with(Clone::clone), tool_calls: vec![] })
//!     }
//! }
//!
//! /// Runs another runner for one tenant.
//! struct ForTenant<R>(String, R);
//!
//! #[async_trait]
//! impl<R: InferenceRunner> InferenceRunner for ForTenant<R> {
//!     async fn run(&self, request: GenerateRequest, emitter: EventEmitter) -> Result<RunnerResult, RunnerError> {
//!         TENANT.scope(self.0.clone(), self.1.run(request, emitter)).await
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let engine = InferenceEngine::new();
//! let answer = TENANT.scope("acme".into(), async {
//!     let runner = ForTenant(TENANT.with(Clone::clone), Provider);
//!     let request = GenerateRequest { prompt: "hi".into(), ..Default::default() };
//!     engine.generate_with_runner(request, &CallOptions::default(), Arc::new(runner)).await
//! });
//! assert_eq!(answer.await?.text, "acme");
//! # Ok::<(), car_inference::InferenceError>(())
//! # }).unwrap();
//! ```

mod emitter;
mod slot;

use std::any::Any;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use emitter::{Emitted, EventEmitter};
pub(crate) use slot::{Slots, append, append_registered, hints_with_runner};
pub use slot::{
    clear_inference_runner_if, current_inference_runner, current_inference_runner_for, set_inference_runner,
    set_inference_runner_for,
};

use crate::error::Problem;
use crate::tasks::generate::{GenerateRequest, ToolCall};

/// Makes one provider call. The host owns the wire; the engine owns order, policy, log and delivery.
///
/// ```
/// use async_trait::async_trait;
/// use car_inference::runner::{EventEmitter, InferenceRunner, RunnerError, RunnerResult};
/// use car_inference::stream::StreamEvent;
/// use car_inference::tasks::generate::GenerateRequest;
///
/// struct Echo;
///
/// #[async_trait]
/// impl InferenceRunner for Echo {
///     async fn run(&self, request: GenerateRequest, emitter: EventEmitter) -> Result<RunnerResult, RunnerError> {
///         emitter.emit(StreamEvent::TextDelta(request.prompt.clone())).await;
///         Ok(RunnerResult { text: request.prompt, tool_calls: vec![] })
///     }
/// }
/// ```
#[async_trait]
pub trait InferenceRunner: Any + Send + Sync {
    /// Runs `request`, emitting events as they come, and returns what they came to.
    ///
    /// `done` is the terminal marker; when it was not emitted, the engine makes it from the stream and the result.
    /// When result and stream disagree, the stream wins. A runner should stop when
    /// [`EventEmitter::cancelled`] resolves; one that does not is sealed off after a grace period.
    ///
    /// # Errors
    /// [`RunnerError::Declined`] passes the request on to the next candidate; [`RunnerError::Failed`] ends the call,
    /// unless the engine's retry policy has it run again.
    async fn run(&self, request: GenerateRequest, emitter: EventEmitter) -> Result<RunnerResult, RunnerError>;

    /// Whether this and another are the same runner. A call tries a runner once for each model, even if it is
    /// registered in several places. Default: they are the same object. Override it if you make several objects for one
    /// runner.
    fn is_same(&self, other: &dyn InferenceRunner) -> bool {
        std::ptr::addr_eq(std::ptr::from_ref(self), std::ptr::from_ref(other))
    }
}

/// What a runner returns. Empty fields say nothing: the result is then what was streamed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct RunnerResult {
    /// The whole answer text.
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<String>"))]
    pub text: String,
    /// The tool calls.
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<Vec<ToolCall>>"))]
    pub tool_calls: Vec<ToolCall>,
}

impl RunnerResult {
    /// Reads a result from JSON, naming every wrong field.
    ///
    /// # Errors
    /// All problems found.
    pub fn from_json(json: &str) -> Result<Self, Vec<Problem>> {
        let result = crate::shape::parse(json)?;
        let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json).unwrap_or_default();
        let says_something = fields.is_empty() || fields.contains_key("text") || fields.contains_key("toolCalls");
        if says_something {
            return Ok(result);
        }
        let given = fields.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        Err(vec![Problem::new(
            "",
            format!("expected `text` or `toolCalls`, or nothing at all; got only {given}"),
        )])
    }
}

/// How a runner fails. [`EventEmitter::describe_failure`] adds what the provider said beside the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunnerError {
    /// The runner does not serve such requests; another may. JavaScript: `RunnerDeclinedError`.
    #[error("runner declined: {0}")]
    Declined(String),
    /// The runner tried and failed: HTTP error, authentication, rate limit, … JavaScript: `RunnerFailedError`.
    #[error("runner failed: {0}")]
    Failed(String),
}
