//! UNSUBSCRIBE (MQTT 5.0 section 3.10).

use super::properties::{self, Carrier};
use super::reader::Reader;
use super::writer::{self, Sink};
use crate::packet::PacketType;
use crate::packet::{Unsubscribe, Version};
use crate::violation::Violation;

pub(super) fn decode(version: Version, mut reader: Reader<'_>) -> Result<Unsubscribe, Violation> {
    let packet_id = reader.packet_id()?;
    let properties = properties::decode(version, Carrier::Unsubscribe, &mut reader)?;
    let mut filters = Vec::new();
    while !reader.is_empty() {
        filters.push(reader.text()?);
    }
    if filters.is_empty() {
        return Err(Violation::NoFilters);
    }
    Ok(Unsubscribe { packet_id, filters, properties })
}

pub(super) fn write(version: Version, unsubscribe: &Unsubscribe, out: &mut dyn Sink) {
    writer::packet(PacketType::Unsubscribe.first_byte(), out, |out| {
        out.u16(unsubscribe.packet_id.get());
        properties::write(version, &unsubscribe.properties, out);
        for filter in &unsubscribe.filters {
            out.field(filter.as_bytes());
        }
    });
}
