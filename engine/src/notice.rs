//! Facts about what the engine did, never text: logs, metrics, `explain` and the loss ledger are
//! renderings of them.

use std::net::SocketAddr;

use crate::event::{Lost, Memory, Storage};
use crate::id::ClientId;
use crate::packet::{QoS, ReasonCode, Version};
use crate::topic::{FilterError, TopicName};
use crate::violation::Violation;

/// Something worth telling. Ordinary accepts and deliveries are counters instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A client is connected.
    Connected {
        /// Who.
        client: ClientId,
        /// From where.
        address: SocketAddr,
        /// Speaking what.
        version: Version,
        /// Whether it found its session again.
        session_present: bool,
    },
    /// A CONNECT was answered with a refusal, or not at all.
    Refused {
        /// The id it asked for, where it could be read.
        client: Option<ClientId>,
        /// From where.
        address: SocketAddr,
        /// Why.
        why: Refusal,
    },
    /// A connection ended.
    Disconnected {
        /// Whose.
        client: ClientId,
        /// Why.
        why: CloseReason,
    },
    /// A session ended and with it everything it held.
    SessionEnded {
        /// Whose.
        client: ClientId,
        /// Why.
        why: SessionEnd,
        /// Messages it held, each dropped with [`DropReason::SessionEnded`].
        dropped: u64,
    },
    /// A message was not, or no longer, going to reach a session.
    Dropped {
        /// Whose session; `None` for a share group without members or a message no session was
        /// chosen for.
        client: Option<ClientId>,
        /// Where it was published.
        topic: TopicName,
        /// At which QoS it would have been delivered.
        qos: QoS,
        /// Why.
        why: DropReason,
    },
    /// A client's PUBLISH was not routed. A 5.0 client was told; before, it was acknowledged all the
    /// same, but for [`PublishRefusal::StorageFull`].
    PublishRefused {
        /// Whose.
        client: ClientId,
        /// Where to.
        topic: TopicName,
        /// Why.
        why: PublishRefusal,
    },
    /// A message was delivered, but not stored as the retained message of its topic.
    NotRetained {
        /// Its topic.
        topic: TopicName,
        /// Why.
        why: PublishRefusal,
    },
    /// A Topic Filter of a SUBSCRIBE was refused in the SUBACK.
    SubscribeRefused {
        /// Whose.
        client: ClientId,
        /// As sent.
        filter: String,
        /// Why.
        why: SubscribeRefusal,
    },
    /// A Will was published.
    WillPublished {
        /// Whose.
        client: ClientId,
        /// Where.
        topic: TopicName,
    },
    /// From here on what would store something new is refused, or not any more.
    Storage(Storage),
    /// Memory is that short from here on (`memory_limit`).
    Memory(Memory),
}

impl Notice {
    /// The client that it is about, where there is one.
    #[must_use]
    pub fn client(&self) -> Option<&ClientId> {
        match self {
            Self::Refused { client, .. } | Self::Dropped { client, .. } => client.as_ref(),
            Self::Connected { client, .. }
            | Self::Disconnected { client, .. }
            | Self::SessionEnded { client, .. }
            | Self::PublishRefused { client, .. }
            | Self::SubscribeRefused { client, .. }
            | Self::WillPublished { client, .. } => Some(client),
            Self::NotRetained { .. } | Self::Storage(_) | Self::Memory(_) => None,
        }
    }

    /// Whether it tells of something that was dropped, refused or cut off.
    pub(crate) fn is_incident(&self) -> bool {
        match self {
            Self::Connected { .. }
            | Self::WillPublished { .. }
            | Self::Storage(_)
            | Self::Memory(_) => false,
            Self::SessionEnded { dropped, .. } => *dropped > 0,
            Self::Disconnected { why, .. } => match why {
                CloseReason::ByClient(code) => code.is_error(),
                CloseReason::Stopping => false,
                CloseReason::Lost(_)
                | CloseReason::Violation(_)
                | CloseReason::Refused
                | CloseReason::KeepAlive
                | CloseReason::TakenOver
                | CloseReason::Stalled
                | CloseReason::QueueFull
                | CloseReason::AuthenticationFailed
                | CloseReason::AnswerTooLarge
                | CloseReason::StorageFull
                | CloseReason::Administrative => true,
            },
            Self::Refused { .. }
            | Self::Dropped { .. }
            | Self::PublishRefused { .. }
            | Self::NotRetained { .. }
            | Self::SubscribeRefused { .. } => true,
        }
    }

    /// Whether it tells of the same kind of thing for the same reason; where, and from where, does
    /// not count.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Refused { why: a, .. }, Self::Refused { why: b, .. }) => a == b,
            (Self::Disconnected { why: a, .. }, Self::Disconnected { why: b, .. }) => a == b,
            (Self::SessionEnded { why: a, .. }, Self::SessionEnded { why: b, .. }) => a == b,
            (Self::Dropped { why: a, .. }, Self::Dropped { why: b, .. }) => a == b,
            (Self::PublishRefused { why: a, .. }, Self::PublishRefused { why: b, .. })
            | (Self::NotRetained { why: a, .. }, Self::NotRetained { why: b, .. }) => a == b,
            (Self::SubscribeRefused { why: a, .. }, Self::SubscribeRefused { why: b, .. }) => {
                a == b
            }
            _ => false,
        }
    }

    /// Bytes of the names in it.
    pub(crate) fn text_len(&self) -> usize {
        let client = self.client().map_or(0, |client| client.as_str().len());
        client
            + match self {
                Self::Dropped { topic, .. }
                | Self::PublishRefused { topic, .. }
                | Self::NotRetained { topic, .. }
                | Self::WillPublished { topic, .. } => topic.as_str().len(),
                Self::SubscribeRefused { filter, .. } => filter.len(),
                Self::Connected { .. }
                | Self::Refused { .. }
                | Self::Disconnected { .. }
                | Self::SessionEnded { .. }
                | Self::Storage(_)
                | Self::Memory(_) => 0,
            }
    }

    /// A copy that pins no read buffer.
    pub(crate) fn detached(&self) -> Self {
        let mut copy = self.clone();
        match &mut copy {
            Self::Dropped { topic, .. }
            | Self::PublishRefused { topic, .. }
            | Self::NotRetained { topic, .. }
            | Self::WillPublished { topic, .. } => *topic = topic.detached(),
            Self::Connected { .. }
            | Self::Refused { .. }
            | Self::Disconnected { .. }
            | Self::SessionEnded { .. }
            | Self::SubscribeRefused { .. }
            | Self::Storage(_)
            | Self::Memory(_) => {}
        }
        copy
    }
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The client sent DISCONNECT.
    ByClient(ReasonCode),
    /// The transport ended first.
    Lost(Lost),
    /// The client broke the protocol.
    Violation(Violation),
    /// Its CONNECT was refused.
    Refused,
    /// Nothing was heard for the keep-alive time.
    KeepAlive,
    /// Another connection took the session over.
    TakenOver,
    /// Nothing of a full output was taken for the stall time.
    Stalled,
    /// `queue_full_policy: disconnect` and the queue was full.
    QueueFull,
    /// It authenticated itself again and failed (5.0).
    AuthenticationFailed,
    /// A packet that it has to get is larger than its Maximum Packet Size (5.0).
    AnswerTooLarge,
    /// It published what cannot be stored, and its version knows no other answer.
    StorageFull,
    /// An operator ended it.
    Administrative,
    /// The broker stops.
    Stopping,
}

/// Why a CONNECT was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It breaks the protocol.
    Violation(Violation),
    /// It asks for enhanced authentication by a method that is not configured (5.0).
    AuthenticationMethod,
    /// It did not prove who it is, or not in time (5.0).
    AuthenticationFailed,
    /// No id and no Clean Session, so there is nothing to keep the session by.
    EmptyClientId,
    /// The id is longer than `max_client_id_length` bytes.
    ClientIdTooLong,
    /// The listener lets nobody in unauthenticated.
    NotAuthenticated,
    /// `max_connections` are connected.
    ConnectionLimit,
    /// Memory is short: no new sessions (`memory_limit`).
    MemoryLimit,
    /// It would store a session or a Will, and the log takes no more.
    StorageFull,
    /// The Will's topic is for the broker alone.
    WillTopic,
    /// The Will's payload is said to be UTF-8 and is not (5.0).
    WillPayloadFormat,
    /// Its Maximum Packet Size is too small for the CONNACK (5.0).
    MaximumPacketSize,
    /// The broker stops.
    Stopping,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionEnd {
    /// It was to end with its connection.
    WithConnection,
    /// The client came back and wanted a new one.
    CleanStart,
    /// Its Session Expiry Interval passed.
    Expired,
    /// An operator ended it.
    Administrative,
}

/// Why a message does not reach a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropReason {
    /// The backlog is full: this was its oldest QoS 0 message.
    QueueFullOldestQoS0,
    /// The backlog is full of QoS 1 and 2 messages and this one is QoS 0.
    QueueFullNewQoS0,
    /// The backlog is full: this was its oldest message.
    QueueFullOldest,
    /// The backlog is full and `queue_full_policy` is `drop_newest`, or `disconnect`.
    QueueFullNewest,
    /// One message alone is larger than `max_queued_bytes`.
    LargerThanQueue,
    /// QoS 0 for an offline session, and `queue_qos0_messages` is off.
    OfflineQoS0,
    /// The session ended while it held the message.
    SessionEnded,
    /// QoS 0 that was sent, but not written before the connection ended.
    ConnectionClosed,
    /// The share group lost its last member while it held the message.
    GroupEnded,
    /// The packet is larger than the client's Maximum Packet Size (5.0).
    PacketTooLarge,
    /// Memory is short: queued QoS 0 goes first (`memory_limit`).
    MemoryLimit,
    /// Its Message Expiry Interval passed before it could be sent (5.0).
    Expired,
    /// The client answered it with a reason code of 0x80 or above (5.0).
    RefusedByClient,
}

impl DropReason {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 13] = [
        Self::QueueFullOldestQoS0,
        Self::QueueFullNewQoS0,
        Self::QueueFullOldest,
        Self::QueueFullNewest,
        Self::LargerThanQueue,
        Self::OfflineQoS0,
        Self::SessionEnded,
        Self::ConnectionClosed,
        Self::GroupEnded,
        Self::PacketTooLarge,
        Self::MemoryLimit,
        Self::Expired,
        Self::RefusedByClient,
    ];
}

/// Why a PUBLISH was not routed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PublishRefusal {
    /// Clients do not publish to topics that start with `$`.
    DollarTopic,
    /// More than `max_topic_levels` levels or `max_topic_length` bytes.
    TopicLimit,
    /// The retained store is full. A 5.0 client's QoS 1 or 2 message is refused; others are
    /// delivered and not stored.
    RetainedLimit,
    /// The payload is said to be UTF-8 and is not (5.0, `check_payload_format`).
    PayloadFormat,
    /// It would be stored, and the log takes no more. This one is not acknowledged.
    StorageFull,
}

/// Why a Topic Filter was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscribeRefusal {
    /// It is no Topic Filter.
    Invalid(FilterError),
    /// More than `max_topic_levels` levels or `max_topic_length` bytes.
    TopicLimit,
    /// More than `max_filters_per_subscribe` filters in one packet.
    FilterLimit,
    /// The client holds `max_subscriptions_per_client` already.
    SubscriptionLimit,
    /// The client is in `max_share_groups_per_client` share groups already.
    ShareGroupLimit,
    /// As many subscriptions wait for first connections as may: for 10,000 clients, 1,000 for each.
    Awaited,
    /// Memory is short (`memory_limit`).
    MemoryShort,
    /// It would be stored, and the log takes no more.
    StorageFull,
}
