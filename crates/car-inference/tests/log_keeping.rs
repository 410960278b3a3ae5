//! Goal: a log is kept as small as it is asked to be, no smaller, however long it is used; and what is erased while it is being
//! recorded stays erased.
//! Method: logs of every kind are filled with calls of chosen sizes, pruned, erased and asked; durable ones are also looked into
//! with plain SQL.

#![expect(
    clippy::unwrap_used,
    reason = "a failure is the test's own message, in what its tests share as well"
)]
#![expect(
    clippy::cloned_ref_to_slice_refs,
    reason = "lists of ids read alike, however many there are"
)]

mod support;

use std::path::Path;

use car_inference::log::sqlite::{VerifyOptions, VerifyReport};
use car_inference::log::{
    ArchivedCall, CallFilter, Durability, EraseTarget, EventRange, LogErrorKind, LogStore, PruneOptions,
};
use car_inference::{CallRecord, CallStatus, GenerateRequest, MemoryLog, SqliteLog, SqliteLogOptions};
use proptest::prelude::*;
use rusqlite::Connection;
use support::logs::{begin, block_on, call, encrypted, everything, export, open, plain, record, rich, with_words};
use support::text;

const PAGE_BYTES: u64 = 4_096;

/// A call that says so many bytes, with a label.
fn sized(number: u64, bytes: usize, tag: &str) -> ArchivedCall {
    let request = GenerateRequest {
        prompt: format!("prompt {number}"),
        tags: vec![tag.into()],
        ..GenerateRequest::default()
    };
    // Words that differ, as those of an answer do.
    let words = (0..).map(|word| format!("{:x} ", (number + 1) * 7_919 + word * word));
    let mut answer = String::new();
    words
        .take_while(|word| {
            answer.push_str(word);
            answer.len() < bytes
        })
        .for_each(drop);
    call(number, CallStatus::Done, request, vec![text(&answer)])
}

/// About how much a log grows by such a call: its answer is kept as an event and as text, and with words also in their index.
fn grown_by(bytes: usize) -> u64 {
    3 * bytes as u64 + 2_000
}

struct Durable {
    log: SqliteLog,
    folder: tempfile::TempDir,
}

/// Nobody waits for each call: there are many.
fn unwaited(options: SqliteLogOptions) -> SqliteLogOptions {
    SqliteLogOptions {
        durability: Some(Durability::Relaxed),
        ..options
    }
}

fn durable(options: SqliteLogOptions) -> Durable {
    let options = unwaited(options);
    let folder = tempfile::tempdir().unwrap();
    let log = open(&folder.path().join("calls.db"), options).unwrap();
    Durable { log, folder }
}

impl Durable {
    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("calls.db")
    }

    fn count(&self, what: &str) -> i64 {
        count(&self.path(), what)
    }
}

fn count(path: &Path, what: &str) -> i64 {
    let connection = Connection::open(path).unwrap();
    let sql = format!("SELECT count(*) FROM {what}");
    connection.query_row(&sql, [], |row| row.get(0)).unwrap()
}

fn prune(log: &dyn LogStore, json: &str) -> u64 {
    log.prune(&PruneOptions::from_json(json).unwrap()).unwrap().calls
}

fn bytes(log: &dyn LogStore) -> u64 {
    log.stats().unwrap().bytes
}

fn numbers(log: &dyn LogStore) -> Vec<u64> {
    let calls = log.calls(&everything()).unwrap();
    let number = |call: CallRecord| u64::from_str_radix(&call.trace_id, 16).unwrap();
    calls.into_iter().map(number).collect()
}

fn verified(log: &SqliteLog) -> VerifyReport {
    let report = log.verify(&VerifyOptions::default()).unwrap();
    assert!(report.ok, "{report:?}");
    report
}

/// Prunes a log of calls of these sizes, the oldest first, to a share of what it takes, and checks what is left.
fn prune_to_share(log: &dyn LogStore, page_bytes: u64, sizes: &[usize], share: f64) {
    let first = log.stats().unwrap().calls;
    for (number, size) in (first..).zip(sizes) {
        record(log, &sized(number, *size, "any"));
    }
    log.flush().unwrap();
    let (before, full) = (numbers(log), bytes(log));
    let limit = (full as f64 * share) as u64;
    let json = format!(r#"{{"maxBytes":{limit}}}"#);
    let gone = prune(log, &json) as usize;
    let left = bytes(log);
    assert!(
        left <= limit || gone == before.len(),
        "{left} bytes are more than {limit}"
    );
    assert_eq!(numbers(log), before[gone..], "the oldest go first");
    if gone > 0 {
        // Had the last of them stayed, it would have been too much; a page is free only when all of it is.
        let last = grown_by(sizes[gone - 1 - first as usize]);
        assert!(
            left + last + 24 * page_bytes > limit,
            "{left} bytes are left of {full}, {limit} were allowed, and the last of {gone} calls took about {last}"
        );
    }
    for _ in 0..3 {
        assert_eq!(prune(log, &json), 0, "an idle log stays as it is");
        assert_eq!(bytes(log), left);
    }
}

fn shapes() -> Vec<(&'static str, Vec<usize>)> {
    let many = |count: usize, size: &dyn Fn(usize) -> usize| (0..count).map(size).collect::<Vec<_>>();
    vec![
        ("many tiny ones", many(150, &|_| 3)),
        ("large ones", many(12, &|_| 60_000)),
        ("ever larger ones", many(60, &|index| index * 400)),
        ("ever smaller ones", many(60, &|index| (60 - index) * 400)),
        (
            "a huge one first",
            many(100, &|index| if index == 0 { 900_000 } else { 50 }),
        ),
        (
            "a huge one in the middle",
            many(100, &|index| if index == 50 { 900_000 } else { 50 }),
        ),
        (
            "a huge one last",
            many(100, &|index| if index == 99 { 900_000 } else { 50 }),
        ),
        (
            "small and large in turn",
            many(60, &|index| if index % 2 == 0 { 20 } else { 20_000 }),
        ),
    ]
}

fn stops_at_the_limit(options: &SqliteLogOptions, shapes: impl IntoIterator<Item = (&'static str, Vec<usize>)>) {
    for (name, sizes) in shapes {
        for share in [0.6, 0.1] {
            eprintln!("{name}, {share}");
            let subject = durable(options.clone());
            prune_to_share(&subject.log, PAGE_BYTES, &sizes, share);
            verified(&subject.log);
            assert_eq!(std::fs::metadata(subject.path()).unwrap().len(), bytes(&subject.log));
        }
    }
}

#[test]
fn pruning_by_size_removes_the_oldest_calls_until_the_file_is_small_enough_and_not_one_more() {
    stops_at_the_limit(&plain(), shapes());
}

#[test]
fn pruning_by_size_stops_as_exactly_with_an_index_of_words() {
    // Smaller ones, because words take time.
    let smaller = |(name, sizes): (_, Vec<usize>)| (name, sizes.into_iter().map(|size| size / 4).collect());
    stops_at_the_limit(&with_words(), shapes().into_iter().skip(3).map(smaller));
}

#[test]
fn pruning_by_size_stops_as_exactly_of_an_encrypted_log() {
    stops_at_the_limit(&encrypted(), shapes().into_iter().take(2));
}

#[test]
fn pruning_by_size_stops_as_exactly_in_memory() {
    for (name, sizes) in shapes() {
        eprintln!("{name}");
        prune_to_share(&MemoryLog::default(), 1, &sizes, 0.4);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5, ..ProptestConfig::default() })]

    #[test]
    fn pruning_by_size_stops_at_the_limit_whatever_the_sizes(
        rounds in prop::collection::vec((prop::collection::vec(prop_oneof![8 => 0..200_usize, 2 => 0..9_000_usize, 1 => 0..120_000_usize], 0..40), 0.05..1.1_f64), 1..4),
        words in any::<bool>(),
    ) {
        let subject = durable(if words { with_words() } else { plain() });
        let memory = MemoryLog::default();
        let (mut sizes, mut first) = (Vec::new(), 0);
        for (more, share) in rounds {
            let calls: Vec<_> = more.iter().enumerate().map(|(at, size)| sized((first + at) as u64, *size, "any")).collect();
            first += more.len();
            sizes.extend(more);
            for (log, page) in [(&subject.log as &dyn LogStore, PAGE_BYTES), (&memory, 1)] {
                calls.iter().for_each(|call| record(log, call));
                log.flush().unwrap();
                let (before, full) = (numbers(log), bytes(log));
                let limit = (full as f64 * share) as u64;
                let json = format!(r#"{{"maxBytes":{limit}}}"#);
                let gone = prune(log, &json) as usize;
                let left = bytes(log);
                prop_assert!(left <= limit || gone == before.len());
                prop_assert_eq!(&numbers(log)[..], &before[gone..]);
                if gone > 0 {
                    let last = grown_by(sizes[before[gone - 1] as usize]);
                    prop_assert!(left + last + 24 * page > limit, "{left} of {limit}, {last}");
                }
                prop_assert_eq!((prune(log, &json), bytes(log)), (0, left));
            }
        }
        verified(&subject.log);
    }
}

/// A call with so many words, most of which other calls have too, as in prose: the more frequent, the more of them.
fn prose(number: u64, words: u64) -> ArchivedCall {
    const VOCABULARY: u64 = 8_000;
    // Pseudorandom: <https://prng.di.unimi.it/splitmix64.c>.
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 27)) >> 11
    };
    let mut answer = String::new();
    for _ in 0..words {
        let share = (next() % 1_000) as f64 / 1_000.0;
        let rank = (VOCABULARY as f64 * share.powi(3)) as u64 + next() % 8;
        answer.push_str(&format!("w{:x} ", rank * 7_919 % 1_000_003));
    }
    answer.push_str(&format!("only{number}"));
    let request = GenerateRequest {
        prompt: "prompt".into(),
        ..GenerateRequest::default()
    };
    call(number, CallStatus::Done, request, vec![text(&answer)])
}

#[test]
fn pruning_finds_room_where_many_distinct_words_were_indexed() {
    const CALLS: u64 = 120;
    const KEPT: u64 = 24;
    let filled = || {
        let subject = durable(with_words());
        (0..CALLS).for_each(|number| record(&subject.log, &prose(number, 300)));
        subject.log.flush().unwrap();
        subject
    };
    let subject = filled();
    let empty = bytes(&durable(with_words()).log);
    let per_call = (bytes(&subject.log) - empty) / CALLS;
    let limit = empty + KEPT * per_call;
    let check = |subject: &Durable| {
        let (left, calls) = (bytes(&subject.log), numbers(&subject.log));
        assert_eq!(calls, (CALLS - calls.len() as u64..CALLS).collect::<Vec<_>>());
        assert_eq!(std::fs::metadata(subject.path()).unwrap().len(), left);
        let found = subject.log.calls(&CallFilter {
            text: Some(format!("only{}", CALLS - 1)),
            ..everything()
        });
        assert_eq!(found.unwrap().len(), 1);
        verified(&subject.log);
        (left, calls.len() as u64)
    };
    let by_size = format!(r#"{{"maxBytes":{limit}}}"#);
    prune(&subject.log, &by_size);
    let (left, calls) = check(&subject);
    // Fewer words are in each block of the index, so that a call takes a little more.
    assert!(calls > KEPT * 3 / 4, "{calls} calls stayed, {left} of {limit} bytes");
    assert!(
        left <= limit && left + 2 * per_call > limit,
        "{left} bytes, {limit} were allowed"
    );
    assert_eq!((prune(&subject.log, &by_size), bytes(&subject.log)), (0, left));
    prune(&subject.log, r#"{"maxCalls":0}"#);
    assert!(bytes(&subject.log) <= empty + 4 * PAGE_BYTES, "an emptied log is small");

    let subject = filled();
    prune(&subject.log, &format!(r#"{{"maxCalls":{KEPT}}}"#));
    let (left, calls) = check(&subject);
    assert_eq!(calls, KEPT);
    assert!(left < limit + limit / 4, "{left} bytes, about {limit} are in use");
    prune(&subject.log, r#"{"maxAge":0}"#);
    assert!(bytes(&subject.log) <= empty + 4 * PAGE_BYTES, "an emptied log is small");
}

#[test]
fn erasing_finds_room_where_many_distinct_words_were_indexed() {
    let subject = durable(with_words());
    for number in 0..60 {
        let mut call = prose(number, 300);
        std::sync::Arc::make_mut(&mut call.start.request).tags = vec!["erased".into()];
        record(&subject.log, &call);
    }
    record(&subject.log, &prose(60, 300));
    subject.log.flush().unwrap();
    let pages = || subject.count("call_texts_data");
    let before = pages();
    subject.log.erase(&by_tag("erased")).unwrap();
    let free: i64 = Connection::open(subject.path())
        .unwrap()
        .pragma_query_value(None, "freelist_count", |row| row.get(0))
        .unwrap();
    assert!(free > before / 2, "{free} free pages, the index had {before}");
    verified(&subject.log);
}

#[test]
fn a_huge_call_that_is_kept_does_not_keep_pruning_from_its_end() {
    let subject = durable(plain());
    for log in [&subject.log as &dyn LogStore, &MemoryLog::default()] {
        record(log, &sized(0, 400_000, "keep"));
        for number in 1..40 {
            record(log, &sized(number, 100, "any"));
        }
        log.flush().unwrap();
        let beside = bytes(log) - 20_000;
        assert!(prune(log, &format!(r#"{{"maxBytes":{beside},"keep":["keep"]}}"#)) > 0);
        let left = numbers(log);
        assert!(
            left.len() > 3 && left[0] == 0 && left[1] == 41 - left.len() as u64,
            "{left:?}"
        );
        // Never small enough: all that may go is gone, and then no more.
        prune(log, r#"{"maxBytes":1000,"keep":["keep"]}"#);
        assert_eq!(numbers(log), [0]);
        assert_eq!(prune(log, r#"{"maxBytes":1000,"keep":["keep"]}"#), 0);
    }
    verified(&subject.log);
}

/// What lies in front of what is pruned.
#[derive(Debug, Clone, Copy)]
enum Front {
    Nothing,
    Kept,
    Open,
}

#[test]
fn what_is_left_of_pruned_calls_does_not_pile_up() {
    const ROUNDS: u64 = 12;
    const CALLS: u64 = 16;
    for front in [Front::Nothing, Front::Kept, Front::Open] {
        for bound in [r#""maxCalls":20"#, r#""maxBytes":140000"#, r#""maxAge":0"#] {
            let subject = durable(plain());
            let log = &subject.log;
            let mut number = 1;
            let in_front = sized(0, 50, "keep");
            let still_open = match front {
                Front::Nothing => None,
                Front::Kept => {
                    record(log, &in_front);
                    None
                }
                Front::Open => Some(begin(log, &in_front)),
            };
            let mut after = Vec::new();
            for _ in 0..ROUNDS {
                for _ in 0..CALLS {
                    record(log, &sized(number, 50, "any"));
                    number += 1;
                }
                prune(log, &format!(r#"{{{bound},"keep":["keep"]}}"#));
                after.push(bytes(log));
            }
            let (early, late) = (after[ROUNDS as usize / 2], after[ROUNDS as usize - 1]);
            assert!(late <= early + 4 * PAGE_BYTES, "{front:?}, {bound}: {after:?}");
            assert_eq!(subject.count("records WHERE kind = 'prune'"), 1, "{front:?}, {bound}");
            let calls = subject.count("calls");
            assert!(subject.count("gaps") <= calls + 2, "{front:?}, {bound}");
            // The roots of a gap's subtrees: twice the depth of the tree at most.
            assert_eq!(subject.count("gaps WHERE length(subtrees) > 32 * 24"), 0);
            let report = verified(log);
            assert_eq!(
                report.pruned_calls + report.calls,
                number - u64::from(still_open.is_none() && !matches!(front, Front::Kept))
            );
            drop(still_open);
        }
    }
}

#[test]
fn a_log_that_is_idle_is_pruned_without_being_written_to() {
    let subject = durable(plain());
    for number in 0..60 {
        record(&subject.log, &sized(number, 100, "any"));
    }
    let half = bytes(&subject.log) / 2;
    prune(&subject.log, &format!(r#"{{"maxBytes":{half}}}"#));
    subject.log.settle().unwrap();
    let before = std::fs::read(subject.path()).unwrap();
    for bound in [
        format!(r#""maxBytes":{half}"#),
        r#""maxCalls":60"#.into(),
        r#""maxAge":1e9"#.into(),
        r#""maxCalls":60,"keep":["any"]"#.into(),
    ] {
        for _ in 0..5 {
            assert_eq!(prune(&subject.log, &format!("{{{bound}}}")), 0);
        }
    }
    assert_eq!(subject.log.stats().unwrap().wal_bytes, Some(0));
    assert!(std::fs::read(subject.path()).unwrap() == before);
}

#[test]
fn checkpoints_do_not_pile_up_and_the_newest_still_find_what_was_rewritten() {
    let subject = durable(plain());
    record(&subject.log, &sized(0, 50, "keep"));
    let mut checkpoints = Vec::new();
    for round in 0..70 {
        record(&subject.log, &sized(2 * round + 1, 50, "any"));
        record(&subject.log, &sized(2 * round + 2, 50, "any"));
        checkpoints.push(subject.log.checkpoint(&[9; 32]).unwrap());
    }
    let with = |index: usize| VerifyOptions {
        checkpoint: Some(checkpoints[index].clone()),
        public_key: None,
    };
    assert_eq!(prune(&subject.log, r#"{"maxCalls":1000}"#), 0);
    assert_eq!(subject.count("records WHERE kind = 'checkpoint'"), 64);
    assert_eq!(prune(&subject.log, r#"{"maxCalls":3,"keep":["keep"]}"#), 138);
    assert_eq!(subject.count("records WHERE kind = 'checkpoint'"), 64);
    verified(&subject.log);
    for kept in [6, 7, 40, 69] {
        let report = subject.log.verify(&with(kept)).unwrap();
        assert!(report.ok, "{kept}: {report:?}");
    }
    for pruned in [0, 5] {
        let problem = subject.log.verify(&with(pruned)).unwrap().problem.unwrap();
        assert!(
            problem.message.contains("verify with a newer checkpoint"),
            "{problem:?}"
        );
    }
    subject.log.close().unwrap();
    // The state of the tree is read on from where it was kept.
    let log = open(&subject.path(), unwaited(plain())).unwrap();
    let newest = log.checkpoint(&[9; 32]).unwrap();
    let options = VerifyOptions {
        checkpoint: Some(newest),
        public_key: None,
    };
    assert!(log.verify(&options).unwrap().ok);
}

#[test]
fn a_long_log_goes_on_where_it_was_closed_and_its_checkpoints_hold() {
    let subject = durable(plain());
    let mut log = subject.log.clone();
    let mut checkpoints = Vec::new();
    for session in 0..4 {
        for number in 0..170 {
            record(
                &log,
                &sized(1_000 * session + number, 10, if number == 80 { "keep" } else { "any" }),
            );
        }
        checkpoints.push(log.checkpoint(&[9; 32]).unwrap());
        if session == 2 {
            assert!(prune(&log, r#"{"maxCalls":150,"keep":["keep"]}"#) > 300);
        }
        log.close().unwrap();
        log = open(&subject.path(), unwaited(plain())).unwrap();
    }
    assert!(subject.count("settings WHERE name = 'tree'") == 1);
    for checkpoint in checkpoints {
        let options = VerifyOptions {
            checkpoint: Some(checkpoint),
            public_key: None,
        };
        let report = log.verify(&options).unwrap();
        assert!(report.ok, "{report:?}");
    }
    // What is kept of the tree only saves reading: without it the log opens as well.
    log.close().unwrap();
    for change in [
        "DELETE FROM settings WHERE name = 'tree'",
        "UPDATE settings SET value = x'00' WHERE name = 'tree'",
    ] {
        Connection::open(subject.path()).unwrap().execute_batch(change).unwrap();
        let log = open(&subject.path(), unwaited(plain())).unwrap();
        assert!(!log.verify(&VerifyOptions::default()).unwrap().ok);
        record(&log, &sized(9_000 + change.len() as u64, 10, change));
        prune(&log, r#"{"maxCalls":10}"#);
        verified(&log);
        log.close().unwrap();
    }
}

#[test]
fn what_is_told_of_erased_calls_goes_with_them() {
    let subject = durable(with_words());
    let log = &subject.log;
    for number in 0..200 {
        record(log, &sized(number, 50, if number % 50 == 0 { "keep" } else { "any" }));
        if number % 10 == 9 {
            log.erase(&EraseTarget {
                trace_id: Some(format!("{number:032x}")),
                tag: None,
            })
            .unwrap();
        }
    }
    let erased = log
        .erase(&EraseTarget {
            trace_id: None,
            tag: Some("any".into()),
        })
        .unwrap();
    assert_eq!(erased.trace_ids.len(), 176);
    verified(log);
    assert_eq!(prune(log, r#"{"maxCalls":12,"keep":["keep"]}"#), 188);
    let report = verified(log);
    assert_eq!((report.calls, report.erased.len()), (12, 8));
    // The one erasure of many calls is told again, of those that are left.
    assert!(subject.count("records WHERE kind = 'erase'") <= 2);
    assert!(subject.count("records WHERE kind = 'erase' AND length(data) > 200") == 0);
    assert_eq!(prune(log, r#"{"maxCalls":4,"keep":["keep"]}"#), 8);
    assert_eq!(subject.count("records WHERE kind = 'erase'"), 0);
    assert_eq!(subject.count("calls"), 4);
    verified(log);
}

fn by_tag(tag: &str) -> EraseTarget {
    EraseTarget {
        trace_id: None,
        tag: Some(tag.into()),
    }
}

fn by_trace_id(call: &ArchivedCall) -> EraseTarget {
    EraseTarget {
        trace_id: Some(call.start.trace_id.clone()),
        tag: None,
    }
}

fn nothing_said(record: &CallRecord) -> bool {
    let CallRecord {
        request,
        text,
        tags,
        tool_calls,
        failure,
        attempts,
        verdicts,
        notes,
        client_ref,
        conversation_id,
        parent_trace_id,
        ..
    } = record;
    request.is_none()
        && text.is_none()
        && failure.is_none()
        && [client_ref, conversation_id, parent_trace_id]
            .iter()
            .all(|label| label.is_none())
        && tags.is_empty()
        && tool_calls.is_empty()
        && attempts.is_empty()
        && verdicts.is_empty()
        && notes.is_empty()
}

const WORD: &str = "zqerasedword";

/// All bytes of a durable log.
fn all_bytes(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for suffix in ["", "-wal"] {
        bytes.extend(std::fs::read(format!("{}{suffix}", path.display())).unwrap_or_default());
    }
    bytes
}

fn holds(path: &Path, word: &str) -> bool {
    all_bytes(path)
        .windows(word.len())
        .any(|window| window == word.as_bytes())
}

#[test]
fn a_call_that_is_erased_while_it_is_open_leaves_nothing_of_what_it_said_and_will_say() {
    let subjects = [plain(), with_words(), encrypted()].map(|options| (durable(options.clone()), options));
    let memory = MemoryLog::default();
    let logs = subjects
        .iter()
        .map(|(subject, options)| (&subject.log as &dyn LogStore, Some((subject, options))));
    for (log, durable) in logs.chain([(&memory as &dyn LogStore, None)]) {
        let closed = rich(1, CallStatus::Done, WORD);
        let other = rich(2, CallStatus::Done, "other");
        let open_call = rich(3, CallStatus::Failed, WORD);
        record(log, &closed);
        record(log, &other);
        let recorder = begin(log, &open_call);
        log.flush().unwrap();
        let is_sealed = durable.is_some_and(|(_, options)| options.key.is_some());
        assert!(durable.is_none_or(|(subject, _)| holds(&subject.path(), WORD)));
        let before = log.call(&open_call.start.trace_id).unwrap().unwrap();
        assert_eq!((before.erase_requested_at, before.request.is_some()), (None, true));

        let report = log.erase(&by_tag(&format!("tag {WORD}"))).unwrap();
        assert_eq!(report.trace_ids, [closed.start.trace_id.clone()]);
        assert_eq!(report.pending_trace_ids, [open_call.start.trace_id.clone()]);
        let marked = log.call(&open_call.start.trace_id).unwrap().unwrap();
        assert!(nothing_said(&marked), "{marked:?}");
        assert_eq!(
            (marked.status, marked.erased_at, marked.event_count),
            (CallStatus::Open, None, 10)
        );
        assert!(marked.erase_requested_at.is_some());
        // Again, by its label or its id: the same is still pending.
        for target in [by_tag(&format!("tag {WORD}")), by_trace_id(&open_call)] {
            let again = log.erase(&target).unwrap();
            assert_eq!(
                (again.trace_ids.len(), again.pending_trace_ids),
                (0, vec![open_call.start.trace_id.clone()])
            );
        }
        let again = log.call(&open_call.start.trace_id).unwrap().unwrap();
        assert_eq!(again.erase_requested_at, marked.erase_requested_at);
        let events = log
            .events(&open_call.start.trace_id, &EventRange::default(), 99)
            .unwrap();
        assert_eq!(events, Some(Vec::new()));

        // It goes on, and ends.
        for seq in 11..200 {
            recorder
                .event(
                    support::logs::stamp(seq),
                    car_inference::stream::EventRef::from(&text(WORD)),
                )
                .unwrap();
        }
        log.flush().unwrap();
        assert!(durable.is_none_or(|(subject, _)| !holds(&subject.path(), WORD)));
        let ended = support::logs::stamp(200);
        let later = rich(4, CallStatus::Done, WORD);
        let commit = recorder.end(ended, &open_call.ending).unwrap();
        block_on(commit.done()).unwrap();
        let erased = log.call(&open_call.start.trace_id).unwrap().unwrap();
        assert!(nothing_said(&erased), "{erased:?}");
        assert_eq!(
            (erased.status, erased.erase_requested_at, erased.event_count),
            (CallStatus::Failed, None, 199)
        );
        assert!(erased.erased_at >= erased.ended_at);
        assert_eq!(erased.usage.and_then(|usage| usage.input_tokens), Some(3));
        assert!(durable.is_none_or(|(subject, _)| !holds(&subject.path(), WORD)));
        let again = log.erase(&by_trace_id(&open_call)).unwrap();
        assert_eq!((again.trace_ids.len(), again.pending_trace_ids.len()), (0, 0));
        // One that begins later has the label again, and keeps what it says.
        record(log, &later);
        let kept = log.call(&later.start.trace_id).unwrap().unwrap();
        assert!(kept.request.is_some() && kept.erased_at.is_none());
        assert!(is_sealed || !export(log).unwrap().contains(&open_call.start.trace_id));
        if let Some((subject, _)) = durable {
            let report = verified(&subject.log);
            assert_eq!(
                report.erased,
                [closed.start.trace_id.clone(), open_call.start.trace_id.clone()]
            );
            if subject.count("sqlite_schema WHERE name = 'call_texts'") > 0 {
                let found = log.calls(&car_inference::log::CallFilter {
                    text: Some(WORD.into()),
                    ..Default::default()
                });
                assert_eq!(found.unwrap().len(), 1);
            }
        }
    }
}

#[test]
fn an_erasure_that_was_asked_for_outlives_the_process() {
    for options in [plain(), with_words(), encrypted()] {
        let subject = durable(options.clone());
        let call = rich(1, CallStatus::Done, WORD);
        let recorder = begin(&subject.log, &call);
        let other = begin(&subject.log, &rich(2, CallStatus::Done, "other"));
        let report = subject.log.erase(&by_trace_id(&call)).unwrap();
        assert_eq!(report.pending_trace_ids, [call.start.trace_id.clone()]);
        recorder
            .event(
                support::logs::stamp(11),
                car_inference::stream::EventRef::from(&text(WORD)),
            )
            .unwrap();
        subject.log.flush().unwrap();
        verified(&subject.log);
        // As the file is when the process is killed, and as a copy has it.
        let folder = tempfile::tempdir().unwrap();
        let killed = folder.path().join("killed.db");
        std::fs::copy(subject.path(), &killed).unwrap();
        std::fs::copy(
            format!("{}-wal", subject.path().display()),
            format!("{}-wal", killed.display()),
        )
        .unwrap();
        let copy = folder.path().join("copy.db");
        subject.log.backup(copy.to_str().unwrap()).unwrap();
        for path in [killed, copy] {
            assert!(!holds(&path, WORD));
            let log = open(&path, unwaited(options.clone())).unwrap();
            let erased = log.call(&call.start.trace_id).unwrap().unwrap();
            assert_eq!((erased.status, erased.event_count), (CallStatus::Interrupted, 11));
            assert!(nothing_said(&erased) && erased.erased_at.is_some(), "{erased:?}");
            assert_eq!(erased.first_event_at, Some(call.start.started_at_us as f64 / 1e3 + 1.0));
            let kept = log.calls(&everything()).unwrap().pop().unwrap();
            assert!(kept.request.is_some() && kept.text.is_some());
            assert_eq!(verified(&log).erased, [call.start.trace_id.clone()]);
            log.close().unwrap();
            assert!(!holds(&path, WORD));
        }
        // Closed under it, and given up, it is erased as well.
        drop(recorder);
        subject.log.flush().unwrap();
        let given_up = subject.log.call(&call.start.trace_id).unwrap().unwrap();
        assert_eq!(given_up.status, CallStatus::Interrupted);
        assert!(nothing_said(&given_up) && given_up.erased_at.is_some());
        subject.log.erase(&by_tag("tag other")).unwrap();
        subject.log.close().unwrap();
        let log = open(&subject.path(), unwaited(options)).unwrap();
        assert_eq!(verified(&log).erased.len(), 2);
        drop(other);
    }
}

#[test]
fn an_erased_open_call_is_pruned_like_any_other_once_it_has_ended() {
    let subject = durable(plain());
    for log in [&subject.log as &dyn LogStore, &MemoryLog::default()] {
        let call = rich(1, CallStatus::Done, WORD);
        let recorder = begin(log, &call);
        log.erase(&by_trace_id(&call)).unwrap();
        assert_eq!(prune(log, r#"{"maxCalls":0}"#), 0);
        block_on(recorder.end(call.ended, &call.ending).unwrap().done()).unwrap();
        assert_eq!(prune(log, r#"{"maxCalls":0}"#), 1);
        assert_eq!(log.stats().unwrap().calls, 0);
    }
    assert_eq!(subject.count("records WHERE kind = 'erase'"), 0);
    verified(&subject.log);
}

#[test]
fn a_target_of_nothing_or_of_two_things_is_refused() {
    let subject = durable(plain());
    for log in [&subject.log as &dyn LogStore, &MemoryLog::default()] {
        record(log, &rich(1, CallStatus::Done, "word"));
        let both = EraseTarget {
            tag: Some("all".into()),
            ..by_trace_id(&rich(1, CallStatus::Done, "word"))
        };
        for target in [EraseTarget::default(), both] {
            let refused = log.erase(&target).unwrap_err();
            assert_eq!(refused.kind, LogErrorKind::InvalidInput);
            assert!(
                refused.message.contains("`traceId`") && refused.message.contains("`tag`"),
                "{refused}"
            );
        }
        assert!(log.calls(&everything()).unwrap()[0].request.is_some());
    }
}

#[test]
fn what_is_erased_in_memory_takes_less_of_its_bound() {
    let log = MemoryLog::default();
    for number in 0..10 {
        record(&log, &sized(number, 10_000, "any"));
    }
    let full = bytes(&log);
    log.erase(&by_tag("any")).unwrap();
    let left = bytes(&log);
    assert!(left < full / 4, "{left} of {full}");
    assert_eq!(prune(&log, &format!(r#"{{"maxBytes":{left}}}"#)), 0);
    assert_eq!(prune(&log, r#"{"maxBytes":0}"#), 10);
    assert_eq!(bytes(&log), 0);
}
