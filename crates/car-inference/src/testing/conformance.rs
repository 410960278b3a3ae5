//! What any runner has to do right, whatever provider it speaks to.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::InferenceEngine;
use crate::log::MemoryLog;
use crate::options::{Limits, Timeouts};
use crate::runner::InferenceRunner;
use crate::schema::ModelSchema;
use crate::stream::StreamEvent;
use crate::tasks::generate::GenerateRequest;

/// A rule that a runner broke.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {detail}")]
pub struct ConformanceFailure {
    /// The rule, as a sentence.
    pub rule: &'static str,
    /// What the runner did instead.
    pub detail: String,
}

/// Runs a runner through the suite with a request it should be able to answer. Returns every rule it broke.
///
/// The rules: a call ends with `done`; it has an answer; the events are in order; the result agrees with the stream; two calls at once
/// do not disturb each other; a cancelled run stops by itself within a second.
pub async fn check_runner(
    runner: Arc<dyn InferenceRunner>,
    model: ModelSchema,
    request: GenerateRequest,
) -> Vec<ConformanceFailure> {
    let suite = Suite { runner, model, request };
    let mut failures = Vec::new();
    let (first, second) = tokio::join!(suite.complete(), suite.complete());
    for outcome in [first, second] {
        failures.extend(outcome.err().into_iter().flatten());
    }
    failures.extend(suite.cancel().await.err());
    failures.dedup();
    failures
}

struct Suite {
    runner: Arc<dyn InferenceRunner>,
    model: ModelSchema,
    request: GenerateRequest,
}

fn broken(rule: &'static str, detail: impl Into<String>) -> ConformanceFailure {
    ConformanceFailure {
        rule,
        detail: detail.into(),
    }
}

impl Suite {
    fn engine(&self, log: &MemoryLog) -> InferenceEngine {
        InferenceEngine::builder()
            .model(self.model.clone())
            .limits(Limits {
                buffered_events_max: 1,
                ..Limits::default()
            })
            .timeouts(Timeouts {
                first_event_ms: Some(30_000),
                idle_ms: Some(30_000),
                total_ms: Some(60_000),
                grace_ms: 1_000,
            })
            .runner(Arc::clone(&self.runner))
            .event_log(log.clone())
            .build()
    }

    async fn complete(&self) -> Result<(), Vec<ConformanceFailure>> {
        const ENDS: &str = "a call ends with `done`";
        let log = MemoryLog::default();
        let engine = self.engine(&log);
        let mut stream = match engine.generate_tracked_stream(self.request.clone()).await {
            Ok(stream) => stream,
            Err(error) => return Err(vec![broken(ENDS, error.to_string())]),
        };
        let mut last = None;
        while let Some(event) = stream.events.next().await {
            match event {
                Ok(event) => last = Some(event),
                Err(error) => return Err(vec![broken(ENDS, error.to_string())]),
            }
        }
        let mut failures = Vec::new();
        if !matches!(last, Some(StreamEvent::Done { .. })) {
            failures.push(broken(ENDS, format!("the last event is {last:?}")));
        }
        for note in log.call(&stream.trace_id).map(|call| call.notes).unwrap_or_default() {
            let rule = match note.code.as_str() {
                "result-mismatch" => "the result agrees with the stream",
                "sealed-off" => "a run settles after its `done`",
                "failed-after-done" => "a run does not fail after its `done`",
                _ => "the events are in order",
            };
            failures.push(broken(rule, note.message));
        }
        let answer = stream
            .ending()
            .map(|ending| ending.completion.clone())
            .unwrap_or_default();
        if answer.text.is_empty() && answer.tool_calls.is_empty() && answer.refusal.is_none() && answer.files.is_empty()
        {
            failures.push(broken(
                "a call has an answer",
                "no text, no tool call, no refusal, no file",
            ));
        }
        if failures.is_empty() { Ok(()) } else { Err(failures) }
    }

    async fn cancel(&self) -> Result<(), ConformanceFailure> {
        const STOPS: &str = "a cancelled run stops by itself";
        let log = MemoryLog::default();
        let engine = self.engine(&log);
        let mut stream = engine
            .generate_tracked_stream(self.request.clone())
            .await
            .map_err(|error| broken(STOPS, error.to_string()))?;
        // In mid-stream: the buffer of one event holds the runner back until its consumer has gone.
        let _first = stream.events.next().await;
        stream.cancel("conformance");
        let trace_id = stream.trace_id.clone();
        let ended = tokio::time::timeout(Duration::from_secs(10), stream.result()).await;
        if ended.is_err() {
            return Err(broken(STOPS, "it did not end within ten seconds"));
        }
        let notes = log.call(&trace_id).map(|call| call.notes).unwrap_or_default();
        match notes.into_iter().find(|note| note.code == "sealed-off") {
            Some(note) => Err(broken(STOPS, note.message)),
            None => Ok(()),
        }
    }
}
