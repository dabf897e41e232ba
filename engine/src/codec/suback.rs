//! SUBACK and UNSUBACK (MQTT 5.0 sections 3.9 and 3.11).

use smallvec::SmallVec;

use super::properties::{self, Carrier};
use super::reader::Reader;
use super::reason;
use super::writer::{self, Sink};
use crate::packet::PacketType;
use crate::packet::{ReasonCode, Suback, Version};
use crate::violation::Violation;

pub(super) fn decode_suback(version: Version, reader: Reader<'_>) -> Result<Suback, Violation> {
    match version {
        Version::V3_1 | Version::V3_1_1 => decode_with(version, reason::SUBACK_V3, reader),
        Version::V5 => decode_with(version, reason::SUBACK, reader),
    }
}

/// Before 5.0 it has a Packet Identifier and nothing else.
pub(super) fn decode_unsuback(
    version: Version,
    mut reader: Reader<'_>,
) -> Result<Suback, Violation> {
    if version == Version::V5 {
        return decode_with(version, reason::UNSUBACK, reader);
    }
    let packet_id = reader.packet_id()?;
    let properties = properties::decode(version, Carrier::Ack, &mut reader)?;
    reader.finish().map(|()| Suback { packet_id, codes: SmallVec::new(), properties })
}

pub(super) fn write_suback(version: Version, suback: &Suback, out: &mut dyn Sink) {
    writer::packet(PacketType::Suback.first_byte(), out, |out| {
        out.u16(suback.packet_id.get());
        properties::write(version, &suback.properties, out);
        for code in &suback.codes {
            out.byte(match version {
                Version::V3_1 | Version::V3_1_1 => reason::suback_code_v3(*code),
                Version::V5 => code.byte(),
            });
        }
    });
}

pub(super) fn write_unsuback(version: Version, unsuback: &Suback, out: &mut dyn Sink) {
    writer::packet(PacketType::Unsuback.first_byte(), out, |out| {
        out.u16(unsuback.packet_id.get());
        properties::write(version, &unsuback.properties, out);
        if version == Version::V5 {
            unsuback.codes.iter().for_each(|code| out.byte(code.byte()));
        }
    });
}

/// A request has a filter at least, so the answer has a code at least.
fn decode_with(
    version: Version,
    allowed: &[ReasonCode],
    mut reader: Reader<'_>,
) -> Result<Suback, Violation> {
    let packet_id = reader.packet_id()?;
    let properties = properties::decode(version, Carrier::Ack, &mut reader)?;
    let mut codes = SmallVec::new();
    codes.push(reason::decode(allowed, &mut reader)?);
    while !reader.is_empty() {
        codes.push(reason::decode(allowed, &mut reader)?);
    }
    Ok(Suback { packet_id, codes, properties })
}
