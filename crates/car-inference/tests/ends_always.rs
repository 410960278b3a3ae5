//! Goal: a call ends, and its engine closes, whatever breaks around it.
//! Method: a policy or log that panics, a runtime that goes away, a runner that asks its call while it is dropped.

mod support;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use car_inference::call::{DeadlineCheck, Step, Stopped};
use car_inference::error::CancelReason;
use car_inference::log::{AttemptRecord, CallLog, CallStart, Commit, Note, Stamp, VerdictRecord};
use car_inference::policy::{CallPolicy, EndingVerdict, EventVerdict, Policy, RequestVerdict};
use car_inference::runner::{EventEmitter, InferenceRunner, RunnerError, RunnerResult};
use car_inference::stream::{Completion, EventRef};
use car_inference::testing::{Script, ScriptedRunner};
use car_inference::{
    CallFacts, CallOptions, Ending, ErrorCode, EventLog, GenerateRequest, InferenceEngine, LogError, ModelSchema,
};
use car_inference::{CloseMode, InferenceEngineBuilder};
use support::{MODEL, done, hi, world};

#[derive(Clone, Copy, PartialEq)]
enum At {
    Event,
    Ending,
    Commit,
}

struct PanickingPolicy(At);

impl Policy for PanickingPolicy {
    fn request(&self, _facts: &CallFacts, _request: &GenerateRequest) -> RequestVerdict {
        RequestVerdict::Judge(Box::new(Self(self.0)))
    }
}

impl CallPolicy for PanickingPolicy {
    fn event(&mut self, _event: EventRef<'_>) -> EventVerdict {
        assert!(self.0 != At::Event, "the policy panics at an event");
        EventVerdict::Pass
    }

    fn ending(&mut self, _completion: &Completion) -> EndingVerdict {
        assert!(self.0 != At::Ending, "the policy panics at the ending");
        EndingVerdict::Pass
    }
}

/// Keeps nothing; commits after a while, or panics over it.
#[derive(Clone, Copy)]
struct SlowLog(Option<At>);

impl EventLog for SlowLog {
    fn start(&self, _start: &CallStart) -> Result<Arc<dyn CallLog>, LogError> {
        Ok(Arc::new(*self))
    }
}

impl CallLog for SlowLog {
    fn attempt(&self, _at_us: u64, _attempt: &AttemptRecord) -> Result<(), LogError> {
        Ok(())
    }

    fn event(&self, _stamp: Stamp, _event: EventRef<'_>) -> Result<(), LogError> {
        Ok(())
    }

    fn verdict(&self, _at_us: u64, _verdict: &VerdictRecord) -> Result<(), LogError> {
        Ok(())
    }

    fn note(&self, _at_us: u64, _note: &Note) -> Result<(), LogError> {
        Ok(())
    }

    fn end(&self, _stamp: Stamp, _ending: &Arc<Ending>) -> Result<Commit, LogError> {
        let panics = self.0 == Some(At::Commit);
        Ok(Commit::Pending(Box::pin(async move {
            assert!(!panics, "the commit panics");
            tokio::time::sleep(Duration::from_millis(100)).await;
            Ok(())
        })))
    }
}

async fn check(configure: impl FnOnce(InferenceEngineBuilder) -> InferenceEngineBuilder, expected: ErrorCode) {
    let world = world([Script::new().text("a")], configure);
    let error = world.engine.generate(hi()).await.expect_err("something panicked");
    assert_eq!(error.code(), expected, "{error}");
    world.engine.close(CloseMode::Drain).await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_policy_or_log_ends_the_call() {
    // An event is judged on the runner's own task, so there the panic is the runner's.
    check(
        |builder| builder.policy(PanickingPolicy(At::Event)),
        ErrorCode::RunnerFailed,
    )
    .await;
    check(
        |builder| builder.policy(PanickingPolicy(At::Ending)),
        ErrorCode::Internal,
    )
    .await;
    check(
        |builder| builder.event_log(SlowLog(Some(At::Commit))),
        ErrorCode::LogFailed,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_over_an_ending_that_is_told_ahead_of_the_driver_ends_the_call() {
    let world = world([Script::new()], |builder| builder.policy(PanickingPolicy(At::Ending)));
    let call = world.engine.open(hi(), &CallOptions::default()).expect("a call");
    let Step::Run(attempt) = call.start() else {
        panic!("the runner is to run")
    };
    call.settle_ahead(attempt.number, None);
    let failure = call.ending().expect("an ending").failure.clone().expect("a failure");
    assert_eq!(failure.code, ErrorCode::Internal);
    assert!(matches!(call.settle(attempt.number, Ok(None)), Step::Ended));
}

#[test]
fn a_runtime_that_is_shut_down_ends_its_calls() {
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_time()
            .build()
            .expect("a runtime")
    };
    let (driving, reading) = (runtime(), runtime());
    let world = world([Script::new().text("a").until_cancelled()], |builder| builder);
    let stream = driving
        .block_on(world.engine.generate_tracked_stream(hi()))
        .expect("a stream");
    driving.shutdown_background();
    let error = reading.block_on(stream.result()).expect_err("nobody drives the call");
    assert_eq!(error.code(), ErrorCode::Internal);
    reading.block_on(world.engine.close(CloseMode::Drain));
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_ending_is_being_committed_is_not_over_yet() {
    let world = world([Script::new()], |builder| builder.event_log(SlowLog(None)));
    let call = world.engine.open(hi(), &CallOptions::default()).expect("a call");
    let Step::Run(attempt) = call.start() else {
        panic!("the runner is to run")
    };
    call.emitter(&attempt).emit_now((&done("a")).into());
    assert_eq!(call.cancel(CancelReason::consumer("enough")), Stopped::Sealing);
    assert_eq!(call.check_deadlines(None), DeadlineCheck::Sealing);
    assert!(matches!(call.settle(attempt.number, Ok(None)), Step::Sealing));
    assert!(call.ending().is_none());
    assert!(call.ended().await.failure.is_none());
    assert_eq!(call.check_deadlines(None), DeadlineCheck::Over);
}

#[tokio::test(start_paused = true)]
async fn a_runner_that_emits_for_ever_after_done_is_told_to_stop_when_its_grace_is_over() {
    let world = world([Script::new()], |builder| builder);
    let call = world.engine.open(hi(), &CallOptions::default()).expect("a call");
    let Step::Run(attempt) = call.start() else {
        panic!("the runner is to run")
    };
    let emitter = call.emitter(&attempt);
    emitter.emit_now((&done("a")).into());
    assert!(!emitter.emit_now(EventRef::TextDelta("late")).stopped);
    tokio::time::advance(Duration::from_millis(501)).await;
    assert!(emitter.emit_now(EventRef::TextDelta("later")).stopped);
    assert_eq!(call.ending().expect("it was sealed").completion.text, "a");
}

/// Declines, and asks its call something while it is dropped.
#[derive(Default)]
struct AsksInDrop(OnceLock<EventEmitter>);

#[async_trait]
impl InferenceRunner for AsksInDrop {
    async fn run(&self, _request: GenerateRequest, emitter: EventEmitter) -> Result<RunnerResult, RunnerError> {
        assert!(self.0.set(emitter).is_ok(), "it runs once");
        Err(RunnerError::Declined("not mine".into()))
    }
}

impl Drop for AsksInDrop {
    fn drop(&mut self) {
        assert!(self.0.get().is_none_or(EventEmitter::is_closed));
    }
}

/// Takes everything but a second attempt, so that the first one's runner is let go while the call is being sealed.
struct NoSecondAttempt;

impl EventLog for NoSecondAttempt {
    fn start(&self, _start: &CallStart) -> Result<Arc<dyn CallLog>, LogError> {
        Ok(Arc::new(Self))
    }
}

impl CallLog for NoSecondAttempt {
    fn attempt(&self, _at_us: u64, attempt: &AttemptRecord) -> Result<(), LogError> {
        let reason = || LogError::new(car_inference::LogErrorKind::DiskFull, "full");
        if attempt.attempt == 2 { Err(reason()) } else { Ok(()) }
    }

    fn event(&self, _stamp: Stamp, _event: EventRef<'_>) -> Result<(), LogError> {
        Ok(())
    }

    fn verdict(&self, _at_us: u64, _verdict: &VerdictRecord) -> Result<(), LogError> {
        Ok(())
    }

    fn note(&self, _at_us: u64, _note: &Note) -> Result<(), LogError> {
        Ok(())
    }

    fn end(&self, _stamp: Stamp, _ending: &Arc<Ending>) -> Result<Commit, LogError> {
        Ok(Commit::Done)
    }
}

#[tokio::test(start_paused = true)]
async fn a_runner_is_dropped_outside_its_calls_lock() {
    let hint = "ends_always";
    let declines = Arc::new(AsksInDrop::default());
    let dropped = Arc::downgrade(&declines);
    car_inference::runner::set_inference_runner_for(hint, Some(declines));
    car_inference::set_inference_runner(Some(Arc::new(ScriptedRunner::new([Script::new().text("a")]))));
    let engine = InferenceEngine::builder()
        .model(ModelSchema::delegated(MODEL, Some(hint)))
        .event_log(NoSecondAttempt)
        .build();
    let call = engine.open(hi(), &CallOptions::default()).expect("a call");
    let Step::Run(attempt) = call.start() else {
        panic!("the runner is to run")
    };
    assert!(attempt.runner.run(hi(), call.emitter(&attempt)).await.is_err());
    // From now on the call holds the only one.
    car_inference::runner::set_inference_runner_for(hint, None);
    car_inference::set_inference_runner(None);
    let number = attempt.number;
    drop(attempt);
    // A runner dropped under the lock would wait for it for ever.
    assert!(matches!(
        call.settle(number, Err(RunnerError::Declined("not mine".into()))),
        Step::Ended
    ));
    assert!(dropped.upgrade().is_none(), "the call let its runner go");
    let failure = call
        .ending()
        .and_then(|ending| ending.failure.clone())
        .expect("the log failed");
    assert_eq!(failure.code, ErrorCode::LogFailed);
}
