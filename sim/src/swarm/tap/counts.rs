//! I20: what the broker has counted is what was seen.

use std::collections::BTreeMap;

use surewire_engine::counters::{ByQoS, Counters};
use surewire_engine::notice::{DropReason, Notice, SessionEnd};
use surewire_engine::packet::{Packet, PacketType, QoS};

/// What was seen of one life of the broker.
#[derive(Debug, Default)]
pub(super) struct Counts {
    accepted: u64,
    refused: u64,
    expired: u64,
    subscribe_refused: u64,
    packets_in: ByName<PacketType>,
    packets_out: ByName<PacketType>,
    received: BTreeMap<QoS, u64>,
    sent: BTreeMap<QoS, u64>,
    payload_sent: u64,
    dropped: ByName<DropReason>,
}

/// Counts of things that have no order of their own.
#[derive(Debug)]
struct ByName<T>(Vec<(T, u64)>);

impl<T> Default for ByName<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: PartialEq> ByName<T> {
    fn add(&mut self, name: T, more: u64) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => *count += more,
            None => self.0.push((name, more)),
        }
    }

    fn of(&self, name: &T) -> u64 {
        self.0.iter().find(|(known, _)| known == name).map_or(0, |(_, count)| *count)
    }
}

impl Counts {
    /// The broker took a packet of a client that it has accepted.
    pub(super) fn took(&mut self, packet: &Packet) {
        self.packets_in.add(packet.packet_type(), 1);
        // With an identifier that only servers send it was no message.
        if let Packet::Publish(publish) = packet
            && publish.properties.get().subscription_identifiers.is_empty()
        {
            *self.received.entry(publish.qos).or_default() += 1;
        }
    }

    /// It sent one to a client that it has accepted.
    pub(super) fn sent(&mut self, kind: PacketType) {
        self.packets_out.add(kind, 1);
    }

    /// It sent a message.
    pub(super) fn delivered(&mut self, qos: QoS, payload: usize) {
        self.sent(PacketType::Publish);
        *self.sent.entry(qos).or_default() += 1;
        self.payload_sent += payload as u64;
    }

    pub(super) fn told(&mut self, notice: &Notice) {
        match notice {
            Notice::Dropped { why, .. } => self.dropped.add(*why, 1),
            Notice::SessionEnded { why, dropped, .. } => {
                self.dropped.add(DropReason::SessionEnded, *dropped);
                self.expired += u64::from(*why == SessionEnd::Expired);
            }
            Notice::Connected { .. } => {
                self.accepted += 1;
                self.packets_in.add(PacketType::Connect, 1);
            }
            Notice::Refused { .. } => self.refused += 1,
            Notice::SubscribeRefused { .. } => self.subscribe_refused += 1,
            Notice::Disconnected { .. }
            | Notice::PublishRefused { .. }
            | Notice::NotRetained { .. }
            | Notice::WillPublished { .. }
            | Notice::Storage(_)
            | Notice::Memory(_) => {}
        }
    }

    /// What differs, if anything does.
    pub(super) fn compare(&self, counters: &Counters) -> Result<(), String> {
        let names = |name: &str, of: &dyn std::fmt::Debug| format!("{name} {of:?}");
        let packets_in = counters.packets_received.iter();
        let packets_in = packets_in
            .map(|(kind, count)| (names("received", &kind), count, self.packets_in.of(&kind)));
        let packets_out = counters.packets_sent.iter();
        let packets_out = packets_out
            .map(|(kind, count)| (names("sent", &kind), count, self.packets_out.of(&kind)));
        let dropped = counters.dropped.iter();
        let dropped =
            dropped.map(|(why, count)| (names("dropped", &why), count, self.dropped.of(&why)));
        let levels = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];
        let by_qos = levels.into_iter().flat_map(|qos| {
            let seen = |seen: &BTreeMap<QoS, u64>| seen.get(&qos).copied().unwrap_or(0);
            [
                (
                    names("messages received", &qos),
                    at(&counters.received, qos),
                    seen(&self.received),
                ),
                (names("messages sent", &qos), at(&counters.sent, qos), seen(&self.sent)),
            ]
        });
        let others = [
            ("connections", counters.connections, self.accepted),
            ("connections refused", counters.refused, self.refused),
            ("sessions expired", counters.sessions_expired, self.expired),
            ("filters refused", counters.subscribe_refused, self.subscribe_refused),
            ("bytes of payload sent", counters.payload_sent, self.payload_sent),
        ];
        let others = others.into_iter().map(|(name, count, seen)| (name.to_owned(), count, seen));
        let mut all = packets_in.chain(packets_out).chain(dropped).chain(by_qos).chain(others);
        match all.find(|(_, counted, seen)| counted != seen) {
            Some((name, counted, seen)) => {
                Err(format!("I20: {name}: {counted} counted and {seen} seen"))
            }
            None => Ok(()),
        }
    }
}

fn at(counts: &ByQoS, qos: QoS) -> u64 {
    match qos {
        QoS::AtMostOnce => counts.at_most_once,
        QoS::AtLeastOnce => counts.at_least_once,
        QoS::ExactlyOnce => counts.exactly_once,
    }
}
