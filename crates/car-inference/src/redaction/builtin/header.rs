//! HTTP's credentials (RFC 9110 section 11.4, RFC 6750) and cookies (RFC 6265).

use std::ops::Range;

use super::label::Label;
use super::lookalike::{is_name_of_secret, is_no_secret, is_word};
use super::rest::Rest;
use super::shape::Shape;
use super::value::{Manner, is_secret};
use super::value_text::{self, Ends, Quote};
use super::window::{ALNUM, More, SPACE, Set, Window};
use super::{Found, kinds};

/// What credentials are made of.
const CREDENTIALS: Set = Set::new(b"azAZ09", b"._~+/=:|-");
/// What the name of a cookie is made of.
const COOKIE_NAME: Set = Set::new(b"azAZ09", b"!#$%&*+.^_|~-");
/// What the name of a scheme is made of.
const SCHEME: Set = Set::new(b"azAZ09", b"-_");
/// Credentials of so many letters stand for no others.
const CREDENTIALS_JUDGED_MAX: usize = 64;

/// Schemes of one parameter, lower-case.
#[rustfmt::skip]
const SCHEMES: &[&[u8]] = &[
    b"api-key", b"apikey", b"basic", b"bearer", b"bot", b"deepl-auth-key", b"dpop", b"geniekey", b"key",
    b"klaviyo-api-key", b"negotiate", b"ntlm", b"privatetoken", b"splunk", b"sso-key", b"ssws", b"token",
    b"x-api-key",
];
/// Schemes of many parameters.
const SCHEMES_OF_LINES: &[&[u8]] = &[
    b"aws4-hmac-sha256",
    b"digest",
    b"hawk",
    b"hmac-sha256",
    b"oauth",
    b"sharedkey",
    b"signature",
];

/// The credentials at the start of the value of `authorization`.
pub(super) fn find(window: &Window<'_>, start: usize, quote: Option<Quote>) -> Result<Option<Found>, More> {
    window.hold_from(start);
    let mut end = start;
    while end - start < 24 && window.at(end)?.is_some_and(|byte| SCHEME.has(byte)) {
        end += 1;
    }
    let word = window.bytes[start..end].to_ascii_lowercase();
    let mut at = end;
    loop {
        at = window.skip(at, SPACE)?;
        if window.has(at, b"%20")? {
            at += 3;
        } else if at == end && window.at(at)? == Some(b'+') && SCHEMES.contains(&word.as_slice()) {
            at += 1;
        } else {
            break;
        }
    }
    if at > end && SCHEMES.contains(&word.as_slice()) {
        return credentials(window, at);
    }
    if at > end && SCHEMES_OF_LINES.contains(&word.as_slice()) {
        let has_parameters = window.skip(at, ALNUM)?;
        return Ok((window.at(has_parameters)? == Some(b'=')).then(|| Found::new(at..has_parameters, Rest::Line)));
    }
    let manner = if quote.is_some() { Manner::Quoted } else { Manner::Plain };
    if at > end && !word.is_empty() {
        // A scheme that is not known.
        let value = value_range(window, at)?;
        if Shape::of(&window.bytes[value.clone()]).is_random() {
            return Ok(Some(Found::new(value, Rest::Value(Ends::Key))));
        }
    }
    let value = value_range(window, start)?;
    let is_key = is_secret(Label::Authorization, &window.bytes[value.clone()], manner);
    Ok(is_key.then(|| Found::new(value, Rest::Value(Ends::Key))))
}

fn value_range(window: &Window<'_>, start: usize) -> Result<Range<usize>, More> {
    let mut end = start;
    while end - start < super::VALUE_BYTES_MAX {
        match value_text::letter(window, end, Ends::Key)? {
            0 => break,
            bytes => end += bytes,
        }
    }
    Ok(start..end)
}

/// Credentials after their scheme, however short, unless they stand for some.
fn credentials(window: &Window<'_>, start: usize) -> Result<Option<Found>, More> {
    window.hold_from(start);
    let mut end = start;
    while end - start < CREDENTIALS_JUDGED_MAX && window.at(end)?.is_some_and(|byte| CREDENTIALS.has(byte)) {
        end += 1;
    }
    let value = window.bytes[start..end].trim_ascii_end();
    let value = value.strip_suffix(b".").unwrap_or(value);
    let shape = Shape::of(value);
    let stands_for_one = value.len() < 3
        || is_word(value)
        || shape.letters() > 0 && is_no_secret(value)
        || is_name_of_secret(value)
        || end - start == value.len() && shape.digits == 0 && shape.upper == 0 && value.len() > 8 && shape.is_phrase();
    Ok((!stands_for_one).then(|| Found::new(start..start + value.len(), Rest::Run(CREDENTIALS))))
}

/// `Bearer` or `Basic` with what follows it, without the name of the header before.
pub(super) fn find_scheme(window: &Window<'_>, start: usize) -> Result<Option<Found>, More> {
    if !kinds::begins_word(window.bytes, start) {
        return Ok(None);
    }
    let is_bearer = window.has_folded(start, b"bearer")?;
    if !is_bearer && !window.has_folded(start, b"basic")? {
        return Ok(None);
    }
    let end = start + if is_bearer { 6 } else { 5 };
    let at = match window.at(end)? {
        Some(b' ' | b'\t') => window.skip(end, SPACE)?,
        Some(b'+') => end + 1,
        Some(b'%') if window.has(end, b"%20")? => end + 3,
        _ => return Ok(None),
    };
    window.hold_from(at);
    let mut value_end = at;
    while value_end - at < 2 * CREDENTIALS_JUDGED_MAX && window.at(value_end)?.is_some_and(|byte| CREDENTIALS.has(byte))
    {
        value_end += 1;
    }
    let value = &window.bytes[at..value_end];
    let is_key = if is_bearer {
        value.len() >= 12 && is_secret(Label::Secret, value, Manner::Quoted)
    } else {
        is_user_and_password(value)
    };
    Ok(is_key.then(|| Found::new(at..value_end, Rest::Run(CREDENTIALS))))
}

/// Base64 of printable text with a colon.
fn is_user_and_password(value: &[u8]) -> bool {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    };
    let unpadded = value.len() - value.iter().rev().take_while(|byte| **byte == b'=').count();
    let mut bits = 0_u32;
    let mut count = 0;
    let mut has_colon = false;
    for byte in &value[..unpadded] {
        let Some(digit) = digit(*byte) else { return false };
        bits = bits << 6 | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            let decoded = (bits >> count) & 0xff;
            if !(0x20..0x7f).contains(&decoded) && decoded < 0x80 {
                return false;
            }
            has_colon |= decoded == u32::from(b':');
        }
    }
    has_colon && unpadded >= 6
}

/// The cookies at the start of the value of `cookie`: a name and a value, and what follows them on the line.
pub(super) fn find_cookies(window: &Window<'_>, start: usize) -> Result<Option<Found>, More> {
    window.hold_from(start);
    let end = window.skip(start, COOKIE_NAME)?;
    if end == start || end - start > 128 || window.at(end)? != Some(b'=') {
        return Ok(None);
    }
    Ok(match value_text::line_letter(window, end + 1)? {
        0 => None,
        bytes => Some(Found::new(start..end + 1 + bytes, Rest::Line)),
    })
}
