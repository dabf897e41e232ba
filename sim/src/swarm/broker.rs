//! The broker's process: the real engine, codec and log, and the few lines of shell that a
//! simulation needs around them.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::Bytes;
use surewire_engine::Engine;
use surewire_engine::action::{Action, Delivery, Outgoing, TopicAlias};
use surewire_engine::answer::Answer;
use surewire_engine::codec::{self, Limits, Packets};
use surewire_engine::event::{Event, Lost, Memory, Peer, Storage};
use surewire_engine::id::{ConnId, Lsn, PacketId};
use surewire_engine::identifiers::Identifiers;
use surewire_engine::log::disk::{DiskError, Op, Reply};
use surewire_engine::log::pending::Pending;
use surewire_engine::log::record::Record;
use surewire_engine::log::writer::{Log, LogError, Progress};
use surewire_engine::message::Message;
use surewire_engine::notice::Notice;
use surewire_engine::packet::{Connect, Packet, QoS, ReasonCode, Subscribe, Unsubscribe, Version};
use surewire_engine::request::{Request, RequestId};
use surewire_engine::time::Time;
use surewire_engine::violation::Violation;

use super::plan::Plan;
use super::variety::Part;

/// What both sides decode with.
pub(crate) const LIMITS: Limits =
    Limits { max_packet_size: 1 << 20, max_user_properties: 100, reject_control_chars: false };

/// Bytes that are written anew in one step of cleaning.
const CLEAN: u32 = 250;

/// Something that others see of a broker.
#[derive(Debug)]
pub(crate) enum Deed {
    /// It took this from a client.
    Took { conn: ConnId, packet: Taken },
    /// It lets this go out to a client.
    Sent { conn: ConnId, outgoing: Outgoing, bytes: Vec<u8> },
    /// It closes a connection.
    Closed { conn: ConnId },
    /// It learns that a connection is gone.
    Lost { conn: ConnId },
    /// It answers a request.
    Answered { id: RequestId, answer: Answer },
    /// It gave a record to its log.
    Appended { lsn: Lsn, record: Record },
    /// Records up to this one are durable.
    Durable { upto: Lsn },
    /// It says what it did.
    Told(Notice),
}

/// A packet as it was handed to the engine.
#[derive(Debug)]
pub(crate) enum Taken {
    Connect(Box<Connect>),
    Packet(Packet),
}

/// A connection as the shell knows it.
#[derive(Debug)]
struct Conn {
    version: Version,
    partial: Vec<u8>,
    opened: bool,
    admitted: bool,
    reads: bool,
    broken: bool,
    /// Whether the client's transport takes no more.
    stuck: bool,
    /// Bytes that the transport took and the engine does not know of.
    untaken: u64,
    /// Whether it wants to know at once.
    report: bool,
}

/// One life of the process.
#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) engine: Engine,
    pub(crate) log: Log,
    /// The last record.
    pub(crate) appended: Lsn,
    /// Records of the event at hand.
    fresh: Pending,
    /// Batches that wait for the disk.
    waiting: VecDeque<Pending>,
    /// Records up to so many bytes share a batch.
    batch: usize,
    /// Whether some of what could be taken in one go is taken one by one.
    singly: bool,
    conns: BTreeMap<ConnId, Conn>,
    /// Connections that may have unread packets again.
    resumed: Vec<ConnId>,
    deeds: Vec<Deed>,
    actions: Vec<Action>,
    events: u64,
    check_every: u64,
    now: Time,
    /// Whether the engine was told that the disk is full.
    full: bool,
    /// Rounds of cleaning that are over.
    rounds: u64,
    /// Whether the log was appended to since the start.
    pub(crate) wrote: bool,
}

impl Broker {
    pub(crate) fn new(engine: Engine, log: Log, plan: &Plan, now: Time) -> Self {
        let Plan { check_every, batch, .. } = *plan;
        Self {
            engine,
            log,
            appended: Lsn::NONE,
            fresh: Pending::default(),
            waiting: VecDeque::new(),
            batch,
            singly: plan.variety.has(Part::Budgets),
            conns: BTreeMap::new(),
            resumed: Vec::new(),
            deeds: Vec::new(),
            actions: Vec::new(),
            events: 0,
            check_every,
            now,
            full: false,
            rounds: 0,
            wrote: false,
        }
    }

    /// A connection that is not read from, though its client has taken all that it was sent and the
    /// engine has nothing to do.
    pub(crate) fn unread(&self, now: Time) -> Option<ConnId> {
        let idle = self.engine.next_timeout().is_none_or(|due| due > now);
        let unread = |conn: &Conn| idle && conn.admitted && !conn.reads && conn.untaken == 0;
        self.conns.iter().find(|(_, conn)| unread(conn)).map(|(id, _)| *id)
    }

    /// What it did since the last call.
    pub(crate) fn deeds(&mut self) -> Vec<Deed> {
        std::mem::take(&mut self.deeds)
    }

    /// A connection is there.
    pub(crate) fn accept(&mut self, conn: ConnId) {
        self.conns.insert(
            conn,
            Conn {
                version: Version::V3_1_1,
                partial: Vec::new(),
                opened: false,
                admitted: false,
                reads: true,
                broken: false,
                stuck: false,
                untaken: 0,
                report: false,
            },
        );
    }

    /// Bytes came.
    pub(crate) fn receive(&mut self, now: Time, conn: ConnId, bytes: &[u8]) {
        self.report(now, |_| true);
        let Some(there) = self.conns.get_mut(&conn) else { return };
        there.partial.extend_from_slice(bytes);
        self.read(now, conn);
        self.read_on(now);
    }

    /// Reads what has come already and may be read again.
    fn read_on(&mut self, now: Time) {
        while let Some(conn) = self.resumed.pop() {
            self.read(now, conn);
        }
    }

    /// The connection is gone.
    pub(crate) fn lose(&mut self, now: Time, conn: ConnId) {
        if let Some(there) = self.conns.remove(&conn)
            && there.opened
        {
            self.deeds.push(Deed::Lost { conn });
            self.event(now, Event::Closed { conn, why: Lost::ByPeer });
            self.read_on(now);
        }
    }

    /// The client's transport takes no more, or takes everything again.
    pub(crate) fn stick(&mut self, now: Time, conn: ConnId, stuck: bool) {
        if let Some(there) = self.conns.get_mut(&conn) {
            there.stuck = stuck;
        }
        self.report(now, |_| true);
        self.read_on(now);
    }

    /// Somebody asks or orders something. Returns the last record of what that has done, or was done
    /// before.
    pub(crate) fn request(&mut self, now: Time, id: u64, request: Request) -> Lsn {
        let (id, request) = (RequestId(id), Box::new(request));
        self.handle(now, Event::Request { id, request });
        let after = self.appended;
        self.look_after(now);
        self.read_on(now);
        after
    }

    /// Memory is that short. There is enough again at each start.
    pub(crate) fn memory(&mut self, now: Time, stage: Memory) {
        self.event(now, Event::Memory(stage));
        self.read_on(now);
    }

    /// It is to stop in order.
    pub(crate) fn stop(&mut self, now: Time) {
        self.event(now, Event::Stop);
    }

    /// The engine's deadline is there.
    pub(crate) fn timeout(&mut self, now: Time) {
        self.event(now, Event::Timeout);
        self.read_on(now);
    }

    /// Tells the engine whether the disk is full, if that is news, and cleans while it is.
    pub(crate) fn tell_storage(&mut self, now: Time) -> bool {
        let full = self.log.is_full();
        if full != self.full {
            self.full = full;
            let storage = if full { Storage::Full } else { Storage::Takes };
            self.event(now, Event::Storage(storage));
        }
        if full && self.log.wants_cleaning() {
            self.clean(now);
        }
        full
    }

    /// What the disk is to do, if it is idle and there is anything.
    pub(crate) fn next_op(&mut self) -> Option<Op> {
        if self.log.is_idle()
            && let Some(batch) = self.waiting.pop_front()
        {
            self.log.append(batch);
            self.wrote = true;
        }
        let waiting = self.waiting.iter().map(|pending| pending.bytes.len() as u64).sum();
        self.log.set_waiting(waiting);
        self.log.next()
    }

    /// The disk has done it, or not.
    pub(crate) fn disk_done(
        &mut self,
        now: Time,
        reply: Result<Reply, DiskError>,
    ) -> Result<(), LogError> {
        let wanted = self.log.wants_cleaning();
        let progress = self.log.done(reply)?;
        if let Progress::Durable(upto) = progress {
            self.deeds.push(Deed::Durable { upto });
            self.event(now, Event::Durable { upto });
        }
        // After each sync, and when it is news: perhaps nothing else happens.
        if self.log.wants_cleaning() && (progress != Progress::Working || !wanted) {
            self.clean(now);
        }
        self.read_on(now);
        Ok(())
    }

    /// Not while the end of the last round waits for the disk.
    fn clean(&mut self, now: Time) {
        if self.log.rounds() < self.rounds {
            return;
        }
        let owed = self.log.take_owed();
        self.event(now, Event::Clean { step: CLEAN, owed });
    }

    fn read(&mut self, now: Time, conn: ConnId) {
        loop {
            let Some(there) = self.conns.get_mut(&conn) else { return };
            if there.broken || there.opened && !(there.admitted && there.reads) {
                return;
            }
            if there.opened {
                let singly = self.singly && self.events.is_multiple_of(3);
                match take(there, singly) {
                    Ok(Some(taken)) => self.packets(now, conn, taken),
                    Ok(None) => return,
                    Err(violation) => {
                        there.broken = true;
                        return self.event(now, Event::Broken { conn, violation });
                    }
                }
                continue;
            }
            let len = match codec::frame_len(&there.partial, LIMITS.max_packet_size) {
                Ok(Some(len)) if len <= there.partial.len() => len,
                Ok(_) => return,
                Err(violation) => {
                    there.broken = true;
                    return self.event(now, Event::Broken { conn, violation });
                }
            };
            let rest = there.partial.split_off(len);
            let frame = Bytes::from(std::mem::replace(&mut there.partial, rest));
            self.open(now, conn, frame);
        }
    }

    /// Hands in packets; filters one by one where everything comes in small steps.
    fn hand_in(&mut self, now: Time, conn: ConnId, mut packets: Packets) {
        if let (true, Packets::One(packet)) = (self.singly, &mut packets) {
            while let Some(packet) = first_filter_of(packet) {
                self.event(now, Event::ReceivedPart { conn, packet });
            }
        }
        self.event(now, Event::received(conn, packets));
    }

    fn packets(&mut self, now: Time, conn: ConnId, packets: Packets) {
        let took = |packet| Deed::Took { conn, packet: Taken::Packet(packet) };
        let each: Vec<Packet> = match &packets {
            Packets::One(packet) => vec![packet.clone()],
            Packets::Run(run) => run.publishes().map(Packet::Publish).collect(),
            Packets::Acks(acks) => acks.packets().collect(),
        };
        let (first, before) = (self.deeds.len(), self.taken());
        self.hand_in(now, conn, packets);
        // What stands behind the one that ended the connection was never taken.
        let count = match each.len() {
            1 => 1,
            _ => usize::try_from(self.taken() - before).unwrap_or(usize::MAX),
        };
        self.deeds.splice(first..first, each.into_iter().take(count).map(took));
    }

    /// Packets that the engine has taken so far.
    fn taken(&self) -> u64 {
        self.engine.counters().packets_received.total()
    }

    fn open(&mut self, now: Time, conn: ConnId, frame: Bytes) {
        let first = codec::decode_connect(frame, &LIMITS);
        let Some(there) = self.conns.get_mut(&conn) else { return };
        there.opened = true;
        if let Ok(connect) = &first {
            there.version = connect.version;
            let packet = Taken::Connect(connect.clone());
            self.deeds.push(Deed::Took { conn, packet });
        }
        let port = u16::try_from(conn.slot % 60_000).unwrap_or(0) + 1;
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        self.event(now, Event::Opened { conn, peer: Peer { address, anonymous: true }, first });
    }

    fn event(&mut self, now: Time, event: Event) {
        self.handle(now, event);
        self.look_after(now);
    }

    fn handle(&mut self, now: Time, event: Event) {
        self.now = self.now.max(now);
        self.engine.handle(now, event, &mut self.actions);
        let mut actions = std::mem::take(&mut self.actions);
        for action in actions.drain(..) {
            self.perform(action);
        }
        self.actions = actions;
    }

    /// What is to be done when an event is over.
    fn look_after(&mut self, now: Time) {
        if !self.fresh.is_empty() {
            self.wait();
        }
        self.events += 1;
        if self.events.is_multiple_of(self.check_every) {
            self.engine.check();
        }
        self.report(now, |conn| conn.report);
    }

    /// The records of an event share a batch with earlier ones, if that has room for all of them.
    fn wait(&mut self) {
        let batch = self.batch;
        let fits = |last: &&mut Pending| last.bytes.len() + self.fresh.bytes.len() <= batch;
        match self.waiting.back_mut().filter(fits) {
            Some(last) => last.join(&mut self.fresh),
            None => self.waiting.push_back(std::mem::take(&mut self.fresh)),
        }
    }

    /// Tells the engine what was taken, as a shell does: late, where it did not ask.
    fn report(&mut self, now: Time, due: impl Fn(&Conn) -> bool) {
        let waiting = self.conns.iter_mut().filter(|(_, c)| !c.stuck && c.untaken > 0 && due(c));
        let taken: Vec<(ConnId, u64)> = waiting
            .map(|(id, conn)| {
                conn.report = false;
                (*id, std::mem::take(&mut conn.untaken))
            })
            .collect();
        for (conn, bytes) in taken {
            self.event(now, Event::Written { conn, bytes });
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Send { conn, outgoing } => self.send(conn, outgoing),
            Action::Read { conn, on } => {
                if let Some(there) = self.conns.get_mut(&conn) {
                    there.reads = on;
                    self.resumed.push(conn);
                }
            }
            Action::Report { conn } => {
                if let Some(there) = self.conns.get_mut(&conn) {
                    there.report = true;
                }
            }
            Action::Close { conn, reason: _ } => {
                self.conns.remove(&conn);
                self.deeds.push(Deed::Closed { conn });
            }
            Action::Append { lsn, record, anew, frees } => {
                self.appended = lsn;
                self.fresh.time = self.now;
                self.fresh.take(lsn, &record, anew, frees);
                self.deeds.push(Deed::Appended { lsn, record });
            }
            Action::Trim { before, live } => {
                (self.fresh.trim, self.fresh.live) = (Some(before), Some(live));
                self.rounds += 1;
            }
            Action::Answer { id, answer } => self.deeds.push(Deed::Answered { id, answer }),
            Action::Authenticate { .. } => {}
            Action::Notice(notice) => self.deeds.push(Deed::Told(notice)),
        }
    }

    fn send(&mut self, conn: ConnId, outgoing: Outgoing) {
        let Some(there) = self.conns.get_mut(&conn) else { return };
        if let Outgoing::Packet(Packet::Connack(ack)) = &outgoing
            && ack.code == ReasonCode::Success
        {
            there.admitted = true;
            self.resumed.push(conn);
        }
        // A run is told packet by packet.
        let each = match outgoing {
            Outgoing::Run(run, numbers) => {
                let copies = run.copies(numbers).map(|copy| copy.packet_id);
                let each = copies.zip(run.messages());
                let qos = numbers.map_or(QoS::AtMostOnce, |numbers| numbers.qos);
                let delivery = |(id, message)| Outgoing::Publish(delivery(message, qos, id));
                each.map(delivery).collect()
            }
            Outgoing::Acks(acks) => acks.packets().map(Outgoing::Packet).collect(),
            Outgoing::Packet(_) | Outgoing::Publish(_) => vec![outgoing],
        };
        for outgoing in each {
            let mut bytes = Vec::new();
            outgoing.encode(there.version, &mut bytes);
            there.untaken += bytes.len() as u64;
            self.deeds.push(Deed::Sent { conn, outgoing, bytes });
        }
    }
}

/// Takes out what is complete at the front of what was read.
fn take(there: &mut Conn, singly: bool) -> Result<Option<Packets>, Violation> {
    let mut buf = Bytes::copy_from_slice(&there.partial);
    let taken = if singly {
        codec::take_packet(there.version, &mut buf, &LIMITS)?.map(Packets::One)
    } else {
        codec::take_packets(there.version, &mut buf, &LIMITS)?
    };
    there.partial = buf.to_vec();
    Ok(taken)
}

fn delivery(message: Message, qos: QoS, packet_id: Option<PacketId>) -> Delivery {
    Delivery {
        message,
        qos,
        dup: false,
        retain: false,
        packet_id,
        expiry: None,
        identifiers: Identifiers::NONE,
        alias: TopicAlias::None,
    }
}

/// Takes the first filter out of a packet that has several.
fn first_filter_of(packet: &mut Packet) -> Option<Packet> {
    if let Packet::Subscribe(whole) = packet {
        let rest = (whole.filters.len() > 1).then(|| whole.filters.split_off(1))?;
        let filters = std::mem::replace(&mut whole.filters, rest);
        let Subscribe { packet_id, properties, .. } = (**whole).clone();
        return Some(Packet::Subscribe(Box::new(Subscribe { packet_id, filters, properties })));
    }
    let Packet::Unsubscribe(whole) = packet else { return None };
    let rest = (whole.filters.len() > 1).then(|| whole.filters.split_off(1))?;
    let filters = std::mem::replace(&mut whole.filters, rest);
    let Unsubscribe { packet_id, properties, .. } = (**whole).clone();
    Some(Packet::Unsubscribe(Box::new(Unsubscribe { packet_id, filters, properties })))
}
