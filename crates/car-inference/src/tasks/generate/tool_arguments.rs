//! Arguments of a tool call: a value, the model's text, or both. The model's arguments are never rounded or rewritten.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::json::{Node, keeps, keeps_number, same_value, stringify};

/// Arguments of a tool call. Text that is not JSON is never turned into `{}`.
///
/// ```
/// use car_inference::tasks::generate::ToolArguments;
/// use serde_json::json;
/// let arguments = ToolArguments::parse(r#"{ "id": 7 }"#);
/// assert_eq!(arguments.value(), Some(&json!({ "id": 7 })));
/// assert_eq!(arguments.text(), r#"{ "id": 7 }"#);
///
/// // JavaScript would read another number, so there is only the text.
/// let arguments = ToolArguments::parse(r#"{"id":9007199254740993}"#);
/// assert_eq!(arguments.value(), None);
/// assert_eq!(arguments.text(), r#"{"id":9007199254740993}"#);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum ToolArguments {
    /// The text is JSON; with every current provider it is an object.
    Json(JsonArguments),
    /// The text is not JSON: it was cut off, or is wrong.
    Malformed {
        /// The model's text.
        raw: String,
        /// Why it does not parse.
        error: String,
    },
}

/// Arguments that are JSON. Rust and JavaScript get the same, so JSON that a JavaScript value cannot hold is kept as
/// text: a number that a double would round, negative zero, a duplicate field in an object, half a surrogate pair.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonArguments(Kept);

#[derive(Debug, Clone, PartialEq)]
enum Kept {
    /// The text equals what `JSON.stringify` writes for the value. The value is not a string.
    Value(Value),
    /// The text differs from that, or the value is a string.
    Both { value: Value, raw: String },
    /// A value would lose something of the text.
    Text(String),
}

impl ToolArguments {
    /// Parses argument text. Empty text, also of white space, means "no arguments" (as Anthropic and OpenAI send it): `{}`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        if is_empty(text) {
            return Self::default();
        }
        match JsonArguments::parse(text) {
            Ok(arguments) => Self::Json(arguments),
            Err(error) => Self::Malformed {
                raw: text.to_owned(),
                error,
            },
        }
    }

    /// From the JSON fields `arguments`, `rawArguments` and `argumentsError`. The text is read in the same way as
    /// streamed text. If `arguments` and `rawArguments` disagree, `arguments` counts.
    pub(super) fn from_parts(value: Option<Value>, raw: Option<String>, error: Option<String>) -> Self {
        let value = value.filter(|value| raw.is_none() || !value.is_null());
        match (value, raw, error) {
            (None, Some(raw), Some(error)) => Self::Malformed { raw, error },
            (None, Some(raw), None) => Self::parse(&raw),
            (Some(value), Some(raw), _) => {
                let arguments = Self::parse(&raw);
                if arguments.is_value(&value) {
                    arguments
                } else {
                    Self::from_value(value)
                }
            }
            (Some(value), None, _) => Self::from_value(value),
            (None, None, _) => Self::default(),
        }
    }

    /// Whether these are the arguments that a host gives as `value`.
    fn is_value(&self, value: &Value) -> bool {
        let is_value = matches!(self, Self::Json(arguments) if arguments.is_value(value));
        is_value || (value.is_string() && self.says_the_same(&Self::from_value(value.clone())))
    }

    /// A string is JSON text, as in OpenAI's SDK.
    fn from_value(value: Value) -> Self {
        match value {
            Value::String(text) => Self::parse(&text),
            value => Self::from(value),
        }
    }

    /// The JSON fields `arguments`, `rawArguments` and `argumentsError`.
    pub(super) fn into_parts(self) -> (Option<Value>, Option<String>, Option<String>) {
        match self {
            Self::Json(JsonArguments(Kept::Value(value))) => (Some(value), None, None),
            Self::Json(JsonArguments(Kept::Both { value, raw })) => (Some(value), Some(raw), None),
            Self::Json(JsonArguments(Kept::Text(raw))) => (None, Some(raw), None),
            Self::Malformed { raw, error } => (None, Some(raw), Some(error)),
        }
    }

    /// The value. `None` when the text is not JSON, or when a JavaScript value cannot hold it.
    #[must_use]
    pub fn value(&self) -> Option<&Value> {
        match self {
            Self::Json(arguments) => arguments.value(),
            Self::Malformed { .. } => None,
        }
    }

    /// The text that the model sent, exactly; of arguments that were given as a value, what `JSON.stringify` writes for it.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Json(arguments) => arguments.text(),
            Self::Malformed { raw, .. } => Cow::Borrowed(raw),
        }
    }

    /// The arguments as an object, when they are one.
    #[must_use]
    pub fn as_object(&self) -> Option<&Map<String, Value>> {
        self.value()?.as_object()
    }

    /// Whether both are the same value, however it is written.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        if self == other {
            return true;
        }
        let (left, right) = (self.text(), other.text());
        match (Node::read(&left), Node::read(&right)) {
            (Some(left), Some(right)) => same_value(&left.kind, &right.kind),
            _ => left == right,
        }
    }

    /// The approximate size of the original arguments in bytes; a value that is kept in two forms counts once.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Json(JsonArguments(kept)) => match kept {
                Kept::Value(value) => crate::stream::json_bytes(value),
                Kept::Both { raw, .. } | Kept::Text(raw) => raw.len(),
            },
            Self::Malformed { raw, error } => raw.len() + error.len(),
        }
    }
}

impl JsonArguments {
    /// `Err` says why the text is not JSON.
    fn parse(text: &str) -> Result<Self, String> {
        let parsed = match serde_json::from_str::<Value>(text) {
            // If anything had been lost, it would be written differently.
            Ok(value) if !value.is_string() && stringify(&value) == text => return Ok(Self(Kept::Value(value))),
            parsed => parsed,
        };
        let raw = text.to_owned();
        match (Node::read(text), parsed) {
            // Another crate may enable serde_json's `raw_value`, and then a value may be another one than the text's.
            (Some(node), Ok(value)) if keeps(&node) && is_of(&node, &value) => Ok(Self(Kept::Both { value, raw })),
            (None, Err(error)) => Err(error.to_string()),
            // JSON that serde refuses has a number beyond all doubles, or half a surrogate pair.
            _ => Ok(Self(Kept::Text(raw))),
        }
    }

    /// The value. `None` when a JavaScript value cannot hold the text.
    #[must_use]
    pub fn value(&self) -> Option<&Value> {
        match &self.0 {
            Kept::Value(value) | Kept::Both { value, .. } => Some(value),
            Kept::Text(_) => None,
        }
    }

    /// The model's text, if it cannot be derived from the value.
    #[must_use]
    pub fn raw(&self) -> Option<&str> {
        match &self.0 {
            Kept::Value(_) => None,
            Kept::Both { raw, .. } | Kept::Text(raw) => Some(raw),
        }
    }

    /// The text that the model sent, exactly; of arguments that were given as a value, what `JSON.stringify` writes for it.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        match &self.0 {
            Kept::Value(value) => Cow::Owned(stringify(value)),
            Kept::Both { raw, .. } | Kept::Text(raw) => Cow::Borrowed(raw),
        }
    }

    /// Whether the text is JSON for `value`.
    fn is_value(&self, value: &Value) -> bool {
        Node::read(&self.text()).is_some_and(|text| is_of(&text, value))
    }
}

impl From<Value> for JsonArguments {
    fn from(value: Value) -> Self {
        Self(match value {
            // A string alone would be parsed as JSON text when it is read.
            Value::String(_) => Kept::Both {
                raw: value.to_string(),
                value,
            },
            value if keeps_numbers(&value) => Kept::Value(value),
            value => Kept::Text(value.to_string()),
        })
    }
}

/// Compares only the value.
impl PartialEq<Value> for JsonArguments {
    fn eq(&self, value: &Value) -> bool {
        self.value() == Some(value)
    }
}

/// Whether a text is JSON for `value`.
fn is_of(text: &Node<'_>, value: &Value) -> bool {
    Node::read(&value.to_string()).is_some_and(|value| same_value(&text.kind, &value.kind))
}

fn keeps_numbers(value: &Value) -> bool {
    match value {
        Value::Number(number) => keeps_number(number),
        Value::Array(items) => items.iter().all(keeps_numbers),
        Value::Object(fields) => fields.values().all(keeps_numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

impl Default for ToolArguments {
    fn default() -> Self {
        Self::from(Map::new())
    }
}

impl From<Value> for ToolArguments {
    fn from(value: Value) -> Self {
        Self::Json(value.into())
    }
}

impl From<Map<String, Value>> for ToolArguments {
    fn from(fields: Map<String, Value>) -> Self {
        Value::Object(fields).into()
    }
}

impl From<HashMap<String, Value>> for ToolArguments {
    fn from(fields: HashMap<String, Value>) -> Self {
        fields.into_iter().collect::<Map<_, _>>().into()
    }
}

/// Whether the text has only JSON white space.
fn is_empty(text: &str) -> bool {
    text.trim_matches([' ', '\t', '\n', '\r']).is_empty()
}
