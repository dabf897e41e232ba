//! A length of time.

use std::fmt;
use std::time::Duration;

use super::quantity::{NotAQuantity, quantity};

/// A length of time in whole milliseconds, written as `500ms`, `10s`, `5m`, `2h`, `1d` or a plain
/// number of seconds.
///
/// `Display` takes the largest unit that divides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeSpan {
    millis: u64,
}

const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl TimeSpan {
    /// That many milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self { millis }
    }

    /// In milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.millis
    }

    /// In seconds, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.millis / 1_000
    }

    /// As the standard library has it.
    #[must_use]
    pub const fn get(self) -> Duration {
        Duration::from_millis(self.millis)
    }

    pub(crate) fn parse(text: &str) -> Result<Self, NotAQuantity> {
        quantity(text, factor).map(Self::from_millis)
    }
}

fn factor(unit: &str) -> Option<u64> {
    match unit {
        "" => Some(1_000),
        _ => UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor),
    }
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, factor): &&(&str, u64)| self.millis.is_multiple_of(*factor);
        match UNITS.iter().find(fits) {
            Some((unit, factor)) if self.millis != 0 => write!(f, "{}{unit}", self.millis / factor),
            Some(_) | None => f.write_str("0s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // contract: section 2
    #[test]
    fn durations_take_units() {
        let rows = [
            ("0", 0),
            ("10", 10_000),
            ("10s", 10_000),
            ("500ms", 500),
            ("5 m", 300_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
        ];
        for (text, millis) in rows {
            assert_eq!(TimeSpan::parse(text), Ok(TimeSpan { millis }), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_says_why() {
        use NotAQuantity::{Malformed, Negative, TooLarge};
        let rows = [
            ("", Malformed),
            ("s", Malformed),
            ("1.5s", Malformed),
            ("1h30m", Malformed),
            ("10S", Malformed),
            ("-1s", Negative),
            ("18446744073709551615", TooLarge),
            ("99999999999999999999ms", TooLarge),
        ];
        for (text, why) in rows {
            assert_eq!(TimeSpan::parse(text), Err(why), "{text}");
        }
    }

    #[test]
    fn display_reads_back() {
        let rows = [(0, "0s"), (500, "500ms"), (1_500, "1500ms"), (60_000, "1m"), (90_000, "90s")];
        for (millis, text) in rows {
            assert_eq!(TimeSpan { millis }.to_string(), text);
            assert_eq!(TimeSpan::parse(text), Ok(TimeSpan { millis }));
        }
    }
}
