//! Curves in a terminal: a row of bars for each.

use std::fmt::Write;
use std::time::Duration;

use surewire_fleet::report::Sample;

use super::text::{bytes, number, span};

/// Columns of a curve.
const WIDTH: usize = 48;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// How the points of a column come together.
#[derive(Clone, Copy)]
enum Together {
    /// The highest of them.
    Most,
    /// All of them, a second.
    PerSecond,
}

struct Curve {
    name: &'static str,
    of: fn(&Sample) -> u64,
    together: Together,
    shown: fn(f64) -> String,
}

const CURVES: [Curve; 10] = [
    most("clients connected", |s| s.connections, whole),
    rate("connects/s", |s| s.connects),
    rate("published/s", |s| s.published),
    rate("received/s", |s| s.received),
    rate("dropped/s", |s| s.dropped),
    most("waiting at clients", |s| s.client_queued, whole),
    most("queued at broker", |s| s.queued, whole),
    most("in flight", |s| s.in_flight, whole),
    most("memory, about", |s| s.memory, size),
    most("log on disk", |s| s.log, size),
];

const fn most(name: &'static str, of: fn(&Sample) -> u64, shown: fn(f64) -> String) -> Curve {
    Curve { name, of, together: Together::Most, shown }
}

const fn rate(name: &'static str, of: fn(&Sample) -> u64) -> Curve {
    Curve { name, of, together: Together::PerSecond, shown: tenths }
}

/// All curves that are not empty, with a line above.
#[expect(clippy::cast_precision_loss, reason = "shown with few digits")]
pub(super) fn curves(samples: &[Sample], length: Duration) -> String {
    let column = length / u32::try_from(WIDTH).unwrap_or(1);
    let mut text = format!("over time, each column {}", span(column));
    let _ =
        writeln!(text, "{:>width$}  highest      at end", "", width = 69 - text.chars().count());
    for curve in &CURVES {
        let columns = columns(samples, curve, column);
        let highest = columns.iter().copied().fold(0.0, f64::max);
        if highest > 0.0 {
            let last = match curve.together {
                Together::Most => samples.last().map_or(0.0, |last| (curve.of)(last) as f64),
                Together::PerSecond => columns.last().copied().unwrap_or_default(),
            };
            let (bars, shown) = (bars(&columns, highest), curve.shown);
            let name = curve.name;
            let _ = writeln!(text, "  {name:<19}{bars}{:>9}{:>12}", shown(highest), shown(last));
        }
    }
    text
}

#[expect(clippy::cast_precision_loss, reason = "shown with few digits")]
fn columns(samples: &[Sample], curve: &Curve, column: Duration) -> Vec<f64> {
    let each = samples.len().div_ceil(WIDTH).max(1);
    let together = |samples: &[Sample]| {
        let values = samples.iter().map(curve.of);
        match curve.together {
            Together::Most => values.max().unwrap_or(0) as f64,
            Together::PerSecond => values.sum::<u64>() as f64 / column.as_secs_f64(),
        }
    };
    samples.chunks(each).map(together).collect()
}

/// One bar for each value; none for 0, and the lowest for the least above it.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and the number of bars"
)]
fn bars(values: &[f64], highest: f64) -> String {
    let bar = |value: &f64| {
        let step = (value / highest * 8.0).ceil() as usize;
        step.checked_sub(1).and_then(|step| BARS.get(step)).copied().unwrap_or(' ')
    };
    values.iter().map(bar).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it was a number of bytes or of things"
)]
fn whole(value: f64) -> String {
    number(value as u64)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it was a number of bytes or of things"
)]
fn size(value: f64) -> String {
    bytes(value as u64)
}

/// A rate: the smaller, the more digits.
fn tenths(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        v if v < 0.1 => format!("{v:.3}"),
        v if v < 100.0 => format!("{v:.1}"),
        v => whole(v),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_grow_from_nothing_to_full() {
        assert_eq!(bars(&[0.0, 0.001, 4.0, 8.0], 8.0), " ▁▄█");
    }

    #[test]
    fn columns_keep_peaks_and_turn_sums_into_rates() {
        let sample =
            |connections, published| Sample { connections, published, ..Sample::default() };
        let samples: Vec<Sample> = (0..240).map(|at| sample(at % 5, 3)).collect();
        let text = curves(&samples, Duration::from_secs(480));
        assert!(text.starts_with("over time, each column 10s"), "{text}");
        let full = "█".repeat(WIDTH);
        assert!(
            text.contains(&format!("clients connected  {full}        4           4")),
            "{text}"
        );
        // 15 in each column of 10 s.
        assert!(
            text.contains(&format!("published/s        {full}      1.5         1.5")),
            "{text}"
        );
        assert!(!text.contains("dropped"), "{text}");
    }
}
