//! MQTT 5.0: Keep Alive, which is a deadline, and PINGREQ (sections 3.1.2.10, 3.2.2.3.14, 3.12).

use std::time::Duration;

use super::wire;
use crate::support::raw::packet;
use crate::support::{Bench, Client, SECOND, connect5, resume5, will, will5};
use surewire_engine::config::Config;
use surewire_engine::notice::CloseReason;
use surewire_engine::packet::{Connect, Packet};

const MILLISECOND: Duration = Duration::from_millis(1);

/// A client with this Keep Alive, accepted, and the Server Keep Alive that it was told.
fn open(bench: &Bench, keep_alive: u16) -> (Client, Option<u16>) {
    let client = bench.open(Connect { keep_alive, ..connect5("c") });
    let told = client.connack().properties.get().server_keep_alive;
    (client, told)
}

#[track_caller]
fn assert_closes_in(bench: &Bench, client: &Client, time: Duration) {
    bench.advance(time - MILLISECOND);
    assert!(client.is_open(), "closed too early");
    bench.advance(MILLISECOND);
    client.expect_disconnect(0x8D);
    assert_eq!(client.closed(), Some(CloseReason::KeepAlive));
}

// trap: keep alive is a deadline, at exactly one and a half times
// conformance: v5 MQTT-3.1.2-22, v5 MQTT-3.2.2-22
#[test]
fn a_silent_client_is_closed_at_exactly_one_and_a_half_times_its_keep_alive() {
    for keep_alive in [1, 2, 7, 60, 65_535] {
        let bench = Bench::new();
        let (client, told) = open(&bench, keep_alive);
        assert_eq!(told, None, "its own holds");
        assert_closes_in(&bench, &client, MILLISECOND * 1_500 * u32::from(keep_alive));
    }
}

// trap: keep alive is a deadline, any packet puts it off
// conformance: v5 MQTT-3.1.2-22
#[test]
fn any_packet_puts_the_deadline_off_and_only_a_packet() {
    let packets = [
        vec![0xC0, 0],
        wire::publish(0x30, b"t", None, &[]),
        wire::publish(0x32, b"t", Some(1), &[]),
        wire::publish(0x34, b"t", Some(2), &[]),
        wire::subscribe(3, &[], b"t", 0),
        wire::unsubscribe(4, &[], b"t"),
        packet(0x40, &[&[0, 9]]),
        packet(0x50, &[&[0, 9, 0x80]]),
        packet(0x62, &[&[0, 9]]),
        packet(0x70, &[&[0, 9, 0x92]]),
    ];
    for bytes in packets {
        let bench = Bench::new();
        let (client, _) = open(&bench, 10);
        for _ in 0..3 {
            bench.advance(15 * SECOND - MILLISECOND);
            client.raw(&bytes);
            assert!(client.is_open(), "{bytes:02x?}");
        }
        // Half a packet is no packet.
        bench.advance(14 * SECOND);
        client.raw(&[0x30, 9]);
        assert_closes_in(&bench, &client, SECOND);
    }
}

// trap: keep alive is a deadline, Server Keep Alive is told and enforced
// conformance: v5 MQTT-3.1.2-22, v5 MQTT-3.2.2-22
#[test]
fn the_cap_is_told_by_server_keep_alive_and_enforced() {
    let config = Config { max_keepalive: Some(100), ..Config::default() };
    for (asked, told) in
        [(0, Some(100)), (1, None), (99, None), (100, None), (101, Some(100)), (65_535, Some(100))]
    {
        let bench = Bench::with(config.clone());
        let (client, server) = open(&bench, asked);
        assert_eq!(server, told, "asked for {asked}");
        let holds = u32::from(told.unwrap_or(asked));
        assert_closes_in(&bench, &client, MILLISECOND * 1_500 * holds);
    }
}

// trap: keep alive is a deadline, 0 is none
// conformance: v5 section 3.1.2.10
#[test]
fn keep_alive_0_is_no_deadline() {
    let bench = Bench::new();
    let (client, told) = open(&bench, 0);
    assert_eq!(told, None);
    bench.advance(1_000_000 * SECOND);
    client.ping();
}

// conformance: v5 MQTT-3.1.2-22
#[test]
fn silence_is_a_failure_of_the_connection_and_brings_the_will() {
    let bench = Bench::new();
    let watcher = bench.connect("w");
    watcher.subscribe("will", 0);
    let at_once = Connect { will: will("will", "now", 0, false), keep_alive: 10, ..connect5("a") };
    let client = bench.open(at_once);
    client.expect_connack(false);
    let later = Connect { will: will5("will", "later", 3), keep_alive: 10, ..resume5("b", 60) };
    let delayed = bench.open(later);
    delayed.expect_connack(false);
    bench.advance(15 * SECOND);
    client.expect_disconnect(0x8D);
    delayed.expect_disconnect(0x8D);
    assert_eq!(watcher.messages(), ["will=now q0"]);
    bench.advance(3 * SECOND - MILLISECOND);
    watcher.ping();
    bench.advance(MILLISECOND);
    assert_eq!(watcher.messages(), ["will=later q0"]);
    bench.resume5("b", 60, true);
}

// conformance: v5 MQTT-3.12.4-1
#[test]
fn every_pingreq_is_answered() {
    let bench = Bench::new();
    let client = bench.connect5("c");
    client.raw(&[0xC0, 0, 0xC0, 0, 0xC0, 0]);
    assert_eq!(client.take(), [Packet::Pingresp, Packet::Pingresp, Packet::Pingresp]);
}

// conformance: v5 MQTT-3.12.4-1
#[test]
fn a_full_window_does_not_hold_pingresp_back() {
    let bench = Bench::new();
    let client = bench.connect5_with("c", |set| set.receive_maximum = Some(1));
    client.subscribe("t", 1);
    let publisher = bench.connect("p");
    publisher.publish("t", 1, "a");
    publisher.publish("t", 1, "b");
    assert_eq!(client.messages(), ["t=a q1"]);
    client.ping();
}
