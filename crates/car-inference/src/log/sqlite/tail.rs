//! What was recorded after a place in the log, in the order in which it was written.

use rusqlite::params;

use super::read::{EventRow, Reading};
use crate::log::cursor::TailPlace;
use crate::log::{LogError, TailItem, TailPage};

impl Reading<'_> {
    pub fn end_cursor(&self) -> Result<TailPlace, LogError> {
        let mut statement = self.connection.prepare_cached("SELECT max(position) FROM records")?;
        let position: Option<i64> = statement.query_row([], |row| row.get(0))?;
        Ok(TailPlace::after(position.unwrap_or_default()))
    }

    pub fn tail(&self, cursor: Option<&str>, limit: usize) -> Result<TailPage, LogError> {
        let mut at = cursor
            .map(|cursor| TailPlace::read(cursor, self.log))
            .transpose()?
            .unwrap_or_default();
        let mut items = Vec::new();
        let mut statement = self.connection.prepare_cached(
            "SELECT position, first_seq, attempt, at_us, data, kind, call_id FROM records
             WHERE position >= ?1 ORDER BY position",
        )?;
        let mut rows = statement.query(params![at.position])?;
        while let Some(row) = rows.next()? {
            if items.len() >= limit {
                break;
            }
            let position: i64 = row.get(0)?;
            let (kind, call_id): (String, i64) = (row.get(5)?, row.get(6)?);
            let skipped = if position == at.position { at.item } else { 0 };
            let mut number = 0_u32;
            let mut put = |item: &dyn Fn(String) -> TailItem| {
                number += 1;
                if number > skipped {
                    at = TailPlace { position, item: number };
                    items.push(item(at.cursor(self.log)));
                }
            };
            match kind.as_str() {
                "events" => {
                    let trace_id = self.trace_id_of(call_id)?;
                    for event in EventRow::read(row)?.events(self.sealer)? {
                        put(&|cursor| TailItem::Event {
                            cursor,
                            trace_id: trace_id.clone(),
                            event: event.clone(),
                        });
                    }
                }
                "start" => {
                    if let Some(call) = self.call(call_id)? {
                        put(&|cursor| TailItem::CallStart {
                            cursor,
                            trace_id: call.trace_id.clone(),
                            call: Box::new(call.clone()),
                        });
                    }
                }
                "end" => {
                    if let Some(call) = self.call(call_id)? {
                        if let Some(done) = self.done(call_id)? {
                            put(&|cursor| TailItem::Event {
                                cursor,
                                trace_id: call.trace_id.clone(),
                                event: done.clone(),
                            });
                        }
                        put(&|cursor| TailItem::CallEnd {
                            cursor,
                            trace_id: call.trace_id.clone(),
                            call: Box::new(call.clone()),
                        });
                    }
                }
                // What else is recorded is no item.
                _ => {}
            }
            // All of the record has been looked at.
            at = at.max(TailPlace::after(position));
        }
        Ok(TailPage {
            items,
            cursor: at.cursor(self.log),
        })
    }

    fn trace_id_of(&self, id: i64) -> Result<String, LogError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT trace_id FROM calls WHERE id = ?1")?;
        Ok(statement.query_row([id], |row| row.get(0))?)
    }
}
