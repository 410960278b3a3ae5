//! Which blocks of the full-text index a change of the log writes.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;
use rusqlite::hooks::Action;

use crate::log::LogError;

/// The table with the blocks of the index.
const BLOCKS: &str = "call_texts_data";
/// Rows up to this one describe the index; those after it are blocks with words
/// (<https://sqlite.org/fts5.html#fts5_data_structures>).
const DESCRIPTION_LAST: i64 = 10;

/// The blocks that the deletion of words has changed, until they are packed.
#[derive(Default)]
pub(super) struct ChangedBlocks(Arc<Mutex<BTreeSet<i64>>>);

impl ChangedBlocks {
    /// Notes the blocks that `work` changes.
    pub fn note<R>(&self, connection: &Connection, work: impl FnOnce() -> Result<R, LogError>) -> Result<R, LogError> {
        let changed = Arc::clone(&self.0);
        connection.update_hook(Some(move |action, _: &str, table: &str, row| {
            if table == BLOCKS && action != Action::SQLITE_DELETE && row > DESCRIPTION_LAST {
                changed.lock().insert(row);
            }
        }))?;
        let result = work();
        connection.update_hook(None::<fn(Action, &str, &str, i64)>)?;
        result
    }

    /// Returns the blocks noted so far and forgets them.
    pub fn take(&self) -> Vec<i64> {
        std::mem::take(&mut *self.0.lock()).into_iter().collect()
    }
}
