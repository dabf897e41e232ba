//! A client: the protocol's client side, and what its application wants.

use std::time::Duration;

use bytestring::ByteString;
use surewire_engine::client::{Backoff, Client, Options};
use surewire_engine::id::ConnId;
use surewire_engine::packet::{PropertySet, SubscribeFilter, SubscribeOptions, Version};
use surewire_engine::time::Time;

use crate::plan::Group;
use crate::random::Random;

/// How long a client waits for the answer to a CONNECT or PINGREQ.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(15);

/// A client.
#[derive(Debug)]
pub(super) struct Device {
    /// Place of its group in the plan.
    pub(super) group: usize,
    /// In its group, from 1.
    pub(super) number: u32,
    pub(super) machine: Client,
    pub(super) conn: Option<ConnId>,
    /// The same and earlier ones, as long as the broker may believe in them.
    pub(super) conns: Vec<ConnId>,
    /// One more each time its power goes: what was planned before does not happen.
    pub(super) epoch: u32,
    /// Reasons for which it has no power, and its link carries nothing.
    pub(super) off: u32,
    pub(super) down: u32,
    /// Whether the broker has answered its SUBSCRIBE, in this stretch of having power.
    pub(super) is_subscribed: bool,
    /// When its next timer event happens.
    pub(super) timer: Option<u64>,
    /// When its last connection ended.
    pub(super) left_at: Option<Time>,
    /// Draws what it publishes, and when.
    pub(super) random: Random,
}

impl Device {
    pub(super) fn new(place: usize, number: u32, group: &Group, random: Random) -> Self {
        Self {
            group: place,
            number,
            machine: machine(number, group, random.clone().next()),
            conn: None,
            conns: Vec::new(),
            epoch: 0,
            off: 0,
            down: 0,
            is_subscribed: false,
            timer: None,
            left_at: None,
            random,
        }
    }

    /// Its power is back: it remembers nothing.
    pub(super) fn begin_anew(&mut self, group: &Group) {
        self.machine = machine(self.number, group, self.random.next());
        self.is_subscribed = false;
    }

    /// What it subscribes to.
    pub(super) fn filters(&mut self, group: &Group) -> Vec<SubscribeFilter> {
        let filter = |subscribe: &crate::plan::Subscribe| SubscribeFilter {
            filter: subscribe.filter.text(&group.name, self.number, &mut self.random).into(),
            options: SubscribeOptions { qos: subscribe.qos, ..SubscribeOptions::default() },
        };
        group.subscribe.iter().map(filter).collect()
    }
}

fn machine(number: u32, group: &Group, seed: u64) -> Client {
    let is_5 = group.version == Version::V5 && !group.clean_session;
    let properties = PropertySet {
        session_expiry_interval: group.session_expiry.filter(|_| is_5),
        ..PropertySet::NONE
    };
    let (first, max) = group.reconnect;
    Client::new(Options {
        version: group.version,
        clean_start: group.clean_session,
        keep_alive: group.keep_alive,
        max_queued: group.queue,
        properties: properties.into(),
        response_timeout: RESPONSE_TIMEOUT,
        backoff: Backoff { first, max },
        seed,
        ..Options::new(ByteString::from(format!("{}-{number}", group.name)))
    })
}
