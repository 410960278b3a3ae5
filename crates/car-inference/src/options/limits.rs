//! How much to hold.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Problem;

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
    /// Calls in flight inside one another, each made by the runner of the one around it. Default 32.
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<usize>"))]
    pub nested_calls_max: usize,
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
            nested_calls_max: 32,
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
    /// See [`Limits::nested_calls_max`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nested_calls_max: Option<usize>,
}

impl LimitOverrides {
    pub(crate) fn over(&self, base: Limits) -> Limits {
        Limits {
            buffered_events_max: self.buffered_events_max.unwrap_or(base.buffered_events_max),
            buffered_bytes_max: self.buffered_bytes_max.unwrap_or(base.buffered_bytes_max),
            unawaited_events_max: self.unawaited_events_max.unwrap_or(base.unawaited_events_max),
            event_bytes_max: self.event_bytes_max.unwrap_or(base.event_bytes_max),
            call_bytes_max: self.call_bytes_max.unwrap_or(base.call_bytes_max),
            nested_calls_max: self.nested_calls_max.unwrap_or(base.nested_calls_max),
        }
    }
}

pub(super) fn validate_limits(limits: &Limits, problems: &mut Vec<Problem>) {
    let bounds = [
        ("bufferedEventsMax", limits.buffered_events_max),
        ("bufferedBytesMax", limits.buffered_bytes_max),
        ("unawaitedEventsMax", limits.unawaited_events_max),
        ("eventBytesMax", limits.event_bytes_max),
        ("callBytesMax", limits.call_bytes_max),
        ("nestedCallsMax", limits.nested_calls_max),
    ];
    for (name, bound) in bounds {
        if bound == 0 {
            problems.push(Problem::new(format!("limits.{name}"), "must be at least 1"));
        }
    }
}
