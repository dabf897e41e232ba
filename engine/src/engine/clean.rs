//! The end of a session: at once for everybody else, piece by piece for what it held.

use crate::engine::{Engine, outdated};
use crate::inflight::Awaiting;
use crate::log::record::Record;
use crate::notice::{DropReason, Notice, SessionEnd};
use crate::packet::QoS;
use crate::planted::Bug;
use crate::queue::Entry;
use crate::session::{Outbox, Presence};
use crate::subscriptions::{Group, GroupId};
use crate::timers::Timer;

impl Engine {
    /// Ends an offline session. Its client id is free at once; subscriptions beyond the budget of
    /// one step are removed in the next ones and match nothing until then.
    pub(super) fn end_session(&mut self, slot: u32, why: SessionEnd) {
        let before = self.lsn;
        let ordered = why == SessionEnd::Administrative;
        if !(ordered && self.config.planted.is(Bug::OrderedEndNotStored)) {
            self.append_for(slot, |session| Record::SessionEnded { session });
        }
        if self.lsn > before {
            self.ceased = self.lsn;
        }
        self.restored.forget(slot);
        let Some(session) = self.sessions.get_mut(slot) else { return };
        let outbox = session.outbox.take();
        let (expiry, will) = (outbox.as_ref().and_then(|o| o.expiry_set), session.will.take());
        if let Some(due) = expiry {
            self.timers.cancel(due, Timer::MessageExpiry(session.reference(slot)));
        }
        if let Some(due) = will.and_then(|will| will.due) {
            self.timers.cancel(due, Timer::Will(session.reference(slot)));
        }
        if let Presence::Offline { expires: Some(due), .. } = session.presence {
            self.timers.cancel(due, Timer::Expiry(session.reference(slot)));
        }
        session.presence = Presence::Ended;
        self.arrived.remove(session.connected_at);
        session.replays = None;
        session.received.clear();
        let (client, durable) = (session.client.clone(), session.is_durable());
        self.by_client.remove(&client, slot);
        let Leavings { delivered, dropped, freed, shared } =
            outbox.map_or_else(Leavings::default, |outbox| leavings(*outbox));
        self.freed += if durable { freed } else { 0 };
        self.counters.sessions_expired += u64::from(why == SessionEnd::Expired);
        self.counters.delivered += delivered;
        self.counters.dropped.add(DropReason::SessionEnded, dropped);
        self.notice(Notice::SessionEnded { client, why, dropped });
        self.ended.push_back(slot);
        self.clean();
        for (group, entry) in shared {
            if self.config.planted.is(Bug::MemberTakesAlong) {
                let topic = entry.message.topic.clone();
                self.dropped(None, topic, entry.qos, DropReason::SessionEnded);
                continue;
            }
            self.hand_on(group, entry);
        }
    }

    /// Goes on taking ended sessions apart.
    pub(super) fn clean(&mut self) {
        let mut budget = self.config.budgets.subscriptions;
        while let Some(slot) = self.ended.front().copied() {
            let Some(session) = self.sessions.get_mut(slot) else { break };
            if session.subscriptions.is_empty() {
                self.sessions.remove(slot);
                self.ended.pop_front();
                continue;
            }
            if budget == 0 && self.config.planted.is(Bug::RemainsStay) {
                return;
            }
            if budget == 0 {
                let now = self.now;
                return self.set_timer(now, Timer::Clean);
            }
            budget -= 1;
            let Some(subscription) = session.subscriptions.pop() else { continue };
            if let Some((id, group)) = self.subscriptions.remove(subscription) {
                self.group_ended(id, group);
            }
        }
    }

    /// A share group lost its last member, and with it what waited for one.
    pub(super) fn group_ended(&mut self, id: GroupId, mut group: Group) {
        if let Some(set) = group.expiry_set {
            self.timers.cancel(set, Timer::GroupExpiry(id));
        }
        while let Some(entry) = group.backlog.pop() {
            let topic = entry.message.topic.clone();
            if entry.qos != QoS::AtMostOnce {
                let (group, seq) = (group.filter.clone(), entry.seq);
                self.append(Record::GroupRemoved { group, seq });
            }
            self.dropped(None, topic, entry.qos, DropReason::GroupEnded);
        }
    }
}

/// What becomes of the messages that a session held when it ended.
#[derive(Debug, Default)]
struct Leavings {
    /// The client had them already and only the last step was missing.
    delivered: u64,
    dropped: u64,
    /// Bytes of the log that this makes outdated.
    freed: u64,
    /// They came by a share group and go to another member.
    shared: Vec<(GroupId, Entry)>,
}

/// A QoS 2 exchange that began stays with its client (MQTT 5.0 section 4.8.2).
fn leavings(outbox: Outbox) -> Leavings {
    let Outbox { mut inflight, mut queue, .. } = outbox;
    let mut left = Leavings::default();
    for exchange in inflight.take() {
        let entry = exchange.entry;
        match exchange.awaiting {
            Awaiting::Pubcomp => left.end(&entry, true),
            Awaiting::Pubrec if exchange.sent => left.end(&entry, false),
            Awaiting::Puback | Awaiting::Pubrec => left.add(entry),
        }
    }
    while let Some(entry) = queue.pop() {
        left.add(entry);
    }
    left
}

impl Leavings {
    fn add(&mut self, entry: Entry) {
        match entry.matched.group() {
            Some(group) => self.shared.push((group, entry)),
            None => self.end(&entry, false),
        }
    }

    fn end(&mut self, entry: &Entry, delivered: bool) {
        self.delivered += u64::from(delivered);
        self.dropped += u64::from(!delivered);
        self.freed += outdated::held(entry);
    }
}
