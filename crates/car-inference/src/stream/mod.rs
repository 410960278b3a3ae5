//! What flows through a call: the closed event vocabulary, and how it folds into a result.

mod accumulator;
mod completion;
mod event;
mod event_ref;
mod usage;

pub use accumulator::StreamAccumulator;
pub use completion::{Completion, Reasoning, ToolCallSignature, Warning};
pub use event::{ErrorNote, FileContent, Source, StopReason, StreamEvent};
pub use event_ref::EventRef;
pub(crate) use event_ref::{answer_bytes, json_bytes};
pub use usage::TokenUsage;
