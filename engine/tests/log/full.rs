//! The engine and the log together over a disk that gets full: whatever lets go of what is stored
//! makes room again, with no start in between.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use surewire_engine::Engine;
use surewire_engine::action::{Action, Outgoing};
use surewire_engine::config::Config;
use surewire_engine::event::{Event, Lost, Peer, Storage};
use surewire_engine::id::{ClientId, ConnId, PacketId};
use surewire_engine::log::pending::Pending;
use surewire_engine::log::writer::{Log, Options, Progress, Sync};
use surewire_engine::packet::{
    Ack, Connect, Packet, Properties, Publish, QoS, Subscribe, SubscribeFilter, SubscribeOptions,
    Version,
};
use surewire_engine::planted::Planted;
use surewire_engine::request::{Command, Request, RequestId};
use surewire_engine::time::Time;
use surewire_engine::topic::TopicName;

use crate::disk::Disk;
use crate::recover;

const SEGMENT: usize = 64 << 10;
const STEP: u32 = 128;
/// Bytes of a batch.
const BATCH: usize = SEGMENT / 4;

struct Broker {
    engine: Engine,
    log: Log,
    disk: Disk,
    now: Time,
    /// Records that wait for the disk.
    waiting: VecDeque<Pending>,
    /// What the connected subscriber is to acknowledge.
    sent: Vec<(ConnId, PacketId)>,
    rounds: u64,
}

impl Broker {
    fn new(segments: usize) -> Self {
        let mut disk = Disk::with_room(SEGMENT * segments);
        let options = Options {
            segment_len: SEGMENT as u64,
            sync: Sync::Always,
            nonce: 1,
            planted: Planted::NONE,
        };
        let log = recover(&mut disk, options, usize::MAX).unwrap().unwrap().0;
        let config = Config { max_msgqueue_messages: None, ..Config::default() };
        let (engine, now) = (Engine::new(config, [3; 32]), Time::from_secs(1_700_000_000));
        let (waiting, sent) = (VecDeque::new(), Vec::new());
        Self { engine, log, disk, now, waiting, sent, rounds: 0 }
    }

    fn event(&mut self, event: Event) {
        let (mut actions, mut fresh) = (Vec::new(), Pending::default());
        self.engine.handle(self.now, event, &mut actions);
        for action in actions {
            match action {
                Action::Append { lsn, record, anew, frees } => {
                    fresh.take(lsn, &record, anew, frees);
                }
                Action::Trim { before, live } => {
                    (fresh.trim, fresh.live) = (Some(before), Some(live));
                    self.rounds += 1;
                }
                Action::Send { conn, outgoing: Outgoing::Publish(delivery) } => {
                    self.sent.extend(delivery.packet_id.map(|id| (conn, id)));
                }
                Action::Send { .. }
                | Action::Read { .. }
                | Action::Report { .. }
                | Action::Authenticate { .. }
                | Action::Close { .. }
                | Action::Answer { .. }
                | Action::Notice(_) => {}
            }
        }
        let fits = |last: &&mut Pending| last.bytes.len() + fresh.bytes.len() <= BATCH;
        match self.waiting.back_mut().filter(fits) {
            Some(last) => last.join(&mut fresh),
            None => self.waiting.extend((!fresh.is_empty()).then_some(fresh)),
        }
    }

    fn waiting_bytes(&self) -> usize {
        self.waiting.iter().map(|pending| pending.bytes.len()).sum()
    }

    fn clean(&mut self) {
        if self.log.wants_cleaning() && self.log.rounds() == self.rounds {
            let owed = self.log.take_owed();
            self.event(Event::Clean { step: STEP, owed });
        }
    }

    /// All that can be done at this time.
    fn work(&mut self) {
        while self.step() {}
    }

    /// One thing that can be done at this time, if there is any.
    fn step(&mut self) -> bool {
        if self.engine.next_timeout().is_some_and(|due| due <= self.now) {
            self.event(Event::Timeout);
            return true;
        }
        if self.log.is_idle()
            && let Some(batch) = self.waiting.pop_front()
        {
            self.log.append(batch);
        }
        self.log.set_waiting(self.waiting_bytes() as u64);
        let Some(op) = self.log.next() else { return false };
        let progress = self.log.done(self.disk.perform(op)).unwrap();
        let full = self.log.is_full();
        self.event(Event::Storage(if full { Storage::Full } else { Storage::Takes }));
        if let Progress::Durable(upto) = progress {
            self.event(Event::Durable { upto });
            self.clean();
        }
        true
    }

    fn second(&mut self) {
        self.now = self.now + Duration::from_secs(1);
        self.log.retry();
        self.clean();
        self.work();
    }

    fn connect(&mut self, slot: u32, client: &str) -> ConnId {
        let conn = ConnId { slot, generation: 0 };
        let peer = Peer { address: "192.0.2.1:1".parse().unwrap(), anonymous: true };
        let connect = Connect {
            version: Version::V3_1_1,
            clean_start: false,
            keep_alive: 0,
            client_id: client.into(),
            will: None,
            user_name: None,
            password: None,
            properties: Properties::NONE,
        };
        self.event(Event::Opened { conn, peer, first: Ok(Box::new(connect)) });
        self.work();
        conn
    }

    fn publish(&mut self, conn: ConnId, payload: usize) {
        self.event(Event::Received {
            conn,
            packet: Packet::Publish(Publish {
                dup: false,
                qos: QoS::AtLeastOnce,
                retain: false,
                topic: TopicName::new("t".into()),
                packet_id: Some(PacketId::FIRST),
                properties: Properties::NONE,
                payload: Bytes::from(vec![7; payload]),
            }),
        });
    }

    /// A session whose client is away, and messages for it until the disk is full. So many bytes
    /// wait for the disk at any time.
    fn fill(&mut self, behind: usize) {
        let away = self.connect(0, "away");
        let options = SubscribeOptions { qos: QoS::AtLeastOnce, ..SubscribeOptions::default() };
        let filters = vec![SubscribeFilter { filter: "t".into(), options }];
        let (packet_id, properties) = (PacketId::FIRST, Properties::NONE);
        let subscribe = Box::new(Subscribe { packet_id, filters, properties });
        self.event(Event::Received { conn: away, packet: Packet::Subscribe(subscribe) });
        self.event(Event::Closed { conn: away, why: Lost::ByPeer });
        let publisher = self.connect(1, "publisher");
        while !self.log.is_full() {
            while self.waiting_bytes() <= behind {
                self.publish(publisher, 300);
            }
            self.step();
        }
        self.work();
        (0..30).for_each(|_| self.second());
    }

    fn recovers(&mut self) -> bool {
        (0..3_000).any(|_| {
            self.second();
            !self.log.is_full()
        })
    }
}

/// Disks of different sizes, and what waits for them.
fn disks() -> impl Iterator<Item = (usize, usize)> {
    (8..30).flat_map(|segments| [0, SEGMENT / 4, SEGMENT / 2].map(|behind| (segments, behind)))
}

#[test]
fn the_end_of_a_session_makes_room_on_every_full_disk() {
    for (segments, behind) in disks() {
        let mut broker = Broker::new(segments);
        broker.fill(behind);
        let end = Command::EndSession(ClientId::new("away").unwrap());
        let request = Box::new(Request::Command(end));
        broker.event(Event::Request { id: RequestId(1), request });
        broker.work();
        assert!(broker.recovers(), "{segments} segments, {behind} bytes behind");
    }
}

#[test]
fn acknowledgements_make_room_on_every_full_disk() {
    for (segments, behind) in disks() {
        let mut broker = Broker::new(segments);
        broker.fill(behind);
        broker.connect(2, "away");
        while !broker.sent.is_empty() {
            for (conn, id) in std::mem::take(&mut broker.sent) {
                broker.event(Event::Written { conn, bytes: 1 << 20 });
                broker.event(Event::Received { conn, packet: Packet::Puback(Ack::new(id)) });
            }
            broker.work();
        }
        assert!(broker.recovers(), "{segments} segments, {behind} bytes behind");
    }
}
