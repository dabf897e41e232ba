//! What the client is told.

use bytestring::ByteString;

use crate::message::Content;
use crate::packet::{Packet, SubscribeFilter};
use crate::violation::Violation;

/// What happened, or what the application asks for.
#[derive(Clone, Debug)]
pub enum Input {
    /// The transport is up. The CONNECT goes out.
    Opened,
    /// A packet came, decoded by the version of [`Options`](super::Options).
    Received(Packet),
    /// Bytes came that do not complete a packet: the server lives. Worth telling while a large
    /// packet arrives slowly.
    Alive,
    /// Bytes came that are no packet.
    Broken(Violation),
    /// The transport ended, or could not be opened, without the client's asking for it.
    Lost,
    /// The deadline of [`Client::next_timeout`](super::Client::next_timeout) is reached.
    Timeout,
    /// Publish a message. QoS 1 and 2 are queued while there is no connection or no room in the
    /// window; QoS 0 fails without a connection.
    Publish {
        /// Comes back with the outcome.
        token: Token,
        /// The message.
        content: Content,
    },
    /// Subscribe; only while connected.
    Subscribe {
        /// Comes back with the outcome.
        token: Token,
        /// One or more.
        filters: Vec<SubscribeFilter>,
    },
    /// End subscriptions; only while connected.
    Unsubscribe {
        /// Comes back with the outcome.
        token: Token,
        /// One or more.
        filters: Vec<ByteString>,
    },
    /// Say good-bye and close. Messages in flight stay in the session.
    Disconnect,
}

/// The application's name for something it asked for. The client only hands it back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);
