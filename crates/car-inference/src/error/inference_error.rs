//! What a Rust caller of the engine catches.

use super::{ErrorCode, Failure, Problem};
use crate::runner::RunnerError;

/// What a Rust caller of the engine catches.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InferenceError {
    /// The engine does not know the model. Do not retry.
    #[error("model not found: {0}")]
    ModelNotFound(String),
    /// The runner declined or failed; the text is [`RunnerError`]'s. [`Failure::retryable`] says whether to retry.
    #[error("inference failed: {0}")]
    InferenceFailed(String),
    /// The request, an option or a model is not valid; lists every problem. Do not retry.
    #[error("invalid input: {}", Problem::list(.0))]
    InvalidRequest(Vec<Problem>),
    /// The call failed for another reason; [`Failure::code`] says which.
    #[error("{}", .0.message)]
    CallFailed(Box<Failure>),
}

impl InferenceError {
    /// The failure's code. A declined run reads as [`ErrorCode::RunnerFailed`] here, because `InferenceFailed` keeps
    /// only the text; [`Ending::failure`](crate::Ending::failure) tells the two apart.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::ModelNotFound(_) => ErrorCode::ModelNotFound,
            Self::InferenceFailed(_) => ErrorCode::RunnerFailed,
            Self::InvalidRequest(_) => ErrorCode::InvalidRequest,
            Self::CallFailed(failure) => failure.code,
        }
    }
}

impl From<RunnerError> for InferenceError {
    fn from(error: RunnerError) -> Self {
        Self::InferenceFailed(error.to_string())
    }
}

impl From<Failure> for InferenceError {
    fn from(failure: Failure) -> Self {
        match failure.code {
            ErrorCode::ModelNotFound => Self::ModelNotFound(failure.message),
            ErrorCode::InvalidRequest => Self::InvalidRequest(failure.problems),
            ErrorCode::RunnerDeclined | ErrorCode::RunnerFailed => Self::InferenceFailed(failure.message),
            _ => Self::CallFailed(Box::new(failure)),
        }
    }
}
