//! From a path to an open log: files, key, tables, calls that were cut off, the writer's thread.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use super::chain::{Salts, hex, random};
use super::changed_blocks::ChangedBlocks;
use super::connection::{open_reader, open_writer};
use super::erasing::Erasing;
use super::failure::io_error;
use super::files::{LogPath, WriteLock};
use super::head::Head;
use super::options::{LogAccess, LogKey, SqliteLogOptions};
use super::places::Places;
use super::read::Reading;
use super::schema;
use super::seal::Sealer;
use super::session::Session;
use super::settings::{log_id, set_setting, setting};
use super::shared::Shared;
use super::store::Store;
use super::text_index::TextIndex;
use super::tree_state::read_tree;
use super::wal::WalBound;
use super::writer::{Retention, Writer};
use crate::log::cursor::LogTag;
use crate::log::{LogError, LogErrorKind};

/// Opens a log that no handle of this process has open.
pub(super) fn open(path: LogPath, options: SqliteLogOptions) -> Result<Shared, LogError> {
    path.check()?;
    match options.access() {
        LogAccess::Read => open_to_read(path, options),
        LogAccess::Write => open_to_write(path, options),
    }
}

fn open_to_read(path: LogPath, options: SqliteLogOptions) -> Result<Shared, LogError> {
    let path = path.within_reach()?;
    let connection = open_reader(&path)?;
    let log_id =
        log_id(&connection)?.ok_or_else(|| LogError::new(LogErrorKind::NotALog, "the file holds no event log yet"))?;
    let sealer = sealer(&connection, &log_id, options.key.as_ref())?;
    let position = Reading {
        connection: &connection,
        sealer: &sealer,
        log: LogTag::of(&log_id),
    }
    .end_cursor()?
    .position;
    let places = Arc::new(Places::new(&path, false)?);
    let shared = Shared::new(path, options, sealer, log_id, Session::new(0, position, places));
    shared.keep_reader(connection);
    Ok(shared)
}

fn open_to_write(path: LogPath, options: SqliteLogOptions) -> Result<Shared, LogError> {
    path.make_folder()?;
    let path = path.within_reach()?;
    let lock = path.lock(Duration::from_millis(options.lock_wait_ms.unwrap_or_default()))?;
    path.make_file()?;
    let mut connection = open_writer(&path, options.durability()).map_err(|error| path.explain_links(error))?;
    path.make_private()?;
    schema::migrate(&mut connection)?;
    schema::check_triggers(&connection)?;
    let (log_id, sealer) = match log_id(&connection)? {
        Some(log_id) => {
            let sealer = sealer(&connection, &log_id, options.key.as_ref())?;
            (log_id, sealer)
        }
        None => make_identity(&mut connection, options.key.as_ref())?,
    };
    prepare_text_index(&mut connection, options.full_text_search, &sealer)?;
    let head = Head::read(&connection, &log_id)?;
    let mut store = store_of(connection, &path, sealer.clone(), log_id.clone(), head)?;
    store.recover()?;
    let session = begin(store, lock, &options)?;
    Ok(Shared::new(path, options, sealer, log_id, session))
}

/// Creates or removes the full-text index, according to the options.
pub(super) fn prepare_text_index(
    connection: &mut Connection,
    is_wanted: Option<bool>,
    sealer: &Sealer,
) -> Result<(), LogError> {
    match (TextIndex::of(connection)?, is_wanted) {
        (TextIndex::Absent, None | Some(false)) | (TextIndex::Current, None | Some(true)) => Ok(()),
        (_, Some(false)) => {
            let transaction = connection.transaction()?;
            TextIndex::remove(&transaction)?;
            transaction.commit()?;
            Ok(())
        }
        (TextIndex::Absent, Some(true)) | (TextIndex::Outdated | TextIndex::OfUnknownRules, _) => {
            index_words(connection, sealer)
        }
    }
}

/// The store that the writer of the file at this path uses.
pub(super) fn store_of(
    connection: Connection,
    path: &LogPath,
    sealer: Sealer,
    log_id: String,
    head: Head,
) -> Result<Store, LogError> {
    Ok(Store {
        places: Arc::new(Places::new(path, true)?),
        has_text_index: matches!(TextIndex::of(&connection)?, TextIndex::Current),
        changed_blocks: ChangedBlocks::default(),
        tree: read_tree(&connection, head.position)?,
        connection,
        sealer,
        redaction: None,
        log_id,
        head,
        erasing: Erasing::new(),
        salts: Salts::default(),
        failure: None,
    })
}

/// Starts the thread that writes.
pub(super) fn begin(store: Store, lock: WriteLock, options: &SqliteLogOptions) -> Result<Session, LogError> {
    let places = Arc::clone(&store.places);
    let session = Session::new(options.queue_bytes_max(), store.head.position, Arc::clone(&places));
    session.progress.reach(store.head);
    let writer = Writer {
        wal: WalBound::new(Arc::clone(&places), options.durability(), Arc::clone(&session.gate)),
        store,
        queue: Arc::clone(&session.queue),
        progress: Arc::clone(&session.progress),
        retention: options.retention.clone().map(|prune| Retention {
            options: prune,
            every: Duration::from_millis(options.retention_interval_ms()),
        }),
        open_calls: std::collections::HashMap::new(),
        lock,
    };
    let options = options.clone();
    let thread = std::thread::Builder::new()
        .name("car-inference-log".into())
        .spawn(move || writer.run(&options))
        .map_err(|error| io_error("the log's thread cannot be started", &error))?;
    session.written_by(thread);
    Ok(session)
}

/// A new log's id, and its key when it is to be encrypted.
fn make_identity(connection: &mut Connection, key: Option<&LogKey>) -> Result<(String, Sealer), LogError> {
    let log_id = hex(&random::<16>()?);
    let sealer = match key {
        Some(_) => Sealer::generate(&log_id)?,
        None => Sealer::none(),
    };
    let transaction = connection.transaction()?;
    set_setting(&transaction, "log_id", &log_id)?;
    if let Some(key) = key {
        set_setting(&transaction, "wrapped_key", &sealer.wrap(key)?)?;
    }
    transaction.commit()?;
    Ok((log_id, sealer))
}

/// What reads and writes the payload of a log that is there.
fn sealer(connection: &Connection, log_id: &str, key: Option<&LogKey>) -> Result<Sealer, LogError> {
    let wrapped: Option<Vec<u8>> = setting(connection, "wrapped_key")?;
    let error = |message: &str| Err(LogError::new(LogErrorKind::WrongKey, message));
    match (wrapped, key) {
        (None, None) => Ok(Sealer::none()),
        (Some(wrapped), Some(key)) => Sealer::unwrap(log_id, &wrapped, key),
        (Some(_), None) => error("the log is encrypted; open it with its key"),
        (None, Some(_)) => {
            error("the log is not encrypted; open it without a key, or import its export into a new one with a key")
        }
    }
}

/// Makes the index of words, of what is there.
fn index_words(connection: &mut Connection, sealer: &Sealer) -> Result<(), LogError> {
    if sealer.seals() {
        return Err(LogError::new(
            LogErrorKind::Unsupported,
            "an encrypted log cannot have a full-text index: the index would store the encrypted text unencrypted",
        ));
    }
    let transaction = connection.transaction()?;
    TextIndex::make(&transaction)?;
    Ok(transaction.commit()?)
}
