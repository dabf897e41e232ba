//! The engine and its surroundings: connections, a log, a clock, and somebody who asks questions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use surewire_engine::Engine;
use surewire_engine::action::{Action, Outgoing};
use surewire_engine::codec::{self, Limits, Packets};
use surewire_engine::config::Config;
use surewire_engine::event::{Event, Lost, Peer};
use surewire_engine::id::ConnId;
use surewire_engine::notice::Notice;
use surewire_engine::packet::{Ack, Packet, Version};
use surewire_engine::request::{Command, Request, RequestId};
use surewire_engine::time::Time;

use super::client::{Wire, answer};
use super::person::{Person, Sending};
use super::store::Store;

/// Connections at a time.
pub(super) const SLOTS: usize = 4;

/// Timeouts without the clock going on: work in pieces has an end.
const MOST_PIECES: u32 = 10_000;

pub(super) const LIMITS: Limits =
    Limits { max_packet_size: 64 << 10, max_user_properties: 8, reject_control_chars: false };

pub(super) struct World {
    /// Whether some clients send what no right client sends.
    pub(super) has_hostile: bool,
    pub(super) config: Config,
    pub(super) engine: Engine,
    now: Time,
    pub(super) wires: [Option<Wire>; SLOTS],
    generations: [u32; SLOTS],
    pub(super) people: BTreeMap<String, Person>,
    /// Numbers of messages that may come more than once.
    pub(super) loose: BTreeSet<u32>,
    /// The number of the last message.
    pub(super) number: u32,
    pub(super) store: Store,
    /// Records become durable only when a step says so.
    pub(super) holds: bool,
    /// Requests without an answer.
    pub(super) questions: BTreeSet<RequestId>,
    asked: u64,
    /// Connections that a method of authentication is to judge.
    pub(super) unjudged: Vec<ConnId>,
}

impl World {
    pub(super) fn new(config: Config, has_hostile: bool) -> Self {
        Self {
            has_hostile,
            engine: Engine::new(config.clone(), [7; 32]),
            config,
            now: Time::from_secs(1_700_000_000),
            wires: Default::default(),
            generations: [0; SLOTS],
            people: BTreeMap::new(),
            loose: BTreeSet::new(),
            number: 0,
            store: Store::default(),
            holds: false,
            questions: BTreeSet::new(),
            asked: 0,
            unjudged: Vec::new(),
        }
    }

    /// Hands in an event. What was written is told before, as late as it may be.
    pub(super) fn event(&mut self, event: Event) {
        self.report(|_| true);
        self.handle(event);
        self.flow();
    }

    fn handle(&mut self, event: Event) {
        let mut actions = Vec::new();
        self.engine.handle(self.now, event, &mut actions);
        for action in actions {
            self.perform(action);
        }
        self.engine.check();
        assert_eq!(self.store.image, self.engine.image(), "what the log says, and what is");
    }

    /// Transports take what they take, and so does the log.
    fn flow(&mut self) {
        loop {
            (0..SLOTS).for_each(|slot| self.take(slot, usize::MAX));
            let all = if self.holds { 0 } else { usize::MAX };
            if !self.report(|wire| wire.report) && !self.sync(all) {
                return;
            }
        }
    }

    /// So many records become durable; whether there were any.
    pub(super) fn sync(&mut self, count: usize) -> bool {
        let upto = self.store.sync(count);
        if let Some(upto) = upto {
            self.handle(Event::Durable { upto });
        }
        upto.is_some()
    }

    fn report(&mut self, due: impl Fn(&Wire) -> bool) -> bool {
        let mut told = false;
        for slot in 0..SLOTS {
            let wire = self.wires[slot].as_mut();
            let Some(wire) = wire.filter(|wire| wire.written > 0 && due(wire)) else { continue };
            wire.report = false;
            let (conn, bytes) = (wire.conn, std::mem::take(&mut wire.written));
            self.handle(Event::Written { conn, bytes });
            told = true;
        }
        told
    }

    /// Lets time pass, and handles what is due.
    pub(super) fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        let mut pieces = 0;
        while let Some(due) = self.engine.next_timeout().filter(|due| *due <= end) {
            pieces = if due > self.now { 0 } else { pieces + 1 };
            assert!(pieces < MOST_PIECES, "a timeout that is due again and again");
            self.now = self.now.max(due);
            self.event(Event::Timeout);
        }
        self.now = end;
    }

    /// A new connection in this slot, in place of the one that may be there.
    pub(super) fn dial(&mut self, slot: usize) {
        self.cut(slot, Lost::ByPeer);
        let generation = self.generations[slot];
        let number = u32::try_from(slot).expect("a few slots");
        self.wires[slot] = Some(Wire::new(ConnId { slot: number, generation }));
    }

    /// The connection is lost, with all that was under way on it.
    pub(super) fn cut(&mut self, slot: usize, why: Lost) {
        let Some(wire) = self.remove(slot) else { return };
        if wire.opened {
            self.event(Event::Closed { conn: wire.conn, why });
        }
    }

    fn remove(&mut self, slot: usize) -> Option<Wire> {
        let wire = self.wires[slot].take()?;
        self.generations[slot] += 1;
        Some(wire)
    }

    /// The client's bytes come, and are read as far as the broker reads.
    pub(super) fn feed(&mut self, slot: usize, bytes: &[u8]) {
        if let Some(wire) = &mut self.wires[slot] {
            wire.unread.extend_from_slice(bytes);
        }
        self.read(slot);
    }

    /// Reads what there is; whether there was anything.
    pub(super) fn read(&mut self, slot: usize) -> bool {
        let mut any = false;
        while let Some(event) = self.next_event(slot) {
            any = true;
            self.event(event);
        }
        any
    }

    fn next_event(&mut self, slot: usize) -> Option<Event> {
        let wire = self.wires[slot].as_mut().filter(|wire| wire.reads())?;
        let conn = wire.conn;
        if !wire.opened {
            return first_event(wire, self.config.max_inflight_messages);
        }
        let mut bytes = Bytes::copy_from_slice(&wire.unread);
        let taken = codec::take_packets(wire.version, &mut bytes, &LIMITS);
        wire.unread = bytes.to_vec();
        match taken {
            Ok(None) => None,
            Ok(Some(packets)) => {
                self.note(slot, &packets);
                Some(Event::received(conn, packets))
            }
            Err(violation) => {
                wire.broken = true;
                Some(Event::Broken { conn, violation })
            }
        }
    }

    /// What the client of an accepted connection may expect from now on.
    fn note(&mut self, slot: usize, packets: &Packets) {
        let Some(wire) = self.wires[slot].as_mut().filter(|wire| wire.is_accepted()) else {
            return;
        };
        let person = self.people.entry(wire.client.clone()).or_default();
        if wire.hostile {
            person.turn_hostile(&mut self.loose);
        }
        let packets: Vec<Packet> = match packets {
            Packets::One(packet) => vec![packet.clone()],
            Packets::Run(run) => run.publishes().map(Packet::Publish).collect(),
            Packets::Acks(acks) => acks.packets().collect(),
        };
        for packet in &packets {
            wire.sends(packet);
            if let Packet::Subscribe(subscribe) = packet {
                subscribe.filters.iter().for_each(|one| person.asks_for(&one.filter));
            }
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Send { conn, outgoing } => self.send(conn, &outgoing),
            Action::Authenticate { conn, .. } => self.unjudged.push(conn),
            Action::Read { conn, on } => self.wire(conn).paused = !on,
            Action::Report { conn } => self.wire(conn).report = true,
            Action::Close { conn, .. } => {
                let wire = self.wire(conn);
                assert!(!wire.closed, "closed twice");
                wire.closed = true;
            }
            Action::Append { lsn, record, .. } => self.store.append(lsn, &record),
            Action::Trim { before, .. } => self.store.trim(before),
            Action::Answer { id, .. } => {
                assert!(self.questions.remove(&id), "answered and not asked");
            }
            Action::Notice(Notice::SessionEnded { client, .. }) => {
                if let Some(person) = self.people.get_mut(client.as_str()) {
                    person.has_ended(&mut self.loose);
                }
            }
            Action::Notice(_) => {}
        }
    }

    fn wire(&mut self, conn: ConnId) -> &mut Wire {
        let slot = usize::try_from(conn.slot).expect("a few slots");
        let wire = self.wires[slot].as_mut().filter(|wire| wire.conn == conn);
        wire.unwrap_or_else(|| panic!("{conn} is not there"))
    }

    fn send(&mut self, conn: ConnId, outgoing: &Outgoing) {
        let version = self.wire(conn).version;
        let mut bytes = Vec::new();
        outgoing.encode(version, &mut bytes);
        assert_eq!(bytes.len(), outgoing.encoded_len(version), "the length told before");
        let mut bytes = Bytes::from(bytes);
        while !bytes.is_empty() {
            let before = bytes.len();
            let packet = codec::take_packet(version, &mut bytes, &LIMITS);
            let mut packet = packet.expect("what we send decodes").expect("whole packets");
            if let (Packet::Connack(told), Outgoing::Packet(Packet::Connack(meant))) =
                (&mut packet, outgoing)
            {
                // Clients of 3.1 do not hear it.
                told.session_present = meant.session_present;
            }
            self.send_one(conn, packet, before - bytes.len());
        }
    }

    fn send_one(&mut self, conn: ConnId, packet: Packet, len: usize) {
        let wire = self.wire(conn);
        let packet = wire.is_sent(packet, len);
        wire.transit.push_back((packet.clone(), len as u64));
        if !wire.is_accepted() {
            return;
        }
        let (client, epoch) = (wire.client.clone(), wire.epoch);
        let person = self.people.entry(client.clone()).or_default();
        match &packet {
            Packet::Connack(connack) => {
                if !connack.session_present {
                    person.begin();
                }
                let epoch = person.epoch;
                self.wire(conn).epoch = epoch;
            }
            Packet::Publish(publish) => {
                assert_eq!(epoch, person.epoch, "to a connection of {client} that was taken over");
                person.is_sent(publish.topic.as_ref().expect("aliases are resolved").as_str());
            }
            _ => {}
        }
    }

    /// The client takes up to so many packets from its transport.
    pub(super) fn take(&mut self, slot: usize, most: usize) {
        for _ in 0..most {
            let Some(wire) = &mut self.wires[slot] else { return };
            // Who takes one at a time does so although it is stuck.
            if wire.stuck && most == usize::MAX {
                break;
            }
            let Some((packet, len)) = wire.transit.pop_front() else { break };
            wire.written += len;
            self.comes(slot, &packet);
        }
        if self.wires[slot].as_ref().is_some_and(|wire| wire.closed) {
            self.remove(slot);
        }
    }

    fn comes(&mut self, slot: usize, packet: &Packet) {
        let Some(wire) = &mut self.wires[slot] else { return };
        let Some(person) =
            self.people.get_mut(&wire.client).filter(|person| person.epoch == wire.epoch)
        else {
            return;
        };
        wire.answers.extend(answer(packet));
        match packet {
            Packet::Connack(_) if wire.is_accepted() => {
                wire.ready = true;
                wire.answers.extend(person.again());
            }
            Packet::Publish(publish) => person.gets(publish, &self.loose),
            Packet::Pubrel(ack) => person.is_released(ack.packet_id),
            Packet::Pubrec(ack) if !ack.code.is_error() => {
                if let Some(sending) = person.sending.get_mut(&ack.packet_id.get()) {
                    *sending = Sending::Released;
                    wire.answers.push_back(Packet::Pubrel(Ack::new(ack.packet_id)));
                }
            }
            Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubcomp(ack) => {
                person.sending.remove(&ack.packet_id.get());
            }
            _ => {}
        }
    }

    pub(super) fn ask(&mut self, request: Request) {
        self.asked += 1;
        let id = RequestId(self.asked);
        if let Request::Command(Command::Subscribe { client, filter, .. }) = &request {
            let person = self.people.entry(client.as_str().to_owned()).or_default();
            person.is_given(filter.as_str());
        }
        let waits = matches!(request, Request::Command(_));
        self.questions.insert(id);
        self.event(Event::Request { id, request: Box::new(request) });
        assert!(waits || !self.questions.contains(&id), "a query is answered at once");
    }

    /// The process ends at once, and starts again with what was durable.
    pub(super) fn crash(&mut self) {
        for slot in 0..SLOTS {
            self.remove(slot);
        }
        self.store.crash();
        self.questions.clear();
        self.unjudged.clear();
        let (config, image) = (self.config.clone(), self.store.durable.clone());
        self.engine = Engine::restore(config, [8; 32], image, self.store.appended, self.now);
        self.engine.check();
        assert_eq!(self.store.image, self.engine.image(), "restored is what was durable");
    }
}

fn first_event(wire: &mut Wire, window: u16) -> Option<Event> {
    let (conn, unread) = (wire.conn, std::mem::take(&mut wire.unread));
    let len = codec::check_first_byte(*unread.first()?)
        .and_then(|()| codec::frame_len(&unread, LIMITS.max_packet_size));
    let first = match len {
        Err(violation) => Err(violation.into()),
        Ok(Some(len)) if len <= unread.len() => {
            wire.unread = unread[len..].to_vec();
            codec::decode_connect(Bytes::copy_from_slice(&unread[..len]), &LIMITS)
        }
        Ok(_) => {
            wire.unread = unread;
            return None;
        }
    };
    wire.opened = true;
    match &first {
        Ok(connect) => wire.connects(connect, window),
        Err(bad) => {
            wire.version = bad.version.unwrap_or(Version::V3_1_1);
            wire.takes_at_most(bad.max_packet_size);
        }
    }
    let address = "192.0.2.1:50000".parse().expect("an address");
    Some(Event::Opened { conn, peer: Peer { address, anonymous: true }, first })
}
