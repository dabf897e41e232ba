//! Connections: bytes are on their way, in order, for as long as the link takes.

use bytes::Bytes;
use surewire_engine::event::{Event, Lost};
use surewire_engine::id::ConnId;
use surewire_engine::packet::Version;

use super::{Happening, World, nanos};
use crate::pipe::{Chunk, Pipe};

/// Bytes that the broker's system takes for a connection before they are on the line: what is
/// beyond, the engine counts as unsent.
const SOCKET_BUFFER: u64 = 256 << 10;

/// The engine is told at once what was written when it comes to so many bytes, else with what comes
/// from the connection next.
const REPORT_AT: u64 = 16 << 10;

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// To the broker.
    Up,
    /// To the client.
    Down,
}

/// A connection.
#[derive(Debug, Default)]
pub(super) struct Conn {
    pub(super) client: u32,
    /// Whether each side believes that it is there.
    pub(super) client_end: bool,
    pub(super) broker_end: bool,
    /// The client has no power: what is sent to it stays where it is.
    pub(super) is_dead: bool,
    up: Pipe,
    down: Pipe,
    /// Its CONNECT was handed in, and accepted.
    pub(super) version: Option<Version>,
    pub(super) is_admitted: bool,
    /// Whether the engine does not want to hear more of it at present, or ever.
    pub(super) is_paused: bool,
    pub(super) is_broken: bool,
    /// What came and was not read yet, in whole packets.
    pub(super) unread: std::collections::VecDeque<Bytes>,
    /// What the broker writes in this step, and whether it closes then.
    pub(super) out: Vec<u8>,
    pub(super) closes: bool,
    /// Bytes that the broker wrote in all, and those that the engine knows to be taken.
    written: u64,
    reported: u64,
    /// The engine wants to know at once.
    pub(super) reports: bool,
}

/// All connections, by the numbers that the engine knows them by.
#[derive(Debug, Default)]
pub(super) struct Conns {
    slots: Vec<(u32, Option<Box<Conn>>)>,
    free: Vec<u32>,
}

impl Conns {
    pub(super) fn open(&mut self, client: u32) -> ConnId {
        let conn = Conn { client, client_end: true, broker_end: true, ..Conn::default() };
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push((0, None));
            u32::try_from(self.slots.len() - 1).expect("there are fewer clients")
        });
        let place = self.slots.get_mut(slot as usize).expect("it is free or new");
        place.1 = Some(Box::new(conn));
        ConnId { slot, generation: place.0 }
    }

    pub(super) fn get_mut(&mut self, id: ConnId) -> Option<&mut Conn> {
        let (generation, conn) = self.slots.get_mut(id.slot as usize)?;
        conn.as_deref_mut().filter(|_| *generation == id.generation)
    }

    /// Forgets a connection that neither side believes in.
    fn release(&mut self, id: ConnId) {
        let Some((generation, place)) = self.slots.get_mut(id.slot as usize) else { return };
        if *generation == id.generation
            && place.as_ref().is_some_and(|conn| !conn.client_end && !conn.broker_end)
        {
            *place = None;
            *generation += 1;
            self.free.push(id.slot);
        }
    }

    /// All there are.
    pub(super) fn ids(&self) -> Vec<ConnId> {
        let there = (0..).zip(&self.slots).filter(|(_, (_, conn))| conn.is_some());
        there.map(|(slot, (generation, _))| ConnId { slot, generation: *generation }).collect()
    }
}

impl Conn {
    fn pipe(&mut self, way: Way) -> &mut Pipe {
        match way {
            Way::Up => &mut self.up,
            Way::Down => &mut self.down,
        }
    }

    /// Bytes that the system has taken since it was last asked.
    fn take_report(&mut self, at_least: u64) -> Option<u64> {
        let taken = self.written - self.down.waiting_bytes().saturating_sub(SOCKET_BUFFER);
        let news = taken.saturating_sub(self.reported);
        if news == 0 || news < at_least {
            return None;
        }
        self.reported = taken;
        self.reports = false;
        Some(news)
    }
}

impl World<'_> {
    /// One side sends, or ends the connection.
    pub(super) fn send(&mut self, id: ConnId, way: Way, chunk: Chunk) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        if way == Way::Down {
            conn.written += chunk.as_ref().map_or(0, |bytes| bytes.len() as u64);
        }
        conn.pipe(way).push(chunk);
        self.transmit(id, way);
    }

    /// Puts on the line what it has room for.
    pub(super) fn transmit(&mut self, id: ConnId, way: Way) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        let device = self.devices.get(conn.client as usize);
        let device = device.expect("connections are opened by devices");
        let link = self.plan.groups.get(device.group).and_then(|g| self.plan.links.get(g.link));
        let link = link.expect("a plan's links are there");
        while device.down == 0
            && !conn.is_dead
            && let Some((chunk, takes)) = conn.pipe(way).next(link.bandwidth)
        {
            let left = self.now + takes;
            let jitter = nanos(link.jitter);
            let delay =
                nanos(link.latency) + if jitter == 0 { 0 } else { self.network.below(jitter) };
            let at = conn.pipe(way).arrives(left + delay);
            self.schedule.set(at, Happening::Arrives(id, way, chunk));
            if takes > 0 {
                self.schedule.set(left, Happening::LineFree(id, way));
            }
        }
        if way == Way::Down {
            self.report_written(id);
        }
    }

    pub(super) fn line_is_free(&mut self, id: ConnId, way: Way) {
        if let Some(conn) = self.conns.get_mut(id) {
            conn.pipe(way).is_free();
            self.transmit(id, way);
        }
    }

    /// Tells the engine what its system has taken, if it is much or the engine asked.
    pub(super) fn report_written(&mut self, id: ConnId) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        let at_least = if conn.reports { 1 } else { REPORT_AT };
        if let Some(bytes) = conn.take_report(at_least) {
            self.pending.push_back(Event::Written { conn: id, bytes });
        }
    }

    pub(super) fn broker_receives(&mut self, id: ConnId, chunk: Chunk) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        if !conn.broker_end {
            return self.answer_the_unknown(id);
        }
        if let Some(bytes) = conn.take_report(1) {
            self.pending.push_back(Event::Written { conn: id, bytes });
        }
        match chunk {
            Some(bytes) => {
                conn.unread.push_back(bytes);
                self.readable.push(id);
            }
            None => {
                conn.broker_end = false;
                if conn.version.is_some() {
                    self.pending.push_back(Event::Closed { conn: id, why: Lost::ByPeer });
                }
                self.conns.release(id);
            }
        }
    }

    /// A machine that is up tells whoever sends on a connection that it does not know.
    fn answer_the_unknown(&mut self, id: ConnId) {
        let has_power = self.machine.has_power;
        let Some(conn) = self.conns.get_mut(id) else { return };
        if has_power && conn.client_end {
            conn.down.clear();
            self.send(id, Way::Down, None);
        }
        self.conns.release(id);
    }

    /// The broker is done with the connection; the client may not know it yet.
    pub(super) fn broker_leaves(&mut self, id: ConnId, is_told: bool) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        conn.broker_end = false;
        conn.unread.clear();
        if is_told {
            self.send(id, Way::Down, None);
        } else {
            conn.down.clear();
        }
        self.conns.release(id);
    }

    /// The client is done with the connection; the broker may not know it yet.
    pub(super) fn client_leaves(&mut self, id: ConnId, is_told: bool) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        conn.client_end = false;
        if is_told {
            self.send(id, Way::Up, None);
        } else {
            conn.is_dead = true;
            conn.up.clear();
        }
        self.conns.release(id);
    }
}
