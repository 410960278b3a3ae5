//! Fields of JSON values by their names: the same labels as in text, without parsing text.

use super::label::{LABEL_BYTES_MAX, Label};
use super::lookalike::stands_for_secret;
use super::value::{Manner, is_passphrase, is_secret};
use crate::redaction::names::is_secret_name;

/// What a field's name says of the texts in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::redaction) enum Member {
    /// Any text is secret that does not stand for one.
    Exact,
    /// Texts are secret that look so.
    Labelled(LabelOf),
}

/// A label, as other modules may hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::redaction) struct LabelOf(Label);

/// What the name of a field says; nothing when it is none of a secret.
pub(in crate::redaction) fn label_of(name: &str) -> Option<Member> {
    if is_secret_name(name) {
        return Some(Member::Exact);
    }
    Label::of(name.as_bytes()).map(|label| Member::Labelled(LabelOf(label)))
}

/// Whether a text is the secret that the name of its field tells.
pub(in crate::redaction) fn is_secret_member(member: Member, text: &str) -> bool {
    match member {
        Member::Exact => !text.is_empty() && !stands_for_secret(text.as_bytes()),
        Member::Labelled(LabelOf(Label::Cookie)) => text.contains('=') && !stands_for_secret(text.as_bytes()),
        Member::Labelled(LabelOf(Label::Authorization)) => {
            // A scheme is found by its own rule.
            is_secret(Label::Authorization, text.as_bytes(), Manner::Quoted)
        }
        Member::Labelled(LabelOf(label)) if text.contains(char::is_whitespace) => {
            label == Label::Passphrase && is_passphrase(text.as_bytes())
        }
        Member::Labelled(LabelOf(label)) => is_secret(label, text.as_bytes(), Manner::Quoted),
    }
}

/// Whether a text is the secret that the text before it in a list names: `["--api-key", "…"]`, `["x-api-key", "…"]`.
pub(in crate::redaction) fn is_secret_after(name: &str, text: &str) -> bool {
    let manner = if name.starts_with('-') {
        Manner::Assigned
    } else {
        Manner::Loose
    };
    name.len() <= LABEL_BYTES_MAX
        && !text.starts_with('-')
        && !text.contains(char::is_whitespace)
        && Label::ending(name.as_bytes()).is_some_and(|label| is_secret(label, text.as_bytes(), manner))
}
