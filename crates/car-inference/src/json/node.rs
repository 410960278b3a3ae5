//! A parse tree of JSON text: each node knows its place in the text.

use std::borrow::Cow;
use std::ops::Range;

use serde::de::IgnoredAny;

use crate::depth::LEVELS_MAX;

/// A value in JSON text.
pub(crate) struct Node<'t> {
    /// Its place in the text, in bytes.
    pub at: Range<usize>,
    pub kind: Kind<'t>,
}

pub(crate) enum Kind<'t> {
    Null,
    Bool(bool),
    /// As it is written.
    Number(&'t str),
    String(Text<'t>),
    Array(Vec<Node<'t>>),
    /// In the order of the text; a name may occur twice.
    Object(Vec<(Text<'t>, Node<'t>)>),
}

/// A string in JSON text.
pub(crate) struct Text<'t> {
    /// Its place in the text, quotes included.
    pub at: Range<usize>,
    /// Its content, with U+FFFD for each half of a surrogate pair.
    pub says: Cow<'t, str>,
    /// Whether it has no unpaired surrogate.
    pub is_whole: bool,
}

impl<'t> Node<'t> {
    /// Parses JSON text. `None` when it is not JSON, or nested too deeply.
    pub(crate) fn read(text: &'t str) -> Option<Self> {
        // Serde checks the grammar, so the code below does not have to.
        serde_json::from_str::<IgnoredAny>(text).ok()?;
        let mut reader = Reader { text, at: 0 };
        reader.node(0)
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// Skips the separator between items. Returns whether another item follows.
    fn goes_on(&mut self, close: u8) -> Option<bool> {
        self.skip_space();
        if self.peek()? == b',' {
            self.at += 1;
            self.skip_space();
        }
        if self.peek()? == close {
            self.at += 1;
            return Some(false);
        }
        Some(true)
    }

    fn node(&mut self, level: usize) -> Option<Node<'t>> {
        self.skip_space();
        let start = self.at;
        let kind = match self.peek()? {
            b'{' | b'[' if level == LEVELS_MAX => return None,
            b'{' => {
                self.at += 1;
                let mut fields = Vec::new();
                while self.goes_on(b'}')? {
                    let name = self.string()?;
                    self.skip_space();
                    self.at += 1; // The colon.
                    fields.push((name, self.node(level + 1)?));
                }
                Kind::Object(fields)
            }
            b'[' => {
                self.at += 1;
                let mut items = Vec::new();
                while self.goes_on(b']')? {
                    items.push(self.node(level + 1)?);
                }
                Kind::Array(items)
            }
            b'"' => Kind::String(self.string()?),
            _ => match self.word()? {
                "null" => Kind::Null,
                "true" => Kind::Bool(true),
                "false" => Kind::Bool(false),
                number => Kind::Number(number),
            },
        };
        Some(Node {
            at: start..self.at,
            kind,
        })
    }

    fn word(&mut self) -> Option<&'t str> {
        let rest = self.text.get(self.at..)?;
        let ends = |byte: u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r');
        let length = rest.bytes().position(ends).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length)
    }

    fn string(&mut self) -> Option<Text<'t>> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut is_escaped = false;
        let mut at = start + 1;
        while *bytes.get(at)? != b'"' {
            if bytes[at] == b'\\' {
                is_escaped = true;
                at += 1;
            }
            at += 1;
        }
        let written = self.text.get(start + 1..at)?;
        self.at = at + 1;
        let (says, is_whole) = if is_escaped {
            let (says, is_whole) = unescaped(written);
            (Cow::Owned(says), is_whole)
        } else {
            (Cow::Borrowed(written), true)
        };
        Some(Text {
            at: start..self.at,
            says,
            is_whole,
        })
    }
}

/// Decodes a string with escapes. Also returns whether it has no unpaired surrogate.
fn unescaped(written: &str) -> (String, bool) {
    let mut units: Vec<u16> = Vec::with_capacity(written.len());
    let mut rest = written.chars();
    while let Some(character) = rest.next() {
        let unescaped = match character {
            '\\' => match rest.next() {
                Some('b') => '\u{8}',
                Some('f') => '\u{c}',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some('u') => {
                    let (digits, after) = rest.as_str().split_at_checked(4).unwrap_or((rest.as_str(), ""));
                    units.push(u16::from_str_radix(digits, 16).unwrap_or(0xfffd));
                    rest = after.chars();
                    continue;
                }
                Some(other) => other,
                None => break,
            },
            character => character,
        };
        units.extend_from_slice(unescaped.encode_utf16(&mut [0; 2]));
    }
    let mut is_whole = true;
    let says = char::decode_utf16(units)
        .map(|unit| {
            unit.unwrap_or_else(|_half| {
                is_whole = false;
                char::REPLACEMENT_CHARACTER
            })
        })
        .collect();
    (says, is_whole)
}
