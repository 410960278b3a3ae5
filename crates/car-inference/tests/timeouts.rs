//! Goal: silence ends a call, the consumer's slowness does not.
//! Method: paused time, so that every duration is exact.

mod support;

use std::time::Duration;

use car_inference::error::{TimeoutDetail, TimeoutKind};
use car_inference::runner::Emitted;
use car_inference::testing::Script;
use car_inference::{CallOptions, CallStatus, ErrorCode, Limits, RetryPolicy, TimeoutOverrides, Timeouts};
use support::{done, hi, text, world};
use tokio::time::Instant;

const NEVER: Timeouts = Timeouts {
    first_event_ms: None,
    idle_ms: None,
    total_ms: None,
    grace_ms: 0,
};

/// Runs a script to the timeout that is expected of it, at that time in milliseconds.
async fn check(timeouts: Timeouts, script: Script, kind: TimeoutKind, at_ms: u64) {
    let world = world([script], |builder| builder.timeouts(timeouts));
    let started = Instant::now();
    let seen = world.run().await;
    let failure = seen.ending.failure.clone().expect("a failure");
    assert_eq!(failure.code, ErrorCode::Timeout);
    assert_eq!(failure.timeout, Some(TimeoutDetail { kind, ms: at_ms }));
    assert!(failure.retryable);
    assert_eq!(started.elapsed().as_millis(), u128::from(at_ms));
    assert_eq!(seen.record.status, CallStatus::Timeout);
}

#[tokio::test(start_paused = true)]
async fn each_time_ends_a_silent_call_with_its_kind() {
    let all = Timeouts {
        first_event_ms: Some(100),
        idle_ms: Some(50),
        total_ms: Some(1_000),
        grace_ms: 0,
    };
    check(all, Script::new().hangs(), TimeoutKind::FirstEvent, 100).await;
    check(all, Script::new().text("a").hangs(), TimeoutKind::Idle, 50).await;
    let total = Timeouts {
        total_ms: Some(1_000),
        ..NEVER
    };
    check(total, Script::new().text("a").hangs(), TimeoutKind::Total, 1_000).await;
    check(total, Script::new().hangs(), TimeoutKind::Total, 1_000).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_given_no_times_still_ends() {
    let defaults = Timeouts {
        grace_ms: 0,
        ..Timeouts::default()
    };
    check(defaults, Script::new().hangs(), TimeoutKind::FirstEvent, 600_000).await;
    check(defaults, Script::new().text("a").hangs(), TimeoutKind::Idle, 300_000).await;
}

#[tokio::test(start_paused = true)]
async fn the_partial_answer_survives_a_timeout_and_the_runner_hears_of_it() {
    let timeouts = Timeouts {
        idle_ms: Some(50),
        grace_ms: 100,
        ..NEVER
    };
    let world = world([Script::new().text("hel").until_cancelled()], |builder| {
        builder.timeouts(timeouts)
    });
    let seen = world.run().await;
    assert_eq!(seen.text(), "hel");
    assert_eq!(seen.completion().text, "hel");
    assert_eq!(seen.note_codes(), [""; 0], "it stopped when it was told");
    assert_eq!(world.runner.emitters()[0].cancelled().await.code, ErrorCode::Timeout);
}

#[tokio::test(start_paused = true)]
async fn any_event_starts_the_idle_time_anew() {
    let timeouts = Timeouts {
        idle_ms: Some(100),
        ..NEVER
    };
    let world = world([Script::new().text("a").hangs()], |builder| builder.timeouts(timeouts));
    let mut stream = world.stream().await;
    stream.events.recv().await;
    let emitter = world.runner.emitters().remove(0);
    let started = Instant::now();
    let signature = car_inference::StreamEvent::ReasoningDelta {
        index: 0,
        text: String::new(),
        signature: None,
    };
    for event in [text("b"), support::input_tokens(1), signature, text("")] {
        support::pass(99).await;
        emitter.emit(event).await;
    }
    let seen = world.read(stream).await;
    assert_eq!(seen.code(), Some(ErrorCode::Timeout));
    assert_eq!(started.elapsed().as_millis(), 4 * 99 + 100);
}

#[tokio::test(start_paused = true)]
async fn the_first_event_time_is_for_each_attempt_and_the_total_for_all() {
    let timeouts = Timeouts {
        first_event_ms: Some(100),
        ..NEVER
    };
    let retry = car_inference::RetryPolicy {
        attempts_max: 2,
        backoff_ms: 500,
        ..Default::default()
    };
    let scripts = [Script::new().fails("503"), Script::new().hangs()];
    let world = world(scripts, |builder| builder.timeouts(timeouts).retry(retry));
    let started = Instant::now();
    let seen = world.run().await;
    assert_eq!(
        seen.ending
            .failure
            .and_then(|failure| failure.timeout)
            .map(|time| time.kind),
        Some(TimeoutKind::FirstEvent)
    );
    assert_eq!(started.elapsed().as_millis(), 500 + 100);
}

#[tokio::test(start_paused = true)]
async fn the_idle_time_stands_still_while_the_consumer_is_the_slow_one() {
    let timeouts = Timeouts {
        idle_ms: Some(100),
        ..NEVER
    };
    let limits = Limits {
        buffered_events_max: 1,
        ..Limits::default()
    };
    let script = Script::new().text("a").text("b").text("c").hangs();
    let world = world([script], |builder| builder.timeouts(timeouts).limits(limits));
    let mut stream = world.stream().await;
    for expected in ["a", "b", "c"] {
        support::pass(10_000).await;
        assert_eq!(stream.events.recv().await, Some(text(expected)));
    }
    // With "c" taken there is room again: from here on the silence is the runner's.
    let started = Instant::now();
    let seen = world.read(stream).await;
    assert_eq!(
        seen.ending
            .failure
            .and_then(|failure| failure.timeout)
            .map(|time| time.kind),
        Some(TimeoutKind::Idle)
    );
    assert_eq!(started.elapsed().as_millis(), 100);
}

#[tokio::test(start_paused = true)]
async fn the_total_time_runs_even_while_the_consumer_is_slow() {
    let timeouts = Timeouts {
        total_ms: Some(1_000),
        ..NEVER
    };
    let limits = Limits {
        buffered_events_max: 1,
        ..Limits::default()
    };
    let script = Script::new().text("a").text("b");
    let world = world([script], |builder| builder.timeouts(timeouts).limits(limits));
    let stream = world.stream().await;
    support::pass(2_000).await;
    let seen = world.read(stream).await;
    assert_eq!(seen.code(), Some(ErrorCode::Timeout));
    assert_eq!(seen.text(), "a");
}

#[tokio::test(start_paused = true)]
async fn none_waits_forever() {
    let world = world([Script::new().hangs()], |builder| builder.timeouts(NEVER));
    let mut stream = world.stream().await;
    let year = std::time::Duration::from_secs(365 * 24 * 3_600);
    assert!(tokio::time::timeout(year, stream.events.recv()).await.is_err());
    world.runner.emitters()[0].emit(done("at last")).await;
    assert_eq!(stream.events.recv().await, Some(done("at last")));
}

#[tokio::test(start_paused = true)]
async fn a_calls_own_times_win_over_the_engines_and_absent_ones_keep_them() {
    let timeouts = Timeouts {
        first_event_ms: Some(100),
        total_ms: Some(1_000),
        ..NEVER
    };
    let world = world([Script::new().hangs()], |builder| builder.timeouts(timeouts));
    let overrides = |json: &str| CallOptions {
        timeouts: Some(serde_json::from_str::<TimeoutOverrides>(json).unwrap()),
        ..CallOptions::default()
    };
    for (json, at_ms) in [
        ("{}", 100),
        (r#"{"firstEventMs":7}"#, 7),
        (r#"{"firstEventMs":null}"#, 1_000),
    ] {
        let started = Instant::now();
        let stream = world
            .engine
            .generate_tracked_stream_with(hi(), &overrides(json))
            .await
            .unwrap();
        assert!(stream.result().await.is_err());
        assert_eq!(started.elapsed().as_millis(), at_ms, "{json}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_completed_run_is_not_timed_out_by_a_consumer_that_reads_later() {
    let timeouts = Timeouts {
        first_event_ms: Some(10),
        idle_ms: Some(10),
        total_ms: Some(10),
        grace_ms: 10,
    };
    let world = world([Script::new().text("a").done("a")], |builder| {
        builder.timeouts(timeouts)
    });
    let stream = world.stream().await;
    support::pass(60_000).await;
    assert_eq!(world.read(stream).await.events, [text("a"), done("a")]);
}

/// An engine whose silent attempts are tried again.
fn retrying(timeouts: Timeouts, scripts: impl IntoIterator<Item = Script>) -> support::World {
    world(scripts, |builder| {
        builder.timeouts(timeouts).retry(RetryPolicy {
            attempts_max: 3,
            backoff_ms: 10,
            backoff_factor: 1.0,
            ..Default::default()
        })
    })
}

const SHORT: Timeouts = Timeouts {
    first_event_ms: Some(100),
    idle_ms: Some(50),
    total_ms: None,
    grace_ms: 20,
};

#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_silent_before_any_content_is_tried_again_after_its_grace_and_the_wait() {
    let usage = support::input_tokens(7);
    // (the first attempt, when the second begins)
    for (silent, begins_ms) in [
        (Script::new().hangs(), 100 + 20 + 10),
        (Script::new().until_cancelled(), 100 + 10),
        (Script::new().until_cancelled().returns("too late"), 100 + 10),
        (Script::new().until_cancelled().declines("too late"), 100 + 10),
        (Script::new().until_cancelled().panics("too late"), 100 + 10),
        (Script::new().until_cancelled().text("too late").hangs(), 100 + 20 + 10),
        (Script::new().emit(usage.clone()).hangs(), 50 + 20 + 10),
    ] {
        let described = format!("{silent:?}");
        let world = retrying(SHORT, [silent, Script::new().text("here")]);
        let started = Instant::now();
        let seen = world.run().await;
        assert_eq!(seen.ending.completion.text, "here", "{described}");
        assert_eq!(started.elapsed().as_millis(), begins_ms, "{described}");
        let attempts = &seen.record.attempts;
        let codes: Vec<_> = attempts
            .iter()
            .map(|attempt| attempt.failure.as_ref().map(|failure| failure.code))
            .collect();
        assert_eq!(codes, [Some(ErrorCode::Timeout), None], "{described}");
        let emitters = world.runner.emitters();
        assert!(emitters[0].is_closed(), "{described}");
        assert_eq!(emitters[0].emit(text("later")).await, Emitted::Closed, "{described}");
        assert_eq!(emitters[0].cancelled().await.code, ErrorCode::Timeout, "{described}");
        assert!(emitters[1].stop_reason().is_none(), "{described}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_has_streamed_content_is_not_tried_again() {
    let world = retrying(SHORT, [Script::new().text("hel").hangs(), Script::new().text("here")]);
    let seen = world.run().await;
    assert_eq!(seen.completion().text, "hel");
    assert_eq!(seen.record.status, CallStatus::Timeout);
    assert_eq!(world.runner.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn silence_ends_the_call_once_all_attempts_are_used_and_the_log_has_each() {
    let world = retrying(SHORT, [Script::new().hangs()]);
    let started = Instant::now();
    let seen = world.run().await;
    let failure = seen.ending.failure.clone().expect("a failure");
    let kind = TimeoutKind::FirstEvent;
    assert_eq!(failure.timeout, Some(TimeoutDetail { kind, ms: 100 }));
    assert_eq!(started.elapsed().as_millis(), 3 * (100 + 20) + 2 * 10);
    assert_eq!(seen.record.attempts.len(), 3);
    assert!(seen.record.attempts.iter().all(|attempt| attempt.failure.is_some()));
}

#[tokio::test(start_paused = true)]
async fn the_total_time_ends_a_call_in_the_grace_of_a_silent_attempt_and_in_the_wait_after_it() {
    for (total_ms, ends_ms) in [(110, 120), (125, 125)] {
        let timeouts = Timeouts {
            total_ms: Some(total_ms),
            ..SHORT
        };
        let world = retrying(timeouts, [Script::new().hangs()]);
        let started = Instant::now();
        let seen = world.run().await;
        let failure = seen.ending.failure.clone().expect("a failure");
        assert_eq!(failure.timeout.map(|timeout| timeout.kind), Some(TimeoutKind::Total));
        assert_eq!(started.elapsed().as_millis(), ends_ms);
        assert_eq!(world.runner.requests().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_cancelled_in_the_grace_of_a_silent_attempt_ends_when_that_is_over() {
    let world = retrying(SHORT, [Script::new().hangs()]);
    let stream = world.stream().await;
    let started = Instant::now();
    tokio::time::sleep(Duration::from_millis(110)).await;
    stream.cancel("enough");
    let seen = world.read(stream).await;
    assert_eq!(seen.record.status, CallStatus::Cancelled);
    assert_eq!(started.elapsed().as_millis(), 120);
}
