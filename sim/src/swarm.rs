//! The swarm: the real engine, gate and log with many clients in virtual time, on a disk that can
//! do all that a disk does wrong. A seed is a whole world; thousands of them take minutes.
//!
//! Reading order: `plan` is what a seed stands for, `world` what happens, `oracle` who judges by
//! what clients saw, `tap` what is watched on the broker's side of the wires.

mod actor;
mod attacks;
mod broker;
mod bugs;
mod coverage;
pub(crate) mod disk;
mod link;
mod oracle;
mod plan;
pub(crate) mod random;
mod shrink;
mod tap;
mod trace;
mod variety;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use bugs::{REGRESSIONS, planted};
pub use coverage::Coverage;
pub use plan::Cuts;
pub use shrink::shrink;
pub use variety::Part;

use plan::Plan;

/// How the run of a seed went.
#[derive(Debug)]
pub struct Run {
    /// What must not have happened.
    pub violations: Vec<String>,
    /// What it came across.
    pub coverage: Coverage,
    /// The same for the same seed, in every process.
    pub hash: u64,
    /// The last events, if they were asked for.
    pub lines: Vec<String>,
}

/// Runs a seed, or what is left of its plan. So many of the last events are told.
#[must_use]
pub fn run(seed: u64, cuts: &Cuts, shown: usize) -> Run {
    let plan = Plan::draw(seed, cuts);
    // I10: a panic is a failure like another, to be shrunk and shown.
    let outcome = catch_unwind(AssertUnwindSafe(|| world::run(plan, shown)));
    match outcome {
        Ok(outcome) => Run {
            violations: outcome.violations,
            coverage: outcome.coverage,
            hash: outcome.hash,
            lines: outcome.lines,
        },
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
            let why = format!("I10: panicked: {}", text.unwrap_or_default());
            Run {
                violations: vec![why],
                coverage: Coverage { seeds: 1, ..Coverage::default() },
                hash: 0,
                lines: Vec::new(),
            }
        }
    }
}

/// The expanded options of a seed.
#[must_use]
pub fn describe(seed: u64, cuts: &Cuts) -> String {
    Plan::draw(seed, cuts).to_string()
}
