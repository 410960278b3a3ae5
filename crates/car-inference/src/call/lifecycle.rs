//! From start to settlement: which runner comes next, and what its outcome means.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use super::recording::{denied, log_failure};
use super::state::{After, CallState, Candidate, Phase, Withdrawn};
use super::unlogged::{Unlogged, unlogged};
use super::{Call, CallShared, Step};
use crate::error::{CancelReason, ErrorCode, Failure, FailureDetails, PolicyPoint, RunnerFailureKind, TimeoutKind};
use crate::log::{AttemptRecord, CallStart, Decision, LogError};
use crate::options::OnLogFailure;
use crate::policy::RequestVerdict;
use crate::runner::{InferenceRunner, RunnerError, RunnerResult};
use crate::schema::ModelSchema;
use crate::stream::{StreamEvent, Warning};

/// One run of a runner, to be made by the driver.
pub struct Attempt {
    /// Its number, from 1.
    pub number: u32,
    /// The runner to run.
    pub runner: Arc<dyn InferenceRunner>,
    /// The model to run it for.
    pub model: Arc<ModelSchema>,
}

/// What stopping a call came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// The runner is to be told; the call ends when it settles or its grace is over.
    Stopping,
    /// The ending is decided and the log commits it.
    Sealing,
    /// The call is over.
    Over,
}

impl Stopped {
    /// What sealing came to.
    fn by(step: &Step) -> Self {
        match step {
            Step::Sealing => Self::Sealing,
            _ => Self::Over,
        }
    }
}

impl Call {
    /// Starts the call: records it, asks policy, names the first runner. Only the first start does something.
    pub fn start(&self) -> Step {
        let inside = self.enclosing_numbers();
        self.with(|state, after| match state.phase {
            Phase::Opened => state.start(&inside, &self.shared, after),
            Phase::Sealing(_) => Step::Sealing,
            _ => Step::Ended,
        })
    }

    /// Goes on after [`Step::Wait`].
    pub fn resume(&self) -> Step {
        self.with(|state, after| match state.phase {
            Phase::Waiting => state.run_current(&self.shared, after),
            Phase::Sealing(_) => Step::Sealing,
            _ => Step::Ended,
        })
    }

    /// Tells what became of an attempt's runner. `None` is a runner that returned nothing.
    pub fn settle(&self, attempt: u32, outcome: Result<Option<RunnerResult>, RunnerError>) -> Step {
        self.with(|state, after| {
            if state.attempt != attempt {
                return Step::Ended;
            }
            state.settle(outcome, &self.shared, after)
        })
    }

    /// Fails the call because the runner's result is not one.
    pub fn settle_invalid(&self, attempt: u32, failure: Failure) -> Step {
        self.with(|state, after| {
            if state.attempt != attempt {
                return Step::Ended;
            }
            match &state.phase {
                Phase::Running => state.seal(Some(failure), &self.shared, after),
                _ => {
                    state.note(Instant::now(), "invalid-result", failure.message, after);
                    state.settle(Ok(None), &self.shared, after)
                }
            }
        })
    }

    /// Cancels the call. A call whose `done` has passed stays completed; it only loses its grace.
    pub fn cancel(&self, reason: CancelReason) -> Stopped {
        self.with(|state, after| match state.phase {
            Phase::Opened => {
                state.started_at = Some(Instant::now());
                Stopped::by(&state.seal(Some(Failure::cancelled(reason)), &self.shared, after))
            }
            Phase::Waiting => Stopped::by(&state.seal(Some(Failure::cancelled(reason)), &self.shared, after)),
            Phase::Finishing { .. } => Stopped::by(&state.seal(None, &self.shared, after)),
            Phase::Running => {
                state.stop(Failure::cancelled(reason), after);
                Stopped::Stopping
            }
            Phase::Withdrawing { since } => {
                state.stop_withdrawn(Failure::cancelled(reason), since, after);
                Stopped::Stopping
            }
            Phase::Stopping { .. } => Stopped::Stopping,
            Phase::Sealing(_) => Stopped::Sealing,
            Phase::Sealed(_) => Stopped::Over,
        })
    }

    /// Continues without the runner of a [withdrawn](super::DeadlineCheck::Withdrawn) attempt that did not settle
    /// within its grace period. The call ignores later events and results of that runner.
    pub fn give_up(&self, attempt: u32) -> Step {
        self.with(|state, after| {
            if state.attempt == attempt && matches!(state.phase, Phase::Withdrawing { .. }) {
                let message = "the runner did not stop within its grace".into();
                state.note(Instant::now(), "sealed-off", message, after);
            }
            if state.attempt != attempt {
                return Step::Ended;
            }
            state.settle(Ok(None), &self.shared, after)
        })
    }

    /// Cancels the call unless it has started.
    pub(crate) fn cancel_unstarted(&self, reason: CancelReason) {
        self.with(|state, after| {
            if matches!(state.phase, Phase::Opened) {
                state.started_at = Some(Instant::now());
                state.seal(Some(Failure::cancelled(reason)), &self.shared, after);
            }
        });
    }

    /// Why the call, or its current attempt, is being stopped; `None` if it is not.
    #[must_use]
    pub fn stop_reason(&self) -> Option<Failure> {
        let attempt = self.shared.state.lock().attempt;
        self.stop_reason_of(attempt)
    }

    /// Why the runner of an attempt should stop, if it should: its call is being stopped, or another attempt follows.
    #[must_use]
    pub fn stop_reason_of(&self, attempt: u32) -> Option<Failure> {
        let state = self.shared.state.lock();
        match &state.phase {
            Phase::Stopping { failure, .. } => Some((**failure).clone()),
            Phase::Sealing(ending) | Phase::Sealed(ending) => ending.failure.clone(),
            _ => state.why_withdrawn(attempt).cloned(),
        }
    }
}

impl CallState {
    /// The call is to fail with this. The runner gets its grace.
    pub(super) fn stop(&mut self, failure: Failure, after: &mut After) {
        if matches!(self.phase, Phase::Running) {
            self.phase = Phase::Stopping {
                failure: Box::new(failure),
                since: Instant::now(),
            };
            after.notify = true;
        }
    }

    /// Stops the attempt; another one will follow.
    pub(super) fn withdraw(&mut self, failure: Failure, after: &mut After) {
        self.withdrawn = Some(Box::new(Withdrawn {
            attempt: self.attempt,
            failure,
        }));
        self.phase = Phase::Withdrawing { since: Instant::now() };
        after.notify = true;
    }

    /// The call fails instead of making another attempt. The runner of the withdrawn attempt was already told to stop;
    /// its grace period continues.
    pub(super) fn stop_withdrawn(&mut self, failure: Failure, since: Instant, after: &mut After) {
        self.phase = Phase::Stopping {
            failure: Box::new(failure),
            since,
        };
        after.notify = true;
    }

    fn start(&mut self, inside: &[u64], shared: &Arc<CallShared>, after: &mut After) -> Step {
        let now = Instant::now();
        self.started_at = Some(now);
        let total_ms = shared.settings.timeouts.total_ms;
        self.total_until = total_ms.map(|total_ms| now + Duration::from_millis(total_ms));
        if !shared.engine.accepts(inside) {
            return self.seal(Some(Failure::engine_closed()), shared, after);
        }
        let start = CallStart {
            trace_id: shared.facts.trace_id.clone(),
            model: shared.facts.model.id.clone(),
            hint: shared.facts.model.hint().map(str::to_owned),
            provider: shared.facts.model.provider.clone(),
            started_at_us: epoch_us(),
            request: Arc::clone(&shared.request),
        };
        match shared.engine.log().start(&start) {
            Ok(log) => {
                if log.holds_events() {
                    self.delivery.hold(&log);
                }
                self.log = Some(match shared.engine.on_log_failure() {
                    OnLogFailure::Refuse => log,
                    OnLogFailure::Continue => Arc::new(Unlogged::from(log)),
                });
            }
            Err(error) if shared.engine.on_log_failure() == OnLogFailure::Continue => {
                shared.engine.log().goes_unrecorded();
                self.accumulator.warn(unlogged(&error));
            }
            Err(error) => return self.seal(Some(log_failure(&error)), shared, after),
        }
        match shared.engine.policy().request(&shared.facts, &shared.request) {
            RequestVerdict::Allow => {
                self.record_verdict(now, PolicyPoint::Request, Decision::Allow, None, after);
            }
            RequestVerdict::Judge(policy) => {
                self.policy = Some(policy);
                self.record_verdict(now, PolicyPoint::Request, Decision::Allow, None, after);
            }
            RequestVerdict::Deny(denial) => {
                self.record_verdict(now, PolicyPoint::Request, Decision::Deny, Some(&denial), after);
                return self.seal(Some(denied(PolicyPoint::Request, denial)), shared, after);
            }
        }
        if let Some(error) = &self.log_error {
            let failure = log_failure(error);
            return self.seal(Some(failure), shared, after);
        }
        // A snapshot: a call in flight keeps the runners it started with.
        let own = self.plan.runner.take();
        for model in std::mem::take(&mut self.plan.models) {
            for runner in shared.engine.candidates(own.as_ref(), &model) {
                self.candidates.push_back(Candidate {
                    model: Arc::clone(&model),
                    runner,
                });
            }
        }
        if self.candidates.is_empty() {
            return self.seal(Some(no_runner(shared)), shared, after);
        }
        self.run_next(shared, after)
    }

    fn run_next(&mut self, shared: &Arc<CallShared>, after: &mut After) -> Step {
        self.let_current_go(after);
        self.current = self.candidates.pop_front();
        self.runs = 0;
        self.run_current(shared, after)
    }

    fn run_current(&mut self, shared: &Arc<CallShared>, after: &mut After) -> Step {
        let Some(candidate) = &self.current else {
            return self.seal(Some(no_runner(shared)), shared, after);
        };
        let (runner, model) = (Arc::clone(&candidate.runner), Arc::clone(&candidate.model));
        let now = Instant::now();
        self.spent_micro_usd = self.cost_micro_usd().unwrap_or_default();
        self.serving = Some(Arc::clone(&model));
        self.attempt += 1;
        self.runs += 1;
        self.session = crate::session::Session::default();
        // Warnings that were delivered stay true; the rest of a failed attempt is no part of the answer.
        self.accumulator = std::mem::take(&mut self.accumulator).warnings_only();
        self.attempt_first_seq = self.next_seq;
        self.text_mismatch = false;
        self.tool_calls_mismatch = false;
        self.streamed = super::state::Streamed::default();
        self.details = None;
        self.attempt_started_at = Some(now);
        self.last_event_at = None;
        self.phase = Phase::Running;
        if let Err(error) = self.record_attempt(now, &model, None) {
            return self.seal(Some(log_failure(&error)), shared, after);
        }
        Step::Run(Attempt {
            number: self.attempt,
            runner,
            model,
        })
    }

    fn record_attempt(&mut self, now: Instant, model: &ModelSchema, failure: Option<Failure>) -> Result<(), LogError> {
        let record = AttemptRecord {
            attempt: self.attempt,
            model: model.id.clone(),
            usage: failure.as_ref().and_then(|_| self.accumulator.usage()),
            failure: failure.map(Box::new),
        };
        let at_us = self.at_us(now);
        match &self.log {
            Some(log) => log.attempt(at_us, &record),
            None => Ok(()),
        }
    }

    pub(super) fn settle(
        &mut self,
        outcome: Result<Option<RunnerResult>, RunnerError>,
        shared: &Arc<CallShared>,
        after: &mut After,
    ) -> Step {
        match &self.phase {
            Phase::Running => {}
            Phase::Finishing { .. } => {
                if let Err(error) = &outcome {
                    let message = format!("after `done`: {error}");
                    self.note(Instant::now(), "failed-after-done", message, after);
                }
                return self.complete(&outcome.ok().flatten().unwrap_or_default(), shared, after);
            }
            Phase::Stopping { failure, .. } => {
                let failure = (**failure).clone();
                return self.seal_stopped(failure, shared, after);
            }
            // Its result comes too late.
            Phase::Withdrawing { .. } => return self.run_again(shared, after),
            Phase::Sealing(_) => return Step::Sealing,
            Phase::Opened | Phase::Waiting | Phase::Sealed(_) => return Step::Ended,
        }
        match outcome {
            Ok(result) => self.complete(&result.unwrap_or_default(), shared, after),
            Err(error) => {
                let details = self.details.take().unwrap_or_default();
                self.fail(&error, *details, shared, after)
            }
        }
    }

    /// The runner declined or failed: the next candidate, another run of the same, or the end.
    fn fail(
        &mut self,
        error: &RunnerError,
        details: FailureDetails,
        shared: &Arc<CallShared>,
        after: &mut After,
    ) -> Step {
        let retry_after_ms = details.retry_after_ms;
        let failure = Failure::runner(error, details, self.attempt);
        if self.content_delivered {
            // What the consumer has seen is never retracted, so no other attempt may start.
            return self.seal(Some(failure), shared, after);
        }
        let declined = failure
            .runner
            .as_ref()
            .is_some_and(|runner| runner.kind == RunnerFailureKind::Declined);
        let delay = match declined {
            true => None,
            false if !failure.retryable => None,
            false => shared.settings.retry.delay(self.runs, retry_after_ms),
        };
        let next = match delay {
            Some(delay) => Next::SameAfter(delay),
            None if declined && !self.candidates.is_empty() => Next::Candidate,
            None => Next::Nothing,
        };
        self.go_on(failure, next, shared, after)
    }

    /// The attempt was silent for too long, and its runner has settled or did not stop within its grace period.
    fn run_again(&mut self, shared: &Arc<CallShared>, after: &mut After) -> Step {
        let Some(failure) = self.why_withdrawn(self.attempt).cloned() else {
            return self.seal(
                Some(Failure::new(ErrorCode::Internal, "withdrawn without a reason")),
                shared,
                after,
            );
        };
        let delay = shared.settings.retry.delay(self.runs, None);
        self.go_on(failure, delay.map_or(Next::Nothing, Next::SameAfter), shared, after)
    }

    /// An attempt failed or declined: records that, and takes the next step.
    fn go_on(&mut self, failure: Failure, next: Next, shared: &Arc<CallShared>, after: &mut After) -> Step {
        let now = Instant::now();
        if let Err(error) = self.record_failed_attempt(now, &failure) {
            return self.seal(Some(log_failure(&error)), shared, after);
        }
        if matches!(next, Next::Nothing) {
            return self.seal(Some(failure), shared, after);
        }
        if let Err(error) = self.announce_retry(now, after) {
            return self.seal(Some(log_failure(&error)), shared, after);
        }
        match next {
            Next::Candidate | Next::Nothing => self.run_next(shared, after),
            Next::SameAfter(delay) => {
                self.phase = Phase::Waiting;
                Step::Wait(self.within_total(delay, now, shared))
            }
        }
    }

    fn record_failed_attempt(&mut self, now: Instant, failure: &Failure) -> Result<(), LogError> {
        match self.current.as_ref().map(|candidate| Arc::clone(&candidate.model)) {
            Some(model) => self.record_attempt(now, &model, Some(failure.clone())),
            None => Ok(()),
        }
    }

    /// Seals a call that was stopped. The log also records a silent attempt, as it does a failed run.
    pub(super) fn seal_stopped(&mut self, failure: Failure, shared: &Arc<CallShared>, after: &mut After) -> Step {
        let is_silence = failure
            .timeout
            .as_ref()
            .is_some_and(|timeout| timeout.kind != TimeoutKind::Total);
        if is_silence && let Err(error) = self.record_failed_attempt(Instant::now(), &failure) {
            return self.seal(Some(log_failure(&error)), shared, after);
        }
        self.seal(Some(failure), shared, after)
    }

    /// Tells a consumer who has been given something of an attempt that came to nothing, such as its usage, that another begins.
    fn announce_retry(&mut self, now: Instant, after: &mut After) -> Result<(), LogError> {
        if self.next_seq == self.attempt_first_seq {
            return Ok(());
        }
        let warning = Warning {
            message: format!("attempt {} came to nothing and another begins", self.attempt),
            code: Some("retried".into()),
        };
        self.deliver_all(&[StreamEvent::Warning(warning)], now, after)
    }

    /// A wait that would outlast the call's total time ends with it.
    fn within_total(&self, delay: Duration, now: Instant, shared: &CallShared) -> Duration {
        match (self.started_at, shared.settings.timeouts.total_ms) {
            (Some(started_at), Some(total_ms)) => {
                delay.min((started_at + Duration::from_millis(total_ms)).saturating_duration_since(now))
            }
            _ => delay,
        }
    }
}

/// What follows an attempt that failed or declined.
enum Next {
    /// The next runner, at once.
    Candidate,
    /// The same runner, after a wait.
    SameAfter(Duration),
    /// The end of the call.
    Nothing,
}

/// The slots for every model are known to be empty here; otherwise their runners would have been tried.
fn no_runner(shared: &CallShared) -> Failure {
    const HINTS_SHOWN_MAX: usize = 20;
    let model = &shared.facts.model;
    let hints = shared.engine.hints_with_runner();
    let known: Vec<&str> = hints.iter().map(String::as_str).collect();
    let (hint, meant) = match model.hint() {
        Some(hint) => (format!("hint {hint:?}"), crate::shape::nearest(hint, &known)),
        None => ("no hint".into(), None),
    };
    let others = match known.len() {
        0 => "no hint has a runner".into(),
        1..=HINTS_SHOWN_MAX => format!("hints with a runner: {}", known.join(", ")),
        count => format!(
            "{count} hints have a runner, for example: {}",
            known[..HINTS_SHOWN_MAX].join(", ")
        ),
    };
    let meant = meant.map_or_else(String::new, |meant| format!("; did you mean {meant:?}?"));
    let misspelt = shared.engine.maybe_misspelt(&model.id);
    Failure::new(
        ErrorCode::NoRunner,
        format!(
            "no inference runner is registered for model {:?} ({hint}); the engine has no runner for every model, and the \
             process-wide slot is empty; {others}{meant}{misspelt}",
            model.id
        ),
    )
}

fn epoch_us() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
}
