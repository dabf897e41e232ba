//! What it costs to find a message's receivers: one publish with one match, under few and many
//! subscriptions, exact and with wildcards.
//!
//! `cargo bench -p surewire-benches --bench lookup`

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use surewire_engine::Engine;
use surewire_engine::action::Action;
use surewire_engine::config::Config;
use surewire_engine::event::{Event, Peer};
use surewire_engine::id::{ConnId, PacketId};
use surewire_engine::packet::{
    Connect, Packet, Properties, Publish, QoS, Subscribe, SubscribeFilter, SubscribeOptions,
    Version,
};
use surewire_engine::time::Time;
use surewire_engine::topic::TopicName;

const NOW: Time = Time::from_secs(1_700_000_000);

/// Subscriptions of one client; more clients hold more.
const PER_CLIENT: u32 = 100;

/// An engine and the buffer for its actions.
struct Broker {
    engine: Engine,
    actions: Vec<Action>,
}

impl Broker {
    /// With `count` subscriptions to the filters that `name` gives them.
    fn with(count: u32, name: impl Fn(u32) -> String) -> Self {
        let mut broker =
            Self { engine: Engine::new(Config::default(), [1; 32]), actions: Vec::new() };
        for client in 0..=count / PER_CLIENT {
            broker.connect(client);
        }
        for number in 0..count {
            broker.subscribe(1 + number / PER_CLIENT, name(number));
        }
        broker
    }

    fn handle(&mut self, event: Event) {
        self.engine.handle(NOW, event, &mut self.actions);
        self.actions.clear();
    }

    fn connect(&mut self, slot: u32) {
        let connect = Connect {
            version: Version::V3_1_1,
            clean_start: true,
            keep_alive: 0,
            client_id: format!("client-{slot}").into(),
            will: None,
            user_name: None,
            password: None,
            properties: Properties::NONE,
        };
        let address = "127.0.0.1:1883".parse().expect("an address");
        let peer = Peer { address, anonymous: true };
        self.handle(Event::Opened { conn: conn(slot), peer, first: Ok(Box::new(connect)) });
    }

    fn subscribe(&mut self, slot: u32, filter: String) {
        let filter =
            SubscribeFilter { filter: filter.into(), options: SubscribeOptions::default() };
        let packet = Packet::Subscribe(Box::new(Subscribe {
            packet_id: PacketId::FIRST,
            filters: vec![filter],
            properties: Properties::NONE,
        }));
        let conn = conn(slot);
        self.handle(Event::Received { conn, packet });
        self.handle(Event::Written { conn, bytes: 5 });
    }

    /// Publishes to one receiver, whose connection takes it.
    fn publish(&mut self, topic: &TopicName, payload: &Bytes) {
        let packet = Packet::Publish(Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            topic: Some(topic.clone()),
            packet_id: None,
            properties: Properties::NONE,
            payload: payload.clone(),
        });
        self.engine.handle(NOW, Event::Received { conn: conn(0), packet }, &mut self.actions);
        let Some(Action::Send { conn, .. }) = self.actions.pop() else {
            panic!("nobody subscribes to {topic}")
        };
        self.actions.clear();
        self.handle(Event::Written { conn, bytes: 1_000 });
    }
}

fn conn(slot: u32) -> ConnId {
    ConnId { slot, generation: 0 }
}

fn lookup(criterion: &mut Criterion) {
    let payload = Bytes::from_static(&[7; 64]);
    let mut group = criterion.benchmark_group("publish_to_one");
    for count in [100, 10_000, 1_000_000] {
        let mut exact = Broker::with(count, |n| format!("plant/{n}/temperature"));
        let topic = |n| TopicName::new(format!("plant/{n}/temperature").into()).expect("a name");
        let topics: Vec<TopicName> = (0..100).map(|n| topic(n * (count / 100))).collect();
        let mut turn = topics.iter().cycle();
        group.bench_function(BenchmarkId::new("exact", count), |bencher| {
            bencher.iter(|| exact.publish(black_box(turn.next().expect("a cycle")), &payload));
        });
        drop(exact);
        let mut wild = Broker::with(count.min(100_000), |n| format!("plant/{n}/+"));
        let topics: Vec<TopicName> =
            (0..100).map(|n| topic(n * (count.min(100_000) / 100))).collect();
        let mut turn = topics.iter().cycle();
        group.bench_function(BenchmarkId::new("wildcard", count.min(100_000)), |bencher| {
            bencher.iter(|| wild.publish(black_box(turn.next().expect("a cycle")), &payload));
        });
    }
}

criterion_group!(benches, lookup);
criterion_main!(benches);
