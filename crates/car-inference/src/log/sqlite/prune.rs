//! Removes whole calls. They leave a gap in the chain, and one record that commits to all gaps.

use std::time::{Duration, Instant};

use rusqlite::params;

use super::chain::{Hash, hex};
use super::gaps::Gaps;
use super::housekeeping::{old_checkpoints, pruned_before};
use super::own_records::PruneRecord;
use super::store::{Store, now_us};
use super::stored_json as json;
use crate::log::{LogError, PruneOptions};

/// The limits of one transaction, in calls and in time, so that endings do not wait long.
const ROUND_CALLS_MAX: usize = 200;
const ROUND_TIME: Duration = Duration::from_millis(20);
/// How many free pages are given back in one transaction: 2 MiB.
const ROUND_PAGES: i64 = 512;

/// A round of pruning.
pub(super) struct Pruned {
    pub calls: u64,
    pub bytes: u64,
    /// There is no more to remove.
    pub is_done: bool,
}

/// The removals of one round.
struct Round {
    until: Instant,
    calls: u64,
    /// Positions and links of the removed records.
    removed: Vec<(i64, Hash)>,
    /// Whether one of the calls had been erased.
    had_erased: bool,
}

impl Round {
    fn calls_left(&self) -> usize {
        if self.calls > 0 && Instant::now() >= self.until {
            return 0;
        }
        ROUND_CALLS_MAX.saturating_sub(self.calls as usize)
    }
}

impl Store {
    /// Removes the next calls that the options say.
    pub fn prune_some(&mut self, options: &PruneOptions) -> Result<Pruned, LogError> {
        let before = self.bytes_in_use()?;
        let (calls, is_removed) = self.change(|store| store.remove_some(options))?;
        let is_done = is_removed && self.give_back_some()?;
        if is_done {
            // If there is a reader, it is emptied later.
            let _is_busy = self.checkpoint_wal("TRUNCATE")?;
        }
        Ok(Pruned {
            calls,
            bytes: before.saturating_sub(self.bytes_in_use()?),
            is_done,
        })
    }

    /// Bytes of the pages in use: the size of the file after its free pages are given back.
    fn bytes_in_use(&self) -> Result<u64, LogError> {
        let number = |pragma: &str| -> Result<i64, LogError> {
            Ok(self.connection.pragma_query_value(None, pragma, |row| row.get(0))?)
        };
        let pages = number("page_count")?.saturating_sub(number("freelist_count")?);
        Ok(pages.saturating_mul(number("page_size")?).cast_unsigned())
    }

    /// Shortens the file by one round of free pages. Returns whether no free page is left to give back.
    fn give_back_some(&mut self) -> Result<bool, LogError> {
        let free = |store: &Self| -> Result<i64, LogError> {
            Ok(store
                .connection
                .pragma_query_value(None, "freelist_count", |row| row.get(0))?)
        };
        let before = free(self)?;
        if before == 0 {
            return Ok(true);
        }
        self.change(|store| {
            // Needs one step per page; otherwise nothing is given back.
            let mut statement = store
                .connection
                .prepare(&format!("PRAGMA incremental_vacuum({ROUND_PAGES})"))?;
            let mut rows = statement.query([])?;
            while rows.next()?.is_some() {}
            Ok(())
        })?;
        let after = free(self)?;
        Ok(after == 0 || after >= before)
    }

    /// Returns how many calls were removed, and whether these were all.
    fn remove_some(&mut self, options: &PruneOptions) -> Result<(u64, bool), LogError> {
        let mut round = Round {
            until: Instant::now() + ROUND_TIME,
            calls: 0,
            removed: Vec::new(),
            had_erased: false,
        };
        for (position, link) in old_checkpoints(&self.connection)? {
            self.remove_record(&mut round, position, link)?;
        }
        let is_all = self.remove_aged(options, &mut round)?
            && self.remove_surplus(options, &mut round)?
            && self.remove_beyond_size(options, &mut round)?;
        if round.removed.is_empty() {
            return Ok((0, is_all));
        }
        self.settle_text_index()?;
        self.keep_gaps(&mut round)?;
        // The remains of the calls may have taken another page.
        let is_beyond = match options.max_bytes {
            Some(max_bytes) => self.bytes_in_use()? > max_bytes,
            None => false,
        };
        Ok((round.calls, is_all && !is_beyond))
    }

    /// This and the next two functions return whether nothing is left to be removed for their bound.
    fn remove_aged(&self, options: &PruneOptions, round: &mut Round) -> Result<bool, LogError> {
        let Some(max_age) = options.max_age else {
            return Ok(true);
        };
        let until = now_us().saturating_sub((max_age * 1_000.0) as i64);
        let aged = self.oldest(&options.keep, &format!("ended_at_us < {until}"), round.calls_left() + 1)?;
        self.remove_while(aged, round, |_| Ok(true))
    }

    fn remove_surplus(&self, options: &PruneOptions, round: &mut Round) -> Result<bool, LogError> {
        let Some(max_calls) = options.max_calls else {
            return Ok(true);
        };
        let calls: i64 = self
            .connection
            .query_row("SELECT count(*) FROM calls", [], |row| row.get(0))?;
        let surplus = calls.cast_unsigned().saturating_sub(max_calls);
        let surplus = usize::try_from(surplus).unwrap_or(usize::MAX);
        let oldest = self.oldest(&options.keep, "1", surplus.min(round.calls_left() + 1))?;
        self.remove_while(oldest, round, |_| Ok(true))
    }

    fn remove_beyond_size(&self, options: &PruneOptions, round: &mut Round) -> Result<bool, LogError> {
        let Some(max_bytes) = options.max_bytes else {
            return Ok(true);
        };
        let is_beyond = |store: &Self| Ok(store.bytes_in_use()? > max_bytes);
        if !is_beyond(self)? {
            return Ok(true);
        }
        let oldest = self.oldest(&options.keep, "1", round.calls_left() + 1)?;
        // Checked after each call, so that not one call too many is removed.
        self.remove_while(oldest, round, |store| {
            store.settle_text_index()?;
            is_beyond(store)
        })
    }

    /// Removes these calls as long as the bound is exceeded. Returns whether the bound holds, or no call is left.
    fn remove_while(
        &self,
        calls: Vec<i64>,
        round: &mut Round,
        has_reason: impl Fn(&Self) -> Result<bool, LogError>,
    ) -> Result<bool, LogError> {
        for id in calls {
            if !has_reason(self)? {
                return Ok(true);
            }
            if round.calls_left() == 0 {
                return Ok(false);
            }
            self.remove_call(round, id)?;
        }
        Ok(true)
    }

    /// The oldest ended calls without a tag to keep.
    fn oldest(&self, keep: &[String], condition: &str, limit: usize) -> Result<Vec<i64>, LogError> {
        let keep: String = json::write(&keep).map(|json| String::from_utf8(json).unwrap_or_default())?;
        let sql = format!(
            "SELECT id FROM calls WHERE status <> 'open' AND {condition} AND NOT EXISTS (
                 SELECT 1 FROM call_tags JOIN json_each(?1) AS kept ON kept.value = call_tags.tag
                 WHERE call_tags.call_id = calls.id
             ) ORDER BY started_at_us, id LIMIT ?2"
        );
        let mut statement = self.connection.prepare(&sql)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let ids = statement.query_map(params![keep, limit], |row| row.get(0))?;
        Ok(ids.collect::<Result<_, _>>()?)
    }

    fn remove_call(&self, round: &mut Round, id: i64) -> Result<(), LogError> {
        {
            let mut statement = self
                .connection
                .prepare_cached("SELECT position, link FROM records WHERE call_id = ?1")?;
            let rows = statement.query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
            for row in rows {
                round.removed.push(row?);
            }
        }
        round.had_erased |= self
            .connection
            .prepare_cached("SELECT 1 FROM calls WHERE id = ?1 AND erased_at_us IS NOT NULL")?
            .exists([id])?;
        self.forget_text(id)?;
        for sql in [
            "DELETE FROM records WHERE call_id = ?1",
            "DELETE FROM call_tags WHERE call_id = ?1",
            "DELETE FROM calls WHERE id = ?1",
        ] {
            self.connection.prepare_cached(sql)?.execute([id])?;
        }
        round.calls += 1;
        Ok(())
    }

    fn remove_record(&self, round: &mut Round, position: i64, link: Hash) -> Result<(), LogError> {
        self.connection
            .prepare_cached("DELETE FROM records WHERE position = ?1")?
            .execute([position])?;
        round.removed.push((position, link));
        Ok(())
    }

    /// Keeps the parts of removed records that the chain needs, and removes those of earlier rounds that are not
    /// needed.
    fn keep_gaps(&mut self, round: &mut Round) -> Result<(), LogError> {
        let (calls, replaced) = pruned_before(&self.connection)?;
        let mut obsolete = replaced;
        if round.had_erased {
            obsolete.extend(self.compact_erasures()?);
        }
        for (position, link) in obsolete {
            self.remove_record(round, position, link)?;
        }
        round.removed.sort_unstable_by_key(|(position, _)| *position);
        let mut gaps = Gaps::read(&self.connection)?;
        for (position, link) in &round.removed {
            gaps.add(*position, *link)?;
        }
        gaps.write(&self.connection)?;
        let told = PruneRecord {
            calls: calls.saturating_add(round.calls),
            gaps: hex(&gaps.digest()),
        };
        self.append_housekeeping("prune", now_us(), &told)?;
        // No gap may reach beyond the saved state of the tree; otherwise opening could not continue from that state.
        self.keep_tree()
    }
}
