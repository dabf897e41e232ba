//! What there is for one worker to do after a turn.

use surewire_engine::id::ConnId;

use super::frames::Frames;
use super::slots::Slot;

/// What a write costs besides its bytes, in bytes: a few microseconds.
pub(crate) const WRITE: usize = 4 * 1024;

/// Entries that are kept for the next turns.
const KEEP: usize = 1_024;

/// The output of a turn for one worker: an entry for each connection that has any.
///
/// Entries are used again with their buffers, so that a turn allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// Numbers given to connections, by the worker's own key.
    pub(crate) opened: Vec<(u32, ConnId)>,
    /// Connections of this worker, by its own key, whose packets led to much.
    pub(crate) causes: Vec<(u32, ConnId)>,
    /// The same of those who brought records while the disk was behind, and bytes of these.
    pub(crate) writers: Vec<((u32, ConnId), usize)>,
    entries: Vec<Entry>,
    used: usize,
    /// To write, over all entries.
    bytes: usize,
    /// What of that was weighed.
    weighed: Weighed,
}

/// How much there was when it was weighed last.
#[derive(Clone, Copy, Debug, Default)]
struct Weighed {
    entries: usize,
    bytes: usize,
}

/// What there is to do for one connection, in this order.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Which connection.
    pub(crate) conn: ConnId,
    /// How its worker calls it.
    pub(crate) key: u32,
    /// Its CONNECT was accepted.
    pub(crate) admitted: bool,
    /// Whether to read from it, if that changed.
    pub(crate) read: Option<bool>,
    /// It began with something that is for many, and may come behind what is for few.
    pub(crate) heavy: bool,
    /// What to write.
    pub(crate) frames: Frames,
    /// Then tell the engine at once what was written.
    pub(crate) report: bool,
    /// Then close it.
    pub(crate) close: bool,
}

impl Outbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.used == 0 && self.opened.is_empty()
    }

    /// So much more is to be written.
    pub(crate) fn grew(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// Whether as much as `much` has come since the last call, in bytes; its entries are heavy then.
    pub(crate) fn weigh(&mut self, much: usize) -> bool {
        let before =
            std::mem::replace(&mut self.weighed, Weighed { entries: self.used, bytes: self.bytes });
        let fresh = self.used - before.entries;
        let is_much = fresh * WRITE + self.bytes - before.bytes > much;
        if is_much {
            let entries = self.entries.iter_mut().take(self.used).skip(before.entries);
            entries.for_each(|entry| entry.heavy = true);
        }
        is_much
    }

    /// The connection's entry, made if it has none yet this turn.
    pub(crate) fn entry(&mut self, conn: ConnId, slot: &mut Slot) -> &mut Entry {
        let index = self.index_of(conn, slot);
        slot.entry = u32::try_from(index).expect("an entry for each connection at most");
        self.entries.get_mut(index).expect("index_of returns the index of an entry")
    }

    /// The entries of this turn, in the order in which their connections got their first output.
    pub(crate) fn entries(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.entries.iter_mut().take(self.used)
    }

    /// Makes it ready for another turn.
    pub(crate) fn clear(&mut self) {
        self.opened.clear();
        self.causes.clear();
        self.writers.clear();
        self.bytes = 0;
        self.weighed = Weighed::default();
        self.entries.truncate(KEEP);
        for entry in self.entries.iter_mut().take(self.used) {
            entry.frames.clear();
        }
        self.used = 0;
    }

    fn index_of(&mut self, conn: ConnId, slot: &Slot) -> usize {
        let known = slot.entry as usize;
        if known < self.used && self.entries.get(known).is_some_and(|entry| entry.conn == conn) {
            return known;
        }
        match self.entries.get_mut(self.used) {
            Some(entry) => entry.reset(conn, slot.key),
            None => self.entries.push(Entry::new(conn, slot.key)),
        }
        self.used += 1;
        self.used - 1
    }
}

impl Entry {
    /// An empty one.
    pub(crate) fn new(conn: ConnId, key: u32) -> Self {
        Self {
            conn,
            key,
            admitted: false,
            read: None,
            heavy: false,
            frames: Frames::default(),
            report: false,
            close: false,
        }
    }

    /// Leaves an empty one.
    pub(crate) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::new(self.conn, self.key))
    }

    /// Takes over what a later turn has for the same connection, but for reading: that is never late.
    pub(crate) fn append(&mut self, later: &mut Self) {
        self.admitted |= later.admitted;
        self.frames.append(&mut later.frames);
        self.report |= later.report;
        self.close |= later.close;
    }

    fn reset(&mut self, conn: ConnId, key: u32) {
        let frames = std::mem::take(&mut self.frames);
        *self = Self { frames, ..Self::new(conn, key) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::slots::Slots;
    use surewire_engine::packet::Version;

    #[test]
    fn a_connection_has_one_entry_a_turn_and_never_anothers() {
        let (mut slots, mut outbox) = (Slots::default(), Outbox::default());
        let conns = [0, 1].map(|key| slots.occupy(0, key, Version::V3_1_1));
        for (conn, byte) in [(conns[0], b'a'), (conns[1], b'b'), (conns[0], b'c')] {
            outbox.entry(conn, slots.get_mut(conn).unwrap()).frames.bytes.push(byte);
        }
        let written: Vec<_> = outbox.entries().map(|e| (e.key, e.frames.bytes.clone())).collect();
        assert_eq!(written, [(0, b"ac".to_vec()), (1, b"b".to_vec())]);

        outbox.clear();
        outbox.entry(conns[1], slots.get_mut(conns[1]).unwrap()).close = true;
        let entries: Vec<_> =
            outbox.entries().map(|e| (e.conn, e.frames.is_empty(), e.close)).collect();
        assert_eq!(entries, [(conns[1], true, true)]);
    }

    #[test]
    fn what_began_with_something_for_many_is_heavy() {
        let (mut slots, mut outbox) = (Slots::default(), Outbox::default());
        let conns: Vec<_> = (0..12).map(|key| slots.occupy(0, key, Version::V3_1_1)).collect();
        let mut send = |outbox: &mut Outbox, range: std::ops::Range<usize>, bytes: usize| {
            for &conn in &conns[range] {
                outbox
                    .entry(conn, slots.get_mut(conn).unwrap())
                    .frames
                    .bytes
                    .extend(vec![0; bytes]);
                outbox.grew(bytes);
            }
        };
        let much = 4 * WRITE + 40;
        send(&mut outbox, 0..4, 10);
        assert!(!outbox.weigh(much), "as much as that, and no more");
        assert!(!outbox.weigh(0), "nothing has come since");
        send(&mut outbox, 2..9, 1);
        assert!(outbox.weigh(much), "five of them are new");
        send(&mut outbox, 8..10, 1);
        assert!(!outbox.weigh(much));
        let heavy: Vec<_> = outbox.entries().filter(|e| e.heavy).map(|e| e.key).collect();
        assert_eq!(heavy, [4, 5, 6, 7, 8]);
        outbox.clear();
        send(&mut outbox, 0..1, 5 * WRITE);
        assert!(outbox.weigh(much), "by bytes, and counted from nothing again");
    }
}
