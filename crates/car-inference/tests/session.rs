//! Goal: a call has exactly one ending, whatever its runner emits.
//! Method: the order table as data; any sequence of events through the pure session, and through an engine.

mod support;

use car_inference::session::{Refusal, Ruling, Session, Violation};
use car_inference::stream::{EventRef, StreamEvent};
use car_inference::testing::Script;
use car_inference::{CallStatus, Timeouts};
use proptest::prelude::*;
use support::{any, delta, done, end, scripted, start, text, text_of};

/// Sends all events through one session; the ruling on the last is `expected`, those before it pass.
fn check(events: &[StreamEvent], expected: Ruling) {
    let mut session = Session::default();
    let rulings: Vec<_> = events.iter().map(|event| session.rule(EventRef::from(event))).collect();
    let (last, before) = rulings.split_last().expect("an event");
    assert!(
        before.iter().all(|ruling| *ruling == Ruling::Pass),
        "{events:?}: {rulings:?}"
    );
    assert_eq!(*last, expected, "{events:?}");
}

#[test]
fn the_order_table_holds() {
    use Ruling::{Pass, Refuse, Violation as Breaks};
    let other_id = StreamEvent::ToolCallStart {
        name: "a".into(),
        index: 0,
        id: Some("x".into()),
    };
    check(&[start(0, "a"), delta(0, "{"), delta(0, "}"), end(0), done("")], Pass);
    check(
        &[
            start(0, "a"),
            start(1, "a"),
            delta(0, ""),
            delta(1, ""),
            end(1),
            end(0),
            text("t"),
        ],
        Pass,
    );
    check(&[start(0, "a"), start(0, "a")], Refuse(Refusal::RepeatedStart));
    check(&[start(0, "a"), end(0), start(0, "a")], Refuse(Refusal::RepeatedStart));
    check(
        &[start(0, "a"), start(0, "b")],
        Breaks(Violation::ConflictingStart { index: 0 }),
    );
    check(
        &[start(0, "a"), other_id],
        Breaks(Violation::ConflictingStart { index: 0 }),
    );
    check(&[delta(7, "{}")], Breaks(Violation::DeltaWithoutStart { index: 7 }));
    check(
        &[start(0, "a"), delta(1, "{}")],
        Breaks(Violation::DeltaWithoutStart { index: 1 }),
    );
    check(
        &[start(0, "a"), end(0), delta(0, "{}")],
        Breaks(Violation::DeltaAfterEnd { index: 0 }),
    );
    check(&[end(3)], Breaks(Violation::EndWithoutStart { index: 3 }));
    check(&[start(0, "a"), end(0), end(0)], Refuse(Refusal::RepeatedEnd));
    check(&[done(""), done("")], Refuse(Refusal::SecondDone));
    for late in [
        text("t"),
        start(0, "a"),
        delta(0, ""),
        end(0),
        StreamEvent::RefusalDelta("no".into()),
    ] {
        check(&[done(""), late], Refuse(Refusal::AfterEnding));
    }
}

#[test]
fn hot_events_wrapped_as_other_events_are_ruled_the_same() {
    let mut session = Session::default();
    let late = delta(0, "{}");
    let expected = Ruling::Violation(Violation::DeltaWithoutStart { index: 0 });
    assert_eq!(session.rule(EventRef::Other(&late)), expected);
    assert_eq!(session.rule(EventRef::from(&late)), expected);
}

/// How a scripted run ends after its events.
fn outcome() -> impl Strategy<Value = fn(Script) -> Script> {
    let outcomes: Vec<fn(Script) -> Script> = vec![
        |script| script,
        |script| script.returns("result"),
        |script| script.fails("broken"),
        |script| script.declines("not mine"),
        |script| script.panics("oh no"),
        |script| script.hangs(),
        |script| script.until_cancelled(),
    ];
    prop::sample::select(outcomes)
}

proptest! {
    #[test]
    fn any_sequence_of_events_gives_exactly_one_ending(mut events in any::events()) {
        events.push(done(""));
        let mut session = Session::default();
        let mut endings = 0;
        for event in &events {
            let was_over = session.is_over();
            let ruling = session.rule(EventRef::from(event));
            if was_over {
                prop_assert!(matches!(ruling, Ruling::Refuse(_)), "after the ending: {ruling:?}");
            }
            match ruling {
                // The caller ends the call here and asks no more.
                Ruling::Violation(_) => { endings += 1; break }
                Ruling::Pass if matches!(event, StreamEvent::Done { .. }) => endings += 1,
                Ruling::Pass | Ruling::Refuse(_) => {}
            }
        }
        prop_assert_eq!(endings, 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_runner_gives_its_consumer_and_the_log_the_same_single_ending(
        events in any::events(),
        outcome in outcome(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let script = events.into_iter().fold(Script::new(), Script::emit);
            let timeouts = Timeouts { first_event_ms: Some(50), idle_ms: Some(50), total_ms: Some(500), grace_ms: 10 };
            let world = support::world([outcome(script)], |builder| builder.timeouts(timeouts));
            // Reading asserts that there is one ending.
            let seen = world.run().await;
            prop_assert!(seen.record.status != CallStatus::Open);
            prop_assert_eq!(seen.record.status == CallStatus::Done, seen.error.is_none());
            let logged: Vec<_> = seen.logged.iter().map(|logged| logged.event.clone()).collect();
            prop_assert!(logged.starts_with(&seen.events), "delivered {:?}, logged {:?}", seen.events, logged);
            let streamed = text_of(&seen.events);
            if !streamed.is_empty() {
                prop_assert_eq!(&streamed, &seen.completion().text);
            }
            let numbers: Vec<_> = seen.logged.iter().map(|logged| logged.seq).collect();
            prop_assert_eq!(numbers, (1..=seen.logged.len() as u64).collect::<Vec<_>>());
            Ok(())
        })?;
    }
}

#[tokio::test(start_paused = true)]
async fn a_delta_without_its_start_ends_the_call_with_a_protocol_error_that_names_the_index() {
    let seen = scripted([Script::new().text("a").emit(delta(2, "{}")).text("b")])
        .run()
        .await;
    let failure = seen.ending.failure.clone().expect("a failure");
    assert_eq!(failure.code, car_inference::ErrorCode::Protocol);
    assert!(
        failure.message.contains("index 2 was never started"),
        "{}",
        failure.message
    );
    assert_eq!(seen.events, [text("a")]);
    assert_eq!(seen.completion().text, "a");
}

#[tokio::test(start_paused = true)]
async fn harmless_disorder_is_refused_to_the_runner_and_noted() {
    use car_inference::runner::Emitted::{Delivered, Refused};
    let script = Script::new()
        .emit(start(0, "a"))
        .emit(start(0, "a"))
        .done("")
        .done("")
        .text("late");
    let world = scripted([script]);
    let seen = world.run().await;
    assert_eq!(
        world.runner.emitted(),
        [Delivered, Refused, Delivered, Refused, Refused]
    );
    assert_eq!(
        seen.note_codes(),
        ["repeated-tool-call-start", "second-done", "event-after-ending"]
    );
    assert_eq!(seen.error, None);
    assert_eq!(seen.completion().text, "");
}
