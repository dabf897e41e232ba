//! A disk in memory whose power can be cut.

use std::collections::BTreeMap;

use surewire_engine::log::disk::{DiskError, Op, Reply};

/// Numbers from a seed.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// What a file holds: what is durable, and what was written since the last sync.
#[derive(Clone, Default)]
struct Inode {
    durable: Vec<u8>,
    now: Vec<u8>,
    written: Vec<(usize, Vec<u8>)>,
    /// Whether it was ever synced; until then a crash may leave it shorter than it is.
    synced: bool,
}

/// Files and their names, now and as they are durable.
#[derive(Clone)]
pub(crate) struct Disk {
    inodes: BTreeMap<u64, Inode>,
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    /// Changes of names since the directory was synced, in order.
    renames: Vec<(Option<String>, Option<String>, u64)>,
    next_inode: u64,
    /// Bytes that all files together may have when one is made.
    pub(crate) room: usize,
}

impl Default for Disk {
    fn default() -> Self {
        Self::with_room(usize::MAX)
    }
}

impl Disk {
    pub(crate) fn with_room(room: usize) -> Self {
        let (inodes, renames, next_inode) = (BTreeMap::new(), Vec::new(), 0);
        let (names, durable_names) = (BTreeMap::new(), BTreeMap::new());
        Self { inodes, names, durable_names, renames, next_inode, room }
    }

    pub(crate) fn perform(&mut self, op: Op) -> Result<Reply, DiskError> {
        match op {
            Op::List => return Ok(Reply::Names(self.names.keys().cloned().collect())),
            Op::Read { file, offset, len } => {
                let now = &self.file(&file).now;
                let from = usize::try_from(offset).unwrap().min(now.len());
                let to = from.saturating_add(len).min(now.len());
                return Ok(Reply::Bytes(now[from..to].to_vec()));
            }
            Op::Allocate { file, len } => {
                assert!(!self.names.contains_key(&file), "{file} exists");
                let len = usize::try_from(len).unwrap();
                if self.used() + len > self.room {
                    return Err(DiskError::NoRoom);
                }
                let inode = Inode { now: vec![0; len], durable: vec![0; len], ..Inode::default() };
                self.next_inode += 1;
                self.inodes.insert(self.next_inode, inode);
                self.names.insert(file.clone(), self.next_inode);
                self.renames.push((None, Some(file), self.next_inode));
            }
            Op::Write { file, offset, bytes } => {
                let inode = self.file(&file);
                let offset = usize::try_from(offset).unwrap();
                inode.now[offset..offset + bytes.len()].copy_from_slice(&bytes);
                inode.written.push((offset, bytes));
            }
            Op::Sync { file } => {
                let inode = self.file(&file);
                inode.durable.clone_from(&inode.now);
                inode.written.clear();
                inode.synced = true;
            }
            Op::Rename { from, to } => {
                let inode = self.names.remove(&from).expect("a file to rename");
                self.names.insert(to.clone(), inode);
                self.renames.push((Some(from), Some(to), inode));
            }
            Op::Remove { file } => {
                let inode = self.names.remove(&file).expect("a file to remove");
                self.renames.push((Some(file), None, inode));
            }
            Op::SyncDirectory => {
                self.durable_names.clone_from(&self.names);
                self.renames.clear();
            }
        }
        Ok(Reply::Done)
    }

    /// The power is cut: of what was not synced any part survives, torn at any byte; of the names
    /// of each file any first part of what happened to them.
    pub(crate) fn crash(&mut self, rng: &mut Rng) {
        for inode in self.inodes.values_mut() {
            for (offset, bytes) in std::mem::take(&mut inode.written) {
                let (from, to) = (rng.below(bytes.len() + 1), rng.below(bytes.len() + 1));
                let part = match rng.below(4) {
                    0 => 0..0,
                    1 => 0..bytes.len(),
                    2 => 0..to,
                    _ => from.min(to)..from.max(to),
                };
                inode.durable[offset + part.start..offset + part.end]
                    .copy_from_slice(&bytes[part.clone()]);
            }
            if !inode.synced && rng.below(4) == 0 {
                inode.durable.truncate(rng.below(inode.durable.len() + 1));
            }
            inode.now.clone_from(&inode.durable);
        }
        let mut stopped = BTreeMap::new();
        for (from, to, inode) in std::mem::take(&mut self.renames) {
            let stops = *stopped.entry(inode).or_insert(false) || rng.below(2) == 0;
            stopped.insert(inode, stops);
            if !stops {
                from.map(|from| self.durable_names.remove(&from));
                to.map(|to| self.durable_names.insert(to, inode));
            }
        }
        self.names.clone_from(&self.durable_names);
    }

    /// Flips a bit of a file; whether there is one.
    pub(crate) fn flip(&mut self, rng: &mut Rng) -> Option<(String, usize)> {
        let names: Vec<String> = self.names.keys().cloned().collect();
        let name = names.get(rng.below(names.len()))?.clone();
        let bytes = &mut self.file(&name).now;
        if bytes.is_empty() {
            return None;
        }
        let at = rng.below(bytes.len());
        bytes[at] ^= 1 << rng.below(8);
        let copy = bytes.clone();
        self.file(&name).durable = copy;
        Some((name, at))
    }

    /// Puts a file there, as somebody copied it.
    pub(crate) fn put(&mut self, name: String, bytes: Vec<u8>) {
        self.next_inode += 1;
        let inode = Inode { now: bytes.clone(), durable: bytes, synced: true, ..Inode::default() };
        self.inodes.insert(self.next_inode, inode);
        self.names.insert(name.clone(), self.next_inode);
        self.durable_names.insert(name, self.next_inode);
    }

    /// Bytes of all files.
    pub(crate) fn used(&self) -> usize {
        self.names.values().map(|inode| self.inodes[inode].now.len()).sum()
    }

    pub(crate) fn files(&self) -> usize {
        self.names.len()
    }

    fn file(&mut self, name: &str) -> &mut Inode {
        let inode = self.names.get(name).unwrap_or_else(|| panic!("no file {name}"));
        self.inodes.get_mut(inode).unwrap()
    }
}
