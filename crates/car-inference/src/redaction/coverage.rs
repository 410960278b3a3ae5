//! Which bytes of a text are secret: ranges that only ever grow.

use std::collections::VecDeque;
use std::ops::Range;

/// Ranges in order. Those that overlap or touch are one.
#[derive(Default, Clone)]
pub(super) struct Coverage {
    ranges: VecDeque<Range<usize>>,
}

impl Coverage {
    /// Covers a range that ends nowhere before any range covered so far.
    pub(super) fn cover(&mut self, range: Range<usize>) {
        while let Some(last) = self.ranges.back_mut() {
            if last.end < range.start {
                break;
            }
            if last.start <= range.start {
                last.end = range.end;
                return;
            }
            self.ranges.pop_back();
        }
        self.ranges.push_back(range);
    }

    /// Whether nothing is covered.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// What either covers.
    pub(super) fn union(&self, other: &Self) -> Self {
        let mut ranges: Vec<_> = self.ranges.iter().chain(&other.ranges).cloned().collect();
        ranges.sort_unstable_by_key(|range| range.end);
        let mut union = Self::default();
        for range in ranges {
            union.cover(range);
        }
        union
    }

    /// The first place from `at` that is not covered.
    #[inline]
    pub(super) fn uncovered_from(&self, at: usize) -> usize {
        if self.ranges.is_empty() {
            return at;
        }
        let after = self.ranges.partition_point(|range| range.start <= at);
        match after.checked_sub(1).and_then(|index| self.ranges.get(index)) {
            Some(range) if at < range.end => range.end,
            _ => at,
        }
    }

    /// Whether nothing from `at` on is covered.
    pub(super) fn is_clear_from(&self, at: usize) -> bool {
        self.ranges.back().is_none_or(|range| range.end <= at)
    }

    /// Forgets what ends before `at`.
    pub(super) fn forget_before(&mut self, at: usize) {
        while self.ranges.front().is_some_and(|range| range.end < at) {
            self.ranges.pop_front();
        }
    }

    /// The text, which begins at `from`, with `marker` where a covered range begins and without what is covered. `None`
    /// when nothing of it is covered.
    pub(super) fn apply(&self, text: &str, from: usize, marker: &str) -> Option<String> {
        let end = from + text.len();
        let first = self.ranges.partition_point(|range| range.end <= from);
        let mut within = self
            .ranges
            .range(first..)
            .take_while(|range| range.start < end)
            .peekable();
        within.peek()?;
        let mut redacted = String::with_capacity(text.len());
        let mut at = from;
        for range in within {
            if range.start >= from {
                redacted.push_str(&text[at - from..range.start - from]);
                redacted.push_str(marker);
            }
            at = range.end.min(end);
        }
        redacted.push_str(&text[at - from..]);
        Some(redacted)
    }
}
