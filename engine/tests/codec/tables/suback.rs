//! SUBACK and UNSUBACK.

use super::{
    ALL, REASON_PROPERTIES, Refused, Row, V3, V5, frame, id, list, reason_properties, refuse, row,
};
use surewire_engine::packet::{Packet, Properties, ReasonCode, Suback};
use surewire_engine::violation::Violation;

fn answer(codes: &[ReasonCode], properties: Properties) -> Box<Suback> {
    let codes = codes.iter().copied().collect();
    Box::new(Suback { packet_id: id(0x0A0B), codes, properties })
}

const SUBACK_V3: &[ReasonCode] = &[
    ReasonCode::Success,
    ReasonCode::GrantedQoS1,
    ReasonCode::GrantedQoS2,
    ReasonCode::UnspecifiedError,
];

const SUBACK_V5: &[ReasonCode] = &[
    ReasonCode::Success,
    ReasonCode::GrantedQoS1,
    ReasonCode::GrantedQoS2,
    ReasonCode::UnspecifiedError,
    ReasonCode::ImplementationSpecificError,
    ReasonCode::NotAuthorized,
    ReasonCode::TopicFilterInvalid,
    ReasonCode::PacketIdentifierInUse,
    ReasonCode::QuotaExceeded,
    ReasonCode::SharedSubscriptionsNotSupported,
    ReasonCode::SubscriptionIdentifiersNotSupported,
    ReasonCode::WildcardSubscriptionsNotSupported,
];

const UNSUBACK_V5: &[ReasonCode] = &[
    ReasonCode::Success,
    ReasonCode::NoSubscriptionExisted,
    ReasonCode::UnspecifiedError,
    ReasonCode::ImplementationSpecificError,
    ReasonCode::NotAuthorized,
    ReasonCode::TopicFilterInvalid,
    ReasonCode::PacketIdentifierInUse,
];

pub(crate) fn rows() -> Vec<Row> {
    let rows = &mut Vec::new();
    let suback = |codes| Packet::Suback(answer(codes, Properties::NONE));
    row(rows, "suback", V3, b"\x90\x06\x0a\x0b\x00\x01\x02\x80", suback(SUBACK_V3));
    let bytes = b"\x90\x0f\x0a\x0b\x00\x00\x01\x02\x80\x83\x87\x8f\x91\x97\x9e\xa1\xa2";
    row(rows, "suback", V5, bytes, suback(SUBACK_V5));
    let one = &[ReasonCode::NotAuthorized];
    let explained = Packet::Suback(answer(one, reason_properties()));
    let bytes = |first| frame(first, &[b"\x0a\x0b", &list(&[REASON_PROPERTIES]), b"\x87"]);
    row(rows, "suback_properties", V5, bytes(0x90), explained);

    let unsuback = |codes| Packet::Unsuback(answer(codes, Properties::NONE));
    row(rows, "unsuback", V3, b"\xb0\x02\x0a\x0b", unsuback(&[]));
    let codes = b"\xb0\x0a\x0a\x0b\x00\x00\x11\x80\x83\x87\x8f\x91";
    row(rows, "unsuback", V5, codes, unsuback(UNSUBACK_V5));
    let explained = Packet::Unsuback(answer(one, reason_properties()));
    row(rows, "unsuback_properties", V5, bytes(0xB0), explained);
    std::mem::take(rows)
}

pub(crate) fn refused() -> Vec<Refused> {
    let rows = &mut Vec::new();
    for first in [0x90, 0xB0] {
        refuse(rows, "no id", ALL, [first, 0], Violation::Truncated);
        refuse(rows, "id 0", V5, [first, 4, 0, 0, 0, 0], Violation::PacketIdZero);
        refuse(rows, "no code", V5, [first, 3, 0, 1, 0], Violation::Truncated);
    }
    refuse(rows, "no code", V3, b"\x90\x02\x00\x01", Violation::Truncated);
    refuse(rows, "unsuback with a code", V3, b"\xb0\x03\x00\x01\x00", Violation::TrailingBytes);
    let code = |code| Violation::ReasonCode { code };
    refuse(rows, "suback 3", V3, b"\x90\x03\x00\x01\x03", code(3));
    refuse(rows, "suback 0x87", V3, b"\x90\x03\x00\x01\x87", code(0x87));
    refuse(rows, "suback 0x90", V5, b"\x90\x04\x00\x01\x00\x90", code(0x90));
    refuse(rows, "suback 0x11", V5, b"\x90\x04\x00\x01\x00\x11", code(0x11));
    refuse(rows, "unsuback 1", V5, b"\xb0\x04\x00\x01\x00\x01", code(1));
    refuse(rows, "unsuback 0x97", V5, b"\xb0\x05\x00\x01\x00\x00\x97", code(0x97));
    std::mem::take(rows)
}
