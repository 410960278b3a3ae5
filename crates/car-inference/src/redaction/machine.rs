//! All automata of a redaction, and a quick test of where one of them may have something to do.

use std::sync::Arc;

use super::automaton::Automaton;

/// The automata of a redaction. Immutable.
pub(super) struct Machine {
    pub(super) automata: Vec<Arc<Automaton>>,
    /// The automata of which a match may begin anywhere; the others begin where a label says so.
    pub(super) entries: Vec<usize>,
    pairs: Box<Pairs>,
}

/// A set of pairs of bytes.
#[derive(Clone)]
pub(super) struct Pairs {
    seconds: [[u64; 4]; 256],
}

impl Pairs {
    pub(super) fn new() -> Box<Self> {
        Box::new(Self { seconds: [[0; 4]; 256] })
    }

    pub(super) fn insert(&mut self, first: u8, second: u8) {
        self.seconds[usize::from(first)][usize::from(second / 64)] |= 1 << (second % 64);
    }

    #[inline]
    fn contains(&self, first: u8, second: u8) -> bool {
        self.seconds[usize::from(first)][usize::from(second / 64)] & (1 << (second % 64)) != 0
    }

    fn has_first(&self, first: u8) -> bool {
        self.seconds[usize::from(first)] != [0; 4]
    }
}

impl Machine {
    /// The automata, of which `entries` begin anywhere, with `pairs` as theirs.
    pub(super) fn new(automata: Vec<Arc<Automaton>>, entries: Vec<usize>, pairs: Box<Pairs>) -> Self {
        Self {
            automata,
            entries,
            pairs,
        }
    }

    /// Adds an automaton of which a match may begin anywhere.
    pub(super) fn add(&mut self, automaton: Automaton) {
        automaton.first_pairs(|first, second| self.pairs.insert(first, second));
        self.entries.push(self.automata.len());
        self.automata.push(Arc::new(automaton));
    }

    /// Whether a match may begin with `byte`; `next` is what follows, where that is known.
    #[inline]
    pub(super) fn may_begin(&self, byte: u8, next: Option<u8>) -> bool {
        match next {
            Some(next) => self.pairs.contains(byte, next),
            None => self.pairs.has_first(byte),
        }
    }

    /// The first place from `from` at which a match may begin; the length of `bytes` when there is none.
    pub(super) fn next_begin(&self, bytes: &[u8], from: usize) -> usize {
        let pairs = bytes[from..].windows(2);
        let found = pairs
            .map(|pair| self.pairs.contains(pair[0], pair[1]))
            .position(|begins| begins);
        match (found, bytes.last()) {
            (Some(offset), _) => from + offset,
            (None, Some(&last)) if self.pairs.has_first(last) => bytes.len() - 1,
            (None, _) => bytes.len(),
        }
    }
}
