//! `surewire sim`: a user's own fleet on this broker, in virtual time.
//!
//! `plan` is what a plan may say, `fleet` turns it into what `surewire-fleet` runs; `text`, `curves`
//! and `json` show what comes out.

mod curves;
mod failure;
mod fleet;
mod json;
mod placed;
mod plan;
mod text;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use surewire_fleet::{Plan, run as simulate};

use failure::Failure;
use fleet::Given;

const NOTES: &str = "\
A plan is a YAML file. This one is complete; docs/simulate.md describes all keys:

  length: 24h
  broker:
    config: {max_msgqueue_messages: 100}      # keys of config.yaml
  links:
    - {name: lte, latency: 60ms, jitter: 40ms, dropout_every: 2h, dropout_lasts: 30s}
  groups:
    - name: sensors
      clients: 1000
      link: lte
      publish:
        - {topic: 'data/{client}', every: 60s, payload: 120B, qos: 1}
    - name: dashboard
      clients: 1
      subscribe:
        - {filter: data/#, qos: 1}
  outages:
    - {broker: crash, at: 12h, lasts: 30s}

Examples:
  surewire sim plan.yaml
  surewire sim plan.yaml --seed 7 --hours 72
  surewire sim plan.yaml --json > report.json

Logic and limits are exact: what runs is the shipped broker. CPU time is not modelled, so delays are
those of links, disk and outages; for what the processor can do see `surewire bench`.

Exit codes: 0 the report is printed; 1 the broker failed, which is a bug; 2 the plan is wrong.";

/// Run a fleet of clients against this broker in virtual time, and tell what becomes of messages.
///
/// Tells what was delivered, what was dropped and why, delays, reconnects, queues and memory. The
/// same plan and seed give the same output, byte for byte.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = NOTES)]
pub struct Args {
    /// The plan, a YAML file.
    plan: PathBuf,
    /// What draws everything that the plan leaves open.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// How long the run lasts, in hours of virtual time; without it, `length` of the plan.
    #[arg(long, value_name = "HOURS", value_parser = hours)]
    hours: Option<Duration>,
    /// Print the report as JSON, for machines: with 240 points of every curve.
    #[arg(long)]
    json: bool,
}

/// Hours with decimals, from a second to a year.
fn hours(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().map(|hours| hours * 3_600.0);
    let range = 1.0..=366.0 * 86_400.0;
    match seconds {
        Ok(seconds) if range.contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        Ok(_) | Err(_) => Err("expected a number of hours such as 24 or 0.5, at most 8784".into()),
    }
}

/// Runs the command.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    match report(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn report(args: &Args) -> Result<(), Failure> {
    let plan = fleet::load(&args.plan, Given { seed: args.seed, length: args.hours })?;
    let report = simulate(&plan, progress())?;
    let name = args.plan.display().to_string();
    let text = if args.json {
        format!("{:#}\n", json::report(&name, &plan, &report))
    } else {
        text::report(&name, &plan, &report)
    };
    print(&text)
}

/// Shows on a terminal how far it is. The output itself is the same with and without one.
fn progress() -> impl FnMut(u64) {
    let is_shown = io::stderr().is_terminal();
    move |thousandths| {
        if is_shown && thousandths.is_multiple_of(10) {
            let end = if thousandths >= 990 { "\r\x1b[K" } else { "" };
            // Where it cannot be written, nobody misses it.
            let _ = write!(io::stderr(), "\r{} % simulated{end}", thousandths / 10);
            let _ = io::stderr().flush();
        }
    }
}

/// Whoever stopped reading has enough.
fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Stdout(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Clients of all groups.
fn clients(plan: &Plan) -> u64 {
    plan.groups.iter().map(|group| u64::from(group.clients)).sum()
}
