//! Goal: a bad request is told everything that is wrong with it, with paths, before any runner sees it.
//! Method: JSON beside its problems, through one `check`.

mod support;

use car_inference::testing::Script;
use car_inference::{
    CallOptions, EngineOptions, ErrorCode, GenerateRequest, InferenceEngine, InferenceError, LimitOverrides,
    ModelSchema, Problem, RetryOverrides, StreamEvent, TimeoutOverrides,
};
use support::{hi, scripted, world};

fn paths(problems: &[Problem]) -> Vec<&str> {
    problems.iter().map(|problem| problem.path.as_str()).collect()
}

/// All problems of a request, of its shape or else of its content, each by its path and a part of its message.
fn check(json: &str, expected: &[(&str, &str)]) {
    let problems = GenerateRequest::from_json(json).map_or_else(|problems| problems, |request| request.validate());
    assert_eq!(
        paths(&problems),
        expected.iter().map(|(path, _)| *path).collect::<Vec<_>>(),
        "{json}: {problems:?}"
    );
    for (problem, (_, message)) in problems.iter().zip(expected) {
        assert!(problem.message.contains(message), "{json}: {problem}");
    }
}

#[test]
fn a_request_lists_everything_that_is_wrong_with_its_shape() {
    check(r#"{"prompt":"hi"}"#, &[]);
    check("[]", &[("", "expected an object")]);
    check("{", &[("", "not JSON")]);
    check(
        r#"{"prompt":"hi","params":[0.5]}"#,
        &[("params", "expected an object, got an array")],
    );
    check(
        r#"{"prompt":7,"modle":"m","params":{"temperature":"hot","topK":-1},"tags":["a",1]}"#,
        &[
            ("prompt", "expected a string, got the number 7"),
            ("modle", "unknown field; known are prompt, model"),
            ("params.temperature", "expected a number"),
            ("params.topK", "must be at least 0"),
            ("tags[1]", "expected a string"),
        ],
    );
    check(
        r#"{"messages":[{"role":"user","content":"a"},{"role":"robot"},{"role":"user"},{"content":"x"}]}"#,
        &[
            ("messages[1].role", r#"expected one of "system""#),
            ("messages[2].content", "required"),
            ("messages[3].role", "required"),
        ],
    );
    check(
        r#"{"messages":[{"role":"user-multimodal","content":[{"type":"text","text":"a"},{"type":"image-url"}]}]}"#,
        &[("messages[0].content[1].url", "required")],
    );
    check(
        r#"{"prompt":"hi","messages":[{"role":"user","content":"a","name":"bob"}]}"#,
        &[("messages[0].name", "unknown field")],
    );
}

#[test]
fn a_request_lists_everything_that_is_wrong_with_its_content() {
    check("{}", &[("prompt", "required: give a `prompt`, or `messages`")]);
    check(r#"{"messages":[]}"#, &[("prompt", "required")]);
    check(r#"{"messages":[{"role":"user","content":"a"}]}"#, &[]);
    check(
        r#"{"model":"","messages":[
              {"role":"user-multimodal","content":[]},
              {"role":"tool-result","toolUseId":"","content":"x"}
            ],
            "tools":[{"name":"ok"},{"function":{"name":"ok"}},{},{"name":""}],
            "providerOptions":7,
            "params":{"temperature":-1,"topP":1.5,"maxTokens":0,"frequencyPenalty":3,"presencePenalty":-3}}"#,
        &[
            ("model", "must not be empty"),
            ("messages[0].content", "at least one part"),
            ("messages[1].toolUseId", "must not be empty"),
            ("tools[2].name", "required"),
            ("tools[3].name", "required"),
            ("providerOptions", "expected an object"),
            ("params.temperature", "at least 0, is -1"),
            ("params.topP", "from 0 to 1, is 1.5"),
            ("params.maxTokens", "at least 1"),
            ("params.frequencyPenalty", "from -2 to 2"),
            ("params.presencePenalty", "from -2 to 2"),
        ],
    );
}

#[test]
fn a_field_that_is_not_known_is_refused_at_any_depth() {
    let assistant = |fields: &str| format!(r#"{{"messages":[{{"role":"assistant",{fields}}}]}}"#);
    check(
        &assistant(r#""toolCalls":[{"name":"f"},{"name":"g","args":{}}],"reasoning":[{"text":"a","summary":[]}]"#),
        &[
            ("messages[0].toolCalls[1].args", "did you mean `arguments`?"),
            ("messages[0].reasoning[0].summary", "known are index, text, signature"),
        ],
    );
    check(
        r#"{"prompt":"hi","max_tokens":5,"signal":{},"params":{"maxOutputTokens":5,"stopSequences":[]}}"#,
        &[
            ("max_tokens", "did you mean `params.maxTokens`?"),
            ("signal", "put it into the call options (second argument) as `signal`"),
            ("params.maxOutputTokens", "did you mean `maxTokens`?"),
            ("params.stopSequences", "did you mean `stop`?"),
        ],
    );
    let options = CallOptions::from_json(r#"{"abortSignal":{},"temperature":1,"timeouts":{"idle":5}}"#).unwrap_err();
    for (problem, meant) in options.iter().zip(["`signal`", "as `params.temperature`", "`idleMs`"]) {
        assert!(problem.message.contains(meant), "{problem}");
    }
}

#[test]
fn a_field_that_is_missing_is_told_with_what_is_there_instead() {
    check(
        r#"{"messages":[{"role":"user","text":"a"}]}"#,
        &[
            (
                "messages[0].content",
                r#"required where role is "user"; it has `text` instead"#,
            ),
            ("messages[0].text", "did you mean `content`?"),
        ],
    );
    let beside = "put its `name` and `arguments` beside `id`, not under `function`";
    check(
        r#"{"messages":[{"role":"assistant","toolCalls":[{"id":"c","type":"function","function":{"name":"f"}}]}]}"#,
        &[
            ("messages[0].toolCalls[0].name", beside),
            ("messages[0].toolCalls[0].type", "unknown field"),
            ("messages[0].toolCalls[0].function", beside),
        ],
    );
    let event = |json: &str| StreamEvent::from_json(json).unwrap_err().remove(0);
    let delta = event(r#"{"type":"text-delta","delta":"x"}"#);
    assert_eq!(
        delta,
        Problem::new("text", "required; it has `delta` instead; did you mean `text`?")
    );
    let several = event(r#"{"type":"tool-call-start","index":0,"foo":"f","bar":1}"#);
    assert_eq!(several, Problem::new("name", "required; it has `foo`, `bar` instead"));
    let kind = event(r#"{"type":"text_delta","text":"x"}"#);
    assert!(kind.message.ends_with(r#"did you mean "text-delta"?"#), "{kind}");
}

#[test]
fn a_function_tool_has_known_fields_and_a_tool_of_the_provider_any() {
    let tools = |tools: &str| format!(r#"{{"prompt":"hi","tools":[{tools}]}}"#);
    for tool in [
        r#"{"name":"f","description":null,"parameters":{"type":"object"},"strict":true,"providerOptions":{}}"#,
        r#"{"type":"function","function":{"name":"f","strict":null},"providerOptions":{"openai":{}}}"#,
        r#"{"type":"web_search","anything":[1]}"#,
    ] {
        check(&tools(tool), &[]);
    }
    check(
        &tools(
            r#"{"name":"f","inputSchema":{}},{"type":"function","function":{"name":"f","cache_control":{}},"strict":true}"#,
        ),
        &[
            ("tools[0].inputSchema", "did you mean `parameters`?"),
            ("tools[1].function.cache_control", "did you mean `providerOptions`?"),
            ("tools[1].strict", "must be inside `function`"),
        ],
    );
}

#[tokio::test]
async fn a_runner_and_the_log_see_the_same_request() {
    let world = scripted([Script::new().done("ok"), Script::new().done("ok")]);
    for json in [
        r#"{"prompt":"hi"}"#,
        r#"{"model":"gpt-5","prompt":"hi","tags":[],"messages":[{"role":"assistant","toolCalls":[{"name":"f","arguments":"{\"a\":1}"}]}]}"#,
    ] {
        let request = GenerateRequest::from_json(json).unwrap();
        let completion = world.engine.generate(request).await.unwrap();
        let record = world.log.call(&completion.trace_id).unwrap();
        assert_eq!(record.request.as_ref(), world.runner.requests().last(), "{json}");
    }
}

#[test]
fn a_request_reads_back_as_it_was_written() {
    let json = r#"{"prompt":"hi","model":"m","fallbackModels":["n"],"params":{"maxTokens":5,"toolChoice":{"type":"auto"}},"messages":[{"role":"system","content":"s"},{"role":"assistant","toolCalls":[{"id":"1","name":"f","arguments":{"a":1}}]},{"role":"tool-result","toolUseId":"1","content":"r"}],"clientRef":"c","tags":["t"]}"#;
    let request = GenerateRequest::from_json(json).unwrap();
    let again = serde_json::to_string(&request).unwrap();
    assert_eq!(GenerateRequest::from_json(&again), Ok(request));
}

#[test]
fn a_hostile_request_gets_a_bounded_list() {
    let json = format!(r#"{{"prompt":"hi","tags":[{}]}}"#, vec!["1"; 10_000].join(","));
    assert_eq!(GenerateRequest::from_json(&json).unwrap_err().len(), 100);
}

#[tokio::test]
async fn an_engine_refuses_an_invalid_request_with_all_its_problems_and_asks_no_runner() {
    let world = scripted([Script::new().done("never")]);
    let request = GenerateRequest {
        model: Some(String::new()),
        tools: Some(vec![7.into()]),
        ..Default::default()
    };
    let Err(error) = world.engine.generate_tracked_stream(request).await else {
        panic!("it was accepted")
    };
    let InferenceError::InvalidRequest(problems) = &error else {
        panic!("{error:?}")
    };
    assert_eq!(paths(problems), ["prompt", "model", "tools[0].name"]);
    assert_eq!(error.code(), ErrorCode::InvalidRequest);
    for path in ["prompt", "model", "tools[0].name"] {
        assert!(error.to_string().contains(path), "{error}");
    }
    assert!(world.runner.requests().is_empty());
    assert!(world.log.calls(&Default::default()).is_empty());
}

#[tokio::test]
async fn the_options_of_a_call_are_checked_with_its_request() {
    let world = scripted([Script::new().done("never")]);
    let options = CallOptions {
        timeouts: Some(TimeoutOverrides {
            idle_ms: Some(Some(0)),
            ..Default::default()
        }),
        limits: Some(LimitOverrides {
            buffered_events_max: Some(0),
            ..LimitOverrides::default()
        }),
        retry: Some(RetryOverrides {
            attempts_max: Some(0),
            backoff_factor: Some(f64::NAN),
            ..RetryOverrides::default()
        }),
    };
    let request = GenerateRequest {
        prompt: String::new(),
        ..hi()
    };
    let Err(InferenceError::InvalidRequest(problems)) =
        world.engine.generate_tracked_stream_with(request, &options).await
    else {
        panic!("it was accepted")
    };
    let expected = [
        "prompt",
        "timeouts.idleMs",
        "limits.bufferedEventsMax",
        "retry.attemptsMax",
        "retry.backoffFactor",
    ];
    assert_eq!(paths(&problems), expected);
}

#[tokio::test]
async fn an_unknown_model_is_named_beside_the_known_ones() {
    // Without a runner of its own: one that has one takes any name.
    let engine = InferenceEngine::builder()
        .model(ModelSchema::delegated(support::MODEL, None))
        .build();
    let unknown = GenerateRequest {
        model: Some("gpt-9".into()),
        ..hi()
    };
    let Err(error) = engine.generate_tracked_stream(unknown).await else {
        panic!("it was accepted")
    };
    assert_eq!(error, InferenceError::ModelNotFound("gpt-9 (registered: gpt-5)".into()));
    let fallback = GenerateRequest {
        fallback_models: vec!["gpt-8".into()],
        ..hi()
    };
    let Err(error) = engine.generate_tracked_stream(fallback).await else {
        panic!("it was accepted")
    };
    assert_eq!(error.code(), ErrorCode::ModelNotFound);
    assert!(error.to_string().contains("gpt-8"), "{error}");
}

#[tokio::test]
async fn the_model_may_be_left_out_only_when_there_is_just_one() {
    let request = || GenerateRequest { model: None, ..hi() };
    let one = scripted([Script::new().done("ok")]);
    assert_eq!(one.engine.generate(request()).await.unwrap().model_used, support::MODEL);
    let two = world([], |builder| builder.model(ModelSchema::delegated("other", None)));
    let Err(InferenceError::InvalidRequest(problems)) = two.engine.generate_tracked_stream(request()).await else {
        panic!("it was accepted")
    };
    assert_eq!(problems, [Problem::new("model", "required: one of gpt-5, other")]);
}

#[test]
fn an_engine_is_not_built_from_invalid_options() {
    let options = EngineOptions::from_json(
        r#"{"models":[{"id":"a","source":{"type":"delegated"}},{"id":"","source":{"type":"delegated"}},{"id":"a","source":{"type":"delegated","hint":"x"}}],
            "timeouts":{"firstEventMs":0,"idleMs":null,"totalMs":99999999999},"retry":{"backoffFactor":0.5}}"#,
    )
    .unwrap();
    let Err(InferenceError::InvalidRequest(problems)) = InferenceEngine::builder().options(options).try_build() else {
        panic!("it was built")
    };
    let expected = [
        "models[1].id",
        "models[2].id",
        "timeouts.firstEventMs",
        "timeouts.totalMs",
        "retry.backoffFactor",
    ];
    assert_eq!(paths(&problems), expected);
    let shape =
        EngineOptions::from_json(r#"{"models":[{"id":7,"source":{"type":"local"}}],"timeout":{}}"#).unwrap_err();
    assert_eq!(paths(&shape), ["models[0].id", "models[0].source.type", "timeout"]);
}

#[test]
fn a_models_source_is_delegated_when_it_does_not_say() {
    let model = |json: &str| ModelSchema::from_json(json);
    let hinted = ModelSchema::delegated("m", Some("h"));
    assert_eq!(model(r#"{"id":"m","source":{"hint":"h"}}"#), Ok(hinted.clone()));
    assert_eq!(
        model(r#"{"id":"m","source":{"type":"delegated","hint":"h"}}"#),
        Ok(hinted.clone())
    );
    assert_eq!(
        model(r#"{"id":"m","source":{}}"#),
        Ok(ModelSchema::delegated("m", None))
    );
    let written = serde_json::to_value(&hinted).unwrap();
    assert_eq!(
        written["source"],
        serde_json::json!({ "type": "delegated", "hint": "h" })
    );
    for (json, path, message) in [
        (
            r#"{"id":"m","source":{"hnt":"h"}}"#,
            "source.hnt",
            "did you mean `hint`?",
        ),
        (
            r#"{"id":"m","source":{"runer":1}}"#,
            "source.runer",
            "did you mean `runner`?",
        ),
        (
            r#"{"id":"m","source":{"type":"local"}}"#,
            "source.type",
            r#"expected one of "delegated""#,
        ),
        (r#"{"id":"m","source":null}"#, "source", "expected an object"),
        (r#"{"id":"m","runner":null}"#, "runner", "did you mean `source.runner`?"),
    ] {
        let problems = model(json).unwrap_err();
        assert_eq!(paths(&problems), [path], "{json}");
        assert!(problems[0].message.contains(message), "{problems:?}");
    }
}

#[test]
fn registering_a_model_without_an_id_is_refused_and_one_with_a_known_id_replaces_it() {
    let engine = InferenceEngine::new();
    assert!(matches!(
        engine.register_model(ModelSchema::default()),
        Err(InferenceError::InvalidRequest(_))
    ));
    engine.register_model(ModelSchema::delegated("m", None)).unwrap();
    engine
        .register_model(ModelSchema::delegated("m", Some("openai")))
        .unwrap();
    assert_eq!(
        engine.models().iter().map(|model| model.hint()).collect::<Vec<_>>(),
        [Some("openai")]
    );
}
