//! Holes in the chain that pruning leaves: runs of missing positions, each with the links on both sides of it, and with the
//! hashes of the missing entries, so that nobody can put another past before the hole.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use super::chain::{Hash, hex, link};
use super::failure::corrupt;
use crate::log::LogError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    pub first: i64,
    pub last: i64,
    /// The link of the record before the first.
    pub before: Hash,
    /// The link of the last.
    pub after: Hash,
}

/// As a `prune` record repeats it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct GapJson {
    pub first: i64,
    pub last: i64,
    pub before: String,
    pub after: String,
}

impl From<&Gap> for GapJson {
    fn from(gap: &Gap) -> Self {
        Self {
            first: gap.first,
            last: gap.last,
            before: hex(&gap.before),
            after: hex(&gap.after),
        }
    }
}

/// Gaps by their first position.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    pub all: BTreeMap<i64, Gap>,
    /// Which have changed since they were read.
    changed: Vec<i64>,
    gone: Vec<i64>,
}

impl Gaps {
    pub fn read(connection: &Connection) -> Result<Self, LogError> {
        let mut gaps = Self::default();
        let mut statement = connection.prepare_cached("SELECT first, last, before, after FROM gaps ORDER BY first")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let gap = Gap {
                first: row.get(0)?,
                last: row.get(1)?,
                before: row.get(2)?,
                after: row.get(3)?,
            };
            gaps.all.insert(gap.first, gap);
        }
        Ok(gaps)
    }

    /// The gap that ends here.
    fn ending_at(&self, last: i64) -> Option<Gap> {
        let (_, gap) = self.all.range(..=last).next_back()?;
        (gap.last == last).then_some(*gap)
    }

    /// Takes out one position, whose record has this link and the one before it `before`.
    pub fn add(
        &mut self,
        position: i64,
        link: Hash,
        before: impl FnOnce() -> Result<Hash, LogError>,
    ) -> Result<(), LogError> {
        let mut gap = match self.ending_at(position.saturating_sub(1)) {
            Some(known) => Gap {
                last: position,
                after: link,
                ..known
            },
            None => Gap {
                first: position,
                last: position,
                before: before()?,
                after: link,
            },
        };
        if let Some(next) = self.all.remove(&position.saturating_add(1)) {
            gap.last = next.last;
            gap.after = next.after;
            self.gone.push(next.first);
        }
        self.all.insert(gap.first, gap);
        self.changed.push(gap.first);
        Ok(())
    }

    /// Writes what has changed. Returns it as a `prune` record repeats it.
    pub fn write(&mut self, connection: &Connection) -> Result<Vec<GapJson>, LogError> {
        for first in self.gone.drain(..) {
            connection
                .prepare_cached("DELETE FROM gaps WHERE first = ?1")?
                .execute([first])?;
        }
        self.changed.sort_unstable();
        self.changed.dedup();
        let mut told = Vec::new();
        for first in self.changed.drain(..) {
            // One that has become part of another since is told with that.
            let Some(gap) = self.all.get(&first) else { continue };
            connection
                .prepare_cached("INSERT OR REPLACE INTO gaps (first, last, before, after) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![gap.first, gap.last, gap.before, gap.after])?;
            told.push(gap.into());
        }
        Ok(told)
    }
}

/// A record that is taken out.
pub(super) struct Removed {
    pub position: i64,
    pub entry: Hash,
    pub link: Hash,
}

/// Keeps what leads over the removed records, which come in the order of their positions.
pub(super) fn keep_entries(connection: &Connection, removed: &[Removed], gaps: &Gaps) -> Result<(), LogError> {
    for run in removed.chunk_by(|earlier, later| earlier.position.saturating_add(1) == later.position) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else {
            continue;
        };
        let entries = run.iter().flat_map(|removed| removed.entry).collect::<Vec<_>>();
        connection
            .prepare_cached("INSERT INTO gap_entries (first, last, entries) VALUES (?1, ?2, ?3)")?
            .execute(params![first.position, last.position, entries])?;
    }
    // Nothing lies before a gap at the beginning, so nothing has to be led over it.
    if let Some(beginning) = gaps.all.get(&1) {
        connection
            .prepare_cached("DELETE FROM gap_entries WHERE first <= ?1")?
            .execute([beginning.last])?;
    }
    Ok(())
}

/// The link after a gap as its entries have it, and how many rows they are in; nothing when they do not lie one after the other.
pub(super) fn led_over(connection: &Connection, gap: &Gap) -> Result<Option<(Hash, u64)>, LogError> {
    let mut statement = connection
        .prepare_cached("SELECT first, last, entries FROM gap_entries WHERE first BETWEEN ?1 AND ?2 ORDER BY first")?;
    let mut rows = statement.query([gap.first, gap.last])?;
    let (mut next, mut at, mut count) = (gap.first, gap.before, 0);
    while let Some(row) = rows.next()? {
        let (first, last): (i64, i64) = (row.get(0)?, row.get(1)?);
        let entries: Vec<u8> = row.get(2)?;
        let (entries, rest) = entries.as_chunks::<32>();
        let is_whole = rest.is_empty() && first == next && last.checked_sub(first) == Some(entries.len() as i64 - 1);
        if !is_whole || last > gap.last {
            return Ok(None);
        }
        at = entries.iter().fold(at, |at, entry| link(&at, entry));
        next = last.saturating_add(1);
        count += 1;
    }
    Ok((next == gap.last.saturating_add(1)).then_some((at, count)))
}

/// The link of the record at a position.
pub(super) fn link_at(connection: &Connection, position: i64) -> Result<Hash, LogError> {
    let mut statement = connection.prepare_cached("SELECT link FROM records WHERE position = ?1")?;
    let mut rows = statement.query([position])?;
    match rows.next()? {
        Some(row) => Ok(row.get(0)?),
        None => Err(corrupt("a record is missing; `verify` says which")),
    }
}
