//! Bars: how many times the relay's CPU time a message may cost the first broker.

use std::fmt;
use std::str::FromStr;

use surewire_load::Error;

use crate::compare::Plan;
use crate::compare::figures::Figures;
use crate::stats::Spread;

/// The most that a message may cost the first broker in a row, written `row=ratio`.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    row: String,
    most: f64,
}

/// What became of a bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The bar.
    pub bar: Bar,
    /// CPU time per message in multiples of the relay's; nothing if one of the two failed.
    pub ratio: Option<Spread>,
}

impl Bar {
    /// Checks that the plan can show whether the bar is kept.
    ///
    /// # Errors
    /// [`Error::Usage`] when the row or the relay does not run, or the relay not in this row.
    pub fn check(&self, plan: &Plan) -> Result<(), Error> {
        let refuse = |why: &str| Err(Error::Usage(format!("--bar {self}: {why}")));
        let Some(row) = plan.rows.iter().find(|row| row.name == self.row) else {
            return refuse("this row is not among --rows");
        };
        let Some(relay) = plan.contenders.iter().find(|it| it.is_relay()) else {
            return refuse("it is the relay that is compared with: name it in --brokers");
        };
        if plan.contenders.first().is_some_and(|it| it.is_relay()) {
            return refuse("the first of --brokers is judged, and that is the relay");
        }
        if row.is_paced() {
            return refuse("a paced row shows delays, no limit");
        }
        if relay.can_run(row) { Ok(()) } else { refuse("the relay has no figure in this row") }
    }

    /// Whether the first broker keeps it, by the median of the ratios of each round.
    #[must_use]
    pub fn judge(&self, figures: Figures<'_>) -> Verdict {
        let row = figures.plan.rows.iter().position(|row| row.name == self.row);
        let ratio = row.and_then(|row| figures.times_relay(row, 0));
        Verdict { bar: self.clone(), ratio }
    }
}

impl Verdict {
    /// Whether the bar is kept. It is not if nothing was measured.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.ratio.is_some_and(|ratio| ratio.median <= self.bar.most)
    }
}

impl FromStr for Bar {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('=').and_then(|(row, most)| {
            let most = most.parse().ok().filter(|most: &f64| most.is_finite() && *most > 0.0)?;
            Some(Self { row: row.to_owned(), most })
        });
        parsed.ok_or_else(|| "expected row=ratio, like fanin0=1.3".into())
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.row, self.most)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Bar { row, most } = &self.bar;
        write!(f, "{row}: at most {most} x the relay: ")?;
        match self.ratio {
            Some(Spread { median, .. }) => write!(f, "{median:.2}")?,
            None => write!(f, "no figure")?,
        }
        write!(f, ", {}", if self.is_kept() { "kept" } else { "MISSED" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::Software::{Mosquitto, Relay, Surewire};
    use crate::compare::figures::tests::{plan, samples};

    #[test]
    fn a_bar_is_a_row_and_a_ratio() {
        let bar: Bar = "fanin0=1.3".parse().unwrap();
        assert_eq!(bar, Bar { row: "fanin0".into(), most: 1.3 });
        for wrong in ["fanin0", "fanin0=", "fanin0=x", "fanin0=0", "fanin0=inf"] {
            assert!(Bar::from_str(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_first_broker_is_judged_by_its_median() {
        let (plan, samples) = (plan("fanin0", &[Surewire, Relay]), samples());
        let judge = |bar: &str, samples| {
            bar.parse::<Bar>().unwrap().judge(Figures { plan: &plan, samples, readings: &[] })
        };
        assert!(judge("fanin0=0.25", &samples).is_kept());
        let missed = judge("fanin0=0.2", &samples);
        assert_eq!(missed.to_string(), "fanin0: at most 0.2 x the relay: 0.25, MISSED");
        assert!(!judge("fanin0=9", &[]).is_kept(), "nothing measured is nothing kept");
    }

    #[test]
    fn a_bar_that_cannot_be_judged_is_refused_before_anything_runs() {
        let check = |bar: &str, row, brokers: &[_]| {
            bar.parse::<Bar>().unwrap().check(&plan(row, brokers)).is_ok()
        };
        assert!(check("fanin0=1", "fanin0", &[Surewire, Relay]));
        assert!(!check("fanin0=1", "pairs0", &[Surewire, Relay]), "not run");
        assert!(!check("fanin0=1", "fanin0", &[Surewire, Mosquitto]), "no relay");
        assert!(!check("fanin0=1", "fanin0", &[Relay, Surewire]), "the relay first");
        assert!(!check("fanin1=1", "fanin1", &[Surewire, Relay]), "nothing of the relay");
        assert!(!check("paced10k=1", "paced10k", &[Surewire, Relay]), "paced");
    }
}
