//! Byte tables: what every packet looks like in every version, and what is refused with which
//! violation. Written by hand from the standard's chapters 2 and 3, one family of packets a file.

pub(crate) mod ack;
pub(crate) mod auth;
pub(crate) mod connack;
pub(crate) mod connect;
pub(crate) mod disconnect;
pub(crate) mod frame;
pub(crate) mod properties;
pub(crate) mod publish;
pub(crate) mod suback;
pub(crate) mod subscribe;
pub(crate) mod unsubscribe;

use bytes::Bytes;
use bytestring::ByteString;
use surewire_engine::codec::{self, Limits};
use surewire_engine::id::PacketId;
use surewire_engine::packet::{Packet, Properties, PropertySet, Version};
use surewire_engine::topic::TopicName;
use surewire_engine::violation::Violation;

pub(crate) const V31: &[Version] = &[Version::V3_1];
pub(crate) const V311: &[Version] = &[Version::V3_1_1];
pub(crate) const V3: &[Version] = &[Version::V3_1, Version::V3_1_1];
pub(crate) const V311_UP: &[Version] = &[Version::V3_1_1, Version::V5];
pub(crate) const V5: &[Version] = &[Version::V5];
pub(crate) const ALL: &[Version] = &[Version::V3_1, Version::V3_1_1, Version::V5];

/// As the broker has them, but for the User Properties.
pub(crate) const LIMITS: Limits =
    Limits { max_packet_size: 1024 * 1024, max_user_properties: 8, reject_control_chars: false };

/// One packet and its bytes in one version.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) version: Version,
    pub(crate) bytes: Bytes,
    pub(crate) packet: Packet,
    /// Whether we write it like this. Other forms are only read.
    pub(crate) written: bool,
}

/// Bytes that are no packet, and why.
pub(crate) struct Refused {
    pub(crate) name: &'static str,
    pub(crate) version: Version,
    pub(crate) bytes: Bytes,
    pub(crate) violation: Violation,
}

/// Every valid row of every family.
pub(crate) fn all_rows() -> Vec<Row> {
    let families = [
        connect::rows(),
        connack::rows(),
        publish::rows(),
        ack::rows(),
        subscribe::rows(),
        suback::rows(),
        unsubscribe::rows(),
        frame::rows(),
        disconnect::rows(),
        auth::rows(),
    ];
    families.into_iter().flatten().collect()
}

/// Every refusal of every family.
pub(crate) fn all_refused() -> Vec<Refused> {
    let families = [
        frame::refused(),
        connect::refused(),
        connack::refused(),
        publish::refused(),
        ack::refused(),
        subscribe::refused(),
        suback::refused(),
        unsubscribe::refused(),
        disconnect::refused(),
        auth::refused(),
        properties::refused(),
    ];
    families.into_iter().flatten().collect()
}

/// A packet as we write it and read it, once for each version.
pub(crate) fn row(
    rows: &mut Vec<Row>,
    name: &'static str,
    versions: &[Version],
    bytes: impl AsRef<[u8]>,
    packet: impl Into<Packet>,
) {
    push(rows, name, versions, bytes.as_ref(), &packet.into(), true);
}

/// A packet in a form that we read, but do not write.
pub(crate) fn read_only(
    rows: &mut Vec<Row>,
    name: &'static str,
    versions: &[Version],
    bytes: impl AsRef<[u8]>,
    packet: impl Into<Packet>,
) {
    push(rows, name, versions, bytes.as_ref(), &packet.into(), false);
}

pub(crate) fn refuse(
    rows: &mut Vec<Refused>,
    name: &'static str,
    versions: &[Version],
    bytes: impl AsRef<[u8]>,
    violation: Violation,
) {
    let bytes = Bytes::copy_from_slice(bytes.as_ref());
    rows.extend(versions.iter().map(|version| Refused {
        name,
        version: *version,
        bytes: bytes.clone(),
        violation,
    }));
}

/// As the shell does it: the length first, then the packet.
pub(crate) fn read(version: Version, bytes: &Bytes) -> Result<Packet, Violation> {
    let len = codec::frame_len(bytes, LIMITS.max_packet_size)?.ok_or(Violation::Truncated)?;
    if len > bytes.len() {
        return Err(Violation::Truncated);
    }
    codec::decode(version, bytes.clone(), &LIMITS)
}

pub(crate) fn written(version: Version, packet: &Packet) -> Vec<u8> {
    let mut out = Vec::new();
    codec::encode(version, packet, &mut out);
    out
}

/// First byte, Remaining Length and body, for bodies that are tedious to count.
pub(crate) fn frame(first: u8, body: &[&[u8]]) -> Vec<u8> {
    let body = body.concat();
    [&[first][..], &length(body.len()), &body].concat()
}

/// Property Length and properties.
pub(crate) fn list(properties: &[&[u8]]) -> Vec<u8> {
    let body = properties.concat();
    [&length(body.len())[..], &body].concat()
}

/// Variable Byte Integers of one and two bytes.
fn length(len: usize) -> Vec<u8> {
    let byte = |value: usize| u8::try_from(value).unwrap();
    match len {
        0..=127 => vec![byte(len)],
        _ => vec![byte(len % 128) | 0x80, byte(len / 128)],
    }
}

pub(crate) fn id(id: u16) -> PacketId {
    PacketId::new(id).unwrap()
}

pub(crate) fn text(text: &'static str) -> ByteString {
    ByteString::from_static(text)
}

pub(crate) fn topic(name: &'static str) -> TopicName {
    TopicName::new(text(name)).unwrap()
}

pub(crate) fn user_properties() -> Properties {
    let pair = |name, value| (text(name), text(value));
    PropertySet {
        user_properties: vec![pair("a", "1"), pair("b", ""), pair("a", "2")],
        ..PropertySet::NONE
    }
    .into()
}

/// The bytes of [`user_properties`].
pub(crate) const USER_PROPERTIES: &[u8] =
    b"\x26\x00\x01a\x00\x011\x26\x00\x01b\x00\x00\x26\x00\x01a\x00\x012";

/// A Reason String and [`user_properties`].
pub(crate) fn reason_properties() -> Properties {
    let set = user_properties().get().clone();
    PropertySet { reason_string: Some(text("why")), ..set }.into()
}

/// The bytes of [`reason_properties`].
pub(crate) const REASON_PROPERTIES: &[u8] =
    b"\x1f\x00\x03why\x26\x00\x01a\x00\x011\x26\x00\x01b\x00\x00\x26\x00\x01a\x00\x012";

fn push(
    rows: &mut Vec<Row>,
    name: &'static str,
    versions: &[Version],
    bytes: &[u8],
    packet: &Packet,
    written: bool,
) {
    let bytes = Bytes::copy_from_slice(bytes);
    rows.extend(versions.iter().map(|version| Row {
        name,
        version: *version,
        bytes: bytes.clone(),
        packet: packet.clone(),
        written,
    }));
}
