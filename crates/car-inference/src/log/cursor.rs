//! Cursors: positions in a log, as text that a host stores and passes back. Each cursor names its log, because the same
//! numbers mean different calls in another log. A call that is exported and imported gets a new cursor.

use sha2::{Digest, Sha256};

use super::{LogError, LogErrorKind};

/// The log that a cursor belongs to: a part of the log's id that is long enough to tell logs apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LogTag(u32);

impl LogTag {
    /// The tag of the log with this id.
    pub fn of(log_id: &str) -> Self {
        let hash: [u8; 32] = Sha256::digest(log_id).into();
        Self(u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]))
    }

    /// The tag of a log in memory.
    pub fn random() -> Self {
        Self::of(&uuid::Uuid::now_v7().to_string())
    }

    fn parse(text: &str) -> Option<Self> {
        let is_tag = text.len() == 8 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_tag.then(|| u32::from_str_radix(text, 16).ok().map(Self)).flatten()
    }
}

impl std::fmt::Display for LogTag {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:08x}", self.0)
    }
}

/// A call's place in the order of lists: its start, and its number in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CallPlace {
    pub started_at_us: i64,
    pub id: i64,
}

impl CallPlace {
    /// The error message for an invalid cursor.
    pub const INVALID: &str = "invalid cursor; pass the `cursor` of a call from this log";

    /// As text: `<start>.<number>.<log>`.
    pub fn cursor(self, log: LogTag) -> String {
        format!("{}.{}.{log}", self.started_at_us, self.id)
    }

    /// The position in a cursor, and its log; `None` when the text is not a cursor.
    pub fn parse(cursor: &str) -> Option<(Self, LogTag)> {
        let mut parts = cursor.split('.');
        let place = Self {
            started_at_us: number(parts.next()?)?,
            id: number(parts.next()?)?,
        };
        let log = LogTag::parse(parts.next()?)?;
        parts.next().is_none().then_some((place, log))
    }
}

/// A position in the log in the order of writing: a record, and an item of it. The cursor of a
/// [`TailItem`](super::TailItem).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TailPlace {
    pub position: i64,
    /// The item after which to continue; `u32::MAX` for the whole record.
    pub item: u32,
}

impl TailPlace {
    /// After everything of a record.
    pub fn after(position: i64) -> Self {
        Self {
            position,
            item: u32::MAX,
        }
    }

    /// As text: `<record>-<item>-<log>`.
    pub fn cursor(self, log: LogTag) -> String {
        format!("{}-{}-{log}", self.position, self.item)
    }

    /// The position in a cursor, and its log; `None` when the text is not a cursor.
    pub fn parse(cursor: &str) -> Option<(Self, LogTag)> {
        let mut parts = cursor.split('-');
        let place = Self {
            position: number(parts.next()?)?,
            item: number(parts.next()?)?,
        };
        let log = LogTag::parse(parts.next()?)?;
        parts.next().is_none().then_some((place, log))
    }

    /// The position of a cursor in `log`.
    ///
    /// # Errors
    /// When it is not a cursor, or is of another log.
    pub fn read(cursor: &str, log: LogTag) -> Result<Self, LogError> {
        match Self::parse(cursor) {
            Some((place, of)) if of == log => Ok(place),
            _ => Err(LogError::new(
                LogErrorKind::InvalidInput,
                "invalid cursor; pass the `cursor` of an item of `tail` from this log",
            )),
        }
    }
}

/// Parses a number of a cursor: digits only, without a sign or leading zeros.
fn number<N: std::str::FromStr>(text: &str) -> Option<N> {
    let is_plain = text == "0" || !text.starts_with('0');
    let is_number = is_plain && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}
