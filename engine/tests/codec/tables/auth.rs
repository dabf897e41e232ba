//! AUTH.

use super::{REASON_PROPERTIES, Refused, Row, V3, V5, frame, list, read_only, refuse, row};
use super::{reason_properties, text};
use bytes::Bytes;
use surewire_engine::packet::{Auth, Packet, Properties, PropertySet, ReasonCode};
use surewire_engine::violation::Violation;

pub(crate) fn rows() -> Vec<Row> {
    let rows = &mut Vec::new();
    let plain = |code| Packet::Auth(Auth { code, properties: Properties::NONE });
    row(rows, "auth", V5, b"\xf0\x00", plain(ReasonCode::Success));
    row(rows, "auth_again", V5, b"\xf0\x02\x19\x00", plain(ReasonCode::ReAuthenticate));
    read_only(rows, "auth_long", V5, b"\xf0\x02\x00\x00", plain(ReasonCode::Success));

    let properties = PropertySet {
        authentication_method: Some(text("SCRAM-SHA-1")),
        authentication_data: Some(Bytes::from_static(b"\x00n,,")),
        ..reason_properties().get().clone()
    };
    let code = ReasonCode::ContinueAuthentication;
    let packet = Packet::Auth(Auth { code, properties: properties.into() });
    let method = b"\x15\x00\x0bSCRAM-SHA-1\x16\x00\x04\x00n,,";
    let bytes = frame(0xF0, &[b"\x18", &list(&[method, REASON_PROPERTIES])]);
    row(rows, "auth_properties", V5, bytes, packet);
    std::mem::take(rows)
}

pub(crate) fn refused() -> Vec<Refused> {
    let rows = &mut Vec::new();
    refuse(rows, "before 5.0", V3, b"\xf0\x00", Violation::ReservedType { found: 15 });
    let flags = Violation::ReservedFlags { packet: 15, flags: 1 };
    refuse(rows, "flags", V5, b"\xf1\x00", flags);
    refuse(rows, "no Property Length", V5, b"\xf0\x01\x18", Violation::Truncated);
    refuse(rows, "trailing bytes", V5, b"\xf0\x03\x18\x00\x00", Violation::TrailingBytes);
    let code = Violation::ReasonCode { code: 0x87 };
    refuse(rows, "a code of CONNACK", V5, b"\xf0\x02\x87\x00", code);
    let data = b"\xf0\x06\x18\x04\x16\x00\x01x";
    refuse(rows, "data without method", V5, data, Violation::AuthenticationData);
    std::mem::take(rows)
}
