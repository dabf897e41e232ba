//! What an attacker repeats without end must leave nothing behind.
//!
//! The engine is called without the test bench, which remembers everything. The memory of this process is
//! compared before and after; a leak of 100 bytes each would be 30 to 100 MB.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use bytes::Bytes;
use surewire_engine::Engine;
use surewire_engine::action::Action;
use surewire_engine::codec::{self, Limits};
use surewire_engine::config::Config;
use surewire_engine::event::{Event, Lost, Peer};
use surewire_engine::id::{ConnId, Lsn};
use surewire_engine::packet::Version;
use surewire_engine::time::Time;

/// A million; fewer without optimisation, where an event takes ten times as long.
const MANY: u32 = if cfg!(debug_assertions) { 300_000 } else { 1_000_000 };
/// What the tests beside one another may move it by.
const NOISE: u64 = 16 << 20;
const LIMITS: Limits =
    Limits { max_packet_size: 1 << 20, max_user_properties: 1_000, reject_control_chars: false };

/// Resident memory of this process that is no file's.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("Anonymous:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() * 1_024
}

/// Calls `attack` with every number below `times`; what the first tenth made stays out of account.
fn stays_flat(times: u32, mut attack: impl FnMut(u32)) {
    (0..times / 10).for_each(&mut attack);
    let before = resident();
    (times / 10..times).for_each(attack);
    let grown = resident().saturating_sub(before);
    assert!(grown <= NOISE, "{} MiB more", grown >> 20);
}

/// An engine whose records are durable at once and whose output goes nowhere.
struct Bare {
    engine: Engine,
    actions: Vec<Action>,
    /// Messages that were sent to clients.
    delivered: u64,
    closed: u64,
}

impl Bare {
    fn new(config: Config) -> Self {
        let engine = Engine::new(config, [7; 32]);
        Self { engine, actions: Vec::new(), delivered: 0, closed: 0 }
    }

    fn handle(&mut self, event: Event) {
        self.engine.handle(Time::from_secs(1_700_000_000), event, &mut self.actions);
        let mut next = Vec::new();
        for action in self.actions.drain(..) {
            match action {
                Action::Append { lsn, .. } => next.push(Event::Durable { upto: lsn }),
                Action::Send { conn, outgoing } => {
                    let mut bytes = Vec::new();
                    outgoing.encode(Version::V3_1_1, &mut bytes);
                    let is_publish = bytes.first().is_some_and(|first| first >> 4 == 3);
                    self.delivered += u64::from(is_publish);
                    next.push(Event::Written { conn, bytes: bytes.len() as u64 });
                }
                Action::Close { .. } => self.closed += 1,
                Action::Authenticate { .. }
                | Action::Report { .. }
                | Action::Read { .. }
                | Action::Trim { .. }
                | Action::Answer { .. }
                | Action::Notice(_) => {}
            }
        }
        next.into_iter().for_each(|event| self.handle(event));
    }

    /// A connection that opens with these bytes.
    fn open(&mut self, conn: ConnId, connect: &[u8]) {
        let peer = Peer { address: "192.0.2.1:50000".parse().unwrap(), anonymous: true };
        let first = codec::decode_connect(Bytes::copy_from_slice(connect), &LIMITS);
        self.handle(Event::Opened { conn, peer, first });
    }

    /// Further bytes, which are one packet.
    fn receive(&mut self, conn: ConnId, bytes: &[u8]) {
        match codec::decode(Version::V3_1_1, Bytes::copy_from_slice(bytes), &LIMITS) {
            Ok(packet) => self.handle(Event::Received { conn, packet }),
            Err(violation) => self.handle(Event::Broken { conn, violation }),
        }
    }
}

const fn slot(slot: u32, generation: u32) -> ConnId {
    ConnId { slot, generation }
}

const CONNECT: &[u8] = b"\x10\x0d\0\x04MQTT\x04\x02\0\0\0\x01a";
const READER: &[u8] = b"\x10\x0d\0\x04MQTT\x04\x02\0\0\0\x01r";
/// To `t`, QoS 0.
const SUBSCRIBE: &[u8] = b"\x82\x06\0\x01\0\x01t\0";

// A message of QoS 2 again and again, and never its PUBREL.
#[test]
fn cve_2023_28366_qos_2_duplicates_take_no_memory() {
    let mut bare = Bare::new(Config::default());
    bare.open(slot(0, 0), READER);
    bare.receive(slot(0, 0), SUBSCRIBE);
    bare.open(slot(1, 0), CONNECT);
    stays_flat(MANY, |_| bare.receive(slot(1, 0), b"\x3c\x06\0\x01t\0\x09x"));
    assert_eq!((bare.delivered, bare.closed), (1, 0));
}

// All identifiers there are, again and again: a set of 65,535, however often they come.
#[test]
fn every_identifier_of_qos_2_takes_the_memory_of_a_set() {
    let mut bare = Bare::new(Config::default());
    bare.open(slot(1, 0), CONNECT);
    stays_flat(MANY, |n| {
        let [high, low] = u16::try_from(n % 65_535 + 1).unwrap().to_be_bytes();
        bare.receive(slot(1, 0), &[0x34, 6, 0, 1, b't', high, low, b'x']);
    });
    assert_eq!(bare.closed, 0);
}

// CONNECTs that are refused because of a property of their Will.
#[test]
fn cve_2023_3592_a_will_with_a_bad_property_takes_no_memory() {
    let will = [b"\x03\x02\x01\x09".as_slice(), b"\0\x01w", b"\0\x04gone"].concat();
    let mut connect = b"\x10\0\0\x04MQTT\x05\x06\0\0\0\0\x01a".to_vec();
    connect.extend(will);
    connect[1] = u8::try_from(connect.len() - 2).unwrap();
    let mut bare = Bare::new(Config::default());
    stays_flat(MANY, |n| bare.open(slot(1, n), &connect));
    assert_eq!(bare.closed, u64::from(MANY));
    assert_eq!(bare.engine.sizes().connections, 0);
}

// A PUBLISH whose properties are refused, or that has no topic.
#[test]
fn packets_that_are_refused_take_no_memory() {
    let packets: [&[u8]; 4] = [
        b"\x30\x03\0\0x",
        b"\x30\x0e\0\x01t\x09\x03\0\x01c\x03\0\x01cx\0",
        b"\x82\x06\0\x01\0\x01#\x03",
        b"\x82\x03\0\x01\0",
    ];
    stays_flat(MANY, |n| {
        let bytes = Bytes::copy_from_slice(packets[n as usize % packets.len()]);
        let version = if n % 4 == 1 { Version::V5 } else { Version::V3_1_1 };
        assert!(codec::decode(version, bytes, &LIMITS).is_err());
    });
}

// Filters that are refused leaked elsewhere; and those that are taken must go with their session.
#[test]
fn subscriptions_that_come_and_go_take_no_memory() {
    let mut bare = Bare::new(Config::default());
    stays_flat(MANY / 10, |n| {
        let conn = slot(1, n);
        bare.open(conn, CONNECT);
        let filter = format!("{}/{n}/+", n % 7);
        let length = u8::try_from(filter.len()).unwrap();
        let subscribe = [&[0x82, length + 5, 0, 1, 0, length], filter.as_bytes(), &[0]].concat();
        bare.receive(conn, &subscribe);
        bare.receive(conn, b"\x82\x07\0\x02\0\x02a#\0");
        bare.handle(Event::Closed { conn, why: Lost::ByPeer });
        // What is left of a session is taken apart in steps.
        bare.handle(Event::Timeout);
    });
    assert_eq!(bare.engine.sizes().subscriptions, 0);
}

// Wills of clients that vanish, 60 KB each.
#[test]
fn wills_of_clients_that_vanish_take_no_memory() {
    let mut body = b"\0\x04MQTT\x04\x06\0\0\0\x01a\0\x01w\xea\x60".to_vec();
    body.resize(body.len() + 60_000, b'x');
    let connect = [b"\x10\xf2\xd4\x03".as_slice(), &body].concat();
    let claimed = codec::frame_len(&connect, usize::MAX).unwrap().unwrap();
    assert_eq!(claimed, connect.len());
    let mut bare = Bare::new(Config::default());
    stays_flat(MANY / 30, |n| {
        bare.open(slot(1, n), &connect);
        bare.handle(Event::Closed { conn: slot(1, n), why: Lost::ByPeer });
    });
    assert_eq!(bare.engine.sizes().sessions, 0);
}

/// Never durable: here so that the first position is one that was not given.
#[test]
fn the_bare_engine_delivers() {
    let mut bare = Bare::new(Config::default());
    bare.handle(Event::Durable { upto: Lsn::NONE });
    bare.open(slot(0, 0), READER);
    bare.receive(slot(0, 0), SUBSCRIBE);
    bare.receive(slot(0, 0), b"\x30\x04\0\x01tx");
    assert_eq!(bare.delivered, 1);
}
