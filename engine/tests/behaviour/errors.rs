//! What breaks the protocol, and what only looks like it: MQTT 3.1.1 section 4.8 and the table of
//! errors in conformance/README.md, as far as an accepted 3.1.1 connection goes.

use crate::support::{Bench, connect, will};
use surewire_engine::notice::CloseReason;
use surewire_engine::packet::Connect;

/// Whether these bytes on a fresh connection end it, with no answer but with its Will.
fn violates(bytes: &[u8]) -> bool {
    let bench = Bench::new();
    let watcher = bench.connect("watcher");
    watcher.subscribe("#", 0);
    let client = bench.open(Connect { will: will("will", "x", 0, false), ..connect("c") });
    client.expect_connack(false);
    client.raw(bytes);
    let closed = matches!(client.closed(), Some(CloseReason::Violation(_)));
    if closed {
        assert_eq!(client.take(), [], "no packet on the way out");
        assert_eq!(watcher.messages(), ["will=x q0"], "{bytes:?}");
        watcher.ping();
    }
    closed
}

fn assert_violations(cases: &[(&str, &[u8])]) {
    for (name, bytes) in cases {
        assert!(violates(bytes), "{name}");
    }
}

/// The smallest body that a packet of each type can have.
fn body(packet_type: u8) -> &'static [u8] {
    match packet_type {
        1 => &[0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0, 0, 1, b'd'],
        2 => &[0, 0],
        3 => &[0, 1, b't'],
        8 => &[0, 1, 0, 1, b't', 0],
        9 => &[0, 1, 0],
        10 => &[0, 1, 0, 1, b't'],
        4..=7 | 11 => &[0, 1],
        _ => &[],
    }
}

/// The flags that a client may set on each packet type after its CONNECT; with the smallest bodies
/// a PUBLISH is well formed only at QoS 0.
fn right_flags(packet_type: u8) -> &'static [u8] {
    match packet_type {
        3 => &[0, 1],
        4 | 5 | 7 | 12 | 14 => &[0],
        6 | 8 | 10 => &[2],
        _ => &[],
    }
}

// conformance: v3.1.1 MQTT-4.8.0-1, v3.1.1 MQTT-2.2.2-2, v3.1.1 MQTT-3.6.1-1
// conformance: v3.1.1 MQTT-3.8.1-1, v3.1.1 MQTT-3.10.1-1, v3.1.1 MQTT-3.14.1-1
#[test]
fn every_type_with_every_wrong_nibble_closes() {
    for first in 0..=255_u8 {
        let (packet_type, flags) = (first >> 4, first & 15);
        let body = body(packet_type);
        let packet = [&[first, u8::try_from(body.len()).unwrap()], body].concat();
        let right = right_flags(packet_type).contains(&flags);
        assert_eq!(violates(&packet), !right, "first byte {first:#04x}");
    }
}

// conformance: v3.1.1 MQTT-4.8.0-1
#[test]
fn what_only_a_server_sends_closes() {
    assert_violations(&[
        ("CONNACK", &[0x20, 2, 0, 0]),
        ("SUBACK", &[0x90, 3, 0, 1, 0]),
        ("UNSUBACK", &[0xB0, 2, 0, 1]),
        ("PINGRESP", &[0xD0, 0]),
    ]);
}

// conformance: v3.1.1 MQTT-4.8.0-1
#[test]
fn a_remaining_length_of_five_bytes_closes() {
    assert!(violates(&[0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]));
    assert!(violates(&[0x30, 0xFF, 0xFF, 0xFF, 0xFF]), "known with the fourth");
}

// contract: section 8, max_packet_size
#[test]
fn a_packet_over_the_limit_closes_as_soon_as_its_length_is_there() {
    assert!(violates(&[0x30, 0x80, 0x80, 0x80, 0x01]), "2 MiB and five bytes");
}

// conformance: v3.1.1 MQTT-4.8.0-1
#[test]
fn a_body_of_another_length_than_its_fields_closes() {
    assert_violations(&[
        ("PINGREQ with a body", &[0xC0, 1, 0]),
        ("DISCONNECT with a body", &[0xE0, 1, 0]),
        ("PUBACK of one byte", &[0x40, 1, 0]),
        ("PUBREC of three bytes", &[0x50, 3, 0, 1, 0]),
        ("PUBREL of three bytes", &[0x62, 3, 0, 1, 0]),
        ("PUBCOMP without one", &[0x70, 0]),
        ("PUBLISH without a topic", &[0x30, 0]),
        ("PUBLISH with half a topic", &[0x30, 3, 0, 5, b't']),
        ("QoS 1 PUBLISH without an identifier", &[0x32, 3, 0, 1, b't']),
    ]);
}

// conformance: v3.1.1 MQTT-2.3.1-1
#[test]
fn packet_identifier_0_closes_in_every_packet_that_has_one() {
    assert_violations(&[
        ("PUBLISH QoS 1", &[0x32, 5, 0, 1, b't', 0, 0]),
        ("PUBLISH QoS 2", &[0x34, 5, 0, 1, b't', 0, 0]),
        ("PUBACK", &[0x40, 2, 0, 0]),
        ("PUBREC", &[0x50, 2, 0, 0]),
        ("PUBREL", &[0x62, 2, 0, 0]),
        ("PUBCOMP", &[0x70, 2, 0, 0]),
        ("SUBSCRIBE", &[0x82, 6, 0, 0, 0, 1, b't', 0]),
        ("UNSUBSCRIBE", &[0xA2, 5, 0, 0, 0, 1, b't']),
    ]);
}

// conformance: v3.1.1 MQTT-3.3.1-4, v3.1.1 MQTT-3.3.1-2, v3.1.1 MQTT-4.7.3-1
// conformance: v3.1.1 MQTT-3.3.2-2, v3.1.1 MQTT-4.7.1-1, v3.1.1 MQTT-4.7.3-2
#[test]
fn a_publish_that_is_none_closes() {
    assert_violations(&[
        ("QoS 3", &[0x36, 5, 0, 1, b't', 0, 1]),
        ("DUP at QoS 0", &[0x38, 3, 0, 1, b't']),
        ("an empty topic", &[0x30, 2, 0, 0]),
        ("a # in the topic", &[0x30, 5, 0, 3, b'a', b'/', b'#']),
        ("a + in the topic", &[0x30, 5, 0, 3, b'a', b'/', b'+']),
        ("U+0000 in the topic", &[0x30, 4, 0, 2, b'a', 0]),
        ("an ill-formed topic", &[0x30, 4, 0, 2, 0xC3, 0x28]),
    ]);
}

// conformance: v3.1.1 MQTT-3.1.0-2
#[test]
fn a_second_connect_closes() {
    let connect = [&[0x10, 13], body(1)].concat();
    assert!(violates(&connect));
}

// conformance: v3.1.1 MQTT-4.8.0-1
#[test]
fn nothing_behind_a_violation_is_acted_upon() {
    let bench = Bench::new();
    let watcher = bench.connect("watcher");
    watcher.subscribe("#", 0);
    let client = bench.connect("c");
    client.raw(&[0xC0, 0, 0xC0, 1, 0, 0x30, 3, 0, 1, b't']);
    assert_eq!(client.seen(), ["pingresp"]);
    assert!(!client.is_open());
    assert_eq!(watcher.seen(), [""; 0]);
}

// conformance: v3.1.1 MQTT-4.8.0-1
#[test]
fn a_violation_leaves_a_persistent_session_whole() {
    let bench = Bench::new();
    let client = bench.connect_persistent("c", false);
    client.subscribe("t", 1);
    client.raw(&[0xF0, 0]);
    assert!(!client.is_open());
    bench.connect("p").publish("t", 1, "x");
    assert_eq!(bench.connect_persistent("c", true).ack_all(), ["t=x q1"]);
}

// README: a topic refused by policy is acknowledged and dropped for 3.1.1 clients
// contract: section 5, clients publishing to $SYS or $share
#[test]
fn a_publish_to_a_dollar_topic_is_acknowledged_and_goes_nowhere() {
    let bench = Bench::new();
    let watcher = bench.connect("watcher");
    watcher.subscribe_many(&[("$SYS/#", 2), ("#", 2)]);
    let client = bench.connect("c");
    client.publish("$SYS/x", 0, "x");
    client.publish_as("$share/g/x", 1, false, "x", 4, false);
    client.publish_as("$SYS/x", 2, true, "x", 5, false);
    client.send(crate::support::pubrel(5));
    assert_eq!(client.seen(), ["puback 4", "pubrec 5", "pubcomp 5"]);
    assert_eq!(watcher.seen(), [""; 0]);
    assert_eq!(bench.sizes().retained, 0);
}
