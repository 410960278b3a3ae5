//! Compares JSON text with what JavaScript makes of it.
//!
//! `JSON.parse` returns doubles, objects in which a name occurs once, and well-formed strings. This module says whether
//! such a value keeps everything in a JSON text, and what `JSON.stringify` would write for it. It builds no values;
//! serde does.

mod node;
mod number;
mod script;

pub(crate) use node::{Kind, Node, Text};
pub(crate) use script::{keeps, same_value, stringify};

/// Doubles hold every integer from minus this number to this number.
const SAFE_MAX: u64 = 1 << 53;

/// The integer value of a number, if doubles hold all integers up to it.
fn safe_integer(number: &serde_json::Number) -> Option<i64> {
    number.as_i64().filter(|integer| integer.unsigned_abs() <= SAFE_MAX)
}

/// Whether a double can hold a number of a parsed value exactly.
pub(crate) fn keeps_number(number: &serde_json::Number) -> bool {
    match (number.as_i64(), number.as_u64()) {
        _ if safe_integer(number).is_some() => true,
        (None, None) => number
            .as_f64()
            .is_some_and(|double| double != 0.0 || double.is_sign_positive()),
        _ => number::is_kept(&number.to_string()),
    }
}
