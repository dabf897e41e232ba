//! UNSUBSCRIBE.

use super::{
    ALL, Refused, Row, USER_PROPERTIES, V3, V5, V31, V311_UP, frame, id, list, read_only, refuse,
    row, text, user_properties,
};
use surewire_engine::packet::{Packet, Properties, Unsubscribe};
use surewire_engine::violation::Violation;

fn unsubscribe(filters: &[&'static str], properties: Properties) -> Packet {
    let filters = filters.iter().map(|filter| text(filter)).collect();
    Packet::Unsubscribe(Box::new(Unsubscribe { packet_id: id(0x0A0B), filters, properties }))
}

pub(crate) fn rows() -> Vec<Row> {
    let rows = &mut Vec::new();
    let two = unsubscribe(&["a/#", "+"], Properties::NONE);
    row(rows, "unsubscribe", V3, b"\xa2\x0a\x0a\x0b\x00\x03a/#\x00\x01+", two.clone());
    row(rows, "unsubscribe", V5, b"\xa2\x0b\x0a\x0b\x00\x00\x03a/#\x00\x01+", two.clone());
    read_only(rows, "unsubscribe_dup", V31, b"\xaa\x0a\x0a\x0b\x00\x03a/#\x00\x01+", two);
    let empty = unsubscribe(&[""], Properties::NONE);
    row(rows, "unsubscribe_empty_filter", V3, b"\xa2\x04\x0a\x0b\x00\x00", empty);
    let bytes = frame(0xA2, &[b"\x0a\x0b", &list(&[USER_PROPERTIES]), b"\x00\x01t"]);
    row(rows, "unsubscribe_properties", V5, bytes, unsubscribe(&["t"], user_properties()));
    std::mem::take(rows)
}

pub(crate) fn refused() -> Vec<Refused> {
    let rows = &mut Vec::new();
    let flags = |flags| Violation::ReservedFlags { packet: 10, flags };
    refuse(rows, "flags 0", ALL, b"\xa0\x05\x00\x01\x00\x01a", flags(0));
    refuse(rows, "flags 1010", V311_UP, b"\xaa\x05\x00\x01\x00\x01a", flags(0b1010));
    refuse(rows, "id 0", V3, b"\xa2\x05\x00\x00\x00\x01a", Violation::PacketIdZero);
    refuse(rows, "id 0", V5, b"\xa2\x06\x00\x00\x00\x00\x01a", Violation::PacketIdZero);
    refuse(rows, "no filter", V3, b"\xa2\x02\x00\x01", Violation::NoFilters);
    refuse(rows, "no filter", V5, b"\xa2\x03\x00\x01\x00", Violation::NoFilters);
    refuse(rows, "cut filter", V3, b"\xa2\x05\x00\x01\x00\x02a", Violation::Truncated);
    refuse(rows, "half a length", V3, b"\xa2\x06\x00\x01\x00\x01a\x00", Violation::Truncated);
    refuse(
        rows,
        "surrogate",
        V3,
        b"\xa2\x07\x00\x01\x00\x03\xed\xa0\x80",
        Violation::IllFormedUtf8,
    );
    refuse(rows, "bare 0xFF", V5, b"\xa2\x06\x00\x01\x00\x00\x01\xff", Violation::IllFormedUtf8);
    refuse(rows, "U+0000", V3, b"\xa2\x05\x00\x01\x00\x01\x00", Violation::Nul);
    refuse(rows, "U+0000", V5, b"\xa2\x06\x00\x01\x00\x00\x01\x00", Violation::Nul);
    std::mem::take(rows)
}
