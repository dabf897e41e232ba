//! A packet in words.

use std::borrow::Cow;
use std::fmt;

use surewire_engine::action::{Delivery, TopicAlias};
use surewire_engine::id::PacketId;
use surewire_engine::packet::{
    Ack, Connack, Connect, Packet, Properties, Publish, QoS, ReasonCode, Suback, Subscribe,
    SubscribeFilter,
};
use surewire_engine::topic::TopicName;

use crate::cli::{code_in_words, version_in_words};

/// What the log shows of a packet.
#[derive(Debug)]
pub(super) struct Summary {
    name: &'static str,
    packet_id: Option<PacketId>,
    /// What it says besides.
    words: Vec<Cow<'static, str>>,
    publish: Option<PublishSummary>,
}

#[derive(Debug)]
struct PublishSummary {
    topic: Option<TopicName>,
    alias: Option<u16>,
    qos: QoS,
    dup: bool,
    retain: bool,
    payload_len: usize,
}

impl Summary {
    pub(super) fn of_packet(packet: &Packet) -> Self {
        match packet {
            Packet::Connect(_) => Self::named("CONNECT"),
            Packet::Connack(ack) => Self::of_connack(ack),
            Packet::Publish(publish) => Self::of_publish(publish),
            Packet::Puback(ack) => Self::of_ack("PUBACK", ack),
            Packet::Pubrec(ack) => Self::of_ack("PUBREC", ack),
            Packet::Pubrel(ack) => Self::of_ack("PUBREL", ack),
            Packet::Pubcomp(ack) => Self::of_ack("PUBCOMP", ack),
            Packet::Subscribe(subscribe) => Self::of_subscribe(subscribe),
            Packet::Suback(ack) => Self::of_suback("SUBACK", ack),
            Packet::Unsubscribe(unsubscribe) => Self {
                words: unsubscribe.filters.iter().map(|filter| quoted(filter).into()).collect(),
                ..Self::named("UNSUBSCRIBE").id(unsubscribe.packet_id)
            },
            Packet::Unsuback(ack) => Self::of_suback("UNSUBACK", ack),
            Packet::Pingreq => Self::named("PINGREQ"),
            Packet::Pingresp => Self::named("PINGRESP"),
            Packet::Disconnect(disconnect) => Self::named("DISCONNECT")
                .unless_success(disconnect.code)
                .reason(&disconnect.properties),
            Packet::Auth(auth) => Self::named("AUTH").unless_success(auth.code),
        }
    }

    pub(super) fn of_publish(publish: &Publish) -> Self {
        let summary = PublishSummary {
            topic: publish.topic.clone(),
            alias: publish.properties.get().topic_alias,
            qos: publish.qos,
            dup: publish.dup,
            retain: publish.retain,
            payload_len: publish.payload.len(),
        };
        let packet_id = publish.packet_id;
        Self { packet_id, publish: Some(summary), ..Self::named("PUBLISH") }
    }

    pub(super) fn of_delivery(delivery: &Delivery) -> Self {
        let content = delivery.message.content();
        let (named, alias) = match delivery.alias {
            TopicAlias::None => (true, None),
            TopicAlias::Set(alias) => (true, Some(alias)),
            TopicAlias::Instead(alias) => (false, Some(alias)),
        };
        let summary = PublishSummary {
            topic: named.then(|| content.topic.clone()),
            alias,
            qos: delivery.qos,
            dup: delivery.dup,
            retain: delivery.retain,
            payload_len: content.payload.len(),
        };
        let packet_id = delivery.packet_id;
        Self { packet_id, publish: Some(summary), ..Self::named("PUBLISH") }
    }

    fn of_connack(ack: &Connack) -> Self {
        let word = match (ack.code, ack.session_present) {
            (ReasonCode::Success, true) => Cow::from("accepted, session present"),
            (ReasonCode::Success, false) => Cow::from("accepted"),
            (code, _) => format!("refused: {}", code_in_words(code)).into(),
        };
        Self { words: vec![word], ..Self::named("CONNACK") }.reason(&ack.properties)
    }

    fn of_ack(name: &'static str, ack: &Ack) -> Self {
        Self::named(name).id(ack.packet_id).unless_success(ack.code).reason(&ack.properties)
    }

    fn of_subscribe(subscribe: &Subscribe) -> Self {
        let filter = |asked: &SubscribeFilter| {
            format!("{} QoS {}", quoted(&asked.filter), asked.options.qos as u8).into()
        };
        let words = subscribe.filters.iter().map(filter).collect();
        Self { words, ..Self::named("SUBSCRIBE").id(subscribe.packet_id) }
    }

    fn of_suback(name: &'static str, ack: &Suback) -> Self {
        let word = |code: &ReasonCode| match (name, *code) {
            ("SUBACK", ReasonCode::Success) => "granted QoS 0".into(),
            (_, code) => code_in_words(code).into(),
        };
        let words = ack.codes.iter().map(word).collect();
        Self { words, ..Self::named(name).id(ack.packet_id) }.reason(&ack.properties)
    }

    /// With the Reason String, if there is one.
    fn reason(mut self, properties: &Properties) -> Self {
        let reason = properties.get().reason_string.as_ref();
        self.words.extend(reason.map(|reason| Cow::from(quoted(reason))));
        self
    }

    fn named(name: &'static str) -> Self {
        Self { name, packet_id: None, words: Vec::new(), publish: None }
    }

    fn id(self, packet_id: PacketId) -> Self {
        Self { packet_id: Some(packet_id), ..self }
    }

    /// Success goes without saying.
    fn unless_success(self, code: ReasonCode) -> Self {
        let words = (code != ReasonCode::Success).then(|| code_in_words(code).into());
        Self { words: words.into_iter().collect(), ..self }
    }
}

/// A CONNECT in words: neither its password nor its user name, which some devices have a token in.
pub(super) struct ConnectSummary<'a>(pub(super) &'a Connect);

impl fmt::Display for ConnectSummary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Connect { version, client_id, keep_alive, clean_start, will, .. } = self.0;
        write!(f, "CONNECT client {} {}", quoted(client_id), version_in_words(*version))?;
        f.write_str(if *clean_start { ", clean session" } else { "" })?;
        write!(f, ", keep alive {keep_alive} s")?;
        f.write_str(if self.0.user_name.is_some() { ", user name" } else { "" })?;
        f.write_str(if self.0.password.is_some() { ", password" } else { "" })?;
        let Some(will) = will else { return Ok(()) };
        write!(f, ", Will {} QoS {}", quoted(will.topic.as_str()), will.qos as u8)?;
        f.write_str(if will.retain { " RETAIN" } else { "" })?;
        write!(f, " {} bytes", will.payload.len())
    }
}

/// As text that forges neither a line nor a word.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.escape_debug())
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        if let Some(id) = self.packet_id {
            write!(f, " id {id}")?;
        }
        for word in &self.words {
            write!(f, " {word}")?;
        }
        self.publish.as_ref().map_or(Ok(()), |publish| publish.fmt(f))
    }
}

impl fmt::Display for PublishSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(topic) = &self.topic {
            write!(f, " {}", quoted(topic.as_str()))?;
        }
        if let Some(alias) = self.alias {
            write!(f, " alias {alias}")?;
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
    use surewire_engine::packet::PropertySet;

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
    fn an_acknowledgement_shows_its_id_and_what_is_wrong() {
        let ack = Ack::new(PacketId::FIRST);
        let refused = Ack { code: ReasonCode::QuotaExceeded, ..ack.clone() };
        let shown = |ack| Summary::of_packet(&Packet::Puback(ack)).to_string();
        assert_eq!(shown(ack), "PUBACK id 1");
        assert_eq!(shown(refused.clone()), "PUBACK id 1 quota exceeded");
        let set = PropertySet { reason_string: Some("no\nroom".into()), ..PropertySet::NONE };
        let told = Ack { properties: set.into(), ..refused };
        assert_eq!(shown(told), "PUBACK id 1 quota exceeded \"no\\nroom\"");
    }
}
