//! A log that keeps calls in memory and fails where a test says so, or commits when a test says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use car_inference::log::{
    AttemptRecord, CallLog, CallStart, Commit, LogError, LogErrorKind, Note, Stamp, VerdictRecord,
};
use car_inference::stream::EventRef;
use car_inference::{Ending, EventLog, MemoryLog};
use tokio::sync::{Mutex, oneshot};

/// Which write of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    Start,
    Attempt(u32),
    Event(u32),
    Verdict(u32),
    Note(u32),
    End,
}

/// What a test says of a commit, when it says it.
type LateCommit = Arc<Mutex<oneshot::Receiver<Result<(), LogError>>>>;

/// Fails that one write, counted from 1 for its kind, and takes all others.
#[derive(Clone)]
pub struct FaultyLog {
    pub fails_at: Option<Write>,
    pub inner: MemoryLog,
    pub commit: Option<LateCommit>,
}

pub fn disk_full() -> LogError {
    LogError::new(LogErrorKind::DiskFull, "disk full")
}

impl FaultyLog {
    pub fn failing_at(write: Write) -> Self {
        Self {
            fails_at: Some(write),
            inner: MemoryLog::default(),
            commit: None,
        }
    }

    /// A log whose ending is committed when the test says so.
    pub fn committing_later() -> (Self, oneshot::Sender<Result<(), LogError>>) {
        let (sender, receiver) = oneshot::channel();
        let commit = Some(Arc::new(Mutex::new(receiver)));
        (
            Self {
                fails_at: None,
                inner: MemoryLog::default(),
                commit,
            },
            sender,
        )
    }
}

impl EventLog for FaultyLog {
    fn start(&self, start: &CallStart) -> Result<Arc<dyn CallLog>, LogError> {
        if self.fails_at == Some(Write::Start) {
            return Err(disk_full());
        }
        let inner = self.inner.start(start)?;
        let (fails_at, commit) = (self.fails_at, self.commit.clone());
        Ok(Arc::new(FaultyCallLog {
            fails_at,
            inner,
            commit,
            attempts: AtomicU32::new(0),
            events: AtomicU32::new(0),
            verdicts: AtomicU32::new(0),
            notes: AtomicU32::new(0),
        }))
    }
}

struct FaultyCallLog {
    fails_at: Option<Write>,
    inner: Arc<dyn CallLog>,
    commit: Option<LateCommit>,
    attempts: AtomicU32,
    events: AtomicU32,
    verdicts: AtomicU32,
    notes: AtomicU32,
}

/// Counts one more.
fn next(count: &AtomicU32) -> u32 {
    count.fetch_add(1, Ordering::Relaxed) + 1
}

impl FaultyCallLog {
    fn check(&self, write: Write) -> Result<(), LogError> {
        if self.fails_at == Some(write) {
            Err(disk_full())
        } else {
            Ok(())
        }
    }
}

impl CallLog for FaultyCallLog {
    fn attempt(&self, at_us: u64, attempt: &AttemptRecord) -> Result<(), LogError> {
        self.check(Write::Attempt(next(&self.attempts)))?;
        self.inner.attempt(at_us, attempt)
    }

    fn event(&self, stamp: Stamp, event: EventRef<'_>) -> Result<(), LogError> {
        self.check(Write::Event(next(&self.events)))?;
        self.inner.event(stamp, event)
    }

    fn verdict(&self, at_us: u64, verdict: &VerdictRecord) -> Result<(), LogError> {
        self.check(Write::Verdict(next(&self.verdicts)))?;
        self.inner.verdict(at_us, verdict)
    }

    fn note(&self, at_us: u64, note: &Note) -> Result<(), LogError> {
        self.check(Write::Note(next(&self.notes)))?;
        self.inner.note(at_us, note)
    }

    fn end(&self, stamp: Stamp, ending: &Arc<Ending>) -> Result<Commit, LogError> {
        self.check(Write::End)?;
        let commit = self.inner.end(stamp, ending)?;
        match self.commit.clone() {
            None => Ok(commit),
            Some(receiver) => Ok(Commit::Pending(Box::pin(async move {
                (&mut *receiver.lock().await).await.unwrap_or_else(|_| Err(disk_full()))
            }))),
        }
    }
}
