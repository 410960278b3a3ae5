//! One call that is being recorded. Its recorder adds records and the writer takes them. Has no queue, so it never
//! waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use super::annotation::Annotation;
use super::options::Durability;
use super::recorded::WrittenCall;
use crate::log::packed::PackedEvents;
use crate::log::{CallStart, LogError};

/// A batch is handed to the writer when it holds so many events…
const BATCH_EVENTS_MAX: u64 = 64;
/// … or bytes.
const BATCH_BYTES_MAX: usize = 64 * 1024;
/// A job of no payload to speak of takes about this.
pub(super) const JOB_BYTES: usize = 512;

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

    pub fn bytes(&self) -> usize {
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

/// What a recorder has to tell the queue after adding a record to the batch.
pub(super) struct News {
    /// The batch is full and becomes a job.
    pub full: Option<Batch>,
    /// The writer has to look at the call for the first time.
    pub lingers: bool,
}

pub(super) struct OpenCall {
    open: Mutex<Open>,
    pub durability: Durability,
    pub start: CallStart,
    /// Whether the ending has been given to the writer.
    ended: AtomicBool,
    durable: Mutex<Durable>,
    /// What the writer knows of the call.
    pub written: Mutex<WrittenCall>,
}

impl OpenCall {
    pub fn new(start: &CallStart, durability: Durability) -> Arc<Self> {
        Arc::new(Self {
            open: Mutex::default(),
            durability,
            start: start.clone(),
            ended: AtomicBool::new(false),
            durable: Mutex::default(),
            written: Mutex::default(),
        })
    }

    /// Adds a record to the batch. Returns what the queue has to be told, if anything.
    #[inline]
    pub fn put(&self, add: impl FnOnce(&mut Batch)) -> Option<News> {
        let mut open = self.open.lock();
        add(&mut open.batch);
        let is_full = open.batch.events.count() >= BATCH_EVENTS_MAX || open.batch.events.bytes() >= BATCH_BYTES_MAX;
        if open.lingers && !is_full {
            return None;
        }
        let lingers = !std::mem::replace(&mut open.lingers, true);
        let full = is_full.then(|| std::mem::take(&mut open.batch));
        if full.is_some() {
            open.queued += 1;
        }
        Some(News { full, lingers })
    }

    /// Takes back a full batch for which the queue had no room. Its records will be written with the call's ending.
    pub fn take_back(&self, batch: Batch) {
        let mut open = self.open.lock();
        open.batch = batch;
        open.queued -= 1;
        open.lingers = false;
    }

    /// Takes the last batch, which is queued with the ending.
    pub fn take_last(&self) -> Batch {
        self.ended.store(true, Ordering::Relaxed);
        let mut open = self.open.lock();
        open.queued += 1;
        std::mem::take(&mut open.batch)
    }

    /// Whether the ending has been given to the writer.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
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

    /// Whether records wait that the writer has not been told of. If true, the caller has to tell the writer.
    pub fn lingers_again(&self) -> bool {
        let mut open = self.open.lock();
        let is_news = !open.batch.is_empty() && !open.lingers;
        open.lingers |= is_news;
        is_news
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
    /// The last event that is durable, and the last event that the writer has taken.
    pub fn withheld(&self) -> (u64, u64) {
        let durable = self.durable.lock();
        (durable.seq, durable.taken)
    }

    pub fn poll_durable(&self, seq: u64, context: &mut Context<'_>) -> Poll<Result<u64, LogError>> {
        if !self.holds_events() {
            return Poll::Ready(Ok(u64::MAX));
        }
        let mut durable = self.durable.lock();
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
