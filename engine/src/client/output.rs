//! What the client answers.

use bytestring::ByteString;
use smallvec::SmallVec;

use super::{Fault, Token};
use crate::message::Content;
use crate::packet::{Packet, ReasonCode};

/// What is to be done, and what the application is to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Write this packet.
    Send(Packet),
    /// Write what was sent before, then close the transport. No `Lost` is expected for it.
    Close {
        /// Why.
        reason: CloseReason,
    },
    /// The server accepted the connection.
    Connected {
        /// Whether the server still has the session. If not, subscriptions must be made again.
        session_present: bool,
    },
    /// A message for the application: once for QoS 2, at least once for QoS 1.
    Message(Content),
    /// A message is published as its QoS promises: written for QoS 0, acknowledged for 1 and 2.
    Acknowledged {
        /// Of the `Publish`.
        token: Token,
        /// The server's answer; before 5.0 always a success.
        code: ReasonCode,
    },
    /// The answer to a SUBSCRIBE.
    Subscribed {
        /// Of the `Subscribe`.
        token: Token,
        /// The granted QoS or a failure for each filter, in their order.
        codes: SmallVec<[ReasonCode; 4]>,
    },
    /// The answer to an UNSUBSCRIBE.
    Unsubscribed {
        /// Of the `Unsubscribe`.
        token: Token,
        /// One for each filter in 5.0; empty before.
        codes: SmallVec<[ReasonCode; 4]>,
    },
    /// What was asked for will not happen, or nobody can know whether it did.
    Failed {
        /// Of the request.
        token: Token,
        /// Why.
        why: Failure,
    },
}

/// Why a connection ends from the client's side.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// The application asked for it.
    #[error("the connection was closed as asked")]
    Requested,
    /// The server refused the CONNECT.
    #[error("the server refused the connection (code {:#04x})", .code.byte())]
    Refused {
        /// Why, in the words of 5.0; the return codes of 3.1.1 are mapped to it.
        code: ReasonCode,
        /// The server's own explanation (5.0).
        text: Option<ByteString>,
    },
    /// The server said good-bye with a DISCONNECT (5.0).
    #[error("the server ended the connection (code {:#04x})", .code.byte())]
    ByServer {
        /// Why.
        code: ReasonCode,
        /// The server's own explanation.
        text: Option<ByteString>,
    },
    /// The server did not answer the CONNECT in time.
    #[error("the server did not answer the CONNECT in time")]
    NoConnack,
    /// The server did not answer a PINGREQ in time.
    #[error("the server stopped answering")]
    NoPingresp,
    /// The server broke the protocol.
    #[error("the server broke the protocol: {0}")]
    Fault(#[from] Fault),
}

/// Why a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// There is no connection, and the request is of no use later.
    #[error("there is no connection")]
    NotConnected,
    /// The connection ended before the answer.
    #[error("the connection was lost before the answer")]
    ConnectionLost,
    /// The session ended while this QoS 2 message was under way: it may have arrived, and to
    /// publish it again could make it arrive twice.
    #[error("the session was lost while the message was under way")]
    SessionLost,
    /// `max_queued` messages wait already.
    #[error("too many messages wait already")]
    QueueFull,
    /// A SUBSCRIBE or UNSUBSCRIBE without filters.
    #[error("no topic filter was given")]
    NoFilters,
    /// All 65,535 packet identifiers are in use.
    #[error("all packet identifiers are in use")]
    NoPacketId,
}
