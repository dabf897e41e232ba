//! Numbers from the seed.

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

/// A stream of numbers of its own for each part of a world: what one part draws changes nothing in
/// another, so that two plans that differ in a limit see the same clients do the same.
#[derive(Clone, Debug)]
pub(crate) struct Random(ChaCha8Rng);

impl Random {
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self(rng)
    }

    pub(crate) fn bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Below `end`; 0 for 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        let product = u128::from(self.next()) * u128::from(end);
        u64::try_from(product >> 64).unwrap_or(0)
    }

    /// From `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low).saturating_add(1))
    }

    /// Half of `mean` to one and a half of it.
    pub(crate) fn around(&mut self, mean: u64) -> u64 {
        mean / 2 + self.below(mean.saturating_add(1))
    }

    /// The time to the next of many independent things that come `mean` apart; at least 1.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a draw: 53 bits are more than enough, and the logarithm is not positive"
    )]
    pub(crate) fn exponential(&mut self, mean: u64) -> u64 {
        let share = ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        ((-share.ln() * mean as f64) as u64).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_the_same_again_and_differ_from_each_other() {
        let draw = |stream| {
            let mut random = Random::new(7, stream);
            (0..8).map(|_| random.below(1_000)).collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn draws_keep_to_their_range_and_mean() {
        let mut random = Random::new(7, 0);
        assert_eq!(random.below(0), 0);
        let mut sum = 0;
        for _ in 0..10_000 {
            assert!((3..=5).contains(&random.between(3, 5)));
            assert!((50..=150).contains(&random.around(100)));
            sum += random.exponential(1_000_000);
        }
        let mean = sum / 10_000;
        assert!((950_000..1_050_000).contains(&mean), "{mean}");
    }
}
