//! The disk of a simulated computer: the swarm's, which loses what a power cut would, as the
//! server's committer wants it.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use surewire_engine::log::disk::{DiskError, Op, Reply};
use surewire_server::environment::{Disk, LocalFuture};
use tokio::time::sleep;

use crate::swarm::disk::Disk as Platters;
use crate::swarm::random::Random;

/// The longest that a sync takes, in milliseconds.
const SYNC: u64 = 8;

/// A disk; its clones are the same one.
#[derive(Clone)]
pub(crate) struct SimulatedDisk(Arc<Mutex<State>>);

struct State {
    platters: Platters,
    random: Random,
    /// Whether a process has its directory.
    open: bool,
}

impl SimulatedDisk {
    pub(super) fn new(random: Random) -> Self {
        Self(Arc::new(Mutex::new(State { platters: Platters::default(), random, open: false })))
    }

    /// The directory, for one process at a time.
    pub(super) fn open(&self) -> io::Result<Box<dyn Disk>> {
        let mut state = self.state();
        if std::mem::replace(&mut state.open, true) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(Opened(self.clone())))
    }

    /// Of what was not synced any part survives.
    pub(crate) fn cut_power(&self) {
        let State { platters, random, .. } = &mut *self.state();
        platters.cut_power(random);
    }

    /// Whether there is no room for another file.
    pub(crate) fn set_full(&self, full: bool) {
        self.state().platters.full = full;
    }

    /// A panic of the simulation ends it anyway.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The directory in the hands of a process, which may end while the disk works.
struct Opened(SimulatedDisk);

impl Disk for Opened {
    fn perform(&mut self, op: Op) -> LocalFuture<'_, Result<Reply, DiskError>> {
        Box::pin(async move {
            let most = match op {
                Op::Sync { .. } | Op::SyncDirectory => SYNC,
                Op::Write { .. } | Op::Allocate { .. } | Op::Rename { .. } | Op::Remove { .. } => 1,
                Op::List | Op::Read { .. } => 0,
            };
            let (before, after) = {
                let random = &mut self.0.state().random;
                (random.between(0, most), random.between(0, most))
            };
            pass(before).await;
            let reply = {
                let State { platters, random, .. } = &mut *self.0.state();
                platters.perform(op, random)
            };
            pass(after).await;
            reply
        })
    }
}

async fn pass(millis: u64) {
    if millis > 0 {
        sleep(Duration::from_millis(millis)).await;
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.state().open = false;
    }
}
