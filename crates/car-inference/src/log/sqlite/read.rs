//! Queries of the file about one call, each on one short snapshot. Parameters are bound; values from the caller are
//! never part of a statement.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::de::DeserializeOwned;

use super::batch;
use super::failure::corrupt;
use super::recorded;
use super::seal::Sealer;
use super::stored_json as json;
use crate::log::cursor::{CallPlace, LogTag};
use crate::log::{CallRecord, CallStatus, EventRange, LogError, LoggedEvent};
use crate::stream::{StopReason, StreamEvent, TokenUsage};
use crate::tasks::generate::ToolCall;

/// What a [`CallRecord`] is made of, in the order in which [`record`] reads it.
pub(super) const RECORD: &str = "calls.id, calls.trace_id, calls.model, calls.provider, calls.hint, calls.status,
    calls.started_at_us, calls.first_event_at_us, calls.ended_at_us, calls.event_count, calls.stop_reason,
    calls.input_tokens, calls.output_tokens, calls.total_tokens, calls.cache_read_input_tokens,
    calls.cache_creation_input_tokens, calls.reasoning_tokens, calls.erased_at_us, calls.client_ref,
    calls.conversation_id, calls.parent_trace_id, calls.tags, calls.request, calls.text, calls.tool_calls,
    calls.failure, calls.attempts, calls.verdicts, calls.notes, calls.cost_micro_usd";

/// Microseconds since the Unix epoch as milliseconds, to the microsecond: exact until the year 2255.
pub(super) fn epoch_ms(at_us: i64) -> f64 {
    at_us as f64 / 1_000.0
}

pub(super) struct Reading<'a> {
    pub connection: &'a Connection,
    pub sealer: &'a Sealer,
    /// The tag of this log in its cursors.
    pub log: LogTag,
}

impl Reading<'_> {
    pub fn id_of(&self, trace_id: &str) -> Result<Option<i64>, LogError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT id FROM calls WHERE trace_id = ?1")?;
        Ok(statement.query_row([trace_id], |row| row.get(0)).optional()?)
    }

    pub fn call(&self, id: i64) -> Result<Option<CallRecord>, LogError> {
        let sql = format!("SELECT {RECORD} FROM calls WHERE id = ?1");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([id])?;
        rows.next()?.map(|row| self.record(row)).transpose()
    }

    pub fn record(&self, row: &Row<'_>) -> Result<CallRecord, LogError> {
        let id: i64 = row.get(0)?;
        let status = status(&row.get::<_, String>(5)?)?;
        let started_at_us: i64 = row.get(6)?;
        let at = |column: usize| Ok::<_, LogError>(row.get::<_, Option<i64>>(column)?.map(epoch_ms));
        let tokens = |column: usize| -> Result<Option<u64>, LogError> {
            let count: Option<i64> = row.get(column)?;
            count
                .map(u64::try_from)
                .transpose()
                .map_err(|_| corrupt("a count below zero"))
        };
        let usage = TokenUsage {
            input_tokens: tokens(11)?,
            output_tokens: tokens(12)?,
            total_tokens: tokens(13)?,
            cache_read_input_tokens: tokens(14)?,
            cache_creation_input_tokens: tokens(15)?,
            reasoning_tokens: tokens(16)?,
        };
        let payload = |column: usize, name: &'static str| self.sealer.load(("calls", id, name), row.get_ref(column)?);
        let tags: Option<String> = row.get(21)?;
        let stop_reason: Option<String> = row.get(10)?;
        let mut record = CallRecord {
            cursor: CallPlace { started_at_us, id }.cursor(self.log),
            trace_id: row.get(1)?,
            model: row.get(2)?,
            provider: row.get(3)?,
            hint: row.get(4)?,
            client_ref: row.get(18)?,
            conversation_id: row.get(19)?,
            parent_trace_id: row.get(20)?,
            tags: tags.map_or(Ok(Vec::new()), |tags| json::read(&tags))?,
            status,
            started_at: epoch_ms(started_at_us),
            first_event_at: at(7)?,
            ended_at: at(8)?,
            stop_reason: stop_reason.as_deref().map(stop_reason_of).transpose()?,
            usage: (usage != TokenUsage::default()).then_some(usage),
            cost_micro_usd: tokens(29)?,
            text: payload(23, "text")?,
            tool_calls: list(payload(24, "tool_calls")?)?,
            failure: payload(25, "failure")?
                .map(|failure| json::read(&failure))
                .transpose()?,
            attempts: list(payload(26, "attempts")?)?,
            verdicts: list(payload(27, "verdicts")?)?,
            notes: list(payload(28, "notes")?)?,
            event_count: tokens(9)?.unwrap_or_default(),
            request: payload(22, "request")?
                .map(|request| json::read(&request))
                .transpose()?,
            erased_at: at(17)?,
            erase_requested_at: None,
        };
        if status == CallStatus::Open {
            record.erase_requested_at = record.erased_at.take();
            let written = recorded::annotated(self.connection, self.sealer, id)?;
            let mut statement = self
                .connection
                .prepare_cached("SELECT sum(count), min(at_us) FROM records WHERE call_id = ?1 AND kind = 'events'")?;
            let (count, first): (Option<i64>, Option<i64>) =
                statement.query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
            record.first_event_at = first.map(epoch_ms);
            record.event_count = count.unwrap_or_default().max(0).cast_unsigned();
            record.attempts = written.attempts;
            record.verdicts = written.verdicts;
            record.notes = written.notes;
        }
        Ok(record)
    }

    pub fn events(
        &self,
        trace_id: &str,
        range: &EventRange,
        limit: usize,
    ) -> Result<Option<Vec<LoggedEvent>>, LogError> {
        let Some(id) = self.id_of(trace_id)? else {
            return Ok(None);
        };
        let mut events = Vec::new();
        if limit == 0 {
            return Ok(Some(events));
        }
        let bound = |bound: Option<u64>, none| bound.map_or(none, |bound| i64::try_from(bound).unwrap_or(i64::MAX));
        let mut statement = self.connection.prepare_cached(
            "SELECT position, first_seq, attempt, at_us, data FROM records
             WHERE call_id = ?1 AND kind = 'events' AND first_seq <= ?2 AND first_seq + count > ?3 ORDER BY position",
        )?;
        let mut rows = statement.query(params![id, bound(range.to, i64::MAX), bound(range.from, 0)])?;
        while let Some(row) = rows.next()? {
            let row = EventRow::read(row)?;
            for event in row.events(self.sealer)? {
                if range.holds(event.seq) {
                    events.push(event);
                }
                if events.len() >= limit {
                    return Ok(Some(events));
                }
            }
        }
        events.extend(self.done(id)?.filter(|done| range.holds(done.seq)));
        Ok(Some(events))
    }

    /// The last event of a completed call, which is recorded with its end.
    pub fn done(&self, id: i64) -> Result<Option<LoggedEvent>, LogError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT event_count, ended_at_us, attempt, text, tool_calls FROM calls WHERE id = ?1 AND status = 'done'",
        )?;
        let mut rows = statement.query([id])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let Some(text) = self.sealer.load(("calls", id, "text"), row.get_ref(3)?)? else {
            return Ok(None);
        };
        let tool_calls = self.sealer.load(("calls", id, "tool_calls"), row.get_ref(4)?)?;
        Ok(Some(LoggedEvent {
            seq: row.get::<_, i64>(0)?.cast_unsigned(),
            at: epoch_ms(row.get(1)?),
            attempt: row.get(2)?,
            event: StreamEvent::Done {
                text,
                tool_calls: list::<ToolCall>(tool_calls)?,
            },
        }))
    }
}

/// A row of events as it is stored.
pub(super) struct EventRow {
    position: i64,
    first_seq: i64,
    attempt: u32,
    at_us: i64,
    data: Value,
}

impl EventRow {
    /// From `position, first_seq, attempt, at_us, data`.
    pub fn read(row: &Row<'_>) -> Result<Self, LogError> {
        Ok(Self {
            position: row.get(0)?,
            first_seq: row.get(1)?,
            attempt: row.get(2)?,
            at_us: row.get(3)?,
            data: row.get(4)?,
        })
    }

    /// Its events; none when they were erased.
    pub fn events(&self, sealer: &Sealer) -> Result<Vec<LoggedEvent>, LogError> {
        let Some(stored) = sealer.load(("records", self.position, "data"), (&self.data).into())? else {
            return Ok(Vec::new());
        };
        let first_seq = u64::try_from(self.first_seq).map_err(|_| corrupt("a stored event has an invalid number"))?;
        let numbered = (first_seq..).zip(batch::decode(&stored)?);
        Ok(numbered
            .map(|(seq, (offset_us, event))| LoggedEvent {
                seq,
                at: epoch_ms(self.at_us.saturating_add(offset_us)),
                attempt: self.attempt,
                event,
            })
            .collect())
    }
}

fn list<T: DeserializeOwned>(stored: Option<String>) -> Result<Vec<T>, LogError> {
    stored.map_or(Ok(Vec::new()), |stored| json::read(&stored))
}

fn status(stored: &str) -> Result<CallStatus, LogError> {
    CallStatus::ALL
        .into_iter()
        .find(|status| status.as_str() == stored)
        .ok_or_else(|| corrupt("a stored call has an unknown status"))
}

fn stop_reason_of(stored: &str) -> Result<StopReason, LogError> {
    json::read(&format!("\"{}\"", stored.replace(['"', '\\'], "")))
}
