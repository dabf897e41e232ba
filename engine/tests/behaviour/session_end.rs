//! The end of a session that holds much: design, "No step is long".

use crate::support::{Bench, Client};
use surewire_engine::config::Config;
use surewire_engine::event::Event;

/// Subscribes to `count` filters `s/0`, `s/1`, ..
fn subscribe_to_many(client: &Client, count: usize) {
    let filters: Vec<String> = (0..count).map(|n| format!("s/{n}")).collect();
    for part in filters.chunks(10_000) {
        let asked: Vec<(&str, u8)> = part.iter().map(|filter| (filter.as_str(), 1)).collect();
        assert!(client.subscribe_many(&asked).iter().all(|code| *code == 1));
    }
}

/// Steps until nothing is left; returns the subscriptions left after each step.
fn steps_to_the_end(bench: &Bench) -> Vec<usize> {
    let mut left = Vec::new();
    while bench.sizes().subscriptions > 0 && left.len() < 1_000 {
        bench.event(Event::Timeout);
        left.push(bench.sizes().subscriptions);
    }
    left
}

// architecture: dropping a big session has a budget per step
#[test]
fn a_hundred_thousand_subscriptions_go_in_many_steps() {
    let bench = Bench::new();
    bench.check_every(50);
    let client = bench.connect("c");
    subscribe_to_many(&client, 100_000);
    assert_eq!(bench.sizes().subscriptions, 100_000);
    client.lose();
    let first = bench.sizes().subscriptions;
    assert!(first >= 99_000, "{first} left after the first step");
    assert_eq!(bench.sizes().sessions, 0);
    let left = steps_to_the_end(&bench);
    assert!(left.len() >= 100, "{} steps", left.len());
}

// architecture: what ended matches nothing
#[test]
fn what_is_being_taken_apart_matches_nothing() {
    let bench = Bench::new();
    bench.check_every(50);
    let client = bench.connect_persistent("c", false);
    subscribe_to_many(&client, 5_000);
    let new = bench.connect("c");
    assert!(!client.is_open());
    assert!(bench.sizes().subscriptions > 4_000);
    let publisher = bench.connect("p");
    publisher.publish_acked("s/0", 1, "x");
    publisher.publish_acked("s/4999", 1, "x");
    new.subscribe("s/1", 1);
    publisher.publish_acked("s/1", 1, "mine");
    assert_eq!(new.ack_all(), ["s/1=mine q1"]);
    bench.settle();
    assert_eq!(bench.sizes().subscriptions, 1);
    publisher.publish_acked("s/1", 1, "still");
    assert_eq!(new.ack_all(), ["s/1=still q1"]);
}

// architecture: dropping big sessions has a budget per step, however many there are
#[test]
fn sessions_that_end_together_share_the_budget() {
    let bench = Bench::with(Config { max_filters_per_subscribe: 10_000, ..Config::default() });
    bench.check_every(50);
    for n in 0..4 {
        let client = bench.connect(&format!("c{n}"));
        subscribe_to_many(&client, 2_000);
        client.lose();
    }
    assert!(bench.sizes().subscriptions >= 8_000 - 4 * 512);
    let left = steps_to_the_end(&bench);
    assert!(left.len() >= 8, "{} steps", left.len());
}
