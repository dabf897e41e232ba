//! The few MQTT 3.1.1 packets a load generator needs: written by hand, and a scanner that finds
//! the frames in what a broker sends.
//!
//! This is deliberately not the engine's codec: a fault there must not hide itself here, and the
//! generator should cost a small part of what any broker costs.

use std::fmt;

/// Packet types as they stand in the upper half of a frame's first byte (section 2.2.1).
pub mod kind {
    #![expect(missing_docs, reason = "the names are the standard's own")]
    pub const CONNECT: u8 = 1;
    pub const CONNACK: u8 = 2;
    pub const PUBLISH: u8 = 3;
    pub const PUBACK: u8 = 4;
    pub const PUBREC: u8 = 5;
    pub const PUBREL: u8 = 6;
    pub const PUBCOMP: u8 = 7;
    pub const SUBSCRIBE: u8 = 8;
    pub const SUBACK: u8 = 9;
    pub const PINGREQ: u8 = 12;
    pub const PINGRESP: u8 = 13;
    pub const DISCONNECT: u8 = 14;
}

/// A whole PINGREQ.
pub const PINGREQ: [u8; 2] = [kind::PINGREQ << 4, 0];
/// A whole DISCONNECT.
pub const DISCONNECT: [u8; 2] = [kind::DISCONNECT << 4, 0];
/// A whole PINGRESP.
pub const PINGRESP: [u8; 2] = [kind::PINGRESP << 4, 0];
/// A whole CONNACK: accepted, no session present.
pub const CONNACK: [u8; 4] = [kind::CONNACK << 4, 2, 0, 0];

/// Quality of service (section 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum, serde::Serialize)]
pub enum Qos {
    /// Fire and forget.
    #[value(name = "0")]
    #[serde(rename = "0")]
    AtMostOnce,
    /// PUBLISH, PUBACK.
    #[value(name = "1")]
    #[serde(rename = "1")]
    AtLeastOnce,
    /// PUBLISH, PUBREC, PUBREL, PUBCOMP.
    #[value(name = "2")]
    #[serde(rename = "2")]
    ExactlyOnce,
}

impl Qos {
    /// The number on the wire.
    #[must_use]
    pub const fn level(self) -> u8 {
        self as u8
    }
}

impl fmt::Display for Qos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.level().fmt(f)
    }
}

/// What a broker sent that cannot be an MQTT 3.1.1 packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A Remaining Length of more than four bytes.
    #[error("a Remaining Length longer than four bytes")]
    RemainingLength,
    /// A packet too short for its own fields.
    #[error("a packet of type {0} shorter than its fields")]
    Truncated(u8),
    /// A PUBLISH with both QoS bits set.
    #[error("a PUBLISH with QoS 3")]
    QosThree,
}

/// One packet: its first byte, and what follows the Remaining Length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Type in the upper half, flags in the lower.
    pub header: u8,
    /// Variable header and payload.
    pub body: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The packet type, one of [`kind`].
    #[must_use]
    pub const fn kind(&self) -> u8 {
        self.header >> 4
    }

    /// The Packet Identifier of an acknowledgement.
    ///
    /// # Errors
    /// [`WireError::Truncated`] if there is none.
    pub fn packet_id(&self) -> Result<u16, WireError> {
        let bytes = self.body.first_chunk().ok_or(WireError::Truncated(self.kind()))?;
        Ok(u16::from_be_bytes(*bytes))
    }

    /// The parts of a PUBLISH.
    ///
    /// # Errors
    /// Any [`WireError`] but the one of the Remaining Length.
    pub fn publish(&self) -> Result<Publish<'a>, WireError> {
        let short = WireError::Truncated(kind::PUBLISH);
        let (length, rest) = self.body.split_first_chunk().ok_or(short)?;
        let topic_len = usize::from(u16::from_be_bytes(*length));
        let (topic, rest) = rest.split_at_checked(topic_len).ok_or(short)?;
        let qos = match (self.header >> 1) & 3 {
            0 => return Ok(Publish { qos: Qos::AtMostOnce, id: 0, topic, payload: rest }),
            1 => Qos::AtLeastOnce,
            2 => Qos::ExactlyOnce,
            _ => return Err(WireError::QosThree),
        };
        let (id, payload) = rest.split_first_chunk().ok_or(short)?;
        Ok(Publish { qos, id: u16::from_be_bytes(*id), topic, payload })
    }
}

/// The parts of a PUBLISH that a receiver acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Publish<'a> {
    /// How the delivery is acknowledged.
    pub qos: Qos,
    /// The Packet Identifier; 0 at QoS 0.
    pub id: u16,
    /// The Topic Name.
    pub topic: &'a [u8],
    /// The Application Message.
    pub payload: &'a [u8],
}

/// The first frame of `bytes` and what follows it, or `None` while the frame is incomplete.
///
/// # Errors
/// [`WireError::RemainingLength`].
#[inline]
pub fn next_frame(bytes: &[u8]) -> Result<Option<(Frame<'_>, &[u8])>, WireError> {
    let Some((&header, mut rest)) = bytes.split_first() else { return Ok(None) };
    let mut length = 0;
    for shift in [0, 7, 14, 21] {
        let Some((&byte, after)) = rest.split_first() else { return Ok(None) };
        length |= usize::from(byte & 0x7f) << shift;
        rest = after;
        if byte < 0x80 {
            let split = rest.split_at_checked(length);
            return Ok(split.map(|(body, rest)| (Frame { header, body }, rest)));
        }
    }
    Err(WireError::RemainingLength)
}

/// A CONNECT of version 4: clean session, no keep alive, no will, no credentials.
///
/// # Panics
/// If `client_id` is longer than 65,535 bytes.
#[must_use]
pub fn connect(client_id: &str) -> Vec<u8> {
    let mut body = b"\x00\x04MQTT\x04\x02\x00\x00".to_vec();
    put_text(&mut body, client_id);
    framed(kind::CONNECT << 4, &body)
}

/// The same without Clean Session: the session outlives its connection.
///
/// # Panics
/// If `client_id` is longer than 65,535 bytes.
#[must_use]
pub fn connect_persistent(client_id: &str) -> Vec<u8> {
    let mut body = b"\x00\x04MQTT\x04\x00\x00\x00".to_vec();
    put_text(&mut body, client_id);
    framed(kind::CONNECT << 4, &body)
}

/// A SUBSCRIBE to one filter, with Packet Identifier `id`.
///
/// # Panics
/// If `filter` is longer than 65,535 bytes.
#[must_use]
pub fn subscribe(id: u16, filter: &str, qos: Qos) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    put_text(&mut body, filter);
    body.push(qos.level());
    framed((kind::SUBSCRIBE << 4) | 2, &body)
}

/// Appends a PUBACK, PUBREC, PUBREL or PUBCOMP.
pub fn put_ack(out: &mut Vec<u8>, kind: u8, id: u16) {
    let flags = if kind == kind::PUBREL { 2 } else { 0 };
    let [high, low] = id.to_be_bytes();
    out.extend_from_slice(&[(kind << 4) | flags, 2, high, low]);
}

/// A PUBLISH that is sent many times with another identifier and another start of its payload.
#[derive(Debug, Clone)]
pub struct PublishTemplate {
    /// Everything before the Packet Identifier.
    head: Vec<u8>,
    has_id: bool,
    /// The payload after its stamp.
    tail: Vec<u8>,
}

impl PublishTemplate {
    /// A PUBLISH to `topic` whose payload is a stamp of `stamp_len` bytes and `filler_len` more.
    ///
    /// # Panics
    /// If the topic is longer than 65,535 bytes or the packet longer than 256 MiB.
    #[must_use]
    pub fn new(topic: &str, qos: Qos, stamp_len: usize, filler_len: usize) -> Self {
        let has_id = qos != Qos::AtMostOnce;
        let mut body = Vec::new();
        put_text(&mut body, topic);
        let id_len = if has_id { 2 } else { 0 };
        let mut head = vec![(kind::PUBLISH << 4) | (qos.level() << 1)];
        put_remaining_length(&mut head, body.len() + id_len + stamp_len + filler_len);
        head.extend_from_slice(&body);
        Self { head, has_id, tail: vec![b'.'; filler_len] }
    }

    /// Appends the packet; `id` is left out at QoS 0.
    #[inline]
    pub fn put(&self, out: &mut Vec<u8>, id: u16, stamp: &[u8]) {
        out.extend_from_slice(&self.head);
        if self.has_id {
            out.extend_from_slice(&id.to_be_bytes());
        }
        out.extend_from_slice(stamp);
        out.extend_from_slice(&self.tail);
    }
}

fn framed(header: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![header];
    put_remaining_length(&mut packet, body.len());
    packet.extend_from_slice(body);
    packet
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    let length = u16::try_from(text.len()).expect("a name of at most 65,535 bytes");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn put_remaining_length(out: &mut Vec<u8>, mut length: usize) {
    assert!(length < 1 << 28, "a packet of {length} bytes is longer than MQTT allows");
    loop {
        let low = u8::try_from(length & 0x7f).expect("seven bits fit a byte");
        length >>= 7;
        out.push(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connect_is_the_bytes_of_the_standard() {
        let bytes = connect("a1");
        assert_eq!(bytes, b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x00\x00\x02a1");
    }

    #[test]
    fn subscribe_carries_its_reserved_flags() {
        assert_eq!(subscribe(7, "a/b", Qos::ExactlyOnce), b"\x82\x08\x00\x07\x00\x03a/b\x02");
    }

    #[test]
    fn acknowledgements_carry_the_identifier_and_only_pubrel_flags() {
        let mut out = Vec::new();
        put_ack(&mut out, kind::PUBACK, 0x0102);
        put_ack(&mut out, kind::PUBREL, 3);
        assert_eq!(out, b"\x40\x02\x01\x02\x62\x02\x00\x03");
    }

    #[test]
    fn a_template_reads_back_at_every_qos() {
        for (qos, id) in [(Qos::AtMostOnce, 0), (Qos::AtLeastOnce, 9), (Qos::ExactlyOnce, 65_535)] {
            let mut out = Vec::new();
            PublishTemplate::new("t/1", qos, 4, 300).put(&mut out, id, b"abcd");
            let (frame, rest) = next_frame(&out).unwrap().unwrap();
            let publish = frame.publish().unwrap();
            assert!(rest.is_empty());
            assert_eq!((publish.qos, publish.id, publish.topic), (qos, id, b"t/1".as_slice()));
            assert_eq!(
                (publish.payload.len(), publish.payload.first_chunk()),
                (304, Some(b"abcd"))
            );
        }
    }

    #[test]
    fn every_prefix_of_a_frame_is_incomplete() {
        let mut bytes = Vec::new();
        PublishTemplate::new("topic", Qos::AtLeastOnce, 0, 20_000).put(&mut bytes, 1, &[]);
        for end in 0..bytes.len() {
            assert_eq!(next_frame(&bytes[..end]).unwrap(), None, "{end} bytes");
        }
        assert!(next_frame(&bytes).unwrap().is_some());
    }

    #[test]
    fn frames_follow_each_other() {
        let bytes = [PINGRESP.as_slice(), &CONNACK, &[0xd0]].concat();
        let (first, rest) = next_frame(&bytes).unwrap().unwrap();
        let (second, rest) = next_frame(rest).unwrap().unwrap();
        assert_eq!((first.kind(), second.kind()), (kind::PINGRESP, kind::CONNACK));
        assert_eq!(second.body, [0, 0]);
        assert_eq!(next_frame(rest).unwrap(), None);
    }

    #[test]
    fn nonsense_is_named() {
        let endless = [0x30, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(next_frame(&endless), Err(WireError::RemainingLength));
        let frame = |header, body| Frame { header, body };
        let short = Err(WireError::Truncated(kind::PUBLISH));
        assert_eq!(frame(0x30, b"\x00\x05abc".as_slice()).publish(), short);
        assert_eq!(frame(0x32, b"\x00\x01a\x00".as_slice()).publish(), short);
        assert_eq!(frame(0x36, b"\x00\x01a".as_slice()).publish(), Err(WireError::QosThree));
        assert_eq!(frame(0x40, b"\x01".as_slice()).packet_id(), Err(WireError::Truncated(4)));
    }
}
