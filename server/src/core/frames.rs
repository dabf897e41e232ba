//! Encoded packets on their way to one connection.

use std::io::IoSlice;

use bytes::Bytes;

/// Bytes to write: small packets copied one behind the other, large payloads shared in between.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// Everything but the shared payloads.
    pub(crate) bytes: Vec<u8>,
    /// Payloads, each to be written before the byte of `bytes` that it is paired with.
    shared: Vec<(usize, Bytes)>,
}

/// Buffers larger than this are not kept for the next turn.
const KEEP: usize = 32 * 1024;

impl Frames {
    /// Puts a payload behind what is there without copying it.
    pub(crate) fn push_shared(&mut self, payload: Bytes) {
        self.shared.push((self.bytes.len(), payload));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.shared.is_empty()
    }

    /// Forgets the content and keeps a buffer of ordinary size.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEEP);
        self.shared.clear();
    }

    /// The pieces in order, none of them empty.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        let mut from = 0;
        let own = |from: usize, to: usize| Piece::Own(self.bytes.get(from..to).unwrap_or_default());
        let ends = self.shared.iter().map(|(end, payload)| (*end, Some(payload)));
        ends.chain([(self.bytes.len(), None)])
            .flat_map(move |(end, payload)| {
                let before = own(from, end);
                from = end;
                [Some(before), payload.map(Piece::Shared)].into_iter().flatten()
            })
            .filter(|piece| !piece.as_slice().is_empty())
    }

    /// Up to `N` slices for a vectored write that begins at byte `from`; how many there are.
    pub(crate) fn slices<'a, const N: usize>(
        &'a self,
        mut from: usize,
        slices: &mut [IoSlice<'a>; N],
    ) -> usize {
        let mut count = 0;
        for piece in self.pieces() {
            let piece = piece.as_slice();
            let rest = piece.get(from..).unwrap_or_default();
            from = from.saturating_sub(piece.len());
            if rest.is_empty() {
                continue;
            }
            let Some(slice) = slices.get_mut(count) else { break };
            *slice = IoSlice::new(rest);
            count += 1;
        }
        count
    }
}

/// One piece of [`Frames`].
#[derive(Debug)]
pub(crate) enum Piece<'a> {
    /// Must be copied to outlive the frames.
    Own(&'a [u8]),
    /// May be shared on.
    Shared(&'a Bytes),
}

impl<'a> Piece<'a> {
    pub(crate) fn as_slice(&self) -> &'a [u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written_from(frames: &Frames, from: usize) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); 8];
        let count = frames.slices(from, &mut slices);
        slices[..count].iter().flat_map(|slice| slice.to_vec()).collect()
    }

    #[test]
    fn pieces_come_in_the_order_they_were_put_wherever_a_write_stopped() {
        let mut frames = Frames::default();
        frames.push_shared(Bytes::from_static(b"ab"));
        frames.bytes.extend_from_slice(b"cd");
        frames.push_shared(Bytes::from_static(b"ef"));
        frames.push_shared(Bytes::from_static(b"g"));
        frames.bytes.extend_from_slice(b"hi");
        for from in 0..=9 {
            assert_eq!(written_from(&frames, from), &b"abcdefghi"[from..], "from {from}");
        }
    }

    #[test]
    fn a_cleared_one_keeps_no_large_buffer() {
        let mut frames = Frames::default();
        frames.bytes.resize(1 << 20, 0);
        frames.clear();
        assert!(frames.is_empty());
        assert!(frames.bytes.capacity() <= KEEP);
    }
}
