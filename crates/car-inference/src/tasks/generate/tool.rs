//! Validates the tools of a request. A function tool may only have fields that every runner knows, so that no field is
//! lost. A tool with another `type` is a tool of the provider, and is passed on unchanged.

use serde_json::{Map, Value};

use crate::error::Problem;

/// The tools of a request as TypeScript sees them. Rust keeps their JSON, so that runners get it unchanged.
#[cfg(feature = "typescript")]
mod typescript {
    use ts_rs::TS;

    /// A tool that the model may call.
    #[derive(TS)]
    #[ts(untagged)]
    pub enum Tool {
        /// A function of the host's.
        Function(FunctionTool),
        /// The same, in another notation.
        Nested(NestedFunctionTool),
        /// A tool of the provider's.
        Provider(ProviderTool),
    }

    /// A function that the model may call. Other fields are refused when the call is made.
    #[derive(TS)]
    #[ts(rename_all = "camelCase", optional_fields)]
    pub struct FunctionTool {
        /// Tells it from a tool of the provider, which has another `type`.
        #[ts(optional, type = "'function'")]
        pub r#type: Option<String>,
        /// Its name.
        pub name: String,
        /// What it does, for the model.
        #[ts(optional, type = "string | null")]
        pub description: Option<String>,
        /// The JSON Schema of its arguments.
        #[ts(optional, type = "object | null")]
        pub parameters: Option<String>,
        /// Whether the arguments must follow the schema.
        #[ts(optional, type = "boolean | null")]
        pub strict: Option<bool>,
        /// What only the runner understands, by provider.
        #[ts(optional, type = "JsonObject | null")]
        pub provider_options: Option<String>,
    }

    /// A function tool in the format of OpenAI's Chat Completions.
    #[derive(TS)]
    #[ts(rename_all = "camelCase", optional_fields)]
    pub struct NestedFunctionTool {
        /// Tells it from a tool of the provider, which has another `type`.
        #[ts(optional, type = "'function'")]
        pub r#type: Option<String>,
        /// The function.
        #[ts(type = "Omit<FunctionTool, 'type'>")]
        pub function: FunctionTool,
        /// What only the runner understands, by provider.
        #[ts(optional, type = "JsonObject | null")]
        pub provider_options: Option<String>,
    }

    /// A tool of the provider, with any `type` except `'function'`. It is passed to the runner unchanged.
    #[derive(TS)]
    pub struct ProviderTool(
        // The second form is for interfaces, which have no index signature.
        #[ts(type = "{ type: string, [field: string]: unknown } | { type: string }")] pub String,
    );
}

#[cfg(feature = "typescript")]
pub use typescript::{FunctionTool, NestedFunctionTool, ProviderTool, Tool};

/// A function tool's fields; they may be in `function`, as in OpenAI's Chat Completions.
const FIELDS: [&str; 5] = ["name", "description", "parameters", "strict", "providerOptions"];

/// Adds the problems of the tool at `path`.
pub(super) fn validate(tool: &Value, path: &str, problems: &mut Vec<Problem>) {
    let Some(fields) = tool.as_object() else {
        let message = format!("required: a tool is an object with a `name`, got {}", kind(tool));
        problems.push(Problem::new(format!("{path}.name"), message));
        return;
    };
    match fields.get("type") {
        None => {}
        Some(Value::String(kind)) if kind == "function" => {}
        Some(Value::String(kind)) if !kind.is_empty() => return,
        Some(other) => {
            let message = format!(
                "expected 'function', or the type of one of the provider's own tools; got {}",
                kind(other)
            );
            problems.push(Problem::new(format!("{path}.type"), message));
        }
    }
    match fields.get("function") {
        None => validate_function(fields, &["type", "function"], path, problems),
        Some(Value::Object(function)) => {
            validate_function(function, &[], &format!("{path}.function"), problems);
            validate_around(fields, path, problems);
        }
        Some(other) => {
            let message = format!("expected an object with a `name`, got {}", kind(other));
            problems.push(Problem::new(format!("{path}.function"), message));
        }
    }
}

/// The fields beside a `function`: a field of the function put there would be lost, because runners read it from the
/// function.
fn validate_around(fields: &Map<String, Value>, path: &str, problems: &mut Vec<Problem>) {
    for name in fields.keys().filter(|name| *name != "type" && *name != "function") {
        if name == "providerOptions" {
            check(name, &fields[name], path, problems);
        } else if FIELDS.contains(&name.as_str()) {
            let message = "must be inside `function`, with the function's other fields";
            problems.push(Problem::new(format!("{path}.{name}"), message));
        } else {
            problems.push(Problem::unknown_field(
                path,
                name,
                &["type", "function", "providerOptions"],
            ));
        }
    }
}

fn validate_function(fields: &Map<String, Value>, around: &[&str], path: &str, problems: &mut Vec<Problem>) {
    if fields.get("name").and_then(Value::as_str).is_none_or(str::is_empty) {
        let message = "required: the tool's name, a string that is not empty";
        problems.push(Problem::new(format!("{path}.name"), message));
    }
    for (name, value) in fields {
        if FIELDS.contains(&name.as_str()) {
            check(name, value, path, problems);
        } else if !around.contains(&name.as_str()) {
            let known: Vec<&str> = FIELDS.iter().chain(around).copied().collect();
            problems.push(Problem::unknown_field(path, name, &known));
        }
    }
}

/// `null` means absent: OpenAI's own types allow it.
fn check(name: &str, value: &Value, path: &str, problems: &mut Vec<Problem>) {
    let expected = match (name, value) {
        (_, Value::Null) | ("name", _) => return,
        ("description", value) if !value.is_string() => "a string",
        ("parameters", value) if !value.is_object() => "an object, the JSON Schema of the arguments",
        ("strict", value) if !value.is_boolean() => "a boolean",
        ("providerOptions", value) if !value.is_object() => "an object with one field per provider",
        _ => return,
    };
    let message = format!("expected {expected}, got {}", kind(value));
    problems.push(Problem::new(format!("{path}.{name}"), message));
}

fn kind(value: &Value) -> String {
    crate::shape::describe(value)
}
