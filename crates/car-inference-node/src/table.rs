//! What JavaScript holds of Rust: numbers. Each stands for an entry of a table of its own environment; a number is used
//! again only after a thousand million others, and never while it is in use.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Numbers that tables give out themselves are below this; the mailbox gives out those from here on.
pub const FOREIGN_MIN: u32 = 1 << 30;

pub struct Table<T> {
    entries: HashMap<u32, T, BuildHasherDefault<IdHasher>>,
    last: u32,
}

impl<T> Table<T> {
    /// A number that stands for nothing yet. Never 0.
    pub fn vacant(&mut self) -> u32 {
        loop {
            self.last = if self.last + 1 < FOREIGN_MIN { self.last + 1 } else { 1 };
            if !self.entries.contains_key(&self.last) {
                return self.last;
            }
        }
    }

    pub fn add(&mut self, entry: T) -> u32 {
        let id = self.vacant();
        self.entries.insert(id, entry);
        id
    }

    pub fn put(&mut self, id: u32, entry: T) {
        self.entries.insert(id, entry);
    }

    pub fn get(&self, id: u32) -> Option<&T> {
        self.entries.get(&id)
    }

    pub fn get_mut(&mut self, id: u32) -> Option<&mut T> {
        self.entries.get_mut(&id)
    }

    pub fn remove(&mut self, id: u32) -> Option<T> {
        self.entries.remove(&id)
    }

    pub fn into_values(self) -> impl Iterator<Item = T> {
        self.entries.into_values()
    }
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            entries: HashMap::default(),
            last: 0,
        }
    }
}

/// The numbers are our own and consecutive: nobody can make them collide, and spreading their bits is enough.
#[derive(Default)]
pub struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32((*byte).into());
        }
    }

    fn write_u32(&mut self, id: u32) {
        // Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4).
        self.0 = (self.0 ^ u64::from(id)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}
