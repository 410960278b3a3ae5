//! An allocator that counts what the current thread does. Other threads, such as those of other tests, do not disturb.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ops::Sub;

/// What was asked of the allocator.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allocations {
    /// New blocks.
    pub blocks: usize,
    /// Blocks that were made larger or smaller.
    pub resizes: usize,
    /// Bytes asked for, those of a resize included.
    pub bytes: usize,
    /// Bytes that have not been given back.
    pub held_bytes: isize,
}

impl Sub for Allocations {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            blocks: self.blocks - before.blocks,
            resizes: self.resizes - before.resizes,
            bytes: self.bytes - before.bytes,
            held_bytes: self.held_bytes - before.held_bytes,
        }
    }
}

thread_local! {
    static SO_FAR: Cell<Allocations> = const {
        Cell::new(Allocations { blocks: 0, resizes: 0, bytes: 0, held_bytes: 0 })
    };
}

fn note(change: impl FnOnce(&mut Allocations)) {
    SO_FAR.with(|so_far| {
        let mut allocations = so_far.get();
        change(&mut allocations);
        so_far.set(allocations);
    });
}

/// Runs `work` and tells what it allocated.
pub fn count<R>(work: impl FnOnce() -> R) -> (R, Allocations) {
    let before = SO_FAR.get();
    let result = work();
    (result, SO_FAR.get() - before)
}

/// To be made the global allocator of the test.
pub struct CountingAllocator;

// SAFETY: all of it is the system's allocator, asked for the same. Counting allocates nothing: the cell is a constant
// and has no destructor.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(|so_far| {
            so_far.blocks += 1;
            so_far.bytes += layout.size();
            so_far.held_bytes += layout.size().cast_signed();
        });
        // SAFETY: by the caller's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        note(|so_far| so_far.held_bytes -= layout.size().cast_signed());
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) };
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        note(|so_far| {
            so_far.resizes += 1;
            so_far.bytes += new_size;
            so_far.held_bytes += new_size.cast_signed() - layout.size().cast_signed();
        });
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, new_size) }
    }
}
