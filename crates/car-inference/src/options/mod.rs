//! What an engine and a call can be told: models, times, bounds, retries. Defaults and their validation.

mod limits;
mod retry;
mod timeouts;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use limits::{LimitOverrides, Limits};
pub use retry::{RetryOverrides, RetryPolicy};
pub use timeouts::{TimeoutOverrides, Timeouts};

use crate::error::Problem;
use crate::schema::ModelSchema;
use limits::validate_limits;
use retry::validate_retry;
use timeouts::validate_timeouts;

/// Settings of an engine. Everything has a default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(extend("x-beside" = ["eventLog", "runner"]))]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct EngineOptions {
    /// The models that requests can name.
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<Vec<ModelSchema>>"))]
    pub models: Vec<ModelSchema>,
    /// How long to wait.
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<Timeouts>"))]
    pub timeouts: Timeouts,
    /// How much to hold.
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<Limits>"))]
    pub limits: Limits,
    /// Whether to try again.
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<RetryPolicy>"))]
    pub retry: RetryPolicy,
    /// Whether calls go on when the event log has failed.
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<OnLogFailure>"))]
    pub on_log_failure: OnLogFailure,
}

/// What becomes of calls when the event log has failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub enum OnLogFailure {
    /// They fail with [`ErrorCode::LogFailed`](crate::ErrorCode::LogFailed).
    #[default]
    Refuse,
    /// They go on unrecorded. Their answers carry a warning with the code `unlogged`.
    Continue,
}

impl EngineOptions {
    /// Reads options from JSON, listing every wrong field.
    ///
    /// # Errors
    /// All problems found.
    pub fn from_json(json: &str) -> Result<Self, Vec<Problem>> {
        crate::shape::parse_all(json, Self::validate)
    }

    /// Checks what the types cannot say.
    #[must_use]
    pub fn validate(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for (index, model) in self.models.iter().enumerate() {
            for problem in model.validate() {
                problems.push(Problem::new(
                    format!("models[{index}].{}", problem.path),
                    problem.message,
                ));
            }
            if !seen.insert(&model.id) {
                problems.push(Problem::new(
                    format!("models[{index}].id"),
                    format!("{:?} is given twice", model.id),
                ));
            }
        }
        validate_timeouts(&self.timeouts, &mut problems);
        validate_limits(&self.limits, &mut problems);
        validate_retry(&self.retry, &mut problems);
        problems
    }
}

/// Settings of one call, instead of the engine's.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(extend("x-beside" = ["signal", "runner"]))]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct CallOptions {
    /// How long to wait. Times left out are the engine's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeouts: Option<TimeoutOverrides>,
    /// How much to hold. Bounds left out are the engine's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<LimitOverrides>,
    /// Whether to try again. What is left out is the engine's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryOverrides>,
}

impl CallOptions {
    /// Reads options from JSON, listing every wrong field.
    ///
    /// # Errors
    /// All problems found.
    pub fn from_json(json: &str) -> Result<Self, Vec<Problem>> {
        crate::shape::parse_all(json, Self::validate)
    }

    /// Checks what the types cannot say.
    #[must_use]
    pub fn validate(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Some(timeouts) = &self.timeouts {
            validate_timeouts(&timeouts.over(Timeouts::default()), &mut problems);
        }
        if let Some(limits) = &self.limits {
            validate_limits(&limits.over(Limits::default()), &mut problems);
        }
        if let Some(retry) = &self.retry {
            validate_retry(&retry.over(RetryPolicy::default()), &mut problems);
        }
        problems
    }
}
