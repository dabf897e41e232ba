//! A restart with very many sessions, and cleaning the log at that size.

use std::fmt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use surewire_load::Error;
use surewire_load::dial::{self, Target};

use crate::broker::Broker;
use crate::histograms::Line;
use crate::http::Http;
use crate::metrics::Page;

/// How long a round of cleaning may take.
const PATIENCE: Duration = Duration::from_secs(300);
const PAUSE: Duration = Duration::from_millis(100);
/// Meanwhile the system takes back the memory that recovery has used, for which all threads of the
/// broker may stop for some 10 ms.
const SETTLE: Duration = Duration::from_secs(5);

/// What a restart was like.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Outcome {
    /// Sessions that were there again.
    pub sessions: f64,
    /// Subscriptions that were there again.
    pub subscriptions: f64,
    /// From the start of the process until a client had its CONNACK.
    pub seconds: f64,
    /// Resident memory then.
    pub resident_bytes: u64,
    /// How long a round of cleaning took.
    pub cleaning_seconds: f64,
    /// What it wrote.
    pub cleaned_bytes: f64,
    /// The engine's steps of cleaning and of timers.
    pub steps: Line,
    /// The engine's lock, held for whatever reason.
    pub lock_held: Line,
    /// The longest that a PINGREQ waited for its answer meanwhile.
    pub slowest_ping: Duration,
}

/// Has `fill` make the directory's content.
///
/// # Errors
/// [`Error::System`] when it cannot be started, [`Error::Broker`] when it fails.
pub fn fill(
    program: &Path,
    directory: &Path,
    sessions: u32,
    subscriptions: u32,
) -> Result<(), Error> {
    let status = Command::new(program)
        .arg(directory)
        .args(["--sessions", &sessions.to_string()])
        .args(["--subscriptions", &subscriptions.to_string()])
        .status()
        .map_err(Error::system(format!("start {}", program.display())))?;
    if status.success() { Ok(()) } else { Err(Error::Broker(format!("fill ended with {status}"))) }
}

/// Starts the broker on a directory that was filled, times the first client's way in, lets another
/// one come back, and waits until the log is cleaned.
///
/// # Errors
/// [`Error::Broker`] when it does not start or what should be there is not.
pub fn restart(program: &Path, directory: &Path) -> Result<Outcome, Error> {
    let lines = format!("data_dir: '{}'\ndurability: power\n", directory.display());
    let began = Instant::now();
    let broker = Broker::surewire(program, &lines, None)?;
    let mut stream = Target::new(broker.addr()).open()?;
    // It may connect before the broker has read what there is, and then waits.
    let patience = stream.set_read_timeout(Some(PATIENCE));
    patience.map_err(Error::system("set a time limit"))?;
    dial::connect(&mut stream, "anybody")?;
    let seconds = began.elapsed().as_secs_f64();
    let resident_bytes = broker.process().own_bytes()?;
    let mut http = Http::open(broker.management())?;
    std::thread::sleep(SETTLE);
    let mut stream = Target::new(broker.addr()).open()?;
    dial::resume(&mut stream, "device-00000007")?;
    // What the client did has begun a batch, and with it a round: `fill` has left enough outdated.
    let begun = Instant::now();
    let filled = Page::read(&mut http)?.value("surewire_store_log_bytes")?;
    let mut slowest_ping = Duration::ZERO;
    let page = loop {
        let asked = Instant::now();
        dial::ping(&mut stream)?;
        slowest_ping = slowest_ping.max(asked.elapsed());
        let page = Page::read(&mut http)?;
        let cleaned = page.value("surewire_store_anew_bytes_total")?;
        if cleaned > 0.0 && page.value("surewire_store_log_bytes")? < filled {
            break page;
        }
        if begun.elapsed() > PATIENCE {
            return Err(Error::Broker("the log is not cleaned".into()));
        }
        std::thread::sleep(PAUSE);
    };
    let cleaning_seconds = begun.elapsed().as_secs_f64();
    let histograms = broker.histograms()?;
    let line = |name: &str| {
        let line = histograms.iter().rev().find(|line| line.name == name).cloned();
        line.ok_or_else(|| Error::Broker(format!("no histogram {name}")))
    };
    Ok(Outcome {
        sessions: page.value("surewire_sessions")?,
        subscriptions: page.value("surewire_subscriptions")?,
        seconds,
        resident_bytes,
        cleaning_seconds,
        cleaned_bytes: page.value("surewire_store_anew_bytes_total")?,
        steps: line("chore")?,
        lock_held: line("lock_held")?,
        slowest_ping,
    })
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sessions, subscriptions, seconds, resident_bytes, .. } = self;
        let mib = resident_bytes >> 20;
        writeln!(f, "{sessions} sessions, {subscriptions} subscriptions: a client was in")?;
        writeln!(f, "  {seconds:.1} s after the start, the broker at {mib} MiB")?;
        let (took, bytes) = (self.cleaning_seconds, self.cleaned_bytes / f64::from(1 << 20));
        let ping = self.slowest_ping;
        writeln!(
            f,
            "  a round of cleaning wrote {bytes:.0} MiB in {took:.1} s; slowest ping {ping:?}"
        )?;
        writeln!(f, "  {}", self.steps)?;
        write!(f, "  {}", self.lock_held)
    }
}
