//! One connection to the file, set up so that it neither trusts the file nor loses what it has committed.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags, ffi};

use super::files::LogPath;
use super::options::Durability;
use super::{schema, vfs};
use crate::log::{LogError, LogErrorKind};

/// SQLite before 3.51.3 can corrupt a database when two connections write and checkpoint at the same moment
/// (<https://sqlite.org/wal.html#walresetbug>).
const SQLITE_VERSION_MIN: i32 = 3_051_003;

/// How long to wait for a lock that another connection holds for a moment, such as while it recovers a write-ahead log.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The write-ahead log is cut to this when it starts anew.
const JOURNAL_SIZE_LIMIT: i64 = 16 * 1024 * 1024;

/// Pages that the writer keeps: each of the ten trees is written at its end, and a transaction's pages should not go to the
/// write-ahead log before its commit. In KiB.
const WRITER_CACHE_KIB: i64 = 16 * 1024;

/// The connection that writes.
pub(super) fn open_writer(path: &LogPath, durability: Durability) -> Result<Connection, LogError> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    set_up_writer(&connection, path, durability).map_err(|error| with_reason(&connection, error))?;
    Ok(connection)
}

fn set_up_writer(connection: &Connection, path: &LogPath, durability: Durability) -> Result<(), LogError> {
    // What is no log of ours is not touched.
    schema::checked_version(connection)?;
    // Only of a new file; before its first table.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(LogError::new(
            LogErrorKind::Unsupported,
            format!(
                "{} is where SQLite cannot keep a write-ahead log; use a local disk",
                path.0.display()
            ),
        ));
    }
    sync_as(connection, durability)?;
    connection.pragma_update_and_check(None, "journal_size_limit", JOURNAL_SIZE_LIMIT, |_| Ok(()))?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    // The writer checkpoints itself.
    connection.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
    // What is erased or pruned is overwritten.
    connection.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))?;
    Ok(())
}

/// A connection that only copies the write-ahead log to the database. It changes no setting that is stored in the file
/// and begins no write transaction, so it never waits for the writer.
pub(super) fn open_checkpointer(path: &LogPath, durability: Durability) -> Result<Connection, LogError> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // SQLite still copies with this setting (https://sqlite.org/pragma.html#pragma_query_only).
    connection.pragma_update(None, "query_only", true)?;
    sync_as(&connection, durability)?;
    // Only the writer copies the write-ahead log at close.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(connection)
}

fn sync_as(connection: &Connection, durability: Durability) -> Result<(), LogError> {
    let synchronous = if durability.syncs() { "FULL" } else { "NORMAL" };
    connection.pragma_update(None, "synchronous", synchronous)?;
    if durability.syncs() && cfg!(target_os = "macos") {
        connection.pragma_update(None, "fullfsync", true)?;
        connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    }
    Ok(())
}

/// A connection that reads, of this process or another one.
pub(super) fn open_reader(path: &LogPath) -> Result<Connection, LogError> {
    read_only(open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)).or_else(|error| {
        // Beside a log that was closed, in a folder that cannot be written, the shared memory of a write-ahead log cannot be
        // made; nor is it needed there.
        if error.kind != LogErrorKind::Io || path.bytes("-wal") > 0 {
            return Err(error);
        }
        let immutable = open_at(
            &path.immutable_url(),
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
        );
        read_only(immutable).map_err(|_| error)
    })
}

fn read_only(connection: Result<Connection, LogError>) -> Result<Connection, LogError> {
    let connection = connection?;
    match schema::checked_version(&connection).map_err(|error| with_reason(&connection, error))? {
        0 => Err(LogError::new(LogErrorKind::NotALog, "the file holds no event log yet")),
        _ => Ok(connection),
    }
}

fn open(path: &LogPath, access: OpenFlags) -> Result<Connection, LogError> {
    if rusqlite::version_number() < SQLITE_VERSION_MIN {
        return Err(LogError::new(
            LogErrorKind::Unsupported,
            format!(
                "SQLite {} can corrupt its files; at least 3.51.3 is needed",
                rusqlite::version()
            ),
        ));
    }
    path.check()?;
    let place = path.for_sqlite();
    open_at(&place, access).map_err(|error| match std::fs::symlink_metadata(&place) {
        // SQLite does not say why.
        Err(reason) if error.kind == LogErrorKind::Io => {
            LogError::new(error.kind, format!("{}: {reason}", error.message))
        }
        _ => error,
    })
}

fn open_at(place: &Path, access: OpenFlags) -> Result<Connection, LogError> {
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = match vfs::name() {
        Some(vfs) => Connection::open_with_flags_and_vfs(place, flags, vfs),
        None => Connection::open_with_flags(place, flags),
    }?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.pragma_update_and_check(None, "mmap_size", 0, |_| Ok(()))?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 1)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// The system's error when SQLite could not open or read a file.
fn with_reason(connection: &Connection, error: LogError) -> LogError {
    if error.kind != LogErrorKind::Io {
        return error;
    }
    // SAFETY: the connection is open, and SQLite only returns a number that it keeps.
    let code = unsafe { ffi::sqlite3_system_errno(connection.handle()) };
    if code == 0 {
        return error;
    }
    let reason = std::io::Error::from_raw_os_error(code);
    LogError::new(error.kind, format!("{}: {reason}", error.message))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The writer may hold its lock for longer than any lock wait. Here the lock wait is zero, so that any wait would fail.
    #[test]
    fn the_checkpointer_opens_and_copies_while_the_writer_has_the_write_lock() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("calls.db");
        std::fs::File::create(&file).expect("an empty file");
        let path = LogPath::parse(&file.to_string_lossy()).expect("a path");
        let mut writer = open_writer(&path, Durability::Call).expect("a new file");
        schema::migrate(&mut writer).expect("its tables");
        writer.execute_batch("BEGIN IMMEDIATE").expect("the lock is free");
        let checkpointer = open_checkpointer(&path, Durability::Call).expect("it needs no write lock");
        checkpointer.busy_timeout(Duration::ZERO).expect("a time");
        let (is_busy, pages, copied): (bool, i32, i32) = checkpointer
            .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .expect("it needs no write lock");
        assert!(!is_busy && pages > 0 && copied == pages, "{copied} of {pages} pages");
        writer.execute_batch("COMMIT").expect("nobody else has written");
    }
}
