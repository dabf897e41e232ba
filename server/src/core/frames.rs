//! Encoded packets on their way to one connection.

use std::io::IoSlice;

use bytes::Bytes;

/// Bytes to write: small packets copied one behind the other, what is larger shared in between.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// Everything but what is shared.
    pub(crate) bytes: Vec<u8>,
    /// Each to be written before the byte of `bytes` that it is paired with.
    shared: Vec<(usize, Shared)>,
    /// How many slices it is without what is copied behind the last of `shared`.
    slices: usize,
    /// Bytes of all of `shared`.
    shared_len: usize,
}

/// Slices of one vectored write: of 1.5 KiB each they are as much as a socket takes at a time.
pub(crate) const SLICES: usize = 64;

/// Bytes that several connections are to write.
#[derive(Debug)]
enum Shared {
    /// In an allocation of its own.
    Payload(Bytes),
    /// In a read buffer, which is to be free again soon.
    Passing(Bytes),
}

/// Passing bytes are worth a slice of a vectored write if there are so many of them.
const WORTH: usize = 256;

/// Buffers larger than this are not kept for the next turn.
const KEEP: usize = 32 * 1024;

impl Frames {
    /// Puts a payload behind what is there without copying it.
    pub(crate) fn push_shared(&mut self, payload: Bytes) {
        self.share(Shared::Payload(payload));
    }

    /// Puts bytes of a read buffer behind what is there: whoever else gets the same reads them from
    /// where they are in the cache already. They are copied if they have to wait, or if one write
    /// would not take all slices.
    pub(crate) fn push_passing(&mut self, bytes: &Bytes) {
        // What may be copied before it, itself, and what may be copied behind it.
        let one_write = self.slices + 3 <= SLICES;
        if bytes.len() < WORTH || !one_write {
            return self.bytes.extend_from_slice(bytes);
        }
        self.share(Shared::Passing(bytes.clone()));
    }

    fn share(&mut self, shared: Shared) {
        let last = self.shared.last().map_or(0, |(end, _)| *end);
        self.slices += 1 + usize::from(self.bytes.len() > last);
        self.shared_len += Piece::of(&shared).as_slice().len();
        self.shared.push((self.bytes.len(), shared));
    }

    /// Bytes in all.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() + self.shared_len
    }

    /// Bytes that are copied if they have to wait.
    pub(crate) fn copied_len(&self) -> usize {
        let passing = self.shared.iter().map(|(_, shared)| match shared {
            Shared::Payload(_) => 0,
            Shared::Passing(bytes) => bytes.len(),
        });
        self.bytes.len() + passing.sum::<usize>()
    }

    /// Puts all of `later` behind what is there, and leaves nothing in it.
    pub(crate) fn append(&mut self, later: &mut Self) {
        let before = self.bytes.len();
        self.bytes.append(&mut later.bytes);
        for (end, shared) in later.shared.drain(..) {
            let last = self.shared.last().map_or(0, |(end, _)| *end);
            self.slices += 1 + usize::from(before + end > last);
            self.shared.push((before + end, shared));
        }
        self.shared_len += later.shared_len;
        (later.slices, later.shared_len) = (0, 0);
    }

    /// All there is, if nothing of it is shared.
    pub(crate) fn unshared(&self) -> Option<&[u8]> {
        self.shared.is_empty().then_some(&self.bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.shared.is_empty()
    }

    /// Forgets the content and keeps a buffer of ordinary size.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEEP);
        self.shared.clear();
        (self.slices, self.shared_len) = (0, 0);
    }

    /// The pieces in order, none of them empty.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        let mut from = 0;
        let own = |from: usize, to: usize| Piece::Own(self.bytes.get(from..to).unwrap_or_default());
        let ends = self.shared.iter().map(|(end, shared)| (*end, Some(shared)));
        ends.chain([(self.bytes.len(), None)])
            .flat_map(move |(end, shared)| {
                let before = own(from, end);
                from = end;
                [Some(before), shared.map(Piece::of)].into_iter().flatten()
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
    fn of(shared: &'a Shared) -> Self {
        match shared {
            Shared::Payload(bytes) => Self::Shared(bytes),
            Shared::Passing(bytes) => Self::Own(bytes),
        }
    }

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

    #[test]
    fn passing_bytes_are_shared_if_that_is_worth_it_and_copied_to_wait() {
        let large = Bytes::from(vec![b'x'; WORTH]);
        let mut frames = Frames::default();
        frames.push_passing(&large.slice(1..));
        assert!(large.is_unique(), "a few bytes are copied");
        frames.push_passing(&large);
        let len = 2 * WORTH - 1;
        assert_eq!(written_from(&frames, 3), vec![b'x'; len - 3]);
        assert!(frames.pieces().all(|piece| matches!(piece, Piece::Own(_))), "not to be kept");
        assert_eq!(frames.copied_len(), len);
        for _ in 0..2 * SLICES {
            frames.push_passing(&large);
        }
        let slices = frames.pieces().count();
        assert!((SLICES - 3..=SLICES).contains(&slices), "{slices} for one write");
        frames.clear();
        assert!(large.is_unique());
    }

    fn written_from(frames: &Frames, from: usize) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); SLICES];
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
    fn what_is_appended_comes_behind_everything() {
        for (tail, head) in [("", ""), ("t", ""), ("", "h"), ("t", "h")] {
            let mut frames = Frames::default();
            frames.push_shared(Bytes::from_static(b"ab"));
            frames.bytes.extend_from_slice(tail.as_bytes());
            let mut later = Frames::default();
            later.bytes.extend_from_slice(head.as_bytes());
            later.push_shared(Bytes::from_static(b"cd"));
            later.bytes.extend_from_slice(b"e");
            frames.append(&mut later);
            assert!(later.is_empty());
            assert_eq!(written_from(&frames, 0), format!("ab{tail}{head}cde").as_bytes());
            assert_eq!(frames.len(), 5 + tail.len() + head.len());
            assert_eq!(frames.copied_len(), 1 + tail.len() + head.len());
            assert_eq!(frames.slices + 1, frames.pieces().count(), "{tail:?} {head:?}");
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
