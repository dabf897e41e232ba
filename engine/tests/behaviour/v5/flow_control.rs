//! MQTT 5.0: Receive Maximum, both ways (sections 3.1.2.11.3 and 4.9).

use surewire_engine::config::{Config, ReceiveMaximumPolicy};
use surewire_engine::notice::CloseReason;
use surewire_engine::packet::{Connect, Packet};
use surewire_engine::violation::Violation;

use super::NOTHING;
use crate::support::{
    Bench, Client, NEVER, SECOND, connect5, puback, pubcomp, pubrec, pubrel, resume5,
};

// -- what the client may have under way

fn with_policy(policy: ReceiveMaximumPolicy) -> Bench {
    Bench::with(Config { receive_maximum: 3, receive_maximum_policy: policy, ..Config::default() })
}

fn strict() -> Bench {
    with_policy(ReceiveMaximumPolicy::Strict)
}

#[track_caller]
fn expect_exceeded(client: &Client) {
    client.expect_disconnect(0x93);
    let violation = Violation::ReceiveMaximum { limit: 3 };
    assert_eq!(client.closed(), Some(CloseReason::Violation(violation)));
}

#[test]
fn the_client_is_told_how_much_it_may_have_under_way() {
    let bench = strict();
    let client = bench.open(connect5("c"));
    assert_eq!(client.connack().properties.get().receive_maximum, Some(3));
}

// conformance: v5 MQTT-3.3.4-7
#[test]
fn more_unreleased_messages_than_the_maximum_end_the_connection() {
    for policy in [ReceiveMaximumPolicy::ByVersion, ReceiveMaximumPolicy::Strict] {
        let bench = with_policy(policy);
        let reader = bench.connect5("r");
        reader.subscribe("t", 0);
        let client = bench.connect5("c");
        for id in 1..=3 {
            client.publish_as("t", 2, false, "x", id, false);
        }
        client.publish_as("t", 0, false, "always", 0, false);
        assert_eq!(client.seen(), ["pubrec 1", "pubrec 2", "pubrec 3"]);
        assert_eq!(reader.take().len(), 4);
        client.publish_as("t", 1, false, "too many", 4, false);
        expect_exceeded(&client);
        assert_eq!(reader.messages(), NOTHING);
    }
}

// conformance: v5 MQTT-3.3.4-7
#[test]
fn more_unanswered_messages_than_the_maximum_end_the_connection() {
    let bench = strict();
    bench.resume5("r", NEVER, false).subscribe("t", 1);
    let client = bench.connect5("c");
    bench.hold_store();
    for id in 1..=3 {
        client.publish_as("t", 1, false, "x", id, false);
    }
    assert!(client.is_open());
    client.publish_as("t", 1, false, "too many", 4, false);
    expect_exceeded(&client);
}

#[test]
fn an_answer_and_a_release_make_room_and_a_repetition_takes_none() {
    let bench = strict();
    let reader = bench.connect5("r");
    reader.subscribe("t", 0);
    let client = bench.connect5("c");
    for n in 0..10 {
        client.publish_as("t", 1, false, "x", 1, false);
        client.publish_as("t", 2, false, "x", 2 + n, false);
        client.publish_as("$no", 2, false, "refused", 100 + n, false);
        for _ in 0..3 {
            client.publish_as("t", 2, false, "x", 2 + n, true);
        }
        client.send(pubrel(2 + n));
    }
    assert_eq!(client.take().len(), 10 * 7);
    assert_eq!(reader.take().len(), 20);
    client.ping();
}

#[test]
fn a_patient_broker_stops_reading_instead() {
    let bench = with_policy(ReceiveMaximumPolicy::Backpressure);
    bench.resume5("r", NEVER, false).subscribe("t", 2);
    let client = bench.connect5("c");
    bench.hold_store();
    for id in 1..=3 {
        assert!(!client.is_paused());
        client.publish_as("t", 2, false, "x", id, false);
    }
    assert!(client.is_paused());
    bench.sync();
    assert!(!client.is_paused());
    // What it has not released does not count: it was answered.
    for id in 4..=6 {
        client.publish_as("t", 2, false, "x", id, false);
    }
    bench.sync();
    assert_eq!(client.take().len(), 6);
    client.ping();
}

// The maximum is counted anew on each connection (5.0 section 4.9). The swarm found a client that was
// cut off for ever, for it sent a message again before its releases.
#[test]
fn what_was_under_way_on_an_earlier_connection_does_not_count() {
    let bench = strict();
    let client = bench.resume5("c", NEVER, false);
    for id in 1..=3 {
        client.publish_as("t", 2, false, "x", id, false);
    }
    client.lose();
    let client = bench.resume5("c", NEVER, true);
    client.publish_as("t", 1, false, "again", 4, true);
    for id in 5..=7 {
        client.publish_as("t", 2, false, "x", id, false);
    }
    assert_eq!(client.take().len(), 4);
    client.publish_as("t", 2, false, "too many", 8, false);
    expect_exceeded(&client);
}

#[test]
fn a_client_that_comes_back_may_release_what_it_had_under_way() {
    let bench = strict();
    let client = bench.resume5("c", NEVER, false);
    for id in 1..=3 {
        client.publish_as("t", 2, false, "x", id, false);
    }
    bench.crash(SECOND);
    let client = bench.resume5("c", NEVER, true);
    for id in 1..=3 {
        client.publish_as("t", 2, false, "x", id, true);
        client.send(pubrel(id));
        client.publish_as("t", 2, false, "x", id + 3, false);
    }
    assert_eq!(client.take().len(), 9);
    client.ping();
}

// -- what the client lets us have under way

fn resume_with(window: u16) -> Connect {
    let mut connect = resume5("r", NEVER);
    connect.properties.edit(|set| set.receive_maximum = Some(window));
    connect
}

/// A client `r` with this Receive Maximum whose session is kept and subscribed to `t` at QoS 2.
fn reader(bench: &Bench, window: u16) -> Client {
    let reader = bench.open(resume_with(window));
    reader.expect_connack(false);
    reader.subscribe("t", 2);
    reader
}

fn back(bench: &Bench, window: u16) -> Client {
    let reader = bench.open(resume_with(window));
    reader.expect_connack(true);
    reader
}

fn publish_all(bench: &Bench, messages: &[(u8, &str)]) {
    let publisher = bench.connect5("p");
    for (qos, payload) in messages {
        publisher.publish_acked("t", *qos, payload);
    }
}

// conformance: v5 MQTT-3.3.4-9, v5 MQTT-4.9.0-1, v5 MQTT-4.9.0-2
#[test]
fn no_more_is_under_way_than_the_client_takes() {
    for (window, configured, expected) in [(1, 20, 1), (2, 20, 2), (65_535, 20, 20), (30, 5, 5)] {
        let config = Config {
            max_inflight_messages: configured,
            max_msgqueue_messages: Some(100),
            ..Config::default()
        };
        let bench = Bench::with(config);
        let reader = reader(&bench, window);
        for n in 0..50 {
            publish_all(&bench, &[(1 + n % 2, "x")]);
        }
        assert_eq!(reader.take().len(), expected);
    }
}

// conformance: v5 MQTT-3.3.4-9, v5 MQTT-4.9.0-2
#[test]
fn puback_pubcomp_and_a_refusal_make_room_and_pubrec_does_not() {
    let bench = Bench::new();
    let reader = reader(&bench, 2);
    let messages = [(1, "a"), (2, "b"), (2, "c"), (1, "d"), (1, "e"), (2, "f"), (1, "g")];
    publish_all(&bench, &messages);
    assert_eq!(reader.seen(), ["t=a q1 #1", "t=b q2 #2"]);
    reader.send(puback(1));
    assert_eq!(reader.seen(), ["t=c q2 #3"]);
    reader.send(pubrec(2));
    assert_eq!(reader.seen(), ["pubrel 2"], "PUBREC 0x00 makes no room");
    reader.send(pubcomp(2));
    assert_eq!(reader.seen(), ["t=d q1 #4"]);
    reader.answer(Packet::Pubrec, 3, 0x80);
    assert_eq!(reader.seen(), ["t=e q1 #5"]);
    reader.answer(Packet::Puback, 4, 0x83);
    assert_eq!(reader.seen(), ["t=f q2 #6"]);
    // A repeated or unknown answer makes none either.
    reader.send(puback(4));
    reader.send(pubcomp(2));
    assert_eq!(reader.seen(), NOTHING);
    reader.send(puback(5));
    assert_eq!(reader.seen(), ["t=g q1 #7"]);
}

// conformance: v5 MQTT-3.3.4-10, v5 MQTT-4.9.0-3
#[test]
fn a_full_window_holds_nothing_back_but_messages() {
    let bench = Bench::new();
    let reader = reader(&bench, 1);
    publish_all(&bench, &[(2, "a"), (1, "b"), (0, "c")]);
    assert_eq!(reader.seen(), ["t=a q2 #1", "t=c q0"]);
    reader.ping();
    reader.publish_as("u", 1, false, "x", 8, false);
    assert_eq!(reader.ack(), ("puback", 0x10, None));
    reader.publish_as("u", 2, false, "x", 9, false);
    assert_eq!(reader.ack(), ("pubrec", 0x00, None));
    reader.send(pubrel(9));
    assert_eq!(reader.ack(), ("pubcomp", 0x00, None));
    reader.subscribe("u", 1);
    reader.unsubscribe(&["u"]);
    reader.send(pubrec(1));
    assert_eq!(reader.seen(), ["pubrel 1"]);
}

// conformance: v5 MQTT-4.9.0-1
#[test]
fn the_window_is_that_of_the_connection() {
    let bench = Bench::new();
    let client = reader(&bench, 1);
    publish_all(&bench, &[(1, "a"), (1, "b"), (1, "c"), (1, "d")]);
    assert_eq!(client.seen(), ["t=a q1 #1"]);
    client.lose();
    let client = back(&bench, 3);
    assert_eq!(client.seen(), ["t=a q1 dup #1", "t=b q1 #2", "t=c q1 #3"]);
    // 65,535 if it says nothing, of which the configuration leaves 20.
    client.lose();
    assert_eq!(bench.resume5("r", NEVER, true).take().len(), 4);
}

// conformance: v5 MQTT-3.3.4-9, v5 MQTT-4.4.0-1
#[test]
fn a_client_that_comes_back_with_a_smaller_maximum_gets_it_bit_by_bit() {
    for crashes in [false, true] {
        let bench = Bench::new();
        let client = reader(&bench, 4);
        publish_all(&bench, &[(1, "a"), (2, "b"), (1, "c"), (2, "d"), (1, "e")]);
        assert_eq!(client.take().len(), 4);
        if crashes {
            bench.crash(SECOND);
        } else {
            client.lose();
        }
        let client = back(&bench, 1);
        assert_eq!(client.seen(), ["t=a q1 dup #1"]);
        client.send(puback(1));
        assert_eq!(client.seen(), ["t=b q2 dup #2"]);
        client.send(pubrec(2));
        assert_eq!(client.seen(), ["pubrel 2"]);
        client.send(pubcomp(2));
        assert_eq!(client.seen(), ["t=c q1 dup #3"]);
        // It had this one, and says so without being asked again.
        client.send(pubrec(4));
        assert_eq!(client.seen(), ["pubrel 4"]);
        client.send(pubcomp(4));
        client.send(puback(3));
        assert_eq!(client.seen(), ["t=e q1 #5"]);
    }
}

// A PUBREL is no PUBLISH: it waits for no room.
// conformance: v5 MQTT-3.3.4-10, v5 MQTT-4.9.0-3, v5 MQTT-4.4.0-1
#[test]
fn a_full_window_holds_no_pubrel_back_on_resume() {
    let bench = Bench::new();
    let client = reader(&bench, 4);
    publish_all(&bench, &[(1, "a"), (1, "b"), (2, "c"), (2, "d"), (1, "e")]);
    client.send(pubrec(3));
    client.send(pubrec(4));
    assert_eq!(client.take().len(), 6);
    client.lose();
    let client = back(&bench, 1);
    assert_eq!(client.seen(), ["t=a q1 dup #1", "pubrel 3", "pubrel 4"]);
    client.send(pubcomp(4));
    client.send(pubcomp(3));
    client.send(puback(1));
    assert_eq!(client.seen(), ["t=b q1 dup #2"]);
    client.send(puback(2));
    assert_eq!(client.seen(), ["t=e q1 #5"]);
}

#[test]
fn retained_messages_keep_to_the_window() {
    let bench = Bench::new();
    let publisher = bench.connect5("p");
    for n in 0..10 {
        publisher.retain(&format!("kept/{n}"), 1, "x");
    }
    let reader = bench.open(resume_with(2));
    reader.expect_connack(false);
    reader.subscribe("kept/#", 2);
    assert_eq!(reader.take().len(), 2);
    reader.send(puback(1));
    assert_eq!(reader.seen(), ["kept/2=x q1 retain #3"]);
    reader.send(puback(2));
    reader.send(puback(3));
    assert_eq!(reader.take().len(), 2);
}
