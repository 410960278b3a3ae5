//! Finds the positions where a rule may match, by pairs of bytes.

use std::sync::OnceLock;

use super::kinds::{Kinds, begins_word, shows_first};
use super::words;

/// A rule begins at the first byte of the pair.
const BEGINS: u8 = 1;
/// A rule looks at the word that the second byte is in, if the word turns there for the first time.
const TURNS: u8 = 2;
/// A rule begins at the first byte of the pair if a word begins there and the pair of the second and third byte is marked
/// [`GOES_ON`]. A third byte that has not come yet counts as marked.
const BEGINS_WORD: u8 = 4;
/// The second and third byte of what [`BEGINS_WORD`] begins with.
const GOES_ON: u8 = 8;
/// A rule begins at the first byte of the pair if the pair of the second and third byte is marked [`THREE`]. A third byte
/// that has not come yet counts as marked. Examples: the verb in `password is V`, and the end of `token` in `token V`. The
/// rule compares the whole word.
const BEGINS_THREE: u8 = 16;
/// The second and third byte of what [`BEGINS_THREE`] begins with.
const THREE: u8 = 32;

/// A rule begins at this byte, and has nothing to do, and nothing to hold back, before the next byte has come.
const WAITS: u8 = 64;

/// How many pairs there are.
const PAIRS: usize = 1 << 16;

/// Where a pair is in the table.
#[inline]
fn place(first: u8, second: u8) -> usize {
    usize::from(u16::from_le_bytes([first, second]))
}

/// What each pair of bytes means.
pub(super) struct Triggers {
    pairs: Box<[u8; PAIRS]>,
    /// What a byte means whose next one has not come: [`BEGINS`] or [`BEGINS_WORD`] of some pair that it begins, or
    /// [`WAITS`].
    firsts: [u8; 256],
}

impl Triggers {
    /// The table, made once a process.
    pub(super) fn all() -> &'static Self {
        static TRIGGERS: OnceLock<Triggers> = OnceLock::new();
        TRIGGERS.get_or_init(Self::new)
    }

    fn new() -> Self {
        let mut triggers = Self {
            pairs: Box::new([0; PAIRS]),
            firsts: [0; 256],
        };
        for first in 0..=u8::MAX {
            for second in 0..=u8::MAX {
                if words::turns(first, second) {
                    triggers.pairs[place(first, second)] |= TURNS;
                }
                let begins = match first {
                    b':' | b'=' | b'|' | b'>' => true,
                    b'%' => second == b'3',
                    b'"' | b'\'' => second == b',',
                    b' ' => matches!(second, b'-' | b'"' | b'\''),
                    b'-' => matches!(second, b'-' | b'>' | b' '),
                    b'\t' => second > b' ',
                    b',' | b';' => second.is_ascii_alphanumeric(),
                    b'<' => second == b'-',
                    b'&' => second == b'g',
                    // `→`, `–` and `—`; `：`.
                    0xe2 => matches!(second, 0x80 | 0x86),
                    0xef => second == 0xbc,
                    b'?' => second == b'?',
                    b'(' => matches!(second, b'"' | b'\''),
                    b'A'..=b'Z' => second == b' ',
                    _ => false,
                };
                if begins {
                    triggers.insert(first, second);
                }
            }
        }
        for three in [" is", " wa", " to", "key", "Key", "KEY", "oke", "OKE", "ecr", "ECR"] {
            let [first, second, third] = [0, 1, 2].map(|at| three.as_bytes()[at]);
            triggers.pairs[place(first, second)] |= BEGINS_THREE;
            triggers.firsts[usize::from(first)] |= WAITS;
            triggers.pairs[place(second, third)] |= THREE;
        }
        let words = ["Bea", "bea", "BEA", "Bas", "bas", "BAS", "Pas", "pas", "PAS"];
        for (begin, is_word) in Kinds::all().begins().chain(words.map(|word| (word, true))) {
            let begin = begin.as_bytes();
            let meaning = if is_word { BEGINS_WORD } else { BEGINS };
            triggers.pairs[place(begin[0], begin[1])] |= meaning;
            triggers.firsts[usize::from(begin[0])] |= meaning;
            for third in 0..=u8::MAX {
                if begin.get(2).is_none_or(|byte| *byte == third) {
                    triggers.pairs[place(begin[1], third)] |= GOES_ON;
                }
            }
        }
        triggers
    }

    fn insert(&mut self, first: u8, second: u8) {
        self.pairs[place(first, second)] |= BEGINS;
        self.firsts[usize::from(first)] |= match first {
            b' ' | b'"' | b'\'' | b'(' | b'\t' | b',' | b';' | b'<' | b'&' => WAITS,
            _ => BEGINS,
        };
    }

    /// Whether the rules that begin at the last byte have nothing to do, and nothing to hold back, before the next byte
    /// has come.
    #[inline]
    pub(super) fn waits_at_end(&self, bytes: &[u8], last: usize) -> bool {
        self.firsts[usize::from(bytes[last])] & WAITS != 0 && !self.begins_at_end(bytes, last)
    }

    /// Whether the last byte may be the first of a secret, or of what a rule must see whole.
    #[inline]
    fn begins_at_end(&self, bytes: &[u8], last: usize) -> bool {
        let meaning = self.firsts[usize::from(bytes[last])];
        meaning & BEGINS != 0 || meaning & BEGINS_WORD != 0 && begins_word(bytes, last)
    }

    /// The first place from `from` at which a secret may begin by its own form. Rules that begin at a mark find what
    /// follows it.
    pub(super) fn next_secret(&self, bytes: &[u8], from: usize) -> usize {
        let mut at = from;
        while at < bytes.len() {
            at = self.next(bytes, at);
            match bytes.get(at) {
                Some(b'-') | None => break,
                Some(byte) if byte.is_ascii_alphanumeric() => return at + usize::from(shows_first(*byte)),
                Some(_) => at += 1,
            }
        }
        at
    }

    /// The first place from `from` at which a rule may have something to do; the end when there is none.
    #[inline]
    pub(super) fn next(&self, bytes: &[u8], from: usize) -> usize {
        let Some(&here) = bytes.get(from) else {
            return bytes.len();
        };
        if from > 0 && self.pairs[place(bytes[from - 1], here)] & TURNS != 0 && words::first_turn(bytes, from).is_some()
        {
            return from;
        }
        for (at, pair) in (from..).zip(bytes[from..].windows(2)) {
            let may_begin = match self.pairs[place(pair[0], pair[1])] & (BEGINS | TURNS | BEGINS_WORD | BEGINS_THREE) {
                0 => false,
                BEGINS_WORD => begins_word(bytes, at),
                // After another turn, this is not the first turn of the word.
                TURNS => at == 0 || self.pairs[place(bytes[at - 1], pair[0])] & TURNS == 0,
                _ => true,
            };
            if may_begin && let Some(place) = self.place_at(bytes, at) {
                return place;
            }
        }
        self.place_at_end(bytes)
    }

    /// The place of a rule that the pair at `at` calls: `at` itself, or `at + 1` when a word turns there.
    #[inline(never)]
    fn place_at(&self, bytes: &[u8], at: usize) -> Option<usize> {
        let meaning = self.pairs[place(bytes[at], bytes[at + 1])];
        let goes_on = |mark: u8| {
            let third = bytes.get(at + 2);
            third.is_none_or(|third| self.pairs[place(bytes[at + 1], *third)] & mark != 0)
        };
        let begins = meaning & BEGINS != 0
            || meaning & BEGINS_THREE != 0 && goes_on(THREE)
            || meaning & BEGINS_WORD != 0 && goes_on(GOES_ON) && begins_word(bytes, at);
        if begins {
            return Some(at);
        }
        (meaning & TURNS != 0 && words::first_turn(bytes, at + 1).is_some()).then_some(at + 1)
    }

    /// The last byte when a rule may begin there, else the end.
    #[inline]
    fn place_at_end(&self, bytes: &[u8]) -> usize {
        let last = bytes.len() - 1;
        match self.firsts[usize::from(bytes[last])] & WAITS != 0 || self.begins_at_end(bytes, last) {
            true => last,
            false => bytes.len(),
        }
    }
}
