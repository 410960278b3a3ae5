//! JSON text of our own types.

use serde::Serialize;

/// The JSON of one of our own types. Those cannot fail to serialise; should one ever, the text says so.
pub fn to_json(value: &impl Serialize) -> String {
    to_sized_json(value, 0)
}

/// As [`to_json`], of what is known to hold so many bytes of text: a buffer that doubles its way up to a large answer
/// takes three times as much.
fn to_sized_json(value: &impl Serialize, text_bytes: usize) -> String {
    let mut json = Vec::with_capacity(128 + text_bytes + text_bytes / 8);
    let written = serde_json::to_writer(&mut json, value).map_err(|error| error.to_string());
    written
        .and_then(|()| String::from_utf8(json).map_err(|error| error.to_string()))
        .unwrap_or_else(|error| format!("{{\"unserialisable\":\"{error}\"}}"))
}

/// How many UTF-16 units a JavaScript string can have (V8's `String::kMaxLength` on 64-bit machines).
const UNITS_MAX: usize = (1 << 29) - 24;

/// JSON that JavaScript cannot take: its `code` is told apart in `src/native.ts`.
pub type TooLong = napi::Error<&'static str>;

/// As [`to_json`], of what may be as large as a host's limits allow: text that is too long for a JavaScript string is
/// an error, rather than an exception without a cause.
pub fn to_js_json(value: &impl Serialize) -> Result<String, TooLong> {
    checked(to_json(value))
}

/// As [`to_js_json`], of what is known to hold so many bytes of text.
pub fn to_sized_js_json(value: &impl Serialize, text_bytes: usize) -> Result<String, TooLong> {
    checked(to_sized_json(value, text_bytes))
}

/// The JSON, unless it is too long for a JavaScript string.
pub fn checked(json: String) -> Result<String, TooLong> {
    // Characters are counted fast, and are at most as many as units.
    let is_too_long = || json.chars().count() > UNITS_MAX || json.encode_utf16().count() > UNITS_MAX;
    if json.len() > UNITS_MAX && is_too_long() {
        return Err(TooLong::new(
            "car-inference.too-long",
            format!(
                "{} bytes of JSON are more than a JavaScript string can hold",
                json.len()
            ),
        ));
    }
    Ok(json)
}
