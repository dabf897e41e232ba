//! PUBLISH: MQTT 3.1.1 section 3.3, without its retained messages (`retained`).

use crate::support::raw::{field, packet};
use crate::support::{Bench, connect, puback, pubcomp, pubrec, pubrel, show};
use surewire_engine::notice::{CloseReason, Notice, PublishRefusal};
use surewire_engine::packet::{Connect, Packet};
use surewire_engine::violation::Violation;

// conformance: v3.1.1 MQTT-3.3.4-1
#[test]
fn each_qos_has_its_answer() {
    let bench = Bench::new();
    let client = bench.connect("client");
    client.publish_as("t", 0, false, "x", 0, false);
    assert_eq!(client.take(), []);
    client.publish_as("t", 1, false, "x", 1, false);
    assert_eq!(client.take(), [puback(1)]);
    client.publish_as("t", 2, false, "x", 2, false);
    assert_eq!(client.take(), [pubrec(2)]);
    client.send(pubrel(2));
    assert_eq!(client.take(), [pubcomp(2)]);
}

// conformance: v3.1.1 MQTT-3.3.1-1
#[test]
fn what_is_sent_again_has_dup_1_and_its_identifier() {
    for qos in 1..=2 {
        let bench = Bench::new();
        let subscriber = bench.connect_persistent("subscriber", false);
        subscriber.subscribe("t", 2);
        bench.connect("publisher").publish("t", qos, "x");
        let first = subscriber.take();
        assert_eq!(show(&first[0]), format!("t=x q{qos}"));
        subscriber.lose();
        let again = bench.connect_persistent("subscriber", true).take();
        assert_eq!(show(&again[0]), format!("t=x q{qos} dup"));
        assert_eq!(packet_id(&again[0]), packet_id(&first[0]));
    }
}

fn packet_id(packet: &Packet) -> Option<u16> {
    let Packet::Publish(publish) = packet else { panic!("{packet:?}") };
    publish.packet_id.map(|id| id.get())
}

// conformance: v3.1.1 MQTT-3.3.1-1, v3.1.1 MQTT-3.3.1-3
#[test]
fn what_was_queued_but_never_sent_has_dup_0() {
    let bench = Bench::new();
    let subscriber = bench.connect_persistent("subscriber", false);
    subscriber.subscribe("t", 2);
    subscriber.disconnect();
    let publisher = bench.connect("publisher");
    publisher.publish("t", 1, "a");
    publisher.publish("t", 2, "b");
    assert_eq!(bench.connect_persistent("subscriber", true).messages(), ["t=a q1", "t=b q2"]);
}

// conformance: v3.1.1 MQTT-3.3.1-1, v3.1.1 MQTT-3.3.1-3
#[test]
fn what_was_held_back_for_the_store_has_dup_0_when_it_is_first_sent() {
    let bench = Bench::new();
    let subscriber = bench.connect_persistent("subscriber", false);
    subscriber.subscribe("t", 2);
    let publisher = bench.connect("publisher");
    bench.hold_store();
    publisher.publish("t", 2, "x");
    assert_eq!(subscriber.take(), [], "its identifier is not stored yet");
    subscriber.lose();
    let back = bench.open(Connect { clean_start: false, ..connect("subscriber") });
    bench.sync();
    back.expect_connack(true);
    assert_eq!(back.messages(), ["t=x q2"]);
    let again = bench.open(Connect { clean_start: false, ..connect("subscriber") });
    bench.sync();
    again.expect_connack(true);
    assert_eq!(again.messages(), ["t=x q2 dup"]);
}

// conformance: v3.1.1 MQTT-3.3.1-2
#[test]
fn qos_0_with_dup_1_closes_the_connection() {
    let bench = Bench::new();
    let client = bench.connect("client");
    client.raw(&packet(0x38, &[&field("t"), b"x"]));
    client.expect_silent_close();
    assert_eq!(client.closed(), Some(CloseReason::Violation(Violation::DupWithoutQoS)));
}

// conformance: v3.1.1 MQTT-3.3.1-2, v3.1.1 MQTT-4.3.1-1
#[test]
fn a_qos_0_delivery_has_dup_0_also_on_another_connection() {
    let bench = Bench::new();
    let subscriber = bench.connect_persistent("subscriber", false);
    subscriber.subscribe("t", 0);
    let publisher = bench.connect("publisher");
    for qos in 0..=2 {
        publisher.publish("t", qos, "x");
    }
    assert_eq!(subscriber.messages(), ["t=x q0"; 3]);
    subscriber.lose();
    publisher.publish_as("t", 1, false, "x", 77, true);
    assert_eq!(bench.connect_persistent("subscriber", true).messages(), ["t=x q0"]);
}

// conformance: v3.1.1 MQTT-3.3.1-3
#[test]
fn dup_of_the_publisher_is_not_passed_on() {
    let bench = Bench::new();
    let subscriber = bench.connect("subscriber");
    subscriber.subscribe("t", 2);
    let publisher = bench.connect("publisher");
    publisher.publish_as("t", 1, false, "x", 1, true);
    publisher.publish_as("t", 2, false, "x", 2, true);
    assert_eq!(subscriber.messages(), ["t=x q1", "t=x q2"]);
}

// conformance: v3.1.1 MQTT-3.3.1-4
#[test]
fn qos_3_closes_the_connection() {
    for first in [0x36, 0x37, 0x3E, 0x3F] {
        let bench = Bench::new();
        let watcher = bench.connect("watcher");
        watcher.subscribe("#", 0);
        let client = bench.connect("client");
        client.raw(&packet(first, &[&field("t"), &[0, 1], b"x"]));
        client.expect_silent_close();
        assert_eq!(client.closed(), Some(CloseReason::Violation(Violation::QoS3)));
        watcher.ping();
    }
}

// conformance: v3.1.1 MQTT-3.3.2-2, v3.1.1 MQTT-4.7.1-1
#[test]
fn a_topic_with_a_wildcard_closes_the_connection() {
    for topic in ["a/#", "a/+", "#", "+", "+/a", "a+", "a#b"] {
        let bench = Bench::new();
        let watcher = bench.connect("watcher");
        watcher.subscribe("#", 0);
        let client = bench.connect("client");
        client.raw(&packet(0x30, &[&field(topic), b"x"]));
        client.expect_silent_close();
        watcher.ping();
    }
}

// conformance: v3.1.1 MQTT-3.3.2-1, v3.1.1 MQTT-4.7.3-1
#[test]
fn a_publish_without_a_topic_closes_the_connection() {
    for body in [&b"\0\0x"[..], b"\0", b""] {
        let bench = Bench::new();
        let client = bench.connect("client");
        client.raw(&packet(0x30, &[body]));
        client.expect_silent_close();
    }
}

// conformance: v3.1.1 MQTT-3.3.2-1
#[test]
fn topic_and_payload_arrive_as_they_were_sent() {
    let bench = Bench::new();
    let subscriber = bench.connect("subscriber");
    subscriber.subscribe("#", 0);
    let sent = packet(0x30, &[&field("\u{e9} /\u{1F980}"), &[0, 0xFF, 0xFE, 0x30]]);
    let before = subscriber.bytes().len();
    bench.connect("publisher").raw(&sent);
    assert_eq!(subscriber.bytes()[before..], sent);
}

// A payload may be empty (section 3.3.3).
#[test]
fn an_empty_payload_is_a_message() {
    let bench = Bench::new();
    let subscriber = bench.connect("subscriber");
    subscriber.subscribe("t", 1);
    bench.connect("publisher").publish("t", 1, "");
    assert_eq!(subscriber.messages(), ["t= q1"]);
}

// conformance: v3.1.1 MQTT-3.3.2-3
#[test]
fn only_topics_that_a_filter_matches_are_delivered() {
    let bench = Bench::new();
    let publisher = bench.connect("publisher");
    for (filter, expected) in [
        ("a", vec!["a"]),
        ("a/b", vec!["a/b"]),
        ("a/+", vec!["a/", "a/b"]),
        ("+/b", vec!["/b", "a/b"]),
        ("a/#", vec!["a", "a/", "a/b", "a/b/c"]),
    ] {
        let subscriber = bench.connect("subscriber");
        subscriber.subscribe(filter, 0);
        for topic in ["a", "a/", "/b", "a/b", "a/b/c", "b", "A", "aa", "/a"] {
            publisher.publish(topic, 0, "x");
        }
        let expected: Vec<_> = expected.iter().map(|topic| format!("{topic}=x q0")).collect();
        assert_eq!(subscriber.messages(), expected, "{filter}");
    }
}

// conformance: v3.1.1 MQTT-3.3.5-1
#[test]
fn overlapping_filters_bring_one_copy_at_the_highest_qos() {
    let bench = Bench::new();
    let subscriber = bench.connect("subscriber");
    for (filter, qos) in [("a/b", 2), ("a/#", 0), ("+/b", 1), ("#", 0)] {
        subscriber.subscribe(filter, qos);
    }
    let publisher = bench.connect("publisher");
    for qos in 0..=2 {
        publisher.publish("a/b", qos, "x");
    }
    assert_eq!(subscriber.ack_all(), ["a/b=x q0", "a/b=x q1", "a/b=x q2"]);
    publisher.publish("c/b", 2, "y");
    assert_eq!(subscriber.ack_all(), ["c/b=y q1"], "without the filter of QoS 2");
}

// conformance: v3.1.1 MQTT-3.3.5-2
#[test]
fn a_publish_to_a_dollar_topic_is_acknowledged_and_goes_nowhere() {
    let bench = Bench::new();
    let watcher = bench.connect("watcher");
    for filter in ["#", "$SYS/#", "$share/g/t", "$x"] {
        watcher.subscribe(filter, 2);
    }
    let client = bench.connect("client");
    for topic in ["$SYS/x", "$share/g/t", "$x", "$"] {
        bench.notices();
        client.publish_as(topic, 0, true, "x", 0, false);
        client.publish_as(topic, 1, true, "x", 1, false);
        client.publish_as(topic, 2, true, "x", 2, false);
        client.send(pubrel(2));
        assert_eq!(client.take(), [puback(1), pubrec(2), pubcomp(2)]);
        assert_eq!(refusals(&bench), [PublishRefusal::DollarTopic; 3]);
    }
    watcher.ping();
    assert_eq!(bench.sizes().retained, 0);
}

fn refusals(bench: &Bench) -> Vec<PublishRefusal> {
    let why = |notice: Notice| match notice {
        Notice::PublishRefused { why, .. } => Some(why),
        _ => None,
    };
    bench.notices().into_iter().filter_map(why).collect()
}

// conformance: v3.1.1 MQTT-3.3.5-2
#[test]
fn a_refused_qos_2_identifier_is_taken_until_its_pubrel() {
    let bench = Bench::new();
    let client = bench.connect_persistent("client", false);
    client.publish_as("$x", 2, false, "x", 7, false);
    client.publish_as("$x", 2, false, "x", 7, true);
    assert_eq!(client.take(), [pubrec(7), pubrec(7)]);
    assert_eq!(refusals(&bench).len(), 1, "the repetition is not looked at");
    client.lose();
    let back = bench.connect_persistent("client", true);
    back.publish_as("t", 2, false, "x", 7, true);
    back.send(pubrel(7));
    assert_eq!(back.take(), [pubrec(7), pubcomp(7)]);
}

// Contract section 8: over the limits of a topic, acknowledged and told to the operator.
#[test]
fn a_topic_over_the_limits_is_acknowledged_and_goes_nowhere() {
    let bench = Bench::with(surewire_engine::config::Config {
        max_topic_levels: 3,
        max_topic_length: 8,
        ..Default::default()
    });
    let watcher = bench.connect("watcher");
    watcher.subscribe("#", 0);
    let client = bench.connect("client");
    for topic in ["a/b/c/d", "///", "123456789", "\u{e9}\u{e9}\u{e9}\u{e9}x"] {
        bench.notices();
        let id = client.publish(topic, 1, "x");
        assert_eq!(client.take(), [puback(id)]);
        assert_eq!(refusals(&bench), [PublishRefusal::TopicLimit]);
    }
    watcher.ping();
    for topic in ["a/b/c", "//", "12345678", "\u{e9}\u{e9}\u{e9}\u{e9}"] {
        client.publish(topic, 0, "x");
    }
    assert_eq!(watcher.messages().len(), 4);
}
