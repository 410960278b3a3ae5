//! The recorder that a call's gate writes to. It never waits for a disk; only when the queue is full does it wait for
//! the writer.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::annotation::Annotation;
use super::job::Job;
use super::open_call::{Batch, JOB_BYTES, News, OpenCall};
use super::options::Durability;
use super::queue::{LINGER, Queue, Urgency};
use crate::log::{AttemptRecord, CallLog, Commit, Ending, LogError, Note, Stamp, VerdictRecord};
use crate::stream::EventRef;

pub(super) struct Recorder {
    call: Arc<OpenCall>,
    queue: Arc<Queue>,
}

impl Recorder {
    pub fn new(call: Arc<OpenCall>, queue: Arc<Queue>) -> Self {
        Self { call, queue }
    }

    /// Adds a record to the batch, and makes sure that the writer looks at it in time.
    #[inline]
    fn put(&self, add: impl FnOnce(&mut Batch)) -> Result<(), LogError> {
        self.queue.check()?;
        match self.call.put(add) {
            None => Ok(()),
            // Not under the call's lock, which the writer needs to make room.
            Some(news) => self.hand_over(news),
        }
    }

    #[cold]
    fn hand_over(&self, News { is_full, lingers }: News) -> Result<(), LogError> {
        if lingers {
            let linger = if self.call.durability == Durability::Event {
                Duration::ZERO
            } else {
                LINGER
            };
            self.queue.linger(Arc::clone(&self.call), linger)?;
        }
        if is_full {
            self.queue.push_batch(&self.call)?;
        }
        Ok(())
    }

    fn annotate(&self, at_us: u64, annotation: Annotation) -> Result<(), LogError> {
        self.put(|batch| batch.annotations.push((at_us, annotation)))
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if !self.call.has_ended() {
            self.call.give_up();
            let job = Job::Abandoned(Arc::clone(&self.call));
            // If the queue accepts no more jobs, the log is closed or has failed; the next open closes the call.
            let _told = self.queue.push(job, JOB_BYTES, Urgency::Soon);
        }
    }
}

impl CallLog for Recorder {
    fn attempt(&self, at_us: u64, attempt: &AttemptRecord) -> Result<(), LogError> {
        self.annotate(at_us, Annotation::Attempt(attempt.clone()))
    }

    fn event(&self, stamp: Stamp, event: EventRef<'_>) -> Result<(), LogError> {
        self.put(|batch| batch.events.push(stamp, event))
    }

    fn verdict(&self, at_us: u64, verdict: &VerdictRecord) -> Result<(), LogError> {
        self.annotate(at_us, Annotation::Verdict(verdict.clone()))
    }

    fn note(&self, at_us: u64, note: &Note) -> Result<(), LogError> {
        self.annotate(at_us, Annotation::Note(note.clone()))
    }

    fn end(&self, stamp: Stamp, ending: &Arc<Ending>) -> Result<Commit, LogError> {
        let batch = self.call.take_last();
        let bytes = batch.bytes() + ending.completion.text.len();
        let (call, queue) = (Arc::clone(&self.call), Arc::clone(&self.queue));
        let ending = Arc::clone(ending);
        let waits = call.durability != Durability::Relaxed || queue.is_behind();
        let job = move |committed| Job::End {
            call,
            batch: Box::new(batch),
            stamp,
            ending,
            committed,
        };
        if !waits {
            queue.push(job(None), bytes, Urgency::Soon)?;
            return Ok(Commit::Done);
        }
        Ok(Commit::Later(Box::new(move |on_commit| {
            // If the queue refuses the job, it reports the reason to the job's waiter.
            let _told = queue.push(job(Some(on_commit)), bytes, Urgency::Shared);
        })))
    }

    fn holds_events(&self) -> bool {
        self.call.holds_events()
    }

    fn withheld(&self) -> (u64, u64) {
        self.call.withheld()
    }

    fn poll_durable(&self, seq: u64, context: &mut Context<'_>) -> Poll<Result<u64, LogError>> {
        self.call.poll_durable(seq, context)
    }
}
