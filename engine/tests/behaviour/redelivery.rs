//! Sending again by timer: docs/contract.md section 2, `delivery_retry_interval`.

use crate::support::{Bench, Client, SECOND, puback, pubrec};
use surewire_engine::config::Config;

fn with_interval(seconds: u32) -> Bench {
    Bench::with(Config { delivery_retry_interval: SECOND * seconds, ..Config::default() })
}

/// A persistent subscriber `c` to `t` at QoS 2, and a publisher.
fn pair(bench: &Bench) -> (Client, Client) {
    let client = bench.connect_persistent("c", false);
    client.subscribe("t", 2);
    (client, bench.connect("p"))
}

// contract: section 2, delivery_retry_interval
#[test]
fn an_old_publish_is_sent_again_with_dup_and_its_identifier() {
    let bench = with_interval(20);
    let (client, publisher) = pair(&bench);
    publisher.publish("t", 1, "a");
    publisher.publish("t", 2, "b");
    assert_eq!(client.seen(), ["t=a q1 #1", "t=b q2 #2"]);
    bench.advance(SECOND * 19);
    assert_eq!(client.seen(), [""; 0]);
    for _ in 0..3 {
        bench.advance(SECOND);
        assert_eq!(client.seen(), ["t=a q1 dup #1", "t=b q2 dup #2"]);
        bench.advance(SECOND * 19);
        assert_eq!(client.seen(), [""; 0]);
    }
}

// contract: section 2, PUBREL if past PUBREC
#[test]
fn past_pubrec_the_pubrel_is_sent_again() {
    let bench = with_interval(20);
    let (client, publisher) = pair(&bench);
    publisher.publish("t", 2, "x");
    bench.advance(SECOND * 15);
    client.send(pubrec(1));
    assert_eq!(client.seen(), ["t=x q2 #1", "pubrel 1"]);
    bench.advance(SECOND * 19);
    assert_eq!(client.seen(), [""; 0], "the PUBREL is not that old");
    bench.advance(SECOND);
    assert_eq!(client.seen(), ["pubrel 1"]);
}

// contract: section 2, when it is that old
#[test]
fn each_message_is_sent_again_at_its_own_age() {
    let bench = with_interval(20);
    let (client, publisher) = pair(&bench);
    publisher.publish("t", 1, "a");
    bench.advance(SECOND * 8);
    publisher.publish("t", 1, "b");
    client.take();
    bench.advance(SECOND * 12);
    assert_eq!(client.seen(), ["t=a q1 dup #1"]);
    bench.advance(SECOND * 8);
    assert_eq!(client.seen(), ["t=b q1 dup #2"]);
    client.send(puback(1));
    client.send(puback(2));
    bench.advance(SECOND * 100);
    assert_eq!(client.seen(), [""; 0], "acknowledged");
}

// contract: section 2, 0 = never
#[test]
fn with_interval_0_nothing_is_sent_again() {
    let bench = with_interval(0);
    let (client, publisher) = pair(&bench);
    publisher.publish("t", 1, "x");
    client.take();
    bench.advance(SECOND * 86_400);
    assert_eq!(client.seen(), [""; 0]);
}

// contract: section 2, to a connected client
#[test]
fn nothing_is_sent_again_to_a_client_that_is_away() {
    let bench = with_interval(20);
    let (client, publisher) = pair(&bench);
    publisher.publish("t", 1, "x");
    client.lose();
    bench.advance(SECOND * 50);
    let back = bench.connect_persistent("c", true);
    assert_eq!(back.seen(), ["t=x q1 dup #1"]);
    bench.advance(SECOND * 19);
    assert_eq!(back.seen(), [""; 0], "its age counts from the last sending");
    bench.advance(SECOND);
    assert_eq!(back.seen(), ["t=x q1 dup #1"]);
}

// contract: section 2, for 3.1.1 clients; the backlog is not in flight
#[test]
fn what_waits_in_the_backlog_is_not_sent_again() {
    let bench = Bench::with(Config { max_inflight_messages: 1, ..Config::default() });
    let (client, publisher) = pair(&bench);
    publisher.publish("t", 1, "a");
    publisher.publish("t", 1, "b");
    client.take();
    bench.advance(SECOND * 20);
    assert_eq!(client.seen(), ["t=a q1 dup #1"]);
}

// contract: section 8, timed resends pause while the output is full
#[test]
fn a_congested_output_pauses_it() {
    let bench = Bench::with(Config { max_unsent_bytes: 10, ..Config::default() });
    let (client, publisher) = pair(&bench);
    client.stuck(true);
    publisher.publish("t", 1, "a long payload");
    client.take();
    bench.advance(SECOND * 50);
    assert_eq!(client.seen(), [""; 0]);
    client.stuck(false);
    bench.advance(SECOND * 2);
    assert_eq!(client.seen(), ["t=a long payload q1 dup #1"]);
}

// contract: section 2, a message that still waits for its record is not old
#[test]
fn what_still_waits_at_the_gate_is_not_sent_twice() {
    let bench = with_interval(20);
    let (client, publisher) = pair(&bench);
    bench.hold_store();
    publisher.publish("t", 2, "x");
    bench.advance(SECOND * 45);
    bench.sync();
    assert_eq!(client.seen(), ["t=x q2 #1"]);
}

// conformance: v3.1.1 MQTT-3.3.1-1
#[test]
fn what_never_left_the_gate_has_dup_0_however_long_it_waited() {
    let bench = with_interval(20);
    let (client, publisher) = pair(&bench);
    bench.hold_store();
    publisher.publish("t", 2, "x");
    bench.advance(SECOND * 45);
    client.lose();
    bench.sync();
    let back = bench.open(surewire_engine::packet::Connect {
        clean_start: false,
        ..crate::support::connect("c")
    });
    bench.sync();
    assert_eq!(back.seen(), ["connack", "t=x q2 #1"]);
}

// contract: section 2, delivery_retry_interval: a barrier holds QoS 1 back as well
#[test]
fn what_waits_behind_a_suback_is_not_sent_twice() {
    let bench = with_interval(20);
    let (client, publisher) = pair(&bench);
    bench.hold_store();
    client.subscribe_as(9, &[("u", 0)]);
    publisher.publish("t", 1, "x");
    bench.advance(SECOND * 45);
    bench.sync();
    assert_eq!(client.seen(), ["suback 9 [0]", "t=x q1 #1"]);
}
