//! Redacts JSON: fields by path and by name, and patterns in every text and every field's name. Keeps its own stack, as
//! values may be nested deeper than a thread's stack can follow.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::names::is_secret_name;
use super::path::{Key, Positions};
use super::{REDACTED, Redaction};

/// A value yet to be redacted.
struct Place<'v> {
    value: &'v mut Value,
    positions: Positions,
}

/// Redacts `root`, which is at `positions`.
pub(super) fn redact_json(redaction: &Redaction, root: &mut Value, positions: Positions) {
    let mut places = vec![Place { value: root, positions }];
    while let Some(Place { value, positions }) = places.pop() {
        match value {
            Value::String(text) => redaction.text_in_place(text),
            Value::Array(items) => {
                for (index, value) in items.iter_mut().enumerate() {
                    let (positions, ends) = redaction.child(&positions, Key::Index(index));
                    if ends {
                        replace_whole(value);
                    } else {
                        places.push(Place { value, positions });
                    }
                }
            }
            Value::Object(fields) => {
                let names = rename(redaction, fields);
                for (index, (name, value)) in fields.iter_mut().enumerate() {
                    let name = names.as_ref().map_or(name, |names| &names[index]);
                    match fate(redaction, &positions, name) {
                        Fate::Whole => replace_whole(value),
                        Fate::Texts(positions) => {
                            if !replace_texts(value) {
                                places.push(Place { value, positions });
                            }
                        }
                        Fate::Inside(positions) => places.push(Place { value, positions }),
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// What becomes of a field's value, by the field's name and place.
pub(super) enum Fate {
    /// A path ends at it: it is replaced.
    Whole,
    /// Its name is a secret's: a text is replaced, and so are the texts of an array of nothing else. Anything else is looked into.
    Texts(Positions),
    /// It is looked into.
    Inside(Positions),
}

/// What becomes of the value of the field `name` of an object at `positions`.
pub(super) fn fate(redaction: &Redaction, positions: &Positions, name: &str) -> Fate {
    let (positions, ends) = redaction.child(positions, Key::Name(name));
    if ends {
        Fate::Whole
    } else if redaction.knows_names() && is_secret_name(name) {
        Fate::Texts(positions)
    } else {
        Fate::Inside(positions)
    }
}

/// Replaces a value, whatever it is. What is absent stays absent.
pub(super) fn replace_whole(value: &mut Value) {
    if !value.is_null() {
        *value = Value::String(REDACTED.to_owned());
    }
}

/// Replaces a text, or the texts of an array of nothing else. Whether it was one of these.
fn replace_texts(value: &mut Value) -> bool {
    let replace = |text: &mut String| {
        if !text.is_empty() {
            REDACTED.clone_into(text);
        }
    };
    match value {
        Value::String(text) => replace(text),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            for item in items {
                if let Value::String(text) = item {
                    replace(text);
                }
            }
        }
        _ => return false,
    }
    true
}

/// Redacts the names of an object's fields. When one changed, gives the names as they were, in order. Fields whose names
/// become equal are told apart by a number.
fn rename(redaction: &Redaction, fields: &mut Map<String, Value>) -> Option<Vec<String>> {
    if !fields.keys().any(|name| matches!(redaction.text(name), Cow::Owned(_))) {
        return None;
    }
    let before = std::mem::take(fields);
    let names: Vec<_> = before.keys().cloned().collect();
    let redacted: Vec<_> = before
        .into_iter()
        .map(|(name, value)| (redaction.text(&name).into_owned(), value))
        .collect();
    let mut number = 2;
    for (wanted, value) in redacted {
        let mut name = wanted.clone();
        while fields.contains_key(&name) {
            name = format!("{wanted} {number}");
            number += 1;
        }
        fields.insert(name, value);
    }
    Some(names)
}
