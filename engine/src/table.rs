//! A table of values in numbered slots, grown by chunks so that no insert copies the whole.

/// Values a chunk holds.
const CHUNK: usize = 1024;

/// Slots with values. A slot's number stays valid until its value is removed; then it is given to
/// the next value (last out, first in), so numbers stay dense.
#[derive(Debug)]
pub(crate) struct Table<T> {
    chunks: Vec<Vec<Slot<T>>>,
    free: Option<u32>,
    len: usize,
}

#[derive(Debug)]
enum Slot<T> {
    Taken(T),
    Free { next: Option<u32> },
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), free: None, len: 0 }
    }
}

impl<T> Table<T> {
    /// Bytes that each value takes.
    #[cfg(test)]
    pub(crate) const SLOT_BYTES: usize = size_of::<Slot<T>>();

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    // Asked several times for each message.
    #[inline]
    pub(crate) fn get(&self, slot: u32) -> Option<&T> {
        match self.chunks.get(slot as usize / CHUNK)?.get(slot as usize % CHUNK)? {
            Slot::Taken(value) => Some(value),
            Slot::Free { .. } => None,
        }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        match self.chunks.get_mut(slot as usize / CHUNK)?.get_mut(slot as usize % CHUNK)? {
            Slot::Taken(value) => Some(value),
            Slot::Free { .. } => None,
        }
    }

    /// The number of the slot that the value got.
    pub(crate) fn insert(&mut self, value: T) -> u32 {
        self.len += 1;
        let Some(slot) = self.free else { return self.push(value) };
        let place = self.slot_mut(slot).expect("a slot on the free list exists");
        let Slot::Free { next } = std::mem::replace(place, Slot::Taken(value)) else {
            unreachable!("a slot on the free list is free")
        };
        self.free = next;
        slot
    }

    pub(crate) fn remove(&mut self, slot: u32) -> Option<T> {
        let free = self.free;
        let place = self.slot_mut(slot)?;
        if matches!(place, Slot::Free { .. }) {
            return None;
        }
        let Slot::Taken(value) = std::mem::replace(place, Slot::Free { next: free }) else {
            return None;
        };
        self.free = Some(slot);
        self.len -= 1;
        Some(value)
    }

    /// The first taken slot at or behind `slot`, found by looking no further than one chunk: an
    /// empty place is answered with the end of its chunk.
    pub(crate) fn first_from(&self, slot: u32) -> Option<u32> {
        let chunk = self.chunks.get(slot as usize / CHUNK)?;
        let rest = chunk.get(slot as usize % CHUNK..).unwrap_or_default();
        let taken = rest.iter().position(|place| matches!(place, Slot::Taken(_)));
        let skipped = taken.unwrap_or(CHUNK - slot as usize % CHUNK);
        Some(slot + u32::try_from(skipped).expect("less than a chunk"))
    }

    /// Every taken slot, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        let slots = self.chunks.iter().flatten();
        (0_u32..).zip(slots).filter_map(|(slot, place)| match place {
            Slot::Taken(value) => Some((slot, value)),
            Slot::Free { .. } => None,
        })
    }

    fn slot_mut(&mut self, slot: u32) -> Option<&mut Slot<T>> {
        self.chunks.get_mut(slot as usize / CHUNK)?.get_mut(slot as usize % CHUNK)
    }

    fn push(&mut self, value: T) -> u32 {
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            // The first chunk grows by itself: a small broker needs no room for 1,024.
            let room = if self.chunks.is_empty() { 0 } else { CHUNK };
            self.chunks.push(Vec::with_capacity(room));
        }
        let before = (self.chunks.len() - 1) * CHUNK;
        let chunk = self.chunks.last_mut().expect("one was pushed if there was none");
        chunk.push(Slot::Taken(value));
        let slot = u32::try_from(before + chunk.len() - 1).ok().filter(|slot| *slot != u32::MAX);
        slot.expect("fewer than 2^32 - 1 values fit in memory")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_stay_valid_and_are_used_again() {
        let mut table = Table::default();
        let slots: Vec<u32> = (0..3_000).map(|n| table.insert(n)).collect();
        assert_eq!(slots, (0..3_000).collect::<Vec<u32>>());
        assert_eq!(table.remove(5), Some(5));
        assert_eq!(table.remove(5), None);
        assert_eq!(table.remove(2_000), Some(2_000));
        assert_eq!(table.get(5), None);
        assert_eq!(table.insert(7_000), 2_000);
        assert_eq!(table.insert(7_001), 5);
        assert_eq!(table.insert(7_002), 3_000);
        assert_eq!(table.len(), 3_001);
        assert_eq!(table.iter().nth(5), Some((5, &7_001)));
    }
}
