//! An image out of records of which some are missing, made one that a broker could have been in.
//!
//! Where two things exclude each other, the end of the older one is among what is missing: the
//! newer one could not have begun before it. So it is the older one that goes.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{ClientId, PacketId};
use crate::log::image::{Image, Progress, SessionImage};
use crate::log::record::{Seq, SessionKey};

/// What went because something newer excludes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outdated {
    /// Clients an older session of whom went.
    pub sessions: Vec<ClientId>,
    /// Wills of connections that were over.
    pub wills: usize,
    /// Messages whose packet identifier a later one had, so that they were acknowledged.
    pub messages: usize,
    /// Subscriptions that waited for a client that is there.
    pub awaited: usize,
    /// Replays of retained messages for a subscription that is not there.
    pub replays: usize,
}

impl Image {
    /// Leaves out what is outdated. An image of all records of a log has nothing of it.
    pub fn reconcile(&mut self) -> Outdated {
        let newest = self.newest_keys();
        let mut outdated = Outdated::default();
        self.sessions.retain(|key, session| {
            let stays = newest.get(&session.client) == Some(key);
            if !stays {
                outdated.sessions.push(session.client.clone());
            }
            stays
        });
        let wills = self.wills.len();
        self.wills.retain(|key, will| newest.get(&will.client) == Some(key));
        outdated.wills = wills - self.wills.len();
        for session in self.sessions.values_mut() {
            outdated.messages += session.reconcile_held();
            let replays = session.replays.len();
            session.replays.retain(|filter, _| session.subscriptions.contains_key(filter));
            outdated.replays += replays - session.replays.len();
        }
        let here: BTreeSet<&ClientId> = self.sessions.values().map(|s| &s.client).collect();
        self.awaited.retain(|client, filters| {
            let stays = !here.contains(client);
            outdated.awaited += if stays { 0 } else { filters.len() };
            stays
        });
        outdated
    }

    /// A client has one session at a time, and each has a higher key than the one before.
    fn newest_keys(&self) -> BTreeMap<ClientId, SessionKey> {
        let mut newest = BTreeMap::new();
        let sessions = self.sessions.iter().map(|(key, session)| (&session.client, *key));
        let wills = self.wills.iter().map(|(key, will)| (&will.client, *key));
        for (client, key) in sessions.chain(wills) {
            let highest: &mut SessionKey = newest.entry(client.clone()).or_insert(key);
            *highest = key.max(*highest);
        }
        newest
    }
}

impl SessionImage {
    /// An identifier is used again only when the exchange before has ended.
    fn reconcile_held(&mut self) -> usize {
        let mut users: BTreeMap<PacketId, Seq> = BTreeMap::new();
        let mut outdated = Vec::new();
        for (seq, held) in &self.held {
            if let Progress::Sent(id) | Progress::Released(id) = held.progress {
                outdated.extend(users.insert(id, *seq));
            }
        }
        for seq in &outdated {
            self.held.remove(seq);
        }
        outdated.len()
    }
}

impl Outdated {
    /// Whether nothing went.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}
