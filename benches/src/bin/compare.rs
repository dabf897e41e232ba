//! `compare`: brokers side by side.
#![expect(clippy::print_stdout, reason = "the result on stdout is what the tool is for")]

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use surewire_benches::compare::bars::{Bar, Verdict};
use surewire_benches::compare::contender::{Choice, Contender, External};
use surewire_benches::compare::figures::Figures;
use surewire_benches::compare::programs::Programs;
use surewire_benches::compare::rows::{self, Row};
use surewire_benches::compare::scenarios::{self, Reading, Scenario};
use surewire_benches::compare::{self, Plan, page, table};
use surewire_benches::report::facts::Facts;
use surewire_benches::report::number::three_digits;
use surewire_load::{Error, machine};

/// Sends the same loads through several brokers in turn and prints how many messages each
/// delivers per second of its CPU time. Without further flags: Surewire and mosquitto.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  compare                                        (9 rows, 5 rounds: about 4 minutes)
  compare --rows fanin0,deep0 --runs 3
  compare --brokers surewire,mosquitto,rumqttd,nats,relay --html report.html
  compare --brokers surewire,relay --rows fanin0 --bar fanin0=1.3
                                                 (the relay is the floor: no MQTT at all)
  compare --brokers surewire:1,surewire:2 --unpinned --rows pairs0,paced10k,paced100k
                                                 (one worker and two, in turn)
  compare --rows retained,queue,churn,connect,under1M
  compare --brokers surewire --broker other=127.0.0.1:1884,$(pidof other)")]
struct Flags {
    /// Brokers to start, any of surewire, mosquitto, rumqttd, nats, relay; ratios are those of the
    /// first. surewire:2 is Surewire with 2 worker threads
    #[arg(
        long,
        value_name = "NAME[:WORKERS]",
        value_delimiter = ',',
        default_value = "surewire,mosquitto"
    )]
    brokers: Vec<Choice>,
    /// A broker that runs already, as NAME=ADDR:PORT,PID; may be repeated
    #[arg(long, value_name = "NAME=ADDR:PORT,PID")]
    broker: Vec<External>,
    #[command(flatten)]
    programs: Programs,
    /// Rows to run; `--list` tells all
    #[arg(long, value_delimiter = ',', default_values_t = rows::USUAL.map(String::from))]
    rows: Vec<String>,
    /// Print the names of all rows and stop
    #[arg(long)]
    list: bool,
    /// Rounds, in each of which every broker runs once
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Seconds that a run publishes; below 2, scenarios do less
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Do not bind the broker to core 0 and the generator to core 1
    #[arg(long)]
    unpinned: bool,
    /// Exit with 1 when the first broker's ratio to another is below this in any row, or when it
    /// lost, doubled or reordered a message
    #[arg(long, value_name = "RATIO")]
    at_least: Option<f64>,
    /// Exit with 1 when a message costs the first broker more than RATIO times the CPU time of the
    /// relay in this row, or has no figure there; may be repeated
    #[arg(long, value_name = "ROW=RATIO")]
    bar: Vec<Bar>,
    /// Write a page with tables and plots, which needs no other file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
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

/// Whether the ratios asked for are reached, or nobody asked.
fn run(flags: &Flags) -> Result<bool, Error> {
    if flags.list {
        let all = rows::all(Duration::ZERO).into_iter().map(|row| (row.name, row.about));
        let all = all.chain(scenarios::ALL.map(|it| (it.name, it.about)));
        all.for_each(|(name, about)| println!("{name:<9} {about}"));
        return Ok(true);
    }
    machine::raise_open_files()?;
    let facts = Facts::gather();
    let (rows, scenarios) = chosen(flags)?;
    let plan = Plan {
        contenders: contenders(flags),
        rows,
        scenarios,
        rounds: flags.runs,
        pinned: !flags.unpinned,
    };
    flags.bar.iter().try_for_each(|bar| bar.check(&plan))?;
    let samples = compare::run(&plan, |sample| report(flags, &plan, sample))?;
    let readings = compare::run_scenarios(&plan, |reading| report_scenario(flags, &plan, reading))?;
    let figures = Figures { plan: &plan, samples: &samples, readings: &readings };
    let verdicts: Vec<_> = flags.bar.iter().map(|bar| bar.judge(figures)).collect();
    if flags.json {
        println!("{}", table::json(figures));
    } else {
        print!("{}", table::text(figures));
        verdicts.iter().for_each(|verdict| println!("{verdict}"));
    }
    if let Some(path) = &flags.html {
        let action = format!("write {}", path.display());
        fs::write(path, page::html(figures, &facts, &verdicts)?).map_err(Error::system(action))?;
    }
    let reached = flags.at_least.is_none_or(|bar| figures.reaches(bar));
    Ok(reached && verdicts.iter().all(Verdict::is_kept))
}

fn contenders(flags: &Flags) -> Vec<Contender> {
    let started = flags.brokers.iter().map(|&choice| flags.programs.contender(choice));
    started.chain(flags.broker.iter().cloned().map(Contender::External)).collect()
}

/// What --rows names: loads, and scenarios.
fn chosen(flags: &Flags) -> Result<(Vec<Row>, Vec<Scenario>), Error> {
    let time = Duration::try_from_secs_f64(flags.seconds)
        .map_err(|_| Error::Usage(format!("--seconds {}: above 0, like 2", flags.seconds)))?;
    let all = rows::all(time);
    let (mut rows, mut scenarios) = (Vec::new(), Vec::new());
    for name in &flags.rows {
        if let Some(row) = all.iter().find(|row| row.name == *name) {
            rows.push(*row);
        } else if let Some(scenario) = scenarios::ALL.iter().find(|it| it.name == *name) {
            scenarios.push(scenario.sized(time));
        } else {
            return Err(Error::Usage(format!("--rows {name}: no such row; see --list")));
        }
    }
    Ok((rows, scenarios))
}

/// The same as [`report`] for a scenario.
fn report_scenario(flags: &Flags, plan: &Plan, reading: &Reading) {
    let Some(scenario) = plan.scenarios.get(reading.scenario) else { return };
    let broker = plan.contenders.get(reading.contender).map(|it| it.name()).unwrap_or_default();
    let (name, round) = (scenario.name, reading.round);
    if flags.json {
        let named = reading.result.as_ref().ok().map(|figures| {
            let named = scenario.figures.iter().zip(figures);
            named
                .map(|(name, figure)| ((*name).to_owned(), serde_json::json!(figure)))
                .collect::<serde_json::Map<_, _>>()
        });
        let failure = reading.result.as_ref().err();
        let line = serde_json::json!({
            "scenario": name, "broker": broker, "round": round, "figures": named, "failure": failure
        });
        println!("{line}");
        return;
    }
    let told = match &reading.result {
        Ok(figures) => {
            let each = scenario.figures.iter().zip(figures).filter_map(|(name, figure)| {
                figure.map(|figure| format!("{} {name}", three_digits(figure)))
            });
            each.collect::<Vec<_>>().join(", ")
        }
        Err(why) => format!("failed: {}", why.lines().next().unwrap_or_default()),
    };
    eprintln!("{name:<9} {broker:<10} run {}: {told}", round + 1);
}

/// One line as each run ends: in JSON for programs, otherwise to show that something happens.
fn report(flags: &Flags, plan: &Plan, sample: &compare::Sample) {
    let row = plan.rows.get(sample.row).map_or("", |row| row.name);
    let broker = plan.contenders.get(sample.contender).map(|it| it.name()).unwrap_or_default();
    if flags.json {
        let (outcome, failure) = match &sample.result {
            Ok(outcome) => (Some(outcome.to_json()), None),
            Err(why) => (None, Some(why)),
        };
        let round = sample.round;
        let line = serde_json::json!({
            "row": row, "broker": broker, "round": round, "outcome": outcome, "failure": failure
        });
        println!("{line}");
        return;
    }
    eprintln!("{row:<9} {broker:<10} run {}: {}", sample.round + 1, told(sample));
}

fn told(sample: &compare::Sample) -> String {
    let outcome = match &sample.result {
        Ok(outcome) => outcome,
        Err(why) => return format!("failed: {}", why.lines().next().unwrap_or_default()),
    };
    let mut text = format!("{:>9.0} messages/s", outcome.messages_per_second());
    if let Some(rate) = outcome.messages_per_cpu_second() {
        text += &format!(", {:.2} CPU s per million", 1e6 / rate);
    }
    if let Some(latency) = outcome.latency {
        text += &format!(", {latency}");
    }
    if !outcome.tally.is_clean() {
        text += &format!(", {:?}", outcome.tally);
    }
    text
}
