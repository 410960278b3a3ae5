//! The rest of a secret once it is known to be one: text that belongs to it is redacted as it comes; nothing is held
//! back.

use super::label::Label;
use super::private_key;
use super::value_text::{self, Quote};
use super::window::{More, Set, Window};

/// What follows a secret and belongs to it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rest {
    /// Nothing.
    Nothing,
    /// Letters of a set.
    Run(Set),
    /// A value without quotes.
    Value(value_text::Ends),
    /// A text up to its closing quote; in a list, whose further texts the label names too, with that label.
    Quoted(Quote, Option<Listed>),
    /// The lines of a private key.
    PrivateKey,
    /// Everything up to the end of the line or of the text it is in.
    Line,
}

/// What the items of a list are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listed {
    pub(super) label: Label,
    pub(super) is_member: bool,
}

impl Rest {
    /// Moves `at` over what belongs to the secret. Done when it ends there; else more must come.
    pub(super) fn cover(self, window: &Window<'_>, at: &mut usize) -> Result<(), More> {
        loop {
            let bytes = match self {
                Self::Nothing => 0,
                Self::Run(set) => window.letter(*at, set)?,
                Self::Value(ends) => value_text::letter(window, *at, ends)?,
                Self::Quoted(quote, _) => quote.letter(window, *at)?,
                Self::PrivateKey => private_key::next_part(window, *at)?,
                Self::Line => value_text::line_letter(window, *at)?,
            };
            if bytes == 0 {
                return Ok(());
            }
            *at += bytes;
        }
    }
}
