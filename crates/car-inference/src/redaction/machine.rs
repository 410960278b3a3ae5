//! The automata of a host's patterns, and a quick test for positions where one of them may match.

use super::automaton::Automaton;

/// The automata of a redaction.
pub(super) struct Machine {
    pub(super) automata: Vec<Automaton>,
    pairs: Box<Pairs>,
}

/// A set of pairs of bytes.
struct Pairs {
    seconds: [[u64; 4]; 256],
}

impl Pairs {
    fn new() -> Box<Self> {
        Box::new(Self { seconds: [[0; 4]; 256] })
    }

    fn insert(&mut self, first: u8, second: u8) {
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
    /// No automata.
    pub(super) fn new() -> Self {
        Self {
            automata: Vec::new(),
            pairs: Pairs::new(),
        }
    }

    /// Adds an automaton.
    pub(super) fn add(&mut self, automaton: Automaton) {
        automaton.first_pairs(|first, second| self.pairs.insert(first, second));
        self.automata.push(automaton);
    }

    /// Whether there are none.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.automata.is_empty()
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
