//! Records to bytes. docs/log-records.md has the tables.

use std::net::{IpAddr, SocketAddr};

use crate::codec;
use crate::id::Lsn;
use crate::id::PacketId;
use crate::identifiers::Identifiers;
use crate::log::pending::Pending;
use crate::log::record::{Kept, Record, Retained, Seq, SessionKey, Target};
use crate::message::{Content, RetainFlag};
use crate::packet::SubscribeOptions;
use crate::time::Time;

/// The number that a record begins with.
pub(super) mod kind {
    pub(in crate::log) const SESSION_BEGAN: u8 = 1;
    pub(in crate::log) const SESSION_RESUMED: u8 = 2;
    pub(in crate::log) const SESSION_LEFT: u8 = 3;
    pub(in crate::log) const SESSION_ENDED: u8 = 4;
    pub(in crate::log) const WILL_SET: u8 = 5;
    pub(in crate::log) const WILL_CLEARED: u8 = 6;
    pub(in crate::log) const SUBSCRIBED: u8 = 7;
    pub(in crate::log) const UNSUBSCRIBED: u8 = 8;
    pub(in crate::log) const PUBLISHED: u8 = 9;
    pub(in crate::log) const ADVANCED: u8 = 10;
    pub(in crate::log) const RECEIVED: u8 = 11;
    pub(in crate::log) const RECEIVED_DONE: u8 = 12;
    pub(in crate::log) const REPLAYING: u8 = 13;
    pub(in crate::log) const REPLAYED: u8 = 14;
    pub(in crate::log) const SUBSCRIPTION_AWAITS: u8 = 15;
    pub(in crate::log) const AWAITING_ENDED: u8 = 16;
    pub(in crate::log) const HOLDS: u8 = 17;
    pub(in crate::log) const GROUP_HOLDS: u8 = 18;
    pub(in crate::log) const GROUP_REMOVED: u8 = 19;
    pub(in crate::log) const ALIVE: u8 = 20;
    pub(in crate::log) const SESSION_EXPIRES: u8 = 21;
}

impl Pending {
    /// Appends a record.
    pub fn push(&mut self, lsn: Lsn, record: &Record) {
        if self.count == 0 {
            self.first = lsn;
        }
        self.count += 1;
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        encode(record, &mut self.bytes);
        let len = u32::try_from(self.bytes.len() - start - 4).expect("a record is below 4 GiB");
        if let Some(place) = self.bytes.get_mut(start..start + 4) {
            place.copy_from_slice(&len.to_le_bytes());
        }
    }

    /// Appends a record that an engine gives, with what it says of it.
    pub fn take(&mut self, lsn: Lsn, record: &Record, anew: bool, frees: u64) {
        let before = self.bytes.len();
        self.push(lsn, record);
        let len = (self.bytes.len() - before) as u64;
        if anew {
            self.anew += len;
        } else {
            self.surplus += record.surplus();
            self.frees += if record.brings_nothing() { len } else { 0 };
        }
        self.frees += frees;
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0 && self.trim.is_none()
    }
}

/// Appends the record's bytes to `out`.
#[expect(clippy::wildcard_enum_match_arm, reason = "the others are looked at one by one there")]
pub fn encode(record: &Record, out: &mut Vec<u8>) {
    match record {
        Record::SessionBegan { session, client, address, at, expiry } => {
            begin(out, kind::SESSION_BEGAN, *session);
            text(out, client.as_str());
            arrival(out, *address, *at, *expiry);
        }
        Record::SessionResumed { session, address, at, expiry } => {
            begin(out, kind::SESSION_RESUMED, *session);
            arrival(out, *address, *at, *expiry);
        }
        Record::SessionLeft { session, at } => {
            begin(out, kind::SESSION_LEFT, *session);
            number(out, at.as_nanos());
        }
        Record::SessionExpires { session, expiry } => {
            begin(out, kind::SESSION_EXPIRES, *session);
            optional(out, expiry.map(u64::from));
        }
        Record::SessionEnded { session } => begin(out, kind::SESSION_ENDED, *session),
        Record::WillSet { session, client, will, delay } => {
            begin(out, kind::WILL_SET, *session);
            text(out, client.as_str());
            number(out, u64::from(*delay));
            content(out, will);
        }
        Record::WillCleared { session } => begin(out, kind::WILL_CLEARED, *session),
        Record::Subscribed { session, filter, options, identifier, at } => {
            begin(out, kind::SUBSCRIBED, *session);
            text(out, filter.as_str());
            out.push(option_bits(*options));
            optional(out, identifier.map(u64::from));
            number(out, at.as_nanos());
        }
        Record::Unsubscribed { session, filter } => {
            begin(out, kind::UNSUBSCRIBED, *session);
            text(out, filter.as_str());
        }
        Record::SubscriptionAwaits { client, filter, options } => {
            out.push(kind::SUBSCRIPTION_AWAITS);
            text(out, client.as_str());
            text(out, filter.as_str());
            out.push(option_bits(*options));
        }
        Record::AwaitingEnded { client, filter } => {
            out.push(kind::AWAITING_ENDED);
            text(out, client.as_str());
            optional_text(out, filter.as_ref().map(|filter| filter.as_str()));
        }
        messages => encode_about_messages(messages, out),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the others are encoded above")]
fn encode_about_messages(record: &Record, out: &mut Vec<u8>) {
    match record {
        Record::Published { message, at, received, retained, to } => {
            out.push(kind::PUBLISHED);
            content(out, message);
            number(out, at.as_nanos());
            out.push(retained_bits(*retained) | u8::from(received.is_some()) << 2);
            if let Some((session, id)) = received {
                number(out, session.0);
                packet_id(out, *id);
            }
            number(out, to.len() as u64);
            to.iter().for_each(|to| target(out, to));
        }
        Record::Advanced { session, removed, released, sent } => {
            begin(out, kind::ADVANCED, *session);
            optional(out, removed.map(|seq| seq.0));
            optional(out, released.map(|seq| seq.0));
            number(out, sent.len() as u64);
            for (seq, id) in sent {
                number(out, seq.0);
                packet_id(out, *id);
            }
        }
        Record::Received { session, packet_id: id } => {
            begin(out, kind::RECEIVED, *session);
            packet_id(out, *id);
        }
        Record::ReceivedDone { session, packet_id: id } => {
            begin(out, kind::RECEIVED_DONE, *session);
            packet_id(out, *id);
        }
        Record::Replaying { session, filter, after } => {
            begin(out, kind::REPLAYING, *session);
            text(out, filter.as_str());
            optional_text(out, after.as_ref().map(|topic| topic.as_str()));
        }
        Record::Replayed { session, filter } => {
            begin(out, kind::REPLAYED, *session);
            text(out, filter.as_str());
        }
        Record::Holds { .. } => holds(record, out),
        Record::GroupHolds { group, seq, message, at } => {
            out.push(kind::GROUP_HOLDS);
            text(out, group.as_str());
            number(out, seq.0);
            number(out, at.as_nanos());
            kept(out, message);
        }
        Record::GroupRemoved { group, seq } => {
            out.push(kind::GROUP_REMOVED);
            text(out, group.as_str());
            number(out, seq.0);
        }
        Record::Alive => out.push(kind::ALIVE),
        _ => {}
    }
}

fn holds(record: &Record, out: &mut Vec<u8>) {
    let Record::Holds {
        session,
        seq,
        message,
        at,
        qos,
        retain,
        packet_id,
        released,
        group,
        identifiers: of,
    } = record
    else {
        return;
    };
    begin(out, kind::HOLDS, *session);
    number(out, seq.0);
    let has_identifiers = u8::from(*of != Identifiers::NONE);
    let flags = u8::from(*released) << 3 | has_identifiers << 4;
    out.push(*qos as u8 | retain_bits(*retain, 5) | flags);
    optional(out, packet_id.map(|id| u64::from(id.get())));
    optional_text(out, group.as_ref().map(|group| group.as_str()));
    number(out, at.as_nanos());
    identifiers(out, of);
    kept(out, message);
}

/// Bit 2 where RETAIN is set, with another one where that is as it was published.
fn retain_bits(retain: RetainFlag, as_published: u8) -> u8 {
    match retain {
        RetainFlag::Clear => 0,
        RetainFlag::AsPublished => 1 << 2 | 1 << as_published,
        RetainFlag::Stored => 1 << 2,
    }
}

fn begin(out: &mut Vec<u8>, kind: u8, session: SessionKey) {
    out.push(kind);
    number(out, session.0);
}

fn arrival(out: &mut Vec<u8>, address: SocketAddr, at: Time, expiry: Option<u32>) {
    match address.ip() {
        IpAddr::V4(ip) => {
            out.push(4);
            out.extend_from_slice(&ip.octets());
        }
        IpAddr::V6(ip) => {
            out.push(6);
            out.extend_from_slice(&ip.octets());
        }
    }
    number(out, u64::from(address.port()));
    number(out, at.as_nanos());
    optional(out, expiry.map(u64::from));
}

fn target(out: &mut Vec<u8>, target: &Target) {
    match target {
        Target::Session { session, seq, qos, retain, packet_id, group, identifiers: of } => {
            let has_identifiers = u8::from(*of != Identifiers::NONE);
            let flags = u8::from(group.is_some()) << 3 | has_identifiers << 5;
            out.push(*qos as u8 | retain_bits(*retain, 6) | flags);
            number(out, session.0);
            number(out, seq.0);
            number(out, packet_id.map_or(0, |id| u64::from(id.get())));
            if let Some(group) = group {
                text(out, group.as_str());
            }
            identifiers(out, of);
        }
        Target::Group { group, seq: Seq(seq) } => {
            out.push(1 << 4);
            text(out, group.as_str());
            number(out, *seq);
        }
    }
}

/// Nothing if there is none: a flag of the record says so.
fn identifiers(out: &mut Vec<u8>, identifiers: &Identifiers) {
    let list = identifiers.as_slice();
    if !list.is_empty() {
        number(out, list.len() as u64);
        list.iter().for_each(|identifier| number(out, u64::from(*identifier)));
    }
}

fn kept(out: &mut Vec<u8>, message: &Kept) {
    match message {
        Kept::Here(message) => {
            out.push(0);
            content(out, message);
        }
        Kept::Earlier(lsn) => {
            out.push(1);
            number(out, lsn.0);
        }
    }
}

fn content(out: &mut Vec<u8>, content: &Content) {
    let properties = u8::from(!content.properties.is_empty());
    out.push(content.qos as u8 | u8::from(content.retain) << 2 | properties << 3);
    text(out, content.topic.as_str());
    bytes(out, &content.payload);
    if properties == 1 {
        let mut list = Vec::new();
        codec::write_message_properties(&content.properties, &mut list);
        bytes(out, &list);
    }
}

pub(super) fn option_bits(options: SubscribeOptions) -> u8 {
    options.qos as u8
        | u8::from(options.no_local) << 2
        | u8::from(options.retain_as_published) << 3
        | (options.retain_handling as u8) << 4
}

pub(super) fn retained_bits(retained: Retained) -> u8 {
    match retained {
        Retained::Untouched => 0,
        Retained::Stored => 1,
        Retained::Cleared => 2,
    }
}

fn packet_id(out: &mut Vec<u8>, id: PacketId) {
    number(out, u64::from(id.get()));
}

/// LEB128: seven bits a byte, lowest first.
fn number(out: &mut Vec<u8>, mut value: u64) {
    while value > 0x7F {
        out.push(low_bits(value) | 0x80);
        value >>= 7;
    }
    out.push(low_bits(value));
}

const fn low_bits(value: u64) -> u8 {
    (value & 0x7F) as u8
}

fn optional(out: &mut Vec<u8>, value: Option<u64>) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        number(out, value);
    }
}

fn optional_text(out: &mut Vec<u8>, value: Option<&str>) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        text(out, value);
    }
}

fn text(out: &mut Vec<u8>, value: &str) {
    bytes(out, value.as_bytes());
}

fn bytes(out: &mut Vec<u8>, value: &[u8]) {
    number(out, value.len() as u64);
    out.extend_from_slice(value);
}
