//! The bytes of MQTT's packets: all versions, both directions, one model.

use bytes::Bytes;

use crate::action::{Delivery, Outgoing};
use crate::packet::{Connect, Packet, Version};
use crate::violation::Violation;

/// What the decoder allows beyond the standard's own rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a whole packet, fixed header included.
    pub max_packet_size: usize,
    /// User Properties in one packet.
    pub max_user_properties: usize,
    /// Whether control characters in text end the connection.
    pub reject_control_chars: bool,
}

/// The length in bytes of the packet at the front of `buf`, fixed header included; `None` while
/// the fixed header is incomplete. The packet itself need not be complete.
///
/// # Errors
/// An over-long Remaining Length, or a packet larger than `max_packet_size`.
pub fn frame_len(_buf: &[u8], _max_packet_size: usize) -> Result<Option<usize>, Violation> {
    Ok(None)
}

/// Decodes the first packet of a connection, which must be a CONNECT. `frame` is one whole packet.
///
/// # Errors
/// What is wrong with it.
pub fn decode_connect(_frame: Bytes, _limits: &Limits) -> Result<Box<Connect>, Violation> {
    Err(Violation::Truncated)
}

/// Decodes one whole packet of a connection whose version is known. Payload and text are views
/// into `frame`.
///
/// # Errors
/// What is wrong with it.
pub fn decode(_version: Version, _frame: Bytes, _limits: &Limits) -> Result<Packet, Violation> {
    Err(Violation::Truncated)
}

/// Appends the packet's bytes to `out`. What the version does not have is left out: a packet it
/// does not know at all leaves no bytes.
pub fn encode(_version: Version, _packet: &Packet, _out: &mut Vec<u8>) {}

/// Appends a PUBLISH without its payload, which must follow, to `out`.
pub fn encode_delivery_head(_version: Version, _delivery: &Delivery, _out: &mut Vec<u8>) {}

/// The number of bytes that [`Outgoing::encode`] appends.
impl Outgoing {
    /// Appends the packet's bytes, payload included, to `out`.
    pub fn encode(&self, _version: Version, _out: &mut Vec<u8>) {}

    /// The number of bytes that [`Outgoing::encode`] appends.
    #[must_use]
    pub fn encoded_len(&self, _version: Version) -> usize {
        0
    }
}
