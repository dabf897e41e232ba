//! A number of bytes.

use std::fmt;

use super::quantity::{NotAQuantity, quantity};

/// A number of bytes, written as `1MiB`, `512 kB` or a plain number.
///
/// `KiB`, `MiB`, `GiB`, `TiB` are powers of 1,024; `kB`, `MB`, `GB`, `TB` are powers of 1,000.
/// Case does not matter. `Display` takes the largest power of 1,024 that divides the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

const BINARY: [(&str, u64); 4] =
    [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

impl ByteSize {
    /// That many bytes.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number of bytes.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    pub(crate) fn parse(text: &str) -> Result<Self, NotAQuantity> {
        quantity(text, factor).map(Self)
    }
}

fn factor(unit: &str) -> Option<u64> {
    Some(match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return None,
    })
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, factor): &&(&str, u64)| self.0 != 0 && self.0.is_multiple_of(*factor);
        match BINARY.iter().find(fits) {
            Some((unit, factor)) => write!(f, "{}{unit}", self.0 / factor),
            None => write!(f, "{}B", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // contract: section 2
    #[test]
    fn sizes_take_units() {
        let rows = [
            ("0", 0),
            ("-0", 0),
            ("512", 512),
            ("512B", 512),
            ("1KiB", 1024),
            ("1MiB", 1 << 20),
            ("2 GiB", 2 << 30),
            ("4tib", 4 << 40),
            ("1kB", 1000),
            ("1MB", 1_000_000),
            ("1_000", 1000),
            ("18446744073709551615", u64::MAX),
        ];
        for (text, bytes) in rows {
            assert_eq!(ByteSize::parse(text), Ok(ByteSize(bytes)), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_says_why() {
        use NotAQuantity::{Malformed, Negative, TooLarge};
        let rows = [
            ("", Malformed),
            ("MiB", Malformed),
            ("1.5MiB", Malformed),
            ("1M", Malformed),
            ("1e3", Malformed),
            ("0x10", Malformed),
            ("1_", Malformed),
            ("-1", Negative),
            ("-99999999999999999999MiB", Negative),
            ("18446744073709551616", TooLarge),
            ("16777216TiB", TooLarge),
        ];
        for (text, why) in rows {
            assert_eq!(ByteSize::parse(text), Err(why), "{text}");
        }
    }

    #[test]
    fn display_reads_back() {
        let rows = [(0, "0B"), (1, "1B"), (1024, "1KiB"), (1536, "1536B"), (4 << 30, "4GiB")];
        for (bytes, text) in rows {
            assert_eq!(ByteSize(bytes).to_string(), text);
            assert_eq!(ByteSize::parse(text), Ok(ByteSize(bytes)));
        }
    }
}
