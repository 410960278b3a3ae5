//! Goal: what hosts share between threads can be shared. A test that compiles has passed.

use car_inference::call::Call;
use car_inference::redaction::{RedactedStream, Redaction};
use car_inference::testing::ScriptedRunner;
use car_inference::{
    CallRecord, CloseMode, EventEmitter, EventStream, Failure, GenerateRequest, InferenceEngine, InferenceError,
    MemoryLog, RunnerError, StreamAccumulator, StreamEvent, TrackedStream,
};

fn assert_send_sync<T: Send + Sync + 'static>() {}
fn assert_send<T: Send>(_: T) {}

#[test]
fn the_public_types_are_send_and_sync() {
    assert_send_sync::<InferenceEngine>();
    assert_send_sync::<Call>();
    assert_send_sync::<EventEmitter>();
    assert_send_sync::<TrackedStream>();
    assert_send_sync::<EventStream>();
    assert_send_sync::<MemoryLog>();
    assert_send_sync::<ScriptedRunner>();
    assert_send_sync::<StreamEvent>();
    assert_send_sync::<StreamAccumulator>();
    assert_send_sync::<GenerateRequest>();
    assert_send_sync::<CallRecord>();
    assert_send_sync::<Failure>();
    assert_send_sync::<InferenceError>();
    assert_send_sync::<RunnerError>();
    assert_send_sync::<Redaction>();
    assert_send_sync::<RedactedStream<u64>>();
}

#[test]
fn the_futures_can_be_spawned() {
    let engine = InferenceEngine::new();
    assert_send(engine.generate(GenerateRequest::default()));
    assert_send(engine.close(CloseMode::Drain));
}
