//! PUBLISH (MQTT 5.0 section 3.3).

use bytes::{Buf, Bytes};

use super::Limits;
use super::header::Header;
use super::properties::{self, Carrier, OfPublish};
use super::reader::Reader;
use super::writer::{Length, Sink};
use crate::action::{Delivery, TopicAlias};
use crate::id::PacketId;
use crate::packet::PacketType;
use crate::packet::{Publish, QoS, Version};
use crate::violation::Violation;

const RETAIN: u8 = 1;
pub(super) const QOS_SHIFT: u8 = 1;
const DUP: u8 = 1 << 3;

pub(super) fn decode(
    version: Version,
    header: &Header,
    mut frame: Bytes,
    limits: &Limits,
) -> Result<Publish, Violation> {
    let first = header.first;
    let qos = QoS::from_bits(first >> QOS_SHIFT & 3).ok_or(Violation::QoS3)?;
    let dup = first & DUP != 0;
    if dup && qos == QoS::AtMostOnce {
        return Err(Violation::DupWithoutQoS);
    }
    let mut reader = Reader::new(&frame, header.len, limits);
    let topic = reader.topic()?;
    let packet_id = match qos {
        QoS::AtMostOnce => None,
        QoS::AtLeastOnce | QoS::ExactlyOnce => Some(reader.packet_id()?),
    };
    let properties = properties::decode(version, Carrier::Publish, &mut reader)?;
    if topic.is_none() && properties.get().topic_alias.is_none() {
        return Err(Violation::EmptyTopic);
    }
    let retain = first & RETAIN != 0;
    // The frame itself becomes the payload, which saves counting one owner more and one less.
    let payload_len = reader.len();
    frame.advance(frame.len() - payload_len);
    Ok(Publish { dup, qos, retain, topic, packet_id, properties, payload: frame })
}

/// All of a PUBLISH that stands before its payload.
pub(super) struct Head<'a> {
    version: Version,
    first: u8,
    /// Empty where a Topic Alias stands for it.
    topic: &'a str,
    packet_id: Option<PacketId>,
    properties: OfPublish<'a>,
    payload_len: usize,
}

impl<'a> Head<'a> {
    /// `None` where the version has no way to leave the topic out.
    pub(super) fn of_publish(version: Version, publish: &'a Publish) -> Option<Self> {
        let topic = publish.topic.as_ref().map_or("", |topic| topic.as_str());
        if topic.is_empty() && version != Version::V5 {
            return None;
        }
        let Publish { dup, qos, retain, packet_id, .. } = *publish;
        let (first, set) = (first_byte(dup, qos, retain), publish.properties.get());
        let properties = OfPublish {
            message: &publish.properties,
            expiry: set.message_expiry_interval,
            identifiers: &set.subscription_identifiers,
            alias: set.topic_alias,
        };
        let payload_len = publish.payload.len();
        Some(Self { version, first, topic, packet_id, properties, payload_len })
    }

    pub(super) fn of_delivery(version: Version, delivery: &'a Delivery) -> Self {
        let content = delivery.message.content();
        let (topic, alias) = match delivery.alias {
            TopicAlias::None => (content.topic.as_str(), None),
            TopicAlias::Set(alias) => (content.topic.as_str(), Some(alias)),
            TopicAlias::Instead(alias) => ("", Some(alias)),
        };
        Self {
            version,
            first: first_byte(delivery.dup, delivery.qos, delivery.retain),
            topic,
            packet_id: delivery.packet_id,
            properties: OfPublish {
                message: &content.properties,
                expiry: delivery.expiry,
                identifiers: delivery.identifiers.as_slice(),
                alias,
            },
            payload_len: content.payload.len(),
        }
    }

    /// Bytes of the whole packet, payload included; 0 if there is no such packet.
    pub(super) fn packet_len(&self) -> usize {
        let Some(remaining) = self.remaining_len() else { return 0 };
        let mut header = Length::default();
        header.variable_byte_integer(remaining);
        1 + header.bytes + remaining
    }

    /// All but the payload. Tells whether there is such a packet.
    pub(super) fn write(&self, out: &mut impl Sink) -> bool {
        let Some(remaining) = self.remaining_len() else { return false };
        out.byte(self.first);
        out.variable_byte_integer(remaining);
        self.write_variable_header(out);
        true
    }

    /// The whole packet.
    pub(super) fn write_with(&self, payload: &[u8], out: &mut impl Sink) {
        if self.write(out) {
            out.slice(payload);
        }
    }

    fn remaining_len(&self) -> Option<usize> {
        let mut length = Length::default();
        self.write_variable_header(&mut length);
        length.bytes += self.payload_len;
        length.checked()
    }

    fn write_variable_header(&self, out: &mut impl Sink) {
        out.field(self.topic.as_bytes());
        if let Some(packet_id) = self.packet_id {
            out.u16(packet_id.get());
        }
        self.properties.write(self.version, out);
    }
}

fn first_byte(dup: bool, qos: QoS, retain: bool) -> u8 {
    let dup = if dup { DUP } else { 0 };
    let retain = if retain { RETAIN } else { 0 };
    PacketType::Publish.first_byte() | dup | (qos as u8) << QOS_SHIFT | retain
}
