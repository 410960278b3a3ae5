//! Goal: a system that fails to read, write or sync fails the call with the reason, and costs nothing that was acknowledged.
//! Method: something else is put behind the log's own descriptors: what fails in the way that is wanted.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    reason = "what a test's own preparations fail with is the test's message"
)]

mod support;

use std::fs::{File, OpenOptions};
use std::future::poll_fn;
use std::os::fd::{AsRawFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use car_inference::log::{CallFilter, CallStart, Durability, EventLog, LogErrorKind, LogStore, Stamp, TailItem};
use car_inference::stream::EventRef;
use car_inference::testing::{Script, ScriptedRunner};
use car_inference::{CallStatus, ErrorCode, InferenceEngine, ModelSchema, SqliteLog, SqliteLogOptions};
use support::{MODEL, drain, hi};

const ANSWER: &str = "what nobody may read";
/// What takes so long never comes.
const PATIENCE: Duration = Duration::from_secs(20);

struct Subject {
    log: SqliteLog,
    engine: InferenceEngine,
    runner: ScriptedRunner,
    path: PathBuf,
    folder: tempfile::TempDir,
}

impl Drop for Subject {
    fn drop(&mut self) {
        self.runner.forget_emitters();
    }
}

fn options(durability: Durability) -> SqliteLogOptions {
    SqliteLogOptions {
        durability: Some(durability),
        ..SqliteLogOptions::default()
    }
}

fn subject(durability: Durability) -> Subject {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.db");
    let log = SqliteLog::open(path.to_str().unwrap(), options(durability)).unwrap();
    let runner = ScriptedRunner::new(std::iter::repeat_with(|| Script::new().text(ANSWER).done("")).take(64));
    let engine = InferenceEngine::builder()
        .model(ModelSchema::delegated(MODEL, Some("openai")))
        .runner(Arc::new(runner.clone()))
        .event_log(log.clone())
        .build();
    Subject {
        log,
        engine,
        runner,
        path,
        folder,
    }
}

/// The record of a call that no engine makes.
fn call_start() -> CallStart {
    CallStart {
        trace_id: "0".repeat(32),
        model: MODEL.into(),
        hint: None,
        provider: None,
        started_at_us: 1,
        request: Arc::new(hi()),
    }
}

/// A call: its trace id, or why the log refused it.
async fn call(subject: &Subject) -> Result<String, String> {
    let mut stream = match subject.engine.generate_tracked_stream(hi()).await {
        Ok(stream) => stream,
        Err(error) => return Err(error.to_string()),
    };
    let _seen = drain(&mut stream).await;
    let ending = stream.ending().unwrap();
    match &ending.failure {
        None => Ok(stream.trace_id.clone()),
        Some(failure) => {
            assert_eq!(failure.code, ErrorCode::LogFailed);
            Err(failure.message.clone())
        }
    }
}

/// The descriptors of this process for a file.
fn descriptors_of(path: &Path) -> Vec<RawFd> {
    let links = std::fs::read_dir("/proc/self/fd").unwrap().map(Result::unwrap);
    links
        .filter(|link| std::fs::read_link(link.path()).is_ok_and(|target| target == path))
        .map(|link| link.file_name().to_str().unwrap().parse().unwrap())
        .collect()
}

/// What stands behind the log's descriptors instead of its file.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// Writing fails with `EIO`: nothing is mapped at these addresses.
    Broken,
    /// Reading fails with `EBADF`. With `EIO` SQLite says that the file is damaged, and so do we.
    OnlyWrites,
    /// Writing fails with `EBADF`.
    OnlyReads,
    /// Writing fails with `ENOSPC`.
    Full,
    /// Writing goes nowhere, and syncing fails with `EINVAL`.
    CannotSync,
}

impl Fault {
    fn file(self, path: &Path) -> File {
        let mut options = OpenOptions::new();
        match self {
            Self::Broken => options.read(true).write(true).open("/proc/self/mem"),
            Self::OnlyWrites => options.write(true).open(path),
            Self::OnlyReads => options.read(true).open(path),
            Self::Full => options.read(true).write(true).open("/dev/full"),
            Self::CannotSync => options.read(true).write(true).open("/dev/null"),
        }
        .unwrap()
    }

    fn strike(self, path: &Path) {
        self.strike_these(path, &descriptors_of(path));
    }

    fn strike_these(self, path: &Path, descriptors: &[RawFd]) {
        assert!(!descriptors.is_empty(), "nobody has {} open", path.display());
        let file = self.file(path);
        for &descriptor in descriptors {
            // SAFETY: both are open; whoever holds the descriptor finds another file behind it and nothing else changes.
            let result = unsafe { libc::dup2(file.as_raw_fd(), descriptor) };
            assert_eq!(result, descriptor);
        }
    }
}

async fn check(durability: Durability, suffix: &str, fault: Fault, expected: LogErrorKind) {
    let subject = subject(durability);
    let mut acknowledged = Vec::new();
    for _ in 0..5 {
        acknowledged.push(call(&subject).await.unwrap());
    }
    fault.strike(&subject.folder.path().join(format!("calls.db{suffix}")));
    let refused = call(&subject).await.unwrap_err();
    assert!(!refused.contains(ANSWER), "{refused}");
    let failure = subject.log.failure().unwrap();
    assert_eq!(failure.kind, expected, "{failure}");
    assert!(refused.contains(&failure.message), "{refused}: {failure}");
    assert!(call(&subject).await.unwrap_err().contains(&failure.message));
    assert_eq!(subject.log.close().unwrap_err().kind, expected);
    must_hold(&subject.path, durability, &acknowledged);
}

#[tokio::test]
async fn an_event_that_waits_for_the_disk_is_told_when_its_call_could_not_even_begin() {
    let subject = subject(Durability::Event);
    std::fs::remove_file(&subject.path).unwrap();
    // Not through an engine: its own records make the writer look before the event is there.
    let call = EventLog::start(&subject.log, &call_start()).unwrap();
    let stamp = Stamp {
        seq: 1,
        at_us: 0,
        attempt: 1,
    };
    let taken = call.event(stamp, EventRef::TextDelta(ANSWER));
    let durable = poll_fn(|context| call.poll_durable(stamp.seq, context));
    let told = match taken {
        Ok(()) => tokio::time::timeout(PATIENCE, durable)
            .await
            .expect("somebody tells")
            .map(drop),
        refused => refused,
    };
    assert_eq!(told.unwrap_err().kind, LogErrorKind::Moved);
}

/// A log that holds these calls, whole, when it is opened again; and takes another.
fn must_hold(path: &Path, durability: Durability, acknowledged: &[String]) {
    let log = SqliteLog::open(path.to_str().unwrap(), options(durability)).unwrap();
    for trace_id in acknowledged {
        let record = log.call(trace_id).unwrap().unwrap();
        assert_eq!(record.status, CallStatus::Done);
        assert_eq!(record.text.as_deref(), Some(ANSWER));
    }
    let report = log.verify(&Default::default()).unwrap();
    assert!(report.ok, "{report:?}");
    log.close().unwrap();
}

#[tokio::test]
async fn a_system_that_fails_to_write_is_told_and_loses_nothing() {
    for durability in [Durability::Call, Durability::Strict, Durability::Event] {
        check(durability, "-wal", Fault::Broken, LogErrorKind::Io).await;
        check(durability, "-wal", Fault::OnlyReads, LogErrorKind::Io).await;
        check(durability, "-wal", Fault::Full, LogErrorKind::DiskFull).await;
    }
}

#[tokio::test]
async fn a_commit_that_cannot_be_synced_is_not_acknowledged() {
    for durability in [Durability::Strict, Durability::Event] {
        check(durability, "-wal", Fault::CannotSync, LogErrorKind::Io).await;
    }
}

#[tokio::test]
async fn a_database_that_cannot_be_written_fails_the_log_and_loses_nothing() {
    for (fault, expected) in [
        (Fault::Broken, LogErrorKind::Io),
        (Fault::OnlyReads, LogErrorKind::Io),
        (Fault::Full, LogErrorKind::DiskFull),
        (Fault::CannotSync, LogErrorKind::Io),
    ] {
        let subject = subject(Durability::Call);
        let acknowledged = [call(&subject).await.unwrap(), call(&subject).await.unwrap()];
        fault.strike(&subject.path);
        subject.log.flush().unwrap();
        let error = subject.log.settle().unwrap_err();
        assert_eq!(error.kind, expected, "{fault:?}: {error}");
        assert_eq!(
            subject.log.failure(),
            Some(error.clone()),
            "what failed to be synced is not tried again"
        );
        assert!(subject.log.settle().is_err());
        // What closing says is beside the point: the calls are in the write-ahead log.
        let _told = subject.log.close();
        must_hold(&subject.path, Durability::Call, &acknowledged);
    }
}

#[tokio::test]
async fn a_question_that_the_system_fails_to_answer_fails_alone() {
    let subject = subject(Durability::Call);
    let trace_id = call(&subject).await.unwrap();
    let wal = subject.folder.path().join("calls.db-wal");
    let of_writer = descriptors_of(&wal);
    let reader = SqliteLog::open(
        subject.path.to_str().unwrap(),
        SqliteLogOptions {
            access: Some(car_inference::log::sqlite::LogAccess::Read),
            ..SqliteLogOptions::default()
        },
    )
    .unwrap();
    assert!(reader.call(&trace_id).unwrap().is_some());
    let of_reader: Vec<_> = descriptors_of(&wal)
        .into_iter()
        .filter(|descriptor| !of_writer.contains(descriptor))
        .collect();
    Fault::OnlyWrites.strike_these(&wal, &of_reader);
    let other = call(&subject).await.unwrap();
    let error = reader.call(&other).unwrap_err();
    assert_eq!(error.kind, LogErrorKind::Io, "{error}");
    assert!(call(&subject).await.is_ok());
    reader.close().unwrap();
    subject.log.close().unwrap();
    must_hold(&subject.path, Durability::Call, &[trace_id, other]);
}

/// A log that has failed in this way after these calls.
async fn failed(durability: Durability, suffix: &str, fault: Fault) -> (Subject, Vec<String>) {
    let subject = subject(durability);
    let mut acknowledged = Vec::new();
    for _ in 0..3 {
        acknowledged.push(call(&subject).await.unwrap());
    }
    fault.strike(&subject.folder.path().join(format!("calls.db{suffix}")));
    if suffix.is_empty() {
        subject.log.settle().unwrap_err();
    } else {
        call(&subject).await.unwrap_err();
    }
    (subject, acknowledged)
}

#[tokio::test]
async fn a_log_that_has_failed_records_again_once_it_is_reopened_for_its_engines_and_all_its_handles() {
    for (durability, suffix, fault, reason) in [
        (Durability::Relaxed, "", Fault::Full, LogErrorKind::DiskFull),
        (Durability::Call, "-wal", Fault::Full, LogErrorKind::DiskFull),
        (Durability::Call, "", Fault::CannotSync, LogErrorKind::Io),
        (Durability::Strict, "-wal", Fault::CannotSync, LogErrorKind::Io),
        (Durability::Event, "-wal", Fault::Broken, LogErrorKind::Io),
    ] {
        let (subject, mut acknowledged) = failed(durability, suffix, fault).await;
        let failure = subject.log.failure().unwrap();
        assert_eq!(failure.kind, reason);
        let outage = subject.log.reopen().unwrap().expect("it had failed");
        assert_eq!((outage.reason, &outage.message), (reason, &failure.message));
        assert!(outage.failed_at <= outage.reopened_at && outage.failed_at > 0.0);
        assert_eq!(subject.log.failure(), None);
        acknowledged.push(call(&subject).await.unwrap());
        let other = SqliteLog::open(subject.path.to_str().unwrap(), options(durability)).unwrap();
        let stats = other.stats().unwrap();
        assert_eq!((stats.outages, stats.last_outage), (1, Some(outage)));
        assert_eq!(subject.log.reopen().unwrap(), None, "it works");
        other.close().unwrap();
        subject.log.close().unwrap();
        must_hold(&subject.path, durability, &acknowledged);
    }
}

#[tokio::test]
async fn a_call_that_was_open_when_the_log_failed_reads_back_as_interrupted_after_it_was_reopened() {
    let subject = subject(Durability::Call);
    let start = call_start();
    let open = EventLog::start(&subject.log, &start).unwrap();
    let stamp = Stamp {
        seq: 1,
        at_us: 0,
        attempt: 1,
    };
    open.event(stamp, EventRef::TextDelta(ANSWER)).unwrap();
    subject.log.flush().unwrap();
    Fault::Full.strike(&subject.folder.path().join("calls.db-wal"));
    call(&subject).await.unwrap_err();
    let outage = subject.log.reopen().unwrap().unwrap();
    assert_eq!(outage.interrupted_calls, 1);
    let record = subject.log.call(&start.trace_id).unwrap().unwrap();
    assert_eq!(
        (record.status, record.text.as_deref()),
        (CallStatus::Interrupted, Some(ANSWER))
    );
    // It belongs to what has failed: nothing of it is recorded twice.
    open.event(Stamp { seq: 2, ..stamp }, EventRef::TextDelta("more"))
        .unwrap_err();
    drop(open);
    call(&subject).await.unwrap();
    assert!(subject.log.verify(&Default::default()).unwrap().ok);
    assert_eq!(subject.log.stats().unwrap().open_calls, 0);
}

#[tokio::test]
async fn reopening_counts_the_calls_that_went_on_without_the_log() {
    let (subject, _) = failed(Durability::Call, "-wal", Fault::Full).await;
    let careless = InferenceEngine::builder()
        .model(ModelSchema::delegated(MODEL, None))
        .runner(Arc::new(subject.runner.clone()))
        .event_log(subject.log.clone())
        .on_log_failure(car_inference::OnLogFailure::Continue)
        .build();
    for _ in 0..3 {
        careless.generate(hi()).await.unwrap();
    }
    call(&subject).await.unwrap_err();
    assert_eq!(subject.log.reopen().unwrap().unwrap().unrecorded_calls, 3);
}

#[tokio::test]
async fn a_file_that_is_gone_is_not_made_anew_by_reopening() {
    let subject = subject(Durability::Call);
    call(&subject).await.unwrap();
    std::fs::remove_file(&subject.path).unwrap();
    call(&subject).await.unwrap_err();
    for _ in 0..2 {
        let error = subject.log.reopen().unwrap_err();
        assert_eq!(error.kind, LogErrorKind::Moved, "{error}");
        assert!(error.message.contains("calls.db"), "{error}");
        assert!(!subject.path.exists());
    }
    let _told = subject.log.close();
    assert_eq!(subject.log.reopen().unwrap_err().kind, LogErrorKind::Closed);
}

#[tokio::test]
async fn another_log_or_an_older_copy_in_the_place_of_a_log_is_not_gone_on_with() {
    for is_copy in [true, false] {
        let subject = subject(Durability::Call);
        call(&subject).await.unwrap();
        let substitute = subject.folder.path().join("substitute.db");
        if is_copy {
            subject.log.backup(substitute.to_str().unwrap()).unwrap();
        } else {
            let other = SqliteLog::open(substitute.to_str().unwrap(), options(Durability::Call)).unwrap();
            other.close().unwrap();
        }
        call(&subject).await.unwrap();
        std::fs::rename(&substitute, &subject.path).unwrap();
        call(&subject).await.unwrap_err();
        // What was left beside the file belongs to the one before.
        for suffix in ["-wal", "-shm"] {
            let _gone = std::fs::remove_file(subject.folder.path().join(format!("calls.db{suffix}")));
        }
        let before = std::fs::read(&subject.path).unwrap();
        assert_eq!(subject.log.reopen().unwrap_err().kind, LogErrorKind::Moved);
        assert!(std::fs::read(&subject.path).unwrap() == before, "it was written to");
    }
}

#[tokio::test]
async fn those_who_reopen_at_the_same_time_share_one_attempt() {
    let (subject, _) = failed(Durability::Call, "-wal", Fault::Full).await;
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let log = subject.log.clone();
            std::thread::spawn(move || log.reopen())
        })
        .collect();
    for thread in threads {
        thread.join().unwrap().unwrap();
    }
    assert_eq!(subject.log.stats().unwrap().outages, 1);
    call(&subject).await.unwrap();
}

#[tokio::test]
async fn who_follows_a_log_goes_on_after_it_was_reopened() {
    let (subject, _) = failed(Durability::Call, "-wal", Fault::Full).await;
    let cursor = subject.log.end_cursor().unwrap();
    let mut changed = subject.log.changed(&cursor);
    let at_once = is_ready(&mut changed).await;
    assert!(!at_once, "a failed log has nothing to tell");
    subject.log.reopen().unwrap();
    tokio::time::timeout(PATIENCE, changed).await.expect("it goes on");
    let trace_id = call(&subject).await.unwrap();
    let page = subject.log.tail(Some(&cursor), 100).unwrap();
    let traces = page.items.iter().map(|item| match item {
        TailItem::CallStart { trace_id, .. }
        | TailItem::Event { trace_id, .. }
        | TailItem::CallEnd { trace_id, .. } => trace_id.clone(),
    });
    // Of the call that came after: its start, its events and its end.
    assert_eq!(traces.collect::<Vec<_>>(), vec![trace_id; 4]);
}

/// Whether a future is ready at once.
async fn is_ready(future: &mut (impl Future<Output = ()> + Unpin)) -> bool {
    poll_fn(|context| {
        let ready = std::pin::Pin::new(&mut *future).poll(context).is_ready();
        std::task::Poll::Ready(ready)
    })
    .await
}

#[tokio::test]
async fn a_failed_log_that_is_opened_again_goes_on_for_those_who_had_it_open() {
    let (subject, mut acknowledged) = failed(Durability::Call, "-wal", Fault::Full).await;
    let again = SqliteLog::open(subject.path.to_str().unwrap(), options(Durability::Call)).unwrap();
    assert_eq!(subject.log.failure(), None);
    acknowledged.push(call(&subject).await.unwrap());
    assert_eq!(again.stats().unwrap().calls, subject.log.stats().unwrap().calls);
    again.close().unwrap();
    subject.log.close().unwrap();
    must_hold(&subject.path, Durability::Call, &acknowledged);
}

#[tokio::test]
async fn a_question_at_whose_commit_the_log_fails_is_answered_with_what_was_committed() {
    let subject = subject(Durability::Call);
    let cursor = subject.log.end_cursor().unwrap();
    let trace_id = call(&subject).await.unwrap();
    // Recorded, but not committed: the question commits it.
    Fault::OnlyReads.strike(&subject.folder.path().join("calls.db-wal"));
    let _open = EventLog::start(&subject.log, &call_start()).unwrap();
    let page = subject.log.tail(Some(&cursor), 100).unwrap();
    assert_eq!(page.items.len(), 4);
    assert_eq!(subject.log.failure().unwrap().kind, LogErrorKind::Io);
    assert!(subject.log.call(&trace_id).unwrap().is_some());
    assert_eq!(subject.log.stats().unwrap().calls, 1);
    assert!(subject.log.flush().is_err());
}

#[tokio::test]
async fn reopening_counts_the_calls_that_were_acknowledged_and_lost() {
    let subject = subject(Durability::Relaxed);
    call(&subject).await.unwrap();
    subject.log.flush().unwrap();
    Fault::OnlyReads.strike(&subject.folder.path().join("calls.db-wal"));
    let mut acknowledged = 1;
    for _ in 0..5 {
        acknowledged += usize::from(call(&subject).await.is_ok());
    }
    assert!(subject.log.flush().is_err());
    let outage = subject.log.reopen().unwrap().unwrap();
    let ended = |status| CallFilter {
        status: Some(status),
        limit: Some(1_000),
        ..CallFilter::default()
    };
    let kept = subject.log.calls(&ended(CallStatus::Done)).unwrap().len();
    assert_eq!(kept + outage.lost_calls as usize, acknowledged);
    assert!(outage.lost_calls > 0);
}
