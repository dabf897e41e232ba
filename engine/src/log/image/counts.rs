//! How much an image holds, for people.

use crate::log::image::{Image, Progress};

/// How much there is of everything durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sessions that outlive their connection.
    pub sessions: usize,
    /// Their subscriptions.
    pub subscriptions: usize,
    /// Subscriptions that wait for the first connection of a client.
    pub awaited: usize,
    /// Messages that wait in a session.
    pub queued: usize,
    /// Messages that were sent to a client and are not fully acknowledged.
    pub in_flight: usize,
    /// Messages that wait in a share group.
    pub in_groups: usize,
    /// Retained messages.
    pub retained: usize,
    /// Wills that are set.
    pub wills: usize,
}

impl Image {
    /// Counts everything in it.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts {
            sessions: self.sessions.len(),
            awaited: self.awaited.values().map(|filters| filters.len()).sum(),
            in_groups: self.groups.values().map(|held| held.len()).sum(),
            retained: self.retained.len(),
            wills: self.wills.len(),
            ..Counts::default()
        };
        for session in self.sessions.values() {
            counts.subscriptions += session.subscriptions.len();
            let waits = |progress| matches!(progress, Progress::Queued);
            let queued = session.held.values().filter(|held| waits(held.progress)).count();
            counts.queued += queued;
            counts.in_flight += session.held.len() - queued;
        }
        counts
    }
}
