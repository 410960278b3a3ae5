//! Goal: the write-ahead log stays bounded however much is recorded, and other programs read the file.
//! Method: megabytes of calls beside readers that have the file open; SQLite itself, as any other program uses it.
#![allow(
    clippy::unwrap_used,
    reason = "what a test's own preparations fail with is the test's message"
)]

mod support;

use std::path::Path;
use std::sync::Arc;

use car_inference::log::sqlite::LogAccess;
use car_inference::log::{CallFilter, LogStore, SqliteLog, SqliteLogOptions};
use car_inference::testing::{Script, ScriptedRunner};
use car_inference::{InferenceEngine, ModelSchema};
use support::hi;

/// The write-ahead log is copied at 8 MiB beside what is recorded, which waits for that at 40.
const WAL_BYTES_MAX: u64 = 48 * 1024 * 1024;

fn open(path: &Path, access: LogAccess) -> SqliteLog {
    let options = SqliteLogOptions {
        access: Some(access),
        ..SqliteLogOptions::default()
    };
    SqliteLog::open(path.to_str().unwrap(), options).unwrap()
}

fn engine(log: &SqliteLog, text: &str) -> InferenceEngine {
    InferenceEngine::builder()
        .model(ModelSchema::delegated(support::MODEL, None))
        .runner(Arc::new(ScriptedRunner::new([Script::new().text(text)])))
        .event_log(log.clone())
        .build()
}

#[tokio::test]
async fn the_write_ahead_log_stays_bounded_while_readers_have_the_file_open() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.db");
    let log = open(&path, LogAccess::Write);
    let reader = open(&path, LogAccess::Read);
    let engine = engine(&log, &"x".repeat(256 * 1024));
    let mut largest = 0;
    for round in 0..350 {
        engine.generate(hi()).await.unwrap();
        if round % 3 == 0 {
            let page = reader
                .calls(&CallFilter {
                    limit: Some(1),
                    ..CallFilter::default()
                })
                .unwrap();
            assert_eq!(page.len(), 1);
        }
        largest = largest.max(log.stats().unwrap().wal_bytes.unwrap());
    }
    let bytes = log.stats().unwrap().bytes;
    assert!(bytes > 3 * WAL_BYTES_MAX, "{bytes} bytes are not enough to tell");
    assert!(largest < WAL_BYTES_MAX, "the write-ahead log had {largest} bytes");
    reader.close().unwrap();
    log.close().unwrap();
}

#[tokio::test]
async fn a_reader_that_stays_in_a_snapshot_slows_nobody_and_the_write_ahead_log_shrinks_once_it_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.db");
    let log = open(&path, LogAccess::Write);
    let engine = engine(&log, &"x".repeat(256 * 1024));
    engine.generate(hi()).await.unwrap();
    let other = rusqlite::Connection::open_with_flags(&path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    other.execute_batch("BEGIN").unwrap();
    let count = || {
        other
            .query_row("SELECT count(*) FROM calls", [], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    assert_eq!(count(), 1);
    for _ in 0..110 {
        engine.generate(hi()).await.unwrap();
    }
    assert_eq!(count(), 1, "its snapshot stays what it was");
    let meanwhile = log.stats().unwrap().wal_bytes.unwrap();
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(count(), 111);
    assert!(meanwhile > WAL_BYTES_MAX, "{meanwhile} bytes are not enough to tell");
    let mut calls = 0;
    while log.stats().unwrap().wal_bytes.unwrap() >= WAL_BYTES_MAX {
        calls += 1;
        assert!(calls < 200, "it does not shrink");
        engine.generate(hi()).await.unwrap();
    }
}

#[tokio::test]
async fn a_closed_log_is_one_file_that_any_sqlite_reads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.db");
    let log = open(&path, LogAccess::Write);
    engine(&log, "hällo \"you\"").generate(hi()).await.unwrap();
    log.close().unwrap();
    let files = || {
        let entries = std::fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(files(), ["calls.db", "calls.db-lock"]);
    let other = rusqlite::Connection::open(&path).unwrap();
    let row = |sql: &str| other.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(row("SELECT text FROM calls WHERE status = 'done'"), "hällo \"you\"");
    assert_eq!(
        row("SELECT group_concat(seq || ' ' || type || ' ' || event, char(10)) FROM events ORDER BY seq"),
        "1 text-delta {\"type\":\"text-delta\",\"text\":\"hällo \\\"you\\\"\"}\n2 done {\"type\":\"done\",\"text\":\"hällo \\\"you\\\"\",\"toolCalls\":[]}"
    );
    assert_eq!(row("PRAGMA integrity_check"), "ok");
}
