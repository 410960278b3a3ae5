//! Records of the log itself, which belong to no call: prunings, erasures, checkpoints. Finds the records that are no
//! longer needed, so that they do not accumulate.

use rusqlite::Connection;
use rusqlite::types::Value;
use serde::Serialize;

use super::chain::Hash;
use super::own_records::{EraseRecord, PruneRecord};
use super::store::Store;
use super::stored_json as json;
use super::write_rows::Record;
use crate::log::LogError;

/// The number of newest checkpoints whose records pruning keeps.
pub(super) const CHECKPOINTS_KEPT: usize = 64;

impl Store {
    /// Appends a record that belongs to no call.
    pub fn append_housekeeping(&mut self, kind: &str, at_us: i64, data: &impl Serialize) -> Result<(), LogError> {
        let record = Record {
            call_id: 0,
            kind,
            first_seq: 0,
            count: 0,
            attempt: 0,
            at_us,
            columns: None,
            data: Value::Text(String::from_utf8(json::write(data)?).unwrap_or_default()),
        };
        self.append(&record, &[])
    }

    /// Rewrites `erase` records most of whose calls are gone, with the calls that are left. Returns the records that
    /// are no longer needed.
    pub fn compact_erasures(&mut self) -> Result<Vec<(i64, Hash)>, LogError> {
        /// Shorter records are not worth rewriting.
        const CALLS_MIN: usize = 32;
        let told: Vec<(i64, Hash, i64, String)> = {
            let mut statement = self.connection.prepare_cached(
                "SELECT position, link, at_us, data FROM records WHERE call_id = 0 AND kind = 'erase' ORDER BY position",
            )?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
            rows.collect::<Result<_, _>>()?
        };
        let mut obsolete = Vec::new();
        for (position, link, at_us, data) in told {
            let EraseRecord { calls } = json::read(&data)?;
            let count = calls.len();
            let left = {
                // A call that was open at the erasure gets another record when it ends.
                let sql = "SELECT 1 FROM calls WHERE id = ?1 AND erased_at_us = ?2";
                let mut statement = self.connection.prepare_cached(sql)?;
                let mut left = Vec::new();
                for id in calls {
                    if statement.exists([id, at_us])? {
                        left.push(id);
                    }
                }
                left
            };
            let is_short = count < CALLS_MIN || left.len() > count / 2;
            if !left.is_empty() && is_short {
                continue;
            }
            if !left.is_empty() {
                self.append_housekeeping("erase", at_us, &EraseRecord { calls: left })?;
            }
            obsolete.push((position, link));
        }
        Ok(obsolete)
    }
}

/// How many calls were pruned so far, and the `prune` records that a new one replaces.
pub(super) fn pruned_before(connection: &Connection) -> Result<(u64, Vec<(i64, Hash)>), LogError> {
    let mut statement = connection.prepare_cached(
        "SELECT position, link, data FROM records WHERE call_id = 0 AND kind = 'prune' ORDER BY position",
    )?;
    let mut rows = statement.query([])?;
    let (mut calls, mut replaced) = (0, Vec::new());
    while let Some(row) = rows.next()? {
        let told: PruneRecord = json::read(&row.get::<_, String>(2)?)?;
        calls = told.calls;
        replaced.push((row.get(0)?, row.get(1)?));
    }
    Ok((calls, replaced))
}

/// The records of checkpoints beyond the newest [`CHECKPOINTS_KEPT`].
pub(super) fn old_checkpoints(connection: &Connection) -> Result<Vec<(i64, Hash)>, LogError> {
    let mut statement = connection.prepare_cached(
        "SELECT position, link FROM records WHERE call_id = 0 AND kind = 'checkpoint'
         ORDER BY position DESC LIMIT -1 OFFSET ?1",
    )?;
    let rows = statement.query_map([CHECKPOINTS_KEPT as i64], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
