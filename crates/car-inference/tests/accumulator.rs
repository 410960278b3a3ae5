//! Goal: folding loses nothing and invents nothing.
//! Method: properties over any order of events, and data through one `check`.

mod support;

use std::collections::BTreeMap;

use car_inference::StreamAccumulator;
use car_inference::stream::{Completion, StopReason, StreamEvent, TokenUsage};
use car_inference::tasks::generate::{ToolArguments, ToolCall};
use proptest::prelude::*;
use serde_json::json;
use support::{any, delta, done, end, start, text};

fn fold<'a>(events: impl IntoIterator<Item = &'a StreamEvent>) -> Completion {
    let mut accumulator = StreamAccumulator::default();
    events.into_iter().for_each(|event| accumulator.push(event));
    accumulator.completion()
}

fn fields(usage: &TokenUsage) -> [Option<u64>; 6] {
    [
        usage.input_tokens,
        usage.output_tokens,
        usage.total_tokens,
        usage.cache_read_input_tokens,
        usage.cache_creation_input_tokens,
        usage.reasoning_tokens,
    ]
}

fn reported(event: &StreamEvent) -> Option<[Option<u64>; 6]> {
    match event {
        &StreamEvent::Usage {
            input_tokens: a,
            output_tokens: b,
            total_tokens: c,
            cache_read_input_tokens: d,
            cache_creation_input_tokens: e,
            reasoning_tokens: f,
        } => Some([a, b, c, d, e, f]),
        _ => None,
    }
}

/// Folds one tool call whose arguments come in these fragments.
fn check_arguments(fragments: &[&str], expected: ToolArguments) {
    let mut events = vec![start(0, "search")];
    events.extend(fragments.iter().map(|fragment| delta(0, fragment)));
    let calls = fold(&events).tool_calls;
    assert_eq!(
        calls,
        [ToolCall {
            id: None,
            name: "search".into(),
            arguments: expected
        }],
        "{fragments:?}"
    );
}

fn malformed(raw: &str) -> ToolArguments {
    let error = serde_json::from_str::<serde_json::Value>(raw)
        .expect_err("malformed")
        .to_string();
    ToolArguments::Malformed { raw: raw.into(), error }
}

#[test]
fn arguments_are_parsed_or_kept_raw_with_the_error_and_never_become_an_empty_object() {
    check_arguments(&[r#"{"q":"#, r#""ä"}"#], json!({ "q": "ä" }).into());
    check_arguments(&[], json!({}).into());
    check_arguments(&["", "  "], json!({}).into());
    check_arguments(&["[1]"], json!([1]).into());
    check_arguments(&[r#"{"q": "cut o"#], malformed(r#"{"q": "cut o"#));
    check_arguments(&["{}", "{}"], malformed("{}{}"));
    check_arguments(&["null and void"], malformed("null and void"));
}

#[test]
fn malformed_arguments_show_their_text_and_their_error_in_json() {
    let call = &fold(&[start(0, "search"), delta(0, "{")]).tool_calls[0];
    let json = serde_json::to_value(call).unwrap();
    assert_eq!(json["rawArguments"], "{");
    assert!(
        json["argumentsError"]
            .as_str()
            .is_some_and(|error| error.contains("EOF")),
        "{json}"
    );
    assert!(json.get("arguments").is_none());
    assert_eq!(serde_json::from_value::<ToolCall>(json).unwrap(), *call);
}

#[test]
fn a_call_cut_off_before_its_arguments_is_not_a_call_without_arguments() {
    let length = StreamEvent::StopReason {
        reason: StopReason::Length,
        raw: None,
    };
    let cut_off = fold(&[start(0, "search"), length.clone()]).tool_calls;
    assert!(
        matches!(&cut_off[0].arguments, ToolArguments::Malformed { raw, .. } if raw.is_empty()),
        "{cut_off:?}"
    );
    let ended = fold(&[start(0, "search"), end(0), length]).tool_calls;
    assert_eq!(ended[0].arguments, json!({}).into());
}

#[test]
fn the_whole_argument_text_of_an_end_replaces_the_fragments() {
    let whole = StreamEvent::ToolCallEnd {
        index: 0,
        arguments: Some(r#"{"a":1}"#.into()),
        signature: Some("s".into()),
    };
    let completion = fold(&[start(0, "search"), delta(0, r#"{"a":"#), whole]);
    assert_eq!(completion.tool_calls[0].arguments, json!({ "a": 1 }).into());
    assert_eq!(completion.tool_call_signatures[0].signature, "s");
}

#[test]
fn absent_usage_stays_absent() {
    assert_eq!(fold(&[text("a"), done("a")]).usage, None);
    let json = serde_json::to_value(fold(&[support::input_tokens(3)])).unwrap();
    assert_eq!(json["usage"], json!({ "inputTokens": 3 }));
}

#[test]
fn what_was_streamed_wins_over_what_done_says() {
    assert_eq!(fold(&[text("a"), done("b")]).text, "a");
    assert_eq!(fold(&[done("b")]).text, "b");
}

proptest! {
    #[test]
    fn usage_is_the_maximum_of_what_was_reported_and_never_falls(events in prop::collection::vec(any::usage(), 0..8)) {
        let mut accumulator = StreamAccumulator::default();
        let mut expected: [Option<u64>; 6] = [None; 6];
        for event in &events {
            let before = accumulator.completion().usage.unwrap_or_default();
            accumulator.push(event);
            let after = accumulator.completion().usage.expect("some was reported");
            for (before, after) in fields(&before).into_iter().zip(fields(&after)) {
                prop_assert!(after >= before);
            }
            for (known, new) in expected.iter_mut().zip(reported(event).unwrap()) {
                *known = (*known).max(new);
            }
            prop_assert_eq!(fields(&after), expected);
        }
        prop_assert_eq!(accumulator.completion().usage.is_some(), !events.is_empty());
    }

    #[test]
    fn tool_arguments_are_assembled_per_index_in_any_interleaving(
        fragments in prop::collection::vec((0..4_usize, any::short()), 0..24),
    ) {
        let mut whole: BTreeMap<usize, String> = (0..4).map(|index| (index, String::new())).collect();
        let mut events: Vec<_> = (0..4).map(|index| start(index, &format!("tool{index}"))).collect();
        for (index, fragment) in &fragments {
            whole.get_mut(index).unwrap().push_str(fragment);
            events.push(delta(*index, fragment));
        }
        let calls = fold(&events).tool_calls;
        let expected: Vec<_> = whole
            .into_iter()
            .map(|(index, text)| ToolCall { id: None, name: format!("tool{index}"), arguments: ToolArguments::parse(&text) })
            .collect();
        prop_assert_eq!(calls, expected);
    }

    #[test]
    fn arguments_cut_anywhere_parse_to_the_same_value(key in "\\PC{0,6}", value in "\\PC{0,12}", at in any::<prop::sample::Index>()) {
        let arguments = json!({ key: value });
        let whole = arguments.to_string();
        let cuts: Vec<_> = whole.char_indices().map(|(position, _)| position).collect();
        let (left, right) = whole.split_at(cuts[at.index(cuts.len())]);
        check_arguments(&[left, right], arguments.into());
    }

    #[test]
    fn malformed_text_is_kept_byte_for_byte(raw in "\\{\\PC{0,12}") {
        match &fold(&[start(0, "t"), delta(0, &raw)]).tool_calls[0].arguments {
            ToolArguments::Malformed { raw: kept, error } => {
                prop_assert_eq!(kept, &raw);
                prop_assert!(!error.is_empty());
            }
            ToolArguments::Json(value) => prop_assert_eq!(value, &serde_json::from_str::<serde_json::Value>(&raw).unwrap()),
        }
    }

    #[test]
    fn reasoning_and_signatures_are_kept_byte_exact(
        parts in prop::collection::vec((0..3_usize, any::<String>(), prop::option::of(any::<String>())), 0..12),
    ) {
        let mut expected: BTreeMap<usize, (String, Option<String>)> = BTreeMap::new();
        let events: Vec<_> = parts
            .into_iter()
            .map(|(index, text, signature)| {
                let block = expected.entry(index).or_default();
                block.0.push_str(&text);
                if let Some(signature) = &signature {
                    block.1.get_or_insert_default().push_str(signature);
                }
                StreamEvent::ReasoningDelta { index, text, signature }
            })
            .collect();
        let folded: Vec<_> = fold(&events).reasoning.into_iter().map(|block| (block.index, (block.text, block.signature))).collect();
        prop_assert_eq!(folded, expected.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn any_order_of_events_is_folded_without_a_panic_and_keeps_all_text(events in any::events()) {
        let completion = fold(&events);
        let streamed = support::text_of(events.iter().take_while(|event| !matches!(event, StreamEvent::Done { .. })));
        prop_assert!(completion.text.starts_with(&streamed));
        prop_assert!(serde_json::to_string(&completion).is_ok());
        let mut accumulator = StreamAccumulator::default();
        events.iter().for_each(|event| accumulator.push(event));
        prop_assert_eq!(accumulator.finish(), (completion.text, completion.tool_calls));
    }
}
