//! The gate: the one way of an event from a runner to a consumer. Order, bounds, policy, accumulation, log, delivery.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::recording::{denied, log_failure, wake};
use super::state::{After, CallState, Phase};
use super::{Call, CallSettings, CallShared};
use crate::error::{Failure, PolicyPoint, TimeoutKind};
use crate::log::{Decision, LogError};
use crate::policy::EventVerdict;
use crate::session::Ruling;
use crate::stream::{EventRef, StreamEvent};

/// What the gate did with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Admitted unchanged.
    Pass,
    /// Admitted; there is nothing to deliver for it now.
    Withheld,
    /// Admitted; what stands in for it is in [`Call::take_replaced`], or in the buffer.
    Replaced,
    /// Dropped: out of order in a way that loses nothing, and noted; or, when it is `stopped`, what ended the call.
    Refused,
    /// The call takes no events (any more).
    Closed,
}

/// The gate's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// What it did with the event.
    pub verdict: Verdict,
    /// The call has been stopped by this event: the runner is to be told.
    pub stopped: bool,
    /// The consumer's buffer is full: wait for [`Call::room`] before the next event.
    pub full: bool,
}

impl Admission {
    fn of(verdict: Verdict) -> Self {
        Self {
            verdict,
            stopped: false,
            full: false,
        }
    }

    /// A time struck: the event came too late.
    fn struck() -> Self {
        Self {
            verdict: Verdict::Closed,
            ..Self::stopped()
        }
    }

    fn stopped() -> Self {
        Self {
            verdict: Verdict::Refused,
            stopped: true,
            full: false,
        }
    }
}

impl Call {
    /// Passes one event of an attempt through the gate, at a time that its host has read from the clock.
    #[inline]
    pub fn admit(&self, attempt: u32, event: EventRef<'_>, now: Instant) -> Admission {
        self.with_plain(|state, after| {
            if state.is_plain(attempt, event, now) {
                state.call_bytes += event.bytes();
                state.heard(event, now, after);
                return state.pass(event, now, after);
            }
            self.admit_any(state, after, attempt, event, now)
        })
    }

    #[inline(never)]
    fn admit_any(
        &self,
        state: &mut CallState,
        after: &mut After,
        attempt: u32,
        event: EventRef<'_>,
        now: Instant,
    ) -> Admission {
        let mut admission = state.admit(attempt, event, now, &self.shared, after);
        let limits = &self.shared.settings.limits;
        if state.takes_events(attempt) && state.delivery.is_overrun(attempt, limits) {
            state.stop(overrun(limits.unawaited_events_max), after);
            admission.stopped = true;
        } else {
            admission.full = state.delivery.tell_full(attempt, limits);
        }
        state.find_plain();
        admission
    }

    /// As [`admit`](Self::admit), but does nothing and returns `None` while the buffer is full.
    pub(super) fn admit_if_room(&self, attempt: u32, event: EventRef<'_>) -> Option<Admission> {
        self.with(|state, after| {
            if state.takes_events(attempt) && state.delivery.is_full(&self.shared.settings.limits) {
                return None;
            }
            Some(state.admit(attempt, event, Instant::now(), &self.shared, after))
        })
    }

    /// Ends the call because the runner sent what is not an event.
    pub fn reject(&self, attempt: u32, failure: Failure) -> Admission {
        self.with(|state, after| {
            if state.attempt == attempt && state.strike(Instant::now(), &self.shared, after) {
                return Admission::struck();
            }
            if !state.takes_events(attempt) {
                return Admission::of(Verdict::Closed);
            }
            state.stop(failure, after);
            Admission::stopped()
        })
    }

    /// Ends the call because the runner went on emitting into a full buffer that its driver keeps.
    pub fn overrun(&self, attempt: u32) -> Admission {
        self.reject(attempt, overrun(self.shared.settings.limits.unawaited_events_max))
    }
}

fn overrun(unawaited_events_max: usize) -> Failure {
    Failure::limit(
        "unawaitedEventsMax",
        unawaited_events_max,
        format!("the runner emitted {unawaited_events_max} events into a full buffer without awaiting `emit`"),
    )
}

impl CallState {
    /// Whether an event is one of nearly all: a delta in its order, of a plain attempt, within its time and bounds. Then
    /// passing it is all that is left to do; any other goes the way of `admit`, which asks all of this one after the other.
    #[inline]
    fn is_plain(&self, attempt: u32, event: EventRef<'_>, now: Instant) -> bool {
        let bytes = event.bytes();
        self.plain_attempt == attempt
            && attempt != 0
            && bytes <= self.event_bytes_max
            && self.call_bytes.saturating_add(bytes) <= self.call_bytes_max
            && self.total_until.is_none_or(|until| now < until)
            && self.session.is_delta_in_order(event)
    }

    fn admit(
        &mut self,
        attempt: u32,
        event: EventRef<'_>,
        now: Instant,
        shared: &Arc<CallShared>,
        after: &mut After,
    ) -> Admission {
        let settings = &shared.settings;
        if self.attempt != attempt {
            return Admission::of(Verdict::Closed);
        }
        if self.strike(now, shared, after) {
            return Admission::struck();
        }
        match self.phase {
            Phase::Running => {}
            Phase::Finishing { .. } => {
                if let Ruling::Refuse(refusal) = self.session.rule(event) {
                    let message = format!("{}: {refusal}", event.kind());
                    self.note(now, refusal.code(), message, after);
                }
                return Admission::of(Verdict::Refused);
            }
            Phase::Stopping { .. } | Phase::Withdrawing { .. } => {
                self.account(event, now, settings, after);
                return Admission::of(Verdict::Closed);
            }
            _ => return Admission::of(Verdict::Closed),
        }
        match self.session.rule(event) {
            Ruling::Pass => {}
            Ruling::Refuse(refusal) => {
                let message = format!("{}: {refusal}", event.kind());
                self.note(now, refusal.code(), message, after);
                return self.unless_stopped(Verdict::Refused);
            }
            Ruling::Violation(violation) => {
                self.stop(Failure::protocol(violation.to_string()), after);
                return Admission::stopped();
            }
        }
        if let Err(failure) = self.check_bounds(event, settings) {
            self.stop(*failure, after);
            return Admission::stopped();
        }
        self.heard(event, now, after);
        if let EventRef::Other(StreamEvent::Done { text, tool_calls }) = event {
            self.finish(now, text, tool_calls, after);
            return match self.phase {
                Phase::Finishing { .. } => Admission::of(Verdict::Withheld),
                _ => Admission::stopped(),
            };
        }
        let verdict = match &mut self.policy {
            None => EventVerdict::Pass,
            Some(policy) => policy.event(event),
        };
        match verdict {
            EventVerdict::Pass => self.pass(event, now, after),
            EventVerdict::Replace(events) => self.replace(&events, now, after),
            EventVerdict::Deny(denial) => {
                self.record_verdict(now, PolicyPoint::Event, Decision::Deny, Some(&denial), after);
                self.stop(denied(PolicyPoint::Event, denial), after);
                Admission::stopped()
            }
        }
    }

    /// Takes down that the runner has sent an event, and when.
    #[inline]
    fn heard(&mut self, event: EventRef<'_>, now: Instant, after: &mut After) {
        // From the first event on the idle time runs: whoever waits for the other has to look at the clock again.
        // A reading that several events share may be older than the one of an event between them.
        if self.last_event_at.is_none_or(|last| now > last) {
            self.last_at_us = self.at_us(now);
            after.notify |= self.last_event_at.is_none();
            self.last_event_at = Some(now);
        }
        match event {
            EventRef::TextDelta(text) => self.streamed.text |= !text.is_empty(),
            EventRef::Other(StreamEvent::ToolCallStart { .. }) => self.streamed.tool_calls = true,
            _ => {}
        }
    }

    /// Records an event, and delivers it.
    #[inline]
    fn pass(&mut self, event: EventRef<'_>, now: Instant, after: &mut After) -> Admission {
        let seq = self.next_seq;
        match self.record(event, now) {
            Ok(()) => {
                wake(after, self.delivery.pass(event, seq));
                Admission::of(Verdict::Pass)
            }
            Err(error) => self.not_recorded(&error, after),
        }
    }

    #[cold]
    fn not_recorded(&mut self, error: &LogError, after: &mut After) -> Admission {
        self.stop(log_failure(error), after);
        self.find_plain();
        Admission::stopped()
    }

    /// Lets the times strike that a driver may not get to look at, because the runner keeps its thread to itself: the
    /// grace, and the call's total time. Returns whether one did.
    fn strike(&mut self, now: Instant, shared: &Arc<CallShared>, after: &mut After) -> bool {
        let timeouts = &shared.settings.timeouts;
        let grace = Duration::from_millis(timeouts.grace_ms);
        match &self.phase {
            Phase::Running => match (self.total_until, timeouts.total_ms) {
                (Some(until), Some(total_ms)) if now >= until => {
                    self.stop(Failure::timeout(TimeoutKind::Total, total_ms), after);
                }
                _ => return false,
            },
            Phase::Finishing { since } if now >= *since + grace => {
                self.seal(None, shared, after);
            }
            Phase::Stopping { failure, since } if now >= *since + grace => {
                let failure = (**failure).clone();
                self.seal_stopped(failure, shared, after);
            }
            _ => return false,
        }
        true
    }

    /// The verdict on an event, unless the log failed over it.
    fn unless_stopped(&self, verdict: Verdict) -> Admission {
        match self.phase {
            Phase::Running => Admission::of(verdict),
            _ => Admission::stopped(),
        }
    }

    pub(super) fn check_bounds(&mut self, event: EventRef<'_>, settings: &CallSettings) -> Result<(), Box<Failure>> {
        let limits = &settings.limits;
        let bytes = event.bytes();
        let call_bytes = self.call_bytes.saturating_add(bytes);
        if bytes <= limits.event_bytes_max && call_bytes <= limits.call_bytes_max {
            self.call_bytes = call_bytes;
            return Ok(());
        }
        Err(self.bound_reached(event, settings).into())
    }

    #[cold]
    fn bound_reached(&mut self, event: EventRef<'_>, settings: &CallSettings) -> Failure {
        let limits = &settings.limits;
        let bytes = event.bytes();
        if bytes > limits.event_bytes_max {
            let message = format!(
                "{}: one event of {bytes} bytes; the bound is {}",
                event.kind(),
                limits.event_bytes_max
            );
            return Failure::limit("eventBytesMax", limits.event_bytes_max, message);
        }
        self.call_bytes = self.call_bytes.saturating_add(bytes);
        let message = format!("the call's events exceed {} bytes", limits.call_bytes_max);
        Failure::limit("callBytesMax", limits.call_bytes_max, message)
    }

    fn replace(&mut self, events: &[StreamEvent], now: Instant, after: &mut After) -> Admission {
        self.streamed.altered = true;
        self.record_verdict(now, PolicyPoint::Event, Decision::Replace, None, after);
        match self.deliver_all(events, now, after) {
            Ok(()) if events.is_empty() => Admission::of(Verdict::Withheld),
            Ok(()) => Admission::of(Verdict::Replaced),
            Err(error) => {
                self.stop(log_failure(&error), after);
                Admission::stopped()
            }
        }
    }
}
