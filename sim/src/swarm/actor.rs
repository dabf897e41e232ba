//! A client of the swarm: the protocol's client side, and what its application wants.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use bytestring::ByteString;
use surewire_engine::client::{Backoff, Client, Options};
use surewire_engine::packet::{PropertySet, QoS, Will};
use surewire_engine::topic::TopicName;

use super::plan::Role;
use super::tap::WILLS;

/// Something asked for, by its token.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    Publish { number: u64, qos: QoS },
    Subscribe(Vec<(String, QoS)>),
    Unsubscribe(String),
}

/// A client.
#[derive(Debug)]
pub(crate) struct Actor {
    pub(crate) index: usize,
    pub(crate) role: Role,
    pub(crate) machine: Client,
    /// Whether the session that it asks for is to end with the connection.
    pub(crate) clean: bool,
    /// It was accepted with `clean`: nothing of an earlier session is left.
    pub(crate) discarded: bool,
    pub(crate) link: Option<u64>,
    /// When it lost the last connection on which it was accepted.
    pub(crate) left_at: Option<u64>,
    /// When the broker knew at the latest that it was gone.
    pub(crate) known_gone: Option<u64>,
    /// Its session must be gone.
    pub(crate) overdue: bool,
    /// It has left and does not want to be connected.
    pub(crate) away: bool,
    /// It said DISCONNECT on this connection.
    pub(crate) said_bye: bool,
    /// It was accepted on this connection.
    pub(crate) accepted: bool,
    /// It takes nothing from its transport.
    pub(crate) stuck: bool,
    pub(crate) asked: BTreeMap<u64, Asked>,
    pub(crate) next_token: u64,
    /// Bytes of a packet that is not complete.
    pub(crate) unread: Vec<u8>,
}

impl Actor {
    pub(crate) fn new(index: usize, role: Role) -> Self {
        let clean = !role.persistent;
        Self {
            machine: machine(index, &role, clean),
            index,
            role,
            clean,
            discarded: false,
            link: None,
            left_at: None,
            known_gone: None,
            overdue: false,
            away: false,
            said_bye: false,
            accepted: false,
            stuck: false,
            asked: BTreeMap::new(),
            next_token: 0,
            unread: Vec::new(),
        }
    }

    /// Another client of the same name, which knows nothing of what the last one did.
    pub(crate) fn begin_anew(&mut self, clean: bool) {
        (self.clean, self.discarded) = (clean, false);
        self.machine = machine(self.index, &self.role, clean);
        self.asked.clear();
    }

    /// The name for something that is asked for.
    pub(crate) fn token(&mut self, asked: Asked) -> u64 {
        self.next_token += 1;
        self.asked.insert(self.next_token, asked);
        self.next_token
    }

    /// Whether the answer to a SUBSCRIBE or UNSUBSCRIBE for this filter is still to come.
    pub(crate) fn awaits(&self, filter: &str) -> bool {
        self.asked.values().any(|asked| match asked {
            Asked::Publish { .. } => false,
            Asked::Subscribe(filters) => filters.iter().any(|(asked, _)| asked == filter),
            Asked::Unsubscribe(asked) => asked == filter,
        })
    }

    /// Whether the broker waits for it before it publishes its Will.
    pub(crate) fn delays_will(&self) -> bool {
        self.role.will.is_some() && self.role.terms.will_delay > 0 && !self.clean
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.machine.is_connected() && self.machine.unacknowledged() == 0 && self.asked.is_empty()
    }
}

fn machine(index: usize, role: &Role, clean_start: bool) -> Client {
    let topic = TopicName::new(format!("w/{index}").into()).expect("a topic");
    let terms = role.terms;
    let will = role.will.map(|qos| {
        let payload = Bytes::from((WILLS + index as u64).to_string());
        let delay = Some(terms.will_delay).filter(|delay| *delay > 0);
        let properties = PropertySet { will_delay_interval: delay, ..PropertySet::NONE }.into();
        Box::new(Will { topic, payload, qos, retain: false, properties })
    });
    let most = |number: u16| Some(number).filter(|number| *number > 0);
    let properties = PropertySet {
        session_expiry_interval: terms.session_expiry.filter(|_| !clean_start),
        receive_maximum: most(terms.receive_maximum),
        topic_alias_maximum: most(terms.topic_aliases),
        ..PropertySet::NONE
    };
    Client::new(Options {
        version: role.version,
        clean_start,
        keep_alive: role.keep_alive,
        max_inflight: role.max_inflight,
        will,
        properties: properties.into(),
        topic_aliases: terms.topic_aliases,
        response_timeout: Duration::from_secs(5),
        backoff: Backoff { first: Duration::from_millis(1), max: Duration::from_millis(50) },
        seed: index as u64,
        ..Options::new(ByteString::from(format!("c{index}")))
    })
}
