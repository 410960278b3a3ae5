//! One attempt for all concurrent callers.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

#[derive(Debug)]
pub(super) struct Attempts<R> {
    /// How many attempts are over.
    over: AtomicU64,
    last: Mutex<Option<R>>,
}

impl<R> Default for Attempts<R> {
    fn default() -> Self {
        Self {
            over: AtomicU64::new(0),
            last: Mutex::new(None),
        }
    }
}

impl<R: Clone> Attempts<R> {
    /// Makes an attempt, or waits for the attempt in progress and returns its result.
    pub fn share(&self, attempt: impl FnOnce() -> R) -> R {
        let over_before = self.over.load(Ordering::Acquire);
        let mut last = self.last.lock();
        if self.over.load(Ordering::Acquire) > over_before
            && let Some(last) = &*last
        {
            return last.clone();
        }
        let outcome = attempt();
        *last = Some(outcome.clone());
        self.over.fetch_add(1, Ordering::AcqRel);
        outcome
    }
}
