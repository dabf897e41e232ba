//! One flood, aimed at the other broker and then at the one that the clients talk to.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use surewire_load::transport::{Route, Transport};
use surewire_load::wire::Qos;
use surewire_load::{Error, Limit, Outcome, Pacing, Shape, Workload, machine};

use super::aim::{Aim, Deed};
use super::row::{Row, Side};
use super::scenario::Scenario;
use crate::broker::{Broker, Software, Start};
use crate::certificate::Certificate;

/// Pairs of well-behaved clients.
const PAIRS: u32 = 50;
/// Messages a second of all of them.
const RATE: f64 = 1_000.0;
/// Memory limit at full size, in MiB.
const FULL_LIMIT: f64 = 512.0;
/// The least that makes sense: what waits for the disk comes and goes by some 10 MiB, and the last stage
/// of memory_limit, which stops everybody, begins 5 % above the one that stops the flood.
const LEAST_LIMIT: f64 = 192.0;

/// What to do.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    /// The broker's program.
    pub program: &'a Path,
    /// The flood.
    pub scenario: Scenario,
    /// Its share of the full size, above 0 and up to 1.
    pub scale: f64,
    /// How long the clients talk, each time.
    pub time: Duration,
    /// Whether both brokers are bound to one core, and the clients and the flood to another.
    pub pinned: bool,
    /// Whether the broker is asked how long its steps took.
    pub histograms: bool,
}

/// Runs it both ways.
///
/// # Errors
/// [`Error`] when a broker cannot be started or watched. What the clients suffer is in the row.
pub fn run(plan: &Plan<'_>) -> Result<Row, Error> {
    let transport = plan.scenario.transport();
    let certificate = transport.uses_tls().then(Certificate::generate).transpose()?;
    let start = || start(plan, certificate.as_ref());
    let both = || Ok((start()?, start()?));
    let (broker, other) = if plan.pinned { machine::on_core(0, 1, both)? } else { both()? };
    let route = |to: &Broker| route(to, transport, certificate.as_ref());
    let (elsewhere, _) = side(plan, &broker, &route(&broker)?, &other, &route(&other)?)?;
    drop(other);
    broker.process().forget_peak()?;
    let (here, deed) = side(plan, &broker, &route(&broker)?, &broker, &route(&broker)?)?;
    let Plan { scenario, scale, .. } = *plan;
    let histograms = if plan.histograms { broker.histograms()? } else { Vec::new() };
    let process = broker.process();
    // What the limit is about: the program's file is there as well, and is nobody's fault.
    let peak_bytes = process.peak_resident_bytes()?.saturating_sub(process.file_bytes()?);
    let limit_bytes = limit_mib(scale) << 20;
    Ok(Row { scenario, scale, limit_bytes, peak_bytes, here, elsewhere, deed, histograms })
}

/// The clients talk to `broker` while the flood goes to `aimed_at`.
fn side(
    plan: &Plan<'_>,
    broker: &Broker,
    route: &Route,
    aimed_at: &Broker,
    aimed_route: &Route,
) -> Result<(Side, Deed), Error> {
    let (stop, management) = (AtomicBool::new(false), aimed_at.management());
    let aim = Aim { route: aimed_route.clone(), management, scale: plan.scale, stop: &stop };
    let (begin, begun) = mpsc::channel();
    let workload = workload(plan.time);
    let (outcome, deed) = thread::scope(|scope| {
        let aim = &aim;
        let flood = scope.spawn(move || match begun.recv() {
            Ok(()) => plan.scenario.flood(aim),
            Err(mpsc::RecvError) => Deed::default(),
        });
        let connected = move || {
            let _ = begin.send(());
        };
        let process = broker.process();
        let outcome = surewire_load::run_then(route.clone(), &workload, Some(&process), connected);
        stop.store(true, Ordering::Relaxed);
        (outcome, flood.join())
    });
    let deed = deed.map_err(|_| Error::Usage("the flood itself failed".into()))?;
    Ok((suffered(outcome)?, deed))
}

/// What happened to the clients.
fn suffered(outcome: Result<Outcome, Error>) -> Result<Side, Error> {
    match outcome {
        Ok(Outcome { latency: Some(latency), tally, .. }) => {
            Ok(Side { latency: Some(latency), tally, ended: None })
        }
        Ok(_) => Err(Error::Usage("the clients were not paced".into())),
        Err(Error::Broker(ended)) => Ok(Side { ended: Some(ended), ..Side::default() }),
        Err(error) => Err(error),
    }
}

fn workload(time: Duration) -> Workload {
    Workload {
        qos: Qos::AtLeastOnce,
        pacing: Pacing::Open { rate: RATE },
        limit: Limit::Time(time),
        ..Workload::new(Shape::Pairs, PAIRS)
    }
}

fn start(plan: &Plan<'_>, certificate: Option<&Certificate>) -> Result<Broker, Error> {
    let lines = format!(
        "memory_limit: {}MiB\nmax_msgqueue_messages: 10000\nmax_queued_bytes: 16MiB\n",
        limit_mib(plan.scale)
    );
    Broker::launch(&Start {
        software: Software::Surewire,
        program: plan.program,
        transport: plan.scenario.transport(),
        certificate,
        workers: None,
        only_errors: !plan.histograms,
        lines: Some(&lines),
    })
}

fn route(
    broker: &Broker,
    transport: Transport,
    certificate: Option<&Certificate>,
) -> Result<Route, Error> {
    let tls = certificate.map(Certificate::client).transpose()?;
    Ok(Route { addr: broker.addr(), websocket: transport.uses_websocket(), tls })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between the two limits"
)]
fn limit_mib(scale: f64) -> u64 {
    (FULL_LIMIT * scale).max(LEAST_LIMIT) as u64
}
