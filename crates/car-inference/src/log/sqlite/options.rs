//! How a durable log is opened. Defaults that work; what does not fit is said with its path.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Problem;
use crate::log::{LogError, LogErrorKind, PruneOptions};
use crate::redaction::{Redaction, RedactionOptions};

/// What a call's ending waits for, and so what the log survives.
///
/// | mode | the ending waits for | process killed | power lost |
/// |---|---|---|---|
/// | `relaxed` | nothing | loses what was recorded in the last tens of milliseconds | loses what was not yet synced, about the last seconds |
/// | `call` | its commit | loses nothing of calls whose ending was delivered | as `relaxed` |
/// | `strict` | its commit, synced to the disk | as `call` | loses nothing of calls whose ending was delivered |
/// | `event` | as `strict`; and so does every event | loses nothing that was delivered | loses nothing that was delivered |
///
/// In every mode the file stays whole, and what was recorded of a call that was cut off is found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub enum Durability {
    /// Endings do not wait, unless more than an eighth of the queue's bytes are waiting: then endings wait for their
    /// commit.
    Relaxed,
    /// The ending waits for its commit.
    #[default]
    Call,
    /// The ending waits for its commit, which is synced to the disk.
    Strict,
    /// Every event, and the ending, waits for its commit, which is synced to the disk. Events are delivered by the milliseconds
    /// of a sync later.
    Event,
}

impl Durability {
    /// Whether a commit is synced to the disk.
    pub(super) fn syncs(self) -> bool {
        matches!(self, Self::Strict | Self::Event)
    }
}

/// What may be done with the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub enum LogAccess {
    /// Recording and reading. One process at a time; handles within it share.
    #[default]
    Write,
    /// Reading, also while another process writes.
    Read,
}

/// A key of 32 bytes, which is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct LogKey(pub(crate) [u8; 32]);

impl LogKey {
    /// A key of these bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for LogKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("LogKey(…)")
    }
}

/// How a log is opened. In JSON all but the keys, which a host passes as bytes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(extend("x-beside" = ["key", "checkpoint", "observe"]))]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct SqliteLogOptions {
    /// What endings wait for. Default: `call`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub durability: Option<Durability>,
    /// What may be done with the log. Default: `write`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access: Option<LogAccess>,
    /// How long to wait for another process that writes to the log, in milliseconds. Default: 0, an error at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock_wait_ms: Option<u64>,
    /// Whether prompts and answers are indexed, for [`CallFilter::text`](crate::log::CallFilter::text). Default: as the log was
    /// made; a new one is not. Turned on later, it indexes what is there. Not with a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full_text_search: Option<bool>,
    /// How many bytes may wait to be written before whoever records has to wait. Default: 64 MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_bytes_max: Option<usize>,
    /// What is removed, by itself, every `retention_interval_ms`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention: Option<PruneOptions>,
    /// How often `retention` is applied, in milliseconds. Default: 3,600,000; first a minute after opening, or
    /// sooner when this is less.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention_interval_ms: Option<u64>,
    /// What never reaches the log. Default: the keys of the common providers, and fields such as `authorization`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redaction: Option<RedactionOptions>,
    /// Seals what calls say: requests, events, answers, failures. Who, when, which model and how it ended stays readable.
    #[serde(skip)]
    #[schemars(skip)]
    pub key: Option<LogKey>,
}

impl SqliteLogOptions {
    const QUEUE_BYTES_MAX: usize = 64 * 1024 * 1024;
    const RETENTION_INTERVAL_MS: u64 = 3_600_000;

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
        let mut problems = Vec::new();
        if self.key.is_some() && self.full_text_search == Some(true) {
            problems.push(Problem::new(
                "fullTextSearch",
                "cannot be with a key: the index would store the encrypted text unencrypted",
            ));
        }
        if self.queue_bytes_max == Some(0) {
            problems.push(Problem::new("queueBytesMax", "must be at least 1"));
        }
        if self.retention_interval_ms == Some(0) {
            problems.push(Problem::new("retentionIntervalMs", "must be at least 1"));
        }
        problems.extend(self.redaction.iter().flat_map(RedactionOptions::validate));
        let inside = |problem: Problem| Problem::new(format!("retention.{}", problem.path), problem.message);
        problems.extend(self.retention.iter().flat_map(PruneOptions::validate).map(inside));
        problems.extend(
            self.retention
                .iter()
                .filter_map(|retention| retention.check_bound("retention")),
        );
        problems
    }

    pub(super) fn durability(&self) -> Durability {
        self.durability.unwrap_or_default()
    }

    /// What redacts; nothing when there is nothing to be redacted.
    pub(super) fn redaction(&self) -> Result<Option<Redaction>, LogError> {
        let options = self.redaction.clone().unwrap_or_default();
        let is_none = options.builtin == Some(false) && options.patterns.is_empty() && options.fields.is_empty();
        if is_none {
            return Ok(None);
        }
        let invalid = |problems: Vec<Problem>| {
            let problem = problems.first().map(ToString::to_string).unwrap_or_default();
            LogError::new(LogErrorKind::InvalidInput, problem)
        };
        Redaction::new(&options).map(Some).map_err(invalid)
    }

    pub(super) fn access(&self) -> LogAccess {
        self.access.unwrap_or_default()
    }

    pub(super) fn queue_bytes_max(&self) -> usize {
        self.queue_bytes_max.unwrap_or(Self::QUEUE_BYTES_MAX)
    }

    pub(super) fn retention_interval_ms(&self) -> u64 {
        self.retention_interval_ms.unwrap_or(Self::RETENTION_INTERVAL_MS)
    }
}
