//! Gives the writer a moment in which no query reads from the write-ahead log, so that the write-ahead log can be
//! restarted. If queries always overlap, there is no such moment by itself.

use std::time::Duration;

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

#[derive(Default)]
pub(super) struct ReadGate(RwLock<()>);

impl ReadGate {
    /// Held during a query. Long reads, such as a backup, do not hold it, so the writer does not wait for them.
    pub fn enter(&self) -> RwLockReadGuard<'_, ()> {
        self.0.read()
    }

    /// Blocks new queries, and waits for the queries in progress. New queries stay blocked while the guard is held.
    /// `None` if the queries in progress take longer than `patience`.
    pub fn close(&self, patience: Duration) -> Option<RwLockWriteGuard<'_, ()>> {
        self.0.try_write_for(patience)
    }
}
