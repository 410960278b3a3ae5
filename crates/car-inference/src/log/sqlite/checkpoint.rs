//! Small signed statements of where the chain ended: kept elsewhere, they show truncation and rewriting.

use ed25519_dalek::{Signature, VerifyingKey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::chain::unhex;
use crate::error::Problem;

/// A signed statement of where a log ended. To be kept where who can write to the log cannot.
///
/// Signed (Ed25519, RFC 8032) are the bytes of `car-inference checkpoint 1`, the log's id, the count, the head, the time in
/// microseconds and the public key, each followed by a line feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Checkpoint {
    /// The log's id.
    pub log_id: String,
    /// How many records there had been: the position of the last.
    pub count: i64,
    /// The link of the last record, 64 hex digits.
    pub head: String,
    /// When it was made, in microseconds since the Unix epoch.
    pub at_us: i64,
    /// The key that it can be checked with, 64 hex digits.
    pub public_key: String,
    /// The signature, 128 hex digits.
    pub signature: String,
}

impl Checkpoint {
    /// Reads a checkpoint from JSON, listing every wrong field.
    ///
    /// # Errors
    /// All problems found.
    pub fn from_json(json: &str) -> Result<Self, Vec<Problem>> {
        crate::shape::parse(json)
    }

    /// The signed text.
    pub(super) fn statement(&self) -> String {
        let Self {
            log_id,
            count,
            head,
            at_us,
            public_key,
            ..
        } = self;
        format!("car-inference checkpoint 1\n{log_id}\n{count}\n{head}\n{at_us}\n{public_key}\n")
    }

    /// Whether it is signed as it says.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        let key = unhex::<32>(&self.public_key).and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok());
        let signature = unhex::<64>(&self.signature).map(|bytes| Signature::from_bytes(&bytes));
        match (key, signature) {
            (Some(key), Some(signature)) => key.verify_strict(self.statement().as_bytes(), &signature).is_ok(),
            _ => false,
        }
    }
}
