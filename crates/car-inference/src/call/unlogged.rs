//! A call that goes on although its log has failed, because its engine is to continue: it says so, once.

use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use crate::log::{AttemptRecord, CallLog, Commit, Ending, LogError, Note, Stamp, VerdictRecord};
use crate::stream::{EventRef, Warning};

/// What the answer of such a call says.
pub(super) fn unlogged(error: &LogError) -> Warning {
    Warning {
        message: format!("the event log failed: {error}; this call is not recorded, or not whole"),
        code: Some("unlogged".into()),
    }
}

/// A log whose failures are remembered instead of told.
pub(super) struct Unlogged {
    log: Arc<dyn CallLog>,
    failure: OnceLock<LogError>,
}

impl From<Arc<dyn CallLog>> for Unlogged {
    fn from(log: Arc<dyn CallLog>) -> Self {
        Self {
            log,
            failure: OnceLock::new(),
        }
    }
}

impl Unlogged {
    /// Writes, unless a write has failed: what follows a gap is not recorded either.
    fn write(&self, write: impl FnOnce(&dyn CallLog) -> Result<(), LogError>) -> Result<(), LogError> {
        if self.failure.get().is_none()
            && let Err(error) = write(&*self.log)
        {
            self.failure.get_or_init(|| error);
        }
        Ok(())
    }
}

impl CallLog for Unlogged {
    fn attempt(&self, at_us: u64, attempt: &AttemptRecord) -> Result<(), LogError> {
        self.write(|log| log.attempt(at_us, attempt))
    }

    fn event(&self, stamp: Stamp, event: EventRef<'_>) -> Result<(), LogError> {
        self.write(|log| log.event(stamp, event))
    }

    fn verdict(&self, at_us: u64, verdict: &VerdictRecord) -> Result<(), LogError> {
        self.write(|log| log.verdict(at_us, verdict))
    }

    fn note(&self, at_us: u64, note: &Note) -> Result<(), LogError> {
        self.write(|log| log.note(at_us, note))
    }

    fn end(&self, stamp: Stamp, ending: &Arc<Ending>) -> Result<Commit, LogError> {
        match self.failure.get() {
            Some(_) => Ok(Commit::Done),
            None => self.log.end(stamp, ending),
        }
    }

    fn holds_events(&self) -> bool {
        self.log.holds_events()
    }

    fn poll_durable(&self, seq: u64, context: &mut Context<'_>) -> Poll<Result<u64, LogError>> {
        if self.failure.get().is_some() {
            return Poll::Ready(Ok(u64::MAX));
        }
        self.log.poll_durable(seq, context).map(|durable| {
            durable.or_else(|error| {
                self.failure.get_or_init(|| error);
                Ok(u64::MAX)
            })
        })
    }

    fn withheld(&self) -> (u64, u64) {
        self.log.withheld()
    }

    fn failure(&self) -> Option<LogError> {
        self.failure.get().cloned()
    }
}
