//! Splits text into words. The durable log's index, the log in memory and the text filters all use this module, so that
//! the same words find the same text everywhere.
//!
//! - A word is a run of letters, digits and the marks that belong to them. Everything else separates words.
//! - Words are compared after compatibility normalisation (NFKC) and full case folding. The dotted and the dotless `i` of Turkish
//!   are the same as `i`. Accents count: `café` is not `cafe`.
//! - Scripts without spaces between words, and Hangul, whose words take endings, are split into single characters. A
//!   search for several of them is a phrase search, so it finds them anywhere in a sentence.

use std::borrow::Cow;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The maximum length of a word in bytes. Longer words are cut, so that encoded data does not fill an index.
const WORD_BYTES_MAX: usize = 1_024;

/// The version of the rules in this file. Raise it when a text gets different words: indexes are then rebuilt.
const RULES: u32 = 1;

/// The rules that an index was made by: this file's version, and the versions of its Unicode tables.
pub(crate) static WORD_RULES: LazyLock<String> = LazyLock::new(|| {
    let version = |(major, minor, patch): (u64, u64, u64)| format!("{major}.{minor}.{patch}");
    let (std_major, std_minor, std_patch) = char::UNICODE_VERSION;
    let case = version((std_major.into(), std_minor.into(), std_patch.into()));
    let (major, minor, patch) = unicode_normalization::UNICODE_VERSION;
    let forms = version((major.into(), minor.into(), patch.into()));
    format!("{RULES}, case of Unicode {case}, forms of Unicode {forms}")
});

/// The words of a text, in order, with one character between them: a line feed if something separates them in the text,
/// else a space. So words joined by spaces are characters of a script without spaces, and the words next to them.
pub(crate) fn words(text: &str) -> String {
    let mut words = Words {
        text: String::with_capacity(text.len()),
        ..Words::default()
    };
    // An ASCII separator never combines with the next character into a letter, so each piece between two separators can
    // be processed on its own.
    for piece in text.split(|character: char| character.is_ascii() && !character.is_ascii_alphanumeric()) {
        if piece.is_ascii() {
            piece
                .chars()
                .for_each(|character| words.letter(character.to_ascii_lowercase()));
        } else {
            words.push_piece(piece);
        }
        words.end_run();
    }
    words.text
}

/// The words of a text for an index that splits at every ASCII character except letters and digits, and ignores the
/// case of ASCII letters. ASCII text is returned unchanged.
pub(crate) fn words_to_index(text: &str) -> Cow<'_, str> {
    let longest = || {
        let pieces = text.as_bytes().split(|byte| !byte.is_ascii_alphanumeric());
        pieces.map(<[u8]>::len).max().unwrap_or_default()
    };
    if text.is_ascii() && longest() <= WORD_BYTES_MAX {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(words(text))
    }
}

/// The output of the splitter.
#[derive(Default)]
struct Words {
    text: String,
    /// The length of the current word; 0 between words.
    word_bytes: usize,
    /// Whether there was a separator since the last word.
    is_separated: bool,
}

impl Words {
    /// Adds a piece without ASCII separators.
    fn push_piece(&mut self, piece: &str) {
        let mut written = 0;
        let mut characters = piece.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            let next = characters.peek().map(|(_, next)| *next);
            // It needs no normalisation, unless the next character combines with it.
            if is_settled(character) && next.is_none_or(|next| is_settled(next) || next.is_ascii()) {
                self.push_folded(&piece[written..at]);
                self.alone(character);
                written = at + character.len_utf8();
            }
        }
        self.push_folded(&piece[written..]);
    }

    fn push_folded(&mut self, text: &str) {
        if !text.is_empty() {
            fold(text).chars().for_each(|character| self.push(character));
        }
    }

    fn push(&mut self, character: char) {
        let is_mark = is_combining_mark(character) && !is_symbol(character);
        if is_alone(character) && (is_mark || character.is_alphanumeric()) {
            self.alone(character);
        } else if is_mark {
            // A mark belongs to the letter before it.
            if self.word_bytes > 0 {
                self.letter(character);
            }
        } else if is_letter(character) {
            self.letter(character);
        } else {
            self.end_run();
        }
    }

    fn alone(&mut self, character: char) {
        self.begin_word();
        self.text.push(character);
        self.word_bytes = 0;
    }

    fn letter(&mut self, character: char) {
        if self.word_bytes == 0 {
            self.begin_word();
        }
        let word_bytes = self.word_bytes + character.len_utf8();
        if word_bytes <= WORD_BYTES_MAX {
            self.text.push(character);
            self.word_bytes = word_bytes;
        }
    }

    fn begin_word(&mut self) {
        if !self.text.is_empty() {
            self.text.push(if self.is_separated { '\n' } else { ' ' });
        }
        self.is_separated = false;
    }

    fn end_run(&mut self) {
        self.word_bytes = 0;
        self.is_separated = true;
    }
}

/// Normalised and case-folded, without invisible characters.
fn fold(text: &str) -> String {
    // Folded in decomposed form, in which each letter is separate from its accents, so that they do not hide its case.
    let mut folded = String::with_capacity(text.len());
    let mut after_i = false;
    for character in text.nfkd().filter(|character| !is_ignorable(*character)) {
        // In this form `İ` is `I` and a dot, and the capital of `ı` is `I`: all become `i`.
        if after_i && character == '\u{307}' {
            continue;
        }
        after_i &= is_combining_mark(character);
        if character.is_ascii() {
            let small = character.to_ascii_lowercase();
            after_i = small == 'i';
            folded.push(small);
            continue;
        }
        for character in without_case(character) {
            after_i |= character == 'i';
            folded.push(character);
        }
    }
    folded.nfkc().collect()
}

/// Unicode's full case folding, through the upper case: `ß` and `ẞ` become `ss`, `ς` becomes `σ`.
fn without_case(character: char) -> impl Iterator<Item = char> {
    let capitals = character.to_lowercase().flat_map(char::to_uppercase);
    capitals.flat_map(char::to_lowercase)
}

/// Characters that only affect how others are drawn: soft hyphens, joiners, directions, variants.
fn is_ignorable(character: char) -> bool {
    matches!(character,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{180B}'..='\u{180F}' | '\u{200D}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{E0100}'..='\u{E01EF}')
}

fn is_letter(character: char) -> bool {
    let is_private =
        matches!(character, '\u{E000}'..='\u{F8FF}' | '\u{F0000}'..='\u{FFFFD}' | '\u{100000}'..='\u{10FFFD}');
    (character.is_alphanumeric() || is_private) && !is_symbol(character)
}

/// Marks and letters that form symbols: keycaps, letters in squares.
fn is_symbol(character: char) -> bool {
    matches!(character, '\u{20D0}'..='\u{20FF}' | '\u{1F130}'..='\u{1F189}')
}

/// Whether a character is a word by itself, has no case, and is normalised; true for the most frequent such characters.
fn is_settled(character: char) -> bool {
    matches!(character,
        '\u{3041}'..='\u{3096}' | '\u{30A1}'..='\u{30FA}' | '\u{30FC}' // Hiragana, Katakana
        | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' // Han
        | '\u{AC00}'..='\u{D7A3}') // Hangul
}

/// Whether a character of this script is a word by itself. In the order of Unicode's blocks.
fn is_alone(character: char) -> bool {
    matches!(character,
        '\u{0E00}'..='\u{0EFF}' // Thai, Lao
        | '\u{1000}'..='\u{109F}' // Myanmar
        | '\u{1100}'..='\u{11FF}' // Hangul Jamo
        | '\u{1780}'..='\u{17FF}' // Khmer
        | '\u{1950}'..='\u{19DF}' // Tai Le, New Tai Lue
        | '\u{1A20}'..='\u{1AAF}' // Tai Tham
        | '\u{1B00}'..='\u{1B7F}' // Balinese
        | '\u{2E80}'..='\u{2FDF}' // Radicals
        | '\u{3005}'..='\u{3007}' | '\u{3021}'..='\u{3029}' | '\u{3031}'..='\u{3035}' | '\u{3038}'..='\u{303C}'
        // Hiragana, Katakana, Bopomofo, Hangul Compatibility Jamo; not the voicing marks, which belong to what is before them.
        | '\u{3040}'..='\u{3098}' | '\u{309B}'..='\u{31BF}'
        | '\u{31F0}'..='\u{31FF}' // Katakana Phonetic Extensions
        | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' // Han
        | '\u{A000}'..='\u{A4CF}' // Yi
        | '\u{A960}'..='\u{A97F}' // Hangul Jamo Extended-A
        | '\u{A980}'..='\u{A9FF}' // Javanese, Myanmar Extended-B
        | '\u{AA60}'..='\u{AADF}' // Myanmar Extended-A, Tai Viet
        | '\u{AC00}'..='\u{D7FF}' // Hangul
        | '\u{F900}'..='\u{FAFF}' // Han
        | '\u{11700}'..='\u{1174F}' // Ahom
        | '\u{16FE0}'..='\u{18DFF}' // Tangut, Khitan
        | '\u{1AFF0}'..='\u{1B2FF}' // Kana, Nushu
        | '\u{20000}'..='\u{3FFFD}') // Han
}
