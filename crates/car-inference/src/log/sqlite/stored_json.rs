//! JSON of our own types, as it is stored: written without fail, read with care, because anybody can write to a file.

use serde::de::DeserializeOwned;

use super::failure::corrupt;
use crate::log::LogError;

/// An event may be nested as deeply as serde_json reads by itself (128), and lies a few levels deeper here. Deeper than this
/// would be somebody else's writing, and could exhaust the stack.
const LEVELS_MAX: usize = 160;

/// The JSON of one of our own types, which cannot fail to have one.
pub(super) fn write(value: &impl serde::Serialize) -> Result<Vec<u8>, LogError> {
    serde_json::to_vec(value).map_err(|error| corrupt(format!("a value that has no JSON: {error}")))
}

/// Reads what was written.
pub(crate) fn read<T: DeserializeOwned>(json: &str) -> Result<T, LogError> {
    if levels(json) > LEVELS_MAX {
        return Err(corrupt("JSON that is nested too deeply"));
    }
    let mut deserializer = serde_json::Deserializer::from_str(json);
    deserializer.disable_recursion_limit();
    let value = T::deserialize(&mut deserializer);
    // Its text would show what is stored.
    value
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|_| corrupt("JSON of another shape than it should have"))
}

/// How deeply JSON is nested.
fn levels(json: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut is_text, mut is_escaped) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            _ if is_text => {}
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}
