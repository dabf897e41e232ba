//! Takes a packet's body apart, field by field. Every field is a view into the frame.

use std::ops::Range;

use bytes::Bytes;
use bytestring::ByteString;

use super::Limits;
use crate::id::PacketId;
use crate::topic::TopicName;
use crate::violation::Violation;

/// What is left of a body. Only the fields that are kept as views touch the frame's count of
/// owners.
pub(super) struct Reader<'a> {
    frame: &'a Bytes,
    rest: &'a [u8],
    pub(super) limits: &'a Limits,
}

impl<'a> Reader<'a> {
    /// Reads `frame` from `start` on.
    pub(super) fn new(frame: &'a Bytes, start: usize, limits: &'a Limits) -> Self {
        Self { frame, rest: frame.get(start..).unwrap_or_default(), limits }
    }

    /// Reads a part of `buf`, which may hold more than one packet.
    pub(super) fn within(buf: &'a Bytes, part: Range<usize>, limits: &'a Limits) -> Self {
        Self { frame: buf, rest: buf.get(part).unwrap_or_default(), limits }
    }

    /// Bytes that are left.
    pub(super) const fn len(&self) -> usize {
        self.rest.len()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Nothing may be left.
    pub(super) fn finish(self) -> Result<(), Violation> {
        if self.is_empty() { Ok(()) } else { Err(Violation::TrailingBytes) }
    }

    /// A reader of the next `len` bytes alone.
    pub(super) fn part(&mut self, len: usize) -> Result<Self, Violation> {
        Ok(Self { frame: self.frame, rest: self.take(len)?, limits: self.limits })
    }

    pub(super) fn byte(&mut self) -> Result<u8, Violation> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Violation> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Violation> {
        self.array().map(u32::from_be_bytes)
    }

    /// Variable Byte Integer (MQTT 5.0 section 1.5.5).
    pub(super) fn variable_byte_integer(&mut self) -> Result<usize, Violation> {
        let (value, len) = variable_byte_integer(self.rest)?.ok_or(Violation::Truncated)?;
        self.take(len).map(|_integer| value)
    }

    pub(super) fn packet_id(&mut self) -> Result<PacketId, Violation> {
        PacketId::new(self.u16()?).ok_or(Violation::PacketIdZero)
    }

    /// Binary Data (MQTT 5.0 section 1.5.6).
    pub(super) fn binary(&mut self) -> Result<Bytes, Violation> {
        let len = self.u16()?;
        self.take(usize::from(len)).map(|data| self.frame.slice_ref(data))
    }

    /// UTF-8 Encoded String (MQTT 5.0 section 1.5.4, 3.1.1 section 1.5.3).
    pub(super) fn text(&mut self) -> Result<ByteString, Violation> {
        let text = self.well_formed()?;
        // Without a way out in the middle the loop is done sixteen bytes at a time.
        if text.bytes().fold(false, |found, byte| found | (byte == 0)) {
            return Err(Violation::Nul);
        }
        self.check_control_chars(&text)?;
        Ok(text)
    }

    /// A Topic Name; `None` for an empty string.
    pub(super) fn topic(&mut self) -> Result<Option<TopicName>, Violation> {
        let text = self.well_formed()?;
        if text.is_empty() {
            return Ok(None);
        }
        let has_nul = |text: &ByteString| text.as_bytes().contains(&0);
        // Both are looked for at once; which it is matters only where there is one.
        let topic = TopicName::check(text).map_err(|text| match has_nul(&text) {
            true => Violation::Nul,
            false => Violation::WildcardInTopic,
        })?;
        self.check_control_chars(topic.as_str())?;
        Ok(Some(topic))
    }

    fn well_formed(&mut self) -> Result<ByteString, Violation> {
        ByteString::try_from(self.binary()?).map_err(|_error| Violation::IllFormedUtf8)
    }

    fn check_control_chars(&self, text: &str) -> Result<(), Violation> {
        if self.limits.reject_control_chars && text.chars().any(char::is_control) {
            return Err(Violation::ControlCharacter);
        }
        Ok(())
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Violation> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Violation::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Violation> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(Violation::Truncated)?;
        self.rest = rest;
        Ok(*array)
    }
}

/// The Variable Byte Integer at the front of `buf` and the number of its bytes, 1 to 4; `None`
/// while it is incomplete. Longer forms than needed are refused.
pub(super) fn variable_byte_integer(buf: &[u8]) -> Result<Option<(usize, usize)>, Violation> {
    let mut value = 0;
    for (index, byte) in buf.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            let shortest = *byte != 0 || index == 0;
            let found = (value, index + 1);
            return if shortest { Ok(Some(found)) } else { Err(Violation::VariableByteInteger) };
        }
    }
    if buf.len() < 4 { Ok(None) } else { Err(Violation::VariableByteInteger) }
}
