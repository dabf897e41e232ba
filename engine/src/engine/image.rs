//! What of the engine is durable, as its log ought to say it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::Engine;
use crate::inflight::Awaiting;
use crate::log::image::{HeldImage, Image, Progress, SessionImage, SubscriptionImage, WillImage};
use crate::packet::QoS;
use crate::queue::Entry;
use crate::session::{Lifetime, Presence, Session};

impl Engine {
    /// Draws the image that the records appended so far stand for. Looks at everything there is,
    /// so it is for tests.
    #[must_use]
    pub fn image(&self) -> Image {
        let mut image = Image::default();
        for (slot, session) in self.sessions.iter() {
            if session.presence == Presence::Ended {
                continue;
            }
            if let Some(will) = &session.will {
                let (client, delay) = (session.client.clone(), will.delay);
                let will = Arc::clone(&will.message);
                image.wills.insert(session.key, WillImage { client, will, delay });
            }
            if let Lifetime::Beyond(expiry) = session.lifetime {
                image.sessions.insert(session.key, self.image_of(slot, session, expiry));
            }
        }
        let ownerless = self.restored.wills().map(|(key, will)| (key, will.clone()));
        image.wills.extend(ownerless);
        image.retained =
            self.retained.durable_after(None).map(|m| (m.topic.clone(), Arc::clone(m))).collect();
        image.awaited = self.waiting.all().clone();
        for group in self.subscriptions.groups() {
            let stored = group.backlog.iter().filter(|entry| entry.qos != QoS::AtMostOnce);
            let held: BTreeMap<_, _> =
                stored.map(|entry| (entry.seq, Arc::clone(&entry.message))).collect();
            if !held.is_empty() {
                image.groups.insert(group.filter.clone(), held);
            }
        }
        for (filter, seq, message) in self.restored.orphans() {
            image.groups.entry(filter.clone()).or_default().insert(*seq, Arc::clone(message));
        }
        image
    }

    fn image_of(&self, slot: u32, session: &Session, expiry: Option<u32>) -> SessionImage {
        let left_at = match session.presence {
            Presence::Offline { since, .. } if !self.restored.is_cut_off(slot) => Some(since),
            Presence::Offline { .. } | Presence::Online(_) | Presence::Ended => None,
        };
        let mut image = SessionImage {
            client: session.client.clone(),
            address: session.address,
            connected_at: session.connected_at,
            left_at,
            expiry,
            subscriptions: BTreeMap::new(),
            held: BTreeMap::new(),
            received: session.received.iter().collect(),
            replays: BTreeMap::new(),
        };
        for entry in session.subscriptions.iter() {
            let Some(subscription) = self.subscriptions.get(entry.slot) else { continue };
            let Some(filter) = self.subscriptions.filter(entry.slot) else { continue };
            let (options, identifier) = (subscription.options, subscription.identifier());
            let subscription = SubscriptionImage { options, identifier, at: entry.at };
            image.subscriptions.insert(filter, subscription);
        }
        if let Some(outbox) = &session.outbox {
            for exchange in outbox.inflight.iter() {
                let progress = match exchange.awaiting {
                    Awaiting::Pubcomp => Progress::Released(exchange.packet_id),
                    Awaiting::Puback | Awaiting::Pubrec => Progress::Sent(exchange.packet_id),
                };
                image.held.insert(exchange.entry.seq, self.held(&exchange.entry, progress));
            }
            for entry in outbox.queue.iter().filter(|entry| entry.qos != QoS::AtMostOnce) {
                image.held.insert(entry.seq, self.held(entry, Progress::Queued));
            }
        }
        for walk in session.replays.iter().flat_map(|replays| replays.iter()) {
            image.replays.insert(walk.cursor.filter().clone(), walk.cursor.after().cloned());
        }
        image
    }

    fn held(&self, entry: &Entry, progress: Progress) -> HeldImage {
        let group = entry.matched.group().and_then(|group| self.subscriptions.group_by_id(group));
        HeldImage {
            message: Arc::clone(&entry.message),
            qos: entry.qos,
            retain: entry.retain,
            group: group.map(|group| group.filter.clone()),
            identifiers: entry.matched.identifiers(),
            progress,
        }
    }
}
