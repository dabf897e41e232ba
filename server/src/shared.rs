//! What workers, acceptors and [`run`](crate::run) share.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::connection::Strangers;
use crate::core::Core;
use crate::settings::Settings;
use crate::sync::{AtomicBool, AtomicU64, AtomicUsize, Notify};
use crate::traffic::{Bytes, Traffic};

/// Everything that is the same for all workers.
pub(crate) struct Shared {
    pub(crate) core: Core,
    pub(crate) settings: Settings,
    /// Connections of each worker, handshakes included.
    loads: Box<[AtomicUsize]>,
    /// Connections in all.
    open: AtomicUsize,
    /// Connections that were accepted since the start, whatever became of them.
    accepted: AtomicU64,
    /// What each worker's connections read and wrote.
    traffic: Box<[Traffic]>,
    /// What connections that are not accepted yet may make us keep.
    pub(crate) strangers: Arc<Strangers>,
    /// Notified when the last connection is gone.
    drained: Notify,
    /// Connections closed, and requests failed, because our own task for them panicked.
    pub(crate) panics: AtomicU64,
    /// Nothing new is accepted any more.
    pub(crate) stopping: AtomicBool,
    /// Of a packet that is not whole yet, so many bytes at most are read on while memory is as short as it
    /// is.
    pub(crate) most_unfinished: AtomicUsize,
}

impl Shared {
    pub(crate) fn new(core: Core, settings: Settings) -> Self {
        let loads = (0..settings.workers).map(|_| AtomicUsize::new(0)).collect();
        let traffic = (0..settings.workers).map(|_| Traffic::default()).collect();
        let strangers = Strangers::new(settings.memory_limit);
        Self {
            core,
            settings,
            strangers,
            loads,
            open: AtomicUsize::new(0),
            accepted: AtomicU64::new(0),
            traffic,
            drained: Notify::new(),
            panics: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            most_unfinished: AtomicUsize::new(usize::MAX),
        }
    }

    /// Bytes of a packet that is not whole up to which it is read on.
    pub(crate) fn most_unfinished(&self) -> usize {
        self.most_unfinished.load(Ordering::Relaxed)
    }

    /// Whether a packet that is not whole yet, of which there are so many bytes, may be read on.
    #[inline]
    pub(crate) fn may_read_on(&self, unfinished: usize) -> bool {
        unfinished <= self.most_unfinished()
    }

    /// Connections in all, handshakes included.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// Returns when there is no connection. For one caller at a time.
    pub(crate) async fn drained(&self) {
        while self.open() > 0 {
            self.drained.notified().await;
        }
    }

    /// Connections that were accepted since the start, whatever became of them.
    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Bytes that all clients sent and were sent since the start.
    pub(crate) fn traffic(&self) -> Bytes {
        Traffic::sum(&self.traffic)
    }

    #[cfg(all(test, feature = "shuttle"))]
    pub(crate) fn loads(&self) -> Vec<usize> {
        self.loads.iter().map(|load| load.load(Ordering::Relaxed)).collect()
    }

    /// Where one worker counts its bytes.
    pub(crate) fn traffic_of(&self, worker: usize) -> Option<&Traffic> {
        self.traffic.get(worker)
    }

    /// A seat with the worker that serves the fewest connections.
    pub(crate) fn seat(self: &Arc<Self>) -> Seat {
        let least =
            self.loads.iter().enumerate().min_by_key(|(_, load)| load.load(Ordering::Relaxed));
        let worker = least.map_or(0, |(index, _)| index);
        self.open.fetch_add(1, Ordering::SeqCst);
        self.accepted.fetch_add(1, Ordering::Relaxed);
        if let Some(load) = self.loads.get(worker) {
            load.fetch_add(1, Ordering::Relaxed);
        }
        Seat { shared: Arc::clone(self), worker }
    }
}

/// A connection's place with its worker, from accept until its socket is gone.
pub(crate) struct Seat {
    shared: Arc<Shared>,
    worker: usize,
}

impl Seat {
    pub(crate) fn worker(&self) -> usize {
        self.worker
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(load) = self.shared.loads.get(self.worker) {
            load.fetch_sub(1, Ordering::Relaxed);
        }
        if self.shared.open.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.shared.drained.notify_one();
        }
    }
}
