//! What it costs to keep things: messages for a session that is away and their way out, retained
//! messages and their replay, a session from its CONNECT to its end, and records for the log.
//!
//! `cargo bench -p surewire-engine --bench kept`

mod support;

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use surewire_engine::action::{Action, Outgoing};
use surewire_engine::config::Config;
use surewire_engine::event::{Event, Lost};
use surewire_engine::id::{ConnId, Lsn, PacketId};
use surewire_engine::log::pending::Pending;
use surewire_engine::packet::{Ack, Packet, Properties, Publish, QoS};
use surewire_engine::topic::TopicName;

use support::{Broker, NOW, conn};

/// Messages of one measurement.
const MESSAGES: u32 = 1_000;

fn config() -> Config {
    Config { max_msgqueue_messages: None, ..Config::default() }
}

/// A PUBLISH of 64 bytes from the client on connection 0.
fn publish(topic: String, qos: QoS, retain: bool) -> Event {
    let packet = Packet::Publish(Publish {
        dup: false,
        qos,
        retain,
        topic: TopicName::new(topic.into()),
        packet_id: (qos != QoS::AtMostOnce).then_some(PacketId::FIRST),
        properties: Properties::NONE,
        payload: Bytes::from_static(&[7; 64]),
    });
    Event::Received { conn: conn(0), packet }
}

/// A publisher, and a session that is away.
fn with_session_away() -> Broker {
    let mut broker = Broker::new(config());
    broker.connect(0, true);
    broker.connect(1, false);
    broker.subscribe(1, "t".into(), QoS::AtLeastOnce);
    broker.handle(Event::Closed { conn: conn(1), why: Lost::ByPeer });
    broker
}

fn with_backlog() -> Broker {
    let mut broker = with_session_away();
    (0..MESSAGES).for_each(|_| broker.handle(publish("t".into(), QoS::AtLeastOnce, false)));
    broker
}

/// The session's client comes back and acknowledges whatever it is sent.
fn drain(broker: &mut Broker) {
    let back = ConnId { slot: 1, generation: 1 };
    broker.connect_as(back, 1, false);
    let mut next = PacketId::FIRST;
    for _ in 0..MESSAGES {
        let packet = Packet::Puback(Ack::new(next));
        broker.handle(Event::Received { conn: back, packet });
        next = next.next();
    }
}

fn with_retained() -> Broker {
    let mut broker = Broker::new(config());
    broker.connect(0, true);
    for n in 0..MESSAGES {
        broker.handle(publish(format!("plant/{n}/state"), QoS::AtMostOnce, true));
    }
    broker.connect(1, true);
    broker
}

/// Subscribes and takes all that comes, in as many steps as that takes.
fn replay(broker: &mut Broker) {
    broker.subscribe(1, "#".into(), QoS::AtMostOnce);
    while broker.engine.next_timeout().is_some_and(|due| due <= NOW) {
        broker.handle(Event::Timeout);
        broker.handle(Event::Written { conn: conn(1), bytes: 1 << 20 });
    }
}

/// Encodes the records of what is queued.
fn encode(broker: &mut Broker) {
    let mut pending = Pending::default();
    for _ in 0..MESSAGES {
        let event = publish("t".into(), QoS::AtLeastOnce, false);
        broker.engine.handle(NOW, event, &mut broker.actions);
        for action in broker.actions.drain(..) {
            if let Action::Append { lsn, record, anew, frees } = action {
                pending.take(lsn, &record, anew, frees);
            }
        }
    }
    assert!(pending.first > Lsn::NONE && pending.count >= MESSAGES, "a record a message");
    black_box(pending);
}

fn kept(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("kept");
    group.throughput(Throughput::Elements(MESSAGES.into()));
    let size = BatchSize::PerIteration;
    group.bench_function("queue", |bencher| {
        let fill = |mut broker: Broker| {
            (0..MESSAGES).for_each(|_| broker.handle(publish("t".into(), QoS::AtLeastOnce, false)));
            broker
        };
        bencher.iter_batched(with_session_away, fill, size);
    });
    group.bench_function("drain", |bencher| {
        bencher.iter_batched_ref(with_backlog, drain, size);
    });
    group.bench_function("replay_retained", |bencher| {
        bencher.iter_batched_ref(with_retained, replay, size);
    });
    group.bench_function("records", |bencher| {
        bencher.iter_batched_ref(with_session_away, encode, size);
    });
    group.bench_function("sessions", |bencher| {
        let mut broker = Broker::new(config());
        let mut generation = 0;
        bencher.iter(|| {
            for client in 0..MESSAGES {
                let conn = ConnId { slot: client, generation };
                broker.connect_as(conn, client, true);
                broker.handle(Event::Closed { conn, why: Lost::ByPeer });
            }
            generation += 1;
        });
    });
    group.finish();
    check();
}

/// What is measured is what it says.
fn check() {
    let mut broker = with_backlog();
    let before = broker.engine.counters().delivered;
    drain(&mut broker);
    assert_eq!(broker.engine.counters().delivered - before, u64::from(MESSAGES), "drained");
    let mut broker = with_retained();
    let before = broker.engine.counters().sent.at_most_once;
    replay(&mut broker);
    assert_eq!(
        broker.engine.counters().sent.at_most_once - before,
        u64::from(MESSAGES),
        "retained messages replayed"
    );
    let mut broker = with_session_away();
    let event = publish("t".into(), QoS::AtLeastOnce, false);
    broker.engine.handle(NOW, event, &mut broker.actions);
    let sent =
        |action: &Action| matches!(action, Action::Send { outgoing: Outgoing::Publish(_), .. });
    assert!(!broker.actions.iter().any(sent), "the session is away");
}

criterion_group!(benches, kept);
criterion_main!(benches);
