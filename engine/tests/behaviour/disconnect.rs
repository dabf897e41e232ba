//! DISCONNECT: MQTT 3.1.1 section 3.14.

use crate::support::{Bench, connect, will};
use surewire_engine::notice::{CloseReason, Notice};
use surewire_engine::packet::{Connect, ReasonCode};

// conformance: v3.1.1 MQTT-3.14.4-3
#[test]
fn disconnect_ends_the_connection_without_an_answer_and_without_the_will() {
    let bench = Bench::new();
    let watcher = bench.connect("watcher");
    watcher.subscribe("#", 0);
    let client = bench.open(Connect { will: will("w", "x", 0, true), ..connect("client") });
    client.expect_connack(false);
    client.raw(&[0xE0, 0]);
    client.expect_silent_close();
    assert_eq!(client.closed(), Some(CloseReason::ByClient(ReasonCode::Success)));
    watcher.ping();
    assert_eq!(bench.retained("#"), [""; 0]);
}

// conformance: v3.1.1 MQTT-3.14.1-1
#[test]
fn disconnect_with_reserved_bits_is_a_failure() {
    for flags in 1..16 {
        let bench = Bench::new();
        let watcher = bench.connect("watcher");
        watcher.subscribe("w", 0);
        let client = bench.open(Connect { will: will("w", "x", 0, false), ..connect("client") });
        client.expect_connack(false);
        client.raw(&[0xE0 | flags, 0]);
        client.expect_silent_close();
        assert_eq!(watcher.messages(), ["w=x q0"]);
    }
}

// The server ends a connection of its own accord too; each end is told once, with its reason.
#[test]
fn each_end_of_a_connection_is_told_once() {
    let bench = Bench::new();
    bench.connect("by-client").disconnect();
    bench.connect("lost").lose();
    bench.connect("broken").raw(&[0xF0, 0]);
    let who = |notice: Notice| match notice {
        Notice::Disconnected { client, .. } => Some(client.to_string()),
        _ => None,
    };
    let told: Vec<_> = bench.notices().into_iter().filter_map(who).collect();
    assert_eq!(told, ["by-client", "lost", "broken"]);
    assert_eq!(bench.sizes().connections, 0);
}
