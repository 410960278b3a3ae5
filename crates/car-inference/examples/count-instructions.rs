//! Work to count instructions of: so many times the same, through the public interface. Run it twice under callgrind, and
//! what more times cost more is what each of them costs; `npm run count` does.
//! `cargo run -p car-inference --release --example count-instructions -- text-delta 1000`

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use car_inference::call::{Attempt, Batch, Call, Step, Verdict};
use car_inference::stream::EventRef;
use car_inference::testing::ScriptedRunner;
use car_inference::{
    CallOptions, EventEmitter, GenerateRequest, InferenceEngine, InferenceError, ModelSchema, StreamEvent,
};

const TEXT: EventRef<'_> = EventRef::TextDelta("word");
const REASONING: EventRef<'_> = EventRef::ReasoningDelta { index: 0, text: "word" };
const ARGUMENTS: EventRef<'_> = EventRef::ToolCallDelta {
    index: 0,
    arguments_delta: "1234",
};

fn begin(engine: &InferenceEngine) -> Result<(Call, EventEmitter, Attempt), InferenceError> {
    let request = GenerateRequest {
        prompt: "hi".into(),
        ..Default::default()
    };
    let call = engine.open(request, &CallOptions::default())?;
    let Step::Run(attempt) = call.start() else {
        panic!("a call that starts has a runner to run");
    };
    Ok((call.clone(), call.emitter(&attempt), attempt))
}

fn emit(emitter: &EventEmitter, event: EventRef<'_>) {
    assert_eq!(emitter.emit_now(event).verdict, Verdict::Pass);
}

fn end(call: &Call, attempt: &Attempt) {
    assert!(matches!(call.settle(attempt.number, Ok(None)), Step::Ended));
}

fn events(engine: &InferenceEngine, event: EventRef<'_>, times: usize) -> Result<(), InferenceError> {
    let (call, emitter, attempt) = begin(engine)?;
    let tool_call = StreamEvent::ToolCallStart {
        name: "tool".into(),
        index: 0,
        id: None,
    };
    emit(&emitter, (&tool_call).into());
    for _ in 0..times {
        emit(&emitter, event);
    }
    end(&call, &attempt);
    Ok(())
}

/// Events that wait in Rust for a consumer elsewhere, and are taken in batches.
fn buffered(engine: &InferenceEngine, times: usize) -> Result<(), InferenceError> {
    const BATCH: usize = 32;
    let (call, emitter, attempt) = begin(engine)?;
    call.buffer_events();
    for _ in 0..times / BATCH {
        for _ in 0..BATCH {
            emit(&emitter, TEXT);
        }
        let batch = call.poll_drain(&mut Context::from_waker(Waker::noop()), BATCH);
        assert!(matches!(batch, Poll::Ready(Batch::Events(events)) if events.len() == BATCH));
    }
    end(&call, &attempt);
    Ok(())
}

fn calls(engine: &InferenceEngine, times: usize) -> Result<(), InferenceError> {
    for _ in 0..times {
        let (call, emitter, attempt) = begin(engine)?;
        emit(&emitter, TEXT);
        end(&call, &attempt);
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    const USAGE: &str = "usage: count-instructions text-delta|reasoning-delta|tool-call-delta|buffered|call TIMES";
    let mut arguments = std::env::args().skip(1);
    let work = arguments.next().ok_or(USAGE)?;
    let times: usize = arguments.next().ok_or(USAGE)?.parse()?;
    let engine = InferenceEngine::builder()
        .model(ModelSchema::delegated("counted", None))
        .runner(Arc::new(ScriptedRunner::new([])))
        .build();
    match work.as_str() {
        "text-delta" => events(&engine, TEXT, times)?,
        "reasoning-delta" => events(&engine, REASONING, times)?,
        "tool-call-delta" => events(&engine, ARGUMENTS, times)?,
        "buffered" => buffered(&engine, times)?,
        "call" => calls(&engine, times)?,
        _ => return Err(USAGE.into()),
    }
    Ok(())
}
