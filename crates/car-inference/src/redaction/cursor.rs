//! A place in a value of ours, by the names its JSON has: what redacts texts and JSON there without losing types.

use serde_json::Value;

use super::json::{redact_json, replace_whole};
use super::json_text::redact_json_text;
use super::path::{Key, Positions};
use super::{REDACTED, Redaction};
use crate::json::Node;

/// A place in a request, an event, a completion or a failure.
pub(super) struct Cursor<'r> {
    redaction: &'r Redaction,
    positions: Positions,
    /// Whether a path ended at or above it, so that everything beneath is replaced.
    whole: bool,
}

impl<'r> Cursor<'r> {
    /// At the root.
    pub(super) fn new(redaction: &'r Redaction) -> Self {
        Self {
            redaction,
            positions: redaction.root(),
            whole: false,
        }
    }

    fn child(&self, key: Key<'_>) -> Self {
        let (positions, ends) = self.redaction.child(&self.positions, key);
        Self {
            redaction: self.redaction,
            positions,
            whole: self.whole || ends,
        }
    }

    /// At the field `name`.
    pub(super) fn field(&self, name: &str) -> Self {
        self.child(Key::Name(name))
    }

    /// Does `redact` at each item of the field `name`.
    pub(super) fn items<T>(&self, name: &str, items: &mut [T], redact: impl Fn(&Self, &mut T)) {
        if items.is_empty() {
            return;
        }
        let list = self.field(name);
        for (index, item) in items.iter_mut().enumerate() {
            redact(&list.child(Key::Index(index)), item);
        }
    }

    /// Redacts text.
    pub(super) fn text(&self, name: &str, text: &mut String) {
        self.field(name).this_text(text);
    }

    /// Redacts text that may be absent.
    pub(super) fn optional_text(&self, name: &str, text: &mut Option<String>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    /// Redacts a list of texts.
    pub(super) fn texts(&self, name: &str, texts: &mut [String]) {
        self.items(name, texts, |place, text| place.this_text(text));
    }

    /// Replaces text only when a path says so: base64, in which patterns would find what is not there, and the ids by
    /// which the log finds its calls.
    pub(super) fn opaque(&self, name: &str, text: &mut String) {
        if self.field(name).whole {
            REDACTED.clone_into(text);
        }
    }

    /// As [`opaque`](Self::opaque), of what may be absent.
    pub(super) fn optional_opaque(&self, name: &str, text: &mut Option<String>) {
        if let Some(text) = text {
            self.opaque(name, text);
        }
    }

    /// Redacts JSON.
    pub(super) fn json(&self, name: &str, value: &mut Value) {
        self.field(name).this_json(value);
    }

    /// Redacts JSON that may be absent.
    pub(super) fn optional_json(&self, name: &str, value: &mut Option<Value>) {
        if let Some(value) = value {
            self.json(name, value);
        }
    }

    /// Redacts a list of JSON.
    pub(super) fn jsons(&self, name: &str, values: &mut [Value]) {
        self.items(name, values, Self::this_json);
    }

    /// JSON text without its secrets; `None` when it has none. The field may have any of these names. The text is
    /// searched both as JSON and as plain text, because a pattern may match across values; then the result may no
    /// longer be JSON.
    pub(super) fn json_text(&self, names: [&str; 2], text: &str) -> Option<String> {
        let [place, other] = names.map(|name| self.field(name));
        let whole = place.whole || other.whole;
        let as_json =
            Node::read(text).and_then(|root| redact_json_text(self.redaction, text, &root, &place.positions, whole));
        let as_text = self.redaction.redacted(as_json.as_deref().unwrap_or(text));
        as_text.or(as_json)
    }

    fn this_text(&self, text: &mut String) {
        if self.whole {
            REDACTED.clone_into(text);
        } else {
            self.redaction.text_in_place(text);
        }
    }

    /// An object stays one, as some must be objects to be read again: its fields are replaced instead.
    fn this_json(&self, value: &mut Value) {
        match value {
            Value::Object(fields) if self.whole => fields.values_mut().for_each(replace_whole),
            value if self.whole => replace_whole(value),
            value => redact_json(self.redaction, value, self.positions.clone()),
        }
    }
}
