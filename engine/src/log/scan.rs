//! What is good of a segment's file, wherever in it, and what is between.
//!
//! Recovery reads up to the first place that is not as it was written. This goes on behind it: a
//! batch tells by its checksum that it is one, and that it belongs where it is.

use crate::id::Lsn;
use crate::log::batch::{self, Header, Place};
use crate::log::recovery::{is_whole, split_record};
use crate::log::segment::HEAD;

/// A part of a segment's file behind its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A batch as it was written.
    Batch(Batch<'a>),
    /// Bytes that are none.
    Broken(Broken),
}

/// Bytes of a file that are not as they were written, or were never completely written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    /// From where in the file.
    pub offset: u64,
    /// How many.
    pub bytes: u64,
}

/// A batch that is as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch<'a> {
    /// Where in the file.
    pub offset: u64,
    /// How many bytes, with what is around the records.
    pub bytes: u64,
    /// What it says of itself.
    pub header: Header,
    body: &'a [u8],
}

impl<'a> Batch<'a> {
    /// Its records, with their numbers and their places in the file.
    pub fn records(&self) -> impl Iterator<Item = (Lsn, u64, &'a [u8])> + use<'a> {
        let mut rest = self.body;
        let mut at = self.offset + batch::HEADER as u64;
        let mut lsn = self.header.first;
        std::iter::from_fn(move || {
            let (record, behind) = split_record(rest)?;
            rest = behind;
            let this = (lsn, at, record);
            lsn = lsn.next();
            at += (4 + record.len()) as u64;
            Some(this)
        })
    }

    /// The number that the record behind it has.
    #[must_use]
    pub fn next(&self) -> Lsn {
        Lsn(self.header.first.0 + u64::from(self.header.count))
    }
}

/// All pieces of the file of a segment, in order. Zeros at its end, which is room that nothing was
/// written to, are no piece.
#[must_use]
pub fn pieces(generation: u64, nonce: u64, bytes: &[u8]) -> Vec<Piece<'_>> {
    let written = written(bytes);
    let read = |offset: usize| batch_at(generation, nonce, bytes, offset);
    let mut pieces = Vec::new();
    let mut offset = HEAD;
    while offset < written {
        if let Some(batch) = read(offset) {
            pieces.push(Piece::Batch(batch));
            offset += usize::try_from(batch.bytes).unwrap_or(usize::MAX);
            continue;
        }
        let next = next_batch(bytes, offset + 1, written, |at| read(at).is_some());
        let end = next.unwrap_or(written);
        let (offset_u64, len) = (offset as u64, (end - offset) as u64);
        pieces.push(Piece::Broken(Broken { offset: offset_u64, bytes: len }));
        offset = end;
    }
    pieces
}

fn batch_at(generation: u64, nonce: u64, bytes: &[u8], offset: usize) -> Option<Batch<'_>> {
    let place = Place { generation, nonce, offset: offset as u64 };
    let (header, body, len) = batch::read(place, bytes.get(offset..)?)?;
    let batch = Batch { offset: offset as u64, bytes: len as u64, header, body };
    is_whole(header.count, body).then_some(batch)
}

fn next_batch(
    bytes: &[u8],
    from: usize,
    to: usize,
    is_batch: impl Fn(usize) -> bool,
) -> Option<usize> {
    let magic = batch::MAGIC.to_le_bytes();
    let behind = bytes.get(from..to)?.windows(magic.len()).enumerate();
    let mut candidates = behind.filter(|(_, four)| *four == magic).map(|(at, _)| from + at);
    candidates.find(|at| is_batch(*at))
}

/// Where the zeros at the end begin. Most of a segment's file may be zeros: they are passed over
/// in steps.
fn written(bytes: &[u8]) -> usize {
    const STEP: [u8; 4096] = [0; 4096];
    let mut rest = bytes;
    while let Some(shorter) = rest.strip_suffix(&STEP) {
        rest = shorter;
    }
    rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}
