//! Labels with a mark after them that seldom stands between a name and its value: a tab, a comma, an arrow, a dash, or
//! just a space. The value must look more random than elsewhere, so that prose and program text stay.

use super::label::Label;
use super::naming;
use super::notation::find_value;
use super::shape::Shape;
use super::value::{Manner, is_mixed};
use super::window::{More, NAME, SPACE, Window};
use super::{Found, foreign};

/// The value that follows a label and a mark.
pub(super) fn find_after(window: &Window<'_>, mark: usize, mark_end: usize) -> Result<Option<Found>, More> {
    match naming::label_ending_before(window, mark) {
        Some(label) => {
            window.hold_from(mark_end);
            let value = window.skip(mark_end, SPACE)?;
            window.hold_from(value);
            find_value(window, value, label, Manner::Near)
        }
        None => Ok(None),
    }
}

/// Rows of tables and of files with values between commas: `label,V`, `label;V`, and with a tab between.
pub(super) fn find_column(window: &Window<'_>, mark: usize) -> Result<Option<Found>, More> {
    window.hold_from(mark + 1);
    find_after(window, mark, mark + 1)
}

/// `label -> V` and `label - V`; the dash is at a place.
pub(super) fn find_after_dash(window: &Window<'_>, dash: usize) -> Result<Option<Found>, More> {
    window.hold_from(dash + 1);
    match window.at(dash + 1)? {
        Some(b'>') => find_after(window, dash, dash + 2),
        Some(b' ') if window.before(dash) == Some(b' ') => find_after(window, dash, dash + 1),
        _ => Ok(None),
    }
}

/// `label <- V`, as R assigns; the angle bracket is at a place.
pub(super) fn find_after_left_arrow(window: &Window<'_>, bracket: usize) -> Result<Option<Found>, More> {
    window.hold_from(bracket + 1);
    match window.has(bracket, b"<-")? {
        true => find_after(window, bracket, bracket + 2),
        false => Ok(None),
    }
}

/// `label → V`, `label – V`, `label — V`, and the colon of Chinese and Japanese. The mark of three bytes is at a place.
pub(super) fn find_after_wide_mark(window: &Window<'_>, mark: usize) -> Result<Option<Found>, More> {
    window.hold_from(mark + 1);
    if window.has(mark, "：".as_bytes())? {
        return match find_after(window, mark, mark + 3)? {
            None => foreign::find(window, mark, mark + 3),
            found => Ok(found),
        };
    }
    for arrow in ["→", "–", "—"] {
        if window.has(mark, arrow.as_bytes())? {
            return find_after(window, mark, mark + 3);
        }
    }
    Ok(None)
}

/// `… key V`, `… token V`, `… secret V`. The rule begins at the last letters of the word: `key`, `oken`, `ecret`.
pub(super) fn find_after_word(window: &Window<'_>, start: usize) -> Result<Option<Found>, More> {
    const ENDINGS: [&[u8]; 3] = [b"key", b"oken", b"ecret"];
    let first = window.bytes[start].to_ascii_lowercase();
    let Some(ending) = ENDINGS.into_iter().find(|ending| ending[0] == first) else {
        return Ok(None);
    };
    let end = start + ending.len();
    window.hold_from(end);
    if !window.has_folded(start, ending)? {
        return Ok(None);
    }
    if !window.at(end)?.is_some_and(|byte| SPACE.has(byte)) {
        return Ok(None);
    }
    let value = window.skip(end, SPACE)?;
    window.hold_from(value);
    if !window.at(value)?.is_some_and(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(None);
    }
    let found = find_after(window, end, value)?;
    Ok(found.filter(|found| is_no_id(&window.bytes[found.range.clone()])))
}

/// Whether a value has letters of both cases and digits, unlike the ids and hashes that follow `key` and `secret` in
/// the output of programs.
fn is_no_id(value: &[u8]) -> bool {
    const PART_BYTES_MIN: usize = 8;
    let mut parts = value.split(|byte| !byte.is_ascii_alphanumeric());
    let is_mixed = parts.any(|part| part.len() >= PART_BYTES_MIN && is_mixed(&Shape::of(part)));
    is_mixed && !value.contains(&b':') && !value.starts_with(b"0x")
}

/// `&lt;label&gt;V&lt;/label&gt;`: XML as the text of another document.
pub(super) fn find_escaped_element(window: &Window<'_>, mark: usize) -> Result<Option<Found>, More> {
    window.hold_from(mark + 1);
    if !window.has(mark, b"&gt;")? {
        return Ok(None);
    }
    let floor = window.floor(mark);
    let mut start = mark;
    while start > floor && NAME.has(window.bytes[start - 1]) {
        start -= 1;
    }
    if !window.bytes[floor..start].ends_with(b"&lt;") {
        return Ok(None);
    }
    let Some(label) = Label::of(&window.bytes[start..mark]) else {
        return Ok(None);
    };
    find_value(window, mark + 4, label, Manner::Near)
}
