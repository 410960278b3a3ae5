//! The closed vocabulary: every event that can pass the gate, with the JSON it has at the boundary and in the log.
//! Owns the shapes; refuses order (`session`) and folding (`accumulator`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{TokenUsage, Warning};
use crate::tasks::generate::ToolCall;

/// One event of a call. Serialises as `{ "type": "text-delta", … }`: kebab-case tags, camelCase fields.
///
/// ```
/// use car_inference::stream::StreamEvent;
/// let event = StreamEvent::TextDelta("hel".into());
/// assert_eq!(serde_json::to_string(&event).unwrap(), r#"{"type":"text-delta","text":"hel"}"#);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub enum StreamEvent {
    /// Answer text, appended to what came before.
    #[serde(with = "text_field")]
    #[schemars(with = "text_field::Text")]
    TextDelta(#[cfg_attr(feature = "typescript", ts(type = "{ text: string }"))] String),
    /// Reasoning text of block `index`, with the provider's signature when it came. Both are kept byte-exact.
    ReasoningDelta {
        /// Which reasoning block; 0 when the provider has only one.
        #[serde(default)]
        index: usize,
        /// Appended to the block's text; may be empty when only the signature came.
        text: String,
        /// Appended to the block's signature (Anthropic `signature_delta`, Gemini `thoughtSignature`).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<String>,
    },
    /// Text of a refusal (OpenAI `delta.refusal`).
    #[serde(with = "text_field")]
    #[schemars(with = "text_field::Text")]
    RefusalDelta(#[cfg_attr(feature = "typescript", ts(type = "{ text: string }"))] String),
    /// A tool call begins: its name is known, its arguments follow.
    ToolCallStart {
        /// The tool's name.
        name: String,
        /// The call's place in the answer; deltas refer to it.
        index: usize,
        /// The provider's id of the call, if it gave one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
    /// A fragment of a tool call's arguments, as JSON text.
    ToolCallDelta {
        /// The call's index, as in its start.
        index: usize,
        /// Appended to the call's argument text.
        arguments_delta: String,
    },
    /// A tool call is whole.
    ToolCallEnd {
        /// The call's index, as in its start.
        index: usize,
        /// The whole argument text where the provider sends it again; replaces the fragments.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        arguments: Option<String>,
        /// The provider's signature of the call (Gemini `thoughtSignature`), byte-exact.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<String>,
    },
    /// Cumulative token usage; each field only ever grows.
    Usage {
        /// See [`TokenUsage::input_tokens`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        input_tokens: Option<u64>,
        /// See [`TokenUsage::output_tokens`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output_tokens: Option<u64>,
        /// See [`TokenUsage::total_tokens`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        total_tokens: Option<u64>,
        /// See [`TokenUsage::cache_read_input_tokens`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cache_read_input_tokens: Option<u64>,
        /// See [`TokenUsage::cache_creation_input_tokens`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cache_creation_input_tokens: Option<u64>,
        /// See [`TokenUsage::reasoning_tokens`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reasoning_tokens: Option<u64>,
    },
    /// Why the model stopped, unified and as the provider said it.
    StopReason {
        /// The unified reason.
        reason: StopReason,
        /// The provider's own word (`end_turn`, `MAX_TOKENS`, …).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        raw: Option<String>,
    },
    /// A source or citation of the answer.
    Source(Source),
    /// A file or image that the model made.
    File(FileContent),
    /// An opaque output item that must be sent back unchanged on the next turn (OpenAI reasoning items, Anthropic
    /// redacted thinking, …).
    #[serde(with = "item_field")]
    #[schemars(with = "item_field::Item")]
    ProviderOutputItem(#[cfg_attr(feature = "typescript", ts(type = "{ item: JsonValue }"))] Value),
    /// The provider's original event, beside the normalised ones, for runners asked to keep it.
    ProviderEvent {
        /// The wire's event name (`event:` of SSE), if it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// The event as the provider sent it.
        #[cfg_attr(feature = "typescript", ts(type = "JsonValue"))]
        data: Value,
    },
    /// Something the consumer should know; the call goes on.
    Warning(Warning),
    /// An error note that does not end the call. A call that fails ends with a typed error instead.
    Error(ErrorNote),
    /// An event that the host invents.
    Custom {
        /// The host's name for it.
        name: String,
        /// Its content.
        #[cfg_attr(feature = "typescript", ts(type = "JsonValue"))]
        data: Value,
    },
    /// The end of a completed call, with its folded text and tool calls. The terminal marker.
    Done {
        /// The whole answer text.
        text: String,
        /// The tool calls, in the order of their index.
        #[serde(default)]
        tool_calls: Vec<ToolCall>,
    },
}

impl StreamEvent {
    /// The event's tag: `"text-delta"`, `"done"`, …
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::TextDelta(_) => "text-delta",
            Self::ReasoningDelta { .. } => "reasoning-delta",
            Self::RefusalDelta(_) => "refusal-delta",
            Self::ToolCallStart { .. } => "tool-call-start",
            Self::ToolCallDelta { .. } => "tool-call-delta",
            Self::ToolCallEnd { .. } => "tool-call-end",
            Self::Usage { .. } => "usage",
            Self::StopReason { .. } => "stop-reason",
            Self::Source(_) => "source",
            Self::File(_) => "file",
            Self::ProviderOutputItem(_) => "provider-output-item",
            Self::ProviderEvent { .. } => "provider-event",
            Self::Warning(_) => "warning",
            Self::Error(_) => "error",
            Self::Custom { .. } => "custom",
            Self::Done { .. } => "done",
        }
    }

    /// Reads one event from JSON, naming the field that is wrong.
    ///
    /// # Errors
    /// Every problem of the event with its path, when the JSON is not an event of the vocabulary.
    pub fn from_json(json: &str) -> Result<Self, Vec<crate::Problem>> {
        crate::shape::parse(json)
    }
}

impl From<TokenUsage> for StreamEvent {
    fn from(usage: TokenUsage) -> Self {
        let TokenUsage {
            input_tokens,
            output_tokens,
            total_tokens,
            cache_read_input_tokens,
            cache_creation_input_tokens,
            reasoning_tokens,
        } = usage;
        Self::Usage {
            input_tokens,
            output_tokens,
            total_tokens,
            cache_read_input_tokens,
            cache_creation_input_tokens,
            reasoning_tokens,
        }
    }
}

/// Why a model stopped, unified across providers. The names are those of the AI SDK's `finishReason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub enum StopReason {
    /// The model finished its answer, or met a stop sequence.
    Stop,
    /// The token limit cut the answer off.
    Length,
    /// The model wants its tool calls run.
    ToolCalls,
    /// A content filter or a refusal.
    ContentFilter,
    /// The provider stopped because of an error of its own.
    Error,
    /// Anything else; see the raw reason.
    Other,
}

/// A source or citation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct Source {
    /// The provider's id of the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Where it can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Its title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Its media type (RFC 6838), for documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// What else the provider says of it (spans, quotes, …).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(type = "JsonValue"))]
    pub provider_metadata: Option<Value>,
}

/// A file or image in an answer: inline or by address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct FileContent {
    /// The media type (RFC 6838), such as `image/png`.
    pub media_type: String,
    /// The content in base64 (RFC 4648).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// Where the content can be fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// An error that the runner reports without ending its call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct ErrorNote {
    /// What happened.
    pub message: String,
    /// The provider's code for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// `String` variants as `{ "text": … }`: serde cannot tag a bare string.
mod text_field {
    use schemars::JsonSchema;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Deserialize, JsonSchema)]
    pub struct Text {
        text: String,
    }

    #[derive(Serialize)]
    struct TextRef<'a> {
        text: &'a str,
    }

    pub fn serialize<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
        TextRef { text }.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
        Text::deserialize(deserializer).map(|fields| fields.text)
    }
}

/// `Value` variants as `{ "item": … }`.
mod item_field {
    use schemars::JsonSchema;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::Value;

    #[derive(Deserialize, JsonSchema)]
    pub struct Item {
        item: Value,
    }

    #[derive(Serialize)]
    struct ItemRef<'a> {
        item: &'a Value,
    }

    pub fn serialize<S: Serializer>(item: &Value, serializer: S) -> Result<S::Ok, S::Error> {
        ItemRef { item }.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        Item::deserialize(deserializer).map(|fields| fields.item)
    }
}
