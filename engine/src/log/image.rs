//! The state that a sequence of records stands for.
//!
//! Recovery applies the log's records to an [`Image`] and makes an engine of it; the engine can
//! draw the same image of itself. That the two are equal after every event is how tests know that
//! each change of something durable has its record.

mod counts;
mod reconcile;
mod records;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use crate::id::{ClientId, Lsn, PacketId};
use crate::identifiers::Identifiers;
use crate::log::record::{Kept, Record, Retained, Seq, SessionKey, Target};
use crate::message::{Content, RetainFlag};
use crate::packet::{QoS, SubscribeOptions};
use crate::time::Time;
use crate::topic::{TopicFilter, TopicName};

pub use counts::Counts;
pub use reconcile::Outdated;

/// Everything durable.
///
/// Every record says what is so from then on: applying it twice, or to a state that has it already,
/// changes nothing. A record of a session that is not there is one of a session that ended.
#[derive(Clone, Debug, Default)]
pub struct Image {
    pub(crate) sessions: BTreeMap<SessionKey, SessionImage>,
    pub(crate) wills: BTreeMap<SessionKey, WillImage>,
    pub(crate) retained: BTreeMap<TopicName, Arc<Content>>,
    pub(crate) awaited: BTreeMap<ClientId, BTreeMap<TopicFilter, SubscribeOptions>>,
    pub(crate) groups: BTreeMap<TopicFilter, BTreeMap<Seq, Arc<Content>>>,
    /// The highest key that any record named.
    pub(crate) last_key: SessionKey,
    /// Messages by the record that brought them, for records that point to one.
    messages: BTreeMap<Lsn, Arc<Content>>,
}

/// A session that outlives its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SessionImage {
    pub(crate) client: ClientId,
    pub(crate) address: SocketAddr,
    pub(crate) connected_at: Time,
    /// `None` while its client is connected.
    pub(crate) left_at: Option<Time>,
    pub(crate) expiry: Option<u32>,
    pub(crate) subscriptions: BTreeMap<TopicFilter, SubscriptionImage>,
    pub(crate) held: BTreeMap<Seq, HeldImage>,
    pub(crate) received: BTreeSet<PacketId>,
    /// Filters whose retained messages it is being sent, with the last topic sent.
    pub(crate) replays: BTreeMap<TopicFilter, Option<TopicName>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SubscriptionImage {
    pub(crate) options: SubscribeOptions,
    pub(crate) identifier: Option<u32>,
    pub(crate) at: Time,
}

/// A message that a session holds.
#[derive(Clone, Debug)]
pub(crate) struct HeldImage {
    pub(crate) message: Arc<Content>,
    pub(crate) qos: QoS,
    pub(crate) retain: RetainFlag,
    pub(crate) group: Option<TopicFilter>,
    pub(crate) identifiers: Identifiers,
    pub(crate) progress: Progress,
}

/// Whatever the group: one that ended meanwhile is no longer known to the engine.
impl PartialEq for HeldImage {
    fn eq(&self, other: &Self) -> bool {
        self.message == other.message
            && self.qos == other.qos
            && self.retain == other.retain
            && self.identifiers == other.identifiers
            && self.progress == other.progress
    }
}

impl Eq for HeldImage {}

/// How far a message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It waits in the backlog.
    Queued,
    /// It has this identifier and may have been sent.
    Sent(PacketId),
    /// The client has it, and only its release is missing.
    Released(PacketId),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WillImage {
    pub(crate) client: ClientId,
    pub(crate) will: Arc<Content>,
    pub(crate) delay: u32,
}

/// Without the messages by record, which are only a help for reading.
impl PartialEq for Image {
    fn eq(&self, other: &Self) -> bool {
        self.sessions == other.sessions
            && self.wills == other.wills
            && self.retained == other.retained
            && self.awaited == other.awaited
            && self.groups == other.groups
    }
}

impl Image {
    /// Sessions that outlive their connection.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// Whether the session is there.
    pub(super) fn has_session(&self, session: SessionKey) -> bool {
        self.sessions.contains_key(&session)
    }

    /// Whether a record with this number brought a message.
    pub(super) fn has_message(&self, lsn: Lsn) -> bool {
        self.messages.contains_key(&lsn)
    }

    /// Applies the record with the number `lsn`. Records come in order.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others are looked at one by one there")]
    pub fn apply(&mut self, lsn: Lsn, record: Record) {
        match record {
            Record::SessionBegan { session, client, address, at, expiry } => {
                self.last_key = self.last_key.max(session);
                self.began(session, client, address, at, expiry);
            }
            Record::SessionResumed { session, address, at, expiry } => {
                self.with(session, |s| {
                    (s.address, s.connected_at, s.left_at, s.expiry) = (address, at, None, expiry);
                });
            }
            Record::SessionLeft { session, at } => self.with(session, |s| s.left_at = Some(at)),
            Record::SessionExpires { session, expiry } => {
                self.with(session, |s| s.expiry = expiry);
            }
            Record::SessionEnded { session } => {
                self.sessions.remove(&session);
                self.wills.remove(&session);
            }
            Record::WillSet { session, client, will, delay } => {
                self.last_key = self.last_key.max(session);
                self.wills.insert(session, WillImage { client, will, delay });
            }
            Record::WillCleared { session } => {
                self.wills.remove(&session);
            }
            Record::Subscribed { session, filter, options, identifier, at } => {
                let subscription = SubscriptionImage { options, identifier, at };
                self.with(session, |s| {
                    s.subscriptions.insert(filter, subscription);
                });
            }
            Record::Unsubscribed { session, filter } => self.with(session, |s| {
                s.subscriptions.remove(&filter);
                s.replays.remove(&filter);
            }),
            Record::SubscriptionAwaits { client, filter, options } => {
                self.awaited.entry(client).or_default().insert(filter, options);
            }
            Record::AwaitingEnded { client, filter } => self.no_longer_awaited(&client, filter),
            message => self.apply_to_messages(lsn, message),
        }
    }

    /// The records about messages and their ways.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others are applied above")]
    fn apply_to_messages(&mut self, lsn: Lsn, record: Record) {
        match record {
            Record::Published { message, received, retained, to, .. } => {
                self.published(lsn, message, retained, to);
                if let Some((session, packet_id)) = received {
                    self.take(session, packet_id);
                }
            }
            Record::Received { session, packet_id } => self.take(session, packet_id),
            Record::ReceivedDone { session, packet_id } => self.with(session, |s| {
                s.received.remove(&packet_id);
            }),
            Record::Advanced { session, removed, released, sent } => {
                self.with(session, |s| s.advance(removed, released, &sent));
            }
            Record::Replaying { session, filter, after } => self.with(session, |s| {
                s.replays.insert(filter, after);
            }),
            Record::Replayed { session, filter } => self.with(session, |s| {
                s.replays.remove(&filter);
            }),
            Record::Holds {
                session,
                seq,
                message,
                qos,
                retain,
                packet_id,
                released,
                group,
                identifiers,
                ..
            } => {
                let Some(message) = self.find(lsn, message) else { return };
                let progress = match packet_id {
                    None => Progress::Queued,
                    Some(id) if released => Progress::Released(id),
                    Some(id) => Progress::Sent(id),
                };
                let held = HeldImage { message, qos, retain, group, identifiers, progress };
                self.with(session, |s| {
                    s.held.insert(seq, held);
                });
            }
            Record::GroupHolds { group, seq, message, .. } => {
                if let Some(message) = self.find(lsn, message) {
                    self.groups.entry(group).or_default().insert(seq, message);
                }
            }
            Record::GroupRemoved { group, seq } => self.group_removed(&group, seq),
            _ => {}
        }
    }

    fn began(
        &mut self,
        session: SessionKey,
        client: ClientId,
        address: SocketAddr,
        connected_at: Time,
        expiry: Option<u32>,
    ) {
        let fresh = SessionImage {
            client,
            address,
            connected_at,
            left_at: None,
            expiry,
            subscriptions: BTreeMap::new(),
            held: BTreeMap::new(),
            received: BTreeSet::new(),
            replays: BTreeMap::new(),
        };
        let known = self.sessions.entry(session).or_insert(fresh);
        // Written anew by cleaning.
        (known.address, known.connected_at, known.left_at) = (address, connected_at, None);
        known.expiry = expiry;
    }

    fn with(&mut self, session: SessionKey, change: impl FnOnce(&mut SessionImage)) {
        if let Some(session) = self.sessions.get_mut(&session) {
            change(session);
        }
    }

    fn take(&mut self, session: SessionKey, packet_id: PacketId) {
        self.with(session, |s| {
            s.received.insert(packet_id);
        });
    }

    fn published(&mut self, lsn: Lsn, message: Arc<Content>, retained: Retained, to: Vec<Target>) {
        match retained {
            Retained::Untouched => {}
            Retained::Stored => {
                self.retained.insert(message.topic.clone(), Arc::clone(&message));
            }
            Retained::Cleared => {
                self.retained.remove(&message.topic);
            }
        }
        for target in to {
            let message = Arc::clone(&message);
            match target {
                Target::Session { session, seq, qos, retain, packet_id, group, identifiers } => {
                    let progress = packet_id.map_or(Progress::Queued, Progress::Sent);
                    let held = HeldImage { message, qos, retain, group, identifiers, progress };
                    self.with(session, |s| {
                        s.held.insert(seq, held);
                    });
                }
                Target::Group { group, seq } => {
                    self.groups.entry(group).or_default().insert(seq, message);
                }
            }
        }
        self.messages.insert(lsn, message);
    }

    /// The message that a record brings or points to.
    fn find(&mut self, lsn: Lsn, message: Kept) -> Option<Arc<Content>> {
        match message {
            Kept::Here(message) => {
                self.messages.insert(lsn, Arc::clone(&message));
                Some(message)
            }
            Kept::Earlier(lsn) => self.messages.get(&lsn).cloned(),
        }
    }

    fn no_longer_awaited(&mut self, client: &ClientId, filter: Option<TopicFilter>) {
        let Some(filter) = filter else {
            self.awaited.remove(client);
            return;
        };
        let Some(filters) = self.awaited.get_mut(client) else { return };
        filters.remove(&filter);
        if filters.is_empty() {
            self.awaited.remove(client);
        }
    }

    fn group_removed(&mut self, group: &TopicFilter, seq: Seq) {
        let Some(held) = self.groups.get_mut(group) else { return };
        held.remove(&seq);
        if held.is_empty() {
            self.groups.remove(group);
        }
    }
}

impl SessionImage {
    fn advance(&mut self, removed: Option<Seq>, released: Option<Seq>, sent: &[(Seq, PacketId)]) {
        if let Some(seq) = removed {
            self.held.remove(&seq);
        }
        if let Some(held) = released.and_then(|seq| self.held.get_mut(&seq))
            && let Progress::Sent(id) = held.progress
        {
            held.progress = Progress::Released(id);
        }
        for (seq, packet_id) in sent {
            if let Some(held) = self.held.get_mut(seq) {
                held.progress = Progress::Sent(*packet_id);
            }
        }
    }
}
