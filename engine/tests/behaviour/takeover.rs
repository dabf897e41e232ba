//! A client that connects while it is connected: MQTT 3.1.1 section 3.1.4, docs/contract.md section 5.

use crate::support::{Bench, connect, puback, will};
use surewire_engine::event::{Event, Lost};
use surewire_engine::notice::{CloseReason, Notice};
use surewire_engine::packet::{Connect, Packet};

// conformance: v3.1.1 MQTT-3.1.4-2
#[test]
fn the_older_connection_of_a_client_is_closed() {
    let bench = Bench::new();
    let old = bench.connect("client");
    let new = bench.connect("client");
    old.expect_silent_close();
    assert_eq!(old.closed(), Some(CloseReason::TakenOver));
    new.ping();
    assert_eq!(bench.sizes().connections, 1);
}

// Contract: at no moment are two connections of one id live.
#[test]
fn the_old_connection_ends_before_the_new_one_is_accepted() {
    let bench = Bench::new();
    bench.connect("client");
    bench.notices();
    bench.connect("client");
    let notices = bench.notices();
    let left = notices.iter().position(|n| matches!(n, Notice::Disconnected { .. })).unwrap();
    let came = notices.iter().position(|n| matches!(n, Notice::Connected { .. })).unwrap();
    assert!(left < came, "{notices:?}");
}

// conformance: v3.1.1 MQTT-3.1.4-3, v3.1.1 MQTT-3.1.2-4
#[test]
fn a_persistent_session_goes_on_over_a_take_over() {
    let bench = Bench::new();
    let old = bench.connect_persistent("client", false);
    old.subscribe("t", 1);
    let publisher = bench.connect("publisher");
    publisher.publish("t", 1, "before");
    let new = bench.connect_persistent("client", true);
    publisher.publish("t", 1, "after");
    assert_eq!(old.messages(), ["t=before q1"]);
    assert_eq!(new.ack_all(), ["t=before q1 dup", "t=after q1"]);
}

// conformance: v3.1.1 MQTT-3.1.4-3, v3.1.1 MQTT-3.1.2-6
#[test]
fn a_take_over_with_clean_session_1_starts_anew() {
    let bench = Bench::new();
    bench.connect_persistent("client", false).subscribe("t", 1);
    let new = bench.connect("client");
    bench.connect("publisher").publish("t", 1, "x");
    new.ping();
    new.disconnect();
    bench.connect_persistent("client", false);
    assert_eq!(bench.sizes().subscriptions, 0);
}

// conformance: v3.1.1 MQTT-3.1.4-3, v3.1.1 MQTT-3.1.2-6
#[test]
fn a_clean_session_does_not_survive_a_take_over() {
    let bench = Bench::new();
    bench.connect("client").subscribe("t", 1);
    let new = bench.connect_persistent("client", false);
    bench.connect("publisher").publish("t", 1, "x");
    new.ping();
}

// conformance: v3.1.1 MQTT-3.1.2-8, v3.1.1 MQTT-3.1.4-2
#[test]
fn the_will_of_the_old_connection_is_published_once() {
    for clean_start in [true, false] {
        let bench = Bench::new();
        let watcher = bench.connect("watcher");
        watcher.subscribe("will", 1);
        let with = Connect { will: will("will", "old", 1, false), ..connect("client") };
        bench.open(Connect { clean_start, ..with }).expect_connack(false);
        let new = bench.open(Connect { clean_start, ..connect("client") });
        assert_eq!(watcher.ack_all(), ["will=old q1"]);
        new.lose();
        assert_eq!(watcher.ack_all(), [""; 0], "the new connection has no will");
    }
}

// The session is subscribed to its own Will: it gets it on the new connection.
#[test]
fn the_will_of_the_old_connection_reaches_the_session_itself() {
    let bench = Bench::new();
    let with = Connect { will: will("will", "old", 1, false), ..connect("client") };
    let old = bench.open(Connect { clean_start: false, ..with.clone() });
    old.expect_connack(false);
    old.subscribe("will", 1);
    let new = bench.open(Connect { clean_start: false, ..with });
    new.expect_connack(true);
    assert_eq!(new.ack_all(), ["will=old q1"]);
}

// What was on its way on the old connection does not reach the session any more.
#[test]
fn events_of_the_old_connection_are_void() {
    let bench = Bench::new();
    let old = bench.connect_persistent("client", false);
    old.subscribe("t", 1);
    bench.connect("publisher").publish("t", 1, "x");
    let conn = old.conn();
    let new = bench.connect_persistent("client", true);
    for event in [
        Event::Received { conn, packet: puback(1) },
        Event::Received { conn, packet: Packet::Pingreq },
        Event::Written { conn, bytes: 100 },
        Event::Closed { conn, why: Lost::ByPeer },
    ] {
        bench.event(event);
    }
    assert!(new.is_open());
    new.lose();
    let back = bench.connect_persistent("client", true);
    assert_eq!(back.messages(), ["t=x q1 dup"], "the PUBACK came too late");
}

// Contract: the new client is answered when what it found is durable, with nothing lost between.
#[test]
fn a_take_over_in_a_chain_keeps_the_queue_and_its_order() {
    let bench = Bench::new();
    bench.connect_persistent("client", false).subscribe("t", 1);
    let publisher = bench.connect("publisher");
    for n in 0..5 {
        publisher.publish("t", 1, &n.to_string());
        bench.connect_persistent("client", true);
    }
    let last = bench.connect_persistent("client", true);
    assert_eq!(
        last.ack_all(),
        ["t=0 q1 dup", "t=1 q1 dup", "t=2 q1 dup", "t=3 q1 dup", "t=4 q1 dup"]
    );
}
