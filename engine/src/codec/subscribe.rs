//! SUBSCRIBE (MQTT 5.0 section 3.8).

use super::properties::{self, Carrier};
use super::reader::Reader;
use super::writer::{self, Sink};
use crate::packet::PacketType;
use crate::packet::{QoS, RetainHandling, Subscribe, SubscribeFilter, SubscribeOptions, Version};
use crate::violation::Violation;

const NO_LOCAL: u8 = 1 << 2;
const RETAIN_AS_PUBLISHED: u8 = 1 << 3;
const RETAIN_HANDLING_SHIFT: u8 = 4;

pub(super) fn decode(version: Version, mut reader: Reader<'_>) -> Result<Subscribe, Violation> {
    let packet_id = reader.packet_id()?;
    let properties = properties::decode(version, Carrier::Subscribe, &mut reader)?;
    let mut filters = Vec::new();
    while !reader.is_empty() {
        filters.push(decode_filter(version, &mut reader)?);
    }
    if filters.is_empty() {
        return Err(Violation::NoFilters);
    }
    Ok(Subscribe { packet_id, filters, properties })
}

pub(super) fn write(version: Version, subscribe: &Subscribe, out: &mut dyn Sink) {
    writer::packet(PacketType::Subscribe.first_byte(), out, |out| {
        out.u16(subscribe.packet_id.get());
        properties::write(version, &subscribe.properties, out);
        for SubscribeFilter { filter, options } in &subscribe.filters {
            out.field(filter.as_bytes());
            out.byte(options_byte(version, *options));
        }
    });
}

fn decode_filter(version: Version, reader: &mut Reader<'_>) -> Result<SubscribeFilter, Violation> {
    let filter = reader.text()?;
    let options = decode_options(version, reader.byte()?)?;
    if options.no_local && filter.starts_with("$share/") {
        return Err(Violation::NoLocalOnShared);
    }
    Ok(SubscribeFilter { filter, options })
}

/// Before 5.0 the byte holds the requested QoS alone.
fn decode_options(version: Version, byte: u8) -> Result<SubscribeOptions, Violation> {
    let reserved = if version == Version::V5 { 0xC0 } else { 0xFC };
    if byte & reserved != 0 {
        return Err(Violation::ReservedOptions);
    }
    let retain_handling = match byte >> RETAIN_HANDLING_SHIFT & 3 {
        0 => RetainHandling::Always,
        1 => RetainHandling::IfNew,
        2 => RetainHandling::Never,
        _ => return Err(Violation::RetainHandling3),
    };
    Ok(SubscribeOptions {
        qos: QoS::from_bits(byte & 3).ok_or(Violation::SubscribeQoS3)?,
        no_local: byte & NO_LOCAL != 0,
        retain_as_published: byte & RETAIN_AS_PUBLISHED != 0,
        retain_handling,
    })
}

fn options_byte(version: Version, options: SubscribeOptions) -> u8 {
    let qos = options.qos as u8;
    if version != Version::V5 {
        return qos;
    }
    let no_local = if options.no_local { NO_LOCAL } else { 0 };
    let retain_as_published = if options.retain_as_published { RETAIN_AS_PUBLISHED } else { 0 };
    let retain_handling = (options.retain_handling as u8) << RETAIN_HANDLING_SHIFT;
    qos | no_local | retain_as_published | retain_handling
}
