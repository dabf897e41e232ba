//! A connection that has been accepted.

use std::sync::Arc;
use std::time::Duration;

use crate::gate::Gate;
use crate::id::ConnId;
use crate::packet::Version;
use crate::time::Time;

/// A connection. It has a session from its CONNECT to its end.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) id: ConnId,
    /// Slot of its session.
    pub(crate) session: u32,
    pub(crate) version: Version,
    /// The User Name of its CONNECT.
    pub(crate) user_name: Option<Arc<str>>,
    /// The Keep Alive that the client asked for, in seconds.
    pub(crate) keep_alive: u16,
    /// How long the client may be silent; `None` is for ever.
    pub(crate) patience: Option<Duration>,
    /// When it was heard last.
    pub(crate) heard: Time,
    /// When the keep-alive timer looks next.
    pub(crate) keep_alive_due: Time,
    /// Bytes sent that the transport has not taken yet.
    pub(crate) unsent: u64,
    /// Bytes that wait in the gate: they too are output that others cause.
    pub(crate) held: u64,
    /// When the transport last took some.
    pub(crate) progressed: Time,
    /// Whether a timer watches for progress.
    pub(crate) stall_set: bool,
    /// Whether the shell was asked to tell at once what it has written.
    pub(crate) report_asked: bool,
    /// Whether the shell was told to stop reading.
    pub(crate) paused: bool,
    pub(crate) gate: Gate,
}

impl Connection {
    /// Whether a delivery of `len` bytes stays within `limit`. One always fits an empty output.
    pub(crate) fn fits(&self, len: u64, limit: u64) -> bool {
        let pending = self.unsent + self.held;
        pending == 0 || pending + len <= limit
    }
}

/// Connections by the slots that the shell gives them.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    /// In chunks, so that no insert copies the whole.
    chunks: Vec<Vec<Option<Box<Connection>>>>,
    len: usize,
}

const CHUNK: usize = 1024;

impl Connections {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, id: ConnId) -> Option<&Connection> {
        let place = self.chunks.get(id.slot as usize / CHUNK)?.get(id.slot as usize % CHUNK)?;
        place.as_deref().filter(|connection| connection.id == id)
    }

    pub(crate) fn get_mut(&mut self, id: ConnId) -> Option<&mut Connection> {
        let place = self.place(id.slot)?;
        place.as_deref_mut().filter(|connection| connection.id == id)
    }

    pub(crate) fn insert(&mut self, connection: Connection) {
        let slot = connection.id.slot;
        while self.chunks.len() <= slot as usize / CHUNK {
            let mut chunk = Vec::new();
            chunk.resize_with(CHUNK, || None);
            self.chunks.push(chunk);
        }
        let Some(place) = self.place(slot) else { return };
        assert!(place.is_none(), "the shell gave slot {slot} away twice");
        *place = Some(Box::new(connection));
        self.len += 1;
    }

    pub(crate) fn remove(&mut self, id: ConnId) -> Option<Connection> {
        let place = self.place(id.slot)?;
        let connection = place.take_if(|connection| connection.id == id)?;
        self.len -= 1;
        Some(*connection)
    }

    /// Every connection, by slot.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Connection> {
        self.chunks.iter().flatten().filter_map(Option::as_deref)
    }

    /// The first connection at or after a slot.
    pub(crate) fn first_from(&self, slot: u32) -> Option<ConnId> {
        let first = slot as usize / CHUNK;
        let chunks = self.chunks.iter().skip(first).flatten();
        let behind = chunks.skip(slot as usize % CHUNK);
        behind.filter_map(Option::as_deref).map(|connection| connection.id).next()
    }

    fn place(&mut self, slot: u32) -> Option<&mut Option<Box<Connection>>> {
        self.chunks.get_mut(slot as usize / CHUNK)?.get_mut(slot as usize % CHUNK)
    }
}
