//! MQTT 5.0: the exchanges of QoS 1 and 2, step by step (sections 3.4 to 3.7, 4.3 and 4.4).

use surewire_engine::config::Config;
use surewire_engine::notice::{CloseReason, DropReason};
use surewire_engine::packet::Packet;
use surewire_engine::violation::Violation;

use super::{Answer, NOTHING, drops, expires};
use crate::support::{Bench, Client, NEVER, SECOND, puback, pubcomp, pubrec, pubrel};

/// A client `r` whose session is kept and subscribed to `t` at QoS 2.
fn reader(bench: &Bench) -> Client {
    let reader = bench.resume5("r", NEVER, false);
    reader.subscribe("t", 2);
    reader
}

fn back(bench: &Bench) -> Client {
    bench.resume5("r", NEVER, true)
}

fn one_at_a_time() -> Bench {
    Bench::with(Config { max_inflight_messages: 1, ..Config::default() })
}

// -- messages from the client

// conformance: v5 MQTT-4.3.2-4, v5 MQTT-4.3.3-8
#[test]
fn the_answer_has_the_identifier_and_comes_once_the_message_is_stored() {
    let bench = Bench::new();
    reader(&bench).lose();
    let publisher = bench.connect5("p");
    bench.hold_store();
    publisher.publish_as("t", 1, false, "a", 700, false);
    publisher.publish_as("t", 2, false, "b", 65_535, false);
    assert_eq!(publisher.seen(), NOTHING);
    bench.sync();
    assert_eq!(publisher.seen(), ["puback 700", "pubrec 65535"]);
    bench.crash(SECOND);
    assert_eq!(back(&bench).messages(), ["t=a q1", "t=b q2"]);
}

// conformance: v5 MQTT-4.3.2-5
#[test]
fn after_puback_the_identifier_means_a_new_message_whatever_dup_says() {
    let bench = Bench::new();
    let (reader, publisher) = (reader(&bench), bench.connect5("p"));
    for (payload, dup) in [("a", false), ("a", true), ("b", true)] {
        publisher.publish_as("t", 1, false, payload, 5, dup);
        assert_eq!(publisher.ack(), ("puback", 0x00, None));
    }
    assert_eq!(reader.messages(), ["t=a q1", "t=a q1", "t=b q1"]);
}

// trap: a repeated QoS 2 PUBLISH is answered with PUBREC 0x00 again and delivered once
// conformance: v5 MQTT-4.3.3-10
#[test]
fn a_repeated_qos_2_publish_gets_pubrec_again_and_is_delivered_once() {
    let bench = Bench::new();
    let reader = reader(&bench);
    let mut publisher = bench.resume5("p", NEVER, false);
    publisher.publish_as("t", 2, false, "x", 5, false);
    assert_eq!(publisher.ack(), ("pubrec", 0x00, None));
    for step in 0..4 {
        match step {
            1 => {
                publisher.lose();
                publisher = bench.resume5("p", NEVER, true);
            }
            2 => {
                bench.crash(SECOND);
                publisher = bench.resume5("p", NEVER, true);
            }
            _ => {}
        }
        for dup in [true, false] {
            publisher.publish_as("t", 2, false, "x", 5, dup);
            assert_eq!(publisher.ack(), ("pubrec", 0x00, None));
        }
    }
    assert_eq!(reader.messages(), ["t=x q2"]);
    publisher.send(pubrel(5));
    assert_eq!(publisher.ack(), ("pubcomp", 0x00, None));
    drop(reader);
    assert_eq!(back(&bench).messages(), ["t=x q2 dup"]);
}

// conformance: v5 MQTT-4.3.3-11, v5 MQTT-4.3.3-12, v5 MQTT-3.7.2-1
#[test]
fn after_pubcomp_the_identifier_means_a_new_message() {
    let bench = Bench::new();
    let (reader, publisher) = (reader(&bench), bench.connect5("p"));
    for payload in ["a", "b"] {
        publisher.publish_as("t", 2, false, payload, 5, false);
        assert_eq!(publisher.ack(), ("pubrec", 0x00, None));
        publisher.send(pubrel(5));
        assert_eq!(publisher.take(), [pubcomp(5)]);
        publisher.send(pubrel(5));
        assert_eq!(publisher.ack(), ("pubcomp", 0x92, None), "it is over");
    }
    publisher.publish_as("t", 2, false, "b", 5, true);
    publisher.take();
    assert_eq!(reader.messages(), ["t=a q2", "t=b q2", "t=b q2"]);
}

// conformance: v5 MQTT-4.3.3-13
#[test]
fn an_exchange_goes_on_after_its_message_has_expired() {
    let bench = Bench::new();
    let publisher = bench.connect5("p");
    reader(&bench).lose();
    let id = publisher.publish5("t", 2, "x", expires(1));
    assert_eq!(publisher.ack(), ("pubrec", 0x00, None));
    bench.advance(3 * SECOND);
    publisher.publish_as("t", 2, false, "x", id, true);
    assert_eq!(publisher.ack(), ("pubrec", 0x00, None));
    publisher.send(pubrel(id));
    assert_eq!(publisher.ack(), ("pubcomp", 0x00, None));
    assert_eq!(back(&bench).messages(), NOTHING);
}

// -- messages to the client

// conformance: v5 MQTT-4.3.1-1, v5 MQTT-4.3.2-1, v5 MQTT-4.3.2-2
// conformance: v5 MQTT-4.3.3-1, v5 MQTT-4.3.3-2
#[test]
fn a_first_sending_has_dup_0_and_an_identifier_that_nothing_else_has() {
    let bench = one_at_a_time();
    let (reader, publisher) = (reader(&bench), bench.connect5("p"));
    for qos in [1, 2, 1] {
        publisher.publish("t", qos, "x");
    }
    publisher.publish("t", 0, "x");
    assert_eq!(reader.seen(), ["t=x q1 #1", "t=x q0"]);
    reader.send(puback(1));
    assert_eq!(reader.seen(), ["t=x q2 #2"]);
    reader.send(pubrec(2));
    assert_eq!(reader.seen(), ["pubrel 2"]);
    reader.lose();
    publisher.publish("t", 0, "queued");
    let back = back(&bench);
    assert_eq!(back.seen(), ["pubrel 2", "t=queued q0"]);
    back.send(pubcomp(2));
    assert_eq!(back.seen(), ["t=x q1 #3"], "never sent before: DUP 0");
}

// conformance: v5 MQTT-3.3.1-1, v5 MQTT-4.3.2-3, v5 MQTT-4.4.0-1
#[test]
fn until_puback_a_qos_1_message_is_sent_again_on_resume() {
    let bench = Bench::new();
    let (reader, publisher) = (reader(&bench), bench.connect5("p"));
    publisher.publish("t", 1, "x");
    assert_eq!(reader.seen(), ["t=x q1 #1"]);
    reader.lose();
    let again = back(&bench);
    assert_eq!(again.seen(), ["t=x q1 dup #1"]);
    bench.crash(SECOND);
    let again = back(&bench);
    assert_eq!(again.seen(), ["t=x q1 dup #1"]);
    again.send(puback(1));
    again.lose();
    assert_eq!(back(&bench).seen(), NOTHING);
}

// conformance: v5 MQTT-3.3.1-1, v5 MQTT-4.3.3-3, v5 MQTT-4.3.3-5, v5 MQTT-4.3.3-6
// conformance: v5 MQTT-4.4.0-1
#[test]
fn a_qos_2_message_is_sent_again_until_pubrec_and_its_pubrel_until_pubcomp() {
    for crashes in [false, true] {
        let bench = Bench::new();
        let again = |client: &Client| {
            if crashes {
                bench.crash(SECOND)
            } else {
                client.lose()
            }
            back(&bench)
        };
        let (reader, publisher) = (reader(&bench), bench.connect5("p"));
        publisher.publish("t", 2, "x");
        assert_eq!(reader.seen(), ["t=x q2 #1"]);
        let client = again(&reader);
        assert_eq!(client.seen(), ["t=x q2 dup #1"]);
        client.send(pubrec(1));
        assert_eq!(client.ack(), ("pubrel", 0x00, None));
        let client = again(&client);
        assert_eq!(client.seen(), ["pubrel 1"], "the PUBLISH never again");
        let client = again(&client);
        assert_eq!(client.seen(), ["pubrel 1"]);
        client.send(pubcomp(1));
        assert_eq!(again(&client).seen(), NOTHING);
    }
}

// conformance: v5 MQTT-4.3.3-4, v5 MQTT-3.6.2-1
#[test]
fn a_pubrec_below_0x80_is_answered_with_pubrel_and_one_above_is_not() {
    let bench = Bench::new();
    let (reader, publisher) = (reader(&bench), bench.connect5("p"));
    for (id, code) in (1..).zip([0x00, 0x10]) {
        publisher.publish("t", 2, "x");
        reader.take();
        reader.answer(Packet::Pubrec, id, code);
        assert_eq!(reader.ack(), ("pubrel", 0x00, None), "{code:#x}");
        // Again, as after a resume of the client's own.
        reader.answer(Packet::Pubrec, id, code);
        assert_eq!(reader.ack(), ("pubrel", 0x00, None), "{code:#x}");
    }
    for (id, code) in (3..).zip([0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]) {
        publisher.publish("t", 2, "x");
        reader.take();
        reader.answer(Packet::Pubrec, id, code);
        assert_eq!(reader.seen(), NOTHING, "{code:#x}");
    }
    assert_eq!(drops(&bench), [DropReason::RefusedByClient; 7]);
}

// trap: PUBACK and PUBREC of 0x80 or above end the exchange and free the slot
// conformance: v5 MQTT-4.4.0-2
#[test]
fn a_refused_message_is_over_and_its_slot_is_free() {
    let answers: [(u8, Answer); 2] = [(1, Packet::Puback), (2, Packet::Pubrec)];
    for (qos, answer) in answers {
        let bench = one_at_a_time();
        let (reader, publisher) = (reader(&bench), bench.connect5("p"));
        publisher.publish("t", qos, "first");
        publisher.publish("t", qos, "second");
        assert_eq!(reader.seen(), [format!("t=first q{qos} #1")]);
        let before = bench.counters();
        reader.answer(answer, 1, 0x97);
        assert_eq!(drops(&bench), [DropReason::RefusedByClient]);
        assert_eq!(bench.counters().delivered, before.delivered);
        assert_eq!(reader.seen(), [format!("t=second q{qos} #2")]);
        reader.lose();
        let again = back(&bench);
        assert_eq!(again.seen(), [format!("t=second q{qos} dup #2")]);
        bench.crash(SECOND);
        assert_eq!(back(&bench).seen(), [format!("t=second q{qos} dup #2")]);
    }
}

#[test]
fn a_pubrec_of_0x80_after_pubrel_was_sent_changes_nothing() {
    let bench = Bench::new();
    let (reader, publisher) = (reader(&bench), bench.connect5("p"));
    publisher.publish("t", 2, "x");
    reader.send(pubrec(1));
    reader.take();
    reader.answer(Packet::Pubrec, 1, 0x80);
    assert_eq!(reader.seen(), NOTHING);
    reader.send(pubcomp(1));
    reader.ping();
    assert_eq!(drops(&bench), []);
}

// conformance: v5 MQTT-3.6.2-1, v5 MQTT-3.7.2-1
#[test]
fn unknown_identifiers_are_answered_so_that_the_client_comes_to_an_end() {
    let bench = Bench::new();
    let client = bench.connect5("c");
    client.send(pubrec(9));
    assert_eq!(client.ack(), ("pubrel", 0x92, None));
    client.send(pubrel(9));
    assert_eq!(client.ack(), ("pubcomp", 0x92, None));
    for code in [0x80, 0x97] {
        client.answer(Packet::Pubrec, 9, code);
        client.answer(Packet::Puback, 9, code);
    }
    client.send(puback(9));
    client.send(pubcomp(9));
    client.answer(Packet::Pubcomp, 9, 0x92);
    assert_eq!(client.seen(), NOTHING);
    client.ping();
}

// A client that forgot a released message says so, and that is the end of it.
#[test]
fn pubcomp_0x92_ends_the_exchange() {
    let bench = one_at_a_time();
    let (reader, publisher) = (reader(&bench), bench.connect5("p"));
    publisher.publish("t", 2, "a");
    publisher.publish("t", 1, "b");
    reader.send(pubrec(1));
    reader.take();
    reader.lose();
    let again = back(&bench);
    assert_eq!(again.seen(), ["pubrel 1"]);
    again.answer(Packet::Pubcomp, 1, 0x92);
    assert_eq!(again.seen(), ["t=b q1 #2"]);
}

#[test]
fn an_answer_of_the_other_qos_is_a_protocol_error() {
    let answers: [(u8, Answer, u8); 4] = [
        (1, Packet::Pubrec, 5),
        (1, Packet::Pubcomp, 7),
        (2, Packet::Puback, 4),
        (1, Packet::Pubrec, 5),
    ];
    for (n, (qos, answer, packet)) in (0..).zip(answers) {
        let bench = Bench::new();
        let (reader, publisher) = (reader(&bench), bench.connect5("p"));
        publisher.publish("t", qos, "x");
        reader.take();
        reader.answer(answer, 1, if n == 3 { 0x80 } else { 0x00 });
        reader.expect_disconnect(0x82);
        let violation = Violation::WrongAck { packet };
        assert_eq!(reader.closed(), Some(CloseReason::Violation(violation)));
        // The message is not lost for it.
        assert_eq!(back(&bench).messages(), [format!("t=x q{qos} dup")]);
    }
}

// trap: no resend by timer for 5.0
// conformance: v5 MQTT-4.4.0-1
#[test]
fn nothing_is_sent_again_while_the_connection_lasts() {
    let bench = Bench::with(Config { delivery_retry_interval: 20 * SECOND, ..Config::default() });
    let (reader, publisher) = (reader(&bench), bench.connect5("p"));
    publisher.publish("t", 1, "a");
    publisher.publish("t", 2, "b");
    publisher.publish("t", 2, "c");
    reader.send(pubrec(2));
    assert_eq!(reader.seen().len(), 4);
    bench.advance(3_600 * SECOND);
    assert_eq!(reader.seen(), NOTHING);
    reader.lose();
    bench.advance(3_600 * SECOND);
    let again = back(&bench);
    assert_eq!(again.seen(), ["t=a q1 dup #1", "pubrel 2", "t=c q2 dup #3"]);
    bench.advance(3_600 * SECOND);
    assert_eq!(again.seen(), NOTHING);
}

// The timer of a 3.1.1 client must not go off for the 5.0 client that its session has now.
#[test]
fn nothing_is_sent_again_after_a_change_of_version() {
    let bench = Bench::with(Config { delivery_retry_interval: 20 * SECOND, ..Config::default() });
    let old = bench.connect_persistent("r", false);
    old.subscribe("t", 2);
    bench.connect5("p").publish("t", 1, "x");
    assert_eq!(old.seen(), ["t=x q1 #1"]);
    bench.advance(10 * SECOND);
    old.lose();
    let new = back(&bench);
    assert_eq!(new.seen(), ["t=x q1 dup #1"]);
    bench.advance(3_600 * SECOND);
    assert_eq!(new.seen(), NOTHING);
    // And back again it does.
    new.lose();
    let old = bench.connect_persistent("r", true);
    assert_eq!(old.seen(), ["t=x q1 dup #1"]);
    bench.advance(20 * SECOND);
    assert_eq!(old.seen(), ["t=x q1 dup #1"]);
}

#[test]
fn a_code_that_an_acknowledgement_cannot_have_is_a_protocol_error() {
    for (first, code) in [(0x40, 0x92), (0x50, 0x01), (0x62, 0x10), (0x62, 0x80), (0x70, 0x97)] {
        let bench = Bench::new();
        let client = bench.connect5("c");
        client.raw(&[first, 3, 0, 1, code]);
        client.expect_disconnect(0x82);
        let violation = Violation::ReasonCode { code };
        assert_eq!(client.closed(), Some(CloseReason::Violation(violation)));
    }
}
