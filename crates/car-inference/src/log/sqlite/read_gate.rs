//! Lets the writer have a moment in which no question is answered from the write-ahead log, so that this can begin anew: with
//! questions that overlap there would be none.

use std::time::Duration;

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

#[derive(Default)]
pub(super) struct ReadGate(RwLock<()>);

impl ReadGate {
    /// Held while a question is answered. Not by what takes long, such as a backup, which is not waited for.
    pub fn enter(&self) -> RwLockReadGuard<'_, ()> {
        self.0.read()
    }

    /// Keeps new questions waiting until those that are being answered are over, and for as long as the guard is held. Nothing
    /// when these take longer than `patience`.
    pub fn close(&self, patience: Duration) -> Option<RwLockWriteGuard<'_, ()>> {
        self.0.try_write_for(patience)
    }
}
