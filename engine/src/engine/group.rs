//! Share groups: each message to one member, and a backlog while none is connected.

use crate::engine::Engine;
use crate::engine::deliver::{Copy, Removed};
use crate::log::record::{Record, Retained, Target};
use crate::message::Message;
use crate::notice::DropReason;
use crate::packet::QoS;
use crate::planted::Bug;
use crate::queue::{Entry, Overflow};
use crate::subscriptions::GroupId;

/// Members asked for room before the one whose turn it is gets the message anyway.
const ASKED: usize = 16;

impl Engine {
    /// Brings the message to one connected member, or lets it wait in the group.
    pub(super) fn deliver_to_group(&mut self, slot: u32, message: &mut Message) {
        let Some(id) = self.subscriptions.group_id(slot) else { return };
        match self.choose_member(slot) {
            Some((session, granted)) => {
                let qos = message.content().qos.min(granted);
                self.deliver(session, message, Copy { qos, retain: false, group: Some(id) });
            }
            None => self.wait_in_group(slot, message),
        }
    }

    /// The next connected member in turn whose client can take a message now; if none of those
    /// asked can, the next one all the same. Returns its session and the QoS it was granted.
    fn choose_member(&mut self, slot: u32) -> Option<(u32, QoS)> {
        let (nth, member) = self.next_member(slot)?;
        self.subscriptions.group_mut(slot)?.took_turn(nth);
        let member = self.subscriptions.get(member)?;
        Some((member.session, member.options.qos))
    }

    /// Whom the group's next message goes to: the place among the candidates, and the slot of the
    /// subscription.
    pub(super) fn next_member(&self, slot: u32) -> Option<(usize, u32)> {
        let group = self.subscriptions.group(slot)?;
        let ready = group.candidates().take(ASKED).position(|member| self.is_ready(member));
        let nth = ready.unwrap_or(0);
        Some((nth, group.candidates().nth(nth)?))
    }

    fn is_ready(&self, member: u32) -> bool {
        let slot = self.subscriptions.get(member).map(|member| member.session);
        let Some(slot) = slot else { return false };
        let Some(session) = self.sessions.get(slot) else { return false };
        let limit = self.config.max_unsent_bytes;
        let connection = session.connection().and_then(|conn| self.connections.get(conn));
        connection.is_some_and(|connection| connection.unsent < limit)
            && session.is_caught_up()
            && self.window_has_room(slot)
    }

    fn wait_in_group(&mut self, slot: u32, message: &mut Message) {
        self.counters.routed += 1;
        let qos = message.content().qos;
        let topic = message.content().topic.clone();
        if qos == QoS::AtMostOnce && !self.config.queue_qos0_messages {
            return self.dropped(None, topic, qos, DropReason::OfflineQoS0);
        }
        let kept = message.keep();
        let Some(group) = self.subscriptions.group_mut(slot) else { return };
        let seq = group.take_seq();
        let entry = Entry { seq, message: kept, qos, retain: false, group: None };
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
    }

    /// A message that a member leaves behind goes to another one, or waits.
    pub(super) fn hand_on(&mut self, group: GroupId, entry: Entry) {
        // It was counted when it was brought to the member that left.
        self.counters.routed -= 1;
        if self.subscriptions.group_by_id(group).is_none() {
            self.counters.routed += 1;
            let topic = entry.message.topic.clone();
            return self.dropped(None, topic, entry.qos, DropReason::GroupEnded);
        }
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
            shared.extend(self.subscriptions.get(subscription).and_then(|member| member.group));
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
            self.counters.routed -= 1;
            let mut message = Message::Kept(entry.message);
            self.deliver_to_group(slot, &mut message);
            self.record_route(&mut message, Retained::Untouched, None);
            if entry.qos != QoS::AtMostOnce {
                self.append(Record::GroupRemoved { group: filter, seq });
            }
        }
    }
}
