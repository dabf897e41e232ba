//! Tables that grow in chunks: a plain vector copies a million entries to take one more.

/// Entries of one chunk.
const CHUNK: usize = 1_024;

/// A growing array whose entries never move.
#[derive(Debug)]
pub(crate) struct Chunked<T> {
    chunks: Vec<Vec<T>>,
}

impl<T> Default for Chunked<T> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<T> Chunked<T> {
    pub(crate) fn get(&self, index: u32) -> Option<&T> {
        let index = index as usize;
        self.chunks.get(index / CHUNK)?.get(index % CHUNK)
    }

    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        let index = index as usize;
        self.chunks.get_mut(index / CHUNK)?.get_mut(index % CHUNK)
    }

    /// Appends an entry and tells its index.
    ///
    /// # Panics
    /// At 2^32 entries, more than there are file descriptors.
    pub(crate) fn push(&mut self, entry: T) -> u32 {
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let before = (self.chunks.len() - 1) * CHUNK;
        let last = self.chunks.last_mut().expect("a chunk with room was made above");
        last.push(entry);
        u32::try_from(before + last.len() - 1).expect("fewer than 2^32 connections")
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten()
    }
}

/// Entries by a small number that is used again after its entry was removed.
#[derive(Debug)]
pub(crate) struct Table<T> {
    entries: Chunked<Option<T>>,
    free: Vec<u32>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { entries: Chunked::default(), free: Vec::new() }
    }
}

impl<T> Table<T> {
    /// Adds an entry and tells its number.
    pub(crate) fn insert(&mut self, entry: T) -> u32 {
        while let Some(key) = self.free.pop() {
            if let Some(place) = self.entries.get_mut(key) {
                *place = Some(entry);
                return key;
            }
        }
        self.entries.push(Some(entry))
    }

    pub(crate) fn get(&self, key: u32) -> Option<&T> {
        self.entries.get(key)?.as_ref()
    }

    pub(crate) fn remove(&mut self, key: u32) -> Option<T> {
        let entry = self.entries.get_mut(key)?.take()?;
        self.free.push(key);
        Some(entry)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_dense_and_used_again() {
        let mut table = Table::default();
        let keys: Vec<u32> = (0..3_000).map(|n| table.insert(n)).collect();
        assert_eq!(keys, (0..3_000).collect::<Vec<_>>());
        assert_eq!(table.remove(1_500), Some(1_500));
        assert_eq!(table.remove(1_500), None);
        assert_eq!(table.get(1_500), None);
        assert_eq!(table.insert(-1), 1_500);
        assert_eq!(
            (table.get(1_500), table.get(2_999), table.get(3_000)),
            (Some(&-1), Some(&2_999), None)
        );
        assert_eq!(table.iter().count(), 3_000);
    }
}
