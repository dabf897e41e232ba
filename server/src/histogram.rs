//! Times in fixed buckets: eight for each power of two, so that a value is known to 12.5 %.

use std::fmt;
use std::time::Duration;

const SUB_BITS: u32 = 3;
const SUBS: usize = 1 << SUB_BITS;
const BUCKETS: usize = SUBS * (64 - SUB_BITS as usize + 1);

/// Counts of nanoseconds; recording is two shifts and an increment.
#[derive(Clone)]
pub(crate) struct Histogram {
    counts: Box<[u64; BUCKETS]>,
    count: u64,
    sum: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: Box::new([0; BUCKETS]), count: 0, sum: 0, max: 0 }
    }
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn record(&mut self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        if let Some(count) = self.counts.get_mut(bucket(nanos)) {
            *count += 1;
        }
        self.count += 1;
        self.sum = self.sum.saturating_add(nanos);
        self.max = self.max.max(nanos);
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// All times together, in nanoseconds.
    pub(crate) fn sum(&self) -> u64 {
        self.sum
    }

    /// For each of the bounds 2^`first` - 1 to 2^`last` - 1 nanoseconds how many times were not
    /// above it. Powers of two are where buckets end, so these counts are exact.
    pub(crate) fn cumulative(&self, first: u32, last: u32) -> impl Iterator<Item = (u64, u64)> {
        let (mut next, mut seen) = (0, 0);
        (first..=last).map(move |exponent| {
            let bound = (1_u64 << exponent) - 1;
            let end = bucket(bound) + 1;
            seen += self.counts.get(next..end).unwrap_or_default().iter().sum::<u64>();
            next = end;
            (bound, seen)
        })
    }

    /// The upper end of the bucket that `per_mille` of all values do not exceed.
    fn quantile(&self, per_mille: u64) -> u64 {
        let rank = (u128::from(self.count) * u128::from(per_mille)).div_ceil(1_000);
        let mut seen = 0_u128;
        for (index, count) in self.counts.iter().enumerate() {
            seen += u128::from(*count);
            if seen >= rank && seen > 0 {
                return upper_end(index).min(self.max);
            }
        }
        self.max
    }
}

impl fmt::Display for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (p50, p99, p999) = (self.quantile(500), self.quantile(990), self.quantile(999));
        write!(f, "unit=ns count={} p50={p50} p99={p99} p999={p999} max={}", self.count, self.max)
    }
}

fn bucket(nanos: u64) -> usize {
    let nanos_index = usize::try_from(nanos).unwrap_or(usize::MAX);
    if nanos_index < SUBS {
        return nanos_index;
    }
    let exponent = nanos.ilog2() - SUB_BITS;
    let sub = usize::try_from(nanos >> exponent).unwrap_or(SUBS) - SUBS;
    (exponent as usize + 1) * SUBS + sub
}

fn upper_end(bucket: usize) -> u64 {
    let (group, sub) = (bucket / SUBS, (bucket % SUBS) as u64);
    if group == 0 {
        return sub;
    }
    let shift = group - 1;
    let above = (u128::from(sub) + SUBS as u128 + 1) << shift;
    u64::try_from(above - 1).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_bucket_and_within_an_eighth_of_its_end() {
        for exponent in 0..63 {
            for nanos in [1_u64 << exponent, (1_u64 << exponent) + 1, (1_u64 << exponent) * 3 / 2] {
                let end = upper_end(bucket(nanos));
                assert!(end >= nanos, "{nanos} is above its bucket's end {end}");
                assert!(end - nanos <= nanos / 8, "{nanos} is far from its bucket's end {end}");
            }
        }
        assert_eq!(upper_end(bucket(u64::MAX)), u64::MAX);
    }

    #[test]
    fn quantiles_are_those_of_what_was_recorded() {
        let mut histogram = Histogram::new();
        for nanos in 1..=1_000 {
            histogram.record(Duration::from_nanos(nanos));
        }
        let shown = histogram.to_string();
        assert_eq!(shown, "unit=ns count=1000 p50=511 p99=1000 p999=1000 max=1000");
    }

    #[test]
    fn the_bounds_that_are_told_count_exactly_what_is_not_above_them() {
        let mut histogram = Histogram::new();
        let values = [0, 1, 62, 63, 64, 127, 128, 1_000, 1_023, 1_024, 1_000_000, u64::MAX];
        values.iter().for_each(|nanos| histogram.record(Duration::from_nanos(*nanos)));
        for (bound, count) in histogram.cumulative(6, 33) {
            let not_above = values.iter().filter(|value| **value <= bound).count();
            assert_eq!(count, not_above as u64, "{bound}");
        }
        assert_eq!((histogram.count(), histogram.sum()), (12, u64::MAX));
    }

    #[test]
    fn an_empty_one_prints_zeros() {
        assert_eq!(Histogram::new().to_string(), "unit=ns count=0 p50=0 p99=0 p999=0 max=0");
    }
}
