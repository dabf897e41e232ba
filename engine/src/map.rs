//! A hash table that cannot leak its order and never stalls while it grows.

use std::hash::{Hash, Hasher};

use hashbrown::{Equivalent, HashTable};
use siphasher::sip::SipHasher13;

/// Number of shards. A plain table of 1.8 million entries takes over 100 ms for the one insert
/// that makes it grow; a shard of it holds a few thousand and takes microseconds.
pub(crate) const SHARDS: usize = 512;

/// A hash table without iteration, so that nothing ordered by a hash can leave the engine, and
/// keyed, so that names chosen by an attacker do not collide.
#[derive(Debug)]
pub(crate) struct Map<K, V> {
    key: (u64, u64),
    shards: Box<[HashTable<(K, V)>]>,
    len: usize,
}

impl<K: Hash + Eq, V> Map<K, V> {
    pub(crate) fn new(key: (u64, u64)) -> Self {
        Self { key, shards: (0..SHARDS).map(|_| HashTable::new()).collect(), len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<&V> {
        let hash = self.hash(key);
        let found = self.shards.get(shard(hash))?.find(hash, |(k, _)| key.equivalent(k));
        found.map(|(_, value)| value)
    }

    /// Puts the value in and returns the one that was there.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let hash = self.hash(&key);
        let seed = self.key;
        let table = self.shards.get_mut(shard(hash))?;
        if let Some((_, old)) = table.find_mut(hash, |(k, _)| *k == key) {
            return Some(std::mem::replace(old, value));
        }
        table.insert_unique(hash, (key, value), |(k, _)| hash_of(seed, k));
        self.len += 1;
        None
    }

    pub(crate) fn remove<Q: Hash + Equivalent<K> + ?Sized>(&mut self, key: &Q) -> Option<V> {
        let hash = self.hash(key);
        let table = self.shards.get_mut(shard(hash))?;
        let entry = table.find_entry(hash, |(k, _)| key.equivalent(k)).ok()?;
        self.len -= 1;
        Some(entry.remove().0.1)
    }

    fn hash<Q: Hash + ?Sized>(&self, key: &Q) -> u64 {
        hash_of(self.key, key)
    }
}

pub(crate) fn hash_of<Q: Hash + ?Sized>(key: (u64, u64), value: &Q) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(key.0, key.1);
    value.hash(&mut hasher);
    hasher.finish()
}

/// The table inside a shard uses the top 7 and the low bits; these are from the middle.
pub(crate) fn shard(hash: u64) -> usize {
    (hash >> 40 & (SHARDS as u64 - 1)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_was_put_in_until_it_is_taken_out() {
        let mut map = Map::new((1, 2));
        for n in 0..10_000_u32 {
            assert_eq!(map.insert(n, n * 2), None);
        }
        assert_eq!(map.insert(7, 1), Some(14));
        assert_eq!(map.len(), 10_000);
        assert_eq!(map.remove(&7), Some(1));
        assert_eq!(map.remove(&7), None);
        assert!((0..10_000).filter(|n| *n != 7).all(|n| map.get(&n) == Some(&(n * 2))));
        assert_eq!(map.len(), 9_999);
    }

    #[test]
    fn no_shard_gets_more_than_its_share() {
        let mut map = Map::new((3, 4));
        for n in 0..200_000_u32 {
            map.insert(n, ());
        }
        let largest = map.shards.iter().map(HashTable::len).max().unwrap();
        assert!(largest < 2 * 200_000 / SHARDS, "{largest} of 200,000 in one shard");
    }
}
