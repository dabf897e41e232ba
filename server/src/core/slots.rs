//! Which worker serves a connection, and where its output of this turn is.

use surewire_engine::id::ConnId;
use surewire_engine::packet::Version;

use super::chunked::Chunked;

/// The table of connections, by the slot of their number.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    slots: Chunked<Slot>,
    free: Vec<u32>,
}

/// One connection as the performer of actions needs it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    generation: u32,
    occupied: bool,
    /// The protocol that is written to it.
    pub(crate) version: Version,
    /// The worker that serves it.
    pub(crate) worker: u16,
    /// How that worker calls it.
    pub(crate) key: u32,
    /// Where its entry in the worker's outbox was last; the entry itself tells whether it still is.
    pub(crate) entry: u32,
}

impl Slots {
    /// Gives a connection its number.
    ///
    /// # Panics
    /// At 65,536 workers.
    pub(crate) fn occupy(&mut self, worker: usize, key: u32, version: Version) -> ConnId {
        let worker = u16::try_from(worker).expect("workers are threads: far fewer than 65,536");
        let slot = Slot { generation: 0, occupied: true, version, worker, key, entry: 0 };
        while let Some(index) = self.free.pop() {
            if let Some(place) = self.slots.get_mut(index) {
                *place = Slot { generation: place.generation, ..slot };
                return ConnId { slot: index, generation: place.generation };
            }
        }
        ConnId { slot: self.slots.push(slot), generation: 0 }
    }

    /// The connection of that number; `None` once it is gone.
    pub(crate) fn get_mut(&mut self, conn: ConnId) -> Option<&mut Slot> {
        let slot = self.slots.get_mut(conn.slot)?;
        (slot.occupied && slot.generation == conn.generation).then_some(slot)
    }

    /// Frees the number; a repeated call does nothing.
    pub(crate) fn release(&mut self, conn: ConnId) {
        let Some(slot) = self.get_mut(conn) else { return };
        slot.occupied = false;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(conn.slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_never_given_twice() {
        let mut slots = Slots::default();
        let first = slots.occupy(0, 7, Version::V3_1_1);
        slots.release(first);
        slots.release(first);
        let second = slots.occupy(1, 8, Version::V5);
        let third = slots.occupy(1, 9, Version::V5);
        assert_eq!((first.slot, first.generation), (0, 0));
        assert_eq!((second.slot, second.generation), (0, 1));
        assert_eq!((third.slot, third.generation), (1, 0));
        assert!(slots.get_mut(first).is_none());
        assert_eq!(slots.get_mut(second).map(|slot| (slot.worker, slot.key)), Some((1, 8)));
    }
}
