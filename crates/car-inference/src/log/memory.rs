//! A log in memory: for tests, and the default until a durable one is given. Bounded: what ended first goes first.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::packed::PackedEvents;
use super::{
    AttemptRecord, CallLog, CallRecord, CallStart, CallStatus, Commit, Ending, EventLog, LogError, LoggedEvent, Note,
    Stamp, VerdictRecord,
};
use crate::error::Problem;
use crate::stream::{Completion, EventRef, StreamEvent};
use crate::tasks::generate::ToolCall;

/// How much a [`MemoryLog`] keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryLogLimits {
    /// Ended calls kept. Default 1,000. Open calls are kept besides; each is bounded by its own limits.
    pub calls_max: usize,
    /// Bytes of ended calls kept, about. Default 64 MiB. The one that ended last is kept whatever its size.
    pub bytes_max: usize,
}

impl Default for MemoryLogLimits {
    fn default() -> Self {
        Self {
            calls_max: 1_000,
            bytes_max: 64 * 1024 * 1024,
        }
    }
}

/// Which calls to list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct CallFilter {
    /// Only of this model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Only with this status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<CallStatus>,
    /// Only with this label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// At most so many, the newest first. Default 50.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

impl CallFilter {
    /// Reads a filter from JSON, listing every wrong field.
    ///
    /// # Errors
    /// All problems found.
    pub fn from_json(json: &str) -> Result<Self, Vec<Problem>> {
        crate::shape::parse(json)
    }

    fn fits(&self, call: &StoredCall) -> bool {
        self.model.as_ref().is_none_or(|model| *model == call.start.model)
            && self.status.is_none_or(|status| status == call.status())
            && self
                .tag
                .as_ref()
                .is_none_or(|tag| call.start.request.tags.contains(tag))
    }
}

/// Keeps calls in memory. Cloning shares the log.
#[derive(Clone, Default)]
pub struct MemoryLog {
    shared: Arc<Mutex<Shelf>>,
}

#[derive(Default)]
struct Shelf {
    limits: MemoryLogLimits,
    /// By trace id, and so by start.
    calls: BTreeMap<String, Arc<StoredCall>>,
    /// The ended ones and their bytes, in the order in which they ended.
    ended: VecDeque<(String, usize)>,
    bytes: usize,
}

/// One call: what its gate writes and what readers read.
#[repr(C)]
struct StoredCall {
    /// Apart from the rest, and first, so that an event touches nothing else.
    events: Mutex<PackedEvents>,
    rest: Mutex<Rest>,
    start: CallStart,
    shelf: Weak<Mutex<Shelf>>,
}

/// What is not an event.
#[derive(Default)]
struct Rest {
    attempts: Vec<AttemptRecord>,
    verdicts: Vec<VerdictRecord>,
    notes: Vec<Note>,
    ending: Option<(Stamp, Arc<Ending>)>,
}

impl MemoryLog {
    /// A log that keeps as much as `limits` say.
    #[must_use]
    pub fn new(limits: MemoryLogLimits) -> Self {
        Self {
            shared: Arc::new(Mutex::new(Shelf {
                limits,
                ..Shelf::default()
            })),
        }
    }

    fn find(&self, trace_id: &str) -> Option<Arc<StoredCall>> {
        self.shared.lock().calls.get(trace_id).cloned()
    }

    /// One call, open or ended.
    #[must_use]
    pub fn call(&self, trace_id: &str) -> Option<CallRecord> {
        self.find(trace_id).map(|call| call.record())
    }

    /// The calls that `filter` asks for, the newest first.
    #[must_use]
    pub fn calls(&self, filter: &CallFilter) -> Vec<CallRecord> {
        const LIMIT_DEFAULT: usize = 50;
        let newest_first: Vec<_> = {
            let shelf = self.shared.lock();
            shelf.calls.values().rev().cloned().collect()
        };
        newest_first
            .iter()
            .filter(|call| filter.fits(call))
            .map(|call| call.record())
            .take(filter.limit.unwrap_or(LIMIT_DEFAULT))
            .collect()
    }

    /// The events of one call, in order, with `done` last when it was completed.
    #[must_use]
    pub fn events(&self, trace_id: &str) -> Option<Vec<LoggedEvent>> {
        self.find(trace_id).map(|call| call.events())
    }
}

impl EventLog for MemoryLog {
    fn start(&self, start: &CallStart) -> Result<Arc<dyn CallLog>, LogError> {
        let call = Arc::new(StoredCall {
            events: Mutex::default(),
            rest: Mutex::default(),
            start: start.clone(),
            shelf: Arc::downgrade(&self.shared),
        });
        self.shared
            .lock()
            .calls
            .insert(start.trace_id.clone(), Arc::clone(&call));
        Ok(call)
    }
}

impl Shelf {
    fn make_room(&mut self) -> Vec<Arc<StoredCall>> {
        let mut evicted = Vec::new();
        while self.ended.len() > 1 && (self.ended.len() > self.limits.calls_max || self.bytes > self.limits.bytes_max) {
            let Some((trace_id, bytes)) = self.ended.pop_front() else {
                break;
            };
            self.bytes = self.bytes.saturating_sub(bytes);
            evicted.extend(self.calls.remove(&trace_id));
        }
        evicted
    }
}

impl CallLog for StoredCall {
    fn attempt(&self, _at_us: u64, attempt: &AttemptRecord) -> Result<(), LogError> {
        let mut rest = self.rest.lock();
        match rest.attempts.iter_mut().find(|known| known.attempt == attempt.attempt) {
            Some(known) => known.clone_from(attempt),
            None => push_exact(&mut rest.attempts, attempt.clone()),
        }
        Ok(())
    }

    fn event(&self, stamp: Stamp, event: EventRef<'_>) -> Result<(), LogError> {
        self.events.lock().push(stamp, event);
        Ok(())
    }

    fn verdict(&self, _at_us: u64, verdict: &VerdictRecord) -> Result<(), LogError> {
        push_exact(&mut self.rest.lock().verdicts, verdict.clone());
        Ok(())
    }

    fn note(&self, _at_us: u64, note: &Note) -> Result<(), LogError> {
        self.rest.lock().notes.push(note.clone());
        Ok(())
    }

    fn end(&self, stamp: Stamp, ending: &Arc<Ending>) -> Result<Commit, LogError> {
        self.rest.lock().ending = Some((stamp, Arc::clone(ending)));
        let Some(shelf) = self.shelf.upgrade() else {
            return Ok(Commit::Done); // Nobody holds the log any more.
        };
        self.events.lock().shrink();
        let bytes = self.bytes();
        let evicted = {
            let mut shelf = shelf.lock();
            shelf.bytes += bytes;
            shelf.ended.push_back((self.start.trace_id.clone(), bytes));
            shelf.make_room()
        };
        // A large call takes a while to free; not under everybody's lock.
        drop(evicted);
        Ok(Commit::Done)
    }
}

impl StoredCall {
    fn status(&self) -> CallStatus {
        self.rest.lock().status()
    }

    fn bytes(&self) -> usize {
        let events = self.events.lock();
        let rest = self.rest.lock();
        let answer = rest.ending.as_ref().map_or(0, |(_, ending)| {
            completion_bytes(&ending.completion) + events.others_bytes()
        });
        let notes: usize = rest.notes.iter().map(|note| note.message.len() + note.code.len()).sum();
        size_of::<Self>() + events.bytes() + answer + self.start.request.bytes() + notes
    }

    fn epoch_ms(&self, at_us: u64) -> f64 {
        (self.start.started_at_us + at_us) as f64 / 1_000.0
    }

    fn events(&self) -> Vec<LoggedEvent> {
        let mut events: Vec<_> = self
            .events
            .lock()
            .iter()
            .map(|(stamp, event)| LoggedEvent {
                seq: stamp.seq,
                at: self.epoch_ms(stamp.at_us),
                attempt: stamp.attempt,
                event,
            })
            .collect();
        if let Some((stamp, ending)) = &self.rest.lock().ending
            && ending.status == CallStatus::Done
        {
            events.push(LoggedEvent {
                seq: stamp.seq,
                at: self.epoch_ms(stamp.at_us),
                attempt: stamp.attempt,
                event: StreamEvent::Done {
                    text: ending.completion.text.clone(),
                    tool_calls: ending.completion.tool_calls.clone(),
                },
            });
        }
        events
    }

    fn record(&self) -> CallRecord {
        let (first_at_us, event_count) = {
            let events = self.events.lock();
            (events.first_at_us(), events.count())
        };
        let rest = self.rest.lock();
        let status = rest.status();
        let request = &self.start.request;
        let ending = rest.ending.as_ref().map(|(_, ending)| &**ending);
        let completion = ending.map(|ending| &ending.completion);
        let completed = u64::from(status == CallStatus::Done);
        CallRecord {
            trace_id: self.start.trace_id.clone(),
            model: completion.map_or_else(|| self.start.model.clone(), |completion| completion.model_used.clone()),
            hint: self.start.hint.clone(),
            client_ref: request.client_ref.clone(),
            conversation_id: request.conversation_id.clone(),
            parent_trace_id: request.parent_trace_id.clone(),
            tags: request.tags.clone(),
            status,
            started_at: self.epoch_ms(0),
            first_event_at: first_at_us.map(|at_us| self.epoch_ms(at_us)),
            ended_at: rest.ending.as_ref().map(|(stamp, _)| self.epoch_ms(stamp.at_us)),
            stop_reason: completion.and_then(|completion| completion.stop_reason),
            usage: completion.and_then(|completion| completion.usage),
            text: completion.map(|completion| completion.text.clone()),
            tool_calls: completion
                .map(|completion| completion.tool_calls.clone())
                .unwrap_or_default(),
            failure: ending.and_then(|ending| ending.failure.clone()),
            attempts: rest.attempts.clone(),
            verdicts: rest.verdicts.clone(),
            notes: rest.notes.clone(),
            event_count: event_count + completed,
            request: (**request).clone(),
        }
    }
}

impl Rest {
    fn status(&self) -> CallStatus {
        self.ending
            .as_ref()
            .map_or(CallStatus::Open, |(_, ending)| ending.status)
    }
}

/// Most lists of a call hold one item: no room for more than there are.
fn push_exact<T>(list: &mut Vec<T>, item: T) {
    if list.is_empty() {
        list.reserve_exact(1);
    }
    list.push(item);
}

/// About how many bytes an answer holds, beside its share of the events that are not deltas.
fn completion_bytes(completion: &Completion) -> usize {
    let Completion {
        text,
        tool_calls,
        reasoning,
        ..
    } = completion;
    let tool_calls: usize = tool_calls.iter().map(ToolCall::bytes).sum();
    let reasoning: usize = reasoning.iter().map(|block| block.text.len()).sum();
    size_of::<Completion>() + text.len() + tool_calls + reasoning
}
