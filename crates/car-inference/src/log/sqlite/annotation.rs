//! What is recorded of a call beside its events.

use serde::{Deserialize, Serialize};

use crate::log::{AttemptRecord, Note, VerdictRecord};

/// What is recorded beside events.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Annotation {
    Attempt(AttemptRecord),
    Verdict(VerdictRecord),
    Note(Note),
}
