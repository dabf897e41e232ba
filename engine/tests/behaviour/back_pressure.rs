//! Clients that do not read: docs/contract.md section 8, `max_unsent_bytes`.

use std::time::Duration;

use crate::support::{Bench, Client, SECOND, connect, puback, pubrec};
use surewire_engine::config::Config;
use surewire_engine::notice::CloseReason;
use surewire_engine::packet::{Connect, Packet};

const LIMIT: u64 = 1_000;

fn bench() -> Bench {
    Bench::with(Config { max_unsent_bytes: LIMIT, ..Config::default() })
}

/// A subscriber `c` to `t` at this QoS whose transport takes nothing, and a publisher.
fn stuck(bench: &Bench, qos: u8) -> (Client, Client) {
    let client = bench.connect_persistent("c", false);
    client.subscribe("t", qos);
    bench.report();
    client.stuck(true);
    (client, bench.connect("p"))
}

// contract: section 8, max_unsent_bytes
#[test]
fn deliveries_stop_at_the_limit_whatever_their_qos() {
    for qos in 0..3 {
        let bench = bench();
        let (client, publisher) = stuck(&bench, qos);
        for n in 0..300 {
            publisher.publish("t", qos, &"x".repeat(n % 50));
            assert!(client.untaken() <= LIMIT, "{} bytes unsent", client.untaken());
        }
        assert!(client.is_open());
    }
}

// contract: section 8, at least one packet
#[test]
fn a_packet_above_the_limit_goes_out_alone() {
    let bench = bench();
    let (client, publisher) = stuck(&bench, 1);
    let large = "x".repeat(5_000);
    publisher.publish("t", 1, &large);
    publisher.publish("t", 1, &large);
    assert_eq!(client.take().len(), 1);
    client.take_bytes(client.untaken());
    assert_eq!(client.take().len(), 1);
}

// contract: section 8, QoS 1 and 2 wait
#[test]
fn what_waited_for_room_comes_in_order_when_there_is_some() {
    let bench = bench();
    let (client, publisher) = stuck(&bench, 1);
    let payload = "x".repeat(400);
    for n in 0..10 {
        publisher.publish("t", 1, &format!("{n}{payload}"));
    }
    let mut seen = client.messages();
    assert_eq!(seen.len(), 2);
    client.stuck(false);
    seen.extend(client.messages());
    let numbers: Vec<char> = seen.iter().map(|message| message.chars().nth(2).unwrap()).collect();
    assert_eq!(numbers, "0123456789".chars().collect::<Vec<_>>());
}

// architecture: back-pressure
#[test]
fn answers_to_a_client_that_does_not_read_stop_the_reading_at_twice_the_limit() {
    let bench = bench();
    let client = bench.connect("c");
    client.stuck(true);
    while !client.is_paused() {
        client.raw(&[0xC0, 0]);
        assert!(client.untaken() <= 2 * LIMIT + 2);
    }
    assert!(client.untaken() > 2 * LIMIT);
    client.take_bytes(LIMIT);
    assert!(client.is_paused(), "not before half of it is gone");
    client.take_bytes(2);
    assert!(!client.is_paused());
}

// contract: section 8, no progress for 60 s: closed
#[test]
fn a_connection_that_takes_nothing_is_closed_after_60_s() {
    let bench = bench();
    let (client, publisher) = stuck(&bench, 1);
    for _ in 0..3 {
        publisher.publish("t", 1, &"x".repeat(400));
    }
    bench.advance(SECOND * 59);
    assert!(client.is_open());
    bench.advance(SECOND);
    assert_eq!(client.closed(), Some(CloseReason::Stalled));
    let back = bench.connect_persistent("c", true);
    assert_eq!(back.ack_all().len(), 3, "nothing is lost");
}

// contract: section 8, no progress for 60 s: closed, also when little is unsent and much waits
#[test]
fn a_connection_is_closed_too_when_a_large_message_waits_behind_a_little() {
    let bench = bench();
    let (client, publisher) = stuck(&bench, 1);
    publisher.publish("t", 1, "small");
    publisher.publish("t", 1, &"x".repeat(5_000));
    bench.advance(SECOND * 120);
    assert_eq!(client.closed(), Some(CloseReason::Stalled));
}

// contract: section 8, no progress
#[test]
fn a_slow_connection_that_makes_progress_stays() {
    let bench = bench();
    let (client, publisher) = stuck(&bench, 0);
    for _ in 0..20 {
        for _ in 0..10 {
            publisher.publish("t", 0, &"x".repeat(400));
        }
        client.take_bytes(1);
        assert!(client.is_watched(), "the next bytes would be told late");
        bench.advance(SECOND * 50);
        assert!(client.is_open());
    }
    bench.advance(SECOND * 61);
    assert!(!client.is_open());
}

// contract: section 8, an output that drains is no stall
#[test]
fn a_connection_that_has_drained_is_not_closed_later() {
    let bench = bench();
    let (client, publisher) = stuck(&bench, 1);
    for _ in 0..3 {
        publisher.publish("t", 1, &"x".repeat(400));
    }
    client.stuck(false);
    client.ack_all();
    bench.advance(SECOND * 600);
    assert!(client.is_open());
    publisher.publish("t", 1, "x");
    assert_eq!(client.ack_all(), ["t=x q1"]);
}

// architecture: one client's stall is nobody else's
#[test]
fn a_stuck_subscriber_holds_nobody_back() {
    let bench = bench();
    let (client, publisher) = stuck(&bench, 1);
    let other = bench.connect("other");
    other.subscribe("t", 1);
    for n in 0..200 {
        publisher.publish("t", 1, &n.to_string());
        assert_eq!(other.ack_all(), [format!("t={n} q1")]);
        assert!(!publisher.is_paused());
    }
    assert!(client.untaken() <= LIMIT);
}

// contract: section 5, a full window on a connection that flows is no stall
#[test]
fn a_client_that_reads_and_does_not_acknowledge_is_not_stalled() {
    let config = Config { max_unsent_bytes: LIMIT, max_inflight_messages: 1, ..Config::default() };
    let bench = Bench::with(config);
    let (client, publisher) = (bench.connect("c"), bench.connect("p"));
    client.subscribe("t", 1);
    client.stuck(true);
    for _ in 0..3 {
        publisher.publish("t", 1, &"x".repeat(900));
    }
    client.stuck(false);
    bench.advance(SECOND * 15);
    bench.advance(SECOND * 600);
    assert!(client.is_open());
    client.take();
    client.send(puback(1));
    assert_eq!(client.take().len(), 1);
}

// contract: sections 5 and 8, the window of a session that comes back is sent again as there is
// room, in its first order, with what is new behind it
#[test]
fn what_is_sent_again_stays_within_the_limit() {
    let bench = bench();
    let client = bench.connect_persistent("c", false);
    client.subscribe("t", 1);
    let publisher = bench.connect("p");
    let payload = |n: usize| format!("{n}{}", "x".repeat(400));
    (0..10).for_each(|n| {
        publisher.publish("t", 1, &payload(n));
    });
    client.lose();
    let back = bench.open(Connect { clean_start: false, ..connect("c") });
    back.stuck(true);
    bench.report();
    publisher.publish("t", 1, "new");
    assert!(back.untaken() <= LIMIT, "{} bytes unsent", back.untaken());
    back.expect_connack(true);
    back.stuck(false);
    let mut expected: Vec<String> = (0..10).map(|n| format!("t={} q1 dup", payload(n))).collect();
    expected.push("t=new q1".into());
    assert_eq!(back.ack_all(), expected);
}

// contract: section 5, an answer to what is still to be sent again counts
#[test]
fn what_is_acknowledged_meanwhile_is_not_sent_again() {
    let bench = bench();
    let client = bench.connect_persistent("c", false);
    client.subscribe("t", 2);
    let publisher = bench.connect("p");
    for n in 0..4 {
        publisher.publish("t", 2, &format!("{n}{}", "x".repeat(600)));
    }
    client.lose();
    let back = bench.dial();
    back.stuck(true);
    back.send(Packet::Connect(Box::new(Connect { clean_start: false, ..connect("c") })));
    assert_eq!(back.take().len(), 2, "CONNACK and the one message that fits");
    back.send(pubrec(3));
    back.stuck(false);
    let again = back.seen();
    let ids: Vec<&str> = again.iter().filter_map(|seen| seen.split('#').nth(1)).collect();
    assert_eq!(ids, ["2", "4"], "{again:?}");
    assert!(again.contains(&"pubrel 3".to_owned()), "{again:?}");
}

// contract: section 8, no progress: bytes that were written and not told of yet are no stall
#[test]
fn few_bytes_told_late_behind_a_full_window_are_no_stall() {
    let config = Config { max_unsent_bytes: LIMIT, max_inflight_messages: 2, ..Config::default() };
    let bench = Bench::with(Config { delivery_retry_interval: Duration::ZERO, ..config });
    let (client, publisher) = (bench.connect("c"), bench.connect("p"));
    client.subscribe("t", 1);
    client.stuck(true);
    for _ in 0..3 {
        publisher.publish("t", 1, &"x".repeat(900));
    }
    client.stuck(false);
    assert_eq!(client.take().len(), 2, "the third waits for the window");
    client.ping();
    bench.advance(SECOND * 600);
    assert_eq!(client.closed(), None);
}
