//! Bytes that MQTT clients sent and were sent.

use std::sync::atomic::{AtomicU64, Ordering};

/// What one worker's connections read and wrote: MQTT's bytes, without what TLS and WebSocket put
/// around them.
///
/// Only that worker adds, so an addition is a plain load and store, no locked instruction, and
/// anybody may look at any time. Aligned so that two workers never share a cache line.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Traffic {
    received: AtomicU64,
    sent: AtomicU64,
}

/// Bytes both ways since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bytes {
    pub(crate) received: u64,
    pub(crate) sent: u64,
}

impl Traffic {
    /// Called by its own worker only.
    pub(crate) fn received(&self, bytes: usize) {
        add(&self.received, bytes);
    }

    /// Called by its own worker only.
    pub(crate) fn sent(&self, bytes: usize) {
        add(&self.sent, bytes);
    }

    /// All workers' together.
    pub(crate) fn sum(workers: &[Self]) -> Bytes {
        let sum = |of: fn(&Self) -> &AtomicU64| {
            workers.iter().map(|worker| of(worker).load(Ordering::Relaxed)).sum()
        };
        Bytes { received: sum(|worker| &worker.received), sent: sum(|worker| &worker.sent) }
    }
}

fn add(counter: &AtomicU64, bytes: usize) {
    counter.store(counter.load(Ordering::Relaxed) + bytes as u64, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_added_up() {
        let workers = [Traffic::default(), Traffic::default()];
        workers[0].received(1);
        workers[0].received(10);
        workers[1].received(100);
        workers[1].sent(1_000);
        assert_eq!(Traffic::sum(&workers), Bytes { received: 111, sent: 1_000 });
    }
}
