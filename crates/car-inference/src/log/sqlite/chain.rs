//! What ties each record to all before it, so that none can be changed, dropped, moved or put in without its being seen.
//!
//! `digest` = SHA-256(salt, payload): with salt and payload erased it tells nothing of them, not even to who could guess them.
//! `entry` = SHA-256(everything of the record that is never erased, `digest`). `link` = SHA-256(link before, `entry`). The first
//! link before is a hash of the log's id. Values are written with their type and length, so that no two rows read the same.

use rusqlite::types::ValueRef;
use sha2::{Digest as _, Sha256};

use crate::log::{LogError, LogErrorKind};

pub(super) type Hash = [u8; 32];
pub(super) type Salt = [u8; 16];

/// What comes before the first record.
pub(super) fn genesis(log_id: &str) -> Hash {
    let mut hash = Sha256::new_with_prefix(b"car-inference event log 1\n");
    hash.update(log_id.as_bytes());
    hash.finalize().into()
}

/// Hashes a row of values.
pub(super) struct Values(Sha256);

impl Values {
    pub fn new() -> Self {
        Self(Sha256::new())
    }

    pub fn salted(salt: &[u8]) -> Self {
        let mut values = Self::new();
        values.push(ValueRef::Blob(salt));
        values
    }

    pub fn push(&mut self, value: ValueRef<'_>) {
        let mut tagged = |tag: u8, bytes: &[u8]| {
            self.0.update([tag]);
            self.0.update((bytes.len() as u64).to_le_bytes());
            self.0.update(bytes);
        };
        match value {
            ValueRef::Null => tagged(0, &[]),
            ValueRef::Integer(number) => tagged(1, &number.to_le_bytes()),
            ValueRef::Real(number) => tagged(2, &number.to_le_bytes()),
            ValueRef::Text(text) => tagged(3, text),
            ValueRef::Blob(bytes) => tagged(4, bytes),
        }
    }

    pub fn finish(self) -> Hash {
        self.0.finalize().into()
    }
}

/// Everything of a record that is never erased, beside its place in the chain.
pub(super) struct Entry<'a> {
    pub position: i64,
    pub call_id: i64,
    pub kind: &'a str,
    pub first_seq: i64,
    pub count: i64,
    pub attempt: i64,
    pub at_us: i64,
    /// Of the columns in `calls` that are never erased and that this record stands for; nothing for others.
    pub columns: Option<Hash>,
    pub digest: &'a [u8],
}

impl Entry<'_> {
    /// Of all of it.
    pub fn hash(&self) -> Hash {
        let mut values = Values::new();
        for number in [
            self.position,
            self.call_id,
            self.first_seq,
            self.count,
            self.attempt,
            self.at_us,
        ] {
            values.push(ValueRef::Integer(number));
        }
        values.push(ValueRef::Text(self.kind.as_bytes()));
        values.push(
            self.columns
                .as_ref()
                .map_or(ValueRef::Null, |hash| ValueRef::Blob(hash)),
        );
        values.push(ValueRef::Blob(self.digest));
        values.finish()
    }
}

/// The link of an entry, which comes after the record with the link `before`.
pub(super) fn link(before: &Hash, entry: &Hash) -> Hash {
    let mut values = Values::new();
    values.push(ValueRef::Blob(before));
    values.push(ValueRef::Blob(entry));
    values.finish()
}

/// Bytes that nobody can guess.
pub(super) fn random<const COUNT: usize>() -> Result<[u8; COUNT], LogError> {
    let mut bytes = [0; COUNT];
    getrandom::fill(&mut bytes)
        .map_err(|error| LogError::new(LogErrorKind::Other, format!("no random bytes can be had: {error}")))?;
    Ok(bytes)
}

/// Salts, which nobody can guess: asked for many at once, since asking the system costs more than all else of a record's hash.
pub(super) struct Salts {
    bytes: [u8; 4096],
    used: usize,
}

impl Default for Salts {
    fn default() -> Self {
        Self {
            bytes: [0; 4096],
            used: 4096,
        }
    }
}

impl Salts {
    /// One that was never given before.
    pub fn next(&mut self) -> Result<Salt, LogError> {
        if self.used == self.bytes.len() {
            self.bytes = random()?;
            self.used = 0;
        }
        let mut salt = Salt::default();
        let end = self.used + salt.len();
        salt.copy_from_slice(&self.bytes[self.used..end]);
        // Who reads this memory later does not find the salt of what was erased.
        self.bytes[self.used..end].fill(0);
        self.used = end;
        Ok(salt)
    }
}

/// In lower-case hex digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            // Writing into a string does not fail.
            let _written = write!(text, "{byte:02x}");
            text
        })
}

/// Bytes from hex digits, exactly so many.
pub(super) fn unhex<const COUNT: usize>(text: &str) -> Option<[u8; COUNT]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * COUNT || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; COUNT];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}
