//! Goal: a log that was changed says so, or answers as it did; nothing that was changed is answered with `ok: true`.
//! Method: a small log with something in every column of every table. Its bytes are flipped; its rows are changed, dropped,
//! swapped, doubled and put in with plain SQL. Each time the log is opened, compared with its chain and asked everything.

#![expect(
    clippy::unwrap_used,
    reason = "a failure is the test's own message, in what its tests share as well"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use car_inference::log::sqlite::{Checkpoint, LogAccess, VerifyOptions, VerifyProblem, VerifyReport};
use car_inference::log::transfer::Importer;
use car_inference::log::{CallLog, EraseTarget, LogErrorKind, LogStore, PruneOptions};
use car_inference::{CallRecord, CallStatus, LogError, SqliteLog, SqliteLogOptions};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use support::logs::{answers, begin, encrypted, everything, export, open, plain, record, rich, with_words};

/// Words that the small log is searched for.
const WORDS: [&str; 5] = ["answer", "prompt", "amber", "coral", "answer amber"];

/// A small log as a file in bytes, and all that it answered.
struct Small {
    options: SqliteLogOptions,
    bytes: Vec<u8>,
    calls: Vec<CallRecord>,
    answers: String,
    checkpoint: Checkpoint,
}

/// A log of calls that were completed, failed, cancelled, erased, pruned and are open, with a checkpoint between them, in pages
/// of so many bytes.
fn small(options: SqliteLogOptions, page_bytes: u32) -> Small {
    let folder = tempfile::tempdir().unwrap();
    let log = open(&folder.path().join("calls.db"), options.clone()).unwrap();
    record(&log, &rich(1, CallStatus::Done, "amber"));
    record(&log, &rich(2, CallStatus::Done, "pruned"));
    record(&log, &rich(3, CallStatus::Failed, "coral"));
    record(&log, &rich(4, CallStatus::Done, "erased"));
    let pruned = log.prune(&PruneOptions {
        max_calls: Some(3),
        keep: vec!["tag amber".into()],
        ..PruneOptions::default()
    });
    assert_eq!(pruned.unwrap().calls, 1);
    erase(&log, 4);
    let checkpoint = log.checkpoint(&[9; 32]).unwrap();
    let is_open: Arc<dyn CallLog> = begin(&log, &rich(5, CallStatus::Done, "dusk"));
    log.flush().unwrap();
    record(&log, &rich(6, CallStatus::Cancelled, "ember"));
    let file = folder.path().join("copy.db");
    log.backup(file.to_str().unwrap()).unwrap();
    drop(is_open);
    log.close().unwrap();
    let connection = Connection::open(&file).unwrap();
    connection
        .execute_batch(&format!("PRAGMA page_size = {page_bytes}; VACUUM;"))
        .unwrap();
    drop(connection);
    let bytes = fs::read(&file).unwrap();
    let log = open(&file, read(&options)).unwrap();
    assert!(log.verify(&VerifyOptions::default()).unwrap().ok);
    let calls = log.calls(&everything()).unwrap();
    assert_eq!(calls.len(), 5);
    let answers = all(&log, &file, &options, &calls).unwrap();
    Small {
        options,
        bytes,
        calls,
        answers,
        checkpoint,
    }
}

fn erase(log: &SqliteLog, number: u64) {
    let target = EraseTarget {
        trace_id: Some(format!("{number:032x}")),
        tag: None,
    };
    assert_eq!(log.erase(&target).unwrap().trace_ids.len(), 1);
}

fn read(options: &SqliteLogOptions) -> SqliteLogOptions {
    SqliteLogOptions {
        access: Some(LogAccess::Read),
        ..options.clone()
    }
}

/// All answers, of the package and of the view for people.
fn all(log: &SqliteLog, file: &Path, options: &SqliteLogOptions, calls: &[CallRecord]) -> Result<String, LogError> {
    let words = if options.full_text_search == Some(true) {
        &WORDS[..]
    } else {
        &[]
    };
    let answers = answers(log, calls, words)?;
    Ok(format!("{answers}\n{}", view(file)?))
}

fn view(file: &Path) -> Result<String, rusqlite::Error> {
    let connection = Connection::open(file)?;
    let mut statement = connection.prepare("SELECT * FROM events ORDER BY trace_id, seq")?;
    let mut rows = statement.query([])?;
    let mut view = String::new();
    while let Some(row) = rows.next()? {
        for column in 0..6 {
            view.push_str(&format!("{:?} ", row.get_ref(column)?));
        }
    }
    Ok(view)
}

/// What came of looking at a changed log.
#[derive(Debug)]
enum Found {
    /// It did not open, or not read, and said why.
    Refused,
    /// It is not as it was written.
    Wrong(VerifyProblem),
    /// It answers as before.
    Same,
}

fn refused(error: &LogError) -> Found {
    assert!(!error.message.is_empty());
    Found::Refused
}

/// Opens what is in the file, and asks everything.
fn look(file: &Path, small: &Small, expected: &str, options: SqliteLogOptions, change: &dyn std::fmt::Debug) -> Found {
    let log = match open(file, options) {
        Ok(log) => log,
        Err(error) => return refused(&error),
    };
    match log.verify(&VerifyOptions::default()) {
        Err(error) => return refused(&error),
        Ok(VerifyReport {
            problem: Some(problem),
            ok,
            ..
        }) => {
            assert!(!ok);
            return Found::Wrong(problem);
        }
        Ok(report) => assert!(report.ok),
    }
    let answers = all(&log, file, &small.options, &small.calls).unwrap_or_else(|error| format!("{error:?}"));
    assert!(
        answers == expected,
        "changed and not found: {change:?}\n{}",
        difference(expected, &answers)
    );
    Found::Same
}

fn difference(expected: &str, found: &str) -> String {
    let same = expected
        .bytes()
        .zip(found.bytes())
        .take_while(|(one, other)| one == other);
    let from = expected.floor_char_boundary(same.count().saturating_sub(40));
    let cut = |text: &str| text[from..].chars().take(200).collect::<String>();
    format!("  {}\n  {}", cut(expected), cut(found))
}

/// Where the file format says that a byte means nothing: between a page's cell pointers and its cells
/// (<https://sqlite.org/fileformat.html#b_tree_pages>).
fn is_free(bytes: &[u8]) -> Vec<bool> {
    let number = |at: usize| usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
    let page_bytes = number(16);
    let mut free = vec![false; bytes.len()];
    for page in (0..bytes.len()).step_by(page_bytes) {
        let head = if page == 0 { 100 } else { page };
        let head_bytes = match bytes[head] {
            2 | 5 => 12,
            10 | 13 => 8,
            _ => continue, // An overflow page, or one that tells where others are.
        };
        let pointers_end = head + head_bytes + 2 * number(head + 3);
        let cells = page + number(head + 5);
        if pointers_end <= cells && cells <= page + page_bytes {
            free[pointers_end..cells].fill(true);
        }
    }
    free
}

/// Flips bytes of the file, one at a time; those that mean nothing at once. By default one byte of so many, `LOG_TRUST_BYTES=all`
/// flips each.
fn flip_bytes(options: SqliteLogOptions, stride: usize) {
    use std::os::unix::fs::FileExt;
    const MASKS: [u8; 4] = [0xFF, 0x01, 0x80, 0x20];
    let small = small(options, 512);
    let stride = std::env::var("LOG_TRUST_BYTES").map_or(stride, |_all| 1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.db");
    let for_reading = read(&small.options);
    let mut copy = small.bytes.clone();
    let free = is_free(&small.bytes);
    for (byte, _) in copy.iter_mut().zip(&free).filter(|(_, free)| **free) {
        *byte ^= 0xFF;
    }
    fs::write(&path, &copy).unwrap();
    let found = look(&path, &small, &small.answers, for_reading.clone(), &"free bytes");
    assert!(matches!(found, Found::Same), "{found:?}");

    fs::write(&path, &small.bytes).unwrap();
    let once_written = written(&folder.path().join("written.db"), &small);
    let file = fs::File::options().write(true).open(&path).unwrap();
    let (mut flipped, mut refused, mut wrong) = (0, 0, 0);
    let allocated = (0..small.bytes.len()).filter(|at| !free[*at]);
    for at in allocated.step_by(stride) {
        let mask = MASKS[at / stride % MASKS.len()];
        let flip = format!("byte {at} ^ {mask:#x}");
        file.write_all_at(&[small.bytes[at] ^ mask], at as u64).unwrap();
        let found = look(&path, &small, &small.answers, for_reading.clone(), &flip);
        flipped += 1;
        refused += usize::from(matches!(found, Found::Refused));
        wrong += usize::from(matches!(found, Found::Wrong(_)));
        if flipped % 32 == 0 {
            let copy = folder.path().join(format!("{at}.db"));
            fs::copy(&path, &copy).unwrap();
            look(&copy, &small, &once_written, small.options.clone(), &flip);
            fs::remove_file(copy).unwrap();
        }
        file.write_all_at(&small.bytes[at..=at], at as u64).unwrap();
    }
    eprintln!(
        "{flipped} of {} bytes: {refused} refused to open or read, {wrong} found by verify, {} mean nothing",
        small.bytes.len(),
        flipped - refused - wrong
    );
    assert!(wrong > flipped / 2 && refused > 0);
}

/// What a log answers once it was opened to be written to, which closes the call that was open.
fn written(path: &Path, small: &Small) -> String {
    fs::write(path, &small.bytes).unwrap();
    let log = open(path, small.options.clone()).unwrap();
    all(&log, path, &small.options, &small.calls).unwrap()
}

#[test]
fn a_flipped_byte_is_found_or_changes_no_answer() {
    flip_bytes(plain(), 13);
}

#[test]
fn a_flipped_byte_is_found_or_changes_no_answer_with_an_index_of_words() {
    flip_bytes(with_words(), 17);
}

#[test]
fn a_flipped_byte_is_found_or_changes_no_answer_of_an_encrypted_log() {
    flip_bytes(encrypted(), 17);
}

/// A table as an attacker sees it.
#[derive(Debug)]
struct Table {
    name: String,
    columns: Vec<String>,
    key: Vec<String>,
    rows: Vec<Vec<Value>>,
}

impl Table {
    fn at(&self, row: &[Value], column: &str) -> Value {
        let index = self.columns.iter().position(|name| name == column);
        row[index.expect("a column of this table")].clone()
    }

    fn number(&self, row: &[Value], column: &str) -> i64 {
        match self.at(row, column) {
            Value::Integer(number) => number,
            other => panic!("{column} is {other:?}"),
        }
    }

    /// Which row an SQL statement means, with `values` before it.
    fn whose(&self, row: &[Value], mut values: Vec<Value>) -> (String, Vec<Value>) {
        let condition: Vec<_> = self.key.iter().map(|column| format!("{column} IS ?")).collect();
        values.extend(self.key.iter().map(|column| self.at(row, column)));
        (condition.join(" AND "), values)
    }

    fn is_shadow(&self) -> bool {
        self.name.starts_with("call_texts")
    }
}

fn tables(bytes: &[u8]) -> Vec<Table> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.db");
    fs::write(&path, bytes).unwrap();
    let connection = Connection::open(path).unwrap();
    let list = |sql: &str| -> Vec<String> {
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let names = list("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'call_texts'");
    let table = |name: String| {
        let columns = list(&format!("SELECT name FROM pragma_table_info('{name}')"));
        let key = list(&format!("SELECT name FROM pragma_table_info('{name}') WHERE pk > 0"));
        let mut statement = connection.prepare(&format!("SELECT * FROM {name}")).unwrap();
        let rows = statement
            .query_map([], |row| (0..columns.len()).map(|column| row.get(column)).collect())
            .unwrap()
            .map(Result::unwrap)
            .collect();
        Table {
            name,
            columns,
            key,
            rows,
        }
    };
    names.into_iter().map(table).collect()
}

/// Who can write to the file, and knows how it is made.
struct Attacker<'a> {
    small: &'a Small,
    folder: tempfile::TempDir,
}

impl<'a> Attacker<'a> {
    fn on(small: &'a Small) -> Self {
        Self {
            small,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("calls.db")
    }

    /// Changes the file as it was made, and looks at it. Nothing when SQLite itself refuses the change, or there was none.
    fn attack(&self, what: &str, change: impl FnOnce(&Connection) -> rusqlite::Result<usize>) -> Option<Found> {
        self.change(change)?;
        let options = read(&self.small.options);
        Some(look(&self.path(), self.small, &self.small.answers, options, &what))
    }

    fn change(&self, change: impl FnOnce(&Connection) -> rusqlite::Result<usize>) -> Option<()> {
        use std::io::Write;
        let mut file = fs::File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.path())
            .unwrap();
        file.write_all(&self.small.bytes).unwrap();
        file.set_len(self.small.bytes.len() as u64).unwrap();
        drop(file);
        let connection = Connection::open(self.path()).unwrap();
        connection.execute_batch("PRAGMA journal_mode = OFF; BEGIN").unwrap();
        let changed = change(&connection).ok().filter(|rows| *rows > 0);
        connection.execute_batch("COMMIT").unwrap();
        changed.map(drop)
    }

    fn verify(&self, options: &VerifyOptions) -> VerifyReport {
        let log = open(&self.path(), read(&self.small.options)).unwrap();
        log.verify(options).unwrap()
    }
}

/// Other values that might stand in a value's place; SQLite refuses those that are not of the column's type.
fn others(table: &Table, column: usize, row: usize) -> Vec<Value> {
    let value = &table.rows[row][column];
    let mut others = match value {
        Value::Null => vec![
            Value::Integer(1),
            Value::Text("x".into()),
            Value::Text("[]".into()),
            Value::Blob(vec![1; 16]),
        ],
        Value::Integer(number) => vec![Value::Integer(number ^ 1), Value::Integer(-number), Value::Integer(0)],
        Value::Real(number) => vec![Value::Real(-number)],
        Value::Text(text) => vec![
            Value::Text(format!("{text}x")),
            Value::Text(text.replacen(['a', '1', 'e'], "b", 1)),
            Value::Text(String::new()),
            Value::Blob(text.clone().into_bytes()),
        ],
        Value::Blob(bytes) => {
            let mut flipped = bytes.clone();
            flipped.iter_mut().take(1).for_each(|byte| *byte ^= 1);
            vec![
                Value::Blob(flipped),
                Value::Blob(bytes[..bytes.len() / 2].to_vec()),
                Value::Blob(Vec::new()),
            ]
        }
    };
    others.push(Value::Null);
    others.extend(table.rows.iter().map(|other| other[column].clone()).take(4));
    others.retain(|other| other != value);
    others.dedup();
    others
}

/// Asserts that a change of this row was found where it is.
fn assert_named(found: &Found, small: &Small, table: &Table, row: &[Value], what: &str) {
    let Found::Wrong(problem) = found else {
        assert!(
            matches!(found, Found::Refused) || table.is_shadow(),
            "{what}: {found:?}"
        );
        return;
    };
    let is_in = |name: &str, row: i64| problem.table == name && problem.row == Some(row);
    let named = match table.name.as_str() {
        // What a record commits to in `calls` is found with the record.
        "calls" => {
            let id = table.number(row, "id");
            is_in("calls", id) || (problem.table == "records" && records_of(small, id).contains(&problem.row))
        }
        "records" => {
            let (position, id) = (table.number(row, "position"), table.number(row, "call_id"));
            // A record of the log's own speaks of others, and one that was moved leaves a hole.
            id == 0 || is_in("records", position) || is_in("calls", id) || what.starts_with("records.position")
        }
        "call_tags" => problem.table == "call_tags",
        "gaps" => matches!(problem.table.as_str(), "gaps" | "records" | "file"),
        "settings" => matches!(problem.table.as_str(), "settings" | "records"),
        _ => true,
    };
    assert!(named, "{what}: {problem:?}");
}

fn records_of(small: &Small, id: i64) -> Vec<Option<i64>> {
    let records = tables(&small.bytes).into_iter().find(|table| table.name == "records");
    let records = records.expect("there is a table of records");
    let mine = records.rows.iter().filter(|row| records.number(row, "call_id") == id);
    mine.map(|row| Some(records.number(row, "position"))).collect()
}

/// Changes each value of each row of the tables that are `meant`.
fn change_every_value(options: SqliteLogOptions, meant: impl Fn(&str) -> bool) {
    let small = small(options, 1024);
    let attacker = Attacker::on(&small);
    let (mut tried, mut refused) = (0, 0);
    for table in tables(&small.bytes).iter().filter(|table| meant(&table.name)) {
        for (index, row) in table.rows.iter().enumerate() {
            for (column, name) in table.columns.iter().enumerate() {
                for other in others(table, column, index) {
                    let what = format!("{}.{name} of {:?} to {other:?}", table.name, &row[..1]);
                    let (whose, values) = table.whose(row, vec![other]);
                    let sql = format!("UPDATE {} SET {name} = ? WHERE {whose}", table.name);
                    let found = attacker.attack(&what, |file| file.execute(&sql, params_from_iter(values)));
                    tried += 1;
                    match found {
                        Some(found) => assert_named(&found, &small, table, row, &what),
                        None => refused += 1,
                    }
                }
            }
        }
    }
    eprintln!("{tried} changes of a value, of which SQLite refused {refused}");
    assert!(tried > 2 * refused);
}

#[test]
fn every_value_of_every_row_that_is_changed_is_found_and_named() {
    change_every_value(plain(), |_all| true);
}

#[test]
fn every_value_of_an_index_of_words_that_is_changed_is_found_or_finds_the_same() {
    change_every_value(with_words(), |table| table.starts_with("call_texts"));
}

#[test]
fn every_value_of_an_encrypted_log_that_is_changed_is_found_and_named() {
    change_every_value(encrypted(), |table| matches!(table, "calls" | "settings"));
}

/// Asserts that it was found, except of an index, which may hold what finds nothing.
fn assert_found(found: Option<Found>, table: &Table, what: &str) {
    match found {
        Some(Found::Wrong(_) | Found::Refused) | None => {}
        Some(Found::Same) => assert!(table.is_shadow(), "{what}: not found"),
    }
}

fn drop_and_swap_rows(options: SqliteLogOptions) {
    let small = small(options, 1024);
    let attacker = Attacker::on(&small);
    for table in &tables(&small.bytes) {
        let name = &table.name;
        for row in &table.rows {
            let (whose, values) = table.whose(row, Vec::new());
            let what = format!("{name}: {:?} dropped", &row[..1]);
            let sql = format!("DELETE FROM {name} WHERE {whose}");
            let found = attacker.attack(&what, |file| file.execute(&sql, params_from_iter(&values)));
            assert_found(found, table, &what);
            if name == "calls" || name == "records" {
                let what = format!("{name}: {:?} put in again under another key", &row[..1]);
                let columns = table.columns[1..].join(", ");
                let columns = columns.replace("trace_id,", "trace_id || 'x',");
                let sql = format!(
                    "INSERT INTO {name} SELECT max({key}, 1000), {columns} FROM {name} WHERE {whose}",
                    key = table.key[0]
                );
                let found = attacker.attack(&what, |file| file.execute(&sql, params_from_iter(&values)));
                assert_found(found, table, &what);
            }
        }
        for (index, one) in table.rows.iter().enumerate() {
            for other in &table.rows[..index] {
                swap(&attacker, table, one, other);
            }
        }
    }
}

/// Swaps all that two rows hold beside their keys; of records also their payload alone, and their places alone.
fn swap(attacker: &Attacker<'_>, table: &Table, one: &[Value], other: &[Value]) {
    let beside_key: Vec<&str> = table.columns.iter().map(String::as_str).collect();
    let mut sets = vec![beside_key];
    if table.name == "records" {
        sets.push(vec!["data", "salt"]);
        sets.push(vec!["data", "salt", "digest"]);
        sets.push(vec!["link"]);
    }
    for mut columns in sets {
        columns.retain(|column| !table.key.iter().any(|key| key == column));
        if columns.is_empty() {
            return;
        }
        let what = format!(
            "{}: {columns:?} of {:?} and {:?} swapped",
            table.name,
            &one[..1],
            &other[..1]
        );
        // Sides are put away first, so that no unique index is in the way.
        let put = |file: &Connection, to: &[Value], from: &[Value]| {
            let values = columns.iter().map(|column| table.at(from, column)).collect();
            let (whose, values) = table.whose(to, values);
            let sql = format!("UPDATE {} SET {} = ? WHERE {whose}", table.name, columns.join(" = ?, "));
            file.execute(&sql, params_from_iter(values))
        };
        let found = attacker.attack(&what, |file| {
            if table.name == "calls" {
                file.execute("UPDATE calls SET trace_id = trace_id || 'x'", [])?;
                put(file, one, other)?;
                put(file, other, one)?;
                return file.execute("UPDATE calls SET trace_id = substr(trace_id, 1, 32)", []);
            }
            put(file, one, other)?;
            put(file, other, one)
        });
        let differ = columns
            .iter()
            .any(|column| table.at(one, column) != table.at(other, column));
        if differ {
            assert_found(found, table, &what);
        }
    }
}

#[test]
fn every_row_that_is_dropped_swapped_or_put_in_again_is_found() {
    drop_and_swap_rows(plain());
}

#[test]
fn every_row_that_is_dropped_or_swapped_is_found_of_an_encrypted_log() {
    drop_and_swap_rows(encrypted());
}

#[test]
fn a_row_that_is_put_in_is_found() {
    let small = small(with_words(), 1024);
    let attacker = Attacker::on(&small);
    for (table, sql) in [
        ("settings", "INSERT INTO settings VALUES ('extra', 1)"),
        (
            "call_tags",
            "INSERT INTO call_tags SELECT 'planted', started_at_us, id FROM calls",
        ),
        ("call_tags", "INSERT INTO call_tags VALUES ('all', 1, 99)"),
        ("gaps", "INSERT INTO gaps SELECT 100, 101, after, subtrees FROM gaps"),
        ("gaps", "INSERT INTO gaps VALUES (1, 1, zeroblob(32), zeroblob(32))"),
        ("gaps", "INSERT INTO gaps VALUES (100, 100, zeroblob(32), zeroblob(32))"),
        (
            "records",
            "INSERT INTO records SELECT max(position) + 1, call_id, kind, first_seq, count, attempt, at_us, salt,
             digest, link, data FROM records",
        ),
        (
            "records",
            "INSERT INTO records SELECT -1, 0, 'checkpoint', 0, 0, 0, 0, salt, digest, link, '{}' FROM records LIMIT 1",
        ),
        (
            "calls",
            "INSERT INTO calls (id, trace_id, model, requested_model, status, started_at_us) VALUES (99, 'x', 'm', 'm', 'open', 1)",
        ),
        (
            "call_texts",
            "INSERT INTO call_texts (rowid, prompt, answer) VALUES (99, 'amber', '')",
        ),
        (
            "call_texts",
            "INSERT INTO call_texts (rowid, prompt, answer) SELECT max(id), 'planted', '' FROM calls WHERE status <> 'done'",
        ),
        (
            "call_texts",
            "INSERT INTO call_texts (call_texts, rowid, prompt, answer) VALUES ('delete', 1, 'prompt amber', '')",
        ),
    ] {
        match attacker.attack(sql, |file| file.execute(sql, [])) {
            Some(Found::Wrong(problem)) => assert!(problem.table == table || table == "gaps", "{sql}: {problem:?}"),
            found => panic!("{sql}: {found:?}"),
        }
    }
}

#[test]
fn a_changed_schema_is_found() {
    let small = small(with_words(), 1024);
    let attacker = Attacker::on(&small);
    let rewrite = |name: &str, from: &str, to: &str| {
        format!(
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, '{from}', '{to}') WHERE name = '{name}'"
        )
    };
    let indexes = tables(&small.bytes);
    assert!(indexes.len() >= 5);
    let mut attacks: Vec<String> = [
        "calls_by_trace_id",
        "calls_by_start",
        "calls_by_model",
        "calls_by_status",
        "calls_by_conversation",
        "calls_by_parent",
        "calls_by_client_ref",
        "call_tags_by_call",
        "records_by_call",
        "records_by_kind",
    ]
    .map(|index| format!("DROP INDEX {index}"))
    .into();
    attacks.extend([
        "DROP VIEW events".into(),
        "DROP VIEW events; CREATE VIEW events AS SELECT 1 AS trace_id, 1 AS seq, 1 AS at_us, 1 AS attempt, 1 AS type, 1 AS event"
            .into(),
        "CREATE TABLE extra (x)".into(),
        "CREATE VIEW extra AS SELECT * FROM calls".into(),
        "CREATE INDEX extra ON calls (text)".into(),
        "CREATE UNIQUE INDEX extra ON calls (text)".into(),
        "CREATE INDEX extra ON calls (text); DROP INDEX calls_by_start".into(),
        "CREATE TRIGGER extra AFTER INSERT ON records BEGIN DELETE FROM records; END".into(),
        "CREATE TRIGGER extra INSTEAD OF INSERT ON events BEGIN SELECT 1; END".into(),
        "ANALYZE".into(),
        rewrite("records", " STRICT", ""),
        rewrite("calls", "NOT NULL", ""),
        rewrite("calls", "TEXT NOT NULL", "TEXT NOT NULL DEFAULT 1"),
        rewrite("calls_by_model", "model,", "status,"),
        rewrite("calls_by_client_ref", "IS NOT NULL", "IS NULL"),
        rewrite("events", "text-delta", "text-gamma"),
        rewrite("call_texts", "prompt, answer", "answer, prompt"),
        "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'calls')
         WHERE name = 'records'"
            .into(),
        "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE
         name = 'calls_by_start') WHERE name = 'calls_by_model'"
            .into(),
        "PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'events'".into(),
    ]);
    for attack in attacks {
        let found = attacker.attack(&attack, |file| file.execute_batch(&attack).map(|()| 1));
        assert!(
            matches!(found, Some(Found::Wrong(_) | Found::Refused)),
            "{attack}: {found:?}"
        );
    }
}

#[test]
fn a_tail_that_is_cut_is_found_and_with_a_checkpoint_also_when_it_is_cut_clean() {
    let small = small(plain(), 1024);
    let attacker = Attacker::on(&small);
    let records = tables(&small.bytes).into_iter().find(|table| table.name == "records");
    let positions: Vec<_> = records
        .iter()
        .flat_map(|table| table.rows.iter().map(|row| table.number(row, "position")))
        .collect();
    let mut clean = 0;
    for first_cut in &positions[1..] {
        let cut = format!("DELETE FROM records WHERE position >= {first_cut}");
        let found = attacker.attack(&cut, |file| file.execute(&cut, []));
        assert!(matches!(found, Some(Found::Wrong(_))), "{cut}: {found:?}");
        // All that speaks of it is cut as well.
        let all = format!(
            "DELETE FROM call_tags WHERE call_id >= {first_cut};
             DELETE FROM calls WHERE id >= {first_cut};
             {cut};"
        );
        attacker.change(|file| file.execute_batch(&all).map(|()| 1)).unwrap();
        let report = attacker.verify(&VerifyOptions::default());
        let checked = attacker.verify(&with(&small.checkpoint));
        let has_checkpoint = *first_cut > small.checkpoint.count;
        clean += usize::from(report.ok);
        assert_eq!(checked.ok, report.ok && has_checkpoint, "{first_cut}: {checked:?}");
    }
    assert!(clean >= 3, "{clean}");
}

fn with(checkpoint: &Checkpoint) -> VerifyOptions {
    VerifyOptions {
        checkpoint: Some(checkpoint.clone()),
        public_key: Some(checkpoint.public_key.clone()),
    }
}

/// The chain as ARCHITECTURE.md has it, written a second time: what an attacker does who knows all of it.
mod forge {
    use rusqlite::types::ValueRef;
    use rusqlite::{Connection, params};
    use sha2::{Digest, Sha256};

    const START: &str = "trace_id, requested_model, provider, hint, started_at_us";
    const START_PAYLOAD: &str = "client_ref, conversation_id, parent_trace_id, tags, request";
    const END: &str = "model, status, first_event_at_us, ended_at_us, attempt, event_count, stop_reason, input_tokens,
        output_tokens, total_tokens, cache_read_input_tokens, cache_creation_input_tokens, reasoning_tokens, cost_micro_usd,
        error_code";
    const END_PAYLOAD: &str = "text, tool_calls, completion, failure, attempts, verdicts, notes";

    fn push(hash: &mut Sha256, value: ValueRef<'_>) {
        let (tag, bytes) = match value {
            ValueRef::Null => (0_u8, Vec::new()),
            ValueRef::Integer(number) => (1, number.to_le_bytes().to_vec()),
            ValueRef::Real(number) => (2, number.to_le_bytes().to_vec()),
            ValueRef::Text(text) => (3, text.to_vec()),
            ValueRef::Blob(bytes) => (4, bytes.to_vec()),
        };
        hash.update([tag]);
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    }

    fn of_columns(file: &Connection, mut hash: Sha256, columns: &str, id: i64) -> Vec<u8> {
        let mut statement = file
            .prepare(&format!("SELECT {columns} FROM calls WHERE id = ?1"))
            .unwrap();
        let count = statement.column_count();
        let mut rows = statement.query([id]).unwrap();
        let row = rows.next().unwrap().unwrap();
        (0..count).for_each(|column| push(&mut hash, row.get_ref(column).unwrap()));
        hash.finalize().to_vec()
    }

    /// Makes every digest, link, root and state anew from what the file says now.
    pub fn rechain(file: &Connection) -> rusqlite::Result<usize> {
        let log_id: String =
            file.query_row("SELECT value FROM settings WHERE name = 'log_id'", [], |row| row.get(0))?;
        let mut link = Sha256::new_with_prefix(b"car-inference event log 1\n")
            .chain_update(log_id)
            .finalize()
            .to_vec();
        let mut tree = Tree::default();
        let records: Vec<(i64, String)> = file
            .prepare("SELECT position, kind FROM records ORDER BY position")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let mut last = 0;
        for (position, kind) in &records {
            if *position != last + 1 {
                let (end, after, subtrees): (i64, Vec<u8>, Vec<u8>) = file.query_row(
                    "SELECT last, after, subtrees FROM gaps WHERE first = ?1",
                    [last + 1],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
                )?;
                tree.put_all(last, end, &subtrees);
                link = after;
            }
            last = *position;
            match kind.as_str() {
                "checkpoint" => say(file, *position, "root", &tree.root())?,
                "prune" => say(file, *position, "gaps", &all_gaps(file)?)?,
                _ => {}
            }
            let (digest, next) = link_of(file, *position, &link)?;
            file.execute(
                "UPDATE records SET digest = ?2, link = ?3 WHERE position = ?1",
                params![position, digest, next],
            )?;
            tree.put(0, next.clone());
            link = next;
            // The state is kept after the last `prune` record; here it is that of the whole log.
            if kind == "prune" {
                file.execute("UPDATE settings SET value = ?1 WHERE name = 'tree'", [tree.state()])?;
            }
        }
        Ok(records.len())
    }

    fn say(file: &Connection, position: i64, field: &str, hash: &[u8]) -> rusqlite::Result<()> {
        let set = "UPDATE records SET data = json_set(data, '$.' || ?2, lower(hex(?3))) WHERE position = ?1";
        file.execute(set, params![position, field, hash]).map(drop)
    }

    fn all_gaps(file: &Connection) -> rusqlite::Result<Vec<u8>> {
        let mut hash = Sha256::new();
        let mut statement = file.prepare("SELECT first, last, after, subtrees FROM gaps ORDER BY first")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            for column in 0..4 {
                push(&mut hash, row.get_ref(column)?);
            }
        }
        Ok(hash.finalize().to_vec())
    }

    /// The Merkle tree of all links: roots of whole subtrees, with their heights.
    #[derive(Default)]
    struct Tree {
        leaves: u64,
        subtrees: Vec<(u32, Vec<u8>)>,
    }

    impl Tree {
        fn put(&mut self, height: u32, root: Vec<u8>) {
            self.leaves += 1 << height;
            self.subtrees.push((height, root));
            while let [.., left, right] = &self.subtrees[..]
                && left.0 == right.0
            {
                let both = (left.0 + 1, parent(&left.1, &right.1));
                self.subtrees.truncate(self.subtrees.len() - 2);
                self.subtrees.push(both);
            }
        }

        fn put_all(&mut self, first: i64, end: i64, roots: &[u8]) {
            let (mut at, end) = (first as u64, end as u64);
            for root in roots.chunks(32) {
                let fits = |height: &u32| at.is_multiple_of(1 << height) && at + (1 << height) <= end;
                let height = (0..40).rev().find(fits).unwrap();
                self.put(height, root.to_vec());
                at += 1 << height;
            }
            assert_eq!(at, end);
        }

        fn root(&self) -> Vec<u8> {
            let mut subtrees = self.subtrees.iter().rev().map(|(_, root)| root.clone());
            let last = subtrees.next();
            last.map_or_else(
                || Sha256::digest([]).to_vec(),
                |last| subtrees.fold(last, |right, left| parent(&left, &right)),
            )
        }

        fn state(&self) -> Vec<u8> {
            let roots = self.subtrees.iter().flat_map(|(_, root)| root.clone());
            self.leaves.to_be_bytes().into_iter().chain(roots).collect()
        }
    }

    fn parent(left: &[u8], right: &[u8]) -> Vec<u8> {
        Sha256::new_with_prefix([1])
            .chain_update(left)
            .chain_update(right)
            .finalize()
            .to_vec()
    }

    fn after(before: &[u8], entry: &[u8]) -> Vec<u8> {
        let mut link = Sha256::new();
        push(&mut link, ValueRef::Blob(before));
        push(&mut link, ValueRef::Blob(entry));
        link.finalize().to_vec()
    }

    fn link_of(file: &Connection, position: i64, before: &[u8]) -> rusqlite::Result<(Vec<u8>, Vec<u8>)> {
        file.query_row(
            "SELECT call_id, first_seq, count, attempt, at_us, kind, data, salt, digest FROM records WHERE position = ?1",
            [position],
            |row| {
                let (id, kind): (i64, String) = (row.get(0)?, row.get(5)?);
                let mut salted = Sha256::new();
                push(&mut salted, row.get_ref(7)?);
                let digest = match (kind.as_str(), row.get_ref(7)?) {
                    (_, ValueRef::Null) => row.get(8)?,
                    ("start", _) => of_columns(file, salted, START_PAYLOAD, id),
                    ("end", _) => of_columns(file, salted, END_PAYLOAD, id),
                    _ => {
                        push(&mut salted, row.get_ref(6)?);
                        salted.finalize().to_vec()
                    }
                };
                let columns = match kind.as_str() {
                    "start" => Some(of_columns(file, Sha256::new(), START, id)),
                    "end" => Some(of_columns(file, Sha256::new(), END, id)),
                    _ => None,
                };
                let mut hash = Sha256::new();
                push(&mut hash, ValueRef::Integer(position));
                for column in 0..5 {
                    push(&mut hash, row.get_ref(column)?);
                }
                push(&mut hash, ValueRef::Text(kind.as_bytes()));
                push(&mut hash, columns.as_deref().map_or(ValueRef::Null, ValueRef::Blob));
                push(&mut hash, ValueRef::Blob(&digest));
                let entry = hash.finalize().to_vec();
                Ok((digest, after(before, &entry)))
            },
        )
    }
}

#[test]
fn a_trigger_that_somebody_put_in_is_never_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.db");
    let log = open(&path, plain()).unwrap();
    record(&log, &rich(1, CallStatus::Done, "word"));
    log.close().unwrap();
    let file = Connection::open(&path).unwrap();
    file.execute_batch("CREATE TRIGGER evil AFTER INSERT ON calls BEGIN UPDATE calls SET model = 'evil'; END")
        .unwrap();
    drop(file);
    let refused = open(&path, plain()).map(drop).unwrap_err();
    assert_eq!(refused.kind, LogErrorKind::Corrupt, "{refused}");
    assert!(refused.message.contains("trigger"), "{refused}");
}

#[test]
fn who_rewrites_what_is_before_a_gap_that_is_younger_than_the_checkpoint_is_found_by_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.db");
    let log = open(&path, plain()).unwrap();
    for number in 1..4 {
        record(&log, &rich(number, CallStatus::Done, &format!("word{number}")));
    }
    let checkpoint = log.checkpoint(&[9; 32]).unwrap();
    let options = PruneOptions {
        max_calls: Some(2),
        keep: vec!["tag word1".into()],
        ..PruneOptions::default()
    };
    assert_eq!(log.prune(&options).unwrap().calls, 1);
    assert!(log.verify(&with(&checkpoint)).unwrap().ok);
    log.close().unwrap();
    let forge = |sql: &str| {
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch(sql).unwrap();
        forge::rechain(&connection).unwrap();
        drop(connection);
        let log = open(&path, plain()).unwrap();
        let found = [VerifyOptions::default(), with(&checkpoint)].map(|options| log.verify(&options).unwrap().ok);
        log.close().unwrap();
        found
    };
    // The chain alone cannot know; the checkpoint does, because the gap is a part of the tree that it commits to.
    assert_eq!(forge("UPDATE calls SET text = 'forged' WHERE id = 1"), [true, false]);
    assert_eq!(
        forge("UPDATE gaps SET subtrees = zeroblob(length(subtrees))"),
        [true, false]
    );
}

#[test]
fn who_makes_the_whole_chain_anew_is_found_by_a_checkpoint() {
    let small = small(plain(), 1024);
    let attacker = Attacker::on(&small);
    // Nothing changed, the chain is the one there was: it is made as it is documented.
    attacker.change(forge::rechain).unwrap();
    assert!(attacker.verify(&with(&small.checkpoint)).ok);
    for change in [
        "UPDATE calls SET text = 'forged' WHERE id = 1",
        "UPDATE calls SET model = 'forged' WHERE id = 1",
        "UPDATE calls SET trace_id = 'forged' WHERE id = 1",
        "UPDATE records SET data = replace(data, 'amber', 'other') WHERE call_id = 1",
    ] {
        let changed = attacker.change(|file| {
            file.execute(change, [])?;
            forge::rechain(file)
        });
        changed.unwrap();
        let alone = attacker.verify(&VerifyOptions::default());
        assert!(alone.ok, "{change}: {alone:?}");
        let checked = attacker.verify(&with(&small.checkpoint));
        assert!(!checked.ok && checked.problem.is_some(), "{change}");
    }
}

#[test]
fn an_older_copy_and_one_made_from_an_export_are_not_the_log_of_the_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let log = open(&path("calls.db"), plain()).unwrap();
    record(&log, &rich(1, CallStatus::Done, "amber"));
    log.backup(path("older.db").to_str().unwrap()).unwrap();
    record(&log, &rich(2, CallStatus::Done, "coral"));
    let checkpoint = log.checkpoint(&[9; 32]).unwrap();
    record(&log, &rich(3, CallStatus::Done, "dusk"));
    let verify = |log: &SqliteLog, options: &VerifyOptions| log.verify(options).unwrap();
    assert!(verify(&log, &with(&checkpoint)).ok);
    let older = open(&path("older.db"), plain()).unwrap();
    assert!(verify(&older, &VerifyOptions::default()).ok);
    assert!(!verify(&older, &with(&checkpoint)).ok);
    // Recording goes on: the count is reached, but with other records.
    for number in 4..8 {
        record(&older, &rich(number, CallStatus::Done, "ember"));
    }
    let problem = verify(&older, &with(&checkpoint)).problem.unwrap();
    assert_eq!(
        (problem.table.as_str(), problem.row),
        ("records", Some(checkpoint.count))
    );
    let remade = open(&path("remade.db"), plain()).unwrap();
    let mut importer = Importer::default();
    let lines = export(&log).unwrap();
    lines.lines().for_each(|line| importer.line(line, &remade).unwrap());
    assert!(verify(&remade, &VerifyOptions::default()).ok);
    assert!(!verify(&remade, &with(&checkpoint)).ok);
}

type Tamper<'a> = &'a dyn Fn(&mut Checkpoint);

#[test]
fn a_checkpoint_that_is_not_as_it_was_signed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(&folder.path().join("calls.db"), plain()).unwrap();
    let other = open(&folder.path().join("other.db"), plain()).unwrap();
    record(&log, &rich(1, CallStatus::Done, "amber"));
    let checkpoint = log.checkpoint(&[9; 32]).unwrap();
    let is_ok = |options: &VerifyOptions| log.verify(options).unwrap().ok;
    assert!(is_ok(&with(&checkpoint)));
    assert!(checkpoint.is_signed());
    let mut upper_case = with(&checkpoint);
    upper_case.public_key = Some(checkpoint.public_key.to_uppercase());
    assert!(is_ok(&upper_case));
    let another_key = other.checkpoint(&[8; 32]).unwrap().public_key;
    let tampered: [(&str, Tamper<'_>); 9] = [
        ("count", &|checkpoint| checkpoint.count -= 1),
        ("head", &|checkpoint| checkpoint.head = "0".repeat(64)),
        ("at", &|checkpoint| checkpoint.at_us += 1),
        ("log", &|checkpoint| checkpoint.log_id = "0".repeat(32)),
        ("key", &|checkpoint| checkpoint.public_key.clone_from(&another_key)),
        ("no key", &|checkpoint| checkpoint.public_key = "00".repeat(32)),
        ("short", &|checkpoint| checkpoint.signature.truncate(126)),
        ("empty", &|checkpoint| checkpoint.signature.clear()),
        ("other", &|checkpoint| checkpoint.signature = "0f".repeat(64)),
    ];
    for (what, tamper) in tampered {
        let mut changed = checkpoint.clone();
        tamper(&mut changed);
        assert!(!changed.is_signed(), "{what}");
        assert!(
            !is_ok(&VerifyOptions {
                checkpoint: Some(changed),
                public_key: None
            }),
            "{what}"
        );
    }
    let signed_by_another = VerifyOptions {
        checkpoint: Some(log.checkpoint(&[8; 32]).unwrap()),
        public_key: Some(checkpoint.public_key.clone()),
    };
    assert!(!is_ok(&signed_by_another));
    assert!(!is_ok(&with(&other.checkpoint(&[9; 32]).unwrap())));
    // Made of what is there, and signed by whom it should not be.
    let mut forged = log.checkpoint(&[8; 32]).unwrap();
    forged.public_key.clone_from(&checkpoint.public_key);
    assert!(!is_ok(&VerifyOptions {
        checkpoint: Some(forged),
        public_key: None
    }));
}

#[test]
fn a_copy_made_while_calls_are_recorded_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    for (name, options) in [("plain", with_words()), ("encrypted", encrypted())] {
        let log = open(&folder.path().join(name), options.clone()).unwrap();
        record(&log, &rich(1, CallStatus::Done, "amber"));
        let recording = log.clone();
        let writer = std::thread::spawn(move || {
            for number in 2..60 {
                record(&recording, &rich(number, CallStatus::Done, "coral"));
            }
        });
        let paths: Vec<_> = (0..4)
            .map(|copy| folder.path().join(format!("{name}-{copy}")))
            .collect();
        for path in &paths {
            log.backup(path.to_str().unwrap()).unwrap();
        }
        writer.join().unwrap();
        let taken = log.backup(paths[0].to_str().unwrap()).unwrap_err();
        assert_eq!(taken.kind, LogErrorKind::InvalidPath);
        let calls = log.calls(&everything()).unwrap();
        for path in &paths {
            let copy = open(path, read(&options)).unwrap();
            assert!(copy.verify(&VerifyOptions::default()).unwrap().ok);
            let mut copied = copy.calls(&everything()).unwrap();
            // The call that was just being recorded.
            if copied.last().is_some_and(|call| call.status == CallStatus::Open) {
                copied.pop();
            }
            assert!(!copied.is_empty() && copied[..] == calls[..copied.len()]);
        }
    }
}

#[test]
fn what_is_no_log_is_refused_and_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |name: &str, bytes: &[u8], kind: LogErrorKind| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        for options in [plain(), encrypted(), read(&plain())] {
            assert_eq!(open(&path, options).map(drop).unwrap_err().kind, kind, "{name}");
        }
        assert!(fs::read(&path).unwrap() == bytes, "{name} was changed");
    };
    let made = |name: &str, sql: &str| {
        let path = folder.path().join(name);
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        fs::read(path).unwrap()
    };
    refused("text", b"hello, this is no database at all", LogErrorKind::NotALog);
    refused("half", b"SQLite for", LogErrorKind::NotALog);
    refused("foreign", &made("a", "CREATE TABLE t (x)"), LogErrorKind::NotALog);
    refused(
        "foreign with a version",
        &made("b", "CREATE TABLE t (x); PRAGMA user_version = 1"),
        LogErrorKind::NotALog,
    );
    refused(
        "foreign with an id",
        &made("c", "CREATE TABLE calls (x); PRAGMA application_id = 7"),
        LogErrorKind::NotALog,
    );
    let newer = "PRAGMA application_id = 0x4341526C; PRAGMA user_version = 99; CREATE TABLE t (x)";
    refused("newer", &made("d", newer), LogErrorKind::NewerVersion);
    let older = "PRAGMA application_id = 0x4341526C; PRAGMA user_version = 1; CREATE TABLE t (x)";
    refused("older", &made("f", older), LogErrorKind::Unsupported);
    let damaged = "PRAGMA application_id = 0x4341526C; PRAGMA user_version = -1; CREATE TABLE t (x)";
    refused("damaged", &made("e", damaged), LogErrorKind::Corrupt);
}

#[test]
fn what_is_too_old_is_removed_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(&folder.path().join("calls.db"), with_words()).unwrap();
    for number in 1..5 {
        record(&log, &rich(number, CallStatus::Done, &format!("word{number}")));
    }
    let options = PruneOptions {
        max_age: Some(0.0),
        keep: vec!["tag word2".into()],
        ..PruneOptions::default()
    };
    let _open = begin(&log, &rich(9, CallStatus::Done, "open"));
    assert_eq!(log.prune(&options).unwrap().calls, 3);
    let left = log.calls(&everything()).unwrap();
    assert_eq!(
        left.iter().map(|call| &call.tags[1]).collect::<Vec<_>>(),
        ["tag word2", "tag open"]
    );
    let report = log.verify(&VerifyOptions::default()).unwrap();
    assert!(report.ok && report.pruned_calls == 3, "{report:?}");
}
