//! A call as a Rust consumer sees it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use crate::call::{Batch, Call};
use crate::error::{CancelKind, CancelReason, InferenceError};
use crate::log::Ending;
use crate::stream::{Completion, ErrorNote, StreamEvent};

/// A running call: what it is, and its events. Dropping it cancels the call; [`detach`](Self::detach) lets it run on.
pub struct TrackedStream {
    /// The id of the model asked for.
    pub model_used: String,
    /// The call's trace id, by which the log knows it.
    pub trace_id: String,
    /// The events.
    pub events: EventStream,
}

impl TrackedStream {
    pub(crate) fn new(call: Call) -> Self {
        Self {
            model_used: call.model_used().id.clone(),
            trace_id: call.facts().trace_id.clone(),
            events: EventStream::new(call),
        }
    }

    /// Waits for the end, dropping events nobody has taken, and returns the folded answer.
    ///
    /// # Errors
    /// Whatever ended the call.
    pub async fn result(mut self) -> Result<Completion, InferenceError> {
        while self.events.next_batch().await.is_some() {}
        let ending = self.events.call.ended().await;
        match &ending.failure {
            None => Ok(ending.completion.clone()),
            Some(failure) => Err(failure.clone().into()),
        }
    }

    /// Cancels the call. Its stream ends with [`ErrorCode::Cancelled`](crate::ErrorCode::Cancelled).
    pub fn cancel(&self, reason: impl Into<String>) {
        self.events.call.cancel(CancelReason::consumer(reason));
    }

    /// Lets the call run to its end without a consumer. Its events are recorded.
    pub fn detach(mut self) {
        self.events.call.detach();
        self.events.owned = false;
    }

    /// How the call ended, once it has, with the partial answer and the failure's details.
    #[must_use]
    pub fn ending(&self) -> Option<Arc<Ending>> {
        self.events.call.ending()
    }
}

/// The events of a call, ending with `done` or an error.
pub struct EventStream {
    call: Call,
    batch: VecDeque<StreamEvent>,
    over: bool,
    owned: bool,
}

impl EventStream {
    fn new(call: Call) -> Self {
        Self {
            call,
            batch: VecDeque::new(),
            over: false,
            owned: true,
        }
    }

    /// The next event; `None` after the last. A failed call shows as a last [`StreamEvent::Error`], for consumers that
    /// only know events; the [`Stream`] implementation and [`TrackedStream::result`] give the typed error instead.
    pub async fn recv(&mut self) -> Option<StreamEvent> {
        std::future::poll_fn(|context| self.poll_event(context))
            .await
            .map(|event| {
                event.unwrap_or_else(|error| {
                    StreamEvent::Error(ErrorNote {
                        message: error.to_string(),
                        code: code(&error),
                    })
                })
            })
    }

    /// The next event, or the error that ended the call; `None` after the last.
    pub async fn next(&mut self) -> Option<Result<StreamEvent, InferenceError>> {
        std::future::poll_fn(|context| self.poll_event(context)).await
    }

    async fn next_batch(&mut self) -> Option<()> {
        self.batch.clear();
        let batch = std::future::poll_fn(|context| self.call.poll_drain(context, usize::MAX)).await;
        (batch != Batch::Ended).then_some(())
    }

    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<StreamEvent, InferenceError>>> {
        /// Events taken under one lock.
        const BATCH_MAX: usize = 32;
        if let Some(event) = self.batch.pop_front() {
            return Poll::Ready(Some(Ok(event)));
        }
        if self.over {
            return Poll::Ready(None);
        }
        match ready!(self.call.poll_drain(context, BATCH_MAX)) {
            Batch::Events(events) => {
                self.batch = events.into();
                Poll::Ready(self.batch.pop_front().map(Ok))
            }
            Batch::Ended => {
                self.over = true;
                let Some(ending) = self.call.ending() else {
                    return Poll::Ready(None);
                };
                Poll::Ready(Some(match &ending.failure {
                    Some(failure) => Err(failure.clone().into()),
                    None => Ok(StreamEvent::Done {
                        text: ending.completion.text.clone(),
                        tool_calls: ending.completion.tool_calls.clone(),
                    }),
                }))
            }
        }
    }
}

fn code(error: &InferenceError) -> Option<String> {
    serde_json::to_value(error.code())
        .ok()
        .and_then(|code| code.as_str().map(str::to_owned))
}

impl Stream for EventStream {
    type Item = Result<StreamEvent, InferenceError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_event(context)
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        if self.owned {
            self.call.cancel(CancelReason {
                kind: CancelKind::Consumer,
                message: None,
                cause_id: None,
            });
        }
    }
}
