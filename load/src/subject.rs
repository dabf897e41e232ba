//! The broker that is measured, as all scenarios see it.

use std::time::Duration;

use crate::Error;
use crate::cost::{Memory, Meter};
use crate::dial::{self, Target};
use crate::process::Process;
use crate::transport::{Route, Stream};
use crate::wire::{Connack, Connect, Version};

/// A broker, and how to talk to it.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The way there.
    pub route: Route,
    /// Its process; without it neither CPU time nor memory is known.
    pub process: Option<Process>,
    /// What all connections speak.
    pub version: Version,
    /// Keep Alive of all connections in seconds; 0 turns it off.
    pub keep_alive_seconds: u16,
    /// After this long without any progress, the rest counts as lost.
    pub patience: Duration,
}

impl Subject {
    /// A connection that is past CONNACK.
    pub(crate) fn connect(
        &self,
        client_id: &str,
        persistent: bool,
    ) -> Result<(Stream, Connack), Error> {
        self.connect_by(&Target::new(self.route.addr), client_id, persistent)
    }

    /// The same by a socket of one's own choice.
    pub(crate) fn connect_by(
        &self,
        target: &Target,
        client_id: &str,
        persistent: bool,
    ) -> Result<(Stream, Connack), Error> {
        let mut stream = self.route.open_by(target)?;
        let Self { version, keep_alive_seconds, .. } = *self;
        let connect = Connect { client_id, version, persistent, keep_alive_seconds };
        let connack = dial::introduce(&mut stream, &connect)?;
        Ok((stream, connack))
    }

    /// Has the broker forget a session: a clean one takes its place, and ends with its connection.
    pub(crate) fn forget(&self, client_id: &str) -> Result<(), Error> {
        let (mut stream, _) = self.connect(client_id, false)?;
        dial::leave(&mut stream)
    }

    /// Starts to count time and CPU time.
    pub(crate) fn meter(&self) -> Result<Meter, Error> {
        Meter::start(self.process.as_ref())
    }

    /// The broker's memory once it stands still, if its process is known.
    pub(crate) fn settled_bytes(&self) -> Result<Option<u64>, Error> {
        self.process.map(|process| process.settled_bytes()).transpose()
    }

    /// What each of `count` things took that the broker keeps since it had `before` bytes.
    pub(crate) fn memory_since(
        &self,
        before: Option<u64>,
        count: u64,
    ) -> Result<Option<Memory>, Error> {
        let after = self.settled_bytes()?;
        Ok(before.zip(after).map(|(before, after)| Memory::of(before, after, count)))
    }
}

/// A name that no other run on this machine uses: it starts client identifiers and topics.
pub(crate) fn run_name(scenario: &str) -> String {
    format!("{scenario}{}", std::process::id())
}
