//! Where every call is recorded. The gate appends before it delivers, so that whatever a consumer saw can be found.

mod cursor;
mod error;
mod memory;
mod packed;
mod query;
mod record;
mod search;
pub mod sqlite;
mod store;
pub mod transfer;
mod words;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

pub use error::{LogError, LogErrorKind};
pub use memory::{MemoryLog, MemoryLogLimits};
pub use query::{
    CallFilter, CallOrder, EraseReport, EraseTarget, EventRange, LogOutage, LogStats, PruneOptions, PruneReport,
    TailItem, TailPage,
};
pub use record::{
    AttemptRecord, CallRecord, CallStart, CallStatus, Decision, Ending, LoggedEvent, Note, Stamp, VerdictRecord,
};
pub use sqlite::{Durability, SqliteLog, SqliteLogOptions};
pub use store::{ArchivedCall, LogStore};

use crate::stream::EventRef;

/// A log of calls, shared by all calls of an engine.
pub trait EventLog: Send + Sync + 'static {
    /// Records that a call starts. Everything else of the call is appended to what is returned.
    ///
    /// # Errors
    /// When the log cannot take the call; the call then fails with
    /// [`ErrorCode::LogFailed`](crate::ErrorCode::LogFailed).
    fn start(&self, start: &CallStart) -> Result<Arc<dyn CallLog>, LogError>;

    /// A call goes on although [`start`](Self::start) failed, because its engine has `onLogFailure: 'continue'`.
    fn goes_unrecorded(&self) {}
}

/// One call's place in the log, which its readers may share. Called under the call's lock, one call after the other and once
/// an event: it must neither block nor do I/O.
pub trait CallLog: Send + Sync {
    /// Records that a runner was asked.
    ///
    /// # Errors
    /// When the log cannot take it.
    fn attempt(&self, at_us: u64, attempt: &AttemptRecord) -> Result<(), LogError>;

    /// Records an event that is about to be delivered.
    ///
    /// # Errors
    /// When the log cannot take it; the event is then not delivered and the call ends.
    fn event(&self, stamp: Stamp, event: EventRef<'_>) -> Result<(), LogError>;

    /// Records a verdict of policy. That an event passed unchanged is recorded by the event itself.
    ///
    /// # Errors
    /// When the log cannot take it.
    fn verdict(&self, at_us: u64, verdict: &VerdictRecord) -> Result<(), LogError>;

    /// Records something that did not end the call: an event refused, a result that disagrees, …
    ///
    /// # Errors
    /// When the log cannot take it.
    fn note(&self, at_us: u64, note: &Note) -> Result<(), LogError>;

    /// Records the ending, which a log in memory may share. Nothing follows. The ending is delivered once the commit is
    /// done.
    ///
    /// # Errors
    /// When the log cannot take it.
    fn end(&self, stamp: Stamp, ending: &Arc<Ending>) -> Result<Commit, LogError>;

    /// Whether events may be delivered only once they are durable: [`poll_durable`](Self::poll_durable) is then asked first.
    fn holds_events(&self) -> bool {
        false
    }

    /// The number of the last event that is durable, once the one of this number is. What is pending wakes the task.
    ///
    /// # Errors
    /// When it will never be.
    fn poll_durable(&self, _seq: u64, _context: &mut Context<'_>) -> Poll<Result<u64, LogError>> {
        Poll::Ready(Ok(u64::MAX))
    }

    /// The number of the last event that is durable, and of the last that the log has taken. Those between wait for what comes
    /// next, such as for whether it makes a secret of them: their runner must not be kept from it.
    fn withheld(&self) -> (u64, u64) {
        (u64::MAX, u64::MAX)
    }

    /// Why it records no more, when its call is to go on all the same.
    fn failure(&self) -> Option<LogError> {
        None
    }
}

/// When an ending is as durable as the log promises.
pub enum Commit {
    /// Now.
    Done,
    /// When this future says so. It is polled on the engine's runtime.
    Pending(Pin<Box<dyn Future<Output = Result<(), LogError>> + Send>>),
    /// When the log says so itself: it is given whom to tell, once the call's lock is released. What waits for a thread of the
    /// log's own needs no other.
    Later(Box<dyn FnOnce(OnCommit) + Send>),
}

impl Commit {
    /// Resolves when the ending is durable.
    ///
    /// # Errors
    /// When it will not be.
    pub async fn done(self) -> Result<(), LogError> {
        match self {
            Self::Done => Ok(()),
            Self::Pending(commit) => commit.await,
            Self::Later(later) => {
                let (sender, told) = tokio::sync::oneshot::channel();
                // Who no longer waits is not told.
                later(OnCommit::new(move |committed| drop(sender.send(committed))));
                told.await.unwrap_or_else(|_| Err(LogError::closed()))
            }
        }
    }
}

/// Whom a log tells that an ending is durable, or will not be. Dropped without a word, it is not.
pub struct OnCommit(Box<dyn FnOnce(Result<(), LogError>) + Send>);

impl OnCommit {
    pub(crate) fn new(tell: impl FnOnce(Result<(), LogError>) + Send + 'static) -> Self {
        Self(Box::new(tell))
    }

    /// Tells. Wakes whoever waits, and takes no longer than that.
    pub fn tell(self, committed: Result<(), LogError>) {
        (self.0)(committed);
    }
}
