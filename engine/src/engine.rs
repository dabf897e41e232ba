//! The broker itself: one function from events to actions.

mod ack;
mod alive;
mod answer;
mod authenticate;
mod check;
mod clean;
mod close;
mod command;
mod connack;
mod connect;
mod deliver;
mod expiry;
mod explain;
mod farewell;
mod group;
mod image;
mod lists;
mod memory;
mod outdated;
mod publish;
mod pump;
mod replay;
mod request;
mod restore;
mod rewrite;
mod run;
mod run_numbered;
mod storage;
mod subscribe;
mod timeout;
mod will;

use std::collections::VecDeque;
use std::time::Duration;

use rand_chacha::ChaCha12Rng;
use rand_core::{RngCore, SeedableRng};

use crate::action::Action;
use crate::answer::Answer;
use crate::arrivals::Arrivals;
use crate::codec;
use crate::config::Config;
use crate::connection::Connections;
use crate::counters::Counters;
use crate::event::{Event, Lost, Storage};
use crate::history::History;
use crate::id::{ConnId, Lsn};
use crate::index::Index;
use crate::inflight;
use crate::log::record::{Record, SessionKey};
use crate::notice::{CloseReason, Notice, Refusal};
use crate::packet::Packet;
use crate::request::RequestId;
use crate::retained::Retained;
use crate::session::Session;
use crate::subscriptions::Subscriptions;
use crate::table::Table;
use crate::time::Time;
use crate::timers::{Timer, Timers};
use crate::violation::Violation;
use crate::waiting::Waiting;
use crate::watch::Watch;
use alive::Alive;
use authenticate::Authenticating;
pub(crate) use authenticate::Method;

/// The broker: events in, actions out.
///
/// Nothing that happens is lost between the two: what a packet promises is appended to the log
/// before the packet is sent, and what is dropped is told in a [`Notice`].
#[derive(Debug)]
pub struct Engine {
    config: Config,
    rng: ChaCha12Rng,
    /// The time of the event at hand.
    now: Time,
    /// No client counts as silent before this: the process has only just gone on after a stall.
    grace_until: Time,
    /// The actions of the event at hand.
    out: Vec<Action>,
    connections: Connections,
    authenticating: Authenticating,
    sessions: Table<Session>,
    by_client: Index,
    /// Slots of the sessions whose client is connected, by the time it connected.
    clients: Arrivals,
    /// Slots of all sessions, by the time their client connected last.
    arrived: Arrivals,
    /// The latest time that was given to anything listed by its arrival.
    last_arrival: Time,
    subscriptions: Subscriptions,
    retained: Retained,
    /// When a timer looks for retained messages that have expired.
    retained_set: Option<Time>,
    timers: Timers,
    counters: Counters,
    next_key: SessionKey,
    /// The last record appended.
    lsn: Lsn,
    /// The last record known to be on disk.
    durable: Lsn,
    /// The last record by which something stored ceased to be: a session, a retained message. Who
    /// hears that there is none is answered after it.
    ceased: Lsn,
    /// Bytes of records that are known to be outdated, since the last record.
    freed: u64,
    /// Connections with something in their gate.
    gated: Vec<ConnId>,
    /// Answers that wait for a record to be on disk, in the order of these.
    answers: VecDeque<(Lsn, RequestId, Answer)>,
    waiting: Waiting,
    history: History,
    watch: Watch,
    /// Slots of sessions that ended and are being taken apart.
    ended: VecDeque<u32>,
    restored: restore::Restored,
    /// The log being cleaned.
    round: Option<rewrite::Round>,
    storage: Storage,
    shortage: memory::Shortage,
    stopping: bool,
    /// The slot that a stop has got to.
    stop_from: u32,
    route: deliver::Route,
    alive: Alive,
}

impl Engine {
    /// A broker without sessions. The seed keys its hash tables and makes the ids that nobody may
    /// guess: random in production, fixed in simulation.
    #[must_use]
    pub fn new(config: Config, seed: [u8; 32]) -> Self {
        let mut rng = ChaCha12Rng::from_seed(seed);
        let mut key = || (rng.next_u64(), rng.next_u64());
        let clients = key();
        let by_client = Index::new(clients);
        let subscriptions = Subscriptions::new(key);
        Self {
            config,
            rng,
            now: Time::ZERO,
            grace_until: Time::ZERO,
            out: Vec::new(),
            connections: Connections::default(),
            authenticating: Authenticating::default(),
            sessions: Table::default(),
            by_client,
            clients: Arrivals::default(),
            arrived: Arrivals::default(),
            last_arrival: Time::ZERO,
            subscriptions,
            retained: Retained::default(),
            retained_set: None,
            timers: Timers::default(),
            counters: Counters::default(),
            next_key: SessionKey(1),
            lsn: Lsn::NONE,
            durable: Lsn::NONE,
            ceased: Lsn::NONE,
            freed: 0,
            gated: Vec::new(),
            answers: VecDeque::new(),
            waiting: Waiting::default(),
            history: History::new(clients),
            watch: Watch::default(),
            ended: VecDeque::new(),
            restored: restore::Restored::default(),
            round: None,
            storage: Storage::Takes,
            shortage: memory::Shortage::default(),
            stopping: false,
            stop_from: 0,
            route: deliver::Route::default(),
            alive: Alive::default(),
        }
    }

    /// Takes one event and appends to `actions` what is to be done, in order. `now` never goes
    /// back from one call to the next; if it does, the engine stays at the later time.
    pub fn handle(&mut self, now: Time, event: Event, actions: &mut Vec<Action>) {
        self.note_stall(now);
        self.now = self.now.max(now);
        std::mem::swap(&mut self.out, actions);
        match event {
            Event::Received { conn, packet } => self.received(conn, packet),
            Event::ReceivedPart { conn, packet } => self.received_part(conn, packet),
            Event::ReceivedRun { conn, run } => self.received_run(conn, &run),
            Event::ReceivedAcks { conn, acks } => self.received_acks(conn, &acks),
            Event::Written { conn, bytes } => self.written(conn, bytes),
            Event::Durable { upto } => self.durable(upto),
            Event::Timeout => self.timeout(),
            Event::Opened { conn, peer, first } => self.opened(conn, peer, first),
            Event::Broken { conn, violation } => self.broken(conn, violation),
            Event::Closed { conn, why } => self.closed(conn, why),
            Event::Authenticated { conn, verdict } => self.authenticated(conn, verdict),
            Event::Request { id, request } => self.request(id, *request),
            Event::Clean { step, owed } => self.clean_log(step, owed),
            Event::Storage(storage) => self.storage(storage),
            Event::Memory(stage) => self.memory_is(stage),
            Event::Stop => self.stop(),
        }
        self.close_those_due();
        self.tell_freed();
        std::mem::swap(&mut self.out, actions);
    }

    /// When [`Event::Timeout`] is due next; `None` while nothing waits for time to pass.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Time> {
        self.timers.next()
    }

    /// Numbers that only grow.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// How much there is now.
    #[must_use]
    pub fn sizes(&self) -> Sizes {
        Sizes {
            connections: self.connections.len(),
            sessions: self.sessions.len() - self.ended.len(),
            subscriptions: self.subscriptions.len(),
            retained: self.retained.len(),
            retained_bytes: self.retained.bytes(),
            waiting_clients: self.waiting.len(),
        }
    }

    fn broken(&mut self, conn: ConnId, violation: Violation) {
        if !self.refuse_candidate(conn, Refusal::Violation(violation)) {
            self.violated(conn, violation);
        }
    }

    fn closed(&mut self, conn: ConnId, why: Lost) {
        if !self.candidate_left(conn) {
            self.depart(conn, CloseReason::Lost(why));
        }
    }

    fn received(&mut self, conn: ConnId, packet: Packet) {
        let Some(connection) = self.connections.get_mut(conn) else {
            self.candidate_sent(conn, &packet);
            return;
        };
        connection.heard = self.now;
        self.counters.packets_received.count(packet.packet_type());
        if let Err(violation) = codec::check_from_client(&packet) {
            return self.violated(conn, violation);
        }
        match packet {
            Packet::Publish(publish) => {
                self.publish(conn, publish);
                self.hush_publisher(conn);
            }
            Packet::Puback(ack) => {
                self.acknowledged(conn, &[ack.packet_id], inflight::Answer::puback(&ack));
            }
            Packet::Pubrec(ack) => {
                self.acknowledged(conn, &[ack.packet_id], inflight::Answer::pubrec(&ack));
            }
            Packet::Pubrel(ack) => {
                self.released(conn, &[ack.packet_id]);
            }
            Packet::Pubcomp(ack) => {
                self.acknowledged(conn, &[ack.packet_id], inflight::Answer::Pubcomp);
            }
            Packet::Subscribe(subscribe) => self.subscribe(conn, *subscribe),
            Packet::Unsubscribe(unsubscribe) => self.unsubscribe(conn, &unsubscribe),
            Packet::Pingreq => self.answer(conn, Packet::Pingresp, Lsn::NONE),
            Packet::Disconnect(disconnect) => self.disconnected(conn, &disconnect),
            Packet::Connect(_) => self.violated(conn, Violation::SecondConnect),
            Packet::Auth(auth) => self.auth(conn, &auth),
            // Only servers send these: refused above.
            Packet::Connack(_) | Packet::Suback(_) | Packet::Unsuback(_) | Packet::Pingresp => {}
        }
    }

    fn received_part(&mut self, conn: ConnId, packet: Packet) {
        let Some(connection) = self.connections.get_mut(conn) else { return };
        connection.heard = self.now;
        if let Err(violation) = codec::check_from_client(&packet) {
            return self.violated(conn, violation);
        }
        if let Packet::Subscribe(subscribe) = packet {
            self.subscribe_in_part(conn, *subscribe);
        } else if let Packet::Unsubscribe(unsubscribe) = packet {
            self.unsubscribe_in_part(conn, &unsubscribe);
        } else {
            // Without filters it is whole.
            self.received(conn, packet);
        }
    }

    /// The peer broke the protocol: the connection ends as if it had failed.
    fn violated(&mut self, conn: ConnId, violation: Violation) {
        self.close(conn, CloseReason::Violation(violation));
    }

    /// Slot of the session of a live connection.
    fn session_of(&self, conn: ConnId) -> Option<u32> {
        self.connections.get(conn).map(|connection| connection.session)
    }

    fn append(&mut self, record: Record) -> Lsn {
        self.append_action(record, false)
    }

    fn append_action(&mut self, record: Record, anew: bool) -> Lsn {
        self.lsn = self.lsn.next();
        let frees = std::mem::take(&mut self.freed);
        self.alive.appended(self.now);
        self.out.push(Action::Append { lsn: self.lsn, record, anew, frees });
        self.lsn
    }

    /// Appends a record that changes a session, if the session is one that is stored.
    fn append_for(&mut self, slot: u32, record: impl FnOnce(SessionKey) -> Record) {
        let Some(session) = self.sessions.get(slot) else { return };
        if session.is_durable() {
            let record = record(session.key);
            let lsn = self.append(record);
            self.touch(slot, lsn);
        }
    }

    /// Notes the last record that concerns a session.
    fn touch(&mut self, slot: u32, lsn: Lsn) {
        if let Some(session) = self.sessions.get_mut(slot) {
            session.lsn = session.lsn.max(lsn);
        }
    }

    fn notice(&mut self, notice: Notice) {
        self.history.note(self.now, &notice);
        self.out.push(Action::Notice(notice));
    }

    /// A time for something that is listed by its arrival: now, or just after the last one.
    fn arrival(&mut self) -> Time {
        let next = self.last_arrival + Duration::from_nanos(1);
        self.last_arrival = self.now.max(next);
        self.last_arrival
    }

    fn set_timer(&mut self, due: Time, timer: Timer) {
        self.timers.set(due, timer);
    }
}

/// How much there is of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Connections that have been accepted.
    pub connections: usize,
    /// Sessions, connected or not.
    pub sessions: usize,
    /// Subscriptions of all sessions.
    pub subscriptions: usize,
    /// Retained messages, without the broker's own below `$SYS`.
    pub retained: usize,
    /// Bytes that they count for.
    pub retained_bytes: usize,
    /// Clients that subscriptions wait for, because they have never connected.
    pub waiting_clients: usize,
}
