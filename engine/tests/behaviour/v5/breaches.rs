//! MQTT 5.0: what a client can do wrong once it is connected, and what it is told (section 4.13).

use surewire_engine::notice::CloseReason;

use super::NOTHING;
use crate::support::{Bench, Client, NEVER, raw};

/// A breach by its bytes.
struct Breach {
    what: &'static str,
    bytes: Vec<u8>,
    /// What the client is told.
    code: u8,
}

/// A whole packet.
fn breach(what: &'static str, code: u8, first: u8, body: &[&[u8]]) -> Breach {
    Breach { what, bytes: raw::packet(first, body), code }
}

/// The last words, and that nothing came before them or reached anybody.
fn expect(breaches: &[Breach]) {
    for Breach { what, bytes, code } in breaches {
        let bench = Bench::new();
        let reader = bench.connect5("reader");
        reader.subscribe_many(&[("#", 2), ("gone", 0)]);
        let client = victim(&bench);
        client.raw(bytes);
        assert!(!client.is_open(), "{what}: still open");
        let told = client.expect_disconnect(*code);
        assert!(told.properties.get().reason_string.is_some(), "{what}");
        assert_eq!(client.seen(), NOTHING, "{what}: an answer");
        let closed = client.closed();
        assert!(matches!(closed, Some(CloseReason::Violation(_))), "{what}: {closed:?}");
        // It was no farewell: the Will is published, and nothing else.
        assert_eq!(reader.messages(), ["gone=v q0"], "{what}");
        // What comes behind it is not looked at, and the session is what it was.
        assert_eq!(bench.resume5("v", NEVER, true).seen(), NOTHING, "{what}");
        assert_eq!(bench.sizes().subscriptions, 2, "{what}");
    }
}

fn victim(bench: &Bench) -> Client {
    let connect = surewire_engine::packet::Connect {
        will: crate::support::will("gone", "v", 0, false),
        ..crate::support::resume5("v", NEVER)
    };
    let client = bench.open(connect);
    client.expect_connack(false);
    client
}

// conformance: v5 MQTT-3.3.1-2, v5 MQTT-3.3.1-4, v5 MQTT-3.3.2-1, v5 MQTT-3.3.2-2
// conformance: v5 MQTT-3.3.2-8, v5 MQTT-3.3.2-9, v5 MQTT-3.3.2-13, v5 MQTT-3.3.2-14
// conformance: v5 MQTT-3.3.2-19, v5 MQTT-3.3.4-6, v5 MQTT-4.7.0-1, v5 MQTT-4.7.3-1
// conformance: v5 MQTT-4.7.3-2, v5 MQTT-4.13.1-1, v5 MQTT-4.13.2-1
#[test]
fn in_publish() {
    let t = &raw::field("t")[..];
    let qos_0 = |what, code, parts: &[&[u8]]| breach(what, code, 0x30, parts);
    expect(&[
        breach("QoS 3", 0x81, 0x36, &[t, &[0, 1, 0]]),
        breach("DUP with QoS 0", 0x81, 0x38, &[t, &[0]]),
        breach("identifier 0", 0x82, 0x32, &[t, &[0, 0, 0]]),
        qos_0("nothing", 0x81, &[]),
        qos_0("topic ill-formed", 0x81, &[&raw::field(b"\xff"), &[0]]),
        qos_0("topic with U+0000", 0x81, &[&raw::field("a\0"), &[0]]),
        qos_0("topic with #", 0x90, &[&raw::field("a/#"), &[0]]),
        qos_0("topic with +", 0x90, &[&raw::field("a/+"), &[0]]),
        qos_0("no topic, no alias", 0x82, &[&raw::field(""), &[0]]),
        qos_0("alias 0", 0x94, &[t, &[3, 0x23, 0, 0]]),
        qos_0("alias above the maximum", 0x94, &[t, &[3, 0x23, 0, 65]]),
        qos_0("alias that stands for nothing", 0x82, &[&[0, 0], &[3, 0x23, 0, 1]]),
        qos_0("alias twice", 0x82, &[t, &[6, 0x23, 0, 1, 0x23, 0, 1]]),
        qos_0("Subscription Identifier", 0x82, &[t, &[2, 0x0B, 1]]),
        qos_0("Response Topic with wildcard", 0x90, &[t, &[6, 8, 0, 3, b'a', b'/', b'#']]),
        qos_0("Response Topic ill-formed", 0x81, &[t, &[4, 8, 0, 1, 0xFF]]),
        qos_0("Response Topic empty", 0x82, &[t, &[3, 8, 0, 0]]),
        qos_0("Content Type ill-formed", 0x81, &[t, &[4, 3, 0, 1, 0xFF]]),
        qos_0("Content Type twice", 0x82, &[t, &[8, 3, 0, 1, b'a', 3, 0, 1, b'a']]),
        qos_0("User Property ill-formed", 0x81, &[t, &[6, 0x26, 0, 1, 0xFF, 0, 0]]),
        qos_0("Payload Format Indicator 2", 0x82, &[t, &[2, 1, 2]]),
        qos_0("Message Expiry Interval twice", 0x82, &[t, &[10, 2, 0, 0, 0, 1, 2, 0, 0, 0, 1]]),
        qos_0("property of CONNECT", 0x81, &[t, &[3, 0x21, 0, 9]]),
        qos_0("property that nobody knows", 0x81, &[t, &[2, 0x7F, 0]]),
        qos_0("properties longer than the packet", 0x81, &[t, &[9, 1, 1]]),
    ]);
}

// conformance: v5 MQTT-3.6.1-1, v5 MQTT-3.4.2-1, v5 MQTT-3.5.2-1, v5 MQTT-3.6.2-1
// conformance: v5 MQTT-3.7.2-1, v5 MQTT-4.13.1-1
#[test]
fn in_acknowledgements() {
    expect(&[
        breach("PUBREL with flags 0", 0x81, 0x60, &[&[0, 1]]),
        breach("PUBACK with flags", 0x81, 0x42, &[&[0, 1]]),
        breach("PUBREC with flags", 0x81, 0x52, &[&[0, 1]]),
        breach("PUBCOMP with flags", 0x81, 0x72, &[&[0, 1]]),
        breach("identifier 0", 0x82, 0x40, &[&[0, 0]]),
        breach("cut identifier", 0x81, 0x40, &[&[0]]),
        breach("PUBACK with code 0x92", 0x82, 0x40, &[&[0, 1, 0x92]]),
        breach("PUBREC with code 0x9B", 0x82, 0x50, &[&[0, 1, 0x9B]]),
        breach("PUBREL with code 0x80", 0x82, 0x62, &[&[0, 1, 0x80]]),
        breach("PUBCOMP with code 0x10", 0x82, 0x70, &[&[0, 1, 0x10]]),
        breach("bytes behind the properties", 0x81, 0x40, &[&[0, 1, 0, 0, 9]]),
        breach("Reason String twice", 0x82, 0x40, &[&[0, 1, 0x80, 6, 0x1F, 0, 0, 0x1F, 0, 0]]),
        breach("a property of PUBLISH", 0x81, 0x40, &[&[0, 1, 0, 2, 1, 1]]),
    ]);
}

// conformance: v5 MQTT-3.8.1-1, v5 MQTT-3.8.3-1, v5 MQTT-3.8.3-2, v5 MQTT-3.8.3-4
// conformance: v5 MQTT-3.8.3-5, v5 MQTT-4.7.3-2, v5 MQTT-4.13.1-1
#[test]
fn in_subscribe() {
    let t = &[&raw::field("t")[..], &[0]].concat();
    let subscribe = |what, code, parts: &[&[u8]]| breach(what, code, 0x82, parts);
    let too_many = [&[0xFF, 0xFF, 0xFF, 0xFF, 0x7F][..], t].concat();
    expect(&[
        breach("flags 0", 0x81, 0x80, &[&[0, 1, 0], t]),
        breach("flags 0011", 0x81, 0x83, &[&[0, 1, 0], t]),
        subscribe("no filter", 0x82, &[&[0, 1, 0]]),
        subscribe("no options", 0x81, &[&[0, 1, 0], &raw::field("t")]),
        subscribe("filter ill-formed", 0x81, &[&[0, 1, 0], &raw::field(b"\xff"), &[0]]),
        subscribe("filter with U+0000", 0x81, &[&[0, 1, 0], &raw::field("a\0"), &[0]]),
        subscribe("reserved bits", 0x81, &[&[0, 1, 0], &raw::field("t"), &[0x80]]),
        subscribe("QoS 3", 0x82, &[&[0, 1, 0], &raw::field("t"), &[3]]),
        subscribe("Retain Handling 3", 0x82, &[&[0, 1, 0], &raw::field("t"), &[0x30]]),
        subscribe("No Local, shared", 0x82, &[&[0, 1, 0], &raw::field("$share/g/t"), &[4]]),
        subscribe("identifier 0", 0x82, &[&[0, 0, 0], t]),
        subscribe("Subscription Identifier 0", 0x82, &[&[0, 1, 2, 0x0B, 0], t]),
        subscribe("Subscription Identifier of five bytes", 0x81, &[&[0, 1, 6, 0x0B], &too_many]),
        subscribe("Subscription Identifier twice", 0x82, &[&[0, 1, 4, 0x0B, 1, 0x0B, 2], t]),
        subscribe("a property of PUBLISH", 0x81, &[&[0, 1, 2, 1, 1], t]),
    ]);
}

// conformance: v5 MQTT-3.10.1-1, v5 MQTT-3.10.3-1, v5 MQTT-3.10.3-2, v5 MQTT-4.13.1-1
#[test]
fn in_unsubscribe() {
    let t = &raw::field("t")[..];
    expect(&[
        breach("flags 0", 0x81, 0xA0, &[&[0, 1, 0], t]),
        breach("flags 0110", 0x81, 0xA6, &[&[0, 1, 0], t]),
        breach("no filter", 0x82, 0xA2, &[&[0, 1, 0]]),
        breach("filter ill-formed", 0x81, 0xA2, &[&[0, 1, 0], &raw::field(b"\xc0\x80")]),
        breach("filter with U+0000", 0x81, 0xA2, &[&[0, 1, 0], &raw::field("a\0")]),
        breach("cut filter", 0x81, 0xA2, &[&[0, 1, 0], &[0, 9, b't']]),
        breach("identifier 0", 0x82, 0xA2, &[&[0, 0, 0], t]),
        breach("a Subscription Identifier", 0x81, 0xA2, &[&[0, 1, 2, 0x0B, 1], t]),
    ]);
}

// conformance: v5 MQTT-4.13.1-1, v5 MQTT-4.13.2-1
#[test]
fn packets_that_only_servers_send() {
    expect(&[
        breach("CONNACK", 0x82, 0x20, &[&[0, 0, 0]]),
        breach("SUBACK", 0x82, 0x90, &[&[0, 1, 0, 0]]),
        breach("UNSUBACK", 0x82, 0xB0, &[&[0, 1, 0, 0]]),
        breach("PINGRESP", 0x82, 0xD0, &[]),
        breach("packet type 0", 0x81, 0x00, &[]),
        Breach {
            what: "five bytes of length",
            bytes: vec![0x30, 255, 255, 255, 255, 1],
            code: 0x81,
        },
        Breach { what: "too large", bytes: vec![0x30, 255, 255, 255, 127], code: 0x95 },
    ]);
}
