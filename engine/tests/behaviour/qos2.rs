//! Exactly once, in both directions: MQTT 3.1.1 sections 3.5 to 3.7 and 4.3.3.

use crate::support::{Bench, Client, puback, pubcomp, pubrec, pubrel};

/// A persistent session that has been sent one QoS 2 message, and its connection.
fn receiver() -> (Bench, Client) {
    let bench = Bench::new();
    let client = bench.connect_persistent("c", false);
    client.subscribe("t", 2);
    bench.connect("p").publish("t", 2, "x");
    assert_eq!(client.seen(), ["t=x q2 #1"]);
    (bench, client)
}

/// Loses the connection and comes back to the session.
fn reconnect(bench: &Bench, client: &Client) -> Client {
    client.lose();
    bench.connect_persistent("c", true)
}

/// A persistent publisher `c` and somebody who receives what it publishes.
fn publisher() -> (Bench, Client, Client) {
    let bench = Bench::new();
    let receiver = bench.connect("r");
    receiver.subscribe("t", 0);
    let client = bench.connect_persistent("c", false);
    (bench, client, receiver)
}

fn publish(client: &Client, id: u16, dup: bool) {
    client.publish_as("t", 2, false, "x", id, dup);
}

// conformance: v3.1.1 MQTT-3.6.1-1, v3.1.1 MQTT-2.2.2-2
#[test]
fn a_pubrel_with_a_wrong_flag_nibble_closes() {
    for flags in (0..16).filter(|flags| *flags != 2) {
        let client = Bench::new().connect("c");
        client.raw(&[0x60 | flags, 2, 0, 1]);
        assert!(!client.is_open(), "flags {flags:04b}");
        assert_eq!(client.take(), []);
    }
}

// conformance: v3.1.1 MQTT-4.3.3-1, v3.1.1 MQTT-2.3.1-6, v3.1.1 MQTT-3.6.1-1
#[test]
fn a_delivery_goes_through_all_four_packets() {
    let (_bench, client) = receiver();
    client.send(pubrec(1));
    assert_eq!(client.seen(), ["pubrel 1"]);
    assert!(client.bytes().ends_with(&[0x62, 2, 0, 1]), "flags 0010");
    client.send(pubcomp(1));
    assert_eq!(client.seen(), [""; 0]);
}

// conformance: v3.1.1 MQTT-4.3.3-1, v3.1.1 MQTT-4.4.0-1
#[test]
fn lost_before_pubrec_the_publish_is_repeated() {
    let (bench, client) = receiver();
    let client = reconnect(&bench, &client);
    assert_eq!(client.seen(), ["t=x q2 dup #1"]);
    client.send(pubrec(1));
    assert_eq!(client.seen(), ["pubrel 1"]);
}

// conformance: v3.1.1 MQTT-4.3.3-1, v3.1.1 MQTT-4.4.0-1
#[test]
fn lost_after_pubrec_only_the_pubrel_is_repeated() {
    let (bench, client) = receiver();
    client.send(pubrec(1));
    client.take();
    let client = reconnect(&bench, &client);
    assert_eq!(client.seen(), ["pubrel 1"]);
    let client = reconnect(&bench, &client);
    assert_eq!(client.seen(), ["pubrel 1"], "and again");
    client.send(pubcomp(1));
    let client = reconnect(&bench, &client);
    assert_eq!(client.seen(), [""; 0], "over after PUBCOMP");
}

// conformance: v3.1.1 MQTT-4.3.3-1
#[test]
fn a_repeated_pubrec_is_answered_by_pubrel_and_never_by_publish() {
    let (bench, client) = receiver();
    client.send(pubrec(1));
    client.send(pubrec(1));
    assert_eq!(client.seen(), ["pubrel 1", "pubrel 1"]);
    let client = reconnect(&bench, &client);
    client.send(pubrec(1));
    assert_eq!(client.seen(), ["pubrel 1", "pubrel 1"]);
}

// conformance: v3.1.1 MQTT-2.3.1-4
#[test]
fn the_identifier_is_taken_until_pubcomp() {
    let (bench, client) = receiver();
    client.send(pubrec(1));
    client.take();
    let other = bench.connect("other");
    for n in 0..19 {
        other.publish("t", 2, &n.to_string());
    }
    let sent = client.take();
    assert_eq!(sent.len(), 19);
    assert!(!crate::support::ids(&sent).contains(&1));
    other.publish("t", 2, "the window is full");
    assert_eq!(client.seen(), [""; 0]);
    client.send(pubcomp(1));
    assert_eq!(client.messages(), ["t=the window is full q2"]);
}

// conformance: v3.1.1 MQTT-4.8.0-1
#[test]
fn a_puback_for_a_qos_2_message_closes_before_and_after_pubrec() {
    for received in [false, true] {
        let (_bench, client) = receiver();
        if received {
            client.send(pubrec(1));
            client.take();
        }
        client.send(puback(1));
        assert!(!client.is_open());
        assert_eq!(client.take(), []);
    }
}

// README: PUBREC for an unknown identifier gets PUBREL, PUBCOMP nothing
#[test]
fn unknown_answers_come_to_an_end() {
    let client = Bench::new().connect("c");
    client.send(pubrec(40));
    assert_eq!(client.seen(), ["pubrel 40"]);
    client.send(pubcomp(40));
    client.ping();
}

#[test]
fn a_pubcomp_before_pubrec_changes_nothing() {
    let (_bench, client) = receiver();
    client.send(pubcomp(1));
    client.ping();
    client.send(pubrec(1));
    assert_eq!(client.seen(), ["pubrel 1"]);
}

// conformance: v3.1.1 MQTT-4.3.3-2, v3.1.1 MQTT-3.3.4-1, v3.1.1 MQTT-2.3.1-6
#[test]
fn an_incoming_message_is_delivered_once_and_its_identifier_is_then_new() {
    let (_bench, client, receiver) = publisher();
    for _ in 0..2 {
        publish(&client, 5, false);
        client.send(pubrel(5));
        assert_eq!(client.seen(), ["pubrec 5", "pubcomp 5"]);
        assert_eq!(receiver.messages(), ["t=x q0"]);
    }
}

// conformance: v3.1.1 MQTT-4.3.3-2
#[test]
fn a_repeated_publish_is_answered_and_not_delivered_again() {
    let (_bench, client, receiver) = publisher();
    for dup in [false, true, false] {
        publish(&client, 5, dup);
        assert_eq!(client.seen(), ["pubrec 5"]);
    }
    assert_eq!(receiver.messages(), ["t=x q0"]);
}

// conformance: v3.1.1 MQTT-4.3.3-2, v3.1.1 MQTT-4.1.0-1
#[test]
fn a_repeated_publish_is_known_over_a_reconnect() {
    let (bench, client, receiver) = publisher();
    publish(&client, 5, false);
    let client = reconnect(&bench, &client);
    publish(&client, 5, true);
    assert_eq!(client.seen(), ["pubrec 5"]);
    let client = reconnect(&bench, &client);
    client.send(pubrel(5));
    assert_eq!(client.seen(), ["pubcomp 5"]);
    assert_eq!(receiver.messages(), ["t=x q0"]);
    publish(&client, 5, false);
    assert_eq!(receiver.messages(), ["t=x q0"], "a new message after PUBREL");
}

// conformance: v3.1.1 MQTT-4.3.3-2
#[test]
fn a_repeated_pubrel_is_answered_also_over_a_reconnect() {
    let (bench, client, _receiver) = publisher();
    publish(&client, 5, false);
    client.send(pubrel(5));
    client.send(pubrel(5));
    assert_eq!(client.seen(), ["pubrec 5", "pubcomp 5", "pubcomp 5"]);
    let client = reconnect(&bench, &client);
    client.send(pubrel(5));
    assert_eq!(client.seen(), ["pubcomp 5"]);
}

// conformance: v3.1.1 MQTT-3.1.2-6
#[test]
fn a_new_session_knows_no_earlier_identifiers() {
    let (bench, client, receiver) = publisher();
    publish(&client, 5, false);
    client.lose();
    let client = bench.connect("c");
    publish(&client, 5, true);
    assert_eq!(client.seen(), ["pubrec 5"]);
    assert_eq!(receiver.messages(), ["t=x q0", "t=x q0"]);
}

// README: PUBREL for an unknown identifier gets PUBCOMP
#[test]
fn an_unknown_pubrel_is_answered() {
    let client = Bench::new().connect("c");
    client.send(pubrel(12));
    assert_eq!(client.seen(), ["pubcomp 12"]);
}

#[test]
fn both_directions_use_the_same_identifier_independently() {
    let (_bench, client) = receiver();
    client.publish_as("elsewhere", 2, false, "x", 1, false);
    client.send(pubrec(1));
    client.send(pubrel(1));
    client.send(pubcomp(1));
    assert_eq!(client.seen(), ["pubrec 1", "pubrel 1", "pubcomp 1"]);
}
