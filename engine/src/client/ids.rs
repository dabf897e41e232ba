//! Packet Identifiers in use by this client.

use std::collections::BTreeSet;

use crate::id::PacketId;

/// Hands out identifiers in turn, so that one is reused as late as possible.
#[derive(Debug)]
pub(super) struct PacketIds {
    next: PacketId,
    used: BTreeSet<PacketId>,
}

impl Default for PacketIds {
    fn default() -> Self {
        Self { next: PacketId::FIRST, used: BTreeSet::new() }
    }
}

impl PacketIds {
    /// An identifier that is not in use; `None` if all 65,535 are.
    pub(super) fn allocate(&mut self) -> Option<PacketId> {
        if self.is_exhausted() {
            return None;
        }
        while !self.used.insert(self.next) {
            self.next = self.next.next();
        }
        let id = self.next;
        self.next = id.next();
        Some(id)
    }

    pub(super) fn is_exhausted(&self) -> bool {
        self.used.len() == usize::from(u16::MAX)
    }

    pub(super) fn release(&mut self, id: PacketId) {
        self.used.remove(&id);
    }

    /// Those in use, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = PacketId> {
        self.used.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_never_given_twice_and_run_out() {
        let mut ids = PacketIds::default();
        let all: BTreeSet<_> = std::iter::from_fn(|| ids.allocate()).collect();
        assert_eq!(all.len(), 65_535);
        ids.release(PacketId::new(40_000).unwrap());
        assert_eq!(ids.allocate(), PacketId::new(40_000));
        assert_eq!(ids.allocate(), None);
    }

    #[test]
    fn a_released_id_is_not_the_next_one() {
        let mut ids = PacketIds::default();
        let first = ids.allocate().unwrap();
        ids.release(first);
        assert_ne!(ids.allocate(), Some(first));
    }
}
