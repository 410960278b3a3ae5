//! Finds the end of a value, with and without quotes.

use super::window::{ALNUM, More, NAME, SPACE, Set, Window};

/// A quote, and the backslashes before it: one more for each text of JSON that the value is nested in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quote {
    pub(super) byte: u8,
    pub(super) slashes: usize,
}

/// Backslashes before a quote at most: of JSON in JSON in JSON in JSON.
pub(super) const SLASHES_MAX: usize = 15;

impl Quote {
    /// The quote that opens at a place, and where its text begins.
    pub(super) fn open(window: &Window<'_>, at: usize) -> Result<Option<(Self, usize)>, More> {
        let mut slashes = 0;
        while slashes < SLASHES_MAX && window.at(at + slashes)? == Some(b'\\') {
            slashes += 1;
        }
        match window.at(at + slashes)? {
            Some(byte @ (b'"' | b'\'' | b'`')) => Ok(Some((Self { byte, slashes }, at + slashes + 1))),
            _ => Ok(None),
        }
    }

    /// How many bytes the next letter of the text takes; 0 at its closing quote, and where the text ends without one.
    pub(super) fn letter(self, window: &Window<'_>, at: usize) -> Result<usize, More> {
        match window.at(at)? {
            None => return Ok(0),
            Some(byte) if byte == self.byte && self.slashes == 0 => return Ok(0),
            Some(b'\\') => {}
            Some(_) => return Ok(1),
        }
        let mut slashes = 1;
        while slashes < 2 * SLASHES_MAX && window.at(at + slashes)? == Some(b'\\') {
            slashes += 1;
        }
        let closes = match self.slashes {
            0 => slashes % 2 == 0,
            own => slashes <= own,
        };
        match window.at(at + slashes)? {
            Some(byte) if byte == self.byte && closes => Ok(if self.slashes == 0 { slashes } else { 0 }),
            Some(byte) if byte == self.byte => Ok(slashes + 1),
            _ => Ok(slashes),
        }
    }
}

/// What ends a value without quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    /// Space, quotes and what follows a value in program text. Keys have none of these.
    Key,
    /// Space and quotes, and other marks only where a value is followed by something else: passwords and settings.
    Password,
    /// As in a query: `&`, `#`.
    Query,
    /// As in a query that is encoded once more: `%26`, `%22`.
    Encoded,
}

/// Marks that belong to a value only within it.
const TRAILING: Set = Set::new(b"", b",;.:)]}>|!?*");
/// What a key is made of, with what may join its parts.
const KEY: Set = Set::new(b"azAZ09", b"_-.~+/=:%@$!*^#&");

/// How many bytes the next letter of a value takes; 0 where it ends.
pub(super) fn letter(window: &Window<'_>, at: usize, ends: Ends) -> Result<usize, More> {
    let Some(byte) = window.at(at)? else { return Ok(0) };
    if ends_all(byte) {
        return Ok(0);
    }
    if ALNUM.has(byte) || byte >= 128 {
        return Ok(1);
    }
    match byte {
        b'\\' => return after_backslash(window, at),
        b'&' | b'#' if matches!(ends, Ends::Query | Ends::Encoded) => return Ok(0),
        b'&' => return after_ampersand(window, at),
        b'%' if ends == Ends::Encoded => {
            for code in [b"26", b"22", b"27", b"20", b"0a", b"2c", b"7d"] {
                if window.has_folded(at + 1, code)? {
                    return Ok(0);
                }
            }
            return Ok(1);
        }
        b';' | b',' if begins_another(window, at + 1)? => return Ok(0),
        b')' | b']' | b'}' if matches!(window.at(at + 1)?, Some(b'.' | b';' | b',' | b')' | b']' | b'}')) => {
            return Ok(0);
        }
        _ if ends != Ends::Password && !KEY.has(byte) => return Ok(0),
        _ => {}
    }
    if !TRAILING.has(byte) {
        return Ok(1);
    }
    let end = window.skip(at, TRAILING)?;
    let is_over = match window.at(end)? {
        None => true,
        Some(b'\\') => after_backslash(window, end)? == 0,
        Some(byte) => ends_all(byte),
    };
    Ok(if is_over { 0 } else { end - at })
}

/// Space and quotes.
fn ends_all(byte: u8) -> bool {
    byte <= b' ' || matches!(byte, b'"' | b'\'' | b'`' | b'<' | 127)
}

/// `\n`, `\"` and their like end a value; other backslashes belong to it.
fn after_backslash(window: &Window<'_>, at: usize) -> Result<usize, More> {
    Ok(match window.at(at + 1)? {
        None | Some(b'n' | b'r' | b't' | b'"' | b'\'' | b'`' | b'\\' | b' ' | b'\n' | b'\r') => 0,
        Some(b'u') if window.has(at + 2, b"00")? => usize::from(!window.has_folded(at + 4, b"22")?),
        Some(_) => 1,
    })
}

/// `&quot;`, `&name=` and `&` before a space end a value.
fn after_ampersand(window: &Window<'_>, at: usize) -> Result<usize, More> {
    let after = match window.at(at + 1)? {
        None => return Ok(0),
        Some(b'#') => window.skip(at + 2, ALNUM)?,
        Some(b'&') => return Ok(0),
        Some(byte) if ends_all(byte) => return Ok(0),
        Some(_) => {
            let end = window.skip(at + 1, NAME)?;
            if end == at + 1 || end - at > 48 {
                return Ok(1);
            }
            end
        }
    };
    Ok(usize::from(!matches!(window.at(after)?, Some(b';' | b'='))))
}

/// Whether a name and its value follow, as in `Password=…;Encrypt=true` and `{token:…,name:…}`.
fn begins_another(window: &Window<'_>, at: usize) -> Result<bool, More> {
    let from = window.skip(at, SPACE)?;
    let mut end = window.skip(from, NAME)?;
    if end > from && end - at < 48 && window.at(end)? == Some(b' ') {
        end = window.skip(end + 1, NAME)?;
    }
    Ok(match window.at(end)? {
        None => end == from,
        Some(byte) => {
            end > from && end - at < 64 && matches!(byte, b':' | b'=') || end == from && matches!(byte, b'"' | b'\'')
        }
    })
}

/// As [`letter`], of the rest of a line. A private key ends it: that is a secret of more lines.
pub(super) fn line_letter(window: &Window<'_>, at: usize) -> Result<usize, More> {
    Ok(match window.at(at)? {
        Some(b'-') if window.has(at, b"-----BEGIN ")? => 0,
        None | Some(b'\r' | b'\n' | b'"' | b'\'' | b'\\') => 0,
        Some(_) => 1,
    })
}
