//! SUBSCRIBE and SUBACK: MQTT 3.1.1 sections 3.8 and 3.9.

use crate::support::{Bench, Client};
use surewire_engine::config::Config;
use surewire_engine::event::Event;
use surewire_engine::id::PacketId;
use surewire_engine::notice::{Notice, SubscribeRefusal};
use surewire_engine::packet::{
    Packet, PacketType, Properties, QoS, Subscribe, SubscribeFilter, SubscribeOptions,
};

/// Sends these bytes on a fresh connection; whether the server closed without any answer.
fn closes(bytes: &[u8]) -> bool {
    let client = Bench::new().connect("c");
    client.raw(bytes);
    !client.is_open() && client.take().is_empty()
}

/// A SUBSCRIBE with identifier 1 to `a` whose options byte is this.
fn subscribe_with_options(options: u8) -> [u8; 8] {
    [0x82, 6, 0, 1, 0, 1, b'a', options]
}

fn counted(topic: &str, range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|n| format!("{topic}={n} q1")).collect()
}

// conformance: v3.1.1 MQTT-3.8.1-1, v3.1.1 MQTT-2.2.2-2
#[test]
fn a_wrong_flag_nibble_closes() {
    for flags in (0..16).filter(|flags| *flags != 2) {
        let mut packet = subscribe_with_options(0);
        packet[0] = 0x80 | flags;
        assert!(closes(&packet), "flags {flags:04b}");
    }
    assert!(!closes(&subscribe_with_options(0)), "the right one");
}

// conformance: v3.1.1 MQTT-3.8.3-1, v3.1.1 MQTT-1.5.3-1, v3.1.1 MQTT-1.5.3-2
#[test]
fn a_filter_that_is_no_utf_8_closes() {
    assert!(closes(&[0x82, 7, 0, 1, 0, 2, 0xC3, 0x28, 0]), "ill-formed");
    assert!(closes(&[0x82, 8, 0, 1, 0, 3, 0xED, 0xA0, 0x80, 0]), "a surrogate");
    assert!(closes(&[0x82, 7, 0, 1, 0, 2, b'a', 0, 0]), "U+0000");
}

// conformance: v3.1.1 MQTT-3.8.3-2
#[test]
fn wildcards_are_served() {
    let bench = Bench::new();
    let client = bench.connect("c");
    assert_eq!(client.subscribe_many(&[("a/+/c", 0), ("b/#", 0)]), [0, 0]);
    let publisher = bench.connect("p");
    for topic in ["a/b/c", "b/x/y", "a/b", "c"] {
        publisher.publish(topic, 0, "x");
    }
    assert_eq!(client.messages(), ["a/b/c=x q0", "b/x/y=x q0"]);
}

// conformance: v3.1.1 MQTT-3.8.3-3
#[test]
fn no_filter_at_all_closes() {
    assert!(closes(&[0x82, 2, 0, 1]));
}

// conformance: v3.1.1 MQTT-2.3.1-1
#[test]
fn packet_identifier_0_closes() {
    assert!(closes(&[0x82, 6, 0, 0, 0, 1, b'a', 0]));
}

// conformance: v3.1.1 MQTT-3.8.3-4
#[test]
fn reserved_option_bits_and_qos_3_close() {
    for options in 3..=255 {
        assert!(closes(&subscribe_with_options(options)), "options {options:#04x}");
    }
}

// conformance: v3.1.1 MQTT-4.8.0-1
#[test]
fn a_body_longer_or_shorter_than_its_fields_closes() {
    assert!(closes(&[0x82, 5, 0, 1, 0, 1, b'a']), "no options");
    assert!(closes(&[0x82, 7, 0, 1, 0, 1, b'a', 0, 0]), "half a second filter");
    assert!(closes(&[0x82, 6, 0, 1, 0, 9, b'a', 0]), "a filter beyond the end");
    assert!(closes(&[0x82, 1, 0]), "half an identifier");
}

// conformance: v3.1.1 MQTT-3.8.4-1, v3.1.1 MQTT-3.8.4-2, v3.1.1 MQTT-2.3.1-7
#[test]
fn each_subscribe_is_answered_with_its_own_identifier() {
    let client = Bench::new().connect("c");
    for id in [7, 65_535, 1, 7] {
        client.subscribe_as(id, &[("a", 1)]);
    }
    assert_eq!(client.seen(), ["suback 7 [1]", "suback 65535 [1]", "suback 1 [1]", "suback 7 [1]"]);
}

// conformance: v3.1.1 MQTT-3.8.4-3
#[test]
fn the_same_filter_again_replaces_the_subscription() {
    let bench = Bench::new();
    let client = bench.connect("c");
    client.subscribe("t", 0);
    client.subscribe("t", 2);
    assert_eq!(bench.sizes().subscriptions, 1);
    let publisher = bench.connect("p");
    publisher.publish("t", 2, "x");
    assert_eq!(client.ack_all(), ["t=x q2"]);
    client.subscribe("t", 1);
    publisher.publish("t", 2, "y");
    assert_eq!(client.ack_all(), ["t=y q1"]);
}

// conformance: v3.1.1 MQTT-3.8.4-3
#[test]
fn the_same_filter_again_brings_the_retained_messages_again() {
    let bench = Bench::new();
    let publisher = bench.connect("p");
    publisher.retain("t/1", 1, "one");
    publisher.retain("t/2", 0, "two");
    let client = bench.connect("c");
    for _ in 0..2 {
        client.subscribe("t/+", 1);
        assert_eq!(client.ack_all(), ["t/1=one q1 retain", "t/2=two q0 retain"]);
    }
}

// conformance: v3.1.1 MQTT-3.8.4-3
#[test]
fn subscribing_again_leaves_no_gap_and_no_copy() {
    let bench = Bench::new();
    let (client, publisher) = (bench.connect("c"), bench.connect("p"));
    client.subscribe("t", 1);
    let mut seen = Vec::new();
    for n in 0..100 {
        publisher.publish("t", 1, &n.to_string());
        if n % 3 == 0 {
            seen.extend(client.ack_all());
            client.subscribe("t", 1);
        }
    }
    seen.extend(client.ack_all());
    assert_eq!(seen, counted("t", 0..100));
}

// conformance: v3.1.1 MQTT-3.8.4-4
#[test]
fn many_filters_act_in_their_order() {
    let bench = Bench::new();
    let client = bench.connect("c");
    assert_eq!(client.subscribe_many(&[("t", 2), ("u", 0), ("t", 1)]), [2, 0, 1]);
    let publisher = bench.connect("p");
    publisher.publish("t", 2, "x");
    publisher.publish("u", 2, "y");
    assert_eq!(client.ack_all(), ["t=x q1", "u=y q0"], "the last of the same filter rules");
    assert_eq!(bench.sizes().subscriptions, 2);
}

// conformance: v3.1.1 MQTT-3.8.4-5, v3.1.1 MQTT-3.9.3-1
#[test]
fn the_suback_has_a_code_for_each_filter_in_their_order() {
    let client = Bench::new().connect("c");
    let asked = [("a", 2), ("b/#/c", 2), ("c", 0), ("", 1), ("+x", 0), ("d", 1), ("$share/g", 1)];
    assert_eq!(client.subscribe_many(&asked), [2, 0x80, 0, 0x80, 0x80, 1, 0x80]);
}

// conformance: v3.1.1 MQTT-4.7.1-2, v3.1.1 MQTT-4.7.1-3, v3.1.1 MQTT-4.7.3-1
#[test]
fn one_bad_filter_leaves_the_others_alone() {
    let bench = Bench::new();
    let client = bench.connect("c");
    assert_eq!(client.subscribe_many(&[("a#", 1), ("good", 1), ("a/#/b", 1), ("a+", 1)])[1], 1);
    assert_eq!(bench.sizes().subscriptions, 1);
    bench.connect("p").publish("good", 1, "x");
    assert_eq!(client.ack_all(), ["good=x q1"]);
}

// conformance: v3.1.1 MQTT-3.8.4-6, v3.1.1 MQTT-4.3.1-1
#[test]
fn a_delivery_has_the_lower_of_published_and_granted_qos() {
    let bench = Bench::new();
    let publisher = bench.connect("p");
    for granted in 0..3 {
        let client = bench.connect("c");
        client.subscribe("t", granted);
        for published in 0..3 {
            publisher.publish("t", published, "x");
            assert_eq!(client.ack_all(), [format!("t=x q{}", granted.min(published))]);
        }
    }
}

/// Every way a filter can be refused, with the notice that tells why.
fn refusals(client: &Client, bench: &Bench) -> Vec<(Vec<u8>, usize)> {
    let deep = "a/".repeat(9);
    let asks: [&[(&str, u8)]; 4] = [
        &[("a#", 1)],
        &[(deep.as_str(), 1)],
        &[("a", 0), ("b", 0), ("c", 0), ("d", 0)],
        &[("a", 0), ("b", 0), ("c", 0)],
    ];
    let refused = |notice: &Notice| matches!(notice, Notice::SubscribeRefused { .. });
    let ask = |filters| {
        let codes = client.subscribe_many(filters);
        (codes, bench.notices().iter().filter(|notice| refused(notice)).count())
    };
    asks.map(ask).into()
}

// conformance: v3.1.1 MQTT-3.9.3-2
#[test]
fn every_refusal_is_0x80_to_a_3_1_1_client() {
    let bench = Bench::with(Config {
        max_topic_levels: 8,
        max_filters_per_subscribe: 3,
        max_subscriptions_per_client: 2,
        ..Config::default()
    });
    let client = bench.connect("c");
    let expected = [(vec![0x80], 1), (vec![0x80], 1), (vec![0x80; 4], 1), (vec![0, 0, 0x80], 1)];
    assert_eq!(refusals(&client, &bench), expected);
}

// contract: section 8, max_filters_per_subscribe
#[test]
fn a_subscribe_with_too_many_filters_subscribes_to_none() {
    let bench = Bench::with(Config { max_filters_per_subscribe: 2, ..Config::default() });
    let client = bench.connect("c");
    assert_eq!(client.subscribe_many(&[("a", 0), ("b", 0), ("c", 0)]), [0x80; 3]);
    assert_eq!(bench.sizes().subscriptions, 0);
    assert_eq!(client.subscribe_many(&[("a", 0), ("b", 0)]), [0, 0]);
}

/// Hands in all filters but the last as parts of their own, and the last as the packet.
fn subscribe_in_parts(bench: &Bench, client: &Client, id: u16, filters: &[(&str, u8)]) {
    let conn = client.conn();
    for (at, (filter, qos)) in filters.iter().enumerate() {
        let options =
            SubscribeOptions { qos: QoS::from_bits(*qos).unwrap(), ..SubscribeOptions::default() };
        let packet = Packet::Subscribe(Box::new(Subscribe {
            packet_id: PacketId::new(id).unwrap(),
            filters: vec![SubscribeFilter { filter: (*filter).into(), options }],
            properties: Properties::NONE,
        }));
        let is_last = at + 1 == filters.len();
        bench.event(if is_last {
            Event::Received { conn, packet }
        } else {
            Event::ReceivedPart { conn, packet }
        });
    }
}

#[test]
fn filters_in_parts_are_answered_together() {
    let bench = Bench::with(Config { max_filters_per_subscribe: 4, ..Config::default() });
    let client = bench.connect("c");
    subscribe_in_parts(&bench, &client, 5, &[("a", 1), ("b/#/c", 0), ("c", 2)]);
    assert_eq!(client.seen(), ["suback 5 [1, 128, 2]"]);
    assert_eq!(bench.sizes().subscriptions, 2);
    // Parts of the next packet begin anew.
    subscribe_in_parts(&bench, &client, 6, &[("d", 0), ("e", 0)]);
    assert_eq!(client.seen(), ["suback 6 [0, 0]"]);
    let received = bench.counters().packets_received;
    assert!(received.iter().any(|of| of == (PacketType::Subscribe, 2)), "in parts it is one");
    // The limit holds for all parts together.
    let many = [("f", 0), ("g", 0), ("h", 0), ("i", 0), ("j", 0)];
    subscribe_in_parts(&bench, &client, 7, &many);
    assert_eq!(client.seen(), ["suback 7 [0, 0, 0, 0, 128]"]);
}

#[test]
fn parts_end_with_their_connection() {
    let bench = Bench::new();
    let client = bench.connect("c");
    let part = Packet::Subscribe(Box::new(Subscribe {
        packet_id: PacketId::new(5).unwrap(),
        filters: vec![SubscribeFilter { filter: "a".into(), options: SubscribeOptions::default() }],
        properties: Properties::NONE,
    }));
    bench.event(Event::ReceivedPart { conn: client.conn(), packet: part.clone() });
    bench.connect("p").publish("a", 0, "live");
    assert_eq!(client.seen(), ["a=live q0"], "a filter counts before the others");
    let gone = client.conn();
    client.lose();
    bench.event(Event::ReceivedPart { conn: gone, packet: part });
    assert_eq!(bench.connect("c").subscribe_many(&[("b", 0)]), [0]);
}

// contract: section 8, max_subscriptions_per_client
#[test]
fn a_client_at_its_limit_may_change_subscriptions_but_not_add_any() {
    let bench = Bench::with(Config { max_subscriptions_per_client: 2, ..Config::default() });
    let client = bench.connect("c");
    bench.notices();
    assert_eq!(client.subscribe_many(&[("a", 0), ("b", 0), ("c", 0), ("a", 1)]), [0, 0, 0x80, 1]);
    let why = bench.notices().into_iter().find_map(|notice| match notice {
        Notice::SubscribeRefused { why, .. } => Some(why),
        _ => None,
    });
    assert_eq!(why, Some(SubscribeRefusal::SubscriptionLimit));
    client.unsubscribe(&["b"]);
    client.subscribe("c", 0);
    bench.connect("other").subscribe("d", 0);
}

// conformance: v3.1.1 MQTT-3.8.4-1
#[test]
fn the_suback_comes_before_retained_and_live_messages() {
    let bench = Bench::new();
    let publisher = bench.connect("p");
    publisher.retain("t", 0, "kept");
    let client = bench.connect("c");
    client.subscribe_as(9, &[("t", 0)]);
    publisher.publish("t", 0, "live");
    assert_eq!(client.seen(), ["suback 9 [0]", "t=kept q0 retain", "t=live q0"]);
}
