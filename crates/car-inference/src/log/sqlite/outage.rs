//! Outages: times in which a failed log recorded nothing, and their records in the chain.

use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};

use super::read::epoch_ms;
use super::stored_json as json;
use crate::log::{LogError, LogErrorKind, LogOutage};

/// The kind of such a record. Its time is when the log was reopened.
pub(super) const OUTAGE: &str = "outage";

/// The content of an `outage` record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct OutageRecord {
    pub reason: LogErrorKind,
    pub message: String,
    pub failed_at_us: i64,
    pub interrupted_calls: u64,
    pub unrecorded_calls: u64,
    #[serde(default)]
    pub lost_calls: u64,
}

impl OutageRecord {
    pub fn told(self, reopened_at_us: i64) -> LogOutage {
        LogOutage {
            reason: self.reason,
            message: self.message,
            failed_at: epoch_ms(self.failed_at_us),
            reopened_at: epoch_ms(reopened_at_us),
            interrupted_calls: self.interrupted_calls,
            unrecorded_calls: self.unrecorded_calls,
            lost_calls: self.lost_calls,
        }
    }
}

/// How many outages the log has had, and the last one.
pub(super) fn outages(connection: &Connection) -> Result<(u64, Option<LogOutage>), LogError> {
    let of_kind = format!("FROM records WHERE call_id = 0 AND kind = '{OUTAGE}'");
    let count: i64 = connection
        .prepare_cached(&format!("SELECT count(*) {of_kind}"))?
        .query_row([], |row| row.get(0))?;
    let last: Option<(i64, String)> = connection
        .prepare_cached(&format!("SELECT at_us, data {of_kind} ORDER BY position DESC LIMIT 1"))?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let last = last.map(|(at_us, data)| json::read::<OutageRecord>(&data).map(|record| record.told(at_us)));
    Ok((count.cast_unsigned(), last.transpose()?))
}
