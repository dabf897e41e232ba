//! How long to wait before connecting again.

use std::time::Duration;

/// Doubling waiting times with a spread, so that clients that lost a server together do not come
/// back together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// After the first failure.
    pub first: Duration,
    /// Never longer than this.
    pub max: Duration,
}

impl Default for Backoff {
    /// From one second to one minute.
    fn default() -> Self {
        Self { first: Duration::from_secs(1), max: Duration::from_secs(60) }
    }
}

impl Backoff {
    /// The waiting time after `failures` failures in a row: zero for none, else between half of
    /// the doubled time and all of it, as `seed` decides.
    #[must_use]
    pub fn delay(&self, failures: u32, seed: u64) -> Duration {
        let Some(doublings) = failures.checked_sub(1) else { return Duration::ZERO };
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        let whole = self.first.saturating_mul(factor).min(self.max);
        let share = mix(seed ^ u64::from(failures)) % 1024;
        let spread = whole / 2 * u32::try_from(share).unwrap_or(0) / 1024;
        whole - spread
    }
}

/// Spreads the bits of `x` evenly (the finalizer of SplitMix64).
const fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_attempt_is_not_delayed() {
        assert_eq!(Backoff::default().delay(0, 7), Duration::ZERO);
    }

    #[test]
    fn delays_double_up_to_the_maximum_and_never_fall_below_half() {
        let backoff = Backoff::default();
        for seed in 0..100 {
            for (failures, whole) in [(1, 1), (2, 2), (5, 16), (7, 60), (33, 60), (u32::MAX, 60)] {
                let whole = Duration::from_secs(whole);
                let delay = backoff.delay(failures, seed);
                assert!(delay <= whole && delay >= whole / 2, "{failures}: {delay:?}");
            }
        }
    }

    #[test]
    fn seeds_spread_the_delays() {
        let delays: std::collections::BTreeSet<_> =
            (0..100).map(|seed| Backoff::default().delay(5, seed)).collect();
        assert!(delays.len() > 80, "only {} different delays", delays.len());
    }
}
