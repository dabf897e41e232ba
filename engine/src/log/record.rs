//! Records: outcomes, never inputs, so that replaying them under another configuration gives the
//! same state. One record for each transition of something durable.

use std::net::SocketAddr;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::id::{ClientId, Lsn, PacketId};
use crate::identifiers::Identifiers;
use crate::message::{Content, RetainFlag};
use crate::packet::{QoS, SubscribeOptions};
use crate::time::Time;
use crate::topic::{TopicFilter, TopicName};

/// A session's name in the log: a number that is never used twice. (Not a hash of its client id:
/// two clients must never meet in one session.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey(pub u64);

/// A message's place in the order of the session or share group that holds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

/// One durable transition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A session that outlives its connection began, empty and connected.
    SessionBegan {
        /// Its name from here on.
        session: SessionKey,
        /// Whose.
        client: ClientId,
        /// Where the client connected from.
        address: SocketAddr,
        /// When; no two arrivals have the same time.
        at: Time,
        /// Seconds that it lives on after its connection; `None` is for ever.
        expiry: Option<u32>,
    },
    /// The session's client is back.
    SessionResumed {
        /// Which.
        session: SessionKey,
        /// Where the client connected from.
        address: SocketAddr,
        /// When; no two arrivals have the same time.
        at: Time,
        /// As for `SessionBegan`.
        expiry: Option<u32>,
    },
    /// The session's connection ended.
    SessionLeft {
        /// Which.
        session: SessionKey,
        /// When, which is where its expiry counts from.
        at: Time,
    },
    /// The session is to live for another time than it was to (DISCONNECT of 5.0).
    SessionExpires {
        /// Which.
        session: SessionKey,
        /// As for `SessionBegan`.
        expiry: Option<u32>,
    },
    /// The session, and all it held, is gone.
    SessionEnded {
        /// Which.
        session: SessionKey,
    },
    /// The client's Will, to be published when it is lost. Stored for every session, also for one
    /// that ends with its connection, so that a Will survives our own crash.
    WillSet {
        /// Of which session.
        session: SessionKey,
        /// Whose.
        client: ClientId,
        /// What.
        will: Arc<Content>,
        /// Seconds after the loss.
        delay: u32,
    },
    /// The Will is published or withdrawn.
    WillCleared {
        /// Of which session.
        session: SessionKey,
    },
    /// A subscription began or changed.
    Subscribed {
        /// Whose.
        session: SessionKey,
        /// To what, with its share group.
        filter: TopicFilter,
        /// How.
        options: SubscribeOptions,
        /// Subscription Identifier (5.0).
        identifier: Option<u32>,
        /// When.
        at: Time,
    },
    /// A subscription ended.
    Unsubscribed {
        /// Whose.
        session: SessionKey,
        /// Of what.
        filter: TopicFilter,
    },
    /// A message was accepted: everything durable that it changes, in one record.
    Published {
        /// What; once, however many hold it.
        message: Arc<Content>,
        /// When, which is where its expiry counts from (5.0).
        at: Time,
        /// The sender's QoS 2 identifier, taken until its PUBREL: durable with the message, so
        /// that a repetition is never taken for a new message.
        received: Option<(SessionKey, PacketId)>,
        /// What it does to the retained message of its topic.
        retained: Retained,
        /// Who holds it.
        to: Vec<Target>,
    },
    /// A session's outgoing exchanges moved on.
    Advanced {
        /// Which.
        session: SessionKey,
        /// A message it no longer holds: acknowledged, dropped or expired.
        removed: Option<Seq>,
        /// A QoS 2 message that the client has (PUBREC) and that is to be released (PUBREL).
        released: Option<Seq>,
        /// Messages that left the backlog, with the identifiers they are sent with.
        sent: SmallVec<[(Seq, PacketId); 2]>,
    },
    /// The client sent a QoS 2 message that went nowhere; its identifier is taken all the same.
    Received {
        /// Whose.
        session: SessionKey,
        /// Which.
        packet_id: PacketId,
    },
    /// The client released its QoS 2 message (PUBREL); the identifier is free.
    ReceivedDone {
        /// Whose.
        session: SessionKey,
        /// Which.
        packet_id: PacketId,
    },
    /// A session is being sent the retained messages of a filter and has got this far.
    Replaying {
        /// Which.
        session: SessionKey,
        /// Which filter.
        filter: TopicFilter,
        /// The last topic sent; `None` at the start.
        after: Option<TopicName>,
    },
    /// A session has been sent all retained messages of a filter.
    Replayed {
        /// Which.
        session: SessionKey,
        /// Which filter.
        filter: TopicFilter,
    },
    /// A subscription waits for the first connection of a client that has no session.
    SubscriptionAwaits {
        /// Whom it waits for.
        client: ClientId,
        /// To what, with its share group.
        filter: TopicFilter,
        /// How.
        options: SubscribeOptions,
    },
    /// A subscription waits no longer: the client is there, or it was withdrawn.
    AwaitingEnded {
        /// Whom it waited for.
        client: ClientId,
        /// To what; `None` is all that waited for this client.
        filter: Option<TopicFilter>,
    },
    /// A session still holds a message: written anew when the log is cleaned.
    Holds {
        /// Which.
        session: SessionKey,
        /// At which place of its order.
        seq: Seq,
        /// What.
        message: Kept,
        /// When it was accepted.
        at: Time,
        /// At which QoS it is delivered.
        qos: QoS,
        /// Its RETAIN flag.
        retain: RetainFlag,
        /// There if it was sent.
        packet_id: Option<PacketId>,
        /// Whether the client has it (PUBREC), so that only its release is missing.
        released: bool,
        /// The share group it came by.
        group: Option<TopicFilter>,
        /// Of the subscriptions that it matched.
        identifiers: Identifiers,
    },
    /// A share group still holds a message: written anew when the log is cleaned.
    GroupHolds {
        /// `$share/name/filter`.
        group: TopicFilter,
        /// At which place of its order.
        seq: Seq,
        /// What.
        message: Kept,
        /// When it was accepted.
        at: Time,
    },
    /// A share group no longer holds the message: a member has it, or the group ended.
    GroupRemoved {
        /// `$share/name/filter`.
        group: TopicFilter,
        /// Which message.
        seq: Seq,
    },
    /// The broker was there at the time of this batch, and had nothing else to store.
    Alive,
}

impl Record {
    /// The session no longer holds a message.
    pub(crate) fn advanced(session: SessionKey, removed: Option<Seq>) -> Self {
        Self::Advanced { session, removed, released: None, sent: SmallVec::new() }
    }

    /// The client has a QoS 2 message.
    pub(crate) fn released(session: SessionKey, released: Seq) -> Self {
        let released = Some(released);
        Self::Advanced { session, removed: None, released, sent: SmallVec::new() }
    }
}

/// A message that is written anew, once for all that hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Here it is.
    Here(Arc<Content>),
    /// It is the message of the record of this number.
    Earlier(Lsn),
}

/// What a message does to the retained message of its topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retained {
    /// Nothing.
    Untouched,
    /// It becomes the retained message.
    Stored,
    /// The retained message goes: the payload is empty, or its successor is over the limits.
    Cleared,
}

/// Who holds a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A session.
    Session {
        /// Which.
        session: SessionKey,
        /// At which place of its order.
        seq: Seq,
        /// At which QoS it is delivered.
        qos: QoS,
        /// Its RETAIN flag.
        retain: RetainFlag,
        /// There if it was sent at once.
        packet_id: Option<PacketId>,
        /// The share group it came by.
        group: Option<TopicFilter>,
        /// Of the subscriptions that it matched.
        identifiers: Identifiers,
    },
    /// A share group none of whose members is connected.
    Group {
        /// `$share/name/filter`.
        group: TopicFilter,
        /// At which place of its order.
        seq: Seq,
    },
}
