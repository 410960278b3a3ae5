//! What the writer is asked to do: to write what calls record, and tasks between two transactions.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::checkpoint::Checkpoint;
use super::open_call::{Batch, OpenCall};
use super::options::LogKey;
use super::prune::Pruned;
use super::store::Store;
use crate::log::{ArchivedCall, Ending, EraseReport, EraseTarget, LogError, OnCommit, PruneOptions, Stamp};

/// Where the outcome goes. A caller that no longer waits is not told.
pub(super) type Reply<R> = oneshot::Sender<Result<R, LogError>>;

/// Tells the caller of a task what came of it.
pub(super) type Answer = Box<dyn FnOnce()>;

pub(super) enum Job {
    Start(Arc<OpenCall>),
    Batch(Arc<OpenCall>, Box<Batch>),
    End {
        call: Arc<OpenCall>,
        batch: Box<Batch>,
        stamp: Stamp,
        ending: Arc<Ending>,
        /// Nobody waits in `relaxed`, unless too much is queued.
        committed: Option<OnCommit>,
    },
    /// The call was given up without an ending.
    Abandoned(Arc<OpenCall>),
    /// Tells when all before it is committed.
    Flush(Reply<()>),
    Task(Task),
}

/// What is done between two transactions.
pub(super) enum Task {
    /// Everything that is committed has to be on the disk.
    Sync(Reply<()>),
    /// The write-ahead log has to become empty. Tells how many of its pages are still needed.
    TruncateWal(Reply<i32>),
    /// A signed statement with the Ed25519 key of this seed.
    Checkpoint([u8; 32], Reply<Checkpoint>),
    RotateKey(LogKey, Reply<()>),
    /// One round of it.
    Prune(PruneOptions, Reply<Pruned>),
    Erase(EraseTarget, Reply<EraseReport>),
    Restore(Box<ArchivedCall>, Reply<bool>),
}

impl Task {
    /// Does it. What it returns tells the caller, after the writer has noted what the store says.
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

    /// Whether it ends with an empty write-ahead log, which a copy beside the writer would be in the way of.
    pub fn empties_wal(&self) -> bool {
        matches!(
            self,
            Self::TruncateWal(_) | Self::RotateKey(..) | Self::Prune(..) | Self::Erase(..)
        )
    }

    /// Tells the caller that it will not be done.
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
