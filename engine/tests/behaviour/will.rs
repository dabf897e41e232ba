//! Wills: MQTT 3.1.1 section 3.1.2.5, docs/contract.md section 5.

use crate::support::{Bench, Client, SECOND, connect, will};
use surewire_engine::config::{Config, QueueFullPolicy};
use surewire_engine::event::{Event, Lost};
use surewire_engine::log::record::Record;
use surewire_engine::notice::{CloseReason, Notice};
use surewire_engine::packet::{Connect, Packet};

/// A watcher of everything, and a client with a Will at QoS 1 and a keep alive of 10 s.
fn watched() -> (Bench, Client, Client) {
    let bench = Bench::new();
    let watcher = bench.connect("watcher");
    watcher.subscribe("#", 2);
    let client = bench.open(Connect { keep_alive: 10, ..with_will(1, false) });
    client.expect_connack(false);
    (bench, watcher, client)
}

fn with_will(qos: u8, retain: bool) -> Connect {
    Connect { will: will("will", "gone", qos, retain), ..connect("client") }
}

// conformance: v3.1.1 MQTT-3.14.4-3, v3.1.1 MQTT-3.1.2-8, v3.1.1 MQTT-3.1.2-10
#[test]
fn disconnect_discards_the_will() {
    let (bench, watcher, client) = watched();
    client.disconnect();
    bench.advance(SECOND * 3_600);
    assert_eq!(watcher.ack_all(), [""; 0]);
}

// conformance: v3.1.1 MQTT-3.1.2-8
#[test]
fn the_loss_of_the_connection_publishes_the_will() {
    for why in [Lost::ByPeer, Lost::Failed, Lost::Panicked, Lost::MemoryShort] {
        let (bench, watcher, client) = watched();
        bench.event(Event::Closed { conn: client.conn(), why });
        assert_eq!(watcher.ack_all(), ["will=gone q1"]);
    }
}

// conformance: v3.1.1 MQTT-3.1.2-8, v3.1.1 MQTT-3.1.2-24
#[test]
fn silence_publishes_the_will() {
    let (bench, watcher, client) = watched();
    bench.advance(SECOND * 14);
    assert_eq!(watcher.ack_all(), [""; 0]);
    bench.advance(SECOND);
    assert!(!client.is_open());
    assert_eq!(watcher.ack_all(), ["will=gone q1"]);
}

// conformance: v3.1.1 MQTT-3.1.2-8
#[test]
fn a_protocol_error_publishes_the_will() {
    let errors: [&[u8]; 4] = [&[0xF0, 0], &[0x36, 3, 0, 1, b't'], &[0xE1, 0], &[0xC0, 1, 0]];
    for bytes in errors {
        let (_bench, watcher, client) = watched();
        client.raw(bytes);
        assert_eq!(watcher.ack_all(), ["will=gone q1"]);
    }
}

// conformance: v3.1.1 MQTT-3.1.2-10
#[test]
fn the_will_is_published_once() {
    let (bench, watcher, client) = watched();
    client.raw(&[0xF0, 0]);
    assert_eq!(watcher.ack_all(), ["will=gone q1"]);
    bench.event(Event::Closed { conn: client.conn(), why: Lost::ByPeer });
    bench.advance(SECOND * 3_600);
    assert_eq!(watcher.ack_all(), [""; 0]);
}

// conformance: v3.1.1 MQTT-3.1.2-10, v3.1.1 MQTT-3.1.2-12
#[test]
fn a_will_that_was_published_or_discarded_does_not_come_back() {
    let (bench, watcher, client) = watched();
    client.lose();
    assert_eq!(watcher.ack_all(), ["will=gone q1"]);
    bench.connect("client").lose();
    bench.connect("client").disconnect();
    let again = bench.open(with_will(1, false));
    again.disconnect();
    bench.connect("client").lose();
    assert_eq!(watcher.ack_all(), [""; 0]);
}

// conformance: v3.1.1 MQTT-3.1.2-12
#[test]
fn a_session_that_goes_on_without_a_will_has_none() {
    let bench = Bench::new();
    let watcher = bench.connect("watcher");
    watcher.subscribe("#", 0);
    bench.open(Connect { clean_start: false, ..with_will(0, false) }).disconnect();
    bench.connect_persistent("client", true).lose();
    watcher.ping();
}

// A connection has the Will of its own CONNECT, not of an earlier one.
#[test]
fn the_will_is_that_of_the_last_connect() {
    let bench = Bench::new();
    let watcher = bench.connect("watcher");
    watcher.subscribe("#", 0);
    bench.open(Connect { clean_start: false, ..with_will(0, false) }).disconnect();
    let other = Connect { will: will("other", "new", 0, false), ..connect("client") };
    bench.open(Connect { clean_start: false, ..other }).lose();
    assert_eq!(watcher.messages(), ["other=new q0"]);
}

// conformance: v3.1.1 MQTT-3.1.2-9
#[test]
fn the_will_has_the_qos_of_the_connect() {
    for qos in 0..=2 {
        let bench = Bench::new();
        let watcher = bench.connect("watcher");
        watcher.subscribe("will", 2);
        bench.open(with_will(qos, false)).lose();
        assert_eq!(watcher.ack_all(), [format!("will=gone q{qos}")]);
    }
}

// conformance: v3.1.1 MQTT-3.1.2-16
#[test]
fn a_will_with_will_retain_0_is_not_retained() {
    let bench = Bench::new();
    bench.connect("keeper").retain("will", 0, "before");
    bench.open(with_will(0, false)).lose();
    assert_eq!(bench.retained("#"), ["will=before q0 retain"]);
}

// conformance: v3.1.1 MQTT-3.1.2-17
#[test]
fn a_will_with_will_retain_1_is_retained() {
    for qos in 0..=2 {
        let bench = Bench::new();
        let watcher = bench.connect("watcher");
        watcher.subscribe("will", 2);
        bench.connect("keeper").retain("will", 0, "before");
        watcher.take();
        bench.open(with_will(qos, true)).lose();
        assert_eq!(watcher.ack_all(), [format!("will=gone q{qos}")], "live: RETAIN 0");
        assert_eq!(bench.retained("#"), [format!("will=gone q{qos} retain")]);
    }
}

// Section 3.3.1.3 holds for Wills too: an empty one clears.
#[test]
fn an_empty_will_with_will_retain_1_clears_the_retained_message() {
    let bench = Bench::new();
    bench.connect("keeper").retain("will", 0, "before");
    let empty = Connect { will: will("will", "", 0, true), ..connect("client") };
    bench.open(empty).lose();
    assert_eq!(bench.retained("#"), [""; 0]);
}

// conformance: v3.1.1 MQTT-3.1.2-8, v3.1.1 MQTT-4.5.0-1
#[test]
fn a_will_reaches_offline_sessions() {
    let bench = Bench::new();
    let away = bench.connect_persistent("away", false);
    away.subscribe("will", 1);
    away.disconnect();
    bench.open(with_will(2, false)).lose();
    assert_eq!(bench.connect_persistent("away", true).ack_all(), ["will=gone q1"]);
}

// A session that outlives its connection is subscribed to its own Will and finds it on return.
#[test]
fn a_client_finds_its_own_will() {
    let bench = Bench::new();
    let client = bench.open(Connect { clean_start: false, ..with_will(1, false) });
    client.expect_connack(false);
    client.subscribe("will", 1);
    client.lose();
    assert_eq!(bench.connect_persistent("client", true).ack_all(), ["will=gone q1"]);
}

// A clean session ends with its connection: nothing is left to receive the Will.
#[test]
fn a_will_to_the_ended_session_itself_is_no_delivery() {
    let bench = Bench::new();
    let client = bench.open(with_will(1, false));
    client.subscribe_as(1, &[("will", 1)]);
    client.lose();
    let dropped = |notice: &Notice| matches!(notice, Notice::Dropped { .. });
    assert!(!bench.notices().iter().any(dropped));
    assert_eq!(bench.sizes().sessions, 0);
}

// The message field of a CONNECT holds up to 65,535 bytes.
#[test]
fn a_will_of_the_largest_size_is_published_whole() {
    let bench = Bench::new();
    let watcher = bench.connect("watcher");
    watcher.subscribe("will", 0);
    let payload = "x".repeat(65_535);
    let largest = Connect { will: will("will", &payload, 0, false), ..connect("client") };
    bench.open(largest).lose();
    assert_eq!(watcher.messages(), [format!("will={payload} q0")]);
}

// A Will can end another connection whose queue is full, and so on: a chain costs no stack.
#[test]
fn wills_that_end_one_connection_after_the_other_are_all_published() {
    let small = std::thread::Builder::new().stack_size(192 * 1024);
    small.spawn(publish_a_chain_of_wills).unwrap().join().unwrap();
}

fn publish_a_chain_of_wills() {
    const CHAIN: usize = 300;
    let bench = Bench::with(Config {
        max_inflight_messages: 1,
        max_msgqueue_messages: Some(1),
        queue_full_policy: QueueFullPolicy::Disconnect,
        ..Config::default()
    });
    let links: Vec<Client> = (0..CHAIN).map(|n| link(&bench, n)).collect();
    let publisher = bench.connect("publisher");
    publisher.publish("fill", 1, "in flight");
    publisher.publish("fill", 1, "queued");
    bench.notices();
    publisher.publish("link/0", 1, "one too many");
    assert!(links.iter().all(|link| link.closed() == Some(CloseReason::QueueFull)));
    let published = |notice: &Notice| matches!(notice, Notice::WillPublished { .. });
    assert_eq!(bench.notices().iter().filter(|notice| published(notice)).count(), CHAIN);
}

/// A client of the chain, whose Will goes to the next one.
fn link(bench: &Bench, n: usize) -> Client {
    let id = format!("link/{n}");
    let will = will(&format!("link/{}", n + 1), "gone", 1, false);
    let client = bench.open(Connect { will, ..connect(&id) });
    client.expect_connack(false);
    client.subscribe_as(1, &[("fill", 1), (&id, 1)]);
    client
}

// Design: a Will survives our own end, so it is stored before its client is told that it is in.
#[test]
fn a_will_is_stored_before_its_client_is_accepted_and_until_it_is_spent() {
    let bench = Bench::new();
    bench.hold_store();
    let client = bench.open(with_will(1, false));
    assert_eq!(client.take(), []);
    assert!(matches!(bench.records()[..], [Record::WillSet { delay: 0, .. }]));
    bench.sync();
    client.expect_connack(false);
    client.disconnect();
    assert!(matches!(bench.records()[..], [Record::WillCleared { .. }]));
}

// Contract: who is told of a Will can see whose it was.
#[test]
fn a_published_will_is_told_in_a_notice() {
    let (bench, _watcher, client) = watched();
    bench.notices();
    client.lose();
    let told = bench.notices().into_iter().find_map(|notice| match notice {
        Notice::WillPublished { client, topic } => Some((client.to_string(), topic.to_string())),
        _ => None,
    });
    assert_eq!(told, Some(("client".into(), "will".into())));
}

// What a client sends behind its DISCONNECT is not looked at, and does not bring the Will back.
#[test]
fn nothing_counts_behind_disconnect() {
    let (bench, watcher, client) = watched();
    client.raw(&[0xE0, 0, 0xF0, 0]);
    bench.event(Event::Received { conn: client.conn(), packet: Packet::Pingreq });
    bench.event(Event::Closed { conn: client.conn(), why: Lost::ByPeer });
    assert_eq!(client.bytes(), [0x20, 2, 0, 0]);
    assert_eq!(watcher.ack_all(), [""; 0]);
}
