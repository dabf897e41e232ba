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
    /// When each is due of those that wait; what is due at once is published in the same step.
    due: BTreeMap<String, Due>,
    /// Clients that left in peace, or stay.
    none: BTreeSet<String>,
}

/// When a Will is to be published.
#[derive(Clone, Copy, Debug)]
struct Due {
    at: Time,
    at_once: bool,
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
    /// The client has a connection; what is wrong with what became of the last one's Will.
    pub(super) fn connected(&mut self, client: &str) -> Result<(), String> {
        self.none.insert(client.to_owned());
        match self.due.remove(client) {
            Some(Due { at_once: true, .. }) => {
                Err(format!("the Will of {client} was due and not published"))
            }
            Some(_) | None => Ok(()),
        }
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
                let at = now + Duration::from_secs(wait.into());
                self.due.insert(client.to_owned(), Due { at, at_once: wait == 0 });
            }
        }
    }

    /// The client's session is over, and its Will is published at the latest now.
    pub(super) fn session_ended(&mut self, now: Time, client: &str) {
        if let Some(due) = self.due.get_mut(client) {
            *due = Due { at: due.at.min(now), at_once: true };
        }
    }

    /// The broker says that it publishes the client's Will; what is wrong with that.
    pub(super) fn published(&mut self, now: Time, client: &str) -> Result<(), String> {
        if self.none.contains(client) {
            return Err(format!("the Will of {client} was published, which is not due"));
        }
        match self.due.remove(client) {
            Some(due) if due.at > now => {
                let early = (due.at - now).as_millis();
                Err(format!("I13: the Will of {client} was published {early} ms too early"))
            }
            // One that was found at the start is due when the broker finds out.
            Some(_) | None => Ok(()),
        }
    }

    /// Those that should have been published by now.
    pub(super) fn overdue(&self, now: Time) -> Option<String> {
        let mut overdue = self.due.iter().filter(|(_, due)| now > due.at + LATE);
        let (client, due) = overdue.next()?;
        let late = (now - due.at).as_millis();
        Some(format!("I13: the Will of {client} is due for {late} ms"))
    }
}
