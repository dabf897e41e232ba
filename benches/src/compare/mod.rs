//! Brokers side by side: the same rows, in turn, in one session on one machine.

pub mod contender;
pub mod rows;
pub mod table;

use surewire_load::{Error, Outcome, machine};

use crate::compare::contender::{Contender, Running};
use crate::compare::rows::Row;

/// The core that brokers run on.
const BROKER_CORE: usize = 0;
/// The core that the generator runs on.
const GENERATOR_CORE: usize = 1;

/// One run of one row through one broker.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Place of the row in the plan.
    pub row: usize,
    /// Place of the broker in the plan.
    pub contender: usize,
    /// Which repetition.
    pub round: u32,
    /// What it showed.
    pub outcome: Outcome,
}

/// What to compare.
#[derive(Debug)]
pub struct Plan {
    /// The brokers.
    pub contenders: Vec<Contender>,
    /// The loads.
    pub rows: Vec<Row>,
    /// Repetitions.
    pub rounds: u32,
    /// Whether broker and generator get a core each.
    pub pinned: bool,
}

/// Runs the plan. Brokers alternate within each round, and which of them begins rotates, so
/// that a slow minute of the machine falls on all of them.
///
/// # Errors
/// The first thing that goes wrong, with the broker's and the row's name.
pub fn run(plan: &Plan, mut on_sample: impl FnMut(&Sample)) -> Result<Vec<Sample>, Error> {
    let mut samples = Vec::new();
    for (row_at, row) in plan.rows.iter().enumerate() {
        for round in 0..plan.rounds {
            for contender_at in rotated(plan.contenders.len(), round) {
                let Some(contender) = plan.contenders.get(contender_at) else { continue };
                if !contender.can_run(row) {
                    continue;
                }
                let outcome = measure(contender, row, plan.pinned).map_err(|e| {
                    Error::Broker(format!("{} in {}: {e}", contender.name(), row.name))
                })?;
                let sample = Sample { row: row_at, contender: contender_at, round, outcome };
                on_sample(&sample);
                samples.push(sample);
            }
        }
    }
    Ok(samples)
}

/// A broker is started afresh for every run: nobody inherits what another run left behind.
fn measure(contender: &Contender, row: &Row, pinned: bool) -> Result<Outcome, Error> {
    let start = || contender.start();
    let running: Running =
        if pinned { machine::on_core(BROKER_CORE, GENERATOR_CORE, start)? } else { start()? };
    surewire_load::run(running.addr(), &row.workload, Some(&running.process()))
}

/// 0 to `count`, beginning elsewhere in each round.
fn rotated(count: usize, round: u32) -> impl Iterator<Item = usize> {
    let start = usize::try_from(round).unwrap_or(0);
    (0..count).map(move |at| (at + start) % count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyone_begins_in_turn() {
        let order = |round| rotated(3, round).collect::<Vec<_>>();
        assert_eq!([order(0), order(1), order(5)], [[0, 1, 2], [1, 2, 0], [2, 0, 1]]);
    }
}
