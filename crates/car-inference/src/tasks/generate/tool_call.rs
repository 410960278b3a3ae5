//! A tool call and its arguments, parsed or kept as they came.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::stream::StreamEvent;

/// A tool call that the model wants run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "ToolCallJson", into = "ToolCallJson")]
pub struct ToolCall {
    /// The provider's id of the call.
    pub id: Option<String>,
    /// The tool's name.
    pub name: String,
    /// The arguments, or what came in their place.
    pub arguments: ToolArguments,
}

/// Arguments of a tool call. Text that is not JSON is never turned into `{}`.
#[derive(Debug, Clone, PartialEq)]
pub enum ToolArguments {
    /// What the model sent, as JSON; an object with every provider of today.
    Json(Value),
    /// What the model sent is not JSON: cut off, or simply wrong.
    Malformed {
        /// The text as it came.
        raw: String,
        /// Why it does not parse.
        error: String,
    },
}

impl ToolCall {
    /// The call as a stream would tell it, for those who judge events.
    pub(crate) fn to_events(&self, index: usize) -> [StreamEvent; 3] {
        let arguments_delta = match &self.arguments {
            ToolArguments::Json(value) => value.to_string(),
            ToolArguments::Malformed { raw, .. } => raw.clone(),
        };
        [
            StreamEvent::ToolCallStart {
                name: self.name.clone(),
                index,
                id: self.id.clone(),
            },
            StreamEvent::ToolCallDelta { index, arguments_delta },
            StreamEvent::ToolCallEnd {
                index,
                arguments: None,
                signature: None,
            },
        ]
    }
}

impl ToolArguments {
    /// Parses argument text. Empty text means "no arguments" (as Anthropic and OpenAI send it): `{}`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        if text.trim().is_empty() {
            return Self::default();
        }
        match serde_json::from_str(text) {
            Ok(value) => Self::Json(value),
            Err(error) => Self::Malformed {
                raw: text.to_owned(),
                error: error.to_string(),
            },
        }
    }

    /// The arguments as an object, when they are one.
    #[must_use]
    pub fn as_object(&self) -> Option<&Map<String, Value>> {
        match self {
            Self::Json(Value::Object(fields)) => Some(fields),
            _ => None,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Json(value) => crate::stream::json_bytes(value),
            Self::Malformed { raw, error } => raw.len() + error.len(),
        }
    }
}

impl Default for ToolArguments {
    fn default() -> Self {
        Self::Json(Value::Object(Map::new()))
    }
}

impl From<Value> for ToolArguments {
    fn from(value: Value) -> Self {
        Self::Json(value)
    }
}

impl From<Map<String, Value>> for ToolArguments {
    fn from(fields: Map<String, Value>) -> Self {
        Self::Json(Value::Object(fields))
    }
}

impl From<HashMap<String, Value>> for ToolArguments {
    fn from(fields: HashMap<String, Value>) -> Self {
        Self::Json(Value::Object(fields.into_iter().collect()))
    }
}

/// A tool call's JSON: `arguments` when they parsed, `rawArguments` with `argumentsError` when they did not.
///
/// On input, `arguments` may also be JSON text, as OpenAI's SDK hands it over; it is parsed. Arguments that
/// are a JSON string (free text of OpenAI's custom tools) have their JSON text beside them, in `rawArguments`, so that they are the
/// same when they are sent back.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename = "ToolCall", rename_all = "camelCase")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(rename = "ToolCall", optional_fields))]
pub(crate) struct ToolCallJson {
    /// The provider's id of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// The tool's name.
    name: String,
    /// The parsed arguments; absent when they are malformed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(type = "JsonValue"))]
    arguments: Option<Value>,
    /// The text that came in place of arguments, when it is not JSON; of arguments that are a string, their JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    raw_arguments: Option<String>,
    /// Why `rawArguments` does not parse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    arguments_error: Option<String>,
}

impl From<ToolCallJson> for ToolCall {
    fn from(json: ToolCallJson) -> Self {
        let arguments = match (json.arguments, json.raw_arguments) {
            (Some(Value::String(text)), raw) => ToolArguments::parse(raw.as_deref().unwrap_or(&text)),
            (Some(value), _) => ToolArguments::Json(value),
            (None, Some(raw)) => ToolArguments::Malformed {
                raw,
                error: json.arguments_error.unwrap_or_else(|| "not JSON".into()),
            },
            (None, None) => ToolArguments::default(),
        };
        Self {
            id: json.id,
            name: json.name,
            arguments,
        }
    }
}

impl From<ToolCall> for ToolCallJson {
    fn from(call: ToolCall) -> Self {
        let (arguments, raw_arguments, arguments_error) = match call.arguments {
            // Text alone would be parsed, wherever it is read.
            ToolArguments::Json(value @ Value::String(_)) => {
                let raw = value.to_string();
                (Some(value), Some(raw), None)
            }
            ToolArguments::Json(value) => (Some(value), None, None),
            ToolArguments::Malformed { raw, error } => (None, Some(raw), Some(error)),
        };
        Self {
            id: call.id,
            name: call.name,
            arguments,
            raw_arguments,
            arguments_error,
        }
    }
}

impl JsonSchema for ToolCall {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        ToolCallJson::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        ToolCallJson::json_schema(generator)
    }
}

#[cfg(feature = "typescript")]
mod typescript {
    use ts_rs::{Config, TS, TypeVisitor};

    use super::{ToolCall, ToolCallJson};

    /// In TypeScript a tool call is its JSON.
    impl TS for ToolCall {
        type WithoutGenerics = Self;
        type OptionInnerType = Self;

        fn name(config: &Config) -> String {
            ToolCallJson::name(config)
        }

        fn decl(config: &Config) -> String {
            ToolCallJson::decl(config)
        }

        fn decl_concrete(config: &Config) -> String {
            ToolCallJson::decl_concrete(config)
        }

        fn inline(config: &Config) -> String {
            ToolCallJson::inline(config)
        }

        fn docs() -> Option<String> {
            ToolCallJson::docs()
        }

        fn visit_dependencies(visitor: &mut impl TypeVisitor)
        where
            Self: 'static,
        {
            ToolCallJson::visit_dependencies(visitor);
        }
    }
}
