//! Goal: what an event, a call and an idle stream allocate is known, and does not grow unnoticed.
//! Method: an allocator that counts, the clock paused, so that the log's time stamps are as long each time; compared with
//! the table below, where a difference names its row. Fewer is a difference too: the table is to be tightened.

#[path = "support/counting_allocator.rs"]
mod counting_allocator;

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use car_inference::call::{Attempt, Batch, Call, Step, Verdict};
use car_inference::stream::EventRef;
use car_inference::testing::ScriptedRunner;
use car_inference::{CallOptions, EventEmitter, GenerateRequest, InferenceEngine, ModelSchema, StreamEvent};
use counting_allocator::{Allocations, CountingAllocator, count};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Events that a row of events counts, after as many that it does not: what a first event makes is the call's own cost.
const EVENTS: usize = 1_024;

/// One row: what was done, new blocks, resizes, bytes. Buffers that double are the resizes of the hot events: their
/// blocks are none, however many events come.
#[rustfmt::skip]
const TABLE: &[(&str, usize, usize, usize)] = &[
    ("text deltas", 0, 2, 34944),
    ("reasoning deltas", 0, 2, 26880),
    ("tool call deltas", 0, 2, 27136),
    ("opening", 6, 0, 1641),
    ("starting", 11, 0, 972),
    ("a first text delta", 0, 0, 0),
    ("settling", 5, 1, 1428),
    ("bytes that an idle stream holds", 0, 0, 2440),
    ("a batch emitted", 32, 1, 1014),
    ("a batch drained", 1, 0, 5376),
];

/// Bytes may differ by so much of a hundred: a field more is no news.
const BYTES_TOLERANCE_PERCENT: usize = 5;

fn engine() -> InferenceEngine {
    InferenceEngine::builder()
        .model(ModelSchema::delegated("counted", None))
        .runner(Arc::new(ScriptedRunner::new([])))
        .build()
}

fn open(engine: &InferenceEngine) -> Call {
    let request = GenerateRequest {
        prompt: "hi".into(),
        ..Default::default()
    };
    engine
        .open(request, &CallOptions::default())
        .unwrap_or_else(|error| panic!("{error}"))
}

fn start(call: &Call) -> (EventEmitter, Attempt) {
    match call.start() {
        Step::Run(attempt) => (call.emitter(&attempt), attempt),
        _ => panic!("a call that starts has a runner to run"),
    }
}

fn settle(call: &Call, attempt: &Attempt) {
    assert!(matches!(call.settle(attempt.number, Ok(None)), Step::Ended));
}

/// What is still held; never less than nothing, because nothing older is given back.
fn held_bytes(allocations: Allocations) -> usize {
    usize::try_from(allocations.held_bytes)
        .unwrap_or_else(|_| panic!("more was given back than taken: {allocations:?}"))
}

/// Compares one row with what was counted.
fn check(
    row: &str,
    Allocations {
        blocks, resizes, bytes, ..
    }: Allocations,
) -> Option<String> {
    let found = format!("(\"{row}\", {blocks}, {resizes}, {bytes})");
    let Some(known) = TABLE.iter().find(|known| known.0 == row) else {
        return Some(format!("not in the table yet: {found}"));
    };
    let is_close = bytes.abs_diff(known.3) * 100 <= known.3 * BYTES_TOLERANCE_PERCENT;
    // Sizes of the standard library's types differ from system to system.
    let is_same = (blocks, resizes) == (known.1, known.2) && (is_close || !cfg!(target_os = "linux"));
    let is_more = blocks > known.1 || resizes > known.2 || bytes > known.3;
    let verdict = if is_more { "more" } else { "fewer, tighten the table" };
    (!is_same).then(|| format!("{verdict}: {found} instead of {known:?}"))
}

/// Fails with every row that differs, as it would have to stand in the table.
fn assert_as_in_table(found: impl IntoIterator<Item = (&'static str, Allocations)>) {
    let differences: Vec<String> = found
        .into_iter()
        .filter_map(|(row, allocations)| check(row, allocations))
        .collect();
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}

/// What many events of one kind allocate.
fn count_events(first: &[StreamEvent], event: EventRef<'_>) -> Allocations {
    let engine = engine();
    let call = open(&engine);
    let (emitter, attempt) = start(&call);
    let emit = |event| assert_eq!(emitter.emit_now(event).verdict, Verdict::Pass);
    for event in first {
        emit(event.into());
    }
    let emit_all = || (0..EVENTS).for_each(|_| emit(event));
    emit_all();
    let ((), allocations) = count(emit_all);
    settle(&call, &attempt);
    allocations
}

#[tokio::test(start_paused = true)]
async fn hot_events_allocate_nothing_but_buffers_that_double() {
    let tool_call = [StreamEvent::ToolCallStart {
        name: "tool".into(),
        index: 0,
        id: None,
    }];
    let text = EventRef::TextDelta("word");
    let reasoning = EventRef::ReasoningDelta { index: 0, text: "word" };
    let arguments = EventRef::ToolCallDelta {
        index: 0,
        arguments_delta: "1234",
    };
    let found = [
        ("text deltas", count_events(&[], text)),
        ("reasoning deltas", count_events(&[], reasoning)),
        ("tool call deltas", count_events(&tool_call, arguments)),
    ];
    for (row, allocations) in found {
        assert_eq!(allocations.blocks, 0, "{row}");
    }
    assert_as_in_table(found);
}

#[tokio::test(start_paused = true)]
async fn a_call_allocates_what_the_table_says() {
    let engine = engine();
    let live = || {
        let (call, opening) = count(|| open(&engine));
        let ((emitter, attempt), starting) = count(|| start(&call));
        let ((), first) = count(|| {
            emitter.emit_now(EventRef::TextDelta("word"));
        });
        let ((), settling) = count(|| settle(&call, &attempt));
        [
            ("opening", opening),
            ("starting", starting),
            ("a first text delta", first),
            ("settling", settling),
        ]
    };
    // The first call of a thread makes what all others share.
    live();
    assert_as_in_table(live());
}

#[tokio::test(start_paused = true)]
async fn an_idle_stream_holds_what_the_table_says() {
    let engine = engine();
    let begin = || {
        let call = open(&engine);
        let (emitter, attempt) = start(&call);
        emitter.emit_now(EventRef::TextDelta("word"));
        (call, emitter, attempt)
    };
    let _first = begin();
    let (_idle, held) = count(begin);
    let bytes = held_bytes(held);
    assert_as_in_table([(
        "bytes that an idle stream holds",
        Allocations {
            bytes,
            ..Default::default()
        },
    )]);
}

#[tokio::test(start_paused = true)]
async fn a_long_call_that_is_over_holds_little_more_than_its_deltas_and_its_answer() {
    const DELTAS: usize = 5_000;
    let delta = "word ".repeat(200);
    let said = DELTAS * delta.len();
    let text = EventRef::TextDelta(&delta);
    let reasoning = EventRef::ReasoningDelta { index: 0, text: &delta };
    for (kind, event) in [("text", text), ("reasoning", reasoning)] {
        let engine = engine();
        let ((), allocations) = count(|| {
            let call = open(&engine);
            let (emitter, attempt) = start(&call);
            for _ in 0..DELTAS {
                emitter.emit_now(event);
            }
            settle(&call, &attempt);
        });
        let held = held_bytes(allocations);
        assert!(
            held > 2 * said,
            "{kind}: the log keeps both, but there are {held} bytes"
        );
        assert!(held < 2 * said + said / 20, "{kind}: {held} bytes for twice {said}");
    }
}

#[tokio::test(start_paused = true)]
async fn events_that_wait_for_another_thread_allocate_what_the_table_says() {
    const BATCH: usize = 32;
    let engine = engine();
    let call = open(&engine);
    call.buffer_events();
    let (emitter, attempt) = start(&call);
    let emit_batch = || {
        for _ in 0..BATCH {
            let admission = emitter.emit_now(EventRef::TextDelta("word"));
            assert_eq!(admission.verdict, Verdict::Pass);
        }
    };
    let drain_batch = || {
        let mut context = Context::from_waker(Waker::noop());
        match call.poll_drain(&mut context, BATCH) {
            Poll::Ready(Batch::Events(events)) => assert_eq!(events.len(), BATCH),
            other => panic!("the events were there, got {other:?}"),
        }
    };
    emit_batch();
    drain_batch();
    let ((), emitting) = count(emit_batch);
    let ((), draining) = count(drain_batch);
    settle(&call, &attempt);
    assert_as_in_table([("a batch emitted", emitting), ("a batch drained", draining)]);
}
