//! What a host can say of redaction.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Redaction;
use crate::error::Problem;

/// What is removed from what is recorded.
///
/// ```
/// use car_inference::redaction::RedactionOptions;
/// let options = RedactionOptions { patterns: vec!["(".into()], ..Default::default() };
/// assert_eq!(options.validate()[0].path, "redaction.patterns[0]");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct RedactionOptions {
    /// Whether the built-in rules apply. They find keys in known formats, private keys, passwords in URLs, and secrets
    /// after a label such as `api_key=` or in a field such as `authorization`. Default true. No list of formats is
    /// complete: add your own secrets in `patterns` and `fields`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub builtin: Option<bool>,
    /// Regular expressions of what else is secret, in the syntax of Rust's `regex`. At most 64. They must not match the
    /// empty string, and word boundaries are ASCII's: `(?-u:\b)`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<Vec<String>>"))]
    pub patterns: Vec<String>,
    /// Fields whose values are secret, by their path in the request, the event, the completion or the failure:
    /// `providerOptions.openai.user`, `messages[*].content`, `**.ssn`. `*` is any one name or index, `**` any number
    /// of them. At most 256. What is no text by its type, such as `params.seed`, stays.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<Vec<String>>"))]
    pub fields: Vec<String>,
}

impl RedactionOptions {
    /// Checks what the types cannot say. Compiles the patterns, so it costs what [`Redaction::new`] costs.
    #[must_use]
    pub fn validate(&self) -> Vec<Problem> {
        Redaction::new(self).err().unwrap_or_default()
    }
}
