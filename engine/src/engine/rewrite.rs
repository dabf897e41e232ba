//! Cleaning the log: what lives is written anew, bit by bit, so that all before it can go.
//!
//! A round walks over everything durable and appends each thing's present value, while the broker
//! goes on. Every record says what is so from then on, so it does not matter what else is appended
//! in between. When the round is over and durable, the log can be read from where it began.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::action::Action;
use crate::engine::Engine;
use crate::id::{ClientId, Lsn};
use crate::inflight::Awaiting;
use crate::log::record::{Kept, Record, Retained, Seq, SessionKey};
use crate::message::Content;
use crate::packet::QoS;
use crate::planted::Bug;
use crate::queue::Entry;
use crate::retained::{Cursor, Found};
use crate::session::{Lifetime, Presence, Session};
use crate::time::Time;
use crate::topic::{TopicFilter, TopicName};

/// What a record counts for beside the texts and messages in it.
const WEIGHT: usize = 48;

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
    /// Bytes written anew so far.
    weight: u64,
    /// Messages written anew, by address. Each is kept until the round is over, so that no address
    /// means two.
    written: BTreeMap<usize, (Lsn, Arc<Content>)>,
}

/// How far a round has come.
#[derive(Clone, Debug)]
enum Place {
    Session(u32),
    Subscriptions { slot: u32, key: SessionKey, after: Time },
    Held { slot: u32, key: SessionKey, after: Option<Seq> },
    Groups(u32),
    Retained(Option<TopicName>),
    Awaited(Option<ClientId>),
    End,
}

impl Engine {
    /// Writes the next part anew, once the last one is durable.
    pub(super) fn clean_log(&mut self, budget: u32) {
        let idle = self.restored.is_done() && !self.stopping;
        if self.round.is_none() && idle {
            self.round = Some(Round::new(self.lsn.next(), self.next_key));
        }
        let Some(mut round) = self.round.take_if(|round| round.last <= self.durable) else {
            return;
        };
        let end = round.weight + u64::from(budget);
        while round.weight < end && !matches!(round.place, Place::End) {
            self.clean_next(&mut round);
            round.last = self.lsn;
        }
        if matches!(round.place, Place::End) && round.last <= self.durable {
            let early = self.config.planted.is(Bug::TrimTooEarly);
            let before = if early { self.lsn } else { round.began };
            self.out.push(Action::Trim { before, live: round.weight });
        } else {
            self.round = Some(round);
        }
    }

    fn clean_next(&mut self, round: &mut Round) {
        round.place = match std::mem::replace(&mut round.place, Place::End) {
            Place::Session(slot) => self.clean_session(round, slot),
            Place::Subscriptions { slot, key, after } => {
                self.clean_subscription(round, slot, key, after)
            }
            Place::Held { slot, key, after } => self.clean_held(round, slot, key, after),
            Place::Groups(slot) => self.clean_group(round, slot),
            Place::Retained(after) => self.clean_retained(round, after),
            Place::Awaited(after) => self.clean_awaited(round, after.as_ref()),
            Place::End => Place::End,
        };
    }

    fn rewrite(&mut self, round: &mut Round, weight: usize, record: Record) -> Lsn {
        round.weight += (WEIGHT + weight) as u64;
        self.append(record)
    }

    fn clean_session(&mut self, round: &mut Round, from: u32) -> Place {
        let Some(slot) = self.sessions.first_from(from) else { return Place::Groups(0) };
        let next = Place::Session(slot + 1);
        let Some(session) = self.sessions.get(slot) else { return next };
        if session.presence == Presence::Ended || session.key >= round.first_new {
            // What it costs to look.
            round.weight += 1;
            return next;
        }
        let (key, client) = (session.key, session.client.clone());
        let (address, at) = (session.address, session.connected_at);
        let (lifetime, presence) = (session.lifetime, session.presence);
        let received: Vec<_> = session.received.iter().copied().collect();
        let len = client.as_str().len();
        if let Some(will) = session.will.clone() {
            let (weight, client) = (len + will.weight(), client.clone());
            self.rewrite(round, weight, Record::WillSet { session: key, client, will, delay: 0 });
        }
        let Lifetime::Beyond(expiry) = lifetime else { return next };
        self.rewrite(
            round,
            len,
            Record::SessionBegan { session: key, client, address, at, expiry },
        );
        if let Presence::Offline { since: at, .. } = presence {
            self.rewrite(round, 0, Record::SessionLeft { session: key, at });
        }
        for packet_id in received {
            self.rewrite(round, 0, Record::Received { session: key, packet_id });
        }
        Place::Subscriptions { slot, key, after: Time::ZERO }
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
        let Some(entry) = next else { return Place::Held { slot, key, after: None } };
        let walk = session.replays.as_ref().and_then(|replays| replays.get(entry.slot));
        let walked = walk.filter(|walk| walk.recorded).map(|walk| walk.cursor.after().cloned());
        let subscription = self.subscriptions.get(entry.slot);
        if let (Some(subscription), Some(filter)) =
            (subscription, self.subscriptions.filter(entry.slot))
        {
            let (options, identifier) = (subscription.options, subscription.identifier);
            let (session, at, len) = (key, entry.at, filter.as_str().len());
            let copy = filter.clone();
            let record = Record::Subscribed { session, filter: copy, options, identifier, at };
            self.rewrite(round, len, record);
            if let Some(after) = walked {
                self.rewrite(round, len, Record::Replaying { session, filter, after });
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
    ) -> Place {
        let done = Place::Session(slot + 1);
        let Some(outbox) = self.cleaned(slot, key).and_then(|s| s.outbox.as_ref()) else {
            return done;
        };
        let exchange = outbox.inflight.iter().find(|e| after.is_none_or(|seq| e.entry.seq > seq));
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
        let group = entry.group.and_then(|group| self.subscriptions.group_by_id(group));
        let group = group.map(|group| group.filter.clone());
        let (message, weight) = round.keep(&entry.message, self.lsn.next());
        // When it was accepted is not kept yet.
        let (session, at) = (key, Time::ZERO);
        let record =
            Record::Holds { session, seq, message, at, qos, retain, packet_id, released, group };
        self.rewrite(round, weight, record);
        Place::Held { slot, key, after: Some(seq) }
    }

    fn clean_group(&mut self, round: &mut Round, from: u32) -> Place {
        let Some(slot) = self.subscriptions.first_group_from(from) else {
            return Place::Retained(None);
        };
        let Some(group) = self.subscriptions.group(slot) else { return Place::Groups(slot + 1) };
        round.weight += 1;
        let filter: TopicFilter = group.filter.clone();
        let stored = group.backlog.iter().filter(|entry| entry.qos != QoS::AtMostOnce);
        let held: Vec<_> = stored.map(|e| (e.seq, Arc::clone(&e.message))).collect();
        for (seq, message) in held {
            let (message, weight) = round.keep(&message, self.lsn.next());
            let (group, at) = (filter.clone(), Time::ZERO);
            self.rewrite(round, weight, Record::GroupHolds { group, seq, message, at });
        }
        Place::Groups(slot + 1)
    }

    fn clean_retained(&mut self, round: &mut Round, after: Option<TopicName>) -> Place {
        let everything = TopicFilter::parse("#".into()).expect("`#` is a filter");
        let mut cursor = Cursor::behind(everything, after);
        let mut looks = 1;
        round.weight += 1;
        match self.retained.next(&mut cursor, &mut looks) {
            Found::End => return Place::Awaited(None),
            // The broker's own, or nothing within a look.
            Found::NotYet => {}
            Found::Message(message) => {
                let (weight, at) = (message.weight(), Time::ZERO);
                let (received, retained, to) = (None, Retained::Stored, Vec::new());
                let record = Record::Published { message, at, received, retained, to };
                self.rewrite(round, weight, record);
            }
        }
        Place::Retained(cursor.after().cloned())
    }

    fn clean_awaited(&mut self, round: &mut Round, after: Option<&ClientId>) -> Place {
        let Some((client, filters)) = self.waiting.first_after(after) else { return Place::End };
        let (client, filters) = (client.clone(), filters.clone());
        for (filter, options) in filters {
            let (weight, client) = (client.as_str().len() + filter.as_str().len(), client.clone());
            self.rewrite(round, weight, Record::SubscriptionAwaits { client, filter, options });
        }
        Place::Awaited(Some(client))
    }
}

impl Round {
    fn new(began: Lsn, first_new: SessionKey) -> Self {
        let (place, written) = (Place::Session(0), BTreeMap::new());
        Self { began, first_new, place, last: Lsn::NONE, weight: 0, written }
    }

    /// The message for the record `lsn`: itself the first time, later where it is. With what it
    /// weighs there.
    fn keep(&mut self, message: &Arc<Content>, lsn: Lsn) -> (Kept, usize) {
        let address = Arc::as_ptr(message).addr();
        if let Some((earlier, _)) = self.written.get(&address) {
            return (Kept::Earlier(*earlier), 0);
        }
        self.written.insert(address, (lsn, Arc::clone(message)));
        (Kept::Here(Arc::clone(message)), message.weight())
    }
}
