//! One call's event order. Pure: no clock, no channel, no I/O. Live calls and replays share it.
//!
//! | event | before the ending | after the ending |
//! |---|---|---|
//! | text, reasoning, refusal, usage, stop reason, source, file, output item, provider event, warning, error, custom | pass | refuse |
//! | `tool-call-start`, index new | pass | refuse |
//! | `tool-call-start`, index started with the same name and id | refuse: [`Refusal::RepeatedStart`] | refuse |
//! | `tool-call-start`, index started with another name or id | end: [`Violation::ConflictingStart`] | refuse |
//! | `tool-call-delta`, call open | pass | refuse |
//! | `tool-call-delta`, call never started | end: [`Violation::DeltaWithoutStart`] | refuse |
//! | `tool-call-delta`, call ended | end: [`Violation::DeltaAfterEnd`] | refuse |
//! | `tool-call-end`, call open | pass | refuse |
//! | `tool-call-end`, call never started | end: [`Violation::EndWithoutStart`] | refuse |
//! | `tool-call-end`, call ended | refuse: [`Refusal::RepeatedEnd`] | refuse |
//! | `done` | pass, and the stream is over | refuse: [`Refusal::SecondDone`] |
//!
//! Refusing is for disorder that loses nothing: the event is dropped and noted. A violation would lose or falsify
//! meaning, so it ends the call.

use std::collections::HashMap;

use crate::stream::{EventRef, StreamEvent};

/// What the session says of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ruling {
    /// It is in order.
    Pass,
    /// It is dropped and noted; the call goes on.
    Refuse(Refusal),
    /// It ends the call.
    Violation(Violation),
}

/// Why an event is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A second `done`.
    #[error("`done` was already emitted")]
    SecondDone,
    /// Any other event after the ending.
    #[error("the stream is over")]
    AfterEnding,
    /// The same start again.
    #[error("the tool call was already started")]
    RepeatedStart,
    /// The same end again.
    #[error("the tool call was already ended")]
    RepeatedEnd,
}

impl Refusal {
    /// The note's code in the log.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::SecondDone => "second-done",
            Self::AfterEnding => "event-after-ending",
            Self::RepeatedStart => "repeated-tool-call-start",
            Self::RepeatedEnd => "repeated-tool-call-end",
        }
    }
}

/// How an event breaks the order beyond repair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A start that contradicts an earlier one.
    #[error("tool-call-start: index {index} was already started with another name or id")]
    ConflictingStart {
        /// The tool call's index.
        index: usize,
    },
    /// Arguments of a call that never started.
    #[error("tool-call-delta: index {index} was never started; emit tool-call-start first")]
    DeltaWithoutStart {
        /// The tool call's index.
        index: usize,
    },
    /// Arguments of a call that has ended.
    #[error("tool-call-delta: index {index} has already ended")]
    DeltaAfterEnd {
        /// The tool call's index.
        index: usize,
    },
    /// The end of a call that never started.
    #[error("tool-call-end: index {index} was never started; emit tool-call-start first")]
    EndWithoutStart {
        /// The tool call's index.
        index: usize,
    },
}

/// The order of one attempt's events.
///
/// ```
/// use car_inference::session::{Refusal, Ruling, Session};
/// use car_inference::stream::{EventRef, StreamEvent};
/// let mut session = Session::default();
/// let done = StreamEvent::Done { text: String::new(), tool_calls: vec![] };
/// assert_eq!(session.rule(EventRef::from(&done)), Ruling::Pass);
/// assert_eq!(session.rule(EventRef::from(&done)), Ruling::Refuse(Refusal::SecondDone));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Session {
    over: bool,
    tools: HashMap<usize, ToolPhase>,
}

#[derive(Debug, Clone)]
struct ToolPhase {
    name: String,
    id: Option<String>,
    ended: bool,
}

impl Session {
    /// Rules on the next event and, when it passes, takes it as having happened.
    pub fn rule(&mut self, event: EventRef<'_>) -> Ruling {
        if self.over {
            let second_done = matches!(event, EventRef::Other(StreamEvent::Done { .. }));
            return Ruling::Refuse(if second_done {
                Refusal::SecondDone
            } else {
                Refusal::AfterEnding
            });
        }
        match event {
            EventRef::TextDelta(_) | EventRef::ReasoningDelta { .. } => Ruling::Pass,
            EventRef::ToolCallDelta { index, .. } => self.rule_delta(index),
            EventRef::Other(event) => match event {
                StreamEvent::ToolCallStart { name, index, id } => self.rule_start(*index, name, id.as_deref()),
                StreamEvent::ToolCallDelta { index, .. } => self.rule_delta(*index),
                StreamEvent::ToolCallEnd { index, .. } => self.rule_end(*index),
                StreamEvent::Done { .. } => {
                    self.over = true;
                    Ruling::Pass
                }
                _ => Ruling::Pass,
            },
        }
    }

    /// Whether an event is a delta that [`rule`](Self::rule) would pass before the end. Nothing follows from a delta, so it
    /// need not be asked then.
    #[inline]
    pub(crate) fn is_delta_in_order(&self, event: EventRef<'_>) -> bool {
        match event {
            EventRef::TextDelta(_) | EventRef::ReasoningDelta { .. } => true,
            EventRef::ToolCallDelta { index, .. } => self.rule_delta(index) == Ruling::Pass,
            EventRef::Other(_) => false,
        }
    }

    fn rule_start(&mut self, index: usize, name: &str, id: Option<&str>) -> Ruling {
        match self.tools.get(&index) {
            Some(tool) if tool.name == name && tool.id.as_deref() == id => Ruling::Refuse(Refusal::RepeatedStart),
            Some(_) => Ruling::Violation(Violation::ConflictingStart { index }),
            None => {
                let phase = ToolPhase {
                    name: name.to_owned(),
                    id: id.map(str::to_owned),
                    ended: false,
                };
                self.tools.insert(index, phase);
                Ruling::Pass
            }
        }
    }

    fn rule_delta(&self, index: usize) -> Ruling {
        match self.tools.get(&index) {
            Some(tool) if tool.ended => Ruling::Violation(Violation::DeltaAfterEnd { index }),
            Some(_) => Ruling::Pass,
            None => Ruling::Violation(Violation::DeltaWithoutStart { index }),
        }
    }

    fn rule_end(&mut self, index: usize) -> Ruling {
        match self.tools.get_mut(&index) {
            Some(tool) if tool.ended => Ruling::Refuse(Refusal::RepeatedEnd),
            Some(tool) => {
                tool.ended = true;
                Ruling::Pass
            }
            None => Ruling::Violation(Violation::EndWithoutStart { index }),
        }
    }

    /// Whether `done` has passed.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over
    }
}
