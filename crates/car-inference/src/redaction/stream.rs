//! One text that arrives in deltas: holds back what could still become part of a secret, and nothing else.

use std::collections::VecDeque;
use std::sync::Arc;

use super::finder::Finder;
use super::scan::HELD_BYTES_MAX;
use super::{Redaction, Shared};

/// Deltas held back at most, should they be empty: as many as there can be of those that are not.
const HELD_DELTAS_MAX: usize = HELD_BYTES_MAX;

/// Redacts one text channel of one call, such as the answer's text or one tool call's arguments, as it streams.
///
/// Every delta comes out once, in order, with the tag that it was pushed with. Their texts, put together, are what
/// [`Redaction::text`] makes of the deltas put together. Where a secret spans deltas, [`REDACTED`](super::REDACTED) stands in the one where
/// it begins and the others lose what they have of it; they may come out empty.
///
/// A delta is held while any of its text could still become part of a match. At most 64 KiB of such text are held; when
/// there is more, it is taken for a secret. A delta comes out whole, so text before and after may be held with it.
///
/// ```
/// use car_inference::redaction::{RedactedStream, Redaction, RedactionOptions};
/// let redaction = Redaction::new(&RedactionOptions::default()).unwrap();
/// let mut stream = RedactedStream::default();
/// let mut out = Vec::new();
/// for (seq, text) in ["Use AK", "IA", "IOSFODNN7EXAMPLE", " now"].into_iter().enumerate() {
///     stream.push(&redaction, seq, text.into(), &mut out);
/// }
/// stream.finish(&redaction, &mut out);
/// let texts: Vec<_> = out.iter().map(|(_, text)| text.as_str()).collect();
/// assert_eq!(texts, ["Use [REDACTED]", "", "", " now"]);
/// ```
pub struct RedactedStream<T> {
    finder: Finder,
    held: VecDeque<Held<T>>,
    /// How much came out: where the first held delta begins.
    emitted: usize,
    /// The redaction that the searches under way belong to.
    begun_with: Option<Arc<Shared>>,
}

struct Held<T> {
    tag: T,
    text: String,
}

impl<T> Default for RedactedStream<T> {
    fn default() -> Self {
        Self {
            finder: Finder::default(),
            held: VecDeque::new(),
            emitted: 0,
            begun_with: None,
        }
    }
}

impl<T> RedactedStream<T> {
    /// Takes the next delta, and moves to `out` every delta that is settled.
    ///
    /// `redaction` should be the same for the whole channel. Another one counts from where no match is under way.
    pub fn push(&mut self, redaction: &Redaction, tag: T, text: String, out: &mut Vec<(T, String)>) {
        let shared = self.take_shared(redaction);
        self.finder.feed(&shared, &text);
        self.held.push_back(Held { tag, text });
        self.release(&shared, out);
        if self.held.len() > HELD_DELTAS_MAX {
            self.finder.cover_unsettled(&shared);
            self.release(&shared, out);
        }
        self.begun_with = Some(shared);
    }

    /// Takes the next delta. When it comes out at once and as it is, as nearly all do, keeps nothing of it and returns true;
    /// otherwise does what [`push`](Self::push) does.
    pub(crate) fn passes(&mut self, redaction: &Redaction, tag: T, text: &str, out: &mut Vec<(T, String)>) -> bool {
        if !self.held.is_empty() {
            self.push(redaction, tag, text.to_owned(), out);
            return false;
        }
        let shared = self.take_shared(redaction);
        self.finder.feed(&shared, text);
        let seen = self.finder.seen();
        if self.finder.settled(&shared) == seen && self.finder.is_clear_from(self.emitted) {
            self.emitted = seen;
            self.begun_with = Some(shared);
            return true;
        }
        self.held.push_back(Held {
            tag,
            text: text.to_owned(),
        });
        self.release(&shared, out);
        self.begun_with = Some(shared);
        false
    }

    /// The channel is over: moves to `out` what is held, as what it is. Text pushed afterwards begins a new one.
    pub fn finish(&mut self, redaction: &Redaction, out: &mut Vec<(T, String)>) {
        let shared = self.take_shared(redaction);
        self.finder.finish(&shared);
        self.release(&shared, out);
        self.finder = Finder::default();
        self.emitted = 0;
    }

    /// Whether any delta is held back.
    #[must_use]
    pub fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// The bytes of text that are held back.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.finder.seen() - self.emitted
    }

    fn take_shared(&mut self, redaction: &Redaction) -> Arc<Shared> {
        match self.begun_with.take() {
            Some(shared) if Arc::ptr_eq(&shared, &redaction.shared) || !self.finder.is_idle() => shared,
            _ => redaction.shared.clone(),
        }
    }

    fn release(&mut self, shared: &Shared, out: &mut Vec<(T, String)>) {
        let settled = self.finder.settled(shared);
        while self
            .held
            .front()
            .is_some_and(|first| self.emitted + first.text.len() <= settled)
        {
            let Some(Held { tag, text }) = self.held.pop_front() else {
                break;
            };
            let length = text.len();
            let redacted = self.finder.apply(&text, self.emitted);
            out.push((tag, redacted.unwrap_or(text)));
            self.emitted += length;
        }
        self.finder.forget_before(self.emitted);
    }
}
