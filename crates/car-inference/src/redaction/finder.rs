//! Finds the secrets in one text, which may come in pieces: with the built-in rules and the host's patterns.

use std::borrow::Cow;

use super::builtin::Scanner;
use super::coverage::Coverage;
use super::scan::Scan;
use super::{REDACTED, Shared};

/// Finds the secrets of one text. Positions are bytes from its start. The result does not depend on how the text is
/// split.
#[derive(Default)]
pub(super) struct Finder {
    patterns: Scan,
    rules: Scanner,
    by_rules: Coverage,
    seen: usize,
}

impl Finder {
    /// The text with its secrets replaced; `None` when it has no secrets.
    pub(super) fn redact_whole(shared: &Shared, text: &str) -> Option<String> {
        let mut finder = Self::default();
        if shared.knows_secrets {
            Scanner::whole(text.as_bytes(), &mut finder.by_rules);
        }
        if !shared.machine.is_empty() {
            finder.patterns.feed(&shared.machine, text);
            finder.patterns.finish(&shared.machine);
        }
        finder.apply(text, 0)
    }

    /// Continues with the next piece of the text.
    #[inline]
    pub(super) fn feed(&mut self, shared: &Shared, text: &str) {
        self.seen += text.len();
        match shared.knows_secrets {
            true => self.rules.feed(text.as_bytes(), &mut self.by_rules),
            false => self.rules.pass_over(text.len()),
        }
        match shared.machine.is_empty() {
            true => self.patterns.pass_over(text),
            false => self.patterns.feed(&shared.machine, text),
        }
    }

    /// Ends the text.
    pub(super) fn finish(&mut self, shared: &Shared) {
        if shared.knows_secrets {
            self.rules.finish(&mut self.by_rules);
        }
        self.patterns.finish(&shared.machine);
    }

    /// How many bytes of the text were read.
    pub(super) fn seen(&self) -> usize {
        self.seen
    }

    /// The first byte that may still become secret. Everything before it is final.
    pub(super) fn settled(&self, shared: &Shared) -> usize {
        let by_rules = match shared.knows_secrets {
            true => self.by_rules.uncovered_from(self.rules.open()),
            false => self.seen,
        };
        let by_patterns = match shared.machine.is_empty() {
            true => self.seen,
            false => self.patterns.settled(),
        };
        by_rules.min(by_patterns)
    }

    /// Whether the rest of the text can be read without the text so far, except for its last bytes.
    pub(super) fn is_idle(&self) -> bool {
        self.patterns.is_idle() && self.rules.is_idle()
    }

    /// Whether nothing from `at` on is secret so far.
    pub(super) fn is_clear_from(&self, at: usize) -> bool {
        self.by_rules.is_clear_from(at) && self.patterns.coverage.is_clear_from(at)
    }

    /// Treats the undecided bytes as secret.
    pub(super) fn cover_unsettled(&mut self, shared: &Shared) {
        let settled = self.settled(shared);
        if settled < self.seen {
            self.patterns.coverage.cover(settled..self.seen);
        }
    }

    /// The piece of the text that begins at `from`, with its secrets replaced; `None` when it has no secrets.
    pub(super) fn apply(&self, text: &str, from: usize) -> Option<String> {
        let coverage = match (self.by_rules.is_empty(), self.patterns.coverage.is_empty()) {
            (true, true) => return None,
            (false, true) => Cow::Borrowed(&self.by_rules),
            (true, false) => Cow::Borrowed(&self.patterns.coverage),
            (false, false) => Cow::Owned(self.by_rules.union(&self.patterns.coverage)),
        };
        coverage.apply(text, from, REDACTED)
    }

    /// Forgets secrets that end before `at`.
    pub(super) fn forget_before(&mut self, at: usize) {
        self.by_rules.forget_before(at);
        self.patterns.coverage.forget_before(at);
    }
}
