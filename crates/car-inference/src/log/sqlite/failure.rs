//! From SQLite's and the system's errors to ours. Their texts name files and reasons, never what is stored: parameters are
//! bound, and constraint messages name columns.

use std::io;
use std::path::Path;

use rusqlite::ffi::{ErrorCode, SQLITE_ERROR, SQLITE_IOERR_SHMSIZE};

use crate::log::{LogError, LogErrorKind};

impl From<rusqlite::Error> for LogError {
    fn from(error: rusqlite::Error) -> Self {
        let extended = error.sqlite_error().map(|error| error.extended_code);
        let kind = match error.sqlite_error_code() {
            // The shared memory is a file as well, which finds no room to grow.
            Some(_) if extended == Some(SQLITE_IOERR_SHMSIZE) => LogErrorKind::DiskFull,
            // Our statements are right, so the tables are not those that we made.
            Some(_) if extended == Some(SQLITE_ERROR) => LogErrorKind::Corrupt,
            Some(ErrorCode::DiskFull) => LogErrorKind::DiskFull,
            Some(ErrorCode::SystemIoFailure) => LogErrorKind::Io,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => LogErrorKind::ReadOnly,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::ConstraintViolation) => LogErrorKind::Corrupt,
            Some(ErrorCode::NotADatabase) => LogErrorKind::NotALog,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => {
                LogErrorKind::Locked
            }
            Some(ErrorCode::CannotOpen) => LogErrorKind::Io,
            Some(_) => LogErrorKind::Other,
            // What a column holds is not what it is made to hold.
            None => LogErrorKind::Corrupt,
        };
        let message = match &error {
            _ if kind == LogErrorKind::NotALog => {
                "the file is not an SQLite database, so it is not an event log".into()
            }
            rusqlite::Error::SqliteFailure(code, message) => {
                let code_text = rusqlite::ffi::code_to_str(code.extended_code);
                match message {
                    Some(message) if message != code_text => format!("{code_text}: {message}"),
                    _ => code_text.to_owned(),
                }
            }
            // These would show what is stored.
            rusqlite::Error::FromSqlConversionFailure(column, ..) | rusqlite::Error::InvalidColumnType(column, ..) => {
                format!("column {column} does not hold what it should")
            }
            other => other.to_string(),
        };
        Self::new(kind, message)
    }
}

/// What failed with a file, and why.
pub(super) fn io_error(what: &str, error: &io::Error) -> LogError {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => LogErrorKind::DiskFull,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => LogErrorKind::ReadOnly,
        _ => LogErrorKind::Io,
    };
    LogError::new(kind, format!("{what}: {error}"))
}

/// A file of an open log is no longer where it was.
pub(super) fn moved(path: &Path) -> LogError {
    LogError::new(
        LogErrorKind::Moved,
        format!(
            "{} was deleted, moved or replaced while the log was open; open the log again",
            path.display()
        ),
    )
}

/// Another program changed a file of an open log without SQLite.
pub(super) fn changed(path: &Path, how: &str) -> LogError {
    LogError::new(
        LogErrorKind::Corrupt,
        format!(
            "another program changed {} while the log was open: {how}; restore the file if it is damaged, then open the log again",
            path.display()
        ),
    )
}

/// A file beside the database is missing, on a system without open-file locks: another program believed that the log
/// was closed.
pub(super) fn unlocked(path: &Path) -> LogError {
    LogError::new(
        LogErrorKind::Corrupt,
        format!(
            "{} is missing: this process read the log's files itself, which released the log's locks, and another program \
             removed the file; to read an open log use backup() or export(); then open the log again",
            path.display()
        ),
    )
}

/// Something stored that makes no sense.
pub(super) fn corrupt(message: impl Into<String>) -> LogError {
    LogError::new(LogErrorKind::Corrupt, message)
}
