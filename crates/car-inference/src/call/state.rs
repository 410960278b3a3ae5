//! What a call remembers, and what has to wait until its lock is released.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use tokio::time::Instant;

use super::delivery::Delivery;
use super::{CallFacts, CallShared, Plan};
use crate::error::{Failure, FailureDetails};
use crate::log::{CallLog, Ending, LogError, OnCommit};
use crate::options::Limits;
use crate::policy::CallPolicy;
use crate::runner::InferenceRunner;
use crate::schema::ModelSchema;
use crate::session::Session;
use crate::stream::StreamAccumulator;

/// What a log does once it knows whom to tell.
type Later = Box<dyn FnOnce(OnCommit) + Send>;

/// What somebody does when a call is over.
pub(super) type OnSealed = Box<dyn FnOnce() + Send>;

/// A runner that may serve the call, and the model it would serve.
pub(crate) struct Candidate {
    pub(crate) model: Arc<ModelSchema>,
    pub(crate) runner: Arc<dyn InferenceRunner>,
}

pub(super) enum Phase {
    /// Nothing has happened.
    Opened,
    /// A runner runs.
    Running,
    /// A retry waits for its time.
    Waiting,
    /// `done` has passed; the runner may settle until its grace is over.
    Finishing { since: Instant },
    /// The call is to fail with this; the runner may settle until its grace is over.
    Stopping { failure: Box<Failure>, since: Instant },
    /// The attempt was silent for too long, and another one will follow. The runner may settle until its grace period
    /// is over. The reason is in [`CallState::withdrawn`].
    Withdrawing { since: Instant },
    /// The ending is decided; the log commits it.
    Sealing(Arc<Ending>),
    /// Over.
    Sealed(Arc<Ending>),
}

/// A phase without what it holds, to see whether other times run: after the first event it is the idle time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PhaseMark(u32, std::mem::Discriminant<Phase>, bool);

/// An attempt that was ended although the call goes on.
pub(super) struct Withdrawn {
    pub attempt: u32,
    pub failure: Failure,
}

/// What an attempt's runner has emitted: the stream it is held to when it says the same again at its end.
#[derive(Default)]
pub(super) struct Streamed {
    pub text: bool,
    pub tool_calls: bool,
    /// Policy put something else in place of an event, so the streamed answer is not the runner's any more.
    pub altered: bool,
}

/// What each event touches comes first and lies together: with thousands of calls in turn, every further cache line and
/// page is a miss.
#[repr(C)]
pub(super) struct CallState {
    /// The attempt whose deltas concern nobody but log and consumer: it runs, no policy judges it, its driver hands over what
    /// passes. 0 while there is none. Follows from other fields: see [`find_plain`](Self::find_plain).
    pub plain_attempt: u32,
    /// What the runner has emitted, whatever policy made of it.
    pub streamed: Streamed,
    /// Whether the consumer has been given part of the answer.
    pub content_delivered: bool,
    /// When the total time strikes.
    pub total_until: Option<Instant>,
    pub last_event_at: Option<Instant>,
    /// What [`last_event_at`](Self::last_event_at) is in microseconds since the call's start.
    pub last_at_us: u64,
    pub next_seq: u64,
    pub call_bytes: usize,
    /// Of the call's limits.
    pub call_bytes_max: usize,
    pub event_bytes_max: usize,
    pub log: Option<Arc<dyn CallLog>>,
    pub accumulator: StreamAccumulator,
    pub phase: Phase,
    /// The current attempt's number; 0 before the first.
    pub attempt: u32,
    pub started_at: Option<Instant>,
    pub policy: Option<Box<dyn CallPolicy>>,
    pub session: Session,
    pub delivery: Delivery,
    /// What is known about the runners to try, until the call starts.
    pub plan: Plan,
    pub candidates: VecDeque<Candidate>,
    pub current: Option<Candidate>,
    /// The model of the last attempt; outlives the candidate.
    pub serving: Option<Arc<ModelSchema>>,
    /// Runs of the current candidate.
    pub runs: u32,
    /// Whether a warning has said that `done` or the result disagrees with the streamed text.
    pub text_mismatch: bool,
    /// The same of the tool calls.
    pub tool_calls_mismatch: bool,
    /// What the current attempt's runner said of its failure.
    pub details: Option<Box<FailureDetails>>,
    pub attempt_started_at: Option<Instant>,
    /// The number that the current attempt's first event gets.
    pub attempt_first_seq: u64,
    /// What the log could not take of a call that has gone on since: it must not look recorded.
    pub log_error: Option<LogError>,
    /// Notes written so far.
    pub notes: u32,
    /// Wants to know that the call is over. In a box of its own, because most calls have none.
    pub on_sealed: Option<Box<OnSealed>>,
    /// The last withdrawn attempt. Its runner may ask for the reason after the next attempt has begun.
    pub withdrawn: Option<Box<Withdrawn>>,
    /// What attempts that failed have cost, in millionths of a US dollar; 0 when nothing is known of it.
    pub spent_micro_usd: u64,
}

impl CallState {
    pub fn new(plan: Plan, limits: &Limits) -> Self {
        Self {
            phase: Phase::Opened,
            plain_attempt: 0,
            call_bytes_max: limits.call_bytes_max,
            event_bytes_max: limits.event_bytes_max,
            attempt: 0,
            session: Session::default(),
            accumulator: StreamAccumulator::default(),
            policy: None,
            log: None,
            delivery: Delivery::default(),
            plan,
            candidates: VecDeque::new(),
            current: None,
            serving: None,
            runs: 0,
            text_mismatch: false,
            tool_calls_mismatch: false,
            content_delivered: false,
            details: None,
            started_at: None,
            total_until: None,
            last_at_us: 0,
            attempt_started_at: None,
            last_event_at: None,
            next_seq: 1,
            attempt_first_seq: 1,
            streamed: Streamed::default(),
            log_error: None,
            notes: 0,
            on_sealed: None,
            withdrawn: None,
            spent_micro_usd: 0,
            call_bytes: 0,
        }
    }

    /// What has been spent on the current attempt and those before it.
    pub fn cost_micro_usd(&self) -> Option<u64> {
        let pricing = self.serving.as_ref().and_then(|model| model.pricing);
        let current = pricing
            .zip(self.accumulator.usage())
            .map(|(pricing, usage)| pricing.cost_micro_usd(&usage));
        match (self.spent_micro_usd, current) {
            (0, current) => current,
            (spent, current) => Some(spent.saturating_add(current.unwrap_or_default())),
        }
    }

    pub fn model_used<'a>(&'a self, facts: &'a CallFacts) -> &'a Arc<ModelSchema> {
        self.serving.as_ref().unwrap_or(&facts.model)
    }

    /// Whether the attempt is the current one and its events can still become part of the answer.
    pub fn takes_events(&self, attempt: u32) -> bool {
        self.attempt == attempt && matches!(self.phase, Phase::Running)
    }

    /// Sees anew which attempt's events are plain: whenever anything else may have changed.
    #[inline]
    pub fn find_plain(&mut self) {
        let is_plain = matches!(self.phase, Phase::Running)
            && self.policy.is_none()
            && self.delivery.is_drivers()
            && !self.session.is_over();
        self.plain_attempt = if is_plain { self.attempt } else { 0 };
    }

    pub fn phase_mark(&self) -> PhaseMark {
        PhaseMark(
            self.attempt,
            std::mem::discriminant(&self.phase),
            self.last_event_at.is_some(),
        )
    }

    /// Why an attempt was withdrawn, if it was.
    pub fn why_withdrawn(&self, attempt: u32) -> Option<&Failure> {
        let withdrawn = self.withdrawn.as_ref()?;
        (withdrawn.attempt == attempt).then_some(&withdrawn.failure)
    }

    /// Lets the runners go that are not needed any more: after the lock, because dropping one may run anything.
    pub fn let_go(&mut self, after: &mut After) {
        self.let_current_go(after);
        let rare = after.rare();
        rare.candidates.append(&mut self.candidates);
        rare.runner = self.plan.runner.take();
    }

    pub fn let_current_go(&mut self, after: &mut After) {
        let Some(current) = self.current.take() else { return };
        let rare = after.rare();
        if let Some(earlier) = rare.current.replace(current) {
            rare.candidates.push_back(earlier);
        }
    }

    /// Microseconds since the call's start.
    #[inline]
    pub fn at_us(&self, now: Instant) -> u64 {
        if self.last_event_at == Some(now) {
            return self.last_at_us;
        }
        let elapsed = self
            .started_at
            .map_or(0, |started_at| now.saturating_duration_since(started_at).as_micros());
        // Never before the event before, so that the log's times are in its order.
        u64::try_from(elapsed).unwrap_or(u64::MAX).max(self.last_at_us)
    }
}

/// What to do once the lock is released: wakers and destructors may run anything, even this call again.
#[derive(Default)]
pub(super) struct After {
    pub waker: Option<Waker>,
    pub notify: bool,
    pub over: bool,
    rare: Option<Box<Rare>>,
}

/// What hardly any change leaves behind: made when asked for, because every event passes here.
#[derive(Default)]
pub(super) struct Rare {
    /// One that another has taken the place of.
    pub stale_waker: Option<Waker>,
    /// The log's commit of the ending, to be waited for.
    pub commit: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// The same of a log that tells when it is done, and whom it is to tell.
    pub later: Option<(Later, OnCommit)>,
    /// Wants to know that the call is over.
    pub on_sealed: Option<OnSealed>,
    /// The candidate that ran, and those that never will.
    pub current: Option<Candidate>,
    pub candidates: VecDeque<Candidate>,
    /// The call's own failure, for a call that never started.
    pub runner: Option<Arc<dyn InferenceRunner>>,
    pub policy: Option<Box<dyn CallPolicy>>,
    pub log: Option<Arc<dyn CallLog>>,
}

impl After {
    pub fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Has this one be woken from now on, in place of whoever was to be.
    pub fn wake_instead(&mut self, waker: &mut Option<Waker>, context: &Context<'_>) {
        if let Some(stale) = waker.replace(context.waker().clone()) {
            self.rare().stale_waker = Some(stale);
        }
    }

    /// Whether there is anything to do.
    pub fn is_due(&self) -> bool {
        self.notify || self.over || self.waker.is_some() || self.rare.is_some()
    }

    #[inline(never)]
    pub fn run(self, shared: &CallShared) {
        let mut rare = self.rare;
        if let Some(commit) = rare.as_mut().and_then(|rare| rare.commit.take()) {
            shared.engine.commit(commit);
        }
        if let Some((later, on_commit)) = rare.as_mut().and_then(|rare| rare.later.take()) {
            later(on_commit);
        }
        if self.notify {
            shared.changed.notify_waiters();
        }
        if let Some(waker) = self.waker {
            waker.wake();
        }
        if self.over {
            shared.engine.forget(shared.number);
        }
        if let Some(on_sealed) = rare.as_mut().and_then(|rare| rare.on_sealed.take()) {
            on_sealed();
        }
        drop(rare);
    }
}
