//! Calls that were cut off: from what was recorded until then to an ending, `interrupted`.

use super::open_call::OpenCall;
use super::recorded::{Recorded, recorded, start_of};
use super::store::Store;
use crate::log::{CallStart, CallStatus, Ending, LogError, Stamp};
use crate::stream::{Completion, StreamAccumulator, StreamEvent};

/// What the events came to.
fn folded(events: &[(Stamp, StreamEvent)]) -> (Completion, u32) {
    let mut accumulator = StreamAccumulator::default();
    let mut attempt = 0;
    for (stamp, event) in events {
        if stamp.attempt != attempt {
            accumulator = accumulator.warnings_only();
            attempt = stamp.attempt;
        }
        accumulator.push(event);
    }
    (accumulator.into_completion(), attempt)
}

impl Store {
    /// Closes all calls that are still open in the file: their process is gone.
    pub fn recover(&mut self) -> Result<(), LogError> {
        if self.open_in_file()?.is_empty() {
            return Ok(());
        }
        self.change(|store| store.close_all_interrupted().map(drop))
    }

    /// Closes all calls that are still open in the file, inside a transaction. Returns their number.
    pub fn close_all_interrupted(&mut self) -> Result<u64, LogError> {
        let open = self.open_in_file()?;
        for (id, is_erased) in &open {
            if *is_erased {
                self.go_on_erasing(*id);
            }
            let start = start_of(&self.connection, &self.sealer, *id)?;
            self.close_interrupted(&start, *id)?;
        }
        Ok(open.len() as u64)
    }

    /// The open calls, and for each whether its erasure was requested.
    fn open_in_file(&self) -> Result<Vec<(i64, bool)>, LogError> {
        let mut statement = self
            .connection
            .prepare("SELECT id, erased_at_us IS NOT NULL FROM calls WHERE status = 'open' ORDER BY id")?;
        let open = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(open.collect::<Result<_, _>>()?)
    }

    /// Writes the rest of a call that was dropped in this process, and closes it unless it is closed already.
    pub fn interrupt(&mut self, call: &OpenCall, is_open: impl FnOnce(i64) -> bool) -> Result<(), LogError> {
        let batch = call.take_rest();
        self.write_events(call, &batch)?;
        let id = {
            let mut written = call.written.lock();
            self.write_held(&call.start, &mut written)?;
            written.id
        };
        if is_open(id) {
            self.close_interrupted(&call.start, id)?;
        }
        Ok(())
    }

    fn close_interrupted(&mut self, start: &CallStart, id: i64) -> Result<(), LogError> {
        let Recorded { events, written } =
            recorded(&self.connection, &self.sealer, id, start.started_at_us.cast_signed())?;
        let (mut completion, attempt) = folded(&events);
        completion.trace_id.clone_from(&start.trace_id);
        let attempts = written.attempts.last();
        completion.model_used = attempts.map_or_else(|| start.model.clone(), |attempt| attempt.model.clone());
        let stamp = Stamp {
            seq: written.last_seq + 1,
            at_us: written.last_at_us,
            attempt: attempts.map_or(attempt, |record| record.attempt),
        };
        let ending = Ending {
            status: CallStatus::Interrupted,
            completion,
            failure: None,
        };
        self.close_call(start, &written, stamp, &ending)
    }
}
