//! A factor with up to three decimals.

use std::fmt;
use std::time::Duration;

use super::quantity::digits;

/// A factor such as `1.5`, exact to a thousandth and free of floating point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Multiplier {
    thousandths: u32,
}

impl Multiplier {
    /// That many thousandths: 1,500 is 1.5.
    #[must_use]
    pub const fn from_thousandths(thousandths: u32) -> Self {
        Self { thousandths }
    }

    /// In thousandths: 1.5 is 1,500.
    #[must_use]
    pub const fn thousandths(self) -> u32 {
        self.thousandths
    }

    /// `duration` times this.
    #[must_use]
    pub fn of(self, duration: Duration) -> Duration {
        duration.saturating_mul(self.thousandths) / 1_000
    }

    /// `None` for what is no number; too large a number is the largest, which no range allows.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), "0"));
        let decimals = fraction.trim_end_matches('0');
        if decimals.len() > 3 || fraction.contains('_') {
            return None;
        }
        let whole = digits(whole)?;
        digits(fraction)?;
        let thousandths = digits(&format!("{decimals:0<3}"))??;
        let total = whole.and_then(|whole| whole.checked_mul(1_000)?.checked_add(thousandths));
        let thousandths = total.and_then(|total| u32::try_from(total).ok()).unwrap_or(u32::MAX);
        Some(Self { thousandths })
    }
}

impl fmt::Display for Multiplier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fraction = format!("{:03}", self.thousandths % 1_000);
        match fraction.trim_end_matches('0') {
            "" => write!(f, "{}", self.thousandths / 1_000),
            fraction => write!(f, "{}.{fraction}", self.thousandths / 1_000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // contract: section 8
    #[test]
    fn factors_read_and_write() {
        let rows = [("1.5", 1_500, "1.5"), ("1", 1_000, "1"), ("1.250", 1_250, "1.25")];
        for (text, thousandths, shown) in rows {
            let multiplier = Multiplier::parse(text).unwrap();
            assert_eq!(
                (multiplier.thousandths(), multiplier.to_string().as_str()),
                (thousandths, shown)
            );
        }
        for text in ["", ".", "1.", ".5", "1.2345", "-1.5", "1e1", "one", "1.5.2", "1.0_0", "+1"] {
            assert_eq!(Multiplier::parse(text), None, "{text}");
        }
        let huge = Multiplier::parse("99999999999999999999");
        assert_eq!(huge, Some(Multiplier::from_thousandths(u32::MAX)));
    }

    #[test]
    fn one_and_a_half_times_the_keep_alive() {
        let multiplier = Multiplier::from_thousandths(1_500);
        assert_eq!(multiplier.of(Duration::from_secs(10)), Duration::from_secs(15));
    }
}
