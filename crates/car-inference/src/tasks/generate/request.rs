//! The request of one call, and what makes it valid.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ContentBlock, Message};
use crate::error::Problem;

/// What to generate. In JSON, `prompt` may be left out when `messages` are given.
///
/// ```
/// use car_inference::tasks::generate::GenerateRequest;
/// let request = GenerateRequest { prompt: "hi".into(), ..Default::default() };
/// assert!(request.validate().is_empty());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct GenerateRequest {
    /// The prompt of a single turn: the user's message, after `messages` when both are given.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<String>"))]
    pub prompt: String,
    /// The id of the model. May be left out when the engine knows just one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Models to try, in order, when every runner declines the one before. At most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<Vec<String>>"))]
    pub fallback_models: Vec<String>,
    /// Sampling and limits.
    #[serde(default, skip_serializing_if = "GenerateParams::is_default")]
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<GenerateParams>"))]
    pub params: GenerateParams,
    /// System text put before the conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// The conversation so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<Vec<Message>>,
    /// Images of the prompt's turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<Vec<ContentBlock>>,
    /// Tools the model may call. A function tool has `name`, `description`, `parameters` (JSON Schema), `strict` and
    /// `providerOptions`, and no other field. These fields may also be in `function`, as in OpenAI's format. A tool
    /// with another `type` is a tool of the provider, and is passed to the runner unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional, type = "Array<Tool>"))]
    pub tools: Option<Vec<Value>>,
    /// The form of the answer; free text when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_format: Option<ResponseFormat>,
    /// The host's own reference for the call, handed to the runner and recorded, never read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ref: Option<String>,
    /// The conversation that the call belongs to, for the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<String>,
    /// The trace id of the call that made this one, for the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_trace_id: Option<String>,
    /// Labels to find the call by in the log.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<Vec<String>>"))]
    pub tags: Vec<String>,
    /// What only the runner understands, by provider; handed over unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional, type = "JsonObject"))]
    pub provider_options: Option<Value>,
}

/// Sampling and limits. What is absent is left to the provider.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct GenerateParams {
    /// Sampling temperature, at least 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Nucleus sampling, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Sampling among the k likeliest tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_k: Option<u32>,
    /// The most tokens to generate, at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// Sequences that end the answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<Vec<String>>"))]
    pub stop: Vec<String>,
    /// Seed of the sampling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    /// Frequency penalty, from -2 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frequency_penalty: Option<f64>,
    /// Presence penalty, from -2 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presence_penalty: Option<f64>,
    /// How much a reasoning model should think.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_effort: Option<ReasoningEffort>,
    /// The most tokens to spend on reasoning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_tokens: Option<u32>,
    /// Whether and which tool to call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<ToolChoice>,
    /// Whether several tools may be called at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallel_tool_calls: Option<bool>,
}

/// Which tool the model is to call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    tag = "type",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub enum ToolChoice {
    /// The model decides.
    Auto,
    /// No tool.
    None,
    /// Some tool.
    Required,
    /// This tool.
    Tool {
        /// Its name.
        name: String,
    },
}

/// How much a reasoning model should think.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub enum ReasoningEffort {
    /// Not at all.
    None,
    /// As little as the model can.
    Minimal,
    /// A little.
    Low,
    /// As the model likes.
    Medium,
    /// Much.
    High,
    /// As much as the model can.
    Xhigh,
}

/// The form of the answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    tag = "type",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub enum ResponseFormat {
    /// JSON that follows a schema.
    JsonSchema {
        /// The JSON Schema.
        #[cfg_attr(feature = "typescript", ts(type = "JsonValue"))]
        schema: Value,
        /// Whether the provider must refuse any deviation.
        #[serde(default)]
        #[cfg_attr(feature = "typescript", ts(optional, as = "Option<bool>"))]
        strict: bool,
        /// The schema's name (OpenAI).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// Any JSON.
    JsonObject,
}

const FALLBACK_MODELS_MAX: usize = 16;

impl GenerateRequest {
    /// Reads a request from JSON. What does not fit is listed with its path, together with what
    /// [`validate`](Self::validate) says of the rest.
    ///
    /// # Errors
    /// All problems found.
    pub fn from_json(json: &str) -> Result<Self, Vec<Problem>> {
        crate::shape::parse_marked(json, Self::validate)
    }

    /// Checks what the types cannot say. Empty when the request can be sent.
    #[must_use]
    pub fn validate(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let messages = self.messages.as_deref().unwrap_or_default();
        if self.prompt.is_empty() && messages.is_empty() {
            problems.push(Problem::new("prompt", "required: give a `prompt`, or `messages`"));
        }
        if self.fallback_models.len() > FALLBACK_MODELS_MAX {
            let message = format!("at most {FALLBACK_MODELS_MAX}, are {}", self.fallback_models.len());
            problems.push(Problem::new("fallbackModels", message));
        }
        if self.model.as_deref() == Some("") {
            problems.push(Problem::new("model", "must not be empty"));
        }
        for (index, message) in messages.iter().enumerate() {
            match message {
                Message::UserMultimodal { content } if content.is_empty() => {
                    problems.push(Problem::new(
                        format!("messages[{index}].content"),
                        "must hold at least one part",
                    ));
                }
                Message::ToolResult { tool_use_id, .. } if tool_use_id.is_empty() => {
                    problems.push(Problem::new(
                        format!("messages[{index}].toolUseId"),
                        "must not be empty",
                    ));
                }
                _ => {}
            }
        }
        for (index, tool) in self.tools.iter().flatten().enumerate() {
            super::tool::validate(tool, &format!("tools[{index}]"), &mut problems);
        }
        if self
            .provider_options
            .as_ref()
            .is_some_and(|options| !options.is_object())
        {
            problems.push(Problem::new(
                "providerOptions",
                "expected an object with one field per provider",
            ));
        }
        self.params.validate(&mut problems);
        problems
    }
}

impl GenerateParams {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    fn validate(&self, problems: &mut Vec<Problem>) {
        let mut range = |name: &str, value: Option<f64>, low: f64, high: f64| {
            if let Some(value) = value
                && !(low..=high).contains(&value)
            {
                let bound = if high.is_finite() {
                    format!("from {low} to {high}")
                } else {
                    format!("at least {low}")
                };
                problems.push(Problem::new(
                    format!("params.{name}"),
                    format!("must be {bound}, is {value}"),
                ));
            }
        };
        range("temperature", self.temperature, 0.0, f64::INFINITY);
        range("topP", self.top_p, 0.0, 1.0);
        range("maxTokens", self.max_tokens.map(f64::from), 1.0, f64::INFINITY);
        range("frequencyPenalty", self.frequency_penalty, -2.0, 2.0);
        range("presencePenalty", self.presence_penalty, -2.0, 2.0);
    }
}
