//! One call that is being recorded: what its gate writes into, and what the writer takes out. Never waits for a disk; only
//! when far too much waits already does it wait for the writer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::options::Durability;
use super::queue::{LINGER, Queue, Urgency};
use super::writer::Job;
use crate::log::packed::PackedEvents;
use crate::log::{AttemptRecord, CallLog, CallStart, Commit, Ending, LogError, Note, Stamp, VerdictRecord};
use crate::stream::EventRef;

/// A batch is handed to the writer when it holds so many events…
const BATCH_EVENTS_MAX: u64 = 64;
/// … or bytes.
const BATCH_BYTES_MAX: usize = 64 * 1024;
/// A job of no payload to speak of takes about this.
const JOB_BYTES: usize = 512;

/// What is recorded beside events.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Annotation {
    Attempt(AttemptRecord),
    Verdict(VerdictRecord),
    Note(Note),
}

/// What one batch holds.
#[derive(Default)]
pub(super) struct Batch {
    pub events: PackedEvents,
    /// With their times, in microseconds since the call's start.
    pub annotations: Vec<(u64, Annotation)>,
}

impl Batch {
    pub fn is_empty(&self) -> bool {
        self.events.count() == 0 && self.annotations.is_empty()
    }

    fn bytes(&self) -> usize {
        JOB_BYTES + self.events.bytes() + self.annotations.len() * JOB_BYTES
    }
}

#[derive(Default)]
struct Open {
    batch: Batch,
    /// The writer is going to look at the batch.
    lingers: bool,
    /// Batches that wait in the queue, and come before this one.
    queued: usize,
}

/// What of a call is durable.
#[derive(Default)]
struct Durable {
    seq: u64,
    /// The last event that the writer has taken; redaction may hold it back.
    taken: u64,
    failure: Option<LogError>,
    waker: Option<Waker>,
}

pub(super) struct OpenCall {
    open: Mutex<Open>,
    queue: Arc<Queue>,
    durability: Durability,
    pub start: CallStart,
    /// Whether the ending has been given to the writer.
    ended: AtomicBool,
    durable: Mutex<Durable>,
    /// What the writer knows of the call.
    pub written: Mutex<super::writer::WrittenCall>,
}

impl OpenCall {
    pub fn new(start: &CallStart, queue: Arc<Queue>, durability: Durability) -> Arc<Self> {
        Arc::new(Self {
            open: Mutex::default(),
            queue,
            durability,
            start: start.clone(),
            ended: AtomicBool::new(false),
            durable: Mutex::default(),
            written: Mutex::default(),
        })
    }

    /// Takes the batch that is being filled, unless others come before it.
    pub fn take_ripe(&self) -> Option<Batch> {
        let mut open = self.open.lock();
        open.lingers = false;
        // Those before it are in the queue, and so is what comes after them: the next look is theirs.
        if open.queued > 0 {
            return None;
        }
        Some(std::mem::take(&mut open.batch)).filter(|batch| !batch.is_empty())
    }

    /// Takes the batch that is being filled, whatever comes before it: there will be no other.
    pub fn take_rest(&self) -> Batch {
        std::mem::take(&mut self.open.lock().batch)
    }

    /// Whether its events are delivered only once they are durable.
    pub fn holds_events(&self) -> bool {
        self.durability == Durability::Event
    }

    /// The writer has taken a batch out of the queue.
    pub fn dequeued(&self) {
        self.open.lock().queued -= 1;
    }

    /// Whether something waits that the writer has not been told of.
    pub fn linger_again(self: &Arc<Self>) {
        let mut open = self.open.lock();
        if !open.batch.is_empty() && !open.lingers {
            open.lingers = true;
            drop(open);
            // A queue that takes nothing any more has told why.
            let _told = self.queue.linger(Arc::clone(self), Duration::ZERO);
        }
    }

    /// Events are durable up to this number, and taken up to that one; or they never will be.
    pub fn made_durable(&self, outcome: Result<(u64, u64), LogError>) {
        let waker = {
            let mut durable = self.durable.lock();
            match outcome {
                Ok((seq, taken)) => {
                    durable.seq = durable.seq.max(seq);
                    durable.taken = durable.taken.max(taken);
                }
                Err(error) => durable.failure = Some(error),
            }
            durable.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The face of an [`OpenCall`] that its gate writes to.
pub(super) struct Recorder(pub Arc<OpenCall>);

impl Recorder {
    fn call(&self) -> &OpenCall {
        &self.0
    }

    /// Puts something into the batch, and sees to it that the writer looks at it in time.
    #[inline]
    fn put(&self, add: impl FnOnce(&mut Open)) -> Result<(), LogError> {
        let call = self.call();
        call.queue.check()?;
        let mut open = call.open.lock();
        add(&mut open);
        let is_full = open.batch.events.count() >= BATCH_EVENTS_MAX || open.batch.events.bytes() >= BATCH_BYTES_MAX;
        if open.lingers && !is_full {
            return Ok(());
        }
        let is_news = !std::mem::replace(&mut open.lingers, true);
        let full = is_full.then(|| std::mem::take(&mut open.batch));
        if full.is_some() {
            open.queued += 1;
        }
        // Not under the lock: the writer needs it to make room.
        drop(open);
        self.hand_over(full, is_news)
    }

    #[cold]
    fn hand_over(&self, full: Option<Batch>, is_news: bool) -> Result<(), LogError> {
        let call = self.call();
        if let Some(batch) = full {
            let bytes = batch.bytes();
            let job = Job::Batch(Arc::clone(&self.0), Box::new(batch));
            call.queue.try_push(job, bytes, Urgency::Soon).map_err(|(job, error)| {
                if let Job::Batch(_, batch) = job {
                    self.take_back(*batch);
                }
                error
            })?;
        }
        if is_news {
            let linger = if call.durability == Durability::Event {
                Duration::ZERO
            } else {
                LINGER
            };
            call.queue.linger(Arc::clone(&self.0), linger)?;
        }
        Ok(())
    }

    /// What has been recorded is recorded: it comes with the call's ending.
    fn take_back(&self, batch: Batch) {
        let mut open = self.call().open.lock();
        open.batch = batch;
        open.queued -= 1;
        open.lingers = false;
    }

    fn annotate(&self, at_us: u64, annotation: Annotation) -> Result<(), LogError> {
        self.put(|open| open.batch.annotations.push((at_us, annotation)))
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if !self.call().ended.load(Ordering::Relaxed) {
            // A queue that takes nothing any more belongs to a log that is closed or has failed; the next open sees to it.
            let _told = self
                .call()
                .queue
                .push(Job::Abandoned(Arc::clone(&self.0)), JOB_BYTES, Urgency::Soon);
        }
    }
}

impl CallLog for Recorder {
    fn attempt(&self, at_us: u64, attempt: &AttemptRecord) -> Result<(), LogError> {
        self.annotate(at_us, Annotation::Attempt(attempt.clone()))
    }

    fn event(&self, stamp: Stamp, event: EventRef<'_>) -> Result<(), LogError> {
        self.put(|open| open.batch.events.push(stamp, event))
    }

    fn verdict(&self, at_us: u64, verdict: &VerdictRecord) -> Result<(), LogError> {
        self.annotate(at_us, Annotation::Verdict(verdict.clone()))
    }

    fn note(&self, at_us: u64, note: &Note) -> Result<(), LogError> {
        self.annotate(at_us, Annotation::Note(note.clone()))
    }

    fn end(&self, stamp: Stamp, ending: &Arc<Ending>) -> Result<Commit, LogError> {
        let call = self.call();
        call.ended.store(true, Ordering::Relaxed);
        let batch = {
            let mut open = call.open.lock();
            open.queued += 1;
            std::mem::take(&mut open.batch)
        };
        let bytes = batch.bytes() + ending.completion.text.len();
        let (call, queue) = (Arc::clone(&self.0), Arc::clone(&call.queue));
        let ending = Arc::clone(ending);
        let waits = call.durability != Durability::Relaxed;
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
            // A queue that does not take it says why to whom it would have been told.
            let _told = queue.push(job(Some(on_commit)), bytes, Urgency::Shared);
        })))
    }

    fn holds_events(&self) -> bool {
        self.call().holds_events()
    }

    fn withheld(&self) -> (u64, u64) {
        let durable = self.call().durable.lock();
        (durable.seq, durable.taken)
    }

    fn poll_durable(&self, seq: u64, context: &mut Context<'_>) -> Poll<Result<u64, LogError>> {
        let call = self.call();
        if !call.holds_events() {
            return Poll::Ready(Ok(u64::MAX));
        }
        let mut durable = call.durable.lock();
        if durable.seq >= seq {
            return Poll::Ready(Ok(durable.seq));
        }
        if let Some(error) = &durable.failure {
            return Poll::Ready(Err(error.clone()));
        }
        durable.waker = Some(context.waker().clone());
        Poll::Pending
    }
}
