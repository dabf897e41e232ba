//! What is counted: the numbers that metrics and `$SYS` are made of.

use crate::support::requests::publish;
use crate::support::{Bench, SECOND};
use surewire_engine::config::Config;
use surewire_engine::packet::PacketType;

#[test]
fn the_most_connections_at_a_time_are_remembered() {
    let bench = Bench::new();
    let clients = ["a", "b", "c"].map(|id| bench.connect(id));
    clients.iter().for_each(|client| client.disconnect());
    let _again = bench.connect("a");
    let counters = bench.counters();
    assert_eq!((counters.connections, counters.most_connections), (4, 3));
}

#[test]
fn only_sessions_whose_time_was_over_count_as_expired() {
    let config = Config { session_expiry_interval: Some(SECOND * 10), ..Config::default() };
    let bench = Bench::with(config);
    bench.connect("ends with its connection").disconnect();
    bench.connect_persistent("comes back", false).disconnect();
    bench.connect_persistent("stays away", false).disconnect();
    bench.connect_persistent("comes back", true);
    assert_eq!(bench.counters().sessions_expired, 0);
    bench.advance(SECOND * 11);
    assert_eq!(bench.counters().sessions_expired, 1);
}

#[test]
fn the_packets_of_a_connection_count_from_its_connect_on() {
    let bench = Bench::new();
    let client = bench.connect("a");
    client.ping();
    let counters = bench.counters();
    let count = |wanted| counters.packets_received.iter().find(|(packet, _)| *packet == wanted);
    assert_eq!(count(PacketType::Connect), Some((PacketType::Connect, 1)));
    assert_eq!((counters.packets_received.total(), counters.packets_sent.total()), (2, 2));
}

#[test]
fn payloads_count_in_both_directions_and_refusals_once_each() {
    let bench = Bench::new();
    let client = bench.connect("a");
    client.subscribe_many(&[("t", 1), ("a#", 0)]);
    client.publish("t", 1, "four");
    client.publish("$x", 0, "refused");
    bench.command(publish("t", 0, false, "seven b"));
    bench.command(publish("$y", 0, false, "refused"));
    let counters = bench.counters();
    assert_eq!((counters.payload_received, counters.payload_sent), (4 + 7, 4 + 7));
    assert_eq!((counters.publish_refused, counters.subscribe_refused), (2, 1));
}
