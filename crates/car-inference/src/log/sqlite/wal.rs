//! How long the write-ahead log becomes: copied to the database in time, most of it beside the writer.

use rusqlite::Connection;

use super::checkpointer::Checkpointer;
use super::files::LogPath;
use super::options::Durability;
use super::store::Store;
use crate::log::LogError;

/// So many more pages of the write-ahead log are copied to the database: 8 MiB.
const CHECKPOINT_PAGES: i32 = 2_000;
/// When so many come meanwhile, recording waits for the copy, and for readers for a moment, so that the write-ahead log can
/// begin anew: 32 MiB.
const WAL_PAGES_MAX: i32 = 8_000;

pub(super) struct WalBound {
    checkpointer: Checkpointer,
    /// So many pages of the write-ahead log are to be copied.
    checkpoint_at: i32,
}

impl WalBound {
    pub fn new(path: LogPath, durability: Durability) -> Self {
        Self {
            checkpointer: Checkpointer::new(path, durability),
            checkpoint_at: CHECKPOINT_PAGES,
        }
    }

    /// Copies the write-ahead log to the database before it grows too long: most of it beside this thread.
    pub fn keep(&mut self, store: &mut Store) -> Result<(), LogError> {
        let pages = wal_pages();
        if pages < self.checkpoint_at {
            return Ok(());
        }
        let is_copied = self.checkpointer.poll()?;
        if !is_copied && pages < self.checkpoint_at.saturating_add(WAL_PAGES_MAX) {
            return Ok(());
        }
        let mode = if is_copied { "PASSIVE" } else { "RESTART" };
        let left = store.checkpoint_wal(mode)?;
        set_wal_pages(left);
        self.checkpoint_at = left.saturating_add(CHECKPOINT_PAGES);
        Ok(())
    }

    /// Waits for a copy that is under way; there will be no other.
    pub fn stop(&mut self) {
        self.checkpointer.stop();
    }
}

thread_local! {
    /// Pages in the write-ahead log of this thread's connection, as SQLite counts them at each commit.
    static WAL_PAGES: std::cell::Cell<i32> = const { std::cell::Cell::new(0) };
}

pub(super) fn count_wal_pages(connection: &Connection) {
    connection.wal_hook(Some(|_, pages| {
        set_wal_pages(pages);
        Ok(())
    }));
}

fn wal_pages() -> i32 {
    WAL_PAGES.get()
}

fn set_wal_pages(pages: i32) {
    WAL_PAGES.set(pages);
}
