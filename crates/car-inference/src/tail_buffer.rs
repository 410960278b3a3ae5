//! Bytes that grow by a few at a time, in thousands of calls at once: the last of them lie inline, beside what is touched
//! anyway, and move to the heap many at a time. Keeps bytes in order; knows nothing of what they mean.

use crate::pieces::Pieces;

/// `TAIL` bytes inline, the ones before them on the heap.
#[derive(Clone)]
#[repr(C)]
pub(crate) struct TailBuffer<const TAIL: usize> {
    tail_length: u16,
    tail: [u8; TAIL],
    head: Pieces,
}

impl<const TAIL: usize> Default for TailBuffer<TAIL> {
    fn default() -> Self {
        Self {
            tail_length: 0,
            tail: [0; TAIL],
            head: Pieces::default(),
        }
    }
}

impl<const TAIL: usize> TailBuffer<TAIL> {
    const FITS: () = assert!(TAIL <= u16::MAX as usize);

    #[inline]
    pub fn extend(&mut self, bytes: &[u8]) {
        match self.grow(bytes.len()) {
            Some(room) => copy_few(room, bytes),
            None => self.extend_settled(bytes),
        }
    }

    /// Appends so many bytes for the caller to write, when they fit beside the last.
    #[inline]
    pub fn grow(&mut self, count: usize) -> Option<&mut [u8]> {
        let () = Self::FITS;
        let start = usize::from(self.tail_length);
        let room = self.tail.get_mut(start..start.checked_add(count)?)?;
        self.tail_length += count as u16;
        Some(room)
    }

    #[cold]
    fn extend_settled(&mut self, bytes: &[u8]) {
        self.settle();
        if let Some(room) = self.tail.get_mut(..bytes.len()) {
            room.copy_from_slice(bytes);
            self.tail_length = bytes.len() as u16;
        } else {
            self.head.extend(bytes);
        }
    }

    pub fn len(&self) -> usize {
        self.head.len() + usize::from(self.tail_length)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The parts, one after the other. What was appended at once lies in one of them.
    pub fn parts(&self) -> impl Iterator<Item = &[u8]> {
        self.head.iter().chain([self.tail()]).filter(|part| !part.is_empty())
    }

    /// They will not grow any more.
    pub fn shrink(&mut self) {
        self.head.shrink();
    }

    /// All bytes, and none kept.
    pub fn into_vec(self) -> Vec<u8> {
        let Self {
            tail_length,
            tail,
            head,
        } = self;
        head.into_vec(&tail[..usize::from(tail_length)])
    }

    /// All bytes in one piece.
    pub fn whole(&self) -> std::borrow::Cow<'_, [u8]> {
        let mut parts = self.parts();
        let first = parts.next().unwrap_or_default();
        if first.len() == self.len() {
            return first.into();
        }
        let mut whole = Vec::with_capacity(self.len());
        whole.extend_from_slice(first);
        parts.for_each(|part| whole.extend_from_slice(part));
        whole.into()
    }

    fn tail(&self) -> &[u8] {
        &self.tail[..usize::from(self.tail_length)]
    }

    fn settle(&mut self) {
        self.head.extend(&self.tail[..usize::from(self.tail_length)]);
        self.tail_length = 0;
    }
}

/// Copies into a place of the same length. Copying any number of bytes is a call, which for a few takes longer than they do.
#[inline]
pub(crate) fn copy_few(to: &mut [u8], from: &[u8]) {
    debug_assert_eq!(to.len(), from.len());
    // Two copies of a fixed length, which overlap.
    if let (Some(first), Some(last), Some(to_first)) = (
        from.first_chunk::<8>(),
        from.last_chunk::<8>(),
        to.first_chunk_mut::<8>(),
    ) {
        if from.len() > 16 {
            to.copy_from_slice(from);
            return;
        }
        *to_first = *first;
        if let Some(to_last) = to.last_chunk_mut::<8>() {
            *to_last = *last;
        }
    } else if let (Some(first), Some(last), Some(to_first)) = (
        from.first_chunk::<4>(),
        from.last_chunk::<4>(),
        to.first_chunk_mut::<4>(),
    ) {
        *to_first = *first;
        if let Some(to_last) = to.last_chunk_mut::<4>() {
            *to_last = *last;
        }
    } else {
        for (to, from) in to.iter_mut().zip(from) {
            *to = *from;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{TailBuffer, copy_few};

    #[test]
    fn so_few_bytes_are_copied_as_there_are() {
        for length in 0..40 {
            let from: Vec<u8> = (1..=length).collect();
            let mut to = vec![0; from.len()];
            copy_few(&mut to, &from);
            assert_eq!(to, from);
        }
    }

    #[test]
    fn bytes_come_back_in_order_whatever_their_pieces_were() {
        let all: Vec<u8> = (0..=255).collect();
        for piece in 1..=20 {
            let mut buffer = TailBuffer::<8>::default();
            for bytes in all.chunks(piece) {
                buffer.extend(bytes);
                assert_eq!(buffer.whole().len(), buffer.len());
            }
            assert_eq!(*buffer.whole(), all);
            assert_eq!(buffer.into_vec(), all);
        }
    }
}
