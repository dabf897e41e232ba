//! When the engine is to be told that time has passed.

use std::sync::atomic::Ordering;

use surewire_engine::time::Time;

use crate::core::Core;
use crate::sync::{AtomicU64, Notify};

/// The engine's next deadline, as workers leave it and the timer reads it.
#[derive(Debug)]
pub(crate) struct Deadline {
    /// When the engine wants a Timeout, in nanoseconds; the maximum is never.
    next: AtomicU64,
    /// What the timer sleeps for; the maximum when it waits for anything earlier than never.
    armed: AtomicU64,
    /// Notified when `next` is earlier than `armed`.
    pub(crate) moved: Notify,
}

impl Default for Deadline {
    fn default() -> Self {
        let never = || AtomicU64::new(Time::MAX.as_nanos());
        Self { next: never(), armed: never(), moved: Notify::new() }
    }
}

impl Deadline {
    /// Leaves the engine's wish. True if the timer must be told, because it sleeps for longer.
    ///
    /// Both sides write their own value and then read the other's: whichever comes second sees
    /// the first, so no earlier deadline is slept through.
    pub(crate) fn set(&self, next: Option<Time>) -> bool {
        let next = next.unwrap_or(Time::MAX).as_nanos();
        self.next.store(next, Ordering::SeqCst);
        next < self.armed.load(Ordering::SeqCst)
    }

    fn next(&self) -> Time {
        Time::from_nanos(self.next.load(Ordering::SeqCst))
    }

    fn arm(&self, at: Time) {
        self.armed.store(at.as_nanos(), Ordering::SeqCst);
    }
}

/// Calls `due` each time a deadline is reached, for ever.
pub(crate) async fn keep_time(core: &Core, due: impl Fn()) {
    let deadline = &core.deadline;
    loop {
        let at = deadline.next();
        deadline.arm(at);
        if deadline.next() < at {
            continue;
        }
        let wait = at - core.now();
        tokio::select! {
            biased;
            () = deadline.moved.notified() => continue,
            () = sleep(at, wait) => {}
        }
        if deadline.next() <= core.now() {
            // The turn that handles it leaves the next deadline and tells, whenever that is.
            deadline.arm(Time::MAX);
            due();
            deadline.moved.notified().await;
        }
    }
}

async fn sleep(at: Time, wait: std::time::Duration) {
    if at == Time::MAX {
        std::future::pending().await
    } else if !wait.is_zero() {
        // Not for what is due already, such as the next piece of bulk work: a sleep takes up to a
        // millisecond, and a piece a fraction of that.
        tokio::time::sleep(wait).await;
    }
}
