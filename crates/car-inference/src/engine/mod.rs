//! The engine: which models there are, and what all calls share. A call's rules are in [`crate::call`].

mod builder;
mod own_runners;
mod runners;
mod shared;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use uuid::Uuid;

pub use builder::InferenceEngineBuilder;
use shared::Accepts;
pub(crate) use shared::EngineShared;

use crate::call::{Call, CallFacts, CallSettings, Plan, Step, WeakCall};
use crate::driver;
use crate::error::{CancelKind, CancelReason, Failure, InferenceError, Problem};
use crate::options::CallOptions;
use crate::runner::InferenceRunner;
use crate::schema::ModelSchema;
use crate::stream::Completion;
use crate::tasks::generate::GenerateRequest;
use crate::tracked::TrackedStream;

/// Turns requests into calls. Cloning shares the engine.
///
/// ```
/// use car_inference::{InferenceEngine, ModelSchema};
/// let engine = InferenceEngine::builder().model(ModelSchema::delegated("gpt-5", Some("openai"))).build();
/// assert_eq!(engine.models()[0].id, "gpt-5");
/// ```
#[derive(Clone)]
pub struct InferenceEngine {
    shared: Arc<EngineShared>,
}

/// Where a call is made, when that is inside the runner of another one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nesting {
    /// How many calls in flight are around it.
    pub depth: usize,
    /// The trace id of the innermost of them; the request's own `parent_trace_id` wins.
    pub parent_trace_id: Option<String>,
}

/// How an engine is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseMode {
    /// Calls in flight may end by themselves.
    Drain,
    /// Calls in flight are cancelled.
    Cancel,
}

impl InferenceEngine {
    /// An engine that knows no model yet.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Starts building an engine.
    #[must_use]
    pub fn builder() -> InferenceEngineBuilder {
        InferenceEngineBuilder::default()
    }

    /// Registers a model, replacing one with the same id and its runner.
    ///
    /// # Errors
    /// [`InferenceError::InvalidRequest`] with everything that is wrong with it.
    pub fn register_model(&self, model: ModelSchema) -> Result<(), InferenceError> {
        self.register(model, None)
    }

    /// Registers a model with its own runner, replacing a model with the same id and its runner. Calls of the model try
    /// that runner before the engine's; see [`crate::runner`] for the whole order.
    ///
    /// # Errors
    /// [`InferenceError::InvalidRequest`] with every problem of the model.
    pub fn register_model_with_runner(
        &self,
        model: ModelSchema,
        runner: Arc<dyn InferenceRunner>,
    ) -> Result<(), InferenceError> {
        self.register(model, Some(runner))
    }

    fn register(&self, model: ModelSchema, runner: Option<Arc<dyn InferenceRunner>>) -> Result<(), InferenceError> {
        let problems = model.validate();
        if !problems.is_empty() {
            return Err(InferenceError::InvalidRequest(problems));
        }
        let mut models = self.shared.models.write();
        let replaced = self.shared.own_runners.write().replace_for_model(&model.id, runner);
        models.insert(model.id.clone(), Arc::new(model));
        drop(models);
        drop(replaced);
        Ok(())
    }

    /// The registered models, by id.
    #[must_use]
    pub fn models(&self) -> Vec<Arc<ModelSchema>> {
        self.shared.models.read().values().cloned().collect()
    }

    /// What holds for calls that set nothing of their own.
    #[must_use]
    pub fn settings(&self) -> CallSettings {
        CallSettings {
            timeouts: self.shared.timeouts,
            limits: self.shared.limits,
            retry: self.shared.retry,
        }
    }

    /// Opens a call that is not started: validates the request and resolves its models. For hosts that drive calls
    /// themselves; see [`crate::call`].
    ///
    /// # Errors
    /// [`InferenceError::InvalidRequest`], [`InferenceError::ModelNotFound`], or
    /// [`ErrorCode::EngineClosed`](crate::ErrorCode::EngineClosed).
    pub fn open(&self, request: GenerateRequest, options: &CallOptions) -> Result<Call, InferenceError> {
        self.open_within(request, options, Nesting::default())
    }

    /// As [`open`](Self::open), for a call that the runner of another one makes.
    ///
    /// # Errors
    /// The same, and [`ErrorCode::LimitExceeded`](crate::ErrorCode::LimitExceeded) when more than
    /// [`Limits::nested_calls_max`](crate::Limits::nested_calls_max) calls are around this one.
    pub fn open_within(
        &self,
        request: GenerateRequest,
        options: &CallOptions,
        nesting: Nesting,
    ) -> Result<Call, InferenceError> {
        self.open_call(request, options, nesting, None)
    }

    /// Like [`open_within`](Self::open_within), for a call with its own runner, which is tried first.
    ///
    /// # Errors
    /// The same.
    pub fn open_with_runner(
        &self,
        request: GenerateRequest,
        options: &CallOptions,
        nesting: Nesting,
        runner: Arc<dyn InferenceRunner>,
    ) -> Result<Call, InferenceError> {
        self.open_call(request, options, nesting, Some(runner))
    }

    fn open_call(
        &self,
        mut request: GenerateRequest,
        options: &CallOptions,
        nesting: Nesting,
        runner: Option<Arc<dyn InferenceRunner>>,
    ) -> Result<Call, InferenceError> {
        let mut problems = request.validate();
        problems.extend(options.validate());
        let models = self.resolve(&request, runner.as_ref(), &mut problems)?;
        let Some(model) = models.first().filter(|_| problems.is_empty()) else {
            return Err(InferenceError::InvalidRequest(problems));
        };
        let facts = CallFacts {
            trace_id: Uuid::now_v7().simple().to_string(),
            model: Arc::clone(model),
            client_ref: request.client_ref.clone(),
        };
        let shared = &self.shared;
        let CallSettings {
            timeouts,
            limits,
            retry,
        } = self.settings();
        let settings = CallSettings {
            timeouts: options.timeouts.map_or(timeouts, |given| given.over(timeouts)),
            limits: options.limits.map_or(limits, |given| given.over(limits)),
            retry: options.retry.map_or(retry, |given| given.over(retry)),
        };
        let max = settings.limits.nested_calls_max;
        if nesting.depth > max {
            return Err(Failure::limit("nestedCallsMax", max, too_deep(&model.id, max)).into());
        }
        // Defaults of the engine are filled in once, so that runners and log get the same request.
        if request.model.is_none() && !model.id.is_empty() {
            request.model = Some(model.id.clone());
        }
        if request.parent_trace_id.is_none() {
            request.parent_trace_id = nesting.parent_trace_id;
        }
        let number = shared.next_call.fetch_add(1, Ordering::Relaxed);
        let plan = Plan {
            models,
            runner,
            enclosing: driver::enclosing_call(),
        };
        let call = Call::new(number, facts, request, settings, plan, Arc::clone(shared));
        let inside = call.enclosing_numbers();
        let mut open_calls = shared.open_calls.lock();
        // Looked at under the lock, so that `close` either refuses this call or waits for it.
        if !open_calls.accept(&inside) {
            return Err(Failure::engine_closed().into());
        }
        open_calls.by_number.insert(number, call.downgrade());
        Ok(call)
    }

    /// The request's model and its fallbacks. A model that is not registered is accepted when the call or the engine
    /// has its own runner: the runner interprets the name.
    fn resolve(
        &self,
        request: &GenerateRequest,
        of_call: Option<&Arc<dyn InferenceRunner>>,
        problems: &mut Vec<Problem>,
    ) -> Result<Vec<Arc<ModelSchema>>, InferenceError> {
        let known = self.shared.models.read();
        let takes_unknown = of_call.is_some() || !self.shared.own_runners.read().is_empty();
        let unknown = |id: &str| takes_unknown.then(|| Arc::new(ModelSchema::delegated(id, None)));
        let has_runner = |model: Arc<ModelSchema>| !self.shared.candidates(of_call, &model).is_empty();
        let first = match request.model.as_deref() {
            Some(id) => id,
            None if known.len() == 1 => known.keys().next().map_or("", String::as_str),
            // The runner's own default.
            None if known.is_empty() && unknown("").is_some_and(has_runner) => "",
            None => {
                let message = match (known.is_empty(), takes_unknown) {
                    (false, _) => format!("required: one of {}", list(&known)),
                    (true, true) => "required: no model is registered, and no runner is set for every model".into(),
                    (true, false) => "required: no model is registered; register one and name it here, or give the \
                                      engine or the call its own runner"
                        .into(),
                };
                problems.push(Problem::new("model", message));
                ""
            }
        };
        if !problems.is_empty() {
            return Ok(Vec::new());
        }
        std::iter::once(first)
            .chain(request.fallback_models.iter().map(String::as_str))
            .map(|id| {
                let not_found = || InferenceError::ModelNotFound(not_registered(id, &known));
                known.get(id).cloned().or_else(|| unknown(id)).ok_or_else(not_found)
            })
            .collect()
    }

    /// Starts a call and returns its stream. The runner runs on its own task; dropping the stream cancels it.
    ///
    /// Must be called within a Tokio runtime with time enabled.
    ///
    /// # Errors
    /// What [`open`](Self::open) returns, and a failure that comes before any runner: none registered, denied by
    /// policy, refused by the log.
    pub async fn generate_tracked_stream(&self, request: GenerateRequest) -> Result<TrackedStream, InferenceError> {
        self.generate_tracked_stream_with(request, &CallOptions::default())
            .await
    }

    /// As [`generate_tracked_stream`](Self::generate_tracked_stream), with settings of the call's own.
    ///
    /// # Errors
    /// The same.
    pub async fn generate_tracked_stream_with(
        &self,
        request: GenerateRequest,
        options: &CallOptions,
    ) -> Result<TrackedStream, InferenceError> {
        Self::stream(self.open(request, options)?)
    }

    /// Like [`generate_tracked_stream_with`](Self::generate_tracked_stream_with), with a runner for this call only. It
    /// is tried first, for each of the call's models.
    ///
    /// # Errors
    /// The same.
    pub async fn generate_tracked_stream_with_runner(
        &self,
        request: GenerateRequest,
        options: &CallOptions,
        runner: Arc<dyn InferenceRunner>,
    ) -> Result<TrackedStream, InferenceError> {
        Self::stream(self.open_with_runner(request, options, Nesting::default(), runner)?)
    }

    /// Starts a call that was opened.
    fn stream(call: Call) -> Result<TrackedStream, InferenceError> {
        call.buffer_events();
        let step = call.start();
        if let (Step::Ended, Some(ending)) = (&step, call.ending())
            && let Some(failure) = &ending.failure
        {
            return Err(failure.clone().into());
        }
        driver::spawn(driver::drive(call.clone(), step));
        Ok(TrackedStream::new(call))
    }

    /// Runs a call to its end and returns the folded answer.
    ///
    /// # Errors
    /// Whatever ended the call.
    pub async fn generate(&self, request: GenerateRequest) -> Result<Completion, InferenceError> {
        self.generate_with(request, &CallOptions::default()).await
    }

    /// Like [`generate`](Self::generate), with options for this call.
    ///
    /// # Errors
    /// Whatever ended the call.
    pub async fn generate_with(
        &self,
        request: GenerateRequest,
        options: &CallOptions,
    ) -> Result<Completion, InferenceError> {
        self.generate_tracked_stream_with(request, options)
            .await?
            .result()
            .await
    }

    /// Like [`generate_with`](Self::generate_with), with a runner for this call only. It is tried first, for each of
    /// the call's models.
    ///
    /// # Errors
    /// Whatever ended the call.
    pub async fn generate_with_runner(
        &self,
        request: GenerateRequest,
        options: &CallOptions,
        runner: Arc<dyn InferenceRunner>,
    ) -> Result<Completion, InferenceError> {
        self.generate_tracked_stream_with_runner(request, options, runner)
            .await?
            .result()
            .await
    }

    /// Refuses new calls from now on. Calls in flight go on. With [`CloseMode::Drain`], calls [inside](Call::enclose) calls of
    /// this engine that are in flight are still accepted.
    pub fn refuse_calls(&self, mode: CloseMode) {
        let accepts = match mode {
            CloseMode::Drain => Accepts::InsideOpenCalls,
            CloseMode::Cancel => Accepts::None,
        };
        let mut open_calls = self.shared.open_calls.lock();
        open_calls.accepts = open_calls.accepts.max(accepts);
    }

    /// Closes the engine and waits until no call is in flight. Closing again is fine.
    ///
    /// A call is in flight from the first poll of [`generate`](Self::generate) or
    /// [`generate_tracked_stream`](Self::generate_tracked_stream) on: [`CloseMode::Drain`] waits for its ending,
    /// [`CloseMode::Cancel`] cancels it. A future that has not been polled yet has not begun its call, and fails with
    /// [`ErrorCode::EngineClosed`](crate::ErrorCode::EngineClosed).
    ///
    /// While it drains, the runner of a call in flight may make further calls, and those are waited for as well. The
    /// engine knows them by the task of [`run`](InferenceRunner::run); a call that the runner makes in a task that it
    /// spawned is a new call, and is refused.
    pub async fn close(&self, mode: CloseMode) {
        self.refuse_calls(mode);
        loop {
            let over = self.shared.call_over.notified();
            tokio::pin!(over);
            over.as_mut().enable();
            let open_calls: Vec<_> = self.shared.open_calls.lock().by_number.values().cloned().collect();
            if open_calls.is_empty() {
                return;
            }
            for call in open_calls.iter().filter_map(WeakCall::upgrade) {
                let reason = CancelReason {
                    kind: CancelKind::Engine,
                    message: None,
                    cause_id: None,
                };
                match mode {
                    CloseMode::Cancel => drop(call.cancel(reason)),
                    // A runner in flight may still start the calls that it makes.
                    CloseMode::Drain if self.shared.accepts(&call.enclosing_numbers()) => {}
                    // A call that nobody has started would never end by itself.
                    CloseMode::Drain => call.cancel_unstarted(reason),
                }
            }
            over.await;
        }
    }
}

impl Default for InferenceEngine {
    fn default() -> Self {
        Self::new()
    }
}

fn too_deep(model: &str, max: usize) -> String {
    format!(
        "the call of {model} is inside {max} others, each made by the runner of the one around it: a runner that calls the \
         engine for a model that it serves itself never ends. Call another model there, or raise `limits.nestedCallsMax`"
    )
}

fn not_registered(id: &str, models: &BTreeMap<String, Arc<ModelSchema>>) -> String {
    let hint = match models.is_empty() {
        true => "; register it in the engine's `models`, or give the engine a runner".into(),
        false => meant(id, models),
    };
    format!("{} (registered: {}){hint}", short(id), list(models))
}

/// What is wrong with a model that no runner was found for, when that may be its name; else empty.
fn maybe_misspelt(id: &str, models: &BTreeMap<String, Arc<ModelSchema>>) -> String {
    if id.is_empty() || models.is_empty() || models.contains_key(id) {
        return String::new();
    }
    format!(
        "; the model is not registered (registered: {}){}",
        list(models),
        meant(id, models)
    )
}

/// The end of the message about an unknown model: `; did you mean "gpt-5"?`. Empty when no known name is similar, and
/// with one model, which the message names anyway.
fn meant(id: &str, models: &BTreeMap<String, Arc<ModelSchema>>) -> String {
    let known: Vec<&str> = models.keys().map(String::as_str).collect();
    let meant = crate::shape::nearest(id, &known).filter(|_| known.len() > 1);
    meant.map_or_else(String::new, |meant| format!("; did you mean {:?}?", short(meant)))
}

fn list(models: &BTreeMap<String, Arc<ModelSchema>>) -> String {
    const SHOWN_MAX: usize = 20;
    if models.is_empty() {
        return "none".into();
    }
    let shown: Vec<&str> = models.keys().take(SHOWN_MAX).map(|id| short(id)).collect();
    match models.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{}, and {more} more", shown.join(", ")),
    }
}

/// So much of an id as a message should hold.
fn short(id: &str) -> &str {
    const SHOWN_MAX: usize = 256;
    &id[..id.floor_char_boundary(SHOWN_MAX)]
}
