//! Engines of this environment and their models.

use std::sync::Arc;

use car_inference::call::CallSettings;
use car_inference::error::InferenceError;
use car_inference::{
    CloseMode, EngineOptions, EventLog, Failure, InferenceEngine, LogError, LogErrorKind, MemoryLog, ModelSchema,
    Timeouts,
};
use napi_derive::napi;
use serde_json::json;

use crate::environment;
use crate::json_text::to_json;
use crate::logs::LogHandle;

/// Makes an engine that records to a log, or to one in memory of its own. Returns its id, or -1.
#[napi(catch_unwind)]
pub fn create_engine(options_json: String, log: Option<u32>) -> i32 {
    environment::with(|environment| {
        let log = match log.map(|log| environment.logs.get(log).cloned()) {
            Some(Some(log)) => log,
            Some(None) => {
                return environment.fail(&Failure::log(&LogError::new(LogErrorKind::Closed, "the log is closed")));
            }
            None => LogHandle::new(Arc::new(MemoryLog::default()), None),
        };
        let built = EngineOptions::from_json(&options_json)
            .map_err(InferenceError::InvalidRequest)
            .and_then(|options| {
                let log: Arc<dyn EventLog> = Arc::clone(&log.store) as Arc<dyn EventLog>;
                let builder = InferenceEngine::builder().options(options);
                builder.shared_event_log(log).try_build()
            });
        match built {
            Ok(engine) => environment.engines.add((engine, log)).cast_signed(),
            Err(error) => environment.fail_with("engine options", &error),
        }
    })
}

/// The id of an engine's log, for as long as it is not released.
#[napi(catch_unwind)]
pub fn engine_log(engine: u32) -> i32 {
    environment::with(|environment| match environment.engines.get(engine) {
        Some((_, log)) => {
            let log = log.clone();
            environment.logs.add(log).cast_signed()
        }
        None => environment.fail_unknown("engine"),
    })
}

/// Registers a model, optionally with its own runner, whose id is from `newRunner`. Returns 0, or -1.
#[napi(catch_unwind)]
pub fn register_model(engine: u32, schema_json: String, runner: Option<u32>) -> i32 {
    let placed = environment::with(|environment| {
        let runner = runner.and_then(|runner| environment.place_runner(runner));
        let (engine, _) = environment.engines.get(engine)?;
        Some((engine.clone(), runner))
    });
    let Some((engine, runner)) = placed else {
        return environment::with(|environment| environment.fail_unknown("engine"));
    };
    // Outside the lock, because the replaced runner may be dropped here.
    let registered = ModelSchema::from_json(&schema_json)
        .map_err(InferenceError::InvalidRequest)
        .and_then(|model| match runner {
            None => engine.register_model(model),
            Some(runner) => engine.register_model_with_runner(model, runner),
        });
    match registered {
        Ok(()) => 0,
        Err(error) => environment::with(|environment| environment.fail_with("model", &error)),
    }
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

/// Refuses new calls from now on. One that drains still accepts calls inside its own calls in flight.
#[napi(catch_unwind)]
pub fn close_engine(engine: u32, drains: bool) {
    let mode = if drains { CloseMode::Drain } else { CloseMode::Cancel };
    environment::with(|environment| {
        if let Some((engine, _)) = environment.engines.get(engine) {
            engine.refuse_calls(mode);
        }
    });
}

/// Forgets an engine; its calls in flight go on.
#[napi(catch_unwind)]
pub fn release_engine(engine: u32) {
    let released = environment::with(|environment| environment.engines.remove(engine));
    drop(released);
}
