//! An engine out of what its log says, and what it owes to those whom its end cut off.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::config::Config;
use crate::engine::{Engine, alive};
use crate::event::Lost;
use crate::id::{ClientId, ConnId, Lsn};
use crate::log::image::{HeldImage, Image, Progress, SessionImage, WillImage};
use crate::log::record::{Record, Seq, SessionKey};
use crate::matched::Matched;
use crate::message::{Content, RetainFlag};
use crate::notice::{CloseReason, DropReason};
use crate::packet::SubscribeOptions;
use crate::planted::Bug;
use crate::queue::Entry;
use crate::retained::Cursor;
use crate::session::{Arrival, Lifetime, Outbox, Presence, Session, Will};
use crate::time::Time;
use crate::timers::{SessionRef, Timer};
use crate::topic::TopicFilter;

/// How long a client has to come back after a restart before the Will that a stop kept is
/// published (contract section 7).
const WILL_GRACE: Duration = Duration::from_secs(30);

/// What is left to do after a restart. Nothing of it is done by restoring itself, which has no
/// actions.
#[derive(Debug, Default)]
pub(super) struct Restored {
    /// Slots of sessions whose client was connected when the broker ended.
    cut_off: BTreeSet<u32>,
    /// Wills of clients whose session ended with the broker.
    wills: VecDeque<(SessionKey, WillImage)>,
    /// What share groups held of whose members none has a session any more: the last one's was
    /// being taken apart.
    orphans: VecDeque<(TopicFilter, Seq, Arc<Content>)>,
    /// Sessions whose Will a stop kept, with its delay in seconds.
    kept: VecDeque<(SessionRef, u32)>,
    /// Messages of the longest backlog: limits hold for what comes.
    pub(super) longest: usize,
}

/// A subscription on its way into the index.
struct Listed {
    at: Time,
    slot: u32,
    filter: TopicFilter,
    options: SubscribeOptions,
    identifier: Option<u32>,
}

impl Restored {
    pub(super) fn wills(&self) -> impl Iterator<Item = (SessionKey, &WillImage)> {
        self.wills.iter().map(|(key, will)| (*key, will))
    }

    /// What is still recorded of share groups that are gone.
    pub(super) fn orphans(&self) -> impl Iterator<Item = &(TopicFilter, Seq, Arc<Content>)> {
        self.orphans.iter()
    }

    /// Whether the session's log does not say yet that its client is gone.
    pub(super) fn is_cut_off(&self, slot: u32) -> bool {
        self.cut_off.contains(&slot)
    }

    /// The session has ended, and nothing is left to do for it.
    pub(super) fn forget(&mut self, slot: u32) {
        self.cut_off.remove(&slot);
    }

    /// Whether everything is done that a restart left to do.
    pub(super) fn is_done(&self) -> bool {
        let Self { cut_off, wills, orphans, kept, longest: _ } = self;
        cut_off.is_empty() && wills.is_empty() && orphans.is_empty() && kept.is_empty()
    }
}

impl Engine {
    /// The broker as its log says it was. `last` is the log's last record and `time` the latest
    /// time in it; limits of the configuration hold for what comes, not for what is there.
    #[must_use]
    pub fn restore(config: Config, seed: [u8; 32], image: Image, last: Lsn, time: Time) -> Self {
        let mut engine = Self::new(config, seed);
        (engine.now, engine.lsn, engine.durable) = (time, last, last);
        engine.next_key = SessionKey(image.last_key.0 + 1);
        for content in image.retained.into_values() {
            engine.retained.store(content);
        }
        engine.watch_retained();
        for (client, filters) in image.awaited {
            for (filter, options) in filters {
                engine.waiting.add(client.clone(), filter, options);
            }
        }
        engine.restore_sessions(image.sessions, image.groups);
        engine.restore_wills(image.wills);
        if !engine.restored.is_done() {
            engine.set_timer(time, Timer::Restored);
        }
        engine
    }

    fn restore_sessions(
        &mut self,
        images: BTreeMap<SessionKey, SessionImage>,
        groups: BTreeMap<TopicFilter, BTreeMap<Seq, Arc<Content>>>,
    ) {
        let mut slots = Vec::with_capacity(images.len());
        let mut listed = Vec::new();
        let mut rest = Vec::new();
        for (key, mut image) in images {
            let subscriptions = std::mem::take(&mut image.subscriptions);
            let slot = self.restore_session(key, &image);
            slots.push((image.connected_at, slot));
            listed.extend(subscriptions.into_iter().map(|(filter, subscription)| {
                let (options, identifier) = (subscription.options, subscription.identifier);
                Listed { at: subscription.at, slot, filter, options, identifier }
            }));
            if !image.held.is_empty() || !image.replays.is_empty() {
                rest.push((slot, image));
            }
        }
        self.restore_arrivals(slots, listed);
        // Only now are there groups for messages to have come by.
        for (slot, image) in rest {
            self.restore_outbox(slot, image);
        }
        self.restore_groups(groups);
    }

    fn restore_session(&mut self, key: SessionKey, image: &SessionImage) -> u32 {
        // Nobody is connected: the connection is only for `Session::new`.
        let conn = ConnId { slot: u32::MAX, generation: u32::MAX };
        let arrival = Arrival { conn, address: image.address, at: image.connected_at };
        let lifetime = Lifetime::Beyond(image.expiry);
        let mut session = Session::new(image.client.clone(), key, lifetime, arrival);
        let silence = self.config.planted.is(Bug::SilenceExpires);
        let ended = if silence { self.now } else { alive::ended(self.now) };
        let since = image.left_at.unwrap_or(ended);
        let expires = image.expiry.map(|seconds| since + Duration::from_secs(seconds.into()));
        session.presence = Presence::Offline { since, expires };
        session.left_at = since;
        session.window = self.config.max_inflight_messages;
        session.lsn = self.lsn;
        if !self.config.planted.is(Bug::IdsNotRestored) {
            session.received = image.received.iter().copied().collect();
        }
        let slot = self.sessions.insert(session);
        self.list_client(slot);
        if image.left_at.is_none() {
            self.restored.cut_off.insert(slot);
        }
        let reference = self.sessions.get(slot).map(|session| session.reference(slot));
        if let (Some(due), Some(reference)) = (expires, reference) {
            self.set_timer(due, Timer::Expiry(reference));
        }
        slot
    }

    /// Lists by arrival are in order of time, whatever the order of the log.
    fn restore_arrivals(&mut self, mut slots: Vec<(Time, u32)>, mut listed: Vec<Listed>) {
        slots.sort_unstable();
        listed.sort_unstable_by_key(|subscription| subscription.at);
        for (at, slot) in slots {
            self.arrived.push(at, slot);
            self.last_arrival = self.last_arrival.max(at);
        }
        for Listed { at, slot, filter, options, identifier } in listed {
            self.last_arrival = self.last_arrival.max(at);
            let added = self.subscriptions.add(slot, &filter, false, at);
            let lost = self.config.planted.is(Bug::IdentifierNotRestored);
            let identifier = identifier.filter(|_| !lost);
            if let Some(subscription) = self.subscriptions.get_mut(added) {
                subscription.set(options, identifier);
            }
            let Some(session) = self.sessions.get_mut(slot) else { continue };
            session.subscriptions.push(at, added);
            session.shared += u32::from(filter.share_name().is_some());
        }
    }

    fn restore_outbox(&mut self, slot: u32, image: SessionImage) {
        self.counters.routed += image.held.len() as u64;
        let mut outbox = Outbox::default();
        for (seq, held) in image.held {
            outbox.next_seq = Seq(seq.0 + 1);
            let HeldImage { message, qos, retain, group, identifiers, progress } = held;
            let group = group.and_then(|filter| self.subscriptions.group_named(&filter));
            let matched = Matched::new(group, identifiers);
            let entry = Entry { seq, message, qos, retain, matched };
            let as_new = self.config.planted.is(Bug::InflightRestoredAsNew);
            if self.trims(&outbox, progress) {
                self.counters.routed -= 1;
                continue;
            }
            match progress {
                Progress::Sent(_) if as_new => outbox.queue.append(entry),
                Progress::Queued => outbox.queue.append(entry),
                Progress::Sent(id) => outbox.inflight.restore(id, entry, false),
                Progress::Released(id) => outbox.inflight.restore(id, entry, true),
            }
        }
        for (filter, after) in image.replays {
            let Some(subscription) = self.subscriptions.find(slot, &filter) else { continue };
            let Some(session) = self.sessions.get_mut(slot) else { return };
            let replays = session.replays.get_or_insert_default();
            replays.start(subscription, Cursor::behind(filter, after));
            if let Some(walk) = replays.get_mut(subscription) {
                walk.recorded = true;
            }
        }
        self.restored.longest = self.restored.longest.max(outbox.queue.len());
        if let Some(session) = self.sessions.get_mut(slot).filter(|_| outbox.len() > 0) {
            session.outbox = Some(Box::new(outbox));
            self.watch_expiry(slot);
        }
    }

    /// Whether a message goes because limits are lower now: on purpose only.
    fn trims(&self, outbox: &Outbox, progress: Progress) -> bool {
        let Config { planted, max_inflight_messages, max_msgqueue_messages, .. } = self.config;
        match progress {
            Progress::Queued => {
                planted.is(Bug::RestartTrimsBacklog)
                    && max_msgqueue_messages.is_some_and(|most| outbox.queue.len() >= most)
            }
            Progress::Sent(_) | Progress::Released(_) => {
                planted.is(Bug::RestartTrimsWindow)
                    && outbox.inflight.len() >= usize::from(max_inflight_messages)
            }
        }
    }

    fn restore_groups(&mut self, groups: BTreeMap<TopicFilter, BTreeMap<Seq, Arc<Content>>>) {
        for (filter, held) in groups {
            self.counters.routed += held.len() as u64;
            let slot = self.subscriptions.group_named(&filter).map(|id| id.slot);
            let found = slot.and_then(|slot| Some((slot, self.subscriptions.group_mut(slot)?)));
            let Some((slot, group)) = found else {
                let orphans = held.into_iter().map(|(seq, message)| (filter.clone(), seq, message));
                self.restored.orphans.extend(orphans);
                continue;
            };
            for (seq, message) in held {
                let qos = message.qos;
                group.next_seq = Seq(seq.0 + 1);
                let (retain, matched) = (RetainFlag::Clear, Matched::default());
                group.backlog.append(Entry { seq, message, qos, retain, matched });
            }
            self.watch_group_expiry(slot);
        }
    }

    /// A Will whose session outlives the connection waits in it, for the client or its time.
    fn restore_wills(&mut self, wills: BTreeMap<SessionKey, WillImage>) {
        for (key, image) in wills {
            let slot = self.slot_of(&image.client);
            let session = slot.and_then(|slot| Some((slot, self.sessions.get_mut(slot)?)));
            let Some((slot, session)) = session.filter(|(_, session)| session.key == key) else {
                self.restored.wills.push_back((key, image));
                continue;
            };
            let WillImage { will, delay, .. } = image;
            session.will = Some(Box::new(Will { message: will, delay, due: None }));
            let reference = session.reference(slot);
            if !self.restored.cut_off.contains(&slot) {
                self.restored.kept.push_back((reference, delay));
            }
        }
    }

    /// Does for those whom the broker's end cut off what the end of their connections asks for,
    /// some in each step.
    pub(super) fn see_to_restored(&mut self) {
        for _ in 0..self.config.budgets.restored {
            if let Some(slot) = self.restored.cut_off.pop_first() {
                self.cut_off(slot);
            } else if let Some((session, will)) = self.restored.wills.pop_front() {
                self.append(Record::WillCleared { session });
                self.publish_will(None, Some((will.client, will.will)));
            } else if let Some((group, seq, message)) = self.restored.orphans.pop_front() {
                self.append(Record::GroupRemoved { group, seq });
                self.dropped(None, message.topic.clone(), message.qos, DropReason::GroupEnded);
            } else if let Some((session, delay)) = self.restored.kept.pop_front() {
                // From now on: the time that the broker was down was not the client's to use.
                let wait = WILL_GRACE.max(Duration::from_secs(delay.into()));
                if self.session_by_reference(session).is_some() {
                    self.delay_will(session.slot, wait);
                }
            } else {
                return;
            }
        }
        let now = self.now;
        self.set_timer(now, Timer::Restored);
    }

    /// The same at once for a client that is back already.
    pub(super) fn see_to_restored_client(&mut self, client: &ClientId) {
        let slot = self.slot_of(client);
        if let Some(slot) = slot.filter(|slot| self.restored.cut_off.remove(slot)) {
            self.cut_off(slot);
        }
    }

    /// When the client was cut off, which is not later than now; its session's expiry counts from
    /// then.
    fn left_by_now(&mut self, slot: u32) -> Option<Time> {
        let session = self.sessions.get_mut(slot)?;
        session.left_at = session.left_at.min(self.now);
        if self.config.planted.is(Bug::RestartRenewsExpiry) {
            session.left_at = self.now;
        }
        let since = session.left_at;
        let expires = match session.lifetime {
            Lifetime::Beyond(Some(seconds)) => Some(since + Duration::from_secs(seconds.into())),
            Lifetime::Beyond(None) | Lifetime::Connection => None,
        };
        let before = std::mem::replace(&mut session.presence, Presence::Offline { since, expires });
        let timer = Timer::Expiry(session.reference(slot));
        if let Presence::Offline { expires: Some(due), .. } = before {
            self.timers.cancel(due, timer);
        }
        if let Some(due) = expires {
            self.set_timer(due, timer);
        }
        Some(since)
    }

    fn cut_off(&mut self, slot: u32) {
        let Some(at) = self.left_by_now(slot) else { return };
        self.append_for(slot, |session| Record::SessionLeft { session, at });
        let will = self.will_at_end(slot, CloseReason::Lost(Lost::Failed));
        self.publish_will(Some(slot), will);
    }
}
