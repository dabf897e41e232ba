//! What the engine answers to a [`Request`](crate::request::Request): views of its state as it was
//! in that step.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::counters::Counters;
use crate::engine::Sizes;
use crate::id::ClientId;
use crate::log::record::Retained;
use crate::message::Content;
use crate::notice::{DropReason, Notice, PublishRefusal, SubscribeRefusal};
use crate::packet::{QoS, SubscribeOptions, Version};
use crate::request::Cursor;
use crate::time::Time;
use crate::topic::{TopicFilter, TopicName};

/// The answer to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To `Numbers`.
    Numbers(Box<Numbers>),
    /// To `Clients`.
    Clients(Page<ClientView>),
    /// To `Client`; `None` if it is not connected.
    Client(Option<Box<ClientView>>),
    /// To `Sessions`.
    Sessions(Page<SessionView>),
    /// To `Session`; `None` if there is none.
    Session(Option<Box<SessionView>>),
    /// To `Subscriptions`.
    Subscriptions(Page<SubscriptionView>),
    /// To `Retained`.
    Retained(RetainedPage),
    /// To `RetainedMessage`; `None` if there is none.
    RetainedMessage(Option<Box<Content>>),
    /// To `Explain`.
    Explanation(Box<Explanation>),
    /// To `Recent`, newest first.
    Recent(Vec<Incident>),
    /// To `Topics`.
    Topics(TopicsView),
    /// To `Publish`.
    Published {
        /// Sessions that it was routed to, and share groups that it waits in.
        receivers: u64,
        /// What it did to the retained message of its topic.
        retained: Retained,
    },
    /// To `Publish`: it was not routed.
    PublishRefused(PublishRefusal),
    /// To `Subscribe`.
    Subscribed,
    /// To `Subscribe`: nothing has changed.
    SubscribeRefused(SubscribeRefusal),
    /// To `Unsubscribe`, and whether there was such a subscription.
    Unsubscribed(bool),
    /// To `Disconnect`, and whether it was connected.
    Disconnected(bool),
    /// To `EndSession`, and whether there was one.
    SessionEnded(bool),
    /// To `ClearRetained`.
    RetainedCleared {
        /// Messages removed in this step.
        removed: u64,
        /// Where to go on; `None` at the end.
        next: Option<TopicName>,
    },
    /// To `PublishSystem`.
    SystemPublished,
}

/// Everything that is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// How much there is.
    pub sizes: Sizes,
    /// Since the engine began.
    pub counters: Counters,
}

/// A piece of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What is there.
    pub items: Vec<T>,
    /// How many the whole list has, before any filter.
    pub total: u64,
    /// The page that the piece starts, if it was asked for by page: the last one if the number
    /// asked for is beyond it, and that number if the list is empty.
    pub number: u64,
    /// Where the next piece starts; `None` at the end of the list.
    pub next: Option<Cursor>,
}

/// A connected client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientView {
    /// Its id.
    pub client: ClientId,
    /// The user name of its CONNECT.
    pub user_name: Option<Arc<str>>,
    /// Where it is.
    pub address: SocketAddr,
    /// What it speaks.
    pub version: Version,
    /// Whether its session ends with its connection.
    pub ends_with_connection: bool,
    /// The Keep Alive that it asked for, in seconds.
    pub keep_alive: u16,
    /// When it connected.
    pub connected_at: Time,
    /// When a packet of it came last.
    pub heard_at: Time,
    /// Bytes sent to it that it has not taken yet.
    pub unsent: u64,
    /// Whether it is being read from; if not, it makes the broker hold too much.
    pub reading: bool,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionView {
    /// Whose.
    pub client: ClientId,
    /// Whether its client is connected.
    pub online: bool,
    /// Where its client connected from last.
    pub address: SocketAddr,
    /// Whether it ends with its connection.
    pub ends_with_connection: bool,
    /// Seconds that it outlives its connection; `None` is for ever.
    pub expiry: Option<u32>,
    /// Subscriptions.
    pub subscriptions: u64,
    /// Messages sent and not fully acknowledged.
    pub inflight: u64,
    /// The most of them.
    pub inflight_limit: u16,
    /// Messages that wait behind these.
    pub queued: u64,
    /// Bytes of those.
    pub queued_bytes: u64,
    /// The most messages that may wait; `None` is no limit by count.
    pub queue_limit: Option<u64>,
    /// Messages that did not fit the backlog.
    pub dropped: u64,
    /// QoS 2 messages that the client sent and has not released.
    pub unreleased: u64,
    /// Whether a Will is to be published when the client is lost.
    pub has_will: bool,
    /// Whether it is still being sent retained messages.
    pub replaying: bool,
    /// When its client connected last.
    pub connected_at: Time,
    /// When its client left last; `None` if it never did.
    pub left_at: Option<Time>,
}

/// A subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionView {
    /// Whose.
    pub client: ClientId,
    /// To what, share group included.
    pub filter: TopicFilter,
    /// How.
    pub options: SubscribeOptions,
    /// Subscription Identifier (5.0).
    pub identifier: Option<u32>,
    /// When it was last asked for.
    pub at: Time,
}

/// Some retained messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetainedPage {
    /// In the order of their topics.
    pub items: Vec<Content>,
    /// Where the next piece starts; `None` at the end.
    pub next: Option<TopicName>,
}

/// Whether a message would reach a client now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What would become of it.
    pub outcome: Outcome,
    /// What there is of the client.
    pub standing: Standing,
    /// The client's subscriptions that match.
    pub matches: Vec<Match>,
    /// What keeps it from being sent at once, or at all.
    pub obstacles: Vec<Obstacle>,
    /// What was dropped, refused or cut off for this client lately, newest first.
    pub recent: Vec<Incident>,
}

/// What would become of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It would be sent at once, at this QoS.
    Sent(QoS),
    /// It would wait for the client, at this QoS.
    Queued(QoS),
    /// It would be dropped.
    Dropped(DropReason),
    /// Another member of the share group would get it, or the group would keep it.
    Elsewhere,
    /// It would not be routed to this client.
    NotRouted,
}

/// What there is of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// No session.
    Unknown,
    /// No session, and this many subscriptions that wait for its first connection.
    Awaited(u64),
    /// A session, and it is connected.
    Online,
    /// A session, and it is not connected since.
    Offline(Time),
}

/// A subscription that matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// To what, share group included.
    pub filter: TopicFilter,
    /// The QoS granted.
    pub granted: QoS,
    /// The QoS that the message would have by this subscription.
    pub effective: QoS,
    /// For a share group: whether it is this member's turn.
    pub turn: Option<bool>,
}

/// What stands between a message and a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The client has no session.
    NoSession,
    /// The client has no session yet; subscriptions wait for its first connection.
    AwaitsFirstConnection,
    /// None of its subscriptions matches.
    NoMatchingSubscription,
    /// The message would be refused wherever it was to go.
    Refused(PublishRefusal),
    /// It is another member's turn.
    NotItsTurn,
    /// The client is not connected.
    Offline,
    /// As many messages as the window holds are not acknowledged.
    WindowFull,
    /// Other messages wait before it.
    BehindBacklog,
    /// The client's connection takes nothing more at present.
    Congested,
    /// The backlog is full: another message would go for it.
    Displaces(DropReason),
    /// It would be dropped.
    Dropped(DropReason),
}

/// Something that was dropped, refused or cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// When, the last time.
    pub at: Time,
    /// How often something of this kind happened to this client since the first that is remembered.
    pub count: u64,
    /// What, the last time.
    pub notice: Notice,
}

/// What is being published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicsView {
    /// Since when the engine looks; `None` if it only began with this question.
    pub since: Option<Time>,
    /// By topic.
    pub topics: Vec<TopicView>,
    /// Messages on topics beyond those that are told apart.
    pub others: u64,
}

/// A topic on which messages are being published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicView {
    /// Which.
    pub topic: TopicName,
    /// Messages since the engine looks.
    pub messages: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
    /// When the last one came.
    pub at: Time,
    /// At which QoS.
    pub qos: QoS,
    /// With which RETAIN flag.
    pub retain: bool,
    /// From whom; `None` for the management interface.
    pub publisher: Option<ClientId>,
}
