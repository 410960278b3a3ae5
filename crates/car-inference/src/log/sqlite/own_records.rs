//! The content of the records of the log itself, which belong to no call.

use serde::{Deserialize, Serialize};

/// The content of a `prune` record. The newest one covers all prunings: older ones are removed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PruneRecord {
    /// How many calls were pruned since the log was created.
    pub calls: u64,
    /// The digest of all gaps, 64 hex digits.
    pub gaps: String,
}

/// The content of an `erase` record.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EraseRecord {
    /// The numbers of the calls.
    pub calls: Vec<i64>,
}

/// The content of a `checkpoint` record.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckpointRecord {
    /// The root of the Merkle tree of all records before it, 64 hex digits.
    pub root: String,
}
