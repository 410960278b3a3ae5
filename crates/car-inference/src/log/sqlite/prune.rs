//! Removing whole calls, and erasing what calls said. Both leave the chain whole and say in it what they did.

use rusqlite::params;
use rusqlite::types::Value;
use serde::{Deserialize, Serialize};

use super::chain::genesis;
use super::columns::{END_PAYLOAD, START_PAYLOAD};
use super::entries::{ENTRY, entry_hash};
use super::failure::corrupt;
use super::gaps::{GapJson, Gaps, Removed, keep_entries, link_at};
use super::store::{Store, now_us};
use super::stored_json as json;
use super::write_rows::Record;
use crate::log::{EraseReport, EraseTarget, LogError, LogErrorKind, PruneOptions};

/// So many calls are removed in one transaction, so that endings do not wait long.
const CALLS_AT_ONCE: i64 = 200;

/// What a `prune` record says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PruneRecord {
    pub calls: u64,
    pub gaps: Vec<GapJson>,
}

/// What an `erase` record says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct EraseRecord {
    /// The numbers of the calls.
    pub calls: Vec<i64>,
}

/// A round of pruning.
pub(super) struct Pruned {
    pub calls: u64,
    pub bytes: u64,
    /// There is no more to remove.
    pub is_done: bool,
}

impl Store {
    /// Removes the next calls that the options say.
    pub fn prune_some(&mut self, options: &PruneOptions) -> Result<Pruned, LogError> {
        let before = self.file_bytes()?;
        let calls = self.change(|store| {
            let victims = store.victims(options)?;
            if !victims.is_empty() {
                store.remove(&victims)?;
            }
            Ok(victims.len())
        })?;
        let is_done = (calls as i64) < CALLS_AT_ONCE;
        if is_done {
            // A page at a time, or nothing is given back.
            let mut statement = self.connection.prepare("PRAGMA incremental_vacuum")?;
            let mut rows = statement.query([])?;
            while rows.next()?.is_some() {}
            drop(rows);
            drop(statement);
            let _busy = self.checkpoint_wal("TRUNCATE")?;
        }
        Ok(Pruned {
            calls: calls as u64,
            bytes: before.saturating_sub(self.file_bytes()?),
            is_done,
        })
    }

    /// Bytes of the pages in use.
    fn file_bytes(&self) -> Result<u64, LogError> {
        let number = |pragma: &str| -> Result<i64, LogError> {
            Ok(self.connection.pragma_query_value(None, pragma, |row| row.get(0))?)
        };
        let pages = number("page_count")?.saturating_sub(number("freelist_count")?);
        Ok(pages.saturating_mul(number("page_size")?).cast_unsigned())
    }

    /// The oldest closed calls beyond the bounds, a round of them.
    fn victims(&self, options: &PruneOptions) -> Result<Vec<i64>, LogError> {
        const CLOSED: &str = "calls.status <> 'open'";
        let keep: String = json::write(&options.keep).map(|json| String::from_utf8(json).unwrap_or_default())?;
        let not_kept = "NOT EXISTS (SELECT 1 FROM call_tags JOIN json_each(?1) AS kept ON kept.value = call_tags.tag
                        WHERE call_tags.call_id = calls.id)";
        let oldest = |condition: &str, limit: i64| -> Result<Vec<i64>, LogError> {
            let sql = format!(
                "SELECT id FROM calls WHERE {CLOSED} AND {not_kept} AND {condition} ORDER BY started_at_us, id LIMIT ?2"
            );
            let mut statement = self.connection.prepare_cached(&sql)?;
            let ids = statement.query_map(params![keep, limit], |row| row.get(0))?;
            Ok(ids.collect::<Result<_, _>>()?)
        };
        if let Some(max_age) = options.max_age {
            let until = now_us().saturating_sub((max_age * 1_000.0) as i64);
            let aged = oldest(&format!("ended_at_us < {until}"), CALLS_AT_ONCE)?;
            if !aged.is_empty() {
                return Ok(aged);
            }
        }
        if let Some(max_calls) = options.max_calls {
            let calls: i64 = self
                .connection
                .query_row("SELECT count(*) FROM calls", [], |row| row.get(0))?;
            let surplus = calls.saturating_sub_unsigned(max_calls);
            if surplus > 0 {
                return oldest("1", surplus.min(CALLS_AT_ONCE));
            }
        }
        if let Some(max_bytes) = options.max_bytes {
            let bytes = self.file_bytes()?;
            let calls: i64 = self
                .connection
                .query_row("SELECT count(*) FROM calls", [], |row| row.get(0))?;
            if bytes > max_bytes && calls > 0 {
                // About the share of the calls that takes what is too much, and at least one.
                let surplus = (bytes - max_bytes) as f64 / bytes as f64 * calls as f64;
                return oldest("1", (surplus as i64).clamp(1, CALLS_AT_ONCE));
            }
        }
        Ok(Vec::new())
    }

    fn remove(&mut self, victims: &[i64]) -> Result<(), LogError> {
        let mut gaps = Gaps::read(&self.connection)?;
        let mut removed = Vec::new();
        {
            let sql = format!("SELECT {ENTRY}, link FROM records WHERE call_id = ?1");
            let mut statement = self.connection.prepare_cached(&sql)?;
            for id in victims {
                let mut rows = statement.query([id])?;
                while let Some(row) = rows.next()? {
                    removed.push(Removed {
                        position: row.get(0)?,
                        entry: entry_hash(&self.connection, row)?
                            .ok_or_else(|| corrupt("a record of a call that is missing; `verify` says which"))?,
                        link: row.get("link")?,
                    });
                }
            }
        }
        removed.sort_unstable_by_key(|removed| removed.position);
        for Removed { position, link, .. } in &removed {
            gaps.add(*position, *link, || match position {
                1 => Ok(genesis(&self.log_id)),
                _ => link_at(&self.connection, position.saturating_sub(1)),
            })?;
        }
        keep_entries(&self.connection, &removed, &gaps)?;
        for id in victims {
            for table in ["records", "call_tags"] {
                self.connection
                    .prepare_cached(&format!("DELETE FROM {table} WHERE call_id = ?1"))?
                    .execute([id])?;
            }
            self.forget_text(*id)?;
            self.connection
                .prepare_cached("DELETE FROM calls WHERE id = ?1")?
                .execute([id])?;
        }
        let told = PruneRecord {
            calls: victims.len() as u64,
            gaps: gaps.write(&self.connection)?,
        };
        self.append_housekeeping("prune", now_us(), &told)
    }

    /// Appends a record that belongs to no call.
    pub fn append_housekeeping(&mut self, kind: &str, at_us: i64, data: &impl Serialize) -> Result<(), LogError> {
        let salt = self.salts.next()?;
        let data = Value::Text(String::from_utf8(json::write(data)?).unwrap_or_default());
        let digest = super::columns::digest(&salt, [&data]);
        self.append(&Record {
            call_id: 0,
            kind,
            first_seq: 0,
            count: 0,
            attempt: 0,
            at_us,
            columns: None,
            salt,
            digest,
            data,
        })
    }

    /// Erases the payload of calls.
    pub fn erase(&mut self, target: &EraseTarget) -> Result<EraseReport, LogError> {
        let report = self.change(|store| {
            let calls = store.calls_to_erase(target)?;
            if !calls.is_empty() {
                store.erase_calls(&calls)?;
            }
            Ok(EraseReport {
                trace_ids: calls.into_iter().map(|(_, trace_id)| trace_id).collect(),
            })
        })?;
        // What was erased is still in the write-ahead log.
        self.checkpoint_wal("TRUNCATE")?;
        Ok(report)
    }

    fn calls_to_erase(&self, target: &EraseTarget) -> Result<Vec<(i64, String)>, LogError> {
        let (condition, value) = match (&target.trace_id, &target.tag) {
            (Some(trace_id), _) => ("trace_id = ?1", trace_id),
            (None, Some(tag)) => ("id IN (SELECT call_id FROM call_tags WHERE tag = ?1)", tag),
            (None, None) => return Ok(Vec::new()),
        };
        let sql =
            format!("SELECT id, trace_id, status, erased_at_us IS NOT NULL FROM calls WHERE {condition} ORDER BY id");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([value])?;
        let mut calls = Vec::new();
        while let Some(row) = rows.next()? {
            let (status, is_erased): (String, bool) = (row.get(2)?, row.get(3)?);
            if status == "open" {
                return Err(LogError::new(
                    LogErrorKind::InvalidInput,
                    "a call that is still open cannot be erased; end it first",
                ));
            }
            if !is_erased {
                calls.push((row.get(0)?, row.get(1)?));
            }
        }
        Ok(calls)
    }

    fn erase_calls(&mut self, calls: &[(i64, String)]) -> Result<(), LogError> {
        let at_us = now_us();
        let payload = [&START_PAYLOAD[..], &END_PAYLOAD].concat().join(" = NULL, ");
        for (id, _) in calls {
            self.forget_text(*id)?;
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
        let told = EraseRecord {
            calls: calls.iter().map(|(id, _)| *id).collect(),
        };
        self.append_housekeeping("erase", at_us, &told)
    }
}
