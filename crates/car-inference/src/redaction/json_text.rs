//! Redacts JSON text in place: everything that is not secret stays the same, byte for byte. The rules are those of
//! [`json`](super::json). Patterns are also searched in numbers, which are text here.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use super::builtin::{Member, is_secret_after, is_secret_member};
use super::json::{Fate, fate, named_by_a_text};
use super::path::{Key, Positions};
use super::{REDACTED, Redaction};
use crate::json::{Kind, Node, Text};

/// Redacts a value at `positions`; a path may select the whole value.
pub(super) fn redact_json_text(
    redaction: &Redaction,
    text: &str,
    root: &Node<'_>,
    positions: &Positions,
    whole: bool,
) -> Option<String> {
    let mut walk = Walk {
        redaction,
        replaced: Vec::new(),
    };
    match &root.kind {
        // As for values: an object stays an object.
        Kind::Object(fields) if whole => fields.iter().for_each(|(_, value)| walk.replace_whole(value)),
        _ if whole => walk.replace_whole(root),
        _ => walk.value(root, positions),
    }
    if walk.replaced.is_empty() {
        return None;
    }
    let mut redacted = String::with_capacity(text.len());
    let mut at = 0;
    for (range, instead) in walk.replaced {
        redacted.push_str(text.get(at..range.start).unwrap_or_default());
        redacted.push_str(&serde_json::Value::from(instead).to_string());
        at = range.end;
    }
    redacted.push_str(text.get(at..).unwrap_or_default());
    Some(redacted)
}

struct Walk<'r> {
    redaction: &'r Redaction,
    /// The replaced ranges with their new text, in order.
    replaced: Vec<(Range<usize>, String)>,
}

impl Walk<'_> {
    /// Recursive: the nesting of nodes is bounded.
    fn value(&mut self, node: &Node<'_>, positions: &Positions) {
        match &node.kind {
            Kind::Null | Kind::Bool(_) => {}
            Kind::Number(number) => {
                if matches!(self.redaction.text(number), Cow::Owned(_)) {
                    self.replace(&node.at, REDACTED.to_owned());
                }
            }
            Kind::String(text) => self.text(text),
            Kind::Array(items) => {
                let mut before = None;
                for (index, item) in items.iter().enumerate() {
                    let (positions, ends) = self.redaction.child(positions, Key::Index(index));
                    let text = text_of(item);
                    let is_named = self.redaction.knows_secrets()
                        && matches!((before, text), (Some(name), Some(text)) if is_secret_after(name, text));
                    before = text;
                    if ends || is_named {
                        self.replace_whole(item);
                    } else {
                        self.value(item, &positions);
                    }
                }
            }
            Kind::Object(fields) => {
                let mut names: HashSet<Cow<'_, str>> =
                    fields.iter().map(|(name, _)| name.says.as_ref().into()).collect();
                let named = named_by_a_text(self.redaction, |wanted| {
                    let (_, value) = fields.iter().find(|(name, _)| name.says == wanted)?;
                    text_of(value)
                });
                for (name, value) in fields {
                    self.name(name, &mut names);
                    match fate(self.redaction, positions, &name.says, named) {
                        Fate::Whole => self.replace_whole(value),
                        Fate::Texts(member, positions) => {
                            if !self.replace_texts(member, value) {
                                self.value(value, &positions);
                            }
                        }
                        Fate::Inside(positions) => self.value(value, &positions),
                    }
                }
            }
        }
    }

    fn text(&mut self, text: &Text<'_>) {
        if let Cow::Owned(redacted) = self.redaction.text(&text.says) {
            self.replace(&text.at, redacted);
        }
    }

    /// Redacts a field's name, and keeps it different from the other names.
    fn name(&mut self, name: &Text<'_>, names: &mut HashSet<Cow<'_, str>>) {
        let Cow::Owned(wanted) = self.redaction.text(&name.says) else {
            return;
        };
        let mut redacted = wanted.clone();
        let mut number = 2;
        while !names.insert(Cow::Owned(redacted.clone())) {
            redacted = format!("{wanted} {number}");
            number += 1;
        }
        self.replace(&name.at, redacted);
    }

    /// Absent values stay absent.
    fn replace_whole(&mut self, node: &Node<'_>) {
        if !matches!(node.kind, Kind::Null) {
            self.replace(&node.at, REDACTED.to_owned());
        }
    }

    /// Redacts a text or an array of texts. Returns whether the node is one of these.
    fn replace_texts(&mut self, member: Member, node: &Node<'_>) -> bool {
        match &node.kind {
            Kind::String(text) => self.replace_text(member, text),
            Kind::Array(items) => {
                let texts: Option<Vec<_>> = items
                    .iter()
                    .map(|item| match &item.kind {
                        Kind::String(text) => Some(text),
                        _ => None,
                    })
                    .collect();
                let Some(texts) = texts else { return false };
                texts.into_iter().for_each(|text| self.replace_text(member, text));
            }
            _ => return false,
        }
        true
    }

    fn replace_text(&mut self, member: Member, text: &Text<'_>) {
        if is_secret_member(member, &text.says) {
            self.replace(&text.at, REDACTED.to_owned());
        } else {
            self.text(text);
        }
    }

    fn replace(&mut self, at: &Range<usize>, instead: String) {
        self.replaced.push((at.clone(), instead));
    }
}

fn text_of<'n>(node: &'n Node<'_>) -> Option<&'n str> {
    match &node.kind {
        Kind::String(text) => Some(&text.says),
        _ => None,
    }
}
