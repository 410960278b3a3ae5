//! Bytes that grow without end, in pieces of about the same size: growing moves no more than one piece, and what is given
//! back leaves holes that the next ones fill. One block that doubles leaves half of itself unused and holes of every
//! size, which a process that goes on for days never gets rid of.

/// A piece is left when it would become longer. Below the 128 KiB from which glibc asks the system for each block.
const PIECE_BYTES: usize = 64 * 1024;
/// So many unused bytes of a piece are worth moving it.
const SLACK_BYTES: usize = 1024;

/// Most hold one piece, so that the others take one word.
#[derive(Clone, Default)]
pub(crate) struct Pieces {
    last: Vec<u8>,
    full: Option<Box<Full>>,
}

#[derive(Clone, Default)]
struct Full {
    pieces: Vec<Vec<u8>>,
    bytes: usize,
}

impl Pieces {
    /// Appends them; they will lie in one piece.
    pub fn extend(&mut self, bytes: &[u8]) {
        if self.last.len() + bytes.len() > PIECE_BYTES && !self.last.is_empty() {
            let mut piece = std::mem::take(&mut self.last);
            shrink(&mut piece);
            let full = self.full.get_or_insert_default();
            full.bytes += piece.len();
            full.pieces.push(piece);
        }
        let length = self.last.len() + bytes.len();
        if length > self.last.capacity() {
            let room = (2 * length).min(PIECE_BYTES).max(length);
            self.last.reserve_exact(room - self.last.len());
        }
        self.last.extend_from_slice(bytes);
    }

    pub fn len(&self) -> usize {
        self.last.len() + self.full.as_ref().map_or(0, |full| full.bytes)
    }

    /// They will not grow any more.
    pub fn shrink(&mut self) {
        shrink(&mut self.last);
    }

    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let full = self.full.iter().flat_map(|full| &full.pieces);
        full.chain([&self.last]).map(Vec::as_slice)
    }

    /// All bytes and then `more`, in one piece.
    pub fn into_vec(self, more: &[u8]) -> Vec<u8> {
        let length = self.len() + more.len();
        let full = self.full.map(|full| full.pieces);
        let mut pieces = full.into_iter().flatten().chain([self.last]);
        let mut all = pieces.next().unwrap_or_default();
        all.reserve_exact(length - all.len());
        for piece in pieces {
            all.extend_from_slice(&piece);
        }
        all.extend_from_slice(more);
        shrink(&mut all);
        all
    }
}

fn shrink(piece: &mut Vec<u8>) {
    if piece.capacity() - piece.len() >= SLACK_BYTES {
        piece.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::{PIECE_BYTES, Pieces, SLACK_BYTES};

    /// Bytes that tell their places apart.
    fn bytes(count: usize) -> Vec<u8> {
        (0..count).map(|place| (place % 251) as u8).collect()
    }

    #[test]
    fn bytes_come_back_in_order_whatever_their_lengths_were() {
        let all = bytes(5 * PIECE_BYTES + 77);
        for length in [
            1,
            100,
            4_000,
            PIECE_BYTES - 1,
            PIECE_BYTES,
            PIECE_BYTES + 1,
            2 * PIECE_BYTES,
        ] {
            let mut pieces = Pieces::default();
            for bytes in all.chunks(length) {
                pieces.extend(bytes);
            }
            pieces.shrink();
            assert_eq!(pieces.len(), all.len());
            assert_eq!(pieces.iter().collect::<Vec<_>>().concat(), all);
            assert_eq!(pieces.into_vec(b"more"), [&all[..], b"more"].concat());
        }
    }

    #[test]
    fn what_is_appended_lies_in_one_piece_and_a_piece_holds_hardly_more_than_its_bytes() {
        let mut pieces = Pieces::default();
        let delta = bytes(700);
        for _ in 0..1_000 {
            pieces.extend(&delta);
        }
        assert!(pieces.iter().all(|piece| piece.len() % delta.len() == 0));
        assert!(pieces.iter().all(|piece| piece.len() <= PIECE_BYTES));
        pieces.shrink();
        let room: usize = pieces
            .full
            .iter()
            .flat_map(|full| &full.pieces)
            .map(Vec::capacity)
            .sum();
        assert!(room + pieces.last.capacity() < pieces.len() + pieces.iter().count() * SLACK_BYTES);
        let all = pieces.into_vec(&[]);
        assert!(all.capacity() < all.len() + SLACK_BYTES);
    }
}
