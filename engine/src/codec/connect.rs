//! CONNECT (MQTT 5.0 section 3.1).

use bytestring::ByteString;

use super::properties::{self, Carrier};
use super::reader::Reader;
use super::writer::{self, Sink};
use crate::packet::PacketType;
use crate::packet::{Connect, Password, Properties, PropertySet, QoS, Version, Will};
use crate::violation::Violation;

/// The Connect Flags (section 3.1.2.3).
mod flag {
    pub(super) const RESERVED: u8 = 1;
    pub(super) const CLEAN_START: u8 = 1 << 1;
    pub(super) const WILL: u8 = 1 << 2;
    pub(super) const WILL_QOS_SHIFT: u8 = 3;
    pub(super) const WILL_RETAIN: u8 = 1 << 5;
    pub(super) const PASSWORD: u8 = 1 << 6;
    pub(super) const USER_NAME: u8 = 1 << 7;
}

/// A first packet that is no CONNECT, or a bad one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadConnect {
    /// What is wrong with it.
    pub violation: Violation,
    /// What its sender speaks, if that could be read: it may be answered then.
    pub version: Option<Version>,
    /// Bytes of a whole packet that its sender takes, if it has said so before what is wrong.
    pub max_packet_size: Option<u32>,
}

impl From<Violation> for BadConnect {
    fn from(violation: Violation) -> Self {
        Self { violation, version: None, max_packet_size: None }
    }
}

pub(super) fn decode(mut reader: Reader<'_>) -> Result<Connect, BadConnect> {
    let version = decode_version(&mut reader)?;
    let mut set = PropertySet::NONE;
    match decode_fields(version, &mut set, reader) {
        Ok(connect) => Ok(Connect { properties: set.into(), ..connect }),
        Err(violation) => {
            let max_packet_size = set.maximum_packet_size;
            Err(BadConnect { violation, version: Some(version), max_packet_size })
        }
    }
}

/// Everything; but the properties are left in `set`, as far as they could be read.
fn decode_fields(
    version: Version,
    set: &mut PropertySet,
    mut reader: Reader<'_>,
) -> Result<Connect, Violation> {
    let flags = decode_flags(version, &mut reader)?;
    let keep_alive = reader.u16()?;
    properties::decode_into(set, version, Carrier::Connect, &mut reader)?;
    let client_id = reader.text()?;
    let will = decode_will(version, flags, &mut reader)?;
    check_user_properties(set, will.as_deref(), reader.limits.max_user_properties)?;
    let user_name = decode_user_name(version, flags, &mut reader)?;
    let password = decode_password(version, flags, &mut reader)?;
    reader.finish()?;
    let clean_start = flags & flag::CLEAN_START != 0;
    let properties = Properties::NONE;
    Ok(Connect {
        version,
        clean_start,
        keep_alive,
        client_id,
        will,
        user_name,
        password,
        properties,
    })
}

pub(super) fn write(connect: &Connect, out: &mut dyn Sink) {
    let version = connect.version;
    writer::packet(PacketType::Connect.first_byte(), out, |out| {
        write_version(version, out);
        out.byte(flags_of(connect));
        out.u16(connect.keep_alive);
        properties::write(version, &connect.properties, out);
        out.field(connect.client_id.as_bytes());
        if let Some(will) = &connect.will {
            properties::write(version, &will.properties, out);
            out.field(will.topic.as_str().as_bytes());
            out.field(&will.payload);
        }
        if let Some(user_name) = &connect.user_name {
            out.field(user_name.as_bytes());
        }
        if let Some(Password(password)) = &connect.password {
            out.field(password);
        }
    });
}

/// Protocol Name and Protocol Level.
fn decode_version(reader: &mut Reader<'_>) -> Result<Version, Violation> {
    let name = reader.binary()?;
    let is_old = match name.as_ref() {
        b"MQTT" => false,
        b"MQIsdp" => true,
        _ => return Err(Violation::ProtocolName),
    };
    match (is_old, reader.byte()?) {
        (true, 3) => Ok(Version::V3_1),
        (false, 4) => Ok(Version::V3_1_1),
        (false, 5) => Ok(Version::V5),
        (_, level) => Err(Violation::ProtocolLevel { level }),
    }
}

fn write_version(version: Version, out: &mut dyn Sink) {
    let (name, level): (&[u8], u8) = match version {
        Version::V3_1 => (b"MQIsdp", 3),
        Version::V3_1_1 => (b"MQTT", 4),
        Version::V5 => (b"MQTT", 5),
    };
    out.field(name);
    out.byte(level);
}

/// The Connect Flags, if they fit one another. MQTT 3.1 tells to disregard Will QoS and Will
/// Retain where there is no Will.
fn decode_flags(version: Version, reader: &mut Reader<'_>) -> Result<u8, Violation> {
    let flags = reader.byte()?;
    if flags & flag::RESERVED != 0 {
        return Err(Violation::ReservedConnectFlag);
    }
    let stray_will = flags & (3 << flag::WILL_QOS_SHIFT | flag::WILL_RETAIN) != 0;
    if flags & flag::WILL == 0 && stray_will && version != Version::V3_1 {
        return Err(Violation::WillFlags);
    }
    let lone_password = flags & flag::PASSWORD != 0 && flags & flag::USER_NAME == 0;
    if lone_password && version != Version::V5 {
        return Err(Violation::PasswordWithoutUserName);
    }
    Ok(flags)
}

fn flags_of(connect: &Connect) -> u8 {
    let mut flags = 0;
    if connect.clean_start {
        flags |= flag::CLEAN_START;
    }
    if let Some(will) = &connect.will {
        flags |= flag::WILL | (will.qos as u8) << flag::WILL_QOS_SHIFT;
        flags |= if will.retain { flag::WILL_RETAIN } else { 0 };
    }
    if connect.user_name.is_some() {
        flags |= flag::USER_NAME;
    }
    if connect.password.is_some() {
        flags |= flag::PASSWORD;
    }
    flags
}

fn decode_will(
    version: Version,
    flags: u8,
    reader: &mut Reader<'_>,
) -> Result<Option<Box<Will>>, Violation> {
    if flags & flag::WILL == 0 {
        return Ok(None);
    }
    let qos = QoS::from_bits(flags >> flag::WILL_QOS_SHIFT & 3).ok_or(Violation::WillFlags)?;
    let properties = properties::decode(version, Carrier::Will, reader)?;
    let topic = match reader.topic() {
        Ok(None) | Err(Violation::WildcardInTopic) => return Err(Violation::WillTopic),
        Ok(Some(topic)) => topic,
        Err(other) => return Err(other),
    };
    let payload = reader.binary()?;
    let retain = flags & flag::WILL_RETAIN != 0;
    Ok(Some(Box::new(Will { topic, payload, qos, retain, properties })))
}

/// Each list has been checked alone; the limit is for the packet.
fn check_user_properties(
    connect: &PropertySet,
    will: Option<&Will>,
    limit: usize,
) -> Result<(), Violation> {
    let of_will = will.map_or(0, |will| will.properties.get().user_properties.len());
    if connect.user_properties.len() + of_will > limit {
        return Err(Violation::TooManyUserProperties { limit });
    }
    Ok(())
}

fn decode_user_name(
    version: Version,
    flags: u8,
    reader: &mut Reader<'_>,
) -> Result<Option<ByteString>, Violation> {
    if flags & flag::USER_NAME == 0 || is_cut_off(version, reader) {
        return Ok(None);
    }
    reader.text().map(Some)
}

fn decode_password(
    version: Version,
    flags: u8,
    reader: &mut Reader<'_>,
) -> Result<Option<Password>, Violation> {
    if flags & flag::PASSWORD == 0 || is_cut_off(version, reader) {
        return Ok(None);
    }
    reader.binary().map(|password| Some(Password(password)))
}

/// MQTT 3.1 lets a packet end before the User Name or the Password that its flags promise, for
/// the sake of yet older clients (MQTT 3.1 section 3.1, User name and password flags).
fn is_cut_off(version: Version, reader: &Reader<'_>) -> bool {
    version == Version::V3_1 && reader.is_empty()
}
