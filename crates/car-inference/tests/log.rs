//! Goal: the log holds the whole call before its consumer does, and a log that fails is never passed over.
//! Method: the memory log; a log that fails at one write, and one that commits when the test says so.

mod support;

use std::sync::Arc;

use car_inference::call::Step;
use car_inference::log::{CallFilter, CallStart, Decision, EventLog, LoggedEvent, MemoryLogLimits, Stamp};
use car_inference::policy::EventVerdict;
use car_inference::testing::Script;
use car_inference::{CallStatus, ErrorCode, GenerateRequest, InferenceError, MemoryLog, RetryPolicy, StreamEvent};
use proptest::prelude::*;
use support::faulty_log::{FaultyLog, Write, disk_full};
use support::rules::text_rule;
use support::{delta, done, drain, end, hi, input_tokens, scripted, start, text, world};

#[tokio::test(start_paused = true)]
async fn a_call_is_recorded_whole() {
    let signed = StreamEvent::ReasoningDelta {
        index: 1,
        text: "hm".into(),
        signature: Some("s=".into()),
    };
    let unsigned = StreamEvent::ReasoningDelta {
        index: 1,
        text: "hm".into(),
        signature: None,
    };
    let events = [
        unsigned,
        signed,
        text("hä"),
        start(0, "f"),
        delta(0, r#"{"a""#),
        delta(0, ":1}"),
        end(0),
        text("!"),
    ];
    let script = events
        .iter()
        .cloned()
        .fold(Script::new(), Script::emit)
        .emit(input_tokens(3))
        .done("")
        .done("");
    let world = scripted([script]);
    let request = GenerateRequest {
        client_ref: Some("ref".into()),
        conversation_id: Some("talk".into()),
        parent_trace_id: Some("p".into()),
        tags: vec!["t".into()],
        ..hi()
    };
    let stream = world.engine.generate_tracked_stream(request.clone()).await.unwrap();
    let seen = world.read(stream).await;
    let logged: Vec<_> = seen.logged.iter().map(|logged| logged.event.clone()).collect();
    assert_eq!(logged, seen.events);
    assert_eq!(seen.events[..8], events);
    let record = &seen.record;
    assert_eq!(record.request.as_ref(), Some(&request));
    assert_eq!(record.status, CallStatus::Done);
    assert_eq!(record.text.as_deref(), Some("hä!"));
    assert_eq!(record.tool_calls, seen.completion().tool_calls);
    assert_eq!(record.usage.and_then(|usage| usage.input_tokens), Some(3));
    assert_eq!(record.event_count, 10);
    assert_eq!(
        record
            .attempts
            .iter()
            .map(|attempt| attempt.attempt)
            .collect::<Vec<_>>(),
        [1]
    );
    assert_eq!(
        record
            .verdicts
            .iter()
            .map(|verdict| verdict.decision)
            .collect::<Vec<_>>(),
        [Decision::Allow]
    );
    assert_eq!(seen.note_codes(), ["second-done"]);
    assert_eq!(
        (record.client_ref.as_deref(), record.conversation_id.as_deref()),
        (Some("ref"), Some("talk"))
    );
    assert_eq!(
        (record.parent_trace_id.as_deref(), record.hint.as_deref()),
        (Some("p"), Some("openai"))
    );
    assert!(record.started_at <= record.first_event_at.unwrap() && record.first_event_at <= record.ended_at);
    let json = serde_json::to_string(record).unwrap();
    let again: car_inference::CallRecord = serde_json::from_str(&json).unwrap();
    assert_eq!(serde_json::to_string(&again).unwrap(), json);
}

#[tokio::test(start_paused = true)]
async fn an_open_call_reads_as_open_and_its_events_stand_before_they_are_taken() {
    let world = scripted([Script::new().text("a").text("b").until_cancelled()]);
    let stream = world.stream().await;
    support::pass(1).await;
    let record = world.log.call(&stream.trace_id).unwrap();
    assert_eq!(
        (record.status, record.text, record.ended_at),
        (CallStatus::Open, None, None)
    );
    let logged: Vec<_> = world
        .log
        .events(&stream.trace_id)
        .unwrap()
        .into_iter()
        .map(|logged| logged.event)
        .collect();
    assert_eq!(logged, [text("a"), text("b")]);
}

#[tokio::test(start_paused = true)]
async fn sequence_numbers_have_no_gap_over_refusals_replacements_and_attempts() {
    let rules = text_rule(|given| match given {
        "two" => EventVerdict::Replace(vec![text("t"), text("wo")]),
        "none" => EventVerdict::Replace(vec![]),
        _ => EventVerdict::Pass,
    });
    let retry = RetryPolicy {
        attempts_max: 2,
        ..RetryPolicy::default()
    };
    let scripts = [
        Script::new().emit(input_tokens(1)).fails("503"),
        Script::new()
            .emit(start(0, "f"))
            .emit(start(0, "f"))
            .text("none")
            .text("two")
            .text("a")
            .done(""),
    ];
    let seen = world(scripts, |builder| builder.policy(rules).retry(retry)).run().await;
    let numbers: Vec<_> = seen.logged.iter().map(|logged| (logged.seq, logged.attempt)).collect();
    // Usage, the warning that announces the retry, then the second attempt's events and its `done`.
    assert_eq!(numbers, [(1, 1), (2, 1), (3, 2), (4, 2), (5, 2), (6, 2), (7, 2)]);
    assert!(seen.logged.is_sorted_by_key(|logged| logged.at));
}

/// A call in which every kind of write happens, with one of them failing: what its consumer still gets. There is one
/// ending, and it says that the log failed.
async fn check_failing(write: Write, delivered: &[StreamEvent]) {
    let log = FaultyLog::failing_at(write);
    let rules = text_rule(|given| match given {
        "b" => EventVerdict::Replace(vec![text("B")]),
        _ => EventVerdict::Pass,
    });
    let retry = RetryPolicy {
        attempts_max: 2,
        ..RetryPolicy::default()
    };
    let scripts = [
        Script::new().fails("503"),
        // The repeated start is a note; the second `done` is another.
        Script::new()
            .text("a")
            .emit(start(0, "f"))
            .emit(start(0, "f"))
            .text("b")
            .text("c")
            .done("")
            .done(""),
    ];
    let world = world(scripts, |builder| {
        builder.policy(rules).retry(retry).event_log(log.clone())
    });
    let (events, error) = match world.engine.generate_tracked_stream(hi()).await {
        Ok(mut stream) => {
            let outcome = drain(&mut stream).await;
            let ending = stream.ending().expect("an ending");
            assert_eq!(
                ending.failure.as_ref().map(|failure| failure.code),
                Some(ErrorCode::LogFailed),
                "{write:?}"
            );
            assert_eq!(ending.status, CallStatus::Failed);
            outcome
        }
        Err(error) => (vec![], Some(error)),
    };
    let Some(InferenceError::CallFailed(failure)) = error else {
        panic!("{write:?}: {error:?} after {events:?}")
    };
    assert_eq!(failure.code, ErrorCode::LogFailed, "{write:?}");
    assert_eq!(failure.message, "the event log failed: disk full");
    assert_eq!(events, delivered, "{write:?}");
}

#[tokio::test(start_paused = true)]
async fn a_log_that_fails_at_any_write_ends_the_call_and_nothing_unrecorded_is_delivered() {
    let f = || start(0, "f");
    check_failing(Write::Start, &[]).await;
    // The request's verdict, the first attempt, its failure, the second attempt.
    check_failing(Write::Verdict(1), &[]).await;
    check_failing(Write::Attempt(1), &[]).await;
    check_failing(Write::Attempt(2), &[]).await;
    check_failing(Write::Attempt(3), &[]).await;
    check_failing(Write::Event(1), &[]).await;
    check_failing(Write::Event(2), &[text("a")]).await;
    // The repeated start's note, then the verdict that replaces, then what replaces.
    check_failing(Write::Note(1), &[text("a"), f()]).await;
    check_failing(Write::Verdict(2), &[text("a"), f()]).await;
    check_failing(Write::Event(3), &[text("a"), f()]).await;
    check_failing(Write::Event(4), &[text("a"), f(), text("B")]).await;
    // The second `done`'s note, the ending's verdict, the ending.
    let all = [text("a"), f(), text("B"), text("c")];
    check_failing(Write::Note(2), &all).await;
    check_failing(Write::Verdict(3), &all).await;
    check_failing(Write::End, &all).await;
}

#[tokio::test(start_paused = true)]
async fn a_log_that_fails_at_the_end_of_a_failed_call_leaves_its_failure() {
    let world = world([Script::new().fails("no")], |builder| {
        builder.event_log(FaultyLog::failing_at(Write::End))
    });
    let error = world.engine.generate(hi()).await.unwrap_err();
    assert_eq!(error, InferenceError::InferenceFailed("runner failed: no".into()));
}

#[tokio::test(start_paused = true)]
async fn a_log_that_fails_at_a_note_after_done_fails_the_call() {
    let log = FaultyLog::failing_at(Write::Note(1));
    let world = world([Script::new().text("a").done("a").done("a")], |builder| {
        builder.event_log(log)
    });
    let mut stream = world.stream().await;
    let (events, error) = drain(&mut stream).await;
    assert_eq!(events, [text("a")]);
    assert_eq!(error.map(|error| error.code()), Some(ErrorCode::LogFailed));
}

#[tokio::test(start_paused = true)]
async fn the_ending_waits_for_its_commit() {
    let (log, commit) = FaultyLog::committing_later();
    let world = world([Script::new().text("a").done("a")], |builder| builder.event_log(log));
    let mut stream = world.stream().await;
    assert_eq!(stream.events.recv().await, Some(text("a")));
    let ending = tokio::spawn(async move {
        let last = stream.events.next().await;
        (last, stream)
    });
    support::pass(60_000).await;
    assert!(!ending.is_finished(), "the commit is pending");
    commit.send(Ok(())).unwrap();
    let (last, mut stream) = ending.await.unwrap();
    assert_eq!(last, Some(Ok(done("a"))));
    assert_eq!(stream.events.recv().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_failed_commit_turns_done_into_a_failure() {
    let (log, commit) = FaultyLog::committing_later();
    let world = world([Script::new().text("a").done("a")], |builder| builder.event_log(log));
    let mut stream = world.stream().await;
    commit.send(Err(disk_full())).unwrap();
    let (events, error) = drain(&mut stream).await;
    assert_eq!(events, [text("a")]);
    assert_eq!(error.map(|error| error.code()), Some(ErrorCode::LogFailed));
    let ending = stream.ending().unwrap();
    assert_eq!(
        (ending.status, ending.completion.text.as_str()),
        (CallStatus::Failed, "a")
    );
}

#[tokio::test(start_paused = true)]
async fn a_pending_commit_takes_no_more_events_and_no_second_ending() {
    let (log, commit) = FaultyLog::committing_later();
    let world = world([Script::new().text("a")], |builder| builder.event_log(log));
    let stream = world.stream().await;
    support::pass(1).await;
    stream.cancel("too late");
    let emitter = world.runner.emitters().remove(0);
    assert_eq!(emitter.emit(text("late")).await, car_inference::runner::Emitted::Closed);
    commit.send(Ok(())).unwrap();
    assert_eq!(stream.result().await.unwrap().text, "a");
}

#[test]
fn a_commit_is_awaited_even_where_no_runtime_runs() {
    let (log, commit) = FaultyLog::committing_later();
    let world = world([], |builder| builder.event_log(log));
    let call = world.engine.open(hi(), &Default::default()).unwrap();
    let Step::Run(attempt) = call.start() else {
        panic!("a runner is there")
    };
    assert!(matches!(call.settle(attempt.number, Ok(None)), Step::Sealing));
    assert!(call.ending().is_none());
    commit.send(Ok(())).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(runtime.block_on(call.ended()).status, CallStatus::Done);
}

/// A log with these limits after so many calls of 100 bytes each: which are left, the newest first.
async fn kept(limits: MemoryLogLimits, calls: usize) -> usize {
    let log = MemoryLog::new(limits);
    let world = world([Script::new().text(&"x".repeat(100))], |builder| {
        builder.event_log(log.clone())
    });
    let mut trace_ids = Vec::new();
    for _ in 0..calls {
        let stream = world
            .engine
            .generate_tracked_stream(hi())
            .await
            .expect("a call that completes");
        trace_ids.push(stream.trace_id.clone());
        stream.result().await.expect("a call that completes");
    }
    let left: Vec<_> = log
        .calls(&CallFilter::default())
        .into_iter()
        .map(|call| call.trace_id)
        .collect();
    let newest: Vec<_> = trace_ids.into_iter().rev().take(left.len()).collect();
    assert_eq!(left, newest, "the oldest go first");
    left.len()
}

#[tokio::test(start_paused = true)]
async fn a_memory_log_keeps_what_its_limits_allow_and_evicts_the_oldest() {
    let calls = |calls_max| MemoryLogLimits {
        calls_max,
        ..MemoryLogLimits::default()
    };
    assert_eq!(kept(calls(3), 5).await, 3);
    assert_eq!(kept(calls(1), 5).await, 1);
    let bytes = |bytes_max| MemoryLogLimits {
        bytes_max,
        ..MemoryLogLimits::default()
    };
    assert!((1..=10).contains(&kept(bytes(2_100), 20).await));
    assert_eq!(kept(bytes(1), 5).await, 1, "the newest is kept whatever its size");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_outlasts_many_others_does_not_upset_the_count() {
    let limits = MemoryLogLimits {
        calls_max: 2,
        bytes_max: 8_000,
    };
    let log = MemoryLog::new(limits);
    let long = Script::new().text(&"x".repeat(5_000)).until_cancelled();
    let short = || Script::new().text("y");
    let scripts = [long, short(), short(), short(), short(), short()];
    let world = world(scripts, |builder| builder.event_log(log.clone()));
    let stream = world.engine.generate_tracked_stream(hi()).await.unwrap();
    support::pass(1).await;
    for _ in 0..3 {
        world.engine.generate(hi()).await.unwrap();
    }
    stream.cancel("enough");
    assert!(stream.result().await.is_err());
    for _ in 0..3 {
        world.engine.generate(hi()).await.unwrap();
    }
    assert_eq!(log.calls(&CallFilter::default()).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_memory_log_counts_the_bytes_of_requests_too() {
    let log = MemoryLog::new(MemoryLogLimits {
        bytes_max: 250_000,
        ..MemoryLogLimits::default()
    });
    let world = world([Script::new().text("y")], |builder| builder.event_log(log.clone()));
    for _ in 0..5 {
        let request = car_inference::GenerateRequest {
            prompt: "x".repeat(100_000),
            ..hi()
        };
        world.engine.generate(request).await.unwrap();
    }
    assert_eq!(log.calls(&CallFilter::default()).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn calls_are_found_by_what_they_are() {
    let scripts = [
        Script::new().text("a"),
        Script::new().fails("no"),
        Script::new().text("c"),
    ];
    let world = scripted(scripts);
    for tag in ["x", "x", "y"] {
        let request = GenerateRequest {
            tags: vec![tag.into()],
            ..hi()
        };
        drop(world.engine.generate(request).await);
    }
    let count = |filter: &str| world.log.calls(&CallFilter::from_json(filter).unwrap()).len();
    assert_eq!(count("{}"), 3);
    assert_eq!(count(r#"{"status":"done"}"#), 2);
    assert_eq!(count(r#"{"status":"failed","tags":["x"]}"#), 1);
    assert_eq!(count(r#"{"tags":["y"]}"#), 1);
    assert_eq!(count(r#"{"model":"other"}"#), 0);
    assert_eq!(count(r#"{"limit":1}"#), 1);
    assert_eq!(
        CallFilter::from_json(r#"{"state":"done"}"#).unwrap_err()[0].path,
        "state"
    );
}

/// A delta of any kind: short and long, of low indices and of high ones.
fn any_delta() -> impl Strategy<Value = StreamEvent> {
    // Longer than the log writes into one piece, too.
    let long = ("[a-zé漢]", 10_000..70_000usize).prop_map(|(character, count)| character.repeat(count));
    let text = prop_oneof![8 => "[a-zé漢]{0,12}", 8 => "[a-z]{100,200}", 1 => long];
    let index = prop_oneof![0..4usize, 120..135usize, Just(1 << 20)];
    (0..3, index, text).prop_map(|(kind, index, text)| match kind {
        0 => StreamEvent::TextDelta(text),
        1 => StreamEvent::ReasoningDelta {
            index,
            text,
            signature: None,
        },
        _ => StreamEvent::ToolCallDelta {
            index,
            arguments_delta: text,
        },
    })
}

proptest! {
    #[test]
    fn any_deltas_are_read_as_they_were_recorded(
        entries in prop::collection::vec((any_delta(), prop_oneof![1..3u64, 100..200u64], 0..300u64, 1..4u32), 0..60),
    ) {
        let log = MemoryLog::default();
        let start = CallStart {
            trace_id: "0".repeat(32),
            model: "model".into(),
            provider: None,
            hint: None,
            started_at_us: 0,
            request: Arc::default(),
        };
        let call = log.start(&start).unwrap();
        let (mut seq, mut at_us) = (0, 0);
        let mut recorded = Vec::new();
        for (event, step, waited_us, attempt) in entries {
            seq += step;
            at_us += waited_us;
            call.event(Stamp { seq, at_us, attempt }, (&event).into()).unwrap();
            let at = at_us as f64 / 1_000.0;
            recorded.push(LoggedEvent { seq, at, attempt, event });
        }
        prop_assert_eq!(log.events(&start.trace_id), Some(recorded));
    }
}
