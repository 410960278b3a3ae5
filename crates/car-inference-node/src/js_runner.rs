//! A JavaScript runner as Rust sees it. Callable from any thread: the run itself happens in its own environment.

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use car_inference::call::{Attempt, Call};
use car_inference::runner::{InferenceRunner, RunnerError, RunnerResult};
use car_inference::{ErrorCode, EventEmitter, Failure, GenerateRequest};
use parking_lot::Mutex;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{Notify, oneshot};

use crate::hosted_run::{HostedRun, Outcome};
use crate::json_text::to_json;
use crate::mailbox::{Mailbox, Message};

pub struct JsRunner {
    pub mailbox: Arc<Mailbox>,
    /// The id of this registration.
    pub runner_id: u32,
    /// The id of the JavaScript object, the same however often the object is registered.
    pub object_id: u32,
}

fn gone() -> RunnerError {
    RunnerError::Failed("the thread that registered the runner has exited".into())
}

#[async_trait]
impl InferenceRunner for JsRunner {
    async fn run(&self, request: GenerateRequest, emitter: EventEmitter) -> Result<RunnerResult, RunnerError> {
        self.ask(&request, emitter)?.attend().await
    }

    fn is_same(&self, other: &dyn InferenceRunner) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<Self>().is_some_and(|other| {
            other.object_id == self.object_id && other.mailbox.environment_id == self.mailbox.environment_id
        })
    }
}

impl JsRunner {
    /// Asks the runner's environment for a run.
    fn ask(&self, request: &GenerateRequest, emitter: EventEmitter) -> Result<AskedRun, RunnerError> {
        let (sender, outcome) = oneshot::channel();
        let wants_room = Arc::new(Notify::new());
        let port = self.mailbox.next_id();
        let run = HostedRun {
            port,
            runner_id: self.runner_id,
            request: to_json(request),
            emitter: emitter.clone(),
            settled: sender,
            wants_room: Arc::clone(&wants_room),
        };
        self.mailbox.post(Message::Run(Box::new(run))).map_err(|_| gone())?;
        Ok(AskedRun {
            mailbox: Arc::clone(&self.mailbox),
            port,
            emitter,
            outcome,
            wants_room,
        })
    }
}

/// Asks for the attempt's run now, when its runner is JavaScript's: whoever drives the attempt then only attends to it. The
/// driver's thread has to be woken first, and the runner's meanwhile does its work.
pub fn ask_ahead(call: &Call, attempt: Attempt) -> Attempt {
    let runner: &dyn Any = &*attempt.runner;
    let Some(runner) = runner.downcast_ref::<JsRunner>() else {
        return attempt;
    };
    match runner.ask(&call.request_for(&attempt.model), call.emitter(&attempt)) {
        Ok(run) => Attempt {
            runner: Arc::new(Asked(Mutex::new(Some(run)))),
            ..attempt
        },
        // The driver will find the same, and say so.
        Err(_) => attempt,
    }
}

/// The runner of one attempt whose run has been asked for.
struct Asked(Mutex<Option<AskedRun>>);

#[async_trait]
impl InferenceRunner for Asked {
    async fn run(&self, _request: GenerateRequest, _emitter: EventEmitter) -> Result<RunnerResult, RunnerError> {
        let run = self.0.lock().take();
        match run {
            Some(run) => run.attend().await,
            None => Err(RunnerError::Failed("an attempt has one run".into())),
        }
    }
}

/// A run that has been asked for. Dropped before it has settled, it tells JavaScript that it is given up: the call was
/// sealed without it.
struct AskedRun {
    mailbox: Arc<Mailbox>,
    port: u32,
    emitter: EventEmitter,
    outcome: oneshot::Receiver<Outcome>,
    wants_room: Arc<Notify>,
}

impl AskedRun {
    /// Carries between the run and its call until the run settles.
    async fn attend(mut self) -> Result<RunnerResult, RunnerError> {
        let mut told = false;
        loop {
            tokio::select! {
                outcome = &mut self.outcome => {
                    return match outcome.map_err(|_| gone())? {
                        Ok(result) => Ok(result.unwrap_or_default()),
                        Err((error, details)) => {
                            self.emitter.describe_failure(details);
                            Err(error)
                        }
                    };
                }
                failure = self.emitter.cancelled(), if !told => {
                    told = true;
                    if self.mailbox.take_back(self.port) {
                        // Nothing has begun, so there is nothing to wait for.
                        return Err(RunnerError::Failed(failure.message));
                    }
                    self.mailbox.post(Message::Stop(self.port, to_json(&failure))).map_err(|_| gone())?;
                }
                () = room(&self.wants_room, &self.emitter) => {
                    self.mailbox.post(Message::Drained(self.port)).map_err(|_| gone())?;
                }
            }
        }
    }
}

impl Drop for AskedRun {
    fn drop(&mut self) {
        // Settled, or its thread is gone, or it has not begun.
        if self.outcome.try_recv() != Err(TryRecvError::Empty) || self.mailbox.take_back(self.port) {
            return;
        }
        let over = || Failure::new(ErrorCode::Cancelled, "the call is over");
        let failure = self.emitter.stop_reason().unwrap_or_else(over);
        // An environment that is gone has no run to give up.
        let _gone = self.mailbox.post(Message::Over(self.port, to_json(&failure)));
    }
}

async fn room(wanted: &Notify, emitter: &EventEmitter) {
    wanted.notified().await;
    emitter.room().await;
}

impl Drop for JsRunner {
    fn drop(&mut self) {
        // An environment that is gone has nothing to forget.
        let _gone = self.mailbox.post(Message::RunnerDropped(self.runner_id));
    }
}
