//! Output that waits for its socket. Its size is bounded by the engine, which counts it.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes};

use crate::core::{Frames, Piece};

/// Pieces in order.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pieces: VecDeque<Bytes>,
}

impl Queue {
    /// Appends `frames` from byte `from` on.
    pub(super) fn push(&mut self, frames: &Frames, mut from: usize) {
        for piece in frames.pieces() {
            let len = piece.as_slice().len();
            if from < len {
                self.pieces.push_back(match piece {
                    Piece::Own(bytes) => {
                        Bytes::copy_from_slice(bytes.get(from..).unwrap_or_default())
                    }
                    Piece::Shared(bytes) => bytes.slice(from..),
                });
            }
            from = from.saturating_sub(len);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The first pieces for a vectored write; how many there are.
    pub(super) fn slices<'a, const N: usize>(&'a self, slices: &mut [IoSlice<'a>; N]) -> usize {
        for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
            *slice = IoSlice::new(piece);
        }
        self.pieces.len().min(N)
    }

    /// Takes away the first `count` bytes.
    pub(super) fn advance(&mut self, mut count: usize) {
        while let Some(piece) = self.pieces.front_mut() {
            if count < piece.len() {
                piece.advance(count);
                return;
            }
            count -= piece.len();
            self.pieces.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_leave_in_order_however_the_socket_takes_them() {
        let mut frames = Frames::default();
        frames.bytes.extend_from_slice(b"abc");
        frames.push_shared(Bytes::from_static(b"defg"));
        frames.bytes.extend_from_slice(b"hi");
        let mut queue = Queue::default();
        queue.push(&frames, 2);
        queue.push(&frames, 5);
        let mut left = Vec::new();
        while !queue.is_empty() {
            let mut slices = [IoSlice::new(&[]); 2];
            let count = queue.slices(&mut slices);
            let part: Vec<u8> = slices[..count].iter().flat_map(|s| s.to_vec()).take(3).collect();
            queue.advance(part.len());
            left.extend(part);
        }
        assert_eq!(left, b"cdefghifghi");
    }
}
