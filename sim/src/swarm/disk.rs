//! A disk in memory that can do all that a disk does wrong.
//!
//! It keeps what the system would answer (the cache), what would survive a power cut, and what was
//! written in between. A failed sync forgets what it was to make durable, as systems do: the cache
//! still has it and a later sync says that all is well.

use std::collections::BTreeMap;

use surewire_engine::log::disk::{DiskError, Op, Reply};

use super::random::Random;

/// A file.
#[derive(Clone, Debug, Default)]
struct Inode {
    durable: Vec<u8>,
    cached: Vec<u8>,
    /// What was written since the last sync, and where it really goes.
    dirty: Vec<(usize, Vec<u8>)>,
}

/// A change of names that is not durable.
#[derive(Clone, Debug)]
struct Change {
    from: Option<String>,
    to: Option<String>,
    inode: u64,
}

/// Files and their names, as the system has them and as a power cut would leave them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    inodes: BTreeMap<u64, Inode>,
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    changes: Vec<Change>,
    next_inode: u64,
    /// Whether there is no room for another file.
    pub(crate) full: bool,
    /// The next write or sync fails.
    pub(crate) fails: bool,
    /// The next write goes to a wrong place.
    pub(crate) misdirects: bool,
}

impl Disk {
    pub(crate) fn perform(&mut self, op: Op, random: &mut Random) -> Result<Reply, DiskError> {
        let touches = matches!(op, Op::Write { .. } | Op::Sync { .. } | Op::SyncDirectory);
        if touches && std::mem::take(&mut self.fails) {
            self.fail(op, random);
            return Err(DiskError::Failed("input/output error".to_owned()));
        }
        match op {
            Op::List => return Ok(Reply::Names(self.names.keys().cloned().collect())),
            Op::Read { file, offset, len } => return self.read(&file, offset, len),
            Op::Allocate { file, len } => return self.allocate(file, len),
            Op::Write { file, offset, bytes } => self.write(&file, offset, bytes, random)?,
            Op::Sync { file } => self.sync(&file)?,
            Op::Rename { from, to } => {
                let inode = self.names.remove(&from).ok_or_else(|| missing(&from))?;
                self.names.insert(to.clone(), inode);
                self.changes.push(Change { from: Some(from), to: Some(to), inode });
            }
            Op::Remove { file } => {
                let inode = self.names.remove(&file).ok_or_else(|| missing(&file))?;
                self.changes.push(Change { from: Some(file), to: None, inode });
            }
            Op::SyncDirectory => {
                self.durable_names.clone_from(&self.names);
                self.changes.clear();
                let named: Vec<u64> = self.names.values().copied().collect();
                self.inodes.retain(|inode, _| named.contains(inode));
            }
        }
        Ok(Reply::Done)
    }

    /// Bytes of all files.
    pub(crate) fn bytes(&self) -> u64 {
        let inodes = self.names.values().filter_map(|inode| self.inodes.get(inode));
        inodes.map(|inode| inode.cached.len() as u64).sum()
    }

    fn read(&mut self, file: &str, offset: u64, len: usize) -> Result<Reply, DiskError> {
        let cached = &self.file(file)?.cached;
        let from = place(offset).min(cached.len());
        let to = from.saturating_add(len).min(cached.len());
        Ok(Reply::Bytes(cached.get(from..to).unwrap_or_default().to_vec()))
    }

    fn allocate(&mut self, file: String, len: u64) -> Result<Reply, DiskError> {
        if self.full {
            return Err(DiskError::NoRoom);
        }
        if self.names.contains_key(&file) {
            return Err(DiskError::Failed(format!("{file} exists")));
        }
        // Not a copy of each other: the system gives zeros for nothing until they are written.
        let zeros = || vec![0; place(len)];
        let inode = Inode { cached: zeros(), durable: zeros(), dirty: Vec::new() };
        self.next_inode += 1;
        self.inodes.insert(self.next_inode, inode);
        self.names.insert(file.clone(), self.next_inode);
        self.changes.push(Change { from: None, to: Some(file), inode: self.next_inode });
        Ok(Reply::Done)
    }

    fn write(
        &mut self,
        file: &str,
        offset: u64,
        bytes: Vec<u8>,
        random: &mut Random,
    ) -> Result<(), DiskError> {
        let misdirects = std::mem::take(&mut self.misdirects);
        let inode = self.file(file)?;
        let offset = place(offset);
        overwrite(&mut inode.cached, offset, &bytes);
        let really = if misdirects { random.index(inode.durable.len()) } else { offset };
        inode.dirty.push((really, bytes));
        Ok(())
    }

    fn sync(&mut self, file: &str) -> Result<(), DiskError> {
        let inode = self.file(file)?;
        for (offset, bytes) in std::mem::take(&mut inode.dirty) {
            overwrite(&mut inode.durable, offset, &bytes);
        }
        Ok(())
    }

    /// What an operation leaves that the system reports as failed.
    fn fail(&mut self, op: Op, random: &mut Random) {
        match op {
            Op::Write { file, offset, mut bytes } => {
                bytes.truncate(random.index(bytes.len() + 1));
                let _ = self.write(&file, offset, bytes, random);
            }
            Op::Sync { file } => {
                if let Ok(inode) = self.file(&file) {
                    for (offset, bytes) in std::mem::take(&mut inode.dirty) {
                        keep_part(&mut inode.durable, offset, &bytes, random);
                    }
                }
            }
            Op::List
            | Op::Read { .. }
            | Op::Allocate { .. }
            | Op::Rename { .. }
            | Op::Remove { .. }
            | Op::SyncDirectory => {}
        }
    }

    /// The power is cut: of what was not synced any part survives, torn at any byte; of what
    /// happened to the name of each file any first part.
    pub(crate) fn cut_power(&mut self, random: &mut Random) {
        for inode in self.inodes.values_mut() {
            for (offset, bytes) in std::mem::take(&mut inode.dirty) {
                keep_part(&mut inode.durable, offset, &bytes, random);
            }
            inode.cached.clone_from(&inode.durable);
        }
        let mut stopped = BTreeMap::new();
        for Change { from, to, inode } in std::mem::take(&mut self.changes) {
            let stops = stopped.entry(inode).or_insert(false);
            *stops |= random.one_in(2);
            if !*stops {
                from.map(|from| self.durable_names.remove(&from));
                to.map(|to| self.durable_names.insert(to, inode));
            }
        }
        self.names.clone_from(&self.durable_names);
        (self.fails, self.misdirects) = (false, false);
    }

    /// A bit of a file that is there turns round; where.
    pub(crate) fn flip(&mut self, random: &mut Random) -> Option<String> {
        let names: Vec<String> = self.names.keys().cloned().collect();
        let name = names.get(random.index(names.len()))?;
        let inode = self.file(name).ok()?;
        // Where something is: behind it a segment is all zeros.
        let end = inode.durable.iter().rposition(|byte| *byte != 0)? + 1;
        let (at, bit) = (random.index(end), 1 << random.below(8));
        *inode.durable.get_mut(at)? ^= bit;
        *inode.cached.get_mut(at)? ^= bit;
        Some(format!("bit of {name} at {at}"))
    }

    fn file(&mut self, name: &str) -> Result<&mut Inode, DiskError> {
        let inode = self.names.get(name).and_then(|inode| self.inodes.get_mut(inode));
        inode.ok_or_else(|| missing(name))
    }
}

fn missing(file: &str) -> DiskError {
    DiskError::Failed(format!("{file}: no such file"))
}

fn place(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

fn overwrite(target: &mut [u8], offset: usize, bytes: &[u8]) {
    for (to, from) in target.iter_mut().skip(offset).zip(bytes) {
        *to = *from;
    }
}

/// Any part of an unsynced write may have got to the disk.
fn keep_part(durable: &mut [u8], offset: usize, bytes: &[u8], random: &mut Random) {
    let (one, other) = (random.index(bytes.len() + 1), random.index(bytes.len() + 1));
    let part = match random.below(6) {
        0 => 0..0,
        1 => 0..bytes.len(),
        2..4 => 0..one,
        _ => one.min(other)..one.max(other),
    };
    overwrite(durable, offset + part.start, bytes.get(part).unwrap_or_default());
}
