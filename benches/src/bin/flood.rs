//! `flood`: what hostile clients can do to a broker with a memory limit, and to its other clients.
#![expect(clippy::print_stdout, reason = "the result on stdout is what the tool is for")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use surewire_benches::broker::Software;
use surewire_benches::flood::{self, Bars, Plan, Row, Scenario};
use surewire_load::{Error, machine};

/// Starts two brokers with a memory limit and floods first the one that a hundred well-behaved clients
/// do not talk to, then the one that they do. Prints the highest resident memory, and the delays of the
/// clients both ways.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  flood --all --scale 0.1 --assert       (three minutes)
  flood --all --seconds 20 --assert      (full size)
  flood --scenario wills,retained")]
struct Flags {
    /// The floods to run
    #[arg(long, value_enum, value_delimiter = ',', required_unless_present = "all")]
    scenario: Vec<Scenario>,
    /// Run all of them
    #[arg(long, conflicts_with = "scenario")]
    all: bool,
    /// Size of the floods and of the memory limit: 1 is full size
    #[arg(long, default_value_t = 1.0, value_parser = scale)]
    scale: f64,
    /// Seconds that the clients talk, each way
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// The broker's program [default: beside this one]
    #[arg(long)]
    program: Option<PathBuf>,
    /// The most resident memory, as a share of the limit
    #[arg(long, default_value_t = 1.1)]
    memory_bar: f64,
    /// The longest p99 of the clients, as a multiple of theirs while the flood goes elsewhere
    #[arg(long, default_value_t = 2.0)]
    p99_bar: f64,
    /// How often a flood is tried while nothing but its p99 misses a bar
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    tries: u32,
    /// Exit with 1 when a bar is missed
    #[arg(long)]
    assert: bool,
    /// Let the system choose the cores; otherwise both brokers share one, the clients and the flood
    /// another
    #[arg(long)]
    unpinned: bool,
    /// Tell how long the flooded broker's steps took
    #[arg(long)]
    histograms: bool,
    /// Print one JSON object a flood
    #[arg(long)]
    json: bool,
}

fn scale(text: &str) -> Result<f64, String> {
    let wanted = |scale: &f64| *scale > 0.0 && *scale <= 1.0;
    text.parse().ok().filter(wanted).ok_or_else(|| "above 0 and up to 1".into())
}

fn main() -> ExitCode {
    match run(&Flags::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("flood: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether all bars are kept, or nobody asked.
fn run(flags: &Flags) -> Result<bool, Error> {
    machine::raise_open_files()?;
    let chosen = if flags.all { Scenario::value_variants() } else { &flags.scenario };
    let mut kept = true;
    for scenario in chosen {
        kept &= is_kept(flags, *scenario)?;
    }
    Ok(kept || !flags.assert)
}

/// Runs one flood, and again while only the bar about delays is missed: noisy neighbours do that as
/// well. All others are missed by what the broker did.
fn is_kept(flags: &Flags, scenario: Scenario) -> Result<bool, Error> {
    let program = flags.program.clone().unwrap_or_else(|| Software::Surewire.usual_path());
    let (scale, time) = (flags.scale, Duration::from_secs(flags.seconds));
    let (histograms, pinned) = (flags.histograms, !flags.unpinned);
    let plan = Plan { program: &program, scenario, scale, time, pinned, histograms };
    let bars = Bars { memory: flags.memory_bar, p99: flags.p99_bar };
    let tries = if flags.assert { flags.tries } else { 1 };
    for _ in 0..tries {
        let row = flood::run(&plan)?;
        print(flags, &row);
        let breaches = row.breaches(&bars);
        for breach in &breaches {
            println!("    {breach}");
        }
        let whatever_delays = Bars { p99: f64::INFINITY, ..bars };
        if breaches.is_empty() || !row.breaches(&whatever_delays).is_empty() {
            return Ok(breaches.is_empty());
        }
    }
    Ok(false)
}

fn print(flags: &Flags, row: &Row) {
    if flags.json {
        println!("{}", serde_json::json!(row));
    } else {
        println!("{row}");
        row.histograms.iter().for_each(|line| println!("    {line}"));
    }
}
