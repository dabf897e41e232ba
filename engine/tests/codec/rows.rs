//! What holds for every valid row of the tables.

use bytes::Bytes;
use surewire_engine::codec;
use surewire_engine::message::LARGE_PAYLOAD;
use surewire_engine::packet::{
    Disconnect, Packet, Properties, PropertySet, Publish, QoS, ReasonCode, Version,
};
use surewire_engine::violation::Violation;

use crate::tables::{self, LIMITS, Row, all_rows, frame, list, properties, read, written};

// conformance: v3.1.1 MQTT-3.1.3-1, v3.1.1 MQTT-3.3.2-1, v3.1.1 MQTT-1.5.3-3
// conformance: v3.1.1 MQTT-2.3.1-5
// conformance: v5 MQTT-3.1.3-1, v5 MQTT-3.3.2-1, v5 MQTT-2.2.1-2
#[test]
fn every_row_is_read() {
    for row in all_rows() {
        assert_eq!(read(row.version, &row.bytes), Ok(row.packet.clone()), "{}", what(&row));
    }
}

// conformance: v3.1.1 MQTT-2.2.2-1, v5 MQTT-2.2.2-1, v5 MQTT-1.5.5-1
#[test]
fn every_row_is_written() {
    for row in all_rows().into_iter().filter(|row| row.written) {
        assert_eq!(written(row.version, &row.packet), row.bytes, "{}", what(&row));
    }
}

#[test]
fn lengths_are_told_exactly() {
    for row in all_rows() {
        let len = written(row.version, &row.packet).len();
        assert_eq!(codec::encoded_len(row.version, &row.packet), len, "{}", what(&row));
        let front = [&row.bytes[..], b"\xff\xff\xff\xff\xff"].concat();
        let told = codec::frame_len(&front, LIMITS.max_packet_size);
        assert_eq!(told, Ok(Some(row.bytes.len())), "{}", what(&row));
    }
}

#[test]
fn no_prefix_of_a_row_is_a_packet() {
    for row in all_rows() {
        for end in 0..row.bytes.len() {
            let prefix = row.bytes.slice(..end);
            let found = codec::decode(row.version, prefix.clone(), &LIMITS);
            assert_eq!(found, Err(Violation::Truncated), "{} cut at {end}", what(&row));
            let told = codec::frame_len(&prefix, LIMITS.max_packet_size);
            let known = (end >= 2).then_some(row.bytes.len());
            assert_eq!(told, Ok(known), "{} cut at {end}", what(&row));
        }
    }
}

#[test]
fn no_row_goes_on() {
    for row in all_rows() {
        let longer = Bytes::from([&row.bytes[..], b"\x00"].concat());
        let found = codec::decode(row.version, longer, &LIMITS);
        assert_eq!(found, Err(Violation::TrailingBytes), "{}", what(&row));
    }
}

/// A body that ends early, under a Remaining Length that admits it: either it is refused, or it
/// is another packet that says exactly what its bytes say.
#[test]
fn a_shortened_body_is_never_misread() {
    for row in all_rows().into_iter().filter(|row| row.written && row.bytes.len() < 130) {
        for len in 0..row.bytes.len() - 2 {
            let byte = u8::try_from(len).unwrap();
            let short = [&[row.bytes[0], byte][..], &row.bytes[2..2 + len]].concat();
            let short = Bytes::from(short);
            let Ok(packet) = read(row.version, &short) else { continue };
            let may_end_early = matches!(packet, Packet::Connect(_));
            let again = written(row.version, &packet);
            if !may_end_early {
                assert!(again.len() <= short.len(), "{} at {len}", what(&row));
            }
            assert_eq!(read(row.version, &Bytes::from(again)), Ok(packet), "{}", what(&row));
        }
    }
}

#[test]
fn every_property_is_read_wherever_it_may_stand() {
    for bytes in properties::allowed() {
        let bytes = Bytes::from(bytes);
        let packet = read(Version::V5, &bytes).unwrap_or_else(|v| panic!("{v} in {bytes:02x?}"));
        assert_eq!(written(Version::V5, &packet), bytes);
    }
}

#[test]
fn payload_and_text_are_views_into_the_frame() {
    let frame = Bytes::from_static(b"\x30\x07\x00\x03a/bhi");
    let Ok(Packet::Publish(publish)) = read(Version::V3_1_1, &frame) else { panic!() };
    assert_eq!(publish.payload.as_ptr(), frame[7..].as_ptr());
    assert_eq!(publish.topic.unwrap().as_str().as_ptr(), frame[4..].as_ptr());
}

#[test]
fn the_size_limit_is_of_the_whole_packet() {
    let len = |limit| codec::frame_len(b"\x30\x05", limit);
    assert_eq!(len(7), Ok(Some(7)));
    assert_eq!(len(6), Err(Violation::PacketTooLarge { size: 7, limit: 6 }));
    let largest = codec::frame_len(b"\x30\xff\xff\xff\x7f", usize::MAX);
    assert_eq!(largest, Ok(Some(268_435_460)));
}

// conformance: v3.1.1 MQTT-4.7.3-3, v5 MQTT-4.7.3-3
#[test]
fn the_longest_topic_is_read_and_written() {
    let name = "x".repeat(65_535);
    for version in tables::ALL {
        let none: &[u8] = if *version == Version::V5 { b"\x00" } else { b"" };
        let head: &[u8] =
            if none.is_empty() { b"\x30\x83\x80\x04\xff\xff" } else { b"\x30\x84\x80\x04\xff\xff" };
        let bytes = Bytes::from([head, name.as_bytes(), none, b"hi"].concat());
        let packet = read(*version, &bytes).unwrap();
        let Packet::Publish(Publish { topic: Some(topic), .. }) = &packet else { panic!() };
        assert_eq!(topic.as_str(), name);
        assert_eq!(written(*version, &packet), bytes);
    }
}

#[test]
fn what_the_length_fields_cannot_hold_leaves_no_bytes() {
    let mut packet = row_packet("connect_user", Version::V5);
    let Packet::Connect(connect) = &mut packet else { panic!() };
    connect.user_name = Some("x".repeat(65_536).into());
    assert_eq!(written(Version::V5, &packet), b"");
    let mut packet = row_packet("disconnect_moved", Version::V5);
    let Packet::Disconnect(disconnect) = &mut packet else { panic!() };
    let mut set = disconnect.properties.get().clone();
    set.reason_string = Some("x".repeat(65_536).into());
    disconnect.properties = set.into();
    assert_eq!(written(Version::V5, &packet), b"");
    let mut packet = row_packet("publish_qos0", Version::V3_1_1);
    let Packet::Publish(publish) = &mut packet else { panic!() };
    publish.payload = Bytes::from(vec![0; 268_435_451]);
    assert_eq!(codec::encoded_len(Version::V3_1_1, &packet), 0);
    let Packet::Publish(publish) = &mut packet else { panic!() };
    publish.payload.truncate(268_435_450);
    assert_eq!(codec::encoded_len(Version::V3_1_1, &packet), 268_435_460);
}

// conformance: v3.1.1 MQTT-3.9.3-2, v3.1.1 MQTT-3.2.2-6
#[test]
fn older_clients_see_no_code_of_5_0() {
    for version in tables::V3 {
        for code in ReasonCode::ALL {
            let mut connack = row_packet("connack", *version);
            let Packet::Connack(answer) = &mut connack else { panic!() };
            answer.code = code;
            match written(*version, &connack)[..] {
                [] => assert_eq!(codec::return_code_v3(code), None),
                [0x20, 2, 0, byte] => {
                    assert_eq!(codec::return_code_v3(code), Some(byte));
                    assert!(byte <= 5 && (byte == 0) == (code == ReasonCode::Success));
                }
                ref other => panic!("{code:?} as {other:02x?}"),
            }
            if !code.is_error() && code > ReasonCode::GrantedQoS2 {
                continue;
            }
            let mut suback = row_packet("suback", *version);
            let Packet::Suback(answer) = &mut suback else { panic!() };
            answer.codes = [code].into_iter().collect();
            let byte = *written(*version, &suback).last().unwrap();
            assert_eq!(byte, if code.is_error() { 0x80 } else { code.byte() });
        }
    }
}

#[test]
fn what_a_version_does_not_have_is_left_out() {
    let v5 = |name| row_packet(name, Version::V5);
    for version in tables::V3 {
        assert_eq!(written(*version, &v5("auth_properties")), b"");
        assert_eq!(written(*version, &v5("publish_alias")), b"");
        assert_eq!(written(*version, &v5("disconnect_moved")), b"\xe0\x00");
        assert_eq!(written(*version, &v5("pubrec_properties")), b"\x50\x02\x12\x34");
        assert_eq!(written(*version, &v5("unsuback_properties")), b"\xb0\x02\x0a\x0b");
        let options = b"\x82\x17\x0a\x0b\x00\x01a\x01\x00\x01b\x01\x00\x0a$share/g/c\x01";
        assert_eq!(written(*version, &v5("subscribe_options")), options);
        assert_eq!(written(*version, &v5("publish_properties")), b"\x30\x05\x00\x01thi");
    }
    let present = row_packet("connack_present", Version::V3_1_1);
    assert_eq!(written(Version::V3_1, &present), b"\x20\x02\x00\x00");
}

#[test]
fn a_publish_has_a_packet_id_exactly_above_qos_0() {
    for row in all_rows() {
        let Packet::Publish(publish) = &row.packet else { continue };
        assert_eq!(publish.packet_id.is_some(), publish.qos > QoS::AtMostOnce, "{}", what(&row));
    }
}

fn row_packet(name: &str, version: Version) -> Packet {
    let mut rows = all_rows().into_iter();
    rows.find(|row| row.name == name && row.version == version).expect("a row of the tables").packet
}

fn what(row: &Row) -> String {
    format!("{} in {:?}", row.name, row.version)
}

#[test]
fn a_connect_and_its_will_may_have_as_many_user_properties_as_the_limit_says() {
    let four = list(&[&b"\x26\x00\x00\x00\x00"[..]; 4]);
    let head = b"\x00\x04MQTT\x05\x06\x00\x00";
    let bytes = frame(0x10, &[head, &four, b"\x00\x01c", &four, b"\x00\x01w\x00\x00"]);
    let Ok(Packet::Connect(connect)) = read(Version::V5, &bytes.into()) else { unreachable!() };
    let of_will = connect.will.unwrap().properties.get().user_properties.len();
    let all = connect.properties.get().user_properties.len() + of_will;
    assert_eq!(all, LIMITS.max_user_properties);
}

/// A view keeps alive all that others read into the same buffer.
#[test]
fn what_is_large_is_no_view_into_the_read_buffer() {
    let text = |len| "x".repeat(len);
    let publish = |len| Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: false,
        topic: Some(tables::topic("t")),
        packet_id: None,
        properties: Properties::NONE,
        payload: text(len).into(),
    };
    let disconnect = |len| {
        let reason_string = Some(text(len).into());
        let set = PropertySet { reason_string, ..PropertySet::NONE };
        Disconnect { code: ReasonCode::UnspecifiedError, properties: set.into() }
    };
    let is_view = |packet: Packet, whole: usize| {
        let mut buf = Bytes::from(written(Version::V5, &packet));
        assert_eq!(buf.len(), whole);
        let range = buf.as_ptr_range();
        let found = codec::take_packet(Version::V5, &mut buf, &LIMITS).unwrap().unwrap();
        if let Packet::Publish(publish) = found {
            return range.contains(&publish.payload.as_ptr());
        }
        let Packet::Disconnect(Disconnect { properties, .. }) = found else { unreachable!() };
        range.contains(&properties.get().reason_string.as_ref().unwrap().as_ptr())
    };
    for (len, small) in [(LARGE_PAYLOAD - 1, true), (LARGE_PAYLOAD, false)] {
        // Fixed header, topic and Property Length; fixed header, code, Property Length and property.
        let (publish, disconnect) = (publish(len - 3 - 3 - 1), disconnect(len - 3 - 1 - 2 - 3));
        assert_eq!(is_view(Packet::Publish(publish), len), small);
        assert_eq!(is_view(Packet::Disconnect(disconnect), len), small);
    }
}
