//! Keep alive: MQTT 3.1.1 sections 3.1.2.10 and 3.12.

use std::time::Duration;

use crate::support::raw::subscribe_packet;
use crate::support::{Bench, Client, SECOND, connect};
use surewire_engine::config::Config;
use surewire_engine::notice::CloseReason;
use surewire_engine::packet::{Connect, Packet};

const MILLISECOND: Duration = Duration::from_millis(1);

fn connect_alive(bench: &Bench, keep_alive: u16) -> Client {
    let client = bench.open(Connect { keep_alive, ..connect("client") });
    client.expect_connack(false);
    client
}

#[track_caller]
fn assert_closes_in(bench: &Bench, client: &Client, time: Duration) {
    bench.advance(time - MILLISECOND);
    assert!(client.is_open(), "closed too early");
    bench.advance(MILLISECOND);
    assert_eq!(client.closed(), Some(CloseReason::KeepAlive));
}

// conformance: v3.1.1 MQTT-3.12.4-1
#[test]
fn pingreq_is_answered_by_pingresp() {
    let bench = Bench::new();
    let client = bench.connect("client");
    let before = client.bytes().len();
    client.raw(&[0xC0, 0, 0xC0, 0]);
    assert_eq!(client.bytes()[before..], [0xD0, 0, 0xD0, 0]);
}

// conformance: v3.1.1 MQTT-3.1.2-24
#[test]
fn a_silent_client_is_closed_at_one_and_a_half_times_its_keep_alive() {
    for keep_alive in [1, 2, 60, 65_535] {
        let bench = Bench::new();
        let client = connect_alive(&bench, keep_alive);
        assert_closes_in(&bench, &client, MILLISECOND * 1_500 * u32::from(keep_alive));
    }
}

// conformance: v3.1.1 MQTT-3.1.2-24
#[test]
fn every_packet_starts_the_time_anew() {
    let publish = [0x30, 4, 0, 1, b't', b'x'];
    let packets: [&[u8]; 5] =
        [&[0xC0, 0], &publish, &subscribe_packet(1, "t"), &[0x40, 2, 0, 9], &[0x62, 2, 0, 9]];
    for bytes in packets {
        let bench = Bench::new();
        let client = connect_alive(&bench, 10);
        for _ in 0..3 {
            bench.advance(MILLISECOND * 14_999);
            client.raw(bytes);
        }
        assert_closes_in(&bench, &client, SECOND * 15);
    }
}

// What the server sends does not show that the client lives.
#[test]
fn deliveries_do_not_keep_a_client_alive() {
    let bench = Bench::new();
    let client = connect_alive(&bench, 10);
    client.subscribe("t", 0);
    let publisher = bench.connect("publisher");
    for _ in 0..14 {
        bench.advance(SECOND);
        publisher.publish("t", 0, "x");
    }
    assert_closes_in(&bench, &client, SECOND);
}

// Half a packet is no packet.
#[test]
fn an_unfinished_packet_does_not_keep_a_client_alive() {
    let bench = Bench::new();
    let client = connect_alive(&bench, 10);
    bench.advance(SECOND * 10);
    client.raw(&[0xC0]);
    assert_closes_in(&bench, &client, SECOND * 5);
}

// Section 3.1.2.10: 0 turns the mechanism off.
#[test]
fn keep_alive_0_is_no_limit() {
    let bench = Bench::new();
    let client = connect_alive(&bench, 0);
    bench.advance(SECOND * 1_000_000);
    client.ping();
}

// Contract: `max_keepalive` cuts what 3.x clients ask for, `keepalive_multiplier` is the 1.5.
#[test]
fn the_configuration_cuts_and_stretches_the_keep_alive() {
    let config =
        Config { max_keepalive: Some(100), keepalive_multiplier_milli: 2_000, ..Config::default() };
    for (asked, seconds) in [(0, 200), (50, 100), (100, 200), (101, 200), (65_535, 200)] {
        let bench = Bench::with(config.clone());
        let client = connect_alive(&bench, asked);
        assert_closes_in(&bench, &client, SECOND * seconds);
    }
}

// The keep alive is that of the last CONNECT of the client.
#[test]
fn a_new_connection_brings_its_own_keep_alive() {
    let bench = Bench::new();
    connect_alive(&bench, 10);
    bench.advance(SECOND * 10);
    let new = bench.open(Connect { keep_alive: 20, ..connect("client") });
    new.expect_connack(false);
    assert_closes_in(&bench, &new, SECOND * 30);
}

// A client that the server does not read from cannot be heard.
#[test]
fn a_client_that_is_not_read_from_is_not_closed_for_silence() {
    let bench = Bench::with(Config { receive_maximum: 2, ..Config::default() });
    bench.connect_persistent("away", false).subscribe("t", 1);
    let client = connect_alive(&bench, 10);
    bench.hold_store();
    client.publish("t", 1, "a");
    client.publish("t", 1, "b");
    assert!(client.is_paused());
    bench.advance(SECOND * 1_000);
    assert!(client.is_open());
    bench.sync();
    assert!(!client.is_paused());
    assert_closes_in(&bench, &client, SECOND * 15);
}

// Design: after a stall, what clients sent meanwhile is read before they are given up.
#[test]
fn after_a_stall_clients_get_a_second_to_be_heard() {
    for stall in [20, 3_600] {
        let bench = Bench::new();
        let client = connect_alive(&bench, 10);
        bench.stall(SECOND * stall);
        bench.settle();
        client.ping();
        assert_closes_in(&bench, &client, SECOND * 15);
    }
}

// The stall need not begin long before the deadline, nor the deadline be long past.
#[test]
fn after_a_stall_just_over_the_deadline_clients_get_a_second_too() {
    let bench = Bench::new();
    let client = connect_alive(&bench, 10);
    bench.advance(SECOND * 8);
    bench.connect("other");
    bench.stall(SECOND * 9);
    bench.settle();
    assert!(client.is_open(), "its PINGREQ of second 10 was not read yet");
    client.ping();
    assert_closes_in(&bench, &client, SECOND * 15);
}

// Whoever is silent after the stall too is closed.
#[test]
fn after_a_stall_a_silent_client_is_closed_within_a_second() {
    let bench = Bench::new();
    let client = connect_alive(&bench, 10);
    bench.stall(SECOND * 30);
    bench.settle();
    assert_closes_in(&bench, &client, SECOND);
}

// A broker that is a little late for its timer but handled other events has not stalled.
#[test]
fn a_late_timer_alone_is_no_stall() {
    let bench = Bench::new();
    let client = connect_alive(&bench, 10);
    bench.advance(SECOND * 14);
    bench.connect("other");
    bench.stall(SECOND * 2);
    bench.settle();
    assert_eq!(client.closed(), Some(CloseReason::KeepAlive));
}

// An idle broker that wakes up on time has not stalled.
#[test]
fn an_idle_broker_closes_on_time() {
    let bench = Bench::new();
    let client = connect_alive(&bench, 60);
    assert_closes_in(&bench, &client, SECOND * 90);
    let second = connect_alive(&bench, 60);
    bench.advance(SECOND * 80);
    second.send(Packet::Pingreq);
    assert_closes_in(&bench, &second, SECOND * 90);
}
