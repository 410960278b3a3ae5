//! The open calls that are to be erased.

use std::collections::BTreeMap;

/// Open calls whose payload must not reach the file any more, by their numbers.
pub(super) type Erasing = BTreeMap<i64, ErasedOpenCall>;

/// What is kept about such a call, so that later erasures can list it.
#[derive(Debug, Default)]
pub(super) struct ErasedOpenCall {
    pub trace_id: String,
    /// Its tags, which are no longer in the file.
    pub tags: Vec<String>,
}
