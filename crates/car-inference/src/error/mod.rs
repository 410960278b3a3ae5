//! Why a call fails: the error a Rust caller catches, and the record of it that the log keeps and hosts read.

mod code;
mod details;
mod failure;
mod inference_error;
mod problem;

pub use code::ErrorCode;
pub use details::{
    CancelKind, CancelReason, FailureCause, FailureDetails, LimitDetail, PolicyDetail, PolicyPoint, RunnerFailure,
    RunnerFailureKind, TimeoutDetail, TimeoutKind,
};
pub use failure::Failure;
pub use inference_error::InferenceError;
pub use problem::Problem;
