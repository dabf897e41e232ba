//! What the management interface asks of the engine, and asks it to do.
//!
//! A request is an event like any other and its [`Answer`](crate::answer::Answer) an action. No
//! request makes a long step: lists come in pieces, each with the cursor that the next one starts
//! from.

use bytes::Bytes;

use crate::id::ClientId;
use crate::message::Content;
use crate::packet::QoS;
use crate::topic::{TopicFilter, TopicName};

/// How the shell calls a request. The answer carries the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// A question, or an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Changes nothing.
    Query(Query),
    /// Changes something: the answer waits until all that has been changed is durable.
    Command(Command),
}

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// How much there is, and everything that is counted.
    Numbers,
    /// Connected clients, by the time they connected.
    Clients {
        /// Where the piece starts.
        start: Start,
        /// The most that is wanted; a step may give less.
        limit: usize,
        /// Only clients in whose id, user name or address this text occurs, whatever its case,
        /// within the first 256 bytes.
        containing: Option<String>,
    },
    /// One connected client.
    Client(ClientId),
    /// Sessions, by the time their client connected last.
    Sessions {
        /// Where the piece starts.
        start: Start,
        /// The most that is wanted; a step may give less.
        limit: usize,
        /// Only sessions in whose client id or address this text occurs, whatever its case, within
        /// the first 256 bytes.
        containing: Option<String>,
        /// Only those whose client is connected, or is not.
        online: Option<bool>,
    },
    /// One session.
    Session(ClientId),
    /// Subscriptions.
    Subscriptions {
        /// Which ones.
        of: SubscriptionsOf,
        /// Where the piece starts.
        start: Start,
        /// The most that is wanted; a step may give less.
        limit: usize,
    },
    /// Retained messages whose topic matches, in the order of their topics.
    Retained {
        /// What they must match.
        filter: TopicFilter,
        /// The topic behind which the piece starts.
        after: Option<TopicName>,
        /// The most that is wanted; a step may give less.
        limit: usize,
    },
    /// The retained message of one topic.
    RetainedMessage(TopicName),
    /// Whether a message would reach a client now, and if not, why.
    Explain {
        /// Whom.
        client: ClientId,
        /// Where it would be published.
        topic: TopicName,
        /// At which QoS.
        qos: QoS,
    },
    /// What was dropped, refused or cut off lately, newest first.
    Recent {
        /// Only what concerns this client.
        client: Option<ClientId>,
        /// The most that is wanted.
        limit: usize,
    },
    /// On which topics messages are being published. The engine looks from the first time this is
    /// asked until nobody has asked for a while.
    Topics,
}

/// Which subscriptions are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubscriptionsOf {
    /// All, by the time of their last SUBSCRIBE.
    Everyone,
    /// One client's, by the time of their last SUBSCRIBE.
    Client(ClientId),
    /// Those to exactly this filter, share group included, in no order of meaning.
    Filter(TopicFilter),
    /// Those that a message on this topic would find, in no order of meaning.
    Topic(TopicName),
}

/// Where a piece of a list starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At a page of `size` items, counted from 1; past the end it is the last page.
    Page {
        /// Which page, from 1.
        number: u64,
        /// Items of a page, from 1.
        size: u64,
    },
    /// Behind what an earlier piece ended with.
    After(Cursor),
}

/// How far a list has been read. In a list by time it stays good whatever is added or removed; where
/// there is no order of meaning, items that come or go meanwhile can be missed or seen twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(pub u64);

impl Start {
    /// At the beginning.
    pub const FIRST: Self = Self::After(Cursor(0));
}

/// What can be ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Publishes a message by the rules of a client's PUBLISH.
    Publish(Box<Content>),
    /// Subscribes on a client's behalf. For a client that has no session the subscription waits
    /// for its first connection.
    Subscribe {
        /// Whose subscription.
        client: ClientId,
        /// To what.
        filter: TopicFilter,
        /// At most at this QoS.
        qos: QoS,
    },
    /// Ends a subscription, also one that waits.
    Unsubscribe {
        /// Whose.
        client: ClientId,
        /// To what.
        filter: TopicFilter,
    },
    /// Ends a client's connection.
    Disconnect(ClientId),
    /// Ends a session, and its connection if there is one.
    EndSession(ClientId),
    /// Removes retained messages whose topic matches: some in each step.
    ClearRetained {
        /// What they must match.
        filter: TopicFilter,
        /// The topic behind which this step starts.
        after: Option<TopicName>,
    },
    /// Publishes something that the broker tells of itself below `$SYS`, retained, at QoS 0. It is
    /// not stored in the log.
    PublishSystem {
        /// Where.
        topic: TopicName,
        /// What.
        payload: Bytes,
    },
}
