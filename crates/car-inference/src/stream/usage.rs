//! Token counts as providers report them: cumulative, monotone per field, absent when unknown.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Tokens of one call, in tokens. A field that the provider did not report is `None`, never zero.
///
/// Names follow the OpenTelemetry GenAI conventions (`gen_ai.usage.input_tokens`, …) and Anthropic's cache fields.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct TokenUsage {
    /// Tokens of the prompt, as the provider counts them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Tokens generated, reasoning included where the provider includes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// The provider's own total.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_tokens: Option<u64>,
    /// Input tokens read from the provider's prompt cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_read_input_tokens: Option<u64>,
    /// Input tokens written to the provider's prompt cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_creation_input_tokens: Option<u64>,
    /// Output tokens spent on reasoning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_tokens: Option<u64>,
}

impl TokenUsage {
    /// Takes the larger value of each field; an absent field changes nothing.
    pub fn merge(&mut self, later: &Self) {
        fn larger(known: &mut Option<u64>, reported: Option<u64>) {
            // `None < Some(_)`, so an absent report never lowers what is known.
            *known = (*known).max(reported);
        }
        larger(&mut self.input_tokens, later.input_tokens);
        larger(&mut self.output_tokens, later.output_tokens);
        larger(&mut self.total_tokens, later.total_tokens);
        larger(&mut self.cache_read_input_tokens, later.cache_read_input_tokens);
        larger(&mut self.cache_creation_input_tokens, later.cache_creation_input_tokens);
        larger(&mut self.reasoning_tokens, later.reasoning_tokens);
    }
}
