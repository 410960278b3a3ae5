//! JSON as it is written, beside what JavaScript makes of it.
//!
//! `JSON.parse` gives doubles, objects that hold a name once, and text of whole characters. This module says which JSON text
//! such a value keeps, and what `JSON.stringify` would write for it. It builds no values: that is serde's business.

mod node;
mod number;
mod script;

pub(crate) use node::{Kind, Node, Text};
pub(crate) use script::{keeps, same_value, stringify};

/// Up to it, either side of zero, doubles hold every integer.
const SAFE_MAX: u64 = 1 << 53;

/// A number's integer, when doubles hold all integers up to it.
fn safe_integer(number: &serde_json::Number) -> Option<i64> {
    number.as_i64().filter(|integer| integer.unsigned_abs() <= SAFE_MAX)
}

/// Whether a double keeps a number of a parsed value.
pub(crate) fn keeps_number(number: &serde_json::Number) -> bool {
    match (number.as_i64(), number.as_u64()) {
        _ if safe_integer(number).is_some() => true,
        (None, None) => number
            .as_f64()
            .is_some_and(|double| double != 0.0 || double.is_sign_positive()),
        _ => number::is_kept(&number.to_string()),
    }
}
