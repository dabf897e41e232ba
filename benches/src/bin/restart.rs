//! `restart`: how long does a broker with very many sessions take to be back, and does anybody
//! notice that it cleans its log?
#![expect(clippy::print_stdout, reason = "the result on stdout is what the tool is for")]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use surewire_benches::broker::Software;
use surewire_benches::restart::{self, Outcome};
use surewire_load::Error;

/// The longest that a restart may take, in s.
const RESTART: f64 = 60.0;
/// The longest step of the engine while the log is cleaned, in ns.
const STEP: u64 = 5_000_000;

/// Fills a data directory with sessions and subscriptions, starts Surewire on it, lets one client
/// come back, and waits until the log is cleaned once.
#[derive(Debug, Parser)]
#[command(after_help = "`fill` of surewire-sim makes the directory: build it beside this program.")]
struct Flags {
    /// Where the program is [default: beside this one]
    #[arg(long)]
    program: Option<PathBuf>,
    /// Where to make the data directory: chooses the disk [default: where temporary files are]
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Sessions
    #[arg(long, default_value_t = 1_000_000)]
    sessions: u32,
    /// Subscriptions of each session
    #[arg(long, default_value_t = 10)]
    subscriptions: u32,
    /// Exit with 1 when the restart took 60 s or a step of cleaning more than 5 ms
    #[arg(long)]
    assert: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    match measure(&flags) {
        Ok(outcome) => {
            let json = || serde_json::json!(outcome).to_string();
            println!("{}", if flags.json { json() } else { outcome.to_string() });
            let kept = keeps_bars(&flags, &outcome);
            if kept || !flags.assert { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("restart: {error}");
            ExitCode::from(2)
        }
    }
}

fn measure(flags: &Flags) -> Result<Outcome, Error> {
    let program = flags.program.clone().unwrap_or_else(|| Software::Surewire.usual_path());
    let fill = Software::Surewire.usual_path().with_file_name("fill");
    let folder = flags.folder.as_ref().map_or_else(tempfile::tempdir, tempfile::tempdir_in);
    let folder = folder.map_err(Error::system("make a folder for the data"))?;
    let directory = folder.path().join("data");
    restart::fill(&fill, &directory, flags.sessions, flags.subscriptions)?;
    restart::restart(&program, &directory)
}

fn keeps_bars(flags: &Flags, outcome: &Outcome) -> bool {
    let mut kept = true;
    let mut bar = |keeps: bool, what: &str| {
        if !keeps {
            eprintln!("restart: MISSED: {what}");
        }
        kept &= keeps;
    };
    let subscriptions = f64::from(flags.sessions) * f64::from(flags.subscriptions);
    bar(outcome.sessions >= f64::from(flags.sessions), "every session is there again");
    bar(outcome.subscriptions >= subscriptions, "every subscription is there again");
    bar(outcome.seconds < RESTART, "back in under 60 s");
    bar(outcome.steps.max <= STEP, "no step of cleaning above 5 ms");
    kept
}
