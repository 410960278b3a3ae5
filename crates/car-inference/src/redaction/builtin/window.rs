//! The part of a text that rules can see: the current piece with some context before it, and whether more text will
//! come.

use std::cell::Cell;

/// Bytes before a place that a rule may look back at. No rule may look further: what it finds would depend on where the
/// text was cut.
pub(super) const CONTEXT_BYTES: usize = 160;

/// Bytes of one kind that are skipped at most.
const SKIPPED_BYTES_MAX: usize = 256;

/// The answer depends on text that has not come yet.
#[derive(Debug)]
pub(super) struct More;

/// A set of ASCII bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Set([u64; 2]);

impl Set {
    /// The bytes of `ranges`, such as `azAZ09`, and of `single`.
    pub(super) const fn new(ranges: &[u8], single: &[u8]) -> Self {
        let mut bits = [0; 2];
        let mut index = 0;
        while index + 1 < ranges.len() {
            let mut byte = ranges[index];
            while byte <= ranges[index + 1] {
                bits[byte as usize / 64] |= 1 << (byte % 64);
                byte += 1;
            }
            index += 2;
        }
        let mut index = 0;
        while index < single.len() {
            bits[single[index] as usize / 64] |= 1 << (single[index] % 64);
            index += 1;
        }
        Self(bits)
    }

    #[inline]
    pub(super) const fn has(self, byte: u8) -> bool {
        byte < 128 && self.0[byte as usize / 64] & (1 << (byte % 64)) != 0
    }
}

/// A text as far as it came. Places are indexes into `bytes`.
pub(super) struct Window<'t> {
    pub(super) bytes: &'t [u8],
    /// No more follows.
    is_last: bool,
    /// The first place that may become secret, should a rule need [`More`].
    hold: Cell<usize>,
}

impl<'t> Window<'t> {
    pub(super) fn new(bytes: &'t [u8], is_last: bool) -> Self {
        Self {
            bytes,
            is_last,
            hold: Cell::new(0),
        }
    }

    /// Whether more text may follow.
    #[inline]
    pub(super) fn goes_on(&self) -> bool {
        !self.is_last
    }

    /// The byte at a place; nothing when the text ends there.
    #[inline]
    pub(super) fn at(&self, at: usize) -> Result<Option<u8>, More> {
        match self.bytes.get(at) {
            Some(byte) => Ok(Some(*byte)),
            None if self.is_last => Ok(None),
            None => Err(More),
        }
    }

    /// The byte before a place.
    #[inline]
    pub(super) fn before(&self, at: usize) -> Option<u8> {
        at.checked_sub(1).and_then(|before| self.bytes.get(before).copied())
    }

    /// The first place that a look back from `at` may read.
    pub(super) fn floor(&self, at: usize) -> usize {
        at.saturating_sub(CONTEXT_BYTES)
    }

    /// Says that nothing before `at` becomes secret by the rule that is asked.
    #[inline]
    pub(super) fn hold_from(&self, at: usize) {
        self.hold.set(at);
    }

    pub(super) fn held_from(&self) -> usize {
        self.hold.get()
    }

    /// Whether `text` follows. Waits only while it still may.
    pub(super) fn has(&self, at: usize, text: &[u8]) -> Result<bool, More> {
        self.has_by(at, text, |byte, wanted| byte == wanted)
    }

    /// As [`has`](Self::has), of a lower-case text in any case.
    pub(super) fn has_folded(&self, at: usize, text: &[u8]) -> Result<bool, More> {
        self.has_by(at, text, |byte, wanted| byte.to_ascii_lowercase() == wanted)
    }

    fn has_by(&self, at: usize, text: &[u8], equal: impl Fn(u8, u8) -> bool) -> Result<bool, More> {
        for (offset, wanted) in text.iter().enumerate() {
            if !self.at(at + offset)?.is_some_and(|byte| equal(byte, *wanted)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The end of the bytes of `set` from a place; not further than [`SKIPPED_BYTES_MAX`], so that no rule waits for ever.
    pub(super) fn skip(&self, start: usize, set: Set) -> Result<usize, More> {
        let mut at = start;
        while at - start < SKIPPED_BYTES_MAX && self.at(at)?.is_some_and(|byte| set.has(byte)) {
            at += 1;
        }
        Ok(at)
    }

    /// How many bytes one letter of `set` takes at a place: 0 when there is none. A letter may be escaped as JSON (`\/`,
    /// `\u002b`) or addresses (`%2B`) do it.
    pub(super) fn letter(&self, at: usize, set: Set) -> Result<usize, More> {
        let Some(byte) = self.at(at)? else { return Ok(0) };
        if set.has(byte) {
            return Ok(1);
        }
        let digits = match byte {
            b'%' => at + 1,
            b'\\' => match self.at(at + 1)? {
                Some(b'/') => return Ok(if set.has(b'/') { 2 } else { 0 }),
                Some(b'u') if self.has(at + 2, b"00")? => at + 4,
                _ => return Ok(0),
            },
            _ => return Ok(0),
        };
        let (Some(high), Some(low)) = (self.at(digits)?.and_then(hex), self.at(digits + 1)?.and_then(hex)) else {
            return Ok(0);
        };
        Ok(if set.has(high << 4 | low) { digits + 2 - at } else { 0 })
    }

    /// The end of `least` letters of `set`; nothing when there are fewer.
    pub(super) fn at_least(&self, mut at: usize, set: Set, least: usize) -> Result<Option<usize>, More> {
        for _ in 0..least {
            match self.letter(at, set)? {
                0 => return Ok(None),
                bytes => at += bytes,
            }
        }
        Ok(Some(at))
    }
}

/// Whether a text ends with `end`, without regard to the case of ASCII letters.
pub(super) fn ends_with_folded(text: &[u8], end: &[u8]) -> bool {
    let start = text.len().checked_sub(end.len());
    start.is_some_and(|start| text[start..].eq_ignore_ascii_case(end))
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

pub(super) const SPACE: Set = Set::new(b"", b" \t");
pub(super) const WHITE: Set = Set::new(b"", b" \t\r\n");
pub(super) const ALNUM: Set = Set::new(b"azAZ09", b"");
/// What names in programs and settings are made of.
pub(super) const NAME: Set = Set::new(b"azAZ09", b"_-.$");
