//! Values without quotes after a mark that seldom stands between a name and its value, and values in brackets.

use super::label::Label;
use super::rest::Rest;
use super::shape::Shape;
use super::value::{Manner, is_mixed, is_secret};
use super::window::{More, Set, Window};
use super::{Found, VALUE_BYTES_MAX};

/// What a value near its label is made of.
const VALUE: Set = Set::new(b"azAZ09", b"_-.~+/=:!@#$%^*?");
/// What a value in brackets is made of.
const IN_BRACKETS: Set = Set::new(b"azAZ09", b"_-.~+/=");
/// The values of a list, and what is between them.
const LIST: Set = Set::new(b"azAZ09", b"_-.~+/=, ");

/// A value near its label, without quotes.
pub(super) fn find_near(window: &Window<'_>, start: usize, label: Label) -> Result<Option<Found>, More> {
    let end = end_of(window, start, VALUE)?;
    // A word of Latin, Greek or Cyrillic letters goes on here. Chinese and Japanese text may follow without a space.
    if end - start < VALUE_BYTES_MAX && window.at(end)?.is_some_and(|byte| (0xc2..=0xdf).contains(&byte)) {
        return Ok(None);
    }
    let is_secret = is_secret(label, &window.bytes[start..end], Manner::Near);
    Ok(is_secret.then(|| Found::new(start..end, Rest::Run(VALUE))))
}

/// `label: <V>`, `label: [V]`, `label: (V)`. Most text in brackets says what to write there.
pub(super) fn find_in_brackets(
    window: &Window<'_>,
    start: usize,
    label: Label,
    is_list: bool,
) -> Result<Option<Found>, More> {
    let end = end_of(window, start, IN_BRACKETS)?;
    let value = &window.bytes[start..end];
    let is_secret = is_mixed(&Shape::of(value)) && is_secret(label, value, Manner::Near);
    let rest = Rest::Run(if is_list { LIST } else { IN_BRACKETS });
    Ok(is_secret.then(|| Found::new(start..end, rest)))
}

/// The end of the letters of a set; at most as far as a value is judged.
fn end_of(window: &Window<'_>, start: usize, set: Set) -> Result<usize, More> {
    window.hold_from(start);
    let mut end = start;
    while end - start < VALUE_BYTES_MAX && window.at(end)?.is_some_and(|byte| set.has(byte)) {
        end += 1;
    }
    Ok(end)
}
