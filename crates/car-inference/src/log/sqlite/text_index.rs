//! The full-text index: a contentless FTS5 table. `log::words` splits text into words. The table gets these words and
//! only splits between them, so that every tool with FTS5 can read it.

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use super::chain::hex;
use super::settings::{set_setting, setting};
use super::store::Store;
use super::stored_json as json;
use crate::log::search::{Phrases, prompt_text};
use crate::log::words::{WORD_RULES, words_to_index};
use crate::log::{LogError, LogErrorKind};
use crate::tasks::generate::GenerateRequest;

/// The table stores no text, so deleting an entry needs the text of the entry. FTS5 has another way to delete
/// (`contentless_delete`), but that would leave the words in the file until segments are merged. With `secure-delete`, FTS5
/// overwrites the words of a deleted entry at once.
const TABLE: &str = "
CREATE VIRTUAL TABLE call_texts USING fts5 (prompt, answer, content = '', tokenize = 'ascii');
INSERT INTO call_texts (call_texts, rank) VALUES ('secure-delete', 1);
";

/// The setting with the rules that the index was made by.
const RULES_SETTING: &str = "word_rules";

/// Whether a text filter can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextIndex {
    /// The log has no index.
    Absent,
    /// The index was made by other rules than those of this package.
    Outdated,
    /// The index does not say which rules it was made by.
    OfUnknownRules,
    /// This package can query and write the index.
    Current,
}

impl TextIndex {
    /// The state of the log's index.
    pub fn of(connection: &Connection) -> Result<Self, LogError> {
        let mut statement =
            connection.prepare_cached("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = 'call_texts'")?;
        if !statement.exists([])? {
            return Ok(Self::Absent);
        }
        let rules: Option<String> = setting(connection, RULES_SETTING)?;
        let rules = rules.as_deref().and_then(read_rules);
        Ok(match rules {
            Some(rules) if rules == *WORD_RULES => Self::Current,
            Some(_) => Self::Outdated,
            None => Self::OfUnknownRules,
        })
    }

    /// # Errors
    /// When a text filter cannot be used; the error says what to do.
    pub fn check(self) -> Result<(), LogError> {
        let message = match self {
            Self::Current => return Ok(()),
            Self::Absent => {
                "the filter `text` needs a full-text index, and this log has none; open the log with `fullTextSearch: true`"
            }
            Self::Outdated | Self::OfUnknownRules => {
                "the full-text index of this log was made by another version of car-inference; open the log once with \
                 `access: 'write'` to rebuild the index"
            }
        };
        Err(LogError::new(LogErrorKind::Unsupported, message))
    }

    /// Builds the index of all calls in the log. Replaces an existing index.
    pub fn make(connection: &Connection) -> Result<(), LogError> {
        connection.execute_batch("DROP TABLE IF EXISTS call_texts")?;
        Self::create_table(connection)?;
        set_setting(connection, RULES_SETTING, &written_rules(&WORD_RULES))?;
        Self::fill(connection, connection)
    }

    /// Creates an empty index if there is none.
    pub fn create_table(connection: &Connection) -> Result<(), LogError> {
        Ok(connection.execute_batch(TABLE)?)
    }

    /// Removes the index.
    pub fn remove(connection: &Connection) -> Result<(), LogError> {
        connection.execute_batch("DROP TABLE IF EXISTS call_texts")?;
        connection.execute("DELETE FROM settings WHERE name = ?1", [RULES_SETTING])?;
        Ok(())
    }

    /// Writes the words of every ended call of `from` to the empty index of `to`, which may be the same connection.
    /// Calls without words are skipped.
    pub fn fill(to: &Connection, from: &Connection) -> Result<(), LogError> {
        let mut statement = from.prepare(
            "SELECT id, request, text FROM calls WHERE status <> 'open' AND erased_at_us IS NULL ORDER BY id",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (id, request, text): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let request: GenerateRequest = json::read(&request)?;
            insert(to, id, &request, &text)?;
        }
        Ok(())
    }
}

/// The value of the setting: the rules with a checksum, so that a damaged value is not mistaken for other rules.
fn written_rules(rules: &str) -> String {
    let hash: [u8; 32] = Sha256::digest(rules).into();
    format!("{rules} ({})", hex(&hash[..4]))
}

/// The rules in the setting's value; `None` when it is damaged.
fn read_rules(written: &str) -> Option<&str> {
    let (rules, _checksum) = written.rsplit_once(" (")?;
    (written_rules(rules) == written).then_some(rules)
}

/// Adds the words of a call to the index.
pub(super) fn insert(
    connection: &Connection,
    id: i64,
    request: &GenerateRequest,
    answer: &str,
) -> Result<(), LogError> {
    connection
        .prepare_cached("INSERT INTO call_texts (rowid, prompt, answer) VALUES (?1, ?2, ?3)")?
        .execute(params![
            id,
            words_to_index(&prompt_text(request)),
            words_to_index(answer)
        ])?;
    Ok(())
}

impl Store {
    /// Removes the words of an ended call from the index, if there is one. The call's payload must still be in the
    /// file.
    pub fn forget_text(&self, id: i64) -> Result<(), LogError> {
        if !self.has_text_index {
            return Ok(());
        }
        let payload: Option<(String, String)> = self
            .connection
            .prepare_cached("SELECT request, text FROM calls WHERE id = ?1 AND erased_at_us IS NULL")?
            .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        if let Some((request, answer)) = payload {
            let request: GenerateRequest = json::read(&request)?;
            let sql = "INSERT INTO call_texts (call_texts, rowid, prompt, answer) VALUES ('delete', ?1, ?2, ?3)";
            let prompt = prompt_text(&request);
            let (prompt, answer) = (words_to_index(&prompt), words_to_index(&answer));
            self.changed_blocks.note(&self.connection, || {
                Ok(self
                    .connection
                    .prepare_cached(sql)?
                    .execute(params![id, prompt, answer])?)
            })?;
        }
        Ok(())
    }
}

/// An FTS5 query for calls with all phrases. Each phrase is quoted, so that no part of it is read as an operator.
pub(super) fn match_expression(phrases: &Phrases) -> String {
    let quoted: Vec<_> = phrases.iter().map(|phrase| format!("\"{phrase}\"")).collect();
    quoted.join(" AND ")
}
