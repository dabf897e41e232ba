//! The backlog's limits: docs/contract.md section 4.

use crate::support::Bench;
use surewire_engine::config::{Config, QueueFullPolicy};
use surewire_engine::notice::{DropReason, Notice};

fn reasons(bench: &Bench) -> Vec<DropReason> {
    let reason = |notice: &Notice| match notice {
        Notice::Dropped { why, .. } => Some(*why),
        _ => None,
    };
    bench.notices().iter().filter_map(reason).collect()
}

fn bench(policy: QueueFullPolicy) -> Bench {
    Bench::with(Config {
        max_msgqueue_messages: Some(3),
        max_inflight_messages: 1,
        queue_full_policy: policy,
        ..Config::default()
    })
}

// contract: section 4, offline
#[test]
fn an_offline_session_keeps_the_newest_that_fit() {
    let bench = bench(QueueFullPolicy::DropOldest);
    bench.connect_persistent("away", false).subscribe("t", 2);
    let publisher = bench.connect("publisher");
    bench.connect_persistent("away", true).disconnect();
    for (n, qos) in [1, 1, 0, 1].into_iter().enumerate() {
        publisher.publish("t", qos, &n.to_string());
    }
    assert_eq!(reasons(&bench), [DropReason::QueueFullOldestQoS0]);
    let back = bench.connect_persistent("away", true);
    assert_eq!(back.ack_all(), ["t=0 q1", "t=1 q1", "t=3 q1"]);
}

// contract: section 4, online: the same behind a full window
#[test]
fn an_online_session_keeps_the_newest_that_fit() {
    let bench = bench(QueueFullPolicy::DropOldest);
    let slow = bench.connect("slow");
    slow.subscribe("t", 2);
    let publisher = bench.connect("publisher");
    for n in 0..6 {
        publisher.publish("t", 1, &n.to_string());
    }
    assert_eq!(reasons(&bench), [DropReason::QueueFullOldest; 2]);
    assert_eq!(slow.ack_all(), ["t=0 q1", "t=3 q1", "t=4 q1", "t=5 q1"]);
}

// contract: section 4, the alternatives
#[test]
fn disconnect_ends_the_connection_of_a_client_that_is_too_slow() {
    let bench = bench(QueueFullPolicy::Disconnect);
    let slow = bench.connect_persistent("slow", false);
    slow.subscribe("t", 1);
    let publisher = bench.connect("publisher");
    for n in 0..4 {
        publisher.publish("t", 1, &n.to_string());
    }
    assert!(slow.is_open());
    publisher.publish("t", 1, "4");
    assert!(!slow.is_open());
    assert_eq!(reasons(&bench), [DropReason::QueueFullNewest]);
    let back = bench.connect_persistent("slow", true);
    assert_eq!(back.ack_all(), ["t=0 q1 dup", "t=1 q1", "t=2 q1", "t=3 q1"]);
}

// Else it would send the message again as soon as it is back, before anything else, for ever.
#[test]
fn disconnect_spares_a_client_whose_own_message_finds_its_queue_full() {
    let bench = bench(QueueFullPolicy::Disconnect);
    let client = bench.connect_persistent("client", false);
    client.subscribe("t", 1);
    for n in 0..5 {
        client.publish("t", 1, &n.to_string());
    }
    assert!(client.is_open());
    assert_eq!(reasons(&bench), [DropReason::QueueFullNewest]);
}

// contract: section 4, QoS 0 of an online session waits only while its connection is congested
#[test]
fn qos_0_goes_past_a_full_window_once_the_congestion_is_over() {
    let bench = Bench::with(Config {
        max_unsent_bytes: 100,
        max_inflight_messages: 1,
        ..Config::default()
    });
    let client = bench.connect("client");
    client.subscribe("t", 2);
    let publisher = bench.connect("publisher");
    client.stuck(true);
    for (payload, qos) in [("x".repeat(90), 1), ("one".into(), 1), ("zero".into(), 0)] {
        publisher.publish("t", qos, &payload);
    }
    assert_eq!(client.messages().len(), 1);
    client.stuck(false);
    assert_eq!(client.messages(), ["t=zero q0"], "QoS 1 waits for the window, QoS 0 does not");
    publisher.publish("t", 0, "live");
    assert_eq!(client.messages(), ["t=live q0"]);
}

/// A shell tells of few written bytes late; a message that waits for them must not wait for ever.
#[test]
fn a_message_as_large_as_the_limit_is_sent_behind_a_small_one() {
    let bench = Bench::with(Config { max_unsent_bytes: 100, ..Config::default() });
    let subscriber = bench.connect("subscriber");
    subscriber.subscribe("t", 2);
    let publisher = bench.connect("publisher");
    for qos in 0..3 {
        let large = "x".repeat(100);
        publisher.publish("t", qos, &large);
        assert_eq!(subscriber.ack_all(), [format!("t={large} q{qos}")]);
    }
}

// contract: section 4, QoS 0 of an online session waits only while its connection is congested
#[test]
fn qos_0_waits_only_while_the_connection_is_congested() {
    let bench = Bench::with(Config { max_unsent_bytes: 100, ..Config::default() });
    let slow = bench.connect("slow");
    slow.subscribe("t", 0);
    slow.stuck(true);
    let publisher = bench.connect("publisher");
    for n in 0..40 {
        publisher.publish("t", 0, &format!("{n:02}"));
    }
    let sent = slow.messages().len();
    assert!((10..=100 / 7).contains(&sent), "{sent} are not what fits 100 bytes");
    assert_eq!(reasons(&bench).len(), 40 - sent - 20, "the backlog holds 20");
    slow.stuck(false);
    let rest = slow.messages();
    assert_eq!(rest.len(), 20);
    assert_eq!(rest.last().unwrap(), "t=39 q0");
    publisher.publish("t", 0, "now");
    assert_eq!(slow.messages(), ["t=now q0"]);
}
