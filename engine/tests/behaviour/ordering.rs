//! Message order: MQTT 3.1.1 section 4.6.

use crate::support::{Bench, puback};
use surewire_engine::config::Config;

/// The numbers in the payloads of one topic's messages, repetitions left out.
fn first_arrivals(messages: &[String], topic: &str) -> Vec<u32> {
    let prefix = format!("{topic}=");
    let mut numbers = Vec::new();
    for message in messages {
        let Some(rest) = message.strip_prefix(&prefix) else { continue };
        let number = rest.split(' ').next().unwrap().parse().unwrap();
        if !numbers.contains(&number) {
            numbers.push(number);
        }
    }
    numbers
}

// conformance: v3.1.1 MQTT-4.6.0-5, v3.1.1 MQTT-4.6.0-6
#[test]
fn every_subscriber_sees_each_topic_in_the_order_of_its_publisher() {
    let bench = Bench::with(Config { max_msgqueue_messages: None, ..Config::default() });
    let subscribers: Vec<_> = (0..5).map(|n| bench.connect(&format!("s{n}"))).collect();
    for (subscriber, qos) in subscribers.iter().zip([0, 1, 2, 0, 1]) {
        subscriber.subscribe_many(&[("#", qos), ("a/+", 2)]);
    }
    let publishers = [(bench.connect("a"), "a/1", 1), (bench.connect("b"), "a/2", 2)];
    for n in 0..60 {
        for (publisher, topic, qos) in &publishers {
            publisher.publish(topic, *qos, &n.to_string());
        }
    }
    for subscriber in &subscribers {
        let seen = subscriber.ack_all();
        for (_, topic, _) in &publishers {
            assert_eq!(first_arrivals(&seen, topic), (0..60).collect::<Vec<_>>());
        }
        assert_eq!(seen.len(), 120);
    }
}

// conformance: v3.1.1 MQTT-4.6.0-6
#[test]
fn order_holds_across_lost_connections() {
    let bench = Bench::with(Config { max_inflight_messages: 3, ..Config::default() });
    let publisher = bench.connect("p");
    let mut client = bench.connect_persistent("c", false);
    client.subscribe("t", 2);
    let mut seen = Vec::new();
    for n in 0..50_u32 {
        publisher.publish("t", if n % 2 == 0 { 1 } else { 2 }, &n.to_string());
        match n % 7 {
            2 => seen.extend(client.ack_all()),
            // Seen, not acknowledged, and the connection is lost.
            4 => {
                seen.extend(client.messages());
                client.lose();
            }
            6 => client = bench.connect_persistent("c", true),
            _ => {}
        }
    }
    seen.extend(client.ack_all());
    let arrivals = first_arrivals(&seen, "t");
    for qos in 0..2 {
        let mine: Vec<u32> = arrivals.iter().copied().filter(|n| n % 2 == qos).collect();
        assert_eq!(mine, (0..50).filter(|n| n % 2 == qos).collect::<Vec<_>>(), "QoS {}", qos + 1);
    }
}

// conformance: v3.1.1 MQTT-4.6.0-6
#[test]
fn answers_come_in_the_order_of_what_they_answer() {
    let bench = Bench::new();
    let client = bench.connect("c");
    for id in [9, 3, 7] {
        client.publish_as("t", 1, false, "x", id, false);
    }
    for id in [8, 2] {
        client.publish_as("t", 2, false, "x", id, false);
    }
    for id in [2, 8] {
        client.send(crate::support::pubrel(id));
    }
    let expected =
        ["puback 9", "puback 3", "puback 7", "pubrec 8", "pubrec 2", "pubcomp 2", "pubcomp 8"];
    assert_eq!(client.seen(), expected);
}

// conformance: v3.1.1 MQTT-4.6.0-6
#[test]
fn qos_0_keeps_its_order_through_congestion() {
    let bench = Bench::with(Config { max_unsent_bytes: 50, ..Config::default() });
    let (client, publisher) = (bench.connect("c"), bench.connect("p"));
    client.subscribe("t", 0);
    client.stuck(true);
    for n in 10..20 {
        publisher.publish("t", 0, &n.to_string());
    }
    client.take_bytes(14);
    publisher.publish("t", 0, "20");
    client.stuck(false);
    publisher.publish("t", 0, "21");
    assert_eq!(first_arrivals(&client.messages(), "t"), (10..22).collect::<Vec<_>>());
}

// conformance: v3.1.1 MQTT-4.6.0-6
#[test]
fn freed_slots_go_to_the_oldest_of_the_backlog() {
    let bench = Bench::with(Config { max_inflight_messages: 2, ..Config::default() });
    let (client, publisher) = (bench.connect("c"), bench.connect("p"));
    client.subscribe("t", 1);
    for n in 0..6 {
        publisher.publish("t", 1, &n.to_string());
    }
    client.take();
    client.send(puback(2));
    client.send(puback(1));
    assert_eq!(client.messages(), ["t=2 q1", "t=3 q1"]);
    publisher.publish("t", 1, "6");
    client.send(puback(3));
    client.send(puback(4));
    assert_eq!(client.ack_all(), ["t=4 q1", "t=5 q1", "t=6 q1"]);
}
