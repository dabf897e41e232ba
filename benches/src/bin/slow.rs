//! `slow`: do other subscribers notice one that stops reading?
#![expect(clippy::print_stdout, reason = "the result on stdout is what the tool is for")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use surewire_benches::broker::{Broker, Software};
use surewire_benches::slow::{self, Plan, Run, Verdict};
use surewire_load::process::Process;
use surewire_load::transport::Transport;
use surewire_load::wire::Qos;
use surewire_load::{Error, machine};

/// Publishes at a steady rate to many subscribers, in turn with all of them reading and with
/// one of them stuck, and compares the delays of the others and the broker's memory.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  slow --assert                          (starts Surewire afresh for every run)
  slow --software mosquitto --runs 3
  slow --broker 127.0.0.1:1883 --pid 4711")]
struct Flags {
    /// Broker to start, afresh for every run
    #[arg(long, value_enum, default_value = "surewire")]
    software: Software,
    /// Where its program is [default: beside this one; mosquitto: where Debian puts it]
    #[arg(long)]
    program: Option<PathBuf>,
    /// Measure a broker that runs already instead of starting one
    #[arg(long, value_name = "ADDR:PORT", requires = "pid", conflicts_with = "program")]
    broker: Option<SocketAddr>,
    /// Its process number
    #[arg(long, requires = "broker")]
    pid: Option<u32>,
    /// Subscribers in all, the stuck one included
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(2..))]
    subscribers: u32,
    /// Quality of service of publications and subscriptions
    #[arg(long, value_enum, default_value = "0")]
    qos: Qos,
    /// Bytes of a payload
    #[arg(long, default_value_t = 1_024)]
    payload: usize,
    /// Messages a second, each of them to every subscriber
    #[arg(long, default_value_t = 20.0)]
    rate: f64,
    /// Seconds that a run publishes
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// MiB sent to the stuck subscriber before a run, to fill every buffer on its way
    #[arg(long, default_value_t = 96)]
    fill: usize,
    /// Runs of each kind
    #[arg(long, default_value_t = 5)]
    runs: u32,
    /// Highest ratio of the p99 with and without the stuck subscriber
    #[arg(long, default_value_t = 1.2)]
    bar: f64,
    /// Exit with 1 when the ratio is above the bar or a reading subscriber missed a message
    #[arg(long)]
    assert: bool,
    /// Do not bind the broker to core 0 and the generator to core 1
    #[arg(long)]
    unpinned: bool,
    /// Print one JSON object a run and one at the end
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    match measure(&Flags::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("slow: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether the bar is kept, or nobody asked.
fn measure(flags: &Flags) -> Result<bool, Error> {
    machine::raise_open_files()?;
    let mut runs = Vec::new();
    for number in 0..flags.runs * 2 {
        let run = one_run(flags, number % 2 == 1)?;
        let text = if flags.json { serde_json::json!(run).to_string() } else { run.to_string() };
        println!("{text}");
        runs.push(run);
    }
    let Some(verdict) = Verdict::of(&runs) else { return Ok(true) };
    let json = || serde_json::json!(verdict).to_string();
    println!("{}", if flags.json { json() } else { verdict.to_string() });
    let kept = verdict.p99_ratio <= flags.bar && runs.iter().all(|run| run.tally.is_clean());
    Ok(kept || !flags.assert)
}

fn one_run(flags: &Flags, with_slow: bool) -> Result<Run, Error> {
    let plan = plan(flags);
    if let (Some(addr), Some(pid)) = (flags.broker, flags.pid) {
        return slow::run(addr, &Process::new(pid), &plan, with_slow);
    }
    let program = flags.program.clone().unwrap_or_else(|| flags.software.usual_path());
    let start = || Broker::start(flags.software, &program, Transport::Tcp, None);
    let broker = if flags.unpinned { start()? } else { machine::on_core(0, 1, start)? };
    let mut run = slow::run(broker.addr(), &broker.process(), &plan, with_slow)?;
    run.histograms = broker.histograms()?;
    Ok(run)
}

fn plan(flags: &Flags) -> Plan {
    Plan {
        subscribers: flags.subscribers,
        qos: flags.qos,
        payload: flags.payload,
        rate: flags.rate,
        time: Duration::from_secs(flags.seconds),
        fill_bytes: flags.fill << 20,
    }
}
