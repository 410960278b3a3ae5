//! Reads JSON into our types. When it does not fit, walks it beside the type's JSON Schema and lists every problem
//! with its path, where serde would stop at the first. Only what fails, or holds more than plain values, pays for that.

mod names;
mod walk;

use std::any::TypeId;
use std::collections::BTreeMap;

use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(crate) use walk::describe;
use walk::{Unknown, Walk};

use crate::depth::{LEVELS_MAX, too_deep};
use crate::error::Problem;

/// Problems reported at most, so that a hostile input cannot make an error larger than itself.
const PROBLEMS_MAX: usize = 100;

/// Parses JSON. Unknown fields are refused only where the type says so.
pub(crate) fn parse<T: DeserializeOwned + JsonSchema + 'static>(json: &str) -> Result<T, Vec<Problem>> {
    read(json, Unknown::AsTheTypeSays)
}

fn read<T: DeserializeOwned + JsonSchema + 'static>(json: &str, unknown: Unknown) -> Result<T, Vec<Problem>> {
    let needs_walk = match unknown {
        // Serde would read an array as a struct's fields in order; only the walk rejects that.
        Unknown::AsTheTypeSays => json.contains('['),
        // Serde also ignores unknown fields of types that events use too, and of variants without fields.
        Unknown::Refused => json.contains('[') || json.get(1..).is_some_and(|rest| rest.contains('{')),
    };
    let parsed = match serde_json::from_str(json) {
        Ok(value) if !needs_walk => return Ok(value),
        parsed => parsed,
    };
    let value: Value = match serde_json::from_str(json) {
        Ok(value) => value,
        Err(error) => return Err(vec![unreadable(json, &error)]),
    };
    let root = schema_of::<T>();
    let mut problems = Walk::over(root, &value, unknown);
    match parsed {
        Ok(value) if problems.is_empty() => return Ok(value),
        Ok(_) => {}
        // The schema is looser than the type somewhere: serde's own message is better than none.
        Err(error) if problems.is_empty() => problems.push(Problem::new("", error.to_string())),
        Err(_) => {}
    }
    Err(problems)
}

/// The error message for an unknown field.
pub(crate) fn unknown_field(name: &str, known: &[&str]) -> String {
    names::unknown_field(names::meant(name, known), known)
}

/// The known word with a similar spelling.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    names::near(word, known)
}

fn unreadable(json: &str, error: &serde_json::Error) -> Problem {
    match too_deep(json) {
        Some(path) => Problem::new(path, format!("is nested deeper than {LEVELS_MAX} levels")),
        None => Problem::new("", format!("not JSON: {error}")),
    }
}

/// A type's JSON Schema, built once per type and never freed.
fn schema_of<T: JsonSchema + 'static>() -> &'static Value {
    static SCHEMAS: Mutex<BTreeMap<TypeId, &'static Value>> = Mutex::new(BTreeMap::new());
    SCHEMAS
        .lock()
        .entry(TypeId::of::<T>())
        .or_insert_with(|| Box::leak(Box::new(schemars::schema_for!(T).to_value())))
}

/// Like [`parse`], for input of our callers: unknown fields are refused everywhere. If the shape is wrong, also lists
/// the problems that `validate` finds in the parts that are right.
pub(crate) fn parse_all<T: DeserializeOwned + JsonSchema + 'static>(
    json: &str,
    validate: impl FnOnce(&T) -> Vec<Problem>,
) -> Result<T, Vec<Problem>> {
    read(json, Unknown::Refused).map_err(|mut problems| {
        let sound = serde_json::from_str(json)
            .ok()
            .and_then(|value| without(value, &problems));
        for problem in sound.as_ref().map(validate).unwrap_or_default() {
            // The wrong field itself, or an object that lacks it only because it was left out here.
            let known = problems.iter().any(|known| is_at_or_in(&known.path, &problem.path));
            if !known && problems.len() < PROBLEMS_MAX {
                problems.push(problem);
            }
        }
        problems
    })
}

/// Whether `path` is that of `object`, or of something in it.
fn is_at_or_in(path: &str, object: &str) -> bool {
    match path.strip_prefix(object) {
        Some(rest) => rest.is_empty() || !object.is_empty() && rest.starts_with(['.', '[']),
        None => false,
    }
}

/// Like [`parse_all`], for values that hold any JSON in some places: markers of values without JSON are refused there
/// too, unless there are other problems.
pub(crate) fn parse_marked<T: DeserializeOwned + JsonSchema + 'static>(
    json: &str,
    validate: impl Fn(&T) -> Vec<Problem>,
) -> Result<T, Vec<Problem>> {
    let value = parse_all(json, &validate)?;
    let problems = match walk::markers(json) {
        markers if markers.is_empty() => return Ok(value),
        markers => markers,
    };
    match validate(&value) {
        others if others.is_empty() => Err(problems),
        others => Err(others),
    }
}

/// Like [`parse_all`], and also validates the value.
pub(crate) fn parse_valid<T: DeserializeOwned + JsonSchema + 'static>(
    json: &str,
    validate: impl Fn(&T) -> Vec<Problem>,
) -> Result<T, Vec<Problem>> {
    let value = parse_all(json, &validate)?;
    match validate(&value) {
        problems if problems.is_empty() => Ok(value),
        problems => Err(problems),
    }
}

/// The value without its wrong fields, if it can be parsed without them.
fn without<T: DeserializeOwned>(mut value: Value, problems: &[Problem]) -> Option<T> {
    for problem in problems {
        let pointer: String = problem.path.replace('[', ".").replace(']', "");
        let mut names: Vec<&str> = pointer.split('.').collect();
        let last = names.pop()?;
        let parent = names.into_iter().try_fold(&mut value, |at, name| match at {
            Value::Object(fields) => fields.get_mut(name),
            Value::Array(items) => items.get_mut(name.parse::<usize>().ok()?),
            _ => None,
        })?;
        parent.as_object_mut()?.shift_remove(last);
    }
    serde_json::from_value(value).ok()
}
