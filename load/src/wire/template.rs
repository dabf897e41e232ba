//! A PUBLISH that is sent many times.

use super::{Qos, Version, kind, put_length, put_text};

/// User Property, a pair of strings (5.0 section 3.3.2.3.7).
const USER_PROPERTY: u8 = 0x26;

/// What all messages of a template have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// The Topic Name.
    pub topic: &'a str,
    /// How the message is acknowledged.
    pub qos: Qos,
    /// Whether the broker is to keep it for later subscribers.
    pub retain: bool,
    /// What the publisher's connection speaks.
    pub version: Version,
    /// How many short User Properties it carries; must be 0 in 3.1.1.
    pub user_properties: u16,
}

impl<'a> Message<'a> {
    /// A message of 3.1.1 that is not retained.
    #[must_use]
    pub const fn new(topic: &'a str, qos: Qos) -> Self {
        Self { topic, qos, retain: false, version: Version::V3_1_1, user_properties: 0 }
    }
}

/// A PUBLISH that is sent many times with another identifier and another start of its payload.
#[derive(Debug, Clone)]
pub struct PublishTemplate {
    /// Everything before the Packet Identifier.
    head: Vec<u8>,
    has_id: bool,
    /// What follows the identifier before the payload: in 5.0 the properties with their length.
    properties: Vec<u8>,
    /// The payload after its stamp.
    tail: Vec<u8>,
}

impl PublishTemplate {
    /// A PUBLISH of 3.1.1 to `topic` whose payload is a stamp of `stamp_len` bytes and `filler_len`
    /// more.
    ///
    /// # Panics
    /// If the topic is longer than 65,535 bytes or the packet longer than 256 MiB.
    #[must_use]
    pub fn new(topic: &str, qos: Qos, stamp_len: usize, filler_len: usize) -> Self {
        Self::of(&Message::new(topic, qos), stamp_len, filler_len)
    }

    /// The same for any kind of message.
    ///
    /// # Panics
    /// As [`PublishTemplate::new`].
    #[must_use]
    pub fn of(message: &Message<'_>, stamp_len: usize, filler_len: usize) -> Self {
        let has_id = message.qos != Qos::AtMostOnce;
        let mut topic = Vec::new();
        put_text(&mut topic, message.topic);
        let properties = properties(message);
        let id_len = if has_id { 2 } else { 0 };
        let flags = (message.qos.level() << 1) | u8::from(message.retain);
        let mut head = vec![(kind::PUBLISH << 4) | flags];
        put_length(&mut head, topic.len() + id_len + properties.len() + stamp_len + filler_len);
        head.extend_from_slice(&topic);
        Self { head, has_id, properties, tail: vec![b'.'; filler_len] }
    }

    /// Appends the packet; `id` is left out at QoS 0.
    #[inline]
    pub fn put(&self, out: &mut Vec<u8>, id: u16, stamp: &[u8]) {
        out.extend_from_slice(&self.head);
        if self.has_id {
            out.extend_from_slice(&id.to_be_bytes());
        }
        out.extend_from_slice(&self.properties);
        out.extend_from_slice(stamp);
        out.extend_from_slice(&self.tail);
    }
}

fn properties(message: &Message<'_>) -> Vec<u8> {
    if message.version == Version::V3_1_1 {
        return Vec::new();
    }
    let mut pairs = Vec::new();
    for number in 0..message.user_properties {
        pairs.push(USER_PROPERTY);
        put_text(&mut pairs, &format!("key{number}"));
        put_text(&mut pairs, &format!("value{number}"));
    }
    let mut block = Vec::new();
    put_length(&mut block, pairs.len());
    block.append(&mut pairs);
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::next_frame;

    #[test]
    fn a_template_reads_back_at_every_qos_and_version() {
        let versions = [(Version::V3_1_1, 0), (Version::V5, 0), (Version::V5, 30)];
        for (qos, id) in [(Qos::AtMostOnce, 0), (Qos::AtLeastOnce, 9), (Qos::ExactlyOnce, 65_535)] {
            for (version, user_properties) in versions {
                let message = Message { version, user_properties, ..Message::new("t/1", qos) };
                let mut out = Vec::new();
                PublishTemplate::of(&message, 4, 300).put(&mut out, id, b"abcd");
                let (frame, rest) = next_frame(&out).unwrap().unwrap();
                let publish = frame.publish(version).unwrap();
                assert!(rest.is_empty());
                assert_eq!((publish.qos, publish.id, publish.topic), (qos, id, &b"t/1"[..]));
                assert_eq!(publish.payload.len(), 304, "{message:?}");
                assert_eq!(publish.payload.first_chunk(), Some(b"abcd"));
            }
        }
    }

    #[test]
    fn properties_and_retain_are_the_bytes_of_the_standard() {
        let message = Message {
            retain: true,
            version: Version::V5,
            user_properties: 1,
            ..Message::new("a", Qos::AtMostOnce)
        };
        let mut out = Vec::new();
        PublishTemplate::of(&message, 1, 0).put(&mut out, 0, b"x");
        assert_eq!(out, b"\x31\x14\x00\x01a\x0f\x26\x00\x04key0\x00\x06value0x");
    }
}
