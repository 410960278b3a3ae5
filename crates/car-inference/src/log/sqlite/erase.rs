//! Erases the payload of calls. The chain stays intact and records the erasure. If a call is still open, its payload so
//! far is erased at once, and its later records are written without payload.

use rusqlite::params;

use super::columns::{END_PAYLOAD, START_PAYLOAD};
use super::erasing::ErasedOpenCall;
use super::own_records::EraseRecord;
use super::store::{Store, now_us};
use super::stored_json as json;
use crate::log::{EraseReport, EraseTarget, LogError};

/// A call whose payload is in the file.
struct Meant {
    id: i64,
    trace_id: String,
    is_open: bool,
    tags: Vec<String>,
}

impl Store {
    /// Erases the payload of calls.
    pub fn erase(&mut self, target: &EraseTarget) -> Result<EraseReport, LogError> {
        target.check()?;
        let meant = self.change(|store| {
            let meant = store.calls_to_erase(target)?;
            if !meant.is_empty() {
                store.erase_calls(&meant)?;
            }
            Ok(meant)
        })?;
        let mut report = EraseReport::default();
        for call in meant {
            let Meant {
                id,
                trace_id,
                is_open,
                tags,
            } = call;
            if is_open {
                self.erasing.insert(id, ErasedOpenCall { trace_id, tags });
            } else {
                report.trace_ids.push(trace_id);
            }
        }
        // Also calls of earlier erasures that are still open.
        let pending = self.erasing.values().filter(|call| match &target.tag {
            Some(tag) => call.tags.contains(tag),
            None => target.trace_id.as_ref() == Some(&call.trace_id),
        });
        report.pending_trace_ids = pending.map(|call| call.trace_id.clone()).collect();
        // Erased data is still in the write-ahead log.
        self.checkpoint_wal("TRUNCATE")?;
        Ok(report)
    }

    fn calls_to_erase(&self, target: &EraseTarget) -> Result<Vec<Meant>, LogError> {
        let (condition, value) = match (&target.trace_id, &target.tag) {
            (Some(trace_id), _) => ("trace_id = ?1", trace_id),
            (None, Some(tag)) => ("id IN (SELECT call_id FROM call_tags WHERE tag = ?1)", tag),
            (None, None) => return Ok(Vec::new()),
        };
        let sql = format!(
            "SELECT id, trace_id, status = 'open', tags FROM calls
             WHERE {condition} AND erased_at_us IS NULL ORDER BY id"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([value])?;
        let mut calls = Vec::new();
        while let Some(row) = rows.next()? {
            let tags: Option<String> = row.get(3)?;
            calls.push(Meant {
                id: row.get(0)?,
                trace_id: row.get(1)?,
                is_open: row.get(2)?,
                tags: tags.map_or(Ok(Vec::new()), |tags| json::read(&tags))?,
            });
        }
        Ok(calls)
    }

    fn erase_calls(&mut self, calls: &[Meant]) -> Result<(), LogError> {
        let at_us = now_us();
        let payload = [&START_PAYLOAD[..], &END_PAYLOAD].concat().join(" = NULL, ");
        for Meant { id, is_open, .. } in calls {
            // The words of a call are indexed only when it ends.
            if !is_open {
                self.forget_text(*id)?;
            }
            self.connection
                .prepare_cached("UPDATE records SET data = NULL, salt = NULL WHERE call_id = ?1")?
                .execute([id])?;
            self.connection
                .prepare_cached(&format!(
                    "UPDATE calls SET {payload} = NULL, erased_at_us = ?2 WHERE id = ?1"
                ))?
                .execute(params![id, at_us])?;
            self.connection
                .prepare_cached("DELETE FROM call_tags WHERE call_id = ?1")?
                .execute([id])?;
        }
        self.settle_text_index()?;
        self.tell_of_erasure(calls.iter().map(|call| call.id).collect(), at_us)
    }

    fn tell_of_erasure(&mut self, calls: Vec<i64>, at_us: i64) -> Result<(), LogError> {
        self.append_housekeeping("erase", at_us, &EraseRecord { calls })
    }

    /// Whether the payload of an open call must not reach the file.
    pub fn is_erasing(&self, id: i64) -> bool {
        self.erasing.contains_key(&id)
    }

    /// Takes note of a call that was open in an earlier process and whose erasure is in the file.
    pub fn go_on_erasing(&mut self, id: i64) {
        self.erasing.insert(id, ErasedOpenCall::default());
    }

    /// Completes the erasure of a call that has ended.
    pub fn finish_erasing(&mut self, id: i64, ended_at_us: i64) -> Result<(), LogError> {
        if self.erasing.remove(&id).is_none() {
            return Ok(());
        }
        let at_us = now_us().max(ended_at_us);
        self.connection
            .prepare_cached("UPDATE calls SET erased_at_us = ?2 WHERE id = ?1")?
            .execute([id, at_us])?;
        self.tell_of_erasure(vec![id], at_us)
    }
}
