//! Whatever bytes come, the outcome is defined: MQTT 3.1.1 sections 3.1.4 and 4.8.

use crate::support::Bench;
use crate::support::raw::{
    CLEAN, connect_packet, field, packet, publish_packet, subscribe_packet, unsubscribe_packet,
};
use proptest::prelude::*;

/// Good packets, to be broken a little: wholly random bytes seldom get past the first check.
fn good() -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(vec![
        connect_packet(CLEAN, &[b"other"]),
        connect_packet(CLEAN | 0xEC, &[b"other", b"will", b"gone", b"user", b"password"]),
        publish_packet("a/b", b"x"),
        packet(0x33, &[&field("a/b"), &[0, 1], b"x"]),
        packet(0x34, &[&field("a/b"), &[0, 2], b"x"]),
        packet(0x40, &[&[0, 1]]),
        packet(0x50, &[&[0, 1]]),
        packet(0x62, &[&[0, 2]]),
        packet(0x70, &[&[0, 1]]),
        subscribe_packet(3, "a/#"),
        unsubscribe_packet(4, "a/#"),
        vec![0xC0, 0],
        vec![0xE0, 0],
    ])
}

/// A stream of packets of which a few bytes are wrong, missing or too many.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let packets = prop::collection::vec(good(), 1..8);
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3), 0..4);
    (packets, changes).prop_map(|(packets, changes)| {
        let mut bytes = packets.concat();
        for (at, byte, change) in changes {
            let at = at.index(bytes.len());
            match change {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ if bytes.len() > 1 => drop(bytes.remove(at)),
                _ => {}
            }
        }
        bytes
    })
}

proptest! {
    // conformance: v3.1.1 MQTT-4.8.0-1, v3.1.1 MQTT-3.1.4-1
    #[test]
    fn broken_bytes_end_their_own_connection_at_most(bytes in stream(), piece in 1_usize..40) {
        let bench = Bench::new();
        let watcher = bench.connect("watcher");
        let (stranger, client) = (bench.dial(), bench.connect("client"));
        for part in bytes.chunks(piece) {
            stranger.raw(part);
            client.raw(part);
        }
        // The bench checked every invariant of the engine after each event.
        prop_assert!(watcher.is_open());
        watcher.ping();
        let answer = stranger.bytes();
        prop_assert!(answer.is_empty() || answer[0] == 0x20, "{answer:02x?}");
    }
}
