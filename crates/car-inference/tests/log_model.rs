//! Goal: whatever is recorded, in whatever order and however often the log is opened anew, it answers as plain lists would.
//! Method: random operations against a log and against lists, and the same questions to both after each few.

#![expect(
    clippy::unwrap_used,
    reason = "a failure is the test's own message, in what its tests share as well"
)]

mod support;

use std::sync::Arc;

use car_inference::error::PolicyPoint;
use car_inference::log::sqlite::VerifyOptions;
use car_inference::log::transfer::Importer;
use car_inference::log::{
    AttemptRecord, CallFilter, CallLog, CallOrder, CallStart, Decision, EraseTarget, EventRange, LogErrorKind,
    LogStore, Note, PruneOptions, Stamp, TailItem, VerdictRecord,
};
use car_inference::stream::{EventRef, StopReason, StreamAccumulator};
use car_inference::{
    CallRecord, CallStatus, Completion, Ending, GenerateRequest, LoggedEvent, MemoryLog, SqliteLog, SqliteLogOptions,
    StreamEvent, TokenUsage,
};
use proptest::option;
use proptest::prelude::*;
use support::any;
use support::logs::{block_on, encrypted, everything, export, failure, open, unredacted, with_words};

/// What is done to a log. Numbers pick one of what there is.
#[derive(Debug, Clone)]
enum Operation {
    Start(Box<GenerateRequest>, u64),
    Events(usize, Vec<StreamEvent>, u32),
    Attempt(usize, u32, bool),
    Verdict(usize, Decision),
    Note(usize, String),
    End(usize, CallStatus, Box<Completion>),
    GiveUp(usize),
    Flush,
    Reopen,
    Prune(u64, bool, bool),
    PruneToShare(f64),
    Erase(usize),
    EraseTag(String),
    List(Box<CallFilter>, usize),
    Page(usize, u64, u64, usize),
    Tail(usize, usize),
    Transfer,
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[ab]", 1 => any::short()]
}

fn words() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop::sample::select(vec!["amber", "Coral", "DUSK", "ember", "grün", "日本"]),
        0..4,
    )
    .prop_map(|words| words.join(" "))
}

fn request() -> impl Strategy<Value = GenerateRequest> {
    let names = (option::of(name()), option::of(name()), option::of(name()));
    (words(), names, prop::collection::vec(name(), 0..3)).prop_map(|(prompt, names, tags)| GenerateRequest {
        prompt,
        client_ref: names.0,
        conversation_id: names.1,
        parent_trace_id: names.2,
        tags,
        ..GenerateRequest::default()
    })
}

fn completion() -> impl Strategy<Value = Completion> {
    let reason = option::of(prop::sample::select(vec![
        StopReason::Stop,
        StopReason::ToolCalls,
        StopReason::ContentFilter,
    ]));
    let events = prop::collection::vec(any::event_before_done(), 0..6);
    (words(), prop::collection::vec(any::tool_call(), 0..2), reason, events).prop_map(
        |(text, tool_calls, reason, events)| {
            let mut rest = StreamAccumulator::default();
            events.iter().for_each(|event| rest.push(event));
            let rest = rest.into_completion();
            Completion {
                text,
                tool_calls,
                stop_reason: reason,
                // None and nothing known of it are the same.
                usage: rest.usage.filter(|usage| *usage != TokenUsage::default()),
                model_used: "used".into(),
                ..rest
            }
        },
    )
}

fn status() -> impl Strategy<Value = CallStatus> {
    use CallStatus::{Cancelled, Denied, Done, Failed, Timeout};
    prop_oneof![3 => Just(Done), 2 => prop::sample::select(vec![Cancelled, Failed, Denied, Timeout])]
}

fn filter() -> impl Strategy<Value = CallFilter> {
    let names = (
        option::weighted(0.2, name()),
        option::weighted(0.2, name()),
        option::weighted(0.2, name()),
    );
    let tags = option::weighted(0.3, prop::collection::vec(name(), 0..3));
    let status = option::weighted(0.3, prop::sample::select(CallStatus::ALL.to_vec()));
    let model = option::weighted(0.2, prop::sample::select(vec!["asked", "used", "tried"]));
    let times = (option::weighted(0.2, 0..6_u64), option::weighted(0.2, 0..6_u64));
    let rest = (option::weighted(0.2, words()), option::of(0..5_usize), any::<bool>());
    (names, tags, status, model, times, rest).prop_map(|(names, tags, status, model, times, (text, limit, oldest))| {
        CallFilter {
            model: model.map(Into::into),
            status,
            tags,
            client_ref: names.0,
            conversation_id: names.1,
            parent_trace_id: names.2,
            since: times.0.map(|at| started_at_us(at) as f64 / 1_000.0),
            until: times.1.map(|at| started_at_us(at) as f64 / 1_000.0),
            text: text.filter(|text| !text.is_empty()),
            limit,
            cursor: None,
            order: oldest.then_some(CallOrder::Oldest),
        }
    })
}

fn operation() -> impl Strategy<Value = Operation> {
    let pick = || any::<prop::sample::Index>().prop_map(|index| index.index(1_000));
    let events = prop::collection::vec(any::event_before_done(), 0..12);
    let decision = prop::sample::select(vec![Decision::Allow, Decision::Deny, Decision::Replace]);
    let tag = prop_oneof![3 => Just("a".to_owned()), 1 => name()];
    prop_oneof![
        6 => (request(), 0..6_u64).prop_map(|(request, at)| Operation::Start(request.into(), at)),
        8 => (pick(), events, 0..2_u32).prop_map(|(which, events, more)| Operation::Events(which, events, more)),
        2 => (pick(), 1..4_u32, any::<bool>()).prop_map(|(which, attempt, fails)| Operation::Attempt(which, attempt, fails)),
        1 => (pick(), decision).prop_map(|(which, decision)| Operation::Verdict(which, decision)),
        1 => (pick(), any::short()).prop_map(|(which, message)| Operation::Note(which, message)),
        6 => (pick(), status(), completion())
            .prop_map(|(which, status, completion)| Operation::End(which, status, completion.into())),
        1 => pick().prop_map(Operation::GiveUp),
        1 => Just(Operation::Flush),
        1 => Just(Operation::Reopen),
        1 => (0..6_u64, any::<bool>(), any::<bool>()).prop_map(|(calls, aged, keep)| Operation::Prune(calls, aged, keep)),
        1 => (0.2..1.1_f64).prop_map(Operation::PruneToShare),
        1 => pick().prop_map(Operation::Erase),
        1 => tag.prop_map(Operation::EraseTag),
        6 => (filter(), pick()).prop_map(|(filter, cursor)| Operation::List(filter.into(), cursor)),
        3 => (pick(), 0..20_u64, 0..20_u64, 0..9_usize).prop_map(|(which, from, to, limit)| Operation::Page(which, from, to, limit)),
        2 => (pick(), 1..9_usize).prop_map(|(cursor, limit)| Operation::Tail(cursor, limit)),
        1 => Just(Operation::Transfer),
    ]
}

/// A few starts at the same time, and out of order, as an import brings them.
fn started_at_us(at: u64) -> u64 {
    1_700_000_000_000_000 + 123_457 * at
}

/// A call as plain lists.
struct Known {
    start: CallStart,
    events: Vec<(Stamp, StreamEvent)>,
    attempts: Vec<AttemptRecord>,
    verdicts: Vec<VerdictRecord>,
    notes: Vec<Note>,
    last_at_us: u64,
    attempt: u32,
    ended: Option<(Stamp, Ending)>,
    /// Also of a call that is open: it is erased from then on.
    is_erased: bool,
    recorder: Option<Arc<dyn CallLog>>,
}

impl Known {
    fn status(&self) -> CallStatus {
        self.ended
            .as_ref()
            .map_or(CallStatus::Open, |(_, ending)| ending.status)
    }

    fn at(&self, at_us: u64) -> f64 {
        (self.start.started_at_us + at_us) as f64 / 1_000.0
    }

    fn tags(&self) -> &[String] {
        if self.is_erased { &[] } else { &self.start.request.tags }
    }

    fn next_stamp(&self) -> Stamp {
        Stamp {
            seq: self.events.len() as u64 + 1,
            at_us: self.last_at_us,
            attempt: self.attempt,
        }
    }

    /// Its writer is gone.
    fn interrupt(&mut self) {
        self.recorder = None;
        if self.ended.is_some() {
            return;
        }
        if self.is_erased {
            // Of what it said nothing is left that an ending could be made of.
            let ending = Ending {
                status: CallStatus::Interrupted,
                completion: Completion {
                    model_used: self.start.model.clone(),
                    ..Completion::default()
                },
                failure: None,
            };
            self.ended = Some((self.next_stamp(), ending));
            return;
        }
        let mut answer = StreamAccumulator::default();
        let last_attempt = self.events.last().map_or(0, |(stamp, _)| stamp.attempt);
        let mut warnings = Vec::new();
        for (stamp, event) in &self.events {
            // What other attempts said is no part of the answer, but what they warned of is.
            match event {
                StreamEvent::Warning(warning) if stamp.attempt != last_attempt => warnings.push(warning.clone()),
                _ if stamp.attempt == last_attempt => answer.push(event),
                _ => {}
            }
        }
        let mut completion = answer.into_completion();
        completion.warnings.splice(0..0, warnings);
        // What is stored is JSON, in which arguments that are a text or null are not told from those that are to be parsed.
        let stored = serde_json::to_value(&completion.tool_calls).unwrap();
        completion.tool_calls = serde_json::from_value(stored).unwrap();
        completion.trace_id.clone_from(&self.start.trace_id);
        let attempt = self.attempts.last();
        completion.model_used = attempt.map_or_else(|| self.start.model.clone(), |attempt| attempt.model.clone());
        let stamp = Stamp {
            attempt: attempt.map_or(last_attempt, |attempt| attempt.attempt),
            ..self.next_stamp()
        };
        let ending = Ending {
            status: CallStatus::Interrupted,
            completion,
            failure: None,
        };
        self.ended = Some((stamp, ending));
    }

    fn logged(&self) -> Vec<LoggedEvent> {
        if self.is_erased {
            return Vec::new();
        }
        let logged = |stamp: &Stamp, event: StreamEvent| LoggedEvent {
            seq: stamp.seq,
            at: self.at(stamp.at_us),
            attempt: stamp.attempt,
            event,
        };
        let mut events: Vec<_> = self
            .events
            .iter()
            .map(|(stamp, event)| logged(stamp, event.clone()))
            .collect();
        if let Some((stamp, ending)) = &self.ended
            && ending.status == CallStatus::Done
        {
            let done = StreamEvent::Done {
                text: ending.completion.text.clone(),
                tool_calls: ending.completion.tool_calls.clone(),
            };
            events.push(logged(stamp, done));
        }
        events
    }

    /// As a log should give it; where lists go on, and when it was erased, only the log knows.
    fn record(&self, found: &CallRecord) -> CallRecord {
        let request = (!self.is_erased).then(|| (*self.start.request).clone());
        let said = request.clone().unwrap_or_default();
        let ending = self.ended.as_ref().map(|(_, ending)| ending);
        let completion = ending.map(|ending| &ending.completion);
        let kept = completion.filter(|_| !self.is_erased);
        let list = |is_kept: bool| if is_kept { usize::MAX } else { 0 };
        CallRecord {
            cursor: found.cursor.clone(),
            trace_id: self.start.trace_id.clone(),
            model: completion
                .map_or(&self.start.model, |completion| &completion.model_used)
                .clone(),
            hint: self.start.hint.clone(),
            provider: self.start.provider.clone(),
            client_ref: said.client_ref,
            conversation_id: said.conversation_id,
            parent_trace_id: said.parent_trace_id,
            tags: said.tags,
            status: self.status(),
            started_at: self.at(0),
            first_event_at: self.events.first().map(|(stamp, _)| self.at(stamp.at_us)),
            ended_at: match &self.ended {
                // Of erased events only about is known when they came.
                Some((_, ending)) if self.is_erased && ending.status == CallStatus::Interrupted => found.ended_at,
                ended => ended.as_ref().map(|(stamp, _)| self.at(stamp.at_us)),
            },
            stop_reason: completion.and_then(|completion| completion.stop_reason),
            usage: completion
                .and_then(|completion| completion.usage)
                .filter(|usage| *usage != TokenUsage::default()),
            cost_micro_usd: completion.and_then(|completion| completion.cost_micro_usd),
            text: kept.map(|completion| completion.text.clone()),
            tool_calls: kept.map(|completion| completion.tool_calls.clone()).unwrap_or_default(),
            failure: ending
                .filter(|_| !self.is_erased)
                .and_then(|ending| ending.failure.clone()),
            attempts: self.attempts.iter().take(list(!self.is_erased)).cloned().collect(),
            verdicts: self.verdicts.iter().take(list(!self.is_erased)).cloned().collect(),
            notes: self.notes.iter().take(list(!self.is_erased)).cloned().collect(),
            event_count: self.events.len() as u64 + u64::from(self.status() == CallStatus::Done),
            request,
            erased_at: found.erased_at.filter(|_| self.is_erased && self.ended.is_some()),
            erase_requested_at: found
                .erase_requested_at
                .filter(|_| self.is_erased && self.ended.is_none()),
        }
    }

    fn fits(&self, filter: &CallFilter, record: &CallRecord) -> bool {
        let is = |wanted: &Option<String>, found: &Option<String>| wanted.is_none() || wanted == found;
        is(&filter.client_ref, &record.client_ref)
            && is(&filter.conversation_id, &record.conversation_id)
            && is(&filter.parent_trace_id, &record.parent_trace_id)
            && filter.model.as_ref().is_none_or(|model| *model == record.model)
            && filter.status.is_none_or(|status| status == record.status)
            && filter.tags.iter().flatten().all(|tag| self.tags().contains(tag))
            && filter.since.is_none_or(|since| record.started_at >= since)
            && filter.until.is_none_or(|until| record.started_at < until)
            && filter.text.as_ref().is_none_or(|text| {
                let said = format!(
                    "{} {}",
                    self.start.request.prompt,
                    record.text.as_deref().unwrap_or_default()
                );
                let said = said.to_lowercase();
                let closed = record.status != CallStatus::Open && !self.is_erased;
                closed
                    && text
                        .to_lowercase()
                        .split(' ')
                        .all(|word| said.split(' ').any(|said| said == word))
            })
    }
}

/// A log, what it should hold, and how it is opened anew.
struct Subject {
    log: Box<dyn LogStore>,
    durable: Option<(SqliteLog, SqliteLogOptions, tempfile::TempDir)>,
    /// In the order in which they began.
    known: Vec<Known>,
    count: u64,
    pruned: u64,
}

impl Subject {
    fn memory() -> Self {
        Self {
            log: Box::new(MemoryLog::default()),
            durable: None,
            known: Vec::new(),
            count: 0,
            pruned: 0,
        }
    }

    fn sqlite(options: SqliteLogOptions) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let log = open(&folder.path().join("calls.db"), options.clone()).expect("the log opens");
        Self {
            log: Box::new(log.clone()),
            durable: Some((log, options, folder)),
            ..Self::memory()
        }
    }

    fn finds_words(&self) -> bool {
        let words = |options: &SqliteLogOptions| options.full_text_search == Some(true);
        self.durable.as_ref().is_none_or(|(_, options, _)| words(options))
    }

    fn open_call(&mut self, which: usize) -> Option<&mut Known> {
        let mut open: Vec<_> = self.known.iter_mut().filter(|known| known.recorder.is_some()).collect();
        let count = open.len().max(1);
        (!open.is_empty()).then(|| open.swap_remove(which % count))
    }

    fn apply(&mut self, operation: Operation) {
        match operation {
            Operation::Start(request, at) => self.start(*request, at),
            Operation::Events(which, events, more) => self.events(which, events, more),
            Operation::Attempt(which, attempt, fails) => self.attempt(which, attempt, fails),
            Operation::Verdict(which, decision) => self.verdict(which, decision),
            Operation::Note(which, message) => self.note(which, message),
            Operation::End(which, status, completion) => self.end(which, status, *completion),
            Operation::GiveUp(which) => self.give_up(which),
            Operation::Flush => self.log.flush().unwrap(),
            Operation::Reopen => self.reopen(),
            Operation::Prune(calls, aged, keep) => self.prune(calls, aged, keep),
            Operation::PruneToShare(share) => self.prune_to_share(share),
            Operation::Erase(which) => self.erase(which),
            Operation::EraseTag(tag) => self.erase_tag(&tag),
            Operation::List(filter, cursor) => self.list(*filter, cursor),
            Operation::Page(which, from, to, limit) => self.page(which, from, to, limit),
            Operation::Tail(cursor, limit) => self.tail(cursor, limit),
            Operation::Transfer => self.transfer(),
        }
    }

    fn start(&mut self, request: GenerateRequest, at: u64) {
        self.count += 1;
        let start = CallStart {
            trace_id: format!("{:032x}", self.count),
            model: "asked".into(),
            hint: None,
            provider: Some("openai".into()),
            started_at_us: started_at_us(at),
            request: Arc::new(request),
        };
        let recorder = self.log.start(&start).unwrap();
        self.known.push(Known {
            start,
            events: Vec::new(),
            attempts: Vec::new(),
            verdicts: Vec::new(),
            notes: Vec::new(),
            last_at_us: 0,
            attempt: 1,
            ended: None,
            is_erased: false,
            recorder: Some(recorder),
        });
    }

    fn events(&mut self, which: usize, events: Vec<StreamEvent>, more: u32) {
        let Some(known) = self.open_call(which) else { return };
        known.attempt += more;
        for event in events {
            known.last_at_us += 1 + 100 * u64::from(more);
            let stamp = known.next_stamp();
            let recorder = known.recorder.as_ref().unwrap();
            recorder.event(stamp, EventRef::from(&event)).unwrap();
            known.events.push((stamp, event));
        }
    }

    fn attempt(&mut self, which: usize, attempt: u32, fails: bool) {
        let Some(known) = self.open_call(which) else { return };
        let record = AttemptRecord {
            attempt,
            model: "tried".into(),
            usage: None,
            failure: fails.then(|| failure("word").into()),
        };
        known
            .recorder
            .as_ref()
            .unwrap()
            .attempt(known.last_at_us, &record)
            .unwrap();
        match known.attempts.iter_mut().find(|known| known.attempt == attempt) {
            Some(known) => *known = record,
            None => known.attempts.push(record),
        }
    }

    fn verdict(&mut self, which: usize, decision: Decision) {
        let Some(known) = self.open_call(which) else { return };
        let verdict = VerdictRecord {
            point: PolicyPoint::Event,
            decision,
            policy_id: None,
            reason: Some("reason".into()),
        };
        known
            .recorder
            .as_ref()
            .unwrap()
            .verdict(known.last_at_us, &verdict)
            .unwrap();
        known.verdicts.push(verdict);
    }

    fn note(&mut self, which: usize, message: String) {
        let Some(known) = self.open_call(which) else { return };
        let note = Note {
            code: "code".into(),
            message,
        };
        known.last_at_us += 7;
        known.recorder.as_ref().unwrap().note(known.last_at_us, &note).unwrap();
        known.notes.push(note);
    }

    fn end(&mut self, which: usize, status: CallStatus, mut completion: Completion) {
        let Some(known) = self.open_call(which) else { return };
        completion.trace_id.clone_from(&known.start.trace_id);
        known.last_at_us += 1;
        let ending = Ending {
            status,
            completion,
            failure: (status != CallStatus::Done).then(|| failure("word")),
        };
        let stamp = known.next_stamp();
        let recorder = known.recorder.take().unwrap();
        block_on(recorder.end(stamp, &Arc::new(ending.clone())).unwrap().done()).unwrap();
        known.ended = Some((stamp, ending));
    }

    /// A log in memory lives as long as its calls: there, one that was given up stays open.
    fn give_up(&mut self, which: usize) {
        let is_durable = self.durable.is_some();
        if let Some(known) = self.open_call(which).filter(|_| is_durable) {
            known.interrupt();
        }
    }

    fn reopen(&mut self) {
        let Some((log, options, folder)) = &mut self.durable else {
            return;
        };
        log.close().unwrap();
        self.known.iter_mut().for_each(Known::interrupt);
        *log = open(&folder.path().join("calls.db"), options.clone()).unwrap();
        self.log = Box::new(log.clone());
    }

    fn by_start(&self) -> Vec<usize> {
        let mut order: Vec<_> = (0..self.known.len()).collect();
        order.sort_by_key(|index| self.known[*index].start.started_at_us);
        order
    }

    fn prune(&mut self, max_calls: u64, aged: bool, keep: bool) {
        let options = PruneOptions {
            max_age: aged.then_some(0.0),
            max_calls: (!aged).then_some(max_calls),
            max_bytes: None,
            keep: keep.then(|| "a".to_owned()).into_iter().collect(),
        };
        let mut surplus = if aged {
            usize::MAX
        } else {
            self.known.len().saturating_sub(max_calls as usize)
        };
        let is_kept = |known: &Known| keep && known.tags().iter().any(|tag| tag == "a");
        let mut gone = Vec::new();
        for index in self.by_start() {
            let known = &self.known[index];
            if surplus > 0 && known.status() != CallStatus::Open && !is_kept(known) {
                surplus -= 1;
                gone.push(known.start.trace_id.clone());
            }
        }
        self.known.retain(|known| !gone.contains(&known.start.trace_id));
        self.pruned += gone.len() as u64;
        assert_eq!(self.log.prune(&options).unwrap().calls, gone.len() as u64);
    }

    fn erase(&mut self, which: usize) {
        if self.known.is_empty() {
            return;
        }
        let which = which % self.known.len();
        let target = EraseTarget {
            trace_id: Some(self.known[which].start.trace_id.clone()),
            tag: None,
        };
        self.erase_all(&target, |known| Some(&known.start.trace_id) == target.trace_id.as_ref());
    }

    fn erase_tag(&mut self, tag: &str) {
        let target = EraseTarget {
            trace_id: None,
            tag: Some(tag.to_owned()),
        };
        // What is pending is found by the labels that it had.
        self.erase_all(&target, |known| {
            let is_listed = !known.is_erased || known.ended.is_none();
            is_listed && known.start.request.tags.iter().any(|found| found == tag)
        });
    }

    fn erase_all(&mut self, target: &EraseTarget, is_meant: impl Fn(&Known) -> bool) {
        let erased = self.log.erase(target).unwrap();
        let (mut trace_ids, mut pending) = (Vec::new(), Vec::new());
        for known in self.known.iter_mut().filter(|known| is_meant(known)) {
            let is_open = known.ended.is_none();
            let list = if is_open { &mut pending } else { &mut trace_ids };
            if is_open || !known.is_erased {
                list.push(known.start.trace_id.clone());
            }
            known.is_erased = true;
        }
        assert_eq!((erased.trace_ids, erased.pending_trace_ids), (trace_ids, pending));
    }

    /// How many go depends on how a log stores them; but the oldest go first, and no more than it takes.
    fn prune_to_share(&mut self, share: f64) {
        self.log.flush().unwrap();
        let limit = (self.log.stats().unwrap().bytes as f64 * share) as u64;
        let options = PruneOptions {
            max_bytes: Some(limit),
            ..PruneOptions::default()
        };
        let gone = self.log.prune(&options).unwrap().calls as usize;
        let order = self.by_start();
        let closed = order.iter().map(|index| &self.known[*index]);
        let closed: Vec<_> = closed.filter(|known| known.ended.is_some()).collect();
        assert!(self.log.stats().unwrap().bytes <= limit || gone == closed.len());
        assert!(share < 1.0 || gone == 0);
        let gone: Vec<_> = closed[..gone]
            .iter()
            .map(|known| known.start.trace_id.clone())
            .collect();
        self.known.retain(|known| !gone.contains(&known.start.trace_id));
        self.pruned += gone.len() as u64;
        assert_eq!(self.log.prune(&options).unwrap().calls, 0);
    }

    fn list(&self, mut filter: CallFilter, cursor: usize) {
        let found = self.log.calls(&everything()).unwrap();
        if cursor.is_multiple_of(3) && !found.is_empty() {
            filter.cursor = Some(found[cursor % found.len()].cursor.clone());
        }
        if filter.text.is_some() && !self.finds_words() {
            assert_eq!(self.log.calls(&filter).unwrap_err().kind, LogErrorKind::Unsupported);
            return;
        }
        let mut order = self.by_start();
        if filter.order.is_none() {
            order.reverse();
        }
        let is_at = |index: &usize| {
            let known = &self.known[*index];
            let record = found.iter().find(|record| record.trace_id == known.start.trace_id);
            filter.cursor.is_some() && record.map(|record| &record.cursor) == filter.cursor.as_ref()
        };
        let from = order.iter().position(is_at).map_or(0, |index| index + 1);
        let expected: Vec<_> = order[from..]
            .iter()
            .map(|index| &self.known[*index])
            .filter_map(|known| {
                let record = found.iter().find(|record| record.trace_id == known.start.trace_id)?;
                let record = known.record(record);
                known.fits(&filter, &record).then_some(record)
            })
            .take(filter.limit.unwrap_or(CallFilter::LIMIT_DEFAULT))
            .collect();
        assert_eq!(self.log.calls(&filter).unwrap(), expected, "{filter:?}");
    }

    fn page(&self, which: usize, from: u64, to: u64, limit: usize) {
        let Some(known) = self.known.get(which % self.known.len().max(1)) else {
            return;
        };
        let range = EventRange {
            from: (from > 0).then_some(from),
            to: (to > 0).then_some(to),
        };
        let mut expected = known.logged();
        expected.retain(|event| event.seq >= from && (to == 0 || event.seq <= to));
        expected.truncate(limit);
        let events = self.log.events(&known.start.trace_id, &range, limit).unwrap();
        assert_eq!(events, Some(expected), "{range:?} {limit}");
    }

    fn tail(&self, cursor: usize, limit: usize) {
        let whole = self.log.tail(None, usize::MAX).unwrap();
        let cursors: Vec<_> = whole.items.iter().map(cursor_of).collect();
        // In pages, from any item on.
        let from = cursor % (cursors.len() + 1);
        let mut at = from.checked_sub(1).map(|index| cursors[index].clone());
        let mut rest = Vec::new();
        loop {
            let page = self.log.tail(at.as_deref(), limit).unwrap();
            at = Some(page.cursor);
            if page.items.is_empty() {
                break;
            }
            rest.extend(page.items);
        }
        assert_eq!(rest, whole.items[from..]);
        assert_eq!(
            self.log.tail(Some(&self.log.end_cursor().unwrap()), 9).unwrap().items,
            []
        );
        for known in &self.known {
            let mine = |item: &&TailItem| trace_id_of(item) == known.start.trace_id;
            let mut items = whole.items.iter().filter(mine);
            assert!(matches!(items.next(), Some(TailItem::CallStart { call, .. }) if **call == known.record(call)));
            for event in known.logged() {
                assert!(matches!(items.next(), Some(TailItem::Event { event: found, .. }) if *found == event));
            }
            if known.ended.is_some() {
                assert!(matches!(items.next(), Some(TailItem::CallEnd { call, .. }) if **call == known.record(call)));
            }
            assert_eq!(items.next(), None);
        }
        let known = |item: &TailItem| self.known.iter().any(|known| known.start.trace_id == trace_id_of(item));
        assert!(whole.items.iter().all(known));
    }

    /// What goes out comes back the same, into a log of either kind.
    fn transfer(&self) {
        let lines = export(&*self.log).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let durable = open(&folder.path().join("calls.db"), unredacted(SqliteLogOptions::default())).unwrap();
        for log in [&MemoryLog::default() as &dyn LogStore, &durable] {
            let mut importer = Importer::default();
            lines.lines().for_each(|line| importer.line(line, log).unwrap());
            let taken = importer.finish().unwrap().calls;
            let exported = self
                .known
                .iter()
                .filter(|known| known.ended.is_some() && !known.is_erased);
            assert_eq!(taken, exported.clone().count() as u64);
            assert_eq!(export(log).unwrap(), lines);
            for known in exported {
                let record = log.call(&known.start.trace_id).unwrap().unwrap();
                assert_eq!(record, known.record(&record));
                let events = log.events(&known.start.trace_id, &EventRange::default(), usize::MAX);
                assert_eq!(events.unwrap().unwrap(), known.logged());
            }
        }
    }

    /// Everything at once.
    fn check(&self) {
        let found = self.log.calls(&everything()).unwrap();
        let expected: Vec<_> = self.by_start().iter().map(|index| &self.known[*index]).collect();
        assert_eq!(found.len(), expected.len());
        for (found, known) in found.iter().zip(expected) {
            assert_eq!(*found, known.record(found));
            assert_eq!(found.erased_at.or(found.erase_requested_at).is_some(), known.is_erased);
            let trace_id = &known.start.trace_id;
            assert_eq!(self.log.call(trace_id).unwrap().as_ref(), Some(found));
            let events = self.log.events(trace_id, &EventRange::default(), usize::MAX).unwrap();
            assert_eq!(events.unwrap(), known.logged());
        }
        let stats = self.log.stats().unwrap();
        let open = self.known.iter().filter(|known| known.ended.is_none());
        assert_eq!(
            (stats.calls, stats.open_calls),
            (self.known.len() as u64, open.count() as u64)
        );
        assert_eq!(stats.oldest_at, found.first().map(|call| call.started_at));
        assert_eq!(stats.newest_at, found.last().map(|call| call.started_at));
        if let Some((log, ..)) = &self.durable {
            let report = log.verify(&VerifyOptions::default()).unwrap();
            let erased = self.known.iter().filter(|known| known.is_erased);
            let erased: Vec<_> = erased.into_iter().map(|known| known.start.trace_id.clone()).collect();
            assert!(report.ok, "{report:?}");
            assert_eq!((report.erased, report.pruned_calls), (erased, self.pruned));
        }
    }
}

fn cursor_of(item: &TailItem) -> String {
    match item {
        TailItem::CallStart { cursor, .. } | TailItem::Event { cursor, .. } | TailItem::CallEnd { cursor, .. } => {
            cursor.clone()
        }
    }
}

fn trace_id_of(item: &TailItem) -> &str {
    match item {
        TailItem::CallStart { trace_id, .. }
        | TailItem::Event { trace_id, .. }
        | TailItem::CallEnd { trace_id, .. } => trace_id,
    }
}

fn run(mut subject: Subject, operations: Vec<Operation>) {
    for (index, operation) in operations.into_iter().enumerate() {
        subject.apply(operation);
        if index % 16 == 15 {
            subject.check();
        }
    }
    subject.check();
    subject.reopen();
    subject.check();
    subject.tail(0, 3);
    subject.transfer();
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    prop::collection::vec(operation(), 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn a_log_in_memory_answers_as_lists_would(operations in operations()) {
        run(Subject::memory(), operations);
    }

    #[test]
    fn a_durable_log_answers_as_lists_would(operations in operations()) {
        run(Subject::sqlite(unredacted(with_words())), operations);
    }

    #[test]
    fn an_encrypted_log_answers_as_lists_would(operations in operations()) {
        run(Subject::sqlite(unredacted(encrypted())), operations);
    }
}

/// Files take their time: fewer than is usual, unless it is said how many.
fn cases() -> u32 {
    let asked = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok());
    asked.unwrap_or(64)
}
