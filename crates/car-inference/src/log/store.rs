//! Reading and keeping a log: what hosts do with it beside recording. May block on a disk, so not for a thread that must not.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::query::{
    CallFilter, EraseReport, EraseTarget, EventRange, LogOutage, LogStats, PruneOptions, PruneReport, TailPage,
};
use super::{
    AttemptRecord, CallRecord, CallStart, Ending, EventLog, LogError, LoggedEvent, Note, Stamp, VerdictRecord,
};
use crate::error::Problem;
use crate::stream::StreamEvent;

/// A log that can be read. One suite of tests holds for all of them.
pub trait LogStore: EventLog {
    /// One call, open or ended; nothing when the log knows no such call.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn call(&self, trace_id: &str) -> Result<Option<CallRecord>, LogError>;

    /// The problems of a filter for this log: those of [`CallFilter::validate`], and a cursor of another log.
    fn check_filter(&self, filter: &CallFilter) -> Vec<Problem> {
        filter.validate()
    }

    /// The calls that match a filter, at most [`CallFilter::limit`], ordered by start, then by the order of recording.
    /// The conditions of the filter do not change this order.
    ///
    /// # Errors
    /// When the log cannot be read, or cannot be asked this.
    fn calls(&self, filter: &CallFilter) -> Result<Vec<CallRecord>, LogError>;

    /// The events of one call, in order, with `done` last when it was completed, at most `limit`. Nothing when the log
    /// knows no such call.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn events(&self, trace_id: &str, range: &EventRange, limit: usize) -> Result<Option<Vec<LoggedEvent>>, LogError>;

    /// What the log holds and how it is.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn stats(&self) -> Result<LogStats, LogError>;

    /// Where the log ends now, for [`tail`](Self::tail).
    ///
    /// # Errors
    /// When the log cannot be read.
    fn end_cursor(&self) -> Result<String, LogError>;

    /// What was recorded after `cursor`, or from the beginning; about `limit` items at most. Never waits.
    ///
    /// # Errors
    /// When the log cannot be read, or the cursor is none.
    fn tail(&self, cursor: Option<&str>, limit: usize) -> Result<TailPage, LogError>;

    /// Resolves when there may be something after `cursor`. Needs a Tokio runtime with time.
    fn changed(&self, _cursor: &str) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(Duration::from_millis(50)))
    }

    /// The number of the last record that is as durable as the log promises; 0 before the first.
    fn durable_seq(&self) -> u64;

    /// Returns once everything recorded so far is durable: on disk, whatever the mode.
    ///
    /// # Errors
    /// When it will not be.
    fn flush(&self) -> Result<(), LogError>;

    /// Removes ended calls, the oldest first, until every bound of `options` holds, or until only open calls and calls
    /// to keep are left. Frees their space.
    ///
    /// # Errors
    /// When the log cannot be written.
    fn prune(&self, options: &PruneOptions) -> Result<PruneReport, LogError>;

    /// Erases what calls said: requests, events, answers, failures, labels. What stays is when, which model and how it ended.
    /// An open call goes on for its consumer, but the log erases its payload so far and keeps no later payload; the
    /// call is listed as pending. Calls that start later are not affected. An unknown trace id or tag erases nothing.
    ///
    /// # Errors
    /// When the log cannot be written, or the target is not valid.
    fn erase(&self, target: &EraseTarget) -> Result<EraseReport, LogError>;

    /// Everything of one closed call. Nothing when there is no such call, it is open, or its payload was erased.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn archived(&self, trace_id: &str) -> Result<Option<ArchivedCall>, LogError>;

    /// Takes a closed call as it was in another log. Returns whether it did: a trace id that is there already is left alone.
    ///
    /// # Errors
    /// When the log cannot take it.
    fn restore(&self, call: ArchivedCall) -> Result<bool, LogError>;

    /// Makes a failed log record again, once the cause is gone. It checks the file, records calls that were cut off as
    /// interrupted, and records the outage. Then every handle and engine of the log records again. Returns `None` for a
    /// log that has not failed. Concurrent callers share one attempt. If it fails, you can call it again.
    ///
    /// # Errors
    /// Why the log still cannot continue: [`DiskFull`](super::LogErrorKind::DiskFull) and similar while the cause
    /// persists, [`Moved`](super::LogErrorKind::Moved) when the file is missing or was replaced,
    /// [`Locked`](super::LogErrorKind::Locked) when the log was opened again meanwhile,
    /// [`Closed`](super::LogErrorKind::Closed) when it is closed.
    fn reopen(&self) -> Result<Option<LogOutage>, LogError> {
        Ok(None)
    }

    /// Writes what waits, and lets go of the file. Calls that are open are recorded as interrupted. Closing again is fine.
    ///
    /// # Errors
    /// When what waits cannot be written.
    fn close(&self) -> Result<(), LogError>;
}

/// Everything that is recorded of a closed call.
#[derive(Debug, Clone)]
pub struct ArchivedCall {
    /// Its start.
    pub start: CallStart,
    /// Its events but `done`, in order.
    pub events: Vec<(Stamp, StreamEvent)>,
    /// The runs of runners.
    pub attempts: Vec<AttemptRecord>,
    /// What policy decided.
    pub verdicts: Vec<VerdictRecord>,
    /// What did not end it.
    pub notes: Vec<Note>,
    /// When it ended.
    pub ended: Stamp,
    /// How it ended.
    pub ending: Arc<Ending>,
}
