//! What hosts implement, and where they register it: one process-wide slot, and one slot for each hint.

mod emitter;
mod slot;

use std::any::Any;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use emitter::{Emitted, EventEmitter};
pub(crate) use slot::candidates;
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
