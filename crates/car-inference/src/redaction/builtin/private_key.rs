//! Private keys in PEM (RFC 7468) and in OpenPGP's armour (RFC 9580 section 6.2): the first line, headers, and lines of
//! base64, up to the last line if that came. A key that is cut off is one, too. Line ends may be spaces, or escaped as in
//! JSON. A line that other letters of a token follow is covered to the token's end.

use super::window::{More, Set, Window};

const BASE64: Set = Set::new(b"azAZ09", b"+/=");
/// What joins letters of base64 into one word, as in a token that stands where a line should.
const JOINS: Set = Set::new(b"", b"-_.:~");
const KIND: Set = Set::new(b"AZ09", b" ");
const HEADER: Set = Set::new(b"azAZ09", b"-");

/// Letters of a line of base64 that no word has.
const LINE_LETTERS_MIN: usize = 16;
/// Bytes of a first line's kind at most.
const KIND_BYTES_MAX: usize = 64;
/// Bytes of a header at most.
const HEADER_BYTES_MAX: usize = 200;
/// Bytes of all headers at most.
const HEADERS_BYTES_MAX: usize = 2048;
/// Spaces and escapes between two lines at most.
const GAP_BYTES_MAX: usize = 64;

/// The end of the first line of base64 of a key that begins at a place.
pub(super) fn find(window: &Window<'_>, start: usize) -> Result<Option<usize>, More> {
    let dashes = window.skip(start, Set::new(b"", b"-"))?;
    if dashes - start < 4 || dashes - start > 5 {
        return Ok(None);
    }
    let begin = if window.at(dashes)? == Some(b' ') {
        dashes + 1
    } else {
        dashes
    };
    if !window.has(begin, b"BEGIN ")? {
        return Ok(None);
    }
    let kind = begin + "BEGIN ".len();
    let mut end = kind;
    while end - kind < KIND_BYTES_MAX && window.at(end)?.is_some_and(|byte| KIND.has(byte)) {
        end += 1;
    }
    let named = window.bytes[kind..end].trim_ascii_end();
    if !(named.ends_with(b"PRIVATE KEY") || named.ends_with(b"PRIVATE KEY BLOCK")) || !window.has(end, b"----")? {
        return Ok(None);
    }
    let mut at = window.skip(end, Set::new(b"", b"-"))?;
    while at - start < HEADERS_BYTES_MAX {
        at = skip_gap(window, at)?;
        if let Some(end) = window.at_least(at, BASE64, LINE_LETTERS_MIN)? {
            return Ok(Some(end));
        }
        match header_end(window, at)? {
            Some(end) => at = end,
            None => return Ok(None),
        }
    }
    Ok(None)
}

/// How many bytes the next part of a key takes: the rest of a line, a further line, the last line. 0 where it ends.
pub(super) fn next_part(window: &Window<'_>, start: usize) -> Result<usize, More> {
    if start > 0 && window.bytes[start - 1] == b'-' {
        // The last line was read.
        return Ok(0);
    }
    if window.before(start).is_some_and(|byte| BASE64.has(byte)) {
        let letter = window.letter(start, BASE64)?;
        if letter > 0 {
            return Ok(letter);
        }
        let join = window.letter(start, JOINS)?;
        let joined = if join == 0 {
            0
        } else {
            window.letter(start + join, BASE64)?
        };
        if joined > 0 {
            return Ok(join + joined);
        }
    }
    let line = skip_gap(window, start)?;
    if let Some(end) = last_line(window, line)? {
        return Ok(end - start);
    }
    if let Some(end) = window.at_least(line, BASE64, LINE_LETTERS_MIN)? {
        return Ok(end - start);
    }
    // A short line is the key's when it looks like its end, or when something says so afterwards.
    let mut at = line;
    for _ in 0..2 {
        let end = window.skip(at, BASE64)?;
        if end == at {
            return Ok(0);
        }
        let is_padded = window.bytes[end - 1] == b'=' || window.bytes[at] == b'=';
        let after = skip_gap(window, end)?;
        if let Some(end) = last_line(window, after)? {
            return Ok(end - start);
        }
        if is_padded || window.at(after)?.is_none() && line > start {
            return Ok(end - start);
        }
        at = after;
    }
    Ok(0)
}

/// The end of `-----END … PRIVATE KEY-----`.
fn last_line(window: &Window<'_>, start: usize) -> Result<Option<usize>, More> {
    let dashes = window.skip(start, Set::new(b"", b"-"))?;
    if dashes - start < 4 {
        return Ok(None);
    }
    let begin = if window.at(dashes)? == Some(b' ') {
        dashes + 1
    } else {
        dashes
    };
    if !window.has(begin, b"END ")? {
        return Ok(None);
    }
    let mut end = begin;
    while end - begin < KIND_BYTES_MAX && window.at(end)?.is_some_and(|byte| KIND.has(byte)) {
        end += 1;
    }
    if !window.has(end, b"----")? {
        return Ok(None);
    }
    Ok(Some(window.skip(end, Set::new(b"", b"-"))?))
}

/// The end of `Name: value` and its line end.
fn header_end(window: &Window<'_>, start: usize) -> Result<Option<usize>, More> {
    let mut at = start;
    while at - start < 32 && window.at(at)?.is_some_and(|byte| HEADER.has(byte)) {
        at += 1;
    }
    if at == start || !window.has(at, b": ")? {
        return Ok(None);
    }
    while at - start < HEADER_BYTES_MAX {
        match window.at(at)? {
            Some(b'\n' | b'\r' | b'\\') => return Ok(Some(at)),
            Some(_) => at += 1,
            None => return Ok(None),
        }
    }
    Ok(None)
}

/// The end of spaces and line ends, escaped ones too.
fn skip_gap(window: &Window<'_>, start: usize) -> Result<usize, More> {
    let mut at = start;
    while at - start < GAP_BYTES_MAX {
        match window.at(at)? {
            Some(b' ' | b'\t' | b'\r' | b'\n') => at += 1,
            Some(b'\\') => {
                let mut letter = at;
                while letter - at < 8 && window.at(letter)? == Some(b'\\') {
                    letter += 1;
                }
                match window.at(letter)? {
                    Some(b'n' | b'r' | b't') => at = letter + 1,
                    _ => return Ok(at),
                }
            }
            _ => return Ok(at),
        }
    }
    Ok(at)
}
