//! Signs of life: from the log alone it is known, to within [`EVERY`], when the broker was there
//! last.
//!
//! A session's expiry counts from the end of its connection (MQTT 5.0 section 3.1.2.11.2). After
//! the broker's own end nobody has written down when that was, and a session must not end before
//! its time because nothing had to be stored for hours.

use std::time::Duration;

use crate::engine::Engine;
use crate::log::record::Record;
use crate::session::{Lifetime, Session};
use crate::time::Time;
use crate::timers::Timer;

/// While a client is connected whose session will expire, this long passes at most without any
/// record. The last one is all that a restart has to go by.
const EVERY: Duration = Duration::from_secs(10);

/// After this long without a record the broker had ended: a record may take as long as a disk
/// that hangs to become durable.
const ENDED: Duration = Duration::from_secs(30);

/// What there is to be known of.
#[derive(Debug, Default)]
pub(super) struct Alive {
    /// How many clients are connected whose session will expire.
    pub(super) expiring: usize,
    /// When the last record was appended.
    appended: Time,
    timer_set: bool,
}

impl Alive {
    pub(super) fn appended(&mut self, now: Time) {
        self.appended = now;
    }
}

/// Whether the session is to end some time after its connection.
pub(super) fn expires(session: &Session) -> bool {
    matches!(session.lifetime, Lifetime::Beyond(Some(_)))
}

/// When the connections ended of which the log, whose last time this is, does not say so: not
/// earlier than that, and not later than a restart.
pub(super) fn ended(last: Time) -> Time {
    last + ENDED
}

impl Engine {
    /// The session's client is connected.
    pub(super) fn count_expiring(&mut self, slot: u32) {
        if self.sessions.get(slot).is_some_and(expires) {
            self.alive.expiring += 1;
            self.sign_of_life();
        }
    }

    /// Gives a sign of life if none is needed sooner, and looks again when the next one is due.
    pub(super) fn give_sign_of_life(&mut self) {
        self.alive.timer_set = false;
        if self.alive.expiring > 0 {
            if self.alive.appended + EVERY <= self.now {
                self.append(Record::Alive);
            }
            self.sign_of_life();
        }
    }

    fn sign_of_life(&mut self) {
        if !std::mem::replace(&mut self.alive.timer_set, true) {
            let due = self.alive.appended + EVERY;
            self.set_timer(due.max(self.now), Timer::Alive);
        }
    }
}
