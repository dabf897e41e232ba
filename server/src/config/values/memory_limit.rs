//! How much memory the broker may take.

use std::fmt;

use super::byte_size::ByteSize;
use super::quantity::{NotAQuantity, digits};

/// The most memory the broker takes: a share of what there is, or a size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryLimit {
    /// Per cent, 1 to 100, of the smaller of the machine's memory and the cgroup's limit.
    Percent(u8),
    /// A size, whatever the machine has.
    Size(ByteSize),
}

impl MemoryLimit {
    /// In bytes, on a machine (or in a cgroup) that has `available` bytes.
    #[must_use]
    pub fn bytes_of(self, available: u64) -> u64 {
        match self {
            // Divided first: no overflow, and less than 100 bytes lost.
            Self::Percent(percent) => available / 100 * u64::from(percent),
            Self::Size(size) => size.get(),
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, NotAQuantity> {
        let text = text.trim();
        let Some(number) = text.strip_suffix('%') else {
            return ByteSize::parse(text).map(Self::Size);
        };
        if number.starts_with('-') {
            return Err(NotAQuantity::Negative);
        }
        let percent = digits(number.trim_end()).ok_or(NotAQuantity::Malformed)?;
        let percent = percent.and_then(|percent| u8::try_from(percent).ok());
        percent.map(Self::Percent).ok_or(NotAQuantity::TooLarge)
    }
}

impl fmt::Display for MemoryLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percent(percent) => write!(f, "{percent}%"),
            Self::Size(size) => write!(f, "{size}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // contract: section 8
    #[test]
    fn a_share_or_a_size() {
        assert_eq!(MemoryLimit::parse("75%"), Ok(MemoryLimit::Percent(75)));
        assert_eq!(MemoryLimit::parse("512MiB"), Ok(MemoryLimit::Size(ByteSize::new(512 << 20))));
        assert_eq!(MemoryLimit::parse("7.5%"), Err(NotAQuantity::Malformed));
        assert_eq!(MemoryLimit::parse("-5%"), Err(NotAQuantity::Negative));
        assert_eq!(MemoryLimit::parse("300%"), Err(NotAQuantity::TooLarge));
    }

    #[test]
    fn a_share_of_everything_does_not_overflow() {
        assert_eq!(MemoryLimit::Percent(75).bytes_of(1_000), 750);
        assert!(MemoryLimit::Percent(100).bytes_of(u64::MAX) > u64::MAX - 100);
        assert_eq!(MemoryLimit::Size(ByteSize::new(7)).bytes_of(1), 7);
    }
}
