//! The window and the backlog behind it: docs/contract.md sections 2 and 5.

use crate::support::{Bench, Client, puback, pubcomp, pubrec};
use surewire_engine::config::Config;

/// A subscriber `c` with this window that has not acknowledged `count` messages of `qos`.
fn busy(window: u16, qos: u8, count: u32) -> (Bench, Client) {
    let config =
        Config { max_inflight_messages: window, max_msgqueue_messages: None, ..Config::default() };
    let bench = Bench::with(config);
    let (client, publisher) = (bench.connect("c"), bench.connect("p"));
    client.subscribe("t", 2);
    for n in 1..=count {
        publisher.publish("t", qos, &n.to_string());
    }
    (bench, client)
}

// contract: section 2, max_inflight_messages
#[test]
fn no_more_is_in_flight_than_the_window_holds() {
    for (window, qos) in [(1, 1), (20, 2), (7, 1)] {
        let (_bench, client) = busy(window, qos, 30);
        assert_eq!(client.take().len(), usize::from(window));
    }
}

// contract: section 5, a slot is freed by PUBACK
#[test]
fn a_puback_frees_one_slot() {
    let (_bench, client) = busy(2, 1, 5);
    client.take();
    client.send(puback(1));
    assert_eq!(client.seen(), ["t=3 q1 #3"]);
    client.send(puback(2));
    assert_eq!(client.seen(), ["t=4 q1 #4"]);
}

// contract: section 5, a slot is freed by PUBCOMP, not by PUBREC
#[test]
fn a_pubcomp_frees_one_slot_and_a_pubrec_none() {
    let (_bench, client) = busy(2, 2, 5);
    client.take();
    client.send(pubrec(1));
    assert_eq!(client.seen(), ["pubrel 1"]);
    client.send(pubcomp(1));
    assert_eq!(client.seen(), ["t=3 q2 #3"]);
}

// contract: section 5, the window does not hold QoS 0 back
#[test]
fn qos_0_passes_a_full_window() {
    let (bench, client) = busy(1, 1, 3);
    bench.connect("q").publish("t", 0, "now");
    assert_eq!(client.messages(), ["t=1 q1", "t=now q0"]);
}

// contract: section 5, each session has its own window
#[test]
fn a_full_window_holds_nobody_else_back() {
    let (bench, client) = busy(1, 1, 3);
    let other = bench.connect("other");
    other.subscribe("t", 1);
    bench.connect("q").publish("t", 1, "x");
    assert_eq!(other.ack_all(), ["t=x q1"]);
    assert_eq!(client.ack_all().len(), 4);
}

// contract: section 2, 0 is a window of 65,535
#[test]
fn the_largest_window_uses_every_identifier() {
    let config = Config {
        max_inflight_messages: 65_535,
        max_msgqueue_messages: None,
        max_unsent_bytes: 1 << 30,
        ..Config::default()
    };
    let bench = Bench::with(config);
    bench.check_every(10_000);
    let (client, publisher) = (bench.connect("c"), bench.connect("p"));
    client.subscribe("t", 1);
    for _ in 0..65_540_u32 {
        publisher.publish("t", 1, "x");
    }
    assert_eq!(crate::support::ids(&client.take()).len(), 65_535);
    client.send(puback(300));
    assert_eq!(client.seen(), ["t=x q1 #300"]);
}

// contract: section 8, max_queued_bytes
#[test]
fn the_backlog_is_bounded_by_bytes_too() {
    let config = Config {
        max_inflight_messages: 1,
        max_msgqueue_messages: None,
        max_queued_bytes: 10_000,
        ..Config::default()
    };
    let bench = Bench::with(config);
    let (client, publisher) = (bench.connect("c"), bench.connect("p"));
    client.subscribe("t", 1);
    let payload = "x".repeat(1_000 - 64 - 1);
    for _ in 0..40 {
        publisher.publish("t", 1, &payload);
    }
    assert_eq!(client.ack_all().len(), 1 + 10);
}
