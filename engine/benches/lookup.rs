//! What it costs to find a message's receivers: one publish with one match, under few and many
//! subscriptions, exact and with wildcards.
//!
//! `cargo bench -p surewire-engine --bench lookup`

mod support;

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use surewire_engine::action::Action;
use surewire_engine::config::Config;
use surewire_engine::event::Event;
use surewire_engine::packet::{Packet, Properties, Publish, QoS};
use surewire_engine::topic::TopicName;

use support::{Broker, NOW, conn};

/// Subscriptions of one client; more clients hold more.
const PER_CLIENT: u32 = 100;

/// A broker with `count` subscriptions to the filters that `name` gives them.
fn broker(count: u32, name: impl Fn(u32) -> String) -> Broker {
    let mut broker = Broker::new(Config::default());
    for client in 0..=count / PER_CLIENT {
        broker.connect(client, true);
    }
    for number in 0..count {
        broker.subscribe(1 + number / PER_CLIENT, name(number), QoS::AtMostOnce);
    }
    broker
}

/// Publishes to one receiver, whose connection takes it.
fn publish(broker: &mut Broker, topic: &TopicName, payload: &Bytes) {
    let packet = Packet::Publish(Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: false,
        topic: Some(topic.clone()),
        packet_id: None,
        properties: Properties::NONE,
        payload: payload.clone(),
    });
    broker.engine.handle(NOW, Event::Received { conn: conn(0), packet }, &mut broker.actions);
    let Some(Action::Send { conn, .. }) = broker.actions.pop() else {
        panic!("nobody subscribes to {topic}")
    };
    broker.actions.clear();
    broker.handle(Event::Written { conn, bytes: 1_000 });
}

fn lookup(criterion: &mut Criterion) {
    let payload = Bytes::from_static(&[7; 64]);
    let mut group = criterion.benchmark_group("publish_to_one");
    for count in [100, 10_000, 1_000_000] {
        let mut exact = broker(count, |n| format!("plant/{n}/temperature"));
        let topic = |n| TopicName::new(format!("plant/{n}/temperature").into()).expect("a name");
        let topics: Vec<TopicName> = (0..100).map(|n| topic(n * (count / 100))).collect();
        let mut turn = topics.iter().cycle();
        group.bench_function(BenchmarkId::new("exact", count), |bencher| {
            bencher
                .iter(|| publish(&mut exact, black_box(turn.next().expect("a cycle")), &payload));
        });
        drop(exact);
        let mut wild = broker(count.min(100_000), |n| format!("plant/{n}/+"));
        let topics: Vec<TopicName> =
            (0..100).map(|n| topic(n * (count.min(100_000) / 100))).collect();
        let mut turn = topics.iter().cycle();
        group.bench_function(BenchmarkId::new("wildcard", count.min(100_000)), |bencher| {
            bencher.iter(|| publish(&mut wild, black_box(turn.next().expect("a cycle")), &payload));
        });
    }
}

criterion_group!(benches, lookup);
criterion_main!(benches);
