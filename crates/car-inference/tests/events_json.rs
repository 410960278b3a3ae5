//! Goal: one JSON for every event, at the boundary and in the log; what does not fit is named by its path.
//! Method: each event beside its JSON, through one `check` in both directions; any event, there and back.

mod support;

use std::collections::BTreeSet;

use car_inference::stream::{ErrorNote, EventRef, FileContent, Source, StopReason, StreamEvent, Warning};
use car_inference::tasks::generate::{ToolArguments, ToolCall};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::{any, delta, done, end, start, text};

/// Every kind of event with its JSON, with all fields and with as few as possible.
fn vocabulary() -> Vec<(StreamEvent, Value)> {
    let tool_call = ToolCall {
        id: Some("c1".into()),
        name: "search".into(),
        arguments: json!({ "q": 1 }).into(),
    };
    let cut_off = ToolCall {
        id: None,
        name: "search".into(),
        arguments: ToolArguments::Malformed {
            raw: "{".into(),
            error: "EOF".into(),
        },
    };
    let signed = StreamEvent::ReasoningDelta {
        index: 1,
        text: "hm".into(),
        signature: Some("s=".into()),
    };
    let unsigned = StreamEvent::ReasoningDelta {
        index: 0,
        text: "hm".into(),
        signature: None,
    };
    let usage = StreamEvent::Usage {
        input_tokens: Some(1),
        output_tokens: Some(2),
        total_tokens: Some(3),
        cache_read_input_tokens: Some(4),
        cache_creation_input_tokens: Some(5),
        reasoning_tokens: Some(6),
    };
    let usage_json = json!({
        "type": "usage", "inputTokens": 1, "outputTokens": 2, "totalTokens": 3,
        "cacheReadInputTokens": 4, "cacheCreationInputTokens": 5, "reasoningTokens": 6,
    });
    let named_start = StreamEvent::ToolCallStart {
        name: "search".into(),
        index: 1,
        id: Some("c1".into()),
    };
    let whole_end = StreamEvent::ToolCallEnd {
        index: 1,
        arguments: Some("{}".into()),
        signature: Some("s=".into()),
    };
    let source = Source {
        id: Some("1".into()),
        url: Some("https://example.org".into()),
        title: Some("t".into()),
        media_type: Some("text/html".into()),
        provider_metadata: Some(json!({ "quote": "q" })),
    };
    let source_json = json!({
        "type": "source", "id": "1", "url": "https://example.org", "title": "t", "mediaType": "text/html",
        "providerMetadata": { "quote": "q" },
    });
    let file = FileContent {
        media_type: "image/png".into(),
        data: Some("AA==".into()),
        url: None,
    };
    let item = json!({ "type": "reasoning", "encrypted_content": "x" });
    vec![
        (
            text("häl\u{1f600}"),
            json!({ "type": "text-delta", "text": "häl\u{1f600}" }),
        ),
        (
            signed,
            json!({ "type": "reasoning-delta", "index": 1, "text": "hm", "signature": "s=" }),
        ),
        (unsigned, json!({ "type": "reasoning-delta", "index": 0, "text": "hm" })),
        (
            StreamEvent::RefusalDelta("no".into()),
            json!({ "type": "refusal-delta", "text": "no" }),
        ),
        (
            named_start,
            json!({ "type": "tool-call-start", "name": "search", "index": 1, "id": "c1" }),
        ),
        (
            start(0, "search"),
            json!({ "type": "tool-call-start", "name": "search", "index": 0 }),
        ),
        (
            delta(1, "{\""),
            json!({ "type": "tool-call-delta", "index": 1, "argumentsDelta": "{\"" }),
        ),
        (
            whole_end,
            json!({ "type": "tool-call-end", "index": 1, "arguments": "{}", "signature": "s=" }),
        ),
        (end(0), json!({ "type": "tool-call-end", "index": 0 })),
        (usage, usage_json),
        (support::input_tokens(7), json!({ "type": "usage", "inputTokens": 7 })),
        (
            StreamEvent::StopReason {
                reason: StopReason::ToolCalls,
                raw: Some("tool_use".into()),
            },
            json!({ "type": "stop-reason", "reason": "tool-calls", "raw": "tool_use" }),
        ),
        (StreamEvent::Source(source), source_json),
        (
            StreamEvent::File(file),
            json!({ "type": "file", "mediaType": "image/png", "data": "AA==" }),
        ),
        (
            StreamEvent::ProviderOutputItem(item.clone()),
            json!({ "type": "provider-output-item", "item": item }),
        ),
        (
            StreamEvent::ProviderEvent {
                name: Some("ping".into()),
                data: json!([1, null]),
            },
            json!({ "type": "provider-event", "name": "ping", "data": [1, null] }),
        ),
        (
            StreamEvent::Warning(Warning {
                message: "m".into(),
                code: Some("c".into()),
            }),
            json!({ "type": "warning", "message": "m", "code": "c" }),
        ),
        (
            StreamEvent::Error(ErrorNote {
                message: "m".into(),
                code: None,
            }),
            json!({ "type": "error", "message": "m" }),
        ),
        (
            StreamEvent::Custom {
                name: "progress".into(),
                data: json!({ "percent": 5 }),
            },
            json!({ "type": "custom", "name": "progress", "data": { "percent": 5 } }),
        ),
        (
            StreamEvent::Done {
                text: "hello".into(),
                tool_calls: vec![tool_call, cut_off],
            },
            json!({ "type": "done", "text": "hello", "toolCalls": [
                { "id": "c1", "name": "search", "arguments": { "q": 1 } },
                { "name": "search", "rawArguments": "{", "argumentsError": "EOF" },
            ] }),
        ),
        (done(""), json!({ "type": "done", "text": "", "toolCalls": [] })),
    ]
}

#[test]
fn every_event_has_the_json_of_the_vocabulary_in_both_directions() {
    for (event, json) in vocabulary() {
        assert_eq!(serde_json::to_value(&event).unwrap(), json);
        assert_eq!(StreamEvent::from_json(&json.to_string()), Ok(event.clone()), "{json}");
        assert_eq!(json["type"], event.kind());
        assert_eq!(EventRef::from(&event).kind(), event.kind());
        assert_eq!(EventRef::from(&event).to_event(), event);
    }
}

#[test]
fn the_vocabulary_is_complete() {
    let kinds: BTreeSet<_> = vocabulary().into_iter().map(|(event, _)| event.kind()).collect();
    // The error for an unknown type lists every tag that JSON can have.
    let problems = StreamEvent::from_json(r#"{"type":"nope"}"#).unwrap_err();
    for kind in &kinds {
        assert!(
            problems[0].message.contains(&format!("{kind:?}")),
            "{kind} is missing in {}",
            problems[0].message
        );
    }
    assert_eq!(
        problems[0].message.matches('"').count() / 2,
        kinds.len() + 1,
        "{}",
        problems[0].message
    );
}

#[test]
fn fields_with_a_default_may_be_left_out() {
    let unindexed = StreamEvent::from_json(r#"{"type":"reasoning-delta","text":"hm"}"#);
    assert_eq!(
        unindexed,
        Ok(StreamEvent::ReasoningDelta {
            index: 0,
            text: "hm".into(),
            signature: None
        })
    );
    assert_eq!(StreamEvent::from_json(r#"{"type":"done","text":"x"}"#), Ok(done("x")));
}

#[test]
fn arguments_given_as_json_text_are_parsed() {
    let json =
        r#"{"type":"done","text":"","toolCalls":[{"name":"f","arguments":"{\"a\":1}"},{"name":"f","arguments":"{"}]}"#;
    let Ok(StreamEvent::Done { tool_calls, .. }) = StreamEvent::from_json(json) else {
        panic!("not done")
    };
    assert_eq!(tool_calls[0].arguments, json!({ "a": 1 }).into());
    assert!(matches!(&tool_calls[1].arguments, ToolArguments::Malformed { raw, .. } if raw == "{"));
}

/// The problems of a JSON that is not an event: each its path and a part of its message.
fn check_problems(json: &str, expected: &[(&str, &str)]) {
    let problems = StreamEvent::from_json(json).expect_err(json);
    let found: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(
        found,
        expected.iter().map(|(path, _)| *path).collect::<Vec<_>>(),
        "{json}: {problems:?}"
    );
    for (problem, (_, message)) in problems.iter().zip(expected) {
        assert!(problem.message.contains(message), "{json}: {problem}");
    }
}

#[test]
fn what_is_not_an_event_is_named_by_its_path() {
    check_problems("nonsense", &[("", "not JSON")]);
    check_problems("null", &[("", "expected an object, got null")]);
    check_problems("42", &[("", "expected an object, got the number 42")]);
    check_problems(r#""text""#, &[("", "expected an object")]);
    check_problems("[]", &[("", "expected an object, got an array")]);
    check_problems("{}", &[("type", "required")]);
    check_problems(r#"{"type":7}"#, &[("type", "got the number 7")]);
    check_problems(
        r#"{"type":"textDelta","text":"a"}"#,
        &[("type", r#"got the string "textDelta""#)],
    );
    check_problems(r#"{"type":"text-delta"}"#, &[("text", "required")]);
    check_problems(
        r#"{"type":"text-delta","text":7}"#,
        &[("text", "expected a string, got the number 7")],
    );
    check_problems(
        r#"{"type":"text-delta","text":null}"#,
        &[("text", "expected a string, got null")],
    );
    check_problems(r#"{"type":"provider-output-item"}"#, &[("item", "required")]);
    check_problems(
        r#"{"type":"tool-call-start","index":-1,"id":3}"#,
        &[
            ("name", "required"),
            ("index", "must be at least 0"),
            ("id", "expected a string"),
        ],
    );
    check_problems(
        r#"{"type":"tool-call-delta","index":1.5}"#,
        &[("argumentsDelta", "required"), ("index", "an integer")],
    );
    check_problems(
        r#"{"type":"usage","inputTokens":"7"}"#,
        &[("inputTokens", "expected an integer")],
    );
    check_problems(
        r#"{"type":"stop-reason","reason":"because"}"#,
        &[("reason", "expected one of \"stop\"")],
    );
    check_problems(
        r#"{"type":"done","text":"","toolCalls":[{"name":"f"},{"arguments":{}}]}"#,
        &[("toolCalls[1].name", "required")],
    );
}

proptest! {
    #[test]
    fn any_event_survives_json(event in any::event()) {
        let json = serde_json::to_string(&event).unwrap();
        prop_assert_eq!(StreamEvent::from_json(&json), Ok(event));
    }

    #[test]
    fn any_text_is_an_event_or_a_list_of_problems(json in "\\PC{0,40}") {
        if let Err(problems) = StreamEvent::from_json(&json) {
            prop_assert!(!problems.is_empty());
        }
    }
}
