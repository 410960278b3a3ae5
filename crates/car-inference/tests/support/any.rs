//! Any event, with few indexes and names, so that sequences of them collide.

use car_inference::stream::{ErrorNote, FileContent, Source, StopReason, StreamEvent, Warning};
use car_inference::tasks::generate::ToolCall;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

fn index() -> impl Strategy<Value = usize> {
    prop_oneof![9 => 0..3_usize, 1 => any::<usize>()]
}

pub fn short() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[a-c{}\":,]{1,4}",
        any::<char>().prop_map(String::from)
    ]
}

fn data() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        short().prop_map(Value::from),
        any::<i64>().prop_map(|number| json!({ "n": number }))
    ]
}

pub fn tool_call() -> impl Strategy<Value = ToolCall> {
    (option::of(short()), short(), data()).prop_map(|(id, name, data)| ToolCall {
        id,
        name,
        arguments: json!({ "data": data }).into(),
    })
}

fn stop_reason() -> impl Strategy<Value = StopReason> {
    use StopReason::{ContentFilter, Error, Length, Other, Stop, ToolCalls};
    prop::sample::select(vec![Stop, Length, ToolCalls, ContentFilter, Error, Other])
}

fn tokens() -> impl Strategy<Value = Option<u64>> {
    option::of(0..1_000_u64)
}

/// Usage with any fields absent.
pub fn usage() -> impl Strategy<Value = StreamEvent> {
    (tokens(), tokens(), tokens(), tokens(), tokens(), tokens()).prop_map(|(a, b, c, d, e, f)| StreamEvent::Usage {
        input_tokens: a,
        output_tokens: b,
        total_tokens: c,
        cache_read_input_tokens: d,
        cache_creation_input_tokens: e,
        reasoning_tokens: f,
    })
}

/// Any event but `done`.
pub fn event_before_done() -> impl Strategy<Value = StreamEvent> {
    prop_oneof![
        3 => short().prop_map(StreamEvent::TextDelta),
        2 => (index(), short(), option::of(short()))
            .prop_map(|(index, text, signature)| StreamEvent::ReasoningDelta { index, text, signature }),
        1 => short().prop_map(StreamEvent::RefusalDelta),
        4 => (index(), "[ab]", option::of("[xy]"))
            .prop_map(|(index, name, id)| StreamEvent::ToolCallStart { name, index, id }),
        3 => (index(), short()).prop_map(|(index, arguments_delta)| StreamEvent::ToolCallDelta { index, arguments_delta }),
        2 => (index(), option::of(short()), option::of(short()))
            .prop_map(|(index, arguments, signature)| StreamEvent::ToolCallEnd { index, arguments, signature }),
        1 => usage(),
        1 => (stop_reason(), option::of(short())).prop_map(|(reason, raw)| StreamEvent::StopReason { reason, raw }),
        1 => option::of(short()).prop_map(|url| StreamEvent::Source(Source { url, ..Source::default() })),
        1 => short().prop_map(|data| {
            StreamEvent::File(FileContent { media_type: "image/png".into(), data: Some(data), url: None })
        }),
        1 => data().prop_map(StreamEvent::ProviderOutputItem),
        1 => (option::of(short()), data()).prop_map(|(name, data)| StreamEvent::ProviderEvent { name, data }),
        1 => short().prop_map(|message| StreamEvent::Warning(Warning { message, code: None })),
        1 => short().prop_map(|message| StreamEvent::Error(ErrorNote { message, code: None })),
        1 => (short(), data()).prop_map(|(name, data)| StreamEvent::Custom { name, data }),
    ]
}

/// Any event at all.
pub fn event() -> impl Strategy<Value = StreamEvent> {
    let done = (short(), prop::collection::vec(tool_call(), 0..2));
    prop_oneof![
        20 => event_before_done(),
        1 => done.prop_map(|(text, tool_calls)| StreamEvent::Done { text, tool_calls }),
    ]
}

/// A few events in any order.
pub fn events() -> impl Strategy<Value = Vec<StreamEvent>> {
    prop::collection::vec(event(), 0..16)
}
