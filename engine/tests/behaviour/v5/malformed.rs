//! MQTT 5.0: what is malformed, what is a protocol error, and what has a code of its own (section
//! 4.13 and the sections that it collects).

use super::wire::{
    CLEAN, PASSWORD, USER_NAME, WILL, WILL_RETAIN, connect, list, publish, subscribe,
    text_property, unsubscribe, user_property,
};
use crate::support::raw::{connect_as, field, packet};
use crate::support::{Bench, connect5, will};
use surewire_engine::config::Config;
use surewire_engine::notice::CloseReason;
use surewire_engine::packet::{Connect, Packet};

/// What it is, its bytes, and the code that it is answered with.
type Row = (&'static str, Vec<u8>, u8);

/// A stray byte, an overlong form, a surrogate of UTF-16, a value above U+10FFFF, a cut-off form.
const ILL_FORMED: [&[u8]; 5] =
    [b"a\xFF", b"a\xC0\x80", b"a\xED\xA0\x80", b"a\xF4\x90\x80\x80", b"a\xE2\x82"];

const USER_PROPERTIES: [&[u8]; 3] = [b"\xFF", b"\xED\xBF\xBF", b"a\0"];

/// What these bytes on an accepted connection are answered with, by a broker that takes two Topic
/// Aliases; `None` if they do not end it. Whatever ends it brings the Will.
#[track_caller]
fn code_of(name: &str, bytes: &[u8]) -> Option<u8> {
    let bench = Bench::with(Config { topic_alias_maximum: 2, ..Config::default() });
    let watcher = bench.connect("watcher");
    watcher.subscribe("will", 0);
    let client = bench.open(Connect { will: will("will", "x", 0, false), ..connect5("c") });
    client.expect_connack(false);
    client.raw(bytes);
    if client.is_open() {
        return None;
    }
    assert!(matches!(client.closed(), Some(CloseReason::Violation(_))), "{name}: {bytes:02x?}");
    assert_eq!(watcher.messages(), ["will=x q0"], "{name}: {bytes:02x?}");
    let packets = client.take();
    let [Packet::Disconnect(disconnect)] = packets.as_slice() else {
        panic!("{name}: {bytes:02x?}: {packets:?}")
    };
    assert!(disconnect.properties.get().reason_string.is_some(), "{name}: no words");
    Some(disconnect.code.byte())
}

#[track_caller]
fn assert_codes(rows: Vec<Row>) {
    for (name, bytes, code) in rows {
        assert_eq!(code_of(name, &bytes), Some(code), "{name}: {bytes:02x?}");
    }
}

/// What these bytes as the first packet are answered with; `None` is silence. Either way the
/// connection ends and leaves nothing behind.
#[track_caller]
fn refusal_of(name: &str, bytes: &[u8]) -> Option<u8> {
    let bench = Bench::new();
    let client = bench.dial();
    client.raw(bytes);
    assert_eq!(client.closed(), Some(CloseReason::Refused), "{name}: {bytes:02x?}");
    assert_eq!(bench.sizes().sessions, 0, "{name}");
    let packets = client.take();
    match packets.as_slice() {
        [] => None,
        [Packet::Connack(connack)] => {
            assert!(!connack.session_present, "{name}");
            Some(connack.code.byte())
        }
        other => panic!("{name}: {other:?}"),
    }
}

#[track_caller]
fn assert_refusals(rows: Vec<Row>) {
    for (name, bytes, code) in rows {
        assert_eq!(refusal_of(name, &bytes), Some(code), "{name}: {bytes:02x?}");
    }
}

// trap: malformed against protocol error, packets that cannot be read
// conformance: v5 MQTT-2.1.3-1, v5 MQTT-1.5.5-1, v5 MQTT-3.3.1-4, v5 MQTT-3.3.1-2
// conformance: v5 MQTT-3.8.3-5, v5 MQTT-3.14.1-1, v5 MQTT-4.13.1-1
#[test]
fn what_cannot_be_read_is_malformed() {
    assert_codes(vec![
        ("packet type 0", vec![0, 0], 0x81),
        ("a Remaining Length of five bytes", vec![0x30, 0xFF, 0xFF, 0xFF, 0xFF, 1], 0x81),
        ("a Remaining Length longer than needed", vec![0xC0, 0x80, 0], 0x81),
        ("a Property Length longer than needed", vec![0x30, 5, 0, 1, b't', 0x80, 0], 0x81),
        ("PINGREQ with a body", vec![0xC0, 1, 0], 0x81),
        ("PUBLISH at QoS 3", publish(0x36, b"t", Some(1), &[]), 0x81),
        ("PUBLISH at QoS 0 with DUP", publish(0x38, b"t", None, &[]), 0x81),
        ("PUBLISH with half a topic", vec![0x30, 3, 0, 5, b't'], 0x81),
        ("PUBLISH with half an identifier", vec![0x32, 4, 0, 1, b't', 0], 0x81),
        ("PUBLISH without Property Length", vec![0x30, 3, 0, 1, b't'], 0x81),
        ("properties beyond the end", vec![0x30, 5, 0, 1, b't', 9, 1], 0x81),
        ("a SUBSCRIBE without options", packet(0x82, &[&[0, 1, 0], &field("t")]), 0x81),
        ("reserved options, bit 6", subscribe(1, &[], b"t", 0x40), 0x81),
        ("reserved options, bit 7", subscribe(1, &[], b"t", 0x80), 0x81),
        ("UNSUBSCRIBE with half a filter", vec![0xA2, 6, 0, 1, 0, 0, 2, b't'], 0x81),
        ("PUBACK of one byte", vec![0x40, 1, 0], 0x81),
        ("PUBACK with bytes behind", vec![0x40, 5, 0, 1, 0, 0, 0], 0x81),
        ("DISCONNECT with flags", vec![0xE1, 0], 0x81),
        ("DISCONNECT with bytes behind", vec![0xE0, 3, 0, 0, 0], 0x81),
    ]);
}

// trap: malformed against protocol error, the flags of every packet type
// conformance: v5 MQTT-2.1.3-1, v5 MQTT-3.6.1-1, v5 MQTT-3.8.1-1, v5 MQTT-3.10.1-1
// conformance: v5 MQTT-3.14.1-1
#[test]
fn every_wrong_nibble_is_malformed() {
    let ack = |first| packet(first, &[&[0, 9]]);
    let mut good: Vec<Vec<u8>> = [0x40, 0x50, 0x62, 0x70].into_iter().map(ack).collect();
    good.extend([subscribe(9, &[], b"t", 0), unsubscribe(9, &[], b"t")]);
    good.extend([vec![0xC0, 0], vec![0xE0, 0]]);
    for bytes in good {
        for flags in (0..16).filter(|flags| *flags != bytes[0] & 15) {
            let mut wrong = bytes.clone();
            wrong[0] = wrong[0] & 0xF0 | flags;
            assert_eq!(code_of("a wrong nibble", &wrong), Some(0x81), "{wrong:02x?}");
        }
        if bytes[0] != 0xE0 {
            assert_eq!(code_of("the right nibble", &bytes), None, "{bytes:02x?}");
        }
    }
}

// trap: malformed against protocol error, text
// conformance: v5 MQTT-1.5.4-1, v5 MQTT-1.5.4-2, v5 MQTT-1.5.7-1
#[test]
fn text_that_is_no_text_is_malformed_wherever_it_stands() {
    for text in ILL_FORMED.into_iter().chain([&b"\0"[..], b"a\0b"]) {
        assert_codes(vec![
            ("a topic", publish(0x30, text, None, &[]), 0x81),
            ("a Content Type", publish(0x30, b"t", None, &text_property(3, text)), 0x81),
            ("a Response Topic", publish(0x30, b"t", None, &text_property(8, text)), 0x81),
            ("a filter", subscribe(1, &[], text, 0), 0x81),
            ("a filter of UNSUBSCRIBE", unsubscribe(1, &[], text), 0x81),
            ("a Reason String", disconnect(0, &text_property(0x1F, text)), 0x81),
        ]);
    }
    for text in USER_PROPERTIES {
        for pair in [user_property(text, "v"), user_property("n", text)] {
            assert_codes(vec![
                ("in PUBLISH", publish(0x30, b"t", None, &pair), 0x81),
                ("in SUBSCRIBE", subscribe(1, &pair, b"t", 0), 0x81),
                ("in UNSUBSCRIBE", unsubscribe(1, &pair, b"t"), 0x81),
                ("in PUBACK", packet(0x40, &[&[0, 1, 0], &list(&pair)]), 0x81),
                ("in DISCONNECT", disconnect(0, &pair), 0x81),
            ]);
        }
    }
}

fn disconnect(code: u8, properties: &[u8]) -> Vec<u8> {
    packet(0xE0, &[&[code], &list(properties)])
}

// trap: malformed against protocol error, properties
// conformance: v5 section 2.2.2.2
#[test]
fn a_property_that_does_not_belong_here_is_malformed_and_a_wrong_one_a_protocol_error() {
    let of_publish = |properties: &[u8]| publish(0x30, b"t", None, properties);
    let twice = |property: &[u8]| [property, property].concat();
    assert_codes(vec![
        ("one that nobody knows", of_publish(&[0x7E, 0]), 0x81),
        ("one of CONNECT in PUBLISH", of_publish(&[0x11, 0, 0, 0, 1]), 0x81),
        ("one of PUBLISH in SUBSCRIBE", subscribe(1, &[0x01, 0], b"t", 0), 0x81),
        ("one of SUBSCRIBE in UNSUBSCRIBE", unsubscribe(1, &[0x0B, 1], b"t"), 0x81),
        ("one of CONNECT in DISCONNECT", disconnect(0, &[0x21, 0, 1]), 0x81),
        ("a Will Delay in PUBLISH", of_publish(&[0x18, 0, 0, 0, 1]), 0x81),
        ("a value that is cut off", of_publish(&[0x02, 0, 0]), 0x81),
        ("a text that is cut off", of_publish(&[0x03, 0, 2, b'a']), 0x81),
        (
            "an identifier of five bytes",
            subscribe(1, &[0x0B, 255, 255, 255, 255, 1], b"t", 0),
            0x81,
        ),
        ("a Payload Format Indicator twice", of_publish(&twice(&[1, 0])), 0x82),
        ("a Message Expiry Interval twice", of_publish(&twice(&[2, 0, 0, 0, 9])), 0x82),
        ("a Content Type twice", of_publish(&twice(&text_property(3, "a"))), 0x82),
        ("a Response Topic twice", of_publish(&twice(&text_property(8, "a"))), 0x82),
        ("Correlation Data twice", of_publish(&twice(&text_property(9, "a"))), 0x82),
        ("a Topic Alias twice", of_publish(&twice(&[0x23, 0, 1])), 0x82),
        ("a Subscription Identifier twice", subscribe(1, &twice(&[0x0B, 1]), b"t", 0), 0x82),
        ("a Reason String twice", disconnect(0, &twice(&text_property(0x1F, "a"))), 0x82),
        ("a Session Expiry twice", disconnect(0, &twice(&[0x11, 0, 0, 0, 0])), 0x82),
        ("a Payload Format Indicator of 2", of_publish(&[1, 2]), 0x82),
        ("a Subscription Identifier of 0", subscribe(1, &[0x0B, 0], b"t", 0), 0x82),
        ("a Subscription Identifier from a client", of_publish(&[0x0B, 1]), 0x82),
    ]);
}

// trap: malformed against protocol error, what can be read and may not be
// conformance: v5 MQTT-2.2.1-3, v5 MQTT-3.1.0-2, v5 MQTT-3.8.3-2, v5 MQTT-3.8.3-4
// conformance: v5 MQTT-3.10.3-2, v5 MQTT-4.13.1-1
#[test]
fn what_can_be_read_and_may_not_be_is_a_protocol_error() {
    assert_codes(vec![
        ("a second CONNECT", connect(CLEAN, &[], &[&field("c")]), 0x82),
        ("CONNACK", vec![0x20, 3, 0, 0, 0], 0x82),
        ("SUBACK", vec![0x90, 4, 0, 1, 0, 0], 0x82),
        ("UNSUBACK", vec![0xB0, 4, 0, 1, 0, 0], 0x82),
        ("PINGRESP", vec![0xD0, 0], 0x82),
        ("no topic and no alias", publish(0x30, b"", None, &[]), 0x82),
        ("no topic and an unknown alias", publish(0x30, b"", None, &[0x23, 0, 1]), 0x82),
        ("PUBLISH at QoS 1 with identifier 0", publish(0x32, b"t", Some(0), &[]), 0x82),
        ("PUBLISH at QoS 2 with identifier 0", publish(0x34, b"t", Some(0), &[]), 0x82),
        ("SUBSCRIBE with identifier 0", subscribe(0, &[], b"t", 0), 0x82),
        ("UNSUBSCRIBE with identifier 0", unsubscribe(0, &[], b"t"), 0x82),
        ("SUBSCRIBE without filters", vec![0x82, 3, 0, 1, 0], 0x82),
        ("UNSUBSCRIBE without filters", vec![0xA2, 3, 0, 1, 0], 0x82),
        ("QoS 3 in the options", subscribe(1, &[], b"t", 3), 0x82),
        ("Retain Handling 3", subscribe(1, &[], b"t", 0x30), 0x82),
        ("No Local on a share group", subscribe(1, &[], b"$share/g/t", 4), 0x82),
        ("a code that PUBACK does not have", vec![0x40, 3, 0, 1, 0x8E], 0x82),
        ("a DISCONNECT code that only servers send", disconnect(0x8B, &[]), 0x82),
        ("a DISCONNECT code that nobody knows", disconnect(0x03, &[]), 0x82),
        ("an expiry raised from 0", disconnect(0, &[0x11, 0, 0, 0, 1]), 0x82),
    ]);
}

// trap: malformed against protocol error, codes of their own
// conformance: v5 MQTT-3.3.2-2, v5 MQTT-3.3.2-8, v5 MQTT-3.3.2-9, v5 MQTT-3.2.2-15
// conformance: v5 MQTT-3.2.2-17, v5 MQTT-4.7.0-1
#[test]
fn some_errors_have_a_code_of_their_own() {
    assert_codes(vec![
        ("a + in the topic", publish(0x30, b"a/+", None, &[]), 0x90),
        ("a # in the topic", publish(0x30, b"#", None, &[]), 0x90),
        ("a # in a Response Topic", publish(0x30, b"t", None, &text_property(8, "a/#")), 0x90),
        ("alias 0", publish(0x30, b"t", None, &[0x23, 0, 0]), 0x94),
        ("alias 3 of 2", publish(0x30, b"t", None, &[0x23, 0, 3]), 0x94),
        ("alias 3 of 2 without a topic", publish(0x30, b"", None, &[0x23, 0, 3]), 0x94),
        ("2 MiB and five bytes, by the header", vec![0x30, 0x80, 0x80, 0x80, 1], 0x95),
    ]);
    assert_eq!(code_of("alias 2 of 2", &publish(0x30, b"t", None, &[0x23, 0, 2])), None);
}

// conformance: v5 MQTT-3.2.2-18
#[test]
fn where_no_alias_was_offered_each_one_is_invalid() {
    for (id, topic) in [(1, &b"t"[..]), (1, b""), (0xFFFF, b"t")] {
        let bench = Bench::with(Config { topic_alias_maximum: 0, ..Config::default() });
        let client = bench.open(connect5("c"));
        assert_eq!(client.connack().properties.get().topic_alias_maximum, None);
        let alias: [u8; 2] = u16::to_be_bytes(id);
        client.raw(&publish(0x30, topic, None, &[0x23, alias[0], alias[1]]));
        client.expect_disconnect(0x94);
    }
}

// conformance: v5 MQTT-3.2.2-15
#[test]
fn a_packet_of_exactly_the_maximum_is_taken() {
    // The bench reads as a shell does that was given this limit.
    let most = u32::try_from(crate::support::LIMITS.max_packet_size).unwrap();
    let bench = Bench::with(Config { max_packet_size: most, ..Config::default() });
    for over in [0, 1] {
        let client = bench.open(connect5("c"));
        assert_eq!(client.connack().properties.get().maximum_packet_size, Some(most));
        // Four bytes of fixed header, three of topic, one of no properties.
        client.raw(&packet(0x30, &[&field("t"), &[0], &vec![b'x'; most as usize - 8 + over]]));
        match over {
            0 => client.ping(),
            _ => drop(client.expect_disconnect(0x95)),
        }
    }
}

// trap: malformed against protocol error, acknowledgements of another QoS
// conformance: v5 section 4.13
#[test]
fn an_acknowledgement_of_another_qos_is_a_protocol_error() {
    for (qos, first) in [(1, 0x50), (1, 0x70), (2, 0x40)] {
        let bench = Bench::new();
        let client = bench.connect5("c");
        client.subscribe("t", qos);
        bench.connect5("p").publish("t", qos, "x");
        let id = client.delivery().packet_id.unwrap().get();
        client.raw(&packet(first, &[&id.to_be_bytes()]));
        client.expect_disconnect(0x82);
    }
}

// trap: malformed against protocol error, CONNECT
// conformance: v5 MQTT-3.1.2-3, v5 MQTT-3.1.2-11, v5 MQTT-3.1.2-12, v5 MQTT-3.1.2-13
// conformance: v5 MQTT-3.1.2-9, v5 MQTT-3.1.2-16, v5 MQTT-3.1.2-17, v5 MQTT-3.1.2-18
// conformance: v5 MQTT-3.1.2-19, v5 MQTT-3.1.3-3, v5 MQTT-3.1.4-1, v5 MQTT-2.1.3-1
#[test]
fn a_connect_that_cannot_be_read_is_malformed() {
    let id = field("c");
    let will = [list(&[]), field("w"), field("x")].concat();
    assert_refusals(vec![
        ("the reserved flag", connect(CLEAN | 1, &[], &[&id]), 0x81),
        ("Will QoS 3", connect(CLEAN | WILL | 0x18, &[], &[&id, &will]), 0x81),
        ("Will QoS 1 and no Will", connect(CLEAN | 0x08, &[], &[&id]), 0x81),
        ("Will QoS 2 and no Will", connect(CLEAN | 0x10, &[], &[&id]), 0x81),
        ("Will Retain and no Will", connect(CLEAN | WILL_RETAIN, &[], &[&id]), 0x81),
        ("no payload", connect(CLEAN, &[], &[]), 0x81),
        ("a Will that is not there", connect(CLEAN | WILL, &[], &[&id]), 0x81),
        ("a Will without properties", connect(CLEAN | WILL, &[], &[&id, &will[1..]]), 0x81),
        ("a Will without payload", connect(CLEAN | WILL, &[], &[&id, &will[..4]]), 0x81),
        ("a user name that is not there", connect(CLEAN | USER_NAME, &[], &[&id]), 0x81),
        ("a password that is not there", connect(CLEAN | PASSWORD, &[], &[&id]), 0x81),
        ("a field that no flag promises", connect(CLEAN, &[], &[&id, &field("u")]), 0x81),
        ("a property of CONNACK", connect(CLEAN, &[0x12, 0, 1, b'a'], &[&id]), 0x81),
        ("a property of the Will", connect(CLEAN, &[0x18, 0, 0, 0, 1], &[&id]), 0x81),
        ("a property that nobody knows", connect(CLEAN, &[0x7F], &[&id]), 0x81),
        ("properties beyond the end", packet(0x10, &[&field("MQTT"), &[5, 2, 0, 0, 9]]), 0x81),
    ]);
    // The flags of the fixed header are wrong before anybody knows which version it is.
    let mut flags = connect(CLEAN, &[], &[&id]);
    flags[0] |= 2;
    assert_eq!(refusal_of("fixed header", &flags), None);
}

// conformance: v5 MQTT-3.1.2-9, v5 MQTT-3.1.2-17, v5 MQTT-3.1.2-19, v5 MQTT-3.1.3-1
// conformance: v5 MQTT-3.1.3-3, v5 MQTT-3.1.4-1
#[test]
fn a_connect_that_ends_early_is_malformed_wherever_it_ends() {
    let flags = CLEAN | WILL | USER_NAME | PASSWORD;
    let properties = [&[0x11, 0, 0, 0, 9][..], &user_property("n", "v")].concat();
    let fields = [field("c"), list(&[0x18, 0, 0, 0, 1]), field("w"), field("x")].concat();
    let whole = connect(flags, &properties, &[&fields, &field("user"), &field("word")]);
    let body = &whole[2..];
    // Up to here nobody knows that it is 5.0.
    let known = 7;
    for len in 0..body.len() {
        let code = refusal_of("cut off", &packet(0x10, &[&body[..len]]));
        assert_eq!(code, (len >= known).then_some(0x81), "{len} bytes");
    }
    let client = Bench::new().dial();
    client.raw(&whole);
    client.expect_connack(false);
}

// trap: malformed against protocol error, text in CONNECT
// conformance: v5 MQTT-1.5.4-1, v5 MQTT-1.5.4-2, v5 MQTT-1.5.7-1, v5 MQTT-3.1.3-4
// conformance: v5 MQTT-3.1.3-11, v5 MQTT-3.1.3-12
#[test]
fn text_that_is_no_text_is_malformed_in_connect() {
    for text in ILL_FORMED.into_iter().chain([&b"\0"[..], b"a\0b"]) {
        let (id, text) = (field("c"), field(text));
        let will = [list(&[]), text.clone(), field("x")].concat();
        let pair = [&[0x26][..], &text, &field("v")].concat();
        let of_will = [list(&pair), field("w"), field("x")].concat();
        assert_refusals(vec![
            ("a client identifier", connect(CLEAN, &[], &[&text]), 0x81),
            ("a Will Topic", connect(CLEAN | WILL, &[], &[&id, &will]), 0x81),
            ("a user name", connect(CLEAN | USER_NAME, &[], &[&id, &text]), 0x81),
            ("a User Property", connect(CLEAN, &pair, &[&id]), 0x81),
            ("a User Property of the Will", connect(CLEAN | WILL, &[], &[&id, &of_will]), 0x81),
        ]);
    }
}

// trap: malformed against protocol error, values in CONNECT
// conformance: v5 sections 3.1.2.11 and 3.1.3.2
#[test]
fn a_connect_with_values_that_may_not_be_is_a_protocol_error() {
    let id = field("c");
    let with = |properties: &[u8]| connect(CLEAN, properties, &[&id]);
    let twice = |property: &[u8]| with(&[property, property].concat());
    let will_with = |properties: &[u8], topic: &str| {
        connect(CLEAN | WILL, &[], &[&id, &list(properties), &field(topic), &field("x")])
    };
    assert_refusals(vec![
        ("Receive Maximum 0", with(&[0x21, 0, 0]), 0x82),
        ("Maximum Packet Size 0", with(&[0x27, 0, 0, 0, 0]), 0x82),
        ("Request Problem Information 2", with(&[0x17, 2]), 0x82),
        ("Request Response Information 2", with(&[0x19, 2]), 0x82),
        ("Session Expiry Interval twice", twice(&[0x11, 0, 0, 0, 1]), 0x82),
        ("Receive Maximum twice", twice(&[0x21, 0, 1]), 0x82),
        ("Maximum Packet Size twice", twice(&[0x27, 0, 0, 1, 0]), 0x82),
        ("Topic Alias Maximum twice", twice(&[0x22, 0, 1]), 0x82),
        ("Request Problem Information twice", twice(&[0x17, 1]), 0x82),
        ("Request Response Information twice", twice(&[0x19, 1]), 0x82),
        ("Authentication Method twice", twice(&text_property(0x15, "m")), 0x82),
        ("Authentication Data without a method", with(&text_property(0x16, "d")), 0x82),
        ("Will Delay twice", will_with(&[0x18, 0, 0, 0, 1, 0x18, 0, 0, 0, 1], "w"), 0x82),
        ("a Payload Format of 2 in the Will", will_with(&[1, 2], "w"), 0x82),
        ("an empty Will Topic", will_with(&[], ""), 0x90),
        ("a wildcard in the Will Topic", will_with(&[], "w/#"), 0x90),
    ]);
}

// conformance: v5 MQTT-3.1.2-19
#[test]
fn a_password_without_a_user_name_is_well_formed() {
    let client = Bench::new().dial();
    client.raw(&connect(CLEAN | PASSWORD, &[], &[&field("c"), &field("secret")]));
    client.expect_connack(false);
}

// conformance: v5 MQTT-3.1.0-1, v5 MQTT-3.1.2-1, v5 MQTT-3.14.0-1
#[test]
fn who_does_not_speak_mqtt_is_not_answered() {
    for first in [
        publish(0x31, b"t", None, &[]),
        subscribe(1, &[], b"#", 0),
        vec![0xC0, 0],
        vec![0xE0, 0],
        vec![0xF0, 0],
        vec![0x20, 3, 0, 0, 0],
        connect_as("mqtt", 5, CLEAN, &[]),
        connect_as("MQTX", 5, CLEAN, &[]),
        connect_as("", 5, CLEAN, &[]),
    ] {
        assert_eq!(refusal_of("not MQTT", &first), None, "{first:02x?}");
    }
}

// What a second CONNECT holds does not matter: 0x84, its code as the first one, is none that a
// DISCONNECT can have.
// conformance: v5 MQTT-3.14.2-1, v5 MQTT-3.1.0-2
#[test]
fn a_second_connect_of_another_protocol_is_a_protocol_error_too() {
    assert_codes(vec![
        ("of 3.1.1", connect_as("MQTT", 4, CLEAN, &[b"c"]), 0x82),
        ("of an unknown level", connect_as("MQTT", 6, CLEAN, &[b"c"]), 0x82),
        ("of an unknown name", connect_as("MQTX", 5, CLEAN, &[b"c"]), 0x82),
    ]);
}

// The words of a refusal keep to what the client said of its Maximum Packet Size, also where what
// it said goes on badly.
// conformance: v5 MQTT-3.1.2-24, v5 MQTT-3.2.2-19
#[test]
fn words_about_a_bad_connect_keep_to_its_maximum_packet_size() {
    let id = field("c");
    let small = [0x27, 0, 0, 0, 20];
    let bad_value = [&small[..], &[0x21, 0, 0]].concat();
    let will = [list(&[]), field("w/#"), field("x")].concat();
    let cases = [
        (connect(CLEAN | WILL, &small, &[&id, &will]), 0x90),
        (connect(CLEAN, &small, &[&id, b"behind"]), 0x81),
        (connect(CLEAN, &bad_value, &[&id]), 0x82),
    ];
    for (bytes, code) in cases {
        let client = Bench::new().dial();
        client.raw(&bytes);
        assert_eq!(client.bytes(), [0x20, 3, 0, code, 0], "{bytes:02x?}");
    }
    // Without such a limit it is told in words.
    let client = Bench::new().dial();
    client.raw(&connect(CLEAN | WILL, &[], &[&id, &will]));
    let words = client.connack().properties.get().reason_string.clone();
    assert_eq!(words.as_deref(), Some("the Will Topic is empty or has a wildcard"));
}

// conformance: v5 section 4.9
#[test]
fn more_than_the_receive_maximum_at_a_time_has_a_code_of_its_own() {
    let bench = Bench::with(Config { receive_maximum: 2, ..Config::default() });
    let client = bench.open(connect5("c"));
    assert_eq!(client.connack().properties.get().receive_maximum, Some(2));
    for id in 1..=2 {
        client.raw(&publish(0x34, b"t", Some(id), &[]));
        assert_eq!(client.ack().0, "pubrec");
    }
    client.raw(&publish(0x34, b"t", Some(3), &[]));
    client.expect_disconnect(0x93);
}
