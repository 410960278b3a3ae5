//! In which order a log in memory was written, for those who follow it. An event costs nothing here: what came since is put
//! down when somebody looks, and when its call ends.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::StoredCall;

/// So many entries are kept before those of forgotten calls are looked for.
const ENTRIES_MIN: usize = 256;

#[derive(Default)]
pub(super) struct Journal {
    entries: VecDeque<Entry>,
    last_position: i64,
}

pub(super) struct Entry {
    pub position: i64,
    /// The call's number.
    pub id: i64,
    pub kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Start,
    /// Events from this number on, so many.
    Events(u64, u64),
    End,
}

impl Journal {
    pub fn next_position(&self) -> i64 {
        self.last_position + 1
    }

    pub fn last_position(&self) -> i64 {
        self.last_position
    }

    pub fn put(&mut self, id: i64, kind: Kind) {
        self.last_position += 1;
        self.entries.push_back(Entry {
            position: self.last_position,
            id,
            kind,
        });
    }

    pub fn after(&self, position: i64) -> impl Iterator<Item = &Entry> {
        let from = self.entries.partition_point(|entry| entry.position < position);
        self.entries.range(from..)
    }

    /// Entries of calls that are gone go as well, now and then.
    pub fn forget_all_but(&mut self, calls: &BTreeMap<i64, Arc<StoredCall>>) {
        if self.entries.len() > ENTRIES_MIN.max(8 * calls.len()) {
            self.entries.retain(|entry| calls.contains_key(&entry.id));
        }
    }
}
