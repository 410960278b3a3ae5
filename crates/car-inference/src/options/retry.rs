//! Whether to try again, and when.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::timeouts::TIME_MS_MAX;
use crate::error::Problem;

/// Whether to run a runner again after it failed, or was silent for too long, before any content. Off by default.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct RetryPolicy {
    /// Runs of one runner for one model in all. Default 1: no retry.
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<u32>"))]
    pub attempts_max: u32,
    /// The wait before the second run, in milliseconds; a provider's longer `Retry-After` wins. Default 500.
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<u64>"))]
    pub backoff_ms: u64,
    /// What each further wait is multiplied by. Default 2.
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<f64>"))]
    pub backoff_factor: f64,
    /// The longest wait, in milliseconds; a provider that asks for more is not retried. Default 30,000.
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<u64>"))]
    pub backoff_max_ms: u64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts_max: 1,
            backoff_ms: 500,
            backoff_factor: 2.0,
            backoff_max_ms: 30_000,
        }
    }
}

impl RetryPolicy {
    /// How long to wait before the run after `failed_runs` failed ones; `None` when there shall be no other.
    pub(crate) fn delay(&self, failed_runs: u32, retry_after_ms: Option<u64>) -> Option<Duration> {
        if failed_runs >= self.attempts_max {
            return None;
        }
        let exponent = i32::try_from(failed_runs.saturating_sub(1)).unwrap_or(i32::MAX);
        let backoff = self.backoff_ms as f64 * self.backoff_factor.powi(exponent);
        let backoff_ms = (backoff.min(self.backoff_max_ms as f64)) as u64;
        match retry_after_ms {
            Some(asked) if asked > self.backoff_max_ms => None,
            asked => Some(Duration::from_millis(backoff_ms.max(asked.unwrap_or(0)))),
        }
    }
}

/// Retries of one call; a field left out keeps the engine's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct RetryOverrides {
    /// See [`RetryPolicy::attempts_max`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts_max: Option<u32>,
    /// See [`RetryPolicy::backoff_ms`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff_ms: Option<u64>,
    /// See [`RetryPolicy::backoff_factor`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff_factor: Option<f64>,
    /// See [`RetryPolicy::backoff_max_ms`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff_max_ms: Option<u64>,
}

impl RetryOverrides {
    pub(crate) fn over(&self, base: RetryPolicy) -> RetryPolicy {
        RetryPolicy {
            attempts_max: self.attempts_max.unwrap_or(base.attempts_max),
            backoff_ms: self.backoff_ms.unwrap_or(base.backoff_ms),
            backoff_factor: self.backoff_factor.unwrap_or(base.backoff_factor),
            backoff_max_ms: self.backoff_max_ms.unwrap_or(base.backoff_max_ms),
        }
    }
}

pub(super) fn validate_retry(retry: &RetryPolicy, problems: &mut Vec<Problem>) {
    if retry.attempts_max == 0 {
        problems.push(Problem::new(
            "retry.attemptsMax",
            "must be at least 1 (1 means: no retry)",
        ));
    }
    if !(1.0..=100.0).contains(&retry.backoff_factor) {
        problems.push(Problem::new("retry.backoffFactor", "must be from 1 to 100"));
    }
    for (name, ms) in [("backoffMs", retry.backoff_ms), ("backoffMaxMs", retry.backoff_max_ms)] {
        if ms > TIME_MS_MAX {
            problems.push(Problem::new(
                format!("retry.{name}"),
                format!("must be at most {TIME_MS_MAX}, is {ms}"),
            ));
        }
    }
}
