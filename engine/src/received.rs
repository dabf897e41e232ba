//! The identifiers of QoS 2 messages that a client sent and has not released.

use crate::id::PacketId;

/// A set in ascending order. Clients count upwards and release in order, so that one more is nearly
/// always the last and one less the first.
#[derive(Debug, Default)]
pub(crate) struct Received(Vec<PacketId>);

/// More room than this is given back when nothing is in it.
const KEEP: usize = 64;

impl Received {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn contains(&self, id: PacketId) -> bool {
        self.0.last().is_some_and(|last| id <= *last) && self.0.binary_search(&id).is_ok()
    }

    pub(crate) fn insert(&mut self, id: PacketId) {
        if self.0.last().is_none_or(|last| *last < id) {
            self.0.push(id);
        } else if let Err(place) = self.0.binary_search(&id) {
            self.0.insert(place, id);
        }
    }

    /// Whether it was there.
    pub(crate) fn remove(&mut self, id: PacketId) -> bool {
        let place = match self.0.first() {
            Some(first) if *first == id => Ok(0),
            _ => self.0.binary_search(&id),
        };
        let Ok(place) = place else { return false };
        self.0.remove(place);
        if self.0.is_empty() && self.0.capacity() > KEEP {
            self.clear();
        }
        true
    }

    pub(crate) fn clear(&mut self) {
        self.0 = Vec::new();
    }

    /// The first one behind `after`.
    pub(crate) fn first_after(&self, after: Option<PacketId>) -> Option<PacketId> {
        let place = self.0.partition_point(|id| after.is_some_and(|after| *id <= after));
        self.0.get(place).copied()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = PacketId> {
        self.0.iter().copied()
    }
}

impl FromIterator<PacketId> for Received {
    fn from_iter<I: IntoIterator<Item = PacketId>>(ids: I) -> Self {
        let mut received = Self::default();
        ids.into_iter().for_each(|id| received.insert(id));
        received
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_is_a_set_in_order(
            steps in prop::collection::vec((any::<bool>(), 1..40_u16), 0..200),
        ) {
            let (mut received, mut expected) = (Received::default(), BTreeSet::new());
            for (insert, id) in steps {
                let id = PacketId::new(id).unwrap();
                prop_assert_eq!(received.contains(id), expected.contains(&id));
                if insert {
                    received.insert(id);
                    expected.insert(id);
                } else {
                    prop_assert_eq!(received.remove(id), expected.remove(&id));
                }
                prop_assert!(received.iter().eq(expected.iter().copied()));
                let behind = expected.range(id..).find(|other| **other != id).copied();
                prop_assert_eq!(received.first_after(Some(id)), behind);
                prop_assert_eq!(received.first_after(None), expected.first().copied());
            }
        }
    }

    #[test]
    fn room_for_many_is_given_back() {
        let mut ids = (1..10_000).filter_map(PacketId::new);
        let mut received: Received = ids.clone().collect();
        assert!(ids.all(|id| received.remove(id)));
        assert_eq!((received.len(), received.0.capacity()), (0, 0));
    }
}
