//! The records of one call in the file, beside the columns of its row.

use std::sync::Arc;

use rusqlite::Connection;
use serde_json::Value as Json;

use super::annotation::Annotation;
use super::batch;
use super::failure::corrupt;
use super::redacting::HeldEvents;
use super::seal::Sealer;
use super::stored_json as json;
use crate::log::{AttemptRecord, CallStart, LogError, Note, Stamp, VerdictRecord};
use crate::stream::{Completion, StreamEvent};
use crate::tasks::generate::GenerateRequest;

/// What the writer knows about a call that it has begun to write.
#[derive(Default)]
pub(super) struct WrittenCall {
    /// Its number: the position of its start record. 0 before that is written.
    pub id: i64,
    pub first_event_at_us: Option<i64>,
    pub last_seq: u64,
    pub last_at_us: u64,
    pub attempts: Vec<AttemptRecord>,
    pub verdicts: Vec<VerdictRecord>,
    pub notes: Vec<Note>,
    pub held: HeldEvents,
}

impl WrittenCall {
    pub fn take(&mut self, annotation: Annotation) {
        match annotation {
            Annotation::Attempt(attempt) => {
                match self.attempts.iter_mut().find(|known| known.attempt == attempt.attempt) {
                    Some(known) => *known = attempt,
                    None => self.attempts.push(attempt),
                }
            }
            Annotation::Verdict(verdict) => self.verdicts.push(verdict),
            Annotation::Note(note) => self.notes.push(note),
        }
    }
}

/// The records of a call between its start and its end.
pub(super) struct Recorded {
    pub events: Vec<(Stamp, StreamEvent)>,
    pub written: WrittenCall,
}

/// Reads all records of a call except its start and end.
pub(super) fn recorded(
    connection: &Connection,
    sealer: &Sealer,
    id: i64,
    started_at_us: i64,
) -> Result<Recorded, LogError> {
    let mut events = Vec::new();
    let mut written = WrittenCall {
        id,
        ..WrittenCall::default()
    };
    let mut statement = connection.prepare_cached(
        "SELECT position, kind, first_seq, attempt, at_us, data, count FROM records
         WHERE call_id = ?1 AND kind IN ('events', 'annotations') ORDER BY position",
    )?;
    let mut rows = statement.query([id])?;
    while let Some(row) = rows.next()? {
        let position: i64 = row.get(0)?;
        let kind: String = row.get(1)?;
        let stored = sealer.load(("records", position, "data"), row.get_ref(5)?)?;
        if kind == "annotations" {
            let Some(stored) = stored else { continue };
            let annotations: Vec<(u64, Annotation)> = json::read(&stored)?;
            for (at_us, annotation) in annotations {
                written.last_at_us = written.last_at_us.max(at_us);
                written.take(annotation);
            }
            continue;
        }
        let (first_seq, attempt, at_us): (i64, u32, i64) = (row.get(2)?, row.get(3)?, row.get(4)?);
        written.first_event_at_us.get_or_insert(at_us);
        let first_seq = u64::try_from(first_seq).map_err(|_| corrupt("a stored event has an invalid number"))?;
        let Some(stored) = stored else {
            // Erased: the number of events and their approximate time are still known.
            let count: i64 = row.get(6)?;
            let since_start = u64::try_from(at_us.saturating_sub(started_at_us)).unwrap_or_default();
            written.last_seq = first_seq
                .saturating_add_signed(count.saturating_sub(1))
                .max(written.last_seq);
            written.last_at_us = written.last_at_us.max(since_start);
            continue;
        };
        for (seq, (offset_us, event)) in (first_seq..).zip(batch::decode(&stored)?) {
            let since_start = u64::try_from(at_us.saturating_add(offset_us).saturating_sub(started_at_us));
            let stamp = Stamp {
                seq,
                at_us: since_start.unwrap_or_default(),
                attempt,
            };
            written.last_seq = written.last_seq.max(seq);
            written.last_at_us = written.last_at_us.max(stamp.at_us);
            events.push((stamp, event));
        }
    }
    Ok(Recorded { events, written })
}

/// The annotations of a call.
pub(super) fn annotated(connection: &Connection, sealer: &Sealer, id: i64) -> Result<WrittenCall, LogError> {
    let mut written = WrittenCall::default();
    let mut statement = connection.prepare_cached(
        "SELECT position, data FROM records WHERE call_id = ?1 AND kind = 'annotations' ORDER BY position",
    )?;
    let mut rows = statement.query([id])?;
    while let Some(row) = rows.next()? {
        let position: i64 = row.get(0)?;
        if let Some(stored) = sealer.load(("records", position, "data"), row.get_ref(1)?)? {
            let annotations: Vec<(u64, Annotation)> = json::read(&stored)?;
            annotations
                .into_iter()
                .for_each(|(_, annotation)| written.take(annotation));
        }
    }
    Ok(written)
}

/// How a call in the file began.
pub(super) fn start_of(connection: &Connection, sealer: &Sealer, id: i64) -> Result<CallStart, LogError> {
    let mut statement = connection.prepare_cached(
        "SELECT trace_id, requested_model, hint, provider, started_at_us, request, erased_at_us IS NOT NULL
         FROM calls WHERE id = ?1",
    )?;
    let mut rows = statement.query([id])?;
    let row = rows.next()?.ok_or_else(|| corrupt("a call is missing"))?;
    let request = match sealer.load(("calls", id, "request"), row.get_ref(5)?)? {
        Some(request) => json::read(&request)?,
        None if row.get(6)? => GenerateRequest::default(),
        None => return Err(corrupt("a call without a request")),
    };
    let started_at_us: i64 = row.get(4)?;
    Ok(CallStart {
        trace_id: row.get(0)?,
        model: row.get(1)?,
        hint: row.get(2)?,
        provider: row.get(3)?,
        started_at_us: u64::try_from(started_at_us).map_err(|_| corrupt("a call has an invalid start time"))?,
        request: Arc::new(request),
    })
}

/// The parts of a completion that have no column; `None` when there are none.
pub(super) fn rest_of(completion: &Completion) -> Result<Option<Vec<u8>>, LogError> {
    let Ok(Json::Object(mut fields)) = serde_json::to_value(completion) else {
        return Err(corrupt("an answer cannot be encoded as JSON"));
    };
    for column in [
        "text",
        "toolCalls",
        "traceId",
        "modelUsed",
        "usage",
        "stopReason",
        "costMicroUsd",
    ] {
        fields.shift_remove(column);
    }
    fields.retain(|_, value| !value.as_array().is_some_and(Vec::is_empty));
    (!fields.is_empty()).then(|| json::write(&fields)).transpose()
}
