//! What was promised and what came, as clients saw it.

use std::collections::{BTreeMap, BTreeSet};

use surewire_engine::packet::QoS;

/// Promises and deliveries.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Acknowledged messages of each topic, with their QoS.
    acknowledged: BTreeMap<String, BTreeMap<u64, QoS>>,
    /// How often each subscriber got each message.
    delivered: BTreeMap<(usize, String), BTreeMap<u64, u64>>,
    /// The latest message of each topic that each subscriber got for the first time.
    latest: BTreeMap<(usize, String), u64>,
    /// What went wrong.
    pub violations: Vec<String>,
}

/// What it adds up to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    /// Messages that were acknowledged to their publisher.
    pub acknowledged: u64,
    /// Messages that subscribers got, each once.
    pub delivered: u64,
    /// Repetitions of QoS 1.
    pub duplicates: u64,
    /// Messages that were acknowledged and did not come.
    pub lost: u64,
}

impl Ledger {
    /// The publisher was told that message `number` of `topic` is safe.
    pub fn acknowledge(&mut self, topic: &str, number: u64, qos: QoS) {
        self.acknowledged.entry(topic.to_owned()).or_default().insert(number, qos);
    }

    /// The subscriber got message `number` of `topic`, which was published at `qos`.
    pub fn deliver(&mut self, subscriber: usize, topic: &str, number: u64, qos: QoS) {
        let key = (subscriber, topic.to_owned());
        let count = self.delivered.entry(key.clone()).or_default().entry(number).or_default();
        *count += 1;
        if *count > 1 {
            if qos == QoS::ExactlyOnce {
                let what = format!("QoS 2 message {number} of {topic} came {count} times");
                self.violations.push(format!("{what} to subscriber {subscriber}"));
            }
            return;
        }
        let latest = self.latest.entry(key).or_insert(number);
        if number < *latest {
            let what = format!("message {number} of {topic} came first behind {latest}");
            self.violations.push(format!("{what} to subscriber {subscriber}"));
        }
        *latest = number.max(*latest);
    }

    /// Whether every subscriber has everything that was acknowledged.
    #[must_use]
    pub fn is_complete(&self, subscribers: usize) -> bool {
        self.missing(subscribers).next().is_none()
    }

    /// Adds up, and notes what is lost.
    pub fn close(&mut self, subscribers: usize) -> Totals {
        let lost: Vec<String> = self.missing(subscribers).collect();
        let counts = || self.delivered.values().flat_map(BTreeMap::values);
        let totals = Totals {
            acknowledged: self.acknowledged.values().map(|topic| topic.len() as u64).sum(),
            delivered: counts().count() as u64,
            duplicates: counts().map(|count| count - 1).sum(),
            lost: lost.len() as u64,
        };
        self.violations.extend(lost.into_iter().take(20));
        totals
    }

    fn missing(&self, subscribers: usize) -> impl Iterator<Item = String> {
        let empty = || BTreeSet::new();
        (0..subscribers).flat_map(move |subscriber| {
            self.acknowledged.iter().flat_map(move |(topic, numbers)| {
                let got = self.delivered.get(&(subscriber, topic.clone()));
                let got: BTreeSet<u64> =
                    got.map_or_else(empty, |got| got.keys().copied().collect());
                let lost = numbers.keys().filter(move |number| !got.contains(number));
                lost.map(move |number| {
                    format!("lost: message {number} of {topic} for subscriber {subscriber}")
                })
            })
        })
    }
}
