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
    Publish {
        number: u64,
        qos: QoS,
    },
    Subscribe(Vec<(String, QoS)>),
    Unsubscribe {
        filter: String,
        /// Whether it is to a filter that nobody ever subscribes to.
        unknown: bool,
    },
}

/// How long a session is kept after its client is gone, in nanoseconds, as far as its client knows;
/// `None` is for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) at_least: Option<u64>,
    pub(crate) at_most: Option<u64>,
}

impl Kept {
    /// Exactly so long.
    pub(crate) fn exactly(time: Option<u64>) -> Self {
        Self { at_least: time, at_most: time }
    }

    /// Or so long.
    pub(crate) fn or(self, other: Self) -> Self {
        let longer = |a: Option<u64>, b: Option<u64>| Some(a?.max(b?));
        let shorter = |a: Option<u64>, b: Option<u64>| a.into_iter().chain(b).min();
        Self {
            at_least: shorter(self.at_least, other.at_least),
            at_most: longer(self.at_most, other.at_most),
        }
    }
}

/// A client.
#[derive(Debug)]
pub(crate) struct Actor {
    pub(crate) index: usize,
    pub(crate) role: Role,
    /// Its Client Identifier; empty until the broker has given it one.
    pub(crate) name: String,
    /// How long its session is kept as a rule, and after the DISCONNECT that it may have sent.
    pub(crate) usual: Kept,
    pub(crate) kept: Kept,
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
    /// The Subscription Identifier of the SUBSCRIBE at hand.
    pub(crate) identifier: Option<u32>,
    pub(crate) next_identifier: u32,
    /// The connection that it has left without a word, for longer than anybody may be silent.
    pub(crate) faded: Option<u64>,
}

impl Actor {
    pub(crate) fn new(index: usize, role: Role, kept: Kept) -> Self {
        let clean = !role.persistent;
        let name = if role.terms.assigned { String::new() } else { format!("c{index}") };
        Self {
            machine: machine(index, &role, &name, clean),
            name,
            usual: kept,
            kept,
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
            identifier: None,
            next_identifier: 0,
            faded: None,
        }
    }

    /// Another client of the same name, which knows nothing of what the last one did.
    pub(crate) fn begin_anew(&mut self, clean: bool) {
        (self.clean, self.discarded) = (clean, false);
        self.machine = machine(self.index, &self.role, &self.name, clean);
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
            Asked::Unsubscribe { filter: asked, .. } => asked == filter,
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

fn machine(index: usize, role: &Role, name: &str, clean_start: bool) -> Client {
    let topic = TopicName::new(format!("w/{index}").into()).expect("a topic");
    let terms = role.terms;
    let will = role.will.map(|qos| {
        let payload = Bytes::from((WILLS + index as u64).to_string());
        let delay = Some(terms.will_delay).filter(|delay| *delay > 0);
        let forwarded = if terms.properties { forwarded(WILLS) } else { PropertySet::NONE };
        let properties = PropertySet { will_delay_interval: delay, ..forwarded }.into();
        Box::new(Will { topic, payload, qos, retain: false, properties })
    });
    let most = |number: u16| Some(number).filter(|number| *number > 0);
    let properties = PropertySet {
        session_expiry_interval: terms.session_expiry.filter(|_| !clean_start),
        receive_maximum: most(terms.receive_maximum),
        topic_alias_maximum: most(terms.topic_aliases),
        maximum_packet_size: terms.packet_size,
        request_problem_information: terms.no_reasons.then_some(false),
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
        ..Options::new(ByteString::from(name))
    })
}

/// Properties that go with a message, and come with it to every client of 5.0. Each number has
/// others: names that repeat, in an order that is not that of the alphabet.
pub(crate) fn forwarded(number: u64) -> PropertySet {
    let pair = |name: &str, value: u64| (name.into(), value.to_string().into());
    let mut set = PropertySet::NONE;
    set.user_properties = match number % 4 {
        0 => vec![pair("b", number), pair("a", number + 1), pair("b", number + 2)],
        1 => vec![pair("n", number)],
        2 => Vec::new(),
        _ => vec![pair("", number), pair("x", 2), pair("x", 1)],
    };
    set.content_type = number.is_multiple_of(3).then(|| "text/plain".into());
    set.correlation_data = number.is_multiple_of(5).then(|| Bytes::from(number.to_string()));
    set.payload_format_indicator = number.is_multiple_of(2).then_some(true);
    set.response_topic =
        number.is_multiple_of(7).then(|| TopicName::new("t/0".into()).expect("a topic"));
    set
}
