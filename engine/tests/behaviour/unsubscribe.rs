//! UNSUBSCRIBE and UNSUBACK: MQTT 3.1.1 sections 3.10 and 3.11.

use crate::support::{Bench, pubcomp, pubrec};
use surewire_engine::config::Config;
use surewire_engine::id::PacketId;
use surewire_engine::packet::{Packet, Properties, Unsubscribe};

fn closes(bytes: &[u8]) -> bool {
    let client = Bench::new().connect("c");
    client.raw(bytes);
    !client.is_open() && client.take().is_empty()
}

fn unsubscribe(id: u16, filters: &[&str]) -> Packet {
    Packet::Unsubscribe(Box::new(Unsubscribe {
        packet_id: PacketId::new(id).unwrap(),
        filters: filters.iter().map(|filter| (*filter).into()).collect(),
        properties: Properties::NONE,
    }))
}

// conformance: v3.1.1 MQTT-3.10.1-1, v3.1.1 MQTT-2.2.2-2
#[test]
fn a_wrong_flag_nibble_closes() {
    for flags in (0..16).filter(|flags| *flags != 2) {
        assert!(closes(&[0xA0 | flags, 5, 0, 1, 0, 1, b'a']), "flags {flags:04b}");
    }
    assert!(!closes(&[0xA2, 5, 0, 1, 0, 1, b'a']), "the right one");
}

// conformance: v3.1.1 MQTT-3.10.3-1
#[test]
fn a_filter_that_is_no_utf_8_or_not_whole_closes() {
    assert!(closes(&[0xA2, 6, 0, 1, 0, 2, 0xC3, 0x28]), "ill-formed");
    assert!(closes(&[0xA2, 6, 0, 1, 0, 2, b'a', 0]), "U+0000");
    assert!(closes(&[0xA2, 6, 0, 1, 0, 1, b'a', 0]), "half a second filter");
    assert!(closes(&[0xA2, 5, 0, 1, 0, 2, b'a']), "a filter beyond the end");
}

// conformance: v3.1.1 MQTT-3.10.3-2
#[test]
fn no_filter_at_all_closes() {
    assert!(closes(&[0xA2, 2, 0, 1]));
}

// conformance: v3.1.1 MQTT-2.3.1-1
#[test]
fn packet_identifier_0_closes() {
    assert!(closes(&[0xA2, 5, 0, 0, 0, 1, b'a']));
}

// conformance: v3.1.1 MQTT-3.10.4-1, v3.1.1 MQTT-4.7.3-4
#[test]
fn only_the_very_same_filter_is_removed() {
    let bench = Bench::new();
    let client = bench.connect("c");
    client.subscribe_many(&[("a/b", 0), ("a/#", 0), ("a/+", 0), ("A/b", 0), ("a/b/", 0)]);
    client.unsubscribe(&["a/#"]);
    assert_eq!(bench.sizes().subscriptions, 4);
    client.unsubscribe(&["+/b"]);
    assert_eq!(bench.sizes().subscriptions, 4, "a filter that would match is another filter");
    client.unsubscribe(&["a/+"]);
    let publisher = bench.connect("p");
    for topic in ["a/b", "A/b", "a/b/", "a/x"] {
        publisher.publish(topic, 0, "x");
    }
    assert_eq!(client.messages(), ["a/b=x q0", "A/b=x q0", "a/b/=x q0"]);
}

// conformance: v3.1.1 MQTT-3.10.4-2
#[test]
fn nothing_new_comes_after_the_unsuback() {
    let bench = Bench::new();
    let (client, publisher) = (bench.connect("c"), bench.connect("p"));
    client.subscribe("t", 2);
    publisher.publish("t", 0, "before");
    assert_eq!(client.messages(), ["t=before q0"]);
    client.unsubscribe(&["t"]);
    for qos in 0..3 {
        publisher.publish("t", qos, "after");
    }
    assert_eq!(client.seen(), [""; 0]);
}

// conformance: v3.1.1 MQTT-3.10.4-3
#[test]
fn deliveries_that_began_are_finished() {
    let bench = Bench::new();
    let (client, publisher) = (bench.connect("c"), bench.connect("p"));
    client.subscribe("t", 2);
    publisher.publish("t", 2, "x");
    assert_eq!(client.seen(), ["t=x q2 #1"]);
    client.unsubscribe(&["t"]);
    client.send(pubrec(1));
    assert_eq!(client.seen(), ["pubrel 1"]);
    client.send(pubcomp(1));
    assert_eq!(client.seen(), [""; 0]);
}

// conformance: v3.1.1 MQTT-3.10.4-3
#[test]
fn an_unacknowledged_delivery_is_resent_though_the_subscription_is_gone() {
    let bench = Bench::new();
    let client = bench.connect_persistent("c", false);
    client.subscribe("t", 1);
    bench.connect("p").publish("t", 1, "x");
    client.take();
    client.unsubscribe(&["t"]);
    client.lose();
    let back = bench.connect_persistent("c", true);
    assert_eq!(back.seen(), ["t=x q1 dup #1"]);
}

// conformance: v3.1.1 MQTT-3.10.4-4, v3.1.1 MQTT-2.3.1-7, v3.1.1 MQTT-3.10.4-5
#[test]
fn each_unsubscribe_is_answered_with_its_own_identifier() {
    let client = Bench::new().connect("c");
    client.subscribe("a", 0);
    client.send(unsubscribe(65_535, &["a"]));
    client.send(unsubscribe(8, &["a"]));
    client.send(unsubscribe(3, &["never/subscribed", "bad#", ""]));
    assert_eq!(client.seen(), ["unsuback 65535", "unsuback 8", "unsuback 3"]);
}

// conformance: v3.1.1 MQTT-3.10.4-6
#[test]
fn many_filters_get_one_unsuback_and_are_all_gone() {
    let bench = Bench::new();
    let client = bench.connect("c");
    client.subscribe_many(&[("a", 0), ("b/#", 0), ("+/c", 0), ("d", 0)]);
    client.send(unsubscribe(3, &["a", "+/c", "a", "b/#"]));
    assert_eq!(client.seen(), ["unsuback 3"]);
    assert_eq!(bench.sizes().subscriptions, 1);
    let publisher = bench.connect("p");
    for topic in ["a", "b/x", "x/c", "d"] {
        publisher.publish(topic, 0, "x");
    }
    assert_eq!(client.messages(), ["d=x q0"]);
}

// contract: section 5, an UNSUBSCRIBE of a persistent session holds
#[test]
fn an_unsubscribed_filter_stays_so_over_a_reconnect() {
    let bench = Bench::new();
    let client = bench.connect_persistent("c", false);
    client.subscribe_many(&[("a", 1), ("b", 1)]);
    client.unsubscribe(&["a"]);
    client.lose();
    let publisher = bench.connect("p");
    publisher.publish("a", 1, "x");
    publisher.publish("b", 1, "y");
    assert_eq!(bench.connect_persistent("c", true).ack_all(), ["b=y q1"]);
}

// contract: section 5, what waits in the backlog was accepted and is delivered
#[test]
fn the_backlog_is_delivered_though_the_subscription_is_gone() {
    let bench = Bench::with(Config { max_inflight_messages: 1, ..Config::default() });
    let (client, publisher) = (bench.connect("c"), bench.connect("p"));
    client.subscribe("t", 1);
    publisher.publish("t", 1, "sent");
    publisher.publish("t", 1, "waits");
    let sent = client.take();
    client.unsubscribe(&["t"]);
    client.send(crate::support::puback(1));
    assert_eq!(sent.len(), 1);
    assert_eq!(client.ack_all(), ["t=waits q1"]);
}
