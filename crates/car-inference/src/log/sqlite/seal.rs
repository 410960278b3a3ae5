//! Encryption of payload. XChaCha20-Poly1305 under a key of the log's own, which is kept in the file wrapped under the host's
//! key: another host key is one small change, and commitments to sealed bytes stay true. Each value is tied to its place, so
//! that none can be put where another was.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use rusqlite::types::{Value, ValueRef};

use super::chain::random;
use super::failure::corrupt;
use super::options::LogKey;
use crate::log::{LogError, LogErrorKind};

const NONCE_BYTES: usize = 24;

/// Writes and reads payload: as text, or sealed.
#[derive(Clone)]
pub(super) struct Sealer {
    log_id: String,
    key: Option<[u8; 32]>,
}

impl Sealer {
    /// One that seals nothing.
    pub fn none() -> Self {
        Self {
            log_id: String::new(),
            key: None,
        }
    }

    /// One with a new key.
    pub fn generate(log_id: &str) -> Result<Self, LogError> {
        Ok(Self {
            log_id: log_id.to_owned(),
            key: Some(random()?),
        })
    }

    /// One with the key that a host's key has wrapped.
    pub fn unwrap(log_id: &str, wrapped: &[u8], host_key: &LogKey) -> Result<Self, LogError> {
        let wrong = || {
            LogError::new(
                LogErrorKind::WrongKey,
                "the key is not the one that the log is encrypted with",
            )
        };
        let key = open(&host_key.0, &wrapping_place(log_id), wrapped).ok_or_else(wrong)?;
        Ok(Self {
            log_id: log_id.to_owned(),
            key: Some(key.try_into().map_err(|_| wrong())?),
        })
    }

    /// The key, wrapped under a host's key; nothing when there is none.
    pub fn wrap(&self, host_key: &LogKey) -> Result<Option<Vec<u8>>, LogError> {
        self.key
            .as_ref()
            .map(|key| seal(&host_key.0, &wrapping_place(&self.log_id), key))
            .transpose()
    }

    pub fn seals(&self) -> bool {
        self.key.is_some()
    }

    /// What to store for a payload of this place.
    pub fn store(&self, place: Place, json: Vec<u8>) -> Result<Value, LogError> {
        match &self.key {
            Some(key) => Ok(Value::Blob(seal(key, &self.at(place), &json)?)),
            None => String::from_utf8(json)
                .map(Value::Text)
                .map_err(|_| corrupt("payload that is no text")),
        }
    }

    /// The payload that is stored at this place; nothing where there is none.
    pub fn load(&self, place: Place, stored: ValueRef<'_>) -> Result<Option<String>, LogError> {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).map_err(|_| corrupt("payload that is no text"));
        match (stored, &self.key) {
            (ValueRef::Null, _) => Ok(None),
            (ValueRef::Text(bytes), None) => text(bytes.to_vec()).map(Some),
            (ValueRef::Blob(sealed), Some(key)) => match open(key, &self.at(place), sealed) {
                Some(bytes) => text(bytes).map(Some),
                None => Err(corrupt("sealed payload was changed, or moved from another place")),
            },
            (ValueRef::Blob(_), None) => Err(LogError::new(
                LogErrorKind::WrongKey,
                "the log is encrypted; open it with its key",
            )),
            _ => Err(corrupt("payload of another kind than it should be")),
        }
    }

    fn at(&self, (table, id, column): Place) -> Vec<u8> {
        format!("car-inference\0{}\0{table}\0{id}\0{column}", self.log_id).into_bytes()
    }
}

/// A table, the row's number, a column.
pub(super) type Place = (&'static str, i64, &'static str);

fn wrapping_place(log_id: &str) -> Vec<u8> {
    format!("car-inference\0{log_id}\0key").into_bytes()
}

fn seal(key: &[u8; 32], place: &[u8], plain: &[u8]) -> Result<Vec<u8>, LogError> {
    let nonce: [u8; NONCE_BYTES] = random()?;
    let sealed = XChaCha20Poly1305::new(key.into())
        .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: place })
        .map_err(|_| LogError::new(LogErrorKind::Other, "payload is too large to be encrypted"))?;
    Ok([&nonce[..], &sealed].concat())
}

fn open(key: &[u8; 32], place: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
    XChaCha20Poly1305::new(key.into())
        .decrypt(
            &XNonce::from(*nonce),
            Payload {
                msg: sealed,
                aad: place,
            },
        )
        .ok()
}
