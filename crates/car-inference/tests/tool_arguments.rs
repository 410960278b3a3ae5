//! Goal: what a model sends as the arguments of a tool call is never rounded or rewritten.
//! Method: one table of texts, and properties over JSON texts of any spelling, both compared in JSON, where hosts read them.

mod support;

use car_inference::StreamAccumulator;
use car_inference::redaction::{REDACTED, Redaction, RedactionOptions};
use car_inference::stream::Completion;
use car_inference::tasks::generate::{GenerateRequest, Message, ToolArguments, ToolCall};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::{delta, end, start};

fn of(arguments: ToolArguments) -> ToolCall {
    ToolCall {
        id: None,
        name: "f".into(),
        arguments,
    }
}

/// Arguments as hosts read them.
fn shown(arguments: &ToolArguments) -> Value {
    let mut json = serde_json::to_value(of(arguments.clone())).expect("it serialises");
    json.as_object_mut().expect("an object").shift_remove("name");
    json
}

/// Parses a text, and checks that it is shown so, keeps its text, and is the same when it is read back.
fn check(text: &str, expected: Value) {
    let arguments = ToolArguments::parse(text);
    assert_eq!(shown(&arguments), expected, "{text}");
    assert_eq!(arguments.text(), text);
    let json = serde_json::to_string(&of(arguments.clone())).expect("it serialises");
    let read: ToolCall = serde_json::from_str(&json).expect("a tool call");
    assert_eq!(read.arguments, arguments, "{json}");
}

#[test]
fn text_that_the_value_tells_is_not_kept_beside_it() {
    for text in [
        "{}",
        "null",
        "true",
        "[]",
        "0",
        "-1.5",
        "1e+21",
        "9007199254740992",
        r#"{"q":"ä \" \\ \n \u0007 😀"}"#,
        r#"{"2":[null,{}],"10":0.1,"b":1,"a":2}"#,
        r#"{"__proto__":{"constructor":1}}"#,
    ] {
        check(
            text,
            json!({ "arguments": serde_json::from_str::<Value>(text).expect("JSON") }),
        );
    }
}

#[test]
fn text_of_the_same_value_is_kept_beside_it() {
    for text in [
        "{ }",
        " {\"a\":1}",
        "{\"a\":1}\n",
        "[1, 2]",
        r#""text""#,
        r#""""#,
        "1.0",
        "1e2",
        "1E+2",
        "0e400",
        "100000000000000000000000",
        r#"{"q":"\u00e4"}"#,
        r#"{"q":"a\/b"}"#,
        r#"{"\u0061":1}"#,
        r#""\ud83d\ude00""#,
        r#"{"b":1,"2":2}"#,
    ] {
        check(
            text,
            json!({ "arguments": serde_json::from_str::<Value>(text).expect("JSON"), "rawArguments": text }),
        );
    }
}

#[test]
fn text_that_a_value_would_change_is_kept_alone() {
    for text in [
        "9007199254740993",
        r#"{"id":12345678901234567890}"#,
        r#"[{"n":-9007199254740993}]"#,
        "1e400",
        "[-1e400]",
        "1e-400",
        "-0",
        r#"{"n":-0.0}"#,
        "0.1000000000000000055511151231257827",
        r#"{"a":1,"a":2}"#,
        r#"{"a":1,"b":{"c":1,"\u0063":1}}"#,
        r#"{"q":"\ud800"}"#,
        r#"{"\ude00":1}"#,
    ] {
        check(text, json!({ "rawArguments": text }));
    }
}

#[test]
fn text_that_is_no_json_has_its_error_beside_it() {
    for text in [
        "{",
        "{}{}",
        "NaN",
        "{'a':1}",
        "[1,]",
        "01",
        "\u{feff}{}",
        "\u{a0}",
        &"[".repeat(200),
    ] {
        let error = serde_json::from_str::<Value>(text).expect_err("no JSON").to_string();
        check(text, json!({ "rawArguments": text, "argumentsError": error }));
    }
}

#[test]
fn no_text_is_an_empty_object_and_null_is_null() {
    assert_eq!(shown(&ToolArguments::parse("")), json!({ "arguments": {} }));
    assert_eq!(shown(&ToolArguments::parse(" \n")), json!({ "arguments": {} }));
    let read = |json: Value| serde_json::from_value::<ToolCall>(json).expect("a tool call").arguments;
    assert_eq!(shown(&read(json!({ "name": "f" }))), json!({ "arguments": {} }));
    assert_eq!(
        shown(&read(json!({ "name": "f", "arguments": null }))),
        json!({ "arguments": null })
    );
}

/// Reads a tool call with these fields, as a host gives it or a log has it.
fn check_given(given: Value, expected: Value) {
    let mut json = given.clone();
    json.as_object_mut()
        .expect("an object")
        .insert("name".into(), "f".into());
    let call: ToolCall = serde_json::from_value(json).expect("a tool call");
    assert_eq!(shown(&call.arguments), expected, "{given}");
    let again: ToolCall =
        serde_json::from_value(serde_json::to_value(&call).expect("it serialises")).expect("it is one");
    assert_eq!(again, call);
}

#[test]
fn fields_that_are_given_are_read_without_a_loss() {
    // Of a value, what JavaScript could not read is given as text.
    check_given(
        json!({ "arguments": { "n": u64::MAX } }),
        json!({ "rawArguments": r#"{"n":18446744073709551615}"# }),
    );
    check_given(
        json!({ "arguments": { "n": [1.0, 2] } }),
        json!({ "arguments": { "n": [1.0, 2] } }),
    );
    // A string is JSON text.
    check_given(json!({ "arguments": r#"{"a":1}"# }), json!({ "arguments": { "a": 1 } }));
    check_given(
        json!({ "arguments": r#"{ "a":1}"# }),
        json!({ "arguments": { "a": 1 }, "rawArguments": r#"{ "a":1}"# }),
    );
    check_given(json!({ "arguments": "[1e400]" }), json!({ "rawArguments": "[1e400]" }));
    check_given(json!({ "arguments": "" }), json!({ "arguments": {} }));
    // Text alone is read like streamed text.
    check_given(
        json!({ "rawArguments": r#"{"a":1}"# }),
        json!({ "arguments": { "a": 1 } }),
    );
    check_given(
        json!({ "rawArguments": r#"{"a": 1}"# }),
        json!({ "arguments": { "a": 1 }, "rawArguments": r#"{"a": 1}"# }),
    );
    check_given(
        json!({ "arguments": { "a": 1 }, "rawArguments": r#"{"a":1}"# }),
        json!({ "arguments": { "a": 1 } }),
    );
    check_given(
        json!({ "arguments": null, "rawArguments": "{", "argumentsError": "cut off" }),
        json!({ "rawArguments": "{", "argumentsError": "cut off" }),
    );
    check_given(json!({ "rawArguments": "[-0]" }), json!({ "rawArguments": "[-0]" }));
    check_given(json!({ "rawArguments": " " }), json!({ "arguments": {} }));
    check_given(
        json!({ "arguments": r#"{"a":1}"#, "rawArguments": r#"{"a": 1}"# }),
        json!({ "arguments": { "a": 1 }, "rawArguments": r#"{"a": 1}"# }),
    );
    check_given(
        json!({ "rawArguments": "", "argumentsError": "cut off" }),
        json!({ "rawArguments": "", "argumentsError": "cut off" }),
    );
    // Both, where they say the same to JavaScript.
    check_given(
        json!({ "arguments": { "b": 100, "a": "ä" }, "rawArguments": r#"{ "a": "\u00e4", "b": 1e2 }"# }),
        json!({ "arguments": { "a": "ä", "b": 1e2 }, "rawArguments": r#"{ "a": "\u00e4", "b": 1e2 }"# }),
    );
    check_given(
        json!({ "arguments": [9_007_199_254_740_992_u64], "rawArguments": "[9007199254740993]" }),
        json!({ "rawArguments": "[9007199254740993]" }),
    );
    check_given(
        json!({ "arguments": "t", "rawArguments": "\"t\"" }),
        json!({ "arguments": "t", "rawArguments": "\"t\"" }),
    );
    // And where they do not.
    check_given(
        json!({ "arguments": { "a": 1 }, "rawArguments": r#"{"a": 2}"# }),
        json!({ "arguments": { "a": 1 } }),
    );
    check_given(
        json!({ "arguments": { "a": 1 }, "rawArguments": "{" }),
        json!({ "arguments": { "a": 1 } }),
    );
    check_given(
        json!({ "arguments": null, "rawArguments": "{ }" }),
        json!({ "arguments": {}, "rawArguments": "{ }" }),
    );
}

#[test]
fn keys_that_mean_something_to_serde_json_are_keys_like_any_other() {
    for key in ["$serde_json::private::RawValue", "$serde_json::private::Number"] {
        for text in [
            format!(r#"{{"{key}":"1"}}"#),
            format!(r#"{{"a":{{"{key}":"no JSON"}}}}"#),
        ] {
            let value: Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!(value.to_string(), text);
            check(&text, json!({ "arguments": value }));
        }
    }
}

/// JSON text in any spelling: white space, escapes, numbers of any length, fields that come twice.
fn spelled() -> impl Strategy<Value = String> {
    let space = || prop::sample::select(vec!["", "", "", " ", "\n", "\t \r"]);
    let number = prop_oneof![
        "-?(0|[1-9][0-9]{0,3})",
        "-?[1-9][0-9]{14,21}",
        "-?(0|[1-9][0-9]{0,2})\\.[0-9]{1,20}",
        "-?(0|[1-9][0-9]{0,2})(\\.[0-9]{1,3})?[eE][+-]?[0-9]{1,3}",
    ];
    let text = prop::collection::vec(
        prop_oneof![
            Just("a".to_owned()),
            Just("\\n".to_owned()),
            Just("\\/".to_owned()),
            Just("\\ud83d\\ude00".to_owned()),
            Just("\\ud83d".to_owned()),
            "\\\\u[0-9a-fA-F]{4}",
            any::<char>()
                .prop_filter("must be escaped", |c| !matches!(c, '"' | '\\' | '\0'..='\u{1f}'))
                .prop_map(String::from),
        ],
        0..4,
    )
    .prop_map(|parts| format!("\"{}\"", parts.concat()));
    let name = prop_oneof![
        text.clone(),
        prop::sample::select(vec!["\"a\"", "\"1\"", "\"__proto__\""]).prop_map(String::from)
    ];
    let leaf = prop_oneof![Just("null".to_owned()), Just("true".to_owned()), number, text];
    let spaced = move |inner: BoxedStrategy<String>| {
        (space(), inner, space()).prop_map(|(before, inner, after)| format!("{before}{inner}{after}"))
    };
    let value = leaf.prop_recursive(3, 12, 4, move |inner| {
        let item = spaced(inner.boxed());
        let field = (spaced(name.clone().boxed()), item.clone()).prop_map(|(name, value)| format!("{name}:{value}"));
        prop_oneof![
            prop::collection::vec(item, 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec(field, 0..4).prop_map(|fields| format!("{{{}}}", fields.join(","))),
        ]
    });
    (prop::sample::select(vec!["", "", " "]), value).prop_map(|(space, value)| format!("{space}{value}"))
}

fn fold(text: &str, cuts: &[prop::sample::Index]) -> Completion {
    let places: Vec<_> = text.char_indices().map(|(at, _)| at).collect();
    let mut cuts: Vec<_> = cuts
        .iter()
        .filter(|_| !places.is_empty())
        .map(|cut| places[cut.index(places.len())])
        .collect();
    cuts.extend([0, text.len()]);
    cuts.sort_unstable();
    let mut accumulator = StreamAccumulator::default();
    accumulator.push(&start(0, "f"));
    for pair in cuts.windows(2) {
        accumulator.push(&delta(0, &text[pair[0]..pair[1]]));
    }
    accumulator.push(&end(0));
    accumulator.into_completion()
}

proptest! {
    #[test]
    fn any_text_in_any_pieces_is_kept_exactly(text in prop_oneof![spelled(), "\\PC{0,12}"], cuts in any::<Vec<prop::sample::Index>>()) {
        let completion = fold(&text, &cuts);
        let arguments = &completion.tool_calls[0].arguments;
        let is_absent = text.trim_matches([' ', '\n', '\t', '\r']).is_empty();
        prop_assert_eq!(arguments.text(), if is_absent { "{}" } else { &text });
        prop_assert_eq!(arguments, &ToolArguments::parse(&text));
        let json = serde_json::to_string(&completion).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Completion>(&json).unwrap(), &completion);
    }

    #[test]
    fn a_runner_sees_what_is_sent_back_as_the_model_sent_it(text in spelled()) {
        let call = serde_json::to_value(of(ToolArguments::parse(&text))).unwrap();
        let request = json!({ "messages": [{ "role": "assistant", "toolCalls": [call] }] });
        let read = GenerateRequest::from_json(&request.to_string()).unwrap();
        let messages = read.messages.unwrap();
        let Message::Assistant { tool_calls, .. } = &messages[0] else { panic!("no assistant") };
        prop_assert_eq!(tool_calls[0].arguments.text(), text);
    }

    #[test]
    fn arguments_without_a_secret_are_redacted_to_themselves(text in spelled()) {
        let redaction = Redaction::new(&RedactionOptions { fields: vec!["**.none".into()], ..Default::default() }).unwrap();
        let before = fold(&text, &[]);
        let mut after = before.clone();
        redaction.completion(&mut after);
        prop_assert_eq!(after, before);
    }
}

const SECRET: &str = "sk-ant-api03-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-aaaaaaAA";

fn check_redacted(text: &str, expected: Value) {
    let redaction = Redaction::new(&RedactionOptions {
        patterns: vec!["EMP[0-9]{20}".into(), "[0-9]{20}".into()],
        fields: vec!["**.ssn".into(), "**.list[1]".into()],
        ..Default::default()
    })
    .expect("valid");
    let mut completion = fold(&text.replace("SECRET", SECRET), &[]);
    redaction.completion(&mut completion);
    let shown = shown(&completion.tool_calls[0].arguments);
    assert!(!shown.to_string().contains(SECRET), "{shown}");
    assert_eq!(shown, expected, "{text}");
}

#[test]
fn a_secret_leaves_both_the_value_and_the_text_and_the_rest_stays_as_it_is_written() {
    let both =
        |text: &str| json!({ "arguments": serde_json::from_str::<Value>(text).expect("JSON"), "rawArguments": text });
    let raw = |text: &str| json!({ "rawArguments": text });
    check_redacted(r#"{"k":"SECRET"}"#, json!({ "arguments": { "k": REDACTED } }));
    check_redacted(
        r#"{ "k" : "SECRET", "n":1.0 }"#,
        both(r#"{ "k" : "[REDACTED]", "n":1.0 }"#),
    );
    check_redacted(
        r#"{"n":1e400,"k":["SECRET"]}"#,
        raw(r#"{"n":1e400,"k":["[REDACTED]"]}"#),
    );
    check_redacted(r#"{"k":"SECRET","k":1}"#, raw(r#"{"k":"[REDACTED]","k":1}"#));
    check_redacted(r#"{"n":-0,"SECRET":1}"#, raw(r#"{"n":-0,"[REDACTED]":1}"#));
    check_redacted(
        r#"{"password":"p","n":-0,"Api_Key":["q",""]}"#,
        raw(r#"{"password":"[REDACTED]","n":-0,"Api_Key":["[REDACTED]",""]}"#),
    );
    check_redacted(
        r#"{"a":{"ssn":[1e400]},"ssn":null,"n":-0}"#,
        raw(r#"{"a":{"ssn":"[REDACTED]"},"ssn":null,"n":-0}"#),
    );
    check_redacted(
        r#"{"\u0073sn": 5, "list": [1, 2, 3]}"#,
        both(r#"{"\u0073sn": "[REDACTED]", "list": [1, "[REDACTED]", 3]}"#),
    );
    check_redacted(
        r#"{"id":12345678901234567890}"#,
        json!({ "arguments": { "id": REDACTED } }),
    );
    check_redacted(
        r#"{"id":"\u0045MP12345678901234567890"}"#,
        json!({ "arguments": { "id": REDACTED } }),
    );
    check_redacted(r#""SECRET""#, both(r#""[REDACTED]""#));
}

#[test]
fn names_that_become_equal_are_told_apart_in_the_text_too() {
    check_redacted(
        &format!(r#"{{"SECRET":1, "{}":2}}"#, SECRET.replace("api03-a", "api03-b")),
        json!({ "arguments": { "[REDACTED]": 1, "[REDACTED] 2": 2 }, "rawArguments": r#"{"[REDACTED]":1, "[REDACTED] 2":2}"# }),
    );
}

#[test]
fn a_path_to_either_field_leaves_nothing_of_the_other() {
    for field in ["toolCalls[*].arguments", "**.rawArguments"] {
        let redaction = Redaction::new(&RedactionOptions {
            fields: vec![field.into()],
            ..Default::default()
        })
        .expect("valid");
        for (text, expected) in [
            (
                r#"{ "a": 5 }"#,
                json!({ "arguments": { "a": REDACTED }, "rawArguments": r#"{ "a": "[REDACTED]" }"# }),
            ),
            (
                "[5e400]",
                json!({ "arguments": REDACTED, "rawArguments": "\"[REDACTED]\"" }),
            ),
        ] {
            let mut completion = fold(text, &[]);
            redaction.completion(&mut completion);
            assert_eq!(shown(&completion.tool_calls[0].arguments), expected, "{field}");
        }
    }
}
