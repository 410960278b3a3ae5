//! The writer thread: takes all queued jobs, writes them in one transaction, and answers those who wait for it. After
//! any write error it ends.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;

use super::files::WriteLock;
use super::job::{Job, Task};
use super::open_call::{Batch, OpenCall};
use super::options::SqliteLogOptions;
use super::progress::Progress;
use super::queue::{Queue, Work};
use super::store::Store;
use super::waiting::{Waiting, refuse, tell};
use super::wal::{WalBound, count_wal_pages};
use crate::log::{LogError, LogErrorKind, PruneOptions};

/// Retention begins this long after opening.
const FIRST_RETENTION: Duration = Duration::from_secs(60);

pub(super) struct Retention {
    pub options: PruneOptions,
    pub every: Duration,
}

pub(super) struct Writer {
    pub store: Store,
    pub queue: Arc<Queue>,
    pub progress: Arc<Progress>,
    pub wal: WalBound,
    pub retention: Option<Retention>,
    /// Calls that are being written, for when the log is closed under them.
    pub open_calls: HashMap<i64, Arc<OpenCall>>,
    pub lock: WriteLock,
}

impl Writer {
    /// Writes until the log is closed or fails. A panic is a failure like any other: nobody waits for ever.
    pub fn run(mut self, options: &SqliteLogOptions) {
        let mut waiting = Waiting::default();
        let ended = catch_unwind(AssertUnwindSafe(|| {
            // Made here because the first in a process takes tens of milliseconds.
            self.store.redaction = options.redaction()?;
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
        count_wal_pages(&self.store.connection);
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
                self.perform(task)?;
            }
            self.wal.keep(&mut self.store)?;
            if let Some(at) = prune_at
                && Instant::now() >= at
            {
                prune_at = self.retain();
                self.note()?;
            }
            if last {
                return Ok(());
            }
        }
    }

    /// Runs a task that a caller waits for.
    fn perform(&mut self, task: Task) -> Result<(), LogError> {
        if task.empties_wal() {
            self.wal.wait();
        }
        let answer = task.perform(&mut self.store);
        // Before the caller is told, because it may query what was just written.
        let noted = self.note();
        answer();
        noted
    }

    /// Publishes the progress of the log, and whether it has failed.
    fn note(&mut self) -> Result<(), LogError> {
        self.progress.reach(self.store.head);
        match self.store.failure.take() {
            Some(error) => {
                self.refuse(&error);
                Err(error)
            }
            None => Ok(()),
        }
    }

    /// Removes the next calls that are kept no longer. Returns when to go on: at once while there are more, so that endings
    /// are written in between.
    fn retain(&mut self) -> Option<Instant> {
        let retention = self.retention.as_ref()?;
        let (options, every) = (retention.options.clone(), retention.every);
        self.wal.wait();
        let goes_on = self.store.prune_some(&options).is_ok_and(|pruned| !pruned.is_done);
        Some(if goes_on {
            Instant::now()
        } else {
            Instant::now() + every
        })
    }

    /// Writes all of it in one transaction.
    fn write(&mut self, work: Work, waiting: &mut Waiting) -> Result<(), LogError> {
        let Work { jobs, .. } = work;
        if jobs.is_empty() {
            return Ok(());
        }
        let begins = jobs.iter().any(|job| !matches!(job, Job::Flush(_) | Job::Task(_)));
        if !begins {
            waiting.take(jobs);
            return self.store.check_place();
        }
        // Kept where they are told, whatever comes of it.
        waiting.jobs.extend(jobs);
        self.store.begin()?;
        while let Some(job) = waiting.jobs.pop_front() {
            self.write_job(job, waiting)?;
        }
        self.store.commit()
    }

    fn write_job(&mut self, job: Job, waiting: &mut Waiting) -> Result<(), LogError> {
        waiting.unawaited_ends += u64::from(job.is_unawaited_end());
        match job {
            Job::Start(call) => {
                waiting.begun.push(Arc::clone(&call));
                let id = self.store.write_start(&call)?;
                self.open_calls.insert(id, call);
                Ok(())
            }
            Job::Batch(call, batch) => self.write_batch(&call, &batch, waiting),
            Job::End {
                call,
                batch,
                stamp,
                ending,
                committed,
            } => {
                // Whatever comes of it, whoever waits is told.
                waiting.commits.extend(committed);
                self.write_batch(&call, &batch, waiting)?;
                let id = self.store.write_end(&call, stamp, &ending)?;
                self.open_calls.remove(&id);
                Ok(())
            }
            Job::Abandoned(call) => {
                let open_calls = &mut self.open_calls;
                self.store.interrupt(&call, |id| open_calls.remove(&id).is_some())
            }
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

    fn write_batch(&mut self, call: &Arc<OpenCall>, batch: &Batch, waiting: &mut Waiting) -> Result<(), LogError> {
        let last_seq = self.store.write_events(call, batch)?;
        if call.holds_events() {
            let taken = call.written.lock().last_seq;
            waiting
                .durable
                .push((Arc::clone(call), (last_seq.unwrap_or_default(), taken)));
        }
        Ok(())
    }

    fn tell(&self, waiting: &mut Waiting) {
        self.progress.reach(self.store.head);
        waiting.begun.clear();
        self.queue
            .committed_unawaited(std::mem::take(&mut waiting.unawaited_ends));
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

    /// Closes the calls that are still being recorded, because the log is closing.
    fn interrupt_open_calls(&mut self) -> Result<(), LogError> {
        let open = std::mem::take(&mut self.open_calls);
        if open.is_empty() {
            return Ok(());
        }
        self.store.change(|store| {
            open.values().try_for_each(|call| {
                call.made_durable(Err(LogError::closed()));
                store.interrupt(call, |_| true)
            })
        })?;
        self.note()
    }

    /// Nothing is taken any more, because of this.
    pub fn refuse(&self, error: &LogError) {
        for job in self.queue.fail(error.clone()) {
            refuse(job, error);
        }
    }

    fn fail(mut self, error: &LogError, waiting: Waiting) {
        self.wal.stop();
        self.refuse(error);
        waiting.refuse(error);
        for call in self.open_calls.values() {
            call.made_durable(Err(error.clone()));
        }
        self.progress.fail();
        if error.kind == LogErrorKind::Moved && self.store.places.are_whole() {
            // A file that was moved takes along what was committed: its write-ahead log may have stayed behind.
            let _tried = self.store.copy_wal("TRUNCATE");
        }
        // What may not have reached the disk must not be taken for good at the next try: the system forgets what it failed to
        // write (https://wiki.postgresql.org/wiki/Fsync_Errors). What did is found by the next open.
        let _kept = self
            .store
            .connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        let places = Arc::clone(&self.store.places);
        drop(self.store);
        places.release();
        drop(self.lock);
    }

    /// Leaves one file, which other programs can read without our write-ahead log.
    fn leave(mut self) {
        self.wal.stop();
        if let Err(error) = self.store.checkpoint_wal("TRUNCATE") {
            return self.fail(&error, Waiting::default());
        }
        let places = Arc::clone(&self.store.places);
        places.unguard();
        drop(self.store);
        places.release();
        self.queue.fail(LogError::closed());
        self.progress.fail();
        drop(self.lock);
    }
}
