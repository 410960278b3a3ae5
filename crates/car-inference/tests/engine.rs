//! Goal: every way in which a runner can behave leads to the ending that the engine promises.
//! Method: one scripted run each, through one `check`; the slot is process-wide, so tests that use it take turns.

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use car_inference::runner::{
    Emitted, clear_inference_runner_if, current_inference_runner_for, set_inference_runner_for,
};
use car_inference::testing::{Script, ScriptedRunner};
use car_inference::{
    CallOptions, CallStatus, CloseMode, ErrorCode, EventEmitter, GenerateRequest, InferenceEngine, InferenceError,
    InferenceRunner, Limits, ModelSchema, Nesting, RunnerError, RunnerResult, StreamEvent, ToolCall,
    current_inference_runner, set_inference_runner,
};
use serde_json::json;
use support::{delta, done, end, hi, scripted, start, text};
use tokio::sync::{Mutex, MutexGuard};

static SLOT: Mutex<()> = Mutex::const_new(());

/// The slot for one test, empty at its beginning.
async fn slot() -> MutexGuard<'static, ()> {
    let turn = SLOT.lock().await;
    set_inference_runner(None);
    turn
}

fn slot_engine() -> InferenceEngine {
    InferenceEngine::builder()
        .model(ModelSchema::delegated(support::MODEL, Some("openai")))
        .build()
}

/// One run, what its consumer gets, and the notes that the log keeps.
async fn check(script: Script, delivered: &[StreamEvent], notes: &[&str]) {
    let described = format!("{script:?}");
    let seen = scripted([script]).run().await;
    assert_eq!(seen.events, delivered, "{described}");
    assert_eq!(seen.note_codes(), notes, "{described}");
    assert_eq!(seen.ending.status, CallStatus::Done, "{described}");
    assert_eq!(seen.record.status, CallStatus::Done, "{described}");
}

#[tokio::test(start_paused = true)]
async fn a_completed_run_ends_with_one_done_whatever_the_runner_says_at_the_end() {
    let hello = [text("hel"), text("lo"), done("hello")];
    let streams = || Script::new().text("hel").text("lo");
    // The whole story; without `done`; without anything at the end; with `done` only.
    check(streams().done("hello").returns("hello"), &hello, &[]).await;
    check(streams().returns("hello"), &hello, &[]).await;
    check(streams(), &hello, &[]).await;
    check(streams().done(""), &hello, &[]).await;
    // What the stream lacked is taken from `done`, then from the result.
    check(Script::new().done("hello"), &[done("hello")], &[]).await;
    check(Script::new().returns("hello"), &[done("hello")], &[]).await;
    check(Script::new().done("").returns("hello"), &[done("hello")], &[]).await;
    // Where they disagree the stream wins and a note says so.
    check(streams().returns("bye"), &hello, &["result-mismatch"]).await;
    check(streams().done("bye"), &hello, &["result-mismatch"]).await;
    check(
        Script::new().done("hello").returns("bye"),
        &[done("hello")],
        &["result-mismatch"],
    )
    .await;
    // A second `done` and events after it.
    check(streams().done("hello").done("hello"), &hello, &["second-done"]).await;
    check(streams().done("hello").text("!"), &hello, &["event-after-ending"]).await;
    // A run that fails after its `done` has completed all the same.
    check(
        streams().done("hello").fails("too late"),
        &hello,
        &["failed-after-done"],
    )
    .await;
    check(
        streams().done("hello").panics("too late"),
        &hello,
        &["failed-after-done"],
    )
    .await;
    // So has one that never settles.
    check(streams().done("hello").hangs(), &hello, &["sealed-off"]).await;
}

#[tokio::test]
async fn an_empty_completion_is_valid_and_never_retried() {
    let retry = car_inference::RetryPolicy {
        attempts_max: 3,
        ..Default::default()
    };
    let world = support::world([Script::new(), Script::new().text("again")], |builder| {
        builder.retry(retry)
    });
    let seen = world.run().await;
    assert_eq!(seen.events, [done("")]);
    assert_eq!(world.runner.requests().len(), 1);
    assert_eq!(seen.record.attempts.len(), 1);
}

#[tokio::test]
async fn a_disagreement_is_also_a_warning_of_the_answer() {
    let seen = scripted([Script::new().text("hello").returns("bye")]).run().await;
    assert_eq!(seen.warning_codes(), ["result-mismatch"]);
    let message = &seen.completion().warnings[0].message;
    assert!(message.contains("3 bytes") && message.contains("5 bytes"), "{message}");
    assert!(!message.contains("bye"), "notes never hold payload: {message}");
}

struct ReturnsCalls(Vec<ToolCall>);

#[async_trait]
impl InferenceRunner for ReturnsCalls {
    async fn run(&self, request: GenerateRequest, emitter: EventEmitter) -> Result<RunnerResult, RunnerError> {
        if request.prompt == "stream" {
            for event in [start(0, "search"), delta(0, r#"{"q":1}"#), end(0)] {
                emitter.emit(event).await;
            }
        }
        Ok(RunnerResult {
            text: String::new(),
            tool_calls: self.0.clone(),
        })
    }
}

#[tokio::test]
async fn tool_calls_of_the_result_fill_only_a_stream_without_any() {
    let call = |argument: i32| ToolCall {
        id: Some("c".into()),
        name: "search".into(),
        arguments: json!({ "q": argument }).into(),
    };
    let streamed = ToolCall { id: None, ..call(1) };
    // (prompt, returned argument, the call in the answer, warnings)
    for (prompt, returned, expected, warnings) in [
        ("quiet", 2, call(2), 0),
        ("stream", 1, streamed.clone(), 0),
        ("stream", 2, streamed, 1),
    ] {
        let runner = Arc::new(ReturnsCalls(vec![call(returned)]));
        let engine = InferenceEngine::builder()
            .model(ModelSchema::delegated("m", None))
            .runner(runner)
            .build();
        let answer = engine
            .generate(GenerateRequest {
                prompt: prompt.into(),
                ..Default::default()
            })
            .await
            .unwrap();
        assert_eq!(answer.tool_calls, [expected], "{prompt} {returned}");
        assert_eq!(answer.warnings.len(), warnings, "{prompt} {returned}");
    }
}

#[tokio::test]
async fn a_panic_of_the_runner_is_a_failure_that_keeps_its_message_and_the_text_so_far() {
    let seen = scripted([Script::new().text("hel").panics("index out of bounds")])
        .run()
        .await;
    assert_eq!(seen.events, [text("hel")]);
    let expected = "runner failed: the runner panicked: index out of bounds";
    assert_eq!(seen.error, Some(InferenceError::InferenceFailed(expected.into())));
    assert_eq!(seen.completion().text, "hel");
    assert_eq!(seen.record.status, CallStatus::Failed);
}

#[tokio::test]
async fn a_failed_run_ends_with_its_own_words_after_what_it_streamed() {
    let world = scripted([Script::new()
        .text("hel")
        .emit(support::input_tokens(7))
        .fails("429 slow down")]);
    let seen = world.run().await;
    assert_eq!(seen.events, [text("hel"), support::input_tokens(7)]);
    assert_eq!(
        seen.error,
        Some(InferenceError::InferenceFailed("runner failed: 429 slow down".into()))
    );
    assert_eq!(seen.completion().text, "hel");
    assert_eq!(seen.completion().usage.and_then(|usage| usage.input_tokens), Some(7));
    let failure = seen.ending.failure.expect("a failure");
    assert_eq!((failure.code, failure.retryable), (ErrorCode::RunnerFailed, true));
    assert_eq!(
        failure.runner.map(|runner| (runner.attempt, runner.message)),
        Some((1, "429 slow down".into()))
    );
}

#[tokio::test]
async fn recv_shows_a_failure_as_a_last_error_event_and_result_as_an_error() {
    let world = scripted([Script::new().text("a").fails("no")]);
    let mut stream = world.stream().await;
    assert_eq!(stream.events.recv().await, Some(text("a")));
    let Some(StreamEvent::Error(note)) = stream.events.recv().await else {
        panic!("no error event")
    };
    assert_eq!(note.code.as_deref(), Some("runner-failed"));
    assert_eq!(stream.events.recv().await, None);
    assert!(matches!(
        world.stream().await.result().await,
        Err(InferenceError::InferenceFailed(_))
    ));
}

#[tokio::test]
async fn emitter_clones_that_outlive_their_run_are_closed() {
    let world = scripted([Script::new().text("a")]);
    let seen = world.run().await;
    let emitter = world.runner.emitters().remove(0);
    assert!(emitter.is_closed());
    assert_eq!(emitter.emit(text("late")).await, Emitted::Closed);
    assert_eq!(world.log.events(&seen.record.trace_id).unwrap(), seen.logged);
}

#[tokio::test]
async fn a_runner_learns_of_its_call_from_the_emitter() {
    let world = scripted([Script::new()]);
    let request = GenerateRequest {
        client_ref: Some("order 7".into()),
        ..hi()
    };
    let stream = world.engine.generate_tracked_stream(request).await.unwrap();
    let (trace_id, model_used) = (stream.trace_id.clone(), stream.model_used.clone());
    stream.result().await.unwrap();
    let emitter = world.runner.emitters().remove(0);
    assert_eq!(emitter.trace_id(), trace_id);
    assert_eq!(emitter.model().id, model_used);
    assert_eq!(emitter.hint(), Some("openai"));
    assert_eq!(emitter.attempt(), 1);
    assert_eq!(emitter.client_ref(), Some("order 7"));
    assert!(emitter.deadline().is_some(), "there is a total timeout by default");
    assert_eq!(world.runner.requests()[0].model.as_deref(), Some(support::MODEL));
}

#[tokio::test]
async fn trace_ids_are_unique_and_sort_by_time() {
    let world = scripted([Script::new()]);
    let mut trace_ids = Vec::new();
    for _ in 0..1_000 {
        trace_ids.push(
            world
                .engine
                .open(hi(), &Default::default())
                .unwrap()
                .facts()
                .trace_id
                .clone(),
        );
    }
    assert!(
        trace_ids
            .iter()
            .all(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
    );
    assert!(trace_ids.is_sorted());
    assert_eq!(trace_ids.iter().collect::<BTreeSet<_>>().len(), 1_000);
}

#[tokio::test]
async fn without_a_runner_the_call_says_so_and_is_recorded() {
    let _turn = slot().await;
    let log = car_inference::MemoryLog::default();
    let engine = InferenceEngine::builder()
        .model(ModelSchema::delegated("m", Some("openai")))
        .event_log(log.clone())
        .build();
    let Err(error) = engine
        .generate_tracked_stream(GenerateRequest {
            prompt: "hi".into(),
            ..Default::default()
        })
        .await
    else {
        panic!("somebody answered")
    };
    assert_eq!(error.code(), ErrorCode::NoRunner);
    assert!(error.to_string().contains(r#"model "m" (hint "openai")"#), "{error}");
    let calls = log.calls(&Default::default());
    assert_eq!(
        calls.iter().map(|call| call.status).collect::<Vec<_>>(),
        [CallStatus::Failed]
    );
}

#[tokio::test]
async fn the_slot_round_trips_and_registering_again_replaces() {
    let _turn = slot().await;
    assert!(current_inference_runner().is_none());
    let first: Arc<dyn InferenceRunner> = Arc::new(ScriptedRunner::default());
    let second: Arc<dyn InferenceRunner> = Arc::new(ScriptedRunner::default());
    let holds =
        |runner: &Arc<dyn InferenceRunner>| current_inference_runner().is_some_and(|held| Arc::ptr_eq(&held, runner));
    set_inference_runner(Some(first.clone()));
    assert!(holds(&first));
    set_inference_runner(Some(second.clone()));
    assert!(holds(&second));
    let is_first = |runner: &dyn InferenceRunner| std::ptr::addr_eq(runner, Arc::as_ptr(&first));
    assert!(
        !clear_inference_runner_if(None, is_first),
        "it is no longer the first one's slot"
    );
    assert!(holds(&second));
    assert!(clear_inference_runner_if(None, |runner| std::ptr::addr_eq(
        runner,
        Arc::as_ptr(&second)
    )));
    assert!(current_inference_runner().is_none());
    set_inference_runner_for("openai", Some(first.clone()));
    assert!(current_inference_runner().is_none());
    assert!(current_inference_runner_for("openai").is_some());
    assert!(current_inference_runner_for("anthropic").is_none());
    set_inference_runner_for("openai", None);
    assert!(current_inference_runner_for("openai").is_none());
}

#[tokio::test]
async fn a_call_in_flight_keeps_the_runner_it_started_with() {
    let _turn = slot().await;
    let first = ScriptedRunner::new([Script::new().text("first").until_cancelled()]);
    let second = ScriptedRunner::new([Script::new().text("second")]);
    set_inference_runner(Some(Arc::new(first.clone())));
    let engine = slot_engine();
    let mut in_flight = engine.generate_tracked_stream(hi()).await.unwrap();
    set_inference_runner(Some(Arc::new(second)));
    assert_eq!(in_flight.events.recv().await, Some(text("first")));
    assert_eq!(engine.generate(hi()).await.unwrap().text, "second");
    assert_eq!(first.emitters()[0].emit(text("!")).await, Emitted::Delivered);
    assert_eq!(in_flight.events.recv().await, Some(text("!")));
    set_inference_runner(None);
}

/// Registers another runner when it is dropped, and counts.
struct Successor {
    next: Option<Arc<dyn InferenceRunner>>,
    drops: Arc<AtomicUsize>,
}

#[async_trait]
impl InferenceRunner for Successor {
    async fn run(&self, _request: GenerateRequest, _emitter: EventEmitter) -> Result<RunnerResult, RunnerError> {
        Err(RunnerError::Declined("only here to be dropped".into()))
    }
}

impl Drop for Successor {
    fn drop(&mut self) {
        self.drops.fetch_add(1, Ordering::SeqCst);
        if let Some(next) = self.next.take() {
            set_inference_runner(Some(next));
        }
    }
}

/// Runs `steps` on a thread of their own: a deadlock fails the test instead of hanging it.
fn without_deadlock(steps: impl FnOnce() + Send + 'static) {
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    let thread = std::thread::spawn(move || {
        steps();
        sender.send(()).expect("the test waits");
    });
    receiver
        .recv_timeout(Duration::from_secs(20))
        .expect("a runner was dropped under the registry's lock");
    thread.join().expect("the steps pass");
}

#[tokio::test]
async fn a_replaced_runner_is_dropped_outside_the_lock_and_may_register_another() {
    let _turn = slot().await;
    without_deadlock(|| {
        let drops = Arc::new(AtomicUsize::new(0));
        let last: Arc<dyn InferenceRunner> = Arc::new(ScriptedRunner::default());
        for clear in [
            (|| set_inference_runner(None)) as fn(),
            || set_inference_runner(Some(Arc::new(ScriptedRunner::default()))),
            || assert!(clear_inference_runner_if(None, |_| true)),
        ] {
            set_inference_runner(Some(Arc::new(Successor {
                next: Some(last.clone()),
                drops: drops.clone(),
            })));
            clear();
            assert!(current_inference_runner().is_some_and(|runner| Arc::ptr_eq(&runner, &last)));
        }
        assert_eq!(drops.load(Ordering::SeqCst), 3);
        set_inference_runner(None);
    });
}

#[tokio::test]
async fn the_last_call_of_a_replaced_runner_drops_it_when_it_ends() {
    let _turn = slot().await;
    let drops = Arc::new(AtomicUsize::new(0));
    set_inference_runner(Some(Arc::new(Successor {
        next: None,
        drops: drops.clone(),
    })));
    let stream = slot_engine().generate_tracked_stream(hi()).await.unwrap();
    set_inference_runner(None);
    assert_eq!(drops.load(Ordering::SeqCst), 0, "its call is in flight");
    assert!(stream.result().await.is_err());
    tokio::task::yield_now().await;
    assert_eq!(drops.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_closed_engine_refuses_calls_and_closing_again_is_fine() {
    let world = scripted([Script::new().done("ok")]);
    world.engine.close(CloseMode::Drain).await;
    world.engine.close(CloseMode::Cancel).await;
    let Err(error) = world.engine.generate_tracked_stream(hi()).await else {
        panic!("it was accepted")
    };
    assert_eq!(error.code(), ErrorCode::EngineClosed);
}

/// Answers `hi` with the answer to another call of its engine, which it makes when the engine is closing.
struct Nested {
    engine: std::sync::OnceLock<InferenceEngine>,
    closing: tokio::sync::Notify,
    spawns: bool,
}

#[async_trait]
impl InferenceRunner for Nested {
    async fn run(&self, request: GenerateRequest, _emitter: EventEmitter) -> Result<RunnerResult, RunnerError> {
        let mut answer = RunnerResult {
            text: "inner".into(),
            tool_calls: vec![],
        };
        if request.prompt != "inner" {
            self.closing.notified().await;
            let engine = self.engine.get().expect("it is set").clone();
            let inner = GenerateRequest {
                prompt: "inner".into(),
                ..hi()
            };
            let inner = async move { engine.generate(inner).await };
            let inner = if self.spawns {
                tokio::spawn(inner).await.expect("no panic")
            } else {
                inner.await
            };
            answer.text = format!(
                "outer of {}",
                inner.map_or_else(|error| error.to_string(), |inner| inner.text)
            );
        }
        Ok(answer)
    }
}

async fn answer_while_closing(mode: CloseMode, spawns: bool) -> Result<String, InferenceError> {
    let runner = Arc::new(Nested {
        engine: std::sync::OnceLock::new(),
        closing: tokio::sync::Notify::new(),
        spawns,
    });
    let engine = InferenceEngine::builder()
        .model(ModelSchema::delegated(support::MODEL, None))
        .runner(Arc::clone(&runner) as Arc<dyn InferenceRunner>)
        .build();
    runner.engine.get_or_init(|| engine.clone());
    let stream = engine.generate_tracked_stream(hi()).await.expect("it is open");
    engine.refuse_calls(mode);
    runner.closing.notify_one();
    let (answer, ()) = tokio::join!(stream.result(), engine.close(mode));
    let late = engine.generate(hi()).await.expect_err("it is closed");
    assert_eq!(late.code(), ErrorCode::EngineClosed);
    answer.map(|answer| answer.text)
}

#[tokio::test]
async fn an_engine_that_drains_answers_the_calls_of_its_runners_and_no_others() {
    let drained = answer_while_closing(CloseMode::Drain, false).await;
    assert_eq!(drained.expect("it is drained"), "outer of inner");
    // In a task of its own, nothing tells that the call is the runner's.
    let spawned = answer_while_closing(CloseMode::Drain, true)
        .await
        .expect("it is drained");
    assert!(spawned.contains("closed"), "{spawned}");
    let cancelled = answer_while_closing(CloseMode::Cancel, false).await.unwrap_err();
    assert_eq!(cancelled.code(), ErrorCode::Cancelled);
}

#[tokio::test]
async fn a_call_inside_one_of_another_engine_is_drained_by_the_engine_around_both() {
    let worlds = (scripted([]), scripted([]));
    let (first, second) = (&worlds.0.engine, &worlds.1.engine);
    let options = CallOptions::default();
    let open = |engine: &InferenceEngine| engine.open(hi(), &options);
    let outer = open(first).expect("it is open");
    let between = outer.enclose(|| open(second)).expect("it is open");
    first.refuse_calls(CloseMode::Drain);
    let inner = between.enclose(|| open(first));
    drop(inner.expect("it is inside a call of the engine"));
    second.refuse_calls(CloseMode::Drain);
    assert!(outer.enclose(|| open(second)).is_err());
    drop(outer);
    assert!(between.enclose(|| open(first)).is_err());
}

#[tokio::test]
async fn two_calls_at_once_do_not_mix() {
    let world = scripted([Script::new().text("a").text("b"), Script::new().text("c").text("d")]);
    let (first, second) = tokio::join!(world.run(), world.run());
    let mut texts = [first.text(), second.text()];
    texts.sort();
    assert_eq!(texts, ["ab", "cd"]);
    assert_ne!(first.record.trace_id, second.record.trace_id);
}

#[tokio::test]
async fn the_stream_is_also_a_futures_stream() {
    fn assert_stream<S: futures_core::Stream<Item = Result<StreamEvent, InferenceError>> + Unpin>(_: &S) {}
    let world = scripted([Script::new().done("x")]);
    assert_stream(&world.stream().await.events);
}

#[tokio::test]
async fn a_call_inside_too_many_others_is_refused_and_one_within_the_bound_knows_its_parent() {
    let engine = InferenceEngine::builder()
        .model(ModelSchema::delegated(support::MODEL, None))
        .limits(Limits {
            nested_calls_max: 2,
            ..Limits::default()
        })
        .build();
    let within = |depth| Nesting {
        depth,
        parent_trace_id: Some("parent".into()),
    };
    let options = CallOptions::default();
    let Err(error) = engine.open_within(hi(), &options, within(3)) else {
        panic!("three calls are around it");
    };
    assert_eq!(error.code(), ErrorCode::LimitExceeded);
    assert!(error.to_string().contains("limits.nestedCallsMax"), "{error}");

    let call = engine
        .open_within(hi(), &options, within(2))
        .expect("two calls are around it");
    assert_eq!(call.request().parent_trace_id.as_deref(), Some("parent"));
    let own = GenerateRequest {
        parent_trace_id: Some("own".into()),
        ..hi()
    };
    let call = engine
        .open_within(own, &options, within(1))
        .expect("one call is around it");
    assert_eq!(call.request().parent_trace_id.as_deref(), Some("own"));
}

#[tokio::test(start_paused = true)]
async fn a_call_costs_what_all_its_attempts_cost_and_nothing_is_said_without_a_price() {
    let usage = |input: u64, read: Option<u64>, output: u64| StreamEvent::Usage {
        input_tokens: Some(input),
        output_tokens: Some(output),
        total_tokens: None,
        cache_read_input_tokens: read,
        cache_creation_input_tokens: None,
        reasoning_tokens: None,
    };
    let scripts = || {
        [
            Script::new().emit(usage(1_000, None, 0)).fails("503"),
            Script::new().text("a").emit(usage(1_000, Some(400), 50)),
        ]
    };
    let pricing = |apart| car_inference::ModelPricing {
        input: 2.5,
        output: 10.0,
        cache_read_input: Some(0.25),
        counts_cached_input_apart: apart,
        ..Default::default()
    };
    let cost = async |pricing| {
        let retry = car_inference::RetryPolicy {
            attempts_max: 2,
            ..Default::default()
        };
        let world = support::world(scripts(), |builder| {
            builder.retry(retry).model(ModelSchema {
                pricing,
                ..ModelSchema::delegated("priced", None)
            })
        });
        let request = GenerateRequest {
            model: Some("priced".into()),
            ..hi()
        };
        let completion = world.engine.generate(request).await.unwrap();
        let record = world.log.calls(&Default::default()).remove(0);
        assert_eq!(record.cost_micro_usd, completion.cost_micro_usd);
        completion.cost_micro_usd
    };
    // 2,500 for the attempt that failed; then 600 x 2.5 + 400 x 0.25 + 50 x 10.
    assert_eq!(cost(Some(pricing(None))).await, Some(2_500 + 1_500 + 100 + 500));
    assert_eq!(cost(Some(pricing(Some(true)))).await, Some(2_500 + 2_500 + 100 + 500));
    assert_eq!(cost(None).await, None);
    let negative = car_inference::ModelPricing {
        input: -1.0,
        ..Default::default()
    };
    let model = ModelSchema {
        pricing: Some(negative),
        ..ModelSchema::delegated("m", None)
    };
    assert_eq!(model.validate()[0].path, "pricing.input");
}
