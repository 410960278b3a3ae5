//! Goal: whatever other programs do to the files of a log that is open, the process lives, and its user is told or loses
//! nothing. Method: every way to damage each file, before every kind of use; then the log is opened again.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    reason = "what a test's own preparations fail with is the test's message"
)]

mod support;

use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use car_inference::log::sqlite::{LogAccess, VerifyOptions};
use car_inference::log::{CallFilter, LogErrorKind, LogStore, SqliteLog, SqliteLogOptions};
use car_inference::testing::{Script, ScriptedRunner};
use car_inference::{CallStatus, InferenceEngine, LogError, ModelSchema};
use support::{MODEL, drain, hi};

const CALLS: usize = 5;

struct Subject {
    log: SqliteLog,
    engine: InferenceEngine,
    runner: ScriptedRunner,
    path: PathBuf,
    _folder: tempfile::TempDir,
    acknowledged: Vec<String>,
}

impl Drop for Subject {
    fn drop(&mut self) {
        self.runner.forget_emitters();
    }
}

fn open(path: &Path, access: LogAccess) -> Result<SqliteLog, LogError> {
    let options = SqliteLogOptions {
        access: Some(access),
        ..SqliteLogOptions::default()
    };
    SqliteLog::open(path.to_str().unwrap(), options)
}

/// How much of what was recorded is in the database already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Recorded {
    Wal,
    Database,
    Both,
}

async fn subject(recorded: Recorded) -> Subject {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.db");
    let log = open(&path, LogAccess::Write).unwrap();
    let text = "x".repeat(3_000);
    let runner = ScriptedRunner::new(std::iter::repeat_with(|| Script::new().text(text.as_str()).done("")).take(64));
    let engine = InferenceEngine::builder()
        .model(ModelSchema::delegated(MODEL, Some("openai")))
        .runner(Arc::new(runner.clone()))
        .event_log(log.clone())
        .build();
    let mut subject = Subject {
        log,
        engine,
        runner,
        path,
        _folder: folder,
        acknowledged: Vec::new(),
    };
    for _ in 0..CALLS {
        subject.call().await.unwrap();
    }
    if recorded != Recorded::Wal {
        subject.log.settle().unwrap();
    }
    if recorded == Recorded::Both {
        subject.call().await.unwrap();
    }
    subject
}

impl Subject {
    /// A call, or why the log refused it.
    async fn call(&mut self) -> Result<(), String> {
        let mut stream = match self.engine.generate_tracked_stream(hi()).await {
            Ok(stream) => stream,
            Err(error) => return Err(error.to_string()),
        };
        let _seen = drain(&mut stream).await;
        match stream.ending().unwrap().failure.clone() {
            None => {
                self.acknowledged.push(stream.trace_id.clone());
                Ok(())
            }
            Some(failure) => Err(failure.message.clone()),
        }
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(suffix);
        path.into()
    }
}

type Damage = fn(&Path);

fn write_at(path: &Path, at: u64, bytes: &[u8]) {
    let mut file = OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(bytes).unwrap();
}

fn cut(path: &Path, len: u64) {
    OpenOptions::new().write(true).open(path).unwrap().set_len(len).unwrap();
}

fn len(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len()
}

const NOISE: [u8; 4_096] = {
    let mut noise = [0; 4_096];
    let mut at = 0;
    while at < noise.len() {
        noise[at] = (at * 31 % 251) as u8;
        at += 1;
    }
    noise
};

const DAMAGES: [(&str, Damage); 13] = [
    ("emptied", |path| cut(path, 0)),
    ("cut to half", |path| cut(path, len(path) / 2)),
    ("cut to a byte", |path| cut(path, len(path).min(1))),
    ("cut by a byte", |path| cut(path, len(path).saturating_sub(1))),
    ("longer", |path| write_at(path, len(path), &NOISE)),
    ("overwritten at its beginning", |path| write_at(path, 0, &NOISE)),
    ("overwritten in its header", |path| write_at(path, 40, &NOISE[..16])),
    ("overwritten behind its header", |path| {
        write_at(path, 200, &NOISE[..3_000])
    }),
    ("overwritten in its middle", |path| {
        write_at(path, len(path) / 2, &NOISE[..64])
    }),
    ("overwritten as a whole", |path| {
        let noise: Vec<u8> = NOISE.iter().copied().cycle().take(len(path) as usize).collect();
        write_at(path, 0, &noise);
    }),
    ("deleted", |path| fs::remove_file(path).unwrap()),
    ("moved", |path| {
        fs::rename(path, path.with_extension("elsewhere")).unwrap()
    }),
    ("replaced by a copy", |path| {
        let copy = path.with_extension("copy");
        fs::copy(path, &copy).unwrap();
        fs::rename(copy, path).unwrap();
    }),
];

/// Kinds that tell that something is wrong with the files.
fn must_tell(error: &LogError, case: &str) {
    use LogErrorKind::{Corrupt, Io, Moved, NotALog};
    assert!(
        matches!(error.kind, Corrupt | Io | Moved | NotALog),
        "{case}: {error:?}"
    );
    assert!(!error.message.contains("xxx"), "{case}: {error}");
}

/// What is acknowledged is there when the log is opened again.
fn must_hold(subject: &Subject, case: &str) {
    let log = open(&subject.path, LogAccess::Write).unwrap_or_else(|error| panic!("{case}: {error}"));
    for trace_id in &subject.acknowledged {
        let record = log.call(trace_id).unwrap_or_else(|error| panic!("{case}: {error}"));
        assert_eq!(record.map(|record| record.status), Some(CallStatus::Done), "{case}");
    }
    let report = log.verify(&VerifyOptions::default()).unwrap();
    assert!(report.ok, "{case}: {report:?}");
}

/// The uses of a log; the first that fails tells.
#[derive(Debug, Clone, Copy)]
enum Use {
    Record,
    Flush,
    Read,
    List,
    Verify,
    Backup,
    Settle,
    Close,
}

async fn make_use(subject: &mut Subject, kind: Use) -> Result<(), LogError> {
    let log = subject.log.clone();
    match kind {
        Use::Record => match subject.call().await {
            Ok(()) => Ok(()),
            Err(told) => {
                let failure = log
                    .failure()
                    .unwrap_or_else(|| panic!("told {told}, but the log goes on"));
                assert!(told.contains(&failure.message), "{told}: {failure}");
                Err(failure)
            }
        },
        Use::Flush => log.flush(),
        Use::Read => log.call(&subject.acknowledged[0]).map(drop),
        Use::List => log.calls(&CallFilter::default()).map(drop),
        Use::Verify => log.verify(&VerifyOptions::default()).map(drop),
        Use::Backup => log.backup(subject.beside(".backup").to_str().unwrap()),
        Use::Settle => log.settle(),
        Use::Close => log.close(),
    }
}

/// What is looked for in other ways, before every use.
const OFTEN: [&str; 4] = ["emptied", "cut to half", "overwritten in its middle", "deleted"];

async fn check(suffix: &str, recorded: Recorded, first: Use) {
    let is_all = matches!(first, Use::Record);
    for (name, damage) in DAMAGES {
        if !is_all && !OFTEN.contains(&name) {
            continue;
        }
        let case = format!("calls.db{suffix} is {name}, {recorded:?}, then {first:?}");
        let mut subject = subject(recorded).await;
        let file = subject.beside(suffix);
        damage(&file);
        let mut told = make_use(&mut subject, first).await.err();
        for kind in [Use::Record, Use::Flush, Use::List, Use::Record] {
            if let Some(error) = &told {
                must_tell(error, &case);
                break;
            }
            if !matches!(first, Use::Close) {
                told = make_use(&mut subject, kind).await.err();
            }
        }
        let closed = subject.log.close().err();
        match told.or(closed) {
            Some(error) => {
                must_tell(&error, &case);
                // What is left may be no log any more, or this log in part: nothing must end the process.
                if let Ok(log) = open(&subject.path, LogAccess::Write) {
                    let _found = log.verify(&VerifyOptions::default());
                }
            }
            None => must_hold(&subject, &case),
        }
    }
}

macro_rules! damaged {
    ($($name:ident: $suffix:literal, $recorded:ident, $($first:ident),+;)+) => {$(
        #[tokio::test]
        async fn $name() {
            $(check($suffix, Recorded::$recorded, Use::$first).await;)+
        }
    )+};
}

damaged! {
    a_database_that_is_changed_before_a_call: "", Database, Record;
    a_database_that_is_changed_while_the_write_ahead_log_is_full: "", Both, Record, Flush, Close;
    a_database_that_is_changed_before_a_flush: "", Database, Flush;
    a_database_that_is_changed_before_it_is_read: "", Database, Read, List;
    a_database_that_is_changed_before_it_is_copied: "", Database, Verify, Backup, Settle;
    a_database_that_is_changed_before_it_is_closed: "", Database, Close;
    a_write_ahead_log_that_is_changed_before_a_call: "-wal", Wal, Record;
    a_write_ahead_log_that_is_changed_before_a_flush: "-wal", Both, Flush, Settle;
    a_write_ahead_log_that_is_changed_before_it_is_read: "-wal", Wal, Read, List;
    a_write_ahead_log_that_is_changed_before_it_is_copied: "-wal", Wal, Verify, Backup, Settle;
    a_write_ahead_log_that_is_changed_before_it_is_closed: "-wal", Wal, Close;
    a_shared_memory_that_is_changed_before_a_call: "-shm", Wal, Record;
    a_shared_memory_that_is_changed_before_a_flush: "-shm", Both, Flush, Settle;
    a_shared_memory_that_is_changed_before_it_is_read: "-shm", Wal, Read, List;
    a_shared_memory_that_is_changed_before_it_is_copied: "-shm", Wal, Verify, Backup, Settle;
    a_shared_memory_that_is_changed_before_it_is_closed: "-shm", Wal, Close;
}

/// Whatever is done to the file, whoever reads it beside its writer gets what was recorded or is told.
#[tokio::test]
async fn a_reader_beside_the_writer_is_told_or_reads_what_was_recorded() {
    for suffix in ["", "-wal", "-shm"] {
        for (name, damage) in DAMAGES {
            for recorded in [Recorded::Wal, Recorded::Database] {
                if recorded == Recorded::Database && !OFTEN.contains(&name) {
                    continue;
                }
                let case = format!("calls.db{suffix} is {name}, {recorded:?}");
                let subject = subject(recorded).await;
                let reader = open(&subject.path, LogAccess::Read).unwrap();
                assert!(reader.call(&subject.acknowledged[0]).unwrap().is_some());
                let file = subject.beside(suffix);
                damage(&file);
                match reader.calls(&CallFilter::default()) {
                    Ok(calls) => assert_eq!(calls.len(), subject.acknowledged.len(), "{case}"),
                    Err(error) => must_tell(&error, &case),
                }
                let _told = reader.close();
                let _told = subject.log.close();
            }
        }
    }
}

/// A backup that somebody restores over a log that is open, without closing it first.
#[tokio::test]
async fn a_log_over_which_another_is_copied_says_so_and_leaves_the_other_alone() {
    for recorded in [Recorded::Database, Recorded::Both] {
        let other = subject(Recorded::Database).await;
        other.log.close().unwrap();
        let mut subject = subject(recorded).await;
        let mut bytes = Vec::new();
        fs::File::open(&other.path).unwrap().read_to_end(&mut bytes).unwrap();
        cut(&subject.path, 0);
        write_at(&subject.path, 0, &bytes);
        let error = make_use(&mut subject, Use::Record).await.unwrap_err();
        assert_eq!(error.kind, LogErrorKind::Corrupt, "{error}");
        assert!(error.message.contains("another"), "{error}");
        assert!(subject.log.close().is_err());
        assert_eq!(fs::read(&subject.path).unwrap(), bytes, "nothing is copied over it");
    }
}

/// An event that was taken before the damage, and an ending that comes after it.
#[tokio::test]
async fn a_call_that_is_open_while_a_file_is_cut_fails_with_the_reason() {
    for suffix in ["", "-wal", "-shm"] {
        let mut subject = subject(Recorded::Both).await;
        let stream = subject.engine.generate_tracked_stream(hi()).await.unwrap();
        cut(&subject.beside(suffix), 0);
        let mut stream = stream;
        let _seen = drain(&mut stream).await;
        let failure = stream.ending().unwrap().failure.clone().unwrap();
        let told = subject.log.failure().unwrap();
        must_tell(&told, suffix);
        assert!(failure.message.contains(&told.message), "{failure:?}");
        assert!(subject.call().await.is_err());
        let _told = subject.log.close();
    }
}

/// A tail waits for a failed log to go on; it is told when it looks, and woken when the log is closed.
#[tokio::test]
async fn who_waits_at_the_end_of_a_log_is_told_that_its_file_was_cut() {
    let mut subject = subject(Recorded::Wal).await;
    let cursor = subject.log.end_cursor().unwrap();
    let changed = tokio::spawn(subject.log.changed(&cursor));
    cut(&subject.beside("-shm"), 0);
    assert!(subject.call().await.is_err());
    must_tell(&subject.log.tail(Some(&cursor), 10).unwrap_err(), "tail");
    let _told = subject.log.close();
    changed.await.unwrap();
}

/// Times and lengths are only where looking begins.
#[tokio::test]
async fn a_log_goes_on_when_its_files_were_touched_and_nothing_in_them_changed() {
    let mut subject = subject(Recorded::Both).await;
    for suffix in ["", "-wal", "-shm"] {
        let file = OpenOptions::new().append(true).open(subject.beside(suffix)).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        subject.call().await.unwrap();
    }
    subject.log.close().unwrap();
    must_hold(&subject, "touched");
}

/// SQLite itself, in another program, may copy the write-ahead log, write and empty it.
#[tokio::test]
async fn a_log_goes_on_beside_other_programs_that_use_sqlite() {
    let mut subject = subject(Recorded::Wal).await;
    for mode in ["PASSIVE", "RESTART", "TRUNCATE"] {
        let other = rusqlite::Connection::open(&subject.path).unwrap();
        other
            .query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()))
            .unwrap();
        subject.call().await.unwrap();
        // Not of the log's own tables.
        other
            .execute_batch("CREATE TABLE theirs (x); DROP TABLE theirs")
            .unwrap();
        subject.call().await.unwrap();
        // As graphical tools do, into the database itself.
        other
            .execute_batch(&format!(
                "ANALYZE; CREATE INDEX their_{mode} ON calls (hint); PRAGMA wal_checkpoint"
            ))
            .unwrap();
        subject.call().await.unwrap();
        drop(other);
        subject.call().await.unwrap();
    }
    subject.log.close().unwrap();
    // `verify` tells what is not the log's own, until it is removed.
    let other = rusqlite::Connection::open(&subject.path).unwrap();
    let removals =
        "DROP INDEX their_PASSIVE; DROP INDEX their_RESTART; DROP INDEX their_TRUNCATE; DROP TABLE sqlite_stat1;
                    DROP TABLE IF EXISTS sqlite_stat4; PRAGMA wal_checkpoint(TRUNCATE)";
    other.execute_batch(removals).unwrap();
    drop(other);
    must_hold(&subject, "other programs");
}

#[tokio::test]
async fn a_log_that_is_open_by_another_name_of_its_file_is_refused_and_goes_on() {
    let mut subject = subject(Recorded::Wal).await;
    let link = subject.beside(".link");
    fs::hard_link(&subject.path, &link).unwrap();
    let error = open(&link, LogAccess::Write).map(drop).unwrap_err();
    assert_eq!(error.kind, LogErrorKind::InvalidPath, "{error}");
    assert!(error.message.contains("hard links"), "{error}");
    subject.call().await.unwrap();
    subject.log.close().unwrap();
    must_hold(&subject, "hard link");
}
