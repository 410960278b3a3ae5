//! Bounds the size of the write-ahead log: copies it to the database in time, mostly in another thread than the
//! writer's.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use super::checkpointer::Checkpointer;
use super::options::Durability;
use super::places::Places;
use super::read_gate::ReadGate;
use super::store::Store;
use crate::log::LogError;

/// So many more pages of the write-ahead log are copied to the database: 8 MiB.
const CHECKPOINT_PAGES: i32 = 2_000;
/// If this many pages come meanwhile, recording waits for the copy, so that the write-ahead log can be restarted: 32
/// MiB.
const WAL_PAGES_MAX: i32 = 8_000;
/// How long recording waits for queries in progress, so that the write-ahead log can be restarted…
const READERS_PATIENCE: Duration = Duration::from_millis(50);
/// … and how long once the write-ahead log is longer than it should be.
const READERS_PATIENCE_MAX: Duration = Duration::from_millis(500);

pub(super) struct WalBound {
    checkpointer: Checkpointer,
    readers: Arc<ReadGate>,
    /// The write-ahead log is copied when it has this many pages.
    checkpoint_at: i32,
    /// The number of pages at the last check.
    pages: i32,
}

impl WalBound {
    pub fn new(places: Arc<Places>, durability: Durability, readers: Arc<ReadGate>) -> Self {
        Self {
            checkpointer: Checkpointer::new(places, durability),
            readers,
            checkpoint_at: CHECKPOINT_PAGES,
            pages: 0,
        }
    }

    /// Copies the write-ahead log to the database before it grows too long, mostly in another thread. If a reader or
    /// another program prevents the copy, it is tried again after the same amount of new pages.
    pub fn keep(&mut self, store: &mut Store) -> Result<(), LogError> {
        let pages = WAL_PAGES.get();
        if pages < self.pages {
            // The write-ahead log was restarted.
            self.checkpoint_at = CHECKPOINT_PAGES;
        }
        self.pages = pages;
        if pages < self.checkpoint_at {
            return Ok(());
        }
        if !self.checkpointer.poll()? {
            if pages < self.checkpoint_at.saturating_add(WAL_PAGES_MAX) {
                return Ok(());
            }
            // The disk is slower than the recording.
            self.checkpointer.wait();
            self.checkpointer.poll()?;
        }
        let patience = if pages < WAL_PAGES_MAX {
            READERS_PATIENCE
        } else {
            READERS_PATIENCE_MAX
        };
        let readers = self.readers.close(patience);
        let mode = if readers.is_some() { "RESTART" } else { "PASSIVE" };
        let _left = store.checkpoint_wal(mode)?;
        self.checkpoint_at = pages.saturating_add(CHECKPOINT_PAGES);
        Ok(())
    }

    /// Waits until no copy is in progress, because it would prevent another one.
    pub fn wait(&self) {
        self.checkpointer.wait();
    }

    /// Waits for a copy in progress; no other copy will start.
    pub fn stop(&mut self) {
        self.checkpointer.stop();
    }
}

thread_local! {
    /// Pages in the write-ahead log of this thread's connection, as SQLite counts them at each commit.
    static WAL_PAGES: Cell<i32> = const { Cell::new(0) };
}

pub(super) fn count_wal_pages(connection: &Connection) {
    connection.wal_hook(Some(|_, pages| {
        WAL_PAGES.set(pages);
        Ok(())
    }));
}
