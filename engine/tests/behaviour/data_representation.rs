//! Text on the wire: MQTT 3.1.1 section 1.5.

use crate::support::raw::{
    CLEAN, connect_packet, field, packet, publish_packet, subscribe_packet, unsubscribe_packet,
};
use crate::support::{Bench, Client};
use surewire_engine::notice::CloseReason;
use surewire_engine::violation::Violation;

/// A stray byte, an overlong form, a surrogate of UTF-16, a value above U+10FFFF, a cut-off form.
const ILL_FORMED: [&[u8]; 5] =
    [b"a\xFF", b"a\xC0\x80", b"a\xED\xA0\x80", b"a\xF4\x90\x80\x80", b"a\xE2\x82"];

const WILL: u8 = 0x04;
const USER_NAME: u8 = 0x80;

/// CONNECTs with this text where each kind of text stands.
fn connects_with(text: &[u8]) -> [Vec<u8>; 3] {
    [
        connect_packet(CLEAN, &[text]),
        connect_packet(CLEAN | WILL, &[b"id", text, b"gone"]),
        connect_packet(CLEAN | USER_NAME, &[b"id", text]),
    ]
}

/// Packets of a connected client with this text as topic or filter.
fn packets_with(text: &[u8]) -> [Vec<u8>; 4] {
    [
        publish_packet(text, b"payload"),
        packet(0x32, &[&field(text), &[0, 1]]),
        subscribe_packet(1, text),
        unsubscribe_packet(1, text),
    ]
}

fn assert_closes_everywhere(text: &[u8], violation: Violation) {
    let bench = Bench::new();
    for connect in connects_with(text) {
        let client = bench.dial();
        client.raw(&connect);
        client.expect_silent_close();
    }
    for bytes in packets_with(text) {
        let client: Client = bench.connect("client");
        client.raw(&bytes);
        client.expect_silent_close();
        assert_eq!(client.closed(), Some(CloseReason::Violation(violation)));
    }
}

// conformance: v3.1.1 MQTT-1.5.3-1, v3.1.1 MQTT-3.3.2-1, v3.1.1 MQTT-3.1.3-4
// conformance: v3.1.1 MQTT-3.1.3-10, v3.1.1 MQTT-3.1.3-11, v3.1.1 MQTT-3.8.3-1
#[test]
fn ill_formed_utf_8_closes_the_connection() {
    for text in ILL_FORMED {
        assert_closes_everywhere(text, Violation::IllFormedUtf8);
    }
}

// conformance: v3.1.1 MQTT-1.5.3-2, v3.1.1 MQTT-4.7.3-2
#[test]
fn u_0000_closes_the_connection() {
    for text in [&b"\0"[..], b"a\0", b"a\0b"] {
        assert_closes_everywhere(text, Violation::Nul);
    }
}

// conformance: v3.1.1 MQTT-1.5.3-3
#[test]
fn a_byte_order_mark_is_kept_and_makes_a_different_topic() {
    let bench = Bench::new();
    let (with, without) = (bench.connect("with"), bench.connect("without"));
    with.subscribe("\u{FEFF}t", 0);
    without.subscribe("t", 0);
    let publisher = bench.connect("publisher");
    let before = with.bytes().len();
    publisher.publish("\u{FEFF}t", 0, "x");
    assert_eq!(with.bytes()[before..], *b"\x30\x07\x00\x04\xEF\xBB\xBFtx");
    assert_eq!(without.messages(), Vec::<String>::new());
}

// conformance: v3.1.1 MQTT-1.5.3-3
#[test]
fn a_byte_order_mark_makes_a_different_client() {
    let bench = Bench::new();
    let (with, without) = (bench.connect("\u{FEFF}id"), bench.connect("id"));
    with.ping();
    without.ping();
}

// Section 1.5.3: characters above U+FFFF and control characters are ordinary text by default.
#[test]
fn every_other_character_is_ordinary_text() {
    let bench = Bench::new();
    let subscriber = bench.connect("\u{1F980}");
    for topic in ["\u{1F980}/\u{10FFFF}", "\u{1}\u{1F}\u{7F}", "\u{FFFE}", "\u{D7FF}\u{E000}"] {
        subscriber.subscribe(topic, 0);
        subscriber.publish(topic, 0, "x");
        assert_eq!(subscriber.messages(), [format!("{topic}=x q0")]);
    }
}
