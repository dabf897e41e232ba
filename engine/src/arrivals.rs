//! A list in the order of arrival that gives any page of itself without a sort and without a walk
//! to it.

use smallvec::SmallVec;

use crate::time::Time;

/// Entries that a chunk holds at most.
const CHUNK: usize = 512;

/// Neighbours with no more than this between them become one.
const MERGE: usize = CHUNK / 2;

/// Slots by the time they arrived at, which no two of one list share.
///
/// Entries only ever join at the end, so that they stay sorted by themselves. They live in chunks
/// that know how many they hold: a page is found by adding up lengths, one of a million entries in
/// some microseconds. A list of few entries is one chunk and costs no more than a vector.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    chunks: SmallVec<[Vec<Arrival>; 1]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) at: Time,
    pub(crate) slot: u32,
}

impl Arrivals {
    pub(crate) fn len(&self) -> usize {
        self.chunks.iter().map(Vec::len).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Appends the slot. `at` is after that of every other entry.
    pub(crate) fn push(&mut self, at: Time, slot: u32) {
        debug_assert!(self.last().is_none_or(|last| last.at < at), "arrivals come in order");
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            // Most lists are the one subscription of a session.
            self.chunks.push(Vec::with_capacity(1));
        }
        if let Some(chunk) = self.chunks.last_mut() {
            chunk.push(Arrival { at, slot });
        }
    }

    /// The slot that arrived at `at`.
    pub(crate) fn at(&self, at: Time) -> Option<u32> {
        let (index, place) = self.find(at)?;
        Some(self.chunks.get(index)?.get(place)?.slot)
    }

    /// Takes out the entry that arrived at `at`; whether there was one.
    pub(crate) fn remove(&mut self, at: Time) -> bool {
        let Some((index, place)) = self.find(at) else { return false };
        let Some(chunk) = self.chunks.get_mut(index) else { return false };
        chunk.remove(place);
        self.tidy(index);
        true
    }

    /// Takes out the last entry.
    pub(crate) fn pop(&mut self) -> Option<u32> {
        let last = self.last()?;
        self.remove(last.at);
        Some(last.slot)
    }

    /// All entries, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Arrival> {
        self.chunks.iter().flatten().copied()
    }

    /// Entries behind the first `count`.
    pub(crate) fn skip(&self, mut count: usize) -> impl Iterator<Item = Arrival> {
        let mut first = 0;
        while let Some(chunk) = self.chunks.get(first).filter(|chunk| chunk.len() <= count) {
            count -= chunk.len();
            first += 1;
        }
        self.from(first, count)
    }

    /// Entries that arrived after `at`.
    pub(crate) fn after(&self, at: Time) -> impl Iterator<Item = Arrival> {
        let first = self.chunk_of(at);
        let chunk = self.chunks.get(first).map(Vec::as_slice).unwrap_or_default();
        self.from(first, chunk.partition_point(|entry| entry.at <= at))
    }

    fn from(&self, chunk: usize, place: usize) -> impl Iterator<Item = Arrival> {
        let rest = self.chunks.get(chunk..).unwrap_or_default();
        rest.iter().enumerate().flat_map(move |(index, chunk)| {
            let place = if index == 0 { place } else { 0 };
            chunk.get(place..).unwrap_or_default().iter().copied()
        })
    }

    /// Chunk and place of the entry that arrived at `at`.
    fn find(&self, at: Time) -> Option<(usize, usize)> {
        let index = self.chunk_of(at);
        let place = self.chunks.get(index)?.binary_search_by_key(&at, |entry| entry.at).ok()?;
        Some((index, place))
    }

    fn last(&self) -> Option<Arrival> {
        self.chunks.last()?.last().copied()
    }

    /// The chunk that an entry of that time would be in.
    fn chunk_of(&self, at: Time) -> usize {
        let starts_later = |chunk: &Vec<Arrival>| chunk.first().is_none_or(|first| first.at > at);
        self.chunks.partition_point(|chunk| !starts_later(chunk)).saturating_sub(1)
    }

    /// Leaves no empty chunk and no long row of nearly empty ones.
    fn tidy(&mut self, index: usize) {
        let len = |at: usize| self.chunks.get(at).map(Vec::len);
        if len(index) == Some(0) {
            self.chunks.remove(index);
            return;
        }
        let first = match (index.checked_sub(1).and_then(len), len(index), len(index + 1)) {
            (Some(before), Some(own), _) if before + own <= MERGE => index - 1,
            (_, Some(own), Some(next)) if own + next <= MERGE => index,
            _ => return,
        };
        let second = self.chunks.remove(first + 1);
        if let Some(chunk) = self.chunks.get_mut(first) {
            chunk.extend(second);
        }
    }

    /// Checks what must always hold.
    pub(crate) fn check(&self) {
        assert!(self.chunks.iter().all(|chunk| !chunk.is_empty()), "an empty chunk of arrivals");
        let later = self.iter().skip(1);
        assert!(self.iter().zip(later).all(|(a, b)| a.at < b.at), "arrivals out of order");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(nanos: u64) -> Time {
        Time::from_nanos(nanos)
    }

    fn slots(entries: impl Iterator<Item = Arrival>) -> Vec<u32> {
        entries.map(|entry| entry.slot).collect()
    }

    #[test]
    fn a_list_that_shrank_to_little_keeps_few_chunks() {
        let mut list = Arrivals::default();
        for n in 0..100_000_u32 {
            list.push(at(n.into()), n);
        }
        assert_eq!(slots(list.skip(70_000).take(3)), [70_000, 70_001, 70_002]);
        for n in (0..100_000).filter(|n| n % 1_000 != 7) {
            assert!(list.remove(at(n)));
            assert!(!list.remove(at(n)));
        }
        list.check();
        assert_eq!(list.len(), 100);
        assert!(list.chunks.len() <= 2, "{} chunks for 100 entries", list.chunks.len());
    }

    proptest! {
        #[test]
        fn any_part_of_it_is_that_of_a_sorted_vector(
            steps in prop::collection::vec((any::<bool>(), 0_usize..4_000), 0..3_000),
            skipped in 0_usize..3_000,
        ) {
            let mut list = Arrivals::default();
            let mut expected: Vec<(u64, u32)> = Vec::new();
            for (number, (adds, pick)) in (0_u32..).zip(steps) {
                if adds || expected.is_empty() {
                    list.push(at(u64::from(number) * 2), number);
                    expected.push((u64::from(number) * 2, number));
                } else {
                    let (time, _) = expected.remove(pick % expected.len());
                    prop_assert!(list.remove(at(time)));
                }
            }
            list.check();
            prop_assert_eq!(list.len(), expected.len());
            let rest: Vec<u32> = expected.iter().skip(skipped).map(|(_, slot)| *slot).collect();
            prop_assert_eq!(slots(list.skip(skipped)), rest);
            // Also for times of no entry.
            for time in [0, skipped as u64, skipped as u64 + 1, 10_000] {
                let rest = expected.iter().filter(|(at, _)| *at > time).map(|(_, slot)| *slot);
                prop_assert_eq!(slots(list.after(at(time))), rest.collect::<Vec<u32>>());
            }
            let last = expected.pop().map(|(_, slot)| slot);
            prop_assert_eq!(list.pop(), last);
        }
    }
}
