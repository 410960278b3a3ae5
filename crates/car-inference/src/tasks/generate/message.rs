//! Turns of a conversation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ToolCall;
use crate::stream::Reasoning;

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    tag = "role",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub enum Message {
    /// The system prompt.
    System {
        /// Its text.
        content: String,
    },
    /// What the user said, as text.
    User {
        /// Its text.
        content: String,
    },
    /// What the user said, with images, audio or video.
    UserMultimodal {
        /// Its parts, in order.
        content: Vec<ContentBlock>,
    },
    /// What the model answered.
    Assistant {
        /// Its text.
        #[serde(default)]
        #[cfg_attr(feature = "typescript", ts(optional, as = "Option<String>"))]
        content: String,
        /// The tool calls it made.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[cfg_attr(feature = "typescript", ts(optional, as = "Option<Vec<ToolCall>>"))]
        tool_calls: Vec<ToolCall>,
        /// Its reasoning, to be sent back unchanged.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[cfg_attr(feature = "typescript", ts(optional, as = "Option<Vec<Reasoning>>"))]
        reasoning: Vec<Reasoning>,
    },
    /// What a tool returned.
    ToolResult {
        /// The id of the tool call it answers.
        tool_use_id: String,
        /// The result as text.
        content: String,
    },
    /// Opaque items of an earlier answer, sent back unchanged.
    ProviderOutputItems {
        /// The wire they belong to, such as `openai-responses`.
        protocol: String,
        /// The items, in order.
        #[cfg_attr(feature = "typescript", ts(type = "Array<JsonValue>"))]
        items: Vec<Value>,
    },
}

/// A part of a multimodal message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    tag = "type",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub enum ContentBlock {
    /// Text.
    Text {
        /// The text.
        text: String,
    },
    /// An image in the request.
    ImageBase64 {
        /// Base64 (RFC 4648) of the image.
        data: String,
        /// Its media type, such as `image/png`.
        media_type: String,
    },
    /// An image by address.
    ImageUrl {
        /// Where it is.
        url: String,
        /// `auto`, `low` or `high` (OpenAI).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    /// Audio in the request.
    AudioBase64 {
        /// Base64 of the audio.
        data: String,
        /// Its media type.
        media_type: String,
    },
    /// Audio by address.
    AudioUrl {
        /// Where it is.
        url: String,
    },
    /// Video in the request.
    VideoBase64 {
        /// Base64 of the video.
        data: String,
        /// Its media type.
        media_type: String,
    },
    /// Video by address.
    VideoUrl {
        /// Where it is.
        url: String,
    },
    /// A document, such as a PDF, in the request.
    FileBase64 {
        /// Base64 of the document.
        data: String,
        /// Its media type.
        media_type: String,
        /// Its name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
}
