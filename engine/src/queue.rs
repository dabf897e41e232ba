//! The backlog of a session or share group: messages that wait behind the window.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use crate::config::{Config, QueueFullPolicy};
use crate::log::record::Seq;
use crate::matched::Matched;
use crate::message::{Content, RetainFlag};
use crate::notice::DropReason;
use crate::packet::QoS;
use crate::planted::Bug;
use crate::time::Time;

/// A message that a session holds.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Its place in the session's order.
    pub(crate) seq: Seq,
    pub(crate) message: Arc<Content>,
    /// At which QoS it is delivered.
    pub(crate) qos: QoS,
    pub(crate) retain: RetainFlag,
    /// How it came to the session.
    pub(crate) matched: Matched,
}

impl Entry {
    /// Bytes that it counts for: those of its message, and of its identifiers.
    fn weight(&self) -> usize {
        self.message.weight() + size_of_val(self.matched.identifiers().as_slice())
    }
}

/// From so many entries on a queue grows by less than the double.
const LONG: usize = 64;

/// Waiting messages, oldest first, in ascending order of `seq`.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    entries: VecDeque<Entry>,
    /// The QoS 0 ones among them, so that the oldest is found without a search.
    qos0: VecDeque<Seq>,
    /// Those that expire, the first to do so first.
    expiring: BTreeSet<(Time, Seq)>,
    bytes: usize,
}

/// A message that a full queue could not hold.
#[derive(Debug)]
pub(crate) enum Overflow {
    /// It waited here and went for the new one.
    Replaced(Entry, DropReason),
    /// It is the new one itself.
    Rejected(Entry, DropReason),
}

/// What a push would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Push {
    /// There is room.
    Fits,
    /// A waiting message would go for it.
    Displaces(DropReason),
    /// It would go itself.
    Rejects(DropReason),
}

impl Queue {
    /// Bytes that the waiting messages count for.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether QoS 0 messages wait here, behind which others must queue to keep their order.
    pub(crate) fn has_qos0(&self) -> bool {
        !self.qos0.is_empty()
    }

    /// The message to send next. While the window is full only QoS 0 needs no slot of it: the
    /// oldest goes past those that do, which no promise about order forbids.
    pub(crate) fn next(&self, window_open: bool) -> Option<&Entry> {
        let front = self.entries.front()?;
        if window_open || front.qos == QoS::AtMostOnce {
            return Some(front);
        }
        self.entries.get(self.place_of(*self.qos0.front()?)?)
    }

    /// Takes out what [`Queue::next`] shows.
    pub(crate) fn take_next(&mut self, window_open: bool) -> Option<Entry> {
        let is_front = window_open || self.entries.front()?.qos == QoS::AtMostOnce;
        if is_front { self.pop() } else { self.take_oldest_qos0() }
    }

    /// The first message behind `after` that is of QoS 1 or 2.
    pub(crate) fn first_stored_after(&self, after: Option<Seq>) -> Option<&Entry> {
        let place = self.entries.partition_point(|e| after.is_some_and(|seq| e.seq <= seq));
        self.entries.iter().skip(place).find(|entry| entry.qos != QoS::AtMostOnce)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    pub(crate) fn pop(&mut self) -> Option<Entry> {
        let entry = self.entries.pop_front()?;
        if entry.qos == QoS::AtMostOnce {
            self.qos0.pop_front();
        }
        self.taken(&entry);
        Some(entry)
    }

    /// When the first of the waiting messages expires.
    pub(crate) fn first_expiry(&self) -> Option<Time> {
        self.expiring.first().map(|(due, _)| *due)
    }

    /// Takes out a message that has expired, if there is one.
    pub(crate) fn pop_expired(&mut self, now: Time) -> Option<Entry> {
        let (_, seq) = self.expiring.first().filter(|(due, _)| *due <= now).copied()?;
        self.take(seq)
    }

    /// Takes out the message of this place in the order.
    pub(crate) fn take(&mut self, seq: Seq) -> Option<Entry> {
        let entry = self.entries.remove(self.place_of(seq)?)?;
        if entry.qos == QoS::AtMostOnce
            && let Ok(place) = self.qos0.binary_search(&seq)
        {
            self.qos0.remove(place);
        }
        self.taken(&entry);
        Some(entry)
    }

    /// Whether there is room for another message, whatever its size is up to half of what is
    /// allowed in all.
    pub(crate) fn has_spare_room(&self, config: &Config) -> bool {
        !self.is_full(config.max_queued_bytes / 2, config)
    }

    fn taken(&mut self, entry: &Entry) {
        self.bytes -= entry.weight();
        if self.entries.is_empty() && self.entries.capacity() > LONG {
            self.entries = VecDeque::new();
        }
        if let Some(due) = entry.message.expires() {
            self.expiring.remove(&(due, entry.seq));
        }
    }

    /// Appends the entry by the rules of the queue-full policy and returns what had to go: nothing
    /// as a rule, several where the byte limit counts.
    pub(crate) fn push(&mut self, entry: Entry, config: &Config) -> Vec<Overflow> {
        let weight = entry.weight();
        let mut outcome = Vec::new();
        if weight > config.max_queued_bytes {
            outcome.push(Overflow::Rejected(entry, DropReason::LargerThanQueue));
            return outcome;
        }
        while self.is_full(weight, config) {
            match self.make_room(entry.qos, config.queue_full_policy) {
                Ok((gone, why)) => outcome.push(Overflow::Replaced(gone, why)),
                Err(why) => {
                    outcome.push(Overflow::Rejected(entry, why));
                    return outcome;
                }
            }
        }
        self.append(entry);
        outcome
    }

    /// What a push of a message of this weight and QoS would do.
    pub(crate) fn would(&self, weight: usize, incoming: QoS, config: &Config) -> Push {
        if weight > config.max_queued_bytes {
            return Push::Rejects(DropReason::LargerThanQueue);
        }
        if !self.is_full(weight, config) {
            return Push::Fits;
        }
        match self.victim(incoming, config.queue_full_policy) {
            Ok(why) => Push::Displaces(why),
            Err(why) => Push::Rejects(why),
        }
    }

    /// Appends an entry whatever the limits.
    pub(crate) fn append(&mut self, entry: Entry) {
        self.bytes += entry.weight();
        if entry.qos == QoS::AtMostOnce {
            self.qos0.push_back(entry.seq);
        }
        if let Some(due) = entry.message.expires() {
            self.expiring.insert((due, entry.seq));
        }
        self.make_place();
        self.entries.push_back(entry);
    }

    /// A long queue grows by an eighth: twice the memory would cost as much as its messages.
    fn make_place(&mut self) {
        let len = self.entries.len();
        if len >= LONG && len == self.entries.capacity() {
            self.entries.reserve_exact(len / 8);
        }
    }

    fn is_full(&self, weight: usize, config: &Config) -> bool {
        let unasked = config.planted.is(Bug::LimitUnasked).then_some(10);
        let most = config.max_msgqueue_messages.or(unasked);
        let count_reached = most.is_some_and(|max| self.len() >= max);
        count_reached || self.bytes + weight > config.max_queued_bytes
    }

    /// Takes out the message that goes for a new one of QoS `incoming`, or says why that is the
    /// new one itself.
    fn make_room(
        &mut self,
        incoming: QoS,
        policy: QueueFullPolicy,
    ) -> Result<(Entry, DropReason), DropReason> {
        let why = self.victim(incoming, policy)?;
        let oldest_qos0 = why == DropReason::QueueFullOldestQoS0;
        let victim = if oldest_qos0 { self.take_oldest_qos0() } else { self.pop() };
        victim.map(|entry| (entry, why)).ok_or(DropReason::QueueFullNewest)
    }

    /// Why a waiting message goes for the new one, or why the new one goes itself.
    fn victim(&self, incoming: QoS, policy: QueueFullPolicy) -> Result<DropReason, DropReason> {
        if policy != QueueFullPolicy::DropOldest {
            Err(DropReason::QueueFullNewest)
        } else if self.has_qos0() {
            Ok(DropReason::QueueFullOldestQoS0)
        } else if incoming == QoS::AtMostOnce {
            Err(DropReason::QueueFullNewQoS0)
        } else if self.is_empty() {
            // Only when a limit of 0 messages is set, which then lets nothing in.
            Err(DropReason::QueueFullNewest)
        } else {
            Ok(DropReason::QueueFullOldest)
        }
    }

    /// Takes out all QoS 0 messages.
    pub(crate) fn take_qos0(&mut self) -> Vec<Entry> {
        if self.qos0.is_empty() {
            return Vec::new();
        }
        self.qos0.clear();
        let (gone, kept): (Vec<_>, Vec<_>) =
            self.entries.drain(..).partition(|entry| entry.qos == QoS::AtMostOnce);
        self.entries = kept.into();
        gone.iter().for_each(|entry| self.taken(entry));
        gone
    }

    fn take_oldest_qos0(&mut self) -> Option<Entry> {
        let seq = self.qos0.pop_front()?;
        let entry = self.entries.remove(self.place_of(seq)?)?;
        self.taken(&entry);
        Some(entry)
    }

    fn place_of(&self, seq: Seq) -> Option<usize> {
        // Where all are of one QoS, the oldest is the one that is looked for.
        if self.entries.front().is_some_and(|entry| entry.seq == seq) {
            return Some(0);
        }
        self.entries.binary_search_by_key(&seq, |entry| entry.seq).ok()
    }

    /// Checks what must always hold.
    pub(crate) fn check(&self) {
        let ascending = self.entries.iter().zip(self.entries.iter().skip(1));
        assert!(ascending.clone().all(|(a, b)| a.seq < b.seq), "backlog out of order");
        let bytes: usize = self.entries.iter().map(Entry::weight).sum();
        assert_eq!(bytes, self.bytes, "backlog bytes");
        let qos0 = self.entries.iter().filter(|entry| entry.qos == QoS::AtMostOnce);
        assert!(qos0.map(|entry| entry.seq).eq(self.qos0.iter().copied()), "QoS 0 index");
        let expires = |entry: &Entry| Some((entry.message.expires()?, entry.seq));
        let expiring: BTreeSet<_> = self.entries.iter().filter_map(expires).collect();
        assert_eq!(expiring, self.expiring, "index of what expires");
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::packet::{Properties, PropertySet};
    use crate::topic::TopicName;
    use bytes::Bytes;
    use proptest::prelude::*;

    pub(crate) fn entry(seq: u64, qos: QoS) -> Entry {
        let message = Arc::new(Content {
            topic: TopicName::new("t".into()).unwrap(),
            payload: Bytes::from_static(b"0123456789"),
            qos,
            retain: false,
            properties: Properties::NONE,
        });
        let (retain, matched) = (RetainFlag::Clear, Matched::default());
        Entry { seq: Seq(seq), message, qos, retain, matched }
    }

    fn config(policy: QueueFullPolicy) -> Config {
        Config { max_msgqueue_messages: Some(3), queue_full_policy: policy, ..Config::default() }
    }

    /// Pushes messages of these QoS one after the other; returns what is left, as seq:QoS, and
    /// the reasons for what went.
    fn run(qos: &[u8], config: &Config) -> (Vec<(u64, u8)>, Vec<DropReason>) {
        let mut queue = Queue::default();
        let mut reasons = Vec::new();
        for (seq, qos) in (1..).zip(qos) {
            for overflow in queue.push(entry(seq, QoS::from_bits(*qos).unwrap()), config) {
                let (Overflow::Replaced(_, why) | Overflow::Rejected(_, why)) = overflow;
                reasons.push(why);
            }
            queue.check();
        }
        (queue.iter().map(|e| (e.seq.0, e.qos as u8)).collect(), reasons)
    }

    #[test]
    fn a_waiting_message_takes_little_memory() {
        assert_eq!(size_of::<Entry>(), 32);
        // With the two counts of an `Arc`: 96 bytes, which allocators have a size for.
        assert_eq!(size_of::<Content>(), 80);
        let mut queue = Queue::default();
        let (mut before, mut grown) = (0, 0);
        for seq in 1..=10_000 {
            queue.append(entry(seq, QoS::AtLeastOnce));
            let room = queue.entries.capacity();
            let len = queue.entries.len();
            assert!(len < LONG || room <= len + len / 8, "room for {room} where {len} wait");
            grown += usize::from(room != before);
            before = room;
        }
        assert!(grown < 60, "all were moved {grown} times");
        assert_eq!(std::iter::from_fn(|| queue.pop()).count(), 10_000);
        assert_eq!(queue.entries.capacity(), 0, "kept for nobody");
        (1..=64).for_each(|seq| queue.append(entry(seq, QoS::AtLeastOnce)));
        while queue.pop().is_some() {}
        assert!(queue.entries.capacity() >= LONG, "what is often needed is not made anew");
    }

    #[test]
    fn identifiers_count_for_the_byte_limit() {
        let plain = entry(1, QoS::AtLeastOnce);
        let identifiers = [7, 9].as_slice().into();
        let identified = Entry { matched: Matched::new(None, identifiers), ..plain.clone() };
        assert_eq!(plain.weight(), plain.message.weight());
        assert_eq!(identified.weight(), plain.weight() + 8);
    }

    // contract: section 4, the examples
    #[test]
    fn the_contracts_examples() {
        let config = config(QueueFullPolicy::DropOldest);
        let cases = [
            ([1, 1, 0, 1], vec![(1, 1), (2, 1), (4, 1)], DropReason::QueueFullOldestQoS0),
            ([1, 2, 1, 0], vec![(1, 1), (2, 2), (3, 1)], DropReason::QueueFullNewQoS0),
            ([1, 2, 1, 1], vec![(2, 2), (3, 1), (4, 1)], DropReason::QueueFullOldest),
            ([0, 1, 0, 0], vec![(2, 1), (3, 0), (4, 0)], DropReason::QueueFullOldestQoS0),
        ];
        for (qos, left, why) in cases {
            assert_eq!(run(&qos, &config), (left, vec![why]), "{qos:?}");
        }
    }

    #[test]
    fn the_other_policies_drop_the_newest() {
        for policy in [QueueFullPolicy::DropNewest, QueueFullPolicy::Disconnect] {
            let (left, reasons) = run(&[0, 1, 2, 2, 0], &config(policy));
            assert_eq!(left, [(1, 0), (2, 1), (3, 2)]);
            assert_eq!(reasons, [DropReason::QueueFullNewest; 2]);
        }
    }

    #[test]
    fn the_byte_limit_makes_room_for_as_many_as_needed() {
        let weight = entry(1, QoS::AtLeastOnce).message.weight();
        let config = Config {
            max_msgqueue_messages: None,
            max_queued_bytes: 3 * weight,
            ..Config::default()
        };
        let (left, reasons) = run(&[1, 1, 0, 1, 1], &config);
        assert_eq!(left, [(2, 1), (4, 1), (5, 1)]);
        assert_eq!(reasons, [DropReason::QueueFullOldestQoS0, DropReason::QueueFullOldest]);
        let tiny = Config { max_queued_bytes: weight - 1, ..config };
        assert_eq!(run(&[1], &tiny), (vec![], vec![DropReason::LargerThanQueue]));
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        /// A message of this QoS and length, with its expiry in seconds from the start.
        Push {
            qos: u8,
            len: usize,
            expires: Option<u32>,
        },
        Pop,
        TakeNext {
            window_open: bool,
        },
        /// The message at this place from the front.
        Take(usize),
        /// All that have expired by then.
        Expire(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let expires = prop::option::weighted(0.3, 1..20_u32);
        prop_oneof![
            12 => (0..3_u8, 0..120_usize, expires)
                .prop_map(|(qos, len, expires)| Step::Push { qos, len, expires }),
            1 => Just(Step::Pop),
            2 => any::<bool>().prop_map(|window_open| Step::TakeNext { window_open }),
            1 => (0..8_usize).prop_map(Step::Take),
            1 => (0..20_u64).prop_map(Step::Expire),
        ]
    }

    fn limits() -> impl Strategy<Value = Config> {
        use QueueFullPolicy::{Disconnect, DropNewest, DropOldest};
        let policy =
            prop_oneof![4 => Just(DropOldest), 1 => Just(DropNewest), 1 => Just(Disconnect)];
        let (count, bytes) = (prop::option::of(0..6_usize), 100..800_usize);
        (count, bytes, policy).prop_map(|(max_msgqueue_messages, max_queued_bytes, policy)| {
            Config {
                max_msgqueue_messages,
                max_queued_bytes,
                queue_full_policy: policy,
                ..Config::default()
            }
        })
    }

    fn message(seq: u64, qos: u8, len: usize, expires: Option<u32>) -> Entry {
        let qos = QoS::from_bits(qos).unwrap();
        let properties = PropertySet { message_expiry_interval: expires, ..PropertySet::NONE };
        let mut content = Content::clone(&entry(seq, qos).message);
        content.payload = vec![0; len].into();
        content.properties = properties.into();
        content.accept(Time::ZERO);
        Entry { message: Arc::new(content), ..entry(seq, qos) }
    }

    /// The rules as the contract numbers them (section 4), over a plain list: which messages go,
    /// the new one perhaps among them, and why.
    fn push_slowly(list: &mut Vec<Entry>, new: Entry, config: &Config) -> Vec<(Seq, DropReason)> {
        use DropReason::{
            LargerThanQueue, QueueFullNewQoS0, QueueFullNewest, QueueFullOldest,
            QueueFullOldestQoS0,
        };
        let (seq, qos0) = (new.seq, new.qos == QoS::AtMostOnce);
        if new.weight() > config.max_queued_bytes {
            return vec![(seq, LargerThanQueue)];
        }
        let mut gone = Vec::new();
        loop {
            let bytes: usize = list.iter().map(Entry::weight).sum();
            let count_reached = config.max_msgqueue_messages == Some(list.len());
            if !count_reached && bytes + new.weight() <= config.max_queued_bytes {
                list.push(new);
                return gone;
            }
            let oldest_qos0 = list.iter().position(|entry| entry.qos == QoS::AtMostOnce);
            let (place, why) = match (config.queue_full_policy, oldest_qos0) {
                (QueueFullPolicy::DropOldest, Some(place)) => (place, QueueFullOldestQoS0),
                (QueueFullPolicy::DropOldest, None) if qos0 => {
                    gone.push((seq, QueueFullNewQoS0));
                    return gone;
                }
                (QueueFullPolicy::DropOldest, None) if !list.is_empty() => (0, QueueFullOldest),
                _ => {
                    gone.push((seq, QueueFullNewest));
                    return gone;
                }
            };
            gone.push((list.remove(place).seq, why));
        }
    }

    /// What a push will do, by what it then did.
    fn foreseen(gone: &[(Seq, DropReason)], new: Seq) -> Push {
        match gone {
            [] => Push::Fits,
            [(seq, why), ..] if *seq == new => Push::Rejects(*why),
            [(_, why), ..] => Push::Displaces(*why),
        }
    }

    proptest! {
        // contract: section 4
        #[test]
        fn a_backlog_keeps_what_a_list_keeps(
            config in limits(),
            steps in prop::collection::vec(step(), 0..80),
        ) {
            let (mut queue, mut list) = (Queue::default(), Vec::<Entry>::new());
            for (seq, step) in (1..).zip(steps) {
                match step {
                    Step::Push { qos, len, expires } => {
                        let new = message(seq, qos, len, expires);
                        let would = queue.would(new.weight(), new.qos, &config);
                        let gone = queue.push(new.clone(), &config);
                        let expected = push_slowly(&mut list, new, &config);
                        prop_assert_eq!(would, foreseen(&expected, Seq(seq)));
                        let gone: Vec<_> = gone
                            .iter()
                            .map(|overflow| match overflow {
                                Overflow::Replaced(entry, why) => (entry.seq, *why),
                                Overflow::Rejected(entry, why) => {
                                    assert_eq!(entry.seq, Seq(seq), "only the new one is rejected");
                                    (entry.seq, *why)
                                }
                            })
                            .collect();
                        prop_assert_eq!(gone, expected);
                    }
                    Step::Pop => {
                        let expected = (!list.is_empty()).then(|| list.remove(0).seq);
                        prop_assert_eq!(queue.pop().map(|entry| entry.seq), expected);
                    }
                    Step::TakeNext { window_open } => {
                        let free = |entry: &Entry| window_open || entry.qos == QoS::AtMostOnce;
                        let place = list.iter().position(free);
                        let expected = place.map(|place| list.remove(place).seq);
                        prop_assert_eq!(queue.next(window_open).map(|entry| entry.seq), expected);
                        let taken = queue.take_next(window_open);
                        prop_assert_eq!(taken.map(|entry| entry.seq), expected);
                    }
                    Step::Take(place) => {
                        let known = place < list.len();
                        let seq = if known { list.remove(place).seq } else { Seq(1_000) };
                        let taken = queue.take(seq);
                        prop_assert_eq!(taken.map(|entry| entry.seq), known.then_some(seq));
                    }
                    Step::Expire(now) => {
                        let now = Time::from_secs(now);
                        let mut gone = Vec::new();
                        while let Some(entry) = queue.pop_expired(now) {
                            gone.push(entry.seq);
                        }
                        gone.sort_unstable();
                        let old = |entry: &&Entry| entry.message.is_expired(now);
                        let expected: Vec<Seq> = list.iter().filter(old).map(|e| e.seq).collect();
                        prop_assert_eq!(gone, expected);
                        list.retain(|entry| !entry.message.is_expired(now));
                    }
                }
                queue.check();
                prop_assert!(queue.iter().map(|e| e.seq).eq(list.iter().map(|e| e.seq)));
                prop_assert_eq!((queue.len(), queue.is_empty()), (list.len(), list.is_empty()));
                prop_assert_eq!(queue.bytes(), list.iter().map(Entry::weight).sum::<usize>());
                let qos0 = list.iter().any(|entry| entry.qos == QoS::AtMostOnce);
                prop_assert_eq!(queue.has_qos0(), qos0);
                let first = list.iter().filter_map(|entry| entry.message.expires()).min();
                prop_assert_eq!(queue.first_expiry(), first);
                let half = config.max_queued_bytes / 2;
                let spare = config.max_msgqueue_messages != Some(list.len())
                    && queue.bytes() + half <= config.max_queued_bytes;
                prop_assert_eq!(queue.has_spare_room(&config), spare);
                let stored = |after: Option<Seq>| {
                    let kept = |e: &&Entry| Some(e.seq) > after && e.qos != QoS::AtMostOnce;
                    list.iter().find(kept).map(|entry| entry.seq)
                };
                for after in [None, Some(Seq(seq / 2)), Some(Seq(seq))] {
                    let found = queue.first_stored_after(after).map(|entry| entry.seq);
                    prop_assert_eq!(found, stored(after));
                }
            }
        }
    }
}
