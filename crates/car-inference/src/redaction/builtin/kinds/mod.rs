//! Keys that need no label: they have a fixed prefix and a fixed format. Each format has its source.
//!
//! "gitleaks" is the rule list at <https://github.com/gitleaks/gitleaks/blob/master/config/gitleaks.toml>, "TruffleHog"
//! the detectors at <https://github.com/trufflesecurity/trufflehog/tree/main/pkg/detectors>, "GitHub" the patterns at
//! <https://docs.github.com/en/code-security/secret-scanning/introduction/supported-secret-scanning-patterns>, all read in
//! November 2026. The lengths here are lower than the real ones, so that a key with a new length is still found, but
//! longer than words of prose.

mod ai;
mod cloud;
mod code;
mod services;

use std::ops::Range;
use std::sync::OnceLock;

use super::shape::Shape;
use super::window::{More, Set, Window};
use Piece::{Run, Text};

/// Letters, digits, `-` and `_`: base64 in addresses (RFC 4648 section 5).
const URL: Set = Set::new(b"azAZ09", b"-_");
/// Letters, digits, `_`.
const WORD: Set = Set::new(b"azAZ09", b"_");
/// Base64 with its padding (RFC 4648 section 4).
const BASE64: Set = Set::new(b"azAZ09", b"+/=");
const HEX: Set = Set::new(b"afAF09", b"");
const UPPER: Set = Set::new(b"AZ09", b"");
const LOWER: Set = Set::new(b"az09", b"");
const DIGITS: Set = Set::new(b"09", b"");
/// [`URL`] with dots and padding.
const DOTTED: Set = Set::new(b"azAZ09", b"-_.=");

/// A part of a key after its beginning.
#[derive(Debug, Clone, Copy)]
enum Piece {
    /// At least so many letters of a set, and all that follow.
    Run(Set, usize),
    /// Exactly this.
    Text(&'static str),
}

/// Where a key may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begins {
    /// Not within a word.
    Word,
    Anywhere,
}

/// Which part is secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Covers {
    Whole,
    /// What follows the beginning, such as the host and path of a webhook's address.
    Rest,
}

/// What its last part must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looks {
    Any,
    /// As a generator makes it: the beginning alone says too little.
    Random,
    /// Not as a name in program text, which may begin so.
    NoName,
}

/// A kind of key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    begin: &'static str,
    body: &'static [Piece],
    begins: Begins,
    covers: Covers,
    looks: Looks,
}

/// A key that begins a word.
const fn key(begin: &'static str, body: &'static [Piece]) -> Kind {
    Kind {
        begin,
        body,
        begins: Begins::Word,
        covers: Covers::Whole,
        looks: Looks::Any,
    }
}

/// A key that is one only when it looks random.
const fn random(begin: &'static str, body: &'static [Piece]) -> Kind {
    let mut kind = key(begin, body);
    kind.looks = Looks::Random;
    kind
}

impl Kind {
    /// The same, only when it looks random.
    const fn if_random(mut self) -> Self {
        self.looks = Looks::Random;
        self
    }

    /// The same, also within a word.
    const fn anywhere(mut self) -> Self {
        self.begins = Begins::Anywhere;
        self
    }
}

/// A key that is none when it looks like a name in program text.
const fn no_name(begin: &'static str, body: &'static [Piece]) -> Kind {
    let mut kind = key(begin, body);
    kind.looks = Looks::NoName;
    kind
}

/// An address of which what follows the beginning grants access.
const fn address(begin: &'static str, body: &'static [Piece]) -> Kind {
    let mut kind = key(begin, body);
    kind.covers = Covers::Rest;
    kind
}

/// Letters that a random part is judged by.
const JUDGED_LETTERS_MAX: usize = 128;

/// A key as far as it was read, and what it goes on with.
pub(super) struct Key {
    pub(super) range: Range<usize>,
    pub(super) goes_on: Option<Set>,
    /// The id of an AWS key, which its secret often follows.
    pub(super) is_aws_id: bool,
}

impl Kind {
    /// Its first two bytes.
    fn pair(&self) -> u16 {
        u16::from_be_bytes([self.begin.as_bytes()[0], self.begin.as_bytes()[1]])
    }

    /// The key of this kind that begins at a place.
    fn find(&self, window: &Window<'_>, start: usize) -> Result<Option<Key>, More> {
        if !window.has(start, self.begin.as_bytes())? {
            return Ok(None);
        }
        let is_aws_id = self.begin == "AKIA" || self.begin == "ASIA";
        let after_begin = start + self.begin.len();
        let mut at = after_begin;
        let mut goes_on = None;
        for (index, piece) in self.body.iter().enumerate() {
            let is_last = index + 1 == self.body.len();
            match *piece {
                Text(text) => {
                    if !window.has(at, text.as_bytes())? {
                        return Ok(None);
                    }
                    at += text.len();
                    goes_on = None;
                }
                Run(set, least) => {
                    let from = at;
                    let Some(end) = window.at_least(at, set, least)? else {
                        return Ok(None);
                    };
                    at = end;
                    if !is_last || self.looks != Looks::Any || is_aws_id {
                        at = run_end(window, at, set)?;
                    }
                    let is_key = match self.looks {
                        Looks::Random if is_last => Shape::of(&window.bytes[from..at]).is_random(),
                        Looks::NoName if is_last => Shape::of(&window.bytes[from..at]).is_no_name(),
                        _ => true,
                    };
                    if !is_key {
                        return Ok(None);
                    }
                    goes_on = Some(set);
                }
            }
        }
        let from = match self.covers {
            Covers::Whole => start + usize::from(shows_first(window.bytes[start])),
            Covers::Rest => after_begin,
        };
        Ok(Some(Key {
            range: from..at,
            goes_on,
            is_aws_id,
        }))
    }
}

/// The end of a run that is at most as long as what is judged.
fn run_end(window: &Window<'_>, from: usize, set: Set) -> Result<usize, More> {
    let mut at = from;
    while at - from < 8 * JUDGED_LETTERS_MAX {
        match window.letter(at, set)? {
            0 => break,
            bytes => at += bytes,
        }
    }
    Ok(at)
}

/// All kinds, found by their first two bytes.
pub(super) struct Kinds {
    kinds: Vec<Kind>,
    /// The first two bytes of kinds, and where the kinds with them are.
    by_pair: Vec<(u16, Range<u16>)>,
    /// Where in `by_pair` a first byte is.
    by_first: [(u8, u8); 128],
}

impl Kinds {
    /// The kinds, put in order once a process.
    pub(super) fn all() -> &'static Self {
        static KINDS: OnceLock<Kinds> = OnceLock::new();
        KINDS.get_or_init(|| {
            let tables = [ai::KINDS, cloud::KINDS, code::KINDS, services::KINDS];
            let mut kinds: Vec<_> = tables.into_iter().flatten().copied().collect();
            // Of beginnings that begin alike the longest comes first; those alike stay in their table's order.
            kinds.sort_by_key(|kind| (kind.pair(), usize::MAX - kind.begin.len()));
            let mut by_pair: Vec<(u16, Range<u16>)> = Vec::new();
            let mut by_first = [(0, 0); 128];
            for (index, kind) in (0_u16..).zip(&kinds) {
                match by_pair.last_mut() {
                    Some((pair, range)) if *pair == kind.pair() => range.end = index + 1,
                    _ => by_pair.push((kind.pair(), index..index + 1)),
                }
                let count = u8::try_from(by_pair.len()).unwrap_or(u8::MAX);
                let (from, to) = &mut by_first[usize::from(kind.begin.as_bytes()[0] & 127)];
                if *to == 0 {
                    *from = count - 1;
                }
                *to = count;
            }
            Self {
                kinds,
                by_pair,
                by_first,
            }
        })
    }

    /// How each kind begins, and whether it begins words only.
    pub(super) fn begins(&self) -> impl Iterator<Item = (&'static str, bool)> + '_ {
        self.kinds.iter().map(|kind| (kind.begin, kind.begins == Begins::Word))
    }

    /// The key that begins at a place.
    pub(super) fn find(&self, window: &Window<'_>, start: usize) -> Result<Option<Key>, More> {
        let first = window.bytes[start];
        let Some(&(from, to)) = self.by_first.get(usize::from(first)) else {
            return Ok(None);
        };
        if from == to {
            return Ok(None);
        }
        let begins_word = begins_word(window.bytes, start);
        if !begins_word && first != b'Q' {
            return Ok(None);
        }
        let Some(second) = window.at(start + 1)? else {
            return Ok(None);
        };
        let pair = u16::from_be_bytes([first, second]);
        let with_first = &self.by_pair[usize::from(from)..usize::from(to)];
        let Some((_, range)) = with_first.iter().find(|(known, _)| *known == pair) else {
            return Ok(None);
        };
        for kind in &self.kinds[usize::from(range.start)..usize::from(range.end)] {
            if (begins_word || kind.begins == Begins::Anywhere)
                && let Some(key) = kind.find(window, start)?
            {
                return Ok(Some(key));
            }
        }
        Ok(None)
    }
}

/// Whether the first letter of a key stays in the text, so that it never has to be held back. Many deltas are a single letter
/// or digit: an article, the label of a list, a number. Few kinds of keys begin with these, and the rest is removed.
#[inline]
pub(super) fn shows_first(letter: u8) -> bool {
    matches!(letter, b'a'..=b'c' | b'0'..=b'9')
}

/// Whether a word begins at a place: after a mark, and after an escape of JSON or of an address, which ends with a letter.
#[inline]
pub(super) fn begins_word(bytes: &[u8], start: usize) -> bool {
    let back = |count: usize| bytes.get(start.wrapping_sub(count)).copied();
    let Some(before) = back(1) else { return true };
    let may_be_escape = || back(2) == Some(b'\\') || back(3) == Some(b'%') || back(6) == Some(b'\\');
    !before.is_ascii_alphanumeric() || may_be_escape() && ends_escape(&bytes[..start])
}

/// Whether a text ends with an escape such as `\n`, `%41` or `\u0041`.
#[cold]
fn ends_escape(text: &[u8]) -> bool {
    match text {
        [.., b'\\', b'b' | b'f' | b'n' | b'r' | b't'] => true,
        [.., b'%', high, low] | [.., b'\\', b'u', _, _, high, low] => {
            high.is_ascii_hexdigit() && low.is_ascii_hexdigit()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::Kinds;

    #[test]
    fn every_kind_is_found_by_its_first_two_bytes() {
        let kinds = Kinds::all();
        assert!(kinds.by_pair.len() < usize::from(u8::MAX));
        for (index, kind) in (0_u16..).zip(&kinds.kinds) {
            let (from, to) = kinds.by_first[usize::from(kind.begin.as_bytes()[0])];
            let pairs = &kinds.by_pair[usize::from(from)..usize::from(to)];
            let is_found = pairs
                .iter()
                .any(|(pair, range)| *pair == kind.pair() && range.contains(&index));
            assert!(is_found && kind.begin.is_ascii(), "{}", kind.begin);
        }
    }
}
