//! Goal: nothing reaches a consumer that policy has not passed, and what is delivered, logged and accumulated is the
//! same. Method: policies made of functions around scripted runners.

mod support;

use std::sync::Arc;

use car_inference::error::PolicyPoint;
use car_inference::log::{Decision, VerdictRecord};
use car_inference::policy::{CallPolicy, Denial, EndingVerdict, EventVerdict, RequestVerdict};
use car_inference::stream::{EventRef, StreamEvent};
use car_inference::testing::Script;
use car_inference::{
    AllowAll, CallFacts, CallStatus, Completion, ErrorCode, GenerateRequest, InferenceError, Limits, Policy,
    TokenUsage, ToolCall,
};
use parking_lot::Mutex;
use support::rules::{Rules, text_rule};
use support::{Seen, delta, done, end, hi, start, text, text_of, world};

fn denial() -> Denial {
    Denial {
        policy_id: Some("no-secrets".into()),
        reason: "it is secret".into(),
    }
}

/// What is delivered is what is logged is what is accumulated.
fn assert_one_story(seen: &Seen) {
    let logged: Vec<_> = seen.logged.iter().map(|logged| logged.event.clone()).collect();
    assert_eq!(seen.events, logged);
    let mut accumulator = car_inference::StreamAccumulator::default();
    let folded = seen
        .events
        .iter()
        .filter(|event| !matches!(event, StreamEvent::Done { .. }));
    folded.for_each(|event| accumulator.push(event));
    let (text, tool_calls) = accumulator.finish();
    assert_eq!(
        (&text, &tool_calls),
        (&seen.completion().text, &seen.completion().tool_calls)
    );
    assert_eq!(seen.record.text.as_ref(), Some(&text));
}

fn verdicts(seen: &Seen) -> Vec<(PolicyPoint, Decision)> {
    seen.record
        .verdicts
        .iter()
        .map(|verdict| (verdict.point, verdict.decision))
        .collect()
}

const ADMITTED: (PolicyPoint, Decision) = (PolicyPoint::Request, Decision::Allow);
const REPLACED: (PolicyPoint, Decision) = (PolicyPoint::Event, Decision::Replace);
const RELEASED: (PolicyPoint, Decision) = (PolicyPoint::Ending, Decision::Allow);

struct DenyRequests;

impl Policy for DenyRequests {
    fn request(&self, facts: &CallFacts, request: &GenerateRequest) -> RequestVerdict {
        assert_eq!(
            (facts.model.id.as_str(), request.prompt.as_str()),
            (support::MODEL, "hi")
        );
        RequestVerdict::Deny(denial())
    }
}

#[tokio::test(start_paused = true)]
async fn a_denied_request_reaches_no_runner_and_is_recorded_with_its_policy() {
    let world = world([Script::new().text("secret")], |builder| builder.policy(DenyRequests));
    let Err(InferenceError::CallFailed(failure)) = world.engine.generate_tracked_stream(hi()).await else {
        panic!("it was admitted")
    };
    assert_eq!(failure.code, ErrorCode::PolicyDenied);
    assert_eq!(failure.message, "policy denied the request: it is secret");
    let policy = failure.policy.clone().expect("which policy");
    assert_eq!(
        (policy.point, policy.policy_id.as_deref()),
        (PolicyPoint::Request, Some("no-secrets"))
    );
    assert!(world.runner.requests().is_empty());
    let record = world.only_record();
    assert_eq!(record.status, CallStatus::Denied);
    let denied = VerdictRecord {
        point: PolicyPoint::Request,
        decision: Decision::Deny,
        policy_id: Some("no-secrets".into()),
        reason: Some("it is secret".into()),
    };
    assert_eq!(record.verdicts, [denied]);
}

#[tokio::test(start_paused = true)]
async fn what_allows_everything_leaves_the_stream_as_it_is() {
    let script = || Script::new().text("a").done("a");
    let bare = world([script()], |builder| builder).run().await;
    let allowed = world([script()], |builder| builder.policy(Arc::new(AllowAll)))
        .run()
        .await;
    let judged = world([script()], |builder| {
        builder.policy(Rules::events(|_| EventVerdict::Pass))
    })
    .run()
    .await;
    for seen in [&bare, &allowed, &judged] {
        assert_eq!(seen.events, [text("a"), done("a")]);
        assert_one_story(seen);
    }
    assert_eq!(verdicts(&bare), [ADMITTED]);
    assert_eq!(verdicts(&judged), [ADMITTED, RELEASED]);
}

#[tokio::test(start_paused = true)]
async fn what_stands_in_for_an_event_is_delivered_logged_and_accumulated_in_its_place() {
    let rules = text_rule(|given| match given {
        "secret" => EventVerdict::Replace(vec![text("["), text("redacted]")]),
        _ => EventVerdict::Pass,
    });
    let script = Script::new().text("the ").text("secret").text("!");
    let world = world([script], |builder| builder.policy(rules));
    let seen = world.run().await;
    assert_eq!(
        seen.events,
        [
            text("the "),
            text("["),
            text("redacted]"),
            text("!"),
            done("the [redacted]!")
        ]
    );
    assert_eq!(verdicts(&seen), [ADMITTED, REPLACED, RELEASED]);
    assert_eq!(
        seen.logged.iter().map(|event| event.seq).collect::<Vec<_>>(),
        [1, 2, 3, 4, 5]
    );
    assert_one_story(&seen);
}

#[tokio::test(start_paused = true)]
async fn a_withheld_event_is_nowhere() {
    let rules = text_rule(|given| {
        if given == "secret" {
            EventVerdict::Replace(vec![])
        } else {
            EventVerdict::Pass
        }
    });
    let world = world([Script::new().text("a").text("secret").text("b")], |builder| {
        builder.policy(rules)
    });
    let seen = world.run().await;
    assert_eq!(seen.events, [text("a"), text("b"), done("ab")]);
    assert_eq!(world.runner.emitted().len(), 3);
    assert_one_story(&seen);
}

#[tokio::test(start_paused = true)]
async fn a_denied_event_ends_the_call_with_what_was_allowed_before() {
    let rules = text_rule(|given| {
        if given == "secret" {
            EventVerdict::Deny(denial())
        } else {
            EventVerdict::Pass
        }
    });
    let script = Script::new().text("a").text("secret").text("b").done("asecretb");
    let world = world([script], |builder| builder.policy(rules));
    let seen = world.run().await;
    assert_eq!(seen.events, [text("a")]);
    assert_eq!(seen.code(), Some(ErrorCode::PolicyDenied));
    assert_eq!(seen.record.status, CallStatus::Denied);
    assert_eq!(verdicts(&seen), [ADMITTED, (PolicyPoint::Event, Decision::Deny)]);
    assert_one_story(&seen);
}

/// Holds back all text until the ending, and releases it in capitals.
#[derive(Default)]
struct HoldBack {
    held: String,
}

impl Policy for HoldBackAll {
    fn request(&self, _facts: &CallFacts, _request: &GenerateRequest) -> RequestVerdict {
        RequestVerdict::Judge(Box::new(HoldBack::default()))
    }
}

struct HoldBackAll;

impl CallPolicy for HoldBack {
    fn event(&mut self, event: EventRef<'_>) -> EventVerdict {
        match event {
            EventRef::TextDelta(text) => {
                self.held.push_str(text);
                EventVerdict::Replace(vec![])
            }
            _ => EventVerdict::Pass,
        }
    }

    fn ending(&mut self, _completion: &Completion) -> EndingVerdict {
        EndingVerdict::Release(vec![text(&self.held.to_uppercase())])
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_held_back_is_released_before_the_ending_and_only_that() {
    // However the runner repeats its text at the end, the text that policy held back stays held back.
    let streams = || Script::new().text("sec").text("ret");
    let endings: [fn(Script) -> Script; 4] = [
        |script| script,
        |script| script.done("secret"),
        |script| script.returns("secret"),
        |script| script.done("secret").returns("secret"),
    ];
    for ending in endings {
        let seen = world([ending(streams())], |builder| builder.policy(HoldBackAll))
            .run()
            .await;
        assert_eq!(seen.events, [text("SECRET"), done("SECRET")]);
        assert_eq!(
            seen.warning_codes(),
            [""; 0],
            "the result agrees with what the runner streamed"
        );
        assert_one_story(&seen);
    }
}

#[tokio::test(start_paused = true)]
async fn text_that_comes_only_with_the_end_is_judged_like_any_other() {
    let endings: [fn(Script, &str) -> Script; 2] = [Script::done, Script::returns];
    for ending in endings {
        let script = |text: &str| ending(Script::new(), text);
        let held = world([script("secret")], |builder| builder.policy(HoldBackAll))
            .run()
            .await;
        assert_eq!(held.events, [text("SECRET"), done("SECRET")]);
        assert_one_story(&held);

        let rules = || {
            text_rule(|given| {
                if given == "secret" {
                    EventVerdict::Deny(denial())
                } else {
                    EventVerdict::Pass
                }
            })
        };
        let denied = world([script("secret")], |builder| builder.policy(rules())).run().await;
        assert_eq!(denied.code(), Some(ErrorCode::PolicyDenied));
        assert_eq!((denied.events.len(), denied.completion().text.as_str()), (0, ""));
        let passed = world([script("fine")], |builder| builder.policy(rules())).run().await;
        assert_eq!(passed.completion().text, "fine");
        assert_eq!(passed.error, None);
    }
}

#[tokio::test(start_paused = true)]
async fn tool_calls_that_come_only_with_the_end_are_judged_like_any_other() {
    let call = |name: &str| ToolCall {
        id: Some("c1".into()),
        name: name.into(),
        arguments: serde_json::json!({ "path": "/" }).into(),
    };
    let done = |name: &str| StreamEvent::Done {
        text: String::new(),
        tool_calls: vec![call(name)],
    };
    let rules = Rules::events(|event| match event {
        EventRef::Other(StreamEvent::ToolCallStart { name, .. }) if name == "delete" => EventVerdict::Deny(denial()),
        EventRef::Other(StreamEvent::ToolCallStart { name, .. }) if name == "read" => {
            EventVerdict::Replace(vec![start(0, "list")])
        }
        _ => EventVerdict::Pass,
    });
    let run = async |name: &str| {
        let script = Script::new().emit(done(name));
        world([script], |builder| builder.policy(rules.clone())).run().await
    };
    let denied = run("delete").await;
    assert_eq!(denied.code(), Some(ErrorCode::PolicyDenied));
    assert!(denied.completion().tool_calls.is_empty());
    let passed = run("search").await;
    assert_eq!(passed.events, [done("search")]);
    let replaced = run("read").await;
    assert_eq!(replaced.completion().tool_calls[0].name, "list");
    assert_one_story(&replaced);
}

#[tokio::test(start_paused = true)]
async fn a_denied_ending_is_a_failure_and_the_log_says_so() {
    let rules = Rules::ending(|completion| {
        assert_eq!(completion.text, "a");
        EndingVerdict::Deny(denial())
    });
    for script in [Script::new().text("a").done("a"), Script::new().text("a").returns("a")] {
        let seen = world([script], |builder| builder.policy(rules.clone())).run().await;
        assert_eq!(seen.events, [text("a")]);
        assert_eq!(seen.code(), Some(ErrorCode::PolicyDenied));
        assert_eq!(seen.record.status, CallStatus::Denied);
        assert_eq!(verdicts(&seen), [ADMITTED, (PolicyPoint::Ending, Decision::Deny)]);
        assert_one_story(&seen);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_call_asks_for_no_ending() {
    let rules = Rules::ending(|_| panic!("the call was not completed"));
    let seen = world([Script::new().text("a").fails("no")], |builder| builder.policy(rules))
        .run()
        .await;
    assert_eq!(seen.code(), Some(ErrorCode::RunnerFailed));
}

#[tokio::test(start_paused = true)]
async fn policy_sees_every_event_once_in_order_and_none_that_order_or_bounds_refused() {
    let kinds: Arc<Mutex<Vec<&'static str>>> = Arc::default();
    let rules = Rules::events({
        let kinds = kinds.clone();
        move |event| {
            kinds.lock().push(event.kind());
            EventVerdict::Pass
        }
    });
    let script = Script::new()
        .text("a")
        .emit(start(0, "f"))
        .emit(start(0, "f"))
        .emit(delta(0, "{}"))
        .emit(end(0))
        .emit(
            TokenUsage {
                input_tokens: Some(1),
                ..Default::default()
            }
            .into(),
        )
        .text(&"x".repeat(500));
    let limits = Limits {
        event_bytes_max: 300,
        ..Limits::default()
    };
    let seen = world([script], |builder| builder.policy(rules).limits(limits))
        .run()
        .await;
    assert_eq!(
        *kinds.lock(),
        [
            "text-delta",
            "tool-call-start",
            "tool-call-delta",
            "tool-call-end",
            "usage"
        ]
    );
    assert_eq!(seen.code(), Some(ErrorCode::LimitExceeded));
}

#[tokio::test(start_paused = true)]
async fn replacements_wait_in_the_same_bounded_buffer() {
    let rules = text_rule(|given| EventVerdict::Replace(vec![text(given), text(given)]));
    let limits = Limits {
        buffered_events_max: 2,
        ..Limits::default()
    };
    let script = Script::new().text("a").text("b").text("c");
    let world = world([script], |builder| builder.policy(rules).limits(limits));
    let stream = world.stream().await;
    support::pass(1).await;
    assert_eq!(world.runner.emitted().len(), 1, "the buffer is full of replacements");
    let seen = world.read(stream).await;
    assert_eq!(text_of(&seen.events), "aabbcc");
    assert_one_story(&seen);
}
