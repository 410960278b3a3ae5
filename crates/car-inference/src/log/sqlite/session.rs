//! One stretch of a log that is recorded to: its queue, how far it has come, and the thread that writes.

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
    /// Closed by the writer for a moment now and then.
    pub gate: Arc<ReadGate>,
    pub places: Arc<Places>,
    /// Nothing for a log that is only read.
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Calls that went on although their start was not taken.
    unrecorded: AtomicU64,
}

impl Session {
    /// `position` is where the log ends.
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

    /// The thread that writes has been started.
    pub fn written_by(&self, thread: JoinHandle<()>) {
        *self.thread.lock() = Some(thread);
    }

    /// A call goes on although its start was not taken.
    pub fn count_unrecorded(&self) {
        self.unrecorded.fetch_add(1, Ordering::Relaxed);
    }

    /// How many calls did.
    pub fn unrecorded(&self) -> u64 {
        self.unrecorded.load(Ordering::Relaxed)
    }

    /// Waits for the writer to finish, also when somebody else waits for it already.
    pub fn join(&self) -> Result<(), LogError> {
        // Held while it ends, so that whoever else wants to know waits as well.
        let mut thread = self.thread.lock();
        let is_own = thread
            .as_ref()
            .is_some_and(|thread| thread.thread().id() == std::thread::current().id());
        if is_own {
            // The last who held the log was a call that the writer itself told of its ending.
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
