//! Annotations of a call: records beside its events.

use serde::{Deserialize, Serialize};

use crate::log::{AttemptRecord, Note, VerdictRecord};

/// A record beside the events of a call.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Annotation {
    Attempt(AttemptRecord),
    Verdict(VerdictRecord),
    Note(Note),
}
