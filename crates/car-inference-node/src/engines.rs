//! Engines of this environment, their models and their logs.

use car_inference::call::CallSettings;
use car_inference::error::InferenceError;
use car_inference::log::CallFilter;
use car_inference::{EngineOptions, InferenceEngine, MemoryLog, ModelSchema, Timeouts};
use napi_derive::napi;
use serde_json::json;

use crate::environment;
use crate::json_text::{TooLong, to_js_json, to_json};

/// Makes an engine. Returns its id, or -1.
#[napi(catch_unwind)]
pub fn create_engine(options_json: String) -> i32 {
    environment::with(|environment| {
        let log = MemoryLog::default();
        let built = EngineOptions::from_json(&options_json)
            .map_err(InferenceError::InvalidRequest)
            .and_then(|options| {
                InferenceEngine::builder()
                    .options(options)
                    .event_log(log.clone())
                    .try_build()
            });
        match built {
            Ok(engine) => environment.engines.add((engine, log)).cast_signed(),
            Err(error) => environment.fail_with(&error),
        }
    })
}

/// Registers a model. Returns 0, or -1.
#[napi(catch_unwind)]
pub fn register_model(engine: u32, schema_json: String) -> i32 {
    environment::with(|environment| {
        let Some((engine, _)) = environment.engines.get(engine) else {
            return environment.fail_unknown("engine");
        };
        let registered = ModelSchema::from_json(&schema_json)
            .map_err(InferenceError::InvalidRequest)
            .and_then(|model| engine.register_model(model));
        match registered {
            Ok(()) => 0,
            Err(error) => environment.fail_with(&error),
        }
    })
}

/// The registered models, as JSON.
#[napi(catch_unwind)]
pub fn models(engine: u32) -> String {
    environment::with(|environment| match environment.engines.get(engine) {
        Some((engine, _)) => to_json(
            &engine
                .models()
                .iter()
                .map(|model| (**model).clone())
                .collect::<Vec<_>>(),
        ),
        None => "[]".into(),
    })
}

/// What holds for calls of this engine that set nothing of their own, as JSON.
#[napi(catch_unwind)]
pub fn engine_settings(engine: u32) -> String {
    environment::with(|environment| match environment.engines.get(engine) {
        Some((engine, _)) => settings_json(&engine.settings()),
        None => "{}".into(),
    })
}

/// Settings as `src/call-settings.ts` reads them.
pub fn settings_json(settings: &CallSettings) -> String {
    let Timeouts {
        first_event_ms,
        idle_ms,
        total_ms,
        ..
    } = settings.timeouts;
    // The idle time starts with the first event, at which JavaScript does not look at the clock.
    let first_look_ms = [first_event_ms, idle_ms, total_ms].into_iter().flatten().min();
    to_json(&json!({ "limits": settings.limits, "firstLookMs": first_look_ms }))
}

/// Refuses new calls from now on.
#[napi(catch_unwind)]
pub fn close_engine(engine: u32) {
    environment::with(|environment| {
        if let Some((engine, _)) = environment.engines.get(engine) {
            engine.refuse_calls();
        }
    });
}

/// Forgets an engine; its calls in flight go on.
#[napi(catch_unwind)]
pub fn release_engine(engine: u32) {
    let released = environment::with(|environment| environment.engines.remove(engine));
    drop(released);
}

fn log_of(engine: u32) -> Option<MemoryLog> {
    environment::with(|environment| environment.engines.get(engine).map(|(_, log)| log.clone()))
}

/// One call of an engine's log, as JSON; nothing when it is not there.
#[napi(catch_unwind)]
pub fn log_call(engine: u32, trace_id: String) -> Result<Option<String>, TooLong> {
    let call = log_of(engine).and_then(|log| log.call(&trace_id));
    call.map(|call| to_js_json(&call)).transpose()
}

/// The calls of an engine's log that a filter asks for, as JSON; nothing when the filter is invalid.
#[napi(catch_unwind)]
pub fn log_calls(engine: u32, filter_json: String) -> Result<Option<String>, TooLong> {
    match CallFilter::from_json(&filter_json) {
        Ok(filter) => {
            let calls = log_of(engine).map(|log| log.calls(&filter)).unwrap_or_default();
            to_js_json(&calls).map(Some)
        }
        Err(problems) => {
            environment::with(|environment| environment.fail_invalid(problems));
            Ok(None)
        }
    }
}

/// The events of one call of an engine's log, as JSON; nothing when it is not there.
#[napi(catch_unwind)]
pub fn log_events(engine: u32, trace_id: String) -> Result<Option<String>, TooLong> {
    let events = log_of(engine).and_then(|log| log.events(&trace_id));
    events.map(|events| to_js_json(&events)).transpose()
}
