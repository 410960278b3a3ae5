//! A call as Rust code in this process makes it: an engine and a consumer in Rust, whatever runner is in the slot.
//! Nothing in the package uses it: it is how tests see that runners of JavaScript serve callers of Rust.

use car_inference::error::InferenceError;
use car_inference::{CloseMode, EngineOptions, GenerateRequest, InferenceEngine, StreamEvent};
use napi_derive::napi;
use serde_json::{Value, json};

use crate::json_text::to_json;
use crate::runtime::runtime;

/// Makes a call and blocks this thread until it is over, so its runner must live in another one. With `take`, the stream
/// is dropped after so many events. Returns the events and what ended them, as JSON.
#[napi(catch_unwind)]
pub fn rust_caller_probe(options_json: String, request_json: String, take: Option<u32>) -> String {
    let Some(runtime) = runtime() else {
        return to_json(&json!({ "error": "no thread could be started" }));
    };
    let take = take.map_or(usize::MAX, |take| take as usize);
    let (events, error) = runtime.block_on(async {
        let mut events = Vec::new();
        let ended = consume(&options_json, &request_json, take, &mut events).await;
        (events, ended.err())
    });
    let error = error.map_or(
        Value::Null,
        |error| json!({ "code": error.code(), "message": error.to_string() }),
    );
    to_json(&json!({ "events": events, "error": error }))
}

async fn consume(
    options_json: &str,
    request_json: &str,
    take: usize,
    events: &mut Vec<StreamEvent>,
) -> Result<(), InferenceError> {
    let options = EngineOptions::from_json(options_json).map_err(InferenceError::InvalidRequest)?;
    let request = GenerateRequest::from_json(request_json).map_err(InferenceError::InvalidRequest)?;
    let engine = InferenceEngine::builder().options(options).try_build()?;
    let mut stream = engine.generate_tracked_stream(request).await?;
    while events.len() < take {
        match stream.events.next().await {
            Some(event) => events.push(event?),
            None => return Ok(()),
        }
    }
    drop(stream);
    engine.close(CloseMode::Drain).await;
    Ok(())
}
