//! Runs the automata of a host's patterns over one text that may come in pieces: what is secret so far, and from where on that is still
//! open. What it finds does not depend on where the text is cut. Pure.
//!
//! A search is a start and a state of an automaton. One begins wherever a match may begin, so there may be several;
//! two at one state have the same future, and the one that began first covers all that the other could. So no more
//! searches are kept than there are states, whatever the text.

use regex_automata::util::primitives::StateID;

use super::automaton::Turn;
use super::coverage::Coverage;
use super::machine::Machine;

/// Bytes that may be held back because they could become part of a match. When there are more, they are taken for a
/// match: what cannot be told apart from a secret is not recorded. 64 KiB, far above any key; a long PEM file has 5.
pub(super) const HELD_BYTES_MAX: usize = 64 * 1024;

/// Searches among which equal ones are looked for one by one, at each beginning.
const FEW_SEARCHES: usize = 8;

/// A start that is after any other: that of no search.
const NOWHERE: usize = usize::MAX;

#[derive(Clone, Copy)]
struct Search {
    automaton: usize,
    state: StateID,
    start: usize,
}

/// One text's searches. Positions are bytes since its start.
pub(super) struct Scan {
    /// How much of the text was seen.
    at: usize,
    before: Option<u8>,
    searches: Vec<Search>,
    /// How many searches there may be before equal ones are looked for among all.
    crowd: usize,
    /// The smallest start of a search for a secret.
    oldest: usize,
    pub(super) coverage: Coverage,
}

impl Default for Scan {
    fn default() -> Self {
        Self {
            at: 0,
            before: None,
            searches: Vec::new(),
            crowd: 2 * FEW_SEARCHES,
            oldest: NOWHERE,
            coverage: Coverage::default(),
        }
    }
}

impl Scan {
    /// Goes on with the text's next piece.
    pub(super) fn feed(&mut self, machine: &Machine, text: &str) {
        let bytes = text.as_bytes();
        let mut index = 0;
        while index < bytes.len() {
            if self.searches.is_empty() {
                let begin = machine.next_begin(bytes, index);
                if begin > index {
                    self.at += begin - index;
                    self.before = Some(bytes[begin - 1]);
                    index = begin;
                    continue;
                }
            }
            self.step(machine, bytes[index], bytes.get(index + 1).copied());
            index += 1;
        }
    }

    /// Goes on after a piece in which nothing can begin.
    pub(super) fn pass_over(&mut self, text: &str) {
        self.at += text.len();
        self.before = text.as_bytes().last().copied().or(self.before);
    }

    /// The text ends here.
    pub(super) fn finish(&mut self, machine: &Machine) {
        for search in std::mem::take(&mut self.searches) {
            if let Turn::Match(_) = machine.automata[search.automaton].end(search.state) {
                self.coverage.cover(search.start..self.at);
            }
        }
        self.oldest = NOWHERE;
    }

    /// The first byte that may yet become secret: everything before is what it is.
    pub(super) fn settled(&self) -> usize {
        self.coverage.uncovered_from(self.oldest.min(self.at)).min(self.at)
    }

    /// Whether the text so far leaves nothing that the rest could depend on, but for its last byte.
    pub(super) fn is_idle(&self) -> bool {
        self.searches.is_empty()
    }

    /// Takes what is not settled for secret.
    fn cover_unsettled(&mut self) {
        let settled = self.settled();
        if settled < self.at {
            self.coverage.cover(settled..self.at);
        }
    }

    fn step(&mut self, machine: &Machine, byte: u8, next: Option<u8>) {
        // Only between characters, so that what is covered is text.
        let begins_character = byte & 0b1100_0000 != 0b1000_0000;
        if begins_character
            && self.at.saturating_sub(self.oldest) > HELD_BYTES_MAX
            && self.at - self.settled() > HELD_BYTES_MAX
        {
            self.cover_unsettled();
        }
        self.advance(machine, byte);
        if machine.may_begin(byte, next) {
            self.begin(machine, byte);
        }
        self.at += 1;
        self.before = Some(byte);
        if self.searches.len() > self.crowd {
            self.merge();
        }
    }

    /// Moves every search over `byte`.
    fn advance(&mut self, machine: &Machine, byte: u8) {
        let (mut read, mut kept) = (0, 0);
        self.oldest = NOWHERE;
        while let Some(&search) = self.searches.get(read) {
            read += 1;
            let state = match machine.automata[search.automaton].turn(search.state, byte) {
                Turn::Dead => continue,
                Turn::Alive(state) => state,
                Turn::Match(state) => {
                    self.coverage.cover(search.start..self.at);
                    state
                }
            };
            self.oldest = self.oldest.min(search.start);
            self.searches[kept] = Search { state, ..search };
            kept += 1;
        }
        self.searches.truncate(kept);
    }

    /// Begins the searches that `byte` can begin a match of.
    fn begin(&mut self, machine: &Machine, byte: u8) {
        for (index, automaton) in machine.automata.iter().enumerate() {
            let Turn::Alive(state) = automaton.turn(automaton.start(self.before), byte) else {
                continue;
            };
            let is_there = |search: &Search| search.automaton == index && search.state == state;
            if self.searches.len() <= FEW_SEARCHES && self.searches.iter().any(is_there) {
                continue;
            }
            self.oldest = self.oldest.min(self.at);
            self.searches.push(Search {
                automaton: index,
                state,
                start: self.at,
            });
        }
    }

    /// Of searches at one state keeps the first. Done when their number has doubled, so that it costs little a byte.
    fn merge(&mut self) {
        self.searches
            .sort_unstable_by_key(|search| (search.automaton, search.state, search.start));
        self.searches.dedup_by_key(|search| (search.automaton, search.state));
        self.crowd = 2 * self.searches.len().max(FEW_SEARCHES);
    }
}

#[cfg(test)]
mod tests {
    use super::Scan;
    use crate::redaction::{Redaction, RedactionOptions};

    /// How many searches a byte of `text` moves, at most and on average.
    fn check(patterns: &[&str], text: &str, most: usize) {
        let options = RedactionOptions {
            patterns: patterns.iter().map(|pattern| (*pattern).to_owned()).collect(),
            ..Default::default()
        };
        let redaction = Redaction::new(&options).expect("valid");
        let mut scan = Scan::default();
        let mut seen = 0;
        let text = text.repeat(20_000 / text.len());
        for (at, letter) in text.char_indices() {
            scan.feed(&redaction.shared.machine, &text[at..at + letter.len_utf8()]);
            seen = seen.max(scan.searches.len());
        }
        assert!(seen <= most, "{seen} searches in {:?}…", &text[..40]);
    }

    #[test]
    fn no_text_makes_many_searches() {
        check(&[r"\w+@\w+"], "words", 8);
        check(&["(?s)a.*b"], "a ", 8);
        check(&["[a-z]{1,100}!"], "z", 256);
    }
}
