//! An image as records: what a log says that has only just begun and holds all of it.
//!
//! Cleaning (`engine/rewrite.rs`) writes the same things, but bit by bit out of a broker that goes
//! on, and not before the broker has seen to what a restart left to do. Here nothing happens, and
//! what is still to be done stays so.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::id::Lsn;
use crate::log::image::{HeldImage, Image, Progress, SessionImage};
use crate::log::record::{Kept, Record, Retained, Seq, SessionKey};
use crate::log::weigh;
use crate::message::Content;

impl Image {
    /// Tells records, in order, that stand for this image and nothing else; the first of them has
    /// the number `first`. Each message is in one of them, however many hold it.
    pub fn records(&self, first: Lsn, tell: impl FnMut(Lsn, Record)) {
        let mut walk = Walk { next: first, written: BTreeMap::new(), tell };
        for message in self.retained.values() {
            walk.retained(message);
        }
        for (key, session) in &self.sessions {
            walk.session(*key, session);
        }
        for (session, will) in &self.wills {
            let (session, client, delay) = (*session, will.client.clone(), will.delay);
            walk.tell(Record::WillSet { session, client, will: Arc::clone(&will.will), delay });
        }
        for (group, held) in &self.groups {
            for (seq, message) in held {
                let (group, seq, at) = (group.clone(), *seq, message.at());
                let message = walk.kept(message);
                walk.tell(Record::GroupHolds { group, seq, message, at });
            }
        }
        for (client, filters) in &self.awaited {
            for (filter, options) in filters {
                let (client, filter, options) = (client.clone(), filter.clone(), *options);
                walk.tell(Record::SubscriptionAwaits { client, filter, options });
            }
        }
    }

    /// Bytes of the records that stand for it: what all that lives takes.
    #[must_use]
    pub fn live_bytes(&self) -> u64 {
        let (mut sum, mut scratch) = (0, Vec::new());
        self.records(Lsn::NONE.next(), |_, record| sum += weigh::len(&record, &mut scratch));
        sum
    }
}

struct Walk<F> {
    next: Lsn,
    /// Messages that a record has brought, by address: the image keeps each where it is.
    written: BTreeMap<usize, Lsn>,
    tell: F,
}

impl<F: FnMut(Lsn, Record)> Walk<F> {
    fn tell(&mut self, record: Record) {
        (self.tell)(self.next, record);
        self.next = self.next.next();
    }

    fn retained(&mut self, message: &Arc<Content>) {
        self.written.insert(Arc::as_ptr(message).addr(), self.next);
        self.tell(Record::Published {
            message: Arc::clone(message),
            at: message.at(),
            received: None,
            retained: Retained::Stored,
            to: Vec::new(),
        });
    }

    fn session(&mut self, key: SessionKey, image: &SessionImage) {
        let (session, client, address) = (key, image.client.clone(), image.address);
        let (at, expiry) = (image.connected_at, image.expiry);
        self.tell(Record::SessionBegan { session, client, address, at, expiry });
        if let Some(at) = image.left_at {
            self.tell(Record::SessionLeft { session, at });
        }
        for packet_id in image.received.iter().copied() {
            self.tell(Record::Received { session, packet_id });
        }
        for (filter, subscription) in &image.subscriptions {
            let filter = filter.clone();
            let (options, identifier) = (subscription.options, subscription.identifier);
            let at = subscription.at;
            self.tell(Record::Subscribed { session, filter, options, identifier, at });
        }
        for (filter, after) in &image.replays {
            let (filter, after) = (filter.clone(), after.clone());
            self.tell(Record::Replaying { session, filter, after });
        }
        for (seq, held) in &image.held {
            self.held(session, *seq, held);
        }
    }

    fn held(&mut self, session: SessionKey, seq: Seq, image: &HeldImage) {
        let HeldImage { message, qos, retain, group, identifiers, progress } = image;
        let (packet_id, released) = match *progress {
            Progress::Queued => (None, false),
            Progress::Sent(id) => (Some(id), false),
            Progress::Released(id) => (Some(id), true),
        };
        let (qos, retain, at) = (*qos, *retain, message.at());
        let (group, identifiers) = (group.clone(), identifiers.clone());
        let message = self.kept(message);
        self.tell(Record::Holds {
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
        });
    }

    /// The message for the next record: itself the first time, later where it is.
    fn kept(&mut self, message: &Arc<Content>) -> Kept {
        let address = Arc::as_ptr(message).addr();
        if let Some(earlier) = self.written.get(&address) {
            return Kept::Earlier(*earlier);
        }
        self.written.insert(address, self.next);
        Kept::Here(Arc::clone(message))
    }
}
