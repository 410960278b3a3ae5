//! Goal: code written against the seed crate compiles unchanged and means the same.
//! Method: only the seed's names and paths; the slot is process-wide, so the tests that use it take turns.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use car_inference::runner::{InferenceRunner, RunnerError, current_inference_runner, set_inference_runner};
use car_inference::schema::{ModelSchema, ModelSource};
use car_inference::stream::{StreamAccumulator, StreamEvent};
use car_inference::tasks::generate::{ContentBlock, GenerateParams, GenerateRequest, Message, ToolCall};
use car_inference::{InferenceEngine, InferenceError, TrackedStream};
use seed_compat::EchoRunner;

static SLOT: Mutex<()> = Mutex::new(());

fn slot() -> MutexGuard<'static, ()> {
    let turn = SLOT.lock().unwrap_or_else(PoisonError::into_inner);
    set_inference_runner(None);
    turn
}

fn engine() -> InferenceEngine {
    let engine = InferenceEngine::new();
    let model = ModelSchema {
        id: "gpt-5".into(),
        source: ModelSource::Delegated {
            hint: Some("openai".into()),
        },
        ..Default::default()
    };
    engine.register_model(model).expect("a valid model");
    engine
}

fn block_on<R>(future: impl Future<Output = R>) -> R {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime")
        .block_on(future)
}

#[test]
fn the_slot_round_trips() {
    let _turn = slot();
    assert!(current_inference_runner().is_none());
    let runner: Arc<dyn InferenceRunner> = Arc::new(EchoRunner);
    set_inference_runner(Some(runner.clone()));
    assert!(current_inference_runner().is_some_and(|held| Arc::ptr_eq(&held, &runner)));
    set_inference_runner(None);
    assert!(current_inference_runner().is_none());
}

#[test]
fn a_runner_emits_and_finishes_and_done_is_the_terminal_marker() {
    let _turn = slot();
    set_inference_runner(Some(Arc::new(EchoRunner)));
    let (events, model_used, trace_id) = block_on(async {
        let request = GenerateRequest {
            prompt: "hi".into(),
            ..Default::default()
        };
        let mut stream: TrackedStream = engine().generate_tracked_stream(request).await.expect("a stream");
        let mut events = Vec::new();
        while let Some(event) = stream.events.recv().await {
            events.push(event);
        }
        (events, stream.model_used.clone(), stream.trace_id.clone())
    });
    assert_eq!(model_used, "gpt-5");
    assert!(!trace_id.is_empty());
    match &events[..] {
        [
            StreamEvent::TextDelta(text),
            StreamEvent::Done {
                text: whole,
                tool_calls,
            },
        ] => {
            assert_eq!((text.as_str(), whole.as_str()), ("echo:hi", "echo:hi"));
            assert!(tool_calls.is_empty());
        }
        other => panic!("{other:?}"),
    }
    let mut accumulator = StreamAccumulator::default();
    events.iter().for_each(|event| accumulator.push(event));
    let (text, tool_calls) = accumulator.finish();
    assert_eq!((text.as_str(), tool_calls.len()), ("echo:hi", 0));
    set_inference_runner(None);
}

#[test]
fn a_request_is_made_of_the_seeds_parts() {
    let _turn = slot();
    set_inference_runner(Some(Arc::new(EchoRunner)));
    let call = ToolCall {
        id: Some("1".into()),
        name: "search".into(),
        arguments: Default::default(),
    };
    let request = GenerateRequest {
        prompt: "hi".into(),
        model: Some("gpt-5".into()),
        params: GenerateParams {
            temperature: Some(0.5),
            ..Default::default()
        },
        messages: Some(vec![
            Message::System {
                content: "be brief".into(),
            },
            Message::UserMultimodal {
                content: vec![ContentBlock::Text { text: "look".into() }],
            },
            Message::Assistant {
                content: String::new(),
                tool_calls: vec![call],
                reasoning: vec![],
            },
            Message::ToolResult {
                tool_use_id: "1".into(),
                content: "found".into(),
            },
        ]),
        ..Default::default()
    };
    let answer = block_on(async {
        engine()
            .generate_tracked_stream(request)
            .await
            .expect("a stream")
            .result()
            .await
    });
    assert_eq!(answer.expect("an answer").text, "echo:hi");
    set_inference_runner(None);
}

#[test]
fn without_a_runner_the_call_fails() {
    let _turn = slot();
    let request = GenerateRequest {
        prompt: "hi".into(),
        ..Default::default()
    };
    assert!(block_on(engine().generate_tracked_stream(request)).is_err());
}

#[test]
fn a_runners_error_keeps_its_text() {
    let declined = InferenceError::from(RunnerError::Declined("x".into()));
    assert!(
        matches!(&declined, InferenceError::InferenceFailed(text) if text == "runner declined: x"),
        "{declined:?}"
    );
    assert!(declined.to_string().contains("runner declined: x"), "{declined}");
    let failed = InferenceError::from(RunnerError::Failed("429".into()));
    assert!(
        matches!(&failed, InferenceError::InferenceFailed(text) if text == "runner failed: 429"),
        "{failed:?}"
    );
    assert!(failed.to_string().contains("runner failed: 429"), "{failed}");
}
