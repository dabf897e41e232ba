//! The walks over the retained store that a session still has to make.

use std::collections::BTreeMap;

use crate::retained::Cursor;

/// Walks in the order of their subscriptions. Each is found by its subscription without a search:
/// a client can have as many as subscriptions, and can stop all of them with one packet.
#[derive(Debug, Default)]
pub(crate) struct Replays {
    by_turn: BTreeMap<u64, Replay>,
    turn_of: BTreeMap<u32, u64>,
    next_turn: u64,
    /// Whether a timer goes on with them.
    pub(crate) timer_set: bool,
}

/// Retained messages being sent because of a subscription.
#[derive(Debug)]
pub(crate) struct Replay {
    /// Slot of the subscription.
    pub(crate) subscription: u32,
    pub(crate) cursor: Cursor,
    /// Whether the log knows of it: most are over in the step they begin in.
    pub(crate) recorded: bool,
    turn: u64,
}

impl Replays {
    /// Appends a walk for the subscription, in place of one that it may have.
    pub(crate) fn start(&mut self, subscription: u32, cursor: Cursor) {
        let recorded = self.stop(subscription).is_some_and(|walk| walk.recorded);
        let turn = self.next_turn;
        self.next_turn += 1;
        self.put_back(Replay { subscription, cursor, recorded, turn });
    }

    /// Forgets the subscription's walk.
    pub(crate) fn stop(&mut self, subscription: u32) -> Option<Replay> {
        let turn = self.turn_of.remove(&subscription)?;
        self.by_turn.remove(&turn)
    }

    /// Takes out the walk whose turn it is.
    pub(crate) fn take_first(&mut self) -> Option<Replay> {
        let (_, walk) = self.by_turn.pop_first()?;
        self.turn_of.remove(&walk.subscription);
        Some(walk)
    }

    /// Puts a walk that was taken out back in its place.
    pub(crate) fn put_back(&mut self, walk: Replay) {
        self.turn_of.insert(walk.subscription, walk.turn);
        self.by_turn.insert(walk.turn, walk);
    }

    /// All walks, by their turn.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Replay> {
        self.by_turn.values()
    }

    /// The subscription's walk.
    pub(crate) fn get(&self, subscription: u32) -> Option<&Replay> {
        self.by_turn.get(self.turn_of.get(&subscription)?)
    }

    /// The same, to change it.
    pub(crate) fn get_mut(&mut self, subscription: u32) -> Option<&mut Replay> {
        self.by_turn.get_mut(self.turn_of.get(&subscription)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::TopicFilter;

    fn cursor() -> Cursor {
        Cursor::new(TopicFilter::parse("a/#".into()).unwrap())
    }

    #[test]
    fn walks_keep_their_order_and_each_subscription_has_one() {
        let mut replays = Replays::default();
        for subscription in [7, 3, 5, 9] {
            replays.start(subscription, cursor());
        }
        // Again from the start, behind the others.
        replays.start(7, cursor());
        replays.stop(5);
        replays.stop(4);
        let first = replays.take_first().unwrap();
        assert_eq!(first.subscription, 3);
        replays.put_back(first);
        let order: Vec<u32> =
            std::iter::from_fn(|| replays.take_first()).map(|walk| walk.subscription).collect();
        assert_eq!(order, [3, 9, 7]);
        assert!(replays.by_turn.is_empty() && replays.turn_of.is_empty());
    }
}
