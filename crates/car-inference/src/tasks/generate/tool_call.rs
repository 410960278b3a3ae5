//! A tool call, and its JSON.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::ToolArguments;
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

impl ToolCall {
    /// The call as a stream would tell it, for those who judge events.
    pub(crate) fn to_events(&self, index: usize) -> [StreamEvent; 3] {
        let arguments_delta = self.arguments.text().into_owned();
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

/// A tool call's JSON. The model's arguments are never rounded or rewritten:
///
/// | the model's text | fields |
/// |---|---|
/// | equals `JSON.stringify(arguments)` | `arguments` |
/// | is the same value written differently (spaces, escapes, `1.0`, another order of array indexes), or a string | `arguments` and `rawArguments` |
/// | is JSON that a JavaScript value cannot hold (a number that a double would round, `-0`, a duplicate field, half a surrogate pair) | `rawArguments` |
/// | is not JSON, or nested deeper than 127 levels | `rawArguments` and `argumentsError` |
/// | is empty, or only white space | `arguments`, which is `{}` |
///
/// On input, `arguments` may also be JSON text, as in OpenAI's SDK; it is parsed. You may also give only
/// `rawArguments`, which is read in the same way as streamed text. If you give both and they disagree,
/// `arguments` counts, because hosts edit that field.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename = "ToolCall", rename_all = "camelCase")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(rename = "ToolCall", optional_fields))]
pub(crate) struct ToolCallJson {
    /// The provider's id of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// The tool's name.
    name: String,
    /// The parsed arguments. Absent when the text is not JSON, or when parsing would lose something. `null` is a value.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(type = "JsonValue"))]
    arguments: Option<Value>,
    /// The model's exact text, when `arguments` is absent or would be written differently.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    raw_arguments: Option<String>,
    /// Why `rawArguments` is not JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    arguments_error: Option<String>,
}

/// `null` is a given value, not an absent one.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl From<ToolCallJson> for ToolCall {
    fn from(json: ToolCallJson) -> Self {
        Self {
            id: json.id,
            name: json.name,
            arguments: ToolArguments::from_parts(json.arguments, json.raw_arguments, json.arguments_error),
        }
    }
}

impl From<ToolCall> for ToolCallJson {
    fn from(call: ToolCall) -> Self {
        let (arguments, raw_arguments, arguments_error) = call.arguments.into_parts();
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
