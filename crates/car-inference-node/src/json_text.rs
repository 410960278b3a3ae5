//! JSON text in and out. JavaScript writes half a surrogate pair as `\ud83d`, which is no character: it becomes U+FFFD.

use std::borrow::Cow;

use serde::Serialize;

/// The JSON of one of our own types. Those cannot fail to serialise; should one ever, the text says so.
pub fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| format!("{{\"unserialisable\":\"{error}\"}}"))
}

/// Replaces escapes of surrogates that are not part of a pair.
pub fn well_formed(json: &str) -> Cow<'_, str> {
    let mut fixed = String::new();
    let mut kept = 0;
    let mut at = 0;
    let bytes = json.as_bytes();
    while at < bytes.len() {
        if bytes[at] != b'\\' {
            at += 1;
            continue;
        }
        let Some(unit) = surrogate(json, at) else {
            // Any other escape: its second character is not the start of one.
            at += 2;
            continue;
        };
        let leads = (0xD800..0xDC00).contains(&unit);
        if leads && surrogate(json, at + 6).is_some_and(|next| (0xDC00..0xE000).contains(&next)) {
            at += 12;
            continue;
        }
        fixed.push_str(&json[kept..at]);
        fixed.push_str("\\ufffd");
        at += 6;
        kept = at;
    }
    if kept == 0 {
        return Cow::Borrowed(json);
    }
    fixed.push_str(&json[kept..]);
    Cow::Owned(fixed)
}

/// The surrogate that the escape at `at` stands for.
fn surrogate(json: &str, at: usize) -> Option<u16> {
    let digits = json.get(at..at + 6)?.strip_prefix("\\u")?;
    let unit = u16::from_str_radix(digits, 16).ok()?;
    (0xD800..0xE000).contains(&unit).then_some(unit)
}
