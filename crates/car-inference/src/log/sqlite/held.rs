//! Files of a log that this process holds open beside SQLite: to check their content, and to hold locks on them.
//!
//! Closing any descriptor of a file drops all POSIX locks of the process on it, those of SQLite too
//! (<https://sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_>). Each file
//! is therefore opened once per process, and closed when the last log releases it, after its connections.
//!
//! The host may read the file itself, and so drop SQLite's locks unknowingly. The locks held here belong to an open
//! file description, not to the process, so they stay.
#![cfg_attr(not(unix), allow(dead_code, reason = "elsewhere these files are not looked into"))]

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;

use super::files::Identity;

/// A file that stays open until all its holders are dropped.
pub(super) struct HeldFile {
    identity: Identity,
    open: Option<Arc<Open>>,
}

struct Open {
    file: File,
    /// How many holders have a lock on it.
    guards: Mutex<usize>,
}

/// Each open file, and the number of its holders.
type HeldFiles = HashMap<Identity, (usize, Arc<Open>)>;

/// Files are opened and closed only under this lock.
static HELD: LazyLock<Mutex<HeldFiles>> = LazyLock::new(Mutex::default);

impl HeldFile {
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut held = HELD.lock();
        if let Some(identity) = Identity::at(path)
            && let Some((count, open)) = held.get_mut(&identity)
        {
            *count += 1;
            let open = Some(Arc::clone(open));
            return Ok(Self { identity, open });
        }
        let file = open_to_read(path)?;
        let identity = Identity::of(&file.metadata()?);
        let open = Arc::new(Open {
            file,
            guards: Mutex::default(),
        });
        // Another entry exists only when the file at the path was just replaced by a file that is already held.
        let (count, open) = held.entry(identity).or_insert((0, open));
        *count += 1;
        Ok(Self {
            identity,
            open: Some(Arc::clone(open)),
        })
    }

    pub fn file(&self) -> Option<&File> {
        self.open.as_ref().map(|open| &open.file)
    }

    /// Takes a shared lock on some bytes of the file. `None` where the system has no such locks.
    ///
    /// # Errors
    /// When another program holds an exclusive lock on these bytes.
    pub fn guard(&self, bytes: Range) -> io::Result<Option<Guard>> {
        let Some(open) = &self.open else { return Ok(None) };
        let mut guards = open.guards.lock();
        if *guards == 0 && !lock::share(&open.file, bytes)? {
            return Ok(None);
        }
        *guards += 1;
        Ok(Some(Guard {
            open: Arc::clone(open),
            bytes,
        }))
    }
}

impl Drop for HeldFile {
    fn drop(&mut self) {
        let mut held = HELD.lock();
        // Releases this reference first. Then removing the entry below, when this was its last holder, closes the file
        // while the lock keeps others from opening it.
        self.open = None;
        if let Some((count, _)) = held.get_mut(&self.identity) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.identity);
            }
        }
    }
}

#[cfg(unix)]
fn open_to_read(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    std::os::unix::fs::OpenOptionsExt::custom_flags(options.read(true), libc::O_NOFOLLOW);
    options.open(path)
}

#[cfg(not(unix))]
fn open_to_read(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// A range of bytes of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    pub start: i64,
    pub len: i64,
}

/// What SQLite locks in a database before it may remove the write-ahead log: `SHARED_FIRST`, `SHARED_SIZE`.
pub(super) const DATABASE_IN_USE: Range = Range {
    start: 0x4000_0002,
    len: 510,
};

/// What SQLite locks in the shared memory before it may empty it: `UNIX_SHM_DMS`.
pub(super) const SHARED_MEMORY_IN_USE: Range = Range { start: 128, len: 1 };

/// A shared lock. Only one range of each file is locked.
pub(super) struct Guard {
    open: Arc<Open>,
    bytes: Range,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut guards = self.open.guards.lock();
        *guards -= 1;
        if *guards == 0 {
            lock::give_up(&self.open.file, self.bytes);
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod lock {
    use std::fs::File;
    use std::io;
    use std::os::fd::AsRawFd;

    use super::Range;

    /// Returns whether this file supports such locks.
    pub fn share(file: &File, bytes: Range) -> io::Result<bool> {
        match set(file, libc::F_RDLCK, bytes) {
            Ok(()) => Ok(true),
            Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Err(error),
            Err(_) => Ok(false),
        }
    }

    pub fn give_up(file: &File, bytes: Range) {
        // Closing the file releases the lock too.
        let _unlocked = set(file, libc::F_UNLCK, bytes);
    }

    fn set(file: &File, kind: libc::c_int, Range { start, len }: Range) -> io::Result<()> {
        let lock = libc::flock {
            l_type: kind as _,
            l_whence: libc::SEEK_SET as _,
            l_start: start as _,
            l_len: len as _,
            // Required for locks of an open file description.
            l_pid: 0,
        };
        // SAFETY: the descriptor is open, and the system only reads the argument.
        match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod lock {
    use std::fs::File;
    use std::io;

    use super::Range;

    pub fn share(_file: &File, _bytes: Range) -> io::Result<bool> {
        Ok(false)
    }

    pub fn give_up(_file: &File, _bytes: Range) {}
}
