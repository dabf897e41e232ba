//! What a server can do wrong.

use crate::id::PacketId;
use crate::packet::ReasonCode;
use crate::violation::Violation;

/// A breach of the protocol by the server; the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Bytes that are no packet.
    #[error("{0}")]
    Malformed(Violation),
    /// A packet where it has no place.
    #[error("an unexpected {packet}")]
    Unexpected {
        /// The packet's name.
        packet: &'static str,
    },
    /// Session Present for a client that asked for a clean session (3.1.1 MQTT-3.2.2-1).
    #[error("a CONNACK with Session Present after a CONNECT for a clean session")]
    SessionPresent,
    /// Session Present together with a refusal (3.1.1 MQTT-3.2.2-4).
    #[error("a refusing CONNACK with Session Present")]
    SessionPresentRefused,
    /// An acknowledgement that the exchange of its id cannot have.
    #[error("a {packet} for packet id {packet_id}, which does not fit its exchange")]
    WrongAck {
        /// The packet's name.
        packet: &'static str,
        /// As sent.
        packet_id: PacketId,
    },
    /// A SUBACK or UNSUBACK with a number of codes other than that of the filters.
    #[error("{found} codes in an answer for {expected} topic filters")]
    CodeCount {
        /// Filters in the request.
        expected: usize,
        /// Codes in the answer.
        found: usize,
    },
    /// A PUBLISH without a topic: no Topic Alias was agreed on.
    #[error("a PUBLISH without a topic")]
    NoTopic,
    /// A Topic Alias that was not allowed, or that stands for nothing.
    #[error("Topic Alias {alias}, which was not allowed or stands for nothing")]
    TopicAlias {
        /// As sent.
        alias: u16,
    },
    /// A PUBLISH of QoS 1 or 2 without a packet id.
    #[error("a PUBLISH without a packet id")]
    NoPacketId,
}

impl Fault {
    /// The reason code that a 5.0 server is told.
    #[must_use]
    pub const fn code(&self) -> ReasonCode {
        match self {
            Self::Malformed(violation) => violation.code(),
            Self::TopicAlias { .. } => ReasonCode::TopicAliasInvalid,
            Self::Unexpected { .. }
            | Self::SessionPresent
            | Self::SessionPresentRefused
            | Self::WrongAck { .. }
            | Self::CodeCount { .. }
            | Self::NoTopic
            | Self::NoPacketId => ReasonCode::ProtocolError,
        }
    }
}
