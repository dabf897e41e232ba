//! The life of a connection and its timers.
//!
//! ```text
//!             Opened: CONNECT               CONNACK: success
//!   Offline ──────────────────▶ Connecting ──────────────────▶ Connected ─┐ PINGREQ when either
//!      ▲                            │                              │  ▲   │ side was silent for
//!      └────────────────────────────┴──────────────────────────────┘  └───┘ the keep alive
//!          Lost, refused, no answer in time, Disconnect, a fault
//! ```

use std::time::Duration;

use crate::time::Time;

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Show the server that we live, and have it show the same.
    Ping,
    /// The CONNECT stayed without an answer.
    NoConnack,
    /// The PINGREQ stayed without an answer.
    NoPingresp,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Offline,
    Connecting { since: Time },
    Connected { keep_alive: Option<Duration>, ping: Option<Time> },
}

/// The connection as far as its timers need to know it.
#[derive(Debug)]
pub(super) struct Link {
    response_timeout: Duration,
    phase: Phase,
    /// When a packet was last sent.
    sent: Time,
    /// When anything last came.
    heard: Time,
}

impl Link {
    pub(super) const fn new(response_timeout: Duration) -> Self {
        Self { response_timeout, phase: Phase::Offline, sent: Time::ZERO, heard: Time::ZERO }
    }

    pub(super) fn opened(&mut self, now: Time) {
        self.phase = Phase::Connecting { since: now };
        self.heard = now;
    }

    /// The CONNACK was a success. A keep alive of 0 seconds is none.
    pub(super) fn accepted(&mut self, keep_alive_secs: u16) {
        let keep_alive = Duration::from_secs(u64::from(keep_alive_secs));
        let keep_alive = (!keep_alive.is_zero()).then_some(keep_alive);
        self.phase = Phase::Connected { keep_alive, ping: None };
    }

    pub(super) fn closed(&mut self) {
        self.phase = Phase::Offline;
    }

    pub(super) fn sent(&mut self, now: Time) {
        self.sent = now;
    }

    pub(super) fn heard(&mut self, now: Time) {
        self.heard = now;
    }

    pub(super) fn pinged(&mut self, now: Time) {
        if let Phase::Connected { ping, .. } = &mut self.phase {
            *ping = Some(now);
        }
    }

    /// A PINGRESP: whether one was awaited.
    pub(super) fn answered(&mut self) -> bool {
        match &mut self.phase {
            Phase::Connected { ping, .. } => ping.take().is_some(),
            Phase::Offline | Phase::Connecting { .. } => false,
        }
    }

    pub(super) const fn is_open(&self) -> bool {
        !matches!(self.phase, Phase::Offline)
    }

    pub(super) const fn is_connecting(&self) -> bool {
        matches!(self.phase, Phase::Connecting { .. })
    }

    pub(super) const fn is_connected(&self) -> bool {
        matches!(self.phase, Phase::Connected { .. })
    }

    /// The next deadline and what it is for. Whatever comes from the server puts off the verdict
    /// that it is dead.
    pub(super) fn due(&self) -> Option<(Time, Due)> {
        match self.phase {
            Phase::Offline => None,
            Phase::Connecting { since } => Some((since + self.response_timeout, Due::NoConnack)),
            Phase::Connected { ping: Some(ping), .. } => {
                Some((ping.max(self.heard) + self.response_timeout, Due::NoPingresp))
            }
            Phase::Connected { keep_alive, ping: None } => {
                keep_alive.map(|keep_alive| (self.sent.min(self.heard) + keep_alive, Due::Ping))
            }
        }
    }
}
