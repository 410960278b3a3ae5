//! The writer's jobs: records of calls to write, and tasks between two transactions.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::checkpoint::Checkpoint;
use super::open_call::{Batch, OpenCall};
use super::options::LogKey;
use super::prune::Pruned;
use super::store::Store;
use crate::log::{ArchivedCall, Ending, EraseReport, EraseTarget, LogError, OnCommit, PruneOptions, Stamp};

/// Where the outcome goes. If the caller no longer waits, the outcome is dropped.
pub(super) type Reply<R> = oneshot::Sender<Result<R, LogError>>;

/// Sends the outcome of a task to its caller.
pub(super) type Answer = Box<dyn FnOnce()>;

pub(super) enum Job {
    Start(Arc<OpenCall>),
    Batch(Arc<OpenCall>, Box<Batch>),
    End {
        call: Arc<OpenCall>,
        batch: Box<Batch>,
        stamp: Stamp,
        ending: Arc<Ending>,
        /// `None` in `relaxed`, in which endings do not wait, unless too much is queued.
        committed: Option<OnCommit>,
    },
    /// The call was dropped without an ending.
    Abandoned(Arc<OpenCall>),
    /// Answers when all jobs before it are committed.
    Flush(Reply<()>),
    Task(Task),
}

impl Job {
    /// An ending that was acknowledged before it is committed.
    pub fn is_unawaited_end(&self) -> bool {
        matches!(self, Self::End { committed: None, .. })
    }
}

/// A task between two transactions.
pub(super) enum Task {
    /// Syncs everything that is committed to the disk.
    Sync(Reply<()>),
    /// Empties the write-ahead log. Answers how many of its pages are still needed.
    TruncateWal(Reply<i32>),
    /// A checkpoint, signed with the Ed25519 key of this seed.
    Checkpoint([u8; 32], Reply<Checkpoint>),
    RotateKey(LogKey, Reply<()>),
    /// One round of pruning.
    Prune(PruneOptions, Reply<Pruned>),
    Erase(EraseTarget, Reply<EraseReport>),
    Restore(Box<ArchivedCall>, Reply<bool>),
}

impl Task {
    /// Runs the task. The returned closure answers the caller; the writer calls it after it has updated its progress.
    pub fn perform(self, store: &mut Store) -> Answer {
        match self {
            Self::Sync(reply) => answer(reply, store.sync()),
            Self::TruncateWal(reply) => answer(reply, store.checkpoint_wal("TRUNCATE")),
            Self::Checkpoint(seed, reply) => answer(reply, store.checkpoint(&seed)),
            Self::RotateKey(key, reply) => answer(reply, store.rotate_key(&key)),
            Self::Prune(options, reply) => answer(reply, store.prune_some(&options)),
            Self::Erase(target, reply) => answer(reply, store.erase(&target)),
            Self::Restore(call, reply) => answer(reply, store.restore(&call)),
        }
    }

    /// Whether the task empties the write-ahead log; a copy in the other thread would prevent that.
    pub fn empties_wal(&self) -> bool {
        matches!(
            self,
            Self::TruncateWal(_) | Self::RotateKey(..) | Self::Prune(..) | Self::Erase(..)
        )
    }

    /// Tells the caller that the job will not be done.
    pub fn refuse(self, error: LogError) {
        match self {
            Self::Sync(reply) | Self::RotateKey(_, reply) => refuse(reply, error),
            Self::TruncateWal(reply) => refuse(reply, error),
            Self::Checkpoint(_, reply) => refuse(reply, error),
            Self::Prune(_, reply) => refuse(reply, error),
            Self::Erase(_, reply) => refuse(reply, error),
            Self::Restore(_, reply) => refuse(reply, error),
        }
    }
}

fn answer<R: 'static>(reply: Reply<R>, outcome: Result<R, LogError>) -> Answer {
    Box::new(move || drop(reply.send(outcome)))
}

fn refuse<R>(reply: Reply<R>, error: LogError) {
    let _gone = reply.send(Err(error));
}
