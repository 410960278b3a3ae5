//! From what calls record to rows, each with its place in the chain.

use std::sync::OnceLock;

use rusqlite::types::Value;
use rusqlite::{params, params_from_iter};

use super::annotation::Annotation;
use super::batch::RowBuilder;
use super::chain::{Entry, Hash, link};
use super::columns::{START, START_PAYLOAD, digest, hash, text};
use super::head::Head;
use super::open_call::{Batch, OpenCall};
use super::recorded::WrittenCall;
use super::redacting::redacted_start;
use super::store::Store;
use super::stored_json as json;
use super::tree_state::KEPT_EVERY;
use crate::log::{CallStart, LogError};

/// A record to be appended.
pub(super) struct Record<'a> {
    pub call_id: i64,
    pub kind: &'a str,
    pub first_seq: i64,
    pub count: i64,
    pub attempt: i64,
    pub at_us: i64,
    pub columns: Option<Hash>,
    pub data: Value,
}

impl Store {
    /// The position of the next record.
    pub fn next_position(&self) -> i64 {
        self.head.position + 1
    }

    /// Appends a record at [`next_position`](Self::next_position). It commits to its data, or to `payload`, which is in `calls`.
    pub fn append(&mut self, record: &Record<'_>, payload: &[Value]) -> Result<(), LogError> {
        let position = self.next_position();
        let salt = self.salts.next()?;
        let digest = match payload {
            [] => digest(&salt, [&record.data]),
            payload => digest(&salt, payload),
        };
        // Without the salt, the digest cannot confirm a guess of the erased data.
        let salt = (!self.is_erasing(record.call_id)).then_some(salt);
        let entry = Entry {
            position,
            call_id: record.call_id,
            kind: record.kind,
            first_seq: record.first_seq,
            count: record.count,
            attempt: record.attempt,
            at_us: record.at_us,
            columns: record.columns,
            digest: &digest,
        };
        let link = link(&self.head.link, &entry.hash());
        self.connection
            .prepare_cached(
                "INSERT INTO records (position, call_id, kind, first_seq, count, attempt, at_us, data, salt, digest, link)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute(params![
                position,
                record.call_id,
                record.kind,
                record.first_seq,
                record.count,
                record.attempt,
                record.at_us,
                record.data,
                salt,
                digest,
                link,
            ])?;
        self.head = Head { position, link };
        self.tree.push(link);
        if position % KEPT_EVERY == 0 {
            self.keep_tree()?;
        }
        Ok(())
    }

    /// Appends a record that holds JSON of its own.
    pub fn append_json(&mut self, mut record: Record<'_>, json: Vec<u8>) -> Result<(), LogError> {
        if !self.is_erasing(record.call_id) {
            record.data = self.sealer.store(("records", self.next_position(), "data"), json)?;
        }
        self.append(&record, &[])
    }

    /// Writes how a call begins. Returns its number.
    pub fn write_start(&mut self, call: &OpenCall) -> Result<i64, LogError> {
        let id = self.insert_call(&call.start)?;
        call.written.lock().id = id;
        Ok(id)
    }

    /// Inserts a call that is open. Returns its number.
    pub fn insert_call(&mut self, start: &CallStart) -> Result<i64, LogError> {
        let id = self.next_position();
        let start = &redacted_start(self.redaction.as_ref(), start);
        let request = &*start.request;
        let started_at_us = start.started_at_us.cast_signed();
        let permanent = [
            Value::Text(start.trace_id.clone()),
            Value::Text(start.model.clone()),
            text(start.provider.as_deref()),
            text(start.hint.as_deref()),
            Value::Integer(started_at_us),
        ];
        let tags = match request.tags.as_slice() {
            [] => Value::Null,
            tags => text(std::str::from_utf8(&json::write(&tags)?).ok()),
        };
        let payload = [
            text(request.client_ref.as_deref()),
            text(request.conversation_id.as_deref()),
            text(request.parent_trace_id.as_deref()),
            tags,
            self.sealer.store(("calls", id, "request"), json::write(request)?)?,
        ];
        static INSERT: OnceLock<String> = OnceLock::new();
        let insert = INSERT.get_or_init(|| {
            let columns = [&START[..], &START_PAYLOAD].concat();
            let places = vec!["?"; columns.len()].join(", ");
            format!(
                "INSERT INTO calls (id, status, model, {}) VALUES (?, 'open', ?, {places})",
                columns.join(", ")
            )
        });
        let model = Value::Text(start.model.clone());
        self.connection.prepare_cached(insert)?.execute(params_from_iter(
            [&Value::Integer(id), &model]
                .into_iter()
                .chain(&permanent)
                .chain(&payload),
        ))?;
        for tag in &request.tags {
            self.connection
                .prepare_cached("INSERT OR IGNORE INTO call_tags (tag, started_at_us, call_id) VALUES (?1, ?2, ?3)")?
                .execute(params![tag, started_at_us, id])?;
        }
        let record = Record {
            call_id: id,
            kind: "start",
            first_seq: 0,
            count: 0,
            attempt: 0,
            at_us: started_at_us,
            columns: Some(hash(&permanent)),
            data: Value::Null,
        };
        self.append(&record, &payload)?;
        Ok(id)
    }

    /// Writes a batch. Returns the number of its last event.
    pub fn write_events(&mut self, call: &OpenCall, batch: &Batch) -> Result<Option<u64>, LogError> {
        let mut written = call.written.lock();
        self.write_batch_of(&call.start, &mut written, batch)
    }

    pub fn write_batch_of(
        &mut self,
        start: &CallStart,
        written: &mut WrittenCall,
        batch: &Batch,
    ) -> Result<Option<u64>, LogError> {
        let started_at_us = start.started_at_us.cast_signed();
        let mut rows = RowBuilder::new(started_at_us);
        for (stamp, event) in batch.events.iter() {
            match &self.redaction {
                Some(redaction) => written.held.push(redaction, stamp, event, &mut rows),
                None => rows.push(stamp, event),
            }
            written.last_seq = stamp.seq;
            written.last_at_us = stamp.at_us;
        }
        let last_seq = self.write_event_rows(written, rows)?;
        self.write_annotations(started_at_us, written, batch)?;
        Ok(last_seq)
    }

    /// Writes what was held back because it could have become part of a secret.
    pub fn write_held(&mut self, start: &CallStart, written: &mut WrittenCall) -> Result<Option<u64>, LogError> {
        let mut rows = RowBuilder::new(start.started_at_us.cast_signed());
        if let Some(redaction) = &self.redaction {
            written.held.finish(redaction, &mut rows);
        }
        self.write_event_rows(written, rows)
    }

    /// Returns the number of the last event.
    fn write_event_rows(&mut self, written: &mut WrittenCall, rows: RowBuilder) -> Result<Option<u64>, LogError> {
        let mut last_seq = None;
        for row in rows.finish() {
            last_seq = Some((row.first_seq + row.count - 1).cast_unsigned());
            written.first_event_at_us.get_or_insert(row.at_us);
            let record = Record {
                call_id: written.id,
                kind: "events",
                first_seq: row.first_seq,
                count: row.count,
                attempt: row.attempt,
                at_us: row.at_us,
                columns: None,
                data: Value::Null,
            };
            self.append_json(record, row.json)?;
        }
        Ok(last_seq)
    }

    fn write_annotations(
        &mut self,
        started_at_us: i64,
        written: &mut WrittenCall,
        batch: &Batch,
    ) -> Result<(), LogError> {
        if batch.annotations.is_empty() {
            return Ok(());
        }
        let redacted =
            |(at_us, annotation): &(u64, Annotation)| (*at_us, annotation.clone().redacted(self.redaction.as_ref()));
        let annotations: Vec<_> = batch.annotations.iter().map(redacted).collect();
        let at_us = annotations.first().map_or(0, |(at_us, _)| *at_us);
        let record = Record {
            call_id: written.id,
            kind: "annotations",
            first_seq: 0,
            count: annotations.len() as i64,
            attempt: 0,
            at_us: started_at_us.saturating_add_unsigned(at_us),
            columns: None,
            data: Value::Null,
        };
        self.append_json(record, json::write(&annotations)?)?;
        for (_, annotation) in annotations {
            written.take(annotation);
        }
        Ok(())
    }
}
