//! What a flood showed, and whether that is good enough.

use std::fmt;

use surewire_load::{Latency, Tally};

use super::aim::Deed;
use super::scenario::Scenario;
use crate::histograms::Line;

/// What the well-behaved clients saw.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Side {
    /// Delays of their messages, unless they were cut off.
    pub latency: Option<Latency>,
    /// What became of their messages.
    pub tally: Tally,
    /// What the broker did, if a connection ended.
    pub ended: Option<String>,
}

/// The result of one flood.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Row {
    /// The flood.
    pub scenario: Scenario,
    /// Its share of the full size.
    pub scale: f64,
    /// The broker's `memory_limit`.
    pub limit_bytes: u64,
    /// Its highest resident memory under the flood, without its program's file.
    pub peak_bytes: u64,
    /// The clients of the broker under the flood.
    pub here: Side,
    /// The same clients while the other broker is under it.
    pub elsewhere: Side,
    /// What the flood did.
    pub deed: Deed,
    /// How long the flooded broker's steps took, if it was asked.
    pub histograms: Vec<Line>,
}

/// How good is good enough.
#[derive(Debug, Clone, Copy)]
pub struct Bars {
    /// Resident memory, as a share of the limit.
    pub memory: f64,
    /// The clients' p99, as a multiple of theirs while the flood goes elsewhere.
    pub p99: f64,
}

impl Row {
    /// Resident memory as a share of the limit.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "exact to 2^53 bytes")]
    pub fn memory_share(&self) -> f64 {
        self.peak_bytes as f64 / self.limit_bytes as f64
    }

    /// How much longer the clients wait; none if they were cut off.
    #[must_use]
    pub fn p99_ratio(&self) -> Option<f64> {
        let (here, elsewhere) = (self.here.latency?, self.elsewhere.latency?);
        Some(here.p99_us / elsewhere.p99_us)
    }

    /// What is not good enough, in words; nothing if all is.
    #[must_use]
    pub fn breaches(&self, bars: &Bars) -> Vec<String> {
        let mut breaches = Vec::new();
        let Side { tally, ended, .. } = &self.here;
        breaches.extend(ended.as_ref().map(|ended| format!("a client was cut off: {ended}")));
        if !tally.is_clean() {
            breaches.push(tally.to_string());
        }
        if self.memory_share() > bars.memory {
            let (share, bar) = (100.0 * self.memory_share(), 100.0 * bars.memory);
            breaches.push(format!("memory at {share:.0} % of the limit, at most {bar:.0} %"));
        }
        if let Some(ratio) = self.p99_ratio().filter(|ratio| *ratio > bars.p99) {
            breaches.push(format!("p99 {ratio:.1} times as long, at most {}", bars.p99));
        }
        if self.deed.done == 0 {
            breaches.push("there was no flood".into());
        }
        breaches
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = clap::ValueEnum::to_possible_value(&self.scenario);
        let name = name.as_ref().map_or("", |name| name.get_name());
        let (peak, limit) = (self.peak_bytes >> 20, self.limit_bytes >> 20);
        write!(f, "{name:<16} peak {peak:>4} of {limit} MiB  ")?;
        let p99 = |side: &Side| side.latency.map_or(f64::NAN, |latency| latency.p99_us / 1e3);
        let (here, elsewhere) = (p99(&self.here), p99(&self.elsewhere));
        let ratio = here / elsewhere;
        write!(f, "p99 {here:>6.2} ms, elsewhere {elsewhere:>6.2} ms, x{ratio:<5.2}  ")?;
        let lost = self.here.tally.lost;
        let cut = if self.here.ended.is_some() { "CUT OFF" } else { "all connected" };
        write!(f, "lost {lost}, {cut}  ")?;
        let Deed { done, refused } = self.deed;
        write!(f, "{done} {}, {refused} refused", self.scenario.unit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(p99_us: f64) -> Side {
        let latency = Latency { p50_us: p99_us, p99_us, p999_us: p99_us, max_us: p99_us };
        Side { latency: Some(latency), ..Side::default() }
    }

    fn row() -> Row {
        Row {
            scenario: Scenario::Churn,
            scale: 0.1,
            limit_bytes: 100,
            peak_bytes: 110,
            here: side(190.0),
            elsewhere: side(100.0),
            deed: Deed { done: 1, refused: 0 },
            histograms: Vec::new(),
        }
    }

    #[test]
    fn each_bar_can_be_missed() {
        let bars = Bars { memory: 1.1, p99: 2.0 };
        assert!(row().breaches(&bars).is_empty());
        let lost = Side { tally: Tally { lost: 1, ..Tally::default() }, ..side(1.0) };
        let ended = Side { ended: Some("it hung up".into()), ..Side::default() };
        for (bad, word) in [
            (Row { peak_bytes: 111, ..row() }, "memory"),
            (Row { here: side(201.0), ..row() }, "p99"),
            (Row { here: lost, ..row() }, "lost 1"),
            (Row { here: ended, ..row() }, "it hung up"),
            (Row { deed: Deed::default(), ..row() }, "no flood"),
        ] {
            let breaches = bad.breaches(&bars);
            assert!(matches!(&breaches[..], [one] if one.contains(word)), "{breaches:?}");
        }
    }
}
