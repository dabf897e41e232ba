//! DISCONNECT.

use super::{
    ALL, REASON_PROPERTIES, Refused, Row, V3, V5, frame, list, read_only, reason_properties,
    refuse, row, text,
};
use surewire_engine::packet::{Disconnect, Packet, Properties, PropertySet, ReasonCode};
use surewire_engine::violation::Violation;

fn disconnect(code: ReasonCode, properties: Properties) -> Packet {
    Packet::Disconnect(Disconnect { code, properties })
}

pub(crate) fn rows() -> Vec<Row> {
    let rows = &mut Vec::new();
    let plain = |code| disconnect(code, Properties::NONE);
    row(rows, "disconnect", ALL, b"\xe0\x00", plain(ReasonCode::Success));
    let will = plain(ReasonCode::DisconnectWithWill);
    row(rows, "disconnect_with_will", V5, b"\xe0\x01\x04", will);
    let taken = plain(ReasonCode::SessionTakenOver);
    row(rows, "disconnect_taken_over", V5, b"\xe0\x01\x8e", taken);
    let method = plain(ReasonCode::BadAuthenticationMethod);
    row(rows, "disconnect_bad_method", V5, b"\xe0\x01\x8c", method);
    read_only(rows, "disconnect_long", V5, b"\xe0\x01\x00", plain(ReasonCode::Success));
    read_only(rows, "disconnect_longer", V5, b"\xe0\x02\x00\x00", plain(ReasonCode::Success));

    let expiry = PropertySet { session_expiry_interval: Some(7), ..PropertySet::NONE };
    let bytes = b"\xe0\x07\x00\x05\x11\x00\x00\x00\x07";
    row(rows, "disconnect_expiry", V5, bytes, disconnect(ReasonCode::Success, expiry.into()));
    let moved =
        PropertySet { server_reference: Some(text("b:1883")), ..reason_properties().get().clone() };
    let bytes = frame(0xE0, &[b"\x9d", &list(&[b"\x1c\x00\x06b:1883", REASON_PROPERTIES])]);
    row(rows, "disconnect_moved", V5, bytes, disconnect(ReasonCode::ServerMoved, moved.into()));
    std::mem::take(rows)
}

pub(crate) fn refused() -> Vec<Refused> {
    let rows = &mut Vec::new();
    let flags = Violation::ReservedFlags { packet: 14, flags: 1 };
    refuse(rows, "flags", ALL, b"\xe1\x00", flags);
    refuse(rows, "a body before 5.0", V3, b"\xe0\x01\x00", Violation::TrailingBytes);
    refuse(rows, "trailing bytes", V5, b"\xe0\x03\x00\x00\x00", Violation::TrailingBytes);
    refuse(rows, "cut properties", V5, b"\xe0\x02\x00\x01", Violation::Truncated);
    for never in [0x01, 0x18, 0x84, 0x85, 0x86, 0x88, 0x8A, 0x91, 0x92, 0xFF] {
        let code = Violation::ReasonCode { code: never };
        refuse(rows, "a code of other packets", V5, [0xE0, 1, never], code);
    }
    std::mem::take(rows)
}
