//! Retained messages for new subscriptions, by a cursor: docs/contract.md section 5, design "Retained
//! replay".

use crate::support::{Bench, Client, ids, puback};
use surewire_engine::config::Config;

/// A broker with this many retained messages `r/00000`, .. of this QoS.
fn retained(config: Config, count: u32, qos: u8) -> Bench {
    let bench = Bench::with(config);
    bench.check_every(5_000);
    let publisher = bench.connect("retainer");
    for n in 0..count {
        publisher.retain(&format!("r/{n:05}"), qos, "x");
    }
    publisher.disconnect();
    bench.check_every(if count > 1_000 { 1_000 } else { 1 });
    bench.largest_step();
    bench
}

fn topics(messages: &[String]) -> Vec<&str> {
    messages.iter().map(|message| message.split('=').next().unwrap()).collect()
}

fn all(count: u32) -> Vec<String> {
    (0..count).map(|n| format!("r/{n:05}")).collect()
}

/// Acknowledges one window after the other, `rounds` times; returns the messages.
fn acknowledge(client: &Client, rounds: usize) -> Vec<String> {
    let mut seen = Vec::new();
    for _ in 0..rounds {
        let packets = client.take();
        seen.extend(packets.iter().map(crate::support::show));
        for id in ids(&packets) {
            client.send(puback(id));
        }
    }
    seen
}

// architecture: retained replay never becomes a queue
#[test]
fn ten_thousand_retained_messages_pass_a_window_of_20_and_none_queues() {
    let bench = retained(Config::default(), 10_000, 1);
    let client = bench.connect("c");
    client.subscribe("#", 1);
    assert_eq!(client.take().len(), 20, "a full window");
    bench.notices();
    for id in 1..=20 {
        client.send(puback(id));
    }
    let seen = client.ack_all();
    assert_eq!(seen.len(), 9_980);
    assert_eq!(topics(&seen), all(10_000)[20..]);
    assert!(seen.iter().all(|message| message.ends_with(" q1 retain")));
    assert!(bench.notices().is_empty(), "nothing was dropped, so nothing overflowed");
    assert!(bench.largest_step() <= 512);
}

// architecture: retained replay yields to live traffic
#[test]
fn live_messages_go_before_what_is_still_to_be_replayed() {
    let bench = retained(Config::default(), 100, 1);
    let client = bench.connect("c");
    client.subscribe("#", 1);
    bench.connect("p").publish("live", 1, "x");
    let first = client.take();
    assert_eq!(first.len(), 20);
    client.send(puback(1));
    assert_eq!(client.messages(), ["live=x q1"]);
    client.send(puback(2));
    assert_eq!(client.messages(), ["r/00020=x q1 retain"]);
}

// architecture: the cursor is in the session
#[test]
fn it_goes_on_over_a_reconnect_of_a_persistent_session() {
    let bench = retained(Config::default(), 200, 1);
    let client = bench.connect_persistent("c", false);
    client.subscribe("#", 1);
    let mut seen = acknowledge(&client, 3);
    client.lose();
    bench.advance(crate::support::SECOND);
    let back = bench.connect_persistent("c", true);
    let rest = back.ack_all();
    assert!(rest[..20].iter().all(|message| message.ends_with("dup retain")), "{:?}", &rest[..20]);
    assert!(rest[20..].iter().all(|message| !message.contains("dup")));
    seen.extend(rest);
    assert_eq!(topics(&seen), all(200));
}

// conformance: v3.1.1 MQTT-3.10.4-2
#[test]
fn an_unsubscribe_stops_it() {
    let bench = retained(Config::default(), 100, 1);
    let client = bench.connect("c");
    client.subscribe("#", 1);
    let sent = acknowledge(&client, 1).len();
    let in_flight = client.take();
    client.unsubscribe(&["#"]);
    for id in ids(&in_flight) {
        client.send(puback(id));
    }
    bench.settle();
    assert_eq!((sent, in_flight.len()), (20, 20));
    assert_eq!(client.seen(), [""; 0]);
}

// conformance: v3.1.1 MQTT-3.3.2-3
#[test]
fn another_subscription_does_not_go_on_with_it() {
    let bench = retained(Config::default(), 100, 1);
    let client = bench.connect("c");
    client.subscribe("#", 1);
    let in_flight = client.take();
    client.unsubscribe(&["#"]);
    client.subscribe("r/00099", 1);
    for id in ids(&in_flight) {
        client.send(puback(id));
    }
    assert_eq!(client.ack_all(), ["r/00099=x q1 retain"]);
}

// conformance: v3.1.1 MQTT-3.8.4-3
#[test]
fn subscribing_again_meanwhile_begins_it_anew() {
    let bench = retained(Config::default(), 50, 1);
    let client = bench.connect("c");
    client.subscribe("#", 1);
    let first = acknowledge(&client, 1);
    assert_eq!(first.len(), 20);
    let second = client.take();
    client.subscribe("#", 1);
    for id in ids(&second) {
        client.send(puback(id));
    }
    assert_eq!(topics(&client.ack_all()), all(50));
}

// architecture: no step is long
#[test]
fn no_step_of_a_replay_is_long() {
    let config = Config { max_unsent_bytes: 1 << 30, ..Config::default() };
    let bench = retained(config, 3_000, 0);
    let client = bench.connect("c");
    client.stuck(true);
    client.subscribe("#", 0);
    let first = client.take().len();
    assert!(first <= 256, "{first} in the first step");
    bench.settle();
    assert_eq!(first + client.take().len(), 3_000);
    assert!(bench.largest_step() <= 256, "{} packets in one step", bench.largest_step());
}

// architecture: retained replay fits what the connection has room for
#[test]
fn a_replay_of_qos_0_waits_for_a_stuck_connection() {
    let config = Config { max_unsent_bytes: 1_000, ..Config::default() };
    let bench = retained(config, 500, 0);
    let client = bench.connect("c");
    client.stuck(true);
    client.subscribe("#", 0);
    bench.settle();
    let mut seen = client.messages();
    assert!(client.untaken() <= 1_000);
    assert!(seen.len() < 100, "{} messages of 12 bytes", seen.len());
    for _ in 0..100 {
        client.take_bytes(client.untaken());
        bench.settle();
        seen.extend(client.messages());
        assert!(client.untaken() <= 1_000);
    }
    assert_eq!(topics(&seen), all(500));
}

// architecture: retained replay never becomes a queue
#[test]
fn messages_that_are_large_beside_the_limit_do_not_queue_either() {
    let config = Config { max_unsent_bytes: 1_000, ..Config::default() };
    let bench = Bench::with(config);
    let publisher = bench.connect("p");
    for n in 0..100 {
        publisher.retain(&format!("r/{n:05}"), 0, &"x".repeat(300));
    }
    let client = bench.connect("c");
    bench.notices();
    client.stuck(true);
    client.subscribe("#", 0);
    bench.settle();
    assert_eq!(bench.notices(), [], "something was dropped");
    client.stuck(false);
    bench.settle();
    assert_eq!(topics(&client.messages()), all(100));
}

// conformance: v3.1.1 MQTT-3.3.1-6
#[test]
fn several_subscriptions_are_served_one_after_the_other() {
    let bench = retained(Config::default(), 30, 1);
    let client = bench.connect("c");
    assert_eq!(client.subscribe_many(&[("r/00007", 0), ("#", 1), ("r/+", 0)]), [0, 1, 0]);
    bench.settle();
    let seen = client.ack_all();
    assert_eq!(seen.len(), 1 + 30 + 30);
    assert_eq!(seen[0], "r/00007=x q0 retain");
    assert!(seen[1..31].iter().all(|message| message.contains("q1")));
    assert!(seen[31..].iter().all(|message| message.contains("q0")));
}

// conformance: v3.1.1 MQTT-3.3.1-10
#[test]
fn what_is_cleared_or_changed_meanwhile_comes_as_it_is_then() {
    let bench = retained(Config::default(), 30, 1);
    let client = bench.connect("c");
    let publisher = bench.connect("p");
    client.subscribe("r/#", 1);
    publisher.retain("r/00025", 1, "");
    publisher.retain("r/00026", 1, "new");
    let seen = client.ack_all();
    assert!(!seen.contains(&"r/00025=x q1 retain".to_owned()));
    assert!(!seen.contains(&"r/00026=x q1 retain".to_owned()));
    assert!(seen.contains(&"r/00025= q1".to_owned()), "the live one");
    assert!(seen.contains(&"r/00026=new q1 retain".to_owned()));
}

/// A broker is told of its timers some time after they are due: thousands of steps that find nothing
/// would take minutes, and what waits for them memory.
#[test]
fn filters_without_retained_messages_are_done_with_in_few_steps() {
    let bench = retained(Config::default(), 10, 0);
    let client = bench.connect_persistent("c", false);
    let names: Vec<String> = (0..1_000).map(|n| format!("none/{n}")).collect();
    let mut filters: Vec<(&str, u8)> = names.iter().map(|name| (name.as_str(), 0)).collect();
    filters.push(("r/#", 0));
    let before = bench.steps();
    assert_eq!(client.subscribe_many(&filters), [0; 1_001]);
    bench.settle();
    let steps = bench.steps() - before;
    assert!((4..20).contains(&steps), "{steps} steps");
    assert_eq!(topics(&client.messages()), all(10));
}

/// Searching all waiting walks for each filter made this test run for minutes.
#[test]
fn many_waiting_replays_cost_no_search_for_each_filter() {
    let bench = Bench::new();
    bench.check_every(u64::MAX);
    let client = bench.connect("c");
    client.subscribe("own", 1);
    for _ in 0..20 {
        client.publish("own", 1, "x");
    }
    client.take();
    // The window is full: no walk can go on.
    let names: Vec<String> = (0..99_000).map(|n| format!("w/{n}")).collect();
    for round in 0..2 {
        for part in names.chunks(9_000) {
            let filters: Vec<(&str, u8)> = part.iter().map(|name| (name.as_str(), 1)).collect();
            assert_eq!(client.subscribe_many(&filters), [1; 9_000], "round {round}");
        }
    }
    let filters: Vec<&str> = names.iter().rev().map(String::as_str).collect();
    client.unsubscribe(&filters);
    assert_eq!(bench.sizes().subscriptions, 1);
    client.ping();
}
