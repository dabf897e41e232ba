//! A packet in words.

use std::fmt;

use surewire_engine::action::{Delivery, Outgoing};
use surewire_engine::id::PacketId;
use surewire_engine::packet::{Packet, Publish, QoS, ReasonCode, Suback};
use surewire_engine::topic::TopicName;

/// What the log shows of a packet.
#[derive(Debug)]
pub(super) struct Summary {
    name: &'static str,
    packet_id: Option<PacketId>,
    codes: Vec<ReasonCode>,
    filters: Vec<String>,
    publish: Option<PublishSummary>,
}

#[derive(Debug)]
struct PublishSummary {
    topic: Option<TopicName>,
    qos: QoS,
    dup: bool,
    retain: bool,
    payload_len: usize,
}

impl Summary {
    pub(super) fn of_outgoing(outgoing: &Outgoing) -> Self {
        match outgoing {
            Outgoing::Packet(packet) => Self::of_packet(packet),
            Outgoing::Publish(delivery) => Self::of_delivery(delivery),
        }
    }

    pub(super) fn of_packet(packet: &Packet) -> Self {
        match packet {
            Packet::Connect(_) => Self::named("CONNECT"),
            Packet::Connack(ack) => Self::named("CONNACK").code(ack.code),
            Packet::Publish(publish) => Self::of_publish(publish),
            Packet::Puback(ack) => Self::named("PUBACK").id(ack.packet_id).code(ack.code),
            Packet::Pubrec(ack) => Self::named("PUBREC").id(ack.packet_id).code(ack.code),
            Packet::Pubrel(ack) => Self::named("PUBREL").id(ack.packet_id).code(ack.code),
            Packet::Pubcomp(ack) => Self::named("PUBCOMP").id(ack.packet_id).code(ack.code),
            Packet::Subscribe(subscribe) => Self {
                filters: subscribe.filters.iter().map(|f| f.filter.to_string()).collect(),
                ..Self::named("SUBSCRIBE").id(subscribe.packet_id)
            },
            Packet::Suback(ack) => Self::of_suback("SUBACK", ack),
            Packet::Unsubscribe(unsubscribe) => Self {
                filters: unsubscribe.filters.iter().map(ToString::to_string).collect(),
                ..Self::named("UNSUBSCRIBE").id(unsubscribe.packet_id)
            },
            Packet::Unsuback(ack) => Self::of_suback("UNSUBACK", ack),
            Packet::Pingreq => Self::named("PINGREQ"),
            Packet::Pingresp => Self::named("PINGRESP"),
            Packet::Disconnect(disconnect) => Self::named("DISCONNECT").code(disconnect.code),
            Packet::Auth(auth) => Self::named("AUTH").code(auth.code),
        }
    }

    fn of_publish(publish: &Publish) -> Self {
        let summary = PublishSummary {
            topic: publish.topic.clone(),
            qos: publish.qos,
            dup: publish.dup,
            retain: publish.retain,
            payload_len: publish.payload.len(),
        };
        let packet_id = publish.packet_id;
        Self { packet_id, publish: Some(summary), ..Self::named("PUBLISH") }
    }

    fn of_delivery(delivery: &Delivery) -> Self {
        let content = delivery.message.content();
        let summary = PublishSummary {
            topic: Some(content.topic.clone()),
            qos: delivery.qos,
            dup: delivery.dup,
            retain: delivery.retain,
            payload_len: content.payload.len(),
        };
        let packet_id = delivery.packet_id;
        Self { packet_id, publish: Some(summary), ..Self::named("PUBLISH") }
    }

    fn of_suback(name: &'static str, ack: &Suback) -> Self {
        Self { codes: ack.codes.to_vec(), ..Self::named(name).id(ack.packet_id) }
    }

    fn named(name: &'static str) -> Self {
        Self { name, packet_id: None, codes: Vec::new(), filters: Vec::new(), publish: None }
    }

    fn id(self, packet_id: PacketId) -> Self {
        Self { packet_id: Some(packet_id), ..self }
    }

    fn code(self, code: ReasonCode) -> Self {
        Self { codes: vec![code], ..self }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        if let Some(id) = self.packet_id {
            write!(f, " id {id}")?;
        }
        for code in &self.codes {
            write!(f, " {code:?}")?;
        }
        for filter in &self.filters {
            write!(f, " \"{}\"", filter.escape_debug())?;
        }
        self.publish.as_ref().map_or(Ok(()), |publish| publish.fmt(f))
    }
}

impl fmt::Display for PublishSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(topic) = &self.topic {
            write!(f, " \"{}\"", topic.as_str().escape_debug())?;
        }
        write!(f, " QoS {}", self.qos as u8)?;
        f.write_str(if self.dup { " DUP" } else { "" })?;
        f.write_str(if self.retain { " RETAIN" } else { "" })?;
        write!(f, " {} bytes", self.payload_len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use bytestring::ByteString;
    use surewire_engine::packet::{Ack, Properties};

    #[test]
    fn a_publish_shows_no_payload_and_forges_no_line() {
        let publish = Packet::Publish(Publish {
            dup: true,
            qos: QoS::AtLeastOnce,
            retain: true,
            topic: TopicName::new(ByteString::from_static("a\nb")),
            packet_id: PacketId::new(7),
            properties: Properties::default(),
            payload: Bytes::from_static(b"secret"),
        });
        let shown = Summary::of_packet(&publish).to_string();
        assert_eq!(shown, "PUBLISH id 7 \"a\\nb\" QoS 1 DUP RETAIN 6 bytes");
    }

    #[test]
    fn an_acknowledgement_shows_its_id_and_code() {
        let puback = Packet::Puback(Ack::new(PacketId::FIRST));
        assert_eq!(Summary::of_packet(&puback).to_string(), "PUBACK id 1 Success");
    }
}
