//! MQTT 5.0: the order of messages, and of what is sent again (sections 4.4 and 4.6).

use surewire_engine::config::Config;
use surewire_engine::packet::{Packet, QoS};
use surewire_engine::request::Request;

use super::NOTHING;
use crate::support::requests;
use crate::support::{Bench, Client, NEVER, SECOND, puback, pubcomp, pubrec, pubrel, show};

fn reader(bench: &Bench) -> Client {
    let reader = bench.resume5("r", NEVER, false);
    reader.subscribe("t", 2);
    reader
}

fn back(bench: &Bench) -> Client {
    bench.resume5("r", NEVER, true)
}

fn deep(window: u16) -> Config {
    let max_msgqueue_messages = Some(10_000);
    Config { max_inflight_messages: window, max_msgqueue_messages, ..Config::default() }
}

/// The payloads of a stream of numbers.
fn numbers(messages: &[String]) -> Vec<u32> {
    let number = |message: &String| {
        let (_, rest) = message.split_once('=').unwrap();
        rest.split_once(' ').unwrap().0.parse().unwrap()
    };
    messages.iter().map(number).collect()
}

// conformance: v5 MQTT-4.6.0-5, v5 MQTT-4.6.0-6
#[test]
fn a_stream_of_one_qos_arrives_in_its_order() {
    for window in [1, 3, 20] {
        for qos in 0..3 {
            let bench = Bench::with(deep(window));
            bench.check_every(10);
            let readers: Vec<Client> = ["a", "b", "c"]
                .map(|id| {
                    let client = bench.resume5(id, NEVER, false);
                    client.subscribe(if id == "a" { "t" } else { "#" }, 2);
                    client
                })
                .into();
            let publisher = bench.connect5("p");
            for n in 0..20 {
                publisher.publish("t", qos, &n.to_string());
            }
            for reader in readers {
                assert_eq!(numbers(&reader.ack_all()), (0..20).collect::<Vec<u32>>());
            }
        }
    }
}

/// Answers up to `most` messages, and everything that follows from it; returns what was sent for
/// the first time.
fn answer_some(client: &Client, mut most: usize) -> Vec<String> {
    let mut seen = Vec::new();
    loop {
        let packets = client.take();
        if packets.is_empty() {
            return seen;
        }
        for packet in packets {
            match &packet {
                Packet::Publish(publish) => {
                    if !publish.dup {
                        seen.push(show(&packet));
                    }
                    if most > 0 {
                        most -= 1;
                        let id = publish.packet_id.unwrap().get();
                        let qos_1 = publish.qos == QoS::AtLeastOnce;
                        client.send(if qos_1 { puback(id) } else { pubrec(id) });
                    }
                }
                Packet::Pubrel(ack) => client.send(pubcomp(ack.packet_id.get())),
                other => panic!("expected PUBLISH or PUBREL, got {other:?}"),
            }
        }
    }
}

// conformance: v5 MQTT-4.6.0-5
#[test]
fn the_order_holds_over_interruptions() {
    for qos in [1, 2] {
        let bench = Bench::with(deep(4));
        let mut client = reader(&bench);
        let publisher = bench.connect5("p");
        for n in 0..40 {
            publisher.publish_acked("t", qos, &n.to_string());
        }
        let mut seen = Vec::new();
        for step in 0..8 {
            seen.extend(answer_some(&client, 3));
            if step == 4 {
                bench.crash(SECOND)
            } else {
                client.lose()
            }
            client = back(&bench);
        }
        seen.extend(answer_some(&client, usize::MAX));
        assert_eq!(numbers(&seen), (0..40).collect::<Vec<u32>>(), "QoS {qos}");
    }
}

// trap: on resume in the order of sending, which is not that of the identifiers once these have
// wrapped
// trap: no identifier that is in flight is given again, also not after a crash
// conformance: v5 MQTT-4.3.2-1, v5 MQTT-4.3.3-1, v5 MQTT-4.4.0-1
#[test]
fn what_is_in_flight_is_sent_again_in_order_and_keeps_its_identifiers_to_itself() {
    let bench = Bench::with(deep(4));
    let (client, publisher) = (reader(&bench), bench.connect5("p"));
    bench.check_every(10_000);
    publisher.publish("t", 2, "stuck");
    client.send(pubrec(1));
    client.take();
    bench.hold_store();
    for id in 2..=65_533 {
        bench.ask(Request::Command(requests::publish("t", 1, false, "x")));
        client.send(puback(id));
    }
    bench.release_store();
    assert_eq!(client.take().len(), 65_532);
    bench.check_every(1);
    for (qos, payload) in [(1, "a"), (2, "b"), (1, "c")] {
        publisher.publish("t", qos, payload);
    }
    assert_eq!(client.seen(), ["t=a q1 #65534", "t=b q2 #65535", "t=c q1 #2"]);
    // Waits behind the window, and is never sent on this connection.
    publisher.publish("t", 1, "d");
    let again = ["pubrel 1", "t=a q1 dup #65534", "t=b q2 dup #65535", "t=c q1 dup #2"];
    client.lose();
    assert_eq!(back(&bench).seen(), again);
    // What is long over, so that the bench has less to check at the crash.
    bench.clean();
    bench.crash(SECOND);
    let client = back(&bench);
    assert_eq!(client.seen(), again);
    let publisher = bench.connect5("p");
    for n in 0..4 {
        client.send(puback(65_534));
        client.send(puback(2));
        publisher.publish("t", 1, &n.to_string());
    }
    assert_eq!(client.seen(), ["t=d q1 #3", "t=0 q1 #4"]);
}

// trap: DUP only if it was really sent
// conformance: v5 MQTT-3.3.1-1, v5 MQTT-4.3.2-2, v5 MQTT-4.3.3-2
#[test]
fn what_never_left_is_sent_for_the_first_time_on_resume() {
    let bench = Bench::new();
    let (client, publisher) = (reader(&bench), bench.connect5("p"));
    publisher.publish("t", 2, "sent");
    assert_eq!(client.seen(), ["t=sent q2 #1"]);
    bench.hold_store();
    publisher.publish("t", 2, "in the gate");
    client.lose();
    publisher.publish("t", 1, "queued");
    bench.sync();
    let again = bench.open(crate::support::resume5("r", NEVER));
    bench.sync();
    again.expect_connack(true);
    assert_eq!(again.seen(), ["t=sent q2 dup #1", "t=in the gate q2 #2", "t=queued q1 #3"]);
}

#[test]
fn what_is_queued_follows_what_is_in_flight_and_precedes_what_is_live() {
    let bench = Bench::with(deep(20));
    let (client, publisher) = (reader(&bench), bench.connect5("p"));
    publisher.publish("t", 1, "in flight");
    client.lose();
    publisher.publish("t", 1, "queued");
    let again = back(&bench);
    publisher.publish("t", 1, "live");
    let expected = ["t=in flight q1 dup #1", "t=queued q1 #2", "t=live q1 #3"];
    assert_eq!(again.seen(), expected);
}

#[test]
fn answers_come_in_the_order_of_what_they_answer() {
    let bench = Bench::new();
    reader(&bench).lose();
    let publisher = bench.resume5("p", NEVER, false);
    bench.hold_store();
    for (id, qos) in [(9, 1), (3, 2), (7, 1), (5, 2)] {
        publisher.publish_as("t", qos, false, "x", id, false);
    }
    // This one needs no record, and does not overtake.
    publisher.publish_as("nobody", 1, false, "x", 1, false);
    assert_eq!(publisher.seen(), NOTHING);
    bench.sync();
    let answers = ["puback 9", "pubrec 3", "puback 7", "pubrec 5", "puback 1"];
    assert_eq!(publisher.seen(), answers);
    publisher.send(pubrel(3));
    publisher.send(pubrel(5));
    bench.sync();
    assert_eq!(publisher.seen(), ["pubcomp 3", "pubcomp 5"]);
}

#[test]
fn pubrels_come_in_the_order_of_the_pubrecs() {
    let bench = Bench::new();
    let (client, publisher) = (reader(&bench), bench.connect5("p"));
    for payload in ["a", "b", "c"] {
        publisher.publish("t", 2, payload);
    }
    client.take();
    bench.hold_store();
    for id in 1..=3 {
        client.send(pubrec(id));
    }
    assert_eq!(client.seen(), NOTHING, "not before that is stored");
    bench.sync();
    assert_eq!(client.seen(), ["pubrel 1", "pubrel 2", "pubrel 3"]);
}
