//! SUBSCRIBE.

use super::{
    ALL, Refused, Row, USER_PROPERTIES, V3, V5, V31, V311_UP, frame, id, list, read_only, refuse,
    row, text, user_properties,
};
use surewire_engine::packet::{
    Packet, Properties, PropertySet, QoS, RetainHandling, Subscribe, SubscribeFilter,
    SubscribeOptions,
};
use surewire_engine::violation::Violation;

fn qos(qos: QoS) -> SubscribeOptions {
    SubscribeOptions { qos, ..SubscribeOptions::default() }
}

fn subscribe(filters: &[(&'static str, SubscribeOptions)], properties: Properties) -> Packet {
    let filter = |&(filter, options)| SubscribeFilter { filter: text(filter), options };
    let filters = filters.iter().map(filter).collect();
    Packet::Subscribe(Box::new(Subscribe { packet_id: id(0x0A0B), filters, properties }))
}

pub(crate) fn rows() -> Vec<Row> {
    let rows = &mut Vec::new();
    let three =
        [("a", qos(QoS::AtMostOnce)), ("b/+", qos(QoS::AtLeastOnce)), ("#", qos(QoS::ExactlyOnce))];
    let three = subscribe(&three, Properties::NONE);
    let bytes = b"\x82\x10\x0a\x0b\x00\x01a\x00\x00\x03b/+\x01\x00\x01#\x02";
    row(rows, "subscribe", V3, bytes, three.clone());
    let with_dup = b"\x8a\x10\x0a\x0b\x00\x01a\x00\x00\x03b/+\x01\x00\x01#\x02";
    read_only(rows, "subscribe_dup", V31, with_dup, three.clone());
    let bytes = b"\x82\x11\x0a\x0b\x00\x00\x01a\x00\x00\x03b/+\x01\x00\x01#\x02";
    row(rows, "subscribe", V5, bytes, three);
    let empty = subscribe(&[("", qos(QoS::AtMostOnce))], Properties::NONE);
    row(rows, "subscribe_empty_filter", V3, b"\x82\x05\x0a\x0b\x00\x00\x00", empty);
    let bom = subscribe(&[("\u{FEFF}a", qos(QoS::AtMostOnce))], Properties::NONE);
    row(rows, "subscribe_bom", V3, b"\x82\x09\x0a\x0b\x00\x04\xef\xbb\xbfa\x00", bom);

    let options = |no_local, retain_as_published, retain_handling| SubscribeOptions {
        qos: QoS::AtLeastOnce,
        no_local,
        retain_as_published,
        retain_handling,
    };
    let each = [
        ("a", options(true, false, RetainHandling::Always)),
        ("b", options(false, true, RetainHandling::IfNew)),
        ("$share/g/c", options(false, false, RetainHandling::Never)),
    ];
    let bytes = b"\x82\x18\x0a\x0b\x00\x00\x01a\x05\x00\x01b\x19\x00\x0a$share/g/c\x21";
    row(rows, "subscribe_options", V5, bytes, subscribe(&each, Properties::NONE));

    let mut properties = user_properties().get().clone();
    properties.subscription_identifiers.push(268_435_455);
    let list = list(&[b"\x0b\xff\xff\xff\x7f", USER_PROPERTIES]);
    let bytes = frame(0x82, &[b"\x0a\x0b", &list, b"\x00\x01t\x00"]);
    let packet = subscribe(&[("t", qos(QoS::AtMostOnce))], PropertySet::into(properties));
    row(rows, "subscribe_properties", V5, bytes, packet);
    std::mem::take(rows)
}

pub(crate) fn refused() -> Vec<Refused> {
    let rows = &mut Vec::new();
    let flags = |flags| Violation::ReservedFlags { packet: 8, flags };
    refuse(rows, "flags 0", ALL, b"\x80\x06\x00\x01\x00\x01a\x00", flags(0));
    refuse(rows, "flags 0011", ALL, b"\x83\x06\x00\x01\x00\x01a\x00", flags(0b0011));
    refuse(rows, "flags 1010", V311_UP, b"\x8a\x06\x00\x01\x00\x01a\x00", flags(0b1010));
    refuse(rows, "id 0", V3, b"\x82\x06\x00\x00\x00\x01a\x00", Violation::PacketIdZero);
    refuse(rows, "id 0", V5, b"\x82\x07\x00\x00\x00\x00\x01a\x00", Violation::PacketIdZero);
    refuse(rows, "no filter", V3, b"\x82\x02\x00\x01", Violation::NoFilters);
    refuse(rows, "no filter", V5, b"\x82\x03\x00\x01\x00", Violation::NoFilters);
    refuse(rows, "no options", V3, b"\x82\x05\x00\x01\x00\x01a", Violation::Truncated);
    refuse(rows, "cut filter", V3, b"\x82\x05\x00\x01\x00\x09a", Violation::Truncated);
    refuse(rows, "surrogate", V3, b"\x82\x08\0\x01\0\x03\xed\xbf\xbf\0", Violation::IllFormedUtf8);
    refuse(rows, "over-long", V5, b"\x82\x08\0\x01\0\0\x02\xc0\x80\0", Violation::IllFormedUtf8);
    refuse(rows, "U+0000", V3, b"\x82\x06\x00\x01\x00\x01\x00\x00", Violation::Nul);
    refuse(rows, "U+0000", V5, b"\x82\x07\x00\x01\x00\x00\x01\x00\x00", Violation::Nul);
    for options in [0x04, 0x08, 0x10, 0x20, 0x40, 0x80] {
        let bytes = [0x82, 6, 0, 1, 0, 1, b'a', options];
        refuse(rows, "reserved options", V3, bytes, Violation::ReservedOptions);
    }
    for options in [0x40, 0x80, 0xC0] {
        let bytes = [0x82, 7, 0, 1, 0, 0, 1, b'a', options];
        refuse(rows, "reserved options", V5, bytes, Violation::ReservedOptions);
    }
    refuse(rows, "QoS 3", V3, b"\x82\x06\x00\x01\x00\x01a\x03", Violation::SubscribeQoS3);
    refuse(rows, "QoS 3", V5, b"\x82\x07\x00\x01\x00\x00\x01a\x03", Violation::SubscribeQoS3);
    let handling = b"\x82\x07\x00\x01\x00\x00\x01a\x30";
    refuse(rows, "Retain Handling 3", V5, handling, Violation::RetainHandling3);
    let shared = b"\x82\x10\x00\x01\x00\x00\x0a$share/g/c\x04";
    refuse(rows, "No Local on shared", V5, shared, Violation::NoLocalOnShared);
    std::mem::take(rows)
}
