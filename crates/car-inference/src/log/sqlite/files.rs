//! The files of a log: where they are, who may read them, who writes. Knows nothing of what is in them.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::failure::io_error;
use super::options::LogAccess;
use crate::log::{LogError, LogErrorKind};

/// The longest suffix that SQLite appends to the path.
const LONGEST_SUFFIX: &str = "-journal";
/// The longest path that SQLite accepts, in bytes.
const SQLITE_PATH_MAX: usize = 512 - LONGEST_SUFFIX.len();
/// The longest path that the system accepts, in bytes, without the terminating zero.
#[cfg(unix)]
const SYSTEM_PATH_MAX: usize = libc::PATH_MAX as usize - 1;
/// The longest file name that most file systems accept, in bytes.
#[cfg(unix)]
const NAME_MAX: usize = 255;

/// Where a log lies.
#[derive(Debug, Clone)]
pub(super) struct LogPath(
    pub PathBuf,
    /// Its folder, held open, when the path is longer than SQLite accepts.
    Option<Arc<File>>,
);

impl LogPath {
    /// From a path or a `file:` URL.
    pub fn parse(path_or_url: &str) -> Result<Self, LogError> {
        let invalid = |message: &str| LogError::new(LogErrorKind::InvalidPath, message);
        let path = match path_or_url.strip_prefix("file:") {
            None => path_or_url.to_owned(),
            Some(rest) => {
                if rest.contains(['?', '#']) {
                    return Err(invalid(
                        "the URL has parameters; give options instead, and write `?` in a name as `%3F`",
                    ));
                }
                let path = match rest.strip_prefix("//") {
                    None => rest,
                    Some(rest) => {
                        let path = rest.strip_prefix("localhost").unwrap_or(rest);
                        if !path.starts_with('/') {
                            return Err(invalid(
                                "the URL names another host; give the URL of a file of this one",
                            ));
                        }
                        path
                    }
                };
                let path = decode_percent(path).ok_or_else(|| invalid("the URL is not well formed"))?;
                if cfg!(windows) {
                    path.trim_start_matches('/').to_owned()
                } else {
                    path
                }
            }
        };
        if path.is_empty() || path.contains('\0') || path == ":memory:" {
            return Err(invalid("give the path of a file, or a `file:` URL"));
        }
        if let Some((scheme, _)) = path_or_url.split_once("://")
            && scheme != "file"
        {
            return Err(invalid(
                "the scheme of the URL is not supported; give a path or a `file:` URL",
            ));
        }
        // Of the working directory as it is now, whatever the host changes it to later.
        let path = std::path::absolute(path).map_err(|error| io_error("the path cannot be resolved", &error))?;
        Ok(Self(path, None))
    }

    /// The canonical path of the file, as far as its folders exist.
    pub fn canonical(self) -> Self {
        for folder in self.0.ancestors().skip(1) {
            if let Ok(canonical) = fs::canonicalize(folder)
                && let Ok(rest) = self.0.strip_prefix(folder)
            {
                return Self(canonical.join(rest), None);
            }
        }
        self
    }

    /// Checks that the system accepts the length of this path and of the paths of the files beside it.
    #[cfg(unix)]
    fn check_length(&self) -> Result<(), LogError> {
        use std::os::unix::ffi::OsStrExt;
        let name = self.0.file_name().unwrap_or_default().as_bytes().len();
        let path = self.0.as_os_str().as_bytes().len();
        let suffix = LONGEST_SUFFIX.len();
        let (what, len, max) = if name + suffix > NAME_MAX {
            ("the name of the file", name, NAME_MAX - suffix)
        } else if path + suffix > SYSTEM_PATH_MAX {
            ("the path", path, SYSTEM_PATH_MAX - suffix)
        } else {
            return Ok(());
        };
        Err(LogError::new(
            LogErrorKind::InvalidPath,
            format!(
                "{what} is too long: it has {len} bytes; the maximum is {max}, because SQLite appends `{LONGEST_SUFFIX}` \
                 to it"
            ),
        ))
    }

    #[cfg(not(unix))]
    fn check_length(&self) -> Result<(), LogError> {
        Ok(())
    }

    /// The same path, with a short name for SQLite if it is too long. Its folder has to exist.
    pub fn within_reach(self) -> Result<Self, LogError> {
        let len = self.0.as_os_str().len();
        if !cfg!(unix) || len <= SQLITE_PATH_MAX {
            return Ok(self);
        }
        let folder = self.0.parent().unwrap_or(Path::new("/"));
        let open = File::open(folder)
            .map_err(|error| io_error(&format!("the folder {} cannot be opened", folder.display()), &error))?;
        let reached = Self(self.0.clone(), Some(Arc::new(open)));
        let is_there = reached.through_folder().is_some_and(|(path, _)| {
            Identity::at(&path.join(".")).is_some_and(|found| Identity::at(folder) == Some(found))
        });
        if is_there {
            return Ok(reached);
        }
        Err(LogError::new(
            LogErrorKind::InvalidPath,
            format!(
                "the path is too long: it has {len} bytes, and SQLite's limit is {SQLITE_PATH_MAX}; longer paths need Linux \
                 with /proc"
            ),
        ))
    }

    /// The folder as `/proc/self/fd/N`, which names an open file of this process, and the name of the file in it.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn through_folder(&self) -> Option<(PathBuf, &std::ffi::OsStr)> {
        use std::os::fd::AsRawFd;
        let folder = self.1.as_ref()?;
        let name = self.0.file_name()?;
        Some((PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())), name))
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn through_folder(&self) -> Option<(PathBuf, &std::ffi::OsStr)> {
        // Other systems have no such names.
        self.1.as_ref().and(None)
    }

    /// The path to open with SQLite. Valid while this path or a clone of it is held.
    pub fn for_sqlite(&self) -> PathBuf {
        match self.through_folder() {
            Some((folder, name)) => folder.join(name),
            None => self.0.clone(),
        }
    }

    pub fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.0.as_os_str().to_owned();
        name.push(suffix);
        name.into()
    }

    /// The database, its write-ahead log, its shared memory, and the lock file of the writer.
    pub fn all(&self) -> [PathBuf; 4] {
        [
            self.0.clone(),
            self.beside("-wal"),
            self.beside("-shm"),
            self.beside("-lock"),
        ]
    }

    /// All files and folders that opening creates, reads or writes.
    pub fn touched(&self, access: LogAccess) -> Vec<PathBuf> {
        let [database, wal, shared_memory, lock] = self.all();
        if access == LogAccess::Read {
            return vec![database, wal, shared_memory];
        }
        let journal = self.beside(LONGEST_SUFFIX);
        let folders = self.0.ancestors().skip(1).take_while(|folder| !folder.exists());
        [database, wal, shared_memory, lock, journal]
            .into_iter()
            .chain(folders.map(Path::to_owned))
            .collect()
    }

    /// Refuses what would have somebody else's file read or written.
    pub fn check(&self) -> Result<(), LogError> {
        self.check_length()?;
        for path in self.all() {
            let Ok(metadata) = fs::symlink_metadata(&path) else {
                continue;
            };
            let problem = if metadata.is_symlink() {
                "is a symbolic link; give the path of the file itself"
            } else if metadata.is_dir() {
                "is a folder; give the path of a file in it"
            } else if !metadata.is_file() {
                "is no regular file"
            } else {
                continue;
            };
            return Err(LogError::new(
                LogErrorKind::InvalidPath,
                format!("{} {problem}", path.display()),
            ));
        }
        Ok(())
    }

    /// SQLite cannot open a file that this process has open by another name.
    #[cfg(unix)]
    pub fn explain_links(&self, error: LogError) -> LogError {
        use std::os::unix::fs::MetadataExt;
        let names = fs::metadata(&self.0).map_or(1, |metadata| metadata.nlink());
        if error.kind != LogErrorKind::Io || names < 2 {
            return error;
        }
        let message = format!(
            "{} is one of {names} names (hard links) of a file, and the log is open by another name; open it by that name, \
             or copy it with backup() ({})",
            self.0.display(),
            error.message
        );
        LogError::new(LogErrorKind::InvalidPath, message)
    }

    #[cfg(not(unix))]
    pub fn explain_links(&self, error: LogError) -> LogError {
        error
    }

    /// Makes the folder, for the owner alone, unless it is there.
    pub fn make_folder(&self) -> Result<(), LogError> {
        let Some(folder) = self.0.parent().filter(|folder| !folder.as_os_str().is_empty()) else {
            return Ok(());
        };
        if folder.is_dir() {
            return Ok(());
        }
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
            .create(folder)
            .map_err(|error| io_error(&format!("the folder {} cannot be made", folder.display()), &error))
    }

    /// Makes the file, for the owner alone, unless it is there; SQLite gives `-wal` and `-shm` the same permissions.
    ///
    /// A file that is there is never opened but by SQLite: closing it would take away the locks that SQLite holds on it for the
    /// whole process (<https://sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_>).
    pub fn make_file(&self) -> Result<(), LogError> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(&self.0) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(io_error(&format!("{} cannot be made", self.0.display()), &error)),
        }
    }

    /// Makes files that others may read the owner's alone.
    #[cfg(unix)]
    pub fn make_private(&self) -> Result<(), LogError> {
        use std::os::unix::fs::PermissionsExt;
        for path in self.all() {
            let Ok(metadata) = fs::symlink_metadata(&path) else {
                continue;
            };
            if metadata.permissions().mode() & 0o077 != 0 {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(|error| {
                    io_error(&format!("{} cannot be made its owner's alone", path.display()), &error)
                })?;
            }
        }
        Ok(())
    }

    /// Who may read is not a matter of modes here.
    #[cfg(not(unix))]
    pub fn make_private(&self) -> Result<(), LogError> {
        Ok(())
    }

    /// Takes the right to write, which ends with this process whatever becomes of it.
    pub fn lock(&self, wait: Duration) -> Result<WriteLock, LogError> {
        let path = self.beside("-lock");
        let file = open_lock(&path)?;
        let until = Instant::now() + wait;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(WriteLock { _file: file }),
                Err(TryLockError::Error(error)) => {
                    return Err(io_error(&format!("{} cannot be locked", path.display()), &error));
                }
                Err(TryLockError::WouldBlock) if Instant::now() < until => {
                    const LOOK_AGAIN: Duration = Duration::from_millis(10);
                    std::thread::park_timeout(LOOK_AGAIN);
                }
                Err(TryLockError::WouldBlock) => {
                    let message = format!(
                        "another process writes to {}; open it with `access: 'read'`, wait with `lockWaitMs`, or give each \
                         process a log of its own",
                        self.0.display()
                    );
                    return Err(LogError::new(LogErrorKind::Locked, message));
                }
            }
        }
    }

    /// The URL by which SQLite reads the file as one that nobody changes.
    pub fn immutable_url(&self) -> PathBuf {
        let path = self.for_sqlite();
        let path = path.to_string_lossy();
        let encoded: String = path
            .bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                    char::from(byte).to_string()
                }
                _ => format!("%{byte:02X}"),
            })
            .collect();
        format!("file:{encoded}?immutable=1").into()
    }

    pub fn is_taken(&self) -> bool {
        Identity::at(&self.0).is_some()
    }

    pub fn bytes(&self, suffix: &str) -> u64 {
        fs::metadata(self.beside(suffix)).map_or(0, |metadata| metadata.len())
    }
}

/// The right to write.
pub(super) struct WriteLock {
    _file: File,
}

/// What tells one file from another at the same path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Identity(u64, u64);

impl Identity {
    /// The identity of the file at a path, if it exists.
    pub fn at(path: &Path) -> Option<Self> {
        fs::symlink_metadata(path).ok().map(|metadata| Self::of(&metadata))
    }

    #[cfg(unix)]
    pub fn of(metadata: &fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self(metadata.dev(), metadata.ino())
    }

    /// Where an open file can be neither deleted nor replaced.
    #[cfg(not(unix))]
    pub fn of(_metadata: &fs::Metadata) -> Self {
        Self(0, 0)
    }
}

fn open_lock(path: &Path) -> Result<File, LogError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(path)
        .map_err(|error| io_error(&format!("{} cannot be opened", path.display()), &error))
}

fn decode_percent(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, tail) = rest.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}
