//! The loads of a comparison, by name.

use std::time::Duration;

use surewire_load::transport::Transport;
use surewire_load::wire::{Qos, Version};
use surewire_load::{Limit, Pacing, Shape, Workload};

/// The rows that a comparison runs when nobody names any.
pub const USUAL: [&str; 9] =
    ["fanin0", "fanin1", "fanin2", "fanout0", "fanout1", "fanout2", "pairs0", "pairs1", "pairs2"];

/// One load.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Shape and QoS.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// The load.
    pub workload: Workload,
    /// What carries it.
    pub transport: Transport,
}

/// The rows whose messages leave by the clock: what counts there is how late they come.
pub const PACED: [&str; 2] = ["paced10k", "paced100k"];

impl Row {
    /// Whether its messages leave by the clock, so that it shows delays and no limit.
    #[must_use]
    pub const fn is_paced(&self) -> bool {
        matches!(self.workload.pacing, Pacing::Open { .. })
    }
}

/// Every row, each publishing for `time`. The digit of a name is the QoS; payloads are 64 bytes
/// where nothing else is said.
#[must_use]
pub fn all(time: Duration) -> Vec<Row> {
    use Qos::{AtLeastOnce, AtMostOnce, ExactlyOnce};
    let row = |name, about, shape, clients, qos| Row {
        name,
        about,
        workload: closed(shape, clients, qos, time),
        transport: Transport::Tcp,
    };
    let fan_in = |name, qos| row(name, "100 publishers, 1 subscriber", Shape::Fanin, 100, qos);
    let fan_out = |name, qos| row(name, "1 publisher, 500 subscribers", Shape::Fanout, 500, qos);
    let pairs = |name, qos| row(name, "100 pairs", Shape::Pairs, 100, qos);
    vec![
        fan_in("fanin0", AtMostOnce),
        fan_in("fanin1", AtLeastOnce),
        fan_in("fanin2", ExactlyOnce),
        fan_out("fanout0", AtMostOnce),
        fan_out("fanout1", AtLeastOnce),
        fan_out("fanout2", ExactlyOnce),
        pairs("pairs0", AtMostOnce),
        pairs("pairs1", AtLeastOnce),
        pairs("pairs2", ExactlyOnce),
        single(fan_in("single0", AtMostOnce)),
        deep(fan_in("deep0", AtMostOnce), 10_000),
        deep(fan_out("deepout0", AtMostOnce), 1_000),
        big(pairs("big0", AtMostOnce)),
        paced(fan_in("paced10k", AtMostOnce), 10_000.0, "fanin0 at 10,000 messages/s by the clock"),
        paced(fan_in("paced100k", AtMostOnce), 1e5, "fanin0 at 100,000 messages/s by the clock"),
        row(
            "wild0",
            "100 pairs, 90 filters with + and 10 with #",
            Shape::Wildcard,
            100,
            AtMostOnce,
        ),
        row("shared0", "100 publishers, a share group of 4", Shape::Shared, 100, AtMostOnce),
        v5(pairs("v5pairs1", AtLeastOnce), 0, "pairs1 in MQTT 5.0, without properties"),
        v5(fan_in("v5fanin0", AtMostOnce), 0, "fanin0 in MQTT 5.0, without properties"),
        v5(fan_in("props0", AtMostOnce), 5, "fanin0 in MQTT 5.0, 5 User Properties a message"),
        under(fan_in("under1M", AtMostOnce), time / 2),
        by(Transport::Ws, fan_in("wsfanin0", AtMostOnce), "fanin0 by WebSocket, a packet a frame"),
        by(Transport::Ws, pairs("wspairs1", AtLeastOnce), "pairs1 by WebSocket, a packet a frame"),
        by(Transport::Tls, fan_in("tlsfanin0", AtMostOnce), "fanin0 by TLS"),
        by(Transport::Tls, pairs("tlspairs1", AtLeastOnce), "pairs1 by TLS"),
    ]
}

/// A closed loop as the usual rows have it, publishing for `time`.
#[must_use]
pub const fn closed(shape: Shape, clients: u32, qos: Qos, time: Duration) -> Workload {
    let pacing = Pacing::Closed { outstanding: outstanding(shape), burst: Workload::BURST };
    Workload { qos, pacing, limit: Limit::Time(time), ..Workload::new(shape, clients) }
}

/// Few enough that no broker drops QoS 0: a fan-out holds them once for each subscriber.
const fn outstanding(shape: Shape) -> u64 {
    match shape {
        Shape::Fanin | Shape::Pairs | Shape::Wildcard | Shape::Shared => Workload::OUTSTANDING,
        Shape::Fanout => 100,
    }
}

fn single(mut row: Row) -> Row {
    row.about = "100 publishers, 1 subscriber, one message a write";
    row.workload.pacing = Pacing::Closed { outstanding: 1_000, burst: 1 };
    row
}

fn deep(mut row: Row, outstanding: u64) -> Row {
    row.about = "like without deep, in bursts of 64";
    row.workload.pacing = Pacing::Closed { outstanding, burst: 64 };
    row
}

fn big(mut row: Row) -> Row {
    row.about = "100 pairs, payloads of 16 KiB";
    row.workload.payload = 16 << 10;
    row.workload.pacing = Pacing::Closed { outstanding: 1_000, burst: 4 };
    row
}

const fn v5(mut row: Row, user_properties: u16, about: &'static str) -> Row {
    row.about = about;
    row.workload.version = Version::V5;
    row.workload.user_properties = user_properties;
    row
}

const fn under(mut row: Row, time: Duration) -> Row {
    row.about = "fanin0 under 1,000,000 subscriptions that match nothing, for half the time";
    row.workload.filler_subscriptions = 1_000_000;
    row.workload.limit = Limit::Time(time);
    row
}

const fn by(transport: Transport, mut row: Row, about: &'static str) -> Row {
    row.about = about;
    row.transport = transport;
    row
}

const fn paced(mut row: Row, rate: f64, about: &'static str) -> Row {
    row.about = about;
    row.workload.pacing = Pacing::Open { rate };
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_makes_sense_and_has_a_name_of_its_own() {
        let rows = all(Duration::from_secs(1));
        for row in &rows {
            row.workload.check().unwrap();
            let twins = rows.iter().filter(|other| other.name == row.name).count();
            assert_eq!(twins, 1, "{}", row.name);
        }
        let paced: Vec<_> = rows.iter().filter(|row| row.is_paced()).map(|row| row.name).collect();
        assert_eq!(paced, PACED);
        assert!(USUAL.iter().all(|name| rows.iter().any(|row| row.name == *name)));
    }
}
