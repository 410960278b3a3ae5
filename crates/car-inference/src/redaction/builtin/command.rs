//! Commands: `--api-key V`, `-u user:password`, `ENV API_KEY V`, and the secret after the id of a key of AWS.

use super::label::{LABEL_BYTES_MAX, Label};
use super::rest::Rest;
use super::shape::Shape;
use super::value::{Manner, is_secret};
use super::value_text::{Ends, Quote};
use super::window::{More, NAME, SPACE, Set, Window, ends_with_folded};
use super::{Finding, Found, kinds, naming, nearby, notation};

const FLAG: Set = Set::new(b"azAZ09", b"-_.");
const AWS_SECRET: Set = Set::new(b"azAZ09", b"+/");
const AWS_SECRET_LETTERS: usize = 40;
/// What may lie between the id of a key and its secret.
const BETWEEN: Set = Set::new(b"", b" \t\r\n,;:|\"'`=>-*");
const BETWEEN_BYTES_MAX: usize = 16;

/// An option that names a secret, and its value: `--password V`. `=` is found as elsewhere.
pub(super) fn find_option(window: &Window<'_>, dash: usize) -> Result<Option<Found>, More> {
    window.hold_from(dash + 1);
    if window.before(dash) == Some(b'-') || !window.has(dash, b"--")? {
        return Ok(None);
    }
    let mut end = dash + 2;
    while end - dash < LABEL_BYTES_MAX && window.at(end)?.is_some_and(|byte| FLAG.has(byte)) {
        end += 1;
        window.hold_from(end);
    }
    if window.at(end)? != Some(b' ') {
        return Ok(None);
    }
    let name = &window.bytes[dash + 2..end];
    if matches!(name, b"user" | b"proxy-user" | b"auth") {
        return user_password(window, dash, window.skip(end, Set::new(b"", b" \"'"))?, Ends::Password);
    }
    let Some(label) = Label::of(name) else { return Ok(None) };
    let value = window.skip(end, SPACE)?;
    window.hold_from(value);
    // `docker build --secret id=npmrc,src=.npmrc` says where a secret is.
    if window.at(value)? == Some(b'-') || name == b"secret" && window.has(value, b"id=")? {
        return Ok(None);
    }
    notation::find_value(window, value, label, Manner::Assigned)
}

/// What follows a space: an option of one letter, a text after a label, `is` after a label.
pub(super) fn find(window: &Window<'_>, space: usize) -> Result<Option<Found>, More> {
    window.hold_from(space + 1);
    match window.at(space + 1)? {
        Some(b'-') => find_short_option(window, space + 1),
        Some(b'"' | b'\'') => notation::find_spaced(window, space, space + 1),
        // In prose there is seldom a label, so the rest of the verb is not waited for.
        Some(b'i' | b'w') if naming::label_before(window, space).is_none() => Ok(None),
        Some(b't') if !ends_as_label(window, space) => Ok(None),
        Some(b't') if window.has(space + 1, b"to ")? => nearby::find_after(window, space, space + 4),
        Some(b'i') if window.has(space + 1, b"is")? => find_said(window, space, space + 3),
        Some(b'w') if window.has(space + 1, b"was")? => find_said(window, space, space + 4),
        _ => Ok(None),
    }
}

/// Whether a text ends as the labels do that `to` follows: `set the password to V`.
fn ends_as_label(window: &Window<'_>, end: usize) -> bool {
    const ENDS: [&[u8]; 6] = [b"key", b"token", b"secret", b"password", b"passwd", b"passphrase"];
    let before = &window.bytes[window.floor(end)..end];
    ENDS.iter().any(|end| ends_with_folded(before, end))
}

/// `password is value` and `password is: value`.
fn find_said(window: &Window<'_>, space: usize, verb_end: usize) -> Result<Option<Found>, More> {
    match window.at(verb_end)? {
        Some(b' ' | b':') => notation::find_spaced(window, space, verb_end),
        _ => Ok(None),
    }
}

/// `-token V` and `-ApiKey V`: names with one dash, as Go's programs and PowerShell have them.
fn find_long_option(window: &Window<'_>, dash: usize) -> Result<Option<Found>, More> {
    const NAME_BYTES_MIN: usize = 3;
    let end = window.skip(dash + 1, FLAG)?;
    if end - dash <= NAME_BYTES_MIN || end - dash > LABEL_BYTES_MAX || window.at(end)? != Some(b' ') {
        return Ok(None);
    }
    let Some(label) = Label::of(&window.bytes[dash + 1..end]) else {
        return Ok(None);
    };
    let value = window.skip(end, SPACE)?;
    window.hold_from(value);
    match window.at(value)? {
        Some(b'-') => Ok(None),
        _ => notation::find_value(window, value, label, Manner::Near),
    }
}

/// `-u user:password`, `-p password` and `-ppassword` of the commands that have them.
fn find_short_option(window: &Window<'_>, dash: usize) -> Result<Option<Found>, More> {
    if let Some(found) = find_long_option(window, dash)? {
        return Ok(Some(found));
    }
    window.hold_from(dash);
    match window.at(dash + 1)? {
        Some(b'u') => {
            let value = window.skip(dash + 2, Set::new(b"", b" ="))?;
            let (value, ends) = match Quote::open(window, value)? {
                Some((_, text)) => (text, Ends::Password),
                None => (value, Ends::Password),
            };
            if value == dash + 2 {
                return Ok(None);
            }
            user_password(window, dash, value, ends)
        }
        Some(b'p') => {
            let is_login = line_has(window, dash, &[b"sshpass", b" login", b"mongo", b"redis-cli"]);
            let is_glued = line_has(window, dash, &[b"mysql", b"mariadb", b"mysqldump", b"sshpass"]);
            match window.at(dash + 2)? {
                Some(b' ') if is_login => password(window, window.skip(dash + 2, SPACE)?, Ends::Password),
                Some(byte) if byte > b' ' && is_glued => password(window, dash + 2, Ends::Password),
                _ => Ok(None),
            }
        }
        Some(b'P') if line_has(window, dash, &[b"sqlcmd", b"zip"]) => {
            password(window, window.skip(dash + 2, SPACE)?, Ends::Password)
        }
        Some(b'a') if line_has(window, dash, &[b"redis-cli"]) => {
            password(window, window.skip(dash + 2, SPACE)?, Ends::Password)
        }
        Some(b'a') if line_has(window, dash, &[b"http "]) => {
            user_password(window, dash, window.skip(dash + 2, SPACE)?, Ends::Password)
        }
        _ => Ok(None),
    }
}

/// The password of `user:password`, the value of an option.
fn user_password(window: &Window<'_>, dash: usize, value: usize, ends: Ends) -> Result<Option<Found>, More> {
    window.hold_from(value);
    let mut colon = value;
    while colon - value < 64
        && window
            .at(colon)?
            .is_some_and(|byte| NAME.has(byte) || byte == b'@' || byte == b'+')
    {
        colon += 1;
        window.hold_from(colon);
    }
    if window.at(colon)? != Some(b':') {
        return Ok(None);
    }
    if line_has(window, dash, &[b"curl", b"http", b"wget"]) {
        return password(window, colon + 1, ends);
    }
    notation::find_value(window, colon + 1, Label::Password, Manner::Loose)
}

/// `password P`, as in netrc and in settings of databases.
pub(super) fn find_password(window: &Window<'_>, start: usize) -> Result<Option<Found>, More> {
    window.hold_from(start + 1);
    let end = match () {
        () if !kinds::begins_word(window.bytes, start) => return Ok(None),
        () if window.has_folded(start, b"password")? => start + 8,
        () if window.has_folded(start, b"passwd")? => start + 6,
        () => return Ok(None),
    };
    window.hold_from(end);
    if window.at(end)? != Some(b' ') {
        return Ok(None);
    }
    let value = window.skip(end, SPACE)?;
    window.hold_from(value);
    match window.at(value)? {
        Some(b'"' | b'\'' | b'`' | b'\\' | b':' | b'=' | b'|' | b'(' | b'-') | None => Ok(None),
        Some(_) => notation::find_value(window, value, Label::Password, Manner::Loose),
    }
}

/// A password that an option says, unless it stands for one.
fn password(window: &Window<'_>, start: usize, ends: Ends) -> Result<Option<Found>, More> {
    window.hold_from(start);
    let start = match Quote::open(window, start)? {
        Some((_, text)) => text,
        None => start,
    };
    let end = notation::value_end(window, start, ends)?;
    let value = &window.bytes[start..end];
    let is_number = value.iter().all(u8::is_ascii_digit) && value.len() < 6;
    let is_secret = value.len() >= 3 && !is_number && !super::lookalike::stands_for_secret(value);
    Ok(is_secret.then(|| Found::new(start..end, Rest::Value(ends))))
}

/// Whether the line before a place has one of `words`.
fn line_has(window: &Window<'_>, at: usize, words: &[&[u8]]) -> bool {
    let before = &window.bytes[window.floor(at)..at];
    let line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    words
        .iter()
        .any(|word| line.windows(word.len()).any(|window| window == *word))
}

/// A name in capitals and its value after a space: `ENV API_KEY V`, `setx API_KEY V`.
pub(super) fn find_setting(window: &Window<'_>, space: usize) -> Result<Option<Found>, More> {
    let floor = window.floor(space);
    let mut start = space;
    while start > floor && (window.bytes[start - 1].is_ascii_uppercase() || window.bytes[start - 1] == b'_') {
        start -= 1;
    }
    let name = &window.bytes[start..space];
    if !name.contains(&b'_') {
        return Ok(None);
    }
    let Some(label) = Label::of(name) else { return Ok(None) };
    window.hold_from(space + 1);
    let value = window.skip(space, SPACE)?;
    window.hold_from(value);
    if window.at(value)? == Some(b'"') {
        return notation::find_value(window, value, label, Manner::Loose);
    }
    let end = notation::value_end(window, value, Ends::Key)?;
    let value = value..end;
    // Program text has names after names.
    let text = &window.bytes[value.clone()];
    let parts = || text.split(|byte| *byte == b'_');
    let plain_parts = parts().filter(|part| part.iter().all(u8::is_ascii_alphabetic)).count();
    let is_name = plain_parts * 2 >= parts().count() || text.first() == Some(&b'*') || window.at(end)? == Some(b'(');
    let is_key = !is_name && is_secret(label, &window.bytes[value.clone()], Manner::Loose);
    Ok(is_key.then(|| Found::new(value, Rest::Value(Ends::Key))))
}

/// The secret that follows the id of a key of AWS, 40 letters of base64 (gitleaks `aws-access-token` has the id alone).
pub(super) fn find_aws_secret(window: &Window<'_>, start: usize) -> Finding {
    let mut at = start;
    window.hold_from(at);
    while at - start < BETWEEN_BYTES_MAX {
        match window.at(at)? {
            Some(byte) if BETWEEN.has(byte) => at += 1,
            Some(b'\\') => match window.at(at + 1)? {
                Some(b'n' | b'r' | b't' | b'"') => at += 2,
                _ => break,
            },
            _ => break,
        }
        window.hold_from(at);
    }
    let Some(end) = window.at_least(at, AWS_SECRET, AWS_SECRET_LETTERS)? else {
        return Ok(None);
    };
    if at == start || window.letter(end, AWS_SECRET)? > 0 {
        return Ok(None);
    }
    let shape = Shape::of(&window.bytes[at..end]);
    let is_secret = shape.is_random() && shape.lower > 0 && shape.upper > 0;
    Ok(is_secret.then(|| (Found::whole(at..end), false)))
}
