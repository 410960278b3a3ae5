//! What an engine and a call can be told: models, times, bounds, retries. Defaults and their validation.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Problem;
use crate::schema::ModelSchema;

/// Settings of an engine. Everything has a default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
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
}

/// Settings of one call, instead of the engine's.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
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

/// How long to wait, in milliseconds. `null` (Rust: `None`) waits forever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Timeouts {
    /// Until the first event of an attempt. Default 600,000 (10 minutes): reasoning models can be silent that long.
    #[cfg_attr(feature = "typescript", ts(optional, type = "number | null"))]
    pub first_event_ms: Option<u64>,
    /// Between events; any event starts it anew, and it stands still while the consumer is the slow one. Default
    /// 300,000 (5 minutes).
    #[cfg_attr(feature = "typescript", ts(optional, type = "number | null"))]
    pub idle_ms: Option<u64>,
    /// For the whole call, attempts and waits included. Default 3,600,000 (1 hour).
    #[cfg_attr(feature = "typescript", ts(optional, type = "number | null"))]
    pub total_ms: Option<u64>,
    /// How long a runner that was told to stop, or that has emitted `done`, may take to settle before it is sealed
    /// off. Default 500.
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<u64>"))]
    pub grace_ms: u64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            first_event_ms: Some(600_000),
            idle_ms: Some(300_000),
            total_ms: Some(3_600_000),
            grace_ms: 500,
        }
    }
}

/// Times of one call; a field left out keeps the engine's, `null` waits forever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct TimeoutOverrides {
    /// See [`Timeouts::first_event_ms`].
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<u64>")]
    #[cfg_attr(feature = "typescript", ts(optional, type = "number | null"))]
    pub first_event_ms: Option<Option<u64>>,
    /// See [`Timeouts::idle_ms`].
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<u64>")]
    #[cfg_attr(feature = "typescript", ts(optional, type = "number | null"))]
    pub idle_ms: Option<Option<u64>>,
    /// See [`Timeouts::total_ms`].
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<u64>")]
    #[cfg_attr(feature = "typescript", ts(optional, type = "number | null"))]
    pub total_ms: Option<Option<u64>>,
    /// See [`Timeouts::grace_ms`].
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub grace_ms: Option<u64>,
}

/// Tells `null` from an absent field.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<u64>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl TimeoutOverrides {
    pub(crate) fn over(&self, base: Timeouts) -> Timeouts {
        Timeouts {
            first_event_ms: self.first_event_ms.unwrap_or(base.first_event_ms),
            idle_ms: self.idle_ms.unwrap_or(base.idle_ms),
            total_ms: self.total_ms.unwrap_or(base.total_ms),
            grace_ms: self.grace_ms.unwrap_or(base.grace_ms),
        }
    }
}

/// How much a call may hold. Reaching a buffer's bound slows the runner; reaching any other ends the call with
/// [`ErrorCode::LimitExceeded`](crate::ErrorCode::LimitExceeded).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Limits {
    /// Events waiting for the consumer before the runner is slowed. Default 256.
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<usize>"))]
    pub buffered_events_max: usize,
    /// Bytes waiting for the consumer before the runner is slowed. Default 1 MiB. One larger event may wait alone.
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<usize>"))]
    pub buffered_bytes_max: usize,
    /// Events that a runner may emit without waiting for room before its call ends. Default 16,384.
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<usize>"))]
    pub unawaited_events_max: usize,
    /// Bytes of one event. Default 16 MiB.
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<usize>"))]
    pub event_bytes_max: usize,
    /// Bytes of all events of one call. Default 64 MiB.
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<usize>"))]
    pub call_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        const MEBIBYTE: usize = 1024 * 1024;
        Self {
            buffered_events_max: 256,
            buffered_bytes_max: MEBIBYTE,
            unawaited_events_max: 16_384,
            event_bytes_max: 16 * MEBIBYTE,
            call_bytes_max: 64 * MEBIBYTE,
        }
    }
}

/// Bounds of one call; a field left out keeps the engine's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct LimitOverrides {
    /// See [`Limits::buffered_events_max`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buffered_events_max: Option<usize>,
    /// See [`Limits::buffered_bytes_max`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buffered_bytes_max: Option<usize>,
    /// See [`Limits::unawaited_events_max`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unawaited_events_max: Option<usize>,
    /// See [`Limits::event_bytes_max`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_bytes_max: Option<usize>,
    /// See [`Limits::call_bytes_max`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_bytes_max: Option<usize>,
}

impl LimitOverrides {
    pub(crate) fn over(&self, base: Limits) -> Limits {
        Limits {
            buffered_events_max: self.buffered_events_max.unwrap_or(base.buffered_events_max),
            buffered_bytes_max: self.buffered_bytes_max.unwrap_or(base.buffered_bytes_max),
            unawaited_events_max: self.unawaited_events_max.unwrap_or(base.unawaited_events_max),
            event_bytes_max: self.event_bytes_max.unwrap_or(base.event_bytes_max),
            call_bytes_max: self.call_bytes_max.unwrap_or(base.call_bytes_max),
        }
    }
}

/// Whether to run a runner again that failed before any content. By default not.
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

/// A time that JavaScript's timers and Rust's clocks can both hold: about 24 days.
const TIME_MS_MAX: u64 = i32::MAX as u64;

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

fn validate_timeouts(timeouts: &Timeouts, problems: &mut Vec<Problem>) {
    let times = [
        ("firstEventMs", timeouts.first_event_ms),
        ("idleMs", timeouts.idle_ms),
        ("totalMs", timeouts.total_ms),
        ("graceMs", Some(timeouts.grace_ms)),
    ];
    for (name, time) in times {
        match time {
            Some(0) if name != "graceMs" => {
                problems.push(Problem::new(
                    format!("timeouts.{name}"),
                    "must be at least 1; null waits forever",
                ));
            }
            Some(ms) if ms > TIME_MS_MAX => {
                let message = format!("must be at most {TIME_MS_MAX}, is {ms}; null waits forever");
                problems.push(Problem::new(format!("timeouts.{name}"), message));
            }
            _ => {}
        }
    }
}

fn validate_limits(limits: &Limits, problems: &mut Vec<Problem>) {
    let bounds = [
        ("bufferedEventsMax", limits.buffered_events_max),
        ("bufferedBytesMax", limits.buffered_bytes_max),
        ("unawaitedEventsMax", limits.unawaited_events_max),
        ("eventBytesMax", limits.event_bytes_max),
        ("callBytesMax", limits.call_bytes_max),
    ];
    for (name, bound) in bounds {
        if bound == 0 {
            problems.push(Problem::new(format!("limits.{name}"), "must be at least 1"));
        }
    }
}

fn validate_retry(retry: &RetryPolicy, problems: &mut Vec<Problem>) {
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
