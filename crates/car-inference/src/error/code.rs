//! What a failure is, in one word.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a failure is, in one word. Stable; the same in Rust, JavaScript (`error.code`) and the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[non_exhaustive]
pub enum ErrorCode {
    /// No runner is registered for the model. Register one first. JavaScript: `NoRunnerError`.
    NoRunner,
    /// The engine does not know the model. Do not retry. JavaScript: `ModelNotFoundError`.
    ModelNotFound,
    /// The request, an option or a model is not valid. Do not retry. JavaScript: `InvalidRequestError`.
    InvalidRequest,
    /// Every candidate runner declined. JavaScript: `RunnerDeclinedError`.
    RunnerDeclined,
    /// The runner failed, typically at the provider. Whether to retry is in the failure. JavaScript: `RunnerFailedError`.
    RunnerFailed,
    /// Policy denied the request, an event or the ending. Do not retry. JavaScript: `PolicyDeniedError`.
    PolicyDenied,
    /// The consumer, its signal or the engine's closing cancelled the call. JavaScript: `CancelledError`.
    Cancelled,
    /// No event, no further event, or no ending came in time. May be retried. JavaScript: `TimeoutError`.
    Timeout,
    /// The runner sent what cannot be made sense of. A defect of the runner. JavaScript: `ProtocolError`.
    Protocol,
    /// A bound on size or number was reached. JavaScript: `LimitExceededError`.
    LimitExceeded,
    /// The event log could not take the call. JavaScript: `LogError`.
    LogFailed,
    /// The engine is closed. JavaScript: `EngineClosedError`.
    EngineClosed,
    /// A stream that one loop reads is read by another. JavaScript alone, where a stream can be shared:
    /// `StreamLockedError`.
    StreamLocked,
    /// A defect of ours, such as a panic caught at the boundary. JavaScript: `InternalError`.
    Internal,
}
