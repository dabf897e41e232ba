//! MQTT 5.0: text, flags and Packet Identifiers on the wire (chapters 1 and 2).

use super::wire::{self, frames, text_property, user_property};
use crate::support::raw::{field, first_bytes, packet};
use crate::support::{Bench, connect5, ids, options, puback, pubcomp, pubrec, pubrel};
use surewire_engine::config::Config;
use surewire_engine::packet::{Packet, ReasonCode};

// conformance: v5 MQTT-1.5.4-3
#[test]
fn a_byte_order_mark_is_kept_wherever_it_stands() {
    let bench = Bench::new();
    let (with, without) = (bench.connect5("with"), bench.connect5("without"));
    with.subscribe("\u{feff}t", 0);
    without.subscribe("t", 0);
    let before = with.bytes().len();
    let properties = [
        text_property(3, "\u{feff}c"),
        text_property(8, "a\u{feff}"),
        user_property("\u{feff}n", "v\u{feff}\u{feff}"),
    ]
    .concat();
    let sent = wire::publish(0x30, "\u{feff}t".as_bytes(), None, &properties);
    bench.connect5("p").raw(&sent);
    assert_eq!(with.bytes()[before..], sent);
    assert_eq!(without.messages(), [""; 0]);
    with.take();
    // A client identifier is another with it.
    bench.connect5("\u{feff}with").ping();
    with.ping();
}

// Characters above U+FFFF, control characters and non-characters are text.
// conformance: v5 section 1.5.4
#[test]
fn every_character_but_u_0000_is_text() {
    let bench = Bench::new();
    let client = bench.connect5("\u{1f980}");
    for text in ["\u{1f980}/\u{10ffff}", "\u{1}\u{1f}\u{7f}\u{9f}", "\u{fffe}", "\u{d7ff}\u{e000}"]
    {
        client.subscribe(text, 0);
        client.publish5(text, 0, "x", |set| {
            set.user_properties.push((text.into(), text.into()));
            set.content_type = Some(text.into());
        });
        let delivery = client.delivery();
        assert_eq!(delivery.topic.unwrap().as_str(), text);
        let set = delivery.properties.get();
        assert_eq!(set.user_properties, [(text.into(), text.into())]);
        assert_eq!(set.content_type.as_deref(), Some(text));
    }
}

// conformance: v5 MQTT-2.1.3-1
#[test]
fn every_packet_from_the_server_has_the_fixed_flags_of_its_type() {
    let bench = Bench::new();
    let client = bench.connect5("c");
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
    client.raw(&[0xE1, 0]);
    let mut first = first_bytes(&client.bytes());
    first.sort_unstable();
    assert_eq!(first, [0x20, 0x30, 0x32, 0x34, 0x40, 0x50, 0x62, 0x70, 0x90, 0xB0, 0xD0, 0xE0]);
}

// conformance: v5 MQTT-2.2.2-1, v5 MQTT-2.2.1-2
#[test]
fn an_empty_set_of_properties_is_a_zero() {
    let bench = Bench::new();
    let client = bench.connect5("c");
    let before = client.bytes().len();
    client.raw(&wire::subscribe(9, &[], b"t", 0));
    client.raw(&wire::publish(0x30, b"t", None, &[]));
    client.raw(&wire::unsubscribe(8, &[], b"t"));
    let expected = [
        packet(0x90, &[&[0, 9, 0, 0]]),
        packet(0x30, &[&field("t"), &[0], b"x"]),
        packet(0xB0, &[&[0, 8, 0, 0]]),
    ];
    assert_eq!(frames(&client.bytes()[before..]), expected);
    let refused = bench.dial();
    refused.raw(&wire::connect(1, &[0x27, 0, 0, 0, 5], &[&field("c")]));
    let unread = refused.bytes();
    assert_eq!(unread[3], 0x81);
    let small = Bench::with(Config { max_client_id_length: 1, ..Config::default() });
    let client = small.dial();
    client.raw(&wire::connect(2, &[0x27, 0, 0, 0, 5], &[&field("cc")]));
    assert_eq!(client.bytes(), [0x20, 3, 0, 0x85, 0]);
}

// conformance: v5 MQTT-2.2.1-4
#[test]
fn an_identifier_is_free_again_only_when_its_exchange_is_over() {
    let bench = Bench::with(Config { max_inflight_messages: 3, ..Config::default() });
    let (subscriber, publisher) = (bench.connect5("s"), bench.connect5("p"));
    subscriber.subscribe("t", 2);
    for qos in [1, 2, 1] {
        publisher.publish5("t", qos, "kept", |_| {});
    }
    let first = ids(&subscriber.take());
    assert_eq!(first.len(), 3);
    assert!(!first.contains(&0));
    let mut all: Vec<u16> = first.into_iter().collect();
    subscriber.send(pubrec(all[1]));
    assert_eq!(subscriber.take(), [pubrel(all[1])]);
    let mut free = all.pop().unwrap();
    for _ in 0..300 {
        subscriber.send(puback(free));
        publisher.publish5("t", 1, "", |_| {});
        let next = ids(&subscriber.take());
        assert_eq!(next.len(), 1);
        free = *next.first().unwrap();
        assert!(free != 0 && !all.contains(&free), "{free} is in use");
    }
}

// conformance: v5 MQTT-2.2.1-5
#[test]
fn acknowledgements_echo_the_identifier_of_the_publish() {
    let bench = Bench::new();
    let client = bench.connect5("c");
    client.subscribe("t", 2);
    let other = bench.connect5("p");
    other.publish_as("t", 1, false, "x", 0x1234, false);
    other.publish_as("t", 2, false, "x", 0xFFFF, false);
    other.publish_as("t", 2, false, "x", 1, false);
    assert_eq!(other.take(), [puback(0x1234), pubrec(0xFFFF), pubrec(1)]);
    other.send(pubrel(0xFFFF));
    other.send(pubrel(1));
    assert_eq!(other.take(), [pubcomp(0xFFFF), pubcomp(1)]);
    // The other way, in an order of the client's own.
    let deliveries = client.deliveries();
    let exactly_once = deliveries.iter().skip(1).rev();
    for id in exactly_once.map(|publish| publish.packet_id.unwrap().get()) {
        client.send(pubrec(id));
        assert_eq!(client.take(), [pubrel(id)]);
    }
}

// conformance: v5 MQTT-2.2.1-6
#[test]
fn suback_and_unsuback_echo_the_identifiers_of_pipelined_requests() {
    let bench = Bench::new();
    let client = bench.connect5("c");
    let requests = [
        wire::subscribe(0x0102, &[], b"a", 1),
        wire::unsubscribe(0xFFFF, &[], b"a"),
        wire::subscribe(1, &[], b"b", 0),
        wire::unsubscribe(0x0203, &[], b"none"),
    ];
    client.raw(&requests.concat());
    let answer = |packet: &Packet| match packet {
        Packet::Suback(ack) => ("SUBACK", ack.packet_id.get(), ack.codes[0]),
        Packet::Unsuback(ack) => ("UNSUBACK", ack.packet_id.get(), ack.codes[0]),
        other => panic!("{other:?}"),
    };
    let answers: Vec<_> = client.take().iter().map(answer).collect();
    let expected = [
        ("SUBACK", 0x0102, ReasonCode::GrantedQoS1),
        ("UNSUBACK", 0xFFFF, ReasonCode::Success),
        ("SUBACK", 1, ReasonCode::Success),
        ("UNSUBACK", 0x0203, ReasonCode::NoSubscriptionExisted),
    ];
    assert_eq!(answers, expected);
}

// Identifiers of the two directions, and of requests and messages of one client, do not mix.
// conformance: v5 section 2.2.1
#[test]
fn the_same_identifier_may_be_in_use_in_both_directions() {
    let bench = Bench::new();
    let client = bench.connect5("c");
    client.subscribe5("t", options(2), None);
    bench.connect5("p").publish5("t", 2, "to the client", |_| {});
    let id = client.delivery().packet_id.unwrap().get();
    client.publish_as("other", 2, false, "from the client", id, false);
    assert_eq!(client.ack(), ("pubrec", 0x00, None));
    client.send(pubrec(id));
    assert_eq!(client.take(), [pubrel(id)]);
    client.send(pubrel(id));
    assert_eq!(client.take(), [pubcomp(id)]);
    client.send(pubcomp(id));
    client.ping();
}

// conformance: v5 MQTT-1.5.5-1
#[test]
fn lengths_from_the_server_are_as_short_as_they_can_be() {
    let bench = Bench::new();
    let client = bench.connect5("c");
    client.subscribe("t", 0);
    for len in [0, 1, 120, 127, 128, 16_000, 16_383, 16_384] {
        let before = client.bytes().len();
        let publisher = bench.open(connect5("p"));
        publisher.publish5("t", 0, "", |set| {
            let name = "n".repeat(len);
            set.user_properties.push((name.as_str().into(), "".into()));
        });
        let pair = user_property("n".repeat(len), "");
        let sent = client.bytes()[before..].to_vec();
        // A property more of five bytes, and two lengths in the fewest bytes.
        let shortest = |value: usize| match value {
            0..128 => 1,
            128..16_384 => 2,
            _ => 3,
        };
        let body = 3 + shortest(pair.len()) + pair.len();
        assert_eq!(sent.len(), 1 + shortest(body) + body, "{len}");
    }
}
