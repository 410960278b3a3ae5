//! A run that this environment's runner makes for a call that lives elsewhere, as a message and as it settles.

use std::sync::Arc;

use car_inference::EventEmitter;
use car_inference::error::FailureDetails;
use car_inference::runner::{RunnerError, RunnerResult};
use tokio::sync::{Notify, oneshot};

/// What became of a runner.
pub type Outcome = Result<Option<RunnerResult>, (RunnerError, FailureDetails)>;

/// The message that starts a hosted run.
pub struct HostedRun {
    pub port: u32,
    pub runner_id: u32,
    /// As JSON.
    pub request: String,
    pub emitter: EventEmitter,
    pub settled: oneshot::Sender<Outcome>,
    /// Told when JavaScript met a full buffer and waits for room.
    pub wants_room: Arc<Notify>,
}

impl HostedRun {
    /// As JavaScript reads it: `{ runnerId, call, request }`. `call` is the run's own when that is of the same environment, or 0.
    pub fn payload(&self, call: Option<u32>) -> String {
        let Self { runner_id, request, .. } = self;
        let call = call.unwrap_or_default();
        format!(r#"{{"runnerId":{runner_id},"call":{call},"request":{request}}}"#)
    }
}
