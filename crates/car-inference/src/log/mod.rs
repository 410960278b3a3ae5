//! Where every call is recorded. The gate appends before it delivers, so that whatever a consumer saw can be found.

mod memory;
mod packed;
mod record;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

pub use memory::{CallFilter, MemoryLog, MemoryLogLimits};
pub use record::{
    AttemptRecord, CallRecord, CallStart, CallStatus, Decision, Ending, LoggedEvent, Note, Stamp, VerdictRecord,
};

use crate::stream::EventRef;

/// A log of calls, shared by all calls of an engine.
pub trait EventLog: Send + Sync + 'static {
    /// Records that a call starts. Everything else of the call is appended to what is returned.
    ///
    /// # Errors
    /// When the log cannot take the call; the call then fails with
    /// [`ErrorCode::LogFailed`](crate::ErrorCode::LogFailed).
    fn start(&self, start: &CallStart) -> Result<Arc<dyn CallLog>, LogError>;
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
}

/// When an ending is as durable as the log promises.
pub enum Commit {
    /// Now.
    Done,
    /// When this future says so.
    Pending(Pin<Box<dyn Future<Output = Result<(), LogError>> + Send>>),
}

/// The log could not take a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the event log failed: {reason}")]
pub struct LogError {
    /// Why. Never holds payload.
    pub reason: String,
}
