//! What all handles of one open log share: the queue to its writer, its progress, connections that read.

use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use rusqlite::Connection;
use tokio::sync::{oneshot, watch};

use super::attempts::Attempts;
use super::connection::open_reader;
use super::failure::moved;
use super::files::LogPath;
use super::intact::check_database;
use super::job::{Job, Reply, Task};
use super::options::{LogAccess, LogKey, SqliteLogOptions};
use super::places::Held;
use super::queue::Urgency;
use super::seal::Sealer;
use super::session::Session;
use super::settings::log_id;
use crate::block_on::block_on;
use crate::log::{LogError, LogErrorKind, LogOutage};

/// Connections that are kept for the next reader.
const READERS_MAX: usize = 4;

pub(super) struct Shared {
    pub path: LogPath,
    pub options: SqliteLogOptions,
    /// The host's key, which may be another one since.
    key: Mutex<Option<LogKey>>,
    pub sealer: Sealer,
    pub log_id: String,
    session: RwLock<Arc<Session>>,
    /// Signals each session after the first, and the close of the log.
    renewed: watch::Sender<()>,
    pub reopening: Attempts<Result<Option<LogOutage>, LogError>>,
    /// Whether the log was opened for writing.
    pub writes: bool,
    readers: Mutex<Vec<Reader>>,
    /// Handles that are not closed.
    handles: Mutex<usize>,
}

/// A reading connection, and the files that must be closed after it.
struct Reader {
    connection: Connection,
    _held: Option<Arc<Held>>,
}

impl Shared {
    pub fn new(path: LogPath, options: SqliteLogOptions, sealer: Sealer, log_id: String, session: Session) -> Self {
        Self {
            path,
            key: Mutex::new(options.key.clone()),
            writes: options.access() == LogAccess::Write,
            options,
            sealer,
            log_id,
            session: RwLock::new(Arc::new(session)),
            renewed: watch::Sender::new(()),
            reopening: Attempts::default(),
            readers: Mutex::default(),
            handles: Mutex::new(1),
        }
    }

    /// The current session; it may have failed.
    pub fn session(&self) -> Arc<Session> {
        Arc::clone(&self.session.read())
    }

    /// Replaces a failed session with this one, unless all handles were closed meanwhile.
    pub fn renew(&self, session: Session) -> Result<(), LogError> {
        let session = Arc::new(session);
        let mut current = self.session.write();
        // Closing the last handle closes the session that is current then.
        if *self.handles.lock() == 0 {
            drop(current);
            session.queue.close();
            let _told = session.join();
            return Err(LogError::closed());
        }
        *current = session;
        drop(current);
        self.renewed.send_replace(());
        Ok(())
    }

    /// Wakes those who wait for a failed log to be reopened, because that will not happen.
    pub fn give_up(&self) {
        self.renewed.send_replace(());
    }

    /// Resolves when there may be a record after this position. For a failed log it waits, because the log may be
    /// reopened.
    pub fn changed(&self, position: i64) -> impl Future<Output = ()> + use<> {
        let mut renewed = self.renewed.subscribe();
        let session = self.session();
        async move {
            let queue = &session.queue;
            let mut known = session.progress.watch();
            // `self` holds the sender, so this cannot fail.
            drop(
                known
                    .wait_for(|known| *known > position || queue.failure().is_some())
                    .await,
            );
            if has_failed(&session) && session.progress.position() <= position {
                let _gone = renewed.changed().await;
            }
        }
    }

    /// Keeps a connection for the next reader.
    pub fn keep_reader(&self, connection: Connection) {
        let reader = self.reader(connection);
        self.readers.lock().push(reader);
    }

    fn reader(&self, connection: Connection) -> Reader {
        Reader {
            connection,
            _held: self.session().places.held(),
        }
    }

    /// Reads from a snapshot that holds everything recorded until now.
    pub fn read<R>(&self, read: impl FnOnce(&Connection) -> Result<R, LogError>) -> Result<R, LogError> {
        self.catch_up()?;
        self.read_now(read).map_err(|error| self.cause_of(error))
    }

    fn read_now<R>(&self, read: impl FnOnce(&Connection) -> Result<R, LogError>) -> Result<R, LogError> {
        self.look()?;
        let known = self.readers.lock().pop();
        let reader = match known {
            Some(reader) => reader,
            None => self.open_reader()?,
        };
        let session = self.session();
        let _open = session.gate.enter();
        let connection = &reader.connection;
        connection.execute_batch("BEGIN")?;
        if !self.writes {
            // How far another process has come, only the file tells.
            let last: Option<i64> = connection
                .prepare_cached("SELECT max(position) FROM records")?
                .query_row([], |row| row.get(0))?;
            session.progress.advance(last.unwrap_or_default());
        }
        let result = read(connection);
        let ended = connection.execute_batch("COMMIT");
        let mut readers = self.readers.lock();
        if ended.is_ok() && readers.len() < READERS_MAX && *self.handles.lock() > 0 {
            readers.push(reader);
        }
        result
    }

    /// Whether the files can be read.
    fn look(&self) -> Result<(), LogError> {
        if self.writes {
            return self.session().places.look_to_read();
        }
        let places = Arc::clone(&self.session().places);
        if places.look_beside_writer(|| check_database(&self.path, &self.sealer, &self.log_id, None))? {
            // Idle connections may have cached older pages.
            self.close_readers();
        }
        Ok(())
    }

    /// Why reading failed: a detected change to the files is a better explanation than SQLite's error.
    fn cause_of(&self, error: LogError) -> LogError {
        self.look().err().unwrap_or(error)
    }

    /// A connection to this very log, whatever lies at its path by now.
    fn open_reader(&self) -> Result<Reader, LogError> {
        let connection = open_reader(&self.path)?;
        // Opening takes long enough for the files to change.
        self.look()?;
        if log_id(&connection)?.as_ref() == Some(&self.log_id) {
            Ok(self.reader(connection))
        } else {
            Err(moved(&self.path.0))
        }
    }

    /// As [`read`](Self::read), on a connection that knows nothing from before: SQLite's check of an index of words looks for
    /// what its connection knew of it, not for what another has made of it since.
    pub fn read_anew<R>(&self, read: impl FnOnce(&Connection) -> Result<R, LogError>) -> Result<R, LogError> {
        self.catch_up()?;
        self.read_long(|connection| {
            connection.execute_batch("BEGIN")?;
            read(connection)
        })
    }

    /// Runs a long read, and checks the files meanwhile.
    fn read_long<R>(&self, read: impl FnOnce(&Connection) -> Result<R, LogError>) -> Result<R, LogError> {
        /// In SQLite's virtual machine instructions: some milliseconds.
        const LOOK_EVERY: i32 = 100_000;
        let read = || {
            self.look()?;
            let reader = self.open_reader()?;
            let places = Arc::clone(&self.session().places);
            reader
                .connection
                .progress_handler(LOOK_EVERY, Some(move || places.look_to_read().is_err()))?;
            read(&reader.connection)
        };
        read().map_err(|error| self.cause_of(error))
    }

    fn catch_up(&self) -> Result<(), LogError> {
        let session = self.session();
        if !self.writes || has_failed(&session) {
            return Ok(());
        }
        match commit(&session) {
            // The log has failed just now. What it holds can still be read, unless its files were changed.
            Err(error) if has_failed(&session) && !is_of_files(error.kind) => Ok(()),
            committed => committed,
        }
    }

    /// Returns once everything recorded so far is committed.
    pub fn commit(&self) -> Result<(), LogError> {
        commit(&self.session())
    }

    /// Has the writer do something between two transactions, and waits for it.
    pub fn on_writer<R>(&self, task: impl FnOnce(Reply<R>) -> Task) -> Result<R, LogError> {
        if !self.writes {
            return Err(LogError::reads_only());
        }
        let (reply, done) = oneshot::channel();
        self.session().queue.push(Job::Task(task(reply)), 0, Urgency::Now)?;
        wait(done)
    }

    /// Copies the write-ahead log to the database and empties it. Waits for readers, for at most one second. Returns
    /// whether it is empty.
    pub fn empty_wal(&self) -> Result<bool, LogError> {
        const TRIES: usize = 20;
        for _ in 0..TRIES {
            // Each try waits for readers for a moment; endings are written in between.
            if self.on_writer(Task::TruncateWal)? == 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Copies the log to an empty file.
    pub fn copy_to(&self, target: &str) -> Result<(), LogError> {
        if self.writes {
            self.commit()?;
        }
        self.read_long(|connection| {
            connection.execute("VACUUM INTO ?1", [target])?;
            Ok(())
        })
    }

    /// Whether another handle may be had with these options.
    pub fn is_opened_with(&self, options: &SqliteLogOptions) -> bool {
        let key = self.key.lock();
        *options
            == SqliteLogOptions {
                key: key.clone(),
                ..self.options.clone()
            }
    }

    /// The log opens with another key now.
    pub fn set_key(&self, key: LogKey) {
        *self.key.lock() = Some(key);
    }

    /// One handle more, unless the last is gone already.
    pub fn add_handle(&self) -> bool {
        let mut handles = self.handles.lock();
        let is_live = *handles > 0;
        *handles += usize::from(is_live);
        is_live
    }

    /// Whether the log has open handles.
    pub fn has_handles(&self) -> bool {
        *self.handles.lock() > 0
    }

    /// One handle less. Returns whether it was the last.
    pub fn remove_handle(&self) -> bool {
        let mut handles = self.handles.lock();
        *handles = handles.saturating_sub(1);
        *handles == 0
    }

    /// Lets go of the connections that read.
    pub fn close_readers(&self) {
        let readers = std::mem::take(&mut *self.readers.lock());
        drop(readers);
    }
}

/// Whether the log has failed. What it holds can still be read.
fn has_failed(session: &Session) -> bool {
    let failure = session.queue.failure();
    failure.is_some_and(|error| error.kind != LogErrorKind::Closed)
}

/// Whether the files are not as the log has left them.
fn is_of_files(kind: LogErrorKind) -> bool {
    matches!(
        kind,
        LogErrorKind::Corrupt | LogErrorKind::Moved | LogErrorKind::NotALog
    )
}

fn commit(session: &Session) -> Result<(), LogError> {
    let (reply, committed) = oneshot::channel();
    session.queue.push(Job::Flush(reply), 0, Urgency::Now)?;
    wait(committed)
}

/// Waits on this thread, which may be one of a runtime: the writer is a thread of its own.
fn wait<R>(done: oneshot::Receiver<Result<R, LogError>>) -> Result<R, LogError> {
    block_on(done).unwrap_or_else(|_| Err(LogError::closed()))
}
