//! PUBACK, PUBREC, PUBREL and PUBCOMP (MQTT 5.0 sections 3.4 to 3.7).

use super::properties::{self, Carrier};
use super::reader::Reader;
use super::reason;
use super::writer::{self, Sink};
use crate::packet::PacketType;
use crate::packet::{Ack, ReasonCode, Version};
use crate::violation::Violation;

/// `allowed` are the codes of this one of the four. From 5.0 on code and properties may be left
/// out from the end: two bytes say success, three say a code.
pub(super) fn decode(
    version: Version,
    allowed: &[ReasonCode],
    mut reader: Reader<'_>,
) -> Result<Ack, Violation> {
    let mut ack = Ack::new(reader.packet_id()?);
    if version == Version::V5 && !reader.is_empty() {
        ack.code = reason::decode(allowed, &mut reader)?;
        if !reader.is_empty() {
            ack.properties = properties::decode(version, Carrier::Ack, &mut reader)?;
        }
    }
    reader.finish().map(|()| ack)
}

/// In the shortest form that says it.
pub(super) fn write(version: Version, packet_type: PacketType, ack: &Ack, out: &mut impl Sink) {
    let first = packet_type.first_byte();
    let [high, low] = ack.packet_id.get().to_be_bytes();
    if version != Version::V5 || (ack.code == ReasonCode::Success && ack.properties.is_empty()) {
        return out.slice(&[first, 2, high, low]);
    }
    if ack.properties.is_empty() {
        return out.slice(&[first, 3, high, low, ack.code.byte()]);
    }
    writer::packet(first, out, |out| {
        out.slice(&[high, low, ack.code.byte()]);
        properties::write(version, &ack.properties, out);
    });
}
