//! At least once, in both directions: MQTT 3.1.1 sections 3.4 and 4.3.2.

use crate::support::{Bench, ids, puback, pubcomp, pubrec};
use surewire_engine::config::Config;

// conformance: v3.1.1 MQTT-4.3.2-2, v3.1.1 MQTT-2.3.1-6, v3.1.1 MQTT-3.3.4-1
#[test]
fn a_message_is_acknowledged_and_its_identifier_is_free_again() {
    let bench = Bench::new();
    let (client, publisher) = (bench.connect("c"), bench.connect("p"));
    client.subscribe("t", 1);
    for _ in 0..2 {
        publisher.publish_as("t", 1, false, "x", 77, false);
        assert_eq!(publisher.seen(), ["puback 77"]);
        assert_eq!(client.ack_all(), ["t=x q1"]);
    }
}

// conformance: v3.1.1 MQTT-4.3.2-2
#[test]
fn a_repetition_is_a_new_message() {
    let bench = Bench::new();
    let (client, publisher) = (bench.connect("c"), bench.connect("p"));
    client.subscribe("t", 1);
    publisher.publish_as("t", 1, false, "x", 77, false);
    publisher.publish_as("t", 1, false, "x", 77, true);
    assert_eq!(publisher.seen(), ["puback 77", "puback 77"]);
    assert_eq!(client.ack_all(), ["t=x q1", "t=x q1"], "with DUP 0: the flag is not passed on");
}

// conformance: v3.1.1 MQTT-2.3.1-1
#[test]
fn a_message_with_packet_identifier_0_closes() {
    let client = Bench::new().connect("c");
    client.raw(&[0x32, 5, 0, 1, b't', 0, 0]);
    assert!(!client.is_open());
    assert_eq!(client.take(), []);
}

// conformance: v3.1.1 MQTT-4.3.2-1, v3.1.1 MQTT-2.3.1-4
#[test]
fn an_identifier_is_taken_until_its_puback() {
    let bench = Bench::new();
    let (client, publisher) = (bench.connect("c"), bench.connect("p"));
    client.subscribe("t", 1);
    for n in 0..20 {
        publisher.publish("t", 1, &n.to_string());
    }
    let window = client.take();
    assert_eq!(ids(&window).len(), 20, "all different");
    assert!(window.iter().all(|packet| !crate::support::show(packet).contains("dup")));
    client.send(puback(5));
    publisher.publish("t", 1, "next");
    let next = ids(&client.take());
    assert_eq!(next.len(), 1);
    assert!(ids(&window).iter().filter(|id| **id != 5).all(|id| !next.contains(id)));
}

// conformance: v3.1.1 MQTT-4.3.2-1, v3.1.1 MQTT-3.3.1-1
#[test]
fn without_puback_it_is_sent_again_on_resume() {
    let bench = Bench::new();
    let client = bench.connect_persistent("c", false);
    client.subscribe("t", 1);
    bench.connect("p").publish("t", 1, "x");
    assert_eq!(client.seen(), ["t=x q1 #1"]);
    for _ in 0..3 {
        bench.connect_persistent("c", true).lose();
    }
    let back = bench.connect_persistent("c", true);
    assert_eq!(back.seen(), ["t=x q1 dup #1"]);
    back.send(puback(1));
    back.lose();
    assert_eq!(bench.connect_persistent("c", true).seen(), [""; 0]);
}

// conformance: v3.1.1 MQTT-4.3.2-1
#[test]
fn pubacks_in_any_order_each_free_their_own_exchange() {
    let bench = Bench::new();
    let client = bench.connect_persistent("c", false);
    client.subscribe("t", 1);
    let publisher = bench.connect("p");
    for n in 1..=4 {
        publisher.publish("t", 1, &n.to_string());
    }
    for id in [3, 1] {
        client.send(puback(id));
    }
    client.lose();
    let back = bench.connect_persistent("c", true);
    assert_eq!(back.seen(), ["t=2 q1 dup #2", "t=4 q1 dup #4"]);
}

// README: PUBACK, PUBCOMP for an unknown identifier are ignored
#[test]
fn an_unknown_puback_is_ignored() {
    let bench = Bench::new();
    let client = bench.connect("c");
    client.send(puback(9));
    client.send(pubcomp(9));
    client.ping();
    client.subscribe("t", 1);
    bench.connect("p").publish("t", 1, "x");
    client.send(puback(2));
    assert_eq!(client.seen(), ["t=x q1 #1"]);
    client.send(puback(1));
    client.send(puback(1));
    client.ping();
}

// conformance: v3.1.1 MQTT-4.8.0-1
#[test]
fn an_answer_of_qos_2_to_a_qos_1_message_closes() {
    for answer in [pubrec(1), pubcomp(1)] {
        let bench = Bench::new();
        let client = bench.connect("c");
        client.subscribe("t", 1);
        bench.connect("p").publish("t", 1, "x");
        client.take();
        client.send(answer);
        assert!(!client.is_open());
        assert_eq!(client.take(), []);
    }
}

// conformance: v3.1.1 MQTT-2.3.1-4
#[test]
fn a_stuck_identifier_is_passed_over_when_they_have_gone_round() {
    let bench = Bench::with(Config { max_inflight_messages: 2, ..Config::default() });
    bench.check_every(100);
    let (client, publisher) = (bench.connect("c"), bench.connect("p"));
    client.subscribe("t", 1);
    publisher.publish("t", 1, "stuck");
    client.take();
    for n in 0..70_000_u32 {
        publisher.publish("t", 1, "x");
        let id = ids(&client.take()).pop_first().unwrap();
        assert_ne!(id, 1, "message {n}");
        client.send(puback(id));
    }
}
