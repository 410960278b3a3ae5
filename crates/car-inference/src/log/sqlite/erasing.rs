//! Calls that were erased while they were open. Their remaining events are written without content.

use std::collections::BTreeMap;

/// Open calls whose content must no longer be written, by their numbers in the file.
pub(super) type Erasing = BTreeMap<i64, ErasedOpenCall>;

/// What later erasures need to find and list such a call.
#[derive(Debug, Default)]
pub(super) struct ErasedOpenCall {
    pub trace_id: String,
    /// Its tags, which are no longer in the file.
    pub tags: Vec<String>,
}
