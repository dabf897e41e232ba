//! The broker itself: one function from events to actions.

mod ack;
mod answer;
mod check;
mod clean;
mod close;
mod connect;
mod deliver;
mod group;
mod publish;
mod pump;
mod replay;
mod subscribe;
mod timeout;

use std::collections::VecDeque;

use rand_chacha::ChaCha12Rng;
use rand_core::{RngCore, SeedableRng};

use crate::action::Action;
use crate::codec;
use crate::config::Config;
use crate::connection::Connections;
use crate::counters::Counters;
use crate::event::Event;
use crate::id::{ClientId, ConnId, Lsn};
use crate::log::record::{Record, SessionKey};
use crate::map::Map;
use crate::notice::{CloseReason, Notice};
use crate::packet::Packet;
use crate::retained::Retained;
use crate::session::Session;
use crate::subscriptions::Subscriptions;
use crate::table::Table;
use crate::time::Time;
use crate::timers::{Timer, Timers};
use crate::violation::Violation;

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
    /// The actions of the event at hand.
    out: Vec<Action>,
    connections: Connections,
    sessions: Table<Session>,
    by_client: Map<ClientId, u32>,
    subscriptions: Subscriptions,
    retained: Retained,
    timers: Timers,
    counters: Counters,
    next_key: SessionKey,
    /// The last record appended.
    lsn: Lsn,
    /// The last record known to be on disk.
    durable: Lsn,
    /// Connections with something in their gate.
    gated: Vec<ConnId>,
    /// Slots of sessions that ended and are being taken apart.
    ended: VecDeque<u32>,
    stopping: bool,
    /// The slot that a stop has got to.
    stop_from: u32,
    route: deliver::Route,
}

impl Engine {
    /// A broker without sessions. The seed keys its hash tables and makes the ids that nobody may
    /// guess: random in production, fixed in simulation.
    #[must_use]
    pub fn new(config: Config, seed: [u8; 32]) -> Self {
        let mut rng = ChaCha12Rng::from_seed(seed);
        let mut key = || (rng.next_u64(), rng.next_u64());
        let by_client = Map::new(key());
        let subscriptions = Subscriptions::new(key);
        Self {
            config,
            rng,
            now: Time::ZERO,
            out: Vec::new(),
            connections: Connections::default(),
            sessions: Table::default(),
            by_client,
            subscriptions,
            retained: Retained::default(),
            timers: Timers::default(),
            counters: Counters::default(),
            next_key: SessionKey(1),
            lsn: Lsn::NONE,
            durable: Lsn::NONE,
            gated: Vec::new(),
            ended: VecDeque::new(),
            stopping: false,
            stop_from: 0,
            route: deliver::Route::default(),
        }
    }

    /// Takes one event and appends to `actions` what is to be done, in order. `now` never goes
    /// back from one call to the next; if it does, the engine stays at the later time.
    pub fn handle(&mut self, now: Time, event: Event, actions: &mut Vec<Action>) {
        self.now = self.now.max(now);
        std::mem::swap(&mut self.out, actions);
        match event {
            Event::Received { conn, packet } => self.received(conn, packet),
            Event::Written { conn, bytes } => self.written(conn, bytes),
            Event::Durable { upto } => self.durable(upto),
            Event::Timeout => self.timeout(),
            Event::Opened { conn, peer, first } => self.opened(conn, peer, first),
            Event::Broken { conn, violation } => self.violated(conn, violation),
            Event::Closed { conn, why } => self.depart(conn, CloseReason::Lost(why)),
            Event::Stop => self.stop(),
        }
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
        }
    }

    fn received(&mut self, conn: ConnId, packet: Packet) {
        let Some(connection) = self.connections.get_mut(conn) else { return };
        connection.heard = self.now;
        if let Err(violation) = codec::check_from_client(&packet) {
            return self.violated(conn, violation);
        }
        match packet {
            Packet::Publish(publish) => self.publish(conn, publish),
            Packet::Puback(ack) => self.puback(conn, &ack),
            Packet::Pubrec(ack) => self.pubrec(conn, &ack),
            Packet::Pubrel(ack) => self.pubrel(conn, &ack),
            Packet::Pubcomp(ack) => self.pubcomp(conn, &ack),
            Packet::Subscribe(subscribe) => self.subscribe(conn, *subscribe),
            Packet::Unsubscribe(unsubscribe) => self.unsubscribe(conn, &unsubscribe),
            Packet::Pingreq => self.answer(conn, Packet::Pingresp, Lsn::NONE),
            Packet::Disconnect(disconnect) => {
                self.close(conn, CloseReason::ByClient(disconnect.code));
            }
            Packet::Connect(_) => self.violated(conn, Violation::SecondConnect),
            Packet::Auth(_) => self.violated(conn, Violation::UnexpectedAuth),
            // Only servers send these: refused above.
            Packet::Connack(_) | Packet::Suback(_) | Packet::Unsuback(_) | Packet::Pingresp => {}
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
        self.lsn = self.lsn.next();
        self.out.push(Action::Append { lsn: self.lsn, record });
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
        self.out.push(Action::Notice(notice));
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
    /// Retained messages.
    pub retained: usize,
}
