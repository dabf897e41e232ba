//! How much there was of something in a minute, on average over the last 1, 5 and 15 minutes.

use std::time::Duration;

/// The periods that are averaged over, as topics name them.
pub(super) const PERIODS: [(&str, Duration); 3] = [
    ("1min", Duration::from_secs(60)),
    ("5min", Duration::from_secs(5 * 60)),
    ("15min", Duration::from_secs(15 * 60)),
];

/// Exponential moving averages of what a counter grows by in a minute, one for each period.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Load {
    count: u64,
    averages: [f64; PERIODS.len()],
}

impl Load {
    /// Takes in what the counter says `elapsed` after the last time, and tells the averages.
    pub(super) fn update(&mut self, elapsed: Duration, count: u64) -> [f64; PERIODS.len()] {
        let grown = count.saturating_sub(self.count) as f64;
        self.count = count;
        if !elapsed.is_zero() {
            let rate = grown * 60.0 / elapsed.as_secs_f64();
            for (average, (_, period)) in self.averages.iter_mut().zip(PERIODS) {
                let kept = (-elapsed.as_secs_f64() / period.as_secs_f64()).exp();
                *average = rate + kept * (*average - rate);
            }
        }
        self.averages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_secs(10);

    #[test]
    fn a_steady_rate_is_approached_from_below_the_sooner_the_shorter_the_period() {
        let mut load = Load::default();
        let mut averages = [0.0; 3];
        for step in 1..=6 {
            averages = load.update(STEP, step * 100);
        }
        // 600 a minute for one minute: 1 - 1/e of it, and less over the longer ones.
        let expected = [1.0, 5.0, 15.0].map(|minutes: f64| 600.0 * (1.0 - (-1.0 / minutes).exp()));
        for (average, expected) in averages.iter().zip(expected) {
            assert!((average - expected).abs() < 1e-9, "{averages:?}");
        }
    }

    #[test]
    fn it_falls_when_nothing_happens_and_does_not_depend_on_the_steps() {
        let (mut fine, mut coarse) = (Load::default(), Load::default());
        fine.update(STEP, 1_000);
        coarse.update(STEP, 1_000);
        for _ in 0..30 {
            fine.update(STEP, 1_000);
        }
        let (fine, coarse) = (fine.update(STEP, 1_000), coarse.update(31 * STEP, 1_000));
        for (fine, coarse) in fine.iter().zip(coarse) {
            assert!((fine - coarse).abs() < 1e-9 && *fine > 0.0, "{fine} {coarse}");
        }
    }

    #[test]
    fn no_time_changes_nothing() {
        let mut load = Load::default();
        assert_eq!(load.update(Duration::ZERO, 100), [0.0; 3]);
    }
}
