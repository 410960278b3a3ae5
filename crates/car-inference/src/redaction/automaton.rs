//! One compiled automaton: where a match may begin, and what a match means. Refuses patterns that match nothing at all
//! (the empty string) and those too large to keep.

use regex_automata::dfa::{Automaton as _, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::{PatternID, StateID};
use regex_automata::util::start;
use regex_automata::util::syntax;
use regex_automata::{Anchored, MatchKind};

/// Bytes that one automaton may take, and about what building it may take besides.
const AUTOMATON_BYTES_MAX: usize = 2 * 1024 * 1024;

/// The index of "nothing before" among the start states, after one for each byte that may be before.
const TEXT_START: usize = 256;

/// What a match of an automaton means.
pub(super) enum Role {
    /// The match is a secret.
    Secret,
    /// The match only says what follows it: the automaton of this index for each of its patterns. It is no secret.
    Label(Vec<usize>),
}

/// What makes a pattern unfit.
#[derive(Debug)]
pub(super) enum Unfit {
    /// It is not a regular expression.
    Syntax(String),
    /// It matches the empty string.
    MatchesNothing,
    /// It holds `\b` or `\B` by Unicode's rules, which no automaton over bytes can follow.
    UnicodeWordBoundary,
    /// Its automaton would be larger than [`AUTOMATON_BYTES_MAX`].
    TooLarge,
}

/// Patterns as a table. Its searches are anchored, report every match from their start, and run forwards only.
pub(super) struct Automaton {
    dfa: dense::DFA<Vec<u32>>,
    starts: Vec<StateID>,
    pub(super) role: Role,
}

/// What one byte does to a search.
pub(super) enum Turn {
    /// Nothing can match any more.
    Dead,
    /// It goes on.
    Alive(StateID),
    /// What came before the byte is a match, and a longer one may follow.
    Match(StateID),
}

impl Automaton {
    /// An automaton of `patterns`. Unless they ask for Unicode, classes and case are ASCII's when `ascii`.
    pub(super) fn new<P: AsRef<str>>(patterns: &[P], role: Role, ascii: bool) -> Result<Self, Unfit> {
        let config = syntax::Config::new().unicode(!ascii);
        let mut parsed = Vec::with_capacity(patterns.len());
        for pattern in patterns {
            let hir =
                syntax::parse_with(pattern.as_ref(), &config).map_err(|error| Unfit::Syntax(error.to_string()))?;
            if hir.properties().minimum_len() == Some(0) {
                return Err(Unfit::MatchesNothing);
            }
            if hir.properties().look_set().contains_word_unicode() {
                return Err(Unfit::UnicodeWordBoundary);
            }
            parsed.push(hir);
        }
        let nfa = thompson::Compiler::new()
            .configure(
                thompson::Config::new()
                    .which_captures(thompson::WhichCaptures::None)
                    .nfa_size_limit(Some(AUTOMATON_BYTES_MAX)),
            )
            .build_many_from_hir(&parsed)
            .map_err(|_| Unfit::TooLarge)?;
        let dfa = dense::Builder::new()
            .configure(
                dense::Config::new()
                    .start_kind(StartKind::Anchored)
                    // Every match is reported, so that the last one reported is the longest.
                    .match_kind(MatchKind::All)
                    .accelerate(false)
                    .dfa_size_limit(Some(AUTOMATON_BYTES_MAX))
                    .determinize_size_limit(Some(2 * AUTOMATON_BYTES_MAX)),
            )
            .build_from_nfa(&nfa)
            .map_err(|_| Unfit::TooLarge)?;
        let starts = (0..=TEXT_START)
            .map(|before| {
                let config = start::Config::new()
                    .anchored(Anchored::Yes)
                    .look_behind(u8::try_from(before).ok());
                dfa.start_state(&config).map_err(|_| Unfit::UnicodeWordBoundary)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { dfa, starts, role })
    }

    /// Where a search begins after the byte `before`, or at the start of the text.
    pub(super) fn start(&self, before: Option<u8>) -> StateID {
        self.starts[before.map_or(TEXT_START, usize::from)]
    }

    /// What `byte` does to a search that is at `state`.
    #[inline]
    pub(super) fn turn(&self, state: StateID, byte: u8) -> Turn {
        self.judge(self.dfa.next_state(state, byte))
    }

    /// What the end of the text does to a search that is at `state`.
    pub(super) fn end(&self, state: StateID) -> Turn {
        self.judge(self.dfa.next_eoi_state(state))
    }

    /// The patterns that match at a state that [`Turn::Match`] came with.
    pub(super) fn matched(&self, state: StateID) -> impl Iterator<Item = PatternID> + '_ {
        (0..self.dfa.match_len(state)).map(move |index| self.dfa.match_pattern(state, index))
    }

    /// The pairs of bytes that a match may begin with, after whatever byte. Matches of one byte count with any second.
    pub(super) fn first_pairs(&self, mut found: impl FnMut(u8, u8)) {
        let mut starts = self.starts.clone();
        starts.sort_unstable();
        starts.dedup();
        for start in starts {
            for first in 0..=u8::MAX {
                let state = self.dfa.next_state(start, first);
                if self.dfa.is_dead_state(state) {
                    continue;
                }
                for second in 0..=u8::MAX {
                    if !self.dfa.is_dead_state(self.dfa.next_state(state, second)) {
                        found(first, second);
                    }
                }
            }
        }
    }

    /// The bytes it takes.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.dfa.memory_usage() + self.starts.len() * size_of::<StateID>()
    }

    #[inline]
    fn judge(&self, state: StateID) -> Turn {
        if !self.dfa.is_special_state(state) {
            Turn::Alive(state)
        } else if self.dfa.is_match_state(state) {
            Turn::Match(state)
        } else if self.dfa.is_dead_state(state) || self.dfa.is_quit_state(state) {
            Turn::Dead
        } else {
            Turn::Alive(state)
        }
    }
}
