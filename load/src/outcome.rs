//! What a run showed, for people and for programs.

use std::fmt;

use hdrhistogram::Histogram;

use crate::arrivals::Tally;
use crate::filler::Filler;
use crate::wire::{Qos, Version};
use crate::workload::Shape;

/// Delays from the intended moment of sending, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Latency {
    /// Median.
    pub p50_us: f64,
    /// 99th percentile.
    pub p99_us: f64,
    /// 99.9th percentile.
    pub p999_us: f64,
    /// Largest.
    pub max_us: f64,
}

impl Latency {
    /// The percentiles of delays in ns.
    #[must_use]
    pub fn of(delays_ns: &Histogram<u64>) -> Self {
        let at = |quantile| micros(delays_ns.value_at_quantile(quantile));
        let max_us = micros(delays_ns.max());
        Self { p50_us: at(0.5), p99_us: at(0.99), p999_us: at(0.999), max_us }
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { p50_us, p99_us, p999_us, max_us } = self;
        write!(f, "p50 {p50_us:.0} us, p99 {p99_us:.0} us, ")?;
        write!(f, "p99.9 {p999_us:.0} us, max {max_us:.0} us")
    }
}

/// The result of one run.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Outcome {
    /// Who talked to whom.
    pub shape: Shape,
    /// Of publications and subscriptions.
    pub qos: Qos,
    /// What all connections spoke.
    #[serde(rename = "protocol")]
    pub version: Version,
    /// User Properties of each message.
    pub user_properties: u16,
    /// Bytes a payload.
    pub payload: usize,
    /// Publishing connections.
    pub publishers: u32,
    /// Subscribing connections.
    pub subscribers: u32,
    /// Messages sent.
    pub published: u64,
    /// Deliveries, and what was wrong with them.
    #[serde(flatten)]
    pub tally: Tally,
    /// From the first message to the last delivery or acknowledgement.
    pub seconds: f64,
    /// CPU time of the broker meanwhile, if its process is known.
    pub broker_cpu_seconds: Option<f64>,
    /// CPU time of the generator meanwhile.
    pub generator_cpu_seconds: Option<f64>,
    /// Delays until delivery; only of paced runs.
    pub latency: Option<Latency>,
    /// Delays until the publisher had its PUBACK or PUBCOMP; only of paced runs at QoS 1 and 2.
    pub acknowledged: Option<Latency>,
    /// The further subscriptions that the load passed by, if there were any.
    pub filler: Option<Filler>,
}

impl Outcome {
    /// Delivered messages a second.
    #[must_use]
    pub fn messages_per_second(&self) -> f64 {
        count(self.tally.received) / self.seconds
    }

    /// Delivered messages per CPU second of the broker.
    #[must_use]
    pub fn messages_per_cpu_second(&self) -> Option<f64> {
        self.broker_cpu_seconds.map(|cpu| count(self.tally.received) / cpu)
    }

    /// The outcome with its rates, as one JSON object.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let mut json = serde_json::json!(self);
        if let Some(object) = json.as_object_mut() {
            let per_cpu_second = self.messages_per_cpu_second();
            object.insert("messages_per_second".into(), self.messages_per_second().into());
            object.insert("messages_per_cpu_second".into(), per_cpu_second.into());
            let per_million = per_cpu_second.map(|rate| 1e6 / rate);
            object.insert("cpu_seconds_per_million".into(), per_million.into());
        }
        json
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { publishers, subscribers, version, qos, user_properties, payload, .. } = self;
        let Self { published, tally, seconds, .. } = self;
        write!(f, "{publishers} publishers, {subscribers} subscribers, {version}, QoS {qos}, ")?;
        write!(f, "{payload} bytes")?;
        if *user_properties > 0 {
            write!(f, " and {user_properties} User Properties")?;
        }
        writeln!(f)?;
        let received = tally.received;
        writeln!(f, "published {published}, delivered {received} in {seconds:.3} s")?;
        writeln!(f, "{tally}")?;
        if let Some(filler) = self.filler {
            writeln!(f, "{filler}")?;
        }
        write!(f, "{:.0} messages/s", self.messages_per_second())?;
        if let Some((cpu, rate)) = self.broker_cpu_seconds.zip(self.messages_per_cpu_second()) {
            write!(f, "\nbroker: {cpu:.3} CPU s, {:.2} CPU s per million messages", 1e6 / rate)?;
        }
        if let Some(cpu) = self.generator_cpu_seconds {
            let share = 100.0 * cpu / seconds;
            write!(f, "\ngenerator: {cpu:.3} CPU s, {share:.0} % of one core")?;
        }
        if let Some(latency) = self.latency {
            write!(f, "\nlatency: {latency}")?;
        }
        if let Some(acknowledged) = self.acknowledged {
            write!(f, "\nacknowledged: {acknowledged}")?;
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact to 2^53 messages")]
fn count(number: u64) -> f64 {
    number as f64
}

fn micros(ns: u64) -> f64 {
    count(ns) / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome() -> Outcome {
        Outcome {
            shape: Shape::Fanin,
            qos: Qos::AtLeastOnce,
            version: Version::V3_1_1,
            user_properties: 0,
            payload: 64,
            publishers: 10,
            subscribers: 1,
            published: 1_000,
            tally: Tally { received: 990, lost: 10, ..Tally::default() },
            seconds: 0.5,
            broker_cpu_seconds: Some(0.25),
            generator_cpu_seconds: None,
            latency: None,
            acknowledged: None,
            filler: None,
        }
    }

    #[test]
    fn rates_count_deliveries_only() {
        assert_eq!(outcome().messages_per_second(), 1_980.0);
        assert_eq!(outcome().messages_per_cpu_second(), Some(3_960.0));
    }

    #[test]
    fn json_is_flat_and_names_its_units() {
        let json = outcome().to_json();
        assert_eq!(json["lost"], 10);
        assert_eq!(json["qos"], "1");
        assert_eq!(json["messages_per_cpu_second"], 3_960.0);
        assert_eq!(json["latency"], serde_json::Value::Null);
    }

    #[test]
    fn latency_is_given_in_microseconds() {
        let mut delays = Histogram::new(3).unwrap();
        for thousand in 1..=100 {
            delays.record(thousand * 1_000).unwrap();
        }
        let latency = Latency::of(&delays);
        assert!((latency.p50_us - 50.0).abs() < 0.1, "{latency:?}");
        assert!((latency.max_us - 100.0).abs() < 0.1, "{latency:?}");
    }
}
