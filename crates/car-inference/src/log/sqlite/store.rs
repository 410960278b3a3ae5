//! The writer's view of the file: the connection, the end of the chain, redaction and sealing. Changes the file in
//! transactions. Has no queue, no thread and no callers to answer.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::Connection;

use super::chain::Salts;
use super::changed_blocks::ChangedBlocks;
use super::erasing::Erasing;
use super::head::Head;
use super::intact::check_database;
use super::options::LogKey;
use super::places::Places;
use super::seal::Sealer;
use super::settings::set_setting;
use super::tree::Run;
use crate::log::{LogError, LogErrorKind};
use crate::redaction::Redaction;

/// How long another program may hold the file's lock.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(60);
/// How long a copy of the write-ahead log waits for its readers.
const READERS_WAIT: Duration = Duration::from_millis(50);

pub(super) struct Store {
    pub connection: Connection,
    pub sealer: Sealer,
    /// `None` when redaction is off.
    pub redaction: Option<Redaction>,
    pub log_id: String,
    pub has_text_index: bool,
    /// Blocks of the full-text index that were changed and are not packed yet.
    pub changed_blocks: ChangedBlocks,
    pub head: Head,
    /// The Merkle tree of all records up to the head.
    pub tree: Run,
    /// Open calls whose payload must not reach the file any more.
    pub erasing: Erasing,
    pub salts: Salts,
    pub places: Arc<Places>,
    /// Why nothing may be written any more.
    pub failure: Option<LogError>,
}

impl Store {
    /// Begins a transaction. Waits for another program that holds the file's lock; nothing that could be lost is
    /// written yet.
    pub fn begin(&self) -> Result<(), LogError> {
        let until = Instant::now() + LOCK_WAIT_MAX;
        loop {
            self.check_place()?;
            let begun = self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([]);
            match begun.map_err(LogError::from) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind == LogErrorKind::Locked && Instant::now() < until => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Commits what was written since [`begin`](Self::begin).
    pub fn commit(&self) -> Result<(), LogError> {
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        self.places.remember_wal()
    }

    /// Runs `change` in its own transaction. An invalid request changes nothing; an error of the file makes the log
    /// fail.
    pub fn change<R>(&mut self, change: impl FnOnce(&mut Self) -> Result<R, LogError>) -> Result<R, LogError> {
        if let Err(error) = self.begin() {
            // Another program's write lock prevents only this change; the log does not fail.
            if error.kind != LogErrorKind::Locked {
                self.fail(&error);
            }
            return Err(error);
        }
        let (head, tree) = (self.head, self.tree.clone());
        let result = change(self).and_then(|result| {
            self.commit()?;
            Ok(result)
        });
        result.inspect_err(|error| {
            (self.head, self.tree) = (head, tree);
            let rolled_back = self.connection.is_autocommit() || self.connection.execute_batch("ROLLBACK").is_ok();
            let is_harmless = matches!(error.kind, LogErrorKind::InvalidInput | LogErrorKind::Unsupported);
            if !(is_harmless && rolled_back) {
                self.fail(error);
            }
        })
    }

    /// Makes the log fail with this error: nothing may be written any more.
    fn fail(&mut self, error: &LogError) {
        // The first error is kept, because it causes the later ones.
        self.failure.get_or_insert_with(|| error.clone());
    }

    /// Checks that the files are still the opened ones, in the state in which this log left them.
    pub fn check_place(&self) -> Result<(), LogError> {
        let look = self.places.look()?;
        if look.wal {
            self.places.check_wal()?;
        }
        if look.database {
            check_database(&self.places.path, &self.sealer, &self.log_id, Some(self.head))?;
        }
        if look.wal || look.database {
            self.places.remember()?;
        }
        Ok(())
    }

    /// Syncs everything that is committed to the disk. After an error the log fails, because it is unknown what was
    /// lost.
    pub fn sync(&mut self) -> Result<(), LogError> {
        self.check_place()
            .and_then(|()| self.places.sync())
            .inspect_err(|error| self.fail(error))
    }

    /// Copies the write-ahead log to the database. Returns how many of its pages cannot be overwritten yet, because
    /// they are being read or another program is copying. That is not an error, and is tried again. Any other error
    /// makes the log fail.
    pub fn checkpoint_wal(&mut self, mode: &str) -> Result<i32, LogError> {
        match self.try_checkpoint_wal(mode) {
            Err(error) if error.kind == LogErrorKind::Locked => Ok(i32::MAX),
            Err(error) => {
                self.fail(&error);
                Err(error)
            }
            Ok(left) => Ok(left),
        }
    }

    fn try_checkpoint_wal(&self, mode: &str) -> Result<i32, LogError> {
        self.check_place()?;
        let copied = self.places.copy(|| self.copy_wal(mode))?;
        self.places.remember_wal()?;
        // If another program has just changed the database, the next check reports it.
        Ok(copied.unwrap_or(1))
    }

    /// Like [`checkpoint_wal`](Self::checkpoint_wal), without checking the files.
    pub fn copy_wal(&self, mode: &str) -> Result<i32, LogError> {
        self.connection.busy_timeout(READERS_WAIT)?;
        let (is_busy, pages, copied): (bool, i32, i32) =
            self.connection
                .query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                })?;
        Ok(if !is_busy && copied >= pages { 0 } else { pages.max(1) })
    }

    /// Changes the key with which the log opens.
    pub fn rotate_key(&mut self, key: &LogKey) -> Result<(), LogError> {
        let Some(wrapped) = self.sealer.wrap(key)? else {
            return Err(LogError::new(
                LogErrorKind::InvalidInput,
                "the log is not encrypted, so it has no key to change",
            ));
        };
        self.change(|store| set_setting(&store.connection, "wrapped_key", &wrapped))?;
        // The old key must not remain in the write-ahead log.
        self.checkpoint_wal("TRUNCATE").map(drop)
    }
}

/// Now, in microseconds since the Unix epoch.
pub(super) fn now_us() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX)
}
