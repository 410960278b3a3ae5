//! Copies most of the write-ahead log to the database beside the writer, who copies the rest: syncing megabytes takes longer
//! than an ending should wait. A thread of its own, from the first copy on.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::connection::open_writer;
use super::files::LogPath;
use super::options::Durability;
use crate::log::LogError;

pub(super) struct Checkpointer {
    path: LogPath,
    durability: Durability,
    copying: Arc<Mutex<Copying>>,
    thread: Option<(SyncSender<()>, JoinHandle<()>)>,
}

/// How far a copy is.
#[derive(Default)]
enum Copying {
    #[default]
    Idle,
    UnderWay,
    Done(Result<(), LogError>),
}

impl Checkpointer {
    pub fn new(path: LogPath, durability: Durability) -> Self {
        Self {
            path,
            durability,
            copying: Arc::default(),
            thread: None,
        }
    }

    /// Has a copy made, unless one is under way. Returns whether one has just been finished.
    ///
    /// # Errors
    /// What the copy failed with.
    pub fn poll(&mut self) -> Result<bool, LogError> {
        {
            let mut copying = self.copying.lock();
            match &*copying {
                Copying::UnderWay => return Ok(false),
                Copying::Idle => *copying = Copying::UnderWay,
                Copying::Done(result) => {
                    let result = result.clone();
                    *copying = Copying::Idle;
                    return result.map(|()| true);
                }
            }
        }
        let is_asked = self.thread().is_some_and(|ask| ask.try_send(()).is_ok());
        if !is_asked {
            // Without a thread the writer copies everything.
            *self.copying.lock() = Copying::Done(Ok(()));
        }
        Ok(false)
    }

    fn thread(&mut self) -> Option<&SyncSender<()>> {
        if self.thread.is_none() {
            let (ask, asked) = sync_channel(1);
            let (path, durability, copying) = (self.path.clone(), self.durability, Arc::clone(&self.copying));
            let thread = std::thread::Builder::new()
                .name("car-inference-log-checkpoint".into())
                .spawn(move || copy_when(&asked, &path, durability, &copying));
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

fn copy_when(asked: &Receiver<()>, path: &LogPath, durability: Durability, copying: &Mutex<Copying>) {
    let mut connection = None;
    while asked.recv().is_ok() {
        let copied = copy(&mut connection, path, durability);
        *copying.lock() = Copying::Done(copied);
    }
}

fn copy(connection: &mut Option<Connection>, path: &LogPath, durability: Durability) -> Result<(), LogError> {
    let connection = match connection {
        Some(connection) => connection,
        None => {
            let opened = open_writer(path, durability)?;
            // Closing the log is the writer's business.
            opened.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            connection.insert(opened)
        }
    };
    // Readers are not waited for: what they still need stays where it is.
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
    Ok(())
}
