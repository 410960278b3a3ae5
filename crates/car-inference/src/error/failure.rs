//! A failed call's failure, as data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    CancelKind, CancelReason, ErrorCode, FailureDetails, InferenceError, LimitDetail, PolicyDetail, Problem,
    RunnerFailure, RunnerFailureKind, TimeoutDetail, TimeoutKind,
};
use crate::log::{LogError, LogErrorKind};
use crate::runner::RunnerError;

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
    /// What kind of failure of the event log it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogErrorKind>,
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
            log: None,
        }
    }

    /// An operation of the event log failed.
    #[must_use]
    pub fn log(error: &LogError) -> Self {
        Self {
            log: Some(error.kind),
            ..Self::new(ErrorCode::LogFailed, error.to_string())
        }
    }

    /// The event log has failed: it accepts no more records.
    #[must_use]
    pub fn log_failed(error: &LogError) -> Self {
        let mut failure = Self::log(error);
        if error.is_failure() {
            failure.message = format!("the event log failed: {error}");
        }
        failure
    }

    pub(crate) fn protocol(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Protocol, message)
    }

    /// An argument is not valid; `what` names it: `request`, `model`, `engine options`, …
    #[must_use]
    pub fn invalid(what: &str, problems: Vec<Problem>) -> Self {
        let message = format!("invalid {what}: {}", Problem::list(&problems));
        Self {
            problems,
            ..Self::new(ErrorCode::InvalidRequest, message)
        }
    }

    /// The runner emitted an invalid event. `kind` is the event's `type`, when it has one.
    #[must_use]
    pub fn invalid_event(kind: Option<&str>, problems: Vec<Problem>) -> Self {
        const KIND_MAX: usize = 64;
        let list = Problem::list(&problems);
        let event = match kind {
            Some(kind) => format!("'{}' event", &kind[..kind.floor_char_boundary(KIND_MAX)]),
            None => "event".into(),
        };
        Self {
            problems,
            ..Self::protocol(format!("the runner emitted an invalid {event}: {list}"))
        }
    }

    /// The runner returned what is not a result.
    #[must_use]
    pub fn invalid_result(problems: Vec<Problem>) -> Self {
        let list = Problem::list(&problems);
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
