//! What can be asked of a log, and what it answers besides calls and events.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// Only with all of these words in prompt or answer; words in double quotes have to follow each other. Upper and lower case
    /// are the same. A durable log has to be opened with `fullTextSearch`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// At most so many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Only what comes after the call with this [`CallRecord::cursor`], in the same order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// In which order. Default: the newest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<CallOrder>,
}

/// In which order calls are listed, by their start.
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
        if self
            .cursor
            .as_deref()
            .is_some_and(|cursor| CallCursor::parse(cursor).is_err())
        {
            problems.push(Problem::new(
                "cursor",
                "is no cursor of this log; take the `cursor` of a call",
            ));
        }
        if self.text.as_deref().is_some_and(|text| words(text).is_empty()) {
            problems.push(Problem::new("text", "holds no word to look for"));
        }
        problems
    }
}

/// A call's place in the order of lists: its start, and its number in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CallCursor {
    pub started_at_us: i64,
    pub id: i64,
}

impl CallCursor {
    pub fn parse(cursor: &str) -> Result<Self, LogError> {
        let parts = cursor
            .split_once('.')
            .and_then(|(started_at_us, id)| Some((started_at_us.parse().ok()?, id.parse().ok()?)));
        parts
            .map(|(started_at_us, id)| Self { started_at_us, id })
            .ok_or_else(|| invalid("the cursor is none of this log; take the `cursor` of a call"))
    }
}

impl std::fmt::Display for CallCursor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}.{}", self.started_at_us, self.id)
    }
}

/// A place in the log as it was written: a record, and an item of it. What [`TailItem`]s give as their cursor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TailCursor {
    pub position: i64,
    /// The item after which to go on; `u32::MAX` for the whole record.
    pub item: u32,
}

impl TailCursor {
    pub fn parse(cursor: &str) -> Result<Self, LogError> {
        let parts = cursor
            .split_once('-')
            .and_then(|(position, item)| Some((position.parse().ok()?, item.parse().ok()?)));
        parts
            .map(|(position, item)| Self { position, item })
            .ok_or_else(|| invalid("the cursor is none of this log; take the `cursor` of an item of `tail`"))
    }
}

impl std::fmt::Display for TailCursor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}-{}", self.position, self.item)
    }
}

fn invalid(message: &str) -> LogError {
    LogError::new(LogErrorKind::InvalidInput, message)
}

/// The phrases of a text filter, in lower case: each a row of words.
pub(crate) fn words(text: &str) -> Vec<Vec<String>> {
    let mut phrases = Vec::new();
    for (index, part) in text.split('"').enumerate() {
        let words = tokens(part);
        if index % 2 == 1 {
            phrases.push(words);
        } else {
            phrases.extend(words.into_iter().map(|word| vec![word]));
        }
    }
    phrases.retain(|phrase| !phrase.is_empty());
    phrases
}

/// The words of a text, in lower case.
pub(crate) fn tokens(text: &str) -> Vec<String> {
    text.split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
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
        crate::shape::parse(json)
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
    /// How many bytes it takes: on disk, or in memory for a log in memory.
    pub bytes: u64,
    /// How many bytes of that are in the write-ahead log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wal_bytes: Option<u64>,
    /// The number of the last record that is durable.
    pub durable_seq: u64,
    /// How many bytes wait to be written, about.
    pub queued_bytes: u64,
    /// Why the log has failed, when it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// Which calls [`LogStore::prune`](super::LogStore::prune) removes: closed ones beyond any of these bounds, the oldest first.
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
    /// So many that what is left takes about no more than this number of bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
    /// Not those with one of these labels, whatever the bounds say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<Vec<String>>"))]
    pub keep: Vec<String>,
}

impl PruneOptions {
    /// Reads options from JSON, listing every wrong field.
    ///
    /// # Errors
    /// All problems found.
    pub fn from_json(json: &str) -> Result<Self, Vec<Problem>> {
        crate::shape::parse_valid(json, Self::validate)
    }

    /// Checks what the types cannot say.
    #[must_use]
    pub fn validate(&self) -> Vec<Problem> {
        match self.max_age {
            Some(max_age) if max_age.is_nan() || max_age < 0.0 => {
                vec![Problem::new("maxAge", "must be at least 0, in milliseconds")]
            }
            _ => Vec::new(),
        }
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

/// Whose payload to erase: one of these has to be given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct EraseTarget {
    /// The call with this trace id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// All closed calls with this label.
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
        if self.trace_id.is_some() == self.tag.is_some() {
            vec![Problem::new("", "give either `traceId` or `tag`")]
        } else {
            Vec::new()
        }
    }
}

/// What was erased.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct EraseReport {
    /// The trace ids of the calls whose payload is gone.
    pub trace_ids: Vec<String>,
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
