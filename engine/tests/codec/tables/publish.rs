//! PUBLISH.

use super::{
    ALL, Refused, Row, USER_PROPERTIES, V3, V5, frame, id, list, refuse, row, text, topic,
    user_properties,
};
use bytes::Bytes;
use surewire_engine::packet::{Packet, Properties, PropertySet, Publish, QoS};
use surewire_engine::violation::Violation;

fn publish(name: &'static str, payload: &'static [u8]) -> Publish {
    Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: false,
        topic: Some(topic(name)),
        packet_id: None,
        properties: Properties::NONE,
        payload: Bytes::from_static(payload),
    }
}

pub(crate) fn rows() -> Vec<Row> {
    let rows = &mut Vec::new();
    let plain = publish("a/b", b"hi");
    let first = Publish { qos: QoS::AtLeastOnce, packet_id: Some(id(0x0A0B)), ..plain.clone() };
    let exact = Publish { qos: QoS::ExactlyOnce, ..first.clone() };
    let again = Publish { dup: true, retain: true, ..exact.clone() };
    let kept = Publish { retain: true, ..plain.clone() };
    let each = [
        (0x30, "publish_qos0", plain),
        (0x31, "publish_retained", kept),
        (0x32, "publish_qos1", first),
        (0x34, "publish_qos2", exact),
        (0x3D, "publish_dup_retained", again),
    ];
    for (byte, name, publish) in each {
        let packet_id: &[u8] = if publish.packet_id.is_some() { b"\x0a\x0b" } else { b"" };
        let bytes = frame(byte, &[b"\x00\x03a/b", packet_id, b"hi"]);
        row(rows, name, V3, bytes, Packet::Publish(publish.clone()));
        let bytes = frame(byte, &[b"\x00\x03a/b", packet_id, b"\x00", b"hi"]);
        row(rows, name, V5, bytes, Packet::Publish(publish));
    }
    let empty = Packet::Publish(publish("t", b""));
    row(rows, "publish_empty", V3, b"\x30\x03\x00\x01t", empty.clone());
    row(rows, "publish_empty", V5, b"\x30\x04\x00\x01t\x00", empty);
    let bom = Packet::Publish(publish("\u{FEFF}\u{10FFFF}", b"\x00\xff"));
    let bytes = b"\x30\x0b\x00\x07\xef\xbb\xbf\xf4\x8f\xbf\xbf\x00\xff";
    row(rows, "publish_bom", V3, bytes, bom);
    let dollar = Packet::Publish(publish("$SYS//", b""));
    row(rows, "publish_slashes", V3, b"\x30\x08\x00\x06$SYS//", dollar);
    v5_rows(rows);
    std::mem::take(rows)
}

fn v5_rows(rows: &mut Vec<Row>) {
    let alias = PropertySet { topic_alias: Some(5), ..PropertySet::NONE };
    let alias = Publish { topic: None, properties: alias.into(), ..publish("unused", b"hi") };
    let bytes = b"\x30\x08\x00\x00\x03\x23\x00\x05hi";
    row(rows, "publish_alias", V5, bytes, Packet::Publish(alias));
    let zero = PropertySet { topic_alias: Some(0), ..PropertySet::NONE };
    let zero = Publish { properties: zero.into(), ..publish("t", b"") };
    // For the engine to refuse: its code is Topic Alias invalid.
    row(rows, "publish_alias_0", V5, b"\x30\x07\x00\x01t\x03\x23\x00\x00", Packet::Publish(zero));

    let properties = PropertySet {
        payload_format_indicator: Some(true),
        message_expiry_interval: Some(1),
        content_type: Some(text("text/plain")),
        response_topic: Some(topic("r/1")),
        correlation_data: Some(Bytes::from_static(b"\x00")),
        subscription_identifiers: [1, 128, 1].into_iter().collect(),
        topic_alias: Some(65_535),
        ..user_properties().get().clone()
    };
    let packet = Publish { properties: properties.into(), ..publish("t", b"hi") };
    let list = list(&[
        b"\x01\x01",
        b"\x02\x00\x00\x00\x01",
        b"\x03\x00\x0atext/plain",
        b"\x08\x00\x03r/1",
        b"\x09\x00\x01\x00",
        b"\x0b\x01\x0b\x80\x01\x0b\x01",
        b"\x23\xff\xff",
        USER_PROPERTIES,
    ]);
    let bytes = frame(0x30, &[b"\x00\x01t", &list, b"hi"]);
    row(rows, "publish_properties", V5, bytes, Packet::Publish(packet));
}

pub(crate) fn refused() -> Vec<Refused> {
    let rows = &mut Vec::new();
    for first in [0x36, 0x37, 0x3E, 0x3F] {
        refuse(rows, "QoS 3", ALL, [first, 5, 0, 1, b'a', 0, 1], Violation::QoS3);
    }
    for first in [0x38, 0x39] {
        let bytes = [first, 4, 0, 1, b'a', 0];
        refuse(rows, "QoS 0 with DUP", ALL, bytes, Violation::DupWithoutQoS);
    }
    refuse(rows, "id 0 at QoS 1", ALL, b"\x32\x06\x00\x01a\x00\x00\x00", Violation::PacketIdZero);
    refuse(rows, "id 0 at QoS 2", ALL, b"\x34\x06\x00\x01a\x00\x00\x00", Violation::PacketIdZero);
    refuse(rows, "no id at QoS 1", ALL, b"\x32\x03\x00\x01a", Violation::Truncated);
    refuse(rows, "empty", ALL, b"\x30\x00", Violation::Truncated);
    refuse(rows, "cut topic", ALL, b"\x30\x05\x00\x04abc", Violation::Truncated);
    refuse(rows, "topic that claims much", ALL, b"\x30\x04\xff\xffab", Violation::Truncated);
    refuse(rows, "empty topic", V3, b"\x30\x02\x00\x00", Violation::EmptyTopic);
    refuse(rows, "empty topic, no alias", V5, b"\x30\x03\x00\x00\x00", Violation::EmptyTopic);
    for wrong in [b"#\x2f\x2f", b"a/+", b"a+b", b"a/#", b"a#b"] {
        let bytes = frame(0x30, &[b"\x00\x03", wrong, b"\x00"]);
        refuse(rows, "wildcard", ALL, bytes, Violation::WildcardInTopic);
    }
    refuse(rows, "U+0000", ALL, b"\x30\x06\x00\x03a\x00b\x00", Violation::Nul);
    let ill_formed: [&[u8]; 6] =
        [b"\xff", b"a\x80", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xc0\x80", b"\xf4\x90\x80\x80"];
    for wrong in ill_formed {
        let len = u8::try_from(wrong.len()).unwrap();
        let bytes = frame(0x30, &[&[0, len], wrong, b"\x00"]);
        refuse(rows, "ill-formed topic", ALL, bytes, Violation::IllFormedUtf8);
    }
    refuse(rows, "no Property Length", V5, b"\x30\x03\x00\x01a", Violation::Truncated);
    refuse(rows, "cut properties", V5, b"\x30\x05\x00\x01a\x02\x01", Violation::Truncated);
    let wildcard = frame(0x30, &[b"\x00\x01a", &list(&[b"\x08\x00\x03b/#"])]);
    refuse(rows, "wildcard to respond to", V5, wildcard, Violation::WildcardInTopic);
    let empty = frame(0x30, &[b"\x00\x01a", &list(&[b"\x08\x00\x00"])]);
    refuse(rows, "nothing to respond to", V5, empty, Violation::EmptyTopic);
    std::mem::take(rows)
}
