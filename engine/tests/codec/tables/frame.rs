//! The fixed header, and the packets that are nothing else: PINGREQ and PINGRESP.

use super::{ALL, LIMITS, Refused, Row, V3, V5, refuse, row};
use surewire_engine::packet::Packet;
use surewire_engine::violation::Violation;

pub(crate) fn rows() -> Vec<Row> {
    let rows = &mut Vec::new();
    row(rows, "pingreq", ALL, b"\xc0\x00", Packet::Pingreq);
    row(rows, "pingresp", ALL, b"\xd0\x00", Packet::Pingresp);
    std::mem::take(rows)
}

pub(crate) fn refused() -> Vec<Refused> {
    let rows = &mut Vec::new();
    refuse(rows, "nothing", ALL, b"", Violation::Truncated);
    refuse(rows, "half a fixed header", ALL, b"\xc0", Violation::Truncated);
    refuse(rows, "half a length", ALL, b"\x30\x80", Violation::Truncated);
    refuse(rows, "no body", ALL, b"\x40\x02", Violation::Truncated);
    refuse(rows, "two packets", ALL, b"\xc0\x00\xc0\x00", Violation::TrailingBytes);
    refuse(rows, "type 0", ALL, b"\x00\x00", Violation::ReservedType { found: 0 });
    refuse(rows, "type 15", V3, b"\xf0\x00", Violation::ReservedType { found: 15 });
    refuse(rows, "PINGREQ with a body", ALL, b"\xc0\x01\x00", Violation::TrailingBytes);
    refuse(rows, "PINGRESP with a body", ALL, b"\xd0\x01\x00", Violation::TrailingBytes);
    let over_long: [&[u8]; 4] = [
        b"\xc0\x80\x00",
        b"\xc0\x80\x80\x80\x00",
        b"\xc0\xff\xff\xff\xff",
        b"\xc0\x80\x80\x80\x80\x01",
    ];
    for bytes in over_long {
        refuse(rows, "over-long length", ALL, bytes, Violation::VariableByteInteger);
    }
    let limit = LIMITS.max_packet_size;
    let large = Violation::PacketTooLarge { size: limit + 1, limit };
    refuse(rows, "one byte too much", ALL, b"\x30\xfd\xff\x3f", large);
    let huge = Violation::PacketTooLarge { size: 268_435_460, limit };
    refuse(rows, "the largest length", ALL, b"\x30\xff\xff\xff\x7f", huge);
    flags(rows);
    std::mem::take(rows)
}

/// Every packet type with every wrong nibble; 3.1 allows DUP in three more (see their tables).
fn flags(rows: &mut Vec<Refused>) {
    for packet in [1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15] {
        let right = if matches!(packet, 6 | 8 | 10) { 0b0010 } else { 0 };
        let dup = if right == 0 { right } else { right | 0b1000 };
        for flags in (0..16).filter(|flags| *flags != right && *flags != dup) {
            let violation = Violation::ReservedFlags { packet, flags };
            let versions = if packet == 15 { V5 } else { ALL };
            refuse(rows, "wrong flags", versions, [packet << 4 | flags, 0], violation);
        }
    }
}
