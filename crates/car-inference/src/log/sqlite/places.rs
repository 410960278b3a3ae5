//! The files of an open log: whether they are still the files that were opened, and whether another program has changed
//! them without SQLite. Checked before each transaction, each read and each copy of the write-ahead log. A change
//! between a check and the end of the operation after it may go undetected.

use std::fs::{self, File, Metadata};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;

use super::failure::{changed, io_error, moved, unlocked};
use super::files::{Identity, LogPath};
use super::held::{DATABASE_IN_USE, Guard, HeldFile, SHARED_MEMORY_IN_USE};
use super::wal_index::{self, IndexHeader};
use crate::log::LogError;

/// How long to wait for another program that holds an exclusive lock for a moment.
const GUARD_WAIT: Duration = Duration::from_secs(5);

pub(super) struct Places {
    pub path: LogPath,
    files: Vec<Place>,
    known: Mutex<Known>,
    held: Mutex<Option<Arc<Held>>>,
    guards: Mutex<Vec<Guard>>,
    /// Whether guard locks keep other programs from removing the files beside the database.
    is_guarded: bool,
    /// Whether this process is the writer, so that no other process copies to the database.
    writes: bool,
}

/// The files of a log whose content is checked.
pub(super) struct Held {
    database: HeldFile,
    wal: File,
    shared_memory: HeldFile,
}

struct Place {
    path: PathBuf,
    kind: Kind,
    identity: Identity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Database,
    Wal,
    SharedMemory,
    Lock,
}

/// The state of a file, as far as the system reports it without reading the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    len: u64,
    /// `None` on systems that update modification times late.
    modified: Option<SystemTime>,
}

impl State {
    fn of(metadata: &Metadata) -> Self {
        Self {
            len: metadata.len(),
            modified: metadata.modified().ok().filter(|_| cfg!(unix)),
        }
    }
}

/// The state in which this log left its files.
#[derive(Default)]
struct Known {
    database: Option<State>,
    wal: Option<State>,
    shared_memory: Option<State>,
    /// The header of the index of the write-ahead log.
    index: Option<IndexHeader>,
    /// The number of copies of the write-ahead log to the database that are in progress in this process.
    copies: usize,
}

/// The result of a check.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Look {
    /// The database is not in the state in which this process left it.
    pub database: bool,
    /// The write-ahead log or its index is not in that state.
    pub wal: bool,
}

impl Places {
    /// For a log that was just opened, with a connection that has read from it.
    pub fn new(path: &LogPath, writes: bool) -> Result<Self, LogError> {
        let kinds = [Kind::Database, Kind::Wal, Kind::SharedMemory, Kind::Lock];
        let files = kinds
            .into_iter()
            .zip(path.all())
            // A log that is read from a read-only place has only the database; another process has the lock.
            .filter(|(kind, _)| writes || *kind != Kind::Lock)
            .filter_map(|(kind, path)| {
                let identity = Identity::at(&path)?;
                Some(Place { path, kind, identity })
            })
            .collect();
        let mut places = Self {
            path: path.clone(),
            files,
            known: Mutex::default(),
            held: Mutex::default(),
            guards: Mutex::default(),
            is_guarded: false,
            writes,
        };
        places.is_guarded = places.hold()?;
        places.remember()?;
        Ok(places)
    }

    /// Returns whether the files are guarded.
    #[cfg(unix)]
    fn hold(&self) -> Result<bool, LogError> {
        let [Some(database), Some(wal), Some(shared_memory)] =
            [Kind::Database, Kind::Wal, Kind::SharedMemory].map(|kind| self.place(kind))
        else {
            return Ok(false);
        };
        let failed = |place: &Place| {
            let path = place.path.display().to_string();
            move |error: std::io::Error| io_error(&format!("{path} cannot be opened"), &error)
        };
        let held = Arc::new(Held {
            database: HeldFile::open(&database.path).map_err(failed(database))?,
            wal: File::open(&wal.path).map_err(failed(wal))?,
            shared_memory: HeldFile::open(&shared_memory.path).map_err(failed(shared_memory))?,
        });
        let mut guards = self.guards.lock();
        for (place, file, bytes) in [
            (database, &held.database, DATABASE_IN_USE),
            (shared_memory, &held.shared_memory, SHARED_MEMORY_IN_USE),
        ] {
            let until = Instant::now() + GUARD_WAIT;
            let guard = loop {
                match file.guard(bytes) {
                    Ok(guard) => break guard,
                    Err(_) if Instant::now() < until => std::thread::park_timeout(Duration::from_millis(10)),
                    Err(error) => {
                        return Err(io_error(&format!("{} cannot be locked", place.path.display()), &error));
                    }
                }
            };
            guards.extend(guard);
        }
        *self.held.lock() = Some(held);
        Ok(!guards.is_empty())
    }

    /// For systems where an open file cannot be deleted, and closing a file drops no locks.
    #[cfg(not(unix))]
    fn hold(&self) -> Result<bool, LogError> {
        Ok(true)
    }

    fn place(&self, kind: Kind) -> Option<&Place> {
        self.files.iter().find(|place| place.kind == kind)
    }

    /// The files, for a connection to keep, so that they are closed after it.
    pub fn held(&self) -> Option<Arc<Held>> {
        self.held.lock().clone()
    }

    /// Releases the guard locks, so that SQLite can remove the files when it closes. From then on other programs may
    /// believe that the log is closed.
    pub fn unguard(&self) {
        self.guards.lock().clear();
    }

    /// Releases the files. The connections must be closed, or keep the files that [`held`](Self::held) returns.
    pub fn release(&self) {
        self.unguard();
        *self.held.lock() = None;
    }

    /// The state of the file at a place, which must be the file that was opened.
    fn state_of(&self, place: &Place) -> Result<State, LogError> {
        match fs::symlink_metadata(&place.path) {
            Ok(metadata) if Identity::of(&metadata) == place.identity => Ok(State::of(&metadata)),
            _ => {
                let is_beside = matches!(place.kind, Kind::Wal | Kind::SharedMemory);
                Err(if is_beside && !self.is_guarded {
                    unlocked(&place.path)
                } else {
                    moved(&place.path)
                })
            }
        }
    }

    /// Whether all files are as this log left them. For the writer, between two transactions.
    ///
    /// # Errors
    /// When a file is missing or was replaced, or is so short that SQLite must not touch it.
    pub fn look(&self) -> Result<Look, LogError> {
        let known = self.known.lock();
        let mut look = Look::default();
        for place in &self.files {
            let now = Some(self.state_of(place)?);
            match place.kind {
                Kind::Database => look.database = known.copies == 0 && now != known.database,
                Kind::Wal => look.wal |= now != known.wal,
                Kind::SharedMemory => {
                    not_shorter(place, now, known.shared_memory)?;
                    look.wal |= now != known.shared_memory;
                }
                Kind::Lock => {}
            }
        }
        Ok(look)
    }

    /// Checks that the log can be read. The writer may be writing meanwhile, so only changes that it never makes are
    /// checked.
    ///
    /// # Errors
    /// Like [`look`](Self::look).
    pub fn look_to_read(&self) -> Result<(), LogError> {
        let known = self.known.lock();
        for place in &self.files {
            let now = Some(self.state_of(place)?);
            match place.kind {
                Kind::Database if self.writes && known.copies == 0 => not_shorter(place, now, known.database)?,
                Kind::SharedMemory => not_shorter(place, now, known.shared_memory)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Checks that a log that another process writes can be read. Returns whether the database has changed since the
    /// last check. If it has changed without a copy by that process, `check` verifies that it is still this log.
    ///
    /// # Errors
    /// Like [`look`](Self::look), and when the content of the files is not valid.
    pub fn look_beside_writer(&self, check: impl FnOnce() -> Result<(), LogError>) -> Result<bool, LogError> {
        let mut known = self.known.lock();
        let Some(database) = self.place(Kind::Database) else {
            return Ok(false);
        };
        let now = self.state_of(database)?;
        let is_changed = known.database != Some(now);
        let mut is_moved = false;
        let mut index = None;
        for place in &self.files {
            match place.kind {
                Kind::Wal => {
                    let now = self.state_of(place)?;
                    is_moved |= known.wal.replace(now) != Some(now);
                }
                Kind::SharedMemory => {
                    let now = self.state_of(place)?;
                    not_shorter(place, Some(now), known.shared_memory)?;
                    is_moved |= known.shared_memory.replace(now) != Some(now);
                    // Read after the database, because a copy marks the index before it begins.
                    index = self.index_header(place)?;
                }
                Kind::Database | Kind::Lock => {}
            }
        }
        let by_writer = index != known.index || index.is_some_and(|index| index.copied != index.attempted);
        if is_moved && !by_writer {
            // Reported again by the next check.
            self.check_wal().inspect_err(|_| known.wal = None)?;
        }
        if is_changed {
            self.check_database_length(database)?;
            if !by_writer {
                check()?;
            }
        }
        known.database = Some(now);
        known.index = index;
        Ok(is_changed)
    }

    /// Once the whole write-ahead log is copied, the database has all its pages.
    fn check_database_length(&self, place: &Place) -> Result<(), LogError> {
        let before = self.index_header(place)?;
        let len = self.state_of(place)?.len;
        if let Some(header) = before
            && before == self.index_header(place)?
            && header.frames <= header.copied
            && len < u64::from(header.pages) * header.page_bytes as u64
        {
            return Err(changed(&place.path, &format!("it was truncated to {len} bytes")));
        }
        Ok(())
    }

    /// The header of the index; `None` while it is being written, and where there is no index.
    fn index_header(&self, place: &Place) -> Result<Option<IndexHeader>, LogError> {
        let held = self.held();
        match held.as_ref().and_then(|held| held.shared_memory.file()) {
            Some(shared_memory) => IndexHeader::read(shared_memory).map_err(|error| unreadable(place, &error)),
            None => Ok(None),
        }
    }

    /// Compares the write-ahead log and its index with their checksums, because other programs may write to them with
    /// SQLite.
    ///
    /// # Errors
    /// When they are damaged.
    pub fn check_wal(&self) -> Result<(), LogError> {
        let (Some(held), Some(place)) = (self.held(), self.place(Kind::Wal)) else {
            return Ok(());
        };
        let Some(shared_memory) = held.shared_memory.file() else {
            return Ok(());
        };
        let mut tries = 3;
        loop {
            let problem = wal_index::problem(&held.wal, shared_memory).map_err(|error| unreadable(place, &error))?;
            tries -= 1;
            match problem {
                None => return Ok(()),
                Some(problem) if tries == 0 => return Err(changed(&place.path, problem)),
                // Another program may be writing with SQLite just now.
                Some(_) => std::thread::park_timeout(Duration::from_millis(5)),
            }
        }
    }

    /// Stores the current state of the write-ahead log as the state in which this log left it. Call it after a
    /// transaction, before anyone is told of the commit.
    ///
    /// # Errors
    /// When the write-ahead log is too short to hold what was written.
    pub fn remember_wal(&self) -> Result<(), LogError> {
        let mut known = self.known.lock();
        self.remember_wal_in(&mut known)
    }

    fn remember_wal_in(&self, known: &mut Known) -> Result<(), LogError> {
        for place in &self.files {
            match place.kind {
                Kind::Wal => {
                    let now = self.state_of(place)?;
                    known.index = self.index_header(place)?;
                    let written = known.index.map_or(0, IndexHeader::wal_bytes);
                    if now.len < written {
                        let how = format!("it has {} bytes, but {written} were written", now.len);
                        return Err(changed(&place.path, &how));
                    }
                    known.wal = Some(now);
                }
                Kind::SharedMemory => known.shared_memory = Some(self.state_of(place)?),
                _ => {}
            }
        }
        Ok(())
    }

    /// Stores the current state of all files as the state in which this log left them.
    pub fn remember(&self) -> Result<(), LogError> {
        let mut known = self.known.lock();
        self.remember_database_in(&mut known)?;
        self.remember_wal_in(&mut known)
    }

    fn remember_database_in(&self, known: &mut Known) -> Result<(), LogError> {
        if let Some(place) = self.place(Kind::Database) {
            known.database = Some(self.state_of(place)?);
        }
        Ok(())
    }

    /// Runs a copy from the write-ahead log to the database, during which the database may change. Does nothing and
    /// returns `None` if another program has changed the database: the writer has to check it first.
    pub fn copy<R>(&self, copy: impl FnOnce() -> Result<R, LogError>) -> Result<Option<R>, LogError> {
        {
            let mut known = self.known.lock();
            for place in &self.files {
                let now = Some(self.state_of(place)?);
                match place.kind {
                    Kind::Database if known.copies == 0 && now != known.database => return Ok(None),
                    Kind::SharedMemory => not_shorter(place, now, known.shared_memory)?,
                    _ => {}
                }
            }
            known.copies += 1;
        }
        let copied = copy();
        let mut known = self.known.lock();
        known.copies -= 1;
        if known.copies == 0 {
            self.remember_database_in(&mut known)?;
        }
        copied.map(Some)
    }

    /// Whether the opened files are intact, wherever they were moved to.
    #[cfg(unix)]
    pub fn are_whole(&self) -> bool {
        let (Some(held), known) = (self.held(), self.known.lock()) else {
            return false;
        };
        let state = |file: Option<&File>| {
            file.and_then(|file| file.metadata().ok())
                .map(|found| State::of(&found))
        };
        known.copies == 0
            && state(held.database.file()) == known.database
            && state(Some(&held.wal)) == known.wal
            && state(held.shared_memory.file()).map(|now| now.len) == known.shared_memory.map(|known| known.len)
    }

    /// For systems where open files cannot be moved.
    #[cfg(not(unix))]
    pub fn are_whole(&self) -> bool {
        false
    }

    /// Syncs the write-ahead log to the disk; the database file is synced already. The file may be opened here, because
    /// SQLite has its locks on other files.
    pub fn sync(&self) -> Result<(), LogError> {
        let failed = |error: std::io::Error| io_error("the log cannot be synced to the disk", &error);
        let Some(Place { path: wal, .. }) = self.place(Kind::Wal) else {
            return Ok(());
        };
        File::open(wal).and_then(|file| file.sync_data()).map_err(failed)?;
        #[cfg(unix)]
        if let Some(folder) = wal.parent() {
            File::open(folder)
                .and_then(|folder| folder.sync_all())
                .map_err(failed)?;
        }
        Ok(())
    }
}

/// SQLite maps these files into memory: touching a truncated part crashes the process.
fn not_shorter(place: &Place, now: Option<State>, known: Option<State>) -> Result<(), LogError> {
    match (now, known) {
        (Some(now), Some(known)) if now.len < known.len => Err(changed(
            &place.path,
            &format!("it was truncated from {} to {} bytes", known.len, now.len),
        )),
        _ => Ok(()),
    }
}

fn unreadable(place: &Place, error: &std::io::Error) -> LogError {
    io_error(&format!("{} cannot be read", place.path.display()), error)
}
