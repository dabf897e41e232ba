//! MQTT 5.0: the client's Maximum Packet Size (section 3.1.2.11.4).

use surewire_engine::config::Config;
use surewire_engine::notice::{CloseReason, DropReason};
use surewire_engine::packet::Connect;

use super::{NOTHING, drops, retain};
use crate::support::{Bench, Client, NEVER, SECOND, connect5_with, puback, resume5};

/// Bytes of a PUBLISH to `t` at QoS 1 without its payload: fixed header, topic, identifier,
/// Property Length.
const AROUND: usize = 2 + 3 + 2 + 1;

fn resume_with(size: u32) -> Connect {
    let mut connect = resume5("r", NEVER);
    connect.properties.edit(|set| set.maximum_packet_size = Some(size));
    connect
}

/// A client `r` that takes so many bytes, whose session is kept and subscribed to `t` at QoS 1.
fn reader(bench: &Bench, size: u32) -> Client {
    let reader = bench.open(resume_with(size));
    reader.expect_connack(false);
    reader.subscribe("t", 1);
    reader
}

fn back(bench: &Bench, size: u32) -> Client {
    let reader = bench.open(resume_with(size));
    reader.expect_connack(true);
    reader
}

fn payload(len: usize) -> String {
    "x".repeat(len)
}

#[test]
fn what_is_too_large_is_dropped_and_told_and_takes_no_slot() {
    let bench = Bench::with(Config { max_inflight_messages: 1, ..Config::default() });
    let other = bench.connect5("other");
    other.subscribe("t", 0);
    let client = reader(&bench, 100);
    let publisher = bench.connect5("p");
    publisher.publish("t", 1, &payload(101 - AROUND));
    assert_eq!(publisher.ack(), ("puback", 0x00, None));
    assert_eq!(drops(&bench), [DropReason::PacketTooLarge]);
    assert_eq!((client.take().len(), other.take().len()), (0, 1));
    publisher.publish("t", 1, &payload(100 - AROUND));
    assert_eq!(client.take().len(), 1);
    // QoS 0 has no identifier and is two bytes shorter.
    publisher.publish("t", 0, &payload(102 - AROUND));
    publisher.publish("t", 0, &payload(103 - AROUND));
    assert_eq!(client.take().len(), 1);
    assert_eq!(drops(&bench), [DropReason::PacketTooLarge]);
}

#[test]
fn a_backlog_that_is_all_too_large_goes_bit_by_bit() {
    let bench = Bench::with(Config { max_msgqueue_messages: None, ..Config::default() });
    reader(&bench, 1_000).lose();
    let publisher = bench.connect5("p");
    for _ in 0..1_000 {
        publisher.publish("t", 1, &payload(100));
    }
    publisher.publish("t", 1, "fits");
    bench.largest_step();
    let client = back(&bench, 100);
    bench.settle();
    assert_eq!(drops(&bench), [DropReason::PacketTooLarge; 1_000]);
    assert!(bench.largest_step() < 300, "the backlog waits for nobody else");
    assert_eq!(client.messages(), ["t=fits q1"]);
}

#[test]
fn properties_and_identifiers_count() {
    let bench = Bench::new();
    let client = bench.open(resume_with(100));
    client.expect_connack(false);
    assert_eq!(client.subscribe5("t", crate::support::options(1), Some(1)).byte(), 1);
    let publisher = bench.connect5("p");
    let body = payload(100 - AROUND - 2);
    publisher.publish("t", 1, &body);
    assert_eq!(client.take().len(), 1);
    publisher.publish5("t", 1, &body, |set| set.payload_format_indicator = Some(true));
    assert_eq!(client.take().len(), 0);
    assert_eq!(drops(&bench), [DropReason::PacketTooLarge]);
}

#[test]
fn what_waited_and_is_too_large_is_dropped_when_its_turn_comes() {
    for crashes in [false, true] {
        let bench = Bench::with(Config { max_inflight_messages: 1, ..Config::default() });
        reader(&bench, 100).lose();
        let publisher = bench.connect5("p");
        for (qos, len) in [(1, 10), (1, 500), (2, 500), (0, 500), (1, 11)] {
            publisher.publish("t", qos, &payload(len));
        }
        assert_eq!(drops(&bench), [], "nobody knows yet what it will take");
        if crashes {
            bench.crash(SECOND);
        }
        let client = back(&bench, 100);
        assert_eq!(client.messages(), [format!("t={} q1", payload(10))]);
        client.send(puback(1));
        assert_eq!(client.messages(), [format!("t={} q1", payload(11))]);
        let gone = drops(&bench);
        assert_eq!(gone, vec![DropReason::PacketTooLarge; if crashes { 2 } else { 3 }]);
        bench.crash(SECOND);
        assert_eq!(back(&bench, 10_000).messages(), [format!("t={} q1 dup", payload(11))]);
    }
}

#[test]
fn what_was_in_flight_and_is_too_large_now_gives_its_slot_free() {
    for (qos, crashes) in [(1, false), (2, false), (1, true), (2, true)] {
        let bench = Bench::with(Config { max_inflight_messages: 1, ..Config::default() });
        let client = reader(&bench, 1_000);
        client.subscribe("t", 2);
        let publisher = bench.connect5("p");
        publisher.publish("t", qos, &payload(500));
        publisher.publish("t", qos, &payload(10));
        assert_eq!(client.take().len(), 1);
        bench.notices();
        if crashes {
            bench.crash(SECOND);
        } else {
            client.lose();
        }
        let client = back(&bench, 100);
        assert_eq!(client.messages(), [format!("t={} q{qos}", payload(10))]);
        assert_eq!(drops(&bench), [DropReason::PacketTooLarge]);
        bench.crash(SECOND);
        assert_eq!(back(&bench, 1_000).messages(), [format!("t={} q{qos} dup", payload(10))]);
    }
}

#[test]
fn retained_messages_that_are_too_large_are_left_out() {
    let bench = Bench::new();
    let publisher = bench.connect5("p");
    for (topic, len) in [("a", 10), ("b", 500), ("c", 10), ("d", 500)] {
        retain(&publisher, topic, &payload(len), |_| {});
    }
    let client = bench.open(resume_with(100));
    client.expect_connack(false);
    client.subscribe("+", 1);
    bench.settle();
    let topics: Vec<String> =
        client.ack_all().iter().map(|message| message[..1].to_owned()).collect();
    assert_eq!(topics, ["a", "c"]);
    assert_eq!(drops(&bench), [DropReason::PacketTooLarge; 2]);
}

// The number beside a topic makes the first packet larger.
#[test]
fn a_topic_alias_does_not_make_a_packet_too_large() {
    let bench = Bench::new();
    let client = bench.open(connect5_with("c", |set| {
        set.maximum_packet_size = Some(100);
        set.topic_alias_maximum = Some(10);
    }));
    client.expect_connack(false);
    client.subscribe("#", 0);
    let publisher = bench.connect5("p");
    let topic = "a/long/topic/name";
    for len in 70..90 {
        publisher.publish(topic, 0, &payload(len));
    }
    // With the topic in full: two bytes before it, and the properties' length.
    let fits = |len: &usize| 2 + 2 + topic.len() + 1 + len <= 100;
    assert_eq!(client.take().len(), (70..90).filter(fits).count());
}

// An answer that has to come and does not fit leaves nothing but to part.
#[test]
fn an_answer_that_does_not_fit_ends_the_connection() {
    let bench = Bench::new();
    let client = bench.open(connect5_with("c", |set| set.maximum_packet_size = Some(21)));
    client.expect_connack(false);
    let filters: Vec<(&str, u8)> = vec![("t", 0); 30];
    client.subscribe_as(5, &filters);
    client.expect_disconnect(0x95);
    assert_eq!(client.closed(), Some(CloseReason::AnswerTooLarge));
    assert_eq!(client.seen(), NOTHING);
}
