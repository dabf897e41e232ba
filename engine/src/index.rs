//! A hash table that finds slots by what is in them, and stores no key a second time.

use std::hash::Hash;

use hashbrown::HashTable;

use crate::map::{SHARDS, hash_of, shard};

/// Slots by a key that whatever is in the slot has. As little as [`Map`](crate::map::Map) does it
/// show an order or stall while it grows.
#[derive(Debug)]
pub(crate) struct Index {
    hasher: Hasher,
    shards: Box<[HashTable<u32>]>,
    len: usize,
}

/// Makes the hash of a key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hasher((u64, u64));

impl Hasher {
    pub(crate) fn hash<Q: Hash + ?Sized>(self, key: &Q) -> u64 {
        hash_of(self.0, key)
    }
}

impl Index {
    pub(crate) fn new(key: (u64, u64)) -> Self {
        let shards = (0..SHARDS).map(|_| HashTable::new()).collect();
        Self { hasher: Hasher(key), shards, len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn hasher(&self) -> Hasher {
        self.hasher
    }

    /// The slot with that key; `has` tells whether a slot has it.
    pub(crate) fn get<Q: Hash + ?Sized>(
        &self,
        key: &Q,
        mut has: impl FnMut(u32) -> bool,
    ) -> Option<u32> {
        let hash = self.hasher.hash(key);
        self.shards.get(shard(hash))?.find(hash, |slot| has(*slot)).copied()
    }

    /// Adds a slot whose key no other has; `rehash` gives the hash of the key of any that is there.
    pub(crate) fn insert(&mut self, hash: u64, slot: u32, rehash: impl Fn(u32) -> u64) {
        if let Some(table) = self.shards.get_mut(shard(hash)) {
            table.insert_unique(hash, slot, |slot| rehash(*slot));
            self.len += 1;
        }
    }

    /// Takes a slot out; nothing happens if it is not there.
    pub(crate) fn remove<Q: Hash + ?Sized>(&mut self, key: &Q, slot: u32) {
        let hash = self.hasher.hash(key);
        let table = self.shards.get_mut(shard(hash));
        let entry = table.and_then(|table| table.find_entry(hash, |other| *other == slot).ok());
        if let Some(entry) = entry {
            entry.remove();
            self.len -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_there_until_it_is_taken_out() {
        let texts: Vec<String> = (0..10_000).map(|n| format!("key {n}")).collect();
        let mut index = Index::new((1, 2));
        let hasher = index.hasher();
        for (slot, text) in (0..).zip(&texts) {
            index.insert(hasher.hash(text), slot, |slot| hasher.hash(&texts[slot as usize]));
        }
        let find = |index: &Index, text: &String| index.get(text, |s| &texts[s as usize] == text);
        index.remove(&texts[7], 7);
        index.remove(&texts[7], 7);
        assert_eq!(index.len(), 9_999);
        for (slot, text) in (0..).zip(&texts) {
            assert_eq!(find(&index, text), (slot != 7).then_some(slot), "{text}");
        }
    }
}
