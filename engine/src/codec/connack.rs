//! CONNACK (MQTT 5.0 section 3.2).

use super::properties::{self, Carrier};
use super::reader::Reader;
use super::reason;
use super::writer::{self, Sink};
use crate::packet::PacketType;
use crate::packet::{Connack, Version};
use crate::violation::Violation;

const SESSION_PRESENT: u8 = 1;

pub(super) fn decode(version: Version, mut reader: Reader<'_>) -> Result<Connack, Violation> {
    let session_present = decode_flags(version, &mut reader)?;
    let code = match version {
        Version::V3_1 | Version::V3_1_1 => reason::from_return_code_v3(reader.byte()?)?,
        Version::V5 => reason::decode(reason::CONNACK, &mut reader)?,
    };
    let properties = properties::decode(version, Carrier::Connack, &mut reader)?;
    reader.finish().map(|()| Connack { session_present, code, properties })
}

/// A code that the version cannot say leaves no bytes.
pub(super) fn write(version: Version, connack: &Connack, out: &mut dyn Sink) {
    let code = match version {
        Version::V3_1 | Version::V3_1_1 => reason::return_code_v3(connack.code),
        Version::V5 => Some(connack.code.byte()),
    };
    let Some(code) = code else { return };
    let session_present = connack.session_present && version != Version::V3_1;
    writer::packet(PacketType::Connack.first_byte(), out, |out| {
        out.slice(&[if session_present { SESSION_PRESENT } else { 0 }, code]);
        properties::write(version, &connack.properties, out);
    });
}

/// Session Present. In 3.1 the byte says nothing, whatever it holds.
fn decode_flags(version: Version, reader: &mut Reader<'_>) -> Result<bool, Violation> {
    let flags = reader.byte()?;
    if version == Version::V3_1 {
        return Ok(false);
    }
    if flags & !SESSION_PRESENT != 0 {
        return Err(Violation::ConnackFlags { flags });
    }
    Ok(flags == SESSION_PRESENT)
}
