//! Where records go, and how the engine learns that they are durable.
//!
//! Records are gathered under the engine's lock and handed to a queue at the end of each hold of
//! it. A thread of its own, the `committer`, takes all that wait, writes and syncs them as one
//! batch, and wakes a worker, which tells the engine. While one sync runs the next batch fills:
//! at low load a record is synced at once, at high load many share a sync. `open` is what happens
//! before: what an earlier process stored is read, and becomes the engine.

mod clock;
mod committer;
mod open;
mod queue;

use std::sync::Arc;

use surewire_engine::event::Storage;
use surewire_engine::id::Lsn;
use surewire_engine::log::pending::Pending;
use surewire_engine::log::record::Record;
use surewire_engine::time::Time;

pub(crate) use committer::Committing;
pub(crate) use open::{SEGMENT_LEN, Stored, open};
pub(crate) use queue::{Figures, Queue};

/// The engine's side of the log, under the engine's lock.
pub(crate) enum Store {
    /// Keeps nothing: all is durable at once.
    Nothing {
        /// The last record, until it was told to be durable.
        appended: Option<Lsn>,
    },
    /// Keeps everything.
    Log {
        /// Records of this hold of the lock.
        fresh: Pending,
        /// Rounds of cleaning that are over.
        rounds: u64,
        /// What was told last of whether it takes more.
        storage: Storage,
        /// Where records go from here.
        queue: Arc<Queue>,
    },
}

impl Store {
    /// A store that keeps nothing.
    pub(crate) fn nothing() -> Self {
        Self::Nothing { appended: None }
    }

    /// A store whose records go to `queue`.
    pub(crate) fn log(queue: Arc<Queue>) -> Self {
        let (fresh, rounds, storage) = (Pending::default(), 0, Storage::Takes);
        Self::Log { fresh, rounds, storage, queue }
    }

    /// Where records go, if they are kept.
    pub(crate) fn queue(&self) -> Option<Arc<Queue>> {
        match self {
            Self::Nothing { .. } => None,
            Self::Log { queue, .. } => Some(Arc::clone(queue)),
        }
    }

    /// Takes a record. Numbers come in order.
    pub(crate) fn append(&mut self, now: Time, lsn: Lsn, record: &Record, anew: bool, frees: u64) {
        match self {
            Self::Nothing { appended } => *appended = Some(lsn),
            Self::Log { fresh, .. } => {
                fresh.time = now;
                fresh.take(lsn, record, anew, frees);
            }
        }
    }

    /// Bytes of records since they were handed over last.
    pub(crate) fn fresh_bytes(&self) -> usize {
        match self {
            Self::Nothing { .. } => 0,
            Self::Log { fresh, .. } => fresh.bytes.len(),
        }
    }

    /// Whether so much waits for the disk that whoever brings more should wait too.
    pub(crate) fn is_behind(&self) -> bool {
        match self {
            Self::Nothing { .. } => false,
            Self::Log { queue, .. } => queue.is_behind(),
        }
    }

    /// Records before this one are not needed any more; what lives takes `live` bytes.
    pub(crate) fn trim(&mut self, before: Lsn, live: u64) {
        if let Self::Log { fresh, rounds, .. } = self {
            (fresh.trim, fresh.live) = (Some(before), Some(live));
            *rounds += 1;
        }
    }

    /// Whether the log holds so much that is outdated that it should be cleaned.
    pub(crate) fn is_outdated(&self) -> bool {
        match self {
            Self::Nothing { .. } => false,
            Self::Log { rounds, queue, .. } => queue.is_outdated(*rounds),
        }
    }

    /// How many bytes to write anew for what was appended since the last call.
    pub(crate) fn take_owed(&self) -> u64 {
        match self {
            Self::Nothing { .. } => 0,
            Self::Log { queue, .. } => queue.take_owed(),
        }
    }

    /// Whether the log takes more, if that is news.
    pub(crate) fn storage(&mut self) -> Option<Storage> {
        let Self::Log { storage, queue, .. } = self else { return None };
        let now = queue.storage(*storage);
        let before = std::mem::replace(storage, now);
        (now != before).then_some(now)
    }

    /// The last record that became durable since the last call.
    pub(crate) fn durable(&mut self) -> Option<Lsn> {
        match self {
            Self::Nothing { appended } => appended.take(),
            Self::Log { queue, .. } => queue.take_durable(),
        }
    }

    /// Hands all records to the committer, which is to be told so if this returns true. They are
    /// those of whole events, and `worker` is woken when they are durable.
    pub(crate) fn hand_over(&mut self, now: Time, worker: Option<usize>) -> bool {
        match self {
            Self::Log { fresh, queue, .. } if !fresh.is_empty() => {
                queue.put(fresh, now, worker);
                true
            }
            Self::Nothing { .. } | Self::Log { .. } => false,
        }
    }
}
