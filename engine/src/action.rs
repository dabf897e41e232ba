//! Everything the engine can ask for.

use std::sync::Arc;

use crate::answer::Answer;
use crate::codec::{Acks, Numbers, Run};
use crate::id::{ConnId, Lsn, PacketId};
use crate::identifiers::Identifiers;
use crate::log::record::Record;
use crate::message::Message;
use crate::notice::{CloseReason, Notice};
use crate::packet::{Packet, QoS};
use crate::request::RequestId;

/// What the shell is to do, in order.
#[derive(Debug)]
pub enum Action {
    /// Write this to the connection. Whatever the packet promises is already durable: the gate
    /// inside the engine has held it back until then.
    Send {
        /// To which connection.
        conn: ConnId,
        /// What.
        outgoing: Outgoing,
    },
    /// Ask the method of enhanced authentication what to make of this, and answer with
    /// [`Event::Authenticated`](crate::event::Event). The connection may be gone by then.
    Authenticate {
        /// On which connection.
        conn: ConnId,
        /// One of those that the configuration names.
        method: String,
        /// Authentication Data.
        data: Option<Vec<u8>>,
        /// Whether an exchange begins.
        first: bool,
    },
    /// Stop or go on reading from the connection.
    Read {
        /// Of which connection.
        conn: ConnId,
        /// Whether to read.
        on: bool,
    },
    /// A message waits for room on the connection: report what was written with the next
    /// [`Event::Written`](crate::event::Event) now, not only when more has come together.
    Report {
        /// Of which connection.
        conn: ConnId,
    },
    /// Write what was sent before, then close the connection. The engine has forgotten it.
    Close {
        /// Which one.
        conn: ConnId,
        /// Why.
        reason: CloseReason,
    },
    /// Append this record to the log and answer with [`Event::Durable`](crate::event::Event).
    Append {
        /// Its number: one more than the last one's.
        lsn: Lsn,
        /// The outcome to store.
        record: Record,
        /// Whether it only tells again what lives, for cleaning.
        anew: bool,
        /// Bytes of records at least that are known to be outdated since the last one was appended.
        frees: u64,
    },
    /// Records before this one are no longer needed; what lives has been written anew since, and
    /// that is durable.
    Trim {
        /// The first record that is needed.
        before: Lsn,
        /// How many bytes the records of all that lives take.
        live: u64,
    },
    /// The answer to a request. What it promises is durable.
    Answer {
        /// To which request.
        id: RequestId,
        /// What it is.
        answer: Answer,
    },
    /// A fact for logs, metrics and whoever asks "why".
    Notice(Notice),
}

/// A packet to a client.
#[derive(Clone, Debug)]
pub enum Outgoing {
    /// Anything but a PUBLISH.
    Packet(Packet),
    /// A PUBLISH whose message may be shared with other receivers.
    Publish(Delivery),
    /// Several PUBLISH packets to one topic, one behind the other: of QoS 0, or with numbers.
    Run(Arc<Run>, Option<Numbers>),
    /// Several acknowledgements of one kind, one behind the other.
    Acks(Acks),
}

/// One client's copy of a message.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// What it says.
    pub message: Message,
    /// The lower of the published and the granted QoS.
    pub qos: QoS,
    /// Sent before on an earlier connection or by timer.
    pub dup: bool,
    /// As this receiver is to see it.
    pub retain: bool,
    /// There exactly when `qos` is above 0.
    pub packet_id: Option<PacketId>,
    /// What is left of the Message Expiry Interval, in seconds (5.0).
    pub expiry: Option<u32>,
    /// Of the receiver's subscriptions that the message matches (5.0).
    pub identifiers: Identifiers,
    /// How the topic is named (5.0).
    pub alias: TopicAlias,
}

/// How a PUBLISH names its topic (MQTT 5.0 section 3.3.2.3.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TopicAlias {
    /// In full.
    #[default]
    None,
    /// In full, and the number stands for it from here on.
    Set(u16),
    /// By the number alone.
    Instead(u16),
}
