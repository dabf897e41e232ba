//! What happens because time passed.

use std::time::Duration;

use crate::connection::Connection;
use crate::engine::Engine;
use crate::id::ConnId;
use crate::notice::{CloseReason, SessionEnd};
use crate::planted::Bug;
use crate::session::Presence;
use crate::time::Time;
use crate::timers::{SessionRef, Timer};

/// This long without any event, with a timer that is [`LATE`], is a stall of the whole process.
const STALL: Duration = Duration::from_secs(5);

/// More than waking up for a timer takes.
const LATE: Duration = Duration::from_millis(100);

/// What clients get after a stall, so that what they sent meanwhile is read first.
const GRACE: Duration = Duration::from_secs(1);

impl Engine {
    /// Sees whether the process stood still before the event at `now`, whichever event it is.
    pub(super) fn note_stall(&mut self, now: Time) {
        let stood_still = now - self.now > STALL;
        if stood_still && self.timers.next().is_some_and(|due| now - due > LATE) {
            self.grace_until = now + GRACE;
        }
    }

    pub(super) fn timeout(&mut self) {
        // The next ones are due at once.
        for _ in 0..self.config.budgets.timers {
            let Some(timer) = self.timers.pop_due(self.now) else { return };
            match timer {
                // A piece of bulk work is a step's worth, and its next piece is due at once: going
                // on here would make one long step of all of them.
                Timer::Clean => return self.clean(),
                Timer::Rewrite => return self.go_on_cleaning(),
                Timer::Stop => return self.stop(),
                Timer::Restored => return self.see_to_restored(),
                Timer::Shed => return self.shed(),
                Timer::Hushed => return self.take_turn_of_hushed(),
                Timer::Pump(session) => return self.go_on_pumping(session),
                Timer::Replay(session) => return self.go_on_replaying(session),
                Timer::KeepAlive(conn) => self.keep_alive(conn),
                Timer::Authentication(conn) => self.authentication_timeout(conn),
                Timer::Stall(conn) => self.stalled(conn),
                Timer::Redeliver(session) => self.redeliver(session),
                // A whole fan-out each.
                Timer::Will(session) => return self.will_is_due(session),
                // Up to a budget of their own each.
                Timer::MessageExpiry(session) => return self.expire_messages(session),
                Timer::GroupExpiry(group) => return self.expire_in_group(group),
                Timer::RetainedExpiry => return self.expire_retained(),
                Timer::Expiry(session) => self.expire(session),
                Timer::Alive => self.give_sign_of_life(),
            }
        }
    }

    /// The broker stops: ends every connection, some in each step.
    pub(super) fn stop(&mut self) {
        self.stopping = true;
        self.refuse_candidates();
        for _ in 0..self.config.budgets.stopped {
            let Some(conn) = self.connections.first_from(self.stop_from) else { return };
            self.stop_from = conn.slot;
            self.close(conn, CloseReason::Stopping);
        }
        let now = self.now;
        self.set_timer(now, Timer::Stop);
    }

    /// Ends a connection whose client has been silent for too long, or looks again when it could
    /// have been.
    fn keep_alive(&mut self, conn: ConnId) {
        let (now, grace_until) = (self.now, self.grace_until);
        let Some(connection) = self.connections.get_mut(conn) else { return };
        let Some(patience) = connection.patience else { return };
        // While we are not listening, it cannot be heard.
        let since = if connection.paused { now } else { connection.heard };
        let deadline = (since + patience).max(grace_until);
        if deadline <= now && !self.config.planted.is(Bug::SilenceUnnoticed) {
            return self.close(conn, CloseReason::KeepAlive);
        }
        connection.keep_alive_due = deadline;
        self.set_timer(deadline, Timer::KeepAlive(conn));
    }

    /// Ends a connection that took nothing of a full output for too long.
    fn stalled(&mut self, conn: ConnId) {
        let (now, patience) = (self.now, self.config.stall_timeout);
        let limit = self.config.max_unsent_bytes;
        let Some(session) = self.session_of(conn) else { return };
        let has_work = self.has_work(session);
        let Some(connection) = self.connections.get_mut(conn) else { return };
        // Below half the limit it is no stall, unless something still waits for room.
        if connection.unsent == 0 || (connection.unsent <= limit / 2 && !has_work) {
            connection.stall_set = false;
            return;
        }
        let deadline = connection.progressed + patience;
        // Few bytes may have been written and not been told of: who was not asked is not judged.
        if deadline <= now && connection.report_asked {
            return self.close(conn, CloseReason::Stalled);
        }
        self.set_timer(deadline.max(now + GRACE), Timer::Stall(conn));
        self.watch_progress(conn);
    }

    /// Sends again what is unacknowledged for too long; while the output is full, later.
    fn redeliver(&mut self, reference: SessionRef) {
        let after = self.config.delivery_retry_interval;
        let now = self.now;
        let Some(session) = self.session_by_reference(reference) else { return };
        let conn = session.connection();
        let Some(outbox) = session.outbox.as_mut() else { return };
        outbox.redelivery_set = false;
        // The timer may be of an earlier connection, of a client that spoke 3.x.
        let Some(conn) = conn.filter(|conn| self.repeats_itself(*conn)) else { return };
        let (limit, durable) = (self.config.max_unsent_bytes, self.durable);
        let may_send =
            |connection: &Connection| connection.unsent < limit && !connection.gate.has_barrier();
        if self.connections.get(conn).is_some_and(may_send) {
            // What waits for its record is in the gate and has not been sent yet.
            self.resend(reference.slot, |exchange| {
                exchange.at + after <= now && exchange.after <= durable
            });
        }
        let Some(outbox) = self.sessions.get_mut(reference.slot).and_then(|s| s.outbox.as_mut())
        else {
            return;
        };
        let Some(oldest) = outbox.inflight.iter().map(|exchange| exchange.at).min() else { return };
        let due = (oldest + after).max(now + GRACE);
        if std::mem::replace(&mut outbox.redelivery_set, true) {
            return;
        }
        self.set_timer(due, Timer::Redeliver(reference));
    }

    pub(super) fn expire(&mut self, reference: SessionRef) {
        let Some(session) = self.session_by_reference(reference) else { return };
        let offline = matches!(session.presence, Presence::Offline { .. });
        if offline && !self.config.planted.is(Bug::NothingExpires) {
            // The Will comes at the latest with the session's end (5.0 section 3.1.2.5).
            let will = self.withdraw_will(reference.slot);
            self.end_session(reference.slot, SessionEnd::Expired);
            self.publish_will(None, will);
        }
    }

    fn go_on_replaying(&mut self, reference: SessionRef) {
        let Some(session) = self.session_by_reference(reference) else { return };
        if let Some(replays) = session.replays.as_mut() {
            replays.timer_set = false;
            self.replay(reference.slot);
        }
    }

    pub(super) fn session_by_reference(
        &mut self,
        reference: SessionRef,
    ) -> Option<&mut crate::session::Session> {
        let session = self.sessions.get_mut(reference.slot)?;
        (session.key.0 == reference.key).then_some(session)
    }
}
