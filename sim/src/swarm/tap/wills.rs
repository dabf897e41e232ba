//! When Wills are published: I13 for them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use surewire_engine::notice::CloseReason;
use surewire_engine::packet::ReasonCode;
use surewire_engine::time::Time;

/// How late a deadline may be met.
pub(super) const LATE: Duration = Duration::from_secs(1);

/// The Wills of one life of the broker.
#[derive(Debug, Default)]
pub(super) struct Wills {
    /// When each is due of those that wait; at once for a client whose connection has just ended.
    due: BTreeMap<String, Time>,
    /// Clients that left in peace, or stay.
    none: BTreeSet<String>,
}

/// How the Will of a connection is to be published.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// Seconds.
    pub(super) delay: u32,
    /// Seconds that the session outlives the connection.
    pub(super) expiry: Option<u32>,
}

impl Wills {
    /// The client has a connection.
    pub(super) fn connected(&mut self, client: &str) {
        self.due.remove(client);
        self.none.insert(client.to_owned());
    }

    /// Its connection, with this Will if it has one, is over.
    pub(super) fn disconnected(
        &mut self,
        now: Time,
        client: &str,
        why: CloseReason,
        will: Option<Terms>,
    ) {
        self.none.remove(client);
        match (why, will) {
            // It waits for a restart.
            (CloseReason::Stopping, _) => {}
            (CloseReason::ByClient(ReasonCode::Success), _) | (_, None) => {
                self.none.insert(client.to_owned());
            }
            (_, Some(Terms { delay, expiry })) => {
                let wait = expiry.map_or(delay, |expiry| delay.min(expiry));
                self.due.insert(client.to_owned(), now + Duration::from_secs(wait.into()));
            }
        }
    }

    /// The client's session is over, and its Will is published at the latest now.
    pub(super) fn session_ended(&mut self, now: Time, client: &str) {
        if let Some(due) = self.due.get_mut(client) {
            *due = (*due).min(now);
        }
    }

    /// The broker says that it publishes the client's Will; what is wrong with that.
    pub(super) fn published(&mut self, now: Time, client: &str) -> Result<(), String> {
        if self.none.contains(client) {
            return Err(format!("the Will of {client} was published, which is not due"));
        }
        match self.due.remove(client) {
            Some(due) if due > now => {
                let early = (due - now).as_millis();
                Err(format!("I13: the Will of {client} was published {early} ms too early"))
            }
            // One that was found at the start is due when the broker finds out.
            Some(_) | None => Ok(()),
        }
    }

    /// Those that should have been published by now.
    pub(super) fn overdue(&self, now: Time) -> Option<String> {
        let mut overdue = self.due.iter().filter(|(_, due)| now > **due + LATE);
        let (client, due) = overdue.next()?;
        let late = (now - *due).as_millis();
        Some(format!("I13: the Will of {client} is due for {late} ms"))
    }
}
