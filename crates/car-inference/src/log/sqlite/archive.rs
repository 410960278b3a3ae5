//! Whole calls, out of the file and into it.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::annotation::Annotation;
use super::failure::corrupt;
use super::open_call::Batch;
use super::read::Reading;
use super::recorded::{Recorded, WrittenCall, recorded, start_of};
use super::store::Store;
use super::stored_json as json;
use crate::log::{ArchivedCall, CallRecord, CallStatus, Ending, LogError, LogErrorKind, Stamp};
use crate::stream::{Completion, EventRef};

impl Reading<'_> {
    /// Everything of a closed call whose payload is there.
    pub fn archived(&self, trace_id: &str) -> Result<Option<ArchivedCall>, LogError> {
        let Some(id) = self.id_of(trace_id)? else {
            return Ok(None);
        };
        let Some(record) = self.call(id)? else { return Ok(None) };
        if record.status == CallStatus::Open || record.erased_at.is_some() {
            return Ok(None);
        }
        let start = start_of(self.connection, self.sealer, id)?;
        let Recorded { events, .. } = recorded(self.connection, self.sealer, id, start.started_at_us.cast_signed())?;
        let mut statement = self.connection.prepare_cached(
            "SELECT first_seq, ended_at_us - started_at_us, calls.attempt, completion FROM calls
                             JOIN records ON records.call_id = calls.id AND records.kind = 'end' WHERE calls.id = ?1",
        )?;
        let mut rows = statement.query([id])?;
        let row = rows.next()?.ok_or_else(|| corrupt("a closed call without an end"))?;
        let since_start: i64 = row.get(1)?;
        let ended = Stamp {
            seq: row.get::<_, i64>(0)?.cast_unsigned(),
            at_us: u64::try_from(since_start).unwrap_or_default(),
            attempt: row.get(2)?,
        };
        let rest = self.sealer.load(("calls", id, "completion"), row.get_ref(3)?)?;
        let CallRecord {
            attempts,
            verdicts,
            notes,
            ..
        } = record.clone();
        Ok(Some(ArchivedCall {
            start,
            events,
            attempts,
            verdicts,
            notes,
            ended,
            ending: Arc::new(ending_of(record, rest.as_deref())?),
        }))
    }
}

/// How a call ended, from its record and what of its answer is in no column of its own.
fn ending_of(record: CallRecord, rest: Option<&str>) -> Result<Ending, LogError> {
    let mut fields: Map<String, Json> = rest.map_or(Ok(Map::new()), json::read)?;
    fields.insert("text".into(), Json::String(String::new()));
    fields.insert("toolCalls".into(), Json::Array(Vec::new()));
    let completion: Completion =
        serde_json::from_value(Json::Object(fields)).map_err(|_| corrupt("a stored answer is malformed"))?;
    Ok(Ending {
        status: record.status,
        completion: Completion {
            text: record.text.unwrap_or_default(),
            tool_calls: record.tool_calls,
            usage: record.usage,
            cost_micro_usd: record.cost_micro_usd,
            stop_reason: record.stop_reason,
            trace_id: record.trace_id,
            model_used: record.model,
            ..completion
        },
        failure: record.failure,
    })
}

impl Store {
    /// Takes a closed call, unless one of its trace id is there.
    pub fn restore(&mut self, call: &ArchivedCall) -> Result<bool, LogError> {
        if call.ending.status == CallStatus::Open {
            return Err(LogError::new(
                LogErrorKind::InvalidInput,
                "a call that is open cannot be taken",
            ));
        }
        self.change(|store| {
            let is_there = store
                .connection
                .prepare_cached("SELECT 1 FROM calls WHERE trace_id = ?1")?
                .exists([&call.start.trace_id])?;
            if is_there {
                return Ok(false);
            }
            let mut batch = Batch::default();
            for (stamp, event) in &call.events {
                batch.events.push(*stamp, EventRef::from(event));
            }
            let ended_at_us = call.ended.at_us;
            let attempts = call.attempts.iter().cloned().map(Annotation::Attempt);
            let verdicts = call.verdicts.iter().cloned().map(Annotation::Verdict);
            let notes = call.notes.iter().cloned().map(Annotation::Note);
            batch.annotations.extend(
                attempts
                    .chain(verdicts)
                    .chain(notes)
                    .map(|annotation| (ended_at_us, annotation)),
            );
            let mut written = WrittenCall {
                id: store.insert_call(&call.start)?,
                ..WrittenCall::default()
            };
            store.write_batch_of(&call.start, &mut written, &batch)?;
            store.write_held(&call.start, &mut written)?;
            store.close_call(&call.start, &written, call.ended, &call.ending)?;
            Ok(true)
        })
    }
}
