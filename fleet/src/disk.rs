//! The disk under the broker's log, in memory.

use std::collections::BTreeMap;

use surewire_engine::log::disk::{DiskError, Op, Reply};

/// Files by name. What was written is lost with the power until it is synced; names are not.
#[derive(Debug)]
pub(crate) struct Disk {
    files: BTreeMap<String, Vec<u8>>,
    /// Writes since the last sync of their file, in order.
    unsynced: Vec<(String, u64, Vec<u8>)>,
    /// Bytes that all files may have; `None` is no limit.
    capacity: Option<u64>,
}

impl Disk {
    pub(crate) fn new(capacity: Option<u64>) -> Self {
        Self { files: BTreeMap::new(), unsynced: Vec::new(), capacity }
    }

    /// Bytes of all files.
    pub(crate) fn used(&self) -> u64 {
        self.files.values().map(|file| file.len() as u64).sum()
    }

    /// The power goes, and what was not synced with it.
    pub(crate) fn cut_power(&mut self) {
        self.unsynced.clear();
    }

    /// The process ends: the system still writes what it was given.
    pub(crate) fn keep_all(&mut self) {
        for (file, offset, bytes) in std::mem::take(&mut self.unsynced) {
            self.write(&file, offset, &bytes);
        }
    }

    pub(crate) fn perform(&mut self, op: Op) -> Result<Reply, DiskError> {
        match op {
            Op::List => return Ok(Reply::Names(self.files.keys().cloned().collect())),
            Op::Read { file, offset, len } => {
                return Ok(Reply::Bytes(self.read(&file, offset, len)));
            }
            Op::Allocate { file, len } => {
                if self.capacity.is_some_and(|most| self.used() + len > most) {
                    return Err(DiskError::NoRoom);
                }
                self.files.insert(file, vec![0; usize::try_from(len).unwrap_or(usize::MAX)]);
            }
            Op::Write { file, offset, bytes } => self.unsynced.push((file, offset, bytes)),
            Op::Sync { file } => self.sync(&file),
            Op::Rename { from, to } => {
                if let Some(content) = self.files.remove(&from) {
                    self.files.insert(to.clone(), content);
                }
                for (name, _, _) in self.unsynced.iter_mut().filter(|(name, _, _)| *name == from) {
                    name.clone_from(&to);
                }
            }
            Op::Remove { file } => {
                self.files.remove(&file);
                self.unsynced.retain(|(name, _, _)| *name != file);
            }
            Op::SyncDirectory => {}
        }
        Ok(Reply::Done)
    }

    fn sync(&mut self, file: &str) {
        for (name, offset, bytes) in std::mem::take(&mut self.unsynced) {
            if name == file {
                self.write(&name, offset, &bytes);
            } else {
                self.unsynced.push((name, offset, bytes));
            }
        }
    }

    fn write(&mut self, file: &str, offset: u64, bytes: &[u8]) {
        let content = self.files.entry(file.to_owned()).or_default();
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let end = start.saturating_add(bytes.len());
        if content.len() < end {
            content.resize(end, 0);
        }
        if let Some(place) = content.get_mut(start..end) {
            place.copy_from_slice(bytes);
        }
    }

    /// Only a log that has just been opened reads, and then nothing is unsynced.
    fn read(&self, file: &str, offset: u64, len: usize) -> Vec<u8> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = self.files.get(file).and_then(|content| content.get(start..));
        let rest = rest.unwrap_or_default();
        rest.get(..len).unwrap_or(rest).to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(disk: &mut Disk) -> Vec<u8> {
        let Ok(Reply::Bytes(bytes)) =
            disk.perform(Op::Read { file: "a".into(), offset: 0, len: 9 })
        else {
            panic!("not read")
        };
        bytes
    }

    #[test]
    fn only_what_was_synced_survives_a_power_cut() {
        for (synced, power, left) in [(false, true, 0), (true, true, 7), (false, false, 7)] {
            let mut disk = Disk::new(None);
            disk.perform(Op::Allocate { file: "a".into(), len: 2 }).unwrap();
            disk.perform(Op::Write { file: "a".into(), offset: 0, bytes: vec![7] }).unwrap();
            if synced {
                disk.perform(Op::Sync { file: "a".into() }).unwrap();
            }
            if power {
                disk.cut_power()
            } else {
                disk.keep_all()
            }
            assert_eq!(read(&mut disk), [left, 0], "{synced} {power}");
        }
    }

    #[test]
    fn a_full_disk_says_so() {
        let mut disk = Disk::new(Some(10));
        assert_eq!(disk.perform(Op::Allocate { file: "a".into(), len: 8 }), Ok(Reply::Done));
        let second = disk.perform(Op::Allocate { file: "b".into(), len: 3 });
        assert_eq!((second, disk.used()), (Err(DiskError::NoRoom), 8));
    }
}
