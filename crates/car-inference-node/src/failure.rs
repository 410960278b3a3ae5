//! How a function says that it failed: -1, and the failure for `takeFailure`.

use car_inference::Failure;
use car_inference::error::{ErrorCode, InferenceError};

use crate::environment::Environment;
use crate::json_text::to_json;

pub const FAILED: i32 = -1;

impl Environment {
    pub fn fail(&mut self, failure: &Failure) -> i32 {
        self.failure = to_json(failure);
        FAILED
    }

    /// `what` names the invalid object in the message: `engine options`, `model`, …
    pub fn fail_with(&mut self, what: &str, error: &InferenceError) -> i32 {
        match error {
            InferenceError::InvalidRequest(problems) => self.fail(&Failure::invalid(what, problems.clone())),
            error => self.fail(&Failure::from(error)),
        }
    }

    pub fn fail_unknown(&mut self, what: &str) -> i32 {
        self.fail(&Failure::new(ErrorCode::Internal, format!("unknown {what}")))
    }
}
