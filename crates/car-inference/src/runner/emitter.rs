//! The sink of one attempt. Owns nothing but its way to the gate.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::Instant;

use crate::call::{Admission, Call, Verdict};
use crate::error::{Failure, FailureDetails};
use crate::schema::ModelSchema;
use crate::stream::{EventRef, StreamEvent};

/// What became of an emitted event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emitted {
    /// It passed the gate.
    Delivered,
    /// The call takes no events any more; the runner should stop.
    Closed,
    /// It was out of order, in a way that loses nothing; it was dropped and noted.
    Refused,
}

/// Where a runner sends its events, and where it learns of its call. Clones share the call; one that outlives the
/// run is closed.
#[derive(Clone)]
pub struct EventEmitter {
    call: Call,
    attempt: u32,
    model: Arc<ModelSchema>,
}

impl EventEmitter {
    pub(crate) fn new(call: Call, attempt: u32, model: Arc<ModelSchema>) -> Self {
        Self { call, attempt, model }
    }

    /// Sends one event through the gate, waiting while the buffer is full.
    pub async fn emit(&self, event: StreamEvent) -> Emitted {
        let admission = self.call.admit_when_room(self.attempt, &event).await;
        match admission.verdict {
            Verdict::Pass | Verdict::Withheld | Verdict::Replaced => Emitted::Delivered,
            Verdict::Refused => Emitted::Refused,
            Verdict::Closed => Emitted::Closed,
        }
    }

    /// Sends one event through the gate at once, for hosts that cannot wait here. When the answer says
    /// [`full`](Admission::full), [`room`](Self::room) says when to go on; a host that does not wait meets
    /// [`Limits::unawaited_events_max`](crate::Limits::unawaited_events_max).
    pub fn emit_now(&self, event: EventRef<'_>) -> Admission {
        self.emit_at(event, Instant::now())
    }

    /// As [`emit_now`](Self::emit_now), for hosts that know what time it is: one clock reading may do for several events.
    #[inline]
    pub fn emit_at(&self, event: EventRef<'_>, now: Instant) -> Admission {
        self.call.admit(self.attempt, event, now)
    }

    /// Ends the call because the runner sent what is not an event.
    pub fn reject(&self, failure: Failure) -> Admission {
        self.call.reject(self.attempt, failure)
    }

    /// Resolves when the consumer's buffer has room, or the attempt is over.
    pub async fn room(&self) {
        self.call.room(self.attempt).await;
    }

    /// Whether events are still taken: the consumer is there and the call has not been stopped.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.call.is_closed(self.attempt)
    }

    /// Resolves when the runner should stop, with the reason. Never resolves for a call that is completed.
    pub async fn cancelled(&self) -> Failure {
        self.call.stopped(self.attempt).await
    }

    /// Why the runner should stop, if it should; like [`cancelled`](Self::cancelled), without waiting.
    #[must_use]
    pub fn stop_reason(&self) -> Option<Failure> {
        self.call.stop_reason_of(self.attempt)
    }

    /// Says more of a failure that [`run`](super::InferenceRunner::run) is about to return: status, retry-after, body.
    pub fn describe_failure(&self, details: FailureDetails) {
        self.call.describe_failure(self.attempt, details);
    }

    /// The call itself, for hosts that run runners in a runtime of their own.
    #[must_use]
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// The call's trace id.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        &self.call.facts().trace_id
    }

    /// The model that this attempt is for.
    #[must_use]
    pub fn model(&self) -> &ModelSchema {
        &self.model
    }

    /// The model's hint.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.model.hint()
    }

    /// This attempt's number, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// When the call will have taken too long.
    #[must_use]
    pub fn deadline(&self) -> Option<SystemTime> {
        self.call.deadline()
    }

    /// The host's own reference for the call.
    #[must_use]
    pub fn client_ref(&self) -> Option<&str> {
        self.call.facts().client_ref.as_deref()
    }
}
