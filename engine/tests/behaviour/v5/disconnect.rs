//! MQTT 5.0: DISCONNECT, from either side (section 3.14).

use std::time::Duration;

use super::wire;
use crate::support::raw::{connect_as, field};
use crate::support::{Bench, Client, SECOND, connect, connect5, resume5, will, will5};
use surewire_engine::config::{Config, QueueFullPolicy};
use surewire_engine::event::{Event, Lost};
use surewire_engine::id::ClientId;
use surewire_engine::notice::{CloseReason, Notice};
use surewire_engine::packet::{Connect, Packet, ReasonCode};
use surewire_engine::request::Command;

/// The codes of table 3-10 that a server may send.
const CODES: [u8; 28] = [
    0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94, 0x95, 0x96,
    0x97, 0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2,
];

/// A way by which the server ends the connection of client `c`, who has a Keep Alive of ten
/// seconds, a Maximum Packet Size of 150 bytes and a subscription to `t`, and the code.
type End = (&'static str, u8, fn(&Bench, &Client));

const ENDS: [End; 16] = [
    ("a malformed packet", 0x81, |_, client| client.raw(&[0xC0, 1, 0])),
    ("a protocol error", 0x82, |_, client| client.raw(&[0xD0, 0])),
    ("a second CONNECT", 0x82, |_, client| client.raw(&wire::connect(2, &[], &[&field("c")]))),
    ("another protocol", 0x82, |_, client| client.raw(&connect_as("MQTT", 9, 2, &[b"c"]))),
    ("a raised expiry", 0x82, |_, client| {
        client.disconnect5(0, |set| set.session_expiry_interval = Some(1));
    }),
    ("a wildcard in a topic", 0x90, |_, client| {
        client.raw(&wire::publish(0x30, b"#", None, &[]));
    }),
    ("too many messages at a time", 0x93, |_, client| {
        for id in 1..=3 {
            client.raw(&wire::publish(0x34, b"x", Some(id), &[]));
        }
    }),
    ("an alias that was not offered", 0x94, |_, client| {
        client.raw(&wire::publish(0x30, b"t", None, &[0x23, 0xFF, 0xFF]));
    }),
    ("a packet that is too large", 0x95, |_, client| client.raw(&[0x30, 255, 255, 255, 127])),
    ("an answer that is too large", 0x95, |_, client| {
        let filters: Vec<_> = (0..200).map(|n| format!("f/{n}")).collect();
        let filters: Vec<_> = filters.iter().map(|filter| (filter.as_str(), 0)).collect();
        client.subscribe_as(1, &filters);
    }),
    ("silence", 0x8D, |bench, _| bench.advance(15 * SECOND)),
    ("a take-over", 0x8E, |bench, _| drop(bench.connect("c"))),
    ("an operator", 0x98, |bench, _| {
        bench.command(Command::Disconnect(ClientId::new("c").unwrap()));
    }),
    ("a stop", 0x8B, |bench, _| bench.stop()),
    ("a full queue", 0x97, |bench, _| {
        let publisher = bench.connect("p");
        for _ in 0..3 {
            publisher.publish("t", 1, "x");
        }
    }),
    ("a client that takes nothing", 0x97, |bench, client| {
        client.stuck(true);
        let publisher = bench.connect("p");
        for _ in 0..20 {
            publisher.publish("t", 0, &"x".repeat(100));
        }
        // It is heard all the time.
        for _ in 0..10 {
            bench.advance(7 * SECOND);
            client.raw(&[0xC0, 0]);
        }
    }),
];

fn served() -> (Bench, Client, Client) {
    let bench = Bench::with(Config {
        receive_maximum: 2,
        max_inflight_messages: 1,
        max_msgqueue_messages: Some(1),
        max_unsent_bytes: 1_000,
        queue_full_policy: QueueFullPolicy::Disconnect,
        stall_timeout: 60 * SECOND,
        ..Config::default()
    });
    let watcher = bench.connect("watcher");
    watcher.subscribe("will", 0);
    let mut connect = connect5("c");
    (connect.keep_alive, connect.will) = (10, will("will", "gone", 0, false));
    connect.properties.edit(|set| set.maximum_packet_size = Some(150));
    let client = bench.open(connect);
    client.expect_connack(false);
    client.subscribe("t", 1);
    (bench, watcher, client)
}

// conformance: v5 MQTT-3.14.2-1, v5 MQTT-3.14.2-2, v5 MQTT-3.14.4-1, v5 MQTT-3.14.4-2
// conformance: v5 MQTT-4.13.1-1
#[test]
fn every_end_by_the_server_has_its_code_is_its_last_word_and_brings_the_will() {
    for (name, code, end) in ENDS {
        assert!(CODES.contains(&code), "{name}");
        let (bench, watcher, client) = served();
        end(&bench, &client);
        assert!(!client.is_open(), "{name}");
        let told = client.take();
        let disconnects = told.iter().filter(|packet| matches!(packet, Packet::Disconnect(_)));
        assert_eq!(disconnects.count(), 1, "{name}");
        let Some(Packet::Disconnect(last)) = told.last() else { panic!("{name}: {told:?}") };
        assert_eq!(last.code.byte(), code, "{name}");
        let set = last.properties.get();
        assert_eq!(set.session_expiry_interval, None, "{name}");
        assert!(set.user_properties.is_empty(), "{name}");
        let words = set.reason_string.as_deref().unwrap_or_default();
        assert!(!words.is_empty() && words.is_ascii(), "{name}: {words}");
        if name != "a stop" {
            assert_eq!(watcher.messages(), ["will=gone q0"], "{name}");
        }
        let why = |notice: Notice| match notice {
            Notice::Disconnected { client, why } if client.as_str() == "c" => Some(why),
            _ => None,
        };
        let told: Vec<_> = bench.notices().into_iter().filter_map(why).collect();
        assert_eq!(told, [client.closed().unwrap()], "{name}");
        assert_eq!(client.take(), [], "{name}");
    }
}

// conformance: v5 MQTT-3.14.4-1, v5 MQTT-3.14.4-3
#[test]
fn disconnect_0_ends_the_connection_without_an_answer_and_discards_the_will() {
    for bytes in [&[0xE0, 0][..], &[0xE0, 1, 0], &[0xE0, 2, 0, 0]] {
        let (bench, watcher, client) = served();
        let before = client.bytes().len();
        client.raw(bytes);
        assert_eq!(client.bytes().len(), before, "a client's DISCONNECT is not answered");
        assert_eq!(client.closed(), Some(CloseReason::ByClient(ReasonCode::Success)));
        bench.advance(SECOND);
        watcher.ping();
        assert_eq!(bench.sizes().sessions, 1, "the watcher's");
    }
}

// conformance: v5 MQTT-3.14.4-1
#[test]
fn what_a_client_sends_behind_its_disconnect_is_ignored() {
    let (bench, watcher, client) = served();
    let conn = client.conn();
    watcher.subscribe("#", 0);
    let publish = wire::publish(0x31, b"x", None, &[]);
    client.raw(&[&[0xE0, 0][..], &publish, &[0xF0, 0]].concat());
    bench.event(Event::Received { conn, packet: Packet::Pingreq });
    bench.event(Event::Closed { conn, why: Lost::ByPeer });
    assert_eq!(client.take(), []);
    watcher.ping();
    assert_eq!(bench.retained("#"), [""; 0]);
}

// conformance: v5 MQTT-3.14.4-1, v5 MQTT-3.14.4-2
#[test]
fn what_a_client_sends_behind_the_servers_disconnect_is_ignored() {
    let (bench, watcher, client) = served();
    client.raw(&[0xE1, 0]);
    client.expect_disconnect(0x81);
    assert_eq!(watcher.messages(), ["will=gone q0"]);
    let conn = client.conn();
    bench.event(Event::Received { conn, packet: Packet::Pingreq });
    bench.event(Event::Closed { conn, why: Lost::ByPeer });
    assert_eq!(client.take(), []);
    watcher.ping();
}

// conformance: v5 MQTT-3.14.1-1
#[test]
fn a_disconnect_with_reserved_bits_is_malformed_and_no_disconnect() {
    for flags in 1..16 {
        let (_bench, watcher, client) = served();
        client.raw(&[0xE0 | flags, 0]);
        client.expect_disconnect(0x81);
        assert_eq!(watcher.messages(), ["will=gone q0"]);
    }
}

// conformance: v5 section 3.14.2.2.2
#[test]
fn the_expiry_that_a_disconnect_names_holds_and_without_one_that_of_connect() {
    for (asked, seconds) in [(None, 60), (Some(5), 5), (Some(600), 600), (Some(0), 0)] {
        let bench = Bench::new();
        let client = bench.resume5("c", 60, false);
        client.disconnect5(0x04, |set| set.session_expiry_interval = asked);
        if let Some(before) = u32::checked_sub(seconds, 1) {
            bench.advance(before * SECOND);
            assert_eq!(bench.sizes().sessions, 1, "{asked:?}");
            bench.advance(SECOND);
        }
        assert_eq!(bench.sizes().sessions, 0, "{asked:?}");
    }
}

// What the client says that it must not makes its DISCONNECT none: the Will of a session that
// lives on waits as ever.
// conformance: v5 MQTT-3.14.4-3
#[test]
fn a_disconnect_that_is_refused_does_not_discard_the_will() {
    let bad: [(&[u8], u8); 4] = [
        (&[0xE0, 1, 0x8B], 0x82),
        (&[0xE0, 1, 0x05], 0x82),
        (&[0xE0, 3, 0, 1, 0x7F], 0x81),
        (&[0xE0, 6, 0, 4, 0x1C, 0, 1, b's'], 0x82),
    ];
    for (bytes, code) in bad {
        let bench = Bench::new();
        let watcher = bench.connect("w");
        watcher.subscribe("will", 0);
        let connect = Connect { will: will5("will", "gone", 9), ..resume5("c", 60) };
        let client = bench.open(connect);
        client.expect_connack(false);
        client.raw(bytes);
        client.expect_disconnect(code);
        watcher.ping();
        bench.advance(9 * SECOND);
        assert_eq!(watcher.messages(), ["will=gone q0"]);
    }
}

// Words are for people: they name what was heard and what holds.
// conformance: v5 section 3.14.2.2.3
#[test]
fn the_words_name_the_limit_and_the_value() {
    let bench = Bench::with(Config { keepalive_multiplier_milli: 1_250, ..Config::default() });
    let client = bench.open(Connect { keep_alive: 3, ..connect5("c") });
    client.expect_connack(false);
    bench.advance(Duration::from_millis(3_750));
    let told = client.expect_disconnect(0x8D);
    let words = told.properties.get().reason_string.as_deref().unwrap().to_owned();
    assert!(words.contains("3.750 s") && words.contains("1.250 times"), "{words}");
    // An older client sees none of it.
    let older = bench.open(Connect { keep_alive: 3, ..connect("older") });
    older.expect_connack(false);
    bench.advance(Duration::from_millis(3_750));
    older.expect_silent_close();
}
