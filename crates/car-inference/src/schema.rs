//! Which models an engine knows, and where each is served.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Problem;

/// A model that an engine can be asked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct ModelSchema {
    /// What requests call it, such as `gpt-5` or `anthropic/claude-sonnet-4-5`.
    pub id: String,
    /// Who serves it.
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
    /// Labels of the host's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<Vec<String>>"))]
    pub tags: Vec<String>,
}

/// Who serves a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    tag = "type",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
#[non_exhaustive]
pub enum ModelSource {
    /// A registered runner: the one for `hint` first, then the process-wide one.
    Delegated {
        /// Handed to the runner; typically the provider's id (`openai`, `anthropic`, …).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
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
        if self.id.is_empty() {
            vec![Problem::new("id", "must not be empty")]
        } else {
            Vec::new()
        }
    }
}
