//! What holds for every refusal of the tables.

use bytes::Bytes;
use surewire_engine::codec::{self, Limits};
use surewire_engine::packet::{Connect, Packet, Version};
use surewire_engine::violation::Violation;

use crate::tables::{
    self, LIMITS, Refused, all_refused, all_rows, connect, disconnect, frame, properties, publish,
    read, subscribe, unsubscribe,
};

// conformance: v3.1.1 MQTT-2.2.2-2, v3.1.1 MQTT-3.6.1-1, v3.1.1 MQTT-3.8.1-1
// conformance: v3.1.1 MQTT-3.10.1-1, v3.1.1 MQTT-3.14.1-1
// conformance: v5 MQTT-2.1.3-1, v5 MQTT-3.6.1-1, v5 MQTT-3.8.1-1, v5 MQTT-3.10.1-1
// conformance: v5 MQTT-3.14.1-1, v5 MQTT-3.15.1-1, v5 MQTT-1.5.5-1
#[test]
fn fixed_headers() {
    check(frame::refused());
    check(tables::ack::refused());
    check(disconnect::refused());
    check(tables::auth::refused());
}

// conformance: v3.1.1 MQTT-3.1.2-1, v3.1.1 MQTT-3.1.2-3
// conformance: v3.1.1 MQTT-3.1.2-9, v3.1.1 MQTT-3.1.2-11, v3.1.1 MQTT-3.1.2-13
// conformance: v3.1.1 MQTT-3.1.2-14, v3.1.1 MQTT-3.1.2-15, v3.1.1 MQTT-3.1.2-18
// conformance: v3.1.1 MQTT-3.1.2-19, v3.1.1 MQTT-3.1.2-20, v3.1.1 MQTT-3.1.2-21
// conformance: v3.1.1 MQTT-3.1.2-22, v3.1.1 MQTT-3.1.3-3, v3.1.1 MQTT-3.1.3-4
// conformance: v3.1.1 MQTT-3.1.3-10, v3.1.1 MQTT-3.1.3-11
// conformance: v5 MQTT-3.1.2-1, v5 MQTT-3.1.2-3, v5 MQTT-3.1.2-9
// conformance: v5 MQTT-3.1.2-11, v5 MQTT-3.1.2-12, v5 MQTT-3.1.2-13, v5 MQTT-3.1.2-16
// conformance: v5 MQTT-3.1.2-17, v5 MQTT-3.1.2-18, v5 MQTT-3.1.2-19, v5 MQTT-3.1.3-3
// conformance: v5 MQTT-3.1.3-4, v5 MQTT-3.1.3-11, v5 MQTT-3.1.3-12, v5 MQTT-3.1.4-1
#[test]
fn connects() {
    check(connect::refused());
    for row in connect::refused() {
        let found = decode_connect(row.bytes.clone());
        assert_eq!(found, Err(row.violation), "{}", what(&row));
    }
}

// conformance: v3.1.1 MQTT-1.5.3-1, v3.1.1 MQTT-1.5.3-2, v3.1.1 MQTT-2.3.1-1
// conformance: v3.1.1 MQTT-3.3.1-2, v3.1.1 MQTT-3.3.1-4, v3.1.1 MQTT-3.3.2-1
// conformance: v3.1.1 MQTT-3.3.2-2, v3.1.1 MQTT-4.7.1-1, v3.1.1 MQTT-4.7.3-1
// conformance: v3.1.1 MQTT-4.7.3-2
// conformance: v5 MQTT-1.5.4-1, v5 MQTT-1.5.4-2, v5 MQTT-2.2.1-3, v5 MQTT-3.3.1-2
// conformance: v5 MQTT-3.3.1-4, v5 MQTT-3.3.2-1, v5 MQTT-3.3.2-2, v5 MQTT-3.3.2-14
// conformance: v5 MQTT-4.7.0-1, v5 MQTT-4.7.3-1, v5 MQTT-4.7.3-2
#[test]
fn publishes() {
    check(publish::refused());
}

// conformance: v3.1.1 MQTT-2.3.1-1, v3.1.1 MQTT-3.8.3-1, v3.1.1 MQTT-3.8.3-3
// conformance: v3.1.1 MQTT-3.8.3-4, v3.1.1 MQTT-3.10.3-1, v3.1.1 MQTT-3.10.3-2
// conformance: v5 MQTT-2.2.1-3, v5 MQTT-3.8.3-1, v5 MQTT-3.8.3-2, v5 MQTT-3.8.3-4
// conformance: v5 MQTT-3.8.3-5, v5 MQTT-3.10.3-1, v5 MQTT-3.10.3-2
#[test]
fn subscribes_and_unsubscribes() {
    check(subscribe::refused());
    check(unsubscribe::refused());
}

// conformance: v5 MQTT-1.5.7-1, v5 MQTT-3.3.2-13, v5 MQTT-3.3.2-19
#[test]
fn properties() {
    check(properties::refused());
}

// conformance: v5 MQTT-3.2.2-1
#[test]
fn answers() {
    check(tables::connack::refused());
    check(tables::suback::refused());
}

// conformance: v3.1.1 MQTT-3.1.0-1, v5 MQTT-3.1.0-1
#[test]
fn the_first_packet_must_be_a_connect() {
    for row in all_rows() {
        let first = row.bytes[0];
        let not_connect = Violation::NotConnect { found: first >> 4 };
        let expected = if first == 0x10 { Ok(()) } else { Err(not_connect) };
        assert_eq!(codec::check_first_byte(first), expected);
        let found = decode_connect(row.bytes.clone());
        if let Packet::Connect(connect) = row.packet {
            assert_eq!(found, Ok(connect));
        } else {
            assert_eq!(found, Err(not_connect));
        }
    }
    for flags in 1..=15 {
        let wrong = Err(Violation::ReservedFlags { packet: 1, flags });
        assert_eq!(codec::check_first_byte(0x10 | flags), wrong);
    }
    assert_eq!(codec::check_first_byte(b'G'), Err(Violation::NotConnect { found: 4 }));
    assert_eq!(decode_connect(Bytes::new()), Err(Violation::Truncated));
}

#[test]
fn control_characters_are_refused_on_demand() {
    let strict = Limits { reject_control_chars: true, ..LIMITS };
    for wrong in ["\u{1}", "a\n", "\u{1F}", "\u{7F}", "\u{80}", "\u{9F}b"] {
        let topic = [b"\x00", &[u8::try_from(wrong.len()).unwrap()], wrong.as_bytes()].concat();
        let bytes = Bytes::from(frame(0x30, &[&topic]));
        let found = codec::decode(Version::V3_1_1, bytes.clone(), &strict);
        assert_eq!(found, Err(Violation::ControlCharacter), "{wrong:?}");
        assert!(codec::decode(Version::V3_1_1, bytes, &LIMITS).is_ok(), "{wrong:?}");
    }
    let fine = Bytes::from_static(b"\x30\x0a\x00\x08 ~\xc2\xa0\xef\xbb\xbfx");
    assert!(codec::decode(Version::V3_1_1, fine, &strict).is_ok());
}

// conformance: v5 MQTT-3.3.4-6
#[test]
fn what_only_servers_send_is_found_out() {
    for row in all_rows() {
        let expected = match row.name {
            name if name.starts_with("connack") => Err(Violation::WrongDirection { packet: 2 }),
            name if name.starts_with("suback") => Err(Violation::WrongDirection { packet: 9 }),
            name if name.starts_with("unsuback") => Err(Violation::WrongDirection { packet: 11 }),
            "pingresp" => Err(Violation::WrongDirection { packet: 13 }),
            "publish_properties" => Err(Violation::ServerProperty { id: 0x0B }),
            "auth" | "auth_long" => Err(Violation::ReasonCode { code: 0x00 }),
            "disconnect_taken_over" => Err(Violation::ReasonCode { code: 0x8E }),
            "disconnect_bad_method" => Err(Violation::ReasonCode { code: 0x8C }),
            "disconnect_moved" => Err(Violation::ReasonCode { code: 0x9D }),
            _ => Ok(()),
        };
        assert_eq!(codec::check_from_client(&row.packet), expected, "{}", row.name);
    }
    let elsewhere = Bytes::from_static(b"\xe0\x06\x00\x04\x1c\x00\x01x");
    let packet = read(Version::V5, &elsewhere).unwrap();
    let property = Violation::ServerProperty { id: 0x1C };
    assert_eq!(codec::check_from_client(&packet), Err(property));
}

#[test]
fn no_refusal_is_a_prefix_of_a_row() {
    for row in all_refused() {
        let wrong = |valid: &tables::Row| valid.version == row.version && valid.bytes == row.bytes;
        assert!(!all_rows().iter().any(wrong), "{}", what(&row));
    }
}

fn check(rows: Vec<Refused>) {
    assert!(!rows.is_empty());
    for row in rows {
        assert_eq!(read(row.version, &row.bytes), Err(row.violation), "{}", what(&row));
        // What frame_len refuses, decode refuses as well, for callers that have the whole frame.
        let found = codec::decode(row.version, row.bytes.clone(), &LIMITS);
        assert_eq!(found, Err(row.violation), "{}", what(&row));
    }
}

fn what(row: &Refused) -> String {
    format!("{} in {:?}: {:02x?}", row.name, row.version, &row.bytes[..])
}

fn decode_connect(frame: Bytes) -> Result<Box<Connect>, Violation> {
    codec::decode_connect(frame, &LIMITS).map_err(|bad| bad.violation)
}
