//! Share groups: each message to one member, and a backlog while none is connected.

use crate::engine::Engine;
use crate::engine::deliver::{Copy, Receiver, Removed};
use crate::inflight::Exchange;
use crate::log::record::{Record, Retained, Target};
use crate::matched::Matched;
use crate::message::{Message, RetainFlag};
use crate::notice::DropReason;
use crate::packet::QoS;
use crate::planted::Bug;
use crate::queue::{Entry, Overflow};
use crate::subscriptions::{GroupId, Subscription};

impl Engine {
    /// Brings the message to one connected member, or lets it wait in the group.
    pub(super) fn deliver_to_group(&mut self, slot: u32, message: &mut Message) {
        let Some(id) = self.subscriptions.group_id(slot) else { return };
        let Some(member) = self.choose_member(slot) else {
            return self.wait_in_group(slot, message);
        };
        let Some(member) = self.subscriptions.get(member) else { return };
        let receiver = Receiver::of(member);
        let copy = Copy { group: Some(id), ..receiver.copy_of(message.content()) };
        if copy.qos == QoS::AtMostOnce
            && self.config.planted.is(Bug::MemberTwice)
            && let Some(other) = self.choose_member(slot)
            && let Some(other) = self.subscriptions.get(other)
        {
            self.deliver(other.session, message, copy.clone());
        }
        self.deliver(receiver.session, message, copy);
    }

    /// Takes the turn of the member that the group's next message goes to: the slot of its
    /// subscription.
    fn choose_member(&mut self, slot: u32) -> Option<u32> {
        let (nth, member) = self.next_member(slot)?;
        self.subscriptions.group_mut(slot)?.took_turn(nth);
        Some(member)
    }

    /// Whom the group's next message goes to: of the connected members that can take one at once
    /// the one with the least in flight, or else the next in turn whose backlog has room, or else
    /// the next in turn. The place among the candidates, and the slot of the subscription.
    pub(super) fn next_member(&self, slot: u32) -> Option<(usize, u32)> {
        let group = self.subscriptions.group(slot)?;
        // The next message asks on from the one behind the last chosen.
        let most = self.config.budgets.members;
        let asked = || group.candidates().take(most).enumerate();
        let ready = asked().filter_map(|(nth, member)| Some((self.in_flight_of(member)?, nth)));
        let least_busy = ready.min().map(|(_, nth)| nth);
        let with_room = || asked().find(|(_, member)| self.can_wait_for(*member));
        let nth = least_busy.or_else(|| with_room().map(|(nth, _)| nth)).unwrap_or(0);
        Some((nth, group.candidates().nth(nth)?))
    }

    /// Whether the member's backlog takes a message without another being dropped.
    fn can_wait_for(&self, member: u32) -> bool {
        let slot = self.subscriptions.get(member).map(|member| member.session);
        let session = slot.and_then(|slot| self.sessions.get(slot));
        let queue = session.and_then(|session| session.outbox.as_ref()).map(|o| &o.queue);
        queue.is_none_or(|queue| queue.has_spare_room(&self.config))
    }

    /// How much is in flight to a member, if its client can take a message now.
    fn in_flight_of(&self, member: u32) -> Option<usize> {
        let slot = self.subscriptions.get(member)?.session;
        let session = self.sessions.get(slot)?;
        let connection = self.connections.get(session.connection()?)?;
        let takes = connection.unsent < self.max_unsent()
            && session.is_caught_up()
            && self.window_takes(session, 1);
        takes.then(|| session.outbox.as_ref().map_or(0, |outbox| outbox.inflight.len()))
    }

    fn wait_in_group(&mut self, slot: u32, message: &mut Message) {
        self.counters.routed += 1;
        let qos = message.content().qos;
        let topic = message.content().topic.clone();
        if qos == QoS::AtMostOnce && !self.config.queue_qos0_messages {
            return self.dropped(None, topic, qos, DropReason::OfflineQoS0);
        }
        if self.lets_none_wait(qos) {
            return self.drop_for_memory(None, message, qos);
        }
        self.shortage.stays();
        let kept = message.keep();
        let Some(group) = self.subscriptions.group_mut(slot) else { return };
        let seq = group.take_seq();
        let (retain, matched) = (RetainFlag::Clear, Matched::default());
        let entry = Entry { seq, message: kept, qos, retain, matched };
        let overflow = group.backlog.push(entry, &self.config);
        let filter = group.filter.clone();
        let rejected = overflow.iter().any(|o| matches!(o, Overflow::Rejected(..)));
        let stores = !self.config.planted.is(Bug::GroupNotStored);
        if qos != QoS::AtMostOnce && !rejected && stores {
            self.add_group_target(Target::Group { group: filter.clone(), seq });
        }
        for gone in overflow {
            let (entry, why, waited) = match gone {
                Overflow::Replaced(entry, why) => (entry, why, true),
                Overflow::Rejected(entry, why) => (entry, why, false),
            };
            if waited && entry.qos != QoS::AtMostOnce {
                self.removed(Removed::FromGroup { group: filter.clone(), seq: entry.seq });
            }
            self.dropped(None, entry.message.topic.clone(), entry.qos, why);
        }
        self.watch_group_expiry(slot);
    }

    /// The session's client is gone: what came to it by share groups goes to members that are
    /// connected and have room. A QoS 2 message whose PUBLISH was sent stays (5.0 section 4.8.2),
    /// and so does what nobody else can take: it waits for the client, or for the session's end.
    pub(super) fn hand_on_shared(&mut self, slot: u32) {
        let Some(session) = self.sessions.get(slot) else { return };
        let Some(outbox) = session.outbox.as_ref().filter(|_| session.shared > 0) else { return };
        let begun = |e: &Exchange| e.entry.qos == QoS::ExactlyOnce && e.sent;
        let in_flight = outbox.inflight.iter().filter(|exchange| !begun(exchange));
        let in_flight =
            in_flight.map(|e| (e.entry.seq, e.entry.matched.group(), Some(e.packet_id)));
        let waiting = outbox.queue.iter().map(|entry| (entry.seq, entry.matched.group(), None));
        let shared = in_flight.chain(waiting).take(self.config.budgets.handed_on);
        let shared: Vec<_> =
            shared.filter_map(|(seq, group, id)| Some((seq, group?, id))).collect();
        for (seq, group, packet_id) in shared {
            if !self.takes_over(group) {
                continue;
            }
            let Some(session) = self.sessions.get_mut(slot) else { return };
            let outbox = session.outbox();
            let entry = match packet_id {
                Some(id) => outbox.inflight.finish(id).map(|exchange| exchange.entry),
                None => outbox.queue.take(seq),
            };
            let Some(entry) = entry else { continue };
            let stored = entry.qos != QoS::AtMostOnce;
            self.hand_on(group, entry);
            // Behind the record of who has it now.
            if stored {
                self.append_for(slot, |session| Record::advanced(session, Some(seq)));
            }
        }
    }

    /// Whether the member whose turn it is can take a message without another being dropped.
    fn takes_over(&self, group: GroupId) -> bool {
        if self.subscriptions.group_by_id(group).is_none() {
            return false;
        }
        let Some((_, member)) = self.next_member(group.slot) else { return false };
        self.in_flight_of(member).is_some() || self.can_wait_for(member)
    }

    /// A message that a member leaves behind goes to another one, or waits. For another it is a
    /// delivery that has not begun, which its expiry forbids.
    pub(super) fn hand_on(&mut self, group: GroupId, entry: Entry) {
        let group_ended = self.subscriptions.group_by_id(group).is_none();
        let expired = entry.message.is_expired(self.now);
        if group_ended || expired {
            let why = if group_ended { DropReason::GroupEnded } else { DropReason::Expired };
            return self.dropped(None, entry.message.topic.clone(), entry.qos, why);
        }
        // It was counted when it was brought to the member that left.
        self.counters.routed -= 1;
        let mut message = Message::Kept(entry.message);
        self.deliver_to_group(group.slot, &mut message);
        self.record_route(&mut message, Retained::Untouched, None);
    }

    /// The session's client came or went: its share groups learn it, and give it what waited.
    pub(super) fn members_online(&mut self, slot: u32, online: bool) {
        let Some(session) = self.sessions.get(slot) else { return };
        if session.shared == 0 {
            return;
        }
        let mut shared = Vec::new();
        let slots: Vec<u32> = session.subscriptions.iter().map(|entry| entry.slot).collect();
        for subscription in slots {
            self.subscriptions.set_online(subscription, online);
            shared.extend(self.subscriptions.get(subscription).and_then(Subscription::group));
        }
        if online {
            for group in shared {
                self.drain_group(group);
            }
        }
    }

    /// Deals out what waited in a group, now that a member is connected.
    pub(super) fn drain_group(&mut self, slot: u32) {
        loop {
            let Some(group) = self.subscriptions.group_mut(slot) else { return };
            if group.candidates().next().is_none() {
                return;
            }
            let Some(entry) = group.backlog.pop() else { return };
            let (filter, seq) = (group.filter.clone(), entry.seq);
            if entry.message.is_expired(self.now) {
                let topic = entry.message.topic.clone();
                self.dropped(None, topic, entry.qos, DropReason::Expired);
            } else {
                self.counters.routed -= 1;
                let mut message = Message::Kept(entry.message);
                self.deliver_to_group(slot, &mut message);
                self.record_route(&mut message, Retained::Untouched, None);
            }
            if entry.qos != QoS::AtMostOnce {
                self.append(Record::GroupRemoved { group: filter, seq });
            }
        }
    }
}
