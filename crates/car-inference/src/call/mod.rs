//! One call, as whoever schedules it drives it. Every rule of a call's life is here, synchronous and behind one
//! short lock; waiting is the driver's business. The crate's own driver is [`InferenceEngine::generate_tracked_stream`];
//! the Node binding drives calls whose runner and consumer share a thread from JavaScript.
//!
//! A driver calls [`Call::start`], does what the [`Step`] says, passes every event to [`Call::admit`], tells
//! [`Call::settle`] what became of the runner, and asks [`Call::check_deadlines`] when a deadline may have passed.
//!
//! [`InferenceEngine::generate_tracked_stream`]: crate::InferenceEngine::generate_tracked_stream

mod deadlines;
mod delivery;
mod ending;
mod gate;
mod lifecycle;
mod recording;
mod state;
mod unlogged;

use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

pub use deadlines::DeadlineCheck;
pub use delivery::Batch;
pub use gate::{Admission, Verdict};
pub use lifecycle::{Attempt, Stopped};

use crate::engine::EngineShared;
use crate::error::{Failure, FailureDetails};
use crate::log::Ending;
use crate::options::{Limits, RetryPolicy, Timeouts};
use crate::runner::{EventEmitter, InferenceRunner};
use crate::schema::ModelSchema;
use crate::stream::StreamEvent;
use crate::tasks::generate::GenerateRequest;
use delivery::Delivery;
use state::{After, CallState, OnSealed, Phase, PhaseMark};

/// What is known of a call before anything has happened.
#[derive(Debug, Clone)]
pub struct CallFacts {
    /// 32 hex digits, time-ordered (UUIDv7).
    pub trace_id: String,
    /// The model asked for.
    pub model: Arc<ModelSchema>,
    /// The host's own reference.
    pub client_ref: Option<String>,
}

/// What a driver does next.
pub enum Step {
    /// Run this attempt's runner, then [`Call::settle`].
    Run(Attempt),
    /// Wait so long, then [`Call::resume`].
    Wait(Duration),
    /// The ending is decided but the log has to commit it: [`Call::ended`] resolves when it is.
    Sealing,
    /// The call is over: [`Call::ending`].
    Ended,
}

/// Settings of one call.
#[derive(Debug, Clone, Copy)]
pub struct CallSettings {
    /// How long to wait.
    pub timeouts: Timeouts,
    /// How much to hold.
    pub limits: Limits,
    /// Whether to try again.
    pub retry: RetryPolicy,
}

/// What is known before a call starts about the runners that it may try.
pub(crate) struct Plan {
    /// Models in the order to try.
    pub models: Vec<Arc<ModelSchema>>,
    /// The call's own runner.
    pub runner: Option<Arc<dyn InferenceRunner>>,
    /// The call whose runner makes this one.
    pub enclosing: Option<WeakCall>,
}

/// One call. Clones share it.
#[derive(Clone)]
pub struct Call {
    shared: Arc<CallShared>,
}

impl std::fmt::Debug for Call {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_tuple("Call")
            .field(&self.shared.facts.trace_id)
            .finish()
    }
}

/// A call that somebody else keeps.
#[derive(Clone)]
pub(crate) struct WeakCall(Weak<CallShared>);

impl WeakCall {
    pub(crate) fn upgrade(&self) -> Option<Call> {
        self.0.upgrade().map(|shared| Call { shared })
    }
}

/// What each event touches comes first.
#[repr(C)]
pub(crate) struct CallShared {
    state: Mutex<CallState>,
    settings: CallSettings,
    /// Under which the engine knows it.
    number: u64,
    facts: CallFacts,
    request: Arc<GenerateRequest>,
    engine: Arc<EngineShared>,
    /// The call whose runner made this one.
    enclosing: Option<WeakCall>,
    /// Told whenever something changed that somebody may wait for: room, a stop, the ending.
    changed: Notify,
}

impl Drop for CallShared {
    fn drop(&mut self) {
        // Opened and never driven to its end.
        self.engine.forget(self.number);
    }
}

impl Call {
    pub(crate) fn downgrade(&self) -> WeakCall {
        WeakCall(Arc::downgrade(&self.shared))
    }

    pub(crate) fn new(
        number: u64,
        facts: CallFacts,
        request: GenerateRequest,
        settings: CallSettings,
        mut plan: Plan,
        engine: Arc<EngineShared>,
    ) -> Self {
        let enclosing = plan.enclosing.take();
        let state = Mutex::new(CallState::new(plan, &settings.limits));
        let request = Arc::new(request);
        Self {
            shared: Arc::new(CallShared {
                number,
                facts,
                request,
                settings,
                engine,
                enclosing,
                state,
                changed: Notify::new(),
            }),
        }
    }

    /// Runs `make`. Calls that it opens are inside this one, as those that the runner opens in the task of its
    /// [`run`](crate::InferenceRunner::run) are by themselves: an engine that drains still accepts calls inside its own
    /// calls in flight.
    pub fn enclose<R>(&self, make: impl FnOnce() -> R) -> R {
        crate::driver::inside(self, make)
    }

    /// The numbers of the calls of the same engine around this one, the innermost first.
    pub(crate) fn enclosing_numbers(&self) -> Vec<u64> {
        let upgrade = |shared: &CallShared| shared.enclosing.as_ref().and_then(WeakCall::upgrade);
        let mut numbers = Vec::new();
        let mut enclosing = upgrade(&self.shared);
        while let Some(call) = enclosing {
            if Arc::ptr_eq(&call.shared.engine, &self.shared.engine) {
                numbers.push(call.shared.number);
            }
            enclosing = upgrade(&call.shared);
        }
        numbers
    }

    /// Runs `change` under the lock, and everything that it leaves to be done after it.
    fn with<R>(&self, change: impl FnOnce(&mut CallState, &mut After) -> R) -> R {
        self.with_plain(|state, after| {
            let result = change(state, after);
            state.find_plain();
            result
        })
    }

    /// As [`with`](Self::with), for what leaves it as it was whether events are plain.
    #[inline]
    fn with_plain<R>(&self, change: impl FnOnce(&mut CallState, &mut After) -> R) -> R {
        let mut after = After::default();
        let result = change(&mut self.shared.state.lock(), &mut after);
        if after.is_due() {
            after.run(&self.shared);
        }
        result
    }

    /// What is known of the call.
    #[must_use]
    pub fn facts(&self) -> &CallFacts {
        &self.shared.facts
    }

    /// The request as it was accepted.
    #[must_use]
    pub fn request(&self) -> &Arc<GenerateRequest> {
        &self.shared.request
    }

    /// The request for a runner of this model, in whatever thread or language it is. Its `model` is that of the
    /// attempt.
    #[must_use]
    pub fn request_for(&self, model: &ModelSchema) -> Arc<GenerateRequest> {
        let request = &self.shared.request;
        let id = Some(&model.id).filter(|id| !id.is_empty());
        if request.model.as_ref() == id {
            return Arc::clone(request);
        }
        Arc::new(GenerateRequest {
            model: id.cloned(),
            ..(**request).clone()
        })
    }

    /// The call's settings.
    #[must_use]
    pub fn settings(&self) -> &CallSettings {
        &self.shared.settings
    }

    /// The model of the current attempt.
    #[must_use]
    pub fn model_used(&self) -> Arc<ModelSchema> {
        Arc::clone(self.shared.state.lock().model_used(&self.shared.facts))
    }

    /// Has events wait in the call for [`drain`](Self::poll_drain), for drivers that do not hand them over themselves.
    pub fn buffer_events(&self) {
        self.with(|state, _| state.delivery.buffer());
    }

    /// The consumer is gone on purpose: the call runs on, its events are recorded and no longer delivered.
    pub fn detach(&self) {
        self.with(|state, after| {
            state.delivery = Delivery::Discard {
                waker: state.delivery.take_waker(),
            };
            after.notify = true;
        });
    }

    /// The ending, once it is sealed and committed.
    #[must_use]
    pub fn ending(&self) -> Option<Arc<Ending>> {
        match &self.shared.state.lock().phase {
            Phase::Sealed(ending) => Some(Arc::clone(ending)),
            _ => None,
        }
    }

    /// Resolves with the ending.
    pub async fn ended(&self) -> Arc<Ending> {
        self.wait_for(|state| match &state.phase {
            Phase::Sealed(ending) => Some(Arc::clone(ending)),
            _ => None,
        })
        .await
    }

    /// Has this done when the call is over, by the thread that finds it so and that it must not hold up; now, when it is.
    pub fn on_sealed(&self, then: impl FnOnce() + Send + 'static) {
        let mut then: Option<OnSealed> = Some(Box::new(then));
        self.with(|state, _| {
            if matches!(state.phase, Phase::Sealed(_)) {
                return;
            }
            let Some(last) = then.take() else { return };
            state.on_sealed = Some(Box::new(match state.on_sealed.take() {
                None => last,
                Some(first) => Box::new(move || {
                    first();
                    last();
                }),
            }));
        });
        if let Some(then) = then {
            then();
        }
    }

    /// Resolves when the attempt's runner should stop.
    pub async fn stopped(&self, attempt: u32) -> Failure {
        let why = self
            .wait_for(|state| match &state.phase {
                _ if state.why_withdrawn(attempt).is_some() => Some(state.why_withdrawn(attempt).cloned()),
                Phase::Stopping { failure, .. } => Some(Some((**failure).clone())),
                Phase::Sealing(ending) | Phase::Sealed(ending) => Some(ending.failure.clone()),
                _ if state.attempt != attempt => Some(None),
                _ => None,
            })
            .await;
        match why {
            Some(failure) => failure,
            // Completed, or another attempt took over: this one is never cancelled any more.
            None => std::future::pending().await,
        }
    }

    /// What phase the call is in, for [`phase_changed`](Self::phase_changed).
    pub(crate) fn phase_mark(&self) -> PhaseMark {
        self.shared.state.lock().phase_mark()
    }

    /// Resolves when the call is no longer in that phase: other times run from then on.
    pub(crate) async fn phase_changed(&self, mark: PhaseMark) {
        self.wait_for(|state| (state.phase_mark() != mark).then_some(())).await;
    }

    /// Runs the call in Rust from a step on, to its end. Its events have to be [buffered](Self::buffer_events).
    pub async fn drive(self, step: Step) {
        crate::driver::drive(self, step).await;
    }

    /// Resolves when the attempt may emit without overfilling the buffer, or is over.
    pub async fn room(&self, attempt: u32) {
        let limits = self.shared.settings.limits;
        self.wait_for(|state| (!state.takes_events(attempt) || !state.delivery.is_full(&limits)).then_some(()))
            .await;
    }

    async fn wait_for<R>(&self, mut ready: impl FnMut(&CallState) -> Option<R>) -> R {
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            // Enabled before looking, so that a change between the look and the wait is not missed.
            changed.as_mut().enable();
            if let Some(result) = ready(&self.shared.state.lock()) {
                return result;
            }
            changed.await;
        }
    }

    /// Whether the call has been started, or ended before it could be.
    #[must_use]
    pub fn is_started(&self) -> bool {
        !matches!(self.shared.state.lock().phase, Phase::Opened)
    }

    /// Whether an event was recorded that the consumer has received or will receive.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.shared.state.lock().next_seq > 1
    }

    /// Whether the attempt's events are no longer taken.
    #[must_use]
    pub fn is_closed(&self, attempt: u32) -> bool {
        !self.shared.state.lock().takes_events(attempt)
    }

    /// Keeps what the runner says of a failure it is about to settle with.
    pub fn describe_failure(&self, attempt: u32, details: FailureDetails) {
        self.with(|state, _| {
            if state.attempt == attempt {
                state.details = Some(Box::new(details));
            }
        });
    }

    /// When the call will have taken too long as a whole.
    #[must_use]
    pub fn deadline(&self) -> Option<SystemTime> {
        let started_at = self.shared.state.lock().started_at?;
        let total = Duration::from_millis(self.shared.settings.timeouts.total_ms?);
        let left = (started_at + total).saturating_duration_since(Instant::now());
        Some(SystemTime::now() + left)
    }

    /// The emitter of an attempt.
    #[must_use]
    pub fn emitter(&self, attempt: &Attempt) -> EventEmitter {
        EventEmitter::new(self.clone(), attempt.number, Arc::clone(&attempt.model))
    }

    /// Passes one event once the buffer has room for it.
    pub(crate) async fn admit_when_room(&self, attempt: u32, event: &StreamEvent) -> Admission {
        loop {
            if let Some(admission) = self.admit_if_room(attempt, event.into()) {
                return admission;
            }
            self.room(attempt).await;
        }
    }
}
