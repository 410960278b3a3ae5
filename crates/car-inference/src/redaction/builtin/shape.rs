//! Whether a text looks as if a key generator or a person had made it.

/// For each letter the letters that often follow it in English and in program text, the first letter in the lowest bit.
/// Counted over the documentation and sources of some hundred packages: these are 95 of 100 pairs in words, and 39 of 100
/// pairs in random letters.
const COMMON: [u32; 26] = [
    0x13e_bd6f, 0x016_4915, 0x01e_5d95, 0x016_4919, 0x0ef_b97f, 0x11a_4931, 0x016_6991, 0x01a_4111, 0x2ae_f87f,
    0x000_0010, 0x004_0110, 0x11c_4919, 0x014_d113, 0x13c_ed7d, 0x07e_fd6f, 0x01e_c991, 0x010_0000, 0x13e_7d7d,
    0x11c_dd95, 0x11e_4995, 0x00e_b97f, 0x000_4111, 0x006_6191, 0x008_8134, 0x004_a100, 0x000_0010,
];

/// Counts of a text. Only ASCII letters and digits are looked at; everything else ends a word.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Shape {
    pub(super) lower: usize,
    pub(super) upper: usize,
    pub(super) digits: usize,
    /// Characters that are neither.
    pub(super) marks: usize,
    /// Runs of letters and digits.
    pub(super) words: usize,
    /// Words of letters and digits, other than letters with a short number at the end.
    pub(super) mixed_words: usize,
    /// Pairs of neighbours within words.
    pairs: usize,
    /// Those of them that words of people seldom have.
    odd: usize,
    /// Changes from a letter to a digit or back.
    turns: usize,
    /// All letters are `a` to `f`, in one case.
    is_hex: bool,
}

impl Shape {
    pub(super) fn of(text: &[u8]) -> Self {
        let mut shape = Self::default();
        let mut before = b' ';
        let mut word = Word::default();
        let mut far_letters = 0_usize;
        for &byte in text {
            match byte {
                b'a'..=b'z' => shape.lower += 1,
                b'A'..=b'Z' => shape.upper += 1,
                b'0'..=b'9' => shape.digits += 1,
                _ => shape.marks += 1,
            }
            if byte.is_ascii_alphanumeric() {
                shape.words += usize::from(!before.is_ascii_alphanumeric());
                word.add(byte);
            } else {
                shape.mixed_words += usize::from(word.is_mixed());
                word = Word::default();
            }
            far_letters += usize::from(byte.is_ascii_alphabetic() && !byte.is_ascii_hexdigit());
            if before.is_ascii_alphanumeric() && byte.is_ascii_alphanumeric() {
                shape.pairs += 1;
                let turns = before.is_ascii_digit() != byte.is_ascii_digit();
                shape.turns += usize::from(turns);
                shape.odd += usize::from(turns || is_odd(before, byte));
            }
            before = byte;
        }
        shape.mixed_words += usize::from(word.is_mixed());
        shape.is_hex = far_letters == 0 && (shape.lower == 0 || shape.upper == 0);
        shape
    }

    pub(super) fn letters(&self) -> usize {
        self.lower + self.upper
    }

    /// Letters and digits.
    pub(super) fn alnums(&self) -> usize {
        self.letters() + self.digits
    }

    /// Whether of 100 pairs at least `of_100` are odd.
    pub(super) fn is_odd(&self, of_100: usize) -> bool {
        self.odd * 100 >= self.pairs * of_100 && self.odd > 0
    }

    /// Hexadecimal digits, and not a number.
    pub(super) fn is_hex(&self) -> bool {
        self.is_hex && self.digits > 0 && self.letters() > 0
    }

    /// A generator made it, as far as one can tell. Below 12 letters and digits, one cannot.
    pub(super) fn is_random(&self) -> bool {
        match self.alnums() {
            0..12 => false,
            12..16 => self.is_odd(40) && (self.digits > 0 || self.is_odd(55)),
            _ if self.is_hex() && self.turns >= 2 => true,
            // Names in program text have no digits.
            _ if self.digits == 0 => self.is_odd(if self.letters() < 28 { 41 } else { 34 }),
            // One number in a name: `x509Authentication`.
            _ if self.turns <= 2 => self.is_odd(42),
            16..24 => self.is_odd(33),
            _ => self.is_odd(29),
        }
    }

    /// A name in program text does not look so. Random letters and digits do, but for one in a thousand keys.
    pub(super) fn is_no_name(&self) -> bool {
        self.is_hex() || self.is_odd(25)
    }

    /// Words of people with marks between them, numbers among them: `your-api-key`, `capital-2024`, `user.password`.
    pub(super) fn is_phrase(&self) -> bool {
        self.letters() > 0 && self.mixed_words == 0 && (self.words > 1 || self.digits == 0) && !self.is_odd(27)
    }

    /// Letters and digits in one: `hunter22`.
    pub(super) fn has_letters_and_digits(&self) -> bool {
        self.letters() > 0 && self.digits > 0
    }
}

/// A run of letters and digits.
#[derive(Default)]
struct Word {
    letters: usize,
    digits: usize,
    is_turned: bool,
}

impl Word {
    fn add(&mut self, byte: u8) {
        if byte.is_ascii_digit() {
            self.digits += 1;
        } else {
            self.is_turned |= self.digits > 0;
            self.letters += 1;
        }
    }

    fn is_mixed(&self) -> bool {
        self.letters > 0 && self.digits > 0 && (self.is_turned || self.digits > 3)
    }
}

fn is_odd(first: u8, second: u8) -> bool {
    if first.is_ascii_digit() {
        return false;
    }
    if first.is_ascii_lowercase() && second.is_ascii_uppercase() {
        return true;
    }
    let (first, second) = (first.to_ascii_lowercase(), second.to_ascii_lowercase());
    COMMON[usize::from(first - b'a')] & 1 << (second - b'a') == 0
}

#[cfg(test)]
mod tests {
    use super::Shape;

    fn check(text: &str, is_random: bool) {
        let shape = Shape::of(text.as_bytes());
        assert_eq!(shape.is_random(), is_random, "{text}: {shape:?}");
    }

    #[test]
    fn keys_are_told_from_words() {
        for key in [
            "q8Zk3vWp0sTn7xLb",
            "f47ac10b58cc4372a567",
            "xqzvkjwpbgmrtyhn",
            "JBSWY3DPEHPK3PXP",
        ] {
            check(key, true);
        }
        for words in [
            "getUserAccessTokenFromRequest",
            "risk-adjusted-return-on-capital-2024",
            "fading-circle-container-for-loading",
            "process.env.OPENAI_API_KEY",
            "authentication",
            "2024-01-01T00:00:00",
        ] {
            check(words, false);
        }
        assert!(Shape::of(b"capital-2024").is_phrase());
        assert!(!Shape::of(b"hunter22").is_phrase());
    }
}
