//! DISCONNECT (MQTT 5.0 section 3.14).

use super::properties::{self, Carrier};
use super::reader::Reader;
use super::reason;
use super::writer::{self, Sink};
use crate::packet::PacketType;
use crate::packet::{Disconnect, Properties, ReasonCode, Version};
use crate::violation::Violation;

/// Before 5.0 the body is empty. From 5.0 on code and properties may be left out from the end.
pub(super) fn decode(version: Version, mut reader: Reader<'_>) -> Result<Disconnect, Violation> {
    let mut disconnect = Disconnect { code: ReasonCode::Success, properties: Properties::NONE };
    if version == Version::V5 && !reader.is_empty() {
        disconnect.code = reason::decode(reason::DISCONNECT, &mut reader)?;
        if !reader.is_empty() {
            disconnect.properties = properties::decode(version, Carrier::Disconnect, &mut reader)?;
        }
    }
    reader.finish().map(|()| disconnect)
}

/// In the shortest form that says it.
pub(super) fn write(version: Version, disconnect: &Disconnect, out: &mut dyn Sink) {
    let Disconnect { code, properties } = disconnect;
    let has_code = *code != ReasonCode::Success || !properties.is_empty();
    writer::packet(PacketType::Disconnect.first_byte(), out, |out| {
        if version == Version::V5 && has_code {
            out.byte(code.byte());
        }
        if version == Version::V5 && !properties.is_empty() {
            properties::write(version, properties, out);
        }
    });
}
