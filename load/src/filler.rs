//! Further subscriptions that none of the load's messages match: the crowd that a broker has to
//! find its way through.

use std::fmt;

use crate::Error;
use crate::cost::{Cost, Memory};
use crate::dial;
use crate::subject::{Subject, run_name};
use crate::transport::Stream;
use crate::wire::Qos;

/// Filters in one SUBSCRIBE.
const PER_PACKET: u64 = 200;
/// Subscriptions of one connection; many brokers allow a client no more than 100,000.
const PER_CONNECTION: u64 = 10_000;

/// What the further subscriptions cost.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Filler {
    /// How many connections share them.
    pub connections: u64,
    /// Making them.
    pub subscribed: Cost,
    /// What one took, if the broker's process is known.
    pub memory: Option<Memory>,
}

impl fmt::Display for Filler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.subscribed.line("further subscriptions"))?;
        self.memory.map_or(Ok(()), |memory| write!(f, "\n{}", memory.line("subscription")))
    }
}

/// Subscriptions that are there as long as this is.
#[derive(Debug)]
pub(crate) struct Crowd {
    /// Open until dropped.
    _streams: Vec<Stream>,
    pub(crate) filler: Filler,
}

impl Crowd {
    /// Makes `count` subscriptions below the first level of `topic`.
    pub(crate) fn gather(subject: &Subject, topic: &str, count: u64) -> Result<Self, Error> {
        let root = topic.split('/').next().unwrap_or_default();
        let connections = count.div_ceil(PER_CONNECTION);
        let before = subject.settled_bytes()?;
        let meter = subject.meter()?;
        let mut streams = Vec::new();
        for connection in 0..connections {
            let client_id = format!("{}x{connection}", run_name("filler"));
            let (mut stream, _) = subject.connect(&client_id, false)?;
            let first = connection * PER_CONNECTION;
            subscribe(subject, &mut stream, root, first..count.min(first + PER_CONNECTION))?;
            streams.push(stream);
        }
        let subscribed = Cost::of(count, &meter.used()?);
        let memory = subject.memory_since(before, count)?;
        Ok(Self { _streams: streams, filler: Filler { connections, subscribed, memory } })
    }
}

fn subscribe(
    subject: &Subject,
    stream: &mut Stream,
    root: &str,
    numbers: std::ops::Range<u64>,
) -> Result<(), Error> {
    let mut filters = Vec::new();
    for number in numbers.clone() {
        filters.push(filter(root, number));
        if filters.len() as u64 == PER_PACKET || number + 1 == numbers.end {
            dial::subscribe_all(stream, subject.version, &filters, Qos::AtMostOnce)?;
            filters.clear();
        }
    }
    Ok(())
}

/// Half are exact, four in ten have a `+` and one in ten ends in `#`. They begin like the load's
/// topics and part from them later, so that a broker cannot leave them aside at the first level.
fn filter(root: &str, number: u64) -> String {
    let (hall, machine) = (number % 100, number / 100 % 100);
    match number % 10 {
        0..5 => format!("{root}/fill{hall}/{machine}/{number}"),
        5..9 => format!("{root}/+/fill{machine}/{number}"),
        _ => format!("{root}/fill{hall}/{number}/#"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::topics::tests::{matches, workloads};

    #[test]
    fn no_filler_matches_a_topic_of_the_load() {
        for workload in workloads() {
            let topic = workload.topic(7);
            let root = topic.split('/').next().unwrap();
            for number in 0..500 {
                let filter = filter(root, number);
                assert!(!matches(&filter, &topic), "{filter} matches {topic}");
            }
        }
    }

    #[test]
    fn all_fillers_differ_in_the_mix_that_was_promised() {
        let filters: HashSet<_> = (0..20_000).map(|number| filter("load", number)).collect();
        assert_eq!(filters.len(), 20_000);
        assert_eq!(filters.iter().filter(|filter| filter.contains('+')).count(), 8_000);
        assert_eq!(filters.iter().filter(|filter| filter.ends_with('#')).count(), 2_000);
    }
}
