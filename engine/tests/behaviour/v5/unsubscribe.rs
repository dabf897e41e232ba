//! MQTT 5.0: UNSUBSCRIBE and UNSUBACK (sections 3.10 and 3.11).

use surewire_engine::config::Config;
use surewire_engine::id::PacketId;
use surewire_engine::packet::{Packet, Unsubscribe};

use super::{NOTHING, codes, retain};
use crate::support::{Bench, Client, NEVER, SECOND, props, puback, pubcomp, pubrec};

fn send(client: &Client, id: u16, filters: &[&str]) {
    client.send(Packet::Unsubscribe(Box::new(Unsubscribe {
        packet_id: PacketId::new(id).unwrap(),
        filters: filters.iter().map(|filter| (*filter).into()).collect(),
        properties: props(|set| set.user_properties.push(("for".into(), "nobody".into()))),
    })));
}

/// Ends these subscriptions and returns the codes.
#[track_caller]
fn end(client: &Client, filters: &[&str]) -> Vec<u8> {
    send(client, 77, filters);
    let (id, codes) = codes(client);
    assert_eq!(id, 77);
    codes
}

// conformance: v5 MQTT-3.10.4-4, v5 MQTT-3.10.4-5
#[test]
fn each_unsubscribe_has_its_answer_whether_or_not_anything_ended() {
    let bench = Bench::new();
    let client = bench.connect5("c");
    client.subscribe("a", 0);
    for (id, filter, code) in [(5, "a", 0x00), (6, "a", 0x11), (65_535, "b", 0x11), (1, "a#", 0x8F)]
    {
        send(&client, id, &[filter]);
        assert_eq!(codes(&client), (id, vec![code]));
    }
}

// conformance: v5 MQTT-3.10.4-6, v5 MQTT-3.11.3-1, v5 MQTT-3.11.3-2
#[test]
fn there_is_a_code_for_each_filter_in_their_order() {
    let bench = Bench::new();
    let client = bench.connect5("c");
    client.subscribe_many(&[("a", 0), ("b/#", 1), ("$share/g/a", 2), ("keep", 0)]);
    let filters = ["x", "a", "", "a", "$share/g/a", "b/+", "b/#", "#x", "$share/h/a"];
    let expected = [0x11, 0x00, 0x8F, 0x11, 0x00, 0x11, 0x00, 0x8F, 0x11];
    assert_eq!(end(&client, &filters), expected);
    assert_eq!(bench.sizes().subscriptions, 1);
}

// conformance: v5 MQTT-3.10.4-1
#[test]
fn filters_are_compared_character_by_character() {
    let bench = Bench::new();
    let client = bench.connect5("c");
    client.subscribe("a/b", 0);
    for other in ["a/#", "a/+", "+/b", "#", "A/b", "a/b/", "/a/b", "a/b ", "$share/g/a/b", "a"] {
        assert_eq!(end(&client, &[other]), [0x11], "{other}");
    }
    bench.connect5("p").publish("a/b", 0, "x");
    assert_eq!(client.messages(), ["a/b=x q0"]);
    assert_eq!(end(&client, &["a/b"]), [0x00]);
}

// conformance: v5 MQTT-3.10.4-1, v5 MQTT-3.10.4-2
#[test]
fn nothing_new_comes_by_what_has_ended() {
    let bench = Bench::new();
    let client = bench.resume5("c", NEVER, false);
    client.subscribe_many(&[("t", 2), ("+", 1)]);
    let publisher = bench.connect5("p");
    assert_eq!(end(&client, &["t"]), [0x00]);
    publisher.publish("t", 2, "by the other");
    assert_eq!(client.ack_all(), ["t=by the other q1"]);
    assert_eq!(end(&client, &["+"]), [0x00]);
    for qos in 0..3 {
        publisher.publish("t", qos, "x");
    }
    client.lose();
    publisher.publish("t", 1, "x");
    bench.crash(SECOND);
    bench.connect5("p").publish("t", 1, "x");
    let client = bench.resume5("c", NEVER, true);
    assert_eq!(client.seen(), NOTHING);
}

// conformance: v5 MQTT-3.10.4-3
#[test]
fn what_is_under_way_is_finished() {
    let bench = Bench::with(Config { max_inflight_messages: 2, ..Config::default() });
    let client = bench.resume5("c", NEVER, false);
    client.subscribe("t", 2);
    let publisher = bench.connect5("p");
    for (qos, payload) in [(2, "a"), (1, "b"), (1, "waits")] {
        publisher.publish("t", qos, payload);
    }
    assert_eq!(client.seen(), ["t=a q2 #1", "t=b q1 #2"]);
    assert_eq!(end(&client, &["t"]), [0x00]);
    client.send(pubrec(1));
    assert_eq!(client.seen(), ["pubrel 1"]);
    client.lose();
    let client = bench.resume5("c", NEVER, true);
    assert_eq!(client.seen(), ["pubrel 1", "t=b q1 dup #2"]);
    client.send(pubcomp(1));
    client.send(puback(2));
    client.take();
    assert_eq!(client.seen(), NOTHING);
}

#[test]
fn retained_messages_that_were_still_to_come_do_not() {
    let bench = Bench::with(Config { max_inflight_messages: 1, ..Config::default() });
    let publisher = bench.connect5("p");
    for topic in ["t/1", "t/2", "t/3"] {
        retain(&publisher, topic, "x", |_| {});
    }
    let client = bench.resume5("c", NEVER, false);
    client.subscribe("t/#", 1);
    assert_eq!(client.seen(), ["t/1=x q1 retain #1"]);
    assert_eq!(end(&client, &["t/#"]), [0x00]);
    client.send(puback(1));
    assert_eq!(client.seen(), NOTHING);
}

#[test]
fn the_answer_waits_until_it_is_stored() {
    let bench = Bench::new();
    let client = bench.resume5("c", NEVER, false);
    client.subscribe("t", 1);
    bench.hold_store();
    send(&client, 5, &["t"]);
    assert_eq!(client.seen(), NOTHING);
    bench.sync();
    assert_eq!(codes(&client), (5, vec![0x00]));
    bench.crash(SECOND);
    let client = bench.resume5("c", NEVER, true);
    assert_eq!(end(&client, &["t"]), [0x11]);
}
