//! PUBACK, PUBREC, PUBREL and PUBCOMP.

use super::{
    ALL, REASON_PROPERTIES, Refused, Row, V3, V5, V31, V311_UP, frame, id, list, read_only,
    reason_properties, refuse, row,
};
use surewire_engine::packet::{Ack, Packet, Properties, ReasonCode};
use surewire_engine::violation::Violation;

fn ack(code: ReasonCode, properties: Properties) -> Ack {
    Ack { packet_id: id(0x1234), code, properties }
}

pub(crate) fn rows() -> Vec<Row> {
    let rows = &mut Vec::new();
    let ok = || ack(ReasonCode::Success, Properties::NONE);
    row(rows, "puback", ALL, b"\x40\x02\x12\x34", Packet::Puback(ok()));
    row(rows, "pubrec", ALL, b"\x50\x02\x12\x34", Packet::Pubrec(ok()));
    row(rows, "pubrel", ALL, b"\x62\x02\x12\x34", Packet::Pubrel(ok()));
    row(rows, "pubcomp", ALL, b"\x70\x02\x12\x34", Packet::Pubcomp(ok()));
    let last = Packet::Puback(Ack::new(id(65_535)));
    row(rows, "puback_last_id", ALL, b"\x40\x02\xff\xff", last);
    read_only(rows, "pubrel_dup", V31, b"\x6a\x02\x12\x34", Packet::Pubrel(ok()));

    let code = |code| ack(code, Properties::NONE);
    let nobody = code(ReasonCode::NoMatchingSubscribers);
    row(rows, "puback_code", V5, b"\x40\x03\x12\x34\x10", Packet::Puback(nobody));
    let quota = code(ReasonCode::QuotaExceeded);
    row(rows, "pubrec_code", V5, b"\x50\x03\x12\x34\x97", Packet::Pubrec(quota));
    let unknown = code(ReasonCode::PacketIdentifierNotFound);
    row(rows, "pubrel_code", V5, b"\x62\x03\x12\x34\x92", Packet::Pubrel(unknown.clone()));
    row(rows, "pubcomp_code", V5, b"\x70\x03\x12\x34\x92", Packet::Pubcomp(unknown));

    let explained = |code| ack(code, reason_properties());
    let bytes = |first, code| frame(first, &[b"\x12\x34", &[code], &list(&[REASON_PROPERTIES])]);
    let why = explained(ReasonCode::NotAuthorized);
    row(rows, "puback_properties", V5, bytes(0x40, 0x87), Packet::Puback(why.clone()));
    row(rows, "pubrec_properties", V5, bytes(0x50, 0x87), Packet::Pubrec(why));
    let why = explained(ReasonCode::Success);
    row(rows, "pubrel_properties", V5, bytes(0x62, 0x00), Packet::Pubrel(why.clone()));
    row(rows, "pubcomp_properties", V5, bytes(0x70, 0x00), Packet::Pubcomp(why));

    read_only(rows, "puback_long_success", V5, b"\x40\x03\x12\x34\x00", Packet::Puback(ok()));
    read_only(rows, "puback_no_properties", V5, b"\x40\x04\x12\x34\x00\x00", Packet::Puback(ok()));
    std::mem::take(rows)
}

pub(crate) fn refused() -> Vec<Refused> {
    let rows = &mut Vec::new();
    for first in [0x40, 0x50, 0x62, 0x70] {
        refuse(rows, "id 0", ALL, [first, 2, 0, 0], Violation::PacketIdZero);
        refuse(rows, "no id", ALL, [first, 0], Violation::Truncated);
        refuse(rows, "half an id", ALL, [first, 1, 1], Violation::Truncated);
        refuse(rows, "a code before 5.0", V3, [first, 3, 0, 1, 0], Violation::TrailingBytes);
        let code = Violation::ReasonCode { code: 0x01 };
        refuse(rows, "a code of SUBACK", V5, [first, 3, 0, 1, 0x01], code);
        let long = [first, 5, 0, 1, 0, 0, 0];
        refuse(rows, "bytes behind the properties", V5, long, Violation::TrailingBytes);
        let short = [first, 4, 0, 1, 0, 1];
        refuse(rows, "properties that are not there", V5, short, Violation::Truncated);
    }
    let not_found = Violation::ReasonCode { code: 0x92 };
    refuse(rows, "puback 0x92", V5, [0x40, 3, 0, 1, 0x92], not_found);
    refuse(rows, "pubrec 0x92", V5, [0x50, 3, 0, 1, 0x92], not_found);
    let nobody = Violation::ReasonCode { code: 0x10 };
    refuse(rows, "pubrel 0x10", V5, [0x62, 3, 0, 1, 0x10], nobody);
    refuse(rows, "pubcomp 0x10", V5, [0x70, 3, 0, 1, 0x10], nobody);
    let dup = Violation::ReservedFlags { packet: 6, flags: 0b1010 };
    refuse(rows, "pubrel with DUP", V311_UP, b"\x6a\x02\0\x01", dup);
    std::mem::take(rows)
}
