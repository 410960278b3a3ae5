//! Reopens a failed log on the same file: checks that the file is still the same log, closes calls that were cut off,
//! and records the outage in the chain.

use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension};

use super::connection::{open_reader, open_writer};
use super::failure::moved;
use super::files::LogPath;
use super::head::Head;
use super::intact::check_database;
use super::opening::{begin, prepare_text_index, store_of};
use super::outage::{OUTAGE, OutageRecord};
use super::schema;
use super::session::Session;
use super::settings::log_id;
use super::shared::Shared;
use super::store::{Store, now_us};
use crate::log::{LogError, LogErrorKind, LogOutage};

/// How often to wait for other readers of the write-ahead log.
const COPY_TRIES: usize = 20;

/// Reopens a failed log. `None` when the log has not failed. Concurrent callers share one attempt.
pub(super) fn reopen(shared: &Shared) -> Result<Option<LogOutage>, LogError> {
    shared.reopening.share(|| try_reopen(shared))
}

fn try_reopen(shared: &Shared) -> Result<Option<LogOutage>, LogError> {
    let failed = shared.session();
    let Some(failure) = failed.queue.failure() else {
        return Ok(None);
    };
    if failure.kind == LogErrorKind::Closed {
        return Err(LogError::closed());
    }
    // The old thread releases the file. Its error is already known.
    let _known = failed.join();
    shared.close_readers();
    let (session, outage) = go_on(shared, &failed, failure)?;
    shared.renew(session)?;
    Ok(Some(outage))
}

fn go_on(shared: &Shared, failed: &Session, failure: &LogError) -> Result<(Session, LogOutage), LogError> {
    let Shared { path, options, .. } = shared;
    check_file(path, &shared.log_id, failed.progress.committed())?;
    if failure.kind == LogErrorKind::Corrupt {
        // Another program may have damaged any part of it.
        check_database(path, &shared.sealer, &shared.log_id, None)?;
    }
    let lock = path
        .lock(Duration::from_millis(options.lock_wait_ms.unwrap_or_default()))
        .map_err(|error| opened_meanwhile(path, error))?;
    let mut connection = open_writer(path, options.durability())?;
    // An attempt that fails leaves the write-ahead log as it is.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    schema::migrate(&mut connection)?;
    schema::check_triggers(&connection)?;
    prepare_text_index(&mut connection, options.full_text_search, &shared.sealer)?;
    let head = Head::read(&connection, &shared.log_id)?;
    let mut store = store_of(connection, path, shared.sealer.clone(), shared.log_id.clone(), head)?;
    copy_wal(&mut store, options.durability().syncs())?;
    let outage = record_outage(&mut store, failed, failure)?;
    let _kept = store
        .connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false);
    Ok((begin(store, lock, options)?, outage))
}

/// Checks, before anything is written, that the file at the path is this log and holds everything that was committed to
/// it.
fn check_file(path: &LogPath, id: &str, committed: Option<Head>) -> Result<(), LogError> {
    path.check()?;
    if !path.is_taken() || path.bytes("") == 0 {
        return Err(moved(&path.0));
    }
    let connection = open_reader(path)?;
    if log_id(&connection)?.as_deref() != Some(id) {
        return Err(moved(&path.0));
    }
    committed.map_or(Ok(()), |committed| check_continues(&connection, path, committed))
}

fn opened_meanwhile(path: &LogPath, error: LogError) -> LogError {
    if error.kind != LogErrorKind::Locked {
        return error;
    }
    let message = format!(
        "{} was opened again meanwhile, by another process or with other options in this one; use that log, or close it and \
         reopen this one",
        path.0.display()
    );
    LogError::new(LogErrorKind::Locked, message)
}

/// Checks that the last record that this process committed is in the file, or was pruned since by another process.
fn check_continues(connection: &Connection, path: &LogPath, committed: Head) -> Result<(), LogError> {
    let at = |sql: &str| -> Result<Option<Head>, LogError> {
        let row = connection.prepare(sql)?.query_row([committed.position], |row| {
            Ok(Head {
                position: row.get(0)?,
                link: row.get(1)?,
            })
        });
        Ok(row.optional()?)
    };
    match at("SELECT position, link FROM records WHERE position >= ?1 ORDER BY position LIMIT 1")? {
        Some(found) if found.position > committed.position || found == committed => Ok(()),
        None if committed.position == 0 => Ok(()),
        _ => Err(LogError::new(
            LogErrorKind::Moved,
            format!(
                "{} does not hold what was committed to it (up to record {}): an older copy was put in its place, or its \
                 write-ahead log was removed; restore the file, or open it as it is",
                path.0.display(),
                committed.position
            ),
        )),
    }
}

/// Copies the write-ahead log to the database and syncs that. After a failed write, the system may forget the data, so
/// pages of the write-ahead log may not be on the disk, and later commits would be lost with them.
fn copy_wal(store: &mut Store, syncs: bool) -> Result<(), LogError> {
    for _ in 0..COPY_TRIES {
        if store.checkpoint_wal("TRUNCATE")? == 0 {
            return Ok(());
        }
    }
    if syncs {
        let message =
            "a reader holds the log, so its data cannot be synced; call reopen() again after the reader has finished";
        return Err(LogError::new(LogErrorKind::Locked, message));
    }
    Ok(())
}

/// Closes calls that were cut off, and records the outage in the chain.
fn record_outage(store: &mut Store, failed: &Session, failure: &LogError) -> Result<LogOutage, LogError> {
    let reopened_at_us = now_us();
    store.change(|store| {
        let record = OutageRecord {
            reason: failure.kind,
            message: failure.message.clone(),
            failed_at_us: failed.queue.failed_at_us().unwrap_or(reopened_at_us),
            interrupted_calls: store.close_all_interrupted()?,
            unrecorded_calls: failed.unrecorded(),
            lost_calls: failed.queue.lost_ends(),
        };
        store.append_housekeeping(OUTAGE, reopened_at_us, &record)?;
        Ok(record.told(reopened_at_us))
    })
}
