//! A client comes back to its session: MQTT 3.1.1 section 4.4, docs/contract.md section 5.

use crate::support::{Bench, Client, puback, pubcomp, pubrec};
use surewire_engine::config::Config;

fn window_of(size: u16) -> Bench {
    Bench::with(Config { max_inflight_messages: size, ..Config::default() })
}

/// A persistent subscriber `c` to `t` at QoS 2, and a publisher.
fn pair(bench: &Bench) -> (Client, Client) {
    let client = bench.connect_persistent("c", false);
    client.subscribe("t", 2);
    (client, bench.connect("p"))
}

// conformance: v3.1.1 MQTT-4.4.0-1, v3.1.1 MQTT-3.3.1-1, v3.1.1 MQTT-4.3.1-1
#[test]
fn in_flight_comes_first_in_its_first_order_and_then_the_backlog() {
    let bench = window_of(4);
    let (client, publisher) = pair(&bench);
    for (n, qos) in [2, 1, 2, 1, 1, 2, 0].into_iter().enumerate() {
        publisher.publish("t", qos, &n.to_string());
    }
    client.take();
    client.send(pubrec(3));
    client.lose();
    publisher.publish("t", 1, "7");
    let back = bench.connect_persistent("c", true);
    let again = ["t=0 q2 dup #1", "t=1 q1 dup #2", "pubrel 3", "t=3 q1 dup #4"];
    assert_eq!(back.seen(), again, "the QoS 0 message was delivered at once");
    back.send(puback(2));
    back.send(pubcomp(3));
    back.send(puback(4));
    assert_eq!(back.seen(), ["t=4 q1 #5", "t=5 q2 #6", "t=7 q1 #7"], "DUP 0, fresh identifiers");
}

// conformance: v3.1.1 MQTT-4.4.0-1
#[test]
fn the_order_is_that_of_sending_and_not_of_identifiers() {
    let bench = window_of(3);
    bench.check_every(1_000);
    let (client, publisher) = pair(&bench);
    for _ in 0..65_533_u32 {
        publisher.publish("t", 1, "x");
        for id in crate::support::ids(&client.take()) {
            client.send(puback(id));
        }
    }
    for n in 0..3 {
        publisher.publish("t", 1, &n.to_string());
    }
    client.lose();
    let back = bench.connect_persistent("c", true);
    assert_eq!(back.seen(), ["t=0 q1 dup #65534", "t=1 q1 dup #65535", "t=2 q1 dup #1"]);
}

// conformance: v3.1.1 MQTT-4.5.0-1, v3.1.1 MQTT-3.1.2-5
#[test]
fn an_offline_session_receives_on_return_what_every_matching_filter_brought() {
    let bench = Bench::new();
    for id in ["a", "b"] {
        let client = bench.connect_persistent(id, false);
        client.subscribe_many(&[("t/+", 1), ("u", 2)]);
        client.disconnect();
    }
    let publisher = bench.connect("p");
    for (topic, qos) in [("t/1", 1), ("u", 2), ("other", 2), ("t/2", 2)] {
        publisher.publish_acked(topic, qos, "x");
    }
    for id in ["a", "b"] {
        let back = bench.connect_persistent(id, true);
        assert_eq!(back.ack_all(), ["t/1=x q1", "u=x q2", "t/2=x q1"]);
    }
}

// conformance: v3.1.1 MQTT-4.5.0-1
#[test]
fn an_accepted_message_reaches_every_matching_session_connected_or_not() {
    let bench = Bench::new();
    let online = bench.connect("online");
    online.subscribe("#", 1);
    bench.connect_persistent("offline", false).subscribe("t", 2);
    bench.connect_persistent("offline", true).lose();
    bench.connect("p").publish_acked("t", 2, "x");
    assert_eq!(online.ack_all(), ["t=x q1"]);
    assert_eq!(bench.connect_persistent("offline", true).ack_all(), ["t=x q2"]);
}

// conformance: v3.1.1 MQTT-3.3.1-1
#[test]
fn what_was_never_sent_has_dup_0() {
    let bench = window_of(1);
    let (client, publisher) = pair(&bench);
    publisher.publish("t", 2, "sent");
    publisher.publish("t", 2, "waiting");
    client.lose();
    let back = bench.connect_persistent("c", true);
    assert_eq!(back.ack_all(), ["t=sent q2 dup", "t=waiting q2"]);
}

// contract: section 5, CONNACK first
#[test]
fn the_connack_comes_before_everything() {
    let bench = Bench::new();
    let (client, publisher) = pair(&bench);
    publisher.publish("t", 1, "x");
    client.lose();
    publisher.publish("t", 0, "y");
    let connect = crate::support::connect("c");
    let back = bench.open(surewire_engine::packet::Connect { clean_start: false, ..connect });
    assert_eq!(back.seen(), ["connack", "t=x q1 dup #1", "t=y q0"]);
}

// contract: section 5, take-over is a resume
#[test]
fn a_takeover_resumes_without_a_gap() {
    let bench = Bench::new();
    let (old, publisher) = pair(&bench);
    publisher.publish("t", 2, "x");
    let new = bench.connect_persistent("c", true);
    assert!(!old.is_open());
    publisher.publish("t", 2, "y");
    assert_eq!(new.ack_all(), ["t=x q2 dup", "t=y q2"]);
}

// conformance: v3.1.1 MQTT-4.1.0-1
#[test]
fn a_session_and_its_exchanges_last_through_a_long_absence() {
    let bench = Bench::new();
    let (client, publisher) = pair(&bench);
    publisher.publish("t", 2, "x");
    client.lose();
    bench.advance(crate::support::SECOND * 86_400 * 400);
    let back = bench.connect_persistent("c", true);
    assert_eq!(back.ack_all(), ["t=x q2 dup"]);
    publisher.publish("t", 2, "subscribed still");
    assert_eq!(back.ack_all(), ["t=subscribed still q2"]);
}
