//! Routing: from one message to everybody who is to have it.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::action::{Delivery, Outgoing, TopicAlias};
use crate::connection::Room;
use crate::engine::Engine;
use crate::id::{ConnId, Lsn, PacketId};
use crate::identifiers::Identifiers;
use crate::log::record::{Record, Retained, Seq, SessionKey, Target};
use crate::matched::Matched;
use crate::message::{Content, Message, RetainFlag};
use crate::notice::{CloseReason, DropReason, Notice, PublishRefusal};
use crate::packet::{QoS, SubscribeOptions, Version};
use crate::planted::Bug;
use crate::queue::{Entry, Overflow};
use crate::session::{Presence, Session};
use crate::subscriptions::{GroupId, Matches, Subscription};
use crate::time::Time;
use crate::timers::Timer;
use crate::topic::{TopicFilter, TopicName};

/// What one routing needs, kept to be used again.
#[derive(Debug, Default)]
pub(super) struct Route {
    /// Counts routings, so that a session knows whether this one met it before.
    number: u64,
    pub(super) matches: Matches,
    /// Sessions met, each once, with the highest QoS granted.
    pub(super) receivers: Vec<Receiver>,
    /// The topic of a run whose receivers these are, for all its messages.
    pub(super) found: Option<TopicName>,
    /// Who holds the message, for its record.
    targets: Vec<Target>,
    /// Stored messages that went to make room; their records follow the message's own.
    removed: Vec<Removed>,
    /// Connections to end when the event is over.
    pub(super) to_close: Vec<(ConnId, CloseReason)>,
}

/// A session that a message goes to, by one subscription or more.
#[derive(Clone, Debug)]
pub(super) struct Receiver {
    pub(super) session: u32,
    /// The highest granted.
    pub(super) granted: QoS,
    /// Whether any of them keeps the RETAIN flag.
    retain_as_published: bool,
    /// Of all of them.
    pub(super) identifiers: SmallVec<[u32; 2]>,
}

impl Receiver {
    /// By this subscription alone.
    pub(super) fn of(subscription: &Subscription) -> Self {
        Self {
            session: subscription.session,
            granted: subscription.options.qos,
            retain_as_published: subscription.options.retain_as_published,
            identifiers: subscription.identifier().into_iter().collect(),
        }
    }

    /// How the message is to reach it.
    pub(super) fn copy_of(&self, message: &Content) -> Copy {
        let keeps = message.retain && self.retain_as_published;
        Copy {
            qos: message.qos.min(self.granted),
            retain: if keeps { RetainFlag::AsPublished } else { RetainFlag::Clear },
            group: None,
            identifiers: self.identifiers.as_slice().into(),
        }
    }
}

/// A stored message that went to make room for another.
#[derive(Clone, Debug)]
pub(super) enum Removed {
    FromSession { slot: u32, seq: Seq },
    FromGroup { group: TopicFilter, seq: Seq },
}

/// How a message is to reach one session.
#[derive(Clone, Debug)]
pub(super) struct Copy {
    pub(super) qos: QoS,
    pub(super) retain: RetainFlag,
    pub(super) group: Option<GroupId>,
    pub(super) identifiers: Identifiers,
}

/// What a message has done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Routed {
    /// The record that an acknowledgement has to wait for.
    pub(super) after: Lsn,
    /// What became of the retained message of its topic.
    pub(super) retained: Retained,
}

impl Engine {
    /// Stores the message if it is retained, and brings it to every matching session. `from` is the
    /// slot of the publisher's session, and `received` its QoS 2 identifier if that is stored.
    ///
    /// Returns what it did.
    pub(super) fn route(
        &mut self,
        mut message: Message,
        from: Option<u32>,
        received: Option<(SessionKey, PacketId)>,
    ) -> Routed {
        let retains = message.content().retain;
        let retained = self.retain(&mut message);
        self.bring(&mut message, from);
        let mut after = self.record_route(&mut message, retained, received);
        match retained {
            Retained::Cleared => self.ceased = after,
            // That nothing is retained any more is a promise too: what was may have gone a moment
            // ago, by a PUBLISH whose answer nobody waited for.
            Retained::Untouched if retains && !self.config.planted.is(Bug::GoneBeforeSync) => {
                after = after.max(self.ceased)
            }
            Retained::Untouched | Retained::Stored => {}
        }
        Routed { after, retained }
    }

    /// Brings the message to every session and share group that it matches.
    pub(super) fn bring(&mut self, message: &mut Message, from: Option<u32>) {
        if self.route.found.as_ref() != Some(&message.content().topic) {
            self.route.found = None;
            self.find_receivers(&message.content().topic, from);
        }
        let receivers = std::mem::take(&mut self.route.receivers);
        let qos = message.content().qos;
        // It will be kept until it is acknowledged, and then with the topic that is there already.
        if let Some(topic) = &self.route.matches.topic
            && receivers.iter().any(|receiver| receiver.granted.min(qos) > QoS::AtMostOnce)
        {
            message.keep_with(topic);
        }
        self.bring_to(&receivers, message);
        self.route.receivers = receivers;
    }

    /// Brings the message to these sessions, and to the share groups of the routing at hand.
    pub(super) fn bring_to(&mut self, receivers: &[Receiver], message: &mut Message) {
        for receiver in receivers {
            self.deliver(receiver.session, message, receiver.copy_of(message.content()));
        }
        let groups = std::mem::take(&mut self.route.matches.groups);
        for group in &groups {
            self.deliver_to_group(*group, message);
        }
        self.route.matches.groups = groups;
    }

    /// Brings the message to one session: onto its connection, or into its backlog.
    pub(super) fn deliver(&mut self, slot: u32, message: &mut Message, mut copy: Copy) {
        if self.config.planted.is(Bug::RetainAsPublishedIgnored)
            && copy.retain == RetainFlag::AsPublished
        {
            copy.retain = RetainFlag::Clear;
        }
        let Some(session) = self.sessions.get(slot) else { return };
        self.counters.routed += 1;
        match session.presence {
            Presence::Online(conn) if copy.qos == QoS::AtMostOnce => {
                self.send_qos0(slot, conn, message, copy);
            }
            Presence::Online(conn) => self.start_or_queue(slot, conn, message, copy),
            Presence::Offline { .. }
                if copy.qos == QoS::AtMostOnce && !self.config.queue_qos0_messages =>
            {
                let topic = message.content().topic.clone();
                self.dropped(Some(slot), topic, copy.qos, DropReason::OfflineQoS0);
            }
            Presence::Offline { .. } => self.enqueue(slot, message, copy),
            Presence::Ended => {
                let topic = message.content().topic.clone();
                self.dropped(Some(slot), topic, copy.qos, DropReason::SessionEnded);
            }
        }
    }

    /// QoS 0 goes out at once unless the connection is congested, or others wait before it.
    fn send_qos0(&mut self, slot: u32, conn: ConnId, message: &mut Message, copy: Copy) {
        let waits = self.sessions.get(slot).and_then(|session| session.outbox.as_ref());
        let in_turn = waits.is_none_or(|outbox| !outbox.queue.has_qos0());
        let Some(connection) = self.connections.get(conn) else {
            return self.enqueue(slot, message, copy);
        };
        let delivery = copy.delivery(connection.version, message.clone(), self.now, None, false);
        match connection.room_for(&delivery, self.max_unsent()) {
            Room::TooLarge => self.too_large(slot, message, copy.qos),
            Room::For(len) if in_turn => {
                self.counters.delivered += 1;
                self.send_sized(conn, Outgoing::Publish(delivery), len, Lsn::NONE);
            }
            Room::For(_) | Room::Congested => {
                self.watch_progress(conn);
                self.enqueue(slot, message, copy);
            }
        }
    }

    /// QoS 1 and 2 go out at once if the window has room and nothing waits before them.
    fn start_or_queue(&mut self, slot: u32, conn: ConnId, message: &mut Message, copy: Copy) {
        let Some(session) = self.sessions.get(slot) else { return };
        let in_turn = session.is_caught_up() && self.window_takes(session, 1);
        let Some(connection) = self.connections.get(conn).filter(|_| in_turn) else {
            return self.enqueue(slot, message, copy);
        };
        let kept = message.keep();
        // Any identifier, for its length.
        let probe = Some(PacketId::FIRST);
        let mut delivery =
            copy.delivery(connection.version, message.clone(), self.now, probe, false);
        let len = match connection.room_for(&delivery, self.max_unsent()) {
            Room::For(len) => len,
            Room::TooLarge => return self.too_large(slot, message, copy.qos),
            Room::Congested => {
                self.watch_progress(conn);
                return self.enqueue(slot, message, copy);
            }
        };
        let Some((packet_id, after)) = self.start(slot, kept, copy) else { return };
        delivery.packet_id = Some(packet_id);
        self.set_redelivery(slot, conn);
        self.send_sized(conn, Outgoing::Publish(delivery), len, after);
    }

    /// Takes a place in the window for a message that is sent now: its identifier, and the record
    /// that its PUBLISH waits for.
    pub(super) fn start(
        &mut self,
        slot: u32,
        message: Arc<Content>,
        copy: Copy,
    ) -> Option<(PacketId, Lsn)> {
        let session = self.sessions.get_mut(slot)?;
        let durable = session.is_durable();
        // The identifier of a QoS 2 message must be on disk before the client can see it.
        let exactly_once = copy.qos == QoS::ExactlyOnce;
        let after = if durable && exactly_once { self.lsn.next() } else { Lsn::NONE };
        let outbox = session.outbox();
        let seq = outbox.take_seq();
        if !durable {
            return Some((outbox.inflight.start(copy.entry(seq, message), self.now, after), after));
        }
        let entry = copy.clone().entry(seq, message);
        let packet_id = outbox.inflight.start(entry, self.now, after);
        self.add_target(slot, seq, copy, Some(packet_id));
        Some((packet_id, after))
    }

    /// Puts the message behind what already waits for the session.
    pub(super) fn enqueue(&mut self, slot: u32, message: &mut Message, copy: Copy) {
        if self.lets_none_wait(copy.qos) {
            return self.drop_for_memory(Some(slot), message, copy.qos);
        }
        self.shortage.stays();
        let kept = message.keep();
        let Some(session) = self.sessions.get_mut(slot) else { return };
        let durable = session.is_durable() && copy.qos != QoS::AtMostOnce;
        let outbox = session.outbox.get_or_insert_default();
        let seq = outbox.take_seq();
        let entry = copy.clone().entry(seq, kept);
        let overflow = outbox.queue.push(entry, &self.config);
        let rejected = overflow.iter().any(|o| matches!(o, Overflow::Rejected(..)));
        session.dropped += overflow.len() as u64;
        if durable && !rejected {
            self.add_target(slot, seq, copy, None);
        }
        for gone in overflow {
            self.overflowed(slot, gone);
        }
        self.watch_expiry(slot);
    }

    /// A message that the session's client has no use for.
    fn too_large(&mut self, slot: u32, message: &Message, qos: QoS) {
        let topic = message.content().topic.clone();
        self.dropped(Some(slot), topic, qos, DropReason::PacketTooLarge);
    }

    fn overflowed(&mut self, slot: u32, overflow: Overflow) {
        let (entry, why, stored) = match overflow {
            Overflow::Replaced(entry, why) => {
                let stored = entry.qos != QoS::AtMostOnce;
                (entry, why, stored)
            }
            Overflow::Rejected(entry, why) => (entry, why, false),
        };
        if stored {
            self.removed(Removed::FromSession { slot, seq: entry.seq });
        }
        if stored && self.sessions.get(slot).is_some_and(Session::is_durable) {
            self.let_go_held(&entry);
        }
        let disconnects = self.config.queue_full_policy
            == crate::config::QueueFullPolicy::Disconnect
            && why == DropReason::QueueFullNewest;
        if disconnects {
            let conn = self.sessions.get(slot).and_then(|session| session.connection());
            self.route.to_close.extend(conn.map(|conn| (conn, CloseReason::QueueFull)));
        }
        if !self.config.planted.is(Bug::SilentDrop) {
            self.dropped(Some(slot), entry.message.topic.clone(), entry.qos, why);
        }
    }

    /// Whether the window has room for so many messages more.
    pub(super) fn window_takes(&self, session: &Session, count: usize) -> bool {
        count <= self.window_left(session)
    }

    /// How many messages more the window has room for.
    pub(super) fn window_left(&self, session: &Session) -> usize {
        if self.config.planted.is(Bug::WindowIgnored) {
            return usize::MAX;
        }
        let used = session.outbox.as_ref().map_or(0, |outbox| outbox.inflight.len());
        usize::from(session.window).saturating_sub(used)
    }

    /// Whether the client is sent again while it is connected what it does not acknowledge: 5.0
    /// forbids that (section 4.4).
    pub(super) fn repeats_itself(&self, conn: ConnId) -> bool {
        self.connections.get(conn).is_some_and(|connection| connection.version != Version::V5)
    }

    /// Looks at the window again when its messages may have to be sent again.
    pub(super) fn set_redelivery(&mut self, slot: u32, conn: ConnId) {
        let after = self.config.delivery_retry_interval;
        let is_set = |session: &Session| session.outbox.as_ref().is_some_and(|o| o.redelivery_set);
        if after.is_zero() || self.sessions.get(slot).is_none_or(is_set) {
            return;
        }
        if !self.repeats_itself(conn) {
            return;
        }
        let Some(session) = self.sessions.get_mut(slot) else { return };
        let reference = session.reference(slot);
        session.outbox().redelivery_set = true;
        self.set_timer(self.now + after, Timer::Redeliver(reference));
    }

    /// Collects the sessions that match, each once, at the highest QoS granted (3.1.1 section
    /// 3.3.5) and with all Subscription Identifiers (5.0 section 3.3.4). No Local is judged for each
    /// subscription.
    pub(super) fn find_receivers(&mut self, topic: &TopicName, from: Option<u32>) {
        let Route { number, matches, receivers, .. } = &mut self.route;
        *number += 1;
        receivers.clear();
        self.subscriptions.matching(topic, matches);
        for subscription in &matches.plain {
            let Some(subscription) = self.subscriptions.get(*subscription) else { continue };
            let Some(session) = self.sessions.get_mut(subscription.session) else { continue };
            if session.presence == Presence::Ended {
                continue;
            }
            let SubscribeOptions { qos: granted, no_local, .. } = subscription.options;
            let returns = self.config.planted.is(Bug::NoLocalIgnored);
            if no_local && from == Some(subscription.session) && !returns {
                continue;
            }
            let (met, place) = session.route;
            if met == *number {
                let receiver = receivers.get_mut(place as usize).expect("met in this routing");
                receiver.granted = receiver.granted.max(granted);
                receiver.retain_as_published |= subscription.options.retain_as_published;
                if !self.config.planted.is(Bug::IdentifierMissing) {
                    receiver.identifiers.extend(subscription.identifier());
                }
                continue;
            }
            let place = u32::try_from(receivers.len()).expect("fewer than 2^32 sessions");
            session.route = (*number, place);
            receivers.push(Receiver::of(subscription));
        }
    }

    /// Removes the topic's retained message; whether there was one.
    pub(super) fn unretain(&mut self, topic: &TopicName) -> bool {
        let old = self.retained.clear(topic.as_str());
        if let Some(old) = &old {
            self.let_go(old);
        }
        old.is_some()
    }

    /// Whether the message can take the place of its topic's retained one, or the first such place.
    pub(super) fn has_room_to_retain(&self, content: &Content) -> bool {
        let is_new = || self.retained.get(content.topic.as_str()).is_none();
        self.retained.has_room(content, &self.config) && !(self.begins_nothing() && is_new())
    }

    /// What the message does to the retained message of its topic.
    fn retain(&mut self, message: &mut Message) -> Retained {
        let content = message.content();
        if !content.retain {
            return Retained::Untouched;
        }
        let topic = content.topic.clone();
        let has_room = self.has_room_to_retain(content);
        if !content.payload.is_empty() && has_room {
            if let Some(old) = self.retained.store(message.keep()) {
                self.let_go(&old);
            }
            self.watch_retained();
            return Retained::Stored;
        }
        // What was retained before is outdated, whether or not its successor is stored.
        let cleared = self.unretain(&topic);
        if !content.payload.is_empty() {
            let why = PublishRefusal::RetainedLimit;
            self.notice(Notice::NotRetained { topic, why });
        }
        let stored = cleared && !self.config.planted.is(Bug::RemovalNotStored);
        if stored { Retained::Cleared } else { Retained::Untouched }
    }

    pub(super) fn add_target(
        &mut self,
        slot: u32,
        seq: Seq,
        copy: Copy,
        packet_id: Option<PacketId>,
    ) {
        let Copy { qos, retain, group, identifiers } = copy;
        let group = group.and_then(|group| self.subscriptions.group_by_id(group));
        let group = group.map(|group| group.filter.clone());
        let Some(session) = self.sessions.get(slot) else { return };
        let session = session.key;
        let target = Target::Session { session, seq, qos, retain, packet_id, group, identifiers };
        self.route.targets.push(target);
        self.touch(slot, self.lsn.next());
    }

    pub(super) fn add_group_target(&mut self, target: Target) {
        self.route.targets.push(target);
    }

    pub(super) fn removed(&mut self, removed: Removed) {
        self.route.removed.push(removed);
    }

    /// Appends the one record of a routing, if anything of it is durable, and those of what went
    /// to make room.
    pub(super) fn record_route(
        &mut self,
        message: &mut Message,
        retained: Retained,
        received: Option<(SessionKey, PacketId)>,
    ) -> Lsn {
        let to = std::mem::take(&mut self.route.targets);
        let after = if !to.is_empty() || retained != Retained::Untouched {
            let message = message.keep();
            let at = if message.at() == Time::ZERO { self.now } else { message.at() };
            self.append(Record::Published { message, at, received, retained, to })
        } else if let Some((session, packet_id)) = received {
            self.append(Record::Received { session, packet_id })
        } else {
            Lsn::NONE
        };
        for removed in std::mem::take(&mut self.route.removed) {
            match removed {
                Removed::FromSession { slot, seq } => {
                    self.append_for(slot, |session| Record::advanced(session, Some(seq)));
                }
                Removed::FromGroup { group, seq } => {
                    self.append(Record::GroupRemoved { group, seq });
                }
            }
        }
        after
    }

    /// Ends the connections that are to end because of the event at hand. One by one and only now:
    /// the Will of one can fill the queue of the next.
    pub(super) fn close_those_due(&mut self) {
        while let Some((conn, why)) = self.route.to_close.pop() {
            self.close(conn, why);
        }
    }
}

impl Copy {
    /// The PUBLISH to a client of that version, as it would be sent now.
    pub(super) fn delivery(
        &self,
        version: Version,
        message: Message,
        now: Time,
        packet_id: Option<PacketId>,
        dup: bool,
    ) -> Delivery {
        Delivery {
            qos: self.qos,
            dup,
            retain: self.retain.towards(version),
            packet_id,
            expiry: message.content().expiry_left(now),
            identifiers: self.identifiers.clone(),
            alias: TopicAlias::None,
            message,
        }
    }

    /// The message as its session holds it.
    fn entry(self, seq: Seq, message: Arc<Content>) -> Entry {
        let Self { qos, retain, group, identifiers } = self;
        Entry { seq, message, qos, retain, matched: Matched::new(group, identifiers) }
    }
}
