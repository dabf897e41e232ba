//! How what a broker costs grows with what it holds or carries.
//!
//! A curve is one thing that grows, in steps, and a function that measures one step of it with a
//! broker that was started for it. [`curves::all`] is the list.

pub mod curves;
pub mod fit;
pub mod output;

use std::thread;
use std::time::Duration;

use surewire_load::Error;

use crate::compare::contender::Contender;
use crate::stats::Spread;

/// What grows, and what is measured meanwhile.
#[derive(Debug, Clone)]
pub struct Curve {
    /// The name on the command line and of its files.
    pub name: &'static str,
    /// What it shows, in one line.
    pub about: &'static str,
    /// What grows, with its unit.
    pub grows: &'static str,
    /// From the least to the most.
    pub steps: &'static [u64],
    /// Few and small ones, for a smoke run.
    pub quick: &'static [u64],
    /// Whether the steps are ratios rather than differences.
    pub log: bool,
    /// What is measured, in the order that `measure` returns it.
    pub figures: &'static [Figure],
    /// Whether the broker needs every core, so that nobody is bound to one.
    pub needs_all_cores: bool,
    /// Measures one step.
    pub measure: fn(&Bench<'_>, u64) -> Result<Vec<f64>, Failure>,
}

/// One thing that is measured.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// The name in files, with its unit.
    pub name: &'static str,
    /// The same for people.
    pub about: &'static str,
    /// Whether its axis has equal ratios of equal length.
    pub log: bool,
    /// What one more of what grows costs, if a straight line tells it.
    pub slope: Option<Slope>,
}

/// How the slope of a line is told: "1,234 bytes a connection".
#[derive(Debug, Clone, Copy)]
pub struct Slope {
    /// From the figure's unit to the one told.
    pub factor: f64,
    /// The unit told, and for what.
    pub unit: &'static str,
}

/// What a step is measured with.
#[derive(Debug)]
pub struct Bench<'a> {
    /// The broker to start.
    pub contender: &'a Contender,
    /// How long a load publishes.
    pub time: Duration,
    /// Whether broker and generator get a core each.
    pub pinned: bool,
}

/// Why a step has no figures.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It makes no sense for this broker.
    #[error("not for this broker")]
    NotApplicable,
    /// The broker did not carry it.
    #[error("{0}")]
    Broker(String),
    /// It could not be measured.
    #[error(transparent)]
    Ours(#[from] Error),
}

/// What to measure.
#[derive(Debug)]
pub struct Plan {
    /// The brokers.
    pub contenders: Vec<Contender>,
    /// The curves.
    pub curves: Vec<Curve>,
    /// Measurements of each step.
    pub rounds: u32,
    /// How long a load publishes.
    pub time: Duration,
    /// Whether to take the quick steps.
    pub quick: bool,
    /// Whether broker and generator get a core each, where a curve allows it.
    pub pinned: bool,
}

/// What one broker showed at one step.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Point {
    /// The curve.
    pub curve: &'static str,
    /// The broker.
    pub broker: String,
    /// How much of what grows.
    pub at: u64,
    /// The figures of each round.
    pub rounds: Vec<Vec<f64>>,
    /// Why there are no more, if the broker failed.
    pub failure: Option<String>,
}

impl Point {
    /// The median and range of the figure at this place of its curve.
    #[must_use]
    pub fn spread(&self, figure: usize) -> Option<Spread> {
        let figures = self.rounds.iter().filter_map(|round| round.get(figure).copied());
        Spread::of(&figures.collect::<Vec<_>>())
    }
}

impl Curve {
    /// The steps of a full or a quick run.
    #[must_use]
    pub const fn steps(&self, quick: bool) -> &'static [u64] {
        if quick { self.quick } else { self.steps }
    }
}

/// Measures every curve. Brokers alternate within each round of a step; one that fails there is
/// not asked again at this step.
///
/// # Errors
/// What is no broker's fault.
pub fn run(plan: &Plan, mut on_point: impl FnMut(&Point)) -> Result<Vec<Point>, Error> {
    let mut points = Vec::new();
    for curve in &plan.curves {
        for &at in curve.steps(plan.quick) {
            // A thread that was bound to a core stays so, and with it all that it starts.
            let step = || thread::scope(|scope| scope.spawn(|| step(plan, curve, at)).join());
            let measured = step().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            for point in measured {
                on_point(&point);
                points.push(point);
            }
        }
    }
    Ok(points)
}

/// The points of all brokers to which the step applies.
fn step(plan: &Plan, curve: &Curve, at: u64) -> Result<Vec<Point>, Error> {
    let new = |broker: &Contender| Point {
        curve: curve.name,
        broker: broker.name(),
        at,
        rounds: Vec::new(),
        failure: None,
    };
    let mut points: Vec<_> = plan.contenders.iter().map(|it| (it, new(it))).collect();
    for _ in 0..plan.rounds {
        for (contender, point) in points.iter_mut().filter(|(_, it)| it.failure.is_none()) {
            let pinned = plan.pinned && !curve.needs_all_cores;
            let bench = Bench { contender, time: plan.time, pinned };
            match (curve.measure)(&bench, at) {
                Ok(figures) => point.rounds.push(figures),
                Err(Failure::NotApplicable) => {}
                Err(Failure::Broker(why)) => point.failure = Some(why),
                Err(Failure::Ours(error)) => return Err(error),
            }
        }
    }
    let shown = |point: &Point| !point.rounds.is_empty() || point.failure.is_some();
    Ok(points.into_iter().map(|(_, point)| point).filter(shown).collect())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::broker::Software;
    use crate::compare::contender::Choice;

    const FIGURE: Figure = Figure {
        name: "bytes",
        about: "bytes",
        log: false,
        slope: Some(Slope { factor: 1.0, unit: "bytes each" }),
    };

    /// Mosquitto fails from 20 on, and nothing applies to the relay.
    fn measure(bench: &Bench<'_>, at: u64) -> Result<Vec<f64>, Failure> {
        match bench.contender.name().as_str() {
            "relay" => Err(Failure::NotApplicable),
            "mosquitto" if at >= 20 => Err(Failure::Broker("closed".into())),
            _ => Ok(vec![f64::from(u32::try_from(at).unwrap()) * 3.0 + 5.0]),
        }
    }

    pub(in crate::grow) fn plan() -> Plan {
        let contender = |software| {
            let choice = Choice::of(software);
            Contender::Started { choice, program: "x".into() }
        };
        let curve = Curve {
            name: "example",
            about: "An example",
            grows: "things",
            steps: &[10, 20],
            quick: &[10],
            log: false,
            figures: &[FIGURE],
            needs_all_cores: false,
            measure,
        };
        Plan {
            contenders: [Software::Surewire, Software::Mosquitto, Software::Relay]
                .map(contender)
                .to_vec(),
            curves: vec![curve],
            rounds: 3,
            time: Duration::from_secs(1),
            quick: false,
            pinned: false,
        }
    }

    #[test]
    fn a_broker_that_fails_at_one_step_leaves_the_others_theirs() {
        let points = run(&plan(), |_| {}).unwrap();
        let told: Vec<_> = points
            .iter()
            .map(|it| (it.broker.as_str(), it.at, it.rounds.len(), it.failure.is_some()))
            .collect();
        let surewire = |at| ("surewire", at, 3, false);
        let failed = ("mosquitto", 20, 0, true);
        assert_eq!(told, [surewire(10), ("mosquitto", 10, 3, false), surewire(20), failed]);
        assert_eq!(points[0].spread(0).map(|it| it.median), Some(35.0));
        assert_eq!(points[0].spread(1), None);
    }
}
