//! Calls as data for tests of logs: made without an engine, recorded as a gate records them; and all that a log answers.

use std::path::Path;
use std::sync::Arc;

use car_inference::error::{FailureDetails, PolicyPoint, RunnerFailure, RunnerFailureKind};
use car_inference::log::sqlite::LogKey;
use car_inference::log::{
    ArchivedCall, AttemptRecord, CallFilter, CallLog, CallOrder, CallStart, Decision, EventRange, LogStore, Note,
    Stamp, VerdictRecord, transfer,
};
use car_inference::redaction::RedactionOptions;
use car_inference::stream::{EventRef, StreamAccumulator};
use car_inference::{
    CallRecord, CallStatus, Ending, ErrorCode, EventLog, Failure, GenerateRequest, LogError, SqliteLog,
    SqliteLogOptions, StreamEvent,
};
use serde_json::json;

use super::{delta, end, input_tokens, start, text};

/// The key of every encrypted log that does not care.
pub const KEY: [u8; 32] = [7; 32];

pub fn plain() -> SqliteLogOptions {
    SqliteLogOptions::default()
}

pub fn with_words() -> SqliteLogOptions {
    SqliteLogOptions {
        full_text_search: Some(true),
        ..plain()
    }
}

pub fn encrypted() -> SqliteLogOptions {
    SqliteLogOptions {
        key: Some(LogKey::new(KEY)),
        ..plain()
    }
}

/// As `options`, for a log that says as it is told.
pub fn unredacted(options: SqliteLogOptions) -> SqliteLogOptions {
    SqliteLogOptions {
        redaction: Some(RedactionOptions {
            builtin: Some(false),
            ..RedactionOptions::default()
        }),
        ..options
    }
}

pub fn open(path: &Path, options: SqliteLogOptions) -> Result<SqliteLog, LogError> {
    SqliteLog::open(path.to_str().expect("a path of text"), options)
}

pub fn stamp(seq: u64) -> Stamp {
    Stamp {
        seq,
        at_us: 1_000 * seq,
        attempt: 1,
    }
}

/// A closed call that said these events, and whose answer is what they come to.
pub fn call(number: u64, status: CallStatus, request: GenerateRequest, events: Vec<StreamEvent>) -> ArchivedCall {
    let mut answer = StreamAccumulator::default();
    events.iter().for_each(|event| answer.push(event));
    let mut completion = answer.into_completion();
    let trace_id = format!("{number:032x}");
    completion.trace_id.clone_from(&trace_id);
    completion.model_used = "gpt-5".into();
    let count = events.len() as u64;
    ArchivedCall {
        start: CallStart {
            trace_id,
            model: "gpt-5".into(),
            hint: Some("fast".into()),
            provider: Some("openai".into()),
            started_at_us: 1_700_000_000_000_000 + 1_000_000 * number,
            request: Arc::new(request),
        },
        events: (1..).map(stamp).zip(events).collect(),
        attempts: Vec::new(),
        verdicts: Vec::new(),
        notes: Vec::new(),
        ended: stamp(count + 1),
        ending: Arc::new(Ending {
            status,
            completion,
            failure: None,
        }),
    }
}

/// A call with something in every column; `word` is in whatever it says, and nowhere else.
pub fn rich(number: u64, status: CallStatus, word: &str) -> ArchivedCall {
    let request = GenerateRequest {
        prompt: format!("prompt {word}"),
        client_ref: Some(format!("ref {word}")),
        conversation_id: Some(format!("talk {word}")),
        parent_trace_id: Some(format!("parent {word}")),
        tags: vec!["all".into(), format!("tag {word}")],
        ..GenerateRequest::default()
    };
    let reasoning = |text: &str, signature: Option<&str>| StreamEvent::ReasoningDelta {
        index: 0,
        text: text.into(),
        signature: signature.map(Into::into),
    };
    let events = vec![
        reasoning(&format!("thought {word}"), None),
        reasoning("", Some("s=")),
        text("answer "),
        text(word),
        start(0, "tool"),
        delta(0, &format!(r#"{{"argument":"{word}""#)),
        delta(0, "}"),
        end(0),
        StreamEvent::ProviderEvent {
            name: Some("raw".into()),
            data: json!({ "raw": word, "number": 12_345_678_901_234_567_u64 }),
        },
        input_tokens(3),
    ];
    let mut call = call(number, status, request, events);
    call.attempts = vec![AttemptRecord {
        attempt: 1,
        model: "gpt-5".into(),
        usage: None,
        failure: Some(Box::new(failure(word))),
    }];
    call.verdicts = vec![VerdictRecord {
        point: PolicyPoint::Request,
        decision: Decision::Allow,
        policy_id: Some("p".into()),
        reason: Some(format!("reason {word}")),
    }];
    call.notes = vec![Note {
        code: "second-done".into(),
        message: format!("note {word}"),
    }];
    if status == CallStatus::Failed {
        let ending = Arc::make_mut(&mut call.ending);
        ending.failure = Some(failure(word));
    }
    call
}

pub fn failure(word: &str) -> Failure {
    Failure {
        runner: Some(RunnerFailure {
            kind: RunnerFailureKind::Failed,
            attempt: 1,
            message: format!("broke {word}"),
            details: FailureDetails {
                status: Some(503),
                body: Some(json!({ "error": word })),
                ..FailureDetails::default()
            },
        }),
        ..Failure::new(ErrorCode::RunnerFailed, format!("failed {word}"))
    }
}

/// Begins to record a call: everything but its ending.
pub fn begin(log: &dyn EventLog, call: &ArchivedCall) -> Arc<dyn CallLog> {
    let recorder = log.start(&call.start).expect("the call starts");
    for attempt in &call.attempts {
        recorder.attempt(0, attempt).expect("the attempt is taken");
    }
    for verdict in &call.verdicts {
        recorder.verdict(0, verdict).expect("the verdict is taken");
    }
    for (stamp, event) in &call.events {
        recorder
            .event(*stamp, EventRef::from(event))
            .expect("the event is taken");
    }
    for note in &call.notes {
        recorder.note(call.ended.at_us, note).expect("the note is taken");
    }
    recorder
}

/// Records a call as a gate does, and waits for it to be committed.
pub fn record(log: &dyn EventLog, call: &ArchivedCall) {
    let recorder = begin(log, call);
    let commit = recorder.end(call.ended, &call.ending).expect("the ending is taken");
    block_on(commit.done()).expect("the ending is committed");
}

pub fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime can be made").block_on(future)
}

/// The lines of every closed call whose payload is there, from the oldest on.
pub fn export(log: &dyn LogStore) -> Result<String, LogError> {
    let mut lines = Vec::new();
    transfer::write_header(&mut lines).expect("a vector takes all");
    for call in log.calls(&everything())? {
        if let Some(call) = log.archived(&call.trace_id)? {
            transfer::write_call(&mut lines, &call).expect("a vector takes all");
        }
    }
    Ok(String::from_utf8(lines).expect("JSON is text"))
}

/// All calls, the oldest first.
pub fn everything() -> CallFilter {
    CallFilter {
        order: Some(CallOrder::Oldest),
        limit: Some(usize::MAX),
        ..CallFilter::default()
    }
}

/// All that a log answers, as text: every call by itself and in lists, its events, the tail, an export, and what is found by
/// each value of the calls in `by` and by each of `words`.
pub fn answers(log: &dyn LogStore, by: &[CallRecord], words: &[&str]) -> Result<String, LogError> {
    let mut answers = vec![
        json!(log.calls(&everything())?),
        json!(log.tail(None, usize::MAX)?),
        json!(log.end_cursor()?),
    ];
    let stats = log.stats()?;
    answers.push(json!([stats.calls, stats.open_calls, stats.oldest_at, stats.newest_at]));
    for call in by {
        answers.push(json!(log.call(&call.trace_id)?));
        answers.push(json!(log.events(&call.trace_id, &EventRange::default(), usize::MAX)?));
    }
    for filter in filters(by, words) {
        let found = log.calls(&filter)?;
        answers.push(json!(found.iter().map(|call| &call.trace_id).collect::<Vec<_>>()));
    }
    answers.push(json!(export(log)?));
    let lines: Vec<_> = answers.iter().map(ToString::to_string).collect();
    Ok(lines.join("\n"))
}

/// One for each value of each column that can be filtered by.
fn filters(by: &[CallRecord], words: &[&str]) -> Vec<CallFilter> {
    let mut filters: Vec<CallFilter> = Vec::new();
    let mut put = |change: &dyn Fn(&mut CallFilter)| {
        let mut filter = CallFilter::default();
        change(&mut filter);
        if !filters.contains(&filter) {
            filters.push(filter);
        }
    };
    for call in by {
        put(&|filter| filter.model = Some(call.model.clone()));
        put(&|filter| filter.status = Some(call.status));
        put(&|filter| filter.since = Some(call.started_at));
        put(&|filter| filter.client_ref.clone_from(&call.client_ref));
        put(&|filter| filter.conversation_id.clone_from(&call.conversation_id));
        put(&|filter| filter.parent_trace_id.clone_from(&call.parent_trace_id));
        for tag in &call.tags {
            put(&|filter| filter.tags = Some(vec![tag.clone()]));
        }
    }
    for word in words {
        put(&|filter| filter.text = Some((*word).to_owned()));
    }
    filters
}
