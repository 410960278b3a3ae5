//! Why a call fails: the error a Rust caller catches, and the record of it that the log keeps and hosts read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::runner::RunnerError;

/// One thing that is wrong with an input, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Problem {
    /// Where, such as `messages[2].content`; empty for the whole.
    pub path: String,
    /// What is wrong, and what is expected.
    pub message: String,
}

impl Problem {
    /// A problem at `path`.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.path.as_str() {
            "" => formatter.write_str(&self.message),
            path => write!(formatter, "{path}: {}", self.message),
        }
    }
}

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
    /// The request is malformed. Do not retry. JavaScript: `InvalidRequestError`.
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
    /// A bound on size was reached. JavaScript: `LimitExceededError`.
    LimitExceeded,
    /// The event log could not take the call. JavaScript: `LogError`.
    LogFailed,
    /// The engine is closed. JavaScript: `EngineClosedError`.
    EngineClosed,
    /// A defect of ours, such as a panic caught at the boundary. JavaScript: `InternalError`.
    Internal,
}

/// Which time ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub enum TimeoutKind {
    /// No event came at all.
    FirstEvent,
    /// No further event came.
    Idle,
    /// The call took too long as a whole.
    Total,
}

/// Who cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub enum CancelKind {
    /// The consumer left, or said so.
    Consumer,
    /// The consumer's abort signal.
    Signal,
    /// The engine was closed.
    Engine,
}

/// Why a call was cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct CancelReason {
    /// Who cancelled.
    pub kind: CancelKind,
    /// In their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The host's id of the reason's own object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub cause_id: Option<u64>,
}

impl CancelReason {
    /// The consumer cancelled, for this reason.
    pub fn consumer(message: impl Into<String>) -> Self {
        Self {
            kind: CancelKind::Consumer,
            message: Some(message.into()),
            cause_id: None,
        }
    }
}

/// What a runner can say of its failure beside the message of [`RunnerError`]: see
/// [`EventEmitter::describe_failure`](crate::runner::EventEmitter::describe_failure).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct FailureDetails {
    /// The error's class or name, such as `RateLimitError`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The provider's error code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The HTTP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How long the provider asks to wait (RFC 9110 `Retry-After`), in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// The body of the provider's answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(type = "JsonValue"))]
    pub body: Option<Value>,
    /// Whether trying again may help, when the runner knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retryable: Option<bool>,
    /// The host's id of the error object itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub cause_id: Option<u64>,
    /// Where it was thrown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
}

impl FailureDetails {
    /// Whether trying again may help: what the runner says, else what the status says (408, 409, 429 and 5xx may
    /// pass, other 4xx will not), else yes.
    #[must_use]
    pub fn may_retry(&self) -> bool {
        self.retryable.unwrap_or(match self.status {
            Some(408 | 409 | 429) | None => true,
            Some(status) => status >= 500,
        })
    }
}

/// A runner's failure, with the attempt it belongs to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct RunnerFailure {
    /// Whether it declined or failed.
    pub kind: RunnerFailureKind,
    /// The attempt's number, from 1.
    pub attempt: u32,
    /// The runner's own message.
    pub message: String,
    /// What the runner said beside its message.
    #[serde(flatten)]
    pub details: FailureDetails,
}

/// Whether a runner declined or failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub enum RunnerFailureKind {
    /// The runner does not serve such requests.
    Declined,
    /// The runner tried and failed.
    Failed,
}

/// A time that ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct TimeoutDetail {
    /// Which time.
    pub kind: TimeoutKind,
    /// How long it was, in milliseconds.
    pub ms: u64,
}

/// A bound that was reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct LimitDetail {
    /// Its name in [`Limits`](crate::Limits), such as `eventBytesMax`.
    pub name: String,
    /// Its value.
    pub max: u64,
}

/// Where policy was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub enum PolicyPoint {
    /// Before the runner is called.
    Request,
    /// At an event.
    Event,
    /// Before the ending is delivered.
    Ending,
}

/// What policy denied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct PolicyDetail {
    /// Where it was asked.
    pub point: PolicyPoint,
    /// Which policy decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_id: Option<String>,
}

/// A failed call's failure, as data: what the log keeps, and what hosts make their own errors from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct Failure {
    /// What it is.
    pub code: ErrorCode,
    /// What happened, for people.
    pub message: String,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// What is wrong with the request, or with the runner's event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<Vec<Problem>>"))]
    pub problems: Vec<Problem>,
    /// Which time ran out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<TimeoutDetail>,
    /// Which bound was reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<LimitDetail>,
    /// The runner's failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runner: Option<RunnerFailure>,
    /// Why it was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel: Option<CancelReason>,
    /// What policy denied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyDetail>,
}

impl Failure {
    /// A failure with nothing beside its message, not retryable.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            retryable: false,
            problems: Vec::new(),
            timeout: None,
            limit: None,
            runner: None,
            cancel: None,
            policy: None,
        }
    }

    pub(crate) fn protocol(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Protocol, message)
    }

    /// The runner sent an event that is not one.
    #[must_use]
    pub fn invalid_event(problems: Vec<Problem>) -> Self {
        let list = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        Self {
            problems,
            ..Self::protocol(format!("the runner emitted an invalid event: {list}"))
        }
    }

    /// The runner returned what is not a result.
    #[must_use]
    pub fn invalid_result(problems: Vec<Problem>) -> Self {
        let list = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        Self {
            problems,
            ..Self::protocol(format!("the runner returned an invalid result: {list}"))
        }
    }

    pub(crate) fn limit(name: &str, max: usize, message: impl Into<String>) -> Self {
        let detail = LimitDetail {
            name: name.to_owned(),
            max: max as u64,
        };
        Self {
            limit: Some(detail),
            ..Self::new(ErrorCode::LimitExceeded, message)
        }
    }

    pub(crate) fn engine_closed() -> Self {
        Self::new(ErrorCode::EngineClosed, "the engine is closed")
    }

    pub(crate) fn timeout(kind: TimeoutKind, ms: u64) -> Self {
        let what = match kind {
            TimeoutKind::FirstEvent => "no event came",
            TimeoutKind::Idle => "no further event came",
            TimeoutKind::Total => "the call did not end",
        };
        Self {
            timeout: Some(TimeoutDetail { kind, ms }),
            retryable: true,
            ..Self::new(ErrorCode::Timeout, format!("{what} within {ms} ms"))
        }
    }

    pub(crate) fn cancelled(reason: CancelReason) -> Self {
        let message = match (&reason.message, reason.kind) {
            (Some(message), _) => format!("cancelled: {message}"),
            (None, CancelKind::Consumer) => "cancelled by the consumer".into(),
            (None, CancelKind::Signal) => "cancelled by the abort signal".into(),
            (None, CancelKind::Engine) => "cancelled: the engine was closed".into(),
        };
        Self {
            cancel: Some(reason),
            ..Self::new(ErrorCode::Cancelled, message)
        }
    }

    pub(crate) fn runner(error: &RunnerError, details: FailureDetails, attempt: u32) -> Self {
        let (code, kind, message) = match error {
            RunnerError::Declined(message) => (ErrorCode::RunnerDeclined, RunnerFailureKind::Declined, message),
            RunnerError::Failed(message) => (ErrorCode::RunnerFailed, RunnerFailureKind::Failed, message),
        };
        Self {
            retryable: kind == RunnerFailureKind::Failed && details.may_retry(),
            runner: Some(RunnerFailure {
                kind,
                attempt,
                message: message.clone(),
                details,
            }),
            ..Self::new(code, error.to_string())
        }
    }
}

/// What a Rust caller of the engine catches.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InferenceError {
    /// The engine does not know the model. Do not retry.
    #[error("model not found: {0}")]
    ModelNotFound(String),
    /// The runner declined or failed; the text is [`RunnerError`]'s. [`Failure::retryable`] says whether to retry.
    #[error("inference failed: {0}")]
    InferenceFailed(String),
    /// The request is malformed, in all these ways. Do not retry.
    #[error("invalid request: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    InvalidRequest(Vec<Problem>),
    /// The call failed for another reason; [`Failure::code`] says which.
    #[error("{}", .0.message)]
    CallFailed(Box<Failure>),
}

impl InferenceError {
    /// The failure's code. A declined run reads as [`ErrorCode::RunnerFailed`] here, because `InferenceFailed` keeps
    /// only the text; [`Ending::failure`](crate::Ending::failure) tells the two apart.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::ModelNotFound(_) => ErrorCode::ModelNotFound,
            Self::InferenceFailed(_) => ErrorCode::RunnerFailed,
            Self::InvalidRequest(_) => ErrorCode::InvalidRequest,
            Self::CallFailed(failure) => failure.code,
        }
    }
}

impl From<RunnerError> for InferenceError {
    fn from(error: RunnerError) -> Self {
        Self::InferenceFailed(error.to_string())
    }
}

impl From<Failure> for InferenceError {
    fn from(failure: Failure) -> Self {
        match failure.code {
            ErrorCode::ModelNotFound => Self::ModelNotFound(failure.message),
            ErrorCode::InvalidRequest => Self::InvalidRequest(failure.problems),
            ErrorCode::RunnerDeclined | ErrorCode::RunnerFailed => Self::InferenceFailed(failure.message),
            _ => Self::CallFailed(Box::new(failure)),
        }
    }
}

impl From<&InferenceError> for Failure {
    fn from(error: &InferenceError) -> Self {
        match error {
            InferenceError::InvalidRequest(problems) => Self {
                problems: problems.clone(),
                ..Self::new(ErrorCode::InvalidRequest, error.to_string())
            },
            InferenceError::CallFailed(failure) => (**failure).clone(),
            other => Self::new(other.code(), other.to_string()),
        }
    }
}
