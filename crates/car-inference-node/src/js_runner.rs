//! A JavaScript runner as Rust sees it. Callable from any thread: the run itself happens in its own environment.

use std::sync::Arc;

use async_trait::async_trait;
use car_inference::runner::{InferenceRunner, RunnerError, RunnerResult};
use car_inference::{ErrorCode, EventEmitter, Failure, GenerateRequest};
use tokio::sync::{Notify, oneshot};

use crate::hosted_run::HostedRun;
use crate::json_text::to_json;
use crate::mailbox::{Mailbox, Message};

pub struct JsRunner {
    pub mailbox: Arc<Mailbox>,
    pub runner_id: u32,
}

const THREAD_GONE: &str = "the thread that registered the runner has exited";

#[async_trait]
impl InferenceRunner for JsRunner {
    async fn run(&self, request: GenerateRequest, emitter: EventEmitter) -> Result<RunnerResult, RunnerError> {
        let (sender, mut settled) = oneshot::channel();
        let wants_room = Arc::new(Notify::new());
        let port = self.mailbox.next_id();
        let run = HostedRun {
            port,
            payload: to_json(&serde_json::json!({ "runnerId": self.runner_id, "request": request })),
            emitter: emitter.clone(),
            settled: sender,
            wants_room: Arc::clone(&wants_room),
        };
        let gone = || RunnerError::Failed(THREAD_GONE.into());
        self.mailbox.post(Message::Run(Box::new(run))).map_err(|_| gone())?;
        let mut unsettled = Unsettled {
            mailbox: &self.mailbox,
            port,
            emitter: &emitter,
            settled: false,
        };
        let mut told = false;
        loop {
            tokio::select! {
                outcome = &mut settled => {
                    unsettled.settled = true;
                    return match outcome.map_err(|_| gone())? {
                        Ok(result) => Ok(result.unwrap_or_default()),
                        Err((error, details)) => {
                            emitter.describe_failure(details);
                            Err(error)
                        }
                    };
                }
                failure = emitter.cancelled(), if !told => {
                    told = true;
                    if self.mailbox.take_back(port) {
                        // Nothing has begun, so there is nothing to wait for.
                        unsettled.settled = true;
                        return Err(RunnerError::Failed(failure.message));
                    }
                    self.mailbox.post(Message::Stop(port, to_json(&failure))).map_err(|_| gone())?;
                }
                () = room(&wants_room, &emitter) => {
                    self.mailbox.post(Message::Drained(port)).map_err(|_| gone())?;
                }
            }
        }
    }
}

/// Tells JavaScript when its run is given up: the call was sealed without it.
struct Unsettled<'a> {
    mailbox: &'a Mailbox,
    port: u32,
    emitter: &'a EventEmitter,
    settled: bool,
}

impl Drop for Unsettled<'_> {
    fn drop(&mut self) {
        if self.settled || self.mailbox.take_back(self.port) {
            return;
        }
        let over = || Failure::new(ErrorCode::Cancelled, "the call is over");
        let failure = self.emitter.call().stop_reason().unwrap_or_else(over);
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
