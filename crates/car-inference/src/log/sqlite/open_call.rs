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
    /// The batch is full and has to become a job.
    pub is_full: bool,
    /// The writer has to look at the call for the first time.
    pub lingers: bool,
}

pub(super) struct OpenCall {
    open: Mutex<Open>,
    pub durability: Durability,
    pub start: CallStart,
    /// Whether the ending has been given to the writer, or there will be none.
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
        Some(News { is_full, lingers })
    }

    /// How many bytes the batch that is being filled holds.
    pub fn batch_bytes(&self) -> usize {
        self.open.lock().batch.bytes()
    }

    /// Takes the batch that is being filled, to be queued at once: the queue calls this under its lock, so that a
    /// call's batches are queued in their order.
    pub fn take_batch(&self) -> Option<Batch> {
        let batch = std::mem::take(&mut self.open.lock().batch);
        Some(batch).filter(|batch| !batch.is_empty())
    }

    /// Like [`take_batch`](Self::take_batch), of a call that no longer lingers. What a call has left when it ends is
    /// written with its end.
    pub fn take_lingering(&self) -> Option<Batch> {
        let mut open = self.open.lock();
        open.lingers = false;
        if self.has_ended() {
            return None;
        }
        Some(std::mem::take(&mut open.batch)).filter(|batch| !batch.is_empty())
    }

    /// Takes the last batch, which is queued with the ending.
    pub fn take_last(&self) -> Batch {
        let mut open = self.open.lock();
        self.ended.store(true, Ordering::Relaxed);
        std::mem::take(&mut open.batch)
    }

    /// There will be no ending.
    pub fn give_up(&self) {
        let _open = self.open.lock();
        self.ended.store(true, Ordering::Relaxed);
    }

    /// Whether the ending has been given to the writer, or there will be none.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Takes the batch that is being filled, whatever comes before it: there will be no other.
    pub fn take_rest(&self) -> Batch {
        std::mem::take(&mut self.open.lock().batch)
    }

    /// Whether its events are delivered only once they are durable.
    pub fn holds_events(&self) -> bool {
        self.durability == Durability::Event
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
