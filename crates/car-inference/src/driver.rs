//! Schedules a call in Rust: runs runners on their own tasks, waits, looks at the clock. Holds no rule.

use std::sync::Arc;

use tokio::task::JoinHandle;
use tracing::instrument::WithSubscriber;
use tracing::{Instrument, Span};

use crate::call::{Attempt, Call, DeadlineCheck, Step, WeakCall};
use crate::runner::RunnerError;

tokio::task_local! {
    /// The call whose runner runs in this task.
    static ENCLOSING: WeakCall;
}

/// The call whose runner runs in this task, if one does.
pub(crate) fn enclosing_call() -> Option<WeakCall> {
    ENCLOSING.try_with(WeakCall::clone).ok()
}

/// Runs `make` as the runner of this call does.
pub(crate) fn inside<R>(call: &Call, make: impl FnOnce() -> R) -> R {
    ENCLOSING.sync_scope(call.downgrade(), make)
}

/// Drives a call to its end, from a step on.
pub(crate) fn drive(call: Call, step: Step) -> impl Future<Output = ()> + Send {
    // Made now and not at the first poll: a runtime that is shut down may never poll.
    let undriven = Undriven(call);
    async move {
        let undriven = undriven;
        drive_on(&undriven.0, step).await;
    }
}

/// Spawns a task inside the caller's current span, so that the call's runner logs in that span too. Its log events go
/// to the subscriber of the span, even if that subscriber is set for one thread only.
pub(crate) fn spawn<F>(task: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let span = Span::current();
    match Span::with_subscriber(&span, |(_, subscriber)| subscriber.clone()) {
        Some(subscriber) => tokio::spawn(task.instrument(span).with_subscriber(subscriber)),
        None => tokio::spawn(task),
    }
}

async fn drive_on(call: &Call, mut step: Step) {
    loop {
        step = match step {
            Step::Run(attempt) => run(call, attempt).await,
            Step::Wait(delay) => {
                tokio::select! {
                    () = tokio::time::sleep(delay) => {}
                    _ = call.ended() => return,
                }
                match call.check_deadlines(None) {
                    DeadlineCheck::Over | DeadlineCheck::Sealing => return,
                    _ => call.resume(),
                }
            }
            Step::Sealing | Step::Ended => return,
        };
    }
}

/// A call must end even if its driver does not get to the end: a panic in policy or log, a runtime shut down.
struct Undriven(Call);

impl Drop for Undriven {
    fn drop(&mut self) {
        self.0.abandon("the task that drove the call ended before the call did");
    }
}

/// A runner that is not waited for any more.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn run(call: &Call, attempt: Attempt) -> Step {
    let Attempt { number, runner, model } = &attempt;
    let request = Arc::unwrap_or_clone(call.request_for(model));
    let emitter = call.emitter(&attempt);
    let runner = Arc::clone(runner);
    // On a task of its own: a panic ends the task and not the call, and where there is another thread, a runner that
    // blocks does not stop the clock.
    let mut task = AbortOnDrop(spawn(
        ENCLOSING.scope(call.downgrade(), async move { runner.run(request, emitter).await }),
    ));
    loop {
        // Marked before looking at the clock, so that a stop between the two is not slept through.
        let mark = call.phase_mark();
        let check = call.check_deadlines(None);
        let look_again = async {
            match check {
                DeadlineCheck::After(delay) => tokio::time::sleep(delay).await,
                _ => std::future::pending().await,
            }
        };
        match check {
            DeadlineCheck::Over => return Step::Ended,
            DeadlineCheck::Sealing => return Step::Sealing,
            DeadlineCheck::Stopped | DeadlineCheck::Withdrawn => continue,
            DeadlineCheck::GivenUp => return call.give_up(*number),
            DeadlineCheck::None | DeadlineCheck::After(_) => {}
        }
        tokio::select! {
            outcome = &mut task.0 => {
                let outcome = match outcome {
                    Ok(outcome) => outcome.map(Some),
                    Err(error) => Err(RunnerError::Failed(describe(error))),
                };
                return call.settle(*number, outcome);
            }
            () = look_again => {}
            () = call.phase_changed(mark) => {}
        }
        if call.ending().is_some() {
            return Step::Ended;
        }
    }
}

fn describe(error: tokio::task::JoinError) -> String {
    match error.try_into_panic() {
        Ok(payload) => {
            let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
            format!("the runner panicked: {}", text.as_deref().unwrap_or("no message"))
        }
        Err(error) => error.to_string(),
    }
}
