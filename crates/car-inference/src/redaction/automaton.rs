//! One compiled automaton of a host's pattern: where a match may begin and how far it goes. Refuses patterns that match nothing at all
//! (the empty string) and those too large to keep.

use regex_automata::dfa::{Automaton as _, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_automata::util::syntax;
use regex_automata::{Anchored, MatchKind};

/// Bytes that one automaton may take, and about what building it may take besides.
const AUTOMATON_BYTES_MAX: usize = 2 * 1024 * 1024;

/// The index of "nothing before" among the start states, after one for each byte that may be before.
const TEXT_START: usize = 256;

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

/// A pattern as a table. Its searches are anchored, report every match from their start, and run forwards only.
pub(super) struct Automaton {
    dfa: dense::DFA<Vec<u32>>,
    starts: Vec<StateID>,
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
    /// An automaton of `pattern`.
    pub(super) fn new(pattern: &str) -> Result<Self, Unfit> {
        let parsed = syntax::parse(pattern).map_err(|error| Unfit::Syntax(error.to_string()))?;
        if parsed.properties().minimum_len() == Some(0) {
            return Err(Unfit::MatchesNothing);
        }
        if parsed.properties().look_set().contains_word_unicode() {
            return Err(Unfit::UnicodeWordBoundary);
        }
        let nfa = thompson::Compiler::new()
            .configure(
                thompson::Config::new()
                    .which_captures(thompson::WhichCaptures::None)
                    .nfa_size_limit(Some(AUTOMATON_BYTES_MAX)),
            )
            .build_from_hir(&parsed)
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
        Ok(Self { dfa, starts })
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
