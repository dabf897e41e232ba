//! What comes out of a run.

use std::collections::BTreeMap;
use std::fmt;

use hdrhistogram::Histogram;
use surewire_engine::notice::SessionEnd;
use surewire_engine::notice::{CloseReason, DropReason, PublishRefusal, Refusal, SubscribeRefusal};
use surewire_engine::time::Time;

/// Everything that a run shows.
#[derive(Clone, Debug)]
pub struct Report {
    /// What clients did and saw, group by group, in the order of the plan.
    pub groups: Vec<Group>,
    /// What the broker did.
    pub broker: Broker,
    /// The state at even distances, the last one at the end.
    pub curves: Vec<Sample>,
    /// Steps of virtual time that were taken: things that happened.
    pub happenings: u64,
}

/// What the clients of a group did and saw.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// As the plan calls it.
    pub name: String,
    /// How many.
    pub clients: u32,
    /// Messages that their applications published.
    pub published: u64,
    /// Of these, of QoS 1 and 2: acknowledged by the broker.
    pub acknowledged: u64,
    /// Acknowledged with an error (5.0).
    pub refused: u64,
    /// Not sent: QoS 0 without a connection.
    pub unsent: u64,
    /// Not sent: the client's own queue was full.
    pub overflowed: u64,
    /// QoS 2 messages of which nobody knows: the broker lost the session.
    pub uncertain: u64,
    /// QoS 1 and 2 messages that clients had not sent, or nobody had acknowledged, when their power
    /// went.
    pub forgotten: u64,
    /// QoS 1 and 2 messages that are still to be acknowledged at the end.
    pub pending: u64,
    /// Messages that reached applications, retained ones aside.
    pub received: u64,
    /// Retained messages that reached applications because they subscribed.
    pub received_retained: u64,
    /// Connections that were accepted.
    pub connects: u64,
    /// Connections that ended or failed before that.
    pub failed_connects: u64,
    /// Connections that ended after that.
    pub losses: u64,
    /// Messages to them that the broker dropped.
    pub dropped: BTreeMap<DropReason, u64>,
    /// The most messages that waited for all of them, and for one, when it was looked.
    pub most_queued: u64,
    /// See `most_queued`.
    pub most_queued_one: u64,
    /// From the moment of publishing to the application, in milliseconds.
    pub delay: Delays,
    /// From the moment of publishing to the acknowledgement, in milliseconds.
    pub acknowledgement: Delays,
    /// From the end of a connection to the next one, in milliseconds.
    pub reconnect: Delays,
}

/// What the broker did, over all its restarts.
#[derive(Clone, Debug, Default)]
pub struct Broker {
    /// Times that it started.
    pub starts: u64,
    /// PUBLISH packets that it took.
    pub taken: u64,
    /// Messages for sessions: one for each session that a message was for.
    pub routed: u64,
    /// Of these: written (QoS 0) or acknowledged in full (QoS 1 and 2).
    pub delivered: u64,
    /// Of these: dropped, and why.
    pub dropped: BTreeMap<DropReason, u64>,
    /// Of these: gone with the memory of a broker that ended, those that came back from the log
    /// taken off. Less than 0 if more came back, because what was delivered was not noted yet.
    pub lost_at_end: i64,
    /// Of these: held at the end of the run.
    pub held: u64,
    /// The most that it ever held.
    pub most_held: u64,
    /// PUBLISH packets of QoS 0 that were sent and never reached the other side, by the end of the
    /// run.
    pub lost_to_broker: u64,
    /// See `lost_to_broker`.
    pub lost_to_clients: u64,
    /// The most connections at a time.
    pub most_connections: u64,
    /// The most messages in one second of virtual time: taken, delivered, and connections accepted.
    pub busiest: Busiest,
    /// Connections that were refused, and why.
    pub refused: Tally<Refusal>,
    /// Connections that ended, and why.
    pub closed: Tally<CloseReason>,
    /// Sessions that ended, and why.
    pub sessions_ended: Tally<SessionEnd>,
    /// Messages that were not routed, and why.
    pub publish_refused: Tally<PublishRefusal>,
    /// Messages that were routed and not retained, and why.
    pub not_retained: Tally<PublishRefusal>,
    /// Subscriptions that were refused, and why.
    pub subscribe_refused: Tally<SubscribeRefusal>,
    /// Times that the log had no room.
    pub disk_full: u64,
}

/// The most in one second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Busiest {
    /// PUBLISH packets taken.
    pub taken: u64,
    /// PUBLISH packets sent.
    pub sent: u64,
    /// Connections accepted.
    pub connects: u64,
}

/// How often what happened, in the order of first occurrence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally<T>(pub Vec<(T, u64)>);

/// The state at one time, and what happened since the last one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// Seconds since the beginning.
    pub at: f64,
    /// Whether the broker is up.
    pub is_up: bool,
    /// Clients that are connected.
    pub connections: u64,
    /// Sessions, connected or not.
    pub sessions: u64,
    /// Subscriptions.
    pub subscriptions: u64,
    /// Retained messages.
    pub retained: u64,
    /// Messages that wait in sessions.
    pub queued: u64,
    /// Bytes of these, as `max_queued_bytes` counts them.
    pub queued_bytes: u64,
    /// Messages in flight to clients.
    pub in_flight: u64,
    /// Bytes that the broker takes for all of that, estimated.
    pub memory: u64,
    /// Bytes of the log's files.
    pub log: u64,
    /// Messages that waited in the clients themselves.
    pub client_queued: u64,
    /// Messages published since the last sample.
    pub published: u64,
    /// Messages received.
    pub received: u64,
    /// Messages dropped by the broker.
    pub dropped: u64,
    /// Connections accepted.
    pub connects: u64,
}

/// A distribution of delays.
#[derive(Clone)]
pub struct Delays(Histogram<u64>);

impl fmt::Debug for Delays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |percent| self.percentile(percent);
        write!(f, "{} x [{}, {}, {}, {}]", self.count(), at(0.0), at(50.0), at(99.0), self.max())
    }
}

impl Default for Delays {
    fn default() -> Self {
        // In tenths of a millisecond, to three digits.
        Self(Histogram::new(3).expect("3 digits are possible"))
    }
}

impl Delays {
    pub(crate) fn record(&mut self, from: Time, to: Time) {
        let tenths = u64::try_from((to - from).as_micros() / 100).unwrap_or(u64::MAX);
        self.0.record(tenths).expect("a histogram that resizes itself takes all");
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("a histogram that resizes itself takes all");
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// What so many of a hundred do not exceed, in milliseconds.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
    pub fn percentile(&self, percent: f64) -> f64 {
        self.0.value_at_quantile(percent / 100.0) as f64 / 10.0
    }

    /// The longest, in milliseconds.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
    pub fn max(&self) -> f64 {
        self.0.max() as f64 / 10.0
    }
}

impl<T> Default for Tally<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: PartialEq> Tally<T> {
    pub(crate) fn count(&mut self, what: T) {
        match self.0.iter_mut().find(|(known, _)| *known == what) {
            Some((_, count)) => *count += 1,
            None => self.0.push((what, 1)),
        }
    }

    /// All together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }
}

impl Report {
    /// A sum over all groups.
    #[must_use]
    pub fn sum(&self, of: impl Fn(&Group) -> u64) -> u64 {
        self.groups.iter().map(of).sum()
    }

    /// The delays of all groups together.
    #[must_use]
    pub fn delays(&self, of: impl Fn(&Group) -> &Delays) -> Delays {
        let mut all = Delays::default();
        for group in &self.groups {
            all.add(of(group));
        }
        all
    }
}
