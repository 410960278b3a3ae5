//! A log in memory: for tests, and the default until a durable one is given. Bounded: what ended first goes first.

mod journal;
mod store;

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU64;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::cursor::{CallPlace, LogTag};
use super::packed::PackedEvents;
use super::search::Phrases;
use super::{
    AttemptRecord, CallFilter, CallLog, CallOrder, CallRecord, CallStart, CallStatus, Commit, Ending, EventLog,
    LogError, LoggedEvent, Note, Stamp, VerdictRecord,
};
use crate::stream::{Completion, EventRef, StreamEvent};
use crate::tasks::generate::ToolCall;
use journal::{Journal, Kind};

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

/// Keeps calls in memory. Cloning shares the log.
#[derive(Clone)]
pub struct MemoryLog {
    shared: Arc<Mutex<Shelf>>,
    /// The tag of this log in its cursors.
    tag: LogTag,
}

#[derive(Default)]
struct Shelf {
    limits: MemoryLogLimits,
    /// By number, and so by start.
    calls: BTreeMap<i64, Arc<StoredCall>>,
    /// The ended ones and their bytes, in the order in which they ended.
    ended: VecDeque<(i64, usize)>,
    bytes: usize,
    journal: Journal,
}

/// One call: what its gate writes and what readers read.
#[repr(C)]
struct StoredCall {
    /// Apart from the rest, and first, so that an event touches nothing else.
    events: Mutex<PackedEvents>,
    rest: Mutex<Rest>,
    start: CallStart,
    /// Its number: the place of its start in the journal.
    id: i64,
    /// What stays when its payload was erased.
    erased: Option<Box<Erased>>,
    shelf: Weak<Mutex<Shelf>>,
}

/// What stays of a call whose payload was erased.
struct Erased {
    /// When that was, in microseconds since the Unix epoch.
    at_us: u64,
    /// How many events there were.
    events: u64,
    /// When the first came, in microseconds since the call's start.
    first_at_us: Option<u64>,
}

/// What is not an event.
#[derive(Default)]
struct Rest {
    attempts: Vec<AttemptRecord>,
    verdicts: Vec<VerdictRecord>,
    notes: Vec<Note>,
    ending: Option<(Stamp, Arc<Ending>)>,
    /// How many events are put down in the journal.
    in_journal: u64,
    /// When the erasure of the call was requested while it was open, in microseconds since the Unix epoch. From then on
    /// its payload is hidden from readers; the ending removes it.
    erase_requested_at_us: Option<NonZeroU64>,
}

impl Default for MemoryLog {
    fn default() -> Self {
        Self::new(MemoryLogLimits::default())
    }
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
            tag: LogTag::random(),
        }
    }

    fn find(&self, trace_id: &str) -> Option<Arc<StoredCall>> {
        let shelf = self.shared.lock();
        // Nearly always one of the last.
        let mut newest_first = shelf.calls.values().rev();
        newest_first.find(|call| call.start.trace_id == trace_id).cloned()
    }

    /// One call, open or ended.
    #[must_use]
    pub fn call(&self, trace_id: &str) -> Option<CallRecord> {
        self.find(trace_id).map(|call| call.record(self.tag))
    }

    /// The calls that match `filter`. An invalid filter lists nothing.
    #[must_use]
    pub fn calls(&self, filter: &CallFilter) -> Vec<CallRecord> {
        if !filter.problems(self.tag).is_empty() {
            return Vec::new();
        }
        let phrases = filter.text.as_deref().map(Phrases::parse);
        let after = filter.place();
        let mut calls: Vec<_> = self.shared.lock().calls.values().cloned().collect();
        calls.sort_unstable_by_key(|call| call.place());
        let newest_first = filter.order.unwrap_or_default() == CallOrder::Newest;
        if newest_first {
            calls.reverse();
        }
        calls
            .iter()
            .filter(|call| {
                after.is_none_or(|after| {
                    if newest_first {
                        call.place() < after
                    } else {
                        call.place() > after
                    }
                })
            })
            .filter(|call| call.fits(filter) && phrases.as_ref().is_none_or(|phrases| call.says(phrases)))
            .map(|call| call.record(self.tag))
            .take(filter.limit.unwrap_or(CallFilter::LIMIT_DEFAULT))
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
        let mut shelf = self.shared.lock();
        let call = Arc::new(StoredCall {
            events: Mutex::default(),
            rest: Mutex::default(),
            start: start.clone(),
            id: shelf.journal.next_position(),
            erased: None,
            shelf: Arc::downgrade(&self.shared),
        });
        shelf.journal.put(call.id, Kind::Start);
        shelf.calls.insert(call.id, Arc::clone(&call));
        Ok(call)
    }
}

impl Shelf {
    fn make_room(&mut self) -> Vec<Arc<StoredCall>> {
        let mut evicted = Vec::new();
        while self.ended.len() > 1 && (self.ended.len() > self.limits.calls_max || self.bytes > self.limits.bytes_max) {
            let Some((id, bytes)) = self.ended.pop_front() else {
                break;
            };
            self.bytes = self.bytes.saturating_sub(bytes);
            evicted.extend(self.calls.remove(&id));
        }
        self.journal.forget_all_but(&self.calls);
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
        let ending = Some((stamp, Arc::clone(ending)));
        let Some(shelf) = self.shelf.upgrade() else {
            self.rest.lock().ending = ending;
            return Ok(Commit::Done); // Nobody holds the log any more.
        };
        self.events.lock().shrink();
        let evicted = {
            // An erasure holds this lock too, so it finds the call either open or ended.
            let mut shelf = shelf.lock();
            let is_to_be_erased = {
                let mut rest = self.rest.lock();
                rest.ending = ending;
                rest.erase_requested_at_us.is_some()
            };
            self.catch_up(&mut shelf.journal);
            shelf.journal.put(self.id, Kind::End);
            let bytes = if is_to_be_erased {
                let erased = Arc::new(self.without_payload(store::now_us()));
                let bytes = erased.bytes();
                shelf.calls.insert(self.id, erased);
                bytes
            } else {
                self.bytes()
            };
            shelf.bytes += bytes;
            shelf.ended.push_back((self.id, bytes));
            shelf.make_room()
        };
        // A large call takes a while to free; not under everybody's lock.
        drop(evicted);
        Ok(Commit::Done)
    }
}

impl StoredCall {
    /// Puts down what came since somebody looked.
    fn catch_up(&self, journal: &mut Journal) {
        let events = self.events.lock().count();
        let mut rest = self.rest.lock();
        if events > rest.in_journal {
            journal.put(self.id, Kind::Events(rest.in_journal + 1, events - rest.in_journal));
            rest.in_journal = events;
        }
    }

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

    fn place(&self) -> CallPlace {
        CallPlace {
            started_at_us: self.start.started_at_us.cast_signed(),
            id: self.id,
        }
    }

    fn epoch_ms(&self, at_us: u64) -> f64 {
        (self.start.started_at_us + at_us) as f64 / 1_000.0
    }

    /// Whether its payload is hidden from readers: it was erased, or will be when the call ends.
    fn hides_payload(&self) -> bool {
        self.erased.is_some() || self.rest.lock().erase_requested_at_us.is_some()
    }

    fn events(&self) -> Vec<LoggedEvent> {
        if self.hides_payload() {
            return Vec::new();
        }
        let mut events: Vec<_> = self
            .events
            .lock()
            .iter()
            .map(|(stamp, event)| LoggedEvent {
                seq: stamp.seq,
                at: self.epoch_ms(stamp.at_us),
                attempt: stamp.attempt,
                event: event.to_event(),
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

    fn record(&self, log: LogTag) -> CallRecord {
        let (first_at_us, event_count) = {
            let events = self.events.lock();
            (events.first_at_us(), events.count())
        };
        let rest = self.rest.lock();
        let status = rest.status();
        let is_pending = status == CallStatus::Open && rest.erase_requested_at_us.is_some();
        let ending = rest.ending.as_ref().map(|(_, ending)| &**ending);
        let completion = ending.map(|ending| &ending.completion);
        let completed = u64::from(status == CallStatus::Done);
        let erased = self.erased.as_deref();
        let keeps_payload = erased.is_none() && rest.erase_requested_at_us.is_none();
        let request = keeps_payload.then(|| (*self.start.request).clone());
        let said = request.as_ref();
        CallRecord {
            cursor: self.place().cursor(log),
            trace_id: self.start.trace_id.clone(),
            model: completion.map_or_else(|| self.start.model.clone(), |completion| completion.model_used.clone()),
            hint: self.start.hint.clone(),
            provider: self.start.provider.clone(),
            client_ref: said.and_then(|request| request.client_ref.clone()),
            conversation_id: said.and_then(|request| request.conversation_id.clone()),
            parent_trace_id: said.and_then(|request| request.parent_trace_id.clone()),
            tags: said.map(|request| request.tags.clone()).unwrap_or_default(),
            status,
            started_at: self.epoch_ms(0),
            first_event_at: first_at_us
                .or(erased.and_then(|erased| erased.first_at_us))
                .map(|at_us| self.epoch_ms(at_us)),
            ended_at: rest.ending.as_ref().map(|(stamp, _)| self.epoch_ms(stamp.at_us)),
            stop_reason: completion.and_then(|completion| completion.stop_reason),
            usage: completion.and_then(|completion| completion.usage),
            cost_micro_usd: completion.and_then(|completion| completion.cost_micro_usd),
            text: completion
                .filter(|_| keeps_payload)
                .map(|completion| completion.text.clone()),
            tool_calls: completion
                .filter(|_| keeps_payload)
                .map(|completion| completion.tool_calls.clone())
                .unwrap_or_default(),
            failure: ending
                .filter(|_| keeps_payload)
                .and_then(|ending| ending.failure.clone()),
            attempts: kept(keeps_payload, &rest.attempts),
            verdicts: kept(keeps_payload, &rest.verdicts),
            notes: kept(keeps_payload, &rest.notes),
            event_count: erased.map_or(event_count + completed, |erased| erased.events),
            request,
            erased_at: erased.map(|erased| erased.at_us as f64 / 1_000.0),
            erase_requested_at: rest
                .erase_requested_at_us
                .filter(|_| is_pending)
                .map(|at_us| at_us.get() as f64 / 1_000.0),
        }
    }
}

/// A list of the payload; empty when the payload is not kept.
fn kept<T: Clone>(keeps_payload: bool, list: &[T]) -> Vec<T> {
    if keeps_payload { list.to_vec() } else { Vec::new() }
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
