//! Decides whether the value after a label is a secret.

use super::label::Label;
use super::lookalike::{has_password_marks, is_name_of_secret, is_no_secret};
use super::shape::Shape;

/// How a value is written, from what leaves least doubt to what leaves most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// In quotes, or between the tags of XML.
    Quoted,
    /// Part of an address: `?key=`.
    Query,
    /// In settings and commands: `KEY=value`, `--key value`.
    Assigned,
    /// After a colon or an equals sign with spaces.
    Plain,
    /// Near the label, in prose or in a table.
    Loose,
    /// After a mark that seldom stands between a name and its value.
    Near,
}

/// Whether `value` is the secret that `label` names.
pub(super) fn is_secret(label: Label, value: &[u8], manner: Manner) -> bool {
    if value.len() < 4 || is_no_secret(value) {
        return false;
    }
    let shape = Shape::of(value);
    if manner == Manner::Near {
        return is_secret_near(label, value, &shape);
    }
    match label {
        Label::Password | Label::Passphrase => is_password(value, &shape, manner),
        Label::Secret | Label::Authorization => is_key(value, &shape, manner),
        Label::Token => match manner {
            Manner::Loose => shape.alnums() >= 16 && shape.is_random(),
            Manner::Query => is_key(value, &shape, manner),
            _ => shape.is_random() || shape.alnums() >= 10 && is_mixed(&shape) && shape.is_odd(30),
        },
        Label::Maybe => shape.alnums() >= 16 && shape.is_random() && !is_uuid(value),
        Label::Key => match manner {
            Manner::Query => shape.alnums() >= 16 && shape.is_random() && !is_uuid(value),
            Manner::Loose => false,
            _ => {
                shape.alnums() >= 20
                    && shape.is_random()
                    && is_mixed(&shape)
                    && !value.iter().any(|byte| matches!(byte, b'/' | b'.'))
            }
        },
        Label::Query => manner == Manner::Query && shape.alnums() >= 16 && shape.is_random() && !is_uuid(value),
        Label::Cookie => false,
    }
}

fn is_secret_near(label: Label, value: &[u8], shape: &Shape) -> bool {
    match label {
        Label::Password | Label::Passphrase => shape.is_random() || is_strong_password(value, shape),
        Label::Secret | Label::Token | Label::Maybe => shape.alnums() >= 16 && shape.is_random() && !is_uuid(value),
        Label::Key | Label::Query | Label::Authorization | Label::Cookie => false,
    }
}

/// Letters of both cases or digits, and marks that forms ask for and program text seldom has within a name.
fn is_strong_password(value: &[u8], shape: &Shape) -> bool {
    const BYTES_MIN: usize = 8;
    let is_mark = |byte: &&u8| b"!@#$%^*?~+".contains(*byte);
    let all_fit = value
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || is_mark(&byte) || b"_-.".contains(byte));
    let marks_within = value[1..value.len() - 1].iter().filter(is_mark).count();
    let has_kinds = match marks_within {
        0 => false,
        1 => shape.has_letters_and_digits(),
        _ => shape.has_letters_and_digits() || shape.lower > 0 && shape.upper > 0,
    };
    value.len() >= BYTES_MIN && all_fit && has_kinds
}

fn is_password(value: &[u8], shape: &Shape, manner: Manner) -> bool {
    if shape.is_random() {
        return true;
    }
    let has_mark_between = shape.letters() > 0 && has_password_marks(value);
    match manner {
        Manner::Quoted | Manner::Query => {
            !is_name_of_secret(value) && (value.len() >= 6 || has_mark_between || shape.has_letters_and_digits())
        }
        _ => value.len() >= 6 && (has_mark_between || shape.has_letters_and_digits() && !shape.is_phrase()),
    }
}

fn is_key(value: &[u8], shape: &Shape, manner: Manner) -> bool {
    if shape.is_random() {
        return true;
    }
    if shape.is_phrase() || is_name_of_secret(value) {
        return false;
    }
    let has_two_kinds = shape.has_letters_and_digits() || has_password_marks(value);
    match manner {
        Manner::Quoted => value.len() >= 6 && has_two_kinds,
        Manner::Query | Manner::Assigned => value.len() >= 8 && has_two_kinds && (shape.words == 1 || shape.is_odd(25)),
        Manner::Plain => shape.alnums() >= 16 && has_two_kinds || value.len() >= 8 && has_two_kinds && shape.is_odd(25),
        Manner::Loose | Manner::Near => false,
    }
}

pub(super) fn is_mixed(shape: &Shape) -> bool {
    shape.lower > 0 && shape.upper > 0 && shape.digits > 0
}

/// An id as RFC 9562 writes it.
fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Whether a pass phrase of several words may be secret: nothing that a form would say.
pub(super) fn is_passphrase(value: &[u8]) -> bool {
    let mut words = 0;
    for word in value.split(|byte| *byte == b' ').filter(|word| !word.is_empty()) {
        words += 1;
        let folded = word.to_ascii_lowercase();
        let is_said_in_sentences = matches!(
            folded.as_slice(),
            b"a" | b"an"
                | b"and"
                | b"are"
                | b"be"
                | b"can"
                | b"cannot"
                | b"do"
                | b"does"
                | b"enter"
                | b"for"
                | b"if"
                | b"in"
                | b"is"
                | b"it"
                | b"its"
                | b"must"
                | b"not"
                | b"of"
                | b"or"
                | b"please"
                | b"should"
                | b"that"
                | b"the"
                | b"this"
                | b"to"
                | b"use"
                | b"used"
                | b"when"
                | b"which"
                | b"will"
                | b"with"
                | b"you"
                | b"your"
        );
        if is_said_in_sentences || is_name_of_secret(word) || folded.ends_with(b".") {
            return false;
        }
    }
    words >= 3
}
