//! Goal: an engine, a model and a call may have runners of their own, and it is known in which order all are asked.
//! Method: runners that note their names and decline unless they are to answer; the process's slots in turns.

use std::sync::Arc;

use async_trait::async_trait;
use car_inference::runner::set_inference_runner_for;
use car_inference::testing::{Script, ScriptedRunner};
use car_inference::{
    CallOptions, CloseMode, Completion, EngineOptions, ErrorCode, EventEmitter, GenerateRequest, InferenceEngine,
    InferenceError, InferenceRunner, ModelSchema, RunnerError, RunnerResult, set_inference_runner,
};
use parking_lot::Mutex;

static SLOTS: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// What was asked, and who answers.
#[derive(Default)]
struct Chain {
    asked: Mutex<Vec<String>>,
    answers: Mutex<&'static str>,
}

struct Named(&'static str, Arc<Chain>);

#[async_trait]
impl InferenceRunner for Named {
    async fn run(&self, request: GenerateRequest, _emitter: EventEmitter) -> Result<RunnerResult, RunnerError> {
        let model = request.model.unwrap_or_default();
        self.1.asked.lock().push(format!("{} for {model}", self.0));
        if self.0 != *self.1.answers.lock() {
            return Err(RunnerError::Declined(self.0.into()));
        }
        Ok(RunnerResult {
            text: self.0.into(),
            tool_calls: vec![],
        })
    }
}

fn named(name: &'static str, chain: &Arc<Chain>) -> Arc<dyn InferenceRunner> {
    Arc::new(Named(name, Arc::clone(chain)))
}

fn says(text: &str) -> Arc<dyn InferenceRunner> {
    Arc::new(ScriptedRunner::new([Script::new().text(text)]))
}

fn request(model: Option<&str>) -> GenerateRequest {
    GenerateRequest {
        prompt: "hi".into(),
        model: model.map(str::to_owned),
        ..Default::default()
    }
}

async fn generate_by(
    engine: &InferenceEngine,
    request: GenerateRequest,
    runner: &Arc<dyn InferenceRunner>,
) -> Result<Completion, InferenceError> {
    let options = CallOptions::default();
    engine.generate_with_runner(request, &options, Arc::clone(runner)).await
}

async fn answer(engine: &InferenceEngine) -> Result<String, ErrorCode> {
    let answer = engine.generate(request(Some("m"))).await;
    answer.map(|answer| answer.text).map_err(|error| error.code())
}

const PLACES: [&str; 6] = ["call", "model", "engine hint", "engine", "hint", "process"];

#[tokio::test]
async fn runners_are_asked_from_the_nearest_to_the_farthest_and_again_for_each_fallback_model() {
    let _turn = SLOTS.lock().await;
    let chain = Arc::new(Chain::default());
    set_inference_runner(Some(named("process", &chain)));
    set_inference_runner_for("h", Some(named("hint", &chain)));
    let engine = InferenceEngine::builder()
        .model_with_runner(ModelSchema::delegated("a", Some("h")), named("model", &chain))
        .model(ModelSchema::delegated("b", None))
        .runner(named("engine", &chain))
        .runner_for("h", named("engine hint", &chain))
        .build();
    let own = named("call", &chain);
    let asked = |chain: &Chain| std::mem::take(&mut *chain.asked.lock());
    for (at, place) in PLACES.into_iter().enumerate() {
        *chain.answers.lock() = place;
        let answer = generate_by(&engine, request(Some("a")), &own).await.unwrap();
        assert_eq!(answer.text, place);
        let before: Vec<_> = PLACES[..=at].iter().map(|name| format!("{name} for a")).collect();
        assert_eq!(asked(&chain), before);
    }
    *chain.answers.lock() = "nobody";
    let with_fallbacks = GenerateRequest {
        fallback_models: vec!["b".into(), "unknown".into()],
        ..request(Some("a"))
    };
    let error = generate_by(&engine, with_fallbacks, &own).await.unwrap_err();
    assert!(matches!(error, InferenceError::InferenceFailed(_)), "{error}");
    let of = |model: &str, names: &[&str]| {
        names
            .iter()
            .map(|name| format!("{name} for {model}"))
            .collect::<Vec<_>>()
    };
    let others = ["call", "engine", "process"];
    assert_eq!(
        asked(&chain),
        [of("a", &PLACES), of("b", &others), of("unknown", &others)].concat()
    );

    // Wherever it stands, a runner is asked once for each model.
    let everywhere = named("everywhere", &chain);
    set_inference_runner(Some(Arc::clone(&everywhere)));
    set_inference_runner_for("h", Some(Arc::clone(&everywhere)));
    let engine = InferenceEngine::builder()
        .model_with_runner(ModelSchema::delegated("a", Some("h")), Arc::clone(&everywhere))
        .runner(Arc::clone(&everywhere))
        .build();
    generate_by(&engine, request(Some("a")), &everywhere).await.unwrap_err();
    assert_eq!(asked(&chain), ["everywhere for a"]);
    set_inference_runner(None);
    set_inference_runner_for("h", None);
}

#[tokio::test]
async fn unknown_models_are_taken_where_there_is_a_runner_of_ones_own_and_not_found_elsewhere() {
    let _turn = SLOTS.lock().await;
    set_inference_runner(None);
    let known = || InferenceEngine::builder().model(ModelSchema::delegated("known", None));
    let runner = ScriptedRunner::new([Script::new().text("fine")]);
    let own: Arc<dyn InferenceRunner> = Arc::new(runner.clone());
    let answer = known()
        .runner(Arc::clone(&own))
        .build()
        .generate(request(Some("x")))
        .await
        .unwrap();
    assert_eq!((answer.text.as_str(), answer.model_used.as_str()), ("fine", "x"));
    let engine = known().build();
    generate_by(&engine, request(Some("y")), &own).await.unwrap();
    // None is named and none is registered: the runner's own default.
    let unnamed = InferenceEngine::builder().runner(Arc::clone(&own)).build();
    assert_eq!(unnamed.generate(request(None)).await.unwrap().model_used, "");
    let models: Vec<_> = runner.requests().into_iter().map(|request| request.model).collect();
    assert_eq!(models, [Some("x".into()), Some("y".into()), None]);
    for engine in [engine, InferenceEngine::new()] {
        let error = engine.generate(request(Some("x"))).await.unwrap_err();
        assert!(matches!(&error, InferenceError::ModelNotFound(_)), "{error}");
    }
    runner.forget_emitters();
}

#[tokio::test]
async fn an_unknown_model_without_a_runner_is_told_the_hints_and_the_models_that_have_one() {
    let _turn = SLOTS.lock().await;
    set_inference_runner(None);
    set_inference_runner_for("process", Some(says("x")));
    let hinted = InferenceEngine::builder()
        .model(ModelSchema::delegated("m", Some("opneai")))
        .model(ModelSchema::delegated("other", None))
        .runner_for("openai", says("x"))
        .build();
    // The model's own runner is for that model alone.
    let of_model = InferenceEngine::builder()
        .model_with_runner(ModelSchema::delegated("known", None), says("x"))
        .build();
    let cases = [
        (
            &hinted,
            "m",
            "hints with a runner: openai, process; did you mean \"openai\"?",
        ),
        (
            &hinted,
            "othr",
            "hints with a runner: openai, process; the model is not registered (registered: m, other); did you mean \"other\"?",
        ),
        (
            &of_model,
            "knwon",
            "hints with a runner: process; the model is not registered (registered: known)",
        ),
    ];
    for (engine, model, expected) in cases {
        let error = engine.generate(request(Some(model))).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::NoRunner);
        assert!(error.to_string().ends_with(expected), "{error}");
    }
    set_inference_runner_for("process", None);
}

#[tokio::test]
async fn a_request_without_a_model_is_told_that_none_is_registered() {
    let _turn = SLOTS.lock().await;
    set_inference_runner(Some(says("x")));
    for (engine, expected) in [
        (InferenceEngine::new(), "give the engine or the call its own runner"),
        (InferenceEngine::builder().runner_for("h", says("x")).build(), ""),
    ] {
        let answer = engine.generate(request(None)).await;
        if expected.is_empty() {
            // The process's runner is tried after the engine's own.
            assert_eq!(answer.unwrap().text, "x");
            set_inference_runner(None);
            let error = engine.generate(request(None)).await.unwrap_err().to_string();
            assert!(
                error.contains("no model is registered, and no runner is set for every model"),
                "{error}"
            );
        } else {
            let error = answer.unwrap_err();
            assert!(matches!(error, InferenceError::InvalidRequest(_)), "{error}");
            assert!(error.to_string().contains("no model is registered"), "{error}");
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}

#[tokio::test]
async fn an_engines_runners_can_be_replaced_and_cleared() {
    let _turn = SLOTS.lock().await;
    set_inference_runner(None);
    let engine = InferenceEngine::builder()
        .model(ModelSchema::delegated("m", Some("h")))
        .build();
    assert_eq!(answer(&engine).await, Err(ErrorCode::NoRunner));
    engine.set_runner(Some(says("one")));
    engine.set_runner_for("h", Some(says("two")));
    assert_eq!(answer(&engine).await, Ok("two".into()));
    let two = engine.runner_for("h").expect("it was set");
    assert!(!engine.clear_runner_if(None, |held| held.is_same(&*two)));
    assert!(engine.clear_runner_if(Some("h"), |held| held.is_same(&*two)));
    assert_eq!(answer(&engine).await, Ok("one".into()));
    let schema = || ModelSchema::delegated("m", None);
    engine.register_model_with_runner(schema(), says("model")).unwrap();
    assert!(engine.model_runner("m").is_some());
    assert_eq!(answer(&engine).await, Ok("model".into()));
    engine.register_model(schema()).unwrap();
    assert_eq!(answer(&engine).await, Ok("one".into()));
    engine.set_runner(None);
    assert!(engine.runner().is_none());
    assert_eq!(answer(&engine).await, Err(ErrorCode::NoRunner));
}

#[test]
fn a_models_source_is_a_registered_runner_when_it_is_left_out() {
    let model = ModelSchema::from_json(r#"{ "id": "m" }"#).unwrap();
    assert_eq!(model, ModelSchema::delegated("m", None));
    let options = EngineOptions::from_json(r#"{ "models": [{ "id": "m" }] }"#).unwrap();
    assert_eq!(options.models, [model]);
}

#[tokio::test]
async fn draining_waits_for_a_call_that_was_begun_in_the_same_breath() {
    let engine = InferenceEngine::builder().runner(says("here")).build();
    let (answer, ()) = tokio::join!(engine.generate(request(None)), engine.close(CloseMode::Drain));
    assert_eq!(answer.unwrap().text, "here");
    let engine = InferenceEngine::builder()
        .runner(Arc::new(ScriptedRunner::new([Script::new().until_cancelled()])))
        .build();
    let (answer, ()) = tokio::join!(engine.generate(request(None)), engine.close(CloseMode::Cancel));
    assert_eq!(answer.unwrap_err().code(), ErrorCode::Cancelled);
    // What has not been polled has not begun.
    let late = engine.generate(request(None));
    engine.close(CloseMode::Drain).await;
    assert_eq!(late.await.unwrap_err().code(), ErrorCode::EngineClosed);
}
