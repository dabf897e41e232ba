//! What a peer can do wrong, and what it can make us hold.

use std::io::{Read, Write};
use std::time::Duration;

use surewire_engine::config::Config as EngineConfig;
use surewire_server::settings::Settings;

use crate::broker::{Broker, connect_bytes, plain, publish_bytes, read_to_end, subscribe_bytes};

// contract: section 8, connect_timeout
#[test]
fn bytes_that_drip_do_not_extend_the_connect_timeout() {
    let settings = Settings { connect_timeout: Duration::from_millis(300), ..plain() };
    let broker = Broker::start(settings);
    let mut client = broker.connect();
    // A CONNECT of 60,000 bytes: at this pace it would take 20 minutes.
    let mut head = [0x10, 0xE0, 0xD4, 0x03].into_iter();
    let sent = client.drip_until_closed(|| head.next().unwrap_or(b'x'));
    assert!(sent > 4, "closed after {sent} bytes, before the timeout could be extended");
}

#[test]
fn a_silent_connection_is_closed() {
    let settings = Settings { connect_timeout: Duration::from_millis(50), ..plain() };
    let broker = Broker::start(settings);
    broker.connect().expect_end();
}

// conformance: v3.1.1 MQTT-3.1.0-1
#[test]
fn anything_but_connect_first_ends_the_connection_at_the_first_byte() {
    let broker = Broker::start(plain());
    for first in [0x30, 0x82, 0xC0, 0x00, 0x11, b'G', 0x16] {
        let mut client = broker.connect();
        client.send(&[first]);
        client.expect_end();
    }
}

// contract: section 8, max_packet_size before acceptance
#[test]
fn a_connect_beyond_64_kib_is_refused_by_its_length_alone() {
    let broker = Broker::start(plain());
    let mut client = broker.connect();
    client.send(&[0x10, 0x80, 0x80, 0x04]);
    client.expect_end();
}

#[test]
fn a_packet_beyond_the_limit_is_refused_by_its_length_alone() {
    let mut settings = plain();
    settings.limits.max_packet_size = 1_000;
    let broker = Broker::start(settings);
    let mut client = broker.client("c");
    client.send(&subscribe_bytes(1, "t", 0));
    client.expect(&[0x90, 3, 0, 1, 0]);
    client.send(&publish_bytes("t", &[1; 900]));
    assert_eq!(client.message().1.len(), 900);
    client.send(&[0x30, 0xE8, 0x07]);
    client.expect_end();
}

/// They are handed in part by part, and what stands behind them waits for all of them.
#[test]
fn many_filters_are_answered_together_and_before_what_follows() {
    let broker = Broker::start(plain());
    let mut clients: Vec<_> = (0..4).map(|n| broker.client(&format!("c{n}"))).collect();
    let filters: Vec<String> = (0..500).map(|n| format!("t/{n}")).collect();
    let (subscribe, unsubscribe) =
        (of_filters(0x82, &filters, &[0]), of_filters(0xA2, &filters, &[]));
    let mut all = subscribe;
    all.extend(publish_bytes("t/499", b"live"));
    all.extend(&unsubscribe);
    all.extend(publish_bytes("t/0", b"nobody's"));
    all.extend([0xC0, 0]);
    // At once, in pieces, and each by itself: that is how reads find them.
    let pieces = [all.len(), 1_000, 7_000, 64];
    for (client, piece) in clients.iter_mut().zip(pieces) {
        all.chunks(piece).for_each(|bytes| client.send(bytes));
        client.expect(&[&[0x90, 0xF6, 0x03, 0, 1][..], &[0; 500]].concat());
        client.expect(&publish_bytes("t/499", b"live"));
        client.expect(&[0xB0, 2, 0, 1, 0xD0, 0]);
    }
}

fn of_filters(first: u8, filters: &[String], options: &[u8]) -> Vec<u8> {
    let mut body = vec![0, 1];
    for filter in filters {
        body.extend(u16::try_from(filter.len()).unwrap().to_be_bytes());
        body.extend(filter.as_bytes());
        body.extend(options);
    }
    let [low, high] = [body.len() % 128, body.len() / 128].map(|part| u8::try_from(part).unwrap());
    [&[first, low | 0x80, high][..], &body].concat()
}

#[test]
fn a_malformed_packet_ends_the_connection_after_the_good_ones_before_it() {
    let broker = Broker::start(plain());
    let mut client = broker.client("c");
    client.send(&[0xC0, 0, 0xC1, 0, 0xC0, 0]);
    client.expect(&[0xD0, 0]);
    client.expect_end();
}

#[test]
fn the_peer_reads_why_it_was_refused_although_it_sent_more() {
    let broker = Broker::start(plain());
    for _ in 0..20 {
        let mut client = broker.connect();
        // No client id and no clean session, and a PUBLISH that nobody will read.
        let mut stream = vec![0x10, 12, 0, 4, b'M', b'Q', b'T', b'T', 4, 0, 0, 0, 0, 0];
        stream.extend(publish_bytes("t", &[0; 30_000]));
        client.send(&stream);
        client.expect(&[0x20, 2, 0, 2]);
        client.expect_end();
    }
}

#[test]
fn a_peer_can_send_all_of_a_packet_that_is_too_large_and_need_not_hear_why_before() {
    let broker = Broker::start(plain());
    for _ in 0..10 {
        let mut client = broker.connect();
        client.send(&[0x10, 14, 0, 4, b'M', b'Q', b'T', b'T', 5, 2, 0, 0, 0, 0, 1, b'c']);
        let mut head = [0; 2];
        client.stream.read_exact(&mut head).unwrap();
        assert_eq!(head[0], 0x20, "CONNACK");
        client.stream.read_exact(&mut vec![0; usize::from(head[1])]).unwrap();
        let publish = publish_bytes("t", &vec![0; 3 << 20]);
        let (first, rest) = publish.split_at(1_000);
        client.send(first);
        let mut goodbye = [0; 3];
        client.stream.read_exact(&mut goodbye).unwrap();
        assert_eq!((goodbye[0], goodbye[2]), (0xE0, 0x95), "DISCONNECT, Packet too large");
        // Many clients would not look for it once a write has failed.
        for part in rest.chunks(64 * 1024) {
            client.stream.write_all(part).expect("the broker reads on");
        }
    }
}

#[test]
fn a_reader_that_stops_holds_nobody_up_and_no_memory_beyond_its_limit() {
    const LIMIT: usize = 64 * 1024;
    let engine = EngineConfig { max_unsent_bytes: LIMIT as u64, ..EngineConfig::default() };
    let broker = Broker::start(Settings { engine, ..plain() });
    let mut stopped = broker.client("stopped");
    let mut reader = broker.client("reader");
    for client in [&mut stopped, &mut reader] {
        client.send(&subscribe_bytes(1, "t", 0));
        client.expect(&[0x90, 3, 0, 1, 0]);
    }
    let mut publisher = broker.client("publisher");
    const COUNT: u32 = 2_000;
    for n in 0..COUNT {
        let mut payload = vec![0; 10_000];
        payload[..4].copy_from_slice(&n.to_be_bytes());
        publisher.send(&publish_bytes("t", &payload));
        let (_, received) = reader.message();
        assert_eq!(received[..4], n.to_be_bytes());
    }
    // 20 MB were published; what is left for the one that did not read is in the kernel's
    // buffers and within the limit: most of it was dropped, and what came is in order.
    publisher.send(&[0xE0, 0]);
    stopped.send(&[0xC0, 0]);
    let (mut last, mut bytes) = (None, 0);
    loop {
        let packet = stopped.packet();
        let surewire_engine::packet::Packet::Publish(publish) = packet else { break };
        let n = u32::from_be_bytes(publish.payload[..4].try_into().unwrap());
        assert!(last.is_none_or(|last| last < n), "{n} after {last:?}");
        (last, bytes) = (Some(n), bytes + publish.payload.len());
    }
    assert!(bytes < COUNT as usize * 10_000, "nothing was dropped");
}

#[test]
fn more_connections_than_allowed_are_turned_away_and_the_others_stay() {
    let engine = EngineConfig { max_connections: 2, ..EngineConfig::default() };
    let broker = Broker::start(Settings { engine, ..plain() });
    let mut first = broker.client("first");
    let _second = broker.client("second");
    let mut third = broker.connect();
    third.send(&connect_bytes("third"));
    third.expect(&[0x20, 2, 0, 3]);
    third.expect_end();
    first.send(&[0xC0, 0]);
    first.expect(&[0xD0, 0]);
}

#[test]
fn a_connection_that_vanishes_frees_its_place() {
    let engine = EngineConfig { max_connections: 1, ..EngineConfig::default() };
    let broker = Broker::start(Settings { engine, ..plain() });
    for n in 0..50 {
        let mut client = broker.client(&format!("c{n}"));
        client.stream.write_all(&[0xE0, 0]).unwrap();
        assert!(read_to_end(&mut client.stream).is_empty());
    }
}
