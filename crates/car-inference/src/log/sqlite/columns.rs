//! Which columns of `calls` a start and an end stand for, in the order in which they are written, hashed and read. Those that
//! are never erased are part of a record's link, the others of its salted digest.

use rusqlite::types::{Value, ValueRef};

use super::chain::{Hash, Salt, Values};

pub(super) const START: [&str; 5] = ["trace_id", "requested_model", "provider", "hint", "started_at_us"];

pub(super) const START_PAYLOAD: [&str; 5] = ["client_ref", "conversation_id", "parent_trace_id", "tags", "request"];

pub(super) const END: [&str; 15] = [
    "model",
    "status",
    "first_event_at_us",
    "ended_at_us",
    "attempt",
    "event_count",
    "stop_reason",
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "reasoning_tokens",
    "cost_micro_usd",
    "error_code",
];

pub(super) const END_PAYLOAD: [&str; 7] = [
    "text",
    "tool_calls",
    "completion",
    "failure",
    "attempts",
    "verdicts",
    "notes",
];

/// What is never erased.
pub(super) fn hash<'a>(values: impl IntoIterator<Item = &'a Value>) -> Hash {
    let mut hash = Values::new();
    values.into_iter().for_each(|value| hash.push(ValueRef::from(value)));
    hash.finish()
}

/// What may be.
pub(super) fn digest<'a>(salt: &Salt, values: impl IntoIterator<Item = &'a Value>) -> Hash {
    let mut hash = Values::salted(salt);
    values.into_iter().for_each(|value| hash.push(ValueRef::from(value)));
    hash.finish()
}

/// Of an optional text.
pub(super) fn text(text: Option<&str>) -> Value {
    text.map_or(Value::Null, |text| Value::Text(text.to_owned()))
}

/// Of an optional count.
pub(super) fn number(number: Option<u64>) -> Value {
    number.map_or(Value::Null, |number| {
        Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    })
}

/// The digest of a record with these values, which `verify` compares.
pub(super) fn digest_of(salt: &[u8], values: &[ValueRef<'_>]) -> Hash {
    let mut hash = Values::salted(salt);
    values.iter().for_each(|value| hash.push(*value));
    hash.finish()
}

/// Like `columns::hash`, for values read from the file.
pub(super) fn hash_of(values: &[ValueRef<'_>]) -> Hash {
    let mut hash = Values::new();
    values.iter().for_each(|value| hash.push(*value));
    hash.finish()
}
