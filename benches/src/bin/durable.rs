//! `durable`: what does it cost that an acknowledged message survives a power cut?
#![expect(clippy::print_stdout, reason = "the result on stdout is what the tool is for")]

use std::fmt::Display;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use surewire_benches::broker::Software;
use surewire_benches::durable::{self, Durability, Paced, Plan, Saturated};
use surewire_benches::stats::Spread;
use surewire_load::Error;

/// The least share of its time that the committer is inside a sync at saturation.
const SHARE: f64 = 0.8;
/// The least throughput beside that without durability.
const THROUGHPUT: f64 = 0.6;
/// The longest a lone publisher waits, in median syncs.
const LONE: f64 = 1.3;

/// Pairs of publishers and persistent subscribers at QoS 1: what they reach with and without
/// durability, how long acknowledgements take beside the syncs of the same run, what the disk alone
/// does, and whether transient traffic is written.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  durable --assert                        (all rows)
  durable --rows transient --assert       (deterministic, some seconds)
  durable --folder /mnt/disk --rounds 7   (the disk that /mnt/disk is on)")]
struct Flags {
    /// Where the program is [default: beside this one]
    #[arg(long)]
    program: Option<PathBuf>,
    /// Where to keep the data: chooses the disk [default: where temporary files are]
    #[arg(long)]
    folder: Option<PathBuf>,
    /// What to measure
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "transient,saturated,lone,loaded"
    )]
    rows: Vec<Row>,
    /// Pairs of a publisher and a subscriber
    #[arg(long, default_value_t = 100)]
    pairs: u32,
    /// Bytes of a payload
    #[arg(long, default_value_t = 100)]
    payload: usize,
    /// Unacknowledged messages on a connection
    #[arg(long, default_value_t = 256)]
    window: u16,
    /// Seconds that a run publishes
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Rounds: one run with and one without durability each, and one of each latency
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Messages a second of the lone publisher
    #[arg(long, default_value_t = 200.0)]
    lone_rate: f64,
    /// Messages a second of all pairs together
    #[arg(long, default_value_t = 20_000.0)]
    rate: f64,
    /// Exit with 1 when a bar is missed
    #[arg(long)]
    assert: bool,
    /// Print one JSON object a run
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Row {
    /// what clean sessions without a will exchange: 0 bytes are written
    Transient,
    /// as fast as it goes: at least 0.6 x the same without durability, the committer at least 80 %
    /// of the time inside a sync
    Saturated,
    /// a publisher alone: p50 of PUBLISH to PUBACK at most 1.3 x the median sync
    Lone,
    /// all at a rate that can be kept: p99 at most 2 x the p99 of syncs and 2 ms
    Loaded,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    let mut report = Report { json: flags.json, kept: true };
    match measure(&flags, &mut report) {
        Ok(()) if report.kept || !flags.assert => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("durable: {error}");
            ExitCode::from(2)
        }
    }
}

/// What is printed, and whether all bars are kept so far.
struct Report {
    json: bool,
    kept: bool,
}

impl Report {
    fn row(&self, row: &(impl Display + serde::Serialize)) {
        if self.json {
            println!("{}", serde_json::json!(row));
        } else {
            println!("{row}");
        }
    }

    fn bar(&mut self, what: &str, figures: &[f64], keeps: impl Fn(f64) -> bool, bar: &str) {
        let Some(Spread { median, min, max }) = Spread::of(figures) else { return };
        let kept = keeps(median);
        self.kept &= kept;
        let verdict = if kept { "kept" } else { "MISSED" };
        println!("=> {what}: median {median:.2} ({min:.2} to {max:.2}); bar {bar}: {verdict}");
    }
}

fn measure(flags: &Flags, report: &mut Report) -> Result<(), Error> {
    let time = Duration::try_from_secs_f64(flags.seconds);
    let time = time.map_err(|_| Error::Usage("--seconds: a number above 0".into()))?;
    let plan = Plan {
        program: flags.program.clone().unwrap_or_else(|| Software::Surewire.usual_path()),
        folder: flags.folder.clone(),
        pairs: flags.pairs,
        payload: flags.payload,
        window: flags.window,
        time,
    };
    let wants = |row| flags.rows.contains(&row);
    if wants(Row::Transient) {
        transient(&plan, report)?;
    }
    // Before the others, which bind the broker and this program to a core each.
    if wants(Row::Saturated) {
        saturated(&plan, flags, report)?;
    }
    if wants(Row::Lone) {
        lone(&plan, flags, report)?;
    }
    if wants(Row::Loaded) {
        loaded(&plan, flags, report)?;
    }
    Ok(())
}

fn transient(plan: &Plan, report: &mut Report) -> Result<(), Error> {
    let mut written = 0.0;
    for row in durable::transient(plan)? {
        report.row(&row);
        report.kept &= row.is_nothing();
        written += row.written_bytes;
    }
    report.bar("bytes written for transient traffic", &[written], |bytes| bytes == 0.0, "0");
    Ok(())
}

fn saturated(plan: &Plan, flags: &Flags, report: &mut Report) -> Result<(), Error> {
    let (mut ratios, mut shares) = (Vec::new(), Vec::new());
    let mut batch = 0.0;
    for round in 0..flags.rounds {
        let mut pair = [Durability::Power, Durability::None];
        if round % 2 == 1 {
            pair.reverse();
        }
        let runs = pair.map(|durability| durable::saturated(plan, durability));
        let mut by = [0.0, 0.0];
        for run in runs {
            let run: Saturated = run?;
            report.row(&run);
            if let Some(committer) = run.committer {
                shares.push(committer.share_in_sync);
                batch = committer.batch_bytes;
            }
            let [power, none] = &mut by;
            *(if run.durability == Durability::Power { power } else { none }) =
                run.messages_per_second;
        }
        let [power, none] = by;
        ratios.push(power / none);
    }
    raw(plan, batch, report)?;
    let least = |bar: f64| move |figure: f64| figure >= bar;
    report.bar("throughput beside none", &ratios, least(THROUGHPUT), "at least 0.6");
    report.bar("share inside a sync", &shares, least(SHARE), "at least 0.8");
    Ok(())
}

fn lone(plan: &Plan, flags: &Flags, report: &mut Report) -> Result<(), Error> {
    let run = |durability| durable::lone(plan, durability, flags.lone_rate);
    let ratios = paced(plan, flags, report, "lone", run, Paced::median_ratio)?;
    let bar = format!("at most {LONE} median syncs");
    report.bar("lone p50 in median syncs", &ratios, |ratio| ratio <= LONE, &bar);
    Ok(())
}

fn loaded(plan: &Plan, flags: &Flags, report: &mut Report) -> Result<(), Error> {
    let run = |durability| durable::loaded(plan, durability, flags.rate);
    let share = |run: &Paced| run.acknowledged.p99_us / (2.0 * run.sync_p99_us() + 2_000.0);
    let shares = paced(plan, flags, report, "loaded", run, share)?;
    let what = "loaded p99 as a share of 2 x p99 of syncs + 2 ms";
    report.bar(what, &shares, |share| share <= 1.0, "at most 1");
    Ok(())
}

/// Runs without and with durability, and the disk alone; the figure of each run with it.
fn paced(
    plan: &Plan,
    flags: &Flags,
    report: &Report,
    name: &str,
    run: impl Fn(Durability) -> Result<Paced, Error>,
    figure: impl Fn(&Paced) -> f64,
) -> Result<Vec<f64>, Error> {
    let mut figures = Vec::new();
    let mut batch = 0.0;
    for _ in 0..flags.rounds {
        for durability in [Durability::None, Durability::Power] {
            let run = run(durability)?;
            if !flags.json {
                print!("{name}: ");
            }
            report.row(&run);
            if durability == Durability::Power {
                batch = run.batch_bytes;
                figures.push(figure(&run));
            }
        }
    }
    raw(plan, batch, report)?;
    Ok(figures)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a mean of bytes, rounded down"
)]
fn raw(plan: &Plan, batch_bytes: f64, report: &Report) -> Result<(), Error> {
    let bytes = (batch_bytes as usize).max(1);
    let raw = durable::append_and_sync(plan.folder.as_deref(), bytes, plan.time / 2)?;
    if !report.json {
        print!("raw disk: ");
    }
    report.row(&raw);
    Ok(())
}
