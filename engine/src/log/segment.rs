//! The head and the name of a segment's file.
//!
//! ```text
//! "SWIRELOG" | version u32 | reserved u32 | generation u64 | nonce u64 | first lsn u64 |
//! synced lsn u64 | base lsn u64 | reserved u32 | CRC-32C u32          (all little endian)
//! ```

use crate::id::Lsn;
use crate::log::batch::{Place, checksum, number, number32};

/// The version of the format that is written.
pub const VERSION: u32 = 1;
/// Bytes of the head.
pub const HEAD: usize = 64;

const MAGIC: &[u8; 8] = b"SWIRELOG";

/// What the head of a segment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Counts segments, from 1.
    pub generation: u64,
    /// A random number: no two files have the same, whatever their name.
    pub nonce: u64,
    /// Number of the first record in it.
    pub first: Lsn,
    /// The last record that was durable when it was made.
    pub synced: Lsn,
    /// The first record that was still needed then.
    pub base: Lsn,
}

/// Why a head cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It is damaged.
    Damaged,
    /// It is of a later version.
    Version(u32),
}

impl Head {
    /// Appends it to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        for number in [self.generation, self.nonce, self.first.0, self.synced.0, self.base.0] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&[0; 4]);
        let crc = checksum(self.place(0), out.get(start..).unwrap_or_default());
        out.extend_from_slice(&crc.to_le_bytes());
    }

    /// Reads the head of the segment that is called by `generation`.
    ///
    /// # Errors
    /// It cannot be used.
    pub fn read(generation: u64, bytes: &[u8]) -> Result<Self, Unreadable> {
        Self::parse(generation, bytes).ok_or_else(|| match number32(bytes, 8) {
            Some(version) if bytes.starts_with(MAGIC) && version > VERSION => {
                Unreadable::Version(version)
            }
            Some(_) | None => Unreadable::Damaged,
        })
    }

    /// The random number of a head that need not be right.
    pub(super) fn nonce_in(bytes: &[u8]) -> Option<u64> {
        number(bytes, 24)
    }

    fn parse(generation: u64, bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..HEAD).filter(|bytes| bytes.starts_with(MAGIC))?;
        let head = Self {
            generation: number(bytes, 16)?,
            nonce: number(bytes, 24)?,
            first: Lsn(number(bytes, 32)?),
            synced: Lsn(number(bytes, 40)?),
            base: Lsn(number(bytes, 48)?),
        };
        let crc = checksum(head.place(0), bytes.get(..HEAD - 4)?);
        let right = number32(bytes, 8)? == VERSION
            && head.generation == generation
            && number32(bytes, HEAD - 4)? == crc;
        right.then_some(head)
    }

    /// Where a batch at `offset` belongs.
    #[must_use]
    pub fn place(&self, offset: u64) -> Place {
        Place { generation: self.generation, nonce: self.nonce, offset }
    }
}

/// What a segment's file is called.
#[must_use]
pub fn name(generation: u64) -> String {
    format!("{generation:016x}.log")
}

/// What room for a segment to come is called. Its number is not the segment's.
#[must_use]
pub fn spare_name(number: u64) -> String {
    format!("{number:016x}.new")
}

/// The number of the segment that is called `name`.
#[must_use]
pub fn generation_of(name: &str) -> Option<u64> {
    parse(name, ".log")
}

/// The number in the name of room for a segment to come.
#[must_use]
pub fn spare_number_of(name: &str) -> Option<u64> {
    parse(name, ".new")
}

fn parse(name: &str, ending: &str) -> Option<u64> {
    let digits = name.strip_suffix(ending).filter(|digits| digits.len() == 16)?;
    let generation = u64::from_str_radix(digits, 16).ok()?;
    // Only as we write it.
    (format!("{generation:016x}") == digits).then_some(generation)
}
