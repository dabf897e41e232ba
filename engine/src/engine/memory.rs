//! While memory is short: no new sessions, then no queued QoS 0, then no publishers (`memory_limit`).
//!
//! What was acknowledged is never given up for this. Whoever takes more is stopped before those who do
//! not: with the first stage nothing that stays is begun, with the second who publishes what stays is not
//! read, and only with the third are all publishers.

use std::collections::VecDeque;
use std::time::Duration;

use crate::engine::Engine;
use crate::event::Memory;
use crate::id::{ClientId, ConnId};
use crate::message::Message;
use crate::notice::{DropReason, Notice};
use crate::packet::QoS;
use crate::planted::Bug;
use crate::timers::Timer;

/// While queued QoS 0 is dropped a connection may leave one in so many bytes of its output unwritten.
const SHORT_OUTPUT: u64 = 16;

/// From one turn of those that are not read to the next.
const TURN: Duration = Duration::from_millis(50);

/// How short memory is, and what is being done about it.
#[derive(Debug, Default)]
pub(super) struct Shortage {
    stage: Memory,
    /// Where taking QoS 0 out of the backlogs has got to, while it goes on.
    shedding: Option<Shedding>,
    /// Connections that have published and are not read, the first one the longest.
    hushed: VecDeque<ConnId>,
    /// So many of the first of them are to be read again.
    released: usize,
    turn_set: bool,
    /// Whether something stays of the packet at hand.
    stays: bool,
}

/// A walk over everything that has a backlog, by slots.
#[derive(Clone, Copy, Debug)]
enum Shedding {
    Sessions { from: u32 },
    Groups { from: u32 },
}

impl Shortage {
    /// Something stays of the packet at hand: a message that waits, or an identifier of QoS 2.
    #[inline]
    pub(super) fn stays(&mut self) {
        self.stays = true;
    }

    pub(super) fn hushed(&self) -> impl Iterator<Item = ConnId> {
        self.hushed.iter().copied()
    }
}

impl Engine {
    /// How short memory is said to be.
    #[must_use]
    pub fn memory(&self) -> Memory {
        self.shortage.stage
    }

    pub(super) fn memory_is(&mut self, stage: Memory) {
        let before = std::mem::replace(&mut self.shortage.stage, stage);
        if before == stage {
            return;
        }
        self.notice(Notice::Memory(stage));
        if stage >= Memory::NoQueuedQos0 && before < Memory::NoQueuedQos0 {
            self.shortage.shedding = Some(Shedding::Sessions { from: 0 });
            self.shed();
        }
        if stage < before {
            // Those who still publish what stays are soon among them again.
            self.shortage.released = self.shortage.hushed.len();
            self.read_on();
        }
    }

    /// Whether a CONNECT is to be refused because it would make a session.
    pub(super) fn has_no_memory_for(&self, client: &ClientId) -> bool {
        self.shortage.stage >= Memory::NoNewSessions && self.slot_of(client).is_none()
    }

    /// Whether what takes memory for as long as somebody likes is refused: a new subscription, a
    /// message retained at a new topic.
    pub(super) fn begins_nothing(&self) -> bool {
        self.shortage.stage >= Memory::NoNewSessions
    }

    /// The bytes of output that a connection may leave unwritten now.
    pub(super) fn max_unsent(&self) -> u64 {
        let most = self.config.max_unsent_bytes;
        if self.shortage.stage >= Memory::NoQueuedQos0 { most / SHORT_OUTPUT } else { most }
    }

    /// Whether a message is to go instead of waiting.
    pub(super) fn lets_none_wait(&self, qos: QoS) -> bool {
        let goes = qos == QoS::AtMostOnce || self.config.planted.is(Bug::ShortageTakesAll);
        goes && self.shortage.stage >= Memory::NoQueuedQos0
    }

    /// Drops a message that was to wait for a session, or for a share group.
    pub(super) fn drop_for_memory(&mut self, slot: Option<u32>, message: &Message, qos: QoS) {
        if let Some(session) = slot.and_then(|slot| self.sessions.get_mut(slot)) {
            session.dropped += 1;
        }
        let topic = message.content().topic.clone();
        self.dropped(slot, topic, qos, DropReason::MemoryLimit);
    }

    /// Drops the QoS 0 messages of all backlogs, some in each step.
    pub(super) fn shed(&mut self) {
        for _ in 0..self.config.budgets.shed {
            let Some(shedding) = self.shortage.shedding else { return };
            if self.shortage.stage < Memory::NoQueuedQos0 {
                self.shortage.shedding = None;
                return;
            }
            self.shortage.shedding = match shedding {
                Shedding::Sessions { from } => Some(match self.sessions.first_from(from) {
                    Some(slot) => self.shed_session(slot),
                    None => Shedding::Groups { from: 0 },
                }),
                Shedding::Groups { from } => {
                    let slot = self.subscriptions.first_group_from(from);
                    slot.map(|slot| self.shed_group(slot))
                }
            };
        }
        let now = self.now;
        self.set_timer(now, Timer::Shed);
    }

    fn shed_session(&mut self, slot: u32) -> Shedding {
        let session = self.sessions.get_mut(slot);
        let outbox = session.and_then(|session| session.outbox.as_mut());
        let gone = outbox.map(|outbox| outbox.queue.take_qos0()).unwrap_or_default();
        for entry in gone {
            self.drop_for_memory(Some(slot), &Message::Kept(entry.message), entry.qos);
        }
        Shedding::Sessions { from: slot + 1 }
    }

    fn shed_group(&mut self, slot: u32) -> Shedding {
        let group = self.subscriptions.group_mut(slot);
        let gone = group.map(|group| group.backlog.take_qos0()).unwrap_or_default();
        for entry in gone {
            self.drop_for_memory(None, &Message::Kept(entry.message), entry.qos);
        }
        Shedding::Groups { from: slot + 1 }
    }

    /// The connection has published: while memory is at its shortest nothing more is read from it, and a
    /// little before that if something stays of what it published.
    #[inline]
    pub(super) fn hush_publisher(&mut self, conn: ConnId) {
        let stays = std::mem::take(&mut self.shortage.stays);
        match self.shortage.stage {
            Memory::NoPublishers => self.hush(conn),
            Memory::NoQueuedQos0 if stays => self.hush(conn),
            Memory::NoQueuedQos0 | Memory::NoNewSessions | Memory::Enough => {}
        }
    }

    #[cold]
    fn hush(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(conn) else { return };
        if std::mem::replace(&mut connection.hushed, true) {
            return;
        }
        self.shortage.hushed.push_back(conn);
        self.regulate(conn);
        self.await_turn(TURN);
    }

    fn await_turn(&mut self, after: Duration) {
        if !std::mem::replace(&mut self.shortage.turn_set, true) {
            let due = self.now + after;
            self.set_timer(due, Timer::Hushed);
        }
    }

    /// Reads on from one that still has to acknowledge something, which frees memory; from all of
    /// them once memory is not that short any more.
    pub(super) fn take_turn_of_hushed(&mut self) {
        self.shortage.turn_set = false;
        if self.shortage.released > 0 {
            return self.read_on();
        }
        for _ in 0..self.shortage.hushed.len().min(self.config.budgets.shed) {
            let Some(conn) = self.shortage.hushed.pop_front() else { break };
            if self.owes_acknowledgement(conn) {
                self.unhush(conn);
                break;
            }
            if self.connections.get(conn).is_some() {
                self.shortage.hushed.push_back(conn);
            }
        }
        if !self.shortage.hushed.is_empty() {
            self.await_turn(TURN);
        }
    }

    fn read_on(&mut self) {
        for _ in 0..self.shortage.released.min(self.config.budgets.shed) {
            self.shortage.released -= 1;
            let Some(conn) = self.shortage.hushed.pop_front() else { break };
            self.unhush(conn);
        }
        if !self.shortage.hushed.is_empty() {
            self.await_turn(if self.shortage.released > 0 { Duration::ZERO } else { TURN });
        }
    }

    fn unhush(&mut self, conn: ConnId) {
        if let Some(connection) = self.connections.get_mut(conn) {
            connection.hushed = false;
            if !self.config.planted.is(Bug::HushedForEver) {
                self.regulate(conn);
            }
        }
    }

    fn owes_acknowledgement(&self, conn: ConnId) -> bool {
        let session = self.session_of(conn).and_then(|slot| self.sessions.get(slot));
        let outbox = session.and_then(|session| session.outbox.as_ref());
        outbox.is_some_and(|outbox| outbox.inflight.len() > 0)
    }
}
