//! Goal: what a runner logs is in the span in which its call was made, in whatever task, thread and attempt it runs.
//! Method: a subscriber that notes each event with the spans around it, on one thread and on several.

use std::fmt::Write;
use std::sync::Arc;

use async_trait::async_trait;
use car_inference::{
    EventEmitter, GenerateRequest, InferenceEngine, InferenceError, InferenceRunner, RetryPolicy, RunnerError,
    RunnerResult,
};
use parking_lot::Mutex;
use tracing::field::{Field, Visit};
use tracing::{Event, Instrument, Subscriber, info, info_span};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// Events, each after the names of the spans around it.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber + for<'span> LookupSpan<'span>> Layer<S> for Notes {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let spans = context
            .event_scope(event)
            .into_iter()
            .flat_map(|scope| scope.from_root());
        let mut note: String = spans.map(|span| format!("{}: ", span.name())).collect();
        event.record(&mut Message(&mut note));
        self.0.lock().push(note);
    }
}

struct Message<'a>(&'a mut String);

impl Visit for Message<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            write!(self.0, "{value:?}").expect("a string takes all");
        }
    }
}

/// Logs, fails once, and logs in tasks of its own.
struct Logging;

#[async_trait]
impl InferenceRunner for Logging {
    async fn run(&self, request: GenerateRequest, emitter: EventEmitter) -> Result<RunnerResult, RunnerError> {
        info!("{} {}", request.prompt, emitter.attempt());
        tokio::task::yield_now().await;
        if emitter.attempt() == 1 {
            return Err(RunnerError::Failed("once".into()));
        }
        async { info!("inside") }.instrument(info_span!("provider")).await;
        Ok(RunnerResult::default())
    }
}

async fn logs_within_the_callers_span() -> Result<(), InferenceError> {
    let notes = Notes::default();
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(notes.clone()));
    let engine = InferenceEngine::builder()
        .runner(Arc::new(Logging))
        .retry(RetryPolicy {
            attempts_max: 2,
            backoff_ms: 1,
            ..Default::default()
        })
        .build();
    for caller in [info_span!("one"), info_span!("two")] {
        let request = GenerateRequest {
            prompt: "attempt".into(),
            ..Default::default()
        };
        let stream = engine.generate_tracked_stream(request).instrument(caller).await;
        // Read outside: it is where the call was made that counts.
        stream?.result().await?;
    }
    let of = |span: &str| {
        [
            format!("{span}: attempt 1"),
            format!("{span}: attempt 2"),
            format!("{span}: provider: inside"),
        ]
    };
    assert_eq!(*notes.0.lock(), [of("one"), of("two")].concat());
    Ok(())
}

#[tokio::test]
async fn on_one_thread() {
    logs_within_the_callers_span().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_several_threads_whose_own_subscriber_is_another() {
    logs_within_the_callers_span().await.unwrap();
}
