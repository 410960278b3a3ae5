#![doc = include_str!("guide.md")]

mod block_on;
pub mod call;
mod depth;
mod driver;
mod engine;
pub mod error;
mod json;
pub mod log;
mod options;
mod pieces;
pub mod policy;
pub mod redaction;
pub mod runner;
pub mod schema;
pub mod session;
mod shape;
pub mod stream;
mod tail_buffer;
pub mod tasks;
pub mod testing;
mod tracked;

/// The macro that [`InferenceRunner`] is implemented with.
pub use async_trait::async_trait;
pub use call::{Call, CallFacts};
pub use engine::{CloseMode, InferenceEngine, InferenceEngineBuilder, Nesting};
pub use error::{ErrorCode, Failure, InferenceError, Problem};
pub use log::{
    CallRecord, CallStatus, Ending, EventLog, LogError, LogErrorKind, LogStore, LoggedEvent, MemoryLog, SqliteLog,
    SqliteLogOptions,
};
pub use options::{
    CallOptions, EngineOptions, LimitOverrides, Limits, OnLogFailure, RetryOverrides, RetryPolicy, TimeoutOverrides,
    Timeouts,
};
pub use policy::{AllowAll, Policy};
pub use runner::{
    EventEmitter, InferenceRunner, RunnerError, RunnerResult, current_inference_runner, set_inference_runner,
};
pub use schema::{ModelPricing, ModelSchema, ModelSource};
pub use stream::{Completion, StreamAccumulator, StreamEvent, TokenUsage};
pub use tasks::generate::{ContentBlock, GenerateParams, GenerateRequest, Message, ToolCall};
pub use tracked::{EventStream, TrackedStream};
