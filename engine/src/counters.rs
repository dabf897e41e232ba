//! Numbers that only grow. Accepts and deliveries are counted here rather than told one by one.

use crate::packet::QoS;

/// Counts since the engine began. The unit of `routed` and what follows is one message for one
/// session (or for a share group none of whose members is connected).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections that were accepted.
    pub connections: u64,
    /// CONNECTs that were refused.
    pub refused: u64,
    /// PUBLISH packets taken from clients.
    pub received: ByQoS,
    /// PUBLISH packets sent to clients, repetitions included.
    pub sent: ByQoS,
    /// Messages that were going to reach a session.
    pub routed: u64,
    /// Of these: handed to the connection (QoS 0) or acknowledged in full (QoS 1 and 2).
    pub delivered: u64,
    /// Of these: dropped, each with a notice that says why.
    pub dropped: u64,
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
        *match qos {
            QoS::AtMostOnce => &mut self.at_most_once,
            QoS::AtLeastOnce => &mut self.at_least_once,
            QoS::ExactlyOnce => &mut self.exactly_once,
        } += 1;
    }
}
