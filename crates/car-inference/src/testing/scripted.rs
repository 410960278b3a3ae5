//! A runner that does what a script says, and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;

use crate::error::FailureDetails;
use crate::runner::{Emitted, EventEmitter, InferenceRunner, RunnerError, RunnerResult};
use crate::stream::StreamEvent;
use crate::tasks::generate::GenerateRequest;

/// What one run does, in order. The default emits nothing and returns nothing.
#[derive(Debug, Clone, Default)]
pub struct Script {
    steps: Vec<ScriptStep>,
}

#[derive(Debug, Clone)]
enum ScriptStep {
    Emit(StreamEvent),
    Describe(FailureDetails),
    Return(RunnerResult),
    Fail(RunnerError),
    Panic(String),
    Hang,
    UntilCancelled,
}

impl Script {
    /// A run that does nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn then(mut self, step: ScriptStep) -> Self {
        self.steps.push(step);
        self
    }

    /// Emits an event.
    #[must_use]
    pub fn emit(self, event: StreamEvent) -> Self {
        self.then(ScriptStep::Emit(event))
    }

    /// Emits a text delta.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        self.emit(StreamEvent::TextDelta(text.into()))
    }

    /// Emits `done` with this text.
    #[must_use]
    pub fn done(self, text: &str) -> Self {
        self.emit(StreamEvent::Done {
            text: text.into(),
            tool_calls: Vec::new(),
        })
    }

    /// Returns a result with this text. Nothing of the script follows.
    #[must_use]
    pub fn returns(self, text: &str) -> Self {
        self.then(ScriptStep::Return(RunnerResult {
            text: text.into(),
            tool_calls: Vec::new(),
        }))
    }

    /// Says more of the failure that follows.
    #[must_use]
    pub fn describes(self, details: FailureDetails) -> Self {
        self.then(ScriptStep::Describe(details))
    }

    /// Declines. Nothing of the script follows.
    #[must_use]
    pub fn declines(self, message: &str) -> Self {
        self.then(ScriptStep::Fail(RunnerError::Declined(message.into())))
    }

    /// Fails. Nothing of the script follows.
    #[must_use]
    pub fn fails(self, message: &str) -> Self {
        self.then(ScriptStep::Fail(RunnerError::Failed(message.into())))
    }

    /// Panics. Nothing of the script follows.
    #[must_use]
    pub fn panics(self, message: &str) -> Self {
        self.then(ScriptStep::Panic(message.into()))
    }

    /// Waits forever, deaf to cancellation.
    #[must_use]
    pub fn hangs(self) -> Self {
        self.then(ScriptStep::Hang)
    }

    /// Waits until the call is cancelled.
    #[must_use]
    pub fn until_cancelled(self) -> Self {
        self.then(ScriptStep::UntilCancelled)
    }
}

/// A runner that follows one script a run; the last script is followed by all further runs.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// use std::sync::Arc;
/// use car_inference::testing::{Script, ScriptedRunner};
/// use car_inference::{GenerateRequest, InferenceEngine, ModelSchema};
///
/// let runner = Arc::new(ScriptedRunner::new([Script::new().text("hel").text("lo")]));
/// let engine = InferenceEngine::builder().model(ModelSchema::delegated("m", None)).runner(runner.clone()).build();
/// let answer = engine.generate(GenerateRequest { prompt: "hi".into(), ..Default::default() }).await.unwrap();
/// assert_eq!(answer.text, "hello");
/// assert_eq!(runner.requests()[0].prompt, "hi");
/// # });
/// ```
#[derive(Clone, Default)]
pub struct ScriptedRunner {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    scripts: VecDeque<Script>,
    requests: Vec<GenerateRequest>,
    emitted: Vec<Emitted>,
    emitters: Vec<EventEmitter>,
}

impl ScriptedRunner {
    /// A runner that follows these scripts, one a run.
    pub fn new(scripts: impl IntoIterator<Item = Script>) -> Self {
        let state = State {
            scripts: scripts.into_iter().collect(),
            ..State::default()
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// The requests it was given, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<GenerateRequest> {
        self.state.lock().requests.clone()
    }

    /// What became of the events it emitted, in order.
    #[must_use]
    pub fn emitted(&self) -> Vec<Emitted> {
        self.state.lock().emitted.clone()
    }

    /// Clones of the emitters it was given, in order.
    #[must_use]
    pub fn emitters(&self) -> Vec<EventEmitter> {
        self.state.lock().emitters.clone()
    }

    /// Lets go of the emitters. A call keeps its engine, so an engine that keeps this runner is not freed before.
    pub fn forget_emitters(&self) {
        let emitters = std::mem::take(&mut self.state.lock().emitters);
        // Not under the lock: the last one may free the engine, and with it this runner.
        drop(emitters);
    }

    fn next_script(&self, request: GenerateRequest, emitter: &EventEmitter) -> Script {
        let mut state = self.state.lock();
        state.requests.push(request);
        state.emitters.push(emitter.clone());
        if state.scripts.len() > 1 {
            state.scripts.pop_front().unwrap_or_default()
        } else {
            state.scripts.front().cloned().unwrap_or_default()
        }
    }
}

#[async_trait]
impl InferenceRunner for ScriptedRunner {
    async fn run(&self, request: GenerateRequest, emitter: EventEmitter) -> Result<RunnerResult, RunnerError> {
        for step in self.next_script(request, &emitter).steps {
            match step {
                ScriptStep::Emit(event) => {
                    let emitted = emitter.emit(event).await;
                    self.state.lock().emitted.push(emitted);
                }
                ScriptStep::Describe(details) => emitter.describe_failure(details),
                ScriptStep::Return(result) => return Ok(result),
                ScriptStep::Fail(error) => return Err(error),
                ScriptStep::Panic(message) => panic!("{message}"),
                ScriptStep::Hang => std::future::pending().await,
                ScriptStep::UntilCancelled => drop(emitter.cancelled().await),
            }
        }
        Ok(RunnerResult::default())
    }
}
