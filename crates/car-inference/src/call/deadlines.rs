//! Which time has run out. Pure arithmetic on the call's clock; who waits is the driver's business.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::state::{After, CallState, Phase};
use super::{Call, CallShared, Step};
use crate::error::{Failure, TimeoutKind};

/// What a look at the clock came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadlineCheck {
    /// No time is running.
    None,
    /// Look again after so long, or when something changed.
    After(Duration),
    /// A time ran out now: the runner is to be told. Look again.
    Stopped,
    /// The attempt was silent for too long, and another one follows. Stop the runner, with [`Call::stop_reason`] as the
    /// reason; it has its grace period to settle. Then check the deadlines again.
    Withdrawn,
    /// The runner of a withdrawn attempt did not settle within its grace period: [`Call::give_up`] continues without
    /// it.
    GivenUp,
    /// The runner did not settle within its grace and is sealed off; the log commits the ending.
    Sealing,
    /// The runner did not settle within its grace: it is sealed off and the call is over.
    Over,
}

impl DeadlineCheck {
    /// What sealing came to.
    fn by(step: &Step) -> Self {
        match step {
            Step::Sealing => Self::Sealing,
            _ => Self::Over,
        }
    }
}

impl Call {
    /// Looks at the clock. `waited` is for how long the runner has been waited for, when the driver knows better than
    /// the call's own buffer: time in which the consumer was the slow one does not count against the runner.
    pub fn check_deadlines(&self, waited: Option<Duration>) -> DeadlineCheck {
        self.with(|state, after| state.check_deadlines(waited, &self.shared, after))
    }
}

impl CallState {
    fn check_deadlines(
        &mut self,
        waited: Option<Duration>,
        shared: &Arc<CallShared>,
        after: &mut After,
    ) -> DeadlineCheck {
        let timeouts = &shared.settings.timeouts;
        let now = Instant::now();
        match &self.phase {
            Phase::Opened => DeadlineCheck::None,
            Phase::Sealing(_) => DeadlineCheck::Sealing,
            Phase::Sealed(_) => DeadlineCheck::Over,
            Phase::Finishing { since } => {
                let left = left(*since, timeouts.grace_ms, now);
                if !left.is_zero() {
                    return DeadlineCheck::After(left);
                }
                self.note(
                    now,
                    "sealed-off",
                    "the runner did not settle after `done`".into(),
                    after,
                );
                DeadlineCheck::by(&self.seal(None, shared, after))
            }
            Phase::Stopping { failure, since } => {
                let left = left(*since, timeouts.grace_ms, now);
                if !left.is_zero() {
                    return DeadlineCheck::After(left);
                }
                let failure = (**failure).clone();
                self.note(
                    now,
                    "sealed-off",
                    "the runner did not stop within its grace".into(),
                    after,
                );
                DeadlineCheck::by(&self.seal_stopped(failure, shared, after))
            }
            Phase::Withdrawing { since } => {
                let since = *since;
                let grace = left(since, timeouts.grace_ms, now);
                match self.total_left(now, shared) {
                    Some(total) if total.is_zero() => {
                        let total_ms = timeouts.total_ms.unwrap_or_default();
                        self.stop_withdrawn(Failure::timeout(TimeoutKind::Total, total_ms), since, after);
                        DeadlineCheck::Stopped
                    }
                    _ if grace.is_zero() => DeadlineCheck::GivenUp,
                    total => DeadlineCheck::After(total.map_or(grace, |total| total.min(grace))),
                }
            }
            Phase::Waiting => match self.total_left(now, shared) {
                Some(left) if left.is_zero() => {
                    let total_ms = timeouts.total_ms.unwrap_or_default();
                    let failure = Failure::timeout(TimeoutKind::Total, total_ms);
                    DeadlineCheck::by(&self.seal(Some(failure), shared, after))
                }
                Some(left) => DeadlineCheck::After(left),
                None => DeadlineCheck::None,
            },
            Phase::Running => self.check_running(waited, now, shared, after),
        }
    }

    fn check_running(
        &mut self,
        waited: Option<Duration>,
        now: Instant,
        shared: &CallShared,
        after: &mut After,
    ) -> DeadlineCheck {
        let timeouts = &shared.settings.timeouts;
        let total = self
            .total_left(now, shared)
            .map(|left| (left, TimeoutKind::Total, timeouts.total_ms));
        let (kind, silence_ms, since) = match self.last_event_at {
            None => (
                TimeoutKind::FirstEvent,
                timeouts.first_event_ms,
                self.attempt_started_at,
            ),
            Some(at) => (TimeoutKind::Idle, timeouts.idle_ms, Some(at)),
        };
        let silence = silence_ms.zip(since).map(|(ms, since)| {
            let silent_for = self.silent_for(since, waited, now, &shared.settings.limits);
            (Duration::from_millis(ms).saturating_sub(silent_for), kind, Some(ms))
        });
        let Some((left, kind, ms)) = [total, silence].into_iter().flatten().min_by_key(|(left, ..)| *left) else {
            return DeadlineCheck::None;
        };
        if !left.is_zero() {
            return DeadlineCheck::After(left);
        }
        let failure = Failure::timeout(kind, ms.unwrap_or_default());
        // Like any other retryable failure, as long as the consumer has not received any part of the answer.
        let is_tried_again = kind != TimeoutKind::Total
            && !self.content_delivered
            && shared.settings.retry.delay(self.runs, None).is_some();
        if is_tried_again {
            self.withdraw(failure, after);
            return DeadlineCheck::Withdrawn;
        }
        self.stop(failure, after);
        DeadlineCheck::Stopped
    }

    /// For how long the runner has been silent while it could have spoken.
    fn silent_for(
        &self,
        since: Instant,
        waited: Option<Duration>,
        now: Instant,
        limits: &crate::options::Limits,
    ) -> Duration {
        if self.delivery.is_full(limits) {
            return Duration::ZERO;
        }
        let since = self
            .delivery
            .room_since()
            .map_or(since, |room_since| room_since.max(since));
        let silent_for = now.saturating_duration_since(since);
        waited.map_or(silent_for, |waited| waited.min(silent_for))
    }

    fn total_left(&self, now: Instant, shared: &CallShared) -> Option<Duration> {
        Some(left(self.started_at?, shared.settings.timeouts.total_ms?, now))
    }
}

fn left(since: Instant, ms: u64, now: Instant) -> Duration {
    (since + Duration::from_millis(ms)).saturating_duration_since(now)
}
