//! The last step of the gate: how an admitted event reaches the consumer.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::time::Instant;

use super::Call;
use super::recording::log_failure;
use super::state::{After, CallState, Phase};
use crate::log::CallLog;
use crate::options::Limits;
use crate::stream::{EventRef, StreamEvent};

/// Who hands events over.
pub(super) enum Delivery {
    /// The driver, itself: a plain pass is its own event, so only what policy put in place of one waits here.
    Driver { replaced: Vec<StreamEvent> },
    /// The call's buffer, drained by the consumer.
    Buffer(Buffer),
    /// Nobody: the consumer is gone. Somebody may still wait for the ending.
    Discard { waker: Option<Waker> },
}

#[derive(Default)]
pub(super) struct Buffer {
    events: VecDeque<StreamEvent>,
    /// When they are delivered only once they are durable.
    held: Option<Box<Held>>,
    bytes: usize,
    waker: Option<Waker>,
    /// When a full buffer got room again: the time before was the consumer's, not the runner's.
    room_since: Option<Instant>,
    /// The attempt whose runner has been told that there is no room.
    told_full: Option<u32>,
}

/// Events that wait until they are durable.
struct Held {
    /// Their numbers in the log.
    seqs: VecDeque<u64>,
    log: Arc<dyn CallLog>,
}

impl Held {
    /// How many the log has taken and keeps until more comes.
    fn withheld(&self) -> usize {
        let (durable, taken) = self.log.withheld();
        let up_to = |seq: u64| self.seqs.partition_point(|held| *held <= seq);
        up_to(taken).saturating_sub(up_to(durable))
    }
}

impl Default for Delivery {
    fn default() -> Self {
        Self::Driver { replaced: Vec::new() }
    }
}

impl Delivery {
    pub fn buffer(&mut self) {
        if let Self::Driver { replaced } = self {
            let mut buffer = Buffer::default();
            for event in std::mem::take(replaced) {
                buffer.push(event, 0);
            }
            *self = Self::Buffer(buffer);
        }
    }

    /// Delivers events only once they are durable, from now on.
    pub fn hold(&mut self, log: &Arc<dyn CallLog>) {
        self.buffer();
        if let Self::Buffer(buffer) = self {
            buffer.held = Some(Box::new(Held {
                seqs: buffer.events.iter().map(|_| 0).collect(),
                log: Arc::clone(log),
            }));
        }
    }

    /// What is held will never be durable: it is never delivered.
    pub fn drop_held(&mut self) {
        if let Self::Buffer(buffer) = self
            && let Some(held) = &mut buffer.held
        {
            held.seqs.clear();
            buffer.events.clear();
            buffer.bytes = 0;
        }
    }

    /// Delivers an event that passed unchanged. Returns who to wake.
    #[inline]
    pub fn pass(&mut self, event: EventRef<'_>, seq: u64) -> Option<Waker> {
        match self {
            Self::Buffer(buffer) => {
                buffer.push(event.to_event(), seq);
                buffer.waker.take()
            }
            Self::Driver { .. } | Self::Discard { .. } => None,
        }
    }

    /// Delivers an event that stands in for others. Returns who to wake.
    pub fn replace(&mut self, event: StreamEvent, seq: u64) -> Option<Waker> {
        match self {
            Self::Driver { replaced } => {
                replaced.push(event);
                None
            }
            Self::Buffer(buffer) => {
                buffer.push(event, seq);
                buffer.waker.take()
            }
            Self::Discard { .. } => None,
        }
    }

    /// Whether the driver hands events over itself.
    #[inline]
    pub fn is_drivers(&self) -> bool {
        matches!(self, Self::Driver { .. })
    }

    pub fn is_full(&self, limits: &Limits) -> bool {
        match self {
            Self::Buffer(buffer) => {
                let may_be =
                    buffer.events.len() >= limits.buffered_events_max || buffer.bytes >= limits.buffered_bytes_max;
                may_be && buffer.is_full(limits)
            }
            Self::Driver { .. } | Self::Discard { .. } => false,
        }
    }

    /// Whether a runner has gone on emitting although it was told to wait for room. What an earlier attempt left in the
    /// buffer, or what one event became several of, is not its doing.
    pub fn is_overrun(&self, attempt: u32, limits: &Limits) -> bool {
        match self {
            Self::Buffer(buffer) => {
                buffer.told_full == Some(attempt)
                    && buffer.deliverable() >= limits.buffered_events_max.saturating_add(limits.unawaited_events_max)
            }
            Self::Driver { .. } | Self::Discard { .. } => false,
        }
    }

    /// What the attempt's runner is to be told: whether to wait for room.
    pub fn tell_full(&mut self, attempt: u32, limits: &Limits) -> bool {
        let full = self.is_full(limits);
        if let Self::Buffer(buffer) = self {
            buffer.told_full = full.then_some(attempt);
        }
        full
    }

    pub fn take_waker(&mut self) -> Option<Waker> {
        match self {
            Self::Buffer(buffer) => buffer.waker.take(),
            Self::Discard { waker } => waker.take(),
            Self::Driver { .. } => None,
        }
    }

    pub fn room_since(&self) -> Option<Instant> {
        match self {
            Self::Buffer(buffer) => buffer.room_since,
            Self::Driver { .. } | Self::Discard { .. } => None,
        }
    }
}

impl Buffer {
    /// How many events the consumer could have been given. What the log withholds is not the consumer's doing.
    fn deliverable(&self) -> usize {
        let withheld = self.held.as_ref().map_or(0, |held| held.withheld());
        self.events.len().saturating_sub(withheld)
    }

    fn is_full(&self, limits: &Limits) -> bool {
        let deliverable = self.deliverable();
        deliverable >= limits.buffered_events_max || (deliverable > 0 && self.bytes >= limits.buffered_bytes_max)
    }

    fn push(&mut self, event: StreamEvent, seq: u64) {
        if let Some(held) = &mut self.held {
            held.seqs.push_back(seq);
        }
        self.bytes += EventRef::from(&event).bytes();
        self.events.push_back(event);
    }
}

impl CallState {
    /// The number of the last event that may be delivered, once there is one.
    fn poll_durable(&mut self, context: &mut Context<'_>, after: &mut After) -> Poll<u64> {
        let Delivery::Buffer(buffer) = &mut self.delivery else {
            return Poll::Ready(u64::MAX);
        };
        let Some(next) = buffer.held.as_ref().and_then(|held| held.seqs.front()) else {
            return Poll::Ready(u64::MAX);
        };
        match (&self.log, &self.phase) {
            (Some(log), _) => match log.poll_durable(*next, context) {
                Poll::Ready(Ok(seq)) => Poll::Ready(seq),
                Poll::Pending => {
                    after.wake_instead(&mut buffer.waker, context);
                    // The log may withhold them until more comes: whoever waits for room looks again.
                    after.notify = true;
                    Poll::Pending
                }
                Poll::Ready(Err(error)) => {
                    self.delivery.drop_held();
                    self.stop(log_failure(&error), after);
                    self.log_error.get_or_insert(error);
                    Poll::Ready(u64::MAX)
                }
            },
            (None, Phase::Sealed(_)) => Poll::Ready(u64::MAX),
            // They become durable with the ending.
            (None, _) => {
                after.wake_instead(&mut buffer.waker, context);
                Poll::Pending
            }
        }
    }
}

/// What [`Call::poll_drain`] found.
#[derive(Debug, PartialEq)]
pub enum Batch {
    /// These events come next.
    Events(Vec<StreamEvent>),
    /// There are no more: [`Call::ending`].
    Ended,
}

impl Call {
    /// Takes up to `events_max` buffered events. Pending until there is one, or the ending.
    pub fn poll_drain(&self, context: &mut Context<'_>, events_max: usize) -> Poll<Batch> {
        let limits = self.shared.settings.limits;
        self.with(|state, after| {
            let durable = match state.poll_durable(context, after) {
                Poll::Ready(durable) => durable,
                Poll::Pending => return Poll::Pending,
            };
            let was_full = state.delivery.is_full(&limits);
            let sealed = matches!(state.phase, Phase::Sealed(_));
            let buffer = match &mut state.delivery {
                Delivery::Buffer(buffer) => buffer,
                Delivery::Discard { .. } | Delivery::Driver { .. } if sealed => return Poll::Ready(Batch::Ended),
                Delivery::Discard { waker } => {
                    after.wake_instead(waker, context);
                    return Poll::Pending;
                }
                Delivery::Driver { .. } => return Poll::Pending,
            };
            if buffer.events.is_empty() {
                if sealed {
                    return Poll::Ready(Batch::Ended);
                }
                after.wake_instead(&mut buffer.waker, context);
                return Poll::Pending;
            }
            let mut count = buffer.events.len().min(events_max.max(1));
            if let Some(held) = &mut buffer.held {
                count = count.min(held.seqs.partition_point(|seq| *seq <= durable));
                held.seqs.drain(..count);
            }
            let events: Vec<_> = buffer.events.drain(..count).collect();
            buffer.bytes -= events.iter().map(|event| EventRef::from(event).bytes()).sum::<usize>();
            if was_full && !state.delivery.is_full(&limits) {
                if let Delivery::Buffer(buffer) = &mut state.delivery {
                    buffer.room_since = Some(Instant::now());
                    buffer.told_full = None;
                }
                after.notify = true;
            }
            Poll::Ready(Batch::Events(events))
        })
    }

    /// Takes what stands in for events, for a driver that hands events over itself. In order; empty when there is
    /// nothing.
    #[must_use]
    pub fn take_replaced(&self) -> Vec<StreamEvent> {
        self.with(|state, _| match &mut state.delivery {
            Delivery::Driver { replaced } => std::mem::take(replaced),
            Delivery::Buffer(_) | Delivery::Discard { .. } => Vec::new(),
        })
    }

    /// Whether [`buffer_events`](Self::buffer_events) took the handing over from the driver.
    #[must_use]
    pub fn is_buffered(&self) -> bool {
        !matches!(&self.shared.state.lock().delivery, Delivery::Driver { .. })
    }

    /// Whether [`take_replaced`](Self::take_replaced) has something.
    #[must_use]
    pub fn has_replaced(&self) -> bool {
        matches!(&self.shared.state.lock().delivery, Delivery::Driver { replaced } if !replaced.is_empty())
    }
}
