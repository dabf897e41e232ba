//! Brokers side by side: the same rows, in turn, in one session on one machine.

pub mod bars;
pub mod contender;
pub mod figures;
pub mod page;
pub mod programs;
pub mod rows;
pub mod scenarios;
pub mod table;

use surewire_load::transport::Transport;
use surewire_load::{Error, Outcome, Workload, machine};

use crate::compare::contender::{Contender, Running};
use crate::compare::rows::Row;
use crate::compare::scenarios::{Reading, Scenario};

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
    /// What it showed, or why it could not be carried through, for people.
    pub result: Result<Outcome, String>,
}

impl Sample {
    /// What it showed, if each message arrived once and in order: all else counts for nothing.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        self.result.as_ref().ok().filter(|outcome| outcome.tally.is_clean())
    }
}

/// What to compare.
#[derive(Debug)]
pub struct Plan {
    /// The brokers.
    pub contenders: Vec<Contender>,
    /// The loads.
    pub rows: Vec<Row>,
    /// What is no flow of messages, after the loads.
    pub scenarios: Vec<Scenario>,
    /// Repetitions.
    pub rounds: u32,
    /// Whether broker and generator get a core each.
    pub pinned: bool,
}

/// Runs the plan. Brokers alternate within each round, and which of them begins rotates, so
/// that a slow minute of the machine falls on all of them. A broker that fails in a row is not
/// asked again in that row; the others go on.
///
/// # Errors
/// What is no broker's fault, with the broker's and the row's name: a program that cannot be
/// started, a core that is not there, a workload that makes no sense.
pub fn run(plan: &Plan, mut on_sample: impl FnMut(&Sample)) -> Result<Vec<Sample>, Error> {
    let mut samples = Vec::new();
    for (row_at, row) in plan.rows.iter().enumerate() {
        let mut failed = vec![false; plan.contenders.len()];
        for round in 0..plan.rounds {
            for contender_at in rotated(plan.contenders.len(), round) {
                let here = plan.contenders.get(contender_at).zip(failed.get_mut(contender_at));
                let Some((contender, failed)) = here else { continue };
                if *failed || !contender.can_run(row) {
                    continue;
                }
                let result = measure(contender, &row.workload, row.transport, plan.pinned)
                    .map_err(|e| in_context(e, &contender.name(), row.name))?;
                let sample = Sample { row: row_at, contender: contender_at, round, result };
                *failed = sample.outcome().is_none();
                on_sample(&sample);
                samples.push(sample);
            }
        }
    }
    Ok(samples)
}

/// Runs the scenarios of the plan, as [`run`] does the loads.
///
/// # Errors
/// As [`run`].
pub fn run_scenarios(
    plan: &Plan,
    mut on_reading: impl FnMut(&Reading),
) -> Result<Vec<Reading>, Error> {
    let mut readings = Vec::new();
    for (scenario_at, scenario) in plan.scenarios.iter().enumerate() {
        let mut failed = vec![false; plan.contenders.len()];
        for round in 0..plan.rounds {
            for contender_at in rotated(plan.contenders.len(), round) {
                let here = plan.contenders.get(contender_at).zip(failed.get_mut(contender_at));
                let Some((contender, failed)) = here else { continue };
                if *failed || !contender.can_keep(scenario) {
                    continue;
                }
                let result = scenario
                    .measure(contender, plan.pinned)
                    .map_err(|e| in_context(e, &contender.name(), scenario.name))?;
                *failed = result.is_err();
                let (scenario, contender) = (scenario_at, contender_at);
                let reading = Reading { scenario, contender, round, result };
                on_reading(&reading);
                readings.push(reading);
            }
        }
    }
    Ok(readings)
}

/// Sends one workload by one transport through one broker, which is started afresh: nobody inherits
/// what another run left behind. The inner error is the broker's own.
///
/// # Errors
/// As [`run`], without names.
pub fn measure(
    contender: &Contender,
    workload: &Workload,
    transport: Transport,
    pinned: bool,
) -> Result<Result<Outcome, String>, Error> {
    let running = match start(contender, transport, pinned)? {
        Ok(running) => running,
        Err(why) => return Ok(Err(why)),
    };
    let keep_alive_seconds = contender.keep_alive_seconds();
    let workload = Workload { keep_alive_seconds, ..*workload };
    let route = running.route_for(workload.version)?;
    match surewire_load::run(route, &workload, Some(&running.process())) {
        Ok(outcome) => Ok(Ok(outcome)),
        Err(error) => blame(error).map(Err),
    }
}

/// Starts a broker, on a core of its own if `pinned`; then the calling thread stays bound to
/// another. The inner error is the broker's own.
///
/// # Errors
/// As [`run`], without names.
pub fn start(
    contender: &Contender,
    transport: Transport,
    pinned: bool,
) -> Result<Result<Running, String>, Error> {
    let start = || contender.start(transport);
    let running =
        if pinned { machine::on_core(BROKER_CORE, GENERATOR_CORE, start) } else { start() };
    match running {
        Ok(running) => Ok(Ok(running)),
        Err(Error::Broker(why)) => Ok(Err(why)),
        Err(ours @ (Error::Usage(_) | Error::System { .. })) => Err(ours),
    }
}

/// Why a broker that runs is to blame for an error, if it is.
///
/// # Errors
/// The error itself, when the broker has nothing to do with it.
pub fn blame(error: Error) -> Result<String, Error> {
    match error {
        ours @ Error::Usage(_) => Err(ours),
        // A broker that has died takes its files in /proc along, and resets connections.
        theirs @ (Error::Broker(_) | Error::System { .. }) => Ok(theirs.to_string()),
    }
}

fn in_context(error: Error, contender: &str, row: &str) -> Error {
    match error {
        Error::Usage(text) => Error::Usage(format!("{contender} in {row}: {text}")),
        Error::Broker(text) => Error::Broker(format!("{contender} in {row}: {text}")),
        Error::System { action, source } => {
            Error::System { action: format!("{action} ({contender} in {row})"), source }
        }
    }
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
