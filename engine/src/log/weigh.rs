//! What records mean for how much lives, without looking at what they are about.

use crate::codec;
use crate::log;
use crate::log::record::{Record, Retained};
use crate::message::Content;

/// Bytes at most that a record of a holder takes more, where it stands alone, than in the record of
/// the message: its length, its kind, and the number of the record with the message.
const HOLDER: u64 = 20;

/// Bytes more if the message expires: the time from which that counts.
const TIME: u64 = 9;

/// Bytes more, where it stands alone, of the packet identifier of a message that came by QoS 2.
const RECEIVED: u64 = 6;

/// Bytes at least of a holder's record where it stands alone, without the message.
pub(crate) const HELD: u64 = 13;

/// Bytes before each record, for its length.
const LENGTH: usize = 4;

/// Bytes that a record takes in a batch; `scratch` is for its bytes.
pub(crate) fn len(record: &Record, scratch: &mut Vec<u8>) -> u64 {
    scratch.clear();
    log::encode(record, scratch);
    (LENGTH + scratch.len()) as u64
}

impl Record {
    /// Bytes that writing anew what this brings may take beside its own.
    pub(super) fn surplus(&self) -> u64 {
        let Self::Published { message, received, retained, to, .. } = self else { return 0 };
        // The first holder's takes what the message's had. What is retained too is written twice.
        let expires = message.expires().is_some();
        let twice = *retained == Retained::Stored && !to.is_empty();
        let message = if twice { weight(message) } else { 0 };
        let received = if received.is_some() { RECEIVED } else { 0 };
        let time = if expires { TIME } else { 0 };
        (to.len() as u64).saturating_sub(1) * (HOLDER + time) + message + received
    }

    /// Whether nothing of it is ever written anew: it only says that something ceased.
    pub(super) fn brings_nothing(&self) -> bool {
        match self {
            Self::SessionEnded { .. }
            | Self::WillCleared { .. }
            | Self::Unsubscribed { .. }
            | Self::ReceivedDone { .. }
            | Self::Replayed { .. }
            | Self::AwaitingEnded { .. }
            | Self::GroupRemoved { .. }
            | Self::Alive => true,
            Self::Advanced { sent, .. } => sent.is_empty(),
            Self::Published { received, retained, to, .. } => {
                received.is_none() && *retained != Retained::Stored && to.is_empty()
            }
            Self::SessionBegan { .. }
            | Self::SessionResumed { .. }
            | Self::SessionLeft { .. }
            | Self::SessionExpires { .. }
            | Self::WillSet { .. }
            | Self::Subscribed { .. }
            | Self::Received { .. }
            | Self::Replaying { .. }
            | Self::SubscriptionAwaits { .. }
            | Self::Holds { .. }
            | Self::GroupHolds { .. } => false,
        }
    }
}

/// Bytes at least that a message takes in a record: its bits and two lengths, topic, payload and
/// properties.
pub(crate) fn weight(message: &Content) -> u64 {
    let properties = if message.properties.is_empty() {
        0
    } else {
        codec::message_properties_len(&message.properties)
    };
    (3 + message.topic.as_str().len() + message.payload.len() + properties) as u64
}
