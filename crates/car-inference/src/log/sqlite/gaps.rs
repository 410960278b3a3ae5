//! Gaps in the chain that pruning leaves: runs of missing positions. A gap keeps the link of its last record, from
//! which the chain continues, and its records' part of the Merkle tree, so that a checkpoint still commits to all
//! records before it. The size of a gap grows with the logarithm of the number of missing records.

use std::collections::BTreeMap;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};

use super::chain::{Hash, Values};
use super::failure::corrupt;
use super::tree::Run;
use crate::log::LogError;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gap {
    pub first: i64,
    pub last: i64,
    /// The link of the last.
    pub after: Hash,
    /// The Merkle subtrees of their links.
    pub run: Run,
}

/// Gaps by their first position.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    pub all: BTreeMap<i64, Gap>,
    /// Which have changed since they were read.
    changed: Vec<i64>,
    gone: Vec<i64>,
}

/// The number of a record's leaf in the Merkle tree; `None` for a position that no record can have.
pub(super) fn leaf_of(position: i64) -> Option<u64> {
    u64::try_from(position.checked_sub(1)?).ok()
}

impl Gaps {
    pub fn read(connection: &Connection) -> Result<Self, LogError> {
        let mut gaps = Self::default();
        let mut statement =
            connection.prepare_cached("SELECT first, last, after, subtrees FROM gaps ORDER BY first")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (first, last): (i64, i64) = (row.get(0)?, row.get(1)?);
            let subtrees: Vec<u8> = row.get(3)?;
            let run = leaf_of(first)
                .zip(u64::try_from(last).ok())
                .and_then(|(first, end)| Run::from_bytes(first, end, &subtrees))
                .ok_or_else(|| corrupt("a malformed gap; `verify` says more"))?;
            let gap = Gap {
                first,
                last,
                after: row.get(2)?,
                run,
            };
            gaps.all.insert(first, gap);
        }
        Ok(gaps)
    }

    /// Adds the removed record with this position and link to the gaps.
    pub fn add(&mut self, position: i64, link: Hash) -> Result<(), LogError> {
        let known = self.all.range(..position).next_back().map(|(_, gap)| gap);
        let mut gap = match known.filter(|gap| gap.last.saturating_add(1) == position) {
            Some(before) => before.clone(),
            None => Gap {
                first: position,
                last: position,
                after: link,
                run: Run::at(
                    leaf_of(position).ok_or_else(|| corrupt("a record with an invalid position in the chain"))?,
                ),
            },
        };
        gap.run.push(link);
        (gap.last, gap.after) = (position, link);
        if let Some(next) = self.all.remove(&position.saturating_add(1)) {
            if !gap.run.append(&next.run) {
                return Err(corrupt("gaps that do not follow each other; `verify` says more"));
            }
            (gap.last, gap.after) = (next.last, next.after);
            self.gone.push(next.first);
        }
        self.changed.push(gap.first);
        self.all.insert(gap.first, gap);
        Ok(())
    }

    /// Writes the changed gaps to the file.
    pub fn write(&mut self, connection: &Connection) -> Result<(), LogError> {
        for first in self.gone.drain(..) {
            connection
                .prepare_cached("DELETE FROM gaps WHERE first = ?1")?
                .execute([first])?;
        }
        self.changed.sort_unstable();
        self.changed.dedup();
        for first in self.changed.drain(..) {
            // A gap that was merged into another one is written with that one.
            let Some(gap) = self.all.get(&first) else { continue };
            connection
                .prepare_cached("INSERT OR REPLACE INTO gaps (first, last, after, subtrees) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![gap.first, gap.last, gap.after, gap.run.to_bytes()])?;
        }
        Ok(())
    }

    /// The digest of all gaps, to which a `prune` record commits.
    pub fn digest(&self) -> Hash {
        let mut values = Values::new();
        for gap in self.all.values() {
            values.push(ValueRef::Integer(gap.first));
            values.push(ValueRef::Integer(gap.last));
            values.push(ValueRef::Blob(&gap.after));
            values.push(ValueRef::Blob(&gap.run.to_bytes()));
        }
        values.finish()
    }
}
