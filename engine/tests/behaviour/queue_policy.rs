//! The backlog's limits: contract.md section 4.

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
    assert_eq!(sent, 100 / 7, "as many as fit 100 bytes");
    assert_eq!(reasons(&bench).len(), 40 - sent - 20, "the backlog holds 20");
    slow.stuck(false);
    let rest = slow.messages();
    assert_eq!(rest.len(), 20);
    assert_eq!(rest.last().unwrap(), "t=39 q0");
    publisher.publish("t", 0, "now");
    assert_eq!(slow.messages(), ["t=now q0"]);
}
