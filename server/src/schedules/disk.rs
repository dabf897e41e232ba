//! A disk in memory, which takes its time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use surewire_engine::id::Lsn;
use surewire_engine::log;
use surewire_engine::log::disk::{DiskError, Op, Reply};
use surewire_engine::log::record::Record;
use surewire_engine::log::recovery::{Recovery, Step};
use surewire_engine::log::writer::{Options, Sync};
use surewire_engine::planted::Planted;

use crate::environment::{Disk, LocalFuture};
use crate::store::SEGMENT_LEN;
use crate::sync::step;

/// The files, as the broker and the test see them. Its lock is never waited for: no thread is
/// stopped while it has it.
#[derive(Clone, Default)]
pub(super) struct Files(Arc<Mutex<BTreeMap<String, File>>>);

#[derive(Clone, Default)]
struct File {
    len: usize,
    /// Up to the last byte that was written.
    bytes: Vec<u8>,
    /// As it was at its last sync.
    synced: Vec<u8>,
}

impl Files {
    /// Whether these bytes would survive a power cut now.
    pub(super) fn are_durable(&self, bytes: &[u8]) -> bool {
        let files = self.0.lock().unwrap();
        files.values().any(|file| file.synced.windows(bytes.len()).any(|window| window == bytes))
    }

    /// All records in order, as a start would read them: their numbers leave no gap.
    pub(super) fn records(&self) -> Vec<Record> {
        let (sync, planted) = (Sync::Always, Planted::NONE);
        let options = Options { segment_len: SEGMENT_LEN, sync, nonce: 0, planted };
        let (mut recovery, mut last, mut records) = (Recovery::new(options), None, Vec::new());
        loop {
            match recovery.next() {
                Step::Do(op) => recovery.done(self.perform(op)),
                Step::Batch(batch) => records.extend(batch.records().map(|(lsn, bytes)| {
                    assert!(last.replace(lsn).is_none_or(|last: Lsn| last.next() == lsn));
                    log::decode(bytes).unwrap()
                })),
                Step::Finished(..) => return records,
                Step::Failed(error) => panic!("{error}"),
            }
        }
    }

    fn perform(&self, op: Op) -> Result<Reply, DiskError> {
        let mut files = self.0.lock().unwrap();
        match op {
            Op::List => return Ok(Reply::Names(files.keys().cloned().collect())),
            Op::Read { file, offset, len } => {
                let (file, from) = (&files[&file], usize::try_from(offset).unwrap());
                let mut bytes = vec![0; len.min(file.len.saturating_sub(from))];
                for (byte, written) in bytes.iter_mut().zip(file.bytes.iter().skip(from)) {
                    *byte = *written;
                }
                return Ok(Reply::Bytes(bytes));
            }
            Op::Allocate { file, len } => {
                let made = File { len: usize::try_from(len).unwrap(), ..File::default() };
                assert!(files.insert(file, made).is_none());
            }
            Op::Write { file, offset, bytes } => {
                let from = usize::try_from(offset).unwrap();
                let file = files.get_mut(&file).unwrap();
                file.bytes.resize(file.bytes.len().max(from + bytes.len()), 0);
                file.bytes[from..from + bytes.len()].copy_from_slice(&bytes);
            }
            Op::Sync { file } => {
                let file = files.get_mut(&file).unwrap();
                file.synced.clone_from(&file.bytes);
            }
            Op::Rename { from, to } => {
                let file = files.remove(&from).unwrap();
                files.insert(to, file);
            }
            Op::Remove { file } => assert!(files.remove(&file).is_some()),
            Op::SyncDirectory => {}
        }
        Ok(Reply::Done)
    }
}

impl Disk for Files {
    fn perform(&mut self, op: Op) -> LocalFuture<'_, Result<Reply, DiskError>> {
        step();
        let reply = Self::perform(self, op);
        step();
        Box::pin(std::future::ready(reply))
    }
}
