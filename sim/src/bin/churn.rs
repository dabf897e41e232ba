//! What does the log write, and what does it take, for what lives?
//!
//! ```text
//! cargo run --release -p surewire-sim --bin churn -- --assert
//! ```
//!
//! An hour of each scenario in virtual time; the same figures in each run.
//!
//! * `--seconds N`: so long instead of an hour.
//! * `--segment-mib N`: bytes of a file of the log instead of 16 MiB, and of what lives, in
//!   proportion.
//! * `--only NAME`: one scenario: queue, cold or flood.
//! * `--assert`: exit with 1 when a bar is missed: written at most 1.5 times the records of queues
//!   that come and go, 2.5 times where most of what lives is cold; on the disk at most three times
//!   what lives and four segments.

#![expect(clippy::print_stdout, reason = "a command that prints what it finds")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use surewire_sim::churn::{Plan, run};

/// A scenario, with the most that may be written for a byte of a record.
struct Scenario {
    name: &'static str,
    plan: Plan,
    bar: f64,
}

fn main() -> ExitCode {
    let time = Duration::from_secs(number("--seconds").unwrap_or(3_600));
    let segment_mib = number("--segment-mib").unwrap_or(16);
    let only = value("--only");
    let mut kept = true;
    for scenario in scenarios(time, segment_mib) {
        let Scenario { name, plan, bar } = scenario;
        if only.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        let began = Instant::now();
        let figures = run(&plan);
        println!("{name:<6} {figures}  ({:.1} s)", began.elapsed().as_secs_f64());
        if figures.amplification() > bar {
            kept = false;
            println!("{name}: MISSED: {bar} x written at most");
        }
        if figures.disk_bytes > figures.allowed_bytes() {
            kept = false;
            println!(
                "{name}: MISSED: three times what lives and four segments on the disk at most"
            );
        }
    }
    let asserts = std::env::args().any(|argument| argument == "--assert");
    if kept || !asserts { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn scenarios(time: Duration, segment_mib: u64) -> [Scenario; 3] {
    let scale = |count: u32| u32::try_from(u64::from(count) * segment_mib / 16).unwrap_or(count);
    let queue = Plan {
        retained: 0,
        idle_sessions: 0,
        backlog: 0,
        pairs: 100,
        rate: scale(2_000).max(100),
        payload: 100,
        time,
        segment_len: segment_mib << 20,
        sync: Duration::from_millis(2),
        bytes_per_ms: 200_000,
    };
    let cold =
        Plan { retained: scale(500_000), idle_sessions: scale(20_000), backlog: 20, ..queue };
    // As much as the disk takes, for a tenth of the time.
    let flood = Plan { rate: scale(100_000), time: time / 10, ..cold };
    [
        Scenario { name: "queue", plan: queue, bar: 1.5 },
        Scenario { name: "cold", plan: cold, bar: 2.5 },
        Scenario { name: "flood", plan: flood, bar: 2.5 },
    ]
}

fn number(name: &str) -> Option<u64> {
    value(name)?.parse().ok()
}

fn value(name: &str) -> Option<String> {
    let mut arguments = std::env::args();
    arguments.by_ref().find(|argument| argument == name)?;
    arguments.next()
}
