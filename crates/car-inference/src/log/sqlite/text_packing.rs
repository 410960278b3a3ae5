//! Gives back the space of words that left the full-text index. FTS5 overwrites deleted words in place and keeps the
//! shrunken block, and SQLite joins pages only when a row is deleted or does not fit. So each block would keep its page,
//! however little it holds. Here the shrunken blocks are deleted and inserted again with the same content, so that
//! SQLite packs them. That costs no more than deleting the words did, unlike a merge of the whole index.

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension, params};

use super::store::Store;
use crate::log::LogError;

/// Larger blocks fill their page.
const SHRUNKEN_BYTES_MAX: i64 = 3_500;
/// So many blocks are moved together: about 1 MiB.
const TOGETHER_MAX: usize = 256;

impl Store {
    /// Writes the words that were deleted in this transaction to the pages of the index, and packs the pages, so that
    /// the number of pages in use is right.
    pub fn settle_text_index(&self) -> Result<(), LogError> {
        if !self.has_text_index {
            return Ok(());
        }
        let connection = &self.connection;
        // FTS5 keeps words in memory until a savepoint.
        let write = || Ok(connection.execute_batch("SAVEPOINT words; RELEASE words")?);
        self.changed_blocks.note(connection, write)?;
        let changed = self.changed_blocks.take();
        if changed.is_empty() {
            return Ok(());
        }
        let has_words = connection
            .prepare_cached("SELECT 1 FROM call_texts_docsize")?
            .exists([])?;
        if !has_words {
            // Also removes the empty blocks.
            connection.execute_batch("INSERT INTO call_texts (call_texts) VALUES ('delete-all')")?;
            return Ok(());
        }
        // SQLite otherwise lets only FTS5 write to this table.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, false)?;
        let packed = pack(connection, &changed);
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        packed
    }
}

fn pack(connection: &Connection, changed: &[i64]) -> Result<(), LogError> {
    let mut read =
        connection.prepare_cached("SELECT block FROM call_texts_data WHERE id = ?1 AND length(block) <= ?2")?;
    let mut delete = connection.prepare_cached("DELETE FROM call_texts_data WHERE id = ?1")?;
    let mut insert = connection.prepare_cached("INSERT INTO call_texts_data (id, block) VALUES (?1, ?2)")?;
    for together in changed.chunks(TOGETHER_MAX) {
        let mut blocks: Vec<(i64, Vec<u8>)> = Vec::new();
        for id in together {
            let block = read
                .query_row(params![id, SHRUNKEN_BYTES_MAX], |row| row.get(0))
                .optional()?;
            blocks.extend(block.map(|block| (*id, block)));
        }
        // All of them first, so that their pages are free for those that come back.
        for (id, _) in &blocks {
            delete.execute([id])?;
        }
        for (id, block) in &blocks {
            insert.execute(params![id, block])?;
        }
    }
    Ok(())
}
