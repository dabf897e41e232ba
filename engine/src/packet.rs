//! The packets of MQTT 3.1, 3.1.1 and 5.0 in one model: 5.0's, of which the older two use a part.
//!
//! What only 5.0 has (properties, most reason codes) is at its default when a packet came from an
//! older client, and is left out when it goes to one: the version is the business of [`codec`]
//! alone.
//!
//! [`codec`]: crate::codec

mod properties;
mod reason;

use bytes::Bytes;
use bytestring::ByteString;
use smallvec::SmallVec;

use crate::id::PacketId;
use crate::topic::TopicName;

pub use properties::{Properties, PropertySet};
pub use reason::ReasonCode;

/// The protocol a connection speaks, by the Protocol Level of its CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// MQTT 3.1: protocol name `MQIsdp`, level 3.
    V3_1,
    /// MQTT 3.1.1: level 4.
    V3_1_1,
    /// MQTT 5.0: level 5.
    V5,
}

/// Quality of Service: what a sender promises (MQTT 5.0 section 4.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QoS {
    /// At most once.
    #[default]
    AtMostOnce = 0,
    /// At least once.
    AtLeastOnce = 1,
    /// Exactly once.
    ExactlyOnce = 2,
}

impl QoS {
    /// 0, 1 or 2; `None` for anything else.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            0 => Some(Self::AtMostOnce),
            1 => Some(Self::AtLeastOnce),
            2 => Some(Self::ExactlyOnce),
            _ => None,
        }
    }
}

/// Any control packet (MQTT 5.0 chapter 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    /// Client asks for a connection.
    Connect(Box<Connect>),
    /// Server answers a CONNECT.
    Connack(Connack),
    /// A message, either way.
    Publish(Publish),
    /// QoS 1 acknowledgement.
    Puback(Ack),
    /// QoS 2, first answer.
    Pubrec(Ack),
    /// QoS 2, release.
    Pubrel(Ack),
    /// QoS 2, last answer.
    Pubcomp(Ack),
    /// Client asks for messages.
    Subscribe(Box<Subscribe>),
    /// Server answers a SUBSCRIBE.
    Suback(Box<Suback>),
    /// Client ends subscriptions.
    Unsubscribe(Box<Unsubscribe>),
    /// Server answers an UNSUBSCRIBE.
    Unsuback(Box<Suback>),
    /// Client shows that it lives.
    Pingreq,
    /// Server shows that it lives.
    Pingresp,
    /// The sender is about to close.
    Disconnect(Disconnect),
    /// Enhanced authentication, 5.0 only.
    Auth(Auth),
}

/// The packet types by their number (MQTT 5.0 table 2-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the standard's names")]
pub enum PacketType {
    Connect = 1,
    Connack = 2,
    Publish = 3,
    Puback = 4,
    Pubrec = 5,
    Pubrel = 6,
    Pubcomp = 7,
    Subscribe = 8,
    Suback = 9,
    Unsubscribe = 10,
    Unsuback = 11,
    Pingreq = 12,
    Pingresp = 13,
    Disconnect = 14,
    Auth = 15,
}

impl PacketType {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 15] = [
        Self::Connect,
        Self::Connack,
        Self::Publish,
        Self::Puback,
        Self::Pubrec,
        Self::Pubrel,
        Self::Pubcomp,
        Self::Subscribe,
        Self::Suback,
        Self::Unsubscribe,
        Self::Unsuback,
        Self::Pingreq,
        Self::Pingresp,
        Self::Disconnect,
        Self::Auth,
    ];
}

impl Packet {
    /// Leaves out Reason String and User Properties, which a packet may always do without. Not from
    /// a PUBLISH, whose User Properties are its message's.
    pub fn leave_out_words(&mut self) {
        let properties = match self {
            Self::Connack(connack) => &mut connack.properties,
            Self::Puback(ack) | Self::Pubrec(ack) | Self::Pubrel(ack) | Self::Pubcomp(ack) => {
                &mut ack.properties
            }
            Self::Suback(suback) | Self::Unsuback(suback) => &mut suback.properties,
            Self::Disconnect(disconnect) => &mut disconnect.properties,
            Self::Auth(auth) => &mut auth.properties,
            Self::Connect(_)
            | Self::Publish(_)
            | Self::Subscribe(_)
            | Self::Unsubscribe(_)
            | Self::Pingreq
            | Self::Pingresp => return,
        };
        properties.edit(|set| {
            set.reason_string = None;
            set.user_properties.clear();
        });
    }

    /// Its type.
    #[must_use]
    pub const fn packet_type(&self) -> PacketType {
        match self {
            Self::Connect(_) => PacketType::Connect,
            Self::Connack(_) => PacketType::Connack,
            Self::Publish(_) => PacketType::Publish,
            Self::Puback(_) => PacketType::Puback,
            Self::Pubrec(_) => PacketType::Pubrec,
            Self::Pubrel(_) => PacketType::Pubrel,
            Self::Pubcomp(_) => PacketType::Pubcomp,
            Self::Subscribe(_) => PacketType::Subscribe,
            Self::Suback(_) => PacketType::Suback,
            Self::Unsubscribe(_) => PacketType::Unsubscribe,
            Self::Unsuback(_) => PacketType::Unsuback,
            Self::Pingreq => PacketType::Pingreq,
            Self::Pingresp => PacketType::Pingresp,
            Self::Disconnect(_) => PacketType::Disconnect,
            Self::Auth(_) => PacketType::Auth,
        }
    }
}

/// CONNECT (MQTT 5.0 section 3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect {
    /// The protocol that the client speaks from here on.
    pub version: Version,
    /// Clean Start in 5.0, Clean Session before.
    pub clean_start: bool,
    /// Keep Alive in seconds; 0 is off.
    pub keep_alive: u16,
    /// As sent; empty asks the server to assign one.
    pub client_id: ByteString,
    /// What to publish when the connection ends badly.
    pub will: Option<Box<Will>>,
    /// User Name.
    pub user_name: Option<ByteString>,
    /// Password; never printed.
    pub password: Option<Password>,
    /// Connect Properties.
    pub properties: Properties,
}

/// A password as the client sent it. Its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(pub Bytes);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<redacted>")
    }
}

/// The Will of a CONNECT (MQTT 5.0 section 3.1.2.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Will {
    /// Where it goes.
    pub topic: TopicName,
    /// What it says; at most 65,535 bytes by its encoding.
    pub payload: Bytes,
    /// At which QoS it is published.
    pub qos: QoS,
    /// Whether it is retained.
    pub retain: bool,
    /// Will Properties.
    pub properties: Properties,
}

/// CONNACK (MQTT 5.0 section 3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connack {
    /// Session Present.
    pub session_present: bool,
    /// [`ReasonCode::Success`] or why not. Written to older clients as their return code.
    pub code: ReasonCode,
    /// Connack Properties.
    pub properties: Properties,
}

/// PUBLISH (MQTT 5.0 section 3.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// Sent before, so it may be a repetition.
    pub dup: bool,
    /// At which QoS this packet is sent.
    pub qos: QoS,
    /// To be stored for later subscribers, or sent because it was stored.
    pub retain: bool,
    /// `None` when the packet names its topic by a Topic Alias alone (5.0).
    pub topic: Option<TopicName>,
    /// There exactly when `qos` is above 0.
    pub packet_id: Option<PacketId>,
    /// Publish Properties.
    pub properties: Properties,
    /// A view into the read buffer when it was decoded.
    pub payload: Bytes,
}

/// PUBACK, PUBREC, PUBREL and PUBCOMP are one shape (MQTT 5.0 sections 3.4 to 3.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    /// The exchange it belongs to.
    pub packet_id: PacketId,
    /// Always [`ReasonCode::Success`] before 5.0.
    pub code: ReasonCode,
    /// Reason String and User Properties.
    pub properties: Properties,
}

impl Ack {
    /// The ordinary acknowledgement: success, no properties.
    #[must_use]
    pub fn new(packet_id: PacketId) -> Self {
        Self { packet_id, code: ReasonCode::Success, properties: Properties::default() }
    }
}

/// SUBSCRIBE (MQTT 5.0 section 3.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribe {
    /// Echoed by the SUBACK.
    pub packet_id: PacketId,
    /// One or more, in order.
    pub filters: Vec<SubscribeFilter>,
    /// Subscribe Properties.
    pub properties: Properties,
}

/// One Topic Filter of a SUBSCRIBE with its Subscription Options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscribeFilter {
    /// As sent: UTF-8 without U+0000, but perhaps no valid filter. That is refused in the SUBACK.
    pub filter: ByteString,
    /// The rest.
    pub options: SubscribeOptions,
}

/// Subscription Options (MQTT 5.0 section 3.8.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubscribeOptions {
    /// Maximum QoS.
    pub qos: QoS,
    /// The client's own messages are not returned to it.
    pub no_local: bool,
    /// Forwarded messages keep their RETAIN flag.
    pub retain_as_published: bool,
    /// When retained messages are sent.
    pub retain_handling: RetainHandling,
}

/// When a SUBSCRIBE brings retained messages (MQTT 5.0 section 3.8.3.1). Before 5.0: always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetainHandling {
    /// 0: at every SUBSCRIBE.
    #[default]
    Always = 0,
    /// 1: only if the subscription is new.
    IfNew = 1,
    /// 2: never.
    Never = 2,
}

/// SUBACK and UNSUBACK are one shape (MQTT 5.0 sections 3.9 and 3.11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suback {
    /// Of the SUBSCRIBE or UNSUBSCRIBE.
    pub packet_id: PacketId,
    /// One a filter, in the order of the filters. Not written in an UNSUBACK before 5.0.
    pub codes: SmallVec<[ReasonCode; 4]>,
    /// Reason String and User Properties.
    pub properties: Properties,
}

/// UNSUBSCRIBE (MQTT 5.0 section 3.10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsubscribe {
    /// Echoed by the UNSUBACK.
    pub packet_id: PacketId,
    /// One or more, in order, as sent.
    pub filters: Vec<ByteString>,
    /// User Properties.
    pub properties: Properties,
}

/// DISCONNECT (MQTT 5.0 section 3.14).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disconnect {
    /// Always [`ReasonCode::Success`] (Normal disconnection) before 5.0.
    pub code: ReasonCode,
    /// Disconnect Properties.
    pub properties: Properties,
}

/// AUTH (MQTT 5.0 section 3.15).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// Success, Continue authentication or Re-authenticate.
    pub code: ReasonCode,
    /// Authentication Method and Data, Reason String, User Properties.
    pub properties: Properties,
}
