//! CONNACK.

use super::{ALL, Refused, Row, USER_PROPERTIES, V3, V5, V31, V311, V311_UP, frame, list};
use super::{read_only, refuse, row, text, user_properties};
use bytes::Bytes;
use surewire_engine::packet::{Connack, Packet, Properties, PropertySet, ReasonCode};
use surewire_engine::violation::Violation;

fn connack(session_present: bool, code: ReasonCode) -> Packet {
    Packet::Connack(Connack { session_present, code, properties: Properties::NONE })
}

pub(crate) fn rows() -> Vec<Row> {
    let rows = &mut Vec::new();
    row(rows, "connack", V3, b"\x20\x02\x00\x00", connack(false, ReasonCode::Success));
    row(rows, "connack_present", V311, b"\x20\x02\x01\x00", connack(true, ReasonCode::Success));
    let ignored = connack(false, ReasonCode::Success);
    read_only(rows, "connack_reserved_byte", V31, b"\x20\x02\x01\x00", ignored);
    let refusals = [
        (1, "connack_version", ReasonCode::UnsupportedProtocolVersion),
        (2, "connack_client_id", ReasonCode::ClientIdentifierNotValid),
        (3, "connack_unavailable", ReasonCode::ServerUnavailable),
        (4, "connack_password", ReasonCode::BadUserNameOrPassword),
        (5, "connack_not_authorized", ReasonCode::NotAuthorized),
    ];
    for (byte, name, code) in refusals {
        row(rows, name, V3, [0x20, 2, 0, byte], connack(false, code));
    }
    row(rows, "connack", V5, b"\x20\x03\x00\x00\x00", connack(false, ReasonCode::Success));
    row(rows, "connack_present", V5, b"\x20\x03\x01\x00\x00", connack(true, ReasonCode::Success));
    row(rows, "connack_banned", V5, b"\x20\x03\x00\x8a\x00", connack(false, ReasonCode::Banned));
    row(rows, "connack_properties", V5, with_everything(), everything());
    std::mem::take(rows)
}

fn everything() -> Packet {
    let properties = PropertySet {
        session_expiry_interval: Some(0xFFFF_FFFF),
        assigned_client_identifier: Some(text("auto")),
        server_keep_alive: Some(60),
        authentication_method: Some(text("m")),
        authentication_data: Some(Bytes::from_static(b"\x00\xff")),
        response_information: Some(text("r/")),
        server_reference: Some(text("b:1883")),
        reason_string: Some(text("why")),
        receive_maximum: Some(1),
        topic_alias_maximum: Some(0),
        maximum_qos: Some(1),
        retain_available: Some(false),
        maximum_packet_size: Some(1),
        wildcard_subscription_available: Some(true),
        subscription_identifier_available: Some(false),
        shared_subscription_available: Some(true),
        ..user_properties().get().clone()
    };
    let code = ReasonCode::Success;
    Packet::Connack(Connack { session_present: true, code, properties: properties.into() })
}

fn with_everything() -> Vec<u8> {
    let before: &[&[u8]] = &[
        b"\x11\xff\xff\xff\xff",
        b"\x12\x00\x04auto",
        b"\x13\x00\x3c",
        b"\x15\x00\x01m",
        b"\x16\x00\x02\x00\xff",
        b"\x1a\x00\x02r/",
        b"\x1c\x00\x06b:1883",
        b"\x1f\x00\x03why",
        b"\x21\x00\x01",
        b"\x22\x00\x00",
        b"\x24\x01",
        b"\x25\x00",
        USER_PROPERTIES,
        b"\x27\x00\x00\x00\x01",
        b"\x28\x01",
        b"\x29\x00",
        b"\x2a\x01",
    ];
    frame(0x20, &[b"\x01\x00", &list(before)])
}

pub(crate) fn refused() -> Vec<Refused> {
    let rows = &mut Vec::new();
    refuse(rows, "no code", ALL, b"\x20\x01\x00", Violation::Truncated);
    refuse(rows, "empty", ALL, b"\x20\x00", Violation::Truncated);
    refuse(rows, "trailing bytes", V3, b"\x20\x03\x00\x00\x00", Violation::TrailingBytes);
    refuse(rows, "no Property Length", V5, b"\x20\x02\x00\x00", Violation::Truncated);
    let flags = |flags| Violation::ConnackFlags { flags };
    refuse(rows, "bit 1 of the flags", V311, b"\x20\x02\x02\x00", flags(2));
    refuse(rows, "bit 7 of the flags", V311_UP, b"\x20\x03\x81\x00\x00", flags(0x81));
    let code = |code| Violation::ReasonCode { code };
    refuse(rows, "return code 6", V3, b"\x20\x02\x00\x06", code(6));
    for never in [0x01, 0x8B, 0x8D, 0x8E, 0x93, 0x94, 0xFF] {
        refuse(rows, "a code of other packets", V5, [0x20, 3, 0, never, 0], code(never));
    }
    std::mem::take(rows)
}
