//! Plays a story of the simulation, as its seed draws it.
//!
//! ```text
//! cargo run -p surewire-sim -- --list
//! cargo run -p surewire-sim -- --scenario power-cut --seed 7 --trace
//! cargo run --release -p surewire-sim -- --scenario all --seeds 100 --seed 1
//! cargo run --release -p surewire-sim --features planted -- --planted all
//! ```
//!
//! * `--seeds K`: as many seeds, from `--seed N` (1) on, of one story or of `all`.
//! * `--trace`: what clients saw; without it, the last of that of a seed that fails (`--lines`, 60).
//! * `--clients N`: how many there are in `reconnect-storm`.
//! * `--planted all`: how soon each bug is found that can be planted in the server, which is to be
//!   within five minutes; `--planted NAME` plants one for all of the above. Only in a program built
//!   with `--features planted`.

#![expect(clippy::print_stdout, reason = "a command that prints what it finds")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use surewire_server::planted::{Bug, Planted};
use surewire_sim::scenarios::{Options, Run, SCENARIOS, Scenario, find, planted};

/// In which a planted bug is to be found.
const PATIENCE: Duration = Duration::from_secs(300);

fn main() -> ExitCode {
    if flag("--list") {
        SCENARIOS.iter().for_each(|scenario| println!("{:<16} {}", scenario.name, scenario.words));
        return ExitCode::SUCCESS;
    }
    match play() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            println!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all went well.
fn play() -> Result<bool, String> {
    let first = number("--seed").unwrap_or(1);
    let planted = match value("--planted").as_deref() {
        None => Planted::NONE,
        Some("all") => return find_planted(first),
        Some(name) => planted(name)?,
    };
    let scenarios = match value("--scenario").as_deref() {
        None => return Err("which story? `--scenario NAME`, `--scenario all`, or `--list`".into()),
        Some("all") => SCENARIOS.to_vec(),
        Some(name) => vec![find(name)?],
    };
    let shown = number("--lines").map_or(60, |lines| usize::try_from(lines).unwrap_or(usize::MAX));
    let lines = if flag("--trace") { usize::MAX } else { shown };
    let options = Options { clients: number("--clients"), lines, planted };
    let seeds = number("--seeds").unwrap_or(1);
    let mut is_well = true;
    for scenario in scenarios {
        is_well &= many(&scenario, first, seeds, &options);
    }
    Ok(is_well)
}

/// Plays a story as so many seeds draw it, until one fails.
fn many(scenario: &Scenario, first: u64, seeds: u64, options: &Options) -> bool {
    let (began, mut simulated) = (Instant::now(), Duration::ZERO);
    for seed in (0..seeds).map(|nth| first.wrapping_add(nth)) {
        let run = scenario.run(seed, options);
        simulated += run.simulated;
        if flag("--trace") || !run.violations.is_empty() {
            print!("{}", run.trace);
        }
        if seeds == 1 || !run.violations.is_empty() {
            tell(scenario, seed, &run);
        }
        if !run.violations.is_empty() {
            return false;
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{:<16} {seeds:>6} seeds in {seconds:7.1} s, {:8.0} s simulated",
        scenario.name,
        simulated.as_secs_f64()
    );
    true
}

fn tell(scenario: &Scenario, seed: u64, run: &Run) {
    let counts: Vec<_> = run.counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
    println!("{}", counts.join(", "));
    run.violations.iter().for_each(|violation| println!("VIOLATION {violation}"));
    println!("hash {:016x}", run.hash);
    let mut again = format!("surewire-sim --scenario {} --seed {seed}", scenario.name);
    for option in ["--clients", "--planted"] {
        if let Some(value) = value(option) {
            again += &format!(" {option} {value}");
        }
    }
    println!("again: {again}");
}

/// Plants one bug after the other and looks for each, in all stories, from the same seed on.
fn find_planted(first: u64) -> Result<bool, String> {
    let (mut missed, began) = (0, Instant::now());
    for bug in Bug::ALL {
        let options = Options { planted: planted(bug.name())?, ..Options::default() };
        let (began, mut runs) = (Instant::now(), 0);
        let mut plays = (0..).flat_map(|nth: u64| {
            SCENARIOS.iter().map(move |scenario| (scenario, first.wrapping_add(nth)))
        });
        let found = loop {
            let Some((scenario, seed)) = plays.next().filter(|_| began.elapsed() < PATIENCE) else {
                break None;
            };
            runs += 1;
            if let Some(violation) = scenario.run(seed, &options).violations.into_iter().next() {
                break Some((scenario.name, seed, violation));
            }
        };
        let (name, seconds) = (bug.name(), began.elapsed().as_secs_f64());
        match found {
            Some((scenario, seed, violation)) => println!(
                "{name:<26} {seconds:7.2} s  {runs:4} runs, {scenario} --seed {seed}\n    {}\n    \
                 {violation}",
                bug.words()
            ),
            None => {
                missed += 1;
                println!("{name:<26} {seconds:7.2} s  NOT FOUND\n    {}", bug.words());
            }
        }
    }
    let (all, seconds) = (Bug::ALL.len(), began.elapsed().as_secs_f64());
    println!("{} of {all} found, in {seconds:.1} s", all - missed);
    Ok(missed == 0)
}

fn flag(name: &str) -> bool {
    std::env::args().any(|argument| argument == name)
}

fn value(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}

fn number(name: &str) -> Option<u64> {
    value(name).and_then(|text| text.parse().ok())
}
