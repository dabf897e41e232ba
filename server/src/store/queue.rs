//! Records on their way from the engine's lock to the committer, and how far it has come.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use surewire_engine::id::Lsn;
use surewire_engine::log::pending::Pending;
use surewire_engine::time::Time;
use tokio::sync::Notify;

use crate::histogram::Histogram;

/// What workers and the committer share. Its locks are held for a copy, never for the disk.
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    /// Notified when there is something to take, or nothing will come any more.
    more: Notify,
    /// The last record that is durable.
    durable: AtomicU64,
    /// Whether the log holds so much that is outdated that it should be cleaned.
    outdated: AtomicBool,
    figures: Mutex<Figures>,
}

#[derive(Default)]
struct Waiting {
    pending: Pending,
    /// When the first of them came.
    since: Time,
    /// Whose turn was the last to bring some.
    worker: usize,
    closed: bool,
}

/// All that waited.
pub(super) struct Taken {
    pub(super) pending: Pending,
    /// When the first of them came.
    pub(super) since: Time,
    /// Whom to wake when they are durable.
    pub(super) worker: usize,
}

/// What the committer has done.
#[derive(Clone, Default)]
pub(crate) struct Figures {
    /// How long each sync of a file took.
    pub(crate) sync: Histogram,
    /// From the engine's lock to durable, for the first record of each batch.
    pub(crate) commit: Histogram,
    pub(crate) batches: u64,
    pub(crate) records: u64,
    pub(crate) record_bytes: u64,
    /// Bytes written, those around the records included.
    pub(crate) written: u64,
}

impl Queue {
    /// Empty; all up to `durable` is on the disk.
    pub(crate) fn new(durable: Lsn) -> Self {
        Self {
            waiting: Mutex::default(),
            more: Notify::new(),
            durable: AtomicU64::new(durable.0),
            outdated: AtomicBool::new(false),
            figures: Mutex::default(),
        }
    }

    /// Takes all records out of `fresh`.
    pub(super) fn put(&self, fresh: &mut Pending, now: Time, worker: Option<usize>) {
        let mut waiting = self.waiting();
        if waiting.pending.is_empty() {
            waiting.since = now;
            std::mem::swap(&mut waiting.pending, fresh);
        } else {
            join(&mut waiting.pending, fresh);
        }
        if let Some(worker) = worker {
            waiting.worker = worker;
        }
    }

    /// Makes the committer look.
    pub(crate) fn notify(&self) {
        self.more.notify_one();
    }

    /// Nothing will come any more: the committer ends when it has done what is there.
    pub(crate) fn close(&self) {
        self.waiting().closed = true;
        self.notify();
    }

    /// Waits for records and takes all there are; `None` when there will be none any more.
    pub(super) async fn take(&self) -> Option<Taken> {
        loop {
            let (taken, closed) = self.try_take();
            if taken.is_some() || closed {
                return taken;
            }
            self.more.notified().await;
        }
    }

    fn try_take(&self) -> (Option<Taken>, bool) {
        let mut waiting = self.waiting();
        if waiting.pending.is_empty() {
            return (None, waiting.closed);
        }
        let pending = std::mem::take(&mut waiting.pending);
        (Some(Taken { pending, since: waiting.since, worker: waiting.worker }), waiting.closed)
    }

    /// The last record that is durable.
    pub(super) fn durable(&self) -> Lsn {
        Lsn(self.durable.load(Ordering::Acquire))
    }

    /// All records up to this one are durable.
    pub(super) fn set_durable(&self, upto: Lsn) {
        self.durable.store(upto.0, Ordering::Release);
    }

    /// Whether the log should be cleaned.
    pub(super) fn is_outdated(&self) -> bool {
        self.outdated.load(Ordering::Relaxed)
    }

    pub(super) fn set_outdated(&self, outdated: bool) {
        self.outdated.store(outdated, Ordering::Relaxed);
    }

    pub(crate) fn figures(&self) -> Figures {
        self.lock_figures().clone()
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut Figures)) {
        change(&mut self.lock_figures());
    }

    /// Nothing under these locks can fail halfway, so a panic of another thread changes nothing.
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_figures(&self) -> MutexGuard<'_, Figures> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Moves all that is in `later` behind what is in `pending`, and leaves it its room.
fn join(pending: &mut Pending, later: &mut Pending) {
    if pending.count == 0 {
        pending.first = later.first;
    }
    pending.count += later.count;
    pending.time = pending.time.max(later.time);
    pending.bytes.append(&mut later.bytes);
    pending.trim = pending.trim.max(later.trim.take());
    pending.live = later.live.take().or(pending.live);
    later.count = 0;
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sync, commit: _, batches, records, record_bytes, written } = self;
        let (syncs, synced) = (sync.count(), Duration::from_nanos(sync.sum()));
        write!(
            f,
            "batches={batches} records={records} record_bytes={record_bytes} \
             bytes_written={written} syncs={syncs} sync_ns={}",
            synced.as_nanos()
        )
    }
}
