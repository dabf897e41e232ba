//! What a client keeps between its connections, and what must hold for it there.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use surewire_engine::id::PacketId;
use surewire_engine::packet::{Ack, Packet, Publish, QoS};
use surewire_engine::topic;

/// What every payload of a client that keeps to the rules begins with; its number is behind it.
pub(super) const MAGIC: [u8; 2] = [0xF5, 0xFA];

/// A message with a number of its own.
pub(super) fn payload(number: u32, padding: usize) -> Bytes {
    [&MAGIC[..], &number.to_be_bytes(), &vec![b'.'; padding]].concat().into()
}

fn number_in(payload: &[u8]) -> Option<u32> {
    let number = payload.strip_prefix(&MAGIC)?.first_chunk()?;
    Some(u32::from_be_bytes(*number))
}

/// A message of QoS 1 or 2 that a client has sent.
pub(super) enum Sending {
    /// Not answered.
    Published(Publish),
    /// PUBREC came.
    Released,
}

/// A client, by its id.
#[derive(Default)]
pub(super) struct Person {
    /// Counts its sessions.
    pub(super) epoch: u64,
    /// It has sent something that no right client sends, in this session.
    pub(super) hostile: bool,
    /// Its session has ended, and it was not told yet: if the CONNACK that would tell it never comes, the
    /// next one says that it has a session, and means another.
    unaware: bool,
    /// Filters that were asked for in this session, granted or not.
    filters: BTreeSet<String>,
    /// Filters that an operator has asked for: they may wait for a session.
    standing: BTreeSet<String>,
    pub(super) sending: BTreeMap<u16, Sending>,
    /// QoS 2 messages that have come and are not released: identifiers and numbers.
    receiving: BTreeMap<PacketId, Option<u32>>,
    /// QoS 2 messages that have come in this session.
    got: BTreeSet<u32>,
}

impl Person {
    /// The broker has begun a session for it.
    pub(super) fn begin(&mut self) {
        let standing = std::mem::take(&mut self.standing);
        *self = Self { epoch: self.epoch + 1, standing, ..Self::default() };
    }

    /// The numbers of what it sends are not to be relied on from here on.
    pub(super) fn turn_hostile(&mut self, loose: &mut BTreeSet<u32>) {
        self.hostile = true;
        self.loosen(loose);
    }

    /// Its session has ended: what it sends again is another message.
    pub(super) fn has_ended(&mut self, loose: &mut BTreeSet<u32>) {
        self.unaware = true;
        self.loosen(loose);
    }

    fn loosen(&self, loose: &mut BTreeSet<u32>) {
        for sending in self.sending.values() {
            if let Sending::Published(publish) = sending {
                loose.extend(number_in(&publish.payload));
            }
        }
    }

    /// What it sends again when it is back, in order.
    pub(super) fn again(&self) -> Vec<Packet> {
        let again = |(id, sending): (&u16, &Sending)| match sending {
            Sending::Published(publish) => {
                Packet::Publish(Publish { dup: true, ..publish.clone() })
            }
            Sending::Released => Packet::Pubrel(Ack::new(PacketId::new(*id).expect("not 0"))),
        };
        self.sending.iter().map(again).collect()
    }

    pub(super) fn asks_for(&mut self, filter: &str) {
        self.filters.insert(filter.to_owned());
    }

    pub(super) fn is_given(&mut self, filter: &str) {
        self.standing.insert(filter.to_owned());
    }

    /// A message on this topic is sent to it.
    pub(super) fn is_sent(&self, name: &str) {
        assert!(self.matching(name).next().is_some(), "{name} was never subscribed to");
    }

    fn matching<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a String> {
        let all = self.filters.iter().chain(&self.standing);
        all.filter(move |filter| topic::matches(proper(filter), name))
    }

    /// A QoS 2 message has come. Exactly once is a promise to clients that keep to the rules, about
    /// messages of such clients.
    pub(super) fn gets(&mut self, publish: &Publish, loose: &BTreeSet<u32>) {
        let (QoS::ExactlyOnce, Some(id)) = (publish.qos, publish.packet_id) else { return };
        let number = number_in(&publish.payload);
        if let Some(known) = self.receiving.get(&id) {
            let is_wrong = *known != number && !self.hostile && !self.unaware;
            assert!(!is_wrong, "{id} stands for another message");
            return;
        }
        self.receiving.insert(id, number);
        let Some(number) = number.filter(|number| !loose.contains(number)) else { return };
        let name = publish.topic.as_ref().expect("aliases are resolved").as_str();
        // Through a group and besides are two subscriptions; a group hands on what one member left.
        let shared = self.matching(name).any(|filter| filter.starts_with("$share/"));
        if publish.retain || self.hostile || self.unaware || shared {
            return;
        }
        assert!(self.got.insert(number), "message {number} came twice at QoS 2");
    }

    /// PUBREL came.
    pub(super) fn is_released(&mut self, id: PacketId) {
        self.receiving.remove(&id);
    }
}

fn proper(filter: &str) -> &str {
    let Some(shared) = filter.strip_prefix("$share/") else { return filter };
    shared.split_once('/').map_or(filter, |(_, filter)| filter)
}
