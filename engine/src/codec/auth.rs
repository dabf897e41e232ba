//! AUTH (MQTT 5.0 section 3.15).

use super::properties::{self, Carrier};
use super::reader::Reader;
use super::reason;
use super::writer::{self, Sink};
use crate::packet::PacketType;
use crate::packet::{Auth, Properties, ReasonCode, Version};
use crate::violation::Violation;

/// An empty body says success.
pub(super) fn decode(mut reader: Reader<'_>) -> Result<Auth, Violation> {
    if reader.is_empty() {
        return Ok(Auth { code: ReasonCode::Success, properties: Properties::NONE });
    }
    let code = reason::decode(reason::AUTH, &mut reader)?;
    let properties = properties::decode(Version::V5, Carrier::Auth, &mut reader)?;
    reader.finish().map(|()| Auth { code, properties })
}

pub(super) fn write(version: Version, auth: &Auth, out: &mut dyn Sink) {
    if version != Version::V5 {
        return;
    }
    let shortest = auth.code == ReasonCode::Success && auth.properties.is_empty();
    writer::packet(PacketType::Auth.first_byte(), out, |out| {
        if !shortest {
            out.byte(auth.code.byte());
            properties::write(version, &auth.properties, out);
        }
    });
}
