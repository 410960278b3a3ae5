//! How long the write-ahead log becomes: copied to the database in time, most of it beside the writer.

use std::time::Duration;

use rusqlite::Connection;

use super::writer::Writer;
use crate::log::LogError;

/// So many more pages of the write-ahead log are copied to the database: 8 MiB.
pub(super) const CHECKPOINT_PAGES: i32 = 2_000;
/// When so many come meanwhile, recording waits for the copy, and for readers for a moment, so that the write-ahead log can
/// begin anew: 32 MiB.
const WAL_PAGES_MAX: i32 = 8_000;
const READERS_WAIT: Duration = Duration::from_millis(50);

impl Writer {
    /// Copies the write-ahead log to the database before it grows too long: most of it beside this thread.
    pub fn bound_wal(&mut self) -> Result<(), LogError> {
        let pages = wal_pages();
        if pages < self.checkpoint_at {
            return Ok(());
        }
        let is_copied = self.checkpointer.poll()?;
        if !is_copied && pages < self.checkpoint_at.saturating_add(WAL_PAGES_MAX) {
            return Ok(());
        }
        let mode = if is_copied { "PASSIVE" } else { "RESTART" };
        let left = self.checkpoint_wal(mode)?;
        set_wal_pages(left);
        self.checkpoint_at = left.saturating_add(CHECKPOINT_PAGES);
        Ok(())
    }

    /// Returns how many pages of the write-ahead log cannot be written over yet. A failure is the log's last.
    pub fn checkpoint_wal(&self, mode: &str) -> Result<i32, LogError> {
        self.try_checkpoint_wal(mode).inspect_err(|error| self.refuse(error))
    }

    fn try_checkpoint_wal(&self, mode: &str) -> Result<i32, LogError> {
        self.connection.busy_timeout(READERS_WAIT)?;
        let (is_busy, pages, copied): (bool, i32, i32) =
            self.connection
                .query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                })?;
        Ok(if !is_busy && copied >= pages { 0 } else { pages.max(1) })
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
