//! Text generation: the request, its messages, and the tool calls that come back.

mod message;
mod request;
mod tool;
mod tool_arguments;
mod tool_call;
mod weight;

pub use message::{ContentBlock, Message};
pub use request::{GenerateParams, GenerateRequest, ReasoningEffort, ResponseFormat, ToolChoice};
#[cfg(feature = "typescript")]
pub use tool::{FunctionTool, NestedFunctionTool, ProviderTool, Tool};
pub use tool_arguments::{JsonArguments, ToolArguments};
pub use tool_call::ToolCall;
