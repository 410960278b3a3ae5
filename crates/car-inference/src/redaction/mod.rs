//! Removes secrets from what is recorded, before it is written to a log. Owns what a secret looks like and how it is
//! found in text, in JSON and in text that comes in pieces. Pure: no clock, no channel, no I/O; refuses to know any log.
//!
//! **What is found.** Built-in rules find keys by their format, and secrets by the label before them
//! (`"authorization":"`, `api_key=`); the label stays. A host's pattern may match at every position, each time as far
//! as it can. The text of all matches is secret. Secrets that overlap or touch are merged, and each becomes one
//! [`REDACTED`]. So a secret within another, or across two, is removed completely; leftmost matching would not
//! guarantee that.
//!
//! **What it costs.** The rules read text once, and so do the patterns. At positions where no secret can begin, the
//! only cost is a lookup in a table of byte pairs.

mod answer;
mod automaton;
mod builtin;
mod coverage;
mod cursor;
mod failure;
mod finder;
mod json;
mod json_text;
mod machine;
mod names;
mod options;
mod path;
mod request;
mod scan;
mod stream;

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;

pub use options::RedactionOptions;
pub use stream::RedactedStream;

use crate::error::{Failure, Problem};
use crate::stream::{Completion, StreamEvent};
use crate::tasks::generate::GenerateRequest;
use automaton::{Automaton, Unfit};
use finder::Finder;
use json::redact_json;
use machine::Machine;
use path::{Key, Path, Positions};

/// What stands in a secret's place.
pub const REDACTED: &str = "[REDACTED]";

const PATTERNS_MAX: usize = 64;
const FIELDS_MAX: usize = 256;

/// Finds and removes secrets. Cloning shares what was compiled.
///
/// ```
/// use car_inference::redaction::{Redaction, RedactionOptions};
/// let options = RedactionOptions {
///     patterns: vec![r"EMP-\d{6}".into()],
///     fields: vec!["**.ssn".into()],
///     ..Default::default()
/// };
/// let redaction = Redaction::new(&options).unwrap();
/// assert_eq!(redaction.text("EMP-123456 asked"), "[REDACTED] asked");
/// assert_eq!(redaction.text("Authorization: Bearer s3cr3t"), "Authorization: Bearer [REDACTED]");
///
/// let mut value = serde_json::json!({ "headers": { "X-Api-Key": "k" }, "people": [{ "ssn": 1 }], "maxTokens": 9 });
/// redaction.value(&mut value);
/// assert_eq!(
///     value.to_string(),
///     r#"{"headers":{"X-Api-Key":"[REDACTED]"},"people":[{"ssn":"[REDACTED]"}],"maxTokens":9}"#,
/// );
/// ```
#[derive(Clone)]
pub struct Redaction {
    shared: Arc<Shared>,
}

struct Shared {
    machine: Machine,
    paths: Vec<Path>,
    /// Whether the built-in rules apply.
    knows_secrets: bool,
}

impl Redaction {
    /// Compiles the patterns and fields of `options`. The tables of the built-in rules are built once per process, in
    /// less than a millisecond.
    ///
    /// # Errors
    /// Every pattern and every field that cannot be used, as `redaction.patterns[i]` and `redaction.fields[i]`.
    pub fn new(options: &RedactionOptions) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let knows_secrets = options.builtin.unwrap_or(true);
        let mut machine = Machine::new();
        check_count(
            "redaction.patterns",
            options.patterns.len(),
            PATTERNS_MAX,
            &mut problems,
        );
        for (index, pattern) in options.patterns.iter().enumerate().take(PATTERNS_MAX) {
            match Automaton::new(pattern) {
                Ok(automaton) => machine.add(automaton),
                Err(unfit) => problems.push(Problem::new(format!("redaction.patterns[{index}]"), advice(&unfit))),
            }
        }
        check_count("redaction.fields", options.fields.len(), FIELDS_MAX, &mut problems);
        let mut paths = Vec::new();
        for (index, field) in options.fields.iter().enumerate().take(FIELDS_MAX) {
            match Path::parse(field) {
                Ok(path) => paths.push(path),
                Err(message) => problems.push(Problem::new(format!("redaction.fields[{index}]"), message)),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let shared = Shared {
            machine,
            paths,
            knows_secrets,
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// The text with [`REDACTED`] for each secret; the text itself when it holds none.
    ///
    /// What could become a match but does not end is taken for one after 64 KiB, so that this finds what
    /// [`RedactedStream`] finds in the same text.
    #[must_use]
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.redacted(text).map_or(Cow::Borrowed(text), Cow::Owned)
    }

    /// Redacts JSON: the fields of the options by their path from this value, fields with a secret's name whose value
    /// is text or an array of texts, and patterns in every text and every field's name. Numbers and booleans stay
    /// unless a path leads to them; `null` always does.
    pub fn value(&self, value: &mut Value) {
        redact_json(self, value, self.root());
    }

    /// Redacts an event. Text in base64 is left alone unless a path leads to it.
    ///
    /// A delta is looked at by itself: of a secret in several, [`RedactedStream`] knows.
    pub fn event(&self, event: &mut StreamEvent) {
        answer::redact_event(self, event);
    }

    /// Redacts a request. Text in base64, and the trace id by which the log finds a call, are left alone unless a path
    /// leads to them.
    pub fn request(&self, request: &mut GenerateRequest) {
        request::redact_request(self, request);
    }

    /// Redacts a completion. What must go back unchanged on the next turn, such as signatures, is changed only where a
    /// pattern matches or a path leads to it.
    pub fn completion(&self, completion: &mut Completion) {
        answer::redact_completion(self, completion);
    }

    /// Redacts a failure.
    pub fn failure(&self, failure: &mut Failure) {
        failure::redact_failure(self, failure);
    }

    fn redacted(&self, text: &str) -> Option<String> {
        Finder::redact_whole(&self.shared, text)
    }

    fn text_in_place(&self, text: &mut String) {
        if let Some(redacted) = self.redacted(text) {
            *text = redacted;
        }
    }

    fn root(&self) -> Positions {
        Positions::root(&self.shared.paths)
    }

    fn child(&self, positions: &Positions, key: Key<'_>) -> (Positions, bool) {
        positions.child(&self.shared.paths, key)
    }

    fn knows_secrets(&self) -> bool {
        self.shared.knows_secrets
    }
}

impl std::fmt::Debug for Redaction {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Redaction").finish_non_exhaustive()
    }
}

fn check_count(path: &str, count: usize, max: usize, problems: &mut Vec<Problem>) {
    if count > max {
        problems.push(Problem::new(path, format!("at most {max}, are {count}")));
    }
}

fn advice(unfit: &Unfit) -> String {
    match unfit {
        Unfit::Syntax(error) => format!("not a regular expression in the syntax of Rust's `regex`: {error}"),
        Unfit::MatchesNothing => "matches the empty string, and so everywhere; have it match something, such as with \
                                  `+` for `*`"
            .to_owned(),
        Unfit::UnicodeWordBoundary => {
            r"word boundaries by Unicode's rules are not supported; write `(?-u:\b)` for ASCII's".to_owned()
        }
        Unfit::TooLarge => {
            r"too large; split it, repeat less (`{1,100}`), or use ASCII's classes (`[0-9]` for `\d`)".to_owned()
        }
    }
}
