//! Goal: what was erased, pruned, sealed or redacted is in no byte of any file, and in no answer.
//! Method: calls that say one word wherever a call can say something; the raw files are searched for it.

#![expect(
    clippy::unwrap_used,
    reason = "a failure is the test's own message, in what its tests share as well"
)]

mod support;

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use car_inference::log::sqlite::{LogAccess, LogKey, VerifyOptions, VerifyReport};
use car_inference::log::transfer::Importer;
use car_inference::log::{ArchivedCall, EraseTarget, EventRange, LogErrorKind, LogStore, PruneOptions};
use car_inference::redaction::RedactionOptions;
use car_inference::stream::{ErrorNote, Source, StreamAccumulator, Warning};
use car_inference::{CallStatus, GenerateRequest, Message, SqliteLog, SqliteLogOptions, StreamEvent, ToolCall};
use rusqlite::Connection;
use serde_json::json;
use support::logs::{
    KEY, begin, call, encrypted, everything, export, failure, open, plain, record, rich, unredacted, with_words,
};
use support::{delta, end, start, text};

/// What is planted: no other word begins like it, so that no index keeps less than the whole of it.
const WORD: &str = "zqerasedword";

/// How many times `word` is in the files of the folder, whatever its case.
fn found(folder: &Path, word: &str) -> usize {
    let word = word.to_lowercase().into_bytes();
    let mut count = 0;
    for file in fs::read_dir(folder).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap().to_ascii_lowercase();
        count += bytes.windows(word.len()).filter(|window| *window == word).count();
    }
    count
}

fn verified(log: &SqliteLog) -> VerifyReport {
    log.verify(&VerifyOptions::default()).unwrap()
}

fn by_trace_id(call: &ArchivedCall) -> EraseTarget {
    EraseTarget {
        trace_id: Some(call.start.trace_id.clone()),
        tag: None,
    }
}

#[test]
fn what_was_erased_is_in_no_byte_of_any_file() {
    for options in [plain(), with_words()] {
        let folder = tempfile::tempdir().unwrap();
        let log = open(&folder.path().join("calls.db"), options).unwrap();
        let erased = rich(2, CallStatus::Failed, WORD);
        record(&log, &rich(1, CallStatus::Done, "amber"));
        record(&log, &erased);
        record(&log, &rich(3, CallStatus::Done, "coral"));
        assert!(found(folder.path(), WORD) > 10);
        // A reader that saw it is no reason to keep it.
        assert!(log.call(&erased.start.trace_id).unwrap().unwrap().text.is_some());
        log.erase(&by_trace_id(&erased)).unwrap();
        assert_eq!(found(folder.path(), WORD), 0);
        let report = verified(&log);
        assert!(report.ok, "{report:?}");
        assert_eq!(report.erased, std::slice::from_ref(&erased.start.trace_id));
        record(&log, &rich(4, CallStatus::Done, "dusk"));
        log.close().unwrap();
        assert_eq!(found(folder.path(), WORD), 0);
        assert!(found(folder.path(), "amber") > 10 && found(folder.path(), "dusk") > 10);
    }
}

#[test]
fn what_was_pruned_is_in_no_byte_of_any_file() {
    for options in [plain(), with_words()] {
        let folder = tempfile::tempdir().unwrap();
        let log = open(&folder.path().join("calls.db"), options).unwrap();
        for number in 1..4 {
            record(&log, &rich(number, CallStatus::Done, WORD));
        }
        record(&log, &rich(4, CallStatus::Done, "amber"));
        let options = PruneOptions {
            max_calls: Some(1),
            ..PruneOptions::default()
        };
        assert_eq!(log.prune(&options).unwrap().calls, 3);
        assert_eq!(found(folder.path(), WORD), 0);
        let report = verified(&log);
        assert!(report.ok && report.pruned_calls == 3, "{report:?}");
        log.close().unwrap();
        assert_eq!(found(folder.path(), WORD), 0);
    }
}

#[test]
fn an_index_of_many_words_keeps_none_that_was_erased() {
    const LETTERS: usize = 5;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.db");
    // Words that begin alike: where a page of the index begins, it holds the whole of one. They end in letters that no other
    // word and nothing else ends in, which the index cannot leave out.
    let word = |number: u64| {
        let letter = |power: u32| char::from(b'a' + (number * 7_368_787 % 11_881_376 / 26_u64.pow(power) % 26) as u8);
        format!("zqcustomer{}", (0..LETTERS as u32).map(letter).collect::<String>())
    };
    let says = |number: u64| {
        let request = GenerateRequest {
            prompt: word(number),
            tags: vec![["even", "odd"][number as usize % 2].into()],
            ..GenerateRequest::default()
        };
        call(number, CallStatus::Done, request, vec![text("answer")])
    };
    let kept = || -> HashSet<Vec<u8>> {
        let bytes = fs::read(&path).unwrap();
        bytes.windows(LETTERS).map(<[u8]>::to_vec).collect()
    };
    let holds = |kept: &HashSet<Vec<u8>>, number| kept.contains(&word(number).as_bytes()["zqcustomer".len()..]);
    let log = open(&path, plain()).unwrap();
    assert!((0..1_000).all(|number| log.restore(says(number)).unwrap()));
    log.close().unwrap();
    // Indexed at once, and one by one.
    let log = open(&path, with_words()).unwrap();
    assert!((1_000..1_100).all(|number| log.restore(says(number)).unwrap()));
    log.settle().unwrap();
    let indexed = kept();
    assert!((0..1_100).all(|number| holds(&indexed, number)));
    let odd = EraseTarget {
        trace_id: None,
        tag: Some("odd".into()),
    };
    assert_eq!(log.erase(&odd).unwrap().trace_ids.len(), 550);
    let left = kept();
    let still: Vec<_> = (0..1_100).filter(|number| holds(&left, *number)).collect();
    assert_eq!(still, (0..1_100).step_by(2).collect::<Vec<_>>());
    assert!(verified(&log).ok);
    let options = PruneOptions {
        max_calls: Some(0),
        ..PruneOptions::default()
    };
    assert_eq!(log.prune(&options).unwrap().calls, 1_100);
    assert_eq!(found(folder.path(), "zqcustomer"), 0);
    assert!(verified(&log).ok);
}

#[test]
fn what_was_erased_cannot_be_guessed_and_not_be_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.db");
    let log = open(&path, plain()).unwrap();
    let erased = rich(1, CallStatus::Done, WORD);
    record(&log, &erased);
    log.backup(folder.path().join("before.db").to_str().unwrap()).unwrap();
    log.erase(&by_trace_id(&erased)).unwrap();
    log.close().unwrap();
    let connection = Connection::open(&path).unwrap();
    let count = |condition: &str| -> i64 {
        let sql = format!("SELECT count(*) FROM records WHERE call_id = 1 AND ({condition})");
        connection.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    assert!(count("digest IS NOT NULL") > 3);
    assert_eq!(count("salt IS NOT NULL OR data IS NOT NULL"), 0);
    drop(connection);
    let bytes = fs::read(&path).unwrap();
    let before = folder.path().join("before.db");
    for guess in [
        "UPDATE calls SET text = (SELECT text FROM was.calls WHERE id = 1)",
        "UPDATE calls SET request = (SELECT request FROM was.calls WHERE id = 1)",
        "UPDATE calls SET client_ref = 'ref'",
        "UPDATE calls SET tags = '[]'",
        "UPDATE calls SET erased_at_us = NULL",
        "UPDATE records SET data = (SELECT data FROM was.records AS was WHERE was.position = records.position) WHERE call_id = 1",
        "UPDATE records SET salt = (SELECT salt FROM was.records AS was WHERE was.position = records.position) WHERE call_id = 1",
        "INSERT INTO call_tags SELECT * FROM was.call_tags",
        "DELETE FROM calls; INSERT INTO calls SELECT * FROM was.calls",
        "DELETE FROM calls; INSERT INTO calls SELECT * FROM was.calls; DELETE FROM records;
         INSERT INTO records SELECT * FROM was.records; INSERT INTO call_tags SELECT * FROM was.call_tags;
         INSERT INTO records SELECT 99, 0, 'erase', 0, 0, 0, 0, salt, digest, link, '{\"calls\":[]}' FROM was.records LIMIT 1",
    ] {
        fs::write(&path, &bytes).unwrap();
        let connection = Connection::open(&path).unwrap();
        let attach = format!("ATTACH '{}' AS was", before.display());
        connection.execute_batch(&attach).unwrap();
        connection.execute_batch(guess).unwrap();
        drop(connection);
        let log = open(&path, read_only(plain())).unwrap();
        let report = verified(&log);
        assert!(!report.ok && report.problem.is_some(), "{guess}");
    }
}

fn read_only(options: SqliteLogOptions) -> SqliteLogOptions {
    SqliteLogOptions {
        access: Some(LogAccess::Read),
        ..options
    }
}

/// A call that says the word wherever it is sealed; what may be read without a key does not have it.
fn sealed(number: u64, status: CallStatus) -> ArchivedCall {
    let mut call = rich(number, status, WORD);
    let request = Arc::make_mut(&mut call.start.request);
    request.client_ref = Some("ref".into());
    request.conversation_id = Some("talk".into());
    request.parent_trace_id = None;
    request.tags = vec!["tag".into()];
    request.context = Some(WORD.into());
    request.messages = Some(vec![Message::User { content: WORD.into() }]);
    request.provider_options = Some(json!({ "openai": { "user": WORD } }));
    call
}

#[test]
fn an_encrypted_log_holds_nothing_that_was_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.db");
    let log = open(&path, encrypted()).unwrap();
    record(&log, &sealed(1, CallStatus::Done));
    record(&log, &sealed(2, CallStatus::Failed));
    let is_open = begin(&log, &sealed(3, CallStatus::Done));
    assert_eq!(log.calls(&everything()).unwrap().len(), 3);
    log.backup(folder.path().join("copy.db").to_str().unwrap()).unwrap();
    assert_eq!(found(folder.path(), WORD), 0);
    drop(is_open);
    assert!(verified(&log).ok);
    assert!(export(&log).unwrap().matches(WORD).count() > 30);
    log.close().unwrap();
    assert_eq!(found(folder.path(), WORD), 0);
    assert!(found(folder.path(), "\"tag\"") > 0);
    for (options, kind) in [
        (plain(), LogErrorKind::WrongKey),
        (with_key(8), LogErrorKind::WrongKey),
        (
            SqliteLogOptions {
                full_text_search: Some(true),
                ..encrypted()
            },
            LogErrorKind::InvalidInput,
        ),
    ] {
        assert_eq!(open(&path, options.clone()).map(drop).unwrap_err().kind, kind);
        if kind == LogErrorKind::WrongKey {
            assert_eq!(open(&path, read_only(options)).map(drop).unwrap_err().kind, kind);
        }
    }
    let plain_path = folder.path().join("plain.db");
    drop(open(&plain_path, plain()).unwrap());
    assert_eq!(
        open(&plain_path, encrypted()).map(drop).unwrap_err().kind,
        LogErrorKind::WrongKey
    );
}

fn with_key(byte: u8) -> SqliteLogOptions {
    SqliteLogOptions {
        key: Some(LogKey::new([byte; 32])),
        ..plain()
    }
}

#[test]
fn another_key_opens_what_the_one_before_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.db");
    let log = open(&path, encrypted()).unwrap();
    record(&log, &sealed(1, CallStatus::Done));
    let before = export(&log).unwrap();
    let wrapped: Vec<u8> = Connection::open(&path)
        .unwrap()
        .query_row("SELECT value FROM settings WHERE name = 'wrapped_key'", [], |row| {
            row.get(0)
        })
        .unwrap();
    let is_kept = |secret: &[u8]| {
        let files = fs::read_dir(folder.path()).unwrap();
        let mut bytes = files.map(|file| fs::read(file.unwrap().path()).unwrap());
        bytes.any(|bytes| bytes.windows(secret.len()).any(|window| window == secret))
    };
    assert!(is_kept(&wrapped) && !is_kept(&KEY));
    log.rotate_key(LogKey::new([8; 32])).unwrap();
    assert!(!is_kept(&wrapped) && !is_kept(&KEY));
    // The handle that is open goes on.
    record(&log, &sealed(2, CallStatus::Done));
    let calls = log.calls(&everything()).unwrap();
    log.close().unwrap();
    assert_eq!(
        open(&path, encrypted()).map(drop).unwrap_err().kind,
        LogErrorKind::WrongKey
    );
    let log = open(&path, with_key(8)).unwrap();
    assert_eq!(log.calls(&everything()).unwrap(), calls);
    assert!(export(&log).unwrap().starts_with(before.trim_end()));
    assert!(verified(&log).ok);
    let plain_log = open(&folder.path().join("plain.db"), plain()).unwrap();
    assert_eq!(
        plain_log.rotate_key(LogKey::new(KEY)).unwrap_err().kind,
        LogErrorKind::InvalidInput
    );
    record(&plain_log, &sealed(1, CallStatus::Done));
    assert_eq!(plain_log.calls(&everything()).unwrap().len(), 1);
}

#[test]
fn a_sealed_value_that_was_moved_is_found_and_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.db");
    let other = folder.path().join("other.db");
    for path in [&path, &other] {
        let log = open(path, encrypted()).unwrap();
        record(&log, &sealed(1, CallStatus::Done));
        record(&log, &sealed(2, CallStatus::Done));
        log.close().unwrap();
    }
    let bytes = fs::read(&path).unwrap();
    let to_row =
        |column: &str| format!("UPDATE calls SET {column} = (SELECT {column} FROM calls AS o WHERE o.id <> calls.id)");
    let mut moves: Vec<String> = ["request", "text", "tool_calls", "attempts", "verdicts", "notes"]
        .map(to_row)
        .into();
    moves.extend(
        [
            "UPDATE calls SET text = tool_calls",
            "UPDATE calls SET notes = attempts",
            "UPDATE calls SET text = (SELECT o.text FROM other.calls AS o WHERE o.id = calls.id)",
            "UPDATE calls SET text = 'in the clear'",
            "UPDATE records SET data = (SELECT text FROM calls LIMIT 1) WHERE kind = 'events'",
            "UPDATE records SET data = '[[0,\"in the clear\"]]' WHERE kind = 'events'",
        ]
        .map(str::to_owned),
    );
    for moved in moves {
        fs::write(&path, &bytes).unwrap();
        let connection = Connection::open(&path).unwrap();
        let attach = format!("ATTACH '{}' AS other", other.display());
        connection.execute_batch(&attach).unwrap();
        assert!(connection.execute(&moved, []).unwrap() > 0);
        drop(connection);
        let log = open(&path, read_only(encrypted())).unwrap();
        assert!(!verified(&log).ok, "{moved}");
        let trace_id = format!("{:032x}", 1);
        let read = log
            .call(&trace_id)
            .map(drop)
            .and_then(|()| log.events(&trace_id, &EventRange::default(), 99).map(drop));
        assert_eq!(read.unwrap_err().kind, LogErrorKind::Corrupt, "{moved}");
    }
}

/// What every planted secret is made of, and nothing else is.
const INSIDE: &str = "ZQ7ZQ7ZQ7ZQ7ZQ7ZQ7ZQ7ZQ7ZQ7ZQ7ZQ7ZQ7";

fn redacting() -> SqliteLogOptions {
    SqliteLogOptions {
        redaction: Some(RedactionOptions {
            builtin: None,
            patterns: vec!["EMP-ZQ7[0-9]{6}".into()],
            fields: vec!["**.ssn".into()],
        }),
        ..with_words()
    }
}

/// Secrets in text, with what surrounds them.
fn secrets() -> Vec<String> {
    vec![
        format!("an OpenAI key: sk-proj-{INSIDE}, and"),
        format!("an Anthropic key: sk-ant-api03-{INSIDE} and"),
        "Authorization: Bearer ZQ7token-ZQ7token\nand".to_owned(),
        "the employee EMP-ZQ7123456 and".to_owned(),
        format!("{{\"x-api-key\":\"{INSIDE}\",\"n\":1}}"),
    ]
}

/// A call that says a secret wherever a call can say something; the deltas are cut at `cut`.
fn telling(number: u64, secret: &str, cut: usize) -> ArchivedCall {
    let (first, second) = secret.split_at(cut);
    let structured = json!({
        "headers": { "authorization": "Bearer ZQ7header" },
        "people": [{ "ssn": "ZQ7ssn" }],
        "text": secret,
    });
    let request = GenerateRequest {
        prompt: secret.into(),
        context: Some(secret.into()),
        messages: Some(vec![
            Message::System { content: secret.into() },
            Message::Assistant {
                content: secret.into(),
                tool_calls: vec![ToolCall {
                    id: None,
                    name: "tool".into(),
                    arguments: structured.clone().into(),
                }],
                reasoning: Vec::new(),
            },
            Message::ToolResult {
                tool_use_id: "t".into(),
                content: secret.into(),
            },
        ]),
        provider_options: Some(json!({ "openai": structured.clone() })),
        tools: Some(vec![json!({ "name": "tool", "description": secret })]),
        ..GenerateRequest::default()
    };
    let reasoning = |text: &str| StreamEvent::ReasoningDelta {
        index: 0,
        text: text.into(),
        signature: None,
    };
    let arguments = json!({ "argument": secret }).to_string();
    let cut_arguments = arguments.len() / 2;
    let events = vec![
        reasoning(first),
        text(first),
        reasoning(second),
        StreamEvent::RefusalDelta(first.into()),
        text(second),
        StreamEvent::RefusalDelta(second.into()),
        start(0, "tool"),
        delta(0, &arguments[..cut_arguments]),
        delta(0, &arguments[cut_arguments..]),
        end(0),
        start(1, "tool"),
        StreamEvent::ToolCallEnd {
            index: 1,
            // A field of the host's is found by its path, which does not lead into text.
            arguments: Some(json!({ "headers": structured["headers"], "text": secret }).to_string()),
            signature: None,
        },
        StreamEvent::ProviderEvent {
            name: None,
            data: structured.clone(),
        },
        StreamEvent::ProviderOutputItem(structured.clone()),
        StreamEvent::Custom {
            name: "custom".into(),
            data: structured,
        },
        StreamEvent::Warning(Warning {
            message: secret.into(),
            code: None,
        }),
        StreamEvent::Error(ErrorNote {
            message: secret.into(),
            code: None,
        }),
        StreamEvent::Source(Source {
            title: Some(secret.into()),
            ..Source::default()
        }),
    ];
    let told = rich(number, CallStatus::Failed, secret);
    let mut call = call(number, CallStatus::Failed, request, events);
    call.attempts = told.attempts;
    call.verdicts = told.verdicts;
    call.notes = told.notes;
    Arc::make_mut(&mut call.ending).failure = Some(failure(secret));
    call
}

/// Everything that is known of the calls holds nothing of a secret, and has the shape that was recorded.
fn assert_redacted(log: &SqliteLog, folder: &Path, calls: &[ArchivedCall]) {
    assert_eq!(found(folder, "ZQ7"), 0);
    let exported = export(log).unwrap();
    assert!(!exported.contains("ZQ7") && exported.contains("[REDACTED]"));
    for call in calls {
        let trace_id = &call.start.trace_id;
        let record = log.call(trace_id).unwrap().unwrap();
        assert!(!format!("{record:?}").contains("ZQ7"));
        let events = log
            .events(trace_id, &EventRange::default(), usize::MAX)
            .unwrap()
            .unwrap();
        assert_eq!(record.event_count, call.events.len() as u64);
        let kinds: Vec<_> = events.iter().map(|event| (event.seq, event.event.kind())).collect();
        let expected: Vec<_> = call
            .events
            .iter()
            .map(|(stamp, event)| (stamp.seq, event.kind()))
            .collect();
        assert_eq!(kinds, expected);
        // Secrets that were cut are gone as well when the pieces are put together again.
        let mut fold = StreamAccumulator::default();
        events.iter().for_each(|event| fold.push(&event.event));
        let folded = fold.into_completion();
        assert!(!format!("{folded:?}").contains("ZQ7"));
        assert_eq!(record.text.as_deref(), Some(folded.text.as_str()));
        assert_eq!(record.tool_calls, folded.tool_calls);
        let archived = log.archived(trace_id).unwrap().unwrap();
        assert_eq!(archived.ending.completion.reasoning, folded.reasoning);
        assert_eq!(archived.ending.completion.refusal, folded.refusal);
        assert_eq!(
            archived.ending.completion.provider_output_items,
            folded.provider_output_items
        );
    }
}

#[test]
fn no_secret_is_recorded_however_its_deltas_are_cut() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(&folder.path().join("calls.db"), redacting()).unwrap();
    let mut calls = Vec::new();
    for secret in secrets() {
        for cut in 0..=secret.len() {
            calls.push(telling(calls.len() as u64 + 1, &secret, cut));
        }
    }
    calls.iter().for_each(|call| record(&log, call));
    assert_redacted(&log, folder.path(), &calls);
    assert!(verified(&log).ok);
    log.close().unwrap();
    assert_eq!(found(folder.path(), "ZQ7"), 0);
}

#[test]
fn no_secret_is_recorded_of_calls_that_are_open_given_up_or_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.db");
    let log = open(&path, redacting()).unwrap();
    let mut calls: Vec<_> = (1..)
        .zip(secrets())
        .map(|(number, secret)| telling(number, &secret, 20))
        .collect();
    // Cut off within a secret that is long enough to be one by then.
    let long = secrets().into_iter().filter(|secret| secret.contains(INSIDE));
    for (number, secret) in (10..).zip(long) {
        let mut call = telling(number, &secret, secret.find(INSIDE).unwrap() + 30);
        call.events.truncate(4);
        calls.push(call);
    }
    let open_calls: Vec<_> = calls.iter().map(|call| begin(&log, call)).collect();
    log.flush().unwrap();
    assert_eq!(found(folder.path(), "ZQ7"), 0);
    for call in &calls {
        let record = log.call(&call.start.trace_id).unwrap().unwrap();
        let events = log.events(&call.start.trace_id, &EventRange::default(), 99).unwrap();
        assert!(!format!("{record:?}{events:?}").contains("ZQ7"));
    }
    let (given_up, kept) = open_calls.split_at(3);
    drop(given_up.to_vec());
    let kept = kept.to_vec();
    drop(open_calls);
    log.close().unwrap();
    drop(kept);
    let log = open(&path, redacting()).unwrap();
    assert_redacted(&log, folder.path(), &calls);
}

#[test]
fn what_is_imported_is_redacted_and_who_asks_for_it_gets_it_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let as_it_was = open(&folder.path().join("raw.db"), unredacted(plain())).unwrap();
    let calls: Vec<_> = (1..)
        .zip(secrets())
        .map(|(number, secret)| telling(number, &secret, 15))
        .collect();
    calls.iter().for_each(|call| record(&as_it_was, call));
    let lines = export(&as_it_was).unwrap();
    assert!(lines.matches("ZQ7").count() > 100);
    for call in &calls {
        let record = as_it_was.call(&call.start.trace_id).unwrap().unwrap();
        assert_eq!(record.request.as_ref(), Some(&*call.start.request));
        assert_eq!(record.text.as_ref(), Some(&call.ending.completion.text));
    }
    let target = tempfile::tempdir().unwrap();
    let log = open(&target.path().join("calls.db"), redacting()).unwrap();
    let mut importer = Importer::default();
    lines.lines().for_each(|line| importer.line(line, &log).unwrap());
    assert_eq!(importer.finish().unwrap().calls, calls.len() as u64);
    assert_redacted(&log, target.path(), &calls);
}
