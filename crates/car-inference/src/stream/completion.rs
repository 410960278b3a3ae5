//! What a call came to: the folded answer, whole or partial.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{FileContent, Source, StopReason, TokenUsage};
use crate::tasks::generate::ToolCall;

/// The folded answer of a call. In a failed call it holds what had arrived.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct Completion {
    /// The answer text.
    pub text: String,
    /// The tool calls, in the order of their index.
    pub tool_calls: Vec<ToolCall>,
    /// Token usage, when the provider reported any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<TokenUsage>,
    /// What the call cost with all its attempts, in millionths of a US dollar. Absent when no model that reported usage has
    /// `pricing`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_micro_usd: Option<u64>,
    /// Why the model stopped, unified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_reason: Option<StopReason>,
    /// Why the model stopped, in the provider's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_stop_reason: Option<String>,
    /// The reasoning blocks, byte-exact, to be sent back on the next turn.
    #[serde(default)]
    pub reasoning: Vec<Reasoning>,
    /// The provider's signatures of tool calls, byte-exact, to be sent back on the next turn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<Vec<ToolCallSignature>>"))]
    pub tool_call_signatures: Vec<ToolCallSignature>,
    /// The refusal text, when the model refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// Sources and citations, in order.
    #[serde(default)]
    pub sources: Vec<Source>,
    /// Files and images, in order.
    #[serde(default)]
    pub files: Vec<FileContent>,
    /// Opaque items to send back unchanged, in order.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(type = "Array<JsonValue>"))]
    pub provider_output_items: Vec<Value>,
    /// Warnings of the runner and of the engine, in order.
    #[serde(default)]
    pub warnings: Vec<Warning>,
    /// The call's trace id.
    #[serde(default)]
    pub trace_id: String,
    /// The id of the model that answered.
    #[serde(default)]
    pub model_used: String,
}

/// One reasoning block, byte-exact.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct Reasoning {
    /// The block's index.
    #[serde(default)]
    pub index: usize,
    /// Its text.
    pub text: String,
    /// The provider's signature over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// Something the consumer should know that does not end the call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct Warning {
    /// What happened.
    pub message: String,
    /// A stable code: the runner's, or one of the engine's (`result-mismatch`, …).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// A provider's signature of one tool call (Gemini `thoughtSignature`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct ToolCallSignature {
    /// The call's place in [`Completion::tool_calls`].
    pub position: usize,
    /// The signature, byte-exact.
    pub signature: String,
}
