//! How far the writer has come.

use tokio::sync::watch;

/// How far the writer has come.
pub(super) struct Progress {
    position: watch::Sender<i64>,
}

impl Progress {
    pub fn new(position: i64) -> Self {
        Self {
            position: watch::Sender::new(position),
        }
    }

    pub fn position(&self) -> i64 {
        *self.position.borrow()
    }

    pub fn advance(&self, position: i64) {
        self.position.send_if_modified(|known| {
            let is_news = *known != position;
            *known = position;
            is_news
        });
    }

    /// Wakes those who wait: there will be no more.
    pub fn fail(&self) {
        self.position.send_modify(|_| ());
    }

    pub fn watch(&self) -> watch::Receiver<i64> {
        self.position.subscribe()
    }
}
