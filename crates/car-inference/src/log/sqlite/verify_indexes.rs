//! Whether what calls are found by is what they are: tags, and the index of words.

use rusqlite::{Connection, Row};

use super::text_index::TextIndex;
use super::verify::{Stop, Verification, wrong};

impl Verification<'_> {
    /// That tags are found by what calls say of themselves.
    pub fn check_tags(&self) -> Result<(), Stop> {
        let sql = "SELECT call_id FROM (
                     SELECT tag, started_at_us, call_id FROM call_tags
                     EXCEPT
                     SELECT tag.value, calls.started_at_us, calls.id FROM calls, json_each(calls.tags) AS tag
                   )
                   UNION ALL
                   SELECT id FROM (
                     SELECT tag.value, calls.started_at_us, calls.id AS id FROM calls, json_each(calls.tags) AS tag
                     EXCEPT
                     SELECT tag, started_at_us, call_id FROM call_tags
                   ) LIMIT 1";
        let mut statement = self.connection().prepare(sql)?;
        let mut rows = statement.query([])?;
        match rows.next()? {
            Some(row) => wrong(
                "call_tags",
                row.get::<_, i64>(0)?,
                "the tags of this call are not those it has",
            ),
            None => Ok(()),
        }
    }

    /// That words are found where they are: the index is made anew and compared.
    pub fn check_words(&self) -> Result<(), Stop> {
        let connection = self.connection();
        if TextIndex::of(connection)? != TextIndex::Current {
            return Ok(());
        }
        let fresh = Connection::open_in_memory()?;
        TextIndex::create_table(&fresh)?;
        fresh.execute_batch("BEGIN")?;
        TextIndex::fill(&fresh, connection)?;
        fresh.execute_batch("COMMIT")?;
        let vocabulary = "CREATE VIRTUAL TABLE temp.words USING fts5vocab('main', 'call_texts', 'instance')";
        let list = "SELECT term, doc, col, offset FROM temp.words ORDER BY term, doc, col, offset";
        fresh.execute_batch(vocabulary)?;
        connection.execute_batch(&format!("DROP TABLE IF EXISTS temp.words; {vocabulary}"))?;
        let outcome = (|| {
            let (mut expected, mut found) = (fresh.prepare(list)?, connection.prepare(list)?);
            let (mut expected, mut found) = (expected.query([])?, found.query([])?);
            loop {
                let read = |row: Option<&Row<'_>>| -> rusqlite::Result<Option<(String, i64, String, i64)>> {
                    row.map(|row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
                        .transpose()
                };
                let (expected, found) = (read(expected.next()?)?, read(found.next()?)?);
                if expected != found {
                    let row = found.or(expected).map(|(_, id, ..)| id);
                    return wrong("call_texts", row, "the words of this call are not those it has");
                }
                if found.is_none() {
                    return Ok(());
                }
            }
        })();
        // The next check drops it too.
        let _dropped = connection.execute_batch("DROP TABLE temp.words");
        outcome
    }
}
