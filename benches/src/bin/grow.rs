//! `grow`: how does what a broker costs grow with what it holds or carries?
#![expect(clippy::print_stdout, reason = "the result on stdout is what the tool is for")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use surewire_benches::compare::contender::Choice;
use surewire_benches::compare::programs::Programs;
use surewire_benches::grow::{self, Curve, Plan, curves, output};
use surewire_benches::report::facts::Facts;
use surewire_load::{Error, machine};

/// Measures curves: what a broker costs while something grows, step by step. Writes a picture of
/// every figure, the figures as CSV and JSON, and a page (index.html) with all of it.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  grow                                      (Surewire, all curves, 3 rounds: about 12 minutes)
  grow --quick --folder /tmp/try            (a smoke run: about 10 seconds)
  grow --brokers surewire,mosquitto --curves connections
The time grows with brokers and rounds. A load that stalls is given up after 10 seconds.")]
struct Flags {
    /// Brokers to start, any of surewire, mosquitto, rumqttd, nats, relay. surewire:2 is Surewire
    /// with 2 worker threads
    #[arg(long, value_name = "NAME[:WORKERS]", value_delimiter = ',', default_value = "surewire")]
    brokers: Vec<Choice>,
    #[command(flatten)]
    programs: Programs,
    /// Curves to measure; `--list` tells all [default: all]
    #[arg(long, value_delimiter = ',')]
    curves: Vec<String>,
    /// Print the names of all curves and stop
    #[arg(long)]
    list: bool,
    /// Where to write; made if it is not there, and files of an earlier run are replaced
    #[arg(long, default_value = "grow")]
    folder: PathBuf,
    /// Measurements of each step
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..), default_value_t = 3)]
    runs: u32,
    /// Seconds that a load publishes
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Few and small steps, once, for 0.3 seconds each
    #[arg(long, conflicts_with_all = ["runs", "seconds"])]
    quick: bool,
    /// Do not bind the broker to core 0 and the generator to core 1
    #[arg(long)]
    unpinned: bool,
}

fn main() -> ExitCode {
    match run(&Flags::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("grow: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(flags: &Flags) -> Result<(), Error> {
    if flags.list {
        curves::all().iter().for_each(|curve| println!("{:<13} {}", curve.name, curve.about));
        return Ok(());
    }
    machine::raise_open_files()?;
    let facts = Facts::gather();
    let (runs, seconds) = if flags.quick { (1, 0.3) } else { (flags.runs, flags.seconds) };
    let plan = Plan {
        contenders: flags.brokers.iter().map(|it| flags.programs.contender(*it)).collect(),
        curves: chosen_curves(flags)?,
        rounds: runs,
        time: Duration::try_from_secs_f64(seconds)
            .map_err(|_| Error::Usage(format!("--seconds {seconds}: above 0, like 2")))?,
        quick: flags.quick,
        pinned: !flags.unpinned,
    };
    let points = grow::run(&plan, |point| {
        if let Some(curve) = plan.curves.iter().find(|curve| curve.name == point.curve) {
            println!("{}", output::summary(curve, point));
        }
    })?;
    for fitted in output::fitted(&plan, &points) {
        println!("{}: {} {}: {}", fitted.curve, fitted.broker, fitted.figure, fitted.told);
    }
    output::write(&flags.folder, &plan, &points, &facts)?;
    println!("written: {}", flags.folder.join("index.html").display());
    Ok(())
}

fn chosen_curves(flags: &Flags) -> Result<Vec<Curve>, Error> {
    let all = curves::all();
    if flags.curves.is_empty() {
        return Ok(all);
    }
    let find = |name: &String| all.iter().find(|curve| curve.name == *name).cloned();
    let unknown = |name| Error::Usage(format!("--curves {name}: no such curve; see --list"));
    flags.curves.iter().map(|name| find(name).ok_or_else(|| unknown(name))).collect()
}
