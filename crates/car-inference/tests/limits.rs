//! Goal: whatever the runner does, a call's memory is bounded: a bound slows the runner or ends the call.
//! Method: small bounds, scripted runners, and emitters that do not wait.

mod support;

use car_inference::call::Verdict;
use car_inference::error::LimitDetail;
use car_inference::stream::{EventRef, StreamEvent};
use car_inference::testing::Script;
use car_inference::{CallStatus, ErrorCode, Limits, RetryPolicy, Timeouts};
use support::{Seen, done, text, world};

fn repeat(script: Script, count: usize, event: &StreamEvent) -> Script {
    (0..count).fold(script, |script, _| script.emit(event.clone()))
}

fn assert_limit(seen: &Seen, name: &str, max: u64) {
    let failure = seen.ending.failure.as_ref().expect("a failure");
    assert_eq!(failure.code, ErrorCode::LimitExceeded);
    assert_eq!(failure.limit, Some(LimitDetail { name: name.into(), max }));
    assert!(!failure.retryable);
    assert_eq!(seen.record.status, CallStatus::Failed);
}

/// A runner that emits 100 events of 100 bytes gets as far ahead of its consumer as the buffer allows.
async fn check_backpressure(limits: Limits, ahead: usize) {
    let event = text(&"x".repeat(100));
    let world = world([repeat(Script::new(), 100, &event)], |builder| builder.limits(limits));
    let mut stream = world.stream().await;
    support::pass(1).await;
    assert_eq!(
        world.runner.emitted().len(),
        ahead,
        "before the consumer takes anything"
    );
    for taken in 1..=100 {
        assert_eq!(stream.events.recv().await, Some(event.clone()));
        support::pass(1).await;
        let emitted = world.runner.emitted().len();
        // What the consumer holds was taken from the buffer in one batch, so there are two buffers at most.
        assert!(emitted <= taken + 2 * ahead, "{emitted} emitted, {taken} taken");
    }
    assert_eq!(stream.events.recv().await, Some(done(&"x".repeat(10_000))));
}

#[tokio::test(start_paused = true)]
async fn a_slow_consumer_slows_its_runner() {
    check_backpressure(
        Limits {
            buffered_events_max: 1,
            ..Limits::default()
        },
        1,
    )
    .await;
    check_backpressure(
        Limits {
            buffered_events_max: 4,
            ..Limits::default()
        },
        4,
    )
    .await;
    check_backpressure(
        Limits {
            buffered_bytes_max: 500,
            ..Limits::default()
        },
        4,
    )
    .await;
    // One event larger than the buffer may wait alone.
    check_backpressure(
        Limits {
            buffered_bytes_max: 1,
            ..Limits::default()
        },
        1,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn one_event_that_is_too_large_ends_the_call_and_is_not_delivered() {
    let limits = Limits {
        event_bytes_max: 200,
        ..Limits::default()
    };
    let large = "x".repeat(200);
    let events = [
        text(&large),
        StreamEvent::ReasoningDelta {
            index: 0,
            text: String::new(),
            signature: Some(large.clone()),
        },
        support::start(0, &large),
        StreamEvent::ProviderOutputItem(serde_json::json!({ "deep": [{ "er": large.clone() }] })),
        StreamEvent::Custom {
            name: "n".into(),
            data: large.clone().into(),
        },
        done(&large),
    ];
    for event in events {
        let script = Script::new().text("ok").emit(event.clone()).text("never");
        let seen = world([script], |builder| builder.limits(limits)).run().await;
        assert_eq!(seen.events, [text("ok")], "{event:?}");
        assert_limit(&seen, "eventBytesMax", 200);
        assert_eq!(seen.completion().text, "ok");
    }
}

#[tokio::test(start_paused = true)]
async fn the_events_of_one_call_are_bounded_together_and_empty_ones_count() {
    let limits = Limits {
        call_bytes_max: 1_000,
        ..Limits::default()
    };
    for (event, delivered_max) in [
        (text(&"x".repeat(100)), 9),
        (text(""), 50),
        (support::input_tokens(1), 50),
    ] {
        let seen = world([repeat(Script::new(), 200, &event)], |builder| builder.limits(limits))
            .run()
            .await;
        assert_limit(&seen, "callBytesMax", 1_000);
        assert!(seen.events.len() <= delivered_max, "{} of {event:?}", seen.events.len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_result_larger_than_a_call_may_be_is_refused() {
    let limits = Limits {
        call_bytes_max: 1_000,
        ..Limits::default()
    };
    let seen = world([Script::new().returns(&"x".repeat(1_001))], |builder| {
        builder.limits(limits)
    })
    .run()
    .await;
    assert_limit(&seen, "callBytesMax", 1_000);
    assert_eq!(seen.completion().text, "", "what was refused is not taken over");
}

#[tokio::test(start_paused = true)]
async fn a_host_that_does_not_wait_is_told_when_the_buffer_is_full_and_ended_when_it_goes_on() {
    let limits = Limits {
        buffered_events_max: 2,
        unawaited_events_max: 3,
        ..Limits::default()
    };
    let timeouts = Timeouts {
        grace_ms: 0,
        ..Timeouts::default()
    };
    let world = world([Script::new().hangs()], |builder| {
        builder.limits(limits).timeouts(timeouts)
    });
    let stream = world.stream().await;
    support::pass(1).await;
    let emitter = world.runner.emitters().remove(0);
    let told: Vec<_> = (0..7)
        .map(|_| {
            let admission = emitter.emit_now(EventRef::TextDelta("x"));
            (admission.verdict, admission.full, admission.stopped)
        })
        .collect();
    use Verdict::{Closed, Pass};
    let full = |state: &(Verdict, bool, bool)| state.1;
    assert_eq!(
        told.iter().map(|state| state.0).collect::<Vec<_>>(),
        [Pass, Pass, Pass, Pass, Pass, Closed, Closed]
    );
    assert_eq!(told.iter().take(5).map(full).collect::<Vec<_>>()[..2], [false, true]);
    assert_eq!(
        told.iter().map(|state| state.2).collect::<Vec<_>>(),
        // Stopped by the fifth; with no grace at all, the sixth finds the call sealed off and says so once more.
        [false, false, false, false, true, true, false]
    );
    let seen = world.read(stream).await;
    assert_limit(&seen, "unawaitedEventsMax", 3);
    assert_eq!(seen.text(), "xxxxx", "what was accepted is delivered");
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_attempt_left_in_the_buffer_does_not_overrun_it() {
    let limits = Limits {
        buffered_events_max: 1,
        unawaited_events_max: 1,
        ..Limits::default()
    };
    let retry = RetryPolicy {
        attempts_max: 2,
        backoff_ms: 1,
        ..RetryPolicy::default()
    };
    let world = world(
        [
            Script::new().emit(support::input_tokens(7)).fails("overloaded"),
            Script::new().hangs(),
        ],
        |builder| builder.limits(limits).retry(retry),
    );
    let stream = world.stream().await;
    support::pass(10).await;
    let emitter = world.runner.emitters().remove(1);
    // The usage of the first attempt and the note of the retry are still there: more than the bound of both.
    let admission = emitter.emit_now(EventRef::TextDelta("x"));
    assert_eq!(
        (admission.verdict, admission.full, admission.stopped),
        (Verdict::Pass, true, false)
    );
    // Told to wait, it does not.
    assert!(emitter.emit_now(EventRef::TextDelta("y")).stopped);
    let seen = world.read(stream).await;
    assert_limit(&seen, "unawaitedEventsMax", 1);
    assert_eq!(seen.text(), "xy", "what was accepted is delivered");
}

#[tokio::test(start_paused = true)]
async fn room_resolves_when_the_consumer_has_taken_something() {
    let limits = Limits {
        buffered_events_max: 2,
        ..Limits::default()
    };
    let world = world([Script::new().hangs()], |builder| builder.limits(limits));
    let mut stream = world.stream().await;
    support::pass(1).await;
    let emitter = world.runner.emitters().remove(0);
    emitter.room().await;
    while !emitter.emit_now(EventRef::TextDelta("x")).full {}
    let room = tokio::spawn(async move { emitter.room().await });
    support::pass(1_000).await;
    assert!(!room.is_finished());
    stream.events.recv().await;
    room.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_runner_that_repeats_harmless_disorder_does_not_grow_the_log() {
    let start = support::start(0, "search");
    let before = repeat(Script::new(), 5_000, &start);
    let after = repeat(Script::new().done(""), 5_000, &done(""));
    for script in [before, after] {
        let seen = world([script], |builder| builder).run().await;
        let notes = seen.record.notes.len();
        assert!((1..=101).contains(&notes), "{notes} notes");
        assert_eq!(seen.record.status, CallStatus::Done);
    }
}
