//! What a port id stands for: the way of one attempt's events into the gate.

use std::sync::Arc;
use std::time::Duration;

use car_inference::call::{Admission, Attempt, Call, Verdict};
use car_inference::stream::EventRef;
use car_inference::{EventEmitter, StreamEvent};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use crate::hosted_run::{HostedRun, Outcome};
use crate::text::HalfPairs;

/// Codes and flags of a verdict. `Verdict` in `src/native.ts` has the same.
pub mod code {
    pub const PASS: u32 = 0;
    pub const WITHHELD: u32 = 1;
    pub const REPLACED: u32 = 2;
    pub const REFUSED: u32 = 3;
    pub const CLOSED: u32 = 4;
    pub const FULL: u32 = 8;
    pub const STOPPED: u32 = 16;
}

/// What each event touches comes first.
#[repr(C)]
pub struct Port {
    /// The current attempt's emitter; none before the first.
    pub emitter: Option<EventEmitter>,
    pub halves: HalfPairs,
    pub role: Role,
    /// What JavaScript is to hand over in place of its own objects.
    pub stand_ins: Vec<StreamEvent>,
    /// How long the step that is being taken waits.
    pub wait: Duration,
}

pub enum Role {
    /// A call of this environment's consumer.
    Local { call: Call },
    /// A run for a call that lives elsewhere.
    Hosted {
        settled: Option<oneshot::Sender<Outcome>>,
        wants_room: Arc<Notify>,
    },
}

impl Port {
    pub fn local(call: Call) -> Self {
        Self {
            role: Role::Local { call },
            emitter: None,
            halves: HalfPairs::default(),
            stand_ins: Vec::new(),
            wait: Duration::ZERO,
        }
    }

    pub fn hosted(run: HostedRun) -> Self {
        Self {
            role: Role::Hosted {
                settled: Some(run.settled),
                wants_room: run.wants_room,
            },
            emitter: Some(run.emitter),
            halves: HalfPairs::default(),
            stand_ins: Vec::new(),
            wait: Duration::ZERO,
        }
    }

    pub fn call(&self) -> Option<&Call> {
        match &self.role {
            Role::Local { call } => Some(call),
            Role::Hosted { .. } => self.emitter.as_ref().map(EventEmitter::call),
        }
    }

    pub fn begin(&mut self, attempt: &Attempt) {
        if let Role::Local { call } = &self.role {
            self.emitter = Some(call.emitter(attempt));
            self.halves = HalfPairs::default();
        }
    }

    /// Passes an event that reads the same on both sides.
    pub fn admit(&mut self, event: EventRef<'_>) -> u32 {
        self.admit_at(event, Instant::now())
    }

    /// As [`admit`](Self::admit), at a time read before.
    pub fn admit_at(&mut self, event: EventRef<'_>, now: Instant) -> u32 {
        match &self.emitter {
            Some(emitter) => {
                let admission = emitter.emit_at(event, now);
                self.encode(admission)
            }
            None => code::CLOSED,
        }
    }

    /// Passes an event that JavaScript holds in another form: it has to hand over this one.
    pub fn admit_stand_in(&mut self, event: StreamEvent) -> u32 {
        let verdict = self.admit(EventRef::from(&event));
        if verdict & 7 != code::PASS {
            return verdict;
        }
        if matches!(self.role, Role::Local { .. }) {
            self.stand_ins.push(event);
        }
        (verdict & !7) | code::REPLACED
    }

    pub fn encode(&self, admission: Admission) -> u32 {
        let mut bits = match admission.verdict {
            Verdict::Pass => code::PASS,
            Verdict::Withheld => code::WITHHELD,
            Verdict::Replaced => code::REPLACED,
            Verdict::Refused => code::REFUSED,
            Verdict::Closed => code::CLOSED,
        };
        if admission.stopped || (admission.verdict == Verdict::Closed && self.is_hosted_and_stopped()) {
            bits |= code::STOPPED;
        }
        if admission.full {
            bits |= code::FULL;
            if let Role::Hosted { wants_room, .. } = &self.role {
                wants_room.notify_one();
            }
        }
        bits
    }

    /// Whether there is, or will be, mail that its call is stopped. A runner that gets no turn of its loop would end without.
    fn is_hosted_and_stopped(&self) -> bool {
        let is_stopped = |emitter: &EventEmitter| emitter.stop_reason().is_some();
        matches!(self.role, Role::Hosted { .. }) && self.emitter.as_ref().is_some_and(is_stopped)
    }

    /// Passes an event that is not a delta. `reads_the_same` says whether JavaScript's own object equals it.
    pub fn admit_whole(&mut self, event: StreamEvent, reads_the_same: impl FnOnce(&StreamEvent) -> bool) -> u32 {
        let flushed = self.flush_halves_before(&event);
        // Where something is to be handed over before it, so is the event itself.
        if flushed.is_none() && reads_the_same(&event) {
            return self.admit((&event).into());
        }
        self.admit_stand_in(event) | (flushed.unwrap_or_default() & code::STOPPED)
    }

    /// Delivers the halves for which it is too late after this event. Returns the last verdict, if there were any.
    fn flush_halves_before(&mut self, event: &StreamEvent) -> Option<u32> {
        if self.halves.is_empty() {
            return None;
        }
        let ended = self.halves.take_ended_by(event).flush();
        ended.into_iter().map(|half| self.admit_stand_in(half)).last()
    }

    /// Delivers the halves that never met their other.
    pub fn flush_halves(&mut self) {
        for half in std::mem::take(&mut self.halves).flush() {
            self.admit_stand_in(half);
        }
    }
}
