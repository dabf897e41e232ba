//! One connection as its client's end sees it, and what must hold for every packet on it.

use std::collections::{BTreeMap, VecDeque};

use surewire_engine::id::{ConnId, PacketId};
use surewire_engine::packet::{
    Ack, Connack, Connect, Packet, PacketType, Publish, QoS, ReasonCode, Version,
};
use surewire_engine::topic::TopicName;

/// A connection.
pub(super) struct Wire {
    pub(super) conn: ConnId,
    pub(super) version: Version,
    /// As its CONNECT or CONNACK says.
    pub(super) client: String,
    /// Which of the client's sessions it is for.
    pub(super) epoch: u64,
    /// The CONNECT was handed in.
    pub(super) opened: bool,
    /// The broker reads on: it has accepted the client, or asks who it is.
    pub(super) admitted: bool,
    /// The client knows that it is accepted.
    pub(super) ready: bool,
    /// Bytes that came were no packet: nothing more is read.
    pub(super) broken: bool,
    /// Its client has sent what no right client sends.
    pub(super) hostile: bool,
    /// The broker does not want to read.
    pub(super) paused: bool,
    /// The client takes nothing.
    pub(super) stuck: bool,
    /// The broker ended it.
    pub(super) closed: bool,
    /// The engine wants to hear what was written at once.
    pub(super) report: bool,
    /// Bytes that the transport took and the engine was not told of.
    pub(super) written: u64,
    /// Bytes that the broker has not read.
    pub(super) unread: Vec<u8>,
    /// What the transport has not taken, with its bytes.
    pub(super) transit: VecDeque<(Packet, u64)>,
    /// What a right client is to send.
    pub(super) answers: VecDeque<Packet>,
    connack: Option<Connack>,
    terms: Terms,
    /// What the client may be answered: packets of this type with this identifier.
    awaited: BTreeMap<(u8, u16), u32>,
}

/// What the client has announced, and what is under way to it.
struct Terms {
    window: usize,
    aliases: u16,
    packet_size: Option<u32>,
    topics: BTreeMap<u16, TopicName>,
    /// Messages sent on this connection and not answered in full.
    under_way: BTreeMap<PacketId, Publish>,
}

impl Wire {
    pub(super) fn new(conn: ConnId) -> Self {
        let (topics, under_way) = (BTreeMap::new(), BTreeMap::new());
        let terms = Terms { window: 0, aliases: 0, packet_size: None, topics, under_way };
        Self {
            conn,
            version: Version::V3_1_1,
            client: String::new(),
            epoch: 0,
            opened: false,
            admitted: false,
            ready: false,
            broken: false,
            hostile: false,
            paused: false,
            stuck: false,
            closed: false,
            report: false,
            written: 0,
            unread: Vec::new(),
            transit: VecDeque::new(),
            answers: VecDeque::new(),
            connack: None,
            terms,
            awaited: BTreeMap::new(),
        }
    }

    /// The CONNECT is handed in; `window` is the broker's own.
    pub(super) fn connects(&mut self, connect: &Connect, window: u16) {
        let set = connect.properties.get();
        self.version = connect.version;
        self.client = connect.client_id.to_string();
        if self.client.is_empty() {
            // Older clients never hear what they are called.
            self.client = format!("the one on {}", self.conn);
        }
        self.terms.window = usize::from(window.min(set.receive_maximum.unwrap_or(u16::MAX)));
        self.terms.aliases = set.topic_alias_maximum.unwrap_or(0);
        self.terms.packet_size = set.maximum_packet_size;
    }

    /// Of a CONNECT that was not right, this could be read.
    pub(super) fn takes_at_most(&mut self, packet_size: Option<u32>) {
        self.terms.packet_size = packet_size;
    }

    pub(super) fn reads(&self) -> bool {
        !self.broken && !self.closed && (!self.opened || (self.admitted && !self.paused))
    }

    pub(super) fn is_accepted(&self) -> bool {
        self.connack.as_ref().is_some_and(|connack| connack.code == ReasonCode::Success)
    }

    /// The client's packet is handed in.
    pub(super) fn sends(&mut self, packet: &Packet) {
        let mut awaits = |kind: PacketType, id: u16| {
            *self.awaited.entry((kind as u8, id)).or_default() += 1;
        };
        match packet {
            Packet::Publish(publish) => match (publish.qos, publish.packet_id) {
                (QoS::AtLeastOnce, Some(id)) => awaits(PacketType::Puback, id.get()),
                (QoS::ExactlyOnce, Some(id)) => awaits(PacketType::Pubrec, id.get()),
                _ => {}
            },
            Packet::Pubrel(ack) => awaits(PacketType::Pubcomp, ack.packet_id.get()),
            Packet::Subscribe(subscribe) => awaits(PacketType::Suback, subscribe.packet_id.get()),
            Packet::Unsubscribe(packet) => awaits(PacketType::Unsuback, packet.packet_id.get()),
            Packet::Pingreq => awaits(PacketType::Pingresp, 0),
            Packet::Puback(ack) | Packet::Pubcomp(ack) => {
                self.terms.under_way.remove(&ack.packet_id);
            }
            Packet::Pubrec(ack) if ack.code.is_error() => {
                self.terms.under_way.remove(&ack.packet_id);
            }
            _ => {}
        }
    }

    /// The broker sends this in so many bytes. Returns it with its topic in full.
    pub(super) fn is_sent(&mut self, mut packet: Packet, len: usize) -> Packet {
        assert!(!self.closed, "sent after close");
        if let Some(most) = self.terms.packet_size {
            assert!(len as u64 <= u64::from(most), "{len} bytes, it takes {most}: {packet:?}");
        }
        self.check_order(&packet);
        match &mut packet {
            Packet::Connack(connack) => {
                if let Some(name) = &connack.properties.get().assigned_client_identifier {
                    self.client = name.to_string();
                }
                self.connack = Some(connack.clone());
                self.admitted = self.is_accepted();
            }
            Packet::Auth(_) => self.admitted = true,
            Packet::Publish(publish) => self.terms.is_published(publish, self.version),
            Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubcomp(ack) => {
                let id = ack.packet_id.get();
                self.is_answered(packet.packet_type(), id);
            }
            Packet::Suback(suback) | Packet::Unsuback(suback) => {
                let id = suback.packet_id.get();
                self.is_answered(packet.packet_type(), id);
            }
            Packet::Pingresp => self.is_answered(PacketType::Pingresp, 0),
            Packet::Pubrel(_) | Packet::Disconnect(_) => {}
            Packet::Connect(_)
            | Packet::Subscribe(_)
            | Packet::Unsubscribe(_)
            | Packet::Pingreq => panic!("a client's packet: {packet:?}"),
        }
        packet
    }

    /// Nothing before CONNACK but what proves who the client is, and one CONNACK.
    fn check_order(&self, packet: &Packet) {
        match packet {
            Packet::Connack(_) => assert!(self.connack.is_none(), "a second CONNACK"),
            Packet::Auth(_) => assert_eq!(self.version, Version::V5, "AUTH"),
            _ => assert!(self.is_accepted(), "before CONNACK: {packet:?}"),
        }
        let is_new = matches!(packet, Packet::Disconnect(_));
        assert!(!is_new || self.version == Version::V5, "DISCONNECT to {:?}", self.version);
    }

    fn is_answered(&mut self, kind: PacketType, id: u16) {
        let count = self.awaited.get_mut(&(kind as u8, id)).filter(|count| **count > 0);
        *count.unwrap_or_else(|| panic!("{kind:?} {id} answers nothing")) -= 1;
    }

    /// What the client was to be answered and was not.
    pub(super) fn unanswered(&self) -> Vec<(u8, u16)> {
        let left = self.awaited.iter().filter(|(_, count)| **count > 0);
        left.map(|(what, _)| *what).collect()
    }

    /// How many messages the client has not answered.
    pub(super) fn under_way(&self) -> usize {
        self.terms.under_way.len()
    }
}

impl Terms {
    fn is_published(&mut self, publish: &mut Publish, version: Version) {
        self.resolve(publish);
        let Some(id) = publish.packet_id else { return };
        if let Some(before) = self.under_way.get(&id) {
            assert_ne!(version, Version::V5, "{id} is sent again on one connection");
            let again = (&before.topic, &before.payload) == (&publish.topic, &publish.payload);
            assert!(again && publish.dup, "{id} is in flight: {before:?}, then {publish:?}");
        }
        self.under_way.insert(id, publish.clone());
        let (count, window) = (self.under_way.len(), self.window);
        assert!(count <= window, "{count} in flight, it takes {window}");
    }

    fn resolve(&mut self, publish: &mut Publish) {
        let Some(alias) = publish.properties.get().topic_alias else {
            assert!(publish.topic.is_some(), "no topic and no alias");
            return;
        };
        assert!((1..=self.aliases).contains(&alias), "alias {alias} of {}", self.aliases);
        match &publish.topic {
            Some(topic) => {
                self.topics.insert(alias, topic.clone());
            }
            None => publish.topic = Some(self.topics[&alias].clone()),
        }
    }
}

/// How a right client answers what comes, apart from what its session has to say to it.
pub(super) fn answer(packet: &Packet) -> Option<Packet> {
    match packet {
        Packet::Publish(publish) => {
            let ack = Ack::new(publish.packet_id?);
            let first = publish.qos == QoS::AtLeastOnce;
            Some(if first { Packet::Puback(ack) } else { Packet::Pubrec(ack) })
        }
        Packet::Pubrel(ack) => Some(Packet::Pubcomp(Ack::new(ack.packet_id))),
        _ => None,
    }
}
