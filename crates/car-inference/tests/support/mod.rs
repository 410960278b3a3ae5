//! What all tests share: an engine around a scripted runner, and one way to read a stream to its end.
#![allow(dead_code, reason = "each test file is a crate of its own and uses its own part")]

pub mod any;
pub mod faulty_log;
pub mod logs;
pub mod rules;

use std::sync::Arc;
use std::time::Duration;

use car_inference::stream::Warning;
use car_inference::testing::{Script, ScriptedRunner};
use car_inference::{
    CallRecord, Completion, Ending, ErrorCode, GenerateRequest, InferenceEngine, InferenceEngineBuilder,
    InferenceError, LoggedEvent, MemoryLog, ModelSchema, StreamEvent, TrackedStream,
};

/// The model of every test that needs just one.
pub const MODEL: &str = "gpt-5";

/// An engine whose runner follows scripts and whose log can be read.
pub struct World {
    pub engine: InferenceEngine,
    pub runner: ScriptedRunner,
    pub log: MemoryLog,
}

/// A world with default settings.
pub fn scripted(scripts: impl IntoIterator<Item = Script>) -> World {
    world(scripts, |builder| builder)
}

/// A world with settings of the test's own.
pub fn world(
    scripts: impl IntoIterator<Item = Script>,
    configure: impl FnOnce(InferenceEngineBuilder) -> InferenceEngineBuilder,
) -> World {
    let runner = ScriptedRunner::new(scripts);
    let log = MemoryLog::default();
    let builder = InferenceEngine::builder()
        .model(ModelSchema::delegated(MODEL, Some("openai")))
        .runner(Arc::new(runner.clone()))
        .event_log(log.clone());
    World {
        engine: configure(builder).build(),
        runner,
        log,
    }
}

/// The request of every test that does not care.
pub fn hi() -> GenerateRequest {
    GenerateRequest {
        prompt: "hi".into(),
        model: Some(MODEL.into()),
        ..Default::default()
    }
}

/// Everything a consumer and the log know of one call.
#[derive(Debug)]
pub struct Seen {
    /// What was delivered, `done` included.
    pub events: Vec<StreamEvent>,
    /// What ended the call, unless it was `done`.
    pub error: Option<InferenceError>,
    pub ending: Ending,
    pub record: CallRecord,
    pub logged: Vec<LoggedEvent>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.runner.forget_emitters();
    }
}

impl World {
    pub async fn stream(&self) -> TrackedStream {
        self.engine
            .generate_tracked_stream(hi())
            .await
            .expect("the call starts")
    }

    /// Runs one call to its end.
    pub async fn run(&self) -> Seen {
        let stream = self.stream().await;
        self.read(stream).await
    }

    /// Reads a call to its end, which has to be exactly one.
    pub async fn read(&self, mut stream: TrackedStream) -> Seen {
        let (events, error) = drain(&mut stream).await;
        let ending = stream.ending().expect("a call whose stream is over has an ending");
        let record = self.log.call(&stream.trace_id).expect("the call is logged");
        let logged = self.log.events(&stream.trace_id).expect("the call is logged");
        Seen {
            events,
            error,
            ending: (*ending).clone(),
            record,
            logged,
        }
    }

    /// The only call of the log, for calls that fail before they have a stream.
    pub fn only_record(&self) -> CallRecord {
        let calls = self.log.calls(&Default::default());
        assert_eq!(calls.len(), 1);
        calls.into_iter().next().expect("one call")
    }
}

/// Reads a stream to its end and sees to it that there is exactly one.
pub async fn drain(stream: &mut TrackedStream) -> (Vec<StreamEvent>, Option<InferenceError>) {
    let mut events = Vec::new();
    let mut error = None;
    while let Some(next) = stream.events.next().await {
        assert_eq!(error, None, "something follows the failure: {next:?}");
        assert!(
            !matches!(events.last(), Some(StreamEvent::Done { .. })),
            "something follows `done`: {next:?}"
        );
        match next {
            Ok(event) => events.push(event),
            Err(failure) => error = Some(failure),
        }
    }
    let done = matches!(events.last(), Some(StreamEvent::Done { .. }));
    assert!(
        done != error.is_some(),
        "one ending, and only one: {events:?}, {error:?}"
    );
    assert!(stream.events.next().await.is_none(), "a stream that is over stays over");
    (events, error)
}

impl Seen {
    pub fn completion(&self) -> &Completion {
        &self.ending.completion
    }

    pub fn code(&self) -> Option<ErrorCode> {
        self.ending.failure.as_ref().map(|failure| failure.code)
    }

    /// The delivered text.
    pub fn text(&self) -> String {
        text_of(&self.events)
    }

    pub fn note_codes(&self) -> Vec<&str> {
        self.record.notes.iter().map(|note| note.code.as_str()).collect()
    }

    pub fn warning_codes(&self) -> Vec<&str> {
        self.completion()
            .warnings
            .iter()
            .filter_map(|Warning { code, .. }| code.as_deref())
            .collect()
    }
}

pub fn text_of<'a>(events: impl IntoIterator<Item = &'a StreamEvent>) -> String {
    let text = |event: &'a StreamEvent| match event {
        StreamEvent::TextDelta(text) => Some(text.as_str()),
        _ => None,
    };
    events.into_iter().filter_map(text).collect()
}

pub fn text(text: &str) -> StreamEvent {
    StreamEvent::TextDelta(text.into())
}

pub fn done(text: &str) -> StreamEvent {
    StreamEvent::Done {
        text: text.into(),
        tool_calls: vec![],
    }
}

pub fn start(index: usize, name: &str) -> StreamEvent {
    StreamEvent::ToolCallStart {
        name: name.into(),
        index,
        id: None,
    }
}

pub fn delta(index: usize, arguments: &str) -> StreamEvent {
    StreamEvent::ToolCallDelta {
        index,
        arguments_delta: arguments.into(),
    }
}

pub fn end(index: usize) -> StreamEvent {
    StreamEvent::ToolCallEnd {
        index,
        arguments: None,
        signature: None,
    }
}

pub fn input_tokens(tokens: u64) -> StreamEvent {
    car_inference::TokenUsage {
        input_tokens: Some(tokens),
        ..Default::default()
    }
    .into()
}

/// Lets so much of the paused clock pass.
pub async fn pass(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}
