//! Sessions: MQTT 3.1.1 sections 3.1.2.4 and 4.1, docs/contract.md section 5.

use std::time::Duration;

use crate::support::{Bench, SECOND, connect, puback, pubcomp, pubrec, pubrel, will};
use surewire_engine::config::Config;
use surewire_engine::notice::{Notice, SessionEnd};
use surewire_engine::packet::Connect;

const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);

// conformance: v3.1.1 MQTT-3.1.2-4, v3.1.1 MQTT-4.1.0-1
#[test]
fn a_persistent_session_keeps_its_subscriptions_however_it_ends() {
    let bench = Bench::new();
    let client = bench.connect_persistent("client", false);
    client.subscribe("t", 1);
    client.disconnect();
    bench.connect_persistent("client", true).lose();
    bench.connect_persistent("client", true).raw(&[0xF0, 0]);
    let back = bench.connect_persistent("client", true);
    bench.connect("publisher").publish("t", 1, "x");
    assert_eq!(back.messages(), ["t=x q1"]);
}

// conformance: v3.1.1 MQTT-4.1.0-1, v3.1.1 MQTT-3.1.2-4
#[test]
fn a_persistent_session_never_ends_by_itself() {
    let bench = Bench::new();
    let client = bench.connect_persistent("client", false);
    client.subscribe("t", 1);
    client.disconnect();
    bench.connect("publisher").publish("t", 1, "x");
    bench.advance(YEAR * 100);
    assert_eq!(bench.connect_persistent("client", true).messages(), ["t=x q1"]);
}

// conformance: v3.1.1 MQTT-3.1.2-5, v3.1.1 MQTT-4.5.0-1
#[test]
fn an_offline_session_collects_matching_messages_in_order() {
    let bench = Bench::new();
    let client = bench.connect_persistent("client", false);
    client.subscribe("t/+", 2);
    client.disconnect();
    let publisher = bench.connect("publisher");
    for (n, qos) in [1, 2, 2, 1].into_iter().enumerate() {
        publisher.publish_acked(&format!("t/{n}"), qos, "x");
        publisher.publish_acked("other", qos, "x");
    }
    let back = bench.connect_persistent("client", true);
    assert_eq!(back.ack_all(), ["t/0=x q1", "t/1=x q2", "t/2=x q2", "t/3=x q1"]);
}

// Contract: `queue_qos0_messages`, judged on the lower of published and granted QoS.
#[test]
fn qos_0_waits_for_an_offline_session_only_if_configured() {
    for (queue_qos0_messages, expected) in
        [(true, vec!["t=0 q0", "t=1 q1", "u=1 q0"]), (false, vec!["t=1 q1"])]
    {
        let bench = Bench::with(Config { queue_qos0_messages, ..Config::default() });
        let client = bench.connect_persistent("client", false);
        client.subscribe("t", 1);
        client.subscribe("u", 0);
        client.disconnect();
        let publisher = bench.connect("publisher");
        publisher.publish("t", 0, "0");
        publisher.publish("t", 1, "1");
        publisher.publish("u", 1, "1");
        assert_eq!(bench.connect_persistent("client", true).ack_all(), expected);
    }
}

// conformance: v3.1.1 MQTT-3.1.2-6
#[test]
fn clean_session_1_drops_what_was_there() {
    let bench = Bench::new();
    let client = bench.connect_persistent("client", false);
    client.subscribe("t", 1);
    client.disconnect();
    let publisher = bench.connect("publisher");
    publisher.publish("t", 1, "queued");
    let clean = bench.connect("client");
    publisher.publish("t", 1, "live");
    clean.ping();
    clean.disconnect();
    let back = bench.connect_persistent("client", false);
    publisher.publish("t", 1, "later");
    back.ping();
}

// conformance: v3.1.1 MQTT-3.1.2-6
#[test]
fn a_clean_session_ends_with_its_connection() {
    let bench = Bench::new();
    for end in 0..3 {
        let client = bench.connect("client");
        client.subscribe("t", 1);
        match end {
            0 => client.disconnect(),
            1 => client.lose(),
            _ => client.raw(&[0xF0, 0]),
        }
        assert_eq!(bench.sizes().sessions, 0);
        assert_eq!(bench.sizes().subscriptions, 0);
        bench.connect_persistent("client", false).disconnect();
        bench.connect("client").disconnect();
    }
}

// conformance: v3.1.1 MQTT-3.1.2-6
#[test]
fn a_clean_session_takes_its_qos_2_identifiers_with_it() {
    let bench = Bench::new();
    let watcher = bench.connect("watcher");
    watcher.subscribe("t", 0);
    for _ in 0..2 {
        let client = bench.connect("client");
        client.publish_as("t", 2, false, "x", 1, false);
        assert_eq!(client.take(), [pubrec(1)]);
        client.lose();
    }
    assert_eq!(watcher.messages(), ["t=x q0"; 2], "the second is a new message");
}

// conformance: v3.1.1 MQTT-4.1.0-1, v3.1.1 MQTT-3.1.2-4
#[test]
fn a_persistent_session_keeps_the_qos_2_identifiers_it_received() {
    let bench = Bench::new();
    let watcher = bench.connect("watcher");
    watcher.subscribe("t", 0);
    let client = bench.connect_persistent("client", false);
    client.publish_as("t", 2, false, "x", 1, false);
    client.lose();
    let back = bench.connect_persistent("client", true);
    back.publish_as("t", 2, false, "x", 1, true);
    back.send(pubrel(1));
    assert_eq!(back.take(), [pubrec(1), pubcomp(1)]);
    assert_eq!(watcher.messages(), ["t=x q0"], "the repetition is no new message");
}

// conformance: v3.1.1 MQTT-4.1.0-2
#[test]
fn a_session_lasts_as_long_as_its_connection() {
    let config = Config { session_expiry_interval: Some(SECOND * 10), ..Config::default() };
    let bench = Bench::with(config);
    let persistent = bench.connect_persistent("persistent", false);
    let clean = bench.connect("clean");
    for client in [&persistent, &clean] {
        client.subscribe("t", 1);
    }
    bench.advance(SECOND * 3_600);
    bench.connect("publisher").publish("t", 1, "x");
    assert_eq!(persistent.messages(), ["t=x q1"]);
    assert_eq!(clean.messages(), ["t=x q1"]);
}

// Contract: `session_expiry_interval` ends a persistent session that long after its connection.
#[test]
fn a_session_ends_when_its_client_stays_away_too_long() {
    let config = Config { session_expiry_interval: Some(SECOND * 3_600), ..Config::default() };
    let bench = Bench::with(config);
    let client = bench.connect_persistent("client", false);
    client.subscribe("t", 1);
    client.disconnect();
    bench.advance(SECOND * 3_599);
    bench.connect_persistent("client", true).lose();
    bench.advance(SECOND * 3_599);
    assert_eq!(bench.sizes().sessions, 1, "its time starts anew with each connection");
    bench.advance(SECOND);
    assert_eq!((bench.sizes().sessions, bench.sizes().subscriptions), (0, 0));
    assert_eq!(ends(&bench), [("client".to_owned(), SessionEnd::Expired, 0)]);
    bench.connect_persistent("client", false);
}

fn ends(bench: &Bench) -> Vec<(String, SessionEnd, u64)> {
    let end = |notice: Notice| match notice {
        Notice::SessionEnded { client, why, dropped } => Some((client.to_string(), why, dropped)),
        _ => None,
    };
    bench.notices().into_iter().filter_map(end).collect()
}

// Contract: the end of a session tells what it held.
#[test]
fn the_end_of_a_session_tells_what_it_held() {
    let config = Config { session_expiry_interval: Some(SECOND), ..Config::default() };
    let bench = Bench::with(config);
    let client = bench.connect_persistent("client", false);
    client.subscribe("t", 2);
    let publisher = bench.connect("publisher");
    publisher.publish("t", 1, "in flight");
    publisher.publish("t", 2, "in flight");
    client.lose();
    publisher.publish("t", 0, "queued");
    bench.advance(SECOND);
    assert_eq!(ends(&bench), [("client".to_owned(), SessionEnd::Expired, 3)]);
}

// A client that is back stays, whatever time had been left.
#[test]
fn a_client_that_returns_in_time_is_not_ended_by_the_old_deadline() {
    let config = Config { session_expiry_interval: Some(SECOND * 10), ..Config::default() };
    let bench = Bench::with(config);
    bench.connect_persistent("client", false).lose();
    bench.advance(SECOND * 9);
    let back = bench.connect_persistent("client", true);
    back.subscribe("t", 0);
    bench.advance(SECOND * 100);
    back.publish("t", 0, "x");
    assert_eq!(back.messages(), ["t=x q0"]);
}

// An interval of 0 ends the session with its connection, as MQTT 5.0 has it.
#[test]
fn an_expiry_of_0_ends_the_session_with_its_connection() {
    let config = Config { session_expiry_interval: Some(Duration::ZERO), ..Config::default() };
    let bench = Bench::with(config);
    bench.connect_persistent("client", false).disconnect();
    bench.settle();
    bench.connect_persistent("client", false);
}

// Many sessions that end at one moment end within the second.
#[test]
fn an_expiry_storm_is_over_within_a_second() {
    let config = Config { session_expiry_interval: Some(SECOND * 10), ..Config::default() };
    let bench = Bench::with(config);
    for n in 0..600 {
        let client = bench.connect_persistent(&format!("client-{n}"), false);
        client.subscribe("t", 1);
        client.disconnect();
    }
    bench.advance(SECOND * 11);
    assert_eq!((bench.sizes().sessions, bench.sizes().subscriptions), (0, 0));
}

// A session with more subscriptions than one step takes apart is gone for its client at once.
#[test]
fn a_large_session_that_ended_receives_nothing_more() {
    let bench = Bench::new();
    let client = bench.connect("client");
    for n in 0..2_000 {
        client.subscribe_as(n + 1, &[(&format!("t/{n}"), 1)]);
    }
    client.lose();
    assert_eq!(bench.sizes().sessions, 0);
    let again = bench.connect("client");
    let publisher = bench.connect("publisher");
    bench.notices();
    for n in 0..2_000 {
        publisher.publish(&format!("t/{n}"), 0, "x");
    }
    again.ping();
    assert_eq!(bench.notices(), [], "nothing was meant for it, so nothing is lost");
    bench.settle();
    assert_eq!(bench.sizes().subscriptions, 0);
}

// conformance: v3.1.1 MQTT-3.1.3-2
#[test]
fn clients_share_no_state() {
    let bench = Bench::new();
    let (a, b) = (bench.connect_persistent("a", false), bench.connect_persistent("b", false));
    a.subscribe("t", 1);
    b.publish("t", 1, "x");
    b.take();
    b.unsubscribe(&["t"]);
    b.send(puback(1));
    b.lose();
    a.lose();
    bench.connect_persistent("b", true).ping();
    assert_eq!(bench.connect_persistent("a", true).messages(), ["t=x q1 dup"]);
}

// Contract: what a resume sends comes in this order, each with its identifier.
#[test]
fn a_resume_sends_what_was_in_flight_first_and_in_its_first_order() {
    let bench = Bench::with(Config { max_inflight_messages: 4, ..Config::default() });
    let client = bench.connect_persistent("client", false);
    client.subscribe("t", 2);
    let publisher = bench.connect("publisher");
    for (n, qos) in [2, 1, 2, 1, 1].into_iter().enumerate() {
        publisher.publish("t", qos, &n.to_string());
    }
    client.send(pubrec(1));
    client.lose();
    publisher.publish("t", 2, "5");
    let back = bench.connect_persistent("client", true);
    let mut packets = back.take();
    assert_eq!(packets.remove(0), pubrel(1));
    let shown: Vec<_> = packets.iter().map(crate::support::show).collect();
    assert_eq!(shown, ["t=1 q1 dup", "t=2 q2 dup", "t=3 q1 dup"]);
    assert_eq!(crate::support::ids(&packets).into_iter().collect::<Vec<_>>(), [2, 3, 4]);
    back.send(pubcomp(1));
    assert_eq!(back.messages(), ["t=4 q1"], "the backlog follows as the window gets room");
}

// A client without any state of its own finds its session also when all it had was a Will.
#[test]
fn a_session_without_subscriptions_is_a_session() {
    let bench = Bench::new();
    let first = Connect { will: will("w", "x", 0, false), clean_start: false, ..connect("client") };
    bench.open(first).disconnect();
    bench.connect_persistent("client", true);
}
