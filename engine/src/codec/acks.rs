//! Acknowledgements of one kind that stand one behind the other, as a window full of messages makes
//! them: taken at once, and answered at once.

use bytes::{Buf, Bytes};
use smallvec::SmallVec;

use super::writer::Sink;
use crate::id::PacketId;
use crate::packet::{Ack, Packet, PacketType};

/// The most of them: what [`Acks`] holds without an allocation, and a short step to handle.
pub(crate) const MOST: usize = 24;

/// PUBACK, PUBREC, PUBREL or PUBCOMP for up to 24 messages, each of them in the form that says
/// success and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acks {
    packet_type: PacketType,
    ids: SmallVec<[PacketId; MOST]>,
}

/// Cuts two acknowledgements or more off the front of `buf`, if whole packets there are so many
/// alike. Whatever else stands there is for [`take_packet`](super::take_packet).
pub fn cut_acks(buf: &mut Bytes) -> Option<Acks> {
    let (packet_type, first) = at(buf, 0)?;
    // One alone is the common case where windows are small.
    let mut next = at(buf, LEN).filter(|(other, _)| *other == packet_type);
    next?;
    let mut acks = Acks { packet_type, ids: SmallVec::new() };
    acks.ids.push(first);
    while let Some((_, id)) = next.filter(|(other, _)| *other == packet_type) {
        acks.ids.push(id);
        next = if acks.ids.len() < MOST { at(buf, LEN * acks.ids.len()) } else { None };
    }
    buf.advance(LEN * acks.ids.len());
    Some(acks)
}

fn at(buf: &[u8], from: usize) -> Option<(PacketType, PacketId)> {
    let [first, 2, high, low] = *buf.get(from..)?.first_chunk::<LEN>()? else { return None };
    let packet_type = match first {
        0x40 => PacketType::Puback,
        0x50 => PacketType::Pubrec,
        0x62 => PacketType::Pubrel,
        0x70 => PacketType::Pubcomp,
        _ => return None,
    };
    Some((packet_type, PacketId::new(u16::from_be_bytes([high, low]))?))
}

/// Bytes of each: the shortest form, which every version writes and which says success.
const LEN: usize = 4;

impl Acks {
    /// Bytes of each.
    pub(crate) const LEN: u64 = LEN as u64;

    /// PUBACK, PUBREC, PUBREL or PUBCOMP.
    pub(crate) fn new(packet_type: PacketType, ids: impl IntoIterator<Item = PacketId>) -> Self {
        Self { packet_type, ids: ids.into_iter().collect() }
    }

    /// Which of the four they are.
    #[must_use]
    pub fn packet_type(&self) -> PacketType {
        self.packet_type
    }

    /// What they acknowledge, in order.
    #[must_use]
    pub fn ids(&self) -> &[PacketId] {
        &self.ids
    }

    /// Each by itself.
    pub fn packets(&self) -> impl Iterator<Item = Packet> {
        self.ids.iter().map(|id| packet(self.packet_type, *id))
    }

    /// Bytes of all of them, in every version.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        LEN * self.ids.len()
    }

    /// Appends all of them to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let first = self.packet_type.first_byte();
        for id in &self.ids {
            let [high, low] = id.get().to_be_bytes();
            out.slice(&[first, 2, high, low]);
        }
    }
}

/// One of the four that says success.
pub(crate) fn packet(packet_type: PacketType, id: PacketId) -> Packet {
    let ack = Ack::new(id);
    match packet_type {
        PacketType::Puback => Packet::Puback(ack),
        PacketType::Pubrec => Packet::Pubrec(ack),
        PacketType::Pubrel => Packet::Pubrel(ack),
        PacketType::Pubcomp => Packet::Pubcomp(ack),
        other => unreachable!("{other:?} acknowledges no PUBLISH"),
    }
}
