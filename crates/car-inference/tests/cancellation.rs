//! Goal: whoever cancels is heard by the runner, and the ending keeps the reason and what had arrived.
//! Method: scripted runners that listen or are deaf; paused time for the grace.

mod support;

use car_inference::error::{CancelKind, CancelReason};
use car_inference::runner::Emitted;
use car_inference::testing::Script;
use car_inference::{CallStatus, CloseMode, ErrorCode, Timeouts};
use support::{done, hi, input_tokens, scripted, text, world};
use tokio::time::Instant;

const GRACE_MS: u64 = 200;

fn with_grace(scripts: impl IntoIterator<Item = Script>) -> support::World {
    let timeouts = Timeouts {
        grace_ms: GRACE_MS,
        ..Timeouts::default()
    };
    world(scripts, |builder| builder.timeouts(timeouts))
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_ends_with_the_reason_the_partial_text_and_the_usage() {
    let world = with_grace([Script::new().text("hel").emit(input_tokens(7)).until_cancelled()]);
    let mut stream = world.stream().await;
    assert_eq!(stream.events.recv().await, Some(text("hel")));
    stream.cancel("user left");
    let seen = world.read(stream).await;
    let failure = seen.ending.failure.clone().expect("a failure");
    assert_eq!(failure.code, ErrorCode::Cancelled);
    assert_eq!(failure.cancel, Some(CancelReason::consumer("user left")));
    assert_eq!(failure.message, "cancelled: user left");
    assert_eq!(seen.completion().text, "hel");
    assert_eq!(seen.completion().usage.and_then(|usage| usage.input_tokens), Some(7));
    assert_eq!(seen.record.status, CallStatus::Cancelled);
    assert_eq!(seen.record.text.as_deref(), Some("hel"));
}

#[tokio::test(start_paused = true)]
async fn a_runner_that_listens_is_waited_for_and_no_longer() {
    let world = with_grace([Script::new().text("a").until_cancelled()]);
    let mut stream = world.stream().await;
    stream.events.recv().await;
    let started = Instant::now();
    stream.cancel("enough");
    let seen = world.read(stream).await;
    assert_eq!(started.elapsed().as_millis(), 0);
    assert_eq!(seen.note_codes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_deaf_runner_is_sealed_off_after_its_grace() {
    let world = with_grace([Script::new().text("a").hangs()]);
    let mut stream = world.stream().await;
    stream.events.recv().await;
    let started = Instant::now();
    stream.cancel("enough");
    let seen = world.read(stream).await;
    assert_eq!(started.elapsed().as_millis(), u128::from(GRACE_MS));
    assert_eq!(seen.code(), Some(ErrorCode::Cancelled));
    assert_eq!(seen.note_codes(), ["sealed-off"]);
    assert_eq!(world.runner.emitters()[0].emit(text("late")).await, Emitted::Closed);
}

#[tokio::test(start_paused = true)]
async fn events_after_the_cancellation_reach_nobody_but_the_accounts_do() {
    let script = Script::new()
        .text("a")
        .until_cancelled()
        .text("late")
        .emit(input_tokens(9));
    let world = with_grace([script]);
    let mut stream = world.stream().await;
    stream.events.recv().await;
    stream.cancel("enough");
    let seen = world.read(stream).await;
    assert_eq!(seen.events, []);
    assert_eq!(seen.completion().text, "a");
    assert_eq!(seen.completion().usage.and_then(|usage| usage.input_tokens), Some(9));
    assert_eq!(
        world.runner.emitted(),
        [Emitted::Delivered, Emitted::Closed, Emitted::Closed]
    );
}

#[tokio::test(start_paused = true)]
async fn the_runner_hears_of_it_through_its_emitter() {
    let world = with_grace([Script::new().text("a").hangs()]);
    let mut stream = world.stream().await;
    stream.events.recv().await;
    let emitter = world.runner.emitters().remove(0);
    assert!(!emitter.is_closed());
    let heard = tokio::spawn(async move {
        let failure = emitter.cancelled().await;
        (failure, emitter.is_closed())
    });
    tokio::task::yield_now().await;
    assert!(!heard.is_finished(), "nobody has cancelled yet");
    stream.cancel("enough");
    let (failure, closed) = heard.await.unwrap();
    assert_eq!((failure.code, closed), (ErrorCode::Cancelled, true));
}

#[tokio::test(start_paused = true)]
async fn a_runner_that_waits_for_room_is_woken_by_the_cancellation() {
    let limits = car_inference::Limits {
        buffered_events_max: 1,
        ..Default::default()
    };
    let world = world([Script::new().text("a").text("b")], |builder| builder.limits(limits));
    let stream = world.stream().await;
    support::pass(1).await;
    assert_eq!(world.runner.emitted(), [Emitted::Delivered]);
    let started = Instant::now();
    stream.cancel("enough");
    let seen = world.read(stream).await;
    assert_eq!(world.runner.emitted(), [Emitted::Delivered, Emitted::Closed]);
    assert_eq!(started.elapsed().as_millis(), 0);
    assert_eq!(seen.text(), "a");
}

#[tokio::test(start_paused = true)]
async fn dropping_the_stream_cancels_the_runner() {
    let world = with_grace([Script::new().text("a").until_cancelled()]);
    let mut stream = world.stream().await;
    stream.events.recv().await;
    let trace_id = stream.trace_id.clone();
    drop(stream);
    support::pass(1).await;
    let record = world.log.call(&trace_id).unwrap();
    assert_eq!(record.status, CallStatus::Cancelled);
    assert_eq!(
        record
            .failure
            .and_then(|failure| failure.cancel)
            .map(|cancel| cancel.kind),
        Some(CancelKind::Consumer)
    );
}

#[tokio::test(start_paused = true)]
async fn dropping_a_stream_that_is_over_changes_nothing() {
    let world = scripted([Script::new().done("a")]);
    let seen = world.run().await;
    assert_eq!(world.log.call(&seen.record.trace_id).unwrap().status, CallStatus::Done);
}

#[tokio::test(start_paused = true)]
async fn cancelling_twice_keeps_the_first_reason() {
    let world = with_grace([Script::new().text("a").hangs()]);
    let stream = world.stream().await;
    stream.cancel("first");
    stream.cancel("second");
    let seen = world.read(stream).await;
    assert_eq!(
        seen.ending.failure.unwrap().cancel,
        Some(CancelReason::consumer("first"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_done_has_passed_stays_completed_and_only_loses_its_grace() {
    let world = with_grace([Script::new().done("a").hangs()]);
    let stream = world.stream().await;
    support::pass(1).await;
    stream.cancel("too late");
    let started = Instant::now();
    let seen = world.read(stream).await;
    assert_eq!(seen.events, [done("a")]);
    assert_eq!(started.elapsed().as_millis(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_cancelled_before_its_start_ends_without_a_runner() {
    let world = scripted([Script::new().done("never")]);
    let call = world.engine.open(hi(), &Default::default()).unwrap();
    call.cancel(CancelReason {
        kind: CancelKind::Signal,
        message: None,
        cause_id: Some(5),
    });
    assert_eq!(call.ending().map(|ending| ending.status), Some(CallStatus::Cancelled));
    assert!(matches!(call.start(), car_inference::call::Step::Ended));
    assert!(world.runner.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_detached_call_runs_on_without_its_consumer_and_is_recorded() {
    let limits = car_inference::Limits {
        buffered_events_max: 2,
        ..Default::default()
    };
    let script = (0..40).fold(Script::new(), |script, _| script.text("x"));
    let world = world([script], |builder| builder.limits(limits));
    let stream = world.stream().await;
    support::pass(1).await;
    let trace_id = stream.trace_id.clone();
    assert_eq!(world.runner.emitted().len(), 2, "the runner waits for room");
    stream.detach();
    support::pass(1).await;
    let record = world.log.call(&trace_id).unwrap();
    assert_eq!(record.status, CallStatus::Done);
    assert_eq!(record.text, Some("x".repeat(40)));
    assert_eq!(record.event_count, 41);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_waiting_when_its_call_is_detached_hears_of_the_ending() {
    let world = scripted([Script::new().text("a").until_cancelled()]);
    let call = world.engine.open(hi(), &Default::default()).unwrap();
    call.buffer_events();
    let step = call.start();
    tokio::spawn(call.clone().drive(step));
    let drain = |call: car_inference::call::Call| async move {
        std::future::poll_fn(|context| call.poll_drain(context, 8)).await
    };
    drain(call.clone()).await;
    // On a task of its own, so that nothing but the call wakes it.
    let waiting = tokio::spawn(drain(call.clone()));
    tokio::task::yield_now().await;
    call.detach();
    world.runner.emitters()[0].emit(done("a")).await;
    call.cancel(CancelReason::consumer("only to end the grace"));
    let batch = tokio::time::timeout(std::time::Duration::from_secs(5), waiting).await;
    let batch = batch.expect("it is woken").expect("it does not panic");
    assert_eq!(batch, car_inference::call::Batch::Ended);
}

#[tokio::test(start_paused = true)]
async fn closing_with_drain_waits_for_calls_in_flight_and_refuses_new_ones() {
    let world = with_grace([Script::new().text("a").hangs()]);
    let mut stream = world.stream().await;
    stream.events.recv().await;
    let closing = tokio::spawn({
        let engine = world.engine.clone();
        async move { engine.close(CloseMode::Drain).await }
    });
    support::pass(10_000).await;
    assert!(!closing.is_finished(), "a call is in flight");
    assert!(matches!(world.engine.generate(hi()).await, Err(error) if error.code() == ErrorCode::EngineClosed));
    let emitter = world.runner.emitters().remove(0);
    assert_eq!(emitter.emit(text("b")).await, Emitted::Delivered);
    emitter.emit(done("ab")).await;
    let seen = world.read(stream).await;
    assert_eq!(seen.events, [text("b"), done("ab")]);
    closing.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn closing_with_cancel_cancels_calls_in_flight_and_waits_for_their_endings() {
    let world = with_grace([
        Script::new().text("a").until_cancelled(),
        Script::new().text("b").hangs(),
    ]);
    let (first, second) = (world.stream().await, world.stream().await);
    support::pass(1).await;
    let started = Instant::now();
    world.engine.close(CloseMode::Cancel).await;
    assert_eq!(
        started.elapsed().as_millis(),
        u128::from(GRACE_MS),
        "the deaf one gets its grace"
    );
    for stream in [first, second] {
        let failure = world.read(stream).await.ending.failure.expect("a failure");
        assert_eq!(failure.cancel.map(|cancel| cancel.kind), Some(CancelKind::Engine));
    }
}

#[tokio::test(start_paused = true)]
async fn closing_ends_calls_that_were_opened_and_never_started() {
    let world = scripted([Script::new().done("never")]);
    let call = world.engine.open(hi(), &Default::default()).unwrap();
    let closed = tokio::time::timeout(std::time::Duration::from_secs(60), world.engine.close(CloseMode::Drain)).await;
    assert_eq!(closed, Ok(()));
    let failure = call
        .ending()
        .and_then(|ending| ending.failure.clone())
        .expect("an ending");
    assert_eq!(failure.cancel.map(|cancel| cancel.kind), Some(CancelKind::Engine));
    assert!(world.runner.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_completed_call_never_tells_its_runner_to_stop() {
    let world = scripted([Script::new().done("a")]);
    world.run().await;
    let emitter = world.runner.emitters().remove(0);
    let told = tokio::time::timeout(std::time::Duration::from_secs(60), emitter.cancelled()).await;
    assert!(told.is_err(), "{told:?}");
}
