//! Takes a packet's body apart, field by field. Every field is a view into the frame.

use bytes::{Buf, Bytes};
use bytestring::ByteString;

use super::Limits;
use crate::id::PacketId;
use crate::topic::TopicName;
use crate::violation::Violation;

/// What is left of a body.
pub(super) struct Reader<'a> {
    rest: Bytes,
    pub(super) limits: &'a Limits,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(body: Bytes, limits: &'a Limits) -> Self {
        Self { rest: body, limits }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Everything that is left.
    pub(super) fn rest(self) -> Bytes {
        self.rest
    }

    /// Nothing may be left.
    pub(super) fn finish(self) -> Result<(), Violation> {
        if self.is_empty() { Ok(()) } else { Err(Violation::TrailingBytes) }
    }

    /// A reader of the next `len` bytes alone.
    pub(super) fn part(&mut self, len: usize) -> Result<Self, Violation> {
        Ok(Self { rest: self.take(len)?, limits: self.limits })
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
        let (value, len) = variable_byte_integer(&self.rest)?.ok_or(Violation::Truncated)?;
        self.rest.advance(len);
        Ok(value)
    }

    pub(super) fn packet_id(&mut self) -> Result<PacketId, Violation> {
        PacketId::new(self.u16()?).ok_or(Violation::PacketIdZero)
    }

    /// Binary Data (MQTT 5.0 section 1.5.6).
    pub(super) fn binary(&mut self) -> Result<Bytes, Violation> {
        let len = self.u16()?;
        self.take(usize::from(len))
    }

    /// UTF-8 Encoded String (MQTT 5.0 section 1.5.4, 3.1.1 section 1.5.3).
    pub(super) fn text(&mut self) -> Result<ByteString, Violation> {
        let text =
            ByteString::try_from(self.binary()?).map_err(|_error| Violation::IllFormedUtf8)?;
        if text.as_bytes().contains(&0) {
            return Err(Violation::Nul);
        }
        if self.limits.reject_control_chars && text.chars().any(char::is_control) {
            return Err(Violation::ControlCharacter);
        }
        Ok(text)
    }

    /// A Topic Name; `None` for an empty string.
    pub(super) fn topic(&mut self) -> Result<Option<TopicName>, Violation> {
        let text = self.text()?;
        if text.is_empty() {
            return Ok(None);
        }
        // Its length, and that it has no U+0000, is clear by now.
        TopicName::new(text).ok_or(Violation::WildcardInTopic).map(Some)
    }

    fn take(&mut self, len: usize) -> Result<Bytes, Violation> {
        if len > self.rest.len() {
            return Err(Violation::Truncated);
        }
        Ok(self.rest.split_to(len))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Violation> {
        let array = *self.rest.first_chunk().ok_or(Violation::Truncated)?;
        self.rest.advance(N);
        Ok(array)
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
