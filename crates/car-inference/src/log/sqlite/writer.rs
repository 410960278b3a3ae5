//! The one thread that writes: takes what waits, writes it in one transaction, tells those who wait for it. Owns the head of
//! the chain. Any failure to write is the last thing it does.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use tokio::sync::oneshot;

use super::chain::{Hash, Salts};
use super::checkpointer::Checkpointer;
use super::failure::moved;
use super::files::{Places, WriteLock};
use super::open_call::{Batch, OpenCall};
use super::options::SqliteLogOptions;
use super::queue::{Queue, Work};
use super::redacting::HeldEvents;
use super::seal::Sealer;
use super::shared::Progress;
use super::waiting::{Waiting, refuse, tell};
use super::wal::count_wal_pages;
use crate::log::{AttemptRecord, Ending, LogError, LogErrorKind, Note, OnCommit, PruneOptions, Stamp, VerdictRecord};
use crate::redaction::Redaction;

/// How long another program may hold the file's lock.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(60);
/// Retention begins this long after opening.
const FIRST_RETENTION: Duration = Duration::from_secs(60);

pub(super) type Reply = oneshot::Sender<Result<(), LogError>>;

/// What is done between transactions, by whoever asked for it.
pub(super) type Task = Box<dyn FnOnce(Result<&mut Writer, LogError>) + Send>;

pub(super) enum Job {
    Start(Arc<OpenCall>),
    Batch(Arc<OpenCall>, Box<Batch>),
    End {
        call: Arc<OpenCall>,
        batch: Box<Batch>,
        stamp: Stamp,
        ending: Arc<Ending>,
        /// Nobody waits in `relaxed`.
        committed: Option<OnCommit>,
    },
    /// The call was given up without an ending.
    Abandoned(Arc<OpenCall>),
    /// Tells when all before it is committed.
    Flush(Reply),
    Task(Task),
}

/// What the writer knows of a call that it has begun to write.
#[derive(Default)]
pub(super) struct WrittenCall {
    /// Its number: the position of its start. 0 before that is written.
    pub id: i64,
    pub first_event_at_us: Option<i64>,
    pub last_seq: u64,
    pub last_at_us: u64,
    pub attempts: Vec<AttemptRecord>,
    pub verdicts: Vec<VerdictRecord>,
    pub notes: Vec<Note>,
    pub held: HeldEvents,
}

/// The last record of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub position: i64,
    pub link: Hash,
}

pub(super) struct Retention {
    pub options: PruneOptions,
    pub every: Duration,
}

pub(super) struct Writer {
    pub connection: Connection,
    pub sealer: Sealer,
    /// Nothing when nothing is to be redacted.
    pub redaction: Option<Redaction>,
    pub log_id: String,
    pub has_text_index: bool,
    pub head: Head,
    pub salts: Salts,
    pub queue: Arc<Queue>,
    pub progress: Arc<Progress>,
    pub places: Places,
    pub checkpointer: Checkpointer,
    /// So many pages of the write-ahead log are to be copied.
    pub checkpoint_at: i32,
    pub retention: Option<Retention>,
    /// Calls that are being written, for when the log is closed under them.
    pub open_calls: std::collections::HashMap<i64, Arc<OpenCall>>,
    pub lock: WriteLock,
}

impl Writer {
    /// Writes until the log is closed or fails. A panic is a failure like any other: nobody waits for ever.
    pub fn run(mut self, options: &SqliteLogOptions) {
        let mut waiting = Waiting::default();
        let ended = catch_unwind(AssertUnwindSafe(|| {
            // Made here because the first in a process takes tens of milliseconds.
            self.redaction = options.redaction()?;
            self.work(&mut waiting)
        }));
        match ended {
            Ok(Ok(())) => self.leave(),
            Ok(Err(error)) => self.fail(&error, waiting),
            Err(_) => {
                let error = LogError::new(LogErrorKind::Other, "the log's thread panicked; please report it");
                self.fail(&error, waiting);
            }
        }
    }

    fn work(&mut self, waiting: &mut Waiting) -> Result<(), LogError> {
        count_wal_pages(&self.connection);
        let mut prune_at = self
            .retention
            .as_ref()
            .map(|retention| Instant::now() + retention.every.min(FIRST_RETENTION));
        loop {
            let work = self.queue.take(prune_at);
            let last = work.last;
            self.write(work, waiting)?;
            self.tell(waiting);
            if last {
                self.interrupt_open_calls()?;
            }
            while let Some(task) = waiting.tasks.pop_front() {
                task(Ok(self));
                self.queue.check()?;
            }
            self.bound_wal()?;
            if let Some(at) = prune_at
                && Instant::now() >= at
            {
                prune_at = self.retain();
                self.queue.check()?;
            }
            if last {
                return Ok(());
            }
        }
    }

    /// Removes the next calls that are kept no longer. Returns when to go on: at once while there are more, so that endings
    /// are written in between.
    fn retain(&mut self) -> Option<Instant> {
        let retention = self.retention.as_ref()?;
        let (options, every) = (retention.options.clone(), retention.every);
        let goes_on = self.prune_some(&options).is_ok_and(|pruned| !pruned.is_done);
        Some(if goes_on {
            Instant::now()
        } else {
            Instant::now() + every
        })
    }

    /// Writes all of it in one transaction.
    fn write(&mut self, work: Work, waiting: &mut Waiting) -> Result<(), LogError> {
        let Work { jobs, ripe, .. } = work;
        if jobs.is_empty() && ripe.is_empty() {
            return Ok(());
        }
        let begins = jobs.iter().any(|job| !matches!(job, Job::Flush(_) | Job::Task(_))) || !ripe.is_empty();
        if !begins {
            waiting.take(jobs);
            return Ok(());
        }
        // Kept where they are told, whatever comes of it.
        waiting.jobs.extend(jobs);
        self.begin()?;
        while let Some(job) = waiting.jobs.pop_front() {
            self.write_job(job, waiting)?;
        }
        self.write_ripe(ripe, waiting)?;
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }

    /// Begins a transaction. Another program that holds the file's lock is waited for: nothing is written yet that could be lost.
    fn begin(&self) -> Result<(), LogError> {
        let until = Instant::now() + LOCK_WAIT_MAX;
        loop {
            self.check_place()?;
            let begun = self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([]);
            match begun.map_err(LogError::from) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind == LogErrorKind::Locked && Instant::now() < until => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn write_job(&mut self, job: Job, waiting: &mut Waiting) -> Result<(), LogError> {
        match job {
            Job::Start(call) => {
                waiting.begun.push(Arc::clone(&call));
                self.write_start(&call)
            }
            Job::Batch(call, batch) => {
                call.dequeued();
                let written = self.write_batch(&call, &batch, waiting);
                call.linger_again();
                written
            }
            Job::End {
                call,
                batch,
                stamp,
                ending,
                committed,
            } => {
                // Whatever comes of it, whoever waits is told.
                waiting.commits.extend(committed);
                call.dequeued();
                self.write_batch(&call, &batch, waiting)?;
                self.write_end(&call, stamp, &ending)
            }
            Job::Abandoned(call) => self.interrupt(&call),
            Job::Flush(reply) => {
                waiting.replies.push(reply);
                Ok(())
            }
            Job::Task(task) => {
                waiting.tasks.push_back(task);
                Ok(())
            }
        }
    }

    fn write_ripe(&mut self, ripe: Vec<Arc<OpenCall>>, waiting: &mut Waiting) -> Result<(), LogError> {
        for call in ripe {
            if let Some(batch) = call.take_ripe() {
                self.write_batch(&call, &batch, waiting)?;
            }
        }
        Ok(())
    }

    fn write_batch(&mut self, call: &Arc<OpenCall>, batch: &Batch, waiting: &mut Waiting) -> Result<(), LogError> {
        let last_seq = self.write_events(call, batch)?;
        if call.holds_events() {
            let taken = call.written.lock().last_seq;
            waiting
                .durable
                .push((Arc::clone(call), (last_seq.unwrap_or_default(), taken)));
        }
        Ok(())
    }

    fn tell(&self, waiting: &mut Waiting) {
        self.progress.advance(self.head.position);
        waiting.begun.clear();
        for commit in waiting.commits.drain(..) {
            tell(commit, Ok(()));
        }
        for reply in waiting.replies.drain(..) {
            // Who no longer waits is not told.
            let _gone = reply.send(Ok(()));
        }
        for (call, seqs) in waiting.durable.drain(..) {
            call.made_durable(Ok(seqs));
        }
    }

    /// Runs `change` in a transaction of its own. What is wrong with what was asked changes nothing; what is wrong with the
    /// file ends the log.
    pub fn change<R>(&mut self, change: impl FnOnce(&mut Self) -> Result<R, LogError>) -> Result<R, LogError> {
        let head = self.head;
        let result = self.begin().and_then(|()| change(self)).and_then(|result| {
            self.connection.execute_batch("COMMIT")?;
            Ok(result)
        });
        match result {
            Ok(result) => {
                self.progress.advance(self.head.position);
                Ok(result)
            }
            Err(error) => {
                self.head = head;
                let rolled_back = self.connection.is_autocommit() || self.connection.execute_batch("ROLLBACK").is_ok();
                let is_harmless = matches!(error.kind, LogErrorKind::InvalidInput | LogErrorKind::Unsupported);
                if !(is_harmless && rolled_back) {
                    self.refuse(&error);
                }
                Err(error)
            }
        }
    }

    /// Whether the files are still those that were opened.
    pub fn check_place(&self) -> Result<(), LogError> {
        self.places.missing().map_or(Ok(()), |path| Err(moved(path)))
    }

    /// Returns once everything that is committed is on the disk. A failure is the log's last: what it has lost is not known.
    pub fn sync(&mut self) -> Result<(), LogError> {
        self.places.sync().inspect_err(|error| self.refuse(error))
    }

    /// Nothing is taken any more, because of this.
    pub fn refuse(&self, error: &LogError) {
        for job in self.queue.fail(error.clone()) {
            refuse(job, error);
        }
    }

    fn fail(mut self, error: &LogError, waiting: Waiting) {
        self.checkpointer.stop();
        self.refuse(error);
        waiting.refuse(error);
        for call in self.open_calls.values() {
            call.made_durable(Err(error.clone()));
        }
        self.progress.fail();
        if error.kind == LogErrorKind::Moved {
            // A file that was moved takes along what was committed: its write-ahead log may have stayed behind.
            let _tried = self.checkpoint_wal("TRUNCATE");
        }
        // What may not have reached the disk must not be taken for good at the next try: the system forgets what it failed to
        // write (https://wiki.postgresql.org/wiki/Fsync_Errors). What did is found by the next open.
        let _kept = self
            .connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        drop(self.connection);
        drop(self.lock);
    }

    /// Leaves one file, which other programs can read without our write-ahead log.
    fn leave(mut self) {
        self.checkpointer.stop();
        if let Err(error) = self.checkpoint_wal("TRUNCATE") {
            return self.fail(&error, Waiting::default());
        }
        drop(self.connection);
        self.queue.fail(LogError::closed());
        self.progress.fail();
        drop(self.lock);
    }
}

/// Now, in microseconds since the Unix epoch.
pub(super) fn now_us() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX)
}
