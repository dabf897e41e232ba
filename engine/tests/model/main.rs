//! Random event streams against a slow and obvious reference: who must receive what.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test picks what it looks for")]

mod reference;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use reference::{Expected, Reference};
use support::{Bench, Client, connect, will};
use surewire_engine::config::Config;
use surewire_engine::packet::Connect;

const CLIENTS: [&str; 4] = ["a", "b", "c", "d"];
const TOPICS: [&str; 6] = ["x", "x/y", "x/y/z", "y", "/x", "x/"];
const FILTERS: [&str; 10] =
    ["#", "+", "x", "x/#", "x/+", "+/y", "x/y", "+/+/z", "/+", "$share/g/x/#"];

/// One thing that a client, or time, does.
#[derive(Clone, Debug)]
enum Step {
    Connect {
        client: usize,
        persistent: bool,
        will: bool,
    },
    Disconnect {
        client: usize,
    },
    Lose {
        client: usize,
    },
    Subscribe {
        client: usize,
        filter: usize,
        qos: u8,
    },
    Unsubscribe {
        client: usize,
        filter: usize,
    },
    Publish {
        client: usize,
        topic: usize,
        qos: u8,
        retain: bool,
        empty: bool,
    },
    /// Stops acknowledging, or acknowledges everything again.
    Hold {
        client: usize,
        hold: bool,
    },
    Advance {
        seconds: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let client = 0..CLIENTS.len();
    let filter = 0..FILTERS.len();
    prop_oneof![
        3 => (client.clone(), any::<bool>(), any::<bool>())
            .prop_map(|(client, persistent, will)| Step::Connect { client, persistent, will }),
        1 => client.clone().prop_map(|client| Step::Disconnect { client }),
        2 => client.clone().prop_map(|client| Step::Lose { client }),
        5 => (client.clone(), filter.clone(), 0_u8..3)
            .prop_map(|(client, filter, qos)| Step::Subscribe { client, filter, qos }),
        1 => (client.clone(), filter)
            .prop_map(|(client, filter)| Step::Unsubscribe { client, filter }),
        12 => (client.clone(), 0..TOPICS.len(), 0_u8..3, prop::bool::weighted(0.2), prop::bool::weighted(0.2))
            .prop_map(|(client, topic, qos, retain, empty)| Step::Publish {
                client, topic, qos, retain, empty: empty && retain,
            }),
        2 => (client, any::<bool>()).prop_map(|(client, hold)| Step::Hold { client, hold }),
        1 => (1_u64..60).prop_map(|seconds| Step::Advance { seconds }),
    ]
}

/// The engine and the reference side by side.
struct Run {
    bench: Bench,
    reference: Reference,
    live: BTreeMap<usize, Live>,
    next_payload: u64,
}

/// A connected client as the test drives it.
struct Live {
    client: Client,
    holds: bool,
    will: Option<String>,
}

impl Run {
    fn new() -> Self {
        let config = Config {
            max_msgqueue_messages: None,
            max_inflight_messages: 3,
            delivery_retry_interval: Duration::from_secs(20),
            ..Config::default()
        };
        let bench = Bench::with(config);
        bench.clean_every(2);
        Self { bench, reference: Reference::default(), live: BTreeMap::new(), next_payload: 0 }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Connect { client, persistent, will } => self.connect(client, persistent, will),
            Step::Disconnect { client } => self.disconnect(client),
            Step::Lose { client } => self.lose(client),
            Step::Subscribe { client, filter, qos } => self.subscribe(client, filter, qos),
            Step::Unsubscribe { client, filter } => self.unsubscribe(client, filter),
            Step::Publish { client, topic, qos, retain, empty } => {
                self.publish(client, topic, qos, retain, empty);
            }
            Step::Hold { client, hold } => {
                if let Some(live) = self.live.get_mut(&client) {
                    live.holds = hold;
                }
            }
            Step::Advance { seconds } => self.bench.advance(Duration::from_secs(seconds)),
        }
        self.collect();
    }

    /// Takes and acknowledges what every client got; those that hold back leave it lying.
    fn collect(&mut self) {
        loop {
            let mut quiet = true;
            for (client, live) in self.live.iter().filter(|(_, live)| !live.holds) {
                let messages = live.client.ack_all();
                quiet &= messages.is_empty();
                for message in messages {
                    self.reference.received(CLIENTS[*client], &message);
                }
            }
            self.bench.settle();
            if quiet {
                return;
            }
        }
    }

    fn payload(&mut self) -> String {
        self.next_payload += 1;
        self.next_payload.to_string()
    }

    fn connect(&mut self, client: usize, persistent: bool, with_will: bool) {
        let name = CLIENTS[client];
        let payload = with_will.then(|| self.payload());
        let old = self.live.remove(&client);
        if let Some(old) = &old {
            self.look(client, old);
        }
        let old_will = old.as_ref().and_then(|live| live.will.clone());
        self.reference.disconnected(name);
        self.publish_will(old_will);
        let present = self.reference.connected(name, persistent);
        let will = payload.as_ref().and_then(|payload| will("x/y", payload, 1, false));
        let packet = Connect { clean_start: !persistent, will, ..connect(name) };
        let connected = self.bench.open(packet);
        connected.expect_connack(present);
        if let Some(old) = old {
            assert!(!old.client.is_open(), "taken over, still open");
        }
        self.live.insert(client, Live { client: connected, holds: false, will: payload });
    }

    fn publish_will(&mut self, will: Option<String>) {
        if let Some(payload) = will {
            self.reference.published("x/y", &payload, 1, false);
        }
    }

    /// The client sees what came and acknowledges nothing any more.
    fn look(&mut self, client: usize, live: &Live) {
        for message in live.client.messages() {
            self.reference.received_unacknowledged(CLIENTS[client], &message);
        }
    }

    fn disconnect(&mut self, client: usize) {
        let Some(live) = self.live.remove(&client) else { return };
        self.look(client, &live);
        live.client.disconnect();
        self.reference.disconnected(CLIENTS[client]);
    }

    fn lose(&mut self, client: usize) {
        let Some(live) = self.live.remove(&client) else { return };
        self.look(client, &live);
        live.client.lose();
        self.reference.disconnected(CLIENTS[client]);
        self.publish_will(live.will);
    }

    fn subscribe(&mut self, client: usize, filter: usize, qos: u8) {
        // What a client that holds back finds in the retained store depends on when it goes on.
        let Some(live) = self.live.get(&client).filter(|live| !live.holds) else { return };
        live.client.subscribe(FILTERS[filter], qos);
        self.reference.subscribed(CLIENTS[client], FILTERS[filter], qos);
    }

    fn unsubscribe(&mut self, client: usize, filter: usize) {
        let Some(live) = self.live.get(&client).filter(|live| !live.holds) else { return };
        live.client.unsubscribe(&[FILTERS[filter]]);
        self.reference.unsubscribed(CLIENTS[client], FILTERS[filter]);
    }

    fn publish(&mut self, client: usize, topic: usize, qos: u8, retain: bool, empty: bool) {
        let payload = if empty { String::new() } else { self.payload() };
        // A publisher of its own, so that its acknowledgements do not mix with what is collected.
        if !self.live.contains_key(&client) {
            return;
        }
        let publisher = self.bench.connect("publisher");
        let topic = TOPICS[topic];
        if retain {
            publisher.retain(topic, qos, &payload);
        } else {
            publisher.publish(topic, qos, &payload);
        }
        publisher.disconnect();
        self.reference.published(topic, &payload, qos, retain);
    }

    /// Everybody acknowledges, every stored session comes back, and all must have arrived.
    fn finish(mut self) {
        for live in self.live.values_mut() {
            live.holds = false;
        }
        self.collect();
        for (client, name) in CLIENTS.iter().enumerate() {
            if self.reference.is_away(name) {
                self.connect(client, true, false);
                self.collect();
            }
        }
        self.reference.assert_complete();
    }
}

fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn everybody_receives_what_the_reference_says(
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut run = Run::new();
        for step in &steps {
            run.step(step);
        }
        run.finish();
    }
}

/// The reference itself must be able to fail.
#[test]
#[should_panic(expected = "missing")]
fn the_reference_notices_a_lost_message() {
    let mut reference = Reference::default();
    reference.connected("a", false);
    reference.subscribed("a", "x", 1);
    reference.published("x", "1", 1, false);
    reference.assert_complete();
}

#[test]
#[should_panic(expected = "not expected")]
fn the_reference_notices_a_message_for_somebody_else() {
    let mut reference = Reference::default();
    reference.connected("a", false);
    reference.received("a", "x=1 q0");
}

#[test]
fn expected_messages_read_as_the_bench_shows_them() {
    let expected = Expected { topic: "x".into(), payload: "1".into(), qos: 1, retain: true };
    assert_eq!(expected.to_string(), "x=1 q1 retain");
}
