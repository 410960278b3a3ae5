//! The events of one call, packed into one buffer: a hot event costs a few bytes beside its text and no allocation of
//! its own. Keeps and gives back; knows nothing of calls.
//!
//! One entry: a byte that names the kind, with [`MARKED`] set when the number or the attempt is not what follows from the
//! entry before, both then coming next; the microseconds since the entry before; the index of what has one; the length of
//! the text, and the text. Numbers are LEB128. An event of another kind is kept beside the buffer.

use super::Stamp;
use crate::stream::{EventRef, StreamEvent};
use crate::tail_buffer::{TailBuffer, copy_few};

const TEXT: u8 = 0;
const REASONING: u8 = 1;
const ARGUMENTS: u8 = 2;
const OTHER: u8 = 3;
const KIND_MASK: u8 = 7;
const MARKED: u8 = 8;

/// How many bytes lie inline, which is about twenty short deltas.
const TAIL_BYTES: usize = 150;
/// More than the numbers of one entry take.
const NUMBERS_BYTES: usize = 64;

/// What each event touches comes first.
#[derive(Default)]
#[repr(C)]
pub(super) struct PackedEvents {
    last: Place,
    count: u64,
    buffer: TailBuffer<TAIL_BYTES>,
    /// Of the first entry.
    first_at_us: u64,
    #[expect(
        clippy::vec_box,
        reason = "most calls hold one or two, and a list of events grows by four at once"
    )]
    others: Vec<Box<StreamEvent>>,
    others_bytes: usize,
}

/// A stamp to count on from.
#[derive(Default, Clone, Copy)]
struct Place {
    seq: u64,
    at_us: u64,
    attempt: u32,
}

impl PackedEvents {
    #[inline]
    pub fn push(&mut self, stamp: Stamp, event: EventRef<'_>) {
        let is_short = match event {
            EventRef::TextDelta(text) => self.push_short(stamp, TEXT, None, text),
            EventRef::ReasoningDelta { index, text } => self.push_short(stamp, REASONING, Some(index), text),
            EventRef::ToolCallDelta { index, arguments_delta } => {
                self.push_short(stamp, ARGUMENTS, Some(index), arguments_delta)
            }
            EventRef::Other(_) => false,
        };
        if !is_short {
            self.push_any(stamp, event);
        }
        if self.count == 0 {
            self.first_at_us = stamp.at_us;
        }
        self.count += 1;
        self.last = Place {
            seq: stamp.seq,
            at_us: stamp.at_us.max(self.last.at_us),
            attempt: stamp.attempt,
        };
    }

    /// Whether a number or an attempt is what follows from the entry before.
    fn follows(&self, stamp: Stamp) -> bool {
        stamp.seq == self.last.seq + 1 && stamp.attempt == self.last.attempt
    }

    /// Nearly every event: a delta whose numbers take a byte each, and for which there is room. Writes what `push_any` would.
    #[inline(always)]
    fn push_short(&mut self, stamp: Stamp, kind: u8, index: Option<usize>, text: &str) -> bool {
        let waited_us = stamp.at_us.saturating_sub(self.last.at_us);
        let largest = waited_us.max(index.unwrap_or_default() as u64).max(text.len() as u64);
        if !self.follows(stamp) || largest > 0x7F {
            return false;
        }
        let numbers = if index.is_some() { 4 } else { 3 };
        let Some(entry) = self.buffer.grow(numbers + text.len()) else {
            return false;
        };
        let (head, body) = entry.split_at_mut(numbers);
        head[0] = kind;
        head[1] = waited_us as u8;
        if let Some(index) = index {
            head[2] = index as u8;
        }
        head[numbers - 1] = text.len() as u8;
        copy_few(body, text.as_bytes());
        true
    }

    #[inline(never)]
    fn push_any(&mut self, stamp: Stamp, event: EventRef<'_>) {
        let (kind, index, text) = match event {
            EventRef::TextDelta(text) => (TEXT, None, Some(text)),
            EventRef::ReasoningDelta { index, text } => (REASONING, Some(index), Some(text)),
            EventRef::ToolCallDelta { index, arguments_delta } => (ARGUMENTS, Some(index), Some(arguments_delta)),
            EventRef::Other(event) => {
                self.others_bytes += size_of::<StreamEvent>() + EventRef::Other(event).bytes();
                self.others.push(Box::new(event.clone()));
                (OTHER, None, None)
            }
        };
        let follows = self.follows(stamp);
        let mut numbers = Numbers::default();
        numbers.byte(if follows { kind } else { kind | MARKED });
        if !follows {
            numbers.number(stamp.seq);
            numbers.number(stamp.attempt.into());
        }
        numbers.number(stamp.at_us.saturating_sub(self.last.at_us));
        if let Some(index) = index {
            numbers.number(index as u64);
        }
        if let Some(text) = text {
            numbers.number(text.len() as u64);
        }
        let text = text.unwrap_or_default().as_bytes();
        if numbers.append(text) {
            self.buffer.extend(numbers.written());
        } else {
            self.buffer.extend(numbers.written());
            self.buffer.extend(text);
        }
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    pub fn first_at_us(&self) -> Option<u64> {
        (self.count > 0).then_some(self.first_at_us)
    }

    /// No event will come any more.
    pub fn shrink(&mut self) {
        self.buffer.shrink();
    }

    /// About how much memory those take that are not deltas.
    pub fn others_bytes(&self) -> usize {
        self.others_bytes
    }

    /// About how much memory they take.
    pub fn bytes(&self) -> usize {
        self.buffer.len() + self.others_bytes
    }

    pub fn iter(&self) -> impl Iterator<Item = (Stamp, EventRef<'_>)> + '_ {
        let mut reader = Reader {
            now: &[],
            then: self.buffer.parts(),
        };
        let mut others = self.others.iter();
        let mut last = Place::default();
        (0..self.count).map_while(move |_| {
            let kind = reader.byte()?;
            if kind & MARKED == 0 {
                last.seq += 1;
            } else {
                last.seq = reader.number()?;
                last.attempt = u32::try_from(reader.number()?).ok()?;
            }
            last.at_us += reader.number()?;
            let event = match kind & KIND_MASK {
                TEXT => EventRef::TextDelta(reader.text()?),
                REASONING => EventRef::ReasoningDelta {
                    index: reader.index()?,
                    text: reader.text()?,
                },
                ARGUMENTS => EventRef::ToolCallDelta {
                    index: reader.index()?,
                    arguments_delta: reader.text()?,
                },
                _ => EventRef::Other(others.next()?),
            };
            let Place { seq, at_us, attempt } = last;
            Some((Stamp { seq, at_us, attempt }, event))
        })
    }
}

/// The numbers of one entry, in a row.
struct Numbers {
    bytes: [u8; NUMBERS_BYTES],
    length: usize,
}

impl Default for Numbers {
    fn default() -> Self {
        Self {
            bytes: [0; NUMBERS_BYTES],
            length: 0,
        }
    }
}

impl Numbers {
    fn byte(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.byte(number as u8 | 0x80);
            number >>= 7;
        }
        self.byte(number as u8);
    }

    /// Appends text when it is short enough: then all of the entry is appended at once.
    fn append(&mut self, text: &[u8]) -> bool {
        let Some(room) = self.bytes.get_mut(self.length..self.length + text.len()) else {
            return false;
        };
        room.copy_from_slice(text);
        self.length += text.len();
        true
    }

    fn written(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// What is left to read. It is our own writing, so what does not fit is nothing rather than an error.
struct Reader<'a, Parts> {
    now: &'a [u8],
    then: Parts,
}

impl<'a, Parts: Iterator<Item = &'a [u8]>> Reader<'a, Parts> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        // What was appended at once lies in one part.
        if self.now.is_empty() && count > 0 {
            self.now = self.then.next()?;
        }
        let (taken, rest) = self.now.split_at_checked(count)?;
        self.now = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn index(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    fn text(&mut self) -> Option<&'a str> {
        let bytes = self.index()?;
        std::str::from_utf8(self.take(bytes)?).ok()
    }
}
