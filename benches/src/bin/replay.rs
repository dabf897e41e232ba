//! `replay`: does a client that subscribes to very many retained messages, and takes them slowly,
//! cost the broker memory, or anybody else time?
#![expect(clippy::print_stdout, reason = "the result on stdout is what the tool is for")]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use surewire_benches::broker::Software;
use surewire_benches::replay::{self, Outcome};

/// What the broker may grow by, in bytes.
const GROWTH: u64 = 1 << 20;
/// The longest step of the engine, in ns.
const STEP: u64 = 1_000_000;

/// Retains messages in Surewire and has one client of MQTT 5.0 subscribe to `#`.
#[derive(Debug, Parser)]
struct Flags {
    /// Where the program is [default: beside this one]
    #[arg(long)]
    program: Option<PathBuf>,
    /// Retained messages
    #[arg(long, default_value_t = 1_000_000)]
    messages: u64,
    /// The client's Receive Maximum
    #[arg(long, default_value_t = 20)]
    receive_maximum: u16,
    /// Exit with 1 when the broker grew by 1 MiB, or 1 in 100 of its steps took 1 ms
    #[arg(long)]
    assert: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    let program = flags.program.clone().unwrap_or_else(|| Software::Surewire.usual_path());
    match replay::measure(&program, flags.messages, flags.receive_maximum) {
        Ok(outcome) => {
            let json = || serde_json::json!(outcome).to_string();
            println!("{}", if flags.json { json() } else { outcome.to_string() });
            let kept = keeps_bars(&outcome);
            if kept || !flags.assert { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("replay: {error}");
            ExitCode::from(2)
        }
    }
}

fn keeps_bars(outcome: &Outcome) -> bool {
    let mut kept = true;
    let mut bar = |keeps: bool, what: &str| {
        if !keeps {
            eprintln!("replay: MISSED: {what}");
        }
        kept &= keeps;
    };
    bar(outcome.grown_bytes() < GROWTH, "grows by less than 1 MiB");
    // The longest of all is the machine's: a step that is interrupted takes as long as that takes.
    bar(outcome.chores.p99 <= STEP, "no step of the replay takes 1 ms");
    bar(outcome.steps.p99 <= STEP, "no step takes 1 ms");
    kept
}
