//! Reading and keeping a log in memory.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use super::journal::{Entry, Kind};
use super::{Erased, MemoryLog, Rest, Shelf, StoredCall};
use crate::error::Problem;
use crate::log::cursor::{LogTag, TailPlace};
use crate::log::packed::PackedEvents;
use crate::log::search::{Phrases, prompt_text};
use crate::log::{
    ArchivedCall, CallFilter, CallRecord, CallStart, CallStatus, EraseReport, EraseTarget, EventRange, LogError,
    LogErrorKind, LogStats, LogStore, LoggedEvent, PruneOptions, PruneReport, TailItem, TailPage,
};
use crate::stream::{Completion, EventRef};
use crate::tasks::generate::GenerateRequest;

impl StoredCall {
    /// Whether the call matches every condition of `filter` except `text`.
    pub(super) fn fits(&self, filter: &CallFilter) -> bool {
        let nothing = GenerateRequest::default();
        let request = if self.hides_payload() {
            &nothing
        } else {
            &*self.start.request
        };
        let started_at_us = self.place().started_at_us;
        let (since, until) = filter.starts_us();
        let is = |wanted: &Option<String>, found: &Option<String>| wanted.is_none() || wanted == found;
        is(&filter.client_ref, &request.client_ref)
            && is(&filter.conversation_id, &request.conversation_id)
            && is(&filter.parent_trace_id, &request.parent_trace_id)
            && filter.tags.iter().flatten().all(|tag| request.tags.contains(tag))
            && since.is_none_or(|since| started_at_us >= since)
            && until.is_none_or(|until| started_at_us < until)
            && filter.status.is_none_or(|status| status == self.status())
            && filter.model.as_ref().is_none_or(|model| *model == self.model())
    }

    fn model(&self) -> String {
        let rest = self.rest.lock();
        let used = rest
            .ending
            .as_ref()
            .map(|(_, ending)| ending.completion.model_used.clone());
        used.filter(|model| !model.is_empty())
            .unwrap_or_else(|| self.start.model.clone())
    }

    /// Whether all phrases are in its prompt or its answer.
    pub(super) fn says(&self, phrases: &Phrases) -> bool {
        let ending = match &self.rest.lock().ending {
            Some((_, ending)) if self.erased.is_none() => Arc::clone(ending),
            // The call is open, or erased.
            _ => return false,
        };
        phrases.are_in([&prompt_text(&self.start.request), &ending.completion.text])
    }

    /// How long ago the call ended, in microseconds; 0 while it is open.
    fn age_us(&self, now_us: u64) -> u64 {
        let ended_at_us = match &self.rest.lock().ending {
            Some((stamp, _)) => self.start.started_at_us.saturating_add(stamp.at_us),
            None => return 0,
        };
        now_us.saturating_sub(ended_at_us)
    }

    /// What stays when the payload is erased.
    pub(super) fn without_payload(&self, at_us: u64) -> Self {
        let rest = self.rest.lock();
        let first_at_us = self.events.lock().first_at_us();
        let ending = rest.ending.as_ref().map(|(stamp, ending)| {
            let Completion {
                usage,
                cost_micro_usd,
                stop_reason,
                trace_id,
                model_used,
                ..
            } = ending.completion.clone();
            let kept = crate::log::Ending {
                status: ending.status,
                completion: Completion {
                    usage,
                    cost_micro_usd,
                    stop_reason,
                    trace_id,
                    model_used,
                    ..Completion::default()
                },
                failure: None,
            };
            (*stamp, Arc::new(kept))
        });
        let events = self.events.lock().count() + u64::from(rest.status() == CallStatus::Done);
        Self {
            events: Mutex::new(PackedEvents::default()),
            rest: Mutex::new(Rest {
                ending,
                ..Rest::default()
            }),
            start: CallStart {
                request: Arc::new(GenerateRequest::default()),
                ..self.start.clone()
            },
            id: self.id,
            erased: Some(Box::new(Erased {
                at_us,
                events,
                first_at_us,
            })),
            shelf: self.shelf.clone(),
        }
    }
}

impl Shelf {
    /// Removes a closed call.
    fn remove(&mut self, id: i64) -> Option<Arc<StoredCall>> {
        let at = self.ended.iter().position(|(ended, _)| *ended == id)?;
        let (_, bytes) = self.ended.remove(at)?;
        self.bytes = self.bytes.saturating_sub(bytes);
        self.calls.remove(&id)
    }

    /// Replaces an ended call.
    fn replace(&mut self, call: Arc<StoredCall>) {
        let bytes = call.bytes();
        if let Some((_, known)) = self.ended.iter_mut().find(|(ended, _)| *ended == call.id) {
            self.bytes = self.bytes.saturating_sub(*known).saturating_add(bytes);
            *known = bytes;
        }
        self.calls.insert(call.id, call);
    }

    /// Prunes as the options say.
    fn prune(&mut self, options: &PruneOptions, now_us: u64) -> Vec<Arc<StoredCall>> {
        let is_kept = |call: &StoredCall| call.start.request.tags.iter().any(|tag| options.keep.contains(tag));
        let mut closed: Vec<_> = self
            .calls
            .values()
            .filter(|call| call.status() != CallStatus::Open && !is_kept(call))
            .cloned()
            .collect();
        closed.sort_unstable_by_key(|call| call.place());
        let mut removed = Vec::new();
        if let Some(max_age) = options.max_age {
            let is_aged = |call: &StoredCall| call.age_us(now_us) as f64 > max_age * 1_000.0;
            let (aged, younger) = closed.into_iter().partition(|call| is_aged(call));
            removed.extend(Vec::into_iter(aged).filter_map(|call| self.remove(call.id)));
            closed = younger;
        }
        for call in closed {
            let too_many = options.max_calls.is_some_and(|max| self.calls.len() as u64 > max);
            let too_much = options.max_bytes.is_some_and(|max| self.bytes as u64 > max);
            if !too_many && !too_much {
                break;
            }
            removed.extend(self.remove(call.id));
        }
        self.journal.forget_all_but(&self.calls);
        removed
    }
}

pub(super) fn now_us() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
}

impl MemoryLog {
    /// Puts down what has come, so that it has a place. Returns the last one.
    fn catch_up(shelf: &mut Shelf) -> i64 {
        let Shelf { calls, journal, .. } = shelf;
        for call in calls.values().filter(|call| call.status() == CallStatus::Open) {
            call.catch_up(journal);
        }
        journal.last_position()
    }

    fn items(log: LogTag, call: &StoredCall, entry: &Entry, cursor: &mut TailPlace, items: &mut Vec<TailItem>) {
        let skipped = if entry.position == cursor.position {
            cursor.item
        } else {
            0
        };
        let mut number = 0_u32;
        let trace_id = &call.start.trace_id;
        let mut put = |item: &mut dyn FnMut(String) -> TailItem| {
            number += 1;
            if number > skipped {
                let place = TailPlace {
                    position: entry.position,
                    item: number,
                };
                items.push(item(place.cursor(log)));
            }
        };
        let mut put_event = |event: LoggedEvent| {
            let mut event = Some(event);
            put(&mut |cursor| match event.take() {
                Some(event) => TailItem::Event {
                    cursor,
                    trace_id: trace_id.clone(),
                    event,
                },
                None => unreachable!("each item is made once"),
            });
        };
        match entry.kind {
            Kind::Start => put(&mut |cursor| TailItem::CallStart {
                cursor,
                trace_id: trace_id.clone(),
                call: Box::new(call.record(log)),
            }),
            Kind::Events(first, count) => {
                let events = call.events().into_iter();
                events.skip(first as usize - 1).take(count as usize).for_each(put_event);
            }
            Kind::End => {
                let done = call.events().into_iter().next_back();
                done.filter(|last| last.event.kind() == "done")
                    .into_iter()
                    .for_each(&mut put_event);
                put(&mut |cursor| TailItem::CallEnd {
                    cursor,
                    trace_id: trace_id.clone(),
                    call: Box::new(call.record(log)),
                });
            }
        }
        *cursor = TailPlace::after(entry.position);
    }
}

impl LogStore for MemoryLog {
    fn call(&self, trace_id: &str) -> Result<Option<CallRecord>, LogError> {
        Ok(self.call(trace_id))
    }

    fn check_filter(&self, filter: &CallFilter) -> Vec<Problem> {
        filter.problems(self.tag)
    }

    fn calls(&self, filter: &CallFilter) -> Result<Vec<CallRecord>, LogError> {
        match self.check_filter(filter).first() {
            Some(problem) => Err(LogError::new(LogErrorKind::InvalidInput, problem.to_string())),
            None => Ok(self.calls(filter)),
        }
    }

    fn events(&self, trace_id: &str, range: &EventRange, limit: usize) -> Result<Option<Vec<LoggedEvent>>, LogError> {
        let events = self.events(trace_id).map(|events| {
            let wanted = events.into_iter().filter(|event| range.holds(event.seq));
            wanted.take(limit).collect()
        });
        Ok(events)
    }

    fn stats(&self) -> Result<LogStats, LogError> {
        let shelf = self.shared.lock();
        let open = shelf.calls.values().filter(|call| call.status() == CallStatus::Open);
        let starts = || shelf.calls.values().map(|call| call.epoch_ms(0));
        Ok(LogStats {
            calls: shelf.calls.len() as u64,
            open_calls: open.count() as u64,
            oldest_at: starts().reduce(f64::min),
            newest_at: starts().reduce(f64::max),
            bytes: shelf.bytes as u64,
            durable_seq: shelf.journal.last_position().cast_unsigned(),
            ..LogStats::default()
        })
    }

    fn end_cursor(&self) -> Result<String, LogError> {
        let position = Self::catch_up(&mut self.shared.lock());
        Ok(TailPlace::after(position).cursor(self.tag))
    }

    fn tail(&self, cursor: Option<&str>, limit: usize) -> Result<TailPage, LogError> {
        let mut at = cursor
            .map(|cursor| TailPlace::read(cursor, self.tag))
            .transpose()?
            .unwrap_or_default();
        let mut shelf = self.shared.lock();
        Self::catch_up(&mut shelf);
        let mut items = Vec::new();
        for entry in shelf.journal.after(at.position) {
            if items.len() >= limit {
                break;
            }
            if let Some(call) = shelf.calls.get(&entry.id) {
                Self::items(self.tag, call, entry, &mut at, &mut items);
            }
        }
        Ok(TailPage {
            items,
            cursor: at.cursor(self.tag),
        })
    }

    fn durable_seq(&self) -> u64 {
        self.shared.lock().journal.last_position().cast_unsigned()
    }

    fn flush(&self) -> Result<(), LogError> {
        Ok(())
    }

    fn prune(&self, options: &PruneOptions) -> Result<PruneReport, LogError> {
        let (report, removed) = {
            let mut shelf = self.shared.lock();
            let bytes = shelf.bytes;
            let removed = shelf.prune(options, now_us());
            let report = PruneReport {
                calls: removed.len() as u64,
                bytes: bytes.saturating_sub(shelf.bytes) as u64,
            };
            (report, removed)
        };
        // Freed after the lock.
        drop(removed);
        Ok(report)
    }

    fn erase(&self, target: &EraseTarget) -> Result<EraseReport, LogError> {
        target.check()?;
        let mut shelf = self.shared.lock();
        let is_meant = |call: &StoredCall| match (&target.trace_id, &target.tag) {
            (Some(trace_id), _) => call.start.trace_id == *trace_id,
            (None, Some(tag)) => call.start.request.tags.contains(tag),
            (None, None) => false,
        };
        let meant: Vec<_> = shelf
            .calls
            .values()
            .filter(|call| call.erased.is_none() && is_meant(call))
            .cloned()
            .collect();
        let at_us = now_us();
        let mut report = EraseReport::default();
        for call in meant {
            let trace_id = call.start.trace_id.clone();
            if call.status() == CallStatus::Open {
                let requested = &mut call.rest.lock().erase_requested_at_us;
                *requested = requested.or(NonZeroU64::new(at_us));
                report.pending_trace_ids.push(trace_id);
            } else {
                shelf.replace(Arc::new(call.without_payload(at_us)));
                report.trace_ids.push(trace_id);
            }
        }
        Ok(report)
    }

    fn archived(&self, trace_id: &str) -> Result<Option<ArchivedCall>, LogError> {
        let Some(call) = self.find(trace_id).filter(|call| call.erased.is_none()) else {
            return Ok(None);
        };
        let rest = call.rest.lock();
        let Some((ended, ending)) = rest.ending.clone() else {
            return Ok(None);
        };
        let events = call
            .events
            .lock()
            .iter()
            .map(|(stamp, event)| (stamp, event.to_event()))
            .collect();
        Ok(Some(ArchivedCall {
            start: call.start.clone(),
            events,
            attempts: rest.attempts.clone(),
            verdicts: rest.verdicts.clone(),
            notes: rest.notes.clone(),
            ended,
            ending,
        }))
    }

    fn restore(&self, call: ArchivedCall) -> Result<bool, LogError> {
        use crate::log::EventLog;
        if call.ending.status == CallStatus::Open {
            return Err(LogError::new(
                LogErrorKind::InvalidInput,
                "a call that is open cannot be taken",
            ));
        }
        if self.find(&call.start.trace_id).is_some() {
            return Ok(false);
        }
        let log = self.start(&call.start)?;
        for (stamp, event) in &call.events {
            log.event(*stamp, EventRef::from(event))?;
        }
        for attempt in &call.attempts {
            log.attempt(call.ended.at_us, attempt)?;
        }
        for verdict in &call.verdicts {
            log.verdict(call.ended.at_us, verdict)?;
        }
        for note in &call.notes {
            log.note(call.ended.at_us, note)?;
        }
        log.end(call.ended, &call.ending)?;
        Ok(true)
    }

    fn close(&self) -> Result<(), LogError> {
        Ok(())
    }
}
