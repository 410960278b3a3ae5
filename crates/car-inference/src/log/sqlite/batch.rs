//! Events packed many to a row: a JSON array with an item for each, `[microseconds since the row's time, event]`, in which a
//! string stands for a text delta. The view `events` takes it apart in SQL.

use std::io::Write;

use serde::Deserialize;

use super::stored_json;
use crate::log::{LogError, Stamp};
use crate::stream::{EventRef, StreamEvent};

/// A row holds so many events at most, so that taking it apart stays cheap.
const ROW_EVENTS_MAX: i64 = 64;
/// A row is over when its JSON is longer.
const ROW_BYTES_MAX: usize = 64 * 1024;

/// One row of events.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct EventRow {
    pub first_seq: i64,
    pub count: i64,
    pub attempt: i64,
    /// Of its first event, since the Unix epoch.
    pub at_us: i64,
    pub json: Vec<u8>,
}

/// Makes rows of one call's events.
pub(super) struct RowBuilder {
    started_at_us: i64,
    rows: Vec<EventRow>,
}

impl RowBuilder {
    pub fn new(started_at_us: i64) -> Self {
        Self {
            started_at_us,
            rows: Vec::new(),
        }
    }

    pub fn push(&mut self, stamp: Stamp, event: EventRef<'_>) {
        let (seq, attempt) = (stamp.seq.cast_signed(), i64::from(stamp.attempt));
        let at_us = self.started_at_us.saturating_add_unsigned(stamp.at_us);
        let goes_on = self.rows.last().is_some_and(|row| {
            row.attempt == attempt
                && row.first_seq + row.count == seq
                && row.count < ROW_EVENTS_MAX
                && row.json.len() < ROW_BYTES_MAX
        });
        if !goes_on {
            self.close();
            let mut json = Vec::with_capacity(1024);
            json.push(b'[');
            self.rows.push(EventRow {
                first_seq: seq,
                count: 0,
                attempt,
                at_us,
                json,
            });
        }
        let Some(row) = self.rows.last_mut() else { return };
        if row.count > 0 {
            row.json.push(b',');
        }
        row.count += 1;
        write_item(&mut row.json, at_us - row.at_us, event);
    }

    fn close(&mut self) {
        if let Some(row) = self.rows.last_mut() {
            row.json.push(b']');
        }
    }

    pub fn finish(mut self) -> Vec<EventRow> {
        self.close();
        self.rows
    }
}

fn write_item(json: &mut Vec<u8>, offset_us: i64, event: EventRef<'_>) {
    // Writing into a vector does not fail, nor does writing one of our own types.
    let _written = match event {
        EventRef::TextDelta(text) => {
            let _written = write!(json, "[{offset_us},");
            serde_json::to_writer(&mut *json, text)
        }
        EventRef::ReasoningDelta { index, text } => {
            let _written = write!(
                json,
                "[{offset_us},{{\"type\":\"reasoning-delta\",\"index\":{index},\"text\":"
            );
            let written = serde_json::to_writer(&mut *json, text);
            json.push(b'}');
            written
        }
        EventRef::ToolCallDelta { index, arguments_delta } => {
            let _written = write!(
                json,
                "[{offset_us},{{\"type\":\"tool-call-delta\",\"index\":{index},\"argumentsDelta\":"
            );
            let written = serde_json::to_writer(&mut *json, arguments_delta);
            json.push(b'}');
            written
        }
        EventRef::Other(event) => {
            let _written = write!(json, "[{offset_us},");
            serde_json::to_writer(&mut *json, event)
        }
    };
    json.push(b']');
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Item {
    TextDelta(String),
    Event(StreamEvent),
}

/// The events of a row, each with its time since the row's.
pub(crate) fn decode(json: &str) -> Result<Vec<(i64, StreamEvent)>, LogError> {
    let items: Vec<(i64, Item)> = stored_json::read(json)?;
    Ok(items
        .into_iter()
        .map(|(offset_us, item)| match item {
            Item::TextDelta(text) => (offset_us, StreamEvent::TextDelta(text)),
            Item::Event(event) => (offset_us, event),
        })
        .collect())
}
