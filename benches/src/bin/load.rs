//! `load`: the load generator.
#![expect(clippy::print_stdout, reason = "the result on stdout is what the tool is for")]

use std::process::ExitCode;

use clap::Parser;
use surewire_load::cli::{self, EXIT_NOT_CLEAN, EXIT_NOT_MEASURED};

/// Puts load on a broker, checks that each message arrives once and in order, and says how fast
/// that was and what it cost.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  load fanin --clients 100 --pid $(pidof mosquitto)
  load pairs --qos 1 --messages 200000 --json
  load fanout --clients 500 --rate 100 --seconds 5     (open loop: prints latencies)
  load wildcard --filler-subscriptions 1000000 --pid $(pidof surewire)
  load retained --messages 100000 --pid $(pidof surewire)

`load SCENARIO --help` tells the flags of a scenario.")]
struct Flags {
    #[command(flatten)]
    args: cli::Args,
}

fn main() -> ExitCode {
    match cli::run(&Flags::parse().args) {
        Ok(report) => {
            println!("{report}");
            if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_NOT_CLEAN) }
        }
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::from(EXIT_NOT_MEASURED)
        }
    }
}
