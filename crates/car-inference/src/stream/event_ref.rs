//! An event on its way through the gate. The hot kinds are borrowed, so that a host can pass text it has just read
//! into a stack buffer without an allocation.

use super::StreamEvent;
use crate::tasks::generate::ToolCall;

/// A borrowed event: the three hot kinds by their parts, every other kind by reference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum EventRef<'a> {
    /// [`StreamEvent::TextDelta`].
    TextDelta(&'a str),
    /// [`StreamEvent::ReasoningDelta`] without a signature.
    ReasoningDelta {
        /// Which reasoning block.
        index: usize,
        /// Appended to the block.
        text: &'a str,
    },
    /// [`StreamEvent::ToolCallDelta`].
    ToolCallDelta {
        /// The tool call's index.
        index: usize,
        /// Appended to its argument text.
        arguments_delta: &'a str,
    },
    /// Any other event.
    Other(&'a StreamEvent),
}

impl<'a> From<&'a StreamEvent> for EventRef<'a> {
    fn from(event: &'a StreamEvent) -> Self {
        match event {
            StreamEvent::TextDelta(text) => Self::TextDelta(text),
            StreamEvent::ReasoningDelta {
                index,
                text,
                signature: None,
            } => Self::ReasoningDelta { index: *index, text },
            StreamEvent::ToolCallDelta { index, arguments_delta } => Self::ToolCallDelta {
                index: *index,
                arguments_delta,
            },
            other => Self::Other(other),
        }
    }
}

impl EventRef<'_> {
    /// The owned event.
    #[must_use]
    pub fn to_event(&self) -> StreamEvent {
        match *self {
            Self::TextDelta(text) => StreamEvent::TextDelta(text.to_owned()),
            Self::ReasoningDelta { index, text } => StreamEvent::ReasoningDelta {
                index,
                text: text.to_owned(),
                signature: None,
            },
            Self::ToolCallDelta { index, arguments_delta } => StreamEvent::ToolCallDelta {
                index,
                arguments_delta: arguments_delta.to_owned(),
            },
            Self::Other(event) => event.clone(),
        }
    }

    /// The event's tag, as [`StreamEvent::kind`].
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::TextDelta(_) => "text-delta",
            Self::ReasoningDelta { .. } => "reasoning-delta",
            Self::ToolCallDelta { .. } => "tool-call-delta",
            Self::Other(event) => event.kind(),
        }
    }

    /// Whether a consumer that has seen this event has seen part of the answer, so that no other attempt may start.
    #[must_use]
    #[inline]
    pub fn is_content(&self) -> bool {
        match self {
            Self::TextDelta(text) | Self::ReasoningDelta { text, .. } => !text.is_empty(),
            Self::ToolCallDelta { .. } => true,
            Self::Other(event) => !matches!(
                event,
                StreamEvent::Usage { .. }
                    | StreamEvent::ProviderEvent { .. }
                    | StreamEvent::Warning(_)
                    | StreamEvent::Error(_)
            ),
        }
    }

    /// About how many bytes the event holds: its strings and JSON, plus a fixed share.
    #[must_use]
    #[inline]
    pub fn bytes(&self) -> usize {
        SHARE
            + match *self {
                Self::TextDelta(text) | Self::ReasoningDelta { text, .. } => text.len(),
                Self::ToolCallDelta { arguments_delta, .. } => arguments_delta.len(),
                Self::Other(event) => payload_bytes(event),
            }
    }
}

/// What an event, or a tool call in one, costs beside its strings, so that a million empty ones count.
const SHARE: usize = 32;

fn length(text: &Option<String>) -> usize {
    text.as_ref().map_or(0, String::len)
}

fn payload_bytes(event: &StreamEvent) -> usize {
    match event {
        StreamEvent::TextDelta(text) | StreamEvent::RefusalDelta(text) => text.len(),
        StreamEvent::ReasoningDelta { text, signature, .. } => text.len() + length(signature),
        StreamEvent::ToolCallStart { name, id, .. } => name.len() + length(id),
        StreamEvent::ToolCallDelta { arguments_delta, .. } => arguments_delta.len(),
        StreamEvent::ToolCallEnd {
            arguments, signature, ..
        } => length(arguments) + length(signature),
        StreamEvent::Usage { .. } => 0,
        StreamEvent::StopReason { raw, .. } => length(raw),
        StreamEvent::Source(source) => {
            length(&source.id)
                + length(&source.url)
                + length(&source.title)
                + length(&source.media_type)
                + source.provider_metadata.as_ref().map_or(0, json_bytes)
        }
        StreamEvent::File(file) => file.media_type.len() + length(&file.data) + length(&file.url),
        StreamEvent::ProviderOutputItem(item) => json_bytes(item),
        StreamEvent::ProviderEvent { name, data } => length(name) + json_bytes(data),
        StreamEvent::Warning(warning) => warning.message.len() + length(&warning.code),
        StreamEvent::Error(note) => note.message.len() + length(&note.code),
        StreamEvent::Custom { name, data } => name.len() + json_bytes(data),
        StreamEvent::Done { text, tool_calls } => answer_bytes(text, tool_calls),
    }
}

/// The size of an answer that came as a whole.
pub(crate) fn answer_bytes(text: &str, tool_calls: &[ToolCall]) -> usize {
    let of_call = |call: &ToolCall| SHARE + length(&call.id) + call.name.len() + call.arguments.bytes();
    text.len() + tool_calls.iter().map(of_call).sum::<usize>()
}

/// The size of a JSON value without writing it out.
pub(crate) fn json_bytes(value: &serde_json::Value) -> usize {
    use serde_json::Value;
    8 + match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(json_bytes).sum(),
        Value::Object(fields) => fields.iter().map(|(name, value)| name.len() + json_bytes(value)).sum(),
    }
}
