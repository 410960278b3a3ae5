//! What can be asked of a log, and what it answers besides calls and events.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cursor::{CallPlace, LogTag};
use super::search::Phrases;
use super::{CallRecord, CallStatus, LogError, LogErrorKind, LoggedEvent};
use crate::error::Problem;

/// Which calls to list. What is absent does not restrict; what is given has to hold, all of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct CallFilter {
    /// Only of this model: the one that answered, or the one asked for while the call is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Only with this status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<CallStatus>,
    /// Only with all of these labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// Only of this conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<String>,
    /// Only made by this call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_trace_id: Option<String>,
    /// Only with this reference of the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_ref: Option<String>,
    /// Only started at this time or later, in milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<f64>,
    /// Only started before this time, in milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<f64>,
    /// Only calls with all of these words, each in the prompt or in the answer. Words in double quotes have to follow
    /// each other. Case and Unicode forms do not matter; accents do. In scripts without spaces between words (such as
    /// Chinese, Japanese and Thai) and in Korean, any part of a sentence matches. A durable log has to be opened with
    /// `fullTextSearch`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// At most so many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Only calls after the call with this [`CallRecord::cursor`], in the order of this list. The cursor may come from
    /// any list of the same log, whatever its filter and order. The call may have been pruned meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// In which order. Default: the newest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<CallOrder>,
}

/// The order of a list of calls: by start. Calls with the same start are in the order in which they were recorded, or
/// its reverse.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub enum CallOrder {
    /// The newest first.
    #[default]
    Newest,
    /// The oldest first.
    Oldest,
}

impl CallFilter {
    /// How many calls a list holds when the filter does not say.
    pub const LIMIT_DEFAULT: usize = 50;

    /// Reads a filter from JSON, listing every wrong field.
    ///
    /// # Errors
    /// All problems found.
    pub fn from_json(json: &str) -> Result<Self, Vec<Problem>> {
        crate::shape::parse_valid(json, Self::validate)
    }

    /// Checks what the types cannot say.
    #[must_use]
    pub fn validate(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.cursor.is_some() && self.place().is_none() {
            problems.push(Problem::new("cursor", CallPlace::INVALID));
        }
        if self.text.as_deref().is_some_and(|text| Phrases::parse(text).is_empty()) {
            problems.push(Problem::new(
                "text",
                "has no word to search for; pass at least one letter or digit",
            ));
        }
        problems
    }

    /// Like [`validate`](Self::validate), and also checks that the cursor is of this log.
    pub(crate) fn problems(&self, log: LogTag) -> Vec<Problem> {
        let mut problems = self.validate();
        let place = self.cursor.as_deref().and_then(CallPlace::parse);
        if place.is_some_and(|(_, of)| of != log) {
            problems.push(Problem::new("cursor", CallPlace::INVALID));
        }
        problems
    }

    /// The range of start times, in microseconds since the Unix epoch; the end is exclusive.
    pub(crate) fn starts_us(&self) -> (Option<i64>, Option<i64>) {
        // Exact until the year 2255.
        let epoch_us = |at_ms: f64| (at_ms * 1_000.0).round() as i64;
        (self.since.map(epoch_us), self.until.map(epoch_us))
    }

    /// The call after which the list begins.
    pub(crate) fn place(&self) -> Option<CallPlace> {
        let (place, _) = CallPlace::parse(self.cursor.as_deref()?)?;
        Some(place)
    }
}

/// Which events of a call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct EventRange {
    /// From this number on. Default: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// Up to this number, itself included. Default: the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<u64>,
}

impl EventRange {
    /// Reads a range from JSON, listing every wrong field.
    ///
    /// # Errors
    /// All problems found.
    pub fn from_json(json: &str) -> Result<Self, Vec<Problem>> {
        crate::shape::parse_all(json, |_| Vec::new())
    }

    pub(crate) fn holds(&self, seq: u64) -> bool {
        self.from.is_none_or(|from| seq >= from) && self.to.is_none_or(|to| seq <= to)
    }
}

/// What is in a log, and how it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct LogStats {
    /// How many calls it holds.
    pub calls: u64,
    /// How many of them are open.
    pub open_calls: u64,
    /// When the oldest of them started, in milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_at: Option<f64>,
    /// When the newest of them started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest_at: Option<f64>,
    /// The size of the log in bytes, which [`PruneOptions::max_bytes`] bounds. For a durable log: the size of its file
    /// after the write-ahead log has been copied into it. For a log in memory: the approximate size of its ended calls.
    pub bytes: u64,
    /// The size of the write-ahead log in bytes, beside the file. Absent for a log in memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wal_bytes: Option<u64>,
    /// The number of the last record that is durable.
    pub durable_seq: u64,
    /// How many bytes wait to be written, about.
    pub queued_bytes: u64,
    /// Why the log has failed, when it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// How many times the log has failed and was reopened.
    pub outages: u64,
    /// The last outage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_outage: Option<LogOutage>,
}

/// A time in which a log recorded nothing, because it had failed. It has a record in the chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct LogOutage {
    /// The kind of failure.
    pub reason: LogErrorKind,
    /// What had happened, as text for humans.
    pub message: String,
    /// When it failed, in milliseconds since the Unix epoch.
    pub failed_at: f64,
    /// When it was reopened, in milliseconds since the Unix epoch.
    pub reopened_at: f64,
    /// How many calls were open when it failed. They are recorded as `interrupted`.
    pub interrupted_calls: u64,
    /// How many calls began after it failed and ran without being recorded, on engines with `onLogFailure: 'continue'`.
    pub unrecorded_calls: u64,
    /// How many calls had ended, without waiting for their commit, and lost their ending: with durability `relaxed`.
    /// Those whose start was recorded are counted as interrupted too.
    pub lost_calls: u64,
}

/// Which calls [`LogStore::prune`](super::LogStore::prune) removes: ended calls beyond any of these bounds, the oldest
/// first (by start). Open calls stay. At least one bound is required.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct PruneOptions {
    /// Those that ended longer ago, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<f64>,
    /// So many that no more than this number is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_calls: Option<u64>,
    /// The maximum of [`LogStats::bytes`]: calls are removed, one after the other, until the log is within this bound.
    /// Space is freed in pages of 4 KiB, so a few more calls may be removed than their own size suggests. Nothing is
    /// removed while the log is within the bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
    /// Not those with one of these labels, whatever the bounds say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<Vec<String>>"))]
    pub keep: Vec<String>,
}

impl PruneOptions {
    /// Reads the options of one pruning from JSON, listing every wrong field.
    ///
    /// # Errors
    /// All problems found. It is a problem if no bound is given, because then nothing would be removed.
    pub fn from_json(json: &str) -> Result<Self, Vec<Problem>> {
        let options: Self = crate::shape::parse_valid(json, Self::validate)?;
        match options.check_bound("") {
            None => Ok(options),
            Some(problem) => Err(vec![problem]),
        }
    }

    /// A problem at `path` if no bound is given.
    pub(in crate::log) fn check_bound(&self, path: &str) -> Option<Problem> {
        let has_bound = self.max_age.is_some() || self.max_calls.is_some() || self.max_bytes.is_some();
        let message = "required: at least one of `maxAge`, `maxCalls` and `maxBytes`, such as { maxCalls: 10000 }";
        (!has_bound).then(|| Problem::new(path, message))
    }

    /// Checks what the types cannot say.
    #[must_use]
    pub fn validate(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.max_age.is_some_and(|max_age| max_age < 0.0 || max_age.is_nan()) {
            problems.push(Problem::new("maxAge", "must be at least 0, in milliseconds"));
        }
        problems
    }
}

/// What was pruned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct PruneReport {
    /// How many calls are gone.
    pub calls: u64,
    /// By how many bytes the log is smaller.
    pub bytes: u64,
}

/// The calls whose payload to erase. Give exactly one of these.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct EraseTarget {
    /// The call with this trace id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// All calls with this tag, ended and open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
}

impl EraseTarget {
    /// Reads a target from JSON, listing every wrong field.
    ///
    /// # Errors
    /// All problems found.
    pub fn from_json(json: &str) -> Result<Self, Vec<Problem>> {
        crate::shape::parse_valid(json, Self::validate)
    }

    /// Checks what the types cannot say.
    #[must_use]
    pub fn validate(&self) -> Vec<Problem> {
        match (&self.trace_id, &self.tag) {
            (None, None) => vec![Problem::new(
                "",
                "required: `traceId` or `tag`, such as { tag: 'user:7' }",
            )],
            (Some(_), Some(_)) => vec![Problem::new("", "give either `traceId` or `tag`, not both")],
            _ => Vec::new(),
        }
    }

    /// Like [`validate`](Self::validate), for a target that was built in Rust.
    pub(crate) fn check(&self) -> Result<(), LogError> {
        match self.validate().first() {
            Some(problem) => Err(LogError::new(LogErrorKind::InvalidInput, problem.to_string())),
            None => Ok(()),
        }
    }
}

/// What was erased.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct EraseReport {
    /// The trace ids of the ended calls whose payload was erased now. Calls that were erased before are not listed.
    pub trace_ids: Vec<String>,
    /// The trace ids of calls that are still open. Their payload so far is removed from the log, and later payload does
    /// not reach it. Further erasures list them too until they end. Absent when there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<Vec<String>>"))]
    pub pending_trace_ids: Vec<String>,
}

/// One thing that was recorded, as [`LogStore::tail`](super::LogStore::tail) gives it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub enum TailItem {
    /// A call started.
    CallStart {
        /// Where to go on after this.
        cursor: String,
        /// The call's trace id.
        trace_id: String,
        /// The call as it is recorded now, which may be further on.
        call: Box<CallRecord>,
    },
    /// An event was recorded.
    Event {
        /// Where to go on after this.
        cursor: String,
        /// The call's trace id.
        trace_id: String,
        /// The event.
        #[serde(flatten)]
        event: LoggedEvent,
    },
    /// A call ended.
    CallEnd {
        /// Where to go on after this.
        cursor: String,
        /// The call's trace id.
        trace_id: String,
        /// The call.
        call: Box<CallRecord>,
    },
}

/// What comes after a place in the log.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct TailPage {
    /// What was recorded, in the order in which it was written. Empty when there is nothing more yet.
    pub items: Vec<TailItem>,
    /// Where to go on.
    pub cursor: String,
}
