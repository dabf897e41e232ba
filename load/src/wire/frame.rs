//! What a broker sends: where packets end, and the parts that a client acts on.

use super::{Qos, Version, kind, put_ack};

/// Receive Maximum, a property of two bytes (5.0 section 3.2.2.3.3).
const RECEIVE_MAXIMUM: u8 = 0x21;

/// What a broker sent that cannot be an MQTT packet.
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
    /// A property that 5.0 does not have in a CONNACK.
    #[error("a CONNACK with the property 0x{0:02x}")]
    Property(u8),
}

/// One packet: its first byte, and what follows the Remaining Length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Type in the upper half, flags in the lower.
    pub header: u8,
    /// Variable header and payload.
    pub body: &'a [u8],
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

impl Publish<'_> {
    /// Appends the acknowledgement that the message asks for, if any.
    #[inline]
    pub fn put_answer(&self, out: &mut Vec<u8>) {
        match self.qos {
            Qos::AtMostOnce => {}
            Qos::AtLeastOnce => put_ack(out, kind::PUBACK, self.id),
            Qos::ExactlyOnce => put_ack(out, kind::PUBREC, self.id),
        }
    }
}

/// An acknowledgement of a PUBLISH or of another acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// The Packet Identifier.
    pub id: u16,
    /// The Reason Code; 0 is success, and all that 3.1.1 knows.
    pub reason: u8,
}

impl Ack {
    /// Whether it says that the message was not taken (5.0 section 2.4).
    #[must_use]
    pub const fn refuses(&self) -> bool {
        self.reason >= 0x80
    }
}

/// The answer to a CONNECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connack {
    /// Whether the broker has a session of that client.
    pub session_present: bool,
    /// The return code of 3.1.1, the Reason Code of 5.0; 0 is accepted.
    pub code: u8,
    /// How many messages of QoS 1 and 2 the broker takes before it has acknowledged any.
    pub receive_maximum: u16,
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
        let bytes = self.body.first_chunk().ok_or(self.short())?;
        Ok(u16::from_be_bytes(*bytes))
    }

    /// A PUBACK, PUBREC, PUBREL or PUBCOMP of either version: a Reason Code that is left out is
    /// success (5.0 section 3.4.2.1).
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    pub fn ack(&self) -> Result<Ack, WireError> {
        Ok(Ack { id: self.packet_id()?, reason: self.body.get(2).copied().unwrap_or(0) })
    }

    /// The parts of a PUBLISH.
    ///
    /// # Errors
    /// [`WireError::Truncated`] or [`WireError::QosThree`].
    #[inline]
    pub fn publish(&self, version: Version) -> Result<Publish<'a>, WireError> {
        let short = self.short();
        let (length, rest) = self.body.split_first_chunk().ok_or(short)?;
        let topic_len = usize::from(u16::from_be_bytes(*length));
        let (topic, rest) = rest.split_at_checked(topic_len).ok_or(short)?;
        let (qos, id, rest) = match (self.header >> 1) & 3 {
            0 => (Qos::AtMostOnce, 0, rest),
            level @ (1 | 2) => {
                let (id, rest) = rest.split_first_chunk().ok_or(short)?;
                let qos = if level == 1 { Qos::AtLeastOnce } else { Qos::ExactlyOnce };
                (qos, u16::from_be_bytes(*id), rest)
            }
            _ => return Err(WireError::QosThree),
        };
        let payload = match version {
            Version::V3_1_1 => rest,
            Version::V5 => split_properties(rest).ok_or(short)?.1,
        };
        Ok(Publish { qos, id, topic, payload })
    }

    /// The parts of a CONNACK.
    ///
    /// # Errors
    /// [`WireError::Truncated`] or [`WireError::Property`].
    pub fn connack(&self, version: Version) -> Result<Connack, WireError> {
        let (&[flags, code], rest) = self.body.split_first_chunk().ok_or(self.short())?;
        let session_present = flags & 1 == 1;
        let receive_maximum = match version {
            // A broker that does not know 5.0 answers in the form of 3.1.1.
            Version::V5 if code == 0 => {
                let (properties, _) = split_properties(rest).ok_or(self.short())?;
                receive_maximum(properties)?.unwrap_or(u16::MAX)
            }
            Version::V3_1_1 | Version::V5 => u16::MAX,
        };
        Ok(Connack { session_present, code, receive_maximum })
    }

    /// The Packet Identifier of a SUBACK, and one code for each filter.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    pub fn suback(&self, version: Version) -> Result<(u16, &'a [u8]), WireError> {
        let (id, rest) = self.body.split_first_chunk().ok_or(self.short())?;
        let codes = match version {
            Version::V3_1_1 => rest,
            Version::V5 => split_properties(rest).ok_or(self.short())?.1,
        };
        Ok((u16::from_be_bytes(*id), codes))
    }

    const fn short(&self) -> WireError {
        WireError::Truncated(self.kind())
    }
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

/// The properties that `bytes` start with, and what follows them (5.0 section 2.2.2).
fn split_properties(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (mut length, mut rest) = (0, bytes);
    for shift in [0, 7, 14, 21] {
        let (&byte, after) = rest.split_first()?;
        length |= usize::from(byte & 0x7f) << shift;
        rest = after;
        if byte < 0x80 {
            return rest.split_at_checked(length);
        }
    }
    None
}

/// Looks for the Receive Maximum among the properties of a CONNACK (5.0 section 3.2.2.3).
fn receive_maximum(mut properties: &[u8]) -> Result<Option<u16>, WireError> {
    let short = WireError::Truncated(kind::CONNACK);
    while let Some((&id, rest)) = properties.split_first() {
        let length = match id {
            0x24 | 0x25 | 0x28 | 0x29 | 0x2a => 1,
            RECEIVE_MAXIMUM | 0x13 | 0x22 => 2,
            0x11 | 0x27 => 4,
            0x12 | 0x15 | 0x16 | 0x1a | 0x1c | 0x1f => text_len(rest).ok_or(short)?,
            0x26 => {
                let name = text_len(rest).ok_or(short)?;
                name + rest.get(name..).and_then(text_len).ok_or(short)?
            }
            other => return Err(WireError::Property(other)),
        };
        let (value, after) = rest.split_at_checked(length).ok_or(short)?;
        if id == RECEIVE_MAXIMUM {
            return Ok(value.first_chunk().map(|bytes| u16::from_be_bytes(*bytes)));
        }
        properties = after;
    }
    Ok(None)
}

/// Bytes of a string or of Binary Data, its own length included.
fn text_len(bytes: &[u8]) -> Option<usize> {
    bytes.first_chunk().map(|length| 2 + usize::from(u16::from_be_bytes(*length)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{CONNACK, PINGRESP, PublishTemplate};

    const fn frame(header: u8, body: &[u8]) -> Frame<'_> {
        Frame { header, body }
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
        let short = Err(WireError::Truncated(kind::PUBLISH));
        for version in [Version::V3_1_1, Version::V5] {
            assert_eq!(frame(0x30, b"\x00\x05abc").publish(version), short);
            assert_eq!(frame(0x32, b"\x00\x01a\x00").publish(version), short);
            let three = frame(0x36, b"\x00\x01a\x00\x01").publish(version);
            assert_eq!(three, Err(WireError::QosThree));
        }
        assert_eq!(frame(0x30, b"\x00\x01a").publish(Version::V5), short);
        assert_eq!(frame(0x30, b"\x00\x01a\x03\x26").publish(Version::V5), short);
        assert_eq!(frame(0x40, b"\x01").packet_id(), Err(WireError::Truncated(4)));
    }

    #[test]
    fn an_acknowledgement_may_leave_its_reason_out() {
        let ack = |body| frame(0x40, body).ack().unwrap();
        assert_eq!(ack(b"\x00\x07"), Ack { id: 7, reason: 0 });
        assert_eq!(ack(b"\x00\x07\x10"), Ack { id: 7, reason: 0x10 });
        assert!(!ack(b"\x00\x07\x10").refuses());
        assert!(ack(b"\x00\x07\x97\x00").refuses());
    }

    #[test]
    fn the_receive_maximum_is_found_behind_properties_of_every_length() {
        let body = b"\x01\x00\x1a\x24\x01\x12\x00\x02ab\x26\x00\x01k\x00\x02vw\x27\x00\x00\x01\x00\x21\x00\x14\x13\x00\x05";
        let connack = frame(0x20, body).connack(Version::V5).unwrap();
        let expected = Connack { session_present: true, code: 0, receive_maximum: 20 };
        assert_eq!(connack, expected);
        let none = frame(0x20, b"\x00\x00\x00").connack(Version::V5).unwrap();
        assert_eq!((none.session_present, none.receive_maximum), (false, u16::MAX));
        let odd = frame(0x20, b"\x00\x00\x02\x7e\x00").connack(Version::V5);
        assert_eq!(odd, Err(WireError::Property(0x7e)));
    }

    #[test]
    fn a_refusal_in_the_old_form_is_understood() {
        let connack = frame(0x20, b"\x00\x01").connack(Version::V5).unwrap();
        assert_eq!(connack.code, 1);
    }

    #[test]
    fn the_codes_of_a_suback_stand_behind_its_properties() {
        let old = frame(0x90, b"\x00\x09\x01\x80").suback(Version::V3_1_1).unwrap();
        let new = frame(0x90, b"\x00\x09\x04\x1f\x00\x01x\x01\x87").suback(Version::V5).unwrap();
        assert_eq!(old, (9, b"\x01\x80".as_slice()));
        assert_eq!(new, (9, b"\x01\x87".as_slice()));
    }
}
