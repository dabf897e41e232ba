//! Every invariant of the engine, for tests and simulation.

use crate::arrivals::Arrivals;
use crate::engine::{Engine, alive};
use crate::inflight::{Awaiting, Exchange};
use crate::session::{Presence, Session};

impl Engine {
    /// Checks every invariant. Looks at everything there is, so it is for tests.
    ///
    /// # Panics
    /// If one is broken, which is a bug of ours.
    pub fn check(&self) {
        self.subscriptions.check();
        self.retained.check();
        self.check_connections();
        self.arrived.check();
        self.clients.check();
        let listed = (self.arrived.len(), self.clients.len());
        assert_eq!(listed, (self.sizes().sessions, self.connections.len()), "listed by arrival");
        let mut held = 0;
        for (slot, session) in self.sessions.iter() {
            self.check_session(slot, session);
            held += session.outbox.as_ref().map_or(0, |outbox| outbox.len());
        }
        for group in self.subscriptions.groups() {
            group.backlog.check();
            held += group.backlog.len();
            assert!(
                group.backlog.is_empty() || group.candidates().next().is_none(),
                "messages wait in a group with a connected member"
            );
        }
        held += self.restored.orphans().count();
        let accounted = self.counters.delivered + self.counters.dropped.total() + held as u64;
        assert_eq!(
            self.counters.routed, accounted,
            "the ledger: routed = delivered + dropped + held"
        );
        let awaited_twice = |client| self.slot_of(client).is_some();
        assert!(!self.waiting.clients().any(awaited_twice), "waited for, and there");
        let unanswered = self.answers.iter().map(|(after, ..)| *after);
        assert!(unanswered.clone().is_sorted(), "answers out of order");
        assert!(unanswered.min().is_none_or(|first| first > self.durable), "an answer is late");
        assert!(self.durable <= self.lsn, "more is durable than was appended");
        let online = |session: &&Session| session.connection().is_some() && alive::expires(session);
        let expiring = self.sessions.iter().filter(|(_, session)| online(session)).count();
        assert_eq!(self.alive.expiring, expiring, "connected clients whose session will expire");
        assert!(self.out.is_empty(), "actions outside an event");
    }

    fn check_connections(&self) {
        for connection in self.connections.iter() {
            let session = self.sessions.get(connection.session).expect("a connection's session");
            assert_eq!(session.presence, Presence::Online(connection.id), "session and connection");
            connection.gate.check(self.durable);
            assert!(connection.held == 0 || !connection.gate.is_empty(), "bytes held of nothing");
            let waits = self.shortage.hushed().filter(|conn| *conn == connection.id).count();
            assert_eq!(waits, usize::from(connection.hushed), "connections not read for memory");
            assert!(connection.paused || !connection.hushed, "hushed and read all the same");
            let listed = self.gated.contains(&connection.id);
            assert_eq!(listed, !connection.gate.is_empty(), "connections with held packets");
        }
    }

    fn check_session(&self, slot: u32, session: &Session) {
        let named = self.slot_of(&session.client) == Some(slot);
        assert_eq!(named, session.presence != Presence::Ended, "sessions by client id");
        if session.presence == Presence::Ended {
            return;
        }
        let listed =
            |list: &Arrivals| list.at(session.connected_at).is_some_and(|listed| listed == slot);
        assert!(listed(&self.arrived), "a session that is not listed by its arrival");
        let is_online = session.connection().is_some();
        assert_eq!(listed(&self.clients), is_online, "a client listed by its arrival");
        let online = session.connection().and_then(|conn| self.connections.get(conn));
        assert_eq!(online.is_some(), session.connection().is_some(), "a live session's connection");
        let offline = matches!(session.presence, Presence::Offline { .. });
        assert!(!offline || session.is_durable(), "an offline session that should have ended");
        let mut shared = 0;
        session.subscriptions.check();
        for entry in session.subscriptions.iter() {
            let subscription = self.subscriptions.get(entry.slot).expect("a listed subscription");
            assert_eq!((subscription.session, subscription.at), (slot, entry.at));
            shared += u32::from(subscription.group().is_some());
        }
        assert_eq!(shared, session.shared, "shared subscriptions of a session");
        let Some(outbox) = &session.outbox else { return };
        outbox.queue.check();
        outbox.inflight.check();
        let window = usize::from(session.window);
        // What was released counts no more on a new connection, whose window may be smaller.
        let released = |e: &&Exchange| e.awaiting == Awaiting::Pubcomp;
        let released = outbox.inflight.iter().filter(released).count();
        let sent = outbox.inflight.sent_here().saturating_sub(released);
        assert!(online.is_none() || sent <= window, "more in flight than the window holds");
        if let Some(max) = self.config.max_msgqueue_messages {
            // What a restart found is kept, whatever the limits are now.
            let most = max.max(self.restored.longest);
            assert!(outbox.queue.len() <= most, "more in the backlog than allowed");
        }
        // Nothing waits without a reason: the window is full or the connection is congested.
        let window_open = outbox.inflight.len() < window;
        let takes_again = outbox.inflight.sent_here() < window;
        let again = outbox.inflight.may_send_again(takes_again);
        let next = !outbox.inflight.has_due() && outbox.queue.next(window_open).is_some();
        let waits = (again || next) && !outbox.pump_set;
        assert!(online.is_some() || !outbox.inflight.has_due(), "sending again to nobody");
        if online.is_some() && waits {
            let congested =
                online.is_some_and(|connection| connection.unsent + connection.held > 0);
            assert!(congested, "the backlog could move up");
        }
    }
}
