//! `pages`: how long do the management interface's lists hold the engine's lock?
#![expect(clippy::print_stdout, reason = "the result on stdout is what the tool is for")]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use surewire_benches::broker::{Broker, Software};
use surewire_benches::pages::{self, Outcome, Plan};
use surewire_load::transport::Transport;
use surewire_load::{Error, machine};

/// The longest that a step for a page of 20 may hold the lock, in ns.
const SMALL_BAR: u64 = 200_000;
/// The same for a page of 10,000, which is made in steps.
const LARGE_BAR: u64 = 2_000_000;

/// Fills Surewire with sessions and subscriptions, asks for pages of all lists, and prints how
/// long each step of these requests held the engine's lock.
#[derive(Debug, Parser)]
struct Flags {
    /// Where the program is [default: beside this one]
    #[arg(long)]
    program: Option<PathBuf>,
    /// Sessions
    #[arg(long, default_value_t = 100_000)]
    sessions: u32,
    /// Subscriptions of each session
    #[arg(long, default_value_t = 10)]
    subscriptions: u32,
    /// Clients that stay connected
    #[arg(long, default_value_t = 1_000)]
    connected: u32,
    /// Pages of 20 asked for, of each list
    #[arg(long, default_value_t = 1_000)]
    small: u32,
    /// Pages of 10,000 asked for, of each list
    #[arg(long, default_value_t = 25)]
    large: u32,
    /// Exit with 1 when 99 % of the steps do not keep the bars (0.2 ms, 2 ms)
    #[arg(long)]
    assert: bool,
    /// Print one JSON object a phase
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    match measure(&Flags::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("pages: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether the bars are kept, or nobody asked.
fn measure(flags: &Flags) -> Result<bool, Error> {
    machine::raise_open_files()?;
    let program = flags.program.clone().unwrap_or_else(|| Software::Surewire.usual_path());
    let start = || Broker::start(Software::Surewire, &program, Transport::Tcp, None);
    let broker = machine::on_core(0, 1, start)?;
    let plan = Plan {
        sessions: flags.sessions,
        subscriptions_each: flags.subscriptions,
        connected: flags.connected,
        small_pages: flags.small,
        large_pages: flags.large,
    };
    let mut kept = true;
    for outcome in pages::run(&broker, &plan)? {
        let json = || serde_json::json!(outcome).to_string();
        println!("{}", if flags.json { json() } else { outcome.to_string() });
        kept &= keeps_bar(&outcome);
    }
    Ok(kept || !flags.assert)
}

fn keeps_bar(outcome: &Outcome) -> bool {
    outcome.held.p99 <= if outcome.page <= 20 { SMALL_BAR } else { LARGE_BAR }
}
