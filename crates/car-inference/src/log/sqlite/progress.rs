//! How far the writer has come.

use parking_lot::Mutex;
use tokio::sync::watch;

use super::head::Head;

/// How far the writer has come.
pub(super) struct Progress {
    position: watch::Sender<i64>,
    /// The last record that was committed, where this process writes.
    committed: Mutex<Option<Head>>,
}

impl Progress {
    pub fn new(position: i64) -> Self {
        Self {
            position: watch::Sender::new(position),
            committed: Mutex::default(),
        }
    }

    pub fn position(&self) -> i64 {
        *self.position.borrow()
    }

    /// Everything up to this record is committed.
    pub fn reach(&self, head: Head) {
        *self.committed.lock() = Some(head);
        self.advance(head.position);
    }

    /// Another process has written up to this record.
    pub fn advance(&self, position: i64) {
        self.position.send_if_modified(|known| {
            let is_news = *known != position;
            *known = position;
            is_news
        });
    }

    /// The last record that this process committed.
    pub fn committed(&self) -> Option<Head> {
        *self.committed.lock()
    }

    /// Wakes all waiters: there will be no more records.
    pub fn fail(&self) {
        self.position.send_modify(|_| ());
    }

    pub fn watch(&self) -> watch::Receiver<i64> {
        self.position.subscribe()
    }
}
