//! What a peer can do wrong on the wire, with the statement of the standard that it breaks.

use crate::packet::{ReasonCode, Version};

/// A breach of the protocol by the peer. Whatever it is, the connection it came on ends
/// (3.1.1 section 4.8, 5.0 section 4.13).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// The first packet is not a CONNECT.
    #[error("the first packet is of type {found}, not CONNECT")]
    NotConnect {
        /// The packet type, 0 to 15.
        found: u8,
    },
    /// A second CONNECT on one connection.
    #[error("a second CONNECT on one connection")]
    SecondConnect,
    /// The protocol name is none of ours.
    #[error("the protocol name is neither MQTT nor MQIsdp")]
    ProtocolName,
    /// The protocol name is known, its level is not.
    #[error("the protocol level is {level}; served are 3 (MQIsdp), 4 and 5 (MQTT)")]
    ProtocolLevel {
        /// As sent.
        level: u8,
    },
    /// Bit 0 of the Connect Flags is set.
    #[error("the reserved bit of the Connect Flags is set")]
    ReservedConnectFlag,
    /// Will QoS or Will Retain without a Will, or Will QoS 3.
    #[error("the Will QoS or Will Retain flag does not fit the Will flag")]
    WillFlags,
    /// A Password without a User Name, before 5.0.
    #[error("a Password without a User Name")]
    PasswordWithoutUserName,
    /// The Will Topic is no Topic Name.
    #[error("the Will Topic is empty or has a wildcard")]
    WillTopic,
    /// Packet type 0, or 15 before 5.0.
    #[error("packet type {found} is reserved")]
    ReservedType {
        /// The packet type, 0 or 15.
        found: u8,
    },
    /// The low nibble of the fixed header is not as the standard fixes it.
    #[error("packet type {packet} has the flags {flags:#06b}")]
    ReservedFlags {
        /// The packet type, 1 to 15.
        packet: u8,
        /// The low nibble as sent.
        flags: u8,
    },
    /// A packet that only a server sends.
    #[error("packet type {packet} is only sent by servers")]
    WrongDirection {
        /// The packet type.
        packet: u8,
    },
    /// A Variable Byte Integer of more than four bytes, or longer than needed.
    #[error("a Variable Byte Integer is over-long")]
    VariableByteInteger,
    /// Reserved bits in the flags of a CONNACK.
    #[error("a CONNACK has the flags {flags:#010b}")]
    ConnackFlags {
        /// As sent.
        flags: u8,
    },
    /// The packet is larger than the limit.
    #[error("a packet of {size} bytes, {limit} are allowed")]
    PacketTooLarge {
        /// Of the whole packet, in bytes, as its fixed header claims.
        size: usize,
        /// In bytes.
        limit: usize,
    },
    /// The packet ends inside a field.
    #[error("the packet ends inside a field")]
    Truncated,
    /// Bytes are left behind the last field.
    #[error("bytes are left behind the last field")]
    TrailingBytes,
    /// Text that is not UTF-8, or holds surrogates.
    #[error("a string is not well-formed UTF-8")]
    IllFormedUtf8,
    /// U+0000 in a text.
    #[error("a string contains U+0000")]
    Nul,
    /// A control character in a text, where `reject_control_chars` is on.
    #[error("a string contains a control character")]
    ControlCharacter,
    /// Packet Identifier 0.
    #[error("the Packet Identifier is 0")]
    PacketIdZero,
    /// QoS 3 in a PUBLISH.
    #[error("a PUBLISH with QoS 3")]
    QoS3,
    /// DUP with QoS 0.
    #[error("a PUBLISH with QoS 0 and DUP")]
    DupWithoutQoS,
    /// No topic, and no alias that stands for one.
    #[error("a PUBLISH without a topic")]
    EmptyTopic,
    /// `+` or `#` in a Topic Name.
    #[error("a Topic Name with a wildcard")]
    WildcardInTopic,
    /// A SUBSCRIBE or UNSUBSCRIBE without filters.
    #[error("no Topic Filter in a SUBSCRIBE or UNSUBSCRIBE")]
    NoFilters,
    /// Reserved bits in Subscription Options.
    #[error("reserved bits are set in the Subscription Options")]
    ReservedOptions,
    /// A requested QoS of 3.
    #[error("a subscription asks for QoS 3")]
    SubscribeQoS3,
    /// Retain Handling 3.
    #[error("a subscription asks for Retain Handling 3")]
    RetainHandling3,
    /// No Local on a Shared Subscription.
    #[error("No Local on a Shared Subscription")]
    NoLocalOnShared,
    /// An acknowledgement that its exchange cannot have, such as PUBACK for QoS 2.
    #[error("packet type {packet} does not fit the exchange of its Packet Identifier")]
    WrongAck {
        /// The packet type.
        packet: u8,
    },
    /// A reason code that the packet cannot carry.
    #[error("reason code {code:#04x} does not belong in this packet")]
    ReasonCode {
        /// As sent.
        code: u8,
    },
    /// A property the standard does not know, or not in this packet.
    #[error("property {id:#04x} is unknown or does not belong in this packet")]
    Property {
        /// Its identifier as sent.
        id: u32,
    },
    /// A property that may stand once stands twice.
    #[error("property {id:#04x} stands twice")]
    DuplicateProperty {
        /// Its identifier.
        id: u32,
    },
    /// A property value out of its range.
    #[error("property {id:#04x} has a value out of its range")]
    PropertyValue {
        /// Its identifier.
        id: u32,
    },
    /// A property that only a server sends in this packet.
    #[error("property {id:#04x} is only sent by servers in this packet")]
    ServerProperty {
        /// Its identifier.
        id: u32,
    },
    /// More User Properties than `max_user_properties`.
    #[error("more than {limit} User Properties")]
    TooManyUserProperties {
        /// How many are allowed in a packet.
        limit: usize,
    },
    /// Authentication Data without a method.
    #[error("Authentication Data without an Authentication Method")]
    AuthenticationData,
    /// More unacknowledged QoS 1 and 2 messages than the Receive Maximum.
    #[error("more than {limit} unacknowledged QoS 1 and 2 messages, the Receive Maximum")]
    ReceiveMaximum {
        /// As announced.
        limit: u16,
    },
    /// A Topic Alias of 0, or above the maximum.
    #[error("Topic Alias {alias}, allowed are 1 to {limit}")]
    TopicAlias {
        /// As sent.
        alias: u16,
        /// As announced.
        limit: u16,
    },
    /// A Topic Alias that stands for nothing yet, and no topic.
    #[error("Topic Alias {alias} was not set on this connection, and the topic is empty")]
    UnknownTopicAlias {
        /// As sent.
        alias: u16,
    },
    /// A DISCONNECT that would keep a session which was to end with its connection.
    #[error("the Session Expiry Interval was 0 in CONNECT and cannot be raised in DISCONNECT")]
    SessionExpiryRaised,
    /// An AUTH where no exchange was agreed on, or where it is not the client's turn.
    #[error("an AUTH that no Authentication Method in CONNECT, or its exchange, leads to expect")]
    UnexpectedAuth,
    /// An AUTH of another method than the CONNECT's.
    #[error("an AUTH with another Authentication Method than in CONNECT")]
    AuthenticationMethod,
    /// Another packet before the exchange was over.
    #[error("packet type {packet} before the authentication was over")]
    NotAuthenticated {
        /// The packet type.
        packet: u8,
    },
}

impl Violation {
    /// The numbered statement of the standard that was broken; `None` where the standard binds
    /// without a number, or where the limit is ours.
    #[must_use]
    pub const fn id(&self, version: Version) -> Option<&'static str> {
        match version {
            Version::V3_1 | Version::V3_1_1 => self.id_v3(),
            Version::V5 => self.id_v5(),
        }
    }

    const fn id_v3(self) -> Option<&'static str> {
        Some(match self {
            Self::NotConnect { .. } => "MQTT-3.1.0-1",
            Self::SecondConnect => "MQTT-3.1.0-2",
            Self::ProtocolName => "MQTT-3.1.2-1",
            Self::ProtocolLevel { .. } => "MQTT-3.1.2-2",
            Self::ReservedConnectFlag => "MQTT-3.1.2-3",
            Self::WillFlags => "MQTT-3.1.2-11",
            Self::PasswordWithoutUserName => "MQTT-3.1.2-22",
            Self::ReservedFlags { .. } => "MQTT-2.2.2-2",
            Self::IllFormedUtf8 => "MQTT-1.5.3-1",
            Self::Nul => "MQTT-1.5.3-2",
            Self::PacketIdZero => "MQTT-2.3.1-1",
            Self::QoS3 => "MQTT-3.3.1-4",
            Self::DupWithoutQoS => "MQTT-3.3.1-2",
            Self::EmptyTopic => "MQTT-4.7.3-1",
            Self::WildcardInTopic | Self::WillTopic => "MQTT-3.3.2-2",
            Self::NoFilters => "MQTT-3.8.3-3",
            Self::ReservedOptions | Self::SubscribeQoS3 => "MQTT-3.8.3-4",
            Self::WrongAck { .. } | Self::WrongDirection { .. } => "MQTT-4.8.0-1",
            Self::ReservedType { .. }
            | Self::VariableByteInteger
            | Self::PacketTooLarge { .. }
            | Self::Truncated
            | Self::TrailingBytes
            | Self::ControlCharacter
            | Self::RetainHandling3
            | Self::NoLocalOnShared
            | Self::ConnackFlags { .. }
            | Self::ServerProperty { .. }
            | Self::ReasonCode { .. }
            | Self::Property { .. }
            | Self::DuplicateProperty { .. }
            | Self::PropertyValue { .. }
            | Self::TooManyUserProperties { .. }
            | Self::AuthenticationData
            | Self::ReceiveMaximum { .. }
            | Self::TopicAlias { .. }
            | Self::UnknownTopicAlias { .. }
            | Self::SessionExpiryRaised
            | Self::AuthenticationMethod
            | Self::NotAuthenticated { .. }
            | Self::UnexpectedAuth => return None,
        })
    }

    const fn id_v5(self) -> Option<&'static str> {
        Some(match self {
            Self::NotConnect { .. } => "MQTT-3.1.0-1",
            Self::SecondConnect => "MQTT-3.1.0-2",
            Self::ProtocolName => "MQTT-3.1.2-1",
            Self::ProtocolLevel { .. } => "MQTT-3.1.2-2",
            Self::ReservedConnectFlag => "MQTT-3.1.2-3",
            Self::WillFlags => "MQTT-3.1.2-11",
            Self::ReservedFlags { .. } => "MQTT-2.1.3-1",
            Self::IllFormedUtf8 => "MQTT-1.5.4-1",
            Self::Nul => "MQTT-1.5.4-2",
            Self::VariableByteInteger => "MQTT-1.5.5-1",
            Self::PacketIdZero => "MQTT-2.2.1-3",
            Self::QoS3 => "MQTT-3.3.1-4",
            Self::DupWithoutQoS => "MQTT-3.3.1-2",
            Self::EmptyTopic => "MQTT-4.7.3-1",
            Self::WildcardInTopic | Self::WillTopic => "MQTT-3.3.2-2",
            Self::NoFilters => "MQTT-3.8.3-2",
            Self::ReservedOptions => "MQTT-3.8.3-5",
            Self::ConnackFlags { .. } => "MQTT-3.2.2-1",
            Self::NoLocalOnShared => "MQTT-3.8.3-4",
            Self::ServerProperty { id: 0x0B } => "MQTT-3.3.4-6",
            Self::ReceiveMaximum { .. } => "MQTT-3.3.4-7",
            Self::PacketTooLarge { .. } => "MQTT-3.2.2-15",
            Self::TopicAlias { alias: 0, .. } => "MQTT-3.3.2-8",
            Self::TopicAlias { .. } => "MQTT-3.3.2-9",
            Self::UnexpectedAuth => "MQTT-4.12.0-7",
            Self::AuthenticationMethod => "MQTT-4.12.0-5",
            Self::NotAuthenticated { .. } => "MQTT-3.1.2-30",
            Self::PasswordWithoutUserName
            | Self::SubscribeQoS3
            | Self::WrongAck { .. }
            | Self::WrongDirection { .. }
            | Self::ReservedType { .. }
            | Self::Truncated
            | Self::TrailingBytes
            | Self::ControlCharacter
            | Self::RetainHandling3
            | Self::ReasonCode { .. }
            | Self::Property { .. }
            | Self::DuplicateProperty { .. }
            | Self::PropertyValue { .. }
            | Self::ServerProperty { .. }
            | Self::TooManyUserProperties { .. }
            | Self::SessionExpiryRaised
            | Self::UnknownTopicAlias { .. }
            | Self::AuthenticationData => return None,
        })
    }

    /// The reason code that a 5.0 client is told: malformed packets apart from protocol errors as
    /// 5.0 section 4.13 separates them.
    #[must_use]
    pub const fn code(&self) -> ReasonCode {
        match self {
            Self::ProtocolName | Self::ProtocolLevel { .. } => {
                ReasonCode::UnsupportedProtocolVersion
            }
            Self::PacketTooLarge { .. } => ReasonCode::PacketTooLarge,
            Self::ReceiveMaximum { .. } => ReasonCode::ReceiveMaximumExceeded,
            Self::TopicAlias { .. } => ReasonCode::TopicAliasInvalid,
            Self::TooManyUserProperties { .. } => ReasonCode::QuotaExceeded,
            Self::WildcardInTopic | Self::WillTopic => ReasonCode::TopicNameInvalid,
            Self::NotConnect { .. }
            | Self::SecondConnect
            | Self::WrongDirection { .. }
            | Self::PacketIdZero
            | Self::EmptyTopic
            | Self::NoFilters
            | Self::SubscribeQoS3
            | Self::RetainHandling3
            | Self::NoLocalOnShared
            | Self::ServerProperty { .. }
            | Self::WrongAck { .. }
            | Self::ReasonCode { .. }
            | Self::DuplicateProperty { .. }
            | Self::PropertyValue { .. }
            | Self::AuthenticationData
            | Self::UnknownTopicAlias { .. }
            | Self::SessionExpiryRaised
            | Self::AuthenticationMethod
            | Self::NotAuthenticated { .. }
            | Self::UnexpectedAuth => ReasonCode::ProtocolError,
            Self::ReservedConnectFlag
            | Self::WillFlags
            | Self::PasswordWithoutUserName
            | Self::ReservedType { .. }
            | Self::ReservedFlags { .. }
            | Self::ConnackFlags { .. }
            | Self::VariableByteInteger
            | Self::Truncated
            | Self::TrailingBytes
            | Self::IllFormedUtf8
            | Self::Nul
            | Self::ControlCharacter
            | Self::QoS3
            | Self::DupWithoutQoS
            | Self::ReservedOptions
            | Self::Property { .. } => ReasonCode::MalformedPacket,
        }
    }
}
