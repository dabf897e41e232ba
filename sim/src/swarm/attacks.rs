//! What a client can do wrong, as bytes, with the code by which a 5.0 server ends the connection
//! (MQTT 5.0 sections 4.13 and 3.14.2.1). Before 5.0 it only ends.

use surewire_engine::packet::Version;

/// An attack: what it is, what stands behind the CONNECT, and the code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    pub(crate) bytes: &'static [u8],
    pub(crate) code: u8,
    /// Whether a client before 5.0 can do it.
    pub(crate) old: bool,
}

const fn any(name: &'static str, code: u8, bytes: &'static [u8]) -> Attack {
    Attack { name, bytes, code, old: true }
}

const fn five(name: &'static str, code: u8, bytes: &'static [u8]) -> Attack {
    Attack { name, bytes, code, old: false }
}

/// Those whose bytes are always the same.
pub(crate) const ATTACKS: &[Attack] = &[
    any("packet type 0", 0x81, &[0x00, 0x00]),
    any("a length of five bytes", 0x81, &[0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]),
    any("a length longer than needed", 0x81, &[0xC0, 0x80, 0x00]),
    any("a packet that is too large", 0x95, &[0x30, 0xFF, 0xFF, 0xFF, 0x7F]),
    any("PUBLISH of QoS 3", 0x81, b"\x36\x08\x00\x03h/0\x00\x01\x00"),
    any("DUP at QoS 0", 0x81, b"\x38\x06\x00\x03h/0\x00"),
    any("packet identifier 0", 0x82, b"\x32\x08\x00\x03h/0\x00\x00\x00"),
    any("no topic", 0x82, b"\x30\x03\x00\x00\x00"),
    any("a wildcard in a topic", 0x90, b"\x30\x06\x00\x03h/#\x00"),
    any("a topic that is no UTF-8", 0x81, b"\x30\x06\x00\x03h\xC0\x80\x00"),
    any("U+0000 in a topic", 0x81, b"\x30\x06\x00\x03h\x00h\x00"),
    any("a topic longer than its packet", 0x81, b"\x30\x04\x00\x09h/"),
    five("SUBSCRIBE without filters", 0x82, b"\x82\x03\x00\x01\x00"),
    five("UNSUBSCRIBE without filters", 0x82, b"\xA2\x03\x00\x01\x00"),
    any("SUBSCRIBE with other flags", 0x81, b"\x80\x09\x00\x01\x00\x00\x03h/0\x00"),
    any("PUBREL with other flags", 0x81, b"\x60\x02\x00\x01"),
    any("CONNACK", 0x82, b"\x20\x03\x00\x00\x00"),
    any("SUBACK", 0x82, b"\x90\x04\x00\x01\x00\x00"),
    any("PINGRESP", 0x82, b"\xD0\x00"),
    any("PINGREQ with a body", 0x81, b"\xC0\x01\x00"),
    five("a second CONNECT", 0x82, b"\x10\x0E\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x01x"),
    five("reserved Subscription Options", 0x81, b"\x82\x09\x00\x01\x00\x00\x03h/0\xC0"),
    five("a subscription at QoS 3", 0x82, b"\x82\x09\x00\x01\x00\x00\x03h/0\x03"),
    five("Retain Handling 3", 0x82, b"\x82\x09\x00\x01\x00\x00\x03h/0\x30"),
    five("No Local on a share group", 0x82, b"\x82\x10\x00\x01\x00\x00\x0A$share/h/x\x04"),
    five("Subscription Identifier 0", 0x82, b"\x82\x0B\x00\x01\x02\x0B\x00\x00\x03h/0\x00"),
    five("a Subscription Identifier in PUBLISH", 0x82, b"\x30\x08\x00\x03h/0\x02\x0B\x01"),
    five("Topic Alias 0", 0x94, b"\x30\x09\x00\x03h/0\x03\x23\x00\x00"),
    five("a Topic Alias above the maximum", 0x94, b"\x30\x09\x00\x03h/0\x03\x23\xFF\xFF"),
    five("a property twice", 0x82, b"\x30\x0A\x00\x03h/0\x04\x01\x00\x01\x00"),
    five("an unknown property", 0x81, b"\x30\x08\x00\x03h/0\x02\x7E\x00"),
    five("a property out of its range", 0x82, b"\x30\x08\x00\x03h/0\x02\x01\x02"),
    five("properties longer than their packet", 0x81, b"\x30\x06\x00\x03h/0\x7F"),
    five("AUTH without a method", 0x82, b"\xF0\x02\x18\x00"),
    five("an expiry where there was none", 0x82, b"\xE0\x07\x00\x05\x11\x00\x00\x00\x0A"),
    five("a reason code of another packet", 0x82, b"\x40\x04\x00\x01\x01\x00"),
];

/// A CONNECT for a clean session, without Keep Alive.
pub(crate) fn connect(version: Version, name: &str) -> Vec<u8> {
    let (level, properties): (u8, &[u8]) = match version {
        Version::V5 => (5, &[0]),
        Version::V3_1 | Version::V3_1_1 => (4, &[]),
    };
    let mut body = b"\x00\x04MQTT".to_vec();
    body.extend([level, 0x02, 0, 0]);
    body.extend(properties);
    body.extend(field(name));
    packet(0x10, &body)
}

/// More QoS 2 messages than a client was told it may send before it releases one.
pub(crate) fn flood(count: u16) -> Vec<u8> {
    let publish = |id: u16| {
        let mut body = field("h/0");
        body.extend(id.to_be_bytes());
        body.extend(b"\x00");
        packet(0x34, &body)
    };
    (1..=count).flat_map(publish).collect()
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let len = u8::try_from(body.len()).expect("a short packet");
    let mut bytes = vec![first, len];
    bytes.extend(body);
    bytes
}

fn field(text: &str) -> Vec<u8> {
    let len = u16::try_from(text.len()).expect("a short name");
    let mut bytes = len.to_be_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}
