//! Reads JSON into our types. When it does not fit, walks it beside the type's JSON Schema and lists every problem
//! with its path, where serde would stop at the first. Only what fails, or holds an array, pays for that.

use std::any::TypeId;
use std::collections::BTreeMap;

use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::depth::{LEVELS_MAX, push_name, too_deep};
use crate::error::Problem;

/// Problems reported at most, so that a hostile input cannot make an error larger than itself.
const PROBLEMS_MAX: usize = 100;

pub(crate) fn parse<T: DeserializeOwned + JsonSchema + 'static>(json: &str) -> Result<T, Vec<Problem>> {
    // Serde would read an array as a struct's fields in order; only the walk tells the two apart.
    let may_be_in_order = json.contains('[');
    let parsed = match serde_json::from_str(json) {
        Ok(value) if !may_be_in_order => return Ok(value),
        parsed => parsed,
    };
    let value: Value = match serde_json::from_str(json) {
        Ok(value) => value,
        Err(error) => return Err(vec![unreadable(json, &error)]),
    };
    let root = schema_of::<T>();
    let mut walk = Walk {
        root,
        problems: Vec::new(),
    };
    walk.check(root, &value, &mut String::new());
    match parsed {
        Ok(value) if walk.problems.is_empty() => return Ok(value),
        Ok(_) => {}
        // The schema is looser than the type somewhere: serde's own word is better than none.
        Err(error) if walk.problems.is_empty() => walk.problems.push(Problem::new("", error.to_string())),
        Err(_) => {}
    }
    Err(walk.problems)
}

fn unreadable(json: &str, error: &serde_json::Error) -> Problem {
    match too_deep(json) {
        Some(path) => Problem::new(path, format!("is nested deeper than {LEVELS_MAX} levels")),
        None => Problem::new("", format!("not JSON: {error}")),
    }
}

/// A type's JSON Schema, made once. There are as many as types that are read here, so they are never freed.
fn schema_of<T: JsonSchema + 'static>() -> &'static Value {
    static SCHEMAS: Mutex<BTreeMap<TypeId, &'static Value>> = Mutex::new(BTreeMap::new());
    SCHEMAS
        .lock()
        .entry(TypeId::of::<T>())
        .or_insert_with(|| Box::leak(Box::new(schemars::schema_for!(T).to_value())))
}

/// As [`parse`], and where the shape is wrong also lists what `validate` says of the parts that are right.
pub(crate) fn parse_all<T: DeserializeOwned + JsonSchema + 'static>(
    json: &str,
    validate: impl FnOnce(&T) -> Vec<Problem>,
) -> Result<T, Vec<Problem>> {
    parse(json).map_err(|mut problems| {
        let sound = serde_json::from_str(json)
            .ok()
            .and_then(|value| without(value, &problems));
        for problem in sound.as_ref().map(validate).unwrap_or_default() {
            let known = problems.iter().any(|known| known.path == problem.path);
            if !known && problems.len() < PROBLEMS_MAX {
                problems.push(problem);
            }
        }
        problems
    })
}

/// As [`parse_all`], of what has to be valid as well.
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

/// The value without its wrong fields, if it makes sense without them.
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

struct Walk<'a> {
    root: &'a Value,
    problems: Vec<Problem>,
}

impl<'a> Walk<'a> {
    fn report(&mut self, path: &str, message: impl Into<String>) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem::new(path, message));
        }
    }

    fn check(&mut self, schema: &'a Value, value: &Value, path: &mut String) {
        if self.problems.len() >= PROBLEMS_MAX {
            return;
        }
        if let Some(target) = schema
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|reference| self.resolve(reference))
        {
            self.check(target, value, path);
        }
        if let Some(branches) = schema
            .get("anyOf")
            .or_else(|| schema.get("oneOf"))
            .and_then(Value::as_array)
        {
            self.check_branches(branches, value, path);
        }
        if let Some(expected) = types(schema)
            && !expected.iter().any(|expected| is_type(value, expected))
        {
            let expected: Vec<_> = expected
                .iter()
                .filter(|name| **name != "null")
                .map(|name| article(name))
                .collect();
            self.report(
                path,
                format!("expected {}, got {}", expected.join(" or "), describe(value)),
            );
            return;
        }
        if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
            && !allowed.contains(value)
        {
            self.report(
                path,
                format!("expected one of {}, got {}", list(allowed), describe(value)),
            );
        }
        if let Some(minimum) = schema.get("minimum").and_then(Value::as_f64)
            && value.as_f64().is_some_and(|number| number < minimum)
        {
            self.report(path, format!("must be at least {minimum}, is {value}"));
        }
        match value {
            Value::Object(fields) => self.check_fields(schema, fields, path),
            Value::Array(items) => {
                if let Some(item_schema) = schema.get("items") {
                    for (index, item) in items.iter().enumerate() {
                        let length = path.len();
                        path.push_str(&format!("[{index}]"));
                        self.check(item_schema, item, path);
                        path.truncate(length);
                    }
                }
            }
            _ => {}
        }
    }

    fn check_fields(&mut self, schema: &'a Value, fields: &Map<String, Value>, path: &mut String) {
        let properties = schema.get("properties").and_then(Value::as_object);
        for name in schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            if !fields.contains_key(name) {
                let field_path = join(path, name);
                self.report(&field_path, "required");
            }
        }
        let Some(properties) = properties else { return };
        for (name, value) in fields {
            let length = path.len();
            push_name(path, name);
            match properties.get(name) {
                Some(property) if property.get("const").is_none() => self.check(property, value, path),
                Some(_) => {}
                None if schema.get("additionalProperties") == Some(&Value::Bool(false)) => {
                    let known: Vec<_> = properties.keys().map(String::as_str).collect();
                    self.report(path, format!("unknown field; known are {}", known.join(", ")));
                }
                None => {}
            }
            path.truncate(length);
        }
    }

    /// Follows the branch whose tag fits; without tags, any branch that fits will do.
    fn check_branches(&mut self, branches: &'a [Value], value: &Value, path: &mut String) {
        if let Some((tag, tags)) = tagged(branches) {
            let Some(fields) = value.as_object() else {
                return self.report(path, format!("expected an object, got {}", describe(value)));
            };
            let Some(given) = fields.get(tag) else {
                let field_path = join(path, tag);
                return self.report(&field_path, format!("required, one of {}", list(tags.iter().copied())));
            };
            return match tags.iter().position(|known| *known == given) {
                Some(index) => self.check(&branches[index], value, path),
                None => {
                    let field_path = join(path, tag);
                    self.report(
                        &field_path,
                        format!(
                            "expected one of {}, got {}",
                            list(tags.iter().copied()),
                            describe(given)
                        ),
                    );
                }
            };
        }
        let before = self.problems.len();
        let mut constants = Vec::new();
        for branch in branches {
            if let Some(constant) = branch.get("const") {
                constants.push(constant);
                if constant == value {
                    self.problems.truncate(before);
                    return;
                }
                continue;
            }
            let start = self.problems.len();
            self.check(branch, value, path);
            if self.problems.len() == start {
                self.problems.truncate(before);
                return;
            }
            if branch.get("type") == Some(&Value::String("null".into())) {
                // "or null" is how optional fields are written; only the other branch's problems tell something.
                self.problems.truncate(start);
            }
        }
        if !constants.is_empty() {
            self.report(
                path,
                format!("expected one of {}, got {}", list(constants), describe(value)),
            );
        }
    }

    fn resolve(&self, reference: &str) -> Option<&'a Value> {
        self.root.pointer(reference.strip_prefix('#')?)
    }
}

/// The tag's name and each branch's value of it, when every branch has a constant under one name.
fn tagged(branches: &[Value]) -> Option<(&str, Vec<&Value>)> {
    let first = branches.first()?.get("properties")?.as_object()?;
    let (tag, _) = first.iter().find(|(_, property)| property.get("const").is_some())?;
    let tags: Option<Vec<_>> = branches
        .iter()
        .map(|branch| branch.get("properties")?.get(tag)?.get("const"))
        .collect();
    Some((tag, tags?))
}

fn types(schema: &Value) -> Option<Vec<&str>> {
    match schema.get("type")? {
        Value::String(name) => Some(vec![name]),
        Value::Array(names) => Some(names.iter().filter_map(Value::as_str).collect()),
        _ => None,
    }
}

fn is_type(value: &Value, name: &str) -> bool {
    match name {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "null" => value.is_null(),
        _ => true,
    }
}

fn article(name: &str) -> String {
    match name {
        "integer" | "object" | "array" => format!("an {name}"),
        _ => format!("a {name}"),
    }
}

fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::String(text) if text.chars().count() <= 40 => format!("the string {text:?}"),
        Value::String(_) => "a string".into(),
        Value::Number(number) => format!("the number {number}"),
        Value::Bool(flag) => format!("{flag}"),
        Value::Array(_) => "an array".into(),
        Value::Object(_) => "an object".into(),
    }
}

fn list<'a>(values: impl IntoIterator<Item = &'a Value>) -> String {
    values.into_iter().map(Value::to_string).collect::<Vec<_>>().join(", ")
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}
