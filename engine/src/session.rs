//! A session: what the broker remembers of a client (MQTT 5.0 section 4.1).

use std::net::SocketAddr;
use std::sync::Arc;

use crate::arrivals::Arrivals;
use crate::id::{ClientId, ConnId, Lsn};
use crate::inflight::Inflight;
use crate::log::record::{Seq, SessionKey};
use crate::message::Content;
use crate::queue::Queue;
use crate::received::Received;
use crate::time::Time;
use crate::timers::SessionRef;
use crate::walks::Replays;

/// A session. What few clients need is boxed: most are one connection with one subscription.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client: ClientId,
    pub(crate) key: SessionKey,
    pub(crate) presence: Presence,
    pub(crate) lifetime: Lifetime,
    /// QoS 1 and 2 messages that its client takes at a time.
    pub(crate) window: u16,
    /// Where its client connected from last, and when.
    pub(crate) address: SocketAddr,
    pub(crate) connected_at: Time,
    /// When its client left last; zero if it never did.
    pub(crate) left_at: Time,
    /// Slots of its subscriptions, by the time of their last SUBSCRIBE.
    pub(crate) subscriptions: Arrivals,
    /// How many of them are in share groups.
    pub(crate) shared: u32,
    /// Outgoing messages; made with the first that has to be kept.
    pub(crate) outbox: Option<Box<Outbox>>,
    /// Identifiers of QoS 2 messages that the client sent and has not released.
    pub(crate) received: Received,
    pub(crate) will: Option<Box<Will>>,
    /// Retained messages that it is being sent, if any.
    pub(crate) replays: Option<Box<Replays>>,
    /// The last record that touched it: what a repeated packet waits for.
    pub(crate) lsn: Lsn,
    /// Messages that did not fit its backlog.
    pub(crate) dropped: u64,
    /// Used by routing to meet a session only once: the number of the route and the place in it.
    pub(crate) route: (u64, u32),
}

/// Whether the client is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    Online(ConnId),
    /// Since when; with what is set to end it, if anything is.
    Offline {
        since: Time,
        expires: Option<Time>,
    },
    /// It ended and is being taken apart.
    Ended,
}

/// What is to be published when the client is lost.
#[derive(Debug)]
pub(crate) struct Will {
    pub(crate) message: Arc<Content>,
    /// How long after the loss, in seconds, if the session lives so long (5.0).
    pub(crate) delay: u32,
    /// When; set while it waits.
    pub(crate) due: Option<Time>,
}

/// A connection that a session gets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) conn: ConnId,
    pub(crate) address: SocketAddr,
    pub(crate) at: Time,
}

/// How long a session lives (Clean Session before 5.0, Session Expiry Interval since).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// As long as its connection.
    Connection,
    /// This many seconds longer than its connection; `None` is for ever.
    Beyond(Option<u32>),
}

/// The way to the client: the window and the backlog behind it.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pub(crate) inflight: Inflight,
    pub(crate) queue: Queue,
    pub(crate) next_seq: Seq,
    /// Whether a timer looks at the window for messages to send again.
    pub(crate) redelivery_set: bool,
    /// Whether a timer goes on with the backlog.
    pub(crate) pump_set: bool,
    /// When a timer looks at the backlog for messages that have expired.
    pub(crate) expiry_set: Option<Time>,
}

impl Outbox {
    pub(crate) fn take_seq(&mut self) -> Seq {
        let seq = self.next_seq;
        self.next_seq = Seq(seq.0 + 1);
        seq
    }

    /// Messages that it holds.
    pub(crate) fn len(&self) -> usize {
        self.inflight.len() + self.queue.len()
    }
}

impl Session {
    pub(crate) fn new(
        client: ClientId,
        key: SessionKey,
        lifetime: Lifetime,
        arrival: Arrival,
    ) -> Self {
        let Arrival { conn, address, at } = arrival;
        Self {
            client,
            key,
            presence: Presence::Online(conn),
            lifetime,
            window: u16::MAX,
            address,
            connected_at: at,
            left_at: Time::ZERO,
            subscriptions: Arrivals::default(),
            shared: 0,
            outbox: None,
            received: Received::default(),
            will: None,
            replays: None,
            lsn: Lsn::NONE,
            dropped: 0,
            route: (0, 0),
        }
    }

    /// Whether it ends with its connection: Clean Session, or a Session Expiry Interval of 0.
    pub(crate) fn ends_with_connection(&self) -> bool {
        matches!(self.lifetime, Lifetime::Connection | Lifetime::Beyond(Some(0)))
    }

    /// Whether it outlives its connection, so that what changes it is recorded.
    pub(crate) fn is_durable(&self) -> bool {
        matches!(self.lifetime, Lifetime::Beyond(_))
    }

    pub(crate) fn connection(&self) -> Option<ConnId> {
        match self.presence {
            Presence::Online(conn) => Some(conn),
            Presence::Offline { .. } | Presence::Ended => None,
        }
    }

    pub(crate) fn outbox(&mut self) -> &mut Outbox {
        self.outbox.get_or_insert_default()
    }

    /// Whether everything earlier has been sent, so that a new message may go out at once.
    pub(crate) fn is_caught_up(&self) -> bool {
        let waits = |outbox: &Outbox| !outbox.queue.is_empty() || outbox.inflight.has_due();
        !self.outbox.as_deref().is_some_and(waits)
    }

    pub(crate) fn reference(&self, slot: u32) -> SessionRef {
        SessionRef { slot, key: self.key.0 }
    }
}
