//! CONNECT.

use super::{
    ALL, Refused, Row, USER_PROPERTIES, V3, V5, V31, V311, frame, list, read_only, refuse, row,
    text, topic, user_properties,
};
use bytes::Bytes;
use surewire_engine::packet::{Connect, Packet, Password, Properties, PropertySet, QoS};
use surewire_engine::packet::{Version, Will};
use surewire_engine::violation::Violation;

/// Name and level, by version.
const NAMES: [(Version, &[u8]); 3] = [
    (Version::V3_1, b"\x00\x06MQIsdp\x03"),
    (Version::V3_1_1, b"\x00\x04MQTT\x04"),
    (Version::V5, b"\x00\x04MQTT\x05"),
];

fn connect(version: Version, client_id: &'static str) -> Connect {
    Connect {
        version,
        clean_start: true,
        keep_alive: 60,
        client_id: text(client_id),
        will: None,
        user_name: None,
        password: None,
        properties: Properties::NONE,
    }
}

fn will(qos: QoS, retain: bool) -> Option<Box<Will>> {
    let payload = Bytes::from_static(b"\x00gone");
    Some(Box::new(Will { topic: topic("w/t"), payload, qos, retain, properties: Properties::NONE }))
}

fn boxed(connect: Connect) -> Packet {
    Packet::Connect(Box::new(connect))
}

pub(crate) fn rows() -> Vec<Row> {
    let rows = &mut Vec::new();
    for (version, name) in NAMES {
        let none: &[u8] = if version == Version::V5 { b"\x00" } else { b"" };
        let bytes = |flags, rest: &[&[u8]]| {
            frame(0x10, &[name, &[flags], b"\x00\x3c", none, &rest.concat()])
        };
        let plain = connect(version, "c");
        let only = &[version];
        row(rows, "connect", only, bytes(2, &[b"\x00\x01c"]), boxed(plain.clone()));
        let keep = Connect { clean_start: false, ..plain.clone() };
        row(rows, "connect_session", only, bytes(0, &[b"\x00\x01c"]), boxed(keep));
        let nameless = connect(version, "");
        row(rows, "connect_no_client_id", only, bytes(2, &[b"\x00\x00"]), boxed(nameless));
        let user = Connect { user_name: Some(text("u")), ..plain.clone() };
        let fields: &[&[u8]] = &[b"\x00\x01c", b"\x00\x01u"];
        row(rows, "connect_user", only, bytes(0x82, fields), boxed(user.clone()));
        let password = Some(Password(Bytes::from_static(b"\x00\xff")));
        let all = Connect { will: will(QoS::ExactlyOnce, true), password, ..user };
        let fields: &[&[u8]] = &[
            b"\x00\x01c",
            none,
            b"\x00\x03w/t",
            b"\x00\x05\x00gone",
            b"\x00\x01u",
            b"\x00\x02\x00\xff",
        ];
        row(rows, "connect_all_fields", only, bytes(0xF6, fields), boxed(all));
        let with_will = Connect { will: will(QoS::AtLeastOnce, false), ..plain };
        let fields = &fields[..4];
        row(rows, "connect_will", only, bytes(0x0E, fields), boxed(with_will));
    }
    v31_rows(rows);
    v5_rows(rows);
    std::mem::take(rows)
}

/// What MQTT 3.1 says otherwise.
fn v31_rows(rows: &mut Vec<Row>) {
    let plain = || connect(Version::V3_1, "c");
    let bytes = |flags| frame(0x10, &[b"\x00\x06MQIsdp\x03", &[flags], b"\x00\x3c\x00\x01c"]);
    read_only(rows, "connect_stray_will_qos", V31, bytes(0x0A), boxed(plain()));
    read_only(rows, "connect_stray_will_retain", V31, bytes(0x22), boxed(plain()));
    read_only(rows, "connect_no_user_name", V31, bytes(0xC2), boxed(plain()));
    let long = connect(Version::V3_1, "a client id of more than 23 bytes");
    let fields = b"\x02\x00\x3c\x00\x21a client id of more than 23 bytes";
    row(rows, "connect_long_id", V31, frame(0x10, &[b"\x00\x06MQIsdp\x03", fields]), boxed(long));
}

fn v5_rows(rows: &mut Vec<Row>) {
    let secret = Some(Password(Bytes::from_static(b"secret")));
    let lone = Connect { password: secret, ..connect(Version::V5, "c") };
    let bytes = frame(0x10, &[b"\x00\x04MQTT\x05\x42\x00\x3c\x00", b"\x00\x01c\x00\x06secret"]);
    row(rows, "connect_password_alone", V5, bytes, boxed(lone));

    let properties = PropertySet {
        session_expiry_interval: Some(16),
        authentication_method: Some(text("m")),
        authentication_data: Some(Bytes::new()),
        request_problem_information: Some(false),
        request_response_information: Some(true),
        receive_maximum: Some(65_535),
        topic_alias_maximum: Some(10),
        maximum_packet_size: Some(0xFFFF_FFFF),
        ..user_properties().get().clone()
    };
    let own = list(&[
        b"\x11\x00\x00\x00\x10",
        b"\x15\x00\x01m",
        b"\x16\x00\x00",
        b"\x17\x00",
        b"\x19\x01",
        b"\x21\xff\xff",
        b"\x22\x00\x0a",
        USER_PROPERTIES,
        b"\x27\xff\xff\xff\xff",
    ]);
    let of_will = PropertySet {
        payload_format_indicator: Some(false),
        message_expiry_interval: Some(0),
        content_type: Some(text("")),
        response_topic: Some(topic("r")),
        correlation_data: Some(Bytes::from_static(b"id")),
        will_delay_interval: Some(5),
        ..user_properties().get().clone()
    };
    let wills = list(&[
        b"\x01\x00",
        b"\x02\x00\x00\x00\x00",
        b"\x03\x00\x00",
        b"\x08\x00\x01r",
        b"\x09\x00\x02id",
        b"\x18\x00\x00\x00\x05",
        USER_PROPERTIES,
    ]);
    let mut will = will(QoS::AtMostOnce, false);
    if let Some(will) = &mut will {
        will.properties = of_will.into();
    }
    let full = Connect { will, properties: properties.into(), ..connect(Version::V5, "c") };
    let head = b"\x00\x04MQTT\x05\x06\x00\x3c";
    let tail = b"\x00\x03w/t\x00\x05\x00gone";
    let bytes = frame(0x10, &[head, &own, b"\x00\x01c", &wills, tail]);
    row(rows, "connect_properties", V5, bytes, boxed(full));
}

pub(crate) fn refused() -> Vec<Refused> {
    let rows = &mut Vec::new();
    protocol(rows);
    flags(rows);
    v3_payload(rows);
    v5_payload(rows);
    std::mem::take(rows)
}

fn protocol(rows: &mut Vec<Refused>) {
    for name in
        [&b"\x00\x04MQTX\x04"[..], b"\x00\x04mqtt\x04", b"\x00\x00\x04", b"\x00\x06MQISDP\x03"]
    {
        let bytes = frame(0x10, &[name, b"\x02\x00\x3c\x00\x01c"]);
        refuse(rows, "protocol name", ALL, bytes, Violation::ProtocolName);
    }
    refuse(rows, "cut protocol name", ALL, b"\x10\x04\x00\x04MQ", Violation::Truncated);
    let levels: [(&[u8], u8); 8] = [
        (b"\x00\x04MQTT", 0),
        (b"\x00\x04MQTT", 3),
        (b"\x00\x04MQTT", 6),
        (b"\x00\x04MQTT", 127),
        (b"\x00\x04MQTT", 0x84),
        (b"\x00\x06MQIsdp", 4),
        (b"\x00\x06MQIsdp", 5),
        (b"\x00\x06MQIsdp", 2),
    ];
    for (name, level) in levels {
        let bytes = frame(0x10, &[name, &[level], b"\x02\x00\x3c\x00\x01c"]);
        refuse(rows, "protocol level", ALL, bytes, Violation::ProtocolLevel { level });
    }
}

fn flags(rows: &mut Vec<Refused>) {
    for (version, name) in NAMES {
        let none: &[u8] = if version == Version::V5 { b"\x00" } else { b"" };
        let bytes = |flags| frame(0x10, &[name, &[flags], b"\x00\x3c", none, b"\x00\x01c"]);
        let only = &[version];
        refuse(rows, "reserved flag", only, bytes(0x03), Violation::ReservedConnectFlag);
        let cut = bytes(0x82);
        if version != Version::V3_1 {
            for stray in [0x0A, 0x12, 0x1A, 0x22] {
                refuse(rows, "Will QoS or Retain alone", only, bytes(stray), Violation::WillFlags);
            }
            refuse(rows, "no user name", only, cut, Violation::Truncated);
        }
        refuse(rows, "Will QoS 3", only, bytes(0x1E), Violation::WillFlags);
        refuse(rows, "no will", only, bytes(0x06), Violation::Truncated);
        if version != Version::V5 {
            let lone = Violation::PasswordWithoutUserName;
            refuse(rows, "password alone", only, bytes(0x42), lone);
        }
        let mut long = bytes(0x02);
        long[1] += 1;
        long.push(0);
        refuse(rows, "trailing bytes", only, long, Violation::TrailingBytes);
        let head = frame(0x10, &[name, b"\x02\x00\x3c", none]);
        refuse(rows, "no client id", only, head, Violation::Truncated);
    }
}

fn v3_payload(rows: &mut Vec<Refused>) {
    let bytes = |flags, payload: &[&[u8]]| {
        frame(0x10, &[b"\x00\x04MQTT\x04", &[flags], b"\x00\x3c", &payload.concat()])
    };
    let id = b"\x00\x01c";
    let ill = Violation::IllFormedUtf8;
    refuse(rows, "ill-formed client id", V311, bytes(2, &[b"\x00\x01\xff"]), ill);
    refuse(rows, "surrogate in client id", V311, bytes(2, &[b"\x00\x03\xed\xa0\x80"]), ill);
    refuse(rows, "U+0000 in client id", V311, bytes(2, &[b"\x00\x02a\x00"]), Violation::Nul);
    refuse(rows, "U+0000 twice", V311, bytes(2, &[b"\x00\x03\x00a\x00"]), Violation::Nul);
    let message = b"\x00\x01m";
    let will = |topic: &[u8]| bytes(6, &[id, topic, message]);
    refuse(rows, "ill-formed Will Topic", V311, will(b"\x00\x01\xff"), ill);
    refuse(rows, "U+0000 in Will Topic", V311, will(b"\x00\x01\x00"), Violation::Nul);
    refuse(rows, "empty Will Topic", V311, will(b"\x00\x00"), Violation::WillTopic);
    refuse(rows, "wildcard in Will Topic", V311, will(b"\x00\x01#"), Violation::WillTopic);
    let cut = bytes(6, &[id, b"\x00\x01w"]);
    refuse(rows, "no Will Message", V311, cut, Violation::Truncated);
    refuse(rows, "ill-formed User Name", V311, bytes(0x82, &[id, b"\x00\x01\xff"]), ill);
    let nul = bytes(0x82, &[id, b"\x00\x01\x00"]);
    refuse(rows, "U+0000 in User Name", V311, nul, Violation::Nul);
    let cut = bytes(0xC2, &[id, b"\x00\x01u"]);
    refuse(rows, "no Password", V311, cut, Violation::Truncated);
    let cut = bytes(0xC2, &[id, b"\x00\x01u", b"\x00\x02x"]);
    refuse(rows, "cut Password", V3, cut, Violation::Truncated);
}

fn v5_payload(rows: &mut Vec<Refused>) {
    let bytes = |flags, rest: &[&[u8]]| {
        frame(0x10, &[b"\x00\x04MQTT\x05", &[flags], b"\x00\x3c", &rest.concat()])
    };
    let id = b"\x00\x01c";
    let data = bytes(2, &[b"\x04\x16\x00\x01x", id]);
    refuse(rows, "data without method", V5, data, Violation::AuthenticationData);
    let will = |properties: &[u8]| bytes(6, &[b"\x00", id, properties, b"\x00\x01w\x00\x00"]);
    let delay = Violation::DuplicateProperty { id: 0x18 };
    let twice = b"\x0a\x18\x00\x00\x00\x01\x18\x00\x00\x00\x01";
    refuse(rows, "Will Delay twice", V5, will(twice), delay);
    let foreign = Violation::Property { id: 0x11 };
    refuse(rows, "expiry in the Will", V5, will(b"\x05\x11\x00\x00\x00\x01"), foreign);
    let ill = Violation::IllFormedUtf8;
    refuse(rows, "ill-formed client id", V5, bytes(2, &[b"\x00", b"\x00\x01\xff"]), ill);
    let topic = bytes(6, &[b"\x00", id, b"\x00", b"\x00\x01\xff\x00\x00"]);
    refuse(rows, "ill-formed Will Topic", V5, topic, ill);
    let wildcard = bytes(6, &[b"\x00", id, b"\x00", b"\x00\x01+\x00\x00"]);
    refuse(rows, "wildcard in Will Topic", V5, wildcard, Violation::WillTopic);
    let user = bytes(0x82, &[b"\x00", id, b"\x00\x01\xff"]);
    refuse(rows, "ill-formed User Name", V5, user, ill);
    let user = bytes(0x82, &[b"\x00", id, b"\x00\x01\x00"]);
    refuse(rows, "U+0000 in User Name", V5, user, Violation::Nul);
    // Five in CONNECT and four in its Will: each within the limit of eight, both together not.
    let pair = b"\x26\x00\x00\x00\x00";
    let (five, four) = (list(&[pair; 5].map(|p| &p[..])), list(&[pair; 4].map(|p| &p[..])));
    let many = bytes(6, &[&five, id, &four, b"\x00\x01w\x00\x00"]);
    refuse(rows, "many properties", V5, many, Violation::TooManyUserProperties { limit: 8 });
}
