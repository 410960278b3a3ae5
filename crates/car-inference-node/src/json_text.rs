//! JSON text of our own types.

use serde::Serialize;

/// The JSON of one of our own types. Those cannot fail to serialise; should one ever, the text says so.
pub fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| format!("{{\"unserialisable\":\"{error}\"}}"))
}
