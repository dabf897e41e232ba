//! Records on their way from the engine's lock to the committer, and how far it has come.

use std::collections::VecDeque;
use std::fmt;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use surewire_engine::event::Storage;
use surewire_engine::id::Lsn;
use surewire_engine::log::pending::Pending;
use surewire_engine::time::Time;

use crate::histogram::Histogram;
use crate::sync::{AtomicBool, AtomicU64, AtomicUsize, CONTROLLED, Mutex, MutexGuard, Notify};

/// Records up to so many bytes share a batch. A quarter of a segment, so that on a full disk every
/// batch but one of a few huge messages fits what is allocated, and little is lost at its end.
const BATCH: usize = if CONTROLLED { 256 } else { 4 << 20 };

/// Once so many bytes of records wait for the disk, nothing new is taken until half of them are
/// written: a disk that hangs must not fill the memory.
const MOST_WAITING: usize = if CONTROLLED { 1 << 10 } else { 64 << 20 };

/// What workers and the committer share. Its locks are held for a copy, never for the disk.
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    /// Notified when there is something to take, or nothing will come any more.
    more: Notify,
    /// The last record that is durable.
    durable: AtomicU64,
    /// The last one that the engine was told to be.
    told: AtomicU64,
    /// The round of cleaning that is wanted because the log holds so much that is outdated, counted
    /// from 1; 0 if none is.
    wanted_round: AtomicU64,
    /// Bytes that are to be written anew for what was appended.
    owed: AtomicU64,
    /// Whether the disk has no room.
    full: AtomicBool,
    /// Bytes of records that are not durable.
    waiting_bytes: AtomicUsize,
    /// Of these: what only tells again what lives.
    waiting_anew: AtomicUsize,
    /// With more of the others the disk is behind.
    share: usize,
    figures: Mutex<Figures>,
}

#[derive(Default)]
struct Waiting {
    /// Batches, all but the last as large as they get.
    batches: VecDeque<Taken>,
    closed: bool,
}

/// What the committer finds.
pub(super) enum Next {
    Batch(Taken),
    Nothing,
    /// Nothing, and nothing will come any more.
    Never,
}

/// Records that become durable together.
pub(super) struct Taken {
    pub(super) pending: Pending,
    /// When the first of them came.
    pub(super) since: Time,
    /// Whose turn was the last to bring some: whom to wake when they are durable.
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
    /// Of these: bytes that only tell again what lives.
    pub(crate) anew_bytes: u64,
    /// What lived took when cleaning wrote it last, or when it was read.
    pub(crate) live_bytes: u64,
    /// Bytes of all files of the log.
    pub(crate) log_bytes: u64,
    /// Bytes of all files that are allocated ahead.
    pub(crate) spare_bytes: u64,
    /// Bytes written, those around the records included.
    pub(crate) written: u64,
    /// Bytes of records that are not durable now.
    pub(crate) waiting_bytes: usize,
    /// Whether the disk has no room now.
    pub(crate) full: bool,
}

impl Queue {
    /// Empty; all up to `durable` is on the disk, which is behind with more than `share` bytes.
    pub(crate) fn new(durable: Lsn, share: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            more: Notify::new(),
            durable: AtomicU64::new(durable.0),
            told: AtomicU64::new(durable.0),
            wanted_round: AtomicU64::new(0),
            owed: AtomicU64::new(0),
            full: AtomicBool::new(false),
            waiting_bytes: AtomicUsize::new(0),
            waiting_anew: AtomicUsize::new(0),
            share,
            figures: Mutex::default(),
        }
    }

    /// Takes all records out of `fresh`.
    pub(super) fn put(&self, fresh: &mut Pending, now: Time, worker: Option<usize>) {
        self.waiting_bytes.fetch_add(fresh.bytes.len(), Ordering::Relaxed);
        self.waiting_anew.fetch_add(size(fresh.anew), Ordering::Relaxed);
        let mut waiting = self.waiting();
        let last = waiting.batches.back_mut();
        match last.filter(|last| last.pending.bytes.len() + fresh.bytes.len() <= BATCH) {
            Some(last) => {
                last.pending.join(fresh);
                last.worker = worker.unwrap_or(last.worker);
            }
            None => {
                let (pending, worker) = (std::mem::take(fresh), worker.unwrap_or_default());
                waiting.batches.push_back(Taken { pending, since: now, worker });
            }
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

    pub(super) fn is_closed(&self) -> bool {
        self.waiting().closed
    }

    /// Takes the next batch.
    pub(super) fn try_take(&self) -> Next {
        let mut waiting = self.waiting();
        match waiting.batches.pop_front() {
            Some(taken) => Next::Batch(taken),
            None if waiting.closed => Next::Never,
            None => Next::Nothing,
        }
    }

    /// Returns when there may be more to take, or will be nothing any more.
    pub(super) async fn more(&self) {
        self.more.notified().await;
    }

    /// A batch of so many bytes of records is durable, some of which only told again what lives.
    pub(super) fn written(&self, bytes: usize, anew: u64) {
        self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.waiting_anew.fetch_sub(size(anew), Ordering::Relaxed);
    }

    /// Whether more may come, after this was so.
    pub(super) fn storage(&self, before: Storage) -> Storage {
        let most = if before == Storage::Behind { MOST_WAITING / 2 } else { MOST_WAITING };
        if self.is_full() {
            Storage::Full
        } else if self.waiting_bytes() > most {
            Storage::Behind
        } else {
            Storage::Takes
        }
    }

    /// Bytes of records that are not durable.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.waiting_bytes.load(Ordering::Relaxed)
    }

    /// Whether so much waits that whoever brings more should wait too. While a sync takes its time a fast
    /// client would fill the rest, and everybody would be refused. Not on a full disk: there it may be the very
    /// client that deletes something.
    pub(crate) fn is_behind(&self) -> bool {
        let anew = self.waiting_anew.load(Ordering::Relaxed);
        self.waiting_bytes().saturating_sub(anew) > self.share && !self.is_full()
    }

    /// Whether more is durable than was taken.
    pub(crate) fn has_become_durable(&self) -> bool {
        self.durable.load(Ordering::Acquire) > self.told.load(Ordering::Relaxed)
    }

    /// The last record that became durable since the last call. One thread at a time calls this.
    pub(super) fn take_durable(&self) -> Option<Lsn> {
        let durable = self.durable.load(Ordering::Acquire);
        let told = self.told.swap(durable, Ordering::Relaxed);
        (durable > told).then_some(Lsn(durable))
    }

    /// All records up to this one are durable.
    pub(super) fn set_durable(&self, upto: Lsn) {
        self.durable.store(upto.0, Ordering::Release);
    }

    /// Whether the log should be cleaned, of which so many rounds are over. Not while the end of
    /// the last one waits for the disk: it would be cleaned twice.
    pub(super) fn is_outdated(&self, rounds: u64) -> bool {
        self.wanted_round.load(Ordering::Relaxed) > rounds
    }

    /// So many bytes more are to be written anew.
    pub(super) fn owe(&self, bytes: u64) {
        self.owed.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn take_owed(&self) -> u64 {
        self.owed.swap(0, Ordering::Relaxed)
    }

    /// Which round of cleaning is wanted, if any. Returns whether that is news.
    pub(super) fn want_round(&self, round: Option<u64>) -> bool {
        let round = round.unwrap_or(0);
        self.wanted_round.swap(round, Ordering::Relaxed) != round
    }

    /// Whether the disk has no room.
    pub(super) fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// Returns whether that is news.
    pub(super) fn set_full(&self, full: bool) -> bool {
        self.full.swap(full, Ordering::Relaxed) != full
    }

    pub(crate) fn figures(&self) -> Figures {
        let (waiting_bytes, full) = (self.waiting_bytes(), self.is_full());
        Figures { waiting_bytes, full, ..self.lock_figures().clone() }
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

fn size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sync, batches, records, record_bytes, anew_bytes, written, .. } = self;
        let (syncs, synced) = (sync.count(), Duration::from_nanos(sync.sum()));
        write!(
            f,
            "batches={batches} records={records} record_bytes={record_bytes} \
             anew_bytes={anew_bytes} bytes_written={written} syncs={syncs} sync_ns={}",
            synced.as_nanos()
        )
    }
}
