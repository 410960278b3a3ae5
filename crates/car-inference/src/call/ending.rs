//! How a call comes to its one ending: reconcile, ask policy, record, commit.

use std::sync::Arc;

use tokio::time::Instant;

use super::gate::{denied, log_failure, wake};
use super::state::{After, CallState, Phase};
use super::{Call, CallShared, Step};
use crate::error::{ErrorCode, Failure, PolicyPoint};
use crate::log::{CallStatus, Commit, Decision, Ending, LogError};
use crate::policy::EndingVerdict;
use crate::runner::RunnerResult;
use crate::stream::Warning;
use crate::tasks::generate::ToolCall;

impl CallState {
    /// `done` has passed: takes what the stream lacked, and gives the runner its grace to settle.
    pub(super) fn finish(&mut self, now: Instant, text: &str, tool_calls: &[ToolCall], after: &mut After) {
        self.reconcile("`done`", text, tool_calls, now, after);
        if matches!(self.phase, Phase::Running) {
            self.phase = Phase::Finishing { since: now };
            after.notify = true;
        }
    }

    /// Takes over what the stream lacked. Where both say something and disagree, the stream wins, with a warning
    /// (once: a `done` and a result usually repeat each other).
    fn reconcile(&mut self, source: &str, text: &str, tool_calls: &[ToolCall], now: Instant, after: &mut After) {
        let streamed = self.accumulator.text();
        if !text.is_empty() && !streamed.is_empty() && streamed != text && !self.text_mismatch {
            self.text_mismatch = true;
            let message = format!(
                "the text of {source} ({} bytes) differs from the streamed text ({} bytes); the stream wins",
                text.len(),
                streamed.len()
            );
            self.warn("result-mismatch", message, now, after);
        }
        let streamed = self.accumulator.tool_calls();
        if !tool_calls.is_empty()
            && !streamed.is_empty()
            && !same_calls(&streamed, tool_calls)
            && !self.tool_calls_mismatch
        {
            self.tool_calls_mismatch = true;
            let message = format!(
                "the tool calls of {source} ({}) differ from the streamed ones ({}); the stream wins",
                tool_calls.len(),
                streamed.len()
            );
            self.warn("result-mismatch", message, now, after);
        }
        self.accumulator.fill(text, tool_calls);
    }

    fn warn(&mut self, code: &str, message: String, now: Instant, after: &mut After) {
        self.accumulator.warn(Warning {
            message: message.clone(),
            code: Some(code.to_owned()),
        });
        self.note(now, code, message, after);
    }

    /// Seals a completed call.
    pub(super) fn complete(&mut self, result: &RunnerResult, shared: &Arc<CallShared>, after: &mut After) -> Step {
        let now = Instant::now();
        self.reconcile("the runner's result", &result.text, &result.tool_calls, now, after);
        let limits = &shared.settings.limits;
        if self.accumulator.text().len() > limits.call_bytes_max {
            let message = format!("the runner's result exceeds {} bytes", limits.call_bytes_max);
            return self.seal(
                Some(Failure::limit("callBytesMax", limits.call_bytes_max, message)),
                shared,
                after,
            );
        }
        self.seal(None, shared, after)
    }

    /// Decides the ending and gives it to the log.
    pub(super) fn seal(&mut self, failure: Option<Failure>, shared: &Arc<CallShared>, after: &mut After) -> Step {
        let now = Instant::now();
        let failure = failure.or_else(|| self.judge_ending(now, after));
        let mut completion = self.accumulator.completion();
        completion.trace_id.clone_from(&shared.facts.trace_id);
        completion.model_used.clone_from(&self.model_used(&shared.facts).id);
        let mut ending = Ending {
            status: status(failure.as_ref()),
            completion,
            failure,
        };
        let stamp = self.stamp(now);
        let commit = match &mut self.log {
            None => Ok(Commit::Done),
            Some(log) => log.end(stamp, &ending),
        };
        after.candidates = std::mem::take(&mut self.candidates);
        after.candidates.extend(self.current.take());
        after.policy = self.policy.take();
        after.log = self.log.take();
        match commit {
            Ok(Commit::Pending(commit)) => {
                let ending = Arc::new(ending);
                self.phase = Phase::Sealing(Arc::clone(&ending));
                after.notify = true;
                let call = Call {
                    shared: Arc::clone(shared),
                };
                shared.engine.commit(async move {
                    let committed = commit.await;
                    call.committed(&ending, committed);
                });
                Step::Sealing
            }
            Ok(Commit::Done) => self.close(Arc::new(ending), after),
            Err(error) => {
                unrecorded(&mut ending, &error);
                self.close(Arc::new(ending), after)
            }
        }
    }

    /// Asks policy for the ending of a completed call. What it releases is delivered first.
    fn judge_ending(&mut self, now: Instant, after: &mut After) -> Option<Failure> {
        let completion = self.accumulator.completion();
        match self.policy.as_mut()?.ending(&completion) {
            EndingVerdict::Pass => {
                self.record_verdict(now, PolicyPoint::Ending, Decision::Allow, None, after);
                None
            }
            EndingVerdict::Release(events) => {
                self.record_verdict(now, PolicyPoint::Ending, Decision::Allow, None, after);
                self.deliver_all(&events, now, after)
                    .err()
                    .map(|error| log_failure(&error))
            }
            EndingVerdict::Deny(denial) => {
                self.record_verdict(now, PolicyPoint::Ending, Decision::Deny, Some(&denial), after);
                Some(denied(PolicyPoint::Ending, denial))
            }
        }
    }

    fn close(&mut self, ending: Arc<Ending>, after: &mut After) -> Step {
        self.phase = Phase::Sealed(ending);
        after.notify = true;
        after.over = true;
        wake(after, self.delivery.take_waker());
        Step::Ended
    }
}

impl Call {
    fn committed(&self, ending: &Arc<Ending>, committed: Result<(), LogError>) {
        self.with(|state, after| {
            let ending = match committed {
                Ok(()) => Arc::clone(ending),
                Err(error) => {
                    let mut ending = (**ending).clone();
                    unrecorded(&mut ending, &error);
                    Arc::new(ending)
                }
            };
            state.close(ending, after);
        });
    }
}

/// An ending that the log did not take is a failure, whatever the runner achieved: it must not look recorded.
fn unrecorded(ending: &mut Ending, error: &LogError) {
    if ending.failure.is_none() {
        ending.failure = Some(log_failure(error));
        ending.status = CallStatus::Failed;
    }
}

fn status(failure: Option<&Failure>) -> CallStatus {
    match failure.map(|failure| failure.code) {
        None => CallStatus::Done,
        Some(ErrorCode::Cancelled) => CallStatus::Cancelled,
        Some(ErrorCode::PolicyDenied) => CallStatus::Denied,
        Some(ErrorCode::Timeout) => CallStatus::Timeout,
        Some(_) => CallStatus::Failed,
    }
}

/// Whether a result names the same calls as the stream. An id that either side lacks says nothing.
fn same_calls(streamed: &[ToolCall], returned: &[ToolCall]) -> bool {
    streamed.len() == returned.len()
        && streamed.iter().zip(returned).all(|(left, right)| {
            left.name == right.name
                && left.arguments == right.arguments
                && (left.id == right.id || left.id.is_none() || right.id.is_none())
        })
}
