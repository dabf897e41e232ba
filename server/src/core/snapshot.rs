//! Everything that is counted, in one look.

use surewire_engine::answer::Numbers;
use surewire_engine::event::Memory;
use surewire_engine::time::Time;

use super::{Core, Poisoned};
use crate::histogram::Histogram;
use crate::store::Figures;

/// What the engine and its lock have done so far, all of it at one moment.
pub(crate) struct Snapshot {
    /// That moment.
    pub(crate) at: Time,
    /// The engine's own.
    pub(crate) numbers: Numbers,
    /// How short memory is.
    pub(crate) memory: Memory,
    /// How long the engine's lock was waited for.
    pub(crate) lock_wait: Histogram,
    /// How long it was held.
    pub(crate) lock_held: Histogram,
    /// How long sampled steps of the engine took.
    pub(crate) step: Histogram,
    /// How long steps took that no client waits for.
    pub(crate) chore: Histogram,
    /// How long the lock was held for requests of the management interface.
    pub(crate) request: Histogram,
    /// What the committer has done.
    pub(crate) stored: Figures,
}

impl Core {
    /// Copies all numbers under the lock; some 20 KiB.
    pub(crate) fn snapshot(&self) -> Result<Snapshot, Poisoned> {
        let _fatal = self.fatal_panics();
        let stored = self.stored();
        let (state, at) = self.lock()?;
        let numbers = Numbers { sizes: state.engine.sizes(), counters: *state.engine.counters() };
        Ok(Snapshot {
            at,
            numbers,
            memory: state.engine.memory(),
            lock_wait: state.lock_wait.clone(),
            lock_held: state.lock_held.clone(),
            step: state.step.clone(),
            chore: state.chore.clone(),
            request: state.request.clone(),
            stored,
        })
    }
}
