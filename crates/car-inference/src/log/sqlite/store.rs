//! The file as its one writer has it: the connection, the end of the chain, and what turns values into what is stored. Changes
//! it in transactions. Knows no queue, no thread and no caller.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::Connection;

use super::chain::Salts;
use super::erase::Erasing;
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
/// How long copying the write-ahead log waits for those who read it.
const READERS_WAIT: Duration = Duration::from_millis(50);

pub(super) struct Store {
    pub connection: Connection,
    pub sealer: Sealer,
    /// Nothing when nothing is to be redacted.
    pub redaction: Option<Redaction>,
    pub log_id: String,
    pub has_text_index: bool,
    pub head: Head,
    /// Of all records up to the head.
    pub tree: Run,
    /// Open calls whose payload does not reach the file any more.
    pub erasing: Erasing,
    pub salts: Salts,
    pub places: Arc<Places>,
    /// Why nothing may be written any more.
    pub failure: Option<LogError>,
}

impl Store {
    /// Begins a transaction. Another program that holds the file's lock is waited for: nothing is written yet that could be lost.
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

    /// Makes what was written since [`begin`](Self::begin) last.
    pub fn commit(&self) -> Result<(), LogError> {
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        self.places.remember_wal()
    }

    /// Runs `change` in a transaction of its own. What is wrong with what was asked changes nothing; what is wrong with the
    /// file ends the log.
    pub fn change<R>(&mut self, change: impl FnOnce(&mut Self) -> Result<R, LogError>) -> Result<R, LogError> {
        if let Err(error) = self.begin() {
            // Another program that writes keeps this from being done, and nothing else.
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

    /// Nothing may be written any more, because of this.
    fn fail(&mut self, error: &LogError) {
        // The first failure is the cause of the others.
        self.failure.get_or_insert_with(|| error.clone());
    }

    /// Whether the files are still those that were opened, and as they were left.
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

    /// Returns once everything that is committed is on the disk. A failure is the log's last: what it has lost is not known.
    pub fn sync(&mut self) -> Result<(), LogError> {
        self.check_place()
            .and_then(|()| self.places.sync())
            .inspect_err(|error| self.fail(error))
    }

    /// Copies the write-ahead log to the database. Returns how many of its pages cannot be written over yet, because somebody
    /// reads them or another program is at it: that is no failure, and tried again. Any other failure is the log's last.
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
        // When somebody has just changed the database, the next look tells.
        Ok(copied.unwrap_or(1))
    }

    /// As [`checkpoint_wal`](Self::checkpoint_wal), without looking at the files.
    pub fn copy_wal(&self, mode: &str) -> Result<i32, LogError> {
        self.connection.busy_timeout(READERS_WAIT)?;
        let (is_busy, pages, copied): (bool, i32, i32) =
            self.connection
                .query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                })?;
        Ok(if !is_busy && copied >= pages { 0 } else { pages.max(1) })
    }

    /// From now on the log opens with this key.
    pub fn rotate_key(&mut self, key: &LogKey) -> Result<(), LogError> {
        let Some(wrapped) = self.sealer.wrap(key)? else {
            return Err(LogError::new(
                LogErrorKind::InvalidInput,
                "the log is not encrypted, so it has no key to change",
            ));
        };
        self.change(|store| set_setting(&store.connection, "wrapped_key", &wrapped))?;
        // The key that is no longer good must not be found in what was overwritten.
        self.checkpoint_wal("TRUNCATE").map(drop)
    }
}

/// Now, in microseconds since the Unix epoch.
pub(super) fn now_us() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX)
}
