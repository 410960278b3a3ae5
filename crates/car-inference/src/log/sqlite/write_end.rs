//! How a call ended, as a row: what the answer came to, and the words it is found by.

use std::sync::OnceLock;

use rusqlite::params_from_iter;
use rusqlite::types::Value;

use super::columns::{END, END_PAYLOAD, hash, number, text};
use super::open_call::OpenCall;
use super::recorded::{WrittenCall, rest_of};
use super::redacting::{redact_ending, redacted_start};
use super::store::Store;
use super::stored_json as json;
use super::text_index;
use super::write_rows::Record;
use crate::log::{CallStart, CallStatus, Ending, LogError, Stamp};
use crate::stream::TokenUsage;

impl Store {
    /// Writes how a call in this process ended. Returns its number.
    pub fn write_end(&mut self, call: &OpenCall, stamp: Stamp, ending: &Ending) -> Result<i64, LogError> {
        let mut written = call.written.lock();
        self.write_held(&call.start, &mut written)?;
        self.close_call(&call.start, &written, stamp, ending)?;
        Ok(written.id)
    }

    /// Writes how a call ended.
    pub fn close_call(
        &mut self,
        start: &CallStart,
        written: &WrittenCall,
        stamp: Stamp,
        ending: &Ending,
    ) -> Result<(), LogError> {
        let id = written.id;
        let redacted = self.redaction.as_ref().map(|redaction| {
            let mut ending = ending.clone();
            redact_ending(redaction, &mut ending);
            ending
        });
        let ending = redacted.as_ref().unwrap_or(ending);
        let completion = &ending.completion;
        let ended_at_us = start.started_at_us.cast_signed().saturating_add_unsigned(stamp.at_us);
        let events = written.last_seq + u64::from(ending.status == CallStatus::Done);
        let TokenUsage {
            input_tokens,
            output_tokens,
            total_tokens,
            cache_read_input_tokens,
            cache_creation_input_tokens,
            reasoning_tokens,
        } = completion.usage.unwrap_or_default();
        let model = match completion.model_used.as_str() {
            "" => &start.model,
            model => model,
        };
        let stop_reason = completion.stop_reason.map(|reason| json::write(&reason)).transpose()?;
        let error_code = ending
            .failure
            .as_ref()
            .map(|failure| json::write(&failure.code))
            .transpose()?;
        let unquoted = |json: Option<Vec<u8>>| {
            let word = json.and_then(|json| String::from_utf8(json).ok());
            text(word.as_deref().map(|word| word.trim_matches('"')))
        };
        let permanent = [
            Value::Text(model.to_owned()),
            Value::Text(ending.status.as_str().to_owned()),
            written.first_event_at_us.map_or(Value::Null, Value::Integer),
            Value::Integer(ended_at_us),
            Value::Integer(stamp.attempt.into()),
            Value::Integer(events.cast_signed()),
            unquoted(stop_reason),
            number(input_tokens),
            number(output_tokens),
            number(total_tokens),
            number(cache_read_input_tokens),
            number(cache_creation_input_tokens),
            number(reasoning_tokens),
            number(completion.cost_micro_usd),
            unquoted(error_code),
        ];
        let is_erasing = self.is_erasing(id);
        let payload = if is_erasing {
            [const { Value::Null }; END_PAYLOAD.len()]
        } else {
            self.ending_payload(id, written, ending)?
        };
        static UPDATE: OnceLock<String> = OnceLock::new();
        let update = UPDATE.get_or_init(|| {
            let columns = [&END[..], &END_PAYLOAD].concat();
            format!("UPDATE calls SET {} = ? WHERE id = ?", columns.join(" = ?, "))
        });
        self.connection.prepare_cached(update)?.execute(params_from_iter(
            permanent.iter().chain(&payload).chain([&Value::Integer(id)]),
        ))?;
        if self.has_text_index && !is_erasing {
            let start = redacted_start(self.redaction.as_ref(), start);
            text_index::insert(&self.connection, id, &start.request, &completion.text)?;
        }
        let record = Record {
            call_id: id,
            kind: "end",
            first_seq: stamp.seq.cast_signed(),
            count: 0,
            attempt: stamp.attempt.into(),
            at_us: ended_at_us,
            columns: Some(hash(&permanent)),
            data: Value::Null,
        };
        self.append(&record, &payload)?;
        self.finish_erasing(id, ended_at_us)
    }

    fn ending_payload(
        &self,
        id: i64,
        written: &WrittenCall,
        ending: &Ending,
    ) -> Result<[Value; END_PAYLOAD.len()], LogError> {
        let store = |column, json: Option<Vec<u8>>| match json {
            Some(json) => self.sealer.store(("calls", id, column), json),
            None => Ok(Value::Null),
        };
        fn list<T: serde::Serialize>(items: &[T]) -> Result<Option<Vec<u8>>, LogError> {
            (!items.is_empty()).then(|| json::write(&items)).transpose()
        }
        let completion = &ending.completion;
        Ok([
            store("text", Some(completion.text.clone().into_bytes()))?,
            store("tool_calls", Some(json::write(&completion.tool_calls)?))?,
            store("completion", rest_of(completion)?)?,
            store("failure", ending.failure.as_ref().map(json::write).transpose()?)?,
            store("attempts", list(&written.attempts)?)?,
            store("verdicts", list(&written.verdicts)?)?,
            store("notes", list(&written.notes)?)?,
        ])
    }
}
