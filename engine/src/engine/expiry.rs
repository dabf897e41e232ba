//! Message expiry: what waits for longer than its publisher wants goes, wherever it waits (5.0
//! section 3.3.2.3.3).
//!
//! Whoever holds messages that expire has one timer, for the first of them.

use crate::engine::Engine;
use crate::log::record::Record;
use crate::notice::DropReason;
use crate::packet::QoS;
use crate::planted::Bug;
use crate::subscriptions::GroupId;
use crate::timers::{SessionRef, Timer};

impl Engine {
    /// A message may have joined the session's backlog that expires before the others.
    pub(super) fn watch_expiry(&mut self, slot: u32) {
        let Some(session) = self.sessions.get_mut(slot) else { return };
        let reference = session.reference(slot);
        let Some(outbox) = session.outbox.as_mut() else { return };
        let Some(first) = outbox.queue.first_expiry() else { return };
        let set = outbox.expiry_set;
        if set.is_some_and(|set| set <= first) {
            return;
        }
        outbox.expiry_set = Some(first);
        if let Some(set) = set {
            self.timers.cancel(set, Timer::MessageExpiry(reference));
        }
        self.set_timer(first, Timer::MessageExpiry(reference));
    }

    /// Drops what has expired in the session's backlog.
    pub(super) fn expire_messages(&mut self, reference: SessionRef) {
        if self.config.planted.is(Bug::ExpiredDelivered) {
            return;
        }
        let (now, slot) = (self.now, reference.slot);
        let Some(session) = self.session_by_reference(reference) else { return };
        let durable = session.is_durable();
        if let Some(outbox) = session.outbox.as_mut() {
            outbox.expiry_set = None;
        }
        for _ in 0..self.config.budgets.expired {
            let outbox = self.sessions.get_mut(slot).and_then(|session| session.outbox.as_mut());
            let Some(entry) = outbox.and_then(|outbox| outbox.queue.pop_expired(now)) else {
                break;
            };
            if entry.qos != QoS::AtMostOnce && durable {
                self.append_for(slot, |session| Record::advanced(session, Some(entry.seq)));
                self.let_go_held(&entry);
            }
            let topic = entry.message.topic.clone();
            self.dropped(Some(slot), topic, entry.qos, DropReason::Expired);
        }
        self.watch_expiry(slot);
    }

    /// The same for a share group.
    pub(super) fn watch_group_expiry(&mut self, slot: u32) {
        let Some(id) = self.subscriptions.group_id(slot) else { return };
        let Some(group) = self.subscriptions.group_mut(slot) else { return };
        let Some(first) = group.backlog.first_expiry() else { return };
        let set = group.expiry_set;
        if set.is_some_and(|set| set <= first) {
            return;
        }
        group.expiry_set = Some(first);
        if let Some(set) = set {
            self.timers.cancel(set, Timer::GroupExpiry(id));
        }
        self.set_timer(first, Timer::GroupExpiry(id));
    }

    /// Drops what has expired while no member of a share group was connected.
    pub(super) fn expire_in_group(&mut self, id: GroupId) {
        if self.subscriptions.group_by_id(id).is_none() {
            return;
        }
        let now = self.now;
        for _ in 0..self.config.budgets.expired {
            let Some(group) = self.subscriptions.group_mut(id.slot) else { return };
            group.expiry_set = None;
            let Some(entry) = group.backlog.pop_expired(now) else { break };
            let (group, seq) = (group.filter.clone(), entry.seq);
            if entry.qos != QoS::AtMostOnce {
                self.append(Record::GroupRemoved { group, seq });
            }
            let topic = entry.message.topic.clone();
            self.dropped(None, topic, entry.qos, DropReason::Expired);
        }
        self.watch_group_expiry(id.slot);
    }

    /// The same for retained messages.
    pub(super) fn watch_retained(&mut self) {
        let Some(first) = self.retained.first_expiry() else { return };
        if self.retained_set.is_some_and(|set| set <= first) {
            return;
        }
        if let Some(set) = self.retained_set.replace(first) {
            self.timers.cancel(set, Timer::RetainedExpiry);
        }
        self.set_timer(first, Timer::RetainedExpiry);
    }

    /// Forgets retained messages that have expired (5.0 section 3.3.1.3).
    pub(super) fn expire_retained(&mut self) {
        self.retained_set = None;
        for _ in 0..self.config.budgets.expired {
            let Some(topic) = self.retained.first_expired(self.now).cloned() else { break };
            self.forget_retained(&topic);
        }
        self.watch_retained();
    }
}
