//! How values become places on an axis, and where it has its ticks.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use super::pixel;
use crate::report::number::short;

/// Ticks that an axis has at most, or about.
const TICKS: f64 = 6.0;

/// One axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scale {
    /// Equal steps are equally long, from 0 on.
    Linear {
        /// The upper end.
        to: f64,
        /// From tick to tick.
        step: f64,
    },
    /// Equal ratios are equally long.
    Log {
        /// The lower end, above 0.
        from: f64,
        /// The upper end.
        to: f64,
    },
}

impl Scale {
    /// From 0 to a little more than the largest value.
    pub(super) fn linear(values: impl Iterator<Item = f64>) -> Self {
        let largest = values.fold(0.0, f64::max);
        let largest = if largest > 0.0 { largest } else { 1.0 };
        let step = round_step(largest / TICKS);
        Self::Linear { to: (largest / step).ceil() * step, step }
    }

    /// From a little less than the smallest value above 0 to a little more than the largest.
    pub(super) fn log(values: impl Iterator<Item = f64>) -> Self {
        let (mut from, mut to) = (f64::INFINITY, 0.0_f64);
        for value in values.filter(|value| *value > 0.0) {
            (from, to) = (from.min(value), to.max(value));
        }
        if to > 0.0 {
            Self::Log { from: from / 1.3, to: to * 1.3 }
        } else {
            Self::linear([].into_iter())
        }
    }

    fn ticks(&self) -> Vec<f64> {
        match *self {
            Self::Linear { to, step } => {
                let next = |at: &f64| Some(at + step).filter(|at| *at <= to + step / 2.0);
                std::iter::successors(Some(0.0), next).collect()
            }
            Self::Log { from, to } => {
                let decades = (to / from).log10();
                let within: &[f64] = if decades > 3.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
                let first = 10_f64.powf(from.log10().floor());
                let powers = std::iter::successors(Some(first), |at| Some(at * 10.0));
                let powers = powers.take_while(|at| *at <= to);
                let all = powers.flat_map(|power| within.iter().map(move |it| it * power));
                all.filter(|at| (from..=to).contains(at)).collect()
            }
        }
    }
}

/// 1, 2 or 5 times a power of ten, and not below `least`.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * power);
    steps.into_iter().find(|step| *step >= least).unwrap_or(least)
}

impl Ranged for Scale {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let share = match *self {
            Self::Linear { to, .. } => value / to,
            Self::Log { from, to } => (value.max(from) / from).ln() / (to / from).ln(),
        };
        pixel(share, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks()
    }

    fn range(&self) -> Range<f64> {
        match *self {
            Self::Linear { to, .. } => 0.0..to,
            Self::Log { from, to } => from..to,
        }
    }
}

impl ValueFormatter<f64> for Scale {
    fn format(value: &f64) -> String {
        short(*value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linear_axis_ends_at_a_round_number() {
        let scale = Scale::linear([3.0, 19_000.0].into_iter());
        assert_eq!(scale, Scale::Linear { to: 20_000.0, step: 5_000.0 });
        assert_eq!(scale.ticks(), [0.0, 5_000.0, 10_000.0, 15_000.0, 20_000.0]);
        assert_eq!(scale.map(&5_000.0, (0, 400)), 100);
    }

    #[test]
    fn a_logarithmic_axis_has_its_ticks_at_powers() {
        let scale = Scale::log([1.0, 10_000.0].into_iter());
        assert_eq!(scale.ticks(), [1.0, 10.0, 100.0, 1_000.0, 10_000.0]);
        let (low, high) = (scale.map(&1.0, (0, 1_000)), scale.map(&10_000.0, (0, 1_000)));
        assert_eq!(scale.map(&100.0, (0, 1_000)), i32::midpoint(low, high));
        let narrow = Scale::log([1.0, 20.0].into_iter());
        assert_eq!(narrow.ticks(), [1.0, 2.0, 5.0, 10.0, 20.0]);
    }

    #[test]
    fn an_axis_without_values_is_one_nevertheless() {
        assert_eq!(Scale::log([0.0].into_iter()), Scale::linear([].into_iter()));
        assert!(!Scale::linear([].into_iter()).ticks().is_empty());
    }
}
