//! How a call comes to its one ending: reconcile, ask policy, record, commit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::time::Instant;

use super::recording::{denied, log_failure, wake};
use super::state::{After, CallState, Phase};
use super::unlogged::unlogged;
use super::{Call, CallShared, Step};
use crate::error::{ErrorCode, Failure, PolicyPoint};
use crate::log::{CallStatus, Commit, Decision, Ending, LogError, LogErrorKind, OnCommit};
use crate::options::OnLogFailure;
use crate::policy::EndingVerdict;
use crate::runner::RunnerResult;
use crate::stream::{StreamEvent, Warning, answer_bytes};
use crate::tasks::generate::ToolCall;

impl CallState {
    /// `done` has passed: takes what the stream lacked, and gives the runner its grace to settle.
    pub(super) fn finish(&mut self, now: Instant, text: &str, tool_calls: &[ToolCall], after: &mut After) {
        if let Err(failure) = self.reconcile("`done`", text, tool_calls, now, after) {
            self.stop(*failure, after);
        }
        if matches!(self.phase, Phase::Running) {
            self.phase = Phase::Finishing { since: now };
            after.notify = true;
        }
    }

    /// Takes over what the stream lacked. Where both say something and disagree, the stream wins, with a warning
    /// (once: a `done` and a result usually repeat each other).
    fn reconcile(
        &mut self,
        source: &str,
        text: &str,
        tool_calls: &[ToolCall],
        now: Instant,
        after: &mut After,
    ) -> Result<(), Box<Failure>> {
        if !self.streamed.altered {
            self.compare(source, text, tool_calls, now, after);
        }
        // Held to what the runner streamed, not to what policy left of it: what was withheld must not come back here.
        if !text.is_empty() && !std::mem::replace(&mut self.streamed.text, true) {
            let whole = vec![StreamEvent::TextDelta(text.to_owned())];
            if self.judge_late(whole, now, after)? {
                self.accumulator.fill(text, &[]);
            }
        }
        if !tool_calls.is_empty() && !std::mem::replace(&mut self.streamed.tool_calls, true) {
            let events = tool_calls
                .iter()
                .enumerate()
                .flat_map(|(index, call)| call.to_events(index));
            if self.judge_late(events.collect(), now, after)? {
                self.accumulator.fill("", tool_calls);
            }
        }
        Ok(())
    }

    /// Notes where the end of a run contradicts its stream.
    fn compare(&mut self, source: &str, text: &str, tool_calls: &[ToolCall], now: Instant, after: &mut After) {
        let streamed_bytes = self.accumulator.text_bytes();
        if !text.is_empty() && streamed_bytes > 0 && !self.text_mismatch && self.accumulator.text() != text {
            self.text_mismatch = true;
            let message = format!(
                "the text of {source} ({} bytes) differs from the streamed text ({} bytes); the stream wins",
                text.len(),
                streamed_bytes
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
        let limits = &shared.settings.limits;
        // What was streamed has passed its bounds; only what the result is to fill has not.
        let text = if self.streamed.text { "" } else { &result.text };
        let tool_calls = if self.streamed.tool_calls {
            &[]
        } else {
            &result.tool_calls[..]
        };
        if answer_bytes(text, tool_calls) > limits.call_bytes_max {
            let message = format!("the runner's result exceeds {} bytes", limits.call_bytes_max);
            let failure = Failure::limit("callBytesMax", limits.call_bytes_max, message);
            return self.seal(Some(failure), shared, after);
        }
        let reconciled = self.reconcile("the runner's result", &result.text, &result.tool_calls, now, after);
        if let Err(failure) = reconciled {
            return self.seal(Some(*failure), shared, after);
        }
        self.seal(None, shared, after)
    }

    /// Decides the ending and gives it to the log.
    pub(super) fn seal(&mut self, failure: Option<Failure>, shared: &Arc<CallShared>, after: &mut After) -> Step {
        let now = Instant::now();
        let failure = failure.or_else(|| self.judge_ending(now, after));
        let failure = failure.or_else(|| self.log_error.as_ref().map(log_failure));
        if let Some(error) = self.log.as_ref().and_then(|log| log.failure()) {
            self.accumulator.warn(unlogged(&error));
        }
        let cost_micro_usd = self.cost_micro_usd();
        let mut completion = std::mem::take(&mut self.accumulator).into_completion();
        completion.cost_micro_usd = cost_micro_usd;
        completion.trace_id.clone_from(&shared.facts.trace_id);
        completion.model_used.clone_from(&self.model_used(&shared.facts).id);
        let ending = Arc::new(Ending {
            status: status(failure.as_ref()),
            completion,
            failure,
        });
        let stamp = self.stamp(now);
        let commit = match &self.log {
            None => Ok(Commit::Done),
            Some(log) => log.end(stamp, &ending),
        };
        self.let_go(after);
        after.rare().policy = self.policy.take();
        after.rare().log = self.log.take();
        match commit {
            Ok(Commit::Pending(commit)) => {
                let mut uncommitted = self.wait_for_commit(ending, shared, after);
                after.rare().commit = Some(Box::pin(async move {
                    // Moved whole: what is captured is what is dropped with the wait.
                    let whole = &mut uncommitted;
                    whole.committed = Some(commit.await);
                }));
                Step::Sealing
            }
            Ok(Commit::Later(later)) => {
                let mut uncommitted = self.wait_for_commit(ending, shared, after);
                let on_commit = OnCommit::new(move |committed| {
                    let whole = &mut uncommitted;
                    whole.committed = Some(committed);
                });
                after.rare().later = Some((later, on_commit));
                Step::Sealing
            }
            Ok(Commit::Done) => self.close(ending, after),
            Err(error) => self.close(unrecorded(ending, &error, shared.engine.on_log_failure()), after),
        }
    }

    /// The ending is decided, and delivered when what is returned is dropped.
    fn wait_for_commit(&mut self, ending: Arc<Ending>, shared: &Arc<CallShared>, after: &mut After) -> Uncommitted {
        self.phase = Phase::Sealing(Arc::clone(&ending));
        after.notify = true;
        let call = Call {
            shared: Arc::clone(shared),
        };
        Uncommitted {
            call,
            ending,
            committed: None,
        }
    }

    /// Asks policy for the ending of a completed call. What it releases is delivered first.
    fn judge_ending(&mut self, now: Instant, after: &mut After) -> Option<Failure> {
        let policy = self.policy.as_mut()?;
        match policy.ending(&self.accumulator.completion()) {
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
        if let Some(on_sealed) = self.on_sealed.take() {
            after.rare().on_sealed = Some(*on_sealed);
        }
        wake(after, self.delivery.take_waker());
        Step::Ended
    }
}

/// Waits for a commit. Whatever becomes of the wait, the call ends.
struct Uncommitted {
    call: Call,
    ending: Arc<Ending>,
    committed: Option<Result<(), LogError>>,
}

impl Drop for Uncommitted {
    fn drop(&mut self) {
        let abandoned = || {
            Err(LogError::new(
                LogErrorKind::Other,
                "the commit was given up before it was done",
            ))
        };
        self.call
            .committed(&self.ending, self.committed.take().unwrap_or_else(abandoned));
    }
}

impl Call {
    /// Settles an attempt whose runner succeeded, for whoever is not the call's driver: it ends the call. Should policy or
    /// log panic over it, the call ends as well, and the caller goes on.
    pub fn settle_ahead(&self, attempt: u32, result: Option<RunnerResult>) {
        let settle = || {
            self.with(|state, after| {
                // The driver settles a withdrawn attempt, because it has to run the next one.
                if state.attempt == attempt && !matches!(state.phase, Phase::Withdrawing { .. }) {
                    state.settle(Ok(result), &self.shared, after);
                }
            });
        };
        if catch_unwind(AssertUnwindSafe(settle)).is_err() {
            self.abandon("policy or log panicked at the call's ending");
        }
    }

    /// Ends a call that nobody drives any more: a panic, or a runtime that was shut down. Asks neither policy nor log,
    /// which may be what panicked.
    pub(crate) fn abandon(&self, why: &str) {
        self.with(|state, after| {
            if matches!(state.phase, Phase::Sealing(_) | Phase::Sealed(_)) {
                return;
            }
            state.delivery.drop_held();
            let failure = Failure::new(ErrorCode::Internal, why);
            let mut completion = state.accumulator.completion();
            completion.trace_id.clone_from(&self.shared.facts.trace_id);
            completion
                .model_used
                .clone_from(&state.model_used(&self.shared.facts).id);
            state.let_go(after);
            after.rare().policy = state.policy.take();
            after.rare().log = state.log.take();
            let ending = Ending {
                status: CallStatus::Failed,
                completion,
                failure: Some(failure),
            };
            state.close(Arc::new(ending), after);
        });
    }

    fn committed(&self, ending: &Arc<Ending>, committed: Result<(), LogError>) {
        self.with(|state, after| {
            let ending = match committed {
                Ok(()) => Arc::clone(ending),
                Err(error) => {
                    let on_log_failure = self.shared.engine.on_log_failure();
                    if on_log_failure == OnLogFailure::Refuse {
                        state.delivery.drop_held();
                    }
                    unrecorded(Arc::clone(ending), &error, on_log_failure)
                }
            };
            state.close(ending, after);
        });
    }
}

/// An ending that the log did not take is a failure, whatever the runner achieved: it must not look recorded. Where calls go
/// on all the same, it says so.
fn unrecorded(mut ending: Arc<Ending>, error: &LogError, on_log_failure: OnLogFailure) -> Arc<Ending> {
    if on_log_failure == OnLogFailure::Continue {
        Arc::make_mut(&mut ending).completion.warnings.push(unlogged(error));
    } else if ending.failure.is_none() {
        let ending = Arc::make_mut(&mut ending);
        ending.failure = Some(log_failure(error));
        ending.status = CallStatus::Failed;
    }
    ending
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
                && left.arguments.says_the_same(&right.arguments)
                && (left.id == right.id || left.id.is_none() || right.id.is_none())
        })
}
