//! Passwords in URLs: `scheme://user:password@host`, and keys in place of the user.

use std::ops::Range;

use super::lookalike::{is_no_secret, is_word};
use super::shape::Shape;
use super::window::{More, NAME, Window};

/// Bytes of a user and a password at most.
const USER_BYTES_MAX: usize = 512;

/// The password of the address whose `://` is at a place.
pub(super) fn find(window: &Window<'_>, colon: usize) -> Result<Option<Range<usize>>, More> {
    let start = colon + 3;
    window.hold_from(start);
    let mut password = None;
    let mut at_sign = None;
    let mut query = None;
    let mut at = start;
    while at - start < USER_BYTES_MAX {
        match window.at(at)? {
            Some(b':') if password.is_none() && query.is_none() && at_sign.is_none() => {
                password = Some(at + 1);
                if window.bytes[start..at].iter().all(|byte| NAME.has(*byte)) {
                    window.hold_from(at + 1);
                }
            }
            Some(b'@') => at_sign = Some(at),
            // A password may hold these, an address without one has them later.
            Some(b'?' | b'#') if password.is_some() => query = query.or(Some(at)),
            None | Some(b'/' | b'?' | b'#' | b'\\' | b'"' | b'\'' | b'`' | b'<' | b'>' | b'|' | 0..=b' ') => break,
            Some(_) => {}
        }
        at += 1;
    }
    let Some(end) = at_sign else { return Ok(None) };
    let Some(password) = password else {
        let user = &window.bytes[start..end];
        return Ok((Shape::of(user).alnums() >= 20 && Shape::of(user).is_random()).then_some(start..end));
    };
    let port_end = query.unwrap_or(end);
    let is_port =
        query.is_some_and(|query| query < end) && window.bytes[password..port_end].iter().all(u8::is_ascii_digit);
    let value = &window.bytes[password..end];
    let stands_for_one =
        value.is_empty() || is_word(value) || !is_number(value) && is_no_secret(value) && !has_slash(value);
    Ok((!is_port && !stands_for_one).then_some(password..end))
}

fn is_number(value: &[u8]) -> bool {
    value.iter().all(u8::is_ascii_digit)
}

fn has_slash(value: &[u8]) -> bool {
    value.contains(&b'/')
}
