//! A session of a log, from opening or reopening to its close or failure: its queue, its progress, and its writer
//! thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use parking_lot::Mutex;

use super::places::Places;
use super::progress::Progress;
use super::queue::Queue;
use super::read_gate::ReadGate;
use crate::log::{LogError, LogErrorKind};

pub(super) struct Session {
    pub queue: Arc<Queue>,
    pub progress: Arc<Progress>,
    /// The writer closes it for a moment now and then.
    pub gate: Arc<ReadGate>,
    pub places: Arc<Places>,
    /// `None` for a log that is only read.
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Calls that went on although their start was not recorded.
    unrecorded: AtomicU64,
}

impl Session {
    /// `position` is the end of the log.
    pub fn new(queue_bytes_max: usize, position: i64, places: Arc<Places>) -> Self {
        Self {
            queue: Arc::new(Queue::new(queue_bytes_max)),
            progress: Arc::new(Progress::new(position)),
            gate: Arc::default(),
            places,
            thread: Mutex::default(),
            unrecorded: AtomicU64::new(0),
        }
    }

    /// Stores the writer thread after it was started.
    pub fn written_by(&self, thread: JoinHandle<()>) {
        *self.thread.lock() = Some(thread);
    }

    /// Counts a call that goes on although its start was not recorded.
    pub fn count_unrecorded(&self) {
        self.unrecorded.fetch_add(1, Ordering::Relaxed);
    }

    /// The number of such calls.
    pub fn unrecorded(&self) -> u64 {
        self.unrecorded.load(Ordering::Relaxed)
    }

    /// Waits for the writer to finish, even if another caller is waiting already.
    pub fn join(&self) -> Result<(), LogError> {
        // The lock is held until the thread has ended, so that other callers wait too.
        let mut thread = self.thread.lock();
        let is_own = thread
            .as_ref()
            .is_some_and(|thread| thread.thread().id() == std::thread::current().id());
        if is_own {
            // The last holder of the log was a call whose ending the writer itself reported.
            return Ok(());
        }
        let ended = thread.take().map_or(Ok(()), JoinHandle::join);
        drop(thread);
        match self.queue.failure() {
            _ if ended.is_err() => Err(LogError::new(
                LogErrorKind::Other,
                "the log's thread panicked; please report it",
            )),
            Some(error) if error.kind != LogErrorKind::Closed => Err(error.clone()),
            _ => Ok(()),
        }
    }
}
