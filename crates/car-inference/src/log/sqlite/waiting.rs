//! The callers that wait for the writer, and what it tells them: that something is written, or that it will not be.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::job::{Job, Reply, Task};
use super::open_call::OpenCall;
use crate::log::{LogError, OnCommit};

/// The callers to answer once the transaction is committed.
#[derive(Default)]
pub(super) struct Waiting {
    /// Jobs that were taken from the queue and not started yet.
    pub jobs: VecDeque<Job>,
    pub commits: Vec<OnCommit>,
    /// How many endings in the transaction no caller awaits.
    pub unawaited_ends: u64,
    pub replies: Vec<Reply<()>>,
    pub tasks: VecDeque<Task>,
    /// Calls with two sequence numbers: the last event that becomes durable, and the last that was taken from the queue.
    /// Redaction may hold back the events between them.
    pub durable: Vec<(Arc<OpenCall>, (u64, u64))>,
    /// Calls that begin in the transaction. If it fails, the callers that wait for their events are told.
    pub begun: Vec<Arc<OpenCall>>,
}

impl Waiting {
    /// Adds the callers of jobs that are not written.
    pub fn take(&mut self, jobs: impl IntoIterator<Item = Job>) {
        for job in jobs {
            match job {
                Job::End { committed, .. } => self.commits.extend(committed),
                Job::Flush(reply) => self.replies.push(reply),
                Job::Task(task) => self.tasks.push_back(task),
                Job::Start(call) => self.begun.push(call),
                Job::Batch(..) | Job::Abandoned(_) => {}
            }
        }
    }

    /// Tells all of them that it will not be done.
    pub fn refuse(mut self, error: &LogError) {
        let jobs = std::mem::take(&mut self.jobs);
        self.take(jobs);
        for commit in self.commits {
            tell(commit, Err(error.clone()));
        }
        for reply in self.replies {
            let _gone = reply.send(Err(error.clone()));
        }
        for task in self.tasks {
            task.refuse(error.clone());
        }
        for call in self.begun {
            call.made_durable(Err(error.clone()));
        }
    }
}

/// Whoever wakes up at it may panic: that is a defect of theirs, which Rust has reported, and none of the log's.
pub(super) fn tell(commit: OnCommit, committed: Result<(), LogError>) {
    let _reported = catch_unwind(AssertUnwindSafe(|| commit.tell(committed)));
}

/// Tells whoever waits for a job that it will not be done.
pub(super) fn refuse(job: Job, error: &LogError) {
    let mut waiting = Waiting::default();
    waiting.take([job]);
    waiting.refuse(error);
}
