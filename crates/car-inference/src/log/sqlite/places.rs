//! The files of an open log: whether they are still those that were opened, and whether anybody but SQLite has changed them.
//! Looked at before each transaction, each read and each copy of the write-ahead log. What is done to a file between such a look
//! and the end of what follows it can go unnoticed.

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

/// How long to wait for somebody who has a file for themselves for a moment.
const GUARD_WAIT: Duration = Duration::from_secs(5);

pub(super) struct Places {
    pub path: LogPath,
    files: Vec<Place>,
    known: Mutex<Known>,
    held: Mutex<Option<Arc<Held>>>,
    guards: Mutex<Vec<Guard>>,
    /// Whether the guards keep others from removing the files beside the database.
    is_guarded: bool,
    /// Whether the log is written here, so that nobody else copies to the database.
    writes: bool,
}

/// The files of a log that are looked into.
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

/// How a file is, as far as the system tells without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    len: u64,
    /// Nothing where times come late.
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

/// How the files were left by this log.
#[derive(Default)]
struct Known {
    database: Option<State>,
    wal: Option<State>,
    shared_memory: Option<State>,
    /// What the index of the write-ahead log said.
    index: Option<IndexHeader>,
    /// Copies of the write-ahead log to the database that are under way in this process.
    copies: usize,
}

/// What a look found.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Look {
    /// The database is not as this process left it.
    pub database: bool,
    /// The write-ahead log or its index is not.
    pub wal: bool,
}

impl Places {
    /// Of a log that has just been opened, with a connection that has read from it.
    pub fn new(path: &LogPath, writes: bool) -> Result<Self, LogError> {
        let kinds = [Kind::Database, Kind::Wal, Kind::SharedMemory, Kind::Lock];
        let files = kinds
            .into_iter()
            .zip(path.all())
            // Of a log that is read where it cannot be written there is only the database; another process has the lock.
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

    /// Where an open file cannot be deleted, and closing one takes no lock away.
    #[cfg(not(unix))]
    fn hold(&self) -> Result<bool, LogError> {
        Ok(true)
    }

    fn place(&self, kind: Kind) -> Option<&Place> {
        self.files.iter().find(|place| place.kind == kind)
    }

    /// What a connection keeps, so that the files are closed after it.
    pub fn held(&self) -> Option<Arc<Held>> {
        self.held.lock().clone()
    }

    /// Lets SQLite tidy up when it closes: others may believe that nobody has the log open.
    pub fn unguard(&self) {
        self.guards.lock().clear();
    }

    /// Lets go of the files. The connections have to be closed, or to keep what is [`held`](Self::held).
    pub fn release(&self) {
        self.unguard();
        *self.held.lock() = None;
    }

    /// How the file of a place is, which has to be the one that was opened.
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

    /// Whether all is as this log left it. For its writer, between two transactions.
    ///
    /// # Errors
    /// When a file is gone or another one, or so short that SQLite must not touch it.
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

    /// Whether the log can be read. While its writer goes on, so only for what never happens then.
    ///
    /// # Errors
    /// As [`look`](Self::look).
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

    /// Whether the log can be read, which another process writes. Returns whether the database has changed since it was asked
    /// last. When that process has not copied to it meanwhile, `check` tells whether it still is this log.
    ///
    /// # Errors
    /// As [`look`](Self::look), and when the files do not hold what they have to.
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
                    // After the database: a copy tells of itself in the index before it begins.
                    index = self.index_header(place)?;
                }
                Kind::Database | Kind::Lock => {}
            }
        }
        let by_writer = index != known.index || index.is_some_and(|index| index.copied != index.attempted);
        if is_moved && !by_writer {
            // Told again at the next look.
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

    /// When all of the write-ahead log is copied, the database has all its pages.
    fn check_database_length(&self, place: &Place) -> Result<(), LogError> {
        let before = self.index_header(place)?;
        let len = self.state_of(place)?.len;
        if let Some(header) = before
            && before == self.index_header(place)?
            && header.frames <= header.copied
            && len < u64::from(header.pages) * header.page_bytes as u64
        {
            return Err(changed(&place.path, &format!("it was cut to {len} bytes")));
        }
        Ok(())
    }

    /// Nothing while somebody writes it, and where there is none to be looked into.
    fn index_header(&self, place: &Place) -> Result<Option<IndexHeader>, LogError> {
        let held = self.held();
        match held.as_ref().and_then(|held| held.shared_memory.file()) {
            Some(shared_memory) => IndexHeader::read(shared_memory).map_err(|error| unreadable(place, &error)),
            None => Ok(None),
        }
    }

    /// Compares the write-ahead log and its index with their checksums: others may write to the log with SQLite.
    ///
    /// # Errors
    /// When they were damaged.
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
                // Another program may write with SQLite just now.
                Some(_) => std::thread::park_timeout(Duration::from_millis(5)),
            }
        }
    }

    /// Takes the write-ahead log as it is now for what this log has left: after a transaction, before anybody is told of it.
    ///
    /// # Errors
    /// When it cannot hold what was written.
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
                        let how = format!("it has {} bytes of {written} that were written", now.len);
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

    /// Takes all files as they are now for what this log has left.
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

    /// Copies from the write-ahead log to the database, which changes for that time. Returns nothing, and does nothing, when
    /// somebody else has changed it: its writer has to look at it first.
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

    /// Whether the files that were opened are whole, wherever they are by now.
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

    /// Where files that are open do not go anywhere.
    #[cfg(not(unix))]
    pub fn are_whole(&self) -> bool {
        false
    }

    /// Returns once the write-ahead log is on the disk; what is in the database file is there already. SQLite locks another of
    /// the files, so this one may be opened.
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

/// SQLite maps these into memory: what is not there any more ends the process when it is touched.
fn not_shorter(place: &Place, now: Option<State>, known: Option<State>) -> Result<(), LogError> {
    match (now, known) {
        (Some(now), Some(known)) if now.len < known.len => Err(changed(
            &place.path,
            &format!("it was cut from {} to {} bytes", known.len, now.len),
        )),
        _ => Ok(()),
    }
}

fn unreadable(place: &Place, error: &std::io::Error) -> LogError {
    io_error(&format!("{} cannot be read", place.path.display()), error)
}
