//! CONNECT: MQTT 3.1.1 section 3.1, and who else is refused (docs/contract.md section 5).

use std::collections::BTreeSet;

use crate::support::raw::{CLEAN, connect_as, connect_packet, field, packet, publish_packet};
use crate::support::{Bench, Client, LIMITS, connect, will};
use bytes::Bytes;
use surewire_engine::codec;
use surewire_engine::config::Config;
use surewire_engine::event::Event;
use surewire_engine::notice::{CloseReason, Notice, Refusal};
use surewire_engine::packet::{Connect, Packet, Publish, Version};

const WILL: u8 = 0x04;
const WILL_RETAIN: u8 = 0x20;
const PASSWORD: u8 = 0x40;
const USER_NAME: u8 = 0x80;

fn will_qos(qos: u8) -> u8 {
    qos << 3
}

/// Sends these bytes on a connection of their own.
fn dial(bench: &Bench, bytes: &[u8]) -> Client {
    let client = bench.dial();
    client.raw(bytes);
    client
}

/// The CONNECT must end its connection without an answer and leave nothing behind.
#[track_caller]
fn assert_malformed(bytes: &[u8]) {
    let bench = Bench::new();
    let client = dial(&bench, bytes);
    client.expect_silent_close();
    assert_eq!(client.closed(), Some(CloseReason::Refused));
    assert_eq!(bench.sizes().sessions, 0);
}

/// The CONNECT must be answered with exactly these bytes and the connection closed.
#[track_caller]
fn assert_refused(client: &Client, connack: &[u8]) {
    assert_eq!(client.bytes(), connack);
    assert_eq!(client.closed(), Some(CloseReason::Refused));
}

fn connected_ids(bench: &Bench) -> Vec<String> {
    let id = |notice: &Notice| match notice {
        Notice::Connected { client, .. } => Some(client.as_str().to_owned()),
        _ => None,
    };
    bench.notices().iter().filter_map(id).collect()
}

// conformance: v3.1.1 MQTT-3.1.0-1
#[test]
fn another_packet_than_connect_comes_first_and_closes_without_effect() {
    let publish = packet(0x31, &[&field("t"), b"x"]);
    let subscribe = packet(0x82, &[&[0, 1], &field("#"), &[0]]);
    for first in [publish, subscribe, vec![0xC0, 0], vec![0xE0, 0], vec![0x20, 2, 0, 0]] {
        let bench = Bench::new();
        dial(&bench, &first).expect_silent_close();
        assert_eq!(bench.retained("#"), [""; 0]);
        assert_eq!(bench.sizes().subscriptions, 0);
    }
}

// conformance: v3.1.1 MQTT-3.1.0-1
#[test]
fn another_protocol_is_found_out_by_its_first_byte() {
    for greeting in [&b"GET / HTTP/1.1\r\n"[..], b"\x16\x03\x01", b"SSH-2.0", b"\0"] {
        assert_malformed(greeting);
    }
}

// conformance: v3.1.1 MQTT-3.1.0-2
#[test]
fn a_second_connect_closes_the_connection_and_publishes_the_will() {
    let bench = Bench::new();
    let watcher = bench.connect("watcher");
    watcher.subscribe("will", 1);
    let first = Connect { will: will("will", "gone", 1, false), ..connect("client") };
    let client = bench.open(first);
    client.expect_connack(false);
    client.send(Packet::Connect(Box::new(connect("client"))));
    client.expect_silent_close();
    assert_eq!(watcher.messages(), ["will=gone q1"]);
}

// conformance: v3.1.1 MQTT-3.1.2-1
#[test]
fn a_wrong_protocol_name_closes_the_connection_unanswered() {
    for name in ["MQTX", "", "mqtt", "MQTT ", "MQT", "MQIsdp\0", "HTTP"] {
        assert_malformed(&connect_as(name, 4, CLEAN, &[b"id"]));
    }
}

// conformance: v3.1.1 MQTT-3.1.2-2, v3.1.1 MQTT-3.2.2-4, v3.1.1 MQTT-3.2.2-5
#[test]
fn an_unknown_protocol_level_is_answered_with_return_code_1() {
    let bench = Bench::new();
    for level in [0, 1, 2, 3, 6, 127, 255] {
        let client = dial(&bench, &connect_as("MQTT", level, CLEAN, &[b"id"]));
        assert_refused(&client, &[0x20, 2, 0, 1]);
    }
    assert_refused(&dial(&bench, &connect_as("MQIsdp", 4, CLEAN, &[b"id"])), &[0x20, 2, 0, 1]);
    assert_eq!(bench.sizes().sessions, 0);
}

// Contract: MQTT 3.1 is served.
#[test]
fn mqtt_3_1_is_served() {
    let bench = Bench::new();
    let old = bench.open(Connect { version: Version::V3_1, ..connect("old") });
    old.expect_connack(false);
    old.subscribe("t", 2);
    let newer = bench.connect("newer");
    newer.publish("t", 2, "x");
    assert_eq!(old.ack_all(), ["t=x q2"]);
    old.ping();
    old.disconnect();
}

// MQTT 3.1 has no Session Present: the byte stays 0 also when the session was there.
#[test]
fn a_client_of_mqtt_3_1_finds_its_session_but_is_not_told() {
    let bench = Bench::new();
    let old = Connect { version: Version::V3_1, clean_start: false, ..connect("old") };
    let first = bench.open(old.clone());
    first.expect_connack(false);
    first.subscribe("t", 1);
    first.disconnect();
    bench.connect("publisher").publish("t", 1, "x");
    let back = bench.open(old);
    assert_eq!(back.bytes()[..4], [0x20, 2, 0, 0]);
    back.expect_connack(false);
    assert_eq!(back.messages(), ["t=x q1"]);
}

// MQTT 3.1 knows no empty id, whatever Clean Session says.
#[test]
fn mqtt_3_1_without_an_id_is_refused() {
    let bench = Bench::new();
    for clean_start in [true, false] {
        let client = bench.open(Connect { version: Version::V3_1, clean_start, ..connect("") });
        assert_refused(&client, &[0x20, 2, 0, 2]);
    }
}

// conformance: v3.1.1 MQTT-3.1.2-3
#[test]
fn the_reserved_connect_flag_closes_the_connection_unanswered() {
    assert_malformed(&connect_packet(CLEAN | 1, &[b"id"]));
    assert_malformed(&connect_packet(1, &[b"id"]));
}

// conformance: v3.1.1 MQTT-3.1.2-9
#[test]
fn a_will_flag_without_the_fields_of_a_will_is_malformed() {
    assert_malformed(&connect_packet(CLEAN | WILL, &[b"id"]));
    assert_malformed(&connect_packet(CLEAN | WILL, &[b"id", b"topic"]));
}

// conformance: v3.1.1 MQTT-3.1.2-9, v3.1.1 MQTT-4.7.1-1, v3.1.1 MQTT-4.7.3-1
#[test]
fn a_will_topic_that_is_empty_or_has_a_wildcard_is_malformed() {
    for topic in ["", "#", "a/+", "a+"] {
        assert_malformed(&connect_packet(CLEAN | WILL, &[b"id", topic.as_bytes(), b"x"]));
    }
}

// conformance: v3.1.1 MQTT-3.1.2-11, v3.1.1 MQTT-3.1.2-13, v3.1.1 MQTT-3.1.2-15
#[test]
fn parts_of_a_will_without_its_flag_are_malformed() {
    for qos in 1..=3 {
        assert_malformed(&connect_packet(CLEAN | will_qos(qos), &[b"id"]));
    }
    assert_malformed(&connect_packet(CLEAN | WILL_RETAIN, &[b"id"]));
    assert_malformed(&connect_packet(CLEAN, &[b"id", b"topic", b"message"]));
}

// conformance: v3.1.1 MQTT-3.1.2-14
#[test]
fn will_qos_3_is_malformed() {
    let fields: [&[u8]; 3] = [b"id", b"topic", b"message"];
    assert_malformed(&connect_packet(CLEAN | WILL | will_qos(3), &fields));
    for qos in 0..=2 {
        let bench = Bench::new();
        dial(&bench, &connect_packet(CLEAN | WILL | will_qos(qos), &fields)).expect_connack(false);
    }
}

// conformance: v3.1.1 MQTT-3.1.2-18, v3.1.1 MQTT-3.1.2-20
#[test]
fn a_user_name_or_password_without_its_flag_is_malformed() {
    assert_malformed(&connect_packet(CLEAN, &[b"id", b"user"]));
    assert_malformed(&connect_packet(CLEAN | USER_NAME, &[b"id", b"user", b"password"]));
}

// conformance: v3.1.1 MQTT-3.1.2-19, v3.1.1 MQTT-3.1.2-21
#[test]
fn a_flag_for_a_user_name_or_password_that_is_missing_is_malformed() {
    assert_malformed(&connect_packet(CLEAN | USER_NAME, &[b"id"]));
    assert_malformed(&connect_packet(CLEAN | USER_NAME | PASSWORD, &[b"id", b"user"]));
}

// conformance: v3.1.1 MQTT-3.1.2-22
#[test]
fn a_password_without_a_user_name_is_malformed() {
    assert_malformed(&connect_packet(CLEAN | PASSWORD, &[b"id", b"password"]));
}

// conformance: v3.1.1 MQTT-3.1.3-1
#[test]
fn the_fields_of_a_connect_land_where_they_belong() {
    let flags = CLEAN | WILL | USER_NAME | PASSWORD;
    let bytes = connect_packet(flags, &[b"id", b"topic", b"message", b"user", b"password"]);
    let connect = codec::decode_connect(Bytes::from(bytes.clone()), &LIMITS).unwrap();
    assert_eq!(connect.user_name.unwrap(), "user");
    assert_eq!(connect.password.unwrap().0, "password");
    let bench = Bench::new();
    let watcher = bench.connect("watcher");
    watcher.subscribe("topic", 0);
    let client = dial(&bench, &bytes);
    client.expect_connack(false);
    assert_eq!(connected_ids(&bench), ["watcher", "id"]);
    client.lose();
    assert_eq!(watcher.messages(), ["topic=message q0"]);
}

// conformance: v3.1.1 MQTT-3.1.3-3
#[test]
fn a_connect_without_a_payload_is_malformed() {
    assert_malformed(&connect_packet(CLEAN, &[]));
}

// conformance: v3.1.1 MQTT-3.1.4-1
#[test]
fn a_connect_cut_off_or_lengthened_anywhere_is_malformed() {
    let flags = CLEAN | WILL | USER_NAME | PASSWORD;
    let whole = connect_packet(flags, &[b"id", b"topic", b"message", b"user", b"password"]);
    let body = &whole[2..];
    for len in 0..body.len() {
        assert_malformed(&packet(0x10, &[&body[..len]]));
    }
    assert_malformed(&packet(0x10, &[body, b"\0"]));
}

// conformance: v3.1.1 MQTT-3.1.3-5
#[test]
fn ids_of_1_to_23_letters_and_digits_are_accepted() {
    let bench = Bench::new();
    let characters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for one in characters.chars() {
        bench.connect(&one.to_string());
        bench.connect(&one.to_string().repeat(23));
    }
    for len in 1..=23 {
        bench.connect(&characters[20..20 + len]);
    }
    assert_eq!(bench.sizes().connections, 62 * 2 + 22, "`k` alone came twice");
}

// Contract: `max_client_id_length` is 65,535 by default; other characters are fine.
#[test]
fn long_and_unusual_ids_are_accepted() {
    let bench = Bench::new();
    for id in ["a/b#+ $", "\u{e9}\u{1F980}", &"x".repeat(65_535)] {
        bench.connect(id).ping();
    }
}

// conformance: v3.1.1 MQTT-3.1.3-2
#[test]
fn ids_that_differ_in_a_single_byte_are_different_sessions() {
    let bench = Bench::new();
    let ids = ["id", "ID", "id ", " id", "id/", "\u{69}\u{301}d", "\u{ed}d"];
    for (n, id) in ids.iter().enumerate() {
        bench.connect_persistent(id, false).subscribe(&format!("t/{n}"), 1);
    }
    assert_eq!(bench.sizes().connections, ids.len());
    for n in 0..ids.len() {
        bench.connect("publisher").publish(&format!("t/{n}"), 1, "x");
    }
    for (n, id) in ids.iter().enumerate() {
        let back = bench.connect_persistent(id, true);
        assert_eq!(back.ack_all(), [format!("t/{n}=x q1 dup")]);
    }
}

// conformance: v3.1.1 MQTT-3.1.3-6
#[test]
fn a_client_without_an_id_gets_one_of_its_own() {
    let bench = Bench::new();
    let clients: Vec<Client> = (0..100).map(|_| bench.connect("")).collect();
    for client in &clients {
        client.subscribe("t", 0);
    }
    bench.connect("publisher").publish("t", 0, "x");
    for client in &clients {
        assert_eq!(client.messages(), ["t=x q0"]);
        client.ping();
    }
}

// Contract: an assigned id is unique, unguessable, and one that every broker would accept.
#[test]
fn assigned_ids_are_random_and_of_22_letters_and_digits() {
    let bench = Bench::new();
    for _ in 0..200 {
        bench.connect("");
    }
    let ids = connected_ids(&bench);
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 200);
    for id in &ids {
        assert_eq!(id.len(), 22);
        assert!(id.bytes().all(|b| b.is_ascii_alphanumeric()), "{id}");
    }
    // Every place varies: no counter and no fixed part that a guess could start from.
    for place in 0..22 {
        let seen: BTreeSet<u8> = ids.iter().map(|id| id.as_bytes()[place]).collect();
        assert!(seen.len() > 40, "place {place} takes {} values", seen.len());
    }
}

// Contract: an assigned id is never that of a session that is there, however unlikely.
#[test]
fn an_assigned_id_is_not_one_that_is_in_use() {
    let first = Bench::new();
    first.connect("");
    let assigned = connected_ids(&first).remove(0);
    // The same randomness again, and somebody has that id.
    let bench = Bench::new();
    let owner = bench.connect(&assigned);
    bench.connect("").ping();
    owner.ping();
}

// conformance: v3.1.1 MQTT-3.1.3-7, v3.1.1 MQTT-3.1.3-8, v3.1.1 MQTT-3.2.2-4
// conformance: v3.1.1 MQTT-3.2.2-5
#[test]
fn no_id_and_clean_session_0_is_refused_with_return_code_2() {
    let bench = Bench::new();
    let client = bench.open(Connect { clean_start: false, ..connect("") });
    assert_refused(&client, &[0x20, 2, 0, 2]);
    assert_eq!(bench.sizes().sessions, 0);
}

// conformance: v3.1.1 MQTT-3.1.3-9, v3.1.1 MQTT-3.2.2-5
#[test]
fn an_id_over_the_limit_is_refused_with_return_code_2() {
    let bench = Bench::with(Config { max_client_id_length: 4, ..Config::default() });
    bench.connect("four");
    assert_refused(&bench.open(connect("fifth")), &[0x20, 2, 0, 2]);
    assert_refused(&bench.open(connect("\u{e9}\u{e9}e")), &[0x20, 2, 0, 2]);
    assert_eq!(bench.sizes().sessions, 1);
}

// conformance: v3.1.1 MQTT-3.2.2-5
#[test]
fn a_listener_without_anonymous_clients_refuses_with_return_code_5() {
    let bench = Bench::new();
    let client = bench.dial_as(false);
    client.send(Packet::Connect(Box::new(connect("id"))));
    assert_refused(&client, &[0x20, 2, 0, 5]);
    let refused = |notice: &Notice| matches!(notice, Notice::Refused { why, .. } if *why == Refusal::NotAuthenticated);
    assert!(bench.notices().iter().any(refused));
}

// conformance: v3.1.1 MQTT-3.2.2-5
#[test]
fn one_connection_too_many_is_refused_with_return_code_3() {
    let bench = Bench::with(Config { max_connections: 2, ..Config::default() });
    let (a, _b) = (bench.connect("a"), bench.connect("b"));
    assert_refused(&bench.open(connect("c")), &[0x20, 2, 0, 3]);
    let again = bench.connect("a");
    assert_eq!(a.closed(), Some(CloseReason::TakenOver), "who takes over needs no new place");
    again.disconnect();
    bench.connect("c");
}

// conformance: v3.1.1 MQTT-3.2.2-5
#[test]
fn a_will_to_a_dollar_topic_or_over_the_topic_limits_is_refused_with_return_code_5() {
    let bench =
        Bench::with(Config { max_topic_levels: 3, max_topic_length: 8, ..Config::default() });
    let with = |topic: &str| Connect { will: will(topic, "x", 0, false), ..connect("id") };
    for topic in ["$SYS/x", "$", "$share/g/t", "a/b/c/d", "123456789"] {
        assert_refused(&bench.open(with(topic)), &[0x20, 2, 0, 5]);
    }
    bench.open(with("a/b/c")).expect_connack(false);
    bench.open(with("12345678")).expect_connack(false);
}

// A refused client was never connected: its Will is not published, and nobody is taken over.
#[test]
fn a_refused_connect_leaves_no_will_and_takes_nobody_over() {
    let bench = Bench::new();
    let watcher = bench.connect("watcher");
    watcher.subscribe("#", 0);
    let client = bench.dial_as(false);
    let refused = Connect { will: will("will", "x", 0, true), ..connect("watcher") };
    client.send(Packet::Connect(Box::new(refused)));
    client.lose();
    watcher.ping();
    assert_eq!(bench.retained("#"), [""; 0]);
}

// conformance: v3.1.1 MQTT-3.1.4-5
#[test]
fn what_is_pipelined_behind_a_refused_connect_has_no_effect() {
    let bench = Bench::new();
    let watcher = bench.connect("watcher");
    watcher.subscribe("#", 0);
    let refused = connect_packet(0, &[b""]);
    let client = dial(&bench, &[refused, publish_packet("t", b"x")].concat());
    assert_refused(&client, &[0x20, 2, 0, 2]);
    // Also if the packet was on its way to the engine already.
    let retained = packet(0x31, &[&field("t"), b"x"]);
    let packet = codec::decode(Version::V3_1_1, retained.into(), &LIMITS).unwrap();
    assert!(matches!(&packet, Packet::Publish(Publish { retain: true, .. })));
    bench.event(Event::Received { conn: client.conn(), packet });
    watcher.ping();
    assert_eq!(bench.retained("#"), [""; 0]);
}

// Section 3.1.4: a client need not wait for its CONNACK.
#[test]
fn what_is_pipelined_behind_an_accepted_connect_is_served() {
    let bench = Bench::new();
    let watcher = bench.connect("watcher");
    watcher.subscribe("t", 0);
    let connect = connect_packet(CLEAN, &[b"id"]);
    let client = dial(&bench, &[connect, publish_packet("t", b"x"), vec![0xC0, 0]].concat());
    client.expect_connack(false);
    assert_eq!(client.take(), [Packet::Pingresp]);
    assert_eq!(watcher.messages(), ["t=x q0"]);
}

// conformance: v3.1.1 MQTT-4.8.0-1
#[test]
fn a_packet_over_the_size_limit_closes_by_its_fixed_header_alone() {
    let bench = Bench::new();
    let client = bench.connect("client");
    client.raw(&[0x30, 0x80, 0x80, 0x80, 0x01]);
    client.expect_silent_close();
}
