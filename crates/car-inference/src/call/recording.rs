//! What passing the gate leaves behind: the folded answer, the log, and what is delivered in an event's place.

use std::cmp::Ordering;
use std::task::Waker;

use tokio::time::Instant;

use super::CallSettings;
use super::state::{After, CallState};
use crate::error::{ErrorCode, Failure, PolicyDetail, PolicyPoint};
use crate::log::{Decision, LogError, Note, Stamp, VerdictRecord};
use crate::policy::{Denial, EventVerdict};
use crate::stream::{EventRef, StreamEvent};

impl CallState {
    /// Accumulates and logs an event that is about to be delivered.
    #[inline]
    pub(super) fn record(&mut self, event: EventRef<'_>, now: Instant) -> Result<(), LogError> {
        let stamp = self.stamp(now);
        // Append before delivering, so that whatever a consumer saw can be found.
        if let Some(log) = &self.log {
            log.event(stamp, event)?;
        }
        self.next_seq += 1;
        self.accumulator.push_ref(event);
        self.content_delivered |= event.is_content();
        Ok(())
    }

    #[inline]
    pub(super) fn stamp(&self, now: Instant) -> Stamp {
        Stamp {
            seq: self.next_seq,
            at_us: self.at_us(now),
            attempt: self.attempt,
        }
    }

    pub(super) fn deliver_all(
        &mut self,
        events: &[StreamEvent],
        now: Instant,
        after: &mut After,
    ) -> Result<(), LogError> {
        // Not before its verdict is recorded.
        if let Some(error) = &self.log_error {
            return Err(error.clone());
        }
        for event in events {
            let seq = self.next_seq;
            self.record(event.into(), now)?;
            wake(after, self.delivery.replace(event.clone(), seq));
        }
        Ok(())
    }

    /// Asks policy for what came only with the end, as for any event. Passed whole it is not delivered besides: `done`
    /// carries it. Returns whether it was.
    pub(super) fn judge_late(
        &mut self,
        events: Vec<StreamEvent>,
        now: Instant,
        after: &mut After,
    ) -> Result<bool, Box<Failure>> {
        let Some(policy) = &mut self.policy else {
            return Ok(true);
        };
        let mut altered = false;
        let mut judged = Vec::new();
        for event in events {
            match policy.event(EventRef::from(&event)) {
                EventVerdict::Pass => judged.push(event),
                EventVerdict::Replace(events) => {
                    altered = true;
                    judged.extend(events);
                }
                EventVerdict::Deny(denial) => {
                    self.record_verdict(now, PolicyPoint::Event, Decision::Deny, Some(&denial), after);
                    return Err(denied(PolicyPoint::Event, denial).into());
                }
            }
        }
        if !altered {
            return Ok(true);
        }
        self.streamed.altered = true;
        self.record_verdict(now, PolicyPoint::Event, Decision::Replace, None, after);
        match self.deliver_all(&judged, now, after) {
            Ok(()) => Ok(false),
            Err(error) => Err(log_failure(&error).into()),
        }
    }

    /// Takes the accounts of a call that is being stopped, so that its ending can tell what it cost.
    pub(super) fn account(&mut self, event: EventRef<'_>, now: Instant, settings: &CallSettings, after: &mut After) {
        if let EventRef::Other(StreamEvent::Usage { .. } | StreamEvent::StopReason { .. }) = event
            && self.check_bounds(event, settings).is_ok()
            && let Err(error) = self.record(event, now)
        {
            self.note(now, "log-failed", error.to_string(), after);
        }
    }

    /// A record is missing: the call must not look recorded, whatever the log takes later.
    fn log_failed(&mut self, error: LogError, after: &mut After) {
        self.stop(log_failure(&error), after);
        self.log_error.get_or_insert(error);
    }

    /// Writes a note; a runner that goes on being refused is not noted for ever.
    pub(super) fn note(&mut self, now: Instant, code: &str, message: String, after: &mut After) {
        const NOTES_MAX: u32 = 100;
        self.notes += 1;
        let (code, message) = match self.notes.cmp(&NOTES_MAX) {
            Ordering::Less => (code, message),
            Ordering::Equal => (
                "notes-cut-off",
                format!("further notes than {NOTES_MAX} are not recorded"),
            ),
            Ordering::Greater => return,
        };
        let at_us = self.at_us(now);
        if let Some(log) = &self.log
            && let Err(error) = log.note(
                at_us,
                &Note {
                    code: code.to_owned(),
                    message,
                },
            )
        {
            self.log_failed(error, after);
        }
    }

    pub(super) fn record_verdict(
        &mut self,
        now: Instant,
        point: PolicyPoint,
        decision: Decision,
        denial: Option<&Denial>,
        after: &mut After,
    ) {
        let at_us = self.at_us(now);
        let verdict = VerdictRecord {
            point,
            decision,
            policy_id: denial.and_then(|denial| denial.policy_id.clone()),
            reason: denial.map(|denial| denial.reason.clone()),
        };
        if let Some(log) = &self.log
            && let Err(error) = log.verdict(at_us, &verdict)
        {
            self.log_failed(error, after);
        }
    }
}

#[inline]
pub(super) fn wake(after: &mut After, waker: Option<Waker>) {
    if waker.is_some() {
        after.waker = waker;
    }
}

pub(super) fn log_failure(error: &LogError) -> Failure {
    Failure::log_failed(error)
}

pub(super) fn denied(point: PolicyPoint, denial: Denial) -> Failure {
    let what = match point {
        PolicyPoint::Request => "the request",
        PolicyPoint::Event => "an event",
        PolicyPoint::Ending => "the ending",
    };
    Failure {
        policy: Some(PolicyDetail {
            point,
            policy_id: denial.policy_id,
        }),
        ..Failure::new(
            ErrorCode::PolicyDenied,
            format!("policy denied {what}: {}", denial.reason),
        )
    }
}
