//! A Merkle tree over the links of all records, shaped as in RFC 6962: the root of the first `n` records commits to
//! each of them. A [`Run`] is a part of the tree, reduced to the roots of its largest complete subtrees: a few hashes
//! for many records. When records are removed, their run is kept in their place, so that the roots of old checkpoints
//! can still be computed.
//!
//! Does not know records or tables.

use sha2::{Digest as _, Sha256};

use super::chain::Hash;

/// Consecutive leaves of the tree, as the roots of the largest complete subtrees that they form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    /// The number of the first leaf, from 0.
    first: u64,
    /// The number after the last leaf.
    end: u64,
    /// From left to right.
    subtrees: Vec<Subtree>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Subtree {
    /// The subtree has 2^height leaves.
    height: u32,
    root: Hash,
}

impl Run {
    /// An empty run before the leaf with this number.
    pub fn at(first: u64) -> Self {
        Self {
            first,
            end: first,
            subtrees: Vec::new(),
        }
    }

    /// The number after the last leaf.
    pub fn end(&self) -> u64 {
        self.end
    }

    pub fn push(&mut self, leaf: Hash) {
        self.push_subtree(Subtree { height: 0, root: leaf });
    }

    /// Appends a run, which has to begin where this one ends. Returns whether it does.
    #[must_use]
    pub fn append(&mut self, next: &Self) -> bool {
        let follows = next.first == self.end;
        if follows {
            next.subtrees.iter().for_each(|subtree| self.push_subtree(*subtree));
        }
        follows
    }

    fn push_subtree(&mut self, mut right: Subtree) {
        let mut start = self.end;
        self.end += 1 << right.height;
        // Two subtrees of the same size form one when the left one begins where a subtree of twice that size does.
        while let Some(left) = self.subtrees.last().filter(|left| left.height == right.height) {
            let left_start = start - (1 << left.height);
            if left_start & (1 << left.height) != 0 {
                break;
            }
            right = Subtree {
                height: left.height + 1,
                root: parent(&left.root, &right.root),
            };
            start = left_start;
            self.subtrees.pop();
        }
        self.subtrees.push(right);
    }

    /// The root of a tree of these leaves. If the run begins with the first leaf, it is the root of the log.
    pub fn root(&self) -> Hash {
        let mut subtrees = self.subtrees.iter().rev();
        match subtrees.next() {
            Some(last) => subtrees.fold(last.root, |root, subtree| parent(&subtree.root, &root)),
            None => Sha256::digest([]).into(),
        }
    }

    /// The roots of its subtrees, one after the other. Their positions follow from the beginning of the run.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.subtrees.iter().flat_map(|subtree| subtree.root).collect()
    }

    /// Reads the bytes that [`to_bytes`](Self::to_bytes) made of a run of these leaves; `None` when they are not valid.
    pub fn from_bytes(first: u64, end: u64, bytes: &[u8]) -> Option<Self> {
        let (roots, rest) = bytes.as_chunks::<32>();
        let mut run = Self::at(first);
        for root in roots {
            let height = height_at(run.end, end)?;
            run.end += 1 << height;
            run.subtrees.push(Subtree { height, root: *root });
        }
        (rest.is_empty() && run.end == end).then_some(run)
    }
}

/// The height of the largest complete subtree that begins with this leaf and ends at `end` or before; `None` when there
/// is no leaf.
fn height_at(start: u64, end: u64) -> Option<u32> {
    let room = end.checked_sub(start)?.checked_ilog2()?;
    Some(room.min(start.trailing_zeros()))
}

fn parent(left: &Hash, right: &Hash) -> Hash {
    let mut hash = Sha256::new();
    hash.update([1]);
    hash.update(left);
    hash.update(right);
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::{Digest as _, Sha256};

    use super::{Run, parent};
    use crate::log::sqlite::chain::Hash;

    fn leaf(number: u64) -> Hash {
        Sha256::digest(number.to_le_bytes()).into()
    }

    fn run(first: u64, end: u64) -> Run {
        let mut run = Run::at(first);
        (first..end).for_each(|number| run.push(leaf(number)));
        run
    }

    /// As RFC 6962 defines it, from the top.
    fn root(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [leaf] => *leaf,
            _ => {
                let left = leaves.len().next_power_of_two() / 2;
                parent(&root(&leaves[..left]), &root(&leaves[left..]))
            }
        }
    }

    #[test]
    fn the_root_is_that_of_rfc_6962() {
        let leaves: Vec<_> = (0..130).map(leaf).collect();
        for count in 0..leaves.len() {
            assert_eq!(run(0, count as u64).root(), root(&leaves[..count]), "{count}");
        }
    }

    proptest! {
        #[test]
        fn runs_in_any_parts_come_to_the_same(mut cuts in prop::collection::vec(0..700_u64, 1..12), first in 0..40_u64) {
            cuts.push(first);
            cuts.retain(|cut| *cut >= first);
            cuts.sort_unstable();
            let (start, end) = (cuts[0], cuts[cuts.len() - 1]);
            let mut joined = Run::at(start);
            for part in cuts.windows(2) {
                let part = run(part[0], part[1]);
                let stored = Run::from_bytes(part.first, part.end, &part.to_bytes());
                prop_assert_eq!(stored.as_ref(), Some(&part));
                prop_assert!(joined.append(&part));
            }
            prop_assert_eq!(&joined, &run(start, end));
            // Twice the depth of the tree, whatever its length.
            prop_assert!(joined.subtrees.len() <= 2 * 10);
        }

        #[test]
        fn what_is_no_run_is_not_read_as_one(first in 0..u64::MAX, end in 0..u64::MAX, bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(run) = Run::from_bytes(first, end, &bytes) {
                prop_assert_eq!(run.to_bytes(), bytes);
            }
        }
    }
}
