//! CONNACK: MQTT 3.1.1 section 3.2.

use crate::support::raw::first_bytes;
use crate::support::{Bench, connect};
use surewire_engine::config::Config;
use surewire_engine::notice::CloseReason;
use surewire_engine::packet::{Connect, Packet};

fn persistent(id: &str) -> Connect {
    Connect { clean_start: false, ..connect(id) }
}

// conformance: v3.1.1 MQTT-3.1.4-4, v3.1.1 MQTT-3.2.2-3
#[test]
fn a_client_that_is_new_is_accepted_with_session_present_0() {
    let bench = Bench::new();
    assert_eq!(bench.open(connect("clean")).bytes(), [0x20, 2, 0, 0]);
    assert_eq!(bench.open(persistent("persistent")).bytes(), [0x20, 2, 0, 0]);
}

// conformance: v3.1.1 MQTT-3.2.2-2
#[test]
fn a_stored_session_is_accepted_with_session_present_1() {
    let bench = Bench::new();
    bench.open(persistent("client")).disconnect();
    assert_eq!(bench.open(persistent("client")).bytes(), [0x20, 2, 1, 0]);
}

// conformance: v3.1.1 MQTT-3.2.2-1, v3.1.1 MQTT-3.1.2-6
#[test]
fn clean_session_1_is_accepted_with_session_present_0_also_over_a_stored_session() {
    let bench = Bench::new();
    bench.open(persistent("client")).disconnect();
    assert_eq!(bench.open(connect("client")).bytes(), [0x20, 2, 0, 0]);
}

// conformance: v3.1.1 MQTT-3.2.2-3, v3.1.1 MQTT-3.1.2-6
#[test]
fn clean_session_0_behind_clean_session_1_finds_nothing() {
    let bench = Bench::new();
    bench.open(persistent("client")).disconnect();
    bench.open(connect("client")).disconnect();
    assert_eq!(bench.open(persistent("client")).bytes(), [0x20, 2, 0, 0]);
}

// conformance: v3.1.1 MQTT-3.2.0-1
#[test]
fn connack_comes_before_everything_that_waits_in_the_session() {
    let bench = Bench::new();
    let client = bench.connect_persistent("client", false);
    client.subscribe("t", 2);
    let publisher = bench.connect("publisher");
    publisher.publish("t", 2, "in flight");
    client.lose();
    for qos in 0..=2 {
        publisher.publish("t", qos, "queued");
    }
    let back = bench.open(persistent("client"));
    assert_eq!(first_bytes(&back.bytes()), [0x20, 0x3C, 0x30, 0x32, 0x34]);
}

// conformance: v3.1.1 MQTT-3.2.0-1
#[test]
fn connack_comes_first_also_while_the_store_is_slow() {
    let bench = Bench::new();
    let client = bench.connect_persistent("client", false);
    client.subscribe("t", 1);
    client.lose();
    bench.connect("publisher").publish("t", 1, "queued");
    bench.hold_store();
    let back = bench.open(persistent("client"));
    back.send(Packet::Pingreq);
    assert_eq!(back.bytes(), [0; 0], "nothing is promised before it is stored");
    bench.sync();
    assert_eq!(first_bytes(&back.bytes()), [0x20, 0x32, 0xD0]);
}

// conformance: v3.1.1 MQTT-3.2.2-4, v3.1.1 MQTT-3.2.2-5
#[test]
fn a_refusal_says_session_present_0_although_the_session_is_there() {
    let bench = Bench::with(Config { max_connections: 1, ..Config::default() });
    bench.open(persistent("client")).disconnect();
    let other = bench.connect("other");
    let refused = bench.open(persistent("client"));
    assert_eq!(refused.bytes(), [0x20, 2, 0, 3]);
    assert_eq!(refused.closed(), Some(CloseReason::Refused));
    let unknown = bench.dial_as(false);
    unknown.send(Packet::Connect(Box::new(persistent("client"))));
    assert_eq!(unknown.bytes(), [0x20, 2, 0, 5]);
    other.disconnect();
    bench.connect_persistent("client", true);
}

// conformance: v3.1.1 MQTT-3.2.2-6
#[test]
fn only_return_codes_of_the_standard_are_sent() {
    // What no return code says, a malformed CONNECT, is not answered at all.
    let bench = Bench::new();
    let malformed = bench.dial();
    malformed.raw(&[0x10, 0]);
    malformed.expect_silent_close();
    for first in 0..=255 {
        let client = bench.dial();
        client.raw(&[0x10, 12, 0, 4, b'M', b'Q', b'T', b'T', first, 2, 0, 0, 0, 0]);
        let bytes = client.bytes();
        assert!(first == 5 || bytes.is_empty() || bytes[3] <= 5, "level {first}: {bytes:?}");
    }
}
