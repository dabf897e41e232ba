//! Runs of pairs against a broker of their own.

use std::fmt;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use surewire_load::wire::Qos;
use surewire_load::{Error, Latency, Limit, Outcome, Pacing, Shape, Workload, machine};

use super::{Plan, to_f64};
use crate::broker::Broker;
use crate::histograms::Line;
use crate::http::Http;
use crate::metrics::Page;

/// What an acknowledged message survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// A power cut.
    Power,
    /// Nothing.
    None,
}

impl Durability {
    const fn name(self) -> &'static str {
        match self {
            Self::Power => "power",
            Self::None => "none",
        }
    }
}

/// A run as fast as the broker acknowledges.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Saturated {
    /// What the messages survived.
    pub durability: Durability,
    /// Delivered messages a second.
    pub messages_per_second: f64,
    /// CPU time of the broker for a million delivered messages, in seconds.
    pub cpu_seconds_per_million: f64,
    /// What the committer did, if there was one.
    pub committer: Option<Committer>,
}

/// What the committer did during the middle of a run.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Committer {
    /// The share of the time that it was inside a sync.
    pub share_in_sync: f64,
    /// Syncs a second.
    pub syncs_per_second: f64,
    /// Bytes of a batch, on average.
    pub batch_bytes: f64,
    /// The mean time of a sync in µs.
    pub sync_us: f64,
}

/// A run by the clock.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Paced {
    /// What the messages survived.
    pub durability: Durability,
    /// Messages a second that were due.
    pub rate: f64,
    /// Delivered messages a second.
    pub messages_per_second: f64,
    /// From the moment a PUBLISH was due until its PUBACK was there.
    pub acknowledged: Latency,
    /// The committer's syncs of the same run.
    pub sync: Line,
    /// How long the first record of a batch waited until it was durable.
    pub commit: Line,
    /// Bytes of a batch, on average.
    pub batch_bytes: f64,
}

impl Paced {
    /// The median beside that of the syncs.
    #[must_use]
    pub fn median_ratio(&self) -> f64 {
        self.acknowledged.p50_us / self.sync_p50_us()
    }

    /// The median sync in µs.
    #[must_use]
    pub fn sync_p50_us(&self) -> f64 {
        to_f64(self.sync.p50) / 1e3
    }

    /// The 99th percentile of the syncs in µs.
    #[must_use]
    pub fn sync_p99_us(&self) -> f64 {
        to_f64(self.sync.p99) / 1e3
    }
}

/// All pairs publish as fast as they are acknowledged.
///
/// # Errors
/// What starting a broker or loading it returns, and [`Error::Broker`] when a message did not come
/// once and in order.
pub fn saturated(plan: &Plan, durability: Durability) -> Result<Saturated, Error> {
    let broker = start(plan, durability)?;
    let outstanding = u64::from(plan.pairs) * u64::from(plan.window);
    let pacing = Pacing::Closed { outstanding, burst: Workload::BURST };
    let workload = workload(plan, plan.pairs, pacing);
    let watcher = watch(broker.management(), plan.time);
    let outcome = clean(surewire_load::run(broker.addr(), &workload, Some(&broker.process()))?)?;
    let watched = watcher.join().map_err(|_| Error::Broker("no metrics".into()))??;
    let committer = match durability {
        Durability::Power => Some(committer(&watched)?),
        Durability::None => None,
    };
    let per_cpu_second = outcome.messages_per_cpu_second().unwrap_or(f64::NAN);
    Ok(Saturated {
        durability,
        messages_per_second: outcome.messages_per_second(),
        cpu_seconds_per_million: 1e6 / per_cpu_second,
        committer,
    })
}

/// One pair that is mostly idle. Broker and generator have a core each from here on.
///
/// # Errors
/// As [`saturated`].
pub fn lone(plan: &Plan, durability: Durability, rate: f64) -> Result<Paced, Error> {
    paced(plan, durability, 1, rate)
}

/// All pairs at a rate. Broker and generator have a core each from here on.
///
/// # Errors
/// As [`saturated`].
pub fn loaded(plan: &Plan, durability: Durability, rate: f64) -> Result<Paced, Error> {
    paced(plan, durability, plan.pairs, rate)
}

/// The generator polls without sleeping in an open loop: it must not do so on the broker's core.
fn paced(plan: &Plan, durability: Durability, pairs: u32, rate: f64) -> Result<Paced, Error> {
    let broker = machine::on_core(0, 1, || start(plan, durability))?;
    let workload = workload(plan, pairs, Pacing::Open { rate });
    let outcome = clean(surewire_load::run(broker.addr(), &workload, None)?)?;
    let messages_per_second = outcome.messages_per_second();
    let acknowledged = outcome.acknowledged;
    let acknowledged =
        acknowledged.ok_or_else(|| Error::Broker("nothing was acknowledged".into()))?;
    let page = Page::read(&mut Http::open(broker.management())?)?;
    let batches = page.value(BATCHES)?;
    let batch_bytes = page.value(WRITTEN)? / batches.max(1.0);
    let lines = broker.histograms()?;
    let line = |name: &str| {
        let line = lines.iter().rev().find(|line| line.name == name).cloned();
        line.ok_or_else(|| Error::Broker(format!("no histogram {name}")))
    };
    let (sync, commit) = (line("sync")?, line("commit")?);
    Ok(Paced { durability, rate, messages_per_second, acknowledged, sync, commit, batch_bytes })
}

fn start(plan: &Plan, durability: Durability) -> Result<Broker, Error> {
    machine::raise_open_files()?;
    let (window, level) = (plan.window, durability.name());
    let lines =
        format!("max_inflight_messages: {window}\nmax_msgqueue_messages: 0\ndurability: {level}\n");
    Broker::surewire(&plan.program, &lines, plan.folder.as_deref())
}

fn workload(plan: &Plan, clients: u32, pacing: Pacing) -> Workload {
    Workload {
        qos: Qos::AtLeastOnce,
        payload: plan.payload,
        window: plan.window,
        persistent: true,
        pacing,
        limit: Limit::Time(plan.time),
        ..Workload::new(Shape::Pairs, clients)
    }
}

fn clean(outcome: Outcome) -> Result<Outcome, Error> {
    let tally = outcome.tally;
    if tally.is_clean() {
        return Ok(outcome);
    }
    Err(Error::Broker(format!("not every message came once and in order: {tally:?}")))
}

const BATCHES: &str = "surewire_store_batches_total";
const WRITTEN: &str = "surewire_store_written_bytes_total";

/// Reads the metrics once the run has got going, and again before it is over.
fn watch(
    management: SocketAddr,
    time: Duration,
) -> thread::JoinHandle<Result<(Page, Page), Error>> {
    thread::spawn(move || {
        let began = Instant::now();
        let mut http = Http::open(management)?;
        let mut read_at = |after: Duration| {
            thread::sleep(after.saturating_sub(began.elapsed()));
            Page::read(&mut http)
        };
        Ok((read_at(time.mul_f64(0.3))?, read_at(time.mul_f64(0.9))?))
    })
}

fn committer((first, last): &(Page, Page)) -> Result<Committer, Error> {
    let seconds = last.since(first).as_secs_f64();
    let growth = |name| last.growth(first, name);
    let (syncs, in_sync) =
        (growth("surewire_store_sync_seconds_count")?, growth("surewire_store_sync_seconds_sum")?);
    Ok(Committer {
        share_in_sync: in_sync / seconds,
        syncs_per_second: syncs / seconds,
        batch_bytes: growth(WRITTEN)? / growth(BATCHES)?,
        sync_us: in_sync / syncs * 1e6,
    })
}

impl fmt::Display for Saturated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { durability, messages_per_second, cpu_seconds_per_million: cpu, .. } = self;
        let name = durability.name();
        write!(f, "saturated, {name:<5} {messages_per_second:>8.0} messages/s, {cpu:.2} CPU s/M")?;
        let Some(committer) = self.committer else { return Ok(()) };
        let Committer { share_in_sync, syncs_per_second, batch_bytes, sync_us } = committer;
        let share = 100.0 * share_in_sync;
        write!(f, "; {share:.0} % of the time in a sync, {syncs_per_second:.0} syncs/s of ")?;
        write!(f, "{batch_bytes:.0} bytes, {sync_us:.0} us each")
    }
}

impl fmt::Display for Paced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { durability, rate, acknowledged, sync, commit, batch_bytes, .. } = self;
        if *durability == Durability::None {
            return write!(f, "{rate:.0} messages/s without durability: {acknowledged}");
        }
        writeln!(f, "{rate:.0} messages/s, batches of {batch_bytes:.0} bytes")?;
        writeln!(f, "  acknowledged: {acknowledged}")?;
        let (p50, p99, max) = (self.sync_p50_us(), self.sync_p99_us(), to_f64(sync.max) / 1e3);
        writeln!(f, "  sync:         p50 {p50:.0} us, p99 {p99:.0} us, max {max:.0} us")?;
        let us = |ns: u64| to_f64(ns) / 1e3;
        let (p50, p99, max) = (us(commit.p50), us(commit.p99), us(commit.max));
        write!(f, "  record waits: p50 {p50:.0} us, p99 {p99:.0} us, max {max:.0} us")
    }
}
