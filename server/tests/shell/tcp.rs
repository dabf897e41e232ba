//! MQTT over plain TCP: packets in, packets out, however they are cut.

use surewire_engine::packet::{Connack, Packet, QoS, ReasonCode, Version};

use crate::broker::{Broker, connect_bytes, plain, publish_bytes, subscribe_bytes};

// conformance: v3.1.1 MQTT-7.1.1-1
#[test]
fn a_message_crosses_workers_at_every_qos() {
    let broker = Broker::start(plain());
    let mut subscriber = broker.client("subscriber");
    subscriber.send(&subscribe_bytes(1, "a/#", 2));
    subscriber.expect(&[0x90, 3, 0, 1, 2]);
    let mut publisher = broker.client("publisher");

    publisher.send(&publish_bytes("a/0", b"zero"));
    assert_eq!(subscriber.message(), ("a/0".into(), "zero".into()));

    publisher.send(&[0x32, 8, 0, 3, b'a', b'/', b'1', 0, 7, b'x']);
    publisher.expect(&[0x40, 2, 0, 7]);
    subscriber.expect(&[0x32, 8, 0, 3, b'a', b'/', b'1', 0, 1, b'x']);
    subscriber.send(&[0x40, 2, 0, 1]);

    publisher.send(&[0x34, 8, 0, 3, b'a', b'/', b'2', 0, 8, b'y']);
    publisher.expect(&[0x50, 2, 0, 8]);
    publisher.send(&[0x62, 2, 0, 8]);
    publisher.expect(&[0x70, 2, 0, 8]);
    subscriber.expect(&[0x34, 8, 0, 3, b'a', b'/', b'2', 0, 2, b'y']);
    subscriber.send(&[0x50, 2, 0, 2]);
    subscriber.expect(&[0x62, 2, 0, 2]);
    subscriber.send(&[0x70, 2, 0, 2]);
    subscriber.send(&[0xC0, 0]);
    subscriber.expect(&[0xD0, 0]);
}

// conformance: v5 MQTT-4.2.0-1
#[test]
fn version_5_is_served_over_tcp_at_every_qos() {
    let broker = Broker::start(plain());
    let mut client = broker.connect();
    client.send(b"\x10\x0e\0\x04MQTT\x05\x02\0\0\0\0\x01c");
    let connack = client.packet_of(Version::V5);
    let accepted = |connack: &Connack| connack.code == ReasonCode::Success;
    assert!(matches!(&connack, Packet::Connack(connack) if accepted(connack)), "{connack:?}");

    client.send(b"\x82\x09\0\x01\0\0\x03a/#\x02");
    client.expect(b"\x90\x04\0\x01\0\x02");
    client.send(b"\x30\x08\0\x03a/0\x02\x01\x01");
    client.expect(b"\x30\x08\0\x03a/0\x02\x01\x01");

    client.send(b"\x32\x09\0\x03a/1\0\x07\0x");
    client.expect(b"\x32\x09\0\x03a/1\0\x01\0x");
    client.expect(b"\x40\x02\0\x07");
    client.send(b"\x40\x02\0\x01");

    client.send(b"\x34\x09\0\x03a/2\0\x08\0y");
    client.expect(b"\x34\x09\0\x03a/2\0\x02\0y");
    client.expect(b"\x50\x02\0\x08");
    client.send(b"\x62\x02\0\x08");
    client.expect(b"\x70\x02\0\x08");
    client.send(b"\x50\x02\0\x02");
    client.expect(b"\x62\x02\0\x02");
    client.send(b"\x70\x02\0\x02");

    client.send(b"\x32\x08\0\x01b\0\x09\0xy");
    client.expect(b"\x40\x03\0\x09\x10");
    client.send(b"\xe0\0");
    client.expect_end();
}

#[test]
fn packets_may_be_cut_anywhere() {
    let broker = Broker::start(plain());
    let mut client = broker.connect();
    let mut stream = connect_bytes("cut");
    stream.extend(subscribe_bytes(1, "t", 0));
    stream.extend(publish_bytes("t", &[7; 300]));
    for byte in stream {
        client.send(&[byte]);
    }
    client.expect(&[0x20, 2, 0, 0]);
    client.expect(&[0x90, 3, 0, 1, 0]);
    assert_eq!(client.message(), ("t".into(), vec![7; 300].into()));
}

#[test]
fn what_follows_connect_in_the_same_write_is_served_after_it() {
    let broker = Broker::start(plain());
    let mut client = broker.connect();
    let mut stream = connect_bytes("eager");
    stream.extend(subscribe_bytes(1, "t", 0));
    for n in 0..2_000_u32 {
        stream.extend(publish_bytes("t", &n.to_be_bytes()));
    }
    stream.extend([0xC0, 0]);
    client.send(&stream);
    client.expect(&[0x20, 2, 0, 0]);
    client.expect(&[0x90, 3, 0, 1, 0]);
    for n in 0..2_000_u32 {
        assert_eq!(client.message().1, n.to_be_bytes().to_vec());
    }
    client.expect(&[0xD0, 0]);
}

#[test]
fn large_payloads_reach_every_receiver_whole_and_in_order() {
    let broker = Broker::start(plain());
    let mut subscribers: Vec<_> = (0..3).map(|n| broker.client(&format!("s{n}"))).collect();
    for subscriber in &mut subscribers {
        subscriber.send(&subscribe_bytes(1, "t", 0));
        subscriber.expect(&[0x90, 3, 0, 1, 0]);
    }
    let payload = |len: u32| (0..len).map(|n| n.to_le_bytes()[usize::from(n % 7 == 0)]).collect();
    let payloads: Vec<Vec<u8>> = [10, 20_000, 16_384, 16_383, 900_000, 5].map(payload).into();
    let mut publisher = broker.client("p");
    for payload in &payloads {
        publisher.send(&publish_bytes("t", payload));
    }
    for subscriber in &mut subscribers {
        for payload in &payloads {
            let (_, received) = subscriber.message();
            assert!(received == *payload, "{} of {} bytes", received.len(), payload.len());
        }
    }
}

#[test]
fn a_half_closed_connection_ends_and_its_will_is_published() {
    let broker = Broker::start(plain());
    let mut subscriber = broker.client("subscriber");
    subscriber.send(&subscribe_bytes(1, "will", QoS::AtMostOnce as u8));
    subscriber.expect(&[0x90, 3, 0, 1, 0]);
    let mut mortal = broker.connect();
    // Will flag, will topic "will", will message "gone".
    let mut connect = vec![0x10, 25, 0, 4, b'M', b'Q', b'T', b'T', 4, 6, 0, 0, 0, 1, b'm'];
    connect.extend([0, 4, b'w', b'i', b'l', b'l', 0, 4, b'g', b'o', b'n', b'e']);
    mortal.send(&connect);
    mortal.expect(&[0x20, 2, 0, 0]);
    mortal.half_close();
    mortal.expect_end();
    assert_eq!(subscriber.message(), ("will".into(), "gone".into()));
}
