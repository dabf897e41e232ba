//! `compare`: brokers side by side.
#![expect(clippy::print_stdout, reason = "the result on stdout is what the tool is for")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use surewire_benches::broker::Software;
use surewire_benches::compare::contender::{Contender, External};
use surewire_benches::compare::rows::{self, Row};
use surewire_benches::compare::{self, Plan, table};
use surewire_load::{Error, machine};

/// Sends the same loads through several brokers in turn and prints how many messages each
/// delivers per second of its CPU time. Without further flags: Surewire and mosquitto.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  compare                                        (9 rows, 5 rounds: about 4 minutes)
  compare --rows fanin0,deep0 --runs 3
  compare --brokers surewire,mosquitto,relay     (the relay is the floor: no MQTT at all)
  compare --brokers surewire --broker other=127.0.0.1:1884,$(pidof other)")]
struct Flags {
    /// Brokers to start, any of surewire, mosquitto, relay; ratios are those of the first
    #[arg(long, value_enum, value_delimiter = ',', default_value = "surewire,mosquitto")]
    brokers: Vec<Software>,
    /// A broker that runs already, as NAME=ADDR:PORT,PID; may be repeated
    #[arg(long, value_name = "NAME=ADDR:PORT,PID")]
    broker: Vec<External>,
    /// Where Surewire's program is [default: beside this one]
    #[arg(long)]
    surewire: Option<PathBuf>,
    /// Where mosquitto's program is [default: where Debian puts it]
    #[arg(long)]
    mosquitto: Option<PathBuf>,
    /// Rows to run; `--list` tells all
    #[arg(long, value_delimiter = ',', default_values_t = rows::USUAL.map(String::from))]
    rows: Vec<String>,
    /// Print the names of all rows and stop
    #[arg(long)]
    list: bool,
    /// Rounds, in each of which every broker runs once
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Seconds that a run publishes
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Do not bind the broker to core 0 and the generator to core 1
    #[arg(long)]
    unpinned: bool,
    /// Exit with 1 when the first broker's ratio to another is below this in any row, or when it
    /// lost, doubled or reordered a message
    #[arg(long, value_name = "RATIO")]
    at_least: Option<f64>,
    /// Print JSON: an object a run, then the table as an array
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    match run(&Flags::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether the ratio asked for is reached, or nobody asked.
fn run(flags: &Flags) -> Result<bool, Error> {
    if flags.list {
        rows::all(Duration::ZERO).iter().for_each(|row| println!("{:<9} {}", row.name, row.about));
        return Ok(true);
    }
    machine::raise_open_files()?;
    let plan = Plan {
        contenders: contenders(flags),
        rows: chosen_rows(flags)?,
        rounds: flags.runs,
        pinned: !flags.unpinned,
    };
    let samples = compare::run(&plan, |sample| report(flags, &plan, sample))?;
    if flags.json {
        println!("{}", table::json(&plan, &samples));
    } else {
        print!("{}", table::text(&plan, &samples));
    }
    Ok(flags.at_least.is_none_or(|bar| table::reaches(bar, &plan, &samples)))
}

fn contenders(flags: &Flags) -> Vec<Contender> {
    let started = flags.brokers.iter().map(|&software| {
        let named = match software {
            Software::Surewire => flags.surewire.clone(),
            Software::Mosquitto => flags.mosquitto.clone(),
            Software::Relay => None,
        };
        Contender::Started { software, program: named.unwrap_or_else(|| software.usual_path()) }
    });
    started.chain(flags.broker.iter().cloned().map(Contender::External)).collect()
}

fn chosen_rows(flags: &Flags) -> Result<Vec<Row>, Error> {
    let time = Duration::try_from_secs_f64(flags.seconds)
        .map_err(|_| Error::Usage(format!("--seconds {}: above 0, like 2", flags.seconds)))?;
    let all = rows::all(time);
    let find = |name: &String| all.iter().find(|row| row.name == *name).copied();
    let unknown = |name| Error::Usage(format!("--rows {name}: no such row; see --list"));
    flags.rows.iter().map(|name| find(name).ok_or_else(|| unknown(name))).collect()
}

/// One line as each run ends: in JSON for programs, otherwise to show that something happens.
fn report(flags: &Flags, plan: &Plan, sample: &compare::Sample) {
    let row = plan.rows.get(sample.row).map_or("", |row| row.name);
    let broker = plan.contenders.get(sample.contender).map_or("", |it| it.name());
    if flags.json {
        let outcome = sample.outcome.to_json();
        let round = sample.round;
        let line =
            serde_json::json!({ "row": row, "broker": broker, "round": round, "outcome": outcome });
        println!("{line}");
        return;
    }
    let cost = sample.outcome.messages_per_cpu_second().map_or(0.0, |rate| 1e6 / rate);
    eprintln!(
        "{row:<9} {broker:<10} run {}: {:>9.0} messages/s, {cost:.2} CPU s per million",
        sample.round + 1,
        sample.outcome.messages_per_second(),
    );
}
