//! Runs: PUBLISH packets that came in one read, are of one publisher and one topic, and ask for
//! nothing but to be passed on. What costs the same for one as for many (checking the topic, finding
//! its receivers, looking after their connections) is done once for all of them.

use bytes::Bytes;

use super::Limits;
use super::publish::QOS_SHIFT;
use super::reader::{self, Reader};
use super::writer::{Length, Sink};
use crate::id::PacketId;
use crate::message::{Content, LARGE_PAYLOAD, Message};
use crate::packet::{PacketType, Properties, Publish, QoS, Version};
use crate::topic::TopicName;

/// The most messages of a run, at QoS 0 and above it, where each message is more work: few enough
/// that one which has to be taken apart again is a short step all the same.
const MOST: [u32; 2] = [16, 8];

/// Two to 16 messages to one topic and of one QoS (to 8 above QoS 0): sent for the first time, with
/// RETAIN 0, without properties, and in packets below [`LARGE_PAYLOAD`].
///
/// All their packets are one view into the read buffer. At QoS 0 a receiver of the same version gets
/// these very bytes, for such a packet can be written in one way only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    topic: TopicName,
    qos: QoS,
    /// The packets as they came, one behind the other.
    packets: Bytes,
    /// Whether each has a Property Length, as 5.0 has it.
    has_properties: bool,
    count: u32,
    payload_bytes: u64,
    /// Bytes of the largest packet as it came.
    largest: usize,
}

/// What a run has towards one client if it is above QoS 0: each message gets a packet identifier of
/// its own, and they follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// 1 or 2.
    pub qos: QoS,
    /// Of the first message. Behind 65,535 they go on with 1.
    pub first: PacketId,
}

/// How long packets are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lengths {
    /// Bytes of all packets.
    pub all: usize,
    /// Bytes of the largest.
    pub largest: usize,
}

/// The parts of a packet that may belong to a run.
struct Plain<'a> {
    /// Where the topic's length stands in the packet.
    start: usize,
    topic: &'a [u8],
    qos: QoS,
    packet_id: Option<PacketId>,
    payload: &'a [u8],
    /// Bytes of the whole packet.
    len: usize,
}

/// Cuts a run off the front of `buf`, if whole packets there make one. Whatever does not, for
/// whatever reason, stays for
/// [`take_packet`](super::take_packet).
pub fn cut_run(version: Version, buf: &mut Bytes, limits: &Limits) -> Option<Run> {
    let has_properties = has_properties(version);
    let first = Plain::at_front(buf, has_properties, limits)?;
    // Nothing behind it is the common case, and is found out before the topic is checked.
    let second = Plain::at_front(buf.get(first.len..)?, has_properties, limits)?;
    if !second.goes_with(&first) {
        return None;
    }
    let mut run = Run {
        topic: Reader::new(buf, first.start, limits).topic().ok()??,
        qos: first.qos,
        packets: Bytes::new(),
        has_properties,
        count: 0,
        payload_bytes: 0,
        largest: 0,
    };
    run.add(&first);
    let [at_qos_0, above] = MOST;
    let most = if first.qos == QoS::AtMostOnce { at_qos_0 } else { above };
    let (mut end, mut next) = (first.len, Some(second));
    while let Some(plain) = next.filter(|next| next.goes_with(&first)) {
        run.add(&plain);
        end += plain.len;
        let rest = buf.get(end..).filter(|_| run.count < most);
        next = rest.and_then(|rest| Plain::at_front(rest, has_properties, limits));
    }
    run.packets = buf.split_to(end);
    Some(run)
}

impl Run {
    /// The topic of all its messages.
    #[must_use]
    pub fn topic(&self) -> &TopicName {
        &self.topic
    }

    /// The QoS of all its messages.
    #[must_use]
    pub fn qos(&self) -> QoS {
        self.qos
    }

    /// How many messages there are.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Bytes of all payloads together.
    #[must_use]
    pub fn payload_bytes(&self) -> u64 {
        self.payload_bytes
    }

    /// Bytes towards a client of that version, at QoS 0 or with numbers.
    #[inline]
    #[must_use]
    pub fn lengths(&self, version: Version, numbered: bool) -> Lengths {
        let with = has_properties(version);
        if with == self.has_properties && numbered == (self.qos > QoS::AtMostOnce) {
            return Lengths { all: self.packets.len(), largest: self.largest };
        }
        let id_len = if numbered { ID_LEN } else { 0 };
        self.plain().fold(Lengths::default(), |Lengths { all, largest }, plain| {
            let len = whole_len(remaining_len(&plain, with) + id_len);
            Lengths { all: all + len, largest: largest.max(len) }
        })
    }

    /// All packets as they came, if that is what a client of that version is to see. A view into the
    /// read buffer.
    #[must_use]
    pub fn as_it_came(&self, version: Version, numbers: Option<Numbers>) -> Option<&Bytes> {
        let alike = has_properties(version) == self.has_properties;
        let unnumbered = numbers.is_none() && self.qos == QoS::AtMostOnce;
        (alike && unnumbered).then_some(&self.packets)
    }

    /// Appends all packets to `out`, as a client of that version is to see them: at QoS 0, or with
    /// these numbers.
    pub fn encode(&self, version: Version, numbers: Option<Numbers>, out: &mut Vec<u8>) {
        let with = has_properties(version);
        let (qos, mut id) = match numbers {
            Some(Numbers { qos, first }) => (qos, Some(first)),
            None => (QoS::AtMostOnce, None),
        };
        if with == self.has_properties && self.qos == qos {
            let from = out.len();
            out.extend_from_slice(&self.packets);
            if let (Some(first), Some(packets)) = (id, out.get_mut(from..)) {
                self.number(packets, first);
            }
            return;
        }
        let first_byte = PacketType::Publish.first_byte() | (qos as u8) << QOS_SHIFT;
        for plain in self.plain() {
            out.byte(first_byte);
            let id_len = id.map_or(0, |_| ID_LEN);
            out.variable_byte_integer(remaining_len(&plain, with) + id_len);
            out.field(plain.topic);
            if let Some(this) = id {
                out.u16(this.get());
                id = Some(this.next());
            }
            if with {
                out.byte(0);
            }
            out.slice(plain.payload);
        }
    }

    /// Each packet by itself.
    pub fn publishes(&self) -> impl Iterator<Item = Publish> {
        self.plain().map(|plain| Publish {
            dup: false,
            qos: plain.qos,
            retain: false,
            topic: Some(self.topic.clone()),
            packet_id: plain.packet_id,
            properties: Properties::NONE,
            payload: self.packets.slice_ref(plain.payload),
        })
    }

    /// Each packet by itself as a client is to see it: at QoS 0, or with these numbers.
    pub fn copies(&self, numbers: Option<Numbers>) -> impl Iterator<Item = Publish> {
        let mut id = numbers.map(|numbers| numbers.first);
        let qos = numbers.map_or(QoS::AtMostOnce, |numbers| numbers.qos);
        self.publishes().map(move |publish| {
            let packet_id = id;
            id = id.map(PacketId::next);
            Publish { qos, packet_id, ..publish }
        })
    }

    /// Each message by itself.
    pub fn messages(&self) -> impl Iterator<Item = Message> {
        self.plain().map(|plain| {
            let payload = self.packets.slice_ref(plain.payload);
            Message::passing(self.content(self.topic.clone(), payload))
        })
    }

    /// The same to be kept, under this topic, which has memory of its own. Above QoS 0 each comes
    /// with its packet identifier.
    pub(crate) fn kept(
        &self,
        topic: &TopicName,
    ) -> impl Iterator<Item = (Option<PacketId>, Message)> {
        self.plain().map(|plain| {
            let payload = Bytes::copy_from_slice(plain.payload);
            (plain.packet_id, Message::kept(self.content(topic.clone(), payload)))
        })
    }

    fn content(&self, topic: TopicName, payload: Bytes) -> Content {
        let (qos, properties) = (self.qos, Properties::NONE);
        Content { topic, payload, qos, retain: false, properties }
    }

    /// Writes other packet identifiers into a copy of the packets.
    fn number(&self, mut packets: &mut [u8], mut id: PacketId) {
        for plain in self.plain() {
            let Some((packet, rest)) = packets.split_at_mut_checked(plain.len) else { return };
            let at = plain.start + 2 + plain.topic.len();
            if let Some(place) = packet.get_mut(at..at + ID_LEN) {
                place.copy_from_slice(&id.get().to_be_bytes());
            }
            id = id.next();
            packets = rest;
        }
    }

    fn plain(&self) -> impl Iterator<Item = Plain<'_>> {
        let mut rest = self.packets.as_ref();
        std::iter::from_fn(move || {
            let plain = Plain::parse(rest, self.has_properties)?;
            rest = rest.get(plain.len..)?;
            Some(plain)
        })
    }

    /// The packet identifiers that its messages came with, above QoS 0.
    pub fn packet_ids(&self) -> impl Iterator<Item = PacketId> {
        self.plain().filter_map(|plain| plain.packet_id)
    }

    fn add(&mut self, plain: &Plain<'_>) {
        self.count += 1;
        self.payload_bytes += plain.payload.len() as u64;
        self.largest = plain.len.max(self.largest);
    }
}

impl<'a> Plain<'a> {
    /// The packet at the front of `buf`, if all of it is there and it may belong to a run.
    fn at_front(buf: &'a [u8], has_properties: bool, limits: &Limits) -> Option<Self> {
        let plain = Self::parse(buf, has_properties)?;
        (plain.len <= limits.max_packet_size && plain.len < LARGE_PAYLOAD).then_some(plain)
    }

    fn parse(buf: &'a [u8], has_properties: bool) -> Option<Self> {
        let (first, rest) = buf.split_first()?;
        let qos = match first ^ PacketType::Publish.first_byte() {
            0b000 => QoS::AtMostOnce,
            0b010 => QoS::AtLeastOnce,
            0b100 => QoS::ExactlyOnce,
            _ => return None,
        };
        let (remaining, len) = reader::variable_byte_integer(rest).ok()??;
        let body = rest.get(len..len + remaining)?;
        let (topic_len, rest) = body.split_first_chunk()?;
        let (topic, rest) = rest.split_at_checked(u16::from_be_bytes(*topic_len).into())?;
        let (packet_id, rest) = match (qos, rest) {
            (QoS::AtMostOnce, rest) => (None, rest),
            (QoS::AtLeastOnce | QoS::ExactlyOnce, [high, low, rest @ ..]) => {
                (Some(PacketId::new(u16::from_be_bytes([*high, *low]))?), rest)
            }
            (QoS::AtLeastOnce | QoS::ExactlyOnce, _) => return None,
        };
        let ((false, payload) | (true, [0, payload @ ..])) = (has_properties, rest) else {
            return None;
        };
        Some(Self { start: 1 + len, topic, qos, packet_id, payload, len: 1 + len + remaining })
    }

    fn goes_with(&self, other: &Plain<'_>) -> bool {
        self.qos == other.qos && self.topic == other.topic
    }
}

/// Bytes of a packet identifier.
const ID_LEN: usize = 2;

/// Whether a PUBLISH of that version has a Property Length.
fn has_properties(version: Version) -> bool {
    version == Version::V5
}

fn remaining_len(plain: &Plain<'_>, has_properties: bool) -> usize {
    2 + plain.topic.len() + usize::from(has_properties) + plain.payload.len()
}

fn whole_len(remaining: usize) -> usize {
    let mut header = Length::default();
    header.variable_byte_integer(remaining);
    1 + header.bytes + remaining
}
