//! What each kind of failure has to say beside its code.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

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

/// What a runner can say of its failure beside the message of [`RunnerError`](crate::RunnerError): see
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
    /// The provider's id of the request, for example to give to its support.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
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
    /// The chain of causes, nearest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<Vec<FailureCause>>"))]
    pub causes: Vec<FailureCause>,
}

/// One cause of a failure, such as the refused connection that made `fetch` fail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct FailureCause {
    /// The error's message.
    pub message: String,
    /// The error's name or class, such as `ConnectTimeoutError`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The error's code, such as `ECONNREFUSED`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

impl FailureDetails {
    /// Whether trying again may help: what the runner says, else no for a 4xx status other than 408, 409 and 429, else
    /// yes. A status below 400 does not count: the answer began, and its connection was cut.
    #[must_use]
    pub fn may_retry(&self) -> bool {
        self.retryable.unwrap_or(match self.status {
            Some(408 | 409 | 429) | None => true,
            Some(status) => !(400..500).contains(&status),
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
