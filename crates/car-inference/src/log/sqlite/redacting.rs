//! One call's events on their way to the file, without secrets. An event waits while its text could still become part of one,
//! and those after it wait with it, so that they are written in their order.

use std::collections::{HashMap, VecDeque};

use crate::log::{CallStart, Ending, Stamp};
use crate::redaction::{RedactedStream, Redaction};
use crate::stream::{EventRef, StreamEvent};

use super::annotation::Annotation;
use super::batch::RowBuilder;

/// Text that belongs together, however it is split into deltas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Channel {
    Text,
    Refusal,
    Reasoning(usize),
    Arguments(usize),
}

/// What is held back of one call.
#[derive(Default)]
pub(super) struct HeldEvents {
    /// The channel of the last delta, outside the map because the next delta nearly always has the same.
    current: Option<(Channel, RedactedStream<u64>)>,
    /// The other channels.
    streams: HashMap<Channel, RedactedStream<u64>>,
    /// In order; a delta without its text waits for it.
    waiting: VecDeque<Waiting>,
    attempt: u32,
}

struct Waiting {
    stamp: Stamp,
    event: StreamEvent,
    is_settled: bool,
}

impl HeldEvents {
    /// Takes an event, and puts to `rows` those that are settled.
    pub fn push(&mut self, redaction: &Redaction, stamp: Stamp, event: EventRef<'_>, rows: &mut RowBuilder) {
        // Another attempt is another answer.
        if stamp.attempt != self.attempt {
            self.finish(redaction, rows);
            self.attempt = stamp.attempt;
        }
        let mut settled = Vec::new();
        let is_settled = match text_of(event) {
            Some((channel, text)) => {
                let passes = self.stream(channel).passes(redaction, stamp.seq, text, &mut settled);
                if passes && self.waiting.is_empty() {
                    return rows.push(stamp, event);
                }
                passes
            }
            None => true,
        };
        let mut event = event.to_event();
        match delta_of(&mut event) {
            // What its stream holds comes back from there.
            Some((_, text)) if !is_settled => text.clear(),
            Some(_) => {}
            None => redaction.event(&mut event),
        }
        self.waiting.push_back(Waiting {
            stamp,
            event,
            is_settled,
        });
        self.settle(settled);
        self.write_settled(rows);
    }

    /// No text goes on: what is held is what it is.
    pub fn finish(&mut self, redaction: &Redaction, rows: &mut RowBuilder) {
        let current = self.current.take().map(|(_, stream)| stream);
        for mut stream in current
            .into_iter()
            .chain(std::mem::take(&mut self.streams).into_values())
        {
            let mut settled = Vec::new();
            stream.finish(redaction, &mut settled);
            self.settle(settled);
        }
        self.write_settled(rows);
    }

    fn stream(&mut self, channel: Channel) -> &mut RedactedStream<u64> {
        let (_, stream) = match self.current.take() {
            Some(current) if current.0 == channel => self.current.insert(current),
            other => {
                self.streams.extend(other);
                let stream = self.streams.remove(&channel).unwrap_or_default();
                self.current.insert((channel, stream))
            }
        };
        stream
    }

    fn settle(&mut self, settled: Vec<(u64, String)>) {
        for (seq, text) in settled {
            let at = self.waiting.partition_point(|waiting| waiting.stamp.seq < seq);
            if let Some(waiting) = self.waiting.get_mut(at)
                && let Some((_, place)) = delta_of(&mut waiting.event)
            {
                *place = text;
                waiting.is_settled = true;
            }
        }
    }

    fn write_settled(&mut self, rows: &mut RowBuilder) {
        while let Some(waiting) = self.waiting.pop_front_if(|waiting| waiting.is_settled) {
            rows.push(waiting.stamp, EventRef::from(&waiting.event));
        }
    }
}

/// As [`delta_of`], of an event that is only looked at.
fn text_of(event: EventRef<'_>) -> Option<(Channel, &str)> {
    match event {
        EventRef::TextDelta(text) => Some((Channel::Text, text)),
        EventRef::ReasoningDelta { index, text } => Some((Channel::Reasoning(index), text)),
        EventRef::ToolCallDelta { index, arguments_delta } => Some((Channel::Arguments(index), arguments_delta)),
        EventRef::Other(StreamEvent::RefusalDelta(text)) => Some((Channel::Refusal, text)),
        EventRef::Other(event) => match EventRef::from(event) {
            EventRef::Other(_) => None,
            delta => text_of(delta),
        },
    }
}

fn delta_of(event: &mut StreamEvent) -> Option<(Channel, &mut String)> {
    match event {
        StreamEvent::TextDelta(text) => Some((Channel::Text, text)),
        StreamEvent::RefusalDelta(text) => Some((Channel::Refusal, text)),
        StreamEvent::ReasoningDelta {
            index,
            text,
            signature: None,
        } => Some((Channel::Reasoning(*index), text)),
        StreamEvent::ToolCallDelta { index, arguments_delta } => Some((Channel::Arguments(*index), arguments_delta)),
        _ => None,
    }
}

/// What begins a call, without secrets.
pub(super) fn redacted_start(redaction: Option<&Redaction>, start: &CallStart) -> CallStart {
    let mut start = start.clone();
    if let Some(redaction) = redaction {
        redaction.request(std::sync::Arc::make_mut(&mut start.request));
        clean(redaction, &mut start.model);
    }
    start
}

fn clean(redaction: &Redaction, text: &mut String) {
    if let std::borrow::Cow::Owned(redacted) = redaction.text(text) {
        *text = redacted;
    }
}

/// How a call ended, without secrets.
pub(super) fn redact_ending(redaction: &Redaction, ending: &mut Ending) {
    redaction.completion(&mut ending.completion);
    if let Some(failure) = &mut ending.failure {
        redaction.failure(failure);
    }
}

impl Annotation {
    /// Without secrets.
    pub fn redacted(mut self, redaction: Option<&Redaction>) -> Self {
        let Some(redaction) = redaction else { return self };
        match &mut self {
            Self::Attempt(attempt) => {
                clean(redaction, &mut attempt.model);
                if let Some(failure) = &mut attempt.failure {
                    redaction.failure(failure);
                }
            }
            Self::Verdict(verdict) => {
                let texts = verdict.reason.iter_mut().chain(&mut verdict.policy_id);
                texts.for_each(|text| clean(redaction, text));
            }
            Self::Note(note) => clean(redaction, &mut note.message),
        }
        self
    }
}
