//! JavaScript's reading of JSON: whether `JSON.parse` keeps everything, and what `JSON.stringify` writes.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use super::node::{Kind, Node, Text};
use super::{number, safe_integer};

/// Whether `JSON.parse` keeps everything in the text: no number is rounded, no field is duplicate, no string has an
/// unpaired surrogate.
pub(crate) fn keeps(node: &Node<'_>) -> bool {
    match &node.kind {
        Kind::Null | Kind::Bool(_) => true,
        Kind::Number(number) => number::is_kept(number),
        Kind::String(text) => text.is_whole,
        Kind::Array(items) => items.iter().all(keeps),
        Kind::Object(fields) => {
            let mut names = HashSet::with_capacity(fields.len());
            fields
                .iter()
                .all(|(name, value)| name.is_whole && names.insert(&*name.says) && keeps(value))
        }
    }
}

/// Whether two JSON texts are the same value in JavaScript, which rounds numbers and takes the last of duplicate
/// fields.
pub(crate) fn same_value(left: &Kind<'_>, right: &Kind<'_>) -> bool {
    match (left, right) {
        (Kind::Null, Kind::Null) => true,
        (Kind::Bool(left), Kind::Bool(right)) => left == right,
        (Kind::Number(left), Kind::Number(right)) => match (left.parse::<f64>(), right.parse::<f64>()) {
            (Ok(left), Ok(right)) => left == right,
            _ => left == right,
        },
        (Kind::String(left), Kind::String(right)) => left.says == right.says,
        (Kind::Array(left), Kind::Array(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| same_value(&left.kind, &right.kind))
        }
        (Kind::Object(left), Kind::Object(right)) => {
            let (left, right) = (by_name(left), by_name(right));
            left.len() == right.len()
                && left
                    .iter()
                    .zip(&right)
                    .all(|((left_name, left), (right_name, right))| left_name == right_name && same_value(left, right))
        }
        _ => false,
    }
}

fn by_name<'n>(fields: &'n [(Text<'_>, Node<'_>)]) -> BTreeMap<&'n str, &'n Kind<'n>> {
    fields.iter().map(|(name, value)| (&*name.says, &value.kind)).collect()
}

/// What `JSON.stringify` writes for a value that was read from JSON.
pub(crate) fn stringify(value: &Value) -> String {
    let mut json = String::new();
    write(&mut json, value);
    json
}

fn write(json: &mut String, value: &Value) {
    match value {
        Value::Null => json.push_str("null"),
        Value::Bool(true) => json.push_str("true"),
        Value::Bool(false) => json.push_str("false"),
        Value::Number(number) => match (safe_integer(number), number.as_f64()) {
            (None, Some(double)) => number::write(json, double),
            _ => json.push_str(&number.to_string()),
        },
        Value::String(text) => write_text(json, text),
        Value::Array(items) => {
            json.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    json.push(',');
                }
                write(json, item);
            }
            json.push(']');
        }
        Value::Object(fields) => {
            // JavaScript puts the array indexes of an object first, in numeric order.
            let mut indexes: Vec<_> = fields
                .iter()
                .filter_map(|(name, value)| Some((array_index(name)?, name, value)))
                .collect();
            indexes.sort_unstable_by_key(|(index, ..)| *index);
            let names = fields.iter().filter(|(name, _)| array_index(name).is_none());
            let in_order = indexes.into_iter().map(|(_, name, value)| (name, value)).chain(names);
            json.push('{');
            for (position, (name, value)) in in_order.enumerate() {
                if position > 0 {
                    json.push(',');
                }
                write_text(json, name);
                json.push(':');
                write(json, value);
            }
            json.push('}');
        }
    }
}

/// Serde escapes as `JSON.stringify` does.
fn write_text(json: &mut String, text: &str) {
    json.push_str(&Value::from(text).to_string());
}

/// The number that a field's name is, when it is an array index (ECMA-262): `0`, `1`, …, without leading zeros.
fn array_index(name: &str) -> Option<u32> {
    let index: u32 = name.parse().ok()?;
    let is_canonical = name == "0" || (!name.starts_with(['0', '+']));
    (is_canonical && index != u32::MAX).then_some(index)
}

#[cfg(test)]
mod tests {
    use super::{Node, keeps, same_value, stringify};

    #[test]
    fn values_are_written_as_javascript_writes_them() {
        for (text, written) in [
            (r#"{ "b" : 1.0, "10": [ ], "9" : { } }"#, r#"{"9":{},"10":[],"b":1}"#),
            (
                r#"{"01":1,"+1":2,"-1":3,"4294967295":4,"4294967294":5}"#,
                r#"{"4294967294":5,"01":1,"+1":2,"-1":3,"4294967295":4}"#,
            ),
            (
                r#""\u0041\/\u0007\u00e9\ud83d\ude00\u2028\u007f""#,
                "\"A/\\u0007é😀\u{2028}\u{7f}\"",
            ),
            ("[1e21,1E2,-1.50]", "[1e+21,100,-1.5]"),
            ("18446744073709551616", "18446744073709552000"),
        ] {
            let value = serde_json::from_str(text).expect("JSON");
            assert_eq!(stringify(&value), written, "{text}");
        }
    }

    #[test]
    fn what_javascript_would_lose_is_found_wherever_it_is() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":1}"#,
            r#"[{"deep":[-0]}]"#,
            r#""\ud800""#,
            r#"["\ude00\ud83d"]"#,
            r#"{"\udbff":1}"#,
            r#"{"n": 1e400 }"#,
        ] {
            assert!(!keeps(&Node::read(text).expect("JSON")), "{text}");
        }
        for text in [
            r#"{"a":{"a":1},"b":[{"a":1},{"a":1}]}"#,
            r#""\ud83d\ude00\\ud800""#,
            r#"{"__proto__":{"a":1}}"#,
        ] {
            assert!(keeps(&Node::read(text).expect("JSON")), "{text}");
        }
    }

    #[test]
    fn texts_of_one_value_are_the_same() {
        let same = |left, right| {
            same_value(
                &Node::read(left).expect("JSON").kind,
                &Node::read(right).expect("JSON").kind,
            )
        };
        assert!(same(r#"{"a":1e2,"b":"\u0041"}"#, r#"{ "b": "A", "a": 100 }"#));
        assert!(same("[9007199254740993,-0]", "[9007199254740992,0]"));
        assert!(same(r#"{"a":1,"a":2}"#, r#"{"a":2}"#));
        assert!(!same(r#"{"a":1}"#, r#"{"a":1,"b":2}"#));
        assert!(!same("[1]", "[2]"));
        assert!(!same("null", "{}"));
    }

    #[test]
    fn what_is_no_json_is_not_read() {
        for text in [
            "",
            " ",
            "{",
            "1 2",
            "{\"a\":1,}",
            "01",
            "'a'",
            "\u{feff}1",
            &"[".repeat(200),
        ] {
            assert!(Node::read(text).is_none(), "{text}");
        }
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(Node::read(&deep(127)).is_some());
        assert!(Node::read(&deep(128)).is_none());
    }
}
