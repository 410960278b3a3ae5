//! A runner as a host wrote it against the seed crate: its names, its paths, its shapes, and nothing else.

use async_trait::async_trait;
use car_inference::runner::{EventEmitter, InferenceRunner, RunnerError, RunnerResult};
use car_inference::stream::StreamEvent;
use car_inference::tasks::generate::GenerateRequest;

/// Says what it was asked.
pub struct EchoRunner;

#[async_trait]
impl InferenceRunner for EchoRunner {
    async fn run(&self, request: GenerateRequest, emitter: EventEmitter) -> Result<RunnerResult, RunnerError> {
        let text = format!("echo:{}", request.prompt);
        emitter.emit(StreamEvent::TextDelta(text.clone())).await;
        emitter
            .emit(StreamEvent::Done {
                text: text.clone(),
                tool_calls: vec![],
            })
            .await;
        Ok(RunnerResult {
            text,
            tool_calls: vec![],
        })
    }
}
