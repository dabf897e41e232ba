//! Thousands of small worlds in which everything goes wrong, and judges who know what was promised.
//!
//! `cargo run --release -p surewire-sim --bin swarm -- --seeds 1000 --first 1`, or `--minutes 3`;
//! `--seed N [--faults 0,2] [--acts 40]` runs one seed and prints its last 200 events
//! (`--lines` more).

#![expect(clippy::print_stdout, reason = "a command that prints what it finds")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use surewire_sim::swarm::{Coverage, Cuts, describe, run, shrink};

fn main() -> ExitCode {
    // A panic is reported with its seed.
    std::panic::set_hook(Box::new(|_| {}));
    if let Some(seed) = number("--seed") {
        let faults = value("--faults").map(|list| places(&list));
        return one(seed, &Cuts { faults, acts: number("--acts") });
    }
    let first = number("--first").unwrap_or(1);
    let until = number("--minutes").map(|minutes| Duration::from_secs(minutes * 60));
    many(first, number("--seeds"), until)
}

fn many(first: u64, seeds: Option<u64>, until: Option<Duration>) -> ExitCode {
    let seeds = seeds.unwrap_or(if until.is_some() { u64::MAX } else { 1_000 });
    let (mut coverage, began) = (Coverage::default(), Instant::now());
    while coverage.seeds < seeds && until.is_none_or(|until| began.elapsed() < until) {
        let seed = first.wrapping_add(coverage.seeds);
        let found = run(seed, &Cuts::default(), 0);
        coverage += found.coverage;
        if !found.violations.is_empty() {
            println!("seed {seed} fails after {} seeds, {:?}", coverage.seeds, began.elapsed());
            return one(seed, &shrink(seed));
        }
    }
    println!("{} seeds in {:.1} s:", coverage.seeds, began.elapsed().as_secs_f64());
    print!("{coverage}");
    let below = coverage.below_floor(coverage.seeds);
    below.iter().for_each(|what| println!("too seldom: {what}"));
    if below.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs one seed and shows all there is to see.
fn one(seed: u64, cuts: &Cuts) -> ExitCode {
    let shown = number("--lines").unwrap_or(200);
    let found = run(seed, cuts, usize::try_from(shown).unwrap_or(usize::MAX));
    print!("{}", describe(seed, cuts));
    found.lines.iter().for_each(|line| println!("{line}"));
    found.violations.iter().take(20).for_each(|violation| println!("VIOLATION {violation}"));
    println!("hash {:016x}", found.hash);
    let mut again = format!("swarm --seed {seed}");
    if let Some(faults) = &cuts.faults {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        again += &format!(" --faults {}", faults.join(","));
    }
    if let Some(acts) = cuts.acts {
        again += &format!(" --acts {acts}");
    }
    println!("again: {again}");
    if found.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn places(list: &str) -> Vec<usize> {
    list.split(',').filter_map(|place| place.trim().parse().ok()).collect()
}

fn value(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}

fn number(name: &str) -> Option<u64> {
    value(name).and_then(|text| text.parse().ok())
}
