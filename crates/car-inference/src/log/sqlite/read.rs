//! Questions to the file, each on one short snapshot. Parameters are bound; what a caller gives is never part of a statement.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use serde::de::DeserializeOwned;

use super::batch;
use super::failure::corrupt;
use super::recorded;
use super::schema::has_text_index;
use super::seal::Sealer;
use super::stored_json as json;
use crate::log::query::{CallCursor, words};
use crate::log::{CallFilter, CallOrder, CallRecord, CallStatus, EventRange, LogError, LogErrorKind, LoggedEvent};
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

/// Milliseconds since the Unix epoch as microseconds.
pub(super) fn epoch_us(at_ms: f64) -> i64 {
    (at_ms * 1_000.0).round() as i64
}

pub(super) struct Reading<'a> {
    pub connection: &'a Connection,
    pub sealer: &'a Sealer,
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

    pub fn calls(&self, filter: &CallFilter) -> Result<Vec<CallRecord>, LogError> {
        let Selection { sql, values } = self.select(filter)?;
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        let mut calls = Vec::new();
        while let Some(row) = rows.next()? {
            calls.push(self.record(row)?);
        }
        Ok(calls)
    }

    fn select(&self, filter: &CallFilter) -> Result<Selection, LogError> {
        let newest_first = filter.order.unwrap_or_default() == CallOrder::Newest;
        let (direction, beyond) = if newest_first { ("DESC", "<") } else { ("ASC", ">") };
        let cursor = filter.cursor.as_deref().map(CallCursor::parse).transpose()?;
        if filter.text.is_some() && !has_text_index(self.connection)? {
            return Err(LogError::new(
                LogErrorKind::Unsupported,
                "the log has no index of words; open it with `fullTextSearch: true`",
            ));
        }
        let tags: Vec<&str> = filter.tags.iter().flatten().map(String::as_str).collect();
        let path = self.path(filter, &tags)?;
        let (from, start, id) = path.source();
        // In lists by text the order is that of the index of words, whichever index is followed.
        let start = start.filter(|_| filter.text.is_none());
        let mut selection = Selection::default();
        if let Some(text) = &filter.text {
            let condition = match path {
                Path::Text => "call_texts MATCH ?".to_owned(),
                _ => format!("EXISTS (SELECT 1 FROM call_texts WHERE call_texts MATCH ? AND call_texts.rowid = {id})"),
            };
            selection.condition(&condition, [Value::Text(match_expression(text))]);
        }
        for tag in tags {
            let condition = match path {
                Path::Tag(followed) if followed == tag => "tagged.tag = ?".to_owned(),
                // Of the index that is followed, so that only what has all labels is looked up.
                Path::Tag(_) => "EXISTS (SELECT 1 FROM call_tags AS also WHERE also.tag = ?
                     AND also.started_at_us = tagged.started_at_us AND also.call_id = tagged.call_id)"
                    .to_owned(),
                _ => "EXISTS (SELECT 1 FROM call_tags AS also WHERE also.tag = ?
                     AND also.started_at_us = calls.started_at_us AND also.call_id = calls.id)"
                    .to_owned(),
            };
            selection.condition(&condition, [Value::Text(tag.to_owned())]);
        }
        for (Equality { column, .. }, value) in equalities(filter) {
            selection.condition(&format!("calls.{column} = ?"), [Value::Text(value.to_owned())]);
        }
        let started = start.unwrap_or("calls.started_at_us");
        if let Some(since) = filter.since {
            selection.condition(&format!("{started} >= ?"), [Value::Integer(epoch_us(since))]);
        }
        if let Some(until) = filter.until {
            selection.condition(&format!("{started} < ?"), [Value::Integer(epoch_us(until))]);
        }
        if let Some(CallCursor {
            started_at_us,
            id: last,
        }) = cursor
        {
            match start {
                Some(start) => selection.condition(
                    &format!("({start}, {id}) {beyond} (?, ?)"),
                    [Value::Integer(started_at_us), Value::Integer(last)],
                ),
                None => selection.condition(&format!("{id} {beyond} ?"), [Value::Integer(last)]),
            }
        }
        let order = start.map_or_else(String::new, |start| format!("{start} {direction}, "));
        let limit = filter.limit.unwrap_or(CallFilter::LIMIT_DEFAULT);
        selection
            .values
            .push(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
        selection.sql = format!(
            "SELECT {RECORD} FROM {from} WHERE {} ORDER BY {order}{id} {direction} LIMIT ?",
            if selection.sql.is_empty() { "1" } else { &selection.sql }
        );
        Ok(selection)
    }

    /// Which index a list follows: that of whatever only few calls have; else one whose order is the list's.
    fn path<'a>(&self, filter: &CallFilter, tags: &[&'a str]) -> Result<Path<'a>, LogError> {
        let otherwise = match (&filter.text, tags) {
            (Some(_), _) => Path::Text,
            (None, [tag, ..]) => Path::Tag(tag),
            (None, []) => Path::Calls,
        };
        let conditions = usize::from(filter.text.is_some()) + tags.len() + equalities(filter).count();
        if conditions < 2 {
            return Ok(otherwise);
        }
        let mut fewest = (FEW_CALLS, otherwise);
        for (equality, value) in equalities(filter) {
            let Equality { column, index } = equality;
            let sql = format!("SELECT 1 FROM calls INDEXED BY {index} WHERE {column} = ?1 LIMIT ?2");
            let count = self.count_few(&sql, value)?;
            if count < fewest.0 {
                fewest = (count, Path::Equal(equality));
            }
        }
        for tag in tags {
            let count = self.count_few("SELECT 1 FROM call_tags WHERE tag = ?1 LIMIT ?2", tag)?;
            if count < fewest.0 {
                fewest = (count, Path::Tag(tag));
            }
        }
        Ok(fewest.1)
    }

    /// How many rows an index has for a value, up to [`FEW_CALLS`].
    fn count_few(&self, rows: &str, value: &str) -> Result<i64, LogError> {
        let sql = format!("SELECT count(*) FROM ({rows})");
        let mut statement = self.connection.prepare_cached(&sql)?;
        Ok(statement.query_row(params![value, FEW_CALLS], |row| row.get(0))?)
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
            cursor: CallCursor { started_at_us, id }.to_string(),
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
        };
        if status == CallStatus::Open {
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
        let first_seq = u64::try_from(self.first_seq).map_err(|_| corrupt("an event's number is none"))?;
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

/// What fewer calls have is looked up one by one, however rare it is that they have the rest.
const FEW_CALLS: i64 = 500;

/// A column that a filter compares, and its index.
#[derive(Clone, Copy)]
struct Equality {
    column: &'static str,
    index: &'static str,
}

/// What a filter wants to be equal.
fn equalities(filter: &CallFilter) -> impl Iterator<Item = (Equality, &str)> {
    [
        ("client_ref", "calls_by_client_ref", filter.client_ref.as_deref()),
        ("parent_trace_id", "calls_by_parent", filter.parent_trace_id.as_deref()),
        (
            "conversation_id",
            "calls_by_conversation",
            filter.conversation_id.as_deref(),
        ),
        ("status", "calls_by_status", filter.status.map(|status| status.as_str())),
        ("model", "calls_by_model", filter.model.as_deref()),
    ]
    .into_iter()
    .filter_map(|(column, index, value)| value.map(|value| (Equality { column, index }, value)))
}

/// Which index a list follows.
#[derive(Clone, Copy)]
enum Path<'a> {
    /// Whichever SQLite chooses.
    Calls,
    Equal(Equality),
    Tag(&'a str),
    Text,
}

impl Path<'_> {
    /// What is read from; the columns of a call's start, when the index is ordered by it, and of its number.
    fn source(self) -> (String, Option<&'static str>, &'static str) {
        let calls = (Some("calls.started_at_us"), "calls.id");
        match self {
            Self::Calls => ("calls".into(), calls.0, calls.1),
            Self::Equal(Equality { index, .. }) => (format!("calls INDEXED BY {index}"), calls.0, calls.1),
            Self::Tag(_) => (
                "call_tags AS tagged CROSS JOIN calls ON calls.id = tagged.call_id".into(),
                Some("tagged.started_at_us"),
                "tagged.call_id",
            ),
            Self::Text => (
                "call_texts JOIN calls ON calls.id = call_texts.rowid".into(),
                None,
                "call_texts.rowid",
            ),
        }
    }
}

#[derive(Default)]
struct Selection {
    sql: String,
    values: Vec<Value>,
}

impl Selection {
    fn condition<const COUNT: usize>(&mut self, condition: &str, values: [Value; COUNT]) {
        if !self.sql.is_empty() {
            self.sql.push_str(" AND ");
        }
        self.sql.push_str(condition);
        self.values.extend(values);
    }
}

/// An FTS5 query that finds what has all phrases: each in quotes, so that nothing of it is taken for an operator.
fn match_expression(text: &str) -> String {
    let phrases: Vec<_> = words(text)
        .into_iter()
        .map(|phrase| format!("\"{}\"", phrase.join(" ")))
        .collect();
    phrases.join(" AND ")
}

fn list<T: DeserializeOwned>(stored: Option<String>) -> Result<Vec<T>, LogError> {
    stored.map_or(Ok(Vec::new()), |stored| json::read(&stored))
}

fn status(stored: &str) -> Result<CallStatus, LogError> {
    CallStatus::ALL
        .into_iter()
        .find(|status| status.as_str() == stored)
        .ok_or_else(|| corrupt("a status that is none"))
}

fn stop_reason_of(stored: &str) -> Result<StopReason, LogError> {
    json::read(&format!("\"{}\"", stored.replace(['"', '\\'], "")))
}
