//! The fixed header and the packet identifier: MQTT 3.1.1 chapter 2.

use std::collections::BTreeSet;

use crate::support::raw::{
    CLEAN, connect_packet, field, first_bytes, packet, subscribe_packet, unsubscribe_packet,
};
use crate::support::{Bench, Client, connect, ids, puback, pubcomp, pubrec, pubrel, will};
use surewire_engine::config::Config;
use surewire_engine::notice::CloseReason;
use surewire_engine::packet::{Connect, Packet};
use surewire_engine::violation::Violation;

/// One good packet of every type that a client may send behind its CONNECT.
fn good_packets() -> Vec<Vec<u8>> {
    let ack = |first| packet(first, &[&[0, 9]]);
    let mut packets: Vec<Vec<u8>> = [0x40, 0x50, 0x62, 0x70].into_iter().map(ack).collect();
    packets.extend([subscribe_packet(9, "t"), unsubscribe_packet(9, "t")]);
    packets.extend([vec![0xC0, 0], vec![0xE0, 0]]);
    packets
}

fn connect_with_will(bench: &Bench) -> Client {
    let client = bench.open(Connect { will: will("will", "gone", 0, false), ..connect("client") });
    client.expect_connack(false);
    client
}

// conformance: v3.1.1 MQTT-2.2.2-1
#[test]
fn every_packet_from_the_server_has_the_fixed_flags_of_its_type() {
    let bench = Bench::new();
    let client = bench.connect("client");
    client.subscribe("t", 2);
    client.unsubscribe(&["u"]);
    for qos in 0..=2 {
        client.publish_as("t", qos, true, "x", u16::from(qos), false);
    }
    client.send(pubrel(2));
    let packets = client.take();
    client.send(puback(1));
    client.send(pubrec(*ids(&packets).last().unwrap()));
    client.send(Packet::Pingreq);
    let mut first = first_bytes(&client.bytes());
    first.sort_unstable();
    assert_eq!(first, [0x20, 0x30, 0x32, 0x34, 0x40, 0x50, 0x62, 0x70, 0x90, 0xB0, 0xD0]);
}

// conformance: v3.1.1 MQTT-2.2.2-2, v3.1.1 MQTT-3.6.1-1, v3.1.1 MQTT-3.8.1-1
// conformance: v3.1.1 MQTT-3.10.1-1, v3.1.1 MQTT-3.14.1-1
#[test]
fn wrong_flags_close_the_connection_as_a_failure() {
    for good in good_packets() {
        for flags in (0..16).filter(|flags| *flags != good[0] & 0x0F) {
            let bench = Bench::new();
            let watcher = bench.connect("watcher");
            watcher.subscribe("will", 0);
            let client = connect_with_will(&bench);
            let mut bytes = good.clone();
            bytes[0] = good[0] & 0xF0 | flags;
            client.raw(&bytes);
            client.expect_silent_close();
            assert_eq!(watcher.messages(), ["will=gone q0"], "{bytes:02x?}");
        }
    }
}

// The other half of the test above: what it breaks is good otherwise.
#[test]
fn right_flags_are_taken() {
    for good in good_packets() {
        let bench = Bench::new();
        let client = bench.connect("client");
        client.raw(&good);
        let expected = (good[0] == 0xE0)
            .then_some(CloseReason::ByClient(surewire_engine::packet::ReasonCode::Success));
        assert_eq!(client.closed(), expected, "{good:02x?}");
    }
}

// conformance: v3.1.1 MQTT-2.2.2-2
#[test]
fn a_connect_with_flags_closes_the_connection_unanswered() {
    let bench = Bench::new();
    for flags in 1..16 {
        let client = bench.dial();
        let mut bytes = connect_packet(CLEAN, &[b"id"]);
        bytes[0] |= flags;
        client.raw(&bytes);
        client.expect_silent_close();
    }
    assert_eq!(bench.sizes().sessions, 0);
}

// conformance: v3.1.1 MQTT-2.3.1-1
#[test]
fn packet_identifier_0_closes_the_connection() {
    let publish = |first| packet(first, &[&field("t"), &[0, 0], b"x"]);
    for bytes in
        [publish(0x32), publish(0x34), subscribe_packet(0, "t"), unsubscribe_packet(0, "t")]
    {
        let bench = Bench::new();
        let client = bench.connect("client");
        client.raw(&bytes);
        client.expect_silent_close();
        assert_eq!(client.closed(), Some(CloseReason::Violation(Violation::PacketIdZero)));
    }
}

// conformance: v3.1.1 MQTT-2.3.1-4
#[test]
fn an_identifier_is_free_again_only_when_its_exchange_is_over() {
    let bench = Bench::with(Config { max_inflight_messages: 3, ..Config::default() });
    let (subscriber, publisher) = (bench.connect("subscriber"), bench.connect("publisher"));
    subscriber.subscribe("t", 2);
    for qos in [1, 2, 1] {
        publisher.publish("t", qos, "kept");
    }
    assert_eq!(ids(&subscriber.take()), BTreeSet::from([1, 2, 3]));
    subscriber.send(pubrec(2));
    assert_eq!(subscriber.take(), [pubrel(2)]);
    subscriber.send(puback(3));
    for expected in [4, 5, 6] {
        publisher.publish("t", 1, "");
        assert_eq!(ids(&subscriber.take()), BTreeSet::from([expected]));
        subscriber.send(puback(expected));
    }
    // Two slots of the window are taken, also behind PUBREC: one is left.
    publisher.publish("t", 1, "");
    publisher.publish("t", 1, "");
    assert_eq!(subscriber.messages().len(), 1);
    subscriber.send(pubcomp(2));
    assert_eq!(subscriber.messages().len(), 1, "PUBCOMP frees the slot");
}

// conformance: v3.1.1 MQTT-2.3.1-5, v3.1.1 MQTT-4.3.1-1
#[test]
fn a_qos_0_publish_has_no_packet_identifier() {
    let bench = Bench::new();
    let subscriber = bench.connect("subscriber");
    subscriber.subscribe("a/b", 2);
    let before = subscriber.bytes().len();
    bench.connect("publisher").publish("a/b", 0, "xy");
    assert_eq!(subscriber.bytes()[before..], *b"\x30\x07\x00\x03a/bxy");
}

// conformance: v3.1.1 MQTT-2.3.1-6
#[test]
fn acknowledgements_to_the_client_echo_its_identifiers() {
    let bench = Bench::new();
    let client = bench.connect("client");
    client.publish_as("t", 1, false, "x", 0x1234, false);
    client.publish_as("t", 2, false, "x", 0xFFFF, false);
    client.publish_as("t", 2, false, "x", 1, false);
    assert_eq!(client.take(), [puback(0x1234), pubrec(0xFFFF), pubrec(1)]);
    client.send(pubrel(0xFFFF));
    client.send(pubrel(1));
    assert_eq!(client.take(), [pubcomp(0xFFFF), pubcomp(1)]);
}

// conformance: v3.1.1 MQTT-2.3.1-6
#[test]
fn pubrel_to_the_client_echoes_the_identifier_of_the_publish() {
    let bench = Bench::new();
    let (subscriber, publisher) = (bench.connect("subscriber"), bench.connect("publisher"));
    subscriber.subscribe("t", 2);
    for n in 0..3 {
        publisher.publish("t", 2, &n.to_string());
    }
    let sent = ids(&subscriber.take());
    assert_eq!(sent.len(), 3);
    for id in sent {
        subscriber.send(pubrec(id));
        assert_eq!(subscriber.take(), [pubrel(id)]);
    }
}

// conformance: v3.1.1 MQTT-2.3.1-7
#[test]
fn suback_and_unsuback_echo_the_identifiers_of_pipelined_requests() {
    let bench = Bench::new();
    let client = bench.connect("client");
    let requests = [
        subscribe_packet(0x0102, "a"),
        unsubscribe_packet(0xFFFF, "a"),
        subscribe_packet(1, "b"),
        unsubscribe_packet(0x0203, "none"),
    ];
    client.raw(&requests.concat());
    let id = |packet: &Packet| match packet {
        Packet::Suback(ack) => ("SUBACK", ack.packet_id.get()),
        Packet::Unsuback(ack) => ("UNSUBACK", ack.packet_id.get()),
        other => panic!("{other:?}"),
    };
    let answers: Vec<_> = client.take().iter().map(id).collect();
    let expected = [("SUBACK", 0x0102), ("UNSUBACK", 0xFFFF), ("SUBACK", 1), ("UNSUBACK", 0x0203)];
    assert_eq!(answers, expected);
}

// conformance: v3.1.1 MQTT-4.8.0-1
#[test]
fn types_that_no_client_sends_close_the_connection() {
    let server_only: [&[u8]; 4] =
        [&[0x20, 2, 0, 0], &[0x90, 3, 0, 1, 0], &[0xB0, 2, 0, 1], &[0xD0, 0]];
    let reserved: [&[u8]; 4] = [&[0x00, 0], &[0x0F, 0], &[0xF0, 0], &[0xFF, 0]];
    for bytes in server_only.into_iter().chain(reserved) {
        let bench = Bench::new();
        let client = bench.connect("client");
        client.raw(bytes);
        client.expect_silent_close();
    }
}

// conformance: v3.1.1 MQTT-4.8.0-1
#[test]
fn a_remaining_length_of_five_bytes_closes_the_connection() {
    let bench = Bench::new();
    let client = bench.connect("client");
    client.raw(&[0x30, 0x80, 0x80, 0x80, 0x80]);
    client.expect_silent_close();
    let stranger = bench.dial();
    stranger.raw(&[0x10, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]);
    stranger.expect_silent_close();
}

// conformance: v3.1.1 MQTT-4.8.0-1
#[test]
fn a_body_that_is_too_short_or_too_long_closes_the_connection() {
    let bodies = [
        packet(0x30, &[&[0, 5], b"top"]),
        packet(0x32, &[&field("t"), &[1]]),
        packet(0x40, &[&[0]]),
        packet(0x40, &[&[0, 1, 0]]),
        packet(0x62, &[&[0, 1, 0]]),
        packet(0x82, &[&[0, 1], &field("t")]),
        packet(0xA2, &[&[0, 1], &[0, 2], b"t"]),
        packet(0xC0, &[&[0]]),
        packet(0xE0, &[&[0]]),
    ];
    for bytes in bodies {
        let bench = Bench::new();
        let client = bench.connect("client");
        client.raw(&bytes);
        client.expect_silent_close();
    }
}
