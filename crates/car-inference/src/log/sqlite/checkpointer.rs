//! Copies most of the write-ahead log to the database beside the writer, who copies the rest: syncing megabytes takes longer
//! than an ending should wait. A thread of its own, from the first copy on. Never takes the lock that writing needs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;

use super::connection::open_checkpointer;
use super::options::Durability;
use super::places::Places;
use crate::log::{LogError, LogErrorKind};

pub(super) struct Checkpointer {
    places: Arc<Places>,
    durability: Durability,
    progress: Arc<Progress>,
    thread: Option<(SyncSender<()>, JoinHandle<()>)>,
}

#[derive(Default)]
struct Progress {
    copying: Mutex<Copying>,
    over: Condvar,
}

/// How far a copy is.
#[derive(Default)]
enum Copying {
    #[default]
    Idle,
    UnderWay,
    Over(Result<(), LogError>),
}

impl Progress {
    fn end(&self, result: Result<(), LogError>) {
        *self.copying.lock() = Copying::Over(result);
        self.over.notify_all();
    }
}

impl Checkpointer {
    pub fn new(places: Arc<Places>, durability: Durability) -> Self {
        Self {
            places,
            durability,
            progress: Arc::default(),
            thread: None,
        }
    }

    /// Starts a copy, unless one is in progress. Returns whether one has just finished; it may have copied nothing.
    ///
    /// # Errors
    /// The error of the copy. It is not an error if a reader or another program prevented the copy.
    pub fn poll(&mut self) -> Result<bool, LogError> {
        {
            let mut copying = self.progress.copying.lock();
            match &*copying {
                Copying::UnderWay => return Ok(false),
                Copying::Idle => *copying = Copying::UnderWay,
                Copying::Over(result) => {
                    let result = result.clone();
                    *copying = Copying::Idle;
                    return result.map(|()| true);
                }
            }
        }
        let is_asked = self.thread().is_some_and(|ask| ask.try_send(()).is_ok());
        if !is_asked {
            // Without a thread the writer copies everything.
            self.progress.end(Ok(()));
        }
        Ok(false)
    }

    /// Waits until no copy is in progress, however long the disk takes.
    pub fn wait(&self) {
        let mut copying = self.progress.copying.lock();
        self.progress
            .over
            .wait_while(&mut copying, |copying| matches!(copying, Copying::UnderWay));
    }

    fn thread(&mut self) -> Option<&SyncSender<()>> {
        if self.thread.is_none() {
            let (ask, asked) = sync_channel(1);
            let (places, durability, progress) =
                (Arc::clone(&self.places), self.durability, Arc::clone(&self.progress));
            let thread = std::thread::Builder::new()
                .name("car-inference-log-checkpoint".into())
                .spawn(move || copy_when(&asked, &places, durability, &progress));
            self.thread = thread.ok().map(|thread| (ask, thread));
        }
        self.thread.as_ref().map(|(ask, _)| ask)
    }

    /// Waits for a copy that is under way; there will be no other.
    pub fn stop(&mut self) {
        if let Some((ask, thread)) = self.thread.take() {
            drop(ask);
            // A panic of it leaves nothing behind but a copy that is not made.
            let _ended = thread.join();
        }
    }
}

fn copy_when(asked: &Receiver<()>, places: &Places, durability: Durability, progress: &Progress) {
    let mut connection = None;
    while asked.recv().is_ok() {
        // The writer may be waiting for it.
        let copied = catch_unwind(AssertUnwindSafe(|| copy(&mut connection, places, durability)));
        progress.end(match copied {
            // Another connection is copying or recovering: the next copy does the rest.
            Ok(Err(error)) if error.kind == LogErrorKind::Locked => Ok(()),
            Ok(copied) => copied,
            Err(_) => Err(LogError::new(
                LogErrorKind::Other,
                "the log's checkpoint thread panicked; please report it",
            )),
        });
    }
}

fn copy(connection: &mut Option<Connection>, places: &Places, durability: Durability) -> Result<(), LogError> {
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(open_checkpointer(&places.path, durability)?),
    };
    // Does not wait for readers or the writer: pages that they still need are not copied.
    // If another program has changed the files, the writer checks them and copies the rest.
    places.copy(|| Ok(connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?))?;
    Ok(())
}
