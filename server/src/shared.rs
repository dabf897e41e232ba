//! What workers, acceptors and [`run`](crate::run) share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use tokio::sync::Notify;

use crate::core::Core;
use crate::settings::Settings;

/// Everything that is the same for all workers.
pub(crate) struct Shared {
    pub(crate) core: Core,
    pub(crate) settings: Settings,
    /// Connections of each worker, handshakes included.
    loads: Box<[AtomicUsize]>,
    /// Connections in all.
    open: AtomicUsize,
    /// Notified when the last connection is gone.
    pub(crate) drained: Notify,
    /// Connections closed, and requests failed, because our own task for them panicked.
    pub(crate) panics: AtomicU64,
    /// Nothing new is accepted any more.
    pub(crate) stopping: AtomicBool,
}

impl Shared {
    pub(crate) fn new(core: Core, settings: Settings) -> Self {
        let loads = (0..settings.workers).map(|_| AtomicUsize::new(0)).collect();
        let (open, drained) = (AtomicUsize::new(0), Notify::new());
        let (panics, stopping) = (AtomicU64::new(0), AtomicBool::new(false));
        Self { core, settings, loads, open, drained, panics, stopping }
    }

    /// Connections in all, handshakes included.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// A seat with the worker that serves the fewest connections.
    pub(crate) fn seat(self: &Arc<Self>) -> Seat {
        let least =
            self.loads.iter().enumerate().min_by_key(|(_, load)| load.load(Ordering::Relaxed));
        let worker = least.map_or(0, |(index, _)| index);
        self.open.fetch_add(1, Ordering::SeqCst);
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
