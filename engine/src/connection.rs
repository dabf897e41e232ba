//! A connection that has been accepted.

use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use crate::action::{Delivery, TopicAlias};
use crate::alias::{Inbound, Outbound};
use crate::engine::Method;
use crate::gate::Gate;
use crate::id::{ConnId, Lsn};
use crate::notice::SubscribeRefusal;
use crate::packet::{ReasonCode, Version};
use crate::time::Time;
use crate::topic::TopicName;

/// What a Topic Alias adds to a packet at most: the property, and a byte more for each of the two
/// lengths that count it.
const ALIAS_BYTES: u64 = 5;

/// A connection. It has a session from its CONNECT to its end.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) id: ConnId,
    /// Slot of its session.
    pub(crate) session: u32,
    pub(crate) version: Version,
    /// Bytes of a whole packet that the client takes (5.0 Maximum Packet Size).
    pub(crate) max_packet_size: u32,
    /// Whether the client wants to know in words what went wrong (5.0 Request Problem Information).
    pub(crate) wants_reasons: bool,
    /// How many Topic Aliases we may use towards it.
    pub(crate) alias_maximum: u16,
    /// Those in use, either way.
    pub(crate) aliases: Option<Box<Aliases>>,
    /// QoS 1 messages of the client whose PUBACK waits in the gate; its session knows those of QoS 2.
    pub(crate) unanswered: u32,
    /// QoS 2 messages that an earlier connection of the session left under way: they count on that one
    /// alone (5.0 section 4.9).
    pub(crate) carried: u16,
    /// How it has authenticated itself, if by an exchange.
    pub(crate) method: Option<Box<Method>>,
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
    /// Whether that is because it has published while memory is short.
    pub(crate) hushed: bool,
    /// What the filters so far came to, while those of one packet come in parts.
    pub(crate) filters: Option<Box<Filters>>,
    pub(crate) gate: Gate,
}

/// What the filters of a SUBSCRIBE or UNSUBSCRIBE came to.
#[derive(Debug, Default)]
pub(crate) struct Filters {
    /// One each.
    pub(crate) codes: SmallVec<[ReasonCode; 4]>,
    /// Why the first that was refused was.
    pub(crate) refused: Option<SubscribeRefusal>,
    /// The record that the answer has to wait for.
    pub(crate) after: Lsn,
}

/// Whether a delivery may go onto a connection now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// It may, and takes so many bytes.
    For(u64),
    /// Too much waits to be written already.
    Congested,
    /// It is larger than the client's Maximum Packet Size.
    TooLarge,
}

/// Topic Aliases of a connection.
#[derive(Debug, Default)]
pub(crate) struct Aliases {
    pub(crate) theirs: Inbound,
    pub(crate) ours: Option<Outbound>,
}

impl Connection {
    /// Whether a packet of `len` bytes is small enough for the client.
    pub(crate) fn takes(&self, len: u64) -> bool {
        len <= u64::from(self.max_packet_size)
    }

    /// How the PUBLISH of `len` bytes with the topic in full, which is sent next, names its topic.
    pub(crate) fn name_topic(&mut self, topic: &TopicName, len: u64) -> TopicAlias {
        // With an alias beside it the topic makes a packet a little larger.
        if self.alias_maximum == 0 || !self.takes(len + ALIAS_BYTES) {
            return TopicAlias::None;
        }
        let ours = &mut self.aliases.get_or_insert_default().ours;
        ours.get_or_insert_with(|| Outbound::new(self.alias_maximum)).name(topic)
    }

    /// Whether it may take the delivery now, where so many bytes may be unsent.
    pub(crate) fn room_for(&self, delivery: &Delivery, limit: u64) -> Room {
        let len = delivery.encoded_len(self.version) as u64;
        // A length of 0: there is no such packet.
        if len == 0 || !self.takes(len) {
            Room::TooLarge
        } else if self.fits(len, limit) {
            Room::For(len)
        } else {
            Room::Congested
        }
    }

    /// Whether a delivery of `len` bytes stays within `limit`. One always fits an empty output.
    pub(crate) fn fits(&self, len: u64, limit: u64) -> bool {
        self.unsent + self.held == 0 || self.has_room(len, limit)
    }

    /// Whether `len` bytes more stay within `limit`, whatever they are.
    pub(crate) fn has_room(&self, len: u64, limit: u64) -> bool {
        self.unsent + self.held + len <= limit
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

    // Asked several times for each message.
    #[inline]
    pub(crate) fn get(&self, id: ConnId) -> Option<&Connection> {
        let place = self.chunks.get(id.slot as usize / CHUNK)?.get(id.slot as usize % CHUNK)?;
        place.as_deref().filter(|connection| connection.id.generation == id.generation)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: ConnId) -> Option<&mut Connection> {
        let place = self.place(id.slot)?;
        place.as_deref_mut().filter(|connection| connection.id.generation == id.generation)
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

    #[inline]
    fn place(&mut self, slot: u32) -> Option<&mut Option<Box<Connection>>> {
        self.chunks.get_mut(slot as usize / CHUNK)?.get_mut(slot as usize % CHUNK)
    }
}
