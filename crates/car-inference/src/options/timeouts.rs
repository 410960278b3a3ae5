//! How long to wait.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Problem;

/// How long to wait, in milliseconds. `null` (Rust: `None`) waits forever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Timeouts {
    /// Until the first event of an attempt. Default 600,000 (10 minutes): reasoning models can be silent that long.
    #[cfg_attr(feature = "typescript", ts(optional, type = "number | null | undefined"))]
    pub first_event_ms: Option<u64>,
    /// Between events; any event starts it anew, and it stands still while the consumer is the slow one. Default
    /// 300,000 (5 minutes).
    #[cfg_attr(feature = "typescript", ts(optional, type = "number | null | undefined"))]
    pub idle_ms: Option<u64>,
    /// For the whole call, attempts and waits included. Default 3,600,000 (1 hour).
    #[cfg_attr(feature = "typescript", ts(optional, type = "number | null | undefined"))]
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
    #[cfg_attr(feature = "typescript", ts(optional, type = "number | null | undefined"))]
    pub first_event_ms: Option<Option<u64>>,
    /// See [`Timeouts::idle_ms`].
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<u64>")]
    #[cfg_attr(feature = "typescript", ts(optional, type = "number | null | undefined"))]
    pub idle_ms: Option<Option<u64>>,
    /// See [`Timeouts::total_ms`].
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<u64>")]
    #[cfg_attr(feature = "typescript", ts(optional, type = "number | null | undefined"))]
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

/// A time that JavaScript's timers and Rust's clocks can both hold: about 24 days.
pub(super) const TIME_MS_MAX: u64 = i32::MAX as u64;

pub(super) fn validate_timeouts(timeouts: &Timeouts, problems: &mut Vec<Problem>) {
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
