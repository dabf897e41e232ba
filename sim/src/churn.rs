//! Hours of traffic in seconds: what the log writes, and what it takes, for what lives.
//!
//! The real engine and the real log over a disk that only counts, in virtual time. A sync takes a
//! fixed time and what was written its share of the disk's speed.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use surewire_engine::Engine;
use surewire_engine::action::{Action, Outgoing};
use surewire_engine::config::Config;
use surewire_engine::event::{Event, Lost, Peer};
use surewire_engine::id::{ConnId, PacketId};
use surewire_engine::log::disk::{DiskError, Op, Reply};
use surewire_engine::log::pending::Pending;
use surewire_engine::log::recovery::{Recovery, Step};
use surewire_engine::log::writer::{Log, Options, Progress, Sync};
use surewire_engine::packet::{
    Ack, Connect, Packet, Properties, Publish, QoS, Subscribe, SubscribeFilter, SubscribeOptions,
    Version,
};
use surewire_engine::planted::Planted;
use surewire_engine::time::Time;
use surewire_engine::topic::TopicName;

/// One step of virtual time.
const STEP: Duration = Duration::from_millis(1);

/// Bytes that are written anew in one step of cleaning, as in the server.
const CLEAN: u32 = 32 << 10;

/// What lives, what happens, and on what.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Retained messages that stay.
    pub retained: u32,
    /// Sessions of clients that stay away.
    pub idle_sessions: u32,
    /// Messages that wait for each of them.
    pub backlog: u32,
    /// Pairs of a publisher and a subscriber with a persistent session, at QoS 1.
    pub pairs: u32,
    /// Messages a second of all pairs together.
    pub rate: u32,
    /// Bytes of a payload.
    pub payload: usize,
    /// How long the pairs go on.
    pub time: Duration,
    /// Bytes of a file of the log.
    pub segment_len: u64,
    /// What a sync takes.
    pub sync: Duration,
    /// Bytes a millisecond that the disk takes.
    pub bytes_per_ms: u64,
}

/// What came of it, of the time that the pairs were at it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// Messages delivered and acknowledged.
    pub messages: u64,
    /// Bytes of records of what happened.
    pub record_bytes: u64,
    /// Bytes of records that cleaning wrote anew.
    pub anew_bytes: u64,
    /// Bytes given to the disk.
    pub written_bytes: u64,
    /// Rounds of cleaning that were completed.
    pub rounds: u64,
    /// Bytes that what lives took when it was written anew last, or first.
    pub live_bytes: u64,
    /// The most that all files together took.
    pub disk_bytes: u64,
    /// Of that, what was allocated ahead.
    pub spare_bytes: u64,
    /// Bytes of a segment.
    pub segment_len: u64,
}

impl Figures {
    /// Bytes written for each byte of a record of what happened.
    #[must_use]
    pub fn amplification(&self) -> f64 {
        to_f64(self.written_bytes) / to_f64(self.record_bytes)
    }

    /// What the files may take at most: three times what lives, and four segments.
    #[must_use]
    pub fn allowed_bytes(&self) -> u64 {
        3 * self.live_bytes + 4 * self.segment_len
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact to 2^53 bytes")]
fn to_f64(bytes: u64) -> f64 {
    bytes as f64
}

/// Builds what lives, lets the pairs go on for as long as the plan says, and counts.
///
/// # Panics
/// If the engine or the log does what it never does: refuse one of these clients, ask for a file
/// that is not there.
#[must_use]
pub fn run(plan: &Plan) -> Figures {
    let mut broker = Broker::new(plan);
    broker.build(plan);
    broker.settle();
    broker.figures = Figures {
        live_bytes: broker.figures.record_bytes,
        segment_len: plan.segment_len,
        ..Figures::default()
    };
    broker.churn(plan);
    broker.figures
}

/// Files without bytes.
#[derive(Debug, Default)]
struct Disk {
    files: BTreeMap<String, u64>,
}

impl Disk {
    fn perform(&mut self, op: Op) -> Result<Reply, DiskError> {
        match op {
            Op::List => return Ok(Reply::Names(self.files.keys().cloned().collect())),
            Op::Read { .. } => return Err(DiskError::Failed("nothing can be read".to_owned())),
            Op::Allocate { file, len } => {
                self.files.insert(file, len);
            }
            Op::Write { .. } | Op::Sync { .. } | Op::SyncDirectory => {}
            Op::Rename { from, to } => {
                let len = self.files.remove(&from).expect("a file that was allocated");
                self.files.insert(to, len);
            }
            Op::Remove { file } => {
                self.files.remove(&file).expect("a file that was allocated");
            }
        }
        Ok(Reply::Done)
    }

    fn bytes(&self, ending: &str) -> u64 {
        self.files.iter().filter(|(name, _)| name.ends_with(ending)).map(|(_, len)| *len).sum()
    }
}

struct Broker {
    engine: Engine,
    log: Log,
    disk: Disk,
    plan: Plan,
    now: Time,
    fresh: Pending,
    /// Records that wait for the disk.
    waiting: Pending,
    /// What the disk is doing, and when it is done.
    doing: Option<(Time, Op)>,
    actions: Vec<Action>,
    /// Acknowledgements of subscribers that are under way.
    acks: VecDeque<(ConnId, PacketId)>,
    /// Bytes sent that the engine does not know to be taken.
    untaken: BTreeMap<ConnId, u64>,
    scratch: Vec<u8>,
    /// Bytes that the round of cleaning at hand has written.
    round: u64,
    /// Rounds of cleaning that are over.
    rounds: u64,
    figures: Figures,
}

impl Broker {
    fn new(plan: &Plan) -> Self {
        let mut disk = Disk::default();
        let options = Options {
            segment_len: plan.segment_len,
            sync: Sync::Always,
            nonce: 1,
            planted: Planted::NONE,
        };
        let mut recovery = Recovery::new(options);
        let log = loop {
            match recovery.next() {
                Step::Do(op) => recovery.done(disk.perform(op)),
                Step::Batch(_) => {}
                Step::Finished(log, _) => break *log,
                Step::Failed(error) => panic!("an empty disk: {error}"),
            }
        };
        let config = Config {
            max_msgqueue_messages: None,
            max_inflight_messages: 256,
            max_retained_messages: usize::MAX,
            ..Config::default()
        };
        Self {
            engine: Engine::new(config, [7; 32]),
            log,
            disk,
            plan: *plan,
            now: Time::from_secs(crate::EPOCH_SECS),
            fresh: Pending::default(),
            waiting: Pending::default(),
            doing: None,
            actions: Vec::new(),
            acks: VecDeque::new(),
            untaken: BTreeMap::new(),
            scratch: Vec::new(),
            round: 0,
            rounds: 0,
            figures: Figures::default(),
        }
    }

    /// What stays: written once, and never touched again.
    fn build(&mut self, plan: &Plan) {
        self.connect(WRITER, "writer", true);
        for n in 0..plan.idle_sessions {
            let away = passer_by(n);
            self.connect(away, &format!("away-{n}"), false);
            self.subscribe(away, &format!("away/{n}"));
            self.event(Event::Closed { conn: away, why: Lost::ByPeer });
            self.pass();
        }
        for round in 0..plan.backlog {
            for n in 0..plan.idle_sessions {
                let id = identifier(u64::from(round));
                self.publish(WRITER, &format!("away/{n}"), id, false);
                self.pass();
            }
        }
        for n in 0..plan.retained {
            let id = identifier(u64::from(n));
            self.publish(WRITER, &format!("kept/{}/{n}", n % 100), id, true);
            self.pass();
        }
        for n in 0..plan.pairs {
            self.connect(subscriber(n), &format!("subscriber-{n}"), false);
            self.subscribe(subscriber(n), &format!("pair/{n}"));
            self.connect(publisher(n), &format!("publisher-{n}"), true);
            self.pass();
        }
    }

    /// Until everything is durable and tidy.
    fn settle(&mut self) {
        for _ in 0..1_000 {
            self.pass();
        }
    }

    fn churn(&mut self, plan: &Plan) {
        let steps = u64::try_from(plan.time.as_millis()).unwrap_or(u64::MAX);
        let (mut sent, mut next) = (0, 0);
        for step in 1..=steps {
            while sent < u64::from(plan.rate) * step / 1_000 {
                sent += 1;
                next = (next + 1) % plan.pairs;
                let id = identifier(sent / u64::from(plan.pairs));
                self.publish(publisher(next), &format!("pair/{next}"), id, false);
            }
            // One of the subscribers is away for a while, and finds what has come meanwhile.
            if step % 10_000 == 0 {
                let away = subscriber(u32::try_from(step / 10_000).unwrap_or(0) % plan.pairs);
                self.event(Event::Closed { conn: away, why: Lost::ByPeer });
                self.acks.retain(|(conn, _)| *conn != away);
            } else if step % 10_000 == 5_000 && step > 10_000 {
                let n = u32::try_from(step / 10_000).unwrap_or(0) % plan.pairs;
                self.connect(subscriber(n), &format!("subscriber-{n}"), false);
            }
            self.pass();
        }
    }

    /// A step of time: what clients and the disk do in it.
    fn pass(&mut self) {
        self.now = self.now + STEP;
        for (conn, packet_id) in std::mem::take(&mut self.acks) {
            let packet = Packet::Puback(Ack::new(packet_id));
            self.event(Event::Received { conn, packet });
            self.figures.messages += 1;
        }
        for (conn, bytes) in std::mem::take(&mut self.untaken) {
            self.event(Event::Written { conn, bytes });
        }
        while self.engine.next_timeout().is_some_and(|due| due <= self.now) {
            self.event(Event::Timeout);
        }
        self.drive_disk();
    }

    fn drive_disk(&mut self) {
        loop {
            if let Some((due, op)) = self.doing.take() {
                if due > self.now {
                    self.doing = Some((due, op));
                    return;
                }
                self.finish(op);
            }
            if self.log.is_idle() && !self.waiting.is_empty() {
                self.log.append(std::mem::take(&mut self.waiting));
            }
            self.log.set_waiting(self.waiting.bytes.len() as u64);
            let Some(op) = self.log.next() else { return };
            let takes = match &op {
                Op::Write { bytes, .. } => {
                    self.figures.written_bytes += bytes.len() as u64;
                    Duration::from_millis(bytes.len() as u64 / self.plan.bytes_per_ms)
                }
                Op::Sync { .. } | Op::SyncDirectory => self.plan.sync,
                Op::List
                | Op::Read { .. }
                | Op::Allocate { .. }
                | Op::Rename { .. }
                | Op::Remove { .. } => Duration::ZERO,
            };
            self.doing = Some((self.now + takes, op));
        }
    }

    fn finish(&mut self, op: Op) {
        let reply = self.disk.perform(op);
        let (log, spare) = (self.disk.bytes(".log"), self.disk.bytes(".new"));
        if log + spare > self.figures.disk_bytes {
            (self.figures.disk_bytes, self.figures.spare_bytes) = (log + spare, spare);
        }
        let progress = self.log.done(reply).expect("a disk without faults");
        if let Progress::Durable(upto) = progress {
            self.event(Event::Durable { upto });
            // Not while the end of the last round waits for the disk.
            if self.log.wants_cleaning() && self.log.rounds() == self.rounds {
                let owed = self.log.take_owed();
                self.event(Event::Clean { step: CLEAN, owed });
            }
        }
    }

    fn event(&mut self, event: Event) {
        self.engine.handle(self.now, event, &mut self.actions);
        let mut actions = std::mem::take(&mut self.actions);
        for action in actions.drain(..) {
            self.perform(action);
        }
        self.actions = actions;
        if !self.fresh.is_empty() {
            self.waiting.join(&mut self.fresh);
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Append { lsn, record, anew, frees } => {
                let before = self.fresh.bytes.len();
                self.fresh.time = self.now;
                self.fresh.take(lsn, &record, anew, frees);
                let bytes = (self.fresh.bytes.len() - before) as u64;
                if anew {
                    self.figures.anew_bytes += bytes;
                    self.round += bytes;
                } else {
                    self.figures.record_bytes += bytes;
                }
            }
            Action::Trim { before, live } => {
                (self.fresh.trim, self.fresh.live) = (Some(before), Some(live));
                self.rounds += 1;
                self.figures.rounds += 1;
                assert_eq!(live, std::mem::take(&mut self.round), "counted as it is written");
                self.figures.live_bytes = live;
            }
            Action::Send { conn, outgoing } => {
                self.scratch.clear();
                outgoing.encode(Version::V3_1_1, &mut self.scratch);
                *self.untaken.entry(conn).or_default() += self.scratch.len() as u64;
                if let Outgoing::Publish(delivery) = &outgoing
                    && let Some(packet_id) = delivery.packet_id
                {
                    self.acks.push_back((conn, packet_id));
                }
            }
            Action::Close { conn, reason } => panic!("{conn:?} is closed: {reason:?}"),
            Action::Read { .. }
            | Action::Report { .. }
            | Action::Authenticate { .. }
            | Action::Answer { .. }
            | Action::Notice(_) => {}
        }
    }

    fn connect(&mut self, conn: ConnId, client: &str, clean_start: bool) {
        let peer = Peer { address: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)), anonymous: true };
        let connect = Connect {
            version: Version::V3_1_1,
            clean_start,
            keep_alive: 0,
            client_id: client.into(),
            will: None,
            user_name: None,
            password: None,
            properties: Properties::NONE,
        };
        self.event(Event::Opened { conn, peer, first: Ok(Box::new(connect)) });
    }

    fn subscribe(&mut self, conn: ConnId, filter: &str) {
        let options = SubscribeOptions { qos: QoS::AtLeastOnce, ..SubscribeOptions::default() };
        let filters = vec![SubscribeFilter { filter: filter.into(), options }];
        let packet_id = PacketId::FIRST;
        let subscribe = Subscribe { packet_id, filters, properties: Properties::NONE };
        self.event(Event::Received { conn, packet: Packet::Subscribe(Box::new(subscribe)) });
    }

    fn publish(&mut self, conn: ConnId, topic: &str, packet_id: PacketId, retain: bool) {
        let publish = Publish {
            dup: false,
            qos: QoS::AtLeastOnce,
            retain,
            topic: TopicName::new(topic.into()),
            packet_id: Some(packet_id),
            properties: Properties::NONE,
            payload: Bytes::from(vec![b'x'; self.plan.payload]),
        };
        self.event(Event::Received { conn, packet: Packet::Publish(publish) });
    }
}

/// Used again when the message before is long acknowledged.
fn identifier(n: u64) -> PacketId {
    u16::try_from(n % 60_000 + 1).ok().and_then(PacketId::new).expect("1 to 60,000")
}

/// Of the client that writes what stays.
const WRITER: ConnId = conn(0, 0);

/// Of the clients that leave again, one after the other.
fn passer_by(n: u32) -> ConnId {
    conn(1, n)
}

fn publisher(n: u32) -> ConnId {
    conn(2 + 2 * n, 0)
}

fn subscriber(n: u32) -> ConnId {
    conn(3 + 2 * n, 0)
}

const fn conn(slot: u32, generation: u32) -> ConnId {
    ConnId { slot, generation }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mb = |bytes: u64| to_f64(bytes) / f64::from(1 << 20);
        write!(
            f,
            "{:>9} messages, {:>6.0} MiB of records, {:>6.0} MiB anew in {:>3} rounds, written \
             {:.2} x; live {:>6.1} MiB, disk {:>6.1} MiB (ahead {:>5.1}), allowed {:>6.1}",
            self.messages,
            mb(self.record_bytes),
            mb(self.anew_bytes),
            self.rounds,
            self.amplification(),
            mb(self.live_bytes),
            mb(self.disk_bytes),
            mb(self.spare_bytes),
            mb(self.allowed_bytes()),
        )
    }
}
