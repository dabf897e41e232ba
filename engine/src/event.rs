//! Everything that can happen to the engine.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use crate::codec::{Acks, BadConnect, Packets, Run};
use crate::id::{ConnId, Lsn};
use crate::packet::{Connect, Packet};
use crate::request::{Request, RequestId};
use crate::violation::Violation;

/// What the engine is told. It answers with [`Action`](crate::action::Action)s.
#[derive(Clone, Debug)]
pub enum Event {
    /// A connection's first packet is complete. The shell numbers the connection only now: what
    /// never sends a CONNECT never reaches the engine.
    Opened {
        /// A slot that no other live connection has.
        conn: ConnId,
        /// Who and where.
        peer: Peer,
        /// The CONNECT, or what is wrong with it.
        first: Result<Box<Connect>, BadConnect>,
    },
    /// A further packet.
    Received {
        /// From which connection.
        conn: ConnId,
        /// Decoded by the version of the connection's CONNECT.
        packet: Packet,
    },
    /// The first filters of a SUBSCRIBE or UNSUBSCRIBE whose others follow, so that no step is long. What
    /// comes last is `Received`, and answered for all of them. Until then no other packet
    /// comes from the connection.
    ReceivedPart {
        /// From which connection.
        conn: ConnId,
        /// The packet with these filters alone.
        packet: Packet,
    },
    /// PUBLISH packets that came in one read and are alike: the same as each of them by itself.
    ReceivedRun {
        /// From which connection.
        conn: ConnId,
        /// The packets.
        run: Arc<Run>,
    },
    /// Acknowledgements that came in one read and are alike: the same as each of them by itself.
    ReceivedAcks {
        /// From which connection.
        conn: ConnId,
        /// The packets.
        acks: Acks,
    },
    /// Bytes that are no packet. Nothing more comes from this connection.
    Broken {
        /// From which connection.
        conn: ConnId,
        /// What is wrong with them.
        violation: Violation,
    },
    /// What a method of enhanced authentication makes of what a client sent, after
    /// [`Action::Authenticate`](crate::action::Action).
    Authenticated {
        /// Which connection.
        conn: ConnId,
        /// What it comes to.
        verdict: Verdict,
    },
    /// Bytes of the connection's output that the transport has taken since the last such event.
    /// It may be told late, with whatever else there is, except after
    /// [`Action::Report`](crate::action::Action).
    Written {
        /// Of which connection.
        conn: ConnId,
        /// How many.
        bytes: u64,
    },
    /// The connection ended and the engine did not ask for it.
    Closed {
        /// Which one.
        conn: ConnId,
        /// How.
        why: Lost,
    },
    /// Every record up to this one is on stable storage.
    Durable {
        /// The last such record.
        upto: Lsn,
    },
    /// The management interface asks something. It is answered by
    /// [`Action::Answer`](crate::action::Action), in this step or, where the answer has to wait
    /// for the log, in a later one.
    Request {
        /// Returned with the answer.
        id: RequestId,
        /// What it asks.
        request: Box<Request>,
    },
    /// The deadline that [`Engine::next_timeout`](crate::Engine::next_timeout) told is reached.
    Timeout,
    /// The log holds much that is outdated: write anew some more of what lives. To be told again
    /// until [`Action::Trim`](crate::action::Action) says that all before can go; nothing happens
    /// until what was written last is durable.
    Clean {
        /// About how many bytes to write in one step. A few steps follow at once.
        step: u32,
        /// How many bytes are to be written for what was appended meanwhile, or the log would grow
        /// faster than it is cleaned: more steps follow until they are.
        owed: u64,
    },
    /// Whether the log takes more has changed.
    Storage(Storage),
    /// How short memory is has changed.
    Memory(Memory),
    /// The broker is about to stop: end every connection, keep every promise.
    Stop,
}

impl Event {
    /// What was taken off the front of a connection's read buffer.
    #[inline]
    #[must_use]
    pub fn received(conn: ConnId, packets: Packets) -> Self {
        match packets {
            Packets::One(packet) => Self::Received { conn, packet },
            Packets::Run(run) => Self::ReceivedRun { conn, run },
            Packets::Acks(acks) => Self::ReceivedAcks { conn, acks },
        }
    }
}

/// Where an exchange of enhanced authentication has come to (5.0 section 4.12).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The client is to answer this.
    Continue(Bytes),
    /// The client is who it says, and is perhaps told something last.
    Accepted(Option<Bytes>),
    /// It is not.
    Refused,
}

/// Whether the log takes more. While it does not, what would store something new is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Storage {
    /// It does.
    #[default]
    Takes,
    /// The disk has no room.
    Full,
    /// So much waits for the disk already that no more may.
    Behind,
}

/// How short memory is. Each stage means all that those before it mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Memory {
    /// There is enough.
    #[default]
    Enough,
    /// A CONNECT that would make a session is refused; so are a new subscription, and a message that
    /// would be retained where none is.
    NoNewSessions,
    /// QoS 0 messages do not wait for anybody, and those that do are dropped. Who has published what
    /// stays is not read any more, and connections may leave less output unwritten.
    NoQueuedQos0,
    /// Who has published is not read any more until there is more memory again; but those that
    /// still have to acknowledge something are, one every 50 ms.
    NoPublishers,
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// Whether the listener lets clients in that nobody has authenticated.
    pub anonymous: bool,
}

/// How a connection was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lost {
    /// The peer closed it without DISCONNECT.
    ByPeer,
    /// The transport reported an error.
    Failed,
    /// The shell's own task for it panicked.
    Panicked,
    /// Memory was too short for too long to read on a large packet.
    MemoryShort,
}
