//! The fixed header: packet type, flags and Remaining Length (MQTT 5.0 section 2.1).

use std::cmp::Ordering;

use super::reader;
use crate::packet::{PacketType, Version};
use crate::violation::Violation;

impl PacketType {
    /// Type and fixed flags in one byte. For a PUBLISH, whose flags vary, with all of them clear.
    pub(super) const fn first_byte(self) -> u8 {
        (self as u8) << 4 | self.fixed_flags()
    }

    const fn fixed_flags(self) -> u8 {
        match self {
            Self::Pubrel | Self::Subscribe | Self::Unsubscribe => 0b0010,
            Self::Connect
            | Self::Connack
            | Self::Publish
            | Self::Puback
            | Self::Pubrec
            | Self::Pubcomp
            | Self::Suback
            | Self::Unsuback
            | Self::Pingreq
            | Self::Pingresp
            | Self::Disconnect
            | Self::Auth => 0,
        }
    }

    const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            1 => Self::Connect,
            2 => Self::Connack,
            3 => Self::Publish,
            4 => Self::Puback,
            5 => Self::Pubrec,
            6 => Self::Pubrel,
            7 => Self::Pubcomp,
            8 => Self::Subscribe,
            9 => Self::Suback,
            10 => Self::Unsubscribe,
            11 => Self::Unsuback,
            12 => Self::Pingreq,
            13 => Self::Pingresp,
            14 => Self::Disconnect,
            15 => Self::Auth,
            _ => return None,
        })
    }
}

/// A complete fixed header.
pub(super) struct Header {
    /// Packet type and flags.
    pub(super) first: u8,
    /// Bytes of the fixed header itself, 2 to 5.
    pub(super) len: usize,
    /// Remaining Length.
    remaining: usize,
}

impl Header {
    pub(super) const fn packet_len(&self) -> usize {
        self.len + self.remaining
    }

    pub(super) const fn check_size(&self, limit: usize) -> Result<(), Violation> {
        let size = self.packet_len();
        if size > limit { Err(Violation::PacketTooLarge { size, limit }) } else { Ok(()) }
    }
}

/// The fixed header at the front of `buf`; `None` while it is incomplete.
pub(super) fn parse(buf: &[u8]) -> Result<Option<Header>, Violation> {
    let Some((first, rest)) = buf.split_first() else { return Ok(None) };
    let Some((remaining, len)) = reader::variable_byte_integer(rest)? else { return Ok(None) };
    Ok(Some(Header { first: *first, len: 1 + len, remaining }))
}

/// The fixed header of a frame that must hold exactly one packet.
pub(super) fn of_frame(frame: &[u8], max_packet_size: usize) -> Result<Header, Violation> {
    let header = parse(frame)?.ok_or(Violation::Truncated)?;
    header.check_size(max_packet_size)?;
    match frame.len().cmp(&header.packet_len()) {
        Ordering::Less => Err(Violation::Truncated),
        Ordering::Equal => Ok(header),
        Ordering::Greater => Err(Violation::TrailingBytes),
    }
}

/// The packet type, with its flags checked; those of a PUBLISH are its own business.
pub(super) fn packet_type(version: Version, first: u8) -> Result<PacketType, Violation> {
    let (found, flags) = (first >> 4, first & 0x0F);
    let reserved = Violation::ReservedType { found };
    let packet_type = PacketType::from_bits(found).ok_or(reserved)?;
    if packet_type == PacketType::Auth && version != Version::V5 {
        return Err(reserved);
    }
    let fixed = packet_type.fixed_flags();
    let fits = flags == fixed || (version == Version::V3_1 && fixed != 0 && flags == fixed | DUP);
    if packet_type == PacketType::Publish || fits {
        return Ok(packet_type);
    }
    Err(Violation::ReservedFlags { packet: found, flags })
}

/// MQTT 3.1 sets DUP not only in a PUBLISH, but in whatever else is sent at QoS 1 and has flags:
/// PUBREL, SUBSCRIBE and UNSUBSCRIBE (MQTT 3.1 section 2.1).
const DUP: u8 = 0b1000;
