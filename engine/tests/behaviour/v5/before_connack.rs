//! MQTT 5.0: whatever ends a connection before its CONNACK has left ends it without a word
//! (section 3.14).

use super::wire;
use crate::support::raw::field;
use crate::support::{Bench, Client, SECOND, connect5, resume5};
use surewire_engine::config::{Config, QueueFullPolicy};
use surewire_engine::id::ClientId;
use surewire_engine::packet::{Connect, Packet};
use surewire_engine::request::{Command, Request};

/// A way to end the connection of client `c`, who is known, subscribed to `t` and has a Keep Alive
/// of ten seconds.
type Provocation = (&'static str, fn(&Bench, &Client));

const PROVOCATIONS: [Provocation; 12] = [
    ("a take-over", |bench, _| drop(bench.open(connect5("c")))),
    ("a take-over by an older client", |bench, _| drop(bench.open(crate::support::connect("c")))),
    ("silence", |bench, _| bench.advance(15 * SECOND)),
    ("a malformed packet", |_, client| client.raw(&[0xC0, 1, 0])),
    ("a packet that is too large", |_, client| client.raw(&[0x30, 255, 255, 255, 127])),
    ("a second CONNECT", |_, client| client.raw(&wire::connect(2, &[], &[&field("c")]))),
    ("an alias that was not offered", |_, client| {
        client.raw(&wire::publish(0x30, b"t", None, &[0x23, 0xFF, 0xFF]));
    }),
    ("an operator", |bench, _| {
        let client = ClientId::new("c").unwrap();
        bench.ask(Request::Command(Command::Disconnect(client)));
    }),
    ("an operator who ends the session", |bench, _| {
        let client = ClientId::new("c").unwrap();
        bench.ask(Request::Command(Command::EndSession(client)));
    }),
    ("a stop", |bench, _| bench.stop()),
    ("an answer that is too large", |_, client| {
        let filters: Vec<_> = (0..100).map(|n| (format!("f/{n}"), 0)).collect();
        let filters: Vec<_> = filters.iter().map(|(filter, qos)| (filter.as_str(), *qos)).collect();
        client.subscribe_as(1, &filters);
    }),
    ("a full queue", |bench, _| {
        let publisher = bench.connect("p");
        for _ in 0..3 {
            publisher.publish("t", 1, "x");
        }
    }),
];

/// A broker, and the connection of a client whose session was there before.
fn back(held: bool) -> (Bench, Client) {
    let bench = Bench::with(Config {
        max_inflight_messages: 1,
        max_msgqueue_messages: Some(1),
        queue_full_policy: QueueFullPolicy::Disconnect,
        ..Config::default()
    });
    let client = bench.resume5("c", 600, false);
    client.subscribe("t", 1);
    client.lose();
    if held {
        bench.hold_store();
    }
    let mut connect = Connect { keep_alive: 10, ..resume5("c", 600) };
    connect.properties.edit(|set| set.maximum_packet_size = Some(100));
    let client = bench.open(connect);
    (bench, client)
}

// trap: DISCONNECT never before a successful CONNACK
// conformance: v5 MQTT-3.14.0-1, v5 MQTT-3.2.0-1
#[test]
fn no_disconnect_comes_before_the_connack() {
    for (name, provoke) in PROVOCATIONS {
        let (bench, client) = back(true);
        assert_eq!(client.bytes(), [0; 0], "{name}: the CONNACK waits");
        provoke(&bench, &client);
        assert!(!client.is_open(), "{name}");
        bench.sync();
        bench.advance(SECOND);
        assert_eq!(client.bytes(), [0; 0], "{name}: nothing was sent");
    }
}

// The other half of the test above: behind the CONNACK the same ends bring a DISCONNECT.
#[test]
fn a_disconnect_comes_behind_the_connack() {
    for (name, provoke) in PROVOCATIONS {
        let (bench, client) = back(false);
        client.expect_connack(true);
        provoke(&bench, &client);
        assert!(!client.is_open(), "{name}");
        let last = client.pop();
        assert!(matches!(last, Some(Packet::Disconnect(_))), "{name}: {last:?}");
    }
}

// A client that is about to leave has said so before it was told that it is in.
// conformance: v5 MQTT-3.14.0-1
#[test]
fn a_client_that_leaves_before_its_connack_is_told_nothing() {
    for (code, properties) in [(0, &[][..]), (4, &[]), (0, &[0x11, 0, 0, 0, 9]), (0x8B, &[])] {
        let (bench, client) = back(true);
        client.raw(&crate::support::raw::packet(0xE0, &[&[code], &wire::list(properties)]));
        assert!(!client.is_open());
        bench.sync();
        assert_eq!(client.bytes(), [0; 0]);
    }
}
