//! Keys without a prefix, with a mark in the middle or only a format: Azure's, Discord's, Mailchimp's, Telegram's,
//! MaxMind's.
//!
//! A word is looked at from the first place where no word of prose goes on: a capital after a small letter, a digit after a
//! letter, a letter after a digit. What is before that place may be written already when the mark comes, so it stays; in
//! a random key, that is two or three letters.

use std::ops::Range;

use super::kinds::{begins_word, shows_first};
use super::shape::Shape;
use super::window::{ALNUM, CONTEXT_BYTES, More, Set, Window};

/// Letters, digits, and what joins the parts of these keys.
const URL: Set = Set::new(b"azAZ09", b"-_");
const BASE64: Set = Set::new(b"azAZ09", b"+/");
const HEX: Set = Set::new(b"af09", b"");
/// A word of more letters is none of these keys.
const WORD_BYTES_MAX: usize = 128;

/// Whether a word of prose does not go on from `before` to `here`.
pub(super) fn turns(before: u8, here: u8) -> bool {
    before.is_ascii_lowercase() && (here.is_ascii_uppercase() || here.is_ascii_digit())
        || before.is_ascii_digit() && here.is_ascii_alphabetic()
        || before.is_ascii_uppercase() && here.is_ascii_digit()
}

/// Where the word begins that turns at a place for the first time. Nothing when the word turned before, or when it begins
/// half of [`CONTEXT_BYTES`] or more before the place and not at the start of the text.
#[inline]
pub(super) fn first_turn(bytes: &[u8], turn: usize) -> Option<usize> {
    let floor = turn.saturating_sub(CONTEXT_BYTES / 2);
    let mut start = turn;
    while start > floor && bytes[start - 1].is_ascii_alphanumeric() {
        start -= 1;
        if start + 1 < turn && turns(bytes[start], bytes[start + 1]) {
            return None;
        }
    }
    (start > floor || floor == 0).then_some(start)
}

/// The rest of the key whose word turns at a place for the first time.
pub(super) fn find(window: &Window<'_>, turn: usize) -> Result<Option<Range<usize>>, More> {
    let Some(mut start) = first_turn(window.bytes, turn) else {
        return Ok(None);
    };
    // `\nword` within a text of JSON.
    if start < turn && window.before(start) == Some(b'\\') && matches!(window.bytes[start], b'n' | b'r' | b't') {
        start += 1;
    }
    let secret = turn + 1;
    // After the escape `\n` a key may begin where this word turns.
    let may_begin_key = begins_word(window.bytes, turn) && !shows_first(window.bytes[turn]);
    window.hold_from(if may_begin_key { turn } else { secret });
    let mut end = turn;
    while end - start < WORD_BYTES_MAX && window.at(end)?.is_some_and(|byte| ALNUM.has(byte)) {
        end += 1;
    }
    if end - start < 12 && !window.at(end)?.is_some_and(|byte| b"+/-_".contains(&byte)) {
        return Ok(None);
    }
    let word = &window.bytes[start..end];
    let is_azure = word.len() >= 76 && word.windows(6).any(|six| six == b"JQQJ99")
        || word.len() == 52
            && word
                .get(40..50)
                .is_some_and(|part| part.windows(4).any(|four| four == b"AzSe"));
    if is_azure {
        return Ok(Some(secret..end));
    }
    if let Some(end) = signed_by_azure(window, start, end)? {
        return Ok(Some(secret..end));
    }
    if let Some(end) = discord(window, start)? {
        return Ok(Some(secret..end));
    }
    if let Some(end) = mailchimp(window, start, end)? {
        return Ok(Some(secret..end));
    }
    Ok(None)
}

/// Keys of Azure's storage, databases, buses and registries, in base64 with the sign of their service before the end.
fn signed_by_azure(window: &Window<'_>, start: usize, word_end: usize) -> Result<Option<usize>, More> {
    if word_end - start >= 96 {
        return Ok(None);
    }
    let mut end = start;
    while end - start < 96 && window.at(end)?.is_some_and(|byte| BASE64.has(byte)) {
        end += 1;
    }
    let length = end - start;
    if !(length == 86 || length == 43 || length == 52) {
        return Ok(None);
    }
    let signs: [&[u8]; 12] = [
        b"+ASt", b"+ABa", b"+AMC", b"+ARm", b"+AEh", b"+ASb", b"+ACR", b"ACDb", b"AzFu", b"AIoT", b"AzCa", b"APIM",
    ];
    let key = &window.bytes[start..end];
    let is_signed = key[length - 16..].windows(4).any(|four| signs.contains(&four)) && Shape::of(key).is_random();
    let padded = window.skip(end, Set::new(b"", b"="))?;
    Ok(is_signed.then_some(padded))
}

/// A bot's token: its number in base64, a time, a signature.
fn discord(window: &Window<'_>, start: usize) -> Result<Option<usize>, More> {
    if !matches!(window.bytes[start], b'M' | b'N' | b'O') {
        return Ok(None);
    }
    let mut at = start;
    for (least, most, is_last) in [(23, 28, false), (6, 7, false), (27, 45, true)] {
        let from = at;
        while at - from <= most && window.at(at)?.is_some_and(|byte| URL.has(byte)) {
            at += 1;
        }
        if at - from < least || at - from > most {
            return Ok(None);
        }
        if !is_last {
            if window.at(at)? != Some(b'.') {
                return Ok(None);
            }
            at += 1;
        }
    }
    Ok(Shape::of(&window.bytes[start..at]).is_random().then_some(at))
}

/// 32 hexadecimal digits and a data centre.
fn mailchimp(window: &Window<'_>, start: usize, end: usize) -> Result<Option<usize>, More> {
    let is_hex = end - start == 32 && window.bytes[start..end].iter().all(|byte| HEX.has(*byte));
    if !is_hex || !window.has(end, b"-us")? || !window.at(end + 3)?.is_some_and(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    Ok(Some(window.skip(end + 3, ALNUM)?))
}

/// The secret after the number of a Facebook app, whose `|` is at a place (gitleaks `facebook-access-token`).
pub(super) fn facebook(window: &Window<'_>, bar: usize) -> Result<Option<usize>, More> {
    if !matches!(digits_before(window, bar), 15 | 16) {
        return Ok(None);
    }
    window.hold_from(bar + 1);
    let mut end = bar + 1;
    while end - bar <= 40 && window.at(end)?.is_some_and(|byte| URL.has(byte)) {
        end += 1;
    }
    let secret = &window.bytes[bar + 1..end];
    Ok((secret.len() >= 27 && Shape::of(secret).is_random()).then_some(end))
}

/// How many digits lie before a place, as far as a number of an account goes.
fn digits_before(window: &Window<'_>, at: usize) -> usize {
    let from = window.floor(at).max(at.saturating_sub(20));
    let before = window.bytes[from..at].iter().rev();
    before.take_while(|byte| byte.is_ascii_digit()).count()
}

/// The secret after the number of a Telegram bot, whose colon is at a place (TruffleHog `telegrambottoken`).
pub(super) fn telegram(window: &Window<'_>, colon: usize) -> Result<Option<usize>, More> {
    if !(8..=10).contains(&digits_before(window, colon)) {
        return Ok(None);
    }
    window.hold_from(colon + 1);
    let mut end = colon + 1;
    while end - colon <= 40 && window.at(end)?.is_some_and(|byte| URL.has(byte)) {
        end += 1;
    }
    let secret = &window.bytes[colon + 1..end];
    Ok((secret.len() == 35 && Shape::of(secret).is_random()).then_some(end))
}
