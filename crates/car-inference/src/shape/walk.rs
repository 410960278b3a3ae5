//! Walks a value together with the JSON Schema of its type, and finds every problem.

use serde_json::{Map, Value};

use super::PROBLEMS_MAX;
use super::names::{elsewhere, meant, near, nested_function, own_of_provider, place_of, same, unknown_field_with};
use crate::depth::push_name;
use crate::error::Problem;

/// What to do with fields that the schema does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    /// Refused where the type refuses them; dropped elsewhere.
    AsTheTypeSays,
    /// Refused wherever the schema lists the fields.
    Refused,
}

/// The only field of the marker object with which a host replaces a value without JSON, such as a function. Its value
/// is the error message. The marker is an error everywhere, so it differs from an absent value.
const NO_JSON: &str = "car-inference.no-json";

/// Schema keyword for fields that hosts pass beside the JSON, such as a signal. They are listed as known fields.
const BESIDE: &str = "x-beside";

pub(super) struct Walk<'a> {
    root: &'a Value,
    unknown: Unknown,
    /// The tag of the innermost object that has one: its name and value.
    tag: Option<(&'a str, &'a Value)>,
    problems: Vec<Problem>,
}

impl<'a> Walk<'a> {
    pub(super) fn over(root: &'a Value, value: &Value, unknown: Unknown) -> Vec<Problem> {
        let mut walk = Self {
            root,
            unknown,
            tag: None,
            problems: Vec::new(),
        };
        walk.check(root, value, &mut String::new());
        walk.problems
    }

    fn report(&mut self, path: &str, message: impl Into<String>) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem::new(path, message));
        }
    }

    fn check(&mut self, schema: &'a Value, value: &Value, path: &mut String) {
        if self.problems.len() >= PROBLEMS_MAX {
            return;
        }
        if let Some(what) = no_json(value) {
            return self.report(path, what);
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
            self.report(path, none_of(allowed, value));
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
        let required = schema.get("required").and_then(Value::as_array);
        for name in required.into_iter().flatten().filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                let field_path = join(path, name);
                let message = self.missing(name, properties, fields, path);
                self.report(&field_path, message);
            }
        }
        let Some(properties) = properties else { return };
        let refuses = match (schema.get("additionalProperties"), self.unknown) {
            (Some(Value::Bool(false)), _) => true,
            (None, Unknown::Refused) => schema.get("$ref").is_none(),
            _ => false,
        };
        for (name, value) in fields {
            let length = path.len();
            push_name(path, name);
            match properties.get(name) {
                Some(property) if property.get("const").is_none() => self.check(property, value, path),
                Some(_) => {}
                None if refuses => {
                    let message = self.unknown(name, schema, properties, &path[..length]);
                    self.report(path, message);
                }
                None => {}
            }
            path.truncate(length);
        }
    }

    /// The message for a missing required field: which field is there instead, and in what kind of object it is
    /// missing.
    fn missing(
        &self,
        name: &str,
        properties: Option<&Map<String, Value>>,
        fields: &Map<String, Value>,
        path: &str,
    ) -> String {
        const SHOWN_MAX: usize = 5;
        let mut message = String::from("required");
        if let Some((tag, value)) = self.tag.filter(|_| !path.is_empty()) {
            message.push_str(&format!(" where {tag} is {value}"));
        }
        let strangers: Vec<_> = fields
            .keys()
            .filter(|field| properties.is_none_or(|known| !known.contains_key(*field)))
            .collect();
        let known: Vec<&str> = properties.into_iter().flat_map(Map::keys).map(String::as_str).collect();
        let nested = strangers.iter().find_map(|field| nested_function(field, &known));
        if let Some(hint) = nested.filter(|_| name == "name") {
            message.push_str(&format!("; {hint}"));
        } else if let Some(stranger) = strangers.iter().find(|field| meant(field, &[name]).is_some()) {
            message.push_str(&format!(
                "; it has `{}` instead; did you mean `{name}`?",
                shown(stranger)
            ));
        } else if !strangers.is_empty() {
            let shown: Vec<_> = strangers
                .iter()
                .take(SHOWN_MAX)
                .map(|field| format!("`{}`", shown(field)))
                .collect();
            message.push_str(&format!("; it has {} instead", shown.join(", ")));
        }
        message
    }

    /// The message for an unknown field.
    fn unknown(&self, name: &str, schema: &'a Value, properties: &'a Map<String, Value>, path: &str) -> String {
        let is_top = path.is_empty();
        let beside = schema.get(BESIDE).and_then(Value::as_array);
        let beside = beside.into_iter().flatten().filter_map(Value::as_str);
        let known: Vec<&str> = properties.keys().map(String::as_str).chain(beside).collect();
        let owner = self.root.get("title").and_then(Value::as_str).unwrap_or_default();
        let did_you_mean = |meant: String| format!("did you mean `{meant}`?");
        let inner = |find: fn(&str, &[&'a str]) -> Option<&'a str>| {
            properties.iter().find_map(|(outer, property)| {
                let names = self.names_in(property);
                find(name, &names).map(|found| format!("{outer}.{found}"))
            })
        };
        let hint = nested_function(name, &known)
            .map(str::to_owned)
            .or_else(|| same(name, &known).map(|found| did_you_mean(place_of(name, found).to_owned())))
            .or_else(|| inner(same).map(did_you_mean))
            .or_else(|| is_top.then(|| elsewhere(name, owner)).flatten())
            .or_else(|| near(name, &known).map(|found| did_you_mean(found.to_owned())))
            .or_else(|| inner(near).map(did_you_mean))
            .or_else(|| {
                // The field is one level too deep.
                let top: Vec<&str> = self.names_in(self.root);
                let found = (!is_top).then(|| same(name, &top)).flatten()?;
                Some(format!("did you mean `{found}` at the top level?"))
            })
            .or_else(|| own_of_provider(owner, path));
        unknown_field_with(&hint.unwrap_or_default(), &known)
    }

    /// The field names of an object schema; empty when the schema allows several kinds of objects.
    fn names_in(&self, schema: &'a Value) -> Vec<&'a str> {
        if let Some(target) = schema
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|reference| self.resolve(reference))
        {
            return self.names_in(target);
        }
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            return properties.keys().map(String::as_str).collect();
        }
        // "or null" is how optional fields are written.
        let branches = schema.get("anyOf").and_then(Value::as_array).map(Vec::as_slice);
        match branches.unwrap_or_default() {
            [one, null] if null.get("type") == Some(&Value::String("null".into())) => self.names_in(one),
            _ => Vec::new(),
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
                Some(index) => {
                    let outer = self.tag.replace((tag, tags[index]));
                    self.check(&branches[index], value, path);
                    self.tag = outer;
                }
                None => {
                    let field_path = join(path, tag);
                    self.report(&field_path, none_of(tags, given));
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
            self.report(path, none_of(constants, value));
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

/// A problem for each marker of a value without JSON, wherever it is.
pub(super) fn markers(json: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    if json.contains(NO_JSON)
        && let Ok(value) = serde_json::from_str(json)
    {
        find_markers(&value, &mut String::new(), &mut problems);
    }
    problems
}

fn find_markers(value: &Value, path: &mut String, problems: &mut Vec<Problem>) {
    if problems.len() >= PROBLEMS_MAX {
        return;
    }
    if let Some(what) = no_json(value) {
        return problems.push(Problem::new(&**path, what));
    }
    let length = path.len();
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                push_name(path, name);
                find_markers(field, path, problems);
                path.truncate(length);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push_str(&format!("[{index}]"));
                find_markers(item, path, problems);
                path.truncate(length);
            }
        }
        _ => {}
    }
}

/// The message in a marker of a value without JSON.
fn no_json(value: &Value) -> Option<&str> {
    value
        .as_object()
        .filter(|fields| fields.len() == 1)?
        .get(NO_JSON)?
        .as_str()
}

fn none_of<'a>(allowed: impl IntoIterator<Item = &'a Value>, given: &Value) -> String {
    let allowed: Vec<&Value> = allowed.into_iter().collect();
    let words: Vec<&str> = allowed.iter().filter_map(|value| value.as_str()).collect();
    let meant = given.as_str().and_then(|given| meant(given, &words));
    let hint = meant.map_or(String::new(), |meant| format!("; did you mean {meant:?}?"));
    format!("expected one of {}, got {}{hint}", list(allowed), describe(given))
}

/// A name from the host, cut to a length that fits into a message.
fn shown(name: &str) -> &str {
    const SHOWN_MAX: usize = 64;
    &name[..name.floor_char_boundary(SHOWN_MAX)]
}

pub(crate) fn describe(value: &Value) -> String {
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
