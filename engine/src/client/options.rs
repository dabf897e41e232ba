//! What a client is made with.

use std::time::Duration;

use bytestring::ByteString;

use super::Backoff;
use crate::packet::{Connect, Password, Properties, Version, Will};

/// A Session Expiry Interval that never ends (5.0 section 3.1.2.11.2).
const NEVER: u32 = u32::MAX;

/// How the client connects and what it allows itself.
#[derive(Clone, Debug)]
pub struct Options {
    /// The protocol to speak.
    pub version: Version,
    /// May be empty: the server assigns one. Before 5.0 only with `clean_start`.
    pub client_id: ByteString,
    /// Clean Start in 5.0, Clean Session before.
    pub clean_start: bool,
    /// Keep Alive in seconds; 0 is off. A 5.0 server may replace it.
    pub keep_alive: u16,
    /// User Name.
    pub user_name: Option<ByteString>,
    /// Password.
    pub password: Option<Password>,
    /// What the server publishes when the connection ends badly.
    pub will: Option<Box<Will>>,
    /// Connect Properties (5.0). Without a Session Expiry Interval a session that is not clean is
    /// asked to last for ever, as in 3.1.1.
    pub properties: Properties,
    /// Topic Aliases that the client uses at most, as far as the server takes them (5.0); 0 is none.
    pub topic_aliases: u16,
    /// QoS 1 and 2 messages in flight at a time, 1 to 65,535; 0 is taken as 1. A 5.0 server's
    /// Receive Maximum may lower it.
    pub max_inflight: u16,
    /// QoS 1 and 2 messages that may wait behind the window.
    pub max_queued: usize,
    /// How long the server may take to answer CONNECT and PINGREQ.
    pub response_timeout: Duration,
    /// Waiting times between attempts to connect.
    pub backoff: Backoff,
    /// Spreads the waiting times of many clients.
    pub seed: u64,
}

impl Options {
    /// 3.1.1, a clean session, keep alive 60 s, a window of 20, no user and no Will.
    #[must_use]
    pub fn new(client_id: ByteString) -> Self {
        Self {
            version: Version::V3_1_1,
            client_id,
            clean_start: true,
            keep_alive: 60,
            user_name: None,
            password: None,
            will: None,
            properties: Properties::NONE,
            topic_aliases: 0,
            max_inflight: 20,
            max_queued: 65_535,
            response_timeout: Duration::from_secs(15),
            backoff: Backoff::default(),
            seed: 0,
        }
    }

    /// The CONNECT that they ask for.
    pub(super) fn connect(&self) -> Connect {
        Connect {
            version: self.version,
            clean_start: self.clean_start,
            keep_alive: self.keep_alive,
            client_id: self.client_id.clone(),
            will: self.will.clone(),
            user_name: self.user_name.clone(),
            password: self.password.clone(),
            properties: self.connect_properties(),
        }
    }

    fn connect_properties(&self) -> Properties {
        let mut set = self.properties.get().clone();
        if self.version == Version::V5 && !self.clean_start {
            set.session_expiry_interval.get_or_insert(NEVER);
        }
        set.into()
    }
}
