//! What a log is compared with, and what it came to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::checkpoint::Checkpoint;
use crate::error::Problem;

/// What to compare a log with beside itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct VerifyOptions {
    /// A statement of where the log ended, which was kept elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Checkpoint>,
    /// The key that the checkpoint has to be signed with, 64 hex digits. Default: the one it names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
}

impl VerifyOptions {
    /// Reads options from JSON, listing every wrong field.
    ///
    /// # Errors
    /// All problems found.
    pub fn from_json(json: &str) -> Result<Self, Vec<Problem>> {
        crate::shape::parse_all(json, |_| Vec::new())
    }
}

/// What a log came to when it was compared with its chain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct VerifyReport {
    /// Whether everything is as it was written.
    pub ok: bool,
    /// How many records were read.
    pub records: u64,
    /// How many calls were compared.
    pub calls: u64,
    /// The link of the last record, 64 hex digits.
    pub head: String,
    /// The trace ids of the calls whose payload was erased.
    pub erased: Vec<String>,
    /// How many calls were pruned.
    pub pruned_calls: u64,
    /// The first thing that is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<VerifyProblem>,
}

/// What is wrong with a log, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct VerifyProblem {
    /// The table; `file` for what is no table's.
    pub table: String,
    /// The row: a position of `records`, an id of `calls`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<i64>,
    /// What is wrong with it.
    pub message: String,
}
