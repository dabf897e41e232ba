//! One subscriber that stops reading: what do the others notice, and what does the broker hold?

use std::fmt;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use surewire_load::dial::{self, Target};
use surewire_load::process::Process;
use surewire_load::wire::{PublishTemplate, Qos};
use surewire_load::{Error, Latency, Limit, Pacing, Shape, Tally, Workload};

use crate::histograms::Line;
use crate::stats::Spread;

/// The smallest receive buffer a system gives; Linux makes 2,304 bytes of it.
const TINY: usize = 1;
/// Payload of the messages that fill the slow subscriber's buffers, in bytes.
const FILL_PAYLOAD: usize = 16 << 10;
const FILL_TOPIC: &str = "slow/fill";

/// What to measure.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Subscribers in all, the slow one included.
    pub subscribers: u32,
    /// Of publications and subscriptions.
    pub qos: Qos,
    /// Bytes of a payload.
    pub payload: usize,
    /// Messages a second; each goes to every subscriber.
    pub rate: f64,
    /// How long a run publishes.
    pub time: Duration,
    /// Bytes sent to the slow subscriber before the measurement, so that it is as far behind as
    /// it can get.
    pub fill_bytes: usize,
}

/// One run.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Run {
    /// Whether one subscriber did not read.
    pub with_slow: bool,
    /// Delays of the reading subscribers.
    pub latency: Latency,
    /// What the reading subscribers got.
    pub tally: Tally,
    /// The broker's highest resident memory in bytes.
    pub peak_bytes: u64,
    /// CPU seconds of the broker.
    pub broker_cpu_seconds: Option<f64>,
    /// The broker's own histograms, if it writes any.
    pub histograms: Vec<Line>,
}

/// One run against a broker. In the run without a slow subscriber the same bytes are sent to
/// fill it, and nobody is there to get them.
///
/// # Errors
/// What [`surewire_load::run`] and the hand-shakes return.
pub fn run(addr: SocketAddr, broker: &Process, plan: &Plan, with_slow: bool) -> Result<Run, Error> {
    let workload = plan.workload();
    workload.check()?;
    broker.forget_peak()?;
    let slow = with_slow.then(|| stop_reading(addr, &workload.topic(0), plan.qos)).transpose()?;
    fill(addr, plan.fill_bytes)?;
    let outcome = surewire_load::run(addr, &workload, Some(broker))?;
    let peak_bytes = broker.peak_resident_bytes()?;
    drop(slow);
    Ok(Run {
        with_slow,
        latency: outcome.latency.ok_or_else(|| Error::Usage("the run was not paced".into()))?,
        tally: outcome.tally,
        peak_bytes,
        broker_cpu_seconds: outcome.broker_cpu_seconds,
        histograms: Vec::new(),
    })
}

impl Plan {
    fn workload(&self) -> Workload {
        Workload {
            qos: self.qos,
            payload: self.payload,
            pacing: Pacing::Open { rate: self.rate },
            limit: Limit::Time(self.time),
            ..Workload::new(Shape::Fanout, self.subscribers.saturating_sub(1))
        }
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = if self.with_slow { "with a slow one" } else { "all reading" };
        let Latency { p50_us, p99_us, max_us, .. } = self.latency;
        let peak = self.peak_bytes >> 20;
        write!(f, "{who:<16} p50 {p50_us:>7.0} us  p99 {p99_us:>7.0} us  max {max_us:>8.0} us  ")?;
        write!(f, "peak {peak:>4} MiB")?;
        if let Some(cpu) = self.broker_cpu_seconds {
            write!(f, "  broker {cpu:.2} CPU s")?;
        }
        if !self.tally.is_clean() {
            let Tally { lost, duplicates, out_of_order, .. } = self.tally;
            write!(f, "  LOST {lost}, DUPLICATES {duplicates}, OUT OF ORDER {out_of_order}")?;
        }
        self.histograms.iter().try_for_each(|line| write!(f, "\n    {line}"))
    }
}

/// What several runs show together.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub struct Verdict {
    /// p99 in microseconds without the slow subscriber.
    pub without_us: Spread,
    /// p99 in microseconds with it.
    pub with_us: Spread,
    /// Ratio of the medians: above 1, the others notice.
    pub p99_ratio: f64,
    /// The same for the medians of the delays.
    pub p50_ratio: f64,
}

impl Verdict {
    /// Of runs of both kinds; `None` if one kind is missing.
    #[must_use]
    pub fn of(runs: &[Run]) -> Option<Self> {
        let spread = |with_slow, pick: fn(&Latency) -> f64| {
            let runs = runs.iter().filter(|run| run.with_slow == with_slow);
            Spread::of(&runs.map(|run| pick(&run.latency)).collect::<Vec<_>>())
        };
        let (without_us, with_us) = (spread(false, |l| l.p99_us)?, spread(true, |l| l.p99_us)?);
        let (p50_without, p50_with) = (spread(false, |l| l.p50_us)?, spread(true, |l| l.p50_us)?);
        Some(Self {
            without_us,
            with_us,
            p99_ratio: with_us.median / without_us.median,
            p50_ratio: p50_with.median / p50_without.median,
        })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { without_us, with_us, p99_ratio, p50_ratio } = self;
        for (name, spread) in [("without", without_us), ("with", with_us)] {
            let Spread { median, min, max } = spread;
            writeln!(f, "p99 {name:<7} median {median:.0} us ({min:.0} to {max:.0})")?;
        }
        write!(f, "ratio with / without: p99 {p99_ratio:.2}, p50 {p50_ratio:.2}")
    }
}

/// A subscriber that never reads again. Its connection lives as long as the returned socket.
fn stop_reading(addr: SocketAddr, topic: &str, qos: Qos) -> Result<TcpStream, Error> {
    let target = Target { receive_buffer: Some(TINY), ..Target::new(addr) };
    let mut stream = target.open()?;
    dial::connect(&mut stream, "slow")?;
    dial::subscribe(&mut stream, topic, qos)?;
    dial::subscribe(&mut stream, FILL_TOPIC, qos)?;
    Ok(stream)
}

/// Sends `bytes` to whoever has subscribed to the fill topic, and waits until the broker has
/// read them all.
fn fill(addr: SocketAddr, bytes: usize) -> Result<(), Error> {
    let mut stream = Target::new(addr).open()?;
    dial::connect(&mut stream, "fill")?;
    let mut packet = Vec::new();
    PublishTemplate::new(FILL_TOPIC, Qos::AtMostOnce, 0, FILL_PAYLOAD).put(&mut packet, 0, &[]);
    for _ in 0..bytes / FILL_PAYLOAD {
        stream.write_all(&packet).map_err(Error::system("fill the slow subscriber"))?;
    }
    dial::ping(&mut stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_of(with_slow: bool, p50_us: f64, p99_us: f64) -> Run {
        let latency = Latency { p50_us, p99_us, p999_us: p99_us, max_us: p99_us };
        let (tally, histograms) = (Tally::default(), Vec::new());
        Run { with_slow, latency, tally, peak_bytes: 0, broker_cpu_seconds: None, histograms }
    }

    #[test]
    fn the_verdict_compares_medians() {
        let runs = [
            run_of(false, 10.0, 100.0),
            run_of(true, 10.0, 150.0),
            run_of(false, 10.0, 100.0),
            run_of(true, 20.0, 110.0),
            run_of(false, 10.0, 900.0),
            run_of(true, 30.0, 110.0),
        ];
        let verdict = Verdict::of(&runs).unwrap();
        assert!((verdict.p99_ratio - 1.1).abs() < 1e-9, "{verdict}");
        assert!((verdict.p50_ratio - 2.0).abs() < 1e-9, "{verdict}");
        assert!(Verdict::of(&runs[..1]).is_none());
    }
}
