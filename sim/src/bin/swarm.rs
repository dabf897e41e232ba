//! Thousands of small worlds in which everything goes wrong, and judges who know what was promised.
//!
//! ```text
//! cargo run --release -p surewire-sim --bin swarm -- --minutes 3 --first 1
//! ```
//!
//! * `--seeds N` or `--minutes M`, from `--first K`: the regressions by name, then one seed after
//!   the other, until one fails.
//! * `--seed N [--faults 0,2] [--acts 40] [--without operator,hostile]`: one seed, or what is left of
//!   it, with its last 200 events (`--lines` more).
//! * `--planted all`: how soon each bug is found that can be planted in the engine, which is to be
//!   within five minutes; `--planted NAME` plants one for all of the above. Only in a program built
//!   with `--features planted`.

#![expect(clippy::print_stdout, reason = "a command that prints what it finds")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use surewire_engine::planted::{Bug, Planted};
use surewire_sim::swarm::{Coverage, Cuts, Part, REGRESSIONS, describe, planted, run, shrink};

/// In which a planted bug is to be found.
const PATIENCE: Duration = Duration::from_secs(300);

fn main() -> ExitCode {
    // A panic is reported with its seed.
    std::panic::set_hook(Box::new(|_| {}));
    let first = number("--first").unwrap_or(1);
    let planted = match value("--planted").as_deref() {
        None => Ok(Planted::NONE),
        Some("all") => return find_planted(first),
        Some(name) => planted(name),
    };
    let planted = match planted {
        Ok(planted) => planted,
        Err(why) => return fail(&why),
    };
    if let Some(seed) = number("--seed") {
        let faults = value("--faults").map(|list| places(&list));
        let without = value("--without").map(|list| parts(&list)).unwrap_or_default();
        return one(seed, &Cuts { faults, acts: number("--acts"), without, planted });
    }
    let until = number("--minutes").map(|minutes| Duration::from_secs(minutes * 60));
    many(first, number("--seeds"), until, planted)
}

fn many(first: u64, seeds: Option<u64>, until: Option<Duration>, planted: Planted) -> ExitCode {
    let seeds = seeds.unwrap_or(if until.is_some() { u64::MAX } else { 1_000 });
    let (mut coverage, began) = (Coverage::default(), Instant::now());
    let cuts = Cuts { planted, ..Cuts::default() };
    let fresh = (0..seeds).map(|nth| (first.wrapping_add(nth), "fresh"));
    for (seed, name) in REGRESSIONS.iter().copied().chain(fresh) {
        if until.is_some_and(|until| began.elapsed() > until) {
            break;
        }
        let found = run(seed, &cuts, 0);
        coverage += found.coverage;
        if !found.violations.is_empty() {
            println!(
                "seed {seed} ({name}) fails, the {}. in {:?}",
                coverage.seeds,
                began.elapsed()
            );
            return one(seed, &shrink(seed, planted));
        }
    }
    println!("{} seeds in {:.1} s:", coverage.seeds, began.elapsed().as_secs_f64());
    print!("{coverage}");
    let below = coverage.below_floor(coverage.seeds);
    below.iter().for_each(|what| println!("too seldom: {what}"));
    if below.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs a seed and shows all there is to see.
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
    if !cuts.without.is_empty() {
        let parts: Vec<&str> = cuts.without.iter().map(|part| part.name()).collect();
        again += &format!(" --without {}", parts.join(","));
    }
    if let Some(name) = value("--planted") {
        again += &format!(" --planted {name}");
    }
    println!("again: {again}");
    if found.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Plants one bug after the other and looks for each, from the same seed on.
fn find_planted(first: u64) -> ExitCode {
    let (mut missed, began) = (0, Instant::now());
    for bug in Bug::ALL {
        let planted = match planted(bug.name()) {
            Ok(planted) => planted,
            Err(why) => return fail(&why),
        };
        let (cuts, began) = (Cuts { planted, ..Cuts::default() }, Instant::now());
        let mut seeds = (0..).take_while(|_| began.elapsed() < PATIENCE);
        let found = seeds.find_map(|nth| {
            let seed = first.wrapping_add(nth);
            let violation = run(seed, &cuts, 0).violations.into_iter().next()?;
            Some((seed, nth + 1, violation))
        });
        let (name, seconds) = (bug.name(), began.elapsed().as_secs_f64());
        match found {
            Some((seed, seeds, violation)) => println!(
                "{name:<26} {seconds:7.2} s  {seeds:6} seeds, seed {seed}\n    {}\n    {violation}",
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
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn fail(why: &str) -> ExitCode {
    println!("{why}");
    ExitCode::FAILURE
}

fn places(list: &str) -> Vec<usize> {
    list.split(',').filter_map(|place| place.trim().parse().ok()).collect()
}

fn parts(list: &str) -> Vec<Part> {
    let of = |name: &str| Part::ALL.iter().copied().find(|part| part.name() == name.trim());
    list.split(',').filter_map(of).collect()
}

fn value(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}

fn number(name: &str) -> Option<u64> {
    value(name).and_then(|text| text.parse().ok())
}
