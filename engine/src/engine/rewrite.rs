//! Cleaning the log: what lives is written anew, bit by bit, so that all before it can go.
//!
//! A round walks over everything durable and appends each thing's present value, while the broker
//! goes on. Every record says what is so from then on, so it does not matter what else is appended
//! in between. When the round is over and durable, the log can be read from where it began.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::action::Action;
use crate::engine::Engine;
use crate::id::{ClientId, Lsn, PacketId};
use crate::inflight::Awaiting;
use crate::log::record::{Kept, Record, Retained, Seq, SessionKey};
use crate::log::weigh;
use crate::message::Content;
use crate::planted::Bug;
use crate::queue::Entry;
use crate::session::{Lifetime, Presence, Session};
use crate::time::Time;
use crate::timers::Timer;
use crate::topic::{TopicFilter, TopicName};

/// What it costs to look at something, in bytes that might be written instead.
const LOOK: u64 = 16;

/// Steps between two waits for the disk, at least: one long enough to be worth a sync would keep
/// everybody waiting.
const STEPS: u64 = 4;

/// No more is owed than this: what waits for the disk has to stay small beside the memory.
const MOST_OWED: u64 = 16 << 20;

/// A round of cleaning.
#[derive(Debug)]
pub(super) struct Round {
    /// Its first record.
    began: Lsn,
    /// Sessions from this one on began after it, and all their records with them.
    first_new: SessionKey,
    place: Place,
    /// Its last record so far: the next step waits until this is durable, so that cleaning never
    /// fills the log faster than the disk takes it.
    last: Lsn,
    /// Bytes of records written anew so far.
    bytes: u64,
    /// What that has cost, with what was only looked at.
    weight: u64,
    /// How much to do in one step.
    step: u64,
    /// How much is to be done before the next wait for the disk.
    owed: u64,
    /// Whether a timeout goes on with that.
    at_it: bool,
    /// For the lengths of records.
    scratch: Vec<u8>,
    /// Messages written anew, by address. Each is kept until the round is over, so that no address
    /// means two.
    written: BTreeMap<usize, (Lsn, Arc<Content>)>,
}

/// How far a round has come.
#[derive(Clone, Debug)]
enum Place {
    Session(u32),
    Received {
        slot: u32,
        key: SessionKey,
        after: Option<PacketId>,
    },
    Subscriptions {
        slot: u32,
        key: SessionKey,
        after: Time,
    },
    /// Before `end`, which was next when the round came to the session: later ones were stored
    /// after the round began.
    Held {
        slot: u32,
        key: SessionKey,
        after: Option<Seq>,
        end: Seq,
    },
    Group(u32),
    /// As with `Held`.
    GroupHeld {
        slot: u32,
        after: Option<Seq>,
        end: Seq,
    },
    Retained(Option<TopicName>),
    Awaited(Option<(ClientId, TopicFilter)>),
    End,
}

impl Engine {
    /// Writes the next part anew, once the last one is durable: a step of it now, the rest at the
    /// next timeouts.
    pub(super) fn clean_log(&mut self, step: u32, owed: u64) {
        let idle = self.restored.is_done() && !self.stopping;
        if self.round.is_none() && idle {
            self.round = Some(Round::new(self.lsn.next(), self.next_key));
        }
        let Some(round) = &mut self.round else { return };
        round.owed = (round.owed + owed).min(MOST_OWED);
        if !round.at_it && round.last > self.durable {
            return;
        }
        if !round.at_it {
            round.step = u64::from(step);
            round.owed = round.owed.max(round.step * STEPS);
        }
        self.go_on_cleaning();
    }

    /// On a full disk it is for the log to say when there is room for another step.
    pub(super) fn pause_cleaning(&mut self) {
        if let Some(round) = &mut self.round {
            (round.owed, round.at_it) = (0, false);
        }
    }

    /// A step of what is owed.
    pub(super) fn go_on_cleaning(&mut self) {
        let Some(mut round) = self.round.take() else { return };
        let (before, end) = (round.weight, round.weight + round.step.min(round.owed));
        while round.weight < end && !matches!(round.place, Place::End) {
            self.clean_next(&mut round);
            round.last = self.lsn;
        }
        round.owed = round.owed.saturating_sub(round.weight - before);
        round.at_it = round.owed > 0 && !matches!(round.place, Place::End);
        if round.at_it {
            let now = self.now;
            self.set_timer(now, Timer::Rewrite);
        }
        self.round = Some(round);
        self.end_cleaning();
    }

    /// Once all is written and durable. That takes no step: on a full disk there may be no room for
    /// one, and this is what makes room.
    pub(super) fn end_cleaning(&mut self) {
        let durable = self.durable;
        let over = |r: &mut Round| matches!(r.place, Place::End) && r.last <= durable;
        if let Some(round) = self.round.take_if(over) {
            let early = self.config.planted.is(Bug::TrimTooEarly);
            let before = if early { self.lsn } else { round.began };
            self.out.push(Action::Trim { before, live: round.bytes });
        }
    }

    fn clean_next(&mut self, round: &mut Round) {
        round.place = match std::mem::replace(&mut round.place, Place::End) {
            Place::Session(slot) => self.clean_session(round, slot),
            Place::Received { slot, key, after } => self.clean_received(round, slot, key, after),
            Place::Subscriptions { slot, key, after } => {
                self.clean_subscription(round, slot, key, after)
            }
            Place::Held { slot, key, after, end } => self.clean_held(round, slot, key, after, end),
            Place::Group(slot) => self.clean_group(round, slot),
            Place::GroupHeld { slot, after, end } => self.clean_group_held(round, slot, after, end),
            Place::Retained(after) => self.clean_retained(round, after.as_ref()),
            Place::Awaited(after) => self.clean_awaited(round, after.as_ref()),
            Place::End => Place::End,
        };
    }

    fn rewrite(&mut self, round: &mut Round, record: Record) -> Lsn {
        let bytes = weigh::len(&record, &mut round.scratch);
        round.bytes += bytes;
        round.weight += bytes + LOOK;
        self.append_action(record, true)
    }

    fn clean_session(&mut self, round: &mut Round, from: u32) -> Place {
        round.weight += LOOK;
        let Some(slot) = self.sessions.first_from(from) else { return Place::Group(0) };
        let next = Place::Session(slot + 1);
        let Some(session) = self.sessions.get(slot) else { return next };
        if session.presence == Presence::Ended || session.key >= round.first_new {
            return next;
        }
        let (key, client) = (session.key, session.client.clone());
        let (address, at) = (session.address, session.connected_at);
        let (lifetime, presence) = (session.lifetime, session.presence);
        if let Some(will) = &session.will {
            let (client, delay) = (client.clone(), will.delay);
            let will = Arc::clone(&will.message);
            self.rewrite(round, Record::WillSet { session: key, client, will, delay });
        }
        let Lifetime::Beyond(expiry) = lifetime else { return next };
        self.rewrite(round, Record::SessionBegan { session: key, client, address, at, expiry });
        if let Presence::Offline { since: at, .. } = presence {
            self.rewrite(round, Record::SessionLeft { session: key, at });
        }
        Place::Received { slot, key, after: None }
    }

    fn clean_received(
        &mut self,
        round: &mut Round,
        slot: u32,
        key: SessionKey,
        after: Option<PacketId>,
    ) -> Place {
        let Some(session) = self.cleaned(slot, key) else { return Place::Session(slot + 1) };
        let Some(packet_id) = session.received.first_after(after) else {
            return Place::Subscriptions { slot, key, after: Time::ZERO };
        };
        self.rewrite(round, Record::Received { session: key, packet_id });
        Place::Received { slot, key, after: Some(packet_id) }
    }

    /// The session that a round is in, if it has not ended meanwhile.
    fn cleaned(&self, slot: u32, key: SessionKey) -> Option<&Session> {
        let session = self.sessions.get(slot)?;
        (session.key == key && session.presence != Presence::Ended).then_some(session)
    }

    fn clean_subscription(
        &mut self,
        round: &mut Round,
        slot: u32,
        key: SessionKey,
        after: Time,
    ) -> Place {
        let Some(session) = self.cleaned(slot, key) else { return Place::Session(slot + 1) };
        let next = session.subscriptions.after(after).next();
        let Some(entry) = next else {
            let end = session.outbox.as_ref().map(|outbox| outbox.next_seq);
            let held = end.map(|end| Place::Held { slot, key, after: None, end });
            return held.unwrap_or(Place::Session(slot + 1));
        };
        let walk = session.replays.as_ref().and_then(|replays| replays.get(entry.slot));
        let walked = walk.filter(|walk| walk.recorded).map(|walk| walk.cursor.after().cloned());
        let subscription = self.subscriptions.get(entry.slot);
        if let (Some(subscription), Some(filter)) =
            (subscription, self.subscriptions.filter(entry.slot))
        {
            let (options, identifier) = (subscription.options, subscription.identifier());
            let (session, at) = (key, entry.at);
            let copy = filter.clone();
            let record = Record::Subscribed { session, filter: copy, options, identifier, at };
            self.rewrite(round, record);
            if let Some(after) = walked {
                self.rewrite(round, Record::Replaying { session, filter, after });
            }
        }
        Place::Subscriptions { slot, key, after: entry.at }
    }

    fn clean_held(
        &mut self,
        round: &mut Round,
        slot: u32,
        key: SessionKey,
        after: Option<Seq>,
        end: Seq,
    ) -> Place {
        let done = Place::Session(slot + 1);
        let Some(outbox) = self.cleaned(slot, key).and_then(|s| s.outbox.as_ref()) else {
            return done;
        };
        let exchange = outbox.inflight.first_after(after);
        let skips = self.config.planted.is(Bug::CleaningSkipsInflight);
        let exchange = exchange.filter(|_| !skips);
        let (entry, packet_id, released) = match exchange {
            Some(exchange) => {
                let released = exchange.awaiting == Awaiting::Pubcomp;
                (&exchange.entry, Some(exchange.packet_id), released)
            }
            None => match outbox.queue.first_stored_after(after) {
                Some(entry) => (entry, None, false),
                None => return done,
            },
        };
        let Entry { seq, qos, retain, .. } = *entry;
        if seq >= end {
            return done;
        }
        let group = entry.matched.group().and_then(|group| self.subscriptions.group_by_id(group));
        let group = group.map(|group| group.filter.clone());
        let identifiers = entry.matched.identifiers();
        let (session, at) = (key, entry.message.at());
        let message = round.keep(&entry.message, self.lsn.next());
        self.rewrite(
            round,
            Record::Holds {
                session,
                seq,
                message,
                at,
                qos,
                retain,
                packet_id,
                released,
                group,
                identifiers,
            },
        );
        Place::Held { slot, key, after: Some(seq), end }
    }

    fn clean_group(&mut self, round: &mut Round, from: u32) -> Place {
        round.weight += LOOK;
        let Some(slot) = self.subscriptions.first_group_from(from) else {
            return Place::Retained(None);
        };
        let group = self.subscriptions.group(slot);
        let held = group.map(|g| Place::GroupHeld { slot, after: None, end: g.next_seq });
        held.unwrap_or(Place::Group(slot + 1))
    }

    fn clean_group_held(
        &mut self,
        round: &mut Round,
        slot: u32,
        after: Option<Seq>,
        end: Seq,
    ) -> Place {
        let done = Place::Group(slot + 1);
        let Some(group) = self.subscriptions.group(slot) else { return done };
        let entry = group.backlog.first_stored_after(after).filter(|entry| entry.seq < end);
        let Some(entry) = entry else { return done };
        let (seq, message) = (entry.seq, round.keep(&entry.message, self.lsn.next()));
        let (group, at) = (group.filter.clone(), entry.message.at());
        self.rewrite(round, Record::GroupHolds { group, seq, message, at });
        Place::GroupHeld { slot, after: Some(seq), end }
    }

    /// A quarter of a step in one go: finding the place in the tree takes longer than a message does.
    fn clean_retained(&mut self, round: &mut Round, after: Option<&TopicName>) -> Place {
        let mut left = round.step / 4;
        let mut part = Vec::new();
        for message in self.retained.durable_after(after) {
            part.push(Arc::clone(message));
            left = left.saturating_sub(message.weight() as u64);
            if left == 0 {
                break;
            }
        }
        let Some(last) = part.last() else { return Place::Awaited(None) };
        let after = last.topic.detached();
        for message in part {
            let at = message.at();
            let (received, retained, to) = (None, Retained::Stored, Vec::new());
            self.rewrite(round, Record::Published { message, at, received, retained, to });
        }
        Place::Retained(Some(after))
    }

    fn clean_awaited(
        &mut self,
        round: &mut Round,
        after: Option<&(ClientId, TopicFilter)>,
    ) -> Place {
        let Some((client, filter, options)) = self.waiting.first_after(after) else {
            return Place::End;
        };
        let place = Place::Awaited(Some((client.clone(), filter.clone())));
        let (client, filter) = (client.clone(), filter.clone());
        self.rewrite(round, Record::SubscriptionAwaits { client, filter, options });
        place
    }
}

impl Round {
    fn new(began: Lsn, first_new: SessionKey) -> Self {
        Self {
            began,
            first_new,
            place: Place::Session(0),
            last: Lsn::NONE,
            bytes: 0,
            weight: 0,
            step: 0,
            owed: 0,
            at_it: false,
            scratch: Vec::new(),
            written: BTreeMap::new(),
        }
    }

    /// The message for the record `lsn`: itself the first time, later where it is.
    fn keep(&mut self, message: &Arc<Content>, lsn: Lsn) -> Kept {
        let address = Arc::as_ptr(message).addr();
        if let Some((earlier, _)) = self.written.get(&address) {
            return Kept::Earlier(*earlier);
        }
        self.written.insert(address, (lsn, Arc::clone(message)));
        Kept::Here(Arc::clone(message))
    }
}
