//! The built-in rules: they find secrets, without options from the host, in text that may come in pieces.
//!
//! Rules are functions of a [`Window`] and a position. A rule that needs text that has not come yet returns [`More`],
//! and is called again from the same position when more text has come. No rule looks back further than
//! [`CONTEXT_BYTES`], or forward without a bound. So the kept text is bounded, and the result does not depend on how
//! the text is split.
//!
//! A table of byte pairs says at which positions a rule may match; in prose there are almost none.

mod address;
mod command;
mod foreign;
mod header;
mod kinds;
mod label;
mod label_words;
mod lookalike;
mod member;
mod naming;
mod near_value;
mod nearby;
mod notation;
mod private_key;
mod rest;
mod shape;
mod triggers;
mod value;
mod value_text;
mod window;
mod words;

use std::ops::Range;

pub(super) use member::{Member, is_secret_after, is_secret_member, label_of};

use super::coverage::Coverage;
use kinds::Kinds;
use rest::{Listed, Rest};
use triggers::Triggers;
use window::{CONTEXT_BYTES, More, Window};

/// Bytes of a value that are judged. A longer one is judged by its first.
const VALUE_BYTES_MAX: usize = 160;

/// Bytes of text that are kept before those that have been read are dropped.
const KEPT_BYTES_MAX: usize = 1024;

/// With fewer bytes that wait, a rule is asked whenever more come.
const ASKED_AT_ONCE_BYTES: usize = 64;

/// A secret, and how it may go on.
struct Found {
    range: Range<usize>,
    rest: Rest,
}

impl Found {
    fn new(range: Range<usize>, rest: Rest) -> Self {
        Self { range, rest }
    }

    fn whole(range: Range<usize>) -> Self {
        Self::new(range, Rest::Nothing)
    }
}

/// What the scanner is in the middle of.
#[derive(Clone, Copy)]
enum State {
    /// Nothing.
    Text,
    /// A secret that goes on.
    Secret(Rest),
    /// After a text of a list, at its closing quote.
    InList(value_text::Quote, Listed),
    /// After the id of a key of AWS.
    AfterAwsId,
}

/// Reads one text that may come in pieces.
pub(super) struct Scanner {
    /// The text from `base` on: some that was read, for rules that look back, and what is yet to be read.
    kept: Vec<u8>,
    base: usize,
    /// Where in `kept` reading goes on.
    next: usize,
    /// Where in `kept` the first byte is that may yet become secret.
    open: usize,
    /// How many bytes a rule waited with when it was asked last.
    waited: usize,
    state: State,
}

impl Default for Scanner {
    fn default() -> Self {
        Self {
            kept: Vec::new(),
            base: 0,
            next: 0,
            open: 0,
            waited: 0,
            state: State::Text,
        }
    }
}

impl Scanner {
    /// Covers what is secret in a text that is whole.
    pub(super) fn whole(text: &[u8], coverage: &mut Coverage) {
        let mut scanner = Self::default();
        scanner.read(&Window::new(text, true), coverage);
    }

    /// Goes on with the text's next piece.
    pub(super) fn feed(&mut self, text: &[u8], coverage: &mut Coverage) {
        self.kept.extend_from_slice(text);
        // A rule that waits is not asked at each byte of a long value, so that a text costs what its length costs.
        let waiting = self.kept.len() - self.next;
        if self.waited > ASKED_AT_ONCE_BYTES && waiting < self.waited + self.waited / 8 {
            return;
        }
        let triggers = Triggers::all();
        if matches!(self.state, State::Text) {
            self.next = triggers.next(&self.kept, self.next);
        }
        // In prose, nearly always no rule has anything to do in the new text. Then all of it is final.
        if matches!(self.state, State::Text) && is_read(triggers, &self.kept, self.next, true) {
            self.open = self.kept.len();
        } else {
            let kept = std::mem::take(&mut self.kept);
            self.read(&Window::new(&kept, false), coverage);
            self.kept = kept;
        }
        self.waited = self.kept.len() - self.next;
        if self.next > KEPT_BYTES_MAX {
            let dropped = self.next - CONTEXT_BYTES;
            self.kept.drain(..dropped);
            self.base += dropped;
            self.next -= dropped;
            self.open -= dropped;
        }
    }

    /// Goes on after a piece that is not read.
    pub(super) fn pass_over(&mut self, bytes: usize) {
        self.base += self.kept.len() + bytes;
        self.kept.clear();
        (self.next, self.open, self.waited, self.state) = (0, 0, 0, State::Text);
    }

    /// The text ends here.
    pub(super) fn finish(&mut self, coverage: &mut Coverage) {
        let kept = std::mem::take(&mut self.kept);
        self.read(&Window::new(&kept, true), coverage);
        self.base += kept.len();
        (self.next, self.open, self.waited) = (0, 0, 0);
    }

    /// The first byte that may yet become secret by a built-in rule.
    pub(super) fn open(&self) -> usize {
        self.base + self.open
    }

    /// Whether nothing that was read is held back, and no secret goes on.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.state, State::Text) && self.open == self.kept.len()
    }

    fn read(&mut self, window: &Window<'_>, coverage: &mut Coverage) {
        let triggers = Triggers::all();
        let end = window.bytes.len();
        let mut at = self.next;
        loop {
            let start = at;
            window.hold_from(at);
            let found = match self.state {
                State::Text => {
                    at = triggers.next(window.bytes, at);
                    if is_read(triggers, window.bytes, at, window.goes_on()) {
                        (self.next, self.open) = (at, end);
                        return;
                    }
                    window.hold_from(at);
                    find(window, at)
                }
                State::Secret(rest) => {
                    let covered = rest.cover(window, &mut at);
                    if at > start {
                        coverage.cover(self.base + start..self.base + at);
                    }
                    match covered {
                        Err(More) => {
                            (self.next, self.open) = (at, at);
                            return;
                        }
                        Ok(()) => {
                            self.state = match rest {
                                Rest::Quoted(quote, Some(listed)) => State::InList(quote, listed),
                                _ => State::Text,
                            };
                            continue;
                        }
                    }
                }
                State::InList(quote, listed) => notation::find_next_item(window, at, quote, listed),
                State::AfterAwsId => command::find_aws_secret(window, at),
            };
            match found {
                Ok(Some((found, is_aws_id))) => {
                    coverage.cover(self.base + found.range.start..self.base + found.range.end);
                    at = found.range.end;
                    self.state = match is_aws_id {
                        true => State::AfterAwsId,
                        false => State::Secret(found.rest),
                    };
                }
                Ok(None) if matches!(self.state, State::Text) => at += 1,
                Ok(None) => self.state = State::Text,
                Err(More) => {
                    let asked = usize::from(matches!(self.state, State::Text));
                    let open = triggers.next_secret(window.bytes, at + asked).min(window.held_from());
                    (self.next, self.open) = (at, open.min(end));
                    return;
                }
            }
        }
    }
}

/// Whether everything is read when `at` is the next place of a rule: `at` is the end, or the last byte is a mark whose rule
/// needs the next byte first. Such a mark is never secret itself, so it need not be held back.
#[inline]
fn is_read(triggers: &Triggers, text: &[u8], at: usize, goes_on: bool) -> bool {
    at == text.len() || goes_on && at + 1 == text.len() && triggers.waits_at_end(text, at)
}

/// What is secret by a rule that a place calls, and whether it is the id of a key of AWS.
type Finding = Result<Option<(Found, bool)>, More>;

fn find(window: &Window<'_>, at: usize) -> Finding {
    let plain = |found: Option<Found>| found.map(|found| (found, false));
    let byte = window.bytes[at];
    if byte.is_ascii_alphanumeric() {
        if window.before(at).is_some_and(|before| words::turns(before, byte))
            && let Some(range) = words::find(window, at)?
        {
            return Ok(Some((Found::whole(range), false)));
        }
        let shown = usize::from(kinds::shows_first(byte));
        window.hold_from(at + shown);
        if matches!(byte, b'b' | b'B')
            && let Some(found) = header::find_scheme(window, at)?
        {
            return Ok(Some((found, false)));
        }
        window.hold_from(at + shown);
        if let Some(key) = Kinds::all().find(window, at)? {
            let rest = key.goes_on.map_or(Rest::Nothing, Rest::Run);
            return Ok(Some((Found::new(key.range, rest), key.is_aws_id)));
        }
        window.hold_from(at + 1);
        return match byte {
            b'p' | b'P' => command::find_password(window, at).map(plain),
            b'A'..=b'Z' if window.at(at + 1)? == Some(b' ') => command::find_setting(window, at + 1).map(plain),
            b'k' | b'K' | b'o' | b'O' | b'e' | b'E' => nearby::find_after_word(window, at).map(plain),
            _ => Ok(None),
        };
    }
    match byte {
        b':' | b'=' => {
            if byte == b':' {
                window.hold_from(at + 1);
                if window.has(at, b"://")? {
                    return Ok(address::find(window, at)?.map(|password| (Found::whole(password), false)));
                }
                if let Some(end) = words::telegram(window, at)? {
                    return Ok(Some((Found::whole(at + 1..end), false)));
                }
            }
            match notation::find_assigned(window, at)? {
                None => foreign::find(window, at, at + 1).map(plain),
                found => Ok(plain(found)),
            }
        }
        b'%' => notation::find_encoded(window, at).map(plain),
        b'>' => notation::find_element(window, at).map(plain),
        b'|' | b'?' => {
            window.hold_from(at + 1);
            match window.at(at + 1)? {
                Some(next) if next == byte => notation::find_spaced(window, at, at + 2).map(plain),
                _ if byte == b'|' => match words::facebook(window, at)? {
                    Some(end) => Ok(Some((Found::whole(at + 1..end), false))),
                    None => notation::find_cell(window, at).map(plain),
                },
                _ => Ok(None),
            }
        }
        b'(' => notation::find_call(window, at).map(plain),
        b'"' | b'\'' => notation::find_argument(window, at).map(plain),
        b' ' => command::find(window, at).map(plain),
        b'-' => {
            if let Some(end) = private_key::find(window, at)? {
                return Ok(Some((Found::new(at..end, Rest::PrivateKey), false)));
            }
            match command::find_option(window, at)? {
                None => nearby::find_after_dash(window, at).map(plain),
                found => Ok(plain(found)),
            }
        }
        b'\t' | b',' | b';' => nearby::find_column(window, at).map(plain),
        b'<' => nearby::find_after_left_arrow(window, at).map(plain),
        b'&' => nearby::find_escaped_element(window, at).map(plain),
        128.. => nearby::find_after_wide_mark(window, at).map(plain),
        _ => Ok(None),
    }
}
