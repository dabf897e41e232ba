//! What a part of a run took: time, CPU time of both sides, memory of the broker.

use std::time::{Duration, Instant};

use crate::Error;
use crate::process::{CpuTime, Process};

/// Runs from the beginning of a part to its end.
#[derive(Debug)]
pub(crate) struct Meter {
    began: Instant,
    broker: Option<(Process, CpuTime)>,
    own: Option<CpuTime>,
}

/// What a part used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Used {
    /// Wall-clock time.
    pub(crate) elapsed: Duration,
    /// CPU time of the broker, if its process is known.
    pub(crate) broker: Option<Duration>,
    /// CPU time of this process, where the system tells it.
    pub(crate) own: Option<Duration>,
}

impl Meter {
    /// Starts now.
    pub(crate) fn start(broker: Option<&Process>) -> Result<Self, Error> {
        let broker = broker.map(|p| p.cpu_time().map(|time| (*p, time))).transpose()?;
        Ok(Self { broker, own: Process::own().cpu_time().ok(), began: Instant::now() })
    }

    /// Wall-clock time since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// What was used since the start.
    pub(crate) fn used(&self) -> Result<Used, Error> {
        let elapsed = self.began.elapsed();
        let broker = self.broker.as_ref();
        let broker = broker.map(|(p, then)| p.cpu_time().map(|now| now.since(then))).transpose()?;
        let own = self.own.zip(Process::own().cpu_time().ok()).map(|(then, now)| now.since(&then));
        Ok(Used { elapsed, broker, own })
    }
}

/// So many things done, how fast that was, and what it cost.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Cost {
    /// How many were done.
    pub count: u64,
    /// Wall-clock time of all.
    pub seconds: f64,
    /// How many a second.
    pub per_second: f64,
    /// CPU time of the broker for all, if its process is known.
    pub broker_cpu_seconds: Option<f64>,
    /// How many per CPU second of the broker.
    pub per_cpu_second: Option<f64>,
    /// CPU time of the generator for all.
    pub generator_cpu_seconds: Option<f64>,
}

impl Cost {
    /// What `count` things cost each.
    pub(crate) fn of(count: u64, used: &Used) -> Self {
        let seconds = used.elapsed.as_secs_f64();
        let broker_cpu_seconds = used.broker.map(|time| time.as_secs_f64());
        Self {
            count,
            seconds,
            per_second: to_f64(count) / seconds,
            broker_cpu_seconds,
            per_cpu_second: broker_cpu_seconds.map(|cpu| to_f64(count) / cpu),
            generator_cpu_seconds: used.own.map(|time| time.as_secs_f64()),
        }
    }

    /// One line for people; `what` follows the number, as in "100 messages stored".
    pub(crate) fn line(&self, what: &str) -> String {
        let Self { count, seconds, per_second, .. } = self;
        let mut line = format!("{count} {what} in {seconds:.3} s: {per_second:.0} a second");
        if let Some(rate) = self.per_cpu_second {
            let each_us = 1e6 / rate;
            line += &format!("; broker: {rate:.0} per CPU second, {each_us:.2} us each");
        }
        if let Some(cpu) = self.generator_cpu_seconds {
            line += &format!("; generator: {:.0} % of one core", 100.0 * cpu / seconds);
        }
        line
    }
}

/// Memory of the broker before and after it was given something to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Memory {
    /// Resident memory before, without the pages of its program.
    pub before_bytes: u64,
    /// The same after.
    pub after_bytes: u64,
    /// What each thing took, rounded up; 0 if the broker shrank.
    pub bytes_each: u64,
}

impl Memory {
    /// What each of `count` things took.
    #[must_use]
    pub fn of(before_bytes: u64, after_bytes: u64, count: u64) -> Self {
        let bytes_each = after_bytes.saturating_sub(before_bytes).div_ceil(count.max(1));
        Self { before_bytes, after_bytes, bytes_each }
    }

    /// One line for people; `what` is one of the things.
    pub(crate) fn line(&self, what: &str) -> String {
        let Self { before_bytes, after_bytes, bytes_each } = self;
        let (before, after) = (before_bytes >> 10, after_bytes >> 10);
        if after_bytes <= before_bytes {
            return format!(
                "memory of a {what}: unknown, the broker had room left from earlier ({before} KiB); \
                 measure one that has just started"
            );
        }
        format!("memory: {bytes_each} bytes a {what} ({before} KiB before, {after} KiB after)")
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact to 2^53 things")]
fn to_f64(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_by_the_clock_and_by_the_brokers_cpu() {
        let used = Used {
            elapsed: Duration::from_millis(500),
            broker: Some(Duration::from_millis(250)),
            own: None,
        };
        let cost = Cost::of(1_000, &used);
        assert_eq!((cost.per_second, cost.per_cpu_second), (2_000.0, Some(4_000.0)));
        let line = cost.line("messages");
        assert!(line.contains("2000 a second") && line.contains("250.00 us each"), "{line}");
        let unknown = Cost::of(1, &Used { broker: None, ..used });
        assert_eq!(unknown.per_cpu_second, None);
    }

    #[test]
    fn memory_is_rounded_up_and_never_below_zero() {
        assert_eq!(Memory::of(5_000, 2_005_001, 1_000).bytes_each, 2_001);
        assert_eq!(Memory::of(5_000, 4_000, 1_000).bytes_each, 0);
        assert_eq!(Memory::of(5_000, 6_000, 0).bytes_each, 1_000);
    }
}
