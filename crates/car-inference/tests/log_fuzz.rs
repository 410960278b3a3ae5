//! Goal: whatever stands in a file or in a line to import, the answer is one or a typed error; never a panic, a hang or nonsense.
//! Method: arbitrary and mutated lines into the importer; arbitrary values into every column of a log with plain SQL, then
//! everything is asked. `PROPTEST_CASES` says how many.

#![expect(
    clippy::unwrap_used,
    reason = "a failure is the test's own message, in what its tests share as well"
)]

mod support;

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use car_inference::log::sqlite::{LogAccess, VerifyOptions};
use car_inference::log::transfer::Importer;
use car_inference::log::{EraseTarget, EventRange, LogErrorKind, LogStore, PruneOptions};
use car_inference::{CallStatus, EventLog, LogError, MemoryLog, SqliteLog, SqliteLogOptions};
use proptest::prelude::*;
use rusqlite::Connection;
use rusqlite::types::Value;
use support::logs::{begin, encrypted, everything, export, open, plain, record, rich, unredacted};

/// An export of three calls.
static EXPORT: LazyLock<String> = LazyLock::new(|| {
    let log = MemoryLog::default();
    for (number, status) in (1..).zip([CallStatus::Done, CallStatus::Failed, CallStatus::Cancelled]) {
        record(&log, &rich(number, status, "amber"));
    }
    export(&log).expect("the memory can be read")
});

/// Reads all lines, as far as they go. Returns what was taken until then.
fn import(lines: &str, log: &dyn LogStore) -> Result<u64, LogError> {
    let mut importer = Importer::default();
    for line in lines.lines() {
        importer.line(line, log)?;
    }
    importer.finish().map(|report| report.calls)
}

/// Whatever the lines are: they fail with their number, or what they came to goes out and comes in again the same.
fn check_import(lines: &str) {
    let log = MemoryLog::default();
    if let Err(error) = import(lines, &log) {
        let is_typed = matches!(error.kind, LogErrorKind::InvalidInput | LogErrorKind::NewerVersion);
        assert!(is_typed, "{error:?}");
        assert!(
            error.message.starts_with("line ") && error.message.len() < 300,
            "{error:?}"
        );
    }
    let exported = export(&log).unwrap();
    let again = MemoryLog::default();
    import(&exported, &again).unwrap();
    assert_eq!(export(&again).unwrap(), exported);
}

/// Text that is nearly JSON of a log.
fn jsonish() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just(r#"{"type":"car-inference-log","version":1}"#.to_owned()),
        prop::sample::select(EXPORT.lines().map(str::to_owned).collect::<Vec<_>>()),
        prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"",
            "\\",
            "null",
            "true",
            "1e999",
            "-0",
            "1e-400",
            "18446744073709551616",
            "\\ud800",
            "\"\\ud800\"",
            "\"\\u0000\"",
            "\"type\"",
            "\"call\"",
            "\"event\"",
            "\"end\"",
            "\n",
            "\u{feff}",
            "\u{2028}",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// A change of one place of the lines.
#[derive(Debug, Clone)]
enum Mutation {
    Cut(usize),
    DropLine(usize),
    DoubleLine(usize),
    SwapLines(usize, usize),
    Byte(usize, u8),
    Put(usize, &'static str),
    Number(usize, &'static str),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = || any::<prop::sample::Index>().prop_map(|index| index.index(100_000));
    let put = prop::sample::select(vec![
        "\"", "{", "}", "[", "]", ",", ":", "\\", "\\ud800", "\\u0000", "\n", "\r", "0", "9", "-", ".", "e", "null",
        "\u{0}", "🙂",
    ]);
    let number = prop::sample::select(vec![
        "0",
        "-1",
        "1.5",
        "1e3",
        "1e308",
        "1e400",
        "4294967296",
        "9007199254740993",
        "9223372036854775807",
        "18446744073709551615",
        "18446744073709551616",
        "null",
        "\"1\"",
        "[]",
        "{}",
        "true",
    ]);
    prop_oneof![
        1 => at().prop_map(Mutation::Cut),
        1 => at().prop_map(Mutation::DropLine),
        1 => at().prop_map(Mutation::DoubleLine),
        1 => (at(), at()).prop_map(|(one, other)| Mutation::SwapLines(one, other)),
        1 => (at(), any::<u8>()).prop_map(|(at, byte)| Mutation::Byte(at, byte)),
        1 => (at(), put).prop_map(|(at, text)| Mutation::Put(at, text)),
        4 => (at(), number).prop_map(|(at, number)| Mutation::Number(at, number)),
    ]
}

fn mutated(text: &str, mutation: &Mutation) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let mut lines: Vec<&str> = text.lines().collect();
    let count = lines.len();
    match mutation {
        Mutation::Cut(at) => bytes.truncate(at % text.len()),
        Mutation::Byte(at, byte) => bytes[at % text.len()] = *byte,
        Mutation::Put(at, put) => drop(bytes.splice(at % text.len()..at % text.len(), put.bytes())),
        Mutation::Number(at, number) => {
            let digits: Vec<_> = numbers(text).collect();
            let range = digits[at % digits.len()].clone();
            drop(bytes.splice(range, number.bytes()));
        }
        Mutation::DropLine(at) => {
            lines.remove(at % count);
            return lines.join("\n");
        }
        Mutation::DoubleLine(at) => {
            lines.insert(at % count, lines[at % count]);
            return lines.join("\n");
        }
        Mutation::SwapLines(one, other) => {
            lines.swap(one % count, other % count);
            return lines.join("\n");
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Where numbers stand as values.
fn numbers(text: &str) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
    text.match_indices(':').filter_map(|(at, _)| {
        let digits = text[at + 1..]
            .bytes()
            .take_while(|byte| byte.is_ascii_digit() || *byte == b'.');
        let count = digits.count();
        (count > 0).then_some(at + 1..at + 1 + count)
    })
}

proptest! {
    #[test]
    fn any_text_is_imported_or_refused_with_its_line(lines in jsonish()) {
        check_import(&lines);
        check_import(&format!("{{\"type\":\"car-inference-log\",\"version\":1}}\n{lines}"));
    }

    #[test]
    fn a_changed_export_is_imported_whole_or_refused_with_its_line(mutations in prop::collection::vec(mutation(), 1..4)) {
        let lines = mutations.iter().fold(EXPORT.clone(), |lines, mutation| {
            if lines.trim().is_empty() || numbers(&lines).next().is_none() { lines } else { mutated(&lines, mutation) }
        });
        check_import(&lines);
    }
}

/// Lines that are nearly right, each with what is wrong with it.
#[test]
fn nonsense_is_refused_and_named() {
    let lines: Vec<&str> = EXPORT.lines().collect();
    let (header, call, first, second) = (lines[0], lines[1], lines[2], lines[3]);
    let at = |line: &str| lines.iter().position(|found| *found == line).unwrap();
    let end = lines.iter().find(|line| line.starts_with("{\"type\":\"end\"")).unwrap();
    let events = &lines[2..at(end)];
    let whole = |call: &str, events: &[&str], end: &str| [&[header, call], events, &[end]].concat().join("\n");
    assert_eq!(import(&whole(call, events, end), &MemoryLog::default()), Ok(1));
    let other = |line: &str, from: &str, to: &str| {
        assert!(line.contains(from), "{line} has no {from}");
        line.replacen(from, to, 1)
    };
    let deep = format!(
        "{{\"type\":\"call\",\"x\":{}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    for (lines, message) in [
        (
            "{}".to_owned(),
            "line 1: it has not the fields of a line; `type` is required",
        ),
        ("[".to_owned(), "line 1: it is no JSON"),
        (call.to_owned(), "line 1: the first line has to be the header"),
        (format!("{header}\n{end}"), "line 2: an end of no call"),
        (format!("{header}\n{first}"), "line 2: an event of no call"),
        (format!("{header}\n{call}"), "line 2: the last call has no end"),
        (
            format!("{header}\n{call}\n{call}"),
            "line 3: the call before has no end",
        ),
        (format!("{header}\n{call}\n{second}"), "line 3: seq: expected 1, got 2"),
        (
            format!("{header}\n{call}\n{header}"),
            "line 3: the call before has no end",
        ),
        (
            whole(&other(call, "\"traceId\":\"0", "\"traceId\":\"\",\"x\":\"0"), &[], end),
            "line 2: traceId",
        ),
        (
            whole(&other(call, "startedAt\":1", "startedAt\":-1"), &[], end),
            "line 2: a time that is none: startedAt: expected milliseconds since the Unix epoch, got ",
        ),
        (
            whole(&other(call, "startedAt\":1", "startedAt\":1e300,\"x\":1"), &[], end),
            "line 2: a time that is none: startedAt: expected milliseconds since the Unix epoch, got ",
        ),
        (
            whole(call, events, &other(end, "\"status\":\"done\"", "\"status\":\"open\"")),
            "ending.status",
        ),
        (
            whole(call, events, &other(end, "\"seq\":11", "\"seq\":99")),
            "seq: expected 11, got 99",
        ),
        (
            whole(call, events, &other(end, "\"seq\":11", "\"seq\":18446744073709551615")),
            "seq: expected 11",
        ),
        (
            whole(call, events, &other(end, "\"at\":1", "\"at\":1,\"x\":1")),
            "at: before",
        ),
        (
            whole(call, &[&other(first, "\"at\":1", "\"at\":1,\"x\":1")], end),
            "line 3: at: before",
        ),
        (
            whole(call, &[&other(first, "\"attempt\":1", "\"attempt\":4294967296")], end),
            "line 3: it has not the fields of its type: invalid value: integer `4294967296`",
        ),
        (
            whole(&other(call, "\"model\":\"gpt-5\"", "\"model\":null"), &[], end),
            "of its type: model: expected a string, got null",
        ),
        (
            whole(&other(call, "\"model\":\"gpt-5\",", ""), &[], end),
            "of its type: model: required",
        ),
        (
            whole(&other(call, "\"tags\":[\"", "\"tags\":[5,\""), &[], end),
            "of its type: request.tags[0]: expected a string, got the number 5",
        ),
        (
            whole(&other(call, "\"request\":{", "\"request\":{\"maxTokens\":5,"), &[], end),
            "of its type: request.maxTokens: unknown field",
        ),
        (
            format!("{header}\n{deep}"),
            "line 2: it has not the fields of its type: ",
        ),
        (format!("{header}\n{}", "{\"type\":".repeat(100_000)), "line 2: "),
        (
            "{\"type\":\"car-inference-log\",\"version\":2}".to_owned(),
            "line 1: the lines have version 2",
        ),
    ] {
        let error = import(&lines, &MemoryLog::default()).unwrap_err();
        assert!(error.message.contains(message), "{message}: {error:?}");
    }
}

/// A log with something in every table, as the bytes of its file.
struct Kept {
    options: SqliteLogOptions,
    bytes: Vec<u8>,
}

fn kept(options: SqliteLogOptions) -> Kept {
    let folder = tempfile::tempdir().unwrap();
    let log = open(&folder.path().join("calls.db"), options.clone()).unwrap();
    record(&log, &rich(1, CallStatus::Done, "amber"));
    record(&log, &rich(2, CallStatus::Failed, "coral"));
    record(&log, &rich(3, CallStatus::Done, "gone"));
    let is_open = begin(&log, &rich(4, CallStatus::Done, "dusk"));
    log.flush().unwrap();
    record(&log, &rich(5, CallStatus::Cancelled, "ember"));
    let options_of_prune = PruneOptions {
        max_calls: Some(4),
        keep: ["amber", "coral", "ember"].map(|word| format!("tag {word}")).into(),
        ..PruneOptions::default()
    };
    assert_eq!(log.prune(&options_of_prune).unwrap().calls, 1);
    record(&log, &rich(6, CallStatus::Done, "gone"));
    assert_eq!(log.prune(&options_of_prune).unwrap().calls, 1);
    let target = EraseTarget {
        trace_id: Some(format!("{:032x}", 2)),
        tag: None,
    };
    log.erase(&target).unwrap();
    log.checkpoint(&[9; 32]).unwrap();
    let copy = folder.path().join("copy.db");
    log.backup(copy.to_str().unwrap()).unwrap();
    drop(is_open);
    log.close().unwrap();
    Kept {
        options,
        bytes: fs::read(copy).unwrap(),
    }
}

static PLAIN: LazyLock<Kept> = LazyLock::new(|| kept(unredacted(plain())));
static ENCRYPTED: LazyLock<Kept> = LazyLock::new(|| kept(encrypted()));

/// JSON that our own types might be read from, and what is none.
fn stored_text() -> impl Strategy<Value = String> {
    let depth = prop::sample::select(vec![1_usize, 100, 159, 161, 1_000, 100_000]);
    let open_close = prop::sample::select(vec![("[", "]"), ("{\"a\":", "}"), ("[[0,", "]]"), ("[", "")]);
    prop_oneof![
        any::<String>(),
        jsonish(),
        (depth, open_close).prop_map(|(depth, (open, close))| format!(
            "{}0{}",
            open.repeat(depth),
            close.repeat(depth)
        )),
        prop::sample::select(vec![
            "null",
            "0",
            "[]",
            "{}",
            "\"\"",
            "[null]",
            "[[0,\"a\"]]",
            "[[0,null]]",
            "[[0,{\"type\":\"text-delta\"}]]",
            "[[9223372036854775807,\"a\"],[-9223372036854775808,\"b\"]]",
            "[[1e400,\"a\"]]",
            "[[0,\"\\ud800\"]]",
            "[[0,\"a\",1]]",
            "[[0,{\"type\":\"done\",\"text\":\"\"}]]",
            "[[18446744073709551615,{\"attempt\":{\"attempt\":1,\"model\":\"m\"}}]]",
            "{\"calls\":18446744073709551615,\"gaps\":\"\"}",
            "{\"calls\":[-9223372036854775808,0,1]}",
            "{\"root\":\"\"}",
            "open",
            "done",
            "start",
            "end",
            "events",
            "annotations",
            "prune",
            "erase",
            "checkpoint",
        ])
        .prop_map(str::to_owned),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let numbers = vec![
        0,
        1,
        -1,
        2,
        7,
        i64::MAX,
        i64::MAX - 1,
        i64::MIN,
        i64::MIN + 1,
        i64::from(u32::MAX),
        1 << 53,
    ];
    prop_oneof![
        4 => stored_text().prop_map(Value::Text),
        2 => prop::collection::vec(any::<u8>(), 0..80).prop_map(Value::Blob),
        3 => prop::sample::select(numbers).prop_map(Value::Integer),
        1 => any::<i64>().prop_map(Value::Integer),
        1 => any::<f64>().prop_map(Value::Real),
        1 => Just(Value::Null),
    ]
}

const COLUMNS: [(&str, &str); 54] = [
    ("calls", "id"),
    ("calls", "trace_id"),
    ("calls", "model"),
    ("calls", "requested_model"),
    ("calls", "provider"),
    ("calls", "hint"),
    ("calls", "status"),
    ("calls", "started_at_us"),
    ("calls", "first_event_at_us"),
    ("calls", "ended_at_us"),
    ("calls", "attempt"),
    ("calls", "event_count"),
    ("calls", "stop_reason"),
    ("calls", "input_tokens"),
    ("calls", "total_tokens"),
    ("calls", "error_code"),
    ("calls", "erased_at_us"),
    ("calls", "client_ref"),
    ("calls", "tags"),
    ("calls", "tags"),
    ("calls", "request"),
    ("calls", "request"),
    ("calls", "text"),
    ("calls", "tool_calls"),
    ("calls", "tool_calls"),
    ("calls", "completion"),
    ("calls", "completion"),
    ("calls", "failure"),
    ("calls", "failure"),
    ("calls", "attempts"),
    ("calls", "verdicts"),
    ("calls", "notes"),
    ("records", "position"),
    ("records", "call_id"),
    ("records", "kind"),
    ("records", "first_seq"),
    ("records", "first_seq"),
    ("records", "count"),
    ("records", "attempt"),
    ("records", "at_us"),
    ("records", "data"),
    ("records", "data"),
    ("records", "data"),
    ("records", "salt"),
    ("records", "digest"),
    ("records", "link"),
    ("call_tags", "tag"),
    ("call_tags", "call_id"),
    ("gaps", "first"),
    ("gaps", "last"),
    ("gaps", "after"),
    ("gaps", "subtrees"),
    ("settings", "value"),
    ("settings", "name"),
];

/// Stands for all rows.
const ALL: usize = usize::MAX;

/// A value to put into a column of some row.
type Put = (usize, usize, Value);

fn puts() -> impl Strategy<Value = Vec<Put>> {
    let put = (0..COLUMNS.len(), 0..30_usize, value());
    prop::collection::vec(put, 1..4)
}

/// Puts the values into the file. SQLite refuses what a strict table cannot hold; says whether it took any.
fn put_all(path: &Path, puts: &[Put]) -> bool {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch("PRAGMA journal_mode = OFF").unwrap();
    let mut changed = 0;
    for (column, row, value) in puts {
        let (table, column) = COLUMNS[column % COLUMNS.len()];
        let count: i64 = connection
            .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))
            .unwrap();
        let key = ["calls", "records", "gaps"].contains(&table);
        let key = if key { "rowid" } else { column };
        let place = if *row == ALL {
            String::new()
        } else {
            let row = *row as i64 % count.max(1);
            format!("WHERE {key} = (SELECT {key} FROM {table} ORDER BY 1 LIMIT 1 OFFSET {row})")
        };
        let sql = format!("UPDATE {table} SET {column} = ?1 {place}");
        changed += connection.execute(&sql, [value]).unwrap_or_default();
    }
    changed > 0
}

fn assert_typed<R>(answer: Result<R, LogError>) -> Option<R> {
    match answer {
        Ok(answer) => Some(answer),
        Err(error) => {
            use LogErrorKind::{Corrupt, InvalidInput, NotALog, Other, Unsupported, WrongKey};
            let is_expected = matches!(
                error.kind,
                Corrupt | InvalidInput | NotALog | Unsupported | WrongKey | Other
            );
            assert!(is_expected && !error.message.contains("panicked"), "{error:?}");
            None
        }
    }
}

/// Asks for everything there is to ask.
fn ask(log: &SqliteLog) {
    assert_typed(log.verify(&VerifyOptions::default()));
    assert_typed(log.stats());
    assert_typed(log.end_cursor());
    assert_typed(log.calls(&everything()));
    assert_typed(export(log));
    let mut at = None;
    for _ in 0..100 {
        match assert_typed(log.tail(at.as_deref(), 3)) {
            Some(page) if !page.items.is_empty() => at = Some(page.cursor),
            _ => break,
        }
    }
    for number in 1..6 {
        let trace_id = format!("{number:032x}");
        assert_typed(log.call(&trace_id));
        assert_typed(log.archived(&trace_id));
        for (from, to) in [(None, None), (Some(3), Some(5)), (Some(u64::MAX), None)] {
            assert_typed(log.events(&trace_id, &EventRange { from, to }, 7));
        }
    }
}

fn put_and_ask(kept: &Kept, puts: &[Put]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.db");
    fs::write(&path, &kept.bytes).unwrap();
    if !put_all(&path, puts) {
        return;
    }
    let read = SqliteLogOptions {
        access: Some(LogAccess::Read),
        ..kept.options.clone()
    };
    if let Some(log) = assert_typed(open(&path, read)) {
        ask(&log);
    }
    // Whoever writes closes what was open, and goes on.
    if let Some(log) = assert_typed(open(&path, kept.options.clone())) {
        ask(&log);
        if let Ok(recorder) = log.start(&rich(9, CallStatus::Done, "new").start) {
            drop(recorder);
        }
        assert_typed(log.flush());
        let all = EraseTarget {
            trace_id: None,
            tag: Some("all".into()),
        };
        assert_typed(log.erase(&all));
        let none_left = PruneOptions {
            max_calls: Some(0),
            ..PruneOptions::default()
        };
        assert_typed(log.prune(&none_left));
        assert_typed(log.close());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn whatever_stands_in_a_file_is_answered_or_refused(puts in puts()) {
        put_and_ask(&PLAIN, &puts);
    }

    #[test]
    fn whatever_stands_in_an_encrypted_file_is_answered_or_refused(puts in puts()) {
        put_and_ask(&ENCRYPTED, &puts);
    }
}

/// Files take their time: fewer than is usual, unless it is said how many.
fn cases() -> u32 {
    let asked = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok());
    asked.unwrap_or(64)
}

/// What a random search rarely comes to: each of these values in each column.
#[test]
fn each_extreme_in_each_column_is_answered_or_refused() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let texts = [
        format!("[[0,{{\"type\":\"custom\",\"name\":\"n\",\"data\":{deep}}}]]"),
        format!("{{\"prompt\":\"\",\"providerOptions\":{{\"x\":{deep}}}}}"),
        format!("[{{\"name\":\"n\",\"arguments\":{deep}}}]"),
        deep,
        "[[0,\"\\ud800\"]]".to_owned(),
        "{\"calls\":18446744073709551615,\"gaps\":\"\"}".to_owned(),
    ];
    let numbers = [i64::MIN, -1, i64::MAX];
    let values = texts
        .into_iter()
        .map(Value::Text)
        .chain(numbers.into_iter().map(Value::Integer));
    let values: Vec<_> = values.collect();
    for column in 0..COLUMNS.len() {
        if column > 0 && COLUMNS[column] == COLUMNS[column - 1] {
            continue;
        }
        for (index, value) in values.iter().enumerate() {
            put_and_ask(&PLAIN, &[(column, ALL, value.clone())]);
            if matches!(value, Value::Integer(_)) {
                put_and_ask(&PLAIN, &[(column, column + index, value.clone())]);
            }
        }
    }
}
