//! How long things took from the moment they were due.

use hdrhistogram::Histogram;

use crate::outcome::Latency;
use crate::workload::Pacing;

const HOUR_NS: u64 = 3_600_000_000_000;

/// Delays in ns from the intended moment of sending. Nothing is kept in a closed loop, where nothing
/// is due at any moment.
#[derive(Debug)]
pub(super) struct Delays(Option<Histogram<u64>>);

impl Delays {
    /// Nothing yet.
    ///
    /// # Panics
    /// Never: the histogram's bounds are constants that it accepts.
    pub(super) fn new(pacing: Pacing) -> Self {
        Self(match pacing {
            Pacing::Open { .. } => {
                Some(Histogram::new_with_bounds(1, HOUR_NS, 3).expect("the bounds are constants"))
            }
            Pacing::Closed { .. } => None,
        })
    }

    /// Something that was due then happened now.
    pub(super) fn note(&mut self, intended_ns: u64, now_ns: u64) {
        if let Some(delays) = &mut self.0 {
            // More than an hour counts as an hour.
            delays.saturating_record(now_ns.saturating_sub(intended_ns));
        }
    }

    /// The percentiles, if there was anything.
    pub(super) fn latency(&self) -> Option<Latency> {
        self.0.as_ref().filter(|delays| !delays.is_empty()).map(Latency::of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_count_from_the_intended_moment() {
        let mut delays = Delays::new(Pacing::Open { rate: 1.0 });
        assert_eq!(delays.latency(), None);
        delays.note(1_000, 501_000);
        let latency = delays.latency().unwrap();
        assert!((latency.max_us - 500.0).abs() < 1.0, "{latency:?}");
    }

    #[test]
    fn a_closed_loop_has_none() {
        let mut delays = Delays::new(Pacing::Closed { outstanding: 1, burst: 1 });
        delays.note(1_000, 501_000);
        assert_eq!(delays.latency(), None);
    }
}
