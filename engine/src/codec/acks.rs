//! Acknowledgements of one kind that stand one behind the other, as a window full of messages makes
//! them: taken at once, and answered at once.

use bytes::{Buf, Bytes};
use smallvec::SmallVec;

use super::writer::Sink;
use crate::id::PacketId;
use crate::packet::{Ack, Packet, PacketType};

/// The most of them: what [`Acks`] holds without an allocation, and a short step to handle.
pub(crate) const MOST: usize = 24;

/// The packets that acknowledge a message (MQTT 5.0 sections 3.4 to 3.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the standard's")]
pub enum AckKind {
    Puback,
    Pubrec,
    Pubrel,
    Pubcomp,
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP for up to 24 messages, each of them in the form that says
/// success and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acks {
    kind: AckKind,
    ids: SmallVec<[PacketId; MOST]>,
}

/// Cuts two acknowledgements or more off the front of `buf`, if whole packets there are so many
/// alike. Whatever else stands there is for [`take_packet`](super::take_packet).
pub fn cut_acks(buf: &mut Bytes) -> Option<Acks> {
    let (kind, first) = at(buf, 0)?;
    // One alone is the common case where windows are small.
    let mut next = at(buf, LEN).filter(|(other, _)| *other == kind);
    next?;
    let mut acks = Acks { kind, ids: SmallVec::new() };
    acks.ids.push(first);
    while let Some((_, id)) = next.filter(|(other, _)| *other == kind) {
        acks.ids.push(id);
        next = if acks.ids.len() < MOST { at(buf, LEN * acks.ids.len()) } else { None };
    }
    buf.advance(LEN * acks.ids.len());
    Some(acks)
}

fn at(buf: &[u8], from: usize) -> Option<(AckKind, PacketId)> {
    let [first, 2, high, low] = *buf.get(from..)?.first_chunk::<LEN>()? else { return None };
    let kind = match first {
        0x40 => AckKind::Puback,
        0x50 => AckKind::Pubrec,
        0x62 => AckKind::Pubrel,
        0x70 => AckKind::Pubcomp,
        _ => return None,
    };
    Some((kind, PacketId::new(u16::from_be_bytes([high, low]))?))
}

/// Bytes of each: the shortest form, which every version writes and which says success.
const LEN: usize = 4;

impl Acks {
    /// Bytes of each.
    pub(crate) const LEN: u64 = LEN as u64;

    /// Bytes of one that says something else than success, in the shortest form.
    pub(crate) const LEN_WITH_CODE: u64 = Self::LEN + 1;

    pub(crate) fn new(kind: AckKind, ids: impl IntoIterator<Item = PacketId>) -> Self {
        Self { kind, ids: ids.into_iter().collect() }
    }

    /// Which of the four they are.
    #[must_use]
    pub fn kind(&self) -> AckKind {
        self.kind
    }

    /// What they acknowledge, in order.
    #[must_use]
    pub fn ids(&self) -> &[PacketId] {
        &self.ids
    }

    /// Each by itself.
    pub fn packets(&self) -> impl Iterator<Item = Packet> {
        self.ids.iter().map(|id| self.kind.packet(*id))
    }

    /// Bytes of all of them, in every version.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        LEN * self.ids.len()
    }

    /// Appends all of them to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let first = self.kind.packet_type().first_byte();
        for id in &self.ids {
            let [high, low] = id.get().to_be_bytes();
            out.slice(&[first, 2, high, low]);
        }
    }
}

impl AckKind {
    /// The same among all packets.
    #[must_use]
    pub fn packet_type(self) -> PacketType {
        match self {
            Self::Puback => PacketType::Puback,
            Self::Pubrec => PacketType::Pubrec,
            Self::Pubrel => PacketType::Pubrel,
            Self::Pubcomp => PacketType::Pubcomp,
        }
    }

    /// One of these that says success.
    pub(crate) fn packet(self, id: PacketId) -> Packet {
        let ack = Ack::new(id);
        match self {
            Self::Puback => Packet::Puback(ack),
            Self::Pubrec => Packet::Pubrec(ack),
            Self::Pubrel => Packet::Pubrel(ack),
            Self::Pubcomp => Packet::Pubcomp(ack),
        }
    }
}
