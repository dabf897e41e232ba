//! Numbers that only grow. Accepts and deliveries are counted here rather than told one by one.

use crate::notice::DropReason;
use crate::packet::{PacketType, QoS};

/// Counts since the engine began. The unit of `routed` and what follows is one message for one
/// session (or for a share group none of whose members is connected).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections that were accepted.
    pub connections: u64,
    /// The most of them that there were at a time.
    pub most_connections: u64,
    /// CONNECTs that were refused.
    pub refused: u64,
    /// Sessions that ended because their time was over.
    pub sessions_expired: u64,
    /// Packets taken from accepted clients, their CONNECT included.
    pub packets_received: ByPacket,
    /// Packets sent to accepted clients.
    pub packets_sent: ByPacket,
    /// PUBLISH packets taken from clients.
    pub received: ByQoS,
    /// PUBLISH packets sent to clients, repetitions included.
    pub sent: ByQoS,
    /// Bytes of payload in PUBLISH packets taken from clients.
    pub payload_received: u64,
    /// Bytes of payload in PUBLISH packets sent to clients, repetitions included.
    pub payload_sent: u64,
    /// PUBLISH packets that were not routed, whether or not they were acknowledged.
    pub publish_refused: u64,
    /// Topic Filters that were refused.
    pub subscribe_refused: u64,
    /// Messages that were going to reach a session.
    pub routed: u64,
    /// Of these: handed to the connection (QoS 0) or acknowledged in full (QoS 1 and 2).
    pub delivered: u64,
    /// Of these: dropped, each with a notice that says why.
    pub dropped: ByReason,
}

/// A count for each QoS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByQoS {
    /// QoS 0.
    pub at_most_once: u64,
    /// QoS 1.
    pub at_least_once: u64,
    /// QoS 2.
    pub exactly_once: u64,
}

impl ByQoS {
    pub(crate) fn count(&mut self, qos: QoS) {
        self.add(qos, 1);
    }

    pub(crate) fn add(&mut self, qos: QoS, count: u64) {
        *match qos {
            QoS::AtMostOnce => &mut self.at_most_once,
            QoS::AtLeastOnce => &mut self.at_least_once,
            QoS::ExactlyOnce => &mut self.exactly_once,
        } += count;
    }
}

/// A count for each packet type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByPacket([u64; PacketType::ALL.len()]);

impl ByPacket {
    pub(crate) fn count(&mut self, packet: PacketType) {
        self.add(packet, 1);
    }

    pub(crate) fn add(&mut self, packet: PacketType, more: u64) {
        if let Some(count) = self.0.get_mut(packet as usize - 1) {
            *count += more;
        }
    }

    /// Each type with its count.
    pub fn iter(&self) -> impl Iterator<Item = (PacketType, u64)> {
        PacketType::ALL.into_iter().zip(self.0)
    }

    /// All together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// A count for each reason to drop a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByReason([u64; DropReason::ALL.len()]);

impl ByReason {
    pub(crate) fn add(&mut self, why: DropReason, messages: u64) {
        if let Some(count) = self.0.get_mut(why as usize) {
            *count += messages;
        }
    }

    /// Each reason with its count.
    pub fn iter(&self) -> impl Iterator<Item = (DropReason, u64)> {
        DropReason::ALL.into_iter().zip(self.0)
    }

    /// All together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}
