//! Which models an engine knows, and where each is served.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Problem;
use crate::stream::TokenUsage;

/// A model that an engine can be asked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct ModelSchema {
    /// What requests call it, such as `gpt-5` or `anthropic/claude-sonnet-4-5`.
    pub id: String,
    /// How the model is served. Default: by a runner, without a hint.
    #[serde(default)]
    pub source: ModelSource,
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The provider's name, as in OpenTelemetry's `gen_ai.provider.name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The model family.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// The context window, in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_length: Option<u64>,
    /// The most tokens of one answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u64>,
    /// What its tokens cost, for the cost of calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pricing: Option<ModelPricing>,
    /// Labels of the host's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<Vec<String>>"))]
    pub tags: Vec<String>,
}

/// What a model's tokens cost, in US dollars per million tokens, as providers list it. What is absent costs what `input` does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct ModelPricing {
    /// Of input that is not cached.
    pub input: f64,
    /// Of output, reasoning included.
    pub output: f64,
    /// Of input read from the provider's cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_read_input: Option<f64>,
    /// Of input written to the provider's cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_creation_input: Option<f64>,
    /// Whether the provider counts cached input beside its input tokens, as Anthropic does, or as part of them, as OpenAI and
    /// Google do. Default: part of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts_cached_input_apart: Option<bool>,
}

impl ModelPricing {
    /// What so many tokens cost, in millionths of a US dollar, rounded.
    #[must_use]
    pub fn cost_micro_usd(&self, usage: &TokenUsage) -> u64 {
        // Dollars per million tokens are millionths of a dollar per token.
        let tokens = |count: Option<u64>| count.unwrap_or_default() as f64;
        let (read, created) = (
            tokens(usage.cache_read_input_tokens),
            tokens(usage.cache_creation_input_tokens),
        );
        let input = match self.counts_cached_input_apart {
            Some(true) => tokens(usage.input_tokens),
            _ => (tokens(usage.input_tokens) - read - created).max(0.0),
        };
        let cost = input * self.input
            + read * self.cache_read_input.unwrap_or(self.input)
            + created * self.cache_creation_input.unwrap_or(self.input)
            + tokens(usage.output_tokens) * self.output;
        cost.round() as u64
    }

    fn validate(&self, problems: &mut Vec<Problem>) {
        let prices = [
            ("input", Some(self.input)),
            ("output", Some(self.output)),
            ("cacheReadInput", self.cache_read_input),
            ("cacheCreationInput", self.cache_creation_input),
        ];
        for (name, price) in prices {
            if price.is_some_and(|price| !price.is_finite() || price < 0.0) {
                problems.push(Problem::new(
                    format!("pricing.{name}"),
                    "must be at least 0, in US dollars per million tokens",
                ));
            }
        }
    }
}

/// Who serves a model. In JSON, `type` may be left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    from = "ModelSourceJson",
    tag = "type",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
#[non_exhaustive]
pub enum ModelSource {
    /// By a runner: the call's, the model's or the engine's own runner, or one registered for the process.
    Delegated {
        /// The slots for this hint are tried first. The runner also gets the hint. Typically the provider's id
        /// (`openai`, `anthropic`, …).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
}

/// A model's source as it is read.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-beside" = ["runner"]))]
struct ModelSourceJson {
    #[serde(default, rename = "type")]
    kind: SourceKind,
    #[serde(default)]
    hint: Option<String>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum SourceKind {
    #[default]
    Delegated,
}

impl From<ModelSourceJson> for ModelSource {
    fn from(json: ModelSourceJson) -> Self {
        match json.kind {
            SourceKind::Delegated => Self::Delegated { hint: json.hint },
        }
    }
}

impl Default for ModelSource {
    fn default() -> Self {
        Self::Delegated { hint: None }
    }
}

impl ModelSchema {
    /// A model that a runner serves.
    #[must_use]
    pub fn delegated(id: impl Into<String>, hint: Option<&str>) -> Self {
        Self {
            id: id.into(),
            source: ModelSource::Delegated {
                hint: hint.map(str::to_owned),
            },
            ..Self::default()
        }
    }

    /// The hint of a delegated model.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match &self.source {
            ModelSource::Delegated { hint } => hint.as_deref(),
        }
    }

    /// Reads a model from JSON, listing every wrong field.
    ///
    /// # Errors
    /// All problems found.
    pub fn from_json(json: &str) -> Result<Self, Vec<Problem>> {
        crate::shape::parse_all(json, Self::validate)
    }

    /// Checks what the types cannot say. Empty when the model can be registered.
    #[must_use]
    pub fn validate(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.id.is_empty() {
            problems.push(Problem::new("id", "must not be empty"));
        }
        if let Some(pricing) = &self.pricing {
            pricing.validate(&mut problems);
        }
        problems
    }
}
