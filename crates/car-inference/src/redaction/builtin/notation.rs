//! The notations of a label and its value: settings, source code, JSON, YAML, XML, URLs, tables, calls. A rule begins
//! at the mark between the two, reads the label before it ([`super::naming`]) and then the value after it.

use super::label::Label;
use super::lookalike::stands_for_secret;
use super::naming::{self, Name};
use super::rest::{Listed, Rest};
use super::value::{Manner, is_passphrase, is_secret};
use super::value_text::{self, Ends, Quote};
use super::window::{ALNUM, More, NAME, SPACE, Set, WHITE, Window, ends_with_folded};
use super::{Finding, Found, VALUE_BYTES_MAX, header, near_value};

/// Letters of a text under an exact name before it is taken for no placeholder.
const PLACEHOLDER_BYTES_MAX: usize = 96;
/// Bytes of a pass phrase at most.
const PASSPHRASE_BYTES_MAX: usize = 128;
/// Bytes of space between a label and its value at most.
const SPACE_BYTES_MAX: usize = 64;
/// Marks of Markdown around a label or a value.
const MARKDOWN: Set = Set::new(b"", b"*`");

/// A label and what is known of its value.
#[derive(Clone, Copy)]
struct Named {
    label: Label,
    /// It is the member of an object whose name says without doubt that it is secret.
    is_exact: bool,
    manner: Manner,
}

/// `label: value`, `label=value`, `"label": "value"`, and their like.
pub(super) fn find_assigned(window: &Window<'_>, mark: usize) -> Result<Option<Found>, More> {
    window.hold_from(mark + 1);
    if matches!(window.before(mark), Some(b':' | b'=' | b'!' | b'<' | b'>')) {
        return Ok(None);
    }
    let is_equals = window.bytes[mark] == b'=';
    let Some((name, label)) = naming::label_before(window, mark) else {
        return Ok(None);
    };
    if label == Label::Cookie && name.quote.is_none() && is_equals {
        return Ok(None);
    }
    let is_spaced = name.is_spaced;
    let mut at = mark + 1;
    while at - mark < 3 && matches!(window.at(at)?, Some(b'=' | b'>' | b':')) {
        at += 1;
        window.hold_from(at);
    }
    if !is_equals && at > mark + 1 && window.bytes[mark + 1] == b':' {
        return Ok(None);
    }
    // A part of a name of many parts, such as `arn:aws:secretsmanager:…:secret:name`.
    let is_part = !is_equals && !is_spaced && window.before(name.start) == Some(b':') && name.quote.is_none();
    if is_part && !window.at(at)?.is_some_and(|byte| WHITE.has(byte)) {
        return Ok(None);
    }
    let Some((value, manner)) = value_start(window, at, !is_equals)? else {
        return Ok(None);
    };
    let manner = match manner {
        Some(manner) => manner,
        None if name.is_near => Manner::Near,
        None => match () {
            () if name.is_in_query && is_equals => Manner::Query,
            () if is_equals && value == mark + 1 && !is_spaced => Manner::Assigned,
            () => Manner::Plain,
        },
    };
    let named = Named {
        label,
        is_exact: name.is_exact(window) && !is_equals,
        manner,
    };
    find_named(window, value, named, name.quote)
}

/// `label%3Dvalue` and `%22label%22%3A%22value%22`: an address within an address.
pub(super) fn find_encoded(window: &Window<'_>, mark: usize) -> Result<Option<Found>, More> {
    window.hold_from(mark + 1);
    if !window.has_folded(mark, b"%3d")? && !window.has_folded(mark, b"%3a")? {
        return Ok(None);
    }
    let Some((_, label)) = naming::label_before(window, mark) else {
        return Ok(None);
    };
    let mut at = mark + 3;
    while window.has(at, b"%22")? || window.has(at, b"%20")? || window.has(at, b"%27")? {
        at += 3;
    }
    let named = Named {
        label,
        is_exact: false,
        manner: Manner::Query,
    };
    unquoted(window, at, named, Ends::Encoded)
}

/// `<label>value</label>`, `<entry key="label">value</entry>`, `<key>label</key><string>value</string>`.
pub(super) fn find_element(window: &Window<'_>, mark: usize) -> Result<Option<Found>, More> {
    window.hold_from(mark + 1);
    let Some(label) = naming::label_of_tag(window, mark) else {
        return Ok(None);
    };
    let mut at = window.skip(mark + 1, WHITE)?;
    window.hold_from(at);
    if window.has(at, b"<![CDATA[")? {
        at += 9;
    }
    let named = Named {
        label,
        is_exact: false,
        manner: Manner::Quoted,
    };
    match label {
        Label::Authorization => header::find(window, at, None),
        _ => unquoted(window, at, named, Ends::Password),
    }
}

/// `| label | value |`.
pub(super) fn find_cell(window: &Window<'_>, mark: usize) -> Result<Option<Found>, More> {
    window.hold_from(mark + 1);
    // An alternative of a regular expression has no space.
    if window.before(mark) != Some(b' ') && window.at(mark + 1)? != Some(b' ') {
        return Ok(None);
    }
    let Some(label) = naming::label_of_cell(window, mark) else {
        return Ok(None);
    };
    let at = skip_markdown(window, mark + 1)?;
    window.hold_from(at);
    let named = Named {
        label,
        is_exact: false,
        manner: Manner::Loose,
    };
    unquoted(window, at, named, Ends::Password)
}

/// `"label", "value"` in calls and lists of pairs; the first text's closing quote is at a place.
pub(super) fn find_argument(window: &Window<'_>, closing: usize) -> Result<Option<Found>, More> {
    window.hold_from(closing + 1);
    if window.at(closing + 1)? != Some(b',') {
        return Ok(None);
    }
    let label = match naming::label_of_argument(window, closing) {
        Some(label) => label,
        None if naming::is_user_argument(window, closing) => Label::Password,
        None => return Ok(None),
    };
    let at = window.skip(closing + 2, WHITE)?;
    window.hold_from(at);
    let Some((quote, text)) = Quote::open(window, at)? else {
        return Ok(None);
    };
    let named = Named {
        label,
        is_exact: false,
        manner: Manner::Loose,
    };
    quoted(window, text, quote, named, false)
}

/// `label value` and `label is value`: a text or a word that follows a label with a space between.
pub(super) fn find_spaced(window: &Window<'_>, space: usize, value: usize) -> Result<Option<Found>, More> {
    let Some(label) = naming::label_ending_before(window, space) else {
        return Ok(None);
    };
    let mut at = window.skip(value, SPACE)?;
    if window.at(at)? == Some(b':') {
        at = window.skip(at + 1, SPACE)?;
    }
    at = window.skip(at, Set::new(b"", b"*"))?;
    window.hold_from(at);
    find_value(window, at, label, Manner::Loose)
}

/// `password("value")`: a call that sets a secret.
pub(super) fn find_call(window: &Window<'_>, opening: usize) -> Result<Option<Found>, More> {
    window.hold_from(opening + 1);
    let name = &window.bytes[window.floor(opening)..opening];
    const SETTERS: [&[u8]; 9] = [
        b"password",
        b"passwd",
        b"passphrase",
        b"secret",
        b"token",
        b"key",
        b"keycredential",
        b"bearer_auth",
        b"bearerauth",
    ];
    if SETTERS.iter().any(|end| ends_with_folded(name, end)) {
        find_spaced(window, opening, opening + 1)
    } else {
        Ok(None)
    }
}

/// The value at a place, in quotes or not.
pub(super) fn find_value(window: &Window<'_>, at: usize, label: Label, manner: Manner) -> Result<Option<Found>, More> {
    let named = Named {
        label,
        is_exact: false,
        manner,
    };
    find_named(window, at, named, None)
}

fn find_named(window: &Window<'_>, at: usize, named: Named, name_quote: Option<Quote>) -> Result<Option<Found>, More> {
    let (start, is_list) = match window.at(at)? {
        Some(b'[') => (window.skip(at + 1, WHITE)?, true),
        _ => (at, false),
    };
    window.hold_from(start);
    match Quote::open(window, start)? {
        Some((quote, text)) => {
            let is_member = named.is_exact && name_quote == Some(quote);
            let named = Named {
                is_exact: is_member,
                manner: match named.manner {
                    manner @ (Manner::Loose | Manner::Near) => manner,
                    _ => Manner::Quoted,
                },
                ..named
            };
            quoted(window, text, quote, named, is_list)
        }
        None if is_list => near_value::find_in_brackets(window, start, named.label, true),
        None if matches!(window.at(start)?, Some(b'<' | b'(')) => {
            near_value::find_in_brackets(window, start + 1, named.label, false)
        }
        None if named.manner == Manner::Near => near_value::find_near(window, start, named.label),
        None => match named.label {
            Label::Authorization => header::find(window, start, None),
            Label::Cookie => header::find_cookies(window, start),
            _ => {
                let ends = match named.manner {
                    Manner::Query => Ends::Query,
                    _ if named.label == Label::Password || named.manner == Manner::Assigned => Ends::Password,
                    _ => Ends::Key,
                };
                match unquoted(window, start, named, ends)? {
                    Some(found) => Ok(Some(found)),
                    None => within_expression(window, start, named),
                }
            }
        },
    }
}

/// Where a value begins after its mark, and how it is written there, if that is another line or after a tag.
fn value_start(
    window: &Window<'_>,
    mark_end: usize,
    may_be_far: bool,
) -> Result<Option<(usize, Option<Manner>)>, More> {
    let mut at = mark_end;
    let mut lines = 0;
    let mut is_tagged = false;
    while at - mark_end < SPACE_BYTES_MAX {
        window.hold_from(at);
        match window.at(at)? {
            Some(b' ' | b'\t') => at += 1,
            Some(b'\r') if may_be_far => at += 1,
            Some(b'\n') if may_be_far => {
                at += 1;
                lines += 1;
            }
            Some(b'\\') if may_be_far && matches!(window.at(at + 1)?, Some(b'n' | b'r')) => {
                lines += usize::from(window.bytes[at + 1] == b'n');
                at += 2;
            }
            // Marks of Markdown (`**Key:** …`), a block of YAML (`key: |`), an item of a list, a block of code.
            Some(b'*') if at - mark_end < 3 => at += 1,
            Some(b'|' | b'>') if lines == 0 && may_be_far => {
                let end = window.skip(at + 1, Set::new(b"09", b"+-"))?;
                if !matches!(window.at(end)?, Some(b'\n' | b'\r' | b'\\')) {
                    break;
                }
                at = end;
            }
            Some(b'&') if window.has(at, b"&quot;")? => at += 6,
            // A tag or an anchor of YAML: `token: !secret V`.
            Some(b'!' | b'&') if lines == 0 && may_be_far => {
                let end = window.skip(at + 1, Set::new(b"azAZ09", b"!_-"))?;
                if end == at + 1 || !window.at(end)?.is_some_and(|byte| SPACE.has(byte)) {
                    break;
                }
                at = end;
                is_tagged = true;
            }
            Some(b'-' | b'*') if lines > 0 && window.at(at + 1)? == Some(b' ') => at += 2,
            Some(b'`') if lines > 0 && window.has(at, b"```")? => at = window.skip(at + 3, ALNUM)?,
            _ => break,
        }
        if lines > 3 {
            return Ok(None);
        }
    }
    window.hold_from(at);
    let manner = match lines {
        _ if is_tagged => Some(Manner::Near),
        0 => None,
        _ => Some(Manner::Loose),
    };
    Ok(Some((at, manner)))
}

fn skip_markdown(window: &Window<'_>, at: usize) -> Result<usize, More> {
    let at = window.skip(at, SPACE)?;
    let at = window.skip(at, MARKDOWN)?;
    window.skip(at, SPACE)
}

/// A value in quotes, whose text begins at a place.
fn quoted(window: &Window<'_>, text: usize, quote: Quote, named: Named, is_list: bool) -> Result<Option<Found>, More> {
    window.hold_from(text);
    // Three quotes of Python, TOML and Kotlin.
    let is_tripled =
        quote.slashes == 0 && window.at(text)? == Some(quote.byte) && window.at(text + 1)? == Some(quote.byte);
    let text = if is_tripled {
        after_newline(window, text + 2)?
    } else {
        text
    };
    window.hold_from(text);
    let listed = is_list.then_some(Listed {
        label: named.label,
        is_member: named.is_exact,
    });
    let rest = Rest::Quoted(quote, listed);
    if named.is_exact {
        return exact(window, text, quote, rest);
    }
    match named.label {
        Label::Authorization => return header::find(window, text, Some(quote)),
        Label::Cookie => return header::find_cookies(window, text),
        _ => {}
    }
    let mut end = text;
    while end - text < VALUE_BYTES_MAX {
        match quote.letter(window, end)? {
            0 => break,
            _ if is_tripled && matches!(window.bytes[end], b'\n' | b'\r') => break,
            _ if WHITE.has(window.bytes[end]) => {
                let is_phrase = named.label == Label::Passphrase && named.manner == Manner::Quoted;
                return if is_phrase {
                    passphrase(window, text, quote, rest)
                } else {
                    Ok(None)
                };
            }
            // Some escapes are spaces.
            bytes if window.bytes[end] == b'\\' && matches!(window.at(end + bytes)?, Some(b'n' | b'r' | b't')) => {
                return Ok(None);
            }
            bytes => end += bytes,
        }
    }
    let value = &window.bytes[text..end];
    Ok(is_secret(named.label, value, named.manner).then(|| Found::new(text..end, rest)))
}

/// The place after one end of a line, with which a text in three quotes may begin.
fn after_newline(window: &Window<'_>, at: usize) -> Result<usize, More> {
    window.hold_from(at);
    for newline in [b"\n".as_slice(), b"\r\n", b"\\\n", b"\\\r\n"] {
        if window.has(at, newline)? {
            return Ok(at + newline.len());
        }
    }
    Ok(at)
}

/// A text under a name that says without doubt that it is secret: all of it, unless it stands for a secret. What has
/// several words does not.
fn exact(window: &Window<'_>, text: usize, quote: Quote, rest: Rest) -> Result<Option<Found>, More> {
    let mut end = text;
    let may_be_reference = matches!(window.at(text)?, Some(b'<' | b'$' | b'{' | b'[' | b'%' | b'#' | b'@'));
    while end - text < PLACEHOLDER_BYTES_MAX {
        let bytes = quote.letter(window, end)?;
        if bytes == 0 {
            let value = &window.bytes[text..end];
            return Ok((!value.is_empty() && !stands_for_secret(value)).then(|| Found::new(text..end, rest)));
        }
        end += bytes;
        if WHITE.has(window.bytes[end - 1]) && !may_be_reference {
            break;
        }
    }
    Ok(Some(Found::new(text..end, rest)))
}

/// Words in quotes after the label of a pass phrase.
fn passphrase(window: &Window<'_>, text: usize, quote: Quote, rest: Rest) -> Result<Option<Found>, More> {
    let mut end = text;
    while end - text < PASSPHRASE_BYTES_MAX {
        match quote.letter(window, end)? {
            0 => break,
            bytes => end += bytes,
        }
    }
    Ok(is_passphrase(&window.bytes[text..end]).then(|| Found::new(text..end, rest)))
}

/// A value without quotes.
fn unquoted(window: &Window<'_>, start: usize, named: Named, ends: Ends) -> Result<Option<Found>, More> {
    window.hold_from(start);
    let end = value_end(window, start, ends)?;
    let value = &window.bytes[start..end];
    if is_secret(named.label, value, named.manner) {
        return Ok(Some(Found::new(start..end, Rest::Value(ends))));
    }
    Ok(None)
}

/// The end of a value without quotes; at most as far as it is judged.
pub(super) fn value_end(window: &Window<'_>, start: usize, ends: Ends) -> Result<usize, More> {
    let mut end = start;
    while end - start < VALUE_BYTES_MAX {
        match value_text::letter(window, end, ends)? {
            0 => break,
            bytes => end += bytes,
        }
    }
    Ok(end)
}

/// A text within an expression: `Secret("…")`, `b"…"`, `process.env.KEY || "…"`, `getenv("KEY") ?? "…"`.
fn within_expression(window: &Window<'_>, start: usize, named: Named) -> Result<Option<Found>, More> {
    const NAMES_BYTES_MAX: usize = 64;
    if matches!(named.manner, Manner::Loose | Manner::Near | Manner::Query) {
        return Ok(None);
    }
    window.hold_from(start);
    let mut at = start;
    while at - start < NAMES_BYTES_MAX {
        match window.at(at)? {
            Some(byte) if NAME.has(byte) || matches!(byte, b':' | b'?' | b'!' | b'@' | b'&') => at += 1,
            // `new Secret("…")`
            Some(b' ') if matches!(&window.bytes[start..at], b"new" | b"await") => at += 1,
            _ => break,
        }
    }
    let names_end = at;
    let mut is_alternative = false;
    let text = match window.at(at)? {
        Some(b'"' | b'\'' | b'\\') if at > start && at - start <= 2 => at,
        Some(b'(') if at > start => window.skip(at + 1, WHITE)?,
        Some(b' ') => {
            at = window.skip(at, SPACE)?;
            let is_other =
                window.has(at, b"||")? || window.has(at, b"??")? || window.has(at, b"or")? || window.has(at, b"?:")?;
            if !is_other || names_end == start {
                return Ok(None);
            }
            is_alternative = true;
            window.skip(at + 2, SPACE)?
        }
        _ => return Ok(None),
    };
    window.hold_from(text);
    let Some((quote, text)) = Quote::open(window, text)? else {
        return Ok(None);
    };
    let callee = window.bytes[start..names_end]
        .rsplit(|byte| !byte.is_ascii_alphanumeric())
        .next()
        .unwrap_or_default();
    let is_wrapper = callee.len() <= 2
        || Label::of(callee).is_some()
        || WRAPPERS.iter().any(|known| known.eq_ignore_ascii_case(callee));
    let named = Named {
        // What other functions take is seldom the secret.
        label: if is_wrapper || is_alternative {
            named.label
        } else {
            Label::Maybe
        },
        manner: Manner::Quoted,
        is_exact: false,
    };
    quoted(window, text, quote, named, false)
}

/// Functions that make of a text what a program keeps a secret in.
const WRAPPERS: &[&[u8]] = &[
    b"buffer",
    b"bytes",
    b"from",
    b"into",
    b"literal",
    b"new",
    b"secretstr",
    b"secretstring",
    b"securestring",
    b"some",
    b"str",
    b"string",
    b"text",
    b"value",
];

/// The next text of a list, after the closing quote of one at a place.
pub(super) fn find_next_item(window: &Window<'_>, closing: usize, quote: Quote, listed: Listed) -> Finding {
    window.hold_from(closing);
    let after = closing + quote.slashes + 1;
    let comma = window.skip(after, WHITE)?;
    window.hold_from(comma);
    if window.at(comma)? != Some(b',') {
        return Ok(None);
    }
    let start = window.skip(comma + 1, WHITE)?;
    window.hold_from(start);
    match Quote::open(window, start)? {
        Some((next, text)) if next == quote => {
            let named = Named {
                label: listed.label,
                is_exact: listed.is_member,
                manner: Manner::Quoted,
            };
            let found = quoted(window, text, quote, named, true)?;
            Ok(found.map(|found| (found, false)))
        }
        _ => Ok(None),
    }
}

impl Name {
    /// Whether it is the name of a member of an object that holds nothing but a secret.
    fn is_exact(&self, window: &Window<'_>) -> bool {
        let name = &window.bytes[self.start..self.end];
        self.quote.is_some_and(|quote| quote.byte == b'"')
            && window.before(self.start) == Some(b'"')
            && std::str::from_utf8(name).is_ok_and(crate::redaction::names::is_secret_name)
    }
}
