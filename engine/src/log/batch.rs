//! The bytes of a batch: all records of some whole events, valid together or not at all.
//!
//! ```text
//! magic u32 | body length u32 | records u32 | first lsn u64 | synced lsn u64 | base lsn u64 |
//! time u64 | body | CRC-32C u32                                    (all little endian)
//! ```
//!
//! The checksum covers everything before it, and begins with where the batch belongs: a batch that
//! is read anywhere else, or that is left over from an earlier life of the file, is not valid.

use crate::id::Lsn;
use crate::log::pending::Pending;
use crate::time::Time;

/// "SWB1".
pub const MAGIC: u32 = u32::from_le_bytes(*b"SWB1");
/// Bytes before the body.
pub const HEADER: usize = 44;
/// Bytes behind it.
pub const TRAILER: usize = 4;

/// Where a batch belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number of the segment.
    pub generation: u64,
    /// The segment's random number.
    pub nonce: u64,
    /// Offset in the segment's file.
    pub offset: u64,
}

/// What a batch's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// How many records it has.
    pub count: u32,
    /// The number of the first.
    pub first: Lsn,
    /// The last record that was durable before it was written.
    pub synced: Lsn,
    /// The first record that is still needed.
    pub base: Lsn,
    /// The time of the latest event in it.
    pub time: Time,
}

/// Appends a batch to `out`.
pub fn write(place: Place, batch: &Pending, synced: Lsn, base: Lsn, out: &mut Vec<u8>) {
    let start = out.len();
    let len = u32::try_from(batch.bytes.len()).expect("fewer than 4 GiB wait for one sync");
    out.extend_from_slice(&MAGIC.to_le_bytes());
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&batch.count.to_le_bytes());
    for number in [batch.first.0, synced.0, base.0, batch.time.as_nanos()] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.extend_from_slice(&batch.bytes);
    let crc = checksum(place, out.get(start..).unwrap_or_default());
    out.extend_from_slice(&crc.to_le_bytes());
}

/// The batch at the front of `bytes`, with its records' bytes and its length; `None` if there is no
/// valid one.
#[must_use]
pub fn read(place: Place, bytes: &[u8]) -> Option<(Header, &[u8], usize)> {
    let (head, rest) = bytes.split_at_checked(HEADER)?;
    if number32(head, 0)? != MAGIC {
        return None;
    }
    let len = usize::try_from(number32(head, 4)?).ok()?;
    let (body, rest) = rest.split_at_checked(len)?;
    let crc = number32(rest, 0)?;
    if checksum(place, bytes.get(..HEADER + len)?) != crc {
        return None;
    }
    let header = Header {
        count: number32(head, 8)?,
        first: Lsn(number(head, 12)?),
        synced: Lsn(number(head, 20)?),
        base: Lsn(number(head, 28)?),
        time: Time::from_nanos(number(head, 36)?),
    };
    Some((header, body, HEADER + len + TRAILER))
}

/// CRC-32C of where the bytes belong and of the bytes.
pub(super) fn checksum(place: Place, bytes: &[u8]) -> u32 {
    let seeded = [place.generation, place.nonce, place.offset]
        .iter()
        .fold(0, |crc, number| crc32c::crc32c_append(crc, &number.to_le_bytes()));
    crc32c::crc32c_append(seeded, bytes)
}

pub(super) fn number(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

pub(super) fn number32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
