//! What a log keeps of a call, as data. The JSON of these types is what hosts read.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Failure, PolicyPoint};
use crate::stream::{Completion, StopReason, StreamEvent, TokenUsage};
use crate::tasks::generate::{GenerateRequest, ToolCall};

/// What is known of a call when it starts.
#[derive(Debug, Clone)]
pub struct CallStart {
    /// The call's trace id: 32 hex digits, time-ordered (UUIDv7).
    pub trace_id: String,
    /// The model asked for.
    pub model: String,
    /// The model's hint.
    pub hint: Option<String>,
    /// The model's provider.
    pub provider: Option<String>,
    /// When it started, in microseconds since the Unix epoch.
    pub started_at_us: u64,
    /// The request.
    pub request: Arc<GenerateRequest>,
}

/// An event's place in its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Its number, from 1, without gaps.
    pub seq: u64,
    /// When it came, in microseconds since the call's start.
    pub at_us: u64,
    /// The attempt it belongs to, from 1.
    pub attempt: u32,
}

/// One run of a runner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct AttemptRecord {
    /// Its number, from 1, across runners and models.
    pub attempt: u32,
    /// The model it was for.
    pub model: String,
    /// What it cost, when it failed; the call's own usage is that of its last attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<TokenUsage>,
    /// How it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Box<Failure>>,
}

/// What policy decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub enum Decision {
    /// Allowed.
    Allow,
    /// An event was replaced or withheld.
    Replace,
    /// Denied.
    Deny,
}

/// A verdict of policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct VerdictRecord {
    /// Where policy was asked.
    pub point: PolicyPoint,
    /// What it decided.
    pub decision: Decision,
    /// The policy that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_id: Option<String>,
    /// In its words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Something that did not end the call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Note {
    /// A stable code, such as `second-done` or `result-mismatch`.
    pub code: String,
    /// What happened. Never holds payload.
    pub message: String,
}

/// How a call ended, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub enum CallStatus {
    /// It has not ended yet.
    Open,
    /// It was completed.
    Done,
    /// The consumer, its signal or the engine cancelled it.
    Cancelled,
    /// It failed.
    Failed,
    /// Policy denied it.
    Denied,
    /// A time ran out.
    Timeout,
    /// Its process died, or its log was closed, before it ended. Found when the log is opened again.
    Interrupted,
}

impl CallStatus {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Open,
        Self::Done,
        Self::Cancelled,
        Self::Failed,
        Self::Denied,
        Self::Timeout,
        Self::Interrupted,
    ];

    /// As in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::Denied => "denied",
            Self::Timeout => "timeout",
            Self::Interrupted => "interrupted",
        }
    }
}

/// How a call ended: once, for good.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct Ending {
    /// In one word.
    pub status: CallStatus,
    /// The answer; partial unless the status is `done`.
    pub completion: Completion,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// One event as the log keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct LoggedEvent {
    /// Its number, from 1, without gaps.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub seq: u64,
    /// When it came, in milliseconds since the Unix epoch, to the microsecond.
    pub at: f64,
    /// The attempt it belongs to, from 1.
    pub attempt: u32,
    /// The event.
    pub event: StreamEvent,
}

/// A call as the log keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct CallRecord {
    /// The call's position in every list of its log, for [`CallFilter::cursor`](super::CallFilter::cursor). Not valid
    /// for another log, even if the call is exported and imported there.
    pub cursor: String,
    /// The call's trace id.
    pub trace_id: String,
    /// The model asked for, or the one that answered.
    pub model: String,
    /// The model's hint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The model's provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The host's own reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ref: Option<String>,
    /// The conversation it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<String>,
    /// The call that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_trace_id: Option<String>,
    /// Its labels.
    #[serde(default)]
    pub tags: Vec<String>,
    /// How it ended, or `open`.
    pub status: CallStatus,
    /// When it started, in milliseconds since the Unix epoch.
    pub started_at: f64,
    /// When its first event came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_event_at: Option<f64>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<f64>,
    /// Why the model stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_reason: Option<StopReason>,
    /// Token usage, when the provider reported any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<TokenUsage>,
    /// What it cost with all its attempts, in millionths of a US dollar, when the model has `pricing` and reported usage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_micro_usd: Option<u64>,
    /// The answer text; partial unless the status is `done`. Absent while the call is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The tool calls. Empty while the call is open.
    #[serde(default)]
    pub tool_calls: Vec<ToolCall>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// The runs of runners, in order.
    pub attempts: Vec<AttemptRecord>,
    /// What policy decided, in order; events that passed unchanged are not listed.
    pub verdicts: Vec<VerdictRecord>,
    /// What did not end the call, in order.
    pub notes: Vec<Note>,
    /// How many events are recorded.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub event_count: u64,
    /// The request. Absent when the payload was erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<GenerateRequest>,
    /// When the payload was erased, in milliseconds since the Unix epoch. If the call was open when the erasure was
    /// requested: when the call ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased_at: Option<f64>,
    /// When the erasure of an open call was requested, in milliseconds since the Unix epoch; absent after the call has
    /// ended. From this time on the log holds no payload of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erase_requested_at: Option<f64>,
}
