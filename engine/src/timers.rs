//! Deadlines: an ordered set of who is due when.

use std::collections::BTreeSet;

use crate::id::ConnId;
use crate::subscriptions::GroupId;
use crate::time::Time;

/// What to look at when its time has come. Ids are checked again then: what they named may be
/// gone, or its deadline may have moved on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// Work that was cut off by its budget: sessions to take apart.
    Clean,
    /// Work that was cut off by its budget: what lives to write anew.
    Rewrite,
    /// Connections to close because the broker stops.
    Stop,
    /// Sessions that the end of the broker cut off, to be seen to.
    Restored,
    /// Work that was cut off by its budget: a backlog of which very much cannot be sent.
    Pump(SessionRef),
    /// Work that was cut off by its budget: QoS 0 messages to drop because memory is short.
    Shed,
    /// Publishers that are not read because memory is short: the turn of one, or the end of that.
    Hushed,
    /// Retained messages to go on sending to a session.
    Replay(SessionRef),
    /// A client that may be silent for too long.
    KeepAlive(ConnId),
    /// An exchange of authentication that takes too long.
    Authentication(ConnId),
    /// A connection that takes no output.
    Stall(ConnId),
    /// Messages to send again, if they are still unacknowledged.
    Redeliver(SessionRef),
    /// A Will that waits for its client not to come back.
    Will(SessionRef),
    /// Messages in a session's backlog that may have expired.
    MessageExpiry(SessionRef),
    /// The same in a share group's.
    GroupExpiry(GroupId),
    /// Retained messages that may have expired.
    RetainedExpiry,
    /// A session whose client has not come back.
    Expiry(SessionRef),
    /// The log has said nothing for a while.
    Alive,
}

/// A session by slot and key: the key tells whether the slot has been given to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SessionRef {
    pub(crate) slot: u32,
    pub(crate) key: u64,
}

/// An ordered tree rather than a heap or wheel: deadlines can be taken back, equal ones have one
/// order, and no insert moves the whole.
#[derive(Debug, Default)]
pub(crate) struct Timers(BTreeSet<(Time, Timer)>);

impl Timers {
    pub(crate) fn set(&mut self, due: Time, timer: Timer) {
        self.0.insert((due, timer));
    }

    pub(crate) fn cancel(&mut self, due: Time, timer: Timer) {
        self.0.remove(&(due, timer));
    }

    pub(crate) fn next(&self) -> Option<Time> {
        self.0.first().map(|(due, _)| *due)
    }

    /// Takes the first timer that is due at `now`.
    pub(crate) fn pop_due(&mut self, now: Time) -> Option<Timer> {
        if self.next()? > now { None } else { self.0.pop_first().map(|(_, timer)| timer) }
    }
}
