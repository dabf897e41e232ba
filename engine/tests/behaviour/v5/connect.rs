//! MQTT 5.0: CONNECT, who may come in and under which identifier (sections 3.1.3.1 and 3.1.4).

use std::collections::BTreeSet;

use super::wire::{self, CLEAN};
use crate::support::raw::{connect_as, field, packet};
use crate::support::{Bench, Client, NEVER, SECOND, connect5, options, resume5, will};
use surewire_engine::codec;
use surewire_engine::config::Config;
use surewire_engine::event::Event;
use surewire_engine::notice::{CloseReason, Notice};
use surewire_engine::packet::{Connect, Packet, ReasonCode, Version};

const ALPHABET: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The id that the CONNACK assigns.
#[track_caller]
fn assigned(client: &Client) -> String {
    let connack = client.connack();
    assert_eq!(connack.code, ReasonCode::Success);
    assert!(!connack.session_present);
    connack.properties.get().assigned_client_identifier.as_deref().unwrap().to_owned()
}

// conformance: v5 MQTT-3.1.4-5, v5 MQTT-3.2.2-2
#[test]
fn who_may_come_in_is_told_so() {
    let client = Bench::new().open(connect5("c"));
    let bytes = client.bytes();
    assert_eq!((bytes[0], &bytes[2..4]), (0x20, &[0, 0][..]));
    client.take();
    client.ping();
}

// conformance: v5 MQTT-3.1.0-2, v5 MQTT-3.2.0-2
#[test]
fn a_second_connect_ends_the_connection_publishes_the_will_and_gets_no_connack() {
    let bench = Bench::new();
    let watcher = bench.connect("watcher");
    watcher.subscribe("will", 0);
    let first = Connect { will: will("will", "gone", 0, false), ..connect5("c") };
    for second in [first.clone(), connect5("another"), resume5("c", 9)] {
        let client = bench.open(first.clone());
        client.expect_connack(false);
        let mut bytes = Vec::new();
        codec::encode(Version::V5, &Packet::Connect(Box::new(second)), &mut bytes);
        client.raw(&bytes);
        client.expect_disconnect(0x82);
        assert_eq!(client.take(), [], "no second CONNACK");
        assert_eq!(watcher.messages(), ["will=gone q0"]);
    }
    assert_eq!(bench.sizes().sessions, 1, "the watcher's");
}

// conformance: v5 MQTT-3.1.2-2, v5 MQTT-3.14.0-1
#[test]
fn another_version_is_not_served_and_its_connection_closed() {
    let bench = Bench::new();
    for level in [0, 1, 2, 3, 6, 7, 127, 255] {
        let client = bench.dial();
        client.raw(&connect_as("MQTT", level, CLEAN, &[b"c"]));
        assert_eq!(client.closed(), Some(CloseReason::Refused), "level {level}");
        // In the form of 3.1.1, which obliges the server to answer.
        assert_eq!(client.bytes(), [0x20, 2, 0, 1], "level {level}");
    }
    assert_eq!(bench.sizes().sessions, 0);
}

// conformance: v5 MQTT-3.1.2-5, v5 MQTT-3.1.4-4
#[test]
fn clean_start_0_goes_on_with_everything_that_was_there() {
    let bench = Bench::new();
    let client = bench.resume5("c", NEVER, false);
    assert_eq!(client.subscribe5("t", options(2), Some(5)), ReasonCode::GrantedQoS2);
    let publisher = bench.connect5("p");
    publisher.publish5("t", 1, "in flight", |_| {});
    client.take();
    client.lose();
    publisher.publish5("t", 2, "queued", |_| {});
    let client = bench.resume5("c", NEVER, true);
    assert_eq!(client.messages(), ["t=in flight q1 dup", "t=queued q2"]);
    publisher.publish5("t", 0, "live", |_| {});
    let live = client.delivery();
    assert_eq!(live.properties.get().subscription_identifiers.as_slice(), [5]);
}

// conformance: v5 MQTT-3.1.2-6, v5 MQTT-3.1.4-4
#[test]
fn clean_start_0_without_a_session_begins_one_that_can_be_resumed() {
    let bench = Bench::new();
    let client = bench.resume5("c", 60, false);
    client.subscribe("t", 1);
    client.lose();
    let client = bench.resume5("c", 60, true);
    bench.connect("p").publish("t", 1, "x");
    assert_eq!(client.messages(), ["t=x q1"]);
}

// conformance: v5 MQTT-3.1.3-2
#[test]
fn a_session_belongs_to_its_client_identifier_to_the_byte() {
    let bench = Bench::new();
    let ids = ["c", "C", "c ", " c", "c/", "\u{e9}", "e\u{301}", "\u{feff}c"];
    for id in ids {
        let client = bench.resume5(id, NEVER, false);
        client.subscribe(&format!("of/{id}"), 1);
        client.lose();
    }
    let publisher = bench.connect("p");
    for id in ids {
        publisher.publish(&format!("of/{id}"), 1, "x");
    }
    for id in ids {
        let client = bench.resume5(id, NEVER, true);
        assert_eq!(client.messages(), [format!("of/{id}=x q1")]);
    }
}

// conformance: v5 MQTT-3.1.3-5
#[test]
fn the_identifiers_that_every_broker_takes_are_taken() {
    let bench = Bench::new();
    for len in 1..=23 {
        let id: String = ALPHABET.chars().cycle().skip(len * 7).take(len).collect();
        bench.connect5(&id).ping();
    }
    for character in ALPHABET.chars() {
        bench.connect5(&character.to_string()).ping();
    }
}

// conformance: v5 MQTT-3.1.3-8, v5 MQTT-3.2.2-7
#[test]
fn an_identifier_that_is_too_long_is_refused_with_its_own_code() {
    let bench = Bench::with(Config { max_client_id_length: 23, ..Config::default() });
    bench.connect5(&"x".repeat(23)).ping();
    let client = bench.open(connect5(&"x".repeat(24)));
    assert_eq!(client.connack().code.byte(), 0x85);
    assert_eq!(client.closed(), Some(CloseReason::Refused));
}

// conformance: v5 MQTT-3.1.3-6, v5 MQTT-3.2.2-16
#[test]
fn who_brings_no_identifier_is_given_one_that_nobody_has() {
    let bench = Bench::new();
    bench.resume5("stored", NEVER, false).lose();
    let clients: Vec<_> = (0..50).map(|_| bench.open(connect5(""))).collect();
    let mut ids: BTreeSet<String> = clients.iter().map(assigned).collect();
    assert_eq!(ids.len(), clients.len());
    clients.iter().for_each(Client::ping);
    for id in &ids {
        assert!((1..=23).contains(&id.len()), "{id}");
        assert!(id.chars().all(|character| ALPHABET.contains(character)), "{id}");
    }
    assert!(ids.insert("stored".into()), "a stored session's");
}

// conformance: v5 MQTT-3.1.3-7
#[test]
fn an_assigned_identifier_is_the_clients_own_from_then_on() {
    let bench = Bench::new();
    for clean_start in [true, false] {
        let client = bench.open(Connect { clean_start, ..resume5("", 60) });
        let id = assigned(&client);
        client.subscribe("t", 1);
        client.lose();
        bench.connect("p").publish("t", 1, "x");
        let client = bench.open(resume5(&id, 0));
        let told = bench.notices();
        let knows = |notice: &Notice| notice.client().is_some_and(|client| client.as_str() == id);
        assert!(told.iter().any(knows), "{id} is nowhere in {told:?}");
        client.expect_connack(true);
        assert_eq!(client.messages(), ["t=x q1"]);
        client.disconnect();
    }
    let named = bench.open(connect5("named")).connack();
    assert_eq!(named.properties.get().assigned_client_identifier, None);
}

// conformance: v5 MQTT-3.1.4-2, v5 MQTT-3.2.2-7
#[test]
fn who_fails_a_check_is_told_and_cut_off() {
    let bench = Bench::new();
    let stranger = bench.dial_as(false);
    stranger.set_version(Version::V5);
    stranger.send(Packet::Connect(Box::new(connect5("c"))));
    assert_eq!(stranger.connack().code.byte(), 0x87);
    assert_eq!(stranger.closed(), Some(CloseReason::Refused));
    assert_eq!(bench.sizes().sessions, 0);
}

// conformance: v5 MQTT-3.1.4-6, v5 MQTT-3.1.4-2
#[test]
fn what_a_refused_client_sends_behind_its_connect_is_ignored() {
    let bench = Bench::with(Config { max_client_id_length: 20, ..Config::default() });
    let watcher = bench.connect("w");
    watcher.subscribe("#", 0);
    let behind = [
        wire::publish(0x31, b"t", None, &[]),
        wire::publish(0x33, b"t", Some(1), &[]),
        wire::subscribe(2, &[], b"#", 1),
        wire::connect(CLEAN, &[], &[&field("c")]),
        packet(0xE0, &[&[4]]),
    ];
    let refused = wire::connect(CLEAN, &[], &[&field("longer than it may be")]);
    let client = bench.dial();
    client.raw(&[refused, behind.concat()].concat());
    // A shell may have read on before it heard of the refusal.
    for bytes in behind {
        let packet = codec::decode(Version::V5, bytes.into(), &crate::support::LIMITS);
        bench.event(Event::Received { conn: client.conn(), packet: packet.unwrap() });
    }
    assert_eq!(client.connack().code.byte(), 0x85, "and nothing else");
    watcher.ping();
    assert_eq!(bench.retained("#"), [""; 0]);
    assert_eq!(bench.sizes().sessions, 1);
}

// A Will is only stored with an accepted CONNECT.
// conformance: v5 MQTT-3.1.2-7
#[test]
fn the_will_of_a_refused_client_is_nobodys() {
    let bench = Bench::with(Config { max_client_id_length: 7, ..Config::default() });
    let watcher = bench.connect("w");
    watcher.subscribe("#", 0);
    let refused = Connect { will: will("will", "x", 0, false), ..connect5("too long") };
    let client = bench.open(refused);
    assert_eq!(client.connack().code.byte(), 0x85);
    client.lose();
    bench.advance(3_600 * SECOND);
    watcher.ping();
}

// conformance: v5 MQTT-3.1.4-3, v5 MQTT-3.14.4-2
#[test]
fn the_older_connection_of_a_client_is_told_that_it_was_taken_over() {
    let bench = Bench::new();
    let old = bench.connect5("c");
    let new = bench.connect5("c");
    old.expect_disconnect(0x8E);
    assert_eq!(old.take(), []);
    assert_eq!(old.closed(), Some(CloseReason::TakenOver));
    new.ping();
    // An older client takes over without knowing that word, and so does the reverse.
    let older = bench.connect("c");
    new.expect_disconnect(0x8E);
    let new = bench.connect5("c");
    older.expect_silent_close();
    new.ping();
}

// conformance: v5 MQTT-3.1.4-4, v5 MQTT-3.2.2-2, v5 MQTT-3.2.2-3
#[test]
fn the_rules_of_clean_start_hold_in_a_take_over() {
    for (expiry, clean_start, present) in
        [(60, false, true), (60, true, false), (0, false, false), (0, true, false)]
    {
        let bench = Bench::new();
        let old = bench.resume5("c", expiry, false);
        old.subscribe("t", 1);
        let new = bench.open(Connect { clean_start, ..resume5("c", 60) });
        old.expect_disconnect(0x8E);
        new.expect_connack(present);
        bench.connect("p").publish("t", 1, "x");
        let expected: &[&str] = if present { &["t=x q1"] } else { &[] };
        assert_eq!(new.messages(), expected, "expiry {expiry}, Clean Start {clean_start}");
    }
}

// conformance: v5 MQTT-3.1.3-1
#[test]
fn every_field_of_a_connect_lands_where_it_belongs() {
    let bench = Bench::new();
    let watcher = bench.connect5("w");
    watcher.subscribe("topic", 2);
    let set = [0x11, 0, 0, 0, 60];
    let of_will = wire::list(&[0x02, 0, 0, 0, 9]);
    let fields = [field("id"), of_will, field("topic"), field("payload")].concat();
    let flags = CLEAN | wire::WILL | wire::USER_NAME | wire::PASSWORD | 0x08;
    let client = bench.dial();
    client.raw(&wire::connect(flags, &set, &[&fields, &field("user"), &field("word")]));
    client.expect_connack(false);
    client.lose();
    let delivery = watcher.delivery();
    assert_eq!(crate::support::show(&Packet::Publish(delivery.clone())), "topic=payload q1");
    assert_eq!(delivery.properties.get().message_expiry_interval, Some(9));
    // The expiry is that of the CONNECT, not of the Will.
    bench.advance(59 * SECOND);
    bench.resume5("id", 0, true);
}
