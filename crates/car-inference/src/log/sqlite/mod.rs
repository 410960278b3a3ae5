//! The durable log: one SQLite file, one thread that writes. Every record is tied to the one before it, payload can be erased
//! and encrypted, and what was cut off is found when the file is opened again.
//!
//! How it works is in ARCHITECTURE.md; what each [`Durability`] survives, in its documentation.

mod annotation;
mod archive;
mod attempts;
mod batch;
mod chain;
mod changed_blocks;
mod checkpoint;
mod checkpointer;
mod columns;
mod connection;
mod entries;
mod erase;
mod erasing;
mod failure;
mod files;
mod gaps;
mod head;
mod held;
mod housekeeping;
mod intact;
mod job;
mod list;
mod open_call;
mod opening;
mod options;
mod outage;
mod own_records;
mod places;
mod progress;
mod prune;
mod queue;
mod read;
mod read_gate;
mod recorded;
mod recorder;
mod recover;
mod redacting;
mod reopening;
mod schema;
mod seal;
mod session;
mod settings;
mod shared;
mod signing;
mod store;
mod stored_json;
mod tail;
mod text_index;
mod text_list;
mod text_packing;
mod tree;
mod tree_state;
mod verify;
mod verify_indexes;
mod verify_report;
mod vfs;
mod waiting;
mod wal;
mod wal_index;
mod write_end;
mod write_rows;
mod writer;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Weak};
use std::time::Duration;

use parking_lot::Mutex;

pub use checkpoint::Checkpoint;
pub use options::{Durability, LogAccess, LogKey, SqliteLogOptions};
pub(crate) use stored_json::read as read_json;
pub use verify_report::{VerifyOptions, VerifyProblem, VerifyReport};

use super::cursor::{LogTag, TailPlace};
use super::{
    ArchivedCall, CallFilter, CallLog, CallRecord, CallStart, EraseReport, EraseTarget, EventLog, EventRange, LogError,
    LogErrorKind, LogOutage, LogStats, LogStore, LoggedEvent, PruneOptions, PruneReport, TailPage,
};
use crate::error::Problem;
use files::LogPath;
use job::{Job, Task};
use open_call::OpenCall;
use queue::Urgency;
use read::Reading;
use recorder::Recorder;
use shared::Shared;

/// A log in an SQLite file. Cloning shares the handle; the file is let go of when the last handle of the process is closed or
/// dropped.
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// use car_inference::log::{LogStore, SqliteLog, SqliteLogOptions};
/// let path = folder.path().join("calls.db");
/// let log = SqliteLog::open(path.to_str().unwrap(), SqliteLogOptions::default()).unwrap();
/// assert_eq!(log.stats().unwrap().calls, 0);
/// log.close().unwrap();
/// ```
#[derive(Clone)]
pub struct SqliteLog {
    handle: Arc<Handle>,
}

struct Handle {
    shared: Arc<Shared>,
    is_closed: AtomicBool,
}

/// How long an opening may take that nothing is in the way of.
const SLOT_WAIT: Duration = Duration::from_secs(2);

type Slot = Arc<Mutex<Weak<Shared>>>;

/// Where the log of this path is, while this process has it open. One file has one writer, whoever asks for it.
fn slot_of(path: &LogPath) -> Slot {
    static SLOTS: LazyLock<Mutex<HashMap<PathBuf, Slot>>> = LazyLock::new(Mutex::default);
    let mut slots = SLOTS.lock();
    // Those that nobody looks at and that hold no log any more.
    slots.retain(|_, slot| Arc::strong_count(slot) > 1 || slot.try_lock().is_none_or(|log| log.strong_count() > 0));
    Arc::clone(slots.entry(path.0.clone()).or_default())
}

impl SqliteLog {
    /// Opens a log, making it if need be. A log that this process has open already is shared, when it was opened with the same
    /// options.
    ///
    /// # Errors
    /// [`LogErrorKind`] says what is wrong: with the path, the file, the key, the options, or that another process writes.
    pub fn open(path_or_url: &str, options: SqliteLogOptions) -> Result<Self, LogError> {
        if let Some(problem) = options.validate().first() {
            return Err(LogError::new(LogErrorKind::InvalidInput, problem.to_string()));
        }
        let path = LogPath::parse(path_or_url)?.canonical();
        if options.access() == LogAccess::Read {
            return Ok(Self::of(Arc::new(opening::open(path, options)?)));
        }
        let slot = slot_of(&path);
        // Held until it is open, so that two who ask at once share.
        let patience = SLOT_WAIT + Duration::from_millis(options.lock_wait_ms.unwrap_or_default());
        let Some(mut open) = slot.try_lock_for(patience) else {
            let message = "another opening in this process waits for the process that writes to the log";
            return Err(LogError::new(LogErrorKind::Locked, message));
        };
        if let Some(shared) = open.upgrade() {
            if Self::works(&shared, &options)? && shared.add_handle() {
                let handle = Self::of(shared);
                if handle.handle.shared.is_opened_with(&options) {
                    return Ok(handle);
                }
                // Dropped, and so closed should it be the last by now.
                return Err(LogError::new(
                    LogErrorKind::InvalidInput,
                    "this process has the log open with other options; open it with the same, or share the one that is open",
                ));
            }
            // It has failed or is being closed: its thread gives the file free.
            let _told = shared.session().join();
        }
        let shared = Arc::new(opening::open(path, options)?);
        *open = Arc::downgrade(&shared);
        Ok(Self::of(shared))
    }

    /// Whether an open log can be shared. A failed log is reopened for all its handles, unless its file is gone.
    fn works(shared: &Shared, options: &SqliteLogOptions) -> Result<bool, LogError> {
        if shared.session().queue.failure().is_none() {
            return Ok(true);
        }
        if !shared.has_handles() || !shared.is_opened_with(options) {
            return Ok(false);
        }
        match reopening::reopen(shared) {
            Ok(_) => Ok(true),
            Err(error) if matches!(error.kind, LogErrorKind::Moved | LogErrorKind::Closed) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The files and folders that [`open`](Self::open) creates, reads or writes, the log file itself first. For hosts
    /// that have to check permissions. Opens nothing.
    ///
    /// # Errors
    /// [`LogErrorKind::InvalidPath`] when it is not the path of a file.
    pub fn files_of(path_or_url: &str, access: LogAccess) -> Result<Vec<PathBuf>, LogError> {
        Ok(LogPath::parse(path_or_url)?.touched(access))
    }

    fn of(shared: Arc<Shared>) -> Self {
        Self {
            handle: Arc::new(Handle {
                shared,
                is_closed: AtomicBool::new(false),
            }),
        }
    }

    /// Where the log lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.handle.shared.path.0
    }

    fn shared(&self) -> Result<&Shared, LogError> {
        if self.handle.is_closed.load(Ordering::Acquire) {
            return Err(LogError::closed());
        }
        Ok(&self.handle.shared)
    }

    fn read<R>(&self, read: impl FnOnce(Reading<'_>) -> Result<R, LogError>) -> Result<R, LogError> {
        let shared = self.shared()?;
        shared.read(|connection| {
            read(Reading {
                connection,
                sealer: &shared.sealer,
                log: LogTag::of(&shared.log_id),
            })
        })
    }

    /// Compares everything that a query can return with the chain, and the chain with itself and with what `options` give.
    ///
    /// # Errors
    /// When the log cannot be read. What is wrong with it is in the report.
    pub fn verify(&self, options: &VerifyOptions) -> Result<VerifyReport, LogError> {
        let shared = self.shared()?;
        shared.read_anew(|connection| {
            let reading = Reading {
                connection,
                sealer: &shared.sealer,
                log: LogTag::of(&shared.log_id),
            };
            reading.verify(&shared.log_id, options)
        })
    }

    /// States where the chain ends, signed with the Ed25519 key of this seed.
    ///
    /// # Errors
    /// When the log cannot be written.
    pub fn checkpoint(&self, seed: &[u8; 32]) -> Result<Checkpoint, LogError> {
        self.shared()?.on_writer(|reply| Task::Checkpoint(*seed, reply))
    }

    /// From now on the log opens with this key instead. What is sealed stays as it is: the log's own key is wrapped anew.
    ///
    /// # Errors
    /// When the log is not encrypted, or cannot be written.
    pub fn rotate_key(&self, key: LogKey) -> Result<(), LogError> {
        let shared = self.shared()?;
        shared.on_writer(|reply| Task::RotateKey(key.clone(), reply))?;
        shared.set_key(key);
        Ok(())
    }

    /// Copies the log, as it is now, to a new file, while it is written to.
    ///
    /// # Errors
    /// When there is a file already, or it cannot be written.
    pub fn backup(&self, path: &str) -> Result<(), LogError> {
        let path = LogPath::parse(path)?;
        if path.is_taken() {
            return Err(LogError::new(
                LogErrorKind::InvalidPath,
                format!("{} is there already; give the path of a new file", path.0.display()),
            ));
        }
        path.check()?;
        path.make_folder()?;
        let path = path.within_reach()?;
        path.make_file()?;
        let target = path.for_sqlite().to_string_lossy().into_owned();
        let copied = self.shared()?.copy_to(&target);
        if copied.is_err() {
            let _gone = std::fs::remove_file(&path.0);
        }
        copied
    }

    /// Writes everything to the one file, so that other programs can read it without the write-ahead log. Waits for those who
    /// read the log, for a second.
    ///
    /// # Errors
    /// When the log cannot be written; [`LogErrorKind::Locked`] when somebody still reads, so that the write-ahead log stays.
    pub fn settle(&self) -> Result<(), LogError> {
        if self.shared()?.empty_wal()? {
            return Ok(());
        }
        let message =
            "a reader holds the log, so its write-ahead log stays beside the file until the last connection closes";
        Err(LogError::new(LogErrorKind::Locked, message))
    }

    /// Where what is written ends, for [`LogStore::tail`]; nothing for a log that is only read. Never waits.
    #[must_use]
    pub fn written_cursor(&self) -> Option<String> {
        let shared = &self.handle.shared;
        let end = TailPlace::after(shared.session().progress.position());
        shared.writes.then(|| end.cursor(LogTag::of(&shared.log_id)))
    }

    /// Why the log takes nothing any more, when it has failed.
    #[must_use]
    pub fn failure(&self) -> Option<LogError> {
        self.handle.shared.session().queue.failure().cloned()
    }
}

impl EventLog for SqliteLog {
    fn start(&self, start: &CallStart) -> Result<Arc<dyn CallLog>, LogError> {
        let shared = self.shared()?;
        if !shared.writes {
            return Err(LogError::reads_only());
        }
        let call = OpenCall::new(start, shared.options.durability());
        let bytes = start.request.bytes();
        let queue = Arc::clone(&shared.session().queue);
        queue.push(Job::Start(Arc::clone(&call)), bytes, Urgency::Soon)?;
        Ok(Arc::new(Recorder::new(call, queue)))
    }

    fn goes_unrecorded(&self) {
        self.handle.shared.session().count_unrecorded();
    }
}

impl LogStore for SqliteLog {
    fn call(&self, trace_id: &str) -> Result<Option<CallRecord>, LogError> {
        self.read(|reading| match reading.id_of(trace_id)? {
            Some(id) => reading.call(id),
            None => Ok(None),
        })
    }

    fn check_filter(&self, filter: &CallFilter) -> Vec<Problem> {
        filter.problems(LogTag::of(&self.handle.shared.log_id))
    }

    fn calls(&self, filter: &CallFilter) -> Result<Vec<CallRecord>, LogError> {
        match self.check_filter(filter).first() {
            Some(problem) => Err(LogError::new(LogErrorKind::InvalidInput, problem.to_string())),
            None => self.read(|reading| reading.calls(filter)),
        }
    }

    fn events(&self, trace_id: &str, range: &EventRange, limit: usize) -> Result<Option<Vec<LoggedEvent>>, LogError> {
        self.read(|reading| reading.events(trace_id, range, limit))
    }

    fn stats(&self) -> Result<LogStats, LogError> {
        let shared = self.shared()?;
        let ((calls, open_calls, oldest_us, newest_us, bytes), (outages, last_outage)) = self.read(|reading| {
            let mut statement = reading.connection.prepare_cached(
                "SELECT (SELECT count(*) FROM calls), (SELECT count(*) FROM calls WHERE status = 'open'),
                        (SELECT min(started_at_us) FROM calls), (SELECT max(started_at_us) FROM calls),
                        page_count * page_size FROM pragma_page_count, pragma_page_size",
            )?;
            let calls = statement.query_row([], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            })?;
            Ok((calls, outage::outages(reading.connection)?))
        })?;
        let (calls, open_calls, bytes): (i64, i64, i64) = (calls, open_calls, bytes);
        let at = |at_us: Option<i64>| at_us.map(read::epoch_ms);
        Ok(LogStats {
            calls: calls.cast_unsigned(),
            open_calls: open_calls.cast_unsigned(),
            oldest_at: at(oldest_us),
            newest_at: at(newest_us),
            bytes: bytes.cast_unsigned(),
            wal_bytes: Some(shared.path.bytes("-wal")),
            durable_seq: self.durable_seq(),
            queued_bytes: shared.session().queue.bytes() as u64,
            failure: self.failure().map(|error| error.message),
            outages,
            last_outage,
        })
    }

    fn end_cursor(&self) -> Result<String, LogError> {
        self.read(|reading| Ok(reading.end_cursor()?.cursor(reading.log)))
    }

    fn tail(&self, cursor: Option<&str>, limit: usize) -> Result<TailPage, LogError> {
        self.read(|reading| reading.tail(cursor, limit))
    }

    fn changed(&self, cursor: &str) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let (Some((place, _)), Ok(shared)) = (TailPlace::parse(cursor), self.shared()) else {
            return Box::pin(std::future::ready(()));
        };
        if !shared.writes {
            // Another process writes; only looking tells.
            return Box::pin(tokio::time::sleep(Duration::from_millis(50)));
        }
        Box::pin(shared.changed(place.position))
    }

    fn durable_seq(&self) -> u64 {
        self.handle.shared.session().progress.position().cast_unsigned()
    }

    fn flush(&self) -> Result<(), LogError> {
        let shared = self.shared()?;
        if !shared.writes {
            return Ok(());
        }
        shared.commit()?;
        if shared.options.durability().syncs() {
            return Ok(());
        }
        shared.on_writer(Task::Sync)
    }

    fn prune(&self, options: &PruneOptions) -> Result<PruneReport, LogError> {
        let shared = self.shared()?;
        let mut report = PruneReport::default();
        loop {
            // Round by round, so that endings are written in between.
            let pruned = shared.on_writer(|reply| Task::Prune(options.clone(), reply))?;
            report.calls += pruned.calls;
            report.bytes += pruned.bytes;
            if pruned.is_done {
                break;
            }
        }
        // Only this makes the file as small as its pages. If a reader holds a snapshot, that happens later.
        let _is_empty = shared.empty_wal()?;
        Ok(report)
    }

    fn erase(&self, target: &EraseTarget) -> Result<EraseReport, LogError> {
        let shared = self.shared()?;
        let report = shared.on_writer(|reply| Task::Erase(target.clone(), reply))?;
        // Readers that kept what was erased let go of it.
        shared.close_readers();
        // Erased data is still in the write-ahead log, unless that could be emptied at once.
        let _is_empty = shared.empty_wal()?;
        Ok(report)
    }

    fn archived(&self, trace_id: &str) -> Result<Option<ArchivedCall>, LogError> {
        self.read(|reading| reading.archived(trace_id))
    }

    fn restore(&self, call: ArchivedCall) -> Result<bool, LogError> {
        self.shared()?.on_writer(|reply| Task::Restore(Box::new(call), reply))
    }

    fn reopen(&self) -> Result<Option<LogOutage>, LogError> {
        reopening::reopen(self.shared()?)
    }

    fn close(&self) -> Result<(), LogError> {
        self.handle.close()
    }
}

impl Handle {
    fn close(&self) -> Result<(), LogError> {
        if self.is_closed.swap(true, Ordering::AcqRel) || !self.shared.remove_handle() {
            return Ok(());
        }
        self.shared.close_readers();
        let session = self.shared.session();
        session.queue.close();
        let ended = session.join();
        if !self.shared.writes {
            session.places.release();
        }
        self.shared.give_up();
        ended
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // Whoever wants to know closes.
        let _unheard = self.close();
    }
}
