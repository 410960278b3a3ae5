//! The saved state of a log's Merkle tree: it is saved in `settings` now and then, and opening continues from it.

use rusqlite::Connection;

use super::chain::Hash;
use super::failure::corrupt;
use super::gaps::{Gaps, leaf_of};
use super::settings::{set_setting, setting};
use super::store::Store;
use super::tree::Run;
use crate::log::{LogError, LogErrorKind};

/// The state is saved after this number of records, so that opening reads no more than these.
pub(super) const KEPT_EVERY: i64 = 1_024;

/// The name of the setting.
pub(super) const TREE: &str = "tree";

impl Store {
    /// Saves the state of the tree: the number of its records, and their subtrees.
    pub fn keep_tree(&self) -> Result<(), LogError> {
        let mut state = self.tree.end().to_be_bytes().to_vec();
        state.extend(self.tree.to_bytes());
        set_setting(&self.connection, TREE, &state)
    }
}

/// The last saved state. An error when it is not valid.
pub(super) fn kept_tree(connection: &Connection) -> Result<Option<Run>, LogError> {
    let Some(state) = setting::<Vec<u8>>(connection, TREE)? else {
        return Ok(None);
    };
    let run = state
        .split_first_chunk()
        .and_then(|(count, subtrees)| Run::from_bytes(0, u64::from_be_bytes(*count), subtrees));
    match run {
        Some(run) => Ok(Some(run)),
        None => Err(corrupt(
            "the saved state of the Merkle tree is malformed; `verify` says more",
        )),
    }
}

/// The tree of all records, up to the one at `last`.
pub(super) fn read_tree(connection: &Connection, last: i64) -> Result<Run, LogError> {
    let read_from = |start: Run| -> Result<Run, LogError> {
        let tree = read_on(connection, start)?;
        if u64::try_from(last) == Ok(tree.end()) {
            Ok(tree)
        } else {
            Err(corrupt("records are missing; `verify` says which"))
        }
    };
    let kept = kept_tree(connection).and_then(|kept| read_from(kept.unwrap_or_else(|| Run::at(0))));
    match kept {
        // The state can be computed from the records, so a damaged one is recomputed.
        Err(error) if error.kind == LogErrorKind::Corrupt => read_from(Run::at(0)),
        kept => kept,
    }
}

/// Appends the records after those of `tree`.
fn read_on(connection: &Connection, mut tree: Run) -> Result<Run, LogError> {
    let gaps = Gaps::read(connection)?.all;
    let from = i64::try_from(tree.end()).map_err(|_| corrupt("an invalid position in the chain"))?;
    let mut gaps = gaps.range(from.saturating_add(1)..).map(|(_, gap)| gap).peekable();
    let mut statement =
        connection.prepare_cached("SELECT position, link FROM records WHERE position > ?1 ORDER BY position")?;
    let mut rows = statement.query([from])?;
    while let Some(row) = rows.next()? {
        let (position, link): (i64, Hash) = (row.get(0)?, row.get(1)?);
        while let Some(gap) = gaps.next_if(|gap| gap.first < position) {
            if !tree.append(&gap.run) {
                return Err(corrupt("a gap that is not where it should be; `verify` says more"));
            }
        }
        if leaf_of(position) != Some(tree.end()) {
            return Err(corrupt("records are missing; `verify` says which"));
        }
        tree.push(link);
    }
    Ok(tree)
}
