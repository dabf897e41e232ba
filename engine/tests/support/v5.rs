//! MQTT 5.0 clients of the bench, and what each of them may hold the server to.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use surewire_engine::id::PacketId;
use surewire_engine::packet::{
    Ack, Connack, Connect, Disconnect, Packet, Properties, PropertySet, Publish, QoS, ReasonCode,
    Subscribe, SubscribeFilter, SubscribeOptions, Version, Will,
};
use surewire_engine::topic::TopicName;

use super::{Bench, Client, connect, show};

/// A Session Expiry Interval that never ends.
pub const NEVER: u32 = u32::MAX;

/// Properties by their names.
pub fn props(set: impl FnOnce(&mut PropertySet)) -> Properties {
    let mut properties = PropertySet::NONE;
    set(&mut properties);
    properties.into()
}

/// A 5.0 CONNECT with Clean Start 1 and nothing else.
pub fn connect5(id: &str) -> Connect {
    Connect { version: Version::V5, ..connect(id) }
}

/// The same with properties.
pub fn connect5_with(id: &str, set: impl FnOnce(&mut PropertySet)) -> Connect {
    Connect { properties: props(set), ..connect5(id) }
}

/// A CONNECT that finds its session again, and has it kept for `expiry` seconds.
pub fn resume5(id: &str, expiry: u32) -> Connect {
    let connect = connect5_with(id, |set| set.session_expiry_interval = Some(expiry));
    Connect { clean_start: false, ..connect }
}

/// A Will that is published `delay` seconds after the loss.
pub fn will5(topic: &str, payload: &str, delay: u32) -> Option<Box<Will>> {
    let properties = props(|set| set.will_delay_interval = Some(delay));
    super::will(topic, payload, 1, false).map(|will| Box::new(Will { properties, ..*will }))
}

/// Subscription Options with this QoS.
pub fn options(qos: u8) -> SubscribeOptions {
    SubscribeOptions { qos: QoS::from_bits(qos).unwrap(), ..SubscribeOptions::default() }
}

impl Bench {
    /// A 5.0 client with Clean Start 1 and no session beyond its connection, accepted.
    pub fn connect5(&self, id: &str) -> Client {
        self.connect5_with(id, |_| {})
    }

    /// The same with properties in its CONNECT.
    pub fn connect5_with(&self, id: &str, set: impl FnOnce(&mut PropertySet)) -> Client {
        let client = self.open(connect5_with(id, set));
        client.expect_connack(false);
        client
    }

    /// A 5.0 client with Clean Start 0 whose session is kept for `expiry` seconds, accepted;
    /// `present` is the Session Present to expect.
    pub fn resume5(&self, id: &str, expiry: u32, present: bool) -> Client {
        let client = self.open(resume5(id, expiry));
        client.expect_connack(present);
        client
    }
}

impl Client {
    /// Takes the CONNACK, which must be all that came.
    #[track_caller]
    pub fn connack(&self) -> Connack {
        match self.take().as_slice() {
            [Packet::Connack(connack)] => connack.clone(),
            other => panic!("expected CONNACK, got {other:?}"),
        }
    }

    /// Subscribes to one filter with options and perhaps a Subscription Identifier; the code of the
    /// SUBACK, which must be the next packet.
    #[track_caller]
    pub fn subscribe5(
        &self,
        filter: &str,
        options: SubscribeOptions,
        identifier: Option<u32>,
    ) -> ReasonCode {
        let packet_id = PacketId::new(7).unwrap();
        let filters = vec![SubscribeFilter { filter: filter.into(), options }];
        let properties = props(|set| set.subscription_identifiers.extend(identifier));
        self.send(Packet::Subscribe(Box::new(Subscribe { packet_id, filters, properties })));
        match self.next() {
            Some(Packet::Suback(suback)) => suback.codes[0],
            other => panic!("expected SUBACK, got {other:?}"),
        }
    }

    /// Publishes with properties; returns the packet id of QoS 1 and 2.
    pub fn publish5(
        &self,
        topic: &str,
        qos: u8,
        payload: &str,
        set: impl FnOnce(&mut PropertySet),
    ) -> u16 {
        let packet_id = if qos == 0 { 0 } else { self.fresh_id() };
        self.send(Packet::Publish(Publish {
            dup: false,
            qos: QoS::from_bits(qos).unwrap(),
            retain: false,
            topic: TopicName::new(topic.into()),
            packet_id: PacketId::new(packet_id),
            properties: props(set),
            payload: Bytes::copy_from_slice(payload.as_bytes()),
        }));
        packet_id
    }

    /// Takes what came, all of which must be PUBLISH.
    #[track_caller]
    pub fn deliveries(&self) -> Vec<Publish> {
        let publish = |packet| match packet {
            Packet::Publish(publish) => publish,
            other => panic!("expected PUBLISH, got {other:?}"),
        };
        self.take().into_iter().map(publish).collect()
    }

    /// Takes what came, which must be one PUBLISH.
    #[track_caller]
    pub fn delivery(&self) -> Publish {
        let mut all = self.deliveries();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    /// Takes what came, which must be one PUBACK, PUBREC, PUBREL or PUBCOMP: its name, code and
    /// Reason String.
    #[track_caller]
    pub fn ack(&self) -> (&'static str, u8, Option<String>) {
        let packets = self.take();
        let [packet] = packets.as_slice() else { panic!("expected one packet, got {packets:?}") };
        let (name, ack) = match packet {
            Packet::Puback(ack) => ("puback", ack),
            Packet::Pubrec(ack) => ("pubrec", ack),
            Packet::Pubrel(ack) => ("pubrel", ack),
            Packet::Pubcomp(ack) => ("pubcomp", ack),
            other => panic!("expected an acknowledgement, got {other:?}"),
        };
        let words = ack.properties.get().reason_string.as_ref();
        (name, ack.code.byte(), words.map(ToString::to_string))
    }

    /// Sends DISCONNECT with this code and these properties.
    pub fn disconnect5(&self, code: u8, set: impl FnOnce(&mut PropertySet)) {
        let code = ReasonCode::from_byte(code).unwrap();
        self.send(Packet::Disconnect(Disconnect { code, properties: props(set) }));
    }

    /// The server must have ended the connection with this code as the last it said; returns the
    /// DISCONNECT, and what came before it stays in the inbox.
    #[track_caller]
    pub fn expect_disconnect(&self, code: u8) -> Disconnect {
        assert!(!self.is_open(), "still open");
        match self.pop() {
            Some(Packet::Disconnect(disconnect)) => {
                assert_eq!(disconnect.code.byte(), code, "{disconnect:?}");
                disconnect
            }
            other => panic!("expected DISCONNECT {code:#04x}, got {other:?}"),
        }
    }

    /// Answers a PUBLISH or PUBREL by hand.
    pub fn answer(&self, packet: fn(Ack) -> Packet, id: u16, code: u8) {
        let code = ReasonCode::from_byte(code).unwrap();
        let packet_id = PacketId::new(id).unwrap();
        self.send(packet(Ack { code, ..Ack::new(packet_id) }));
    }
}

/// What a client has announced, and holds every packet to that comes to it.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    version: Option<Version>,
    max_packet_size: Option<usize>,
    receive_maximum: Option<usize>,
    alias_maximum: u16,
    wants_no_reasons: bool,
    aliases: BTreeMap<u16, TopicName>,
    /// Messages that are not answered in full.
    in_flight: BTreeSet<PacketId>,
    accepted: bool,
}

impl Terms {
    /// The client sends a packet.
    pub fn sent(&mut self, packet: &Packet) {
        match packet {
            Packet::Connect(connect) => {
                let set = connect.properties.get();
                let widened = |size: u32| usize::try_from(size).unwrap();
                *self = Self {
                    version: Some(connect.version),
                    max_packet_size: set.maximum_packet_size.map(widened),
                    receive_maximum: set.receive_maximum.map(usize::from),
                    alias_maximum: set.topic_alias_maximum.unwrap_or(0),
                    wants_no_reasons: set.request_problem_information == Some(false),
                    ..Self::default()
                };
            }
            Packet::Puback(ack) | Packet::Pubcomp(ack) => {
                self.in_flight.remove(&ack.packet_id);
            }
            Packet::Pubrec(ack) if ack.code.is_error() => {
                self.in_flight.remove(&ack.packet_id);
            }
            _ => {}
        }
    }

    /// The server sends a packet of `len` bytes.
    pub fn came(&mut self, packet: &Packet, len: usize) {
        if self.version != Some(Version::V5) {
            assert!(!matches!(packet, Packet::Disconnect(_) | Packet::Auth(_)), "{packet:?}");
            return;
        }
        let most = self.max_packet_size.unwrap_or(usize::MAX);
        assert!(len <= most, "{len} bytes, the client takes {most}: {packet:?}");
        match packet {
            Packet::Connack(connack) => self.accepted = connack.code == ReasonCode::Success,
            Packet::Publish(publish) => self.message(publish),
            Packet::Disconnect(disconnect) => {
                assert!(self.accepted, "DISCONNECT before a CONNACK that accepts");
                let set = disconnect.properties.get();
                assert_eq!(set.session_expiry_interval, None, "only a client's");
            }
            Packet::Puback(ack)
            | Packet::Pubrec(ack)
            | Packet::Pubrel(ack)
            | Packet::Pubcomp(ack) => self.words(&ack.properties),
            Packet::Suback(suback) | Packet::Unsuback(suback) => self.words(&suback.properties),
            _ => {}
        }
    }

    fn message(&mut self, publish: &Publish) {
        let set = publish.properties.get();
        match (&publish.topic, set.topic_alias) {
            (Some(_), None) => {}
            (topic, Some(alias)) => {
                assert!((1..=self.alias_maximum).contains(&alias), "alias {alias}");
                match topic {
                    Some(topic) => drop(self.aliases.insert(alias, topic.clone())),
                    None => assert!(self.aliases.contains_key(&alias), "alias {alias} is unknown"),
                }
            }
            (None, None) => panic!("no topic: {publish:?}"),
        }
        if let Some(id) = publish.packet_id {
            let free = self.in_flight.insert(id);
            assert!(free || publish.dup, "identifier {id} is in use: {publish:?}");
            let most = self.receive_maximum.unwrap_or(usize::from(u16::MAX));
            assert!(self.in_flight.len() <= most, "{} in flight", self.in_flight.len());
        }
    }

    fn words(&self, properties: &Properties) {
        let set = properties.get();
        let any = set.reason_string.is_some() || !set.user_properties.is_empty();
        assert!(!(any && self.wants_no_reasons), "words that the client does not want");
    }
}

/// Messages as [`show`] has them, whatever else came.
pub fn messages_among(packets: &[Packet]) -> Vec<String> {
    packets.iter().filter(|packet| matches!(packet, Packet::Publish(_))).map(show).collect()
}
