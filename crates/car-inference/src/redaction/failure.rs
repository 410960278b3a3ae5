//! Redacts a failure, field by field.

use super::Redaction;
use super::cursor::Cursor;
use crate::error::{CancelReason, Failure, FailureCause, FailureDetails, PolicyDetail, Problem, RunnerFailure};

pub(super) fn redact_failure(redaction: &Redaction, failure: &mut Failure) {
    let Failure {
        code: _,
        message,
        retryable: _,
        log: _,
        problems,
        timeout: _,
        limit: _,
        runner,
        cancel,
        policy,
    } = failure;
    let place = Cursor::new(redaction);
    place.text("message", message);
    place.items("problems", problems, |place, problem| {
        let Problem { path, message } = problem;
        place.text("path", path);
        place.text("message", message);
    });
    if let Some(runner) = runner {
        redact_runner(&place.field("runner"), runner);
    }
    if let Some(CancelReason {
        kind: _,
        message,
        cause_id: _,
    }) = cancel
    {
        place.field("cancel").optional_text("message", message);
    }
    if let Some(PolicyDetail { point: _, policy_id }) = policy {
        place.field("policy").optional_text("policyId", policy_id);
    }
}

fn redact_runner(place: &Cursor<'_>, runner: &mut RunnerFailure) {
    let RunnerFailure {
        kind: _,
        attempt: _,
        message,
        details,
    } = runner;
    let FailureDetails {
        name,
        code,
        status: _,
        request_id,
        retry_after_ms: _,
        body,
        retryable: _,
        cause_id: _,
        stack,
        causes,
    } = details;
    place.text("message", message);
    place.optional_text("name", name);
    place.optional_text("code", code);
    place.optional_json("body", body);
    place.optional_text("requestId", request_id);
    place.optional_text("stack", stack);
    place.items("causes", causes, |place, cause| {
        let FailureCause { message, name, code } = cause;
        place.text("message", message);
        place.optional_text("name", name);
        place.optional_text("code", code);
    });
}
