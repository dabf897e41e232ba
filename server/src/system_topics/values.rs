//! Topics and their values.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use bytestring::ByteString;
use surewire_engine::answer::Numbers;
use surewire_engine::counters::ByQoS;
use surewire_engine::time::Time;
use surewire_engine::topic::TopicName;

use super::load::{Load, PERIODS};
use crate::config::Durability;
use crate::traffic;

/// Everything that is told, at one moment.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) at: Time,
    pub(super) numbers: Numbers,
    /// Bytes from and to clients.
    pub(super) traffic: traffic::Bytes,
    /// What an acknowledged message survives.
    pub(super) durability: Durability,
    /// Whether the disk has no room.
    pub(super) full: bool,
    /// Connections that were accepted, before anything came on them.
    pub(super) sockets: u64,
}

/// What was told last, so that only changes are told.
#[derive(Debug, Default)]
pub(super) struct SystemTopics {
    told: BTreeMap<String, String>,
    loads: [Load; 9],
    last: Duration,
}

impl SystemTopics {
    /// What has changed, `uptime` after the broker's start.
    pub(super) fn update(
        &mut self,
        uptime: Duration,
        reading: &Reading,
    ) -> Vec<(TopicName, Bytes)> {
        let loads = self.loads(uptime, reading);
        let values = values(uptime, reading).map(|(topic, value)| (topic.to_owned(), value));
        values
            .into_iter()
            .chain(loads)
            .filter_map(|(topic, value)| self.tell(topic, value))
            .collect()
    }

    fn tell(&mut self, topic: String, value: String) -> Option<(TopicName, Bytes)> {
        if self.told.get(&topic) == Some(&value) {
            return None;
        }
        let name = TopicName::new(ByteString::from(format!("$SYS/broker/{topic}")))?;
        self.told.insert(topic, value.clone());
        Some((name, Bytes::from(value)))
    }

    fn loads(&mut self, uptime: Duration, reading: &Reading) -> Vec<(String, String)> {
        let elapsed = uptime.saturating_sub(self.last);
        self.last = uptime;
        let mut told = Vec::new();
        for (load, (topic, count)) in self.loads.iter_mut().zip(rates(reading)) {
            for ((period, _), average) in PERIODS.iter().zip(load.update(elapsed, count)) {
                told.push((format!("load/{topic}/{period}"), format!("{average:.2}")));
            }
        }
        told
    }
}

/// Topics below `$SYS/broker/`, and what is told there.
fn values(uptime: Duration, reading: &Reading) -> [(&'static str, String); 24] {
    let Numbers { sizes, counters } = &reading.numbers;
    let (sessions, connected) = (sizes.sessions as u64, sizes.connections as u64);
    let away = sessions.saturating_sub(connected);
    let gone = counters.delivered + counters.dropped.total();
    let stored = counters.routed.saturating_sub(gone) + sizes.retained as u64;
    let number = |topic, number: u64| (topic, number.to_string());
    [
        ("version", format!("surewire version {}", env!("CARGO_PKG_VERSION"))),
        ("uptime", format!("{} seconds", uptime.as_secs())),
        number("clients/total", sessions),
        number("clients/connected", connected),
        number("clients/active", connected),
        number("clients/disconnected", away),
        number("clients/inactive", away),
        number("clients/maximum", counters.most_connections),
        number("clients/expired", counters.sessions_expired),
        number("messages/received", counters.packets_received.total()),
        number("messages/sent", counters.packets_sent.total()),
        number("messages/stored", stored),
        number("store/messages/count", stored),
        number("store/full", u64::from(reading.full)),
        ("store/durability", reading.durability.to_string()),
        number("retained messages/count", sizes.retained as u64),
        number("subscriptions/count", sizes.subscriptions as u64),
        number("publish/messages/received", total(counters.received)),
        number("publish/messages/sent", total(counters.sent)),
        number("publish/messages/dropped", counters.dropped.total()),
        number("publish/bytes/received", counters.payload_received),
        number("publish/bytes/sent", counters.payload_sent),
        number("bytes/received", reading.traffic.received),
        number("bytes/sent", reading.traffic.sent),
    ]
}

/// Topics below `$SYS/broker/load/`, and the counters whose rates are told there.
fn rates(reading: &Reading) -> [(&'static str, u64); 9] {
    let counters = &reading.numbers.counters;
    [
        ("messages/received", counters.packets_received.total()),
        ("messages/sent", counters.packets_sent.total()),
        ("publish/received", total(counters.received)),
        ("publish/sent", total(counters.sent)),
        ("publish/dropped", counters.dropped.total()),
        ("bytes/received", reading.traffic.received),
        ("bytes/sent", reading.traffic.sent),
        ("connections", counters.connections + counters.refused),
        ("sockets", reading.sockets),
    ]
}

fn total(count: ByQoS) -> u64 {
    count.at_most_once + count.at_least_once + count.exactly_once
}

#[cfg(test)]
mod tests {
    use super::*;
    use surewire_engine::Engine;
    use surewire_engine::config::Config;

    const DOCUMENTED: &str = include_str!("../../../docs/sys-topics.md");

    fn reading() -> Reading {
        let engine = Engine::new(Config::default(), [0; 32]);
        let numbers = Numbers { sizes: engine.sizes(), counters: *engine.counters() };
        Reading {
            at: Time::ZERO,
            numbers,
            traffic: traffic::Bytes::default(),
            durability: Durability::Power,
            full: false,
            sockets: 0,
        }
    }

    fn shown(changed: Vec<(TopicName, Bytes)>) -> Vec<(String, String)> {
        let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        changed.into_iter().map(|(topic, value)| (topic.to_string(), text(value))).collect()
    }

    #[test]
    fn all_is_told_at_first_and_then_what_has_changed() {
        let (mut topics, mut reading) = (SystemTopics::default(), reading());
        assert_eq!(topics.update(Duration::ZERO, &reading).len(), 24 + 27);
        assert_eq!(topics.update(Duration::ZERO, &reading), []);

        reading.numbers.counters.received.at_least_once = 6;
        let changed = shown(topics.update(Duration::from_secs(60), &reading));
        let expected = [
            ("uptime", "60 seconds"),
            ("publish/messages/received", "6"),
            ("load/publish/received/1min", "3.79"),
            ("load/publish/received/5min", "1.09"),
            ("load/publish/received/15min", "0.39"),
        ];
        let expected =
            expected.map(|(topic, value)| (format!("$SYS/broker/{topic}"), value.into()));
        assert_eq!(changed, expected);
    }

    #[test]
    fn what_is_held_is_what_was_routed_and_neither_delivered_nor_dropped() {
        let mut reading = reading();
        reading.numbers.sizes.retained = 5;
        reading.numbers.counters.routed = 10;
        reading.numbers.counters.delivered = 7;
        let changed = shown(SystemTopics::default().update(Duration::ZERO, &reading));
        let stored = ("$SYS/broker/store/messages/count".to_owned(), "8".to_owned());
        assert!(changed.contains(&stored), "{changed:?}");
    }

    #[test]
    fn every_topic_is_documented_and_nothing_else_is() {
        let topic = |line: &str| {
            line.strip_prefix("| `$SYS/broker/")?.split_once('`').map(|(topic, _)| topic.to_owned())
        };
        let mut documented: Vec<String> = DOCUMENTED.lines().filter_map(topic).collect();
        let told = values(Duration::ZERO, &reading()).map(|(topic, _)| topic.to_owned());
        let rates = rates(&reading()).map(|(topic, _)| format!("load/{topic}/+"));
        let mut told: Vec<String> = told.into_iter().chain(rates).collect();
        documented.sort();
        told.sort();
        assert_eq!(documented, told);
    }
}
