//! Redacts JSON: fields by path and by name, and patterns in every text and every field's name. Keeps its own stack, as
//! values may be nested deeper than a thread's stack can follow.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::builtin::{Member, is_secret_after, is_secret_member, label_of};
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
                if redaction.knows_secrets() {
                    replace_named_items(items);
                }
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
                let named = named_by_a_text(redaction, |name| fields.get(name)?.as_str());
                for (index, (name, value)) in fields.iter_mut().enumerate() {
                    let name = names.as_ref().map_or(name, |names| &names[index]);
                    match fate(redaction, &positions, name, named) {
                        Fate::Whole => replace_whole(value),
                        Fate::Texts(member, positions) => {
                            if !replace_texts(member, value) {
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
    /// Its name says that a text is secret, and the texts of an array of nothing else. What does not look so is looked into.
    Texts(Member, Positions),
    /// It is looked into.
    Inside(Positions),
}

/// What becomes of the value of the field `name` of an object at `positions`, of which `named` says what its value is.
pub(super) fn fate(redaction: &Redaction, positions: &Positions, name: &str, named: Option<Member>) -> Fate {
    let (positions, ends) = redaction.child(positions, Key::Name(name));
    let member = match redaction.knows_secrets() {
        true if VALUES.contains(&name) => named,
        true => label_of(name),
        false => None,
    };
    match member {
        _ if ends => Fate::Whole,
        Some(member) => Fate::Texts(member, positions),
        None => Fate::Inside(positions),
    }
}

/// Fields that hold the value of what another field names, as in `{"name":"API_KEY","value":"…"}`.
const VALUES: [&str; 4] = ["content", "secret", "val", "value"];
/// Fields that hold such a name.
const NAMES: [&str; 6] = ["field", "header", "id", "key", "name", "variable"];

/// What an object's own text, which `text_of` finds by its field, says of its value.
pub(super) fn named_by_a_text<'v>(redaction: &Redaction, text_of: impl Fn(&str) -> Option<&'v str>) -> Option<Member> {
    let label = |name: &&str| text_of(name).filter(|text| text.len() <= 64).and_then(label_of);
    NAMES.iter().find_map(label).filter(|_| redaction.knows_secrets())
}

/// Replaces a value, whatever it is. What is absent stays absent.
pub(super) fn replace_whole(value: &mut Value) {
    if !value.is_null() {
        *value = Value::String(REDACTED.to_owned());
    }
}

/// Replaces the texts of a list that the text before them names.
fn replace_named_items(items: &mut [Value]) {
    for at in 1..items.len() {
        let (before, after) = items.split_at_mut(at);
        if let ([.., Value::String(name)], [Value::String(text), ..]) = (before, after)
            && is_secret_after(name, text)
        {
            REDACTED.clone_into(text);
        }
    }
}

/// Replaces a text that is secret, and those of an array of texts. Whether that was all of it.
fn replace_texts(member: Member, value: &mut Value) -> bool {
    let texts = match value {
        Value::String(_) => std::slice::from_mut(value),
        Value::Array(items) if items.iter().all(Value::is_string) => items.as_mut_slice(),
        _ => return false,
    };
    let mut is_all = true;
    for value in texts {
        match value {
            Value::String(text) if is_secret_member(member, text) => REDACTED.clone_into(text),
            _ => is_all = false,
        }
    }
    is_all
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
