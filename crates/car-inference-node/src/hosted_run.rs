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
    /// JSON: `{ runnerId, request }`.
    pub payload: String,
    pub emitter: EventEmitter,
    pub settled: oneshot::Sender<Outcome>,
    /// Told when JavaScript met a full buffer and waits for room.
    pub wants_room: Arc<Notify>,
}
