//! Acknowledgements that come in one read: nobody can tell them from those that came one by one.

use surewire_engine::codec;
use surewire_engine::config::Config;
use surewire_engine::id::PacketId;
use surewire_engine::packet::{
    Ack, Connect, Packet, PacketType, PropertySet, QoS, ReasonCode, Version,
};

use crate::support::{Bench, Client, connect};

/// What a client answers to what it was sent.
fn answer(packet: &Packet) -> Option<Packet> {
    match packet {
        Packet::Publish(publish) => {
            let ack = Ack::new(publish.packet_id?);
            let once = publish.qos == QoS::ExactlyOnce;
            Some(if once { Packet::Pubrec(ack) } else { Packet::Puback(ack) })
        }
        Packet::Pubrec(ack) => Some(Packet::Pubrel(Ack::new(ack.packet_id))),
        Packet::Pubrel(ack) => Some(Packet::Pubcomp(Ack::new(ack.packet_id))),
        _ => None,
    }
}

/// Sends packets in one read or each in its own.
fn send(client: &Client, version: Version, packets: &[Packet], together: bool) {
    let bytes = packets.iter().map(|packet| {
        let mut bytes = Vec::new();
        codec::encode(version, packet, &mut bytes);
        bytes
    });
    if together {
        client.raw(&bytes.collect::<Vec<_>>().concat());
    } else {
        bytes.for_each(|bytes| client.raw(&bytes));
    }
}

/// Runs a scene with answers in one read and one by one; both must come to the same.
fn both_ways<T: PartialEq + std::fmt::Debug>(
    config: &Config,
    scene: impl Fn(&Bench, bool) -> T,
) -> T {
    let [together, apart] = [true, false].map(|together| {
        let bench = Bench::with(config.clone());
        let came = scene(&bench, together);
        (came, bench.notices(), bench.counters(), bench.sizes())
    });
    assert_eq!(together.1, apart.1, "notices");
    assert_eq!(together.2, apart.2, "counters");
    assert_eq!(together.3, apart.3, "sizes");
    assert_eq!(together.0, apart.0);
    together.0
}

#[test]
fn a_backlog_goes_through_the_window_to_its_end() {
    for (qos, version) in
        [(1, Version::V3_1_1), (2, Version::V3_1_1), (1, Version::V5), (2, Version::V5)]
    {
        let config =
            Config { max_inflight_messages: 7, max_msgqueue_messages: None, ..Config::default() };
        for durable in [true, false] {
            let came = both_ways(&config, |bench, together| {
                let client = if durable {
                    let client = bench.connect_persistent("c", false);
                    client.subscribe("t", qos);
                    client.lose();
                    let set = PropertySet {
                        session_expiry_interval: Some(u32::MAX),
                        ..PropertySet::NONE
                    };
                    let mut connect = Connect { version, clean_start: false, ..connect("c") };
                    if version == Version::V5 {
                        connect.properties = set.into();
                    }
                    bench.open(connect)
                } else {
                    let client = bench.open(Connect { version, ..connect("c") });
                    client.take();
                    client.subscribe("t", qos);
                    client
                };
                let publisher = bench.connect("p");
                for n in 0..40 {
                    publisher.publish("t", 2, &n.to_string());
                }
                let (mut rounds, mut payloads) = (Vec::new(), Vec::new());
                loop {
                    let packets = client.take();
                    let answers: Vec<Packet> = packets.iter().filter_map(answer).collect();
                    payloads.extend(packets.iter().filter_map(|packet| match packet {
                        Packet::Publish(p) => Some(String::from_utf8(p.payload.to_vec()).unwrap()),
                        _ => None,
                    }));
                    if answers.is_empty() {
                        return (rounds, payloads);
                    }
                    rounds.push(packets.iter().map(Packet::packet_type).collect::<Vec<_>>());
                    send(&client, version, &answers, together);
                }
            });
            assert_eq!(came.1, (0..40).map(|n| n.to_string()).collect::<Vec<_>>());
        }
    }
}

#[test]
fn identifiers_are_given_free_and_unknown_ones_told() {
    for (version, told) in [(Version::V3_1_1, 0), (Version::V5, 10)] {
        let came = both_ways(&Config::default(), |bench, together| {
            let publisher = bench.open(Connect { version, ..connect("p") });
            publisher.take();
            for id in (1..=30).filter(|id| id % 3 != 0) {
                publisher.publish_as("t", 2, false, "x", id, false);
            }
            publisher.take();
            let release = |id| Packet::Pubrel(Ack::new(PacketId::new(id).unwrap()));
            send(&publisher, version, &(1..=30).map(release).collect::<Vec<_>>(), together);
            publisher.take()
        });
        let unknown = |packet: &&Packet| match packet {
            Packet::Pubcomp(ack) => ack.code == ReasonCode::PacketIdentifierNotFound,
            other => panic!("{other:?}"),
        };
        assert_eq!((came.len(), came.iter().filter(unknown).count()), (30, told), "{version:?}");
    }
}

#[test]
fn a_wrong_one_in_between_ends_the_connection_there() {
    let delivered = both_ways(&Config::default(), |bench, together| {
        let client = bench.connect("c");
        client.subscribe("t", 2);
        let publisher = bench.connect("p");
        for qos in [1, 1, 2, 1, 1] {
            publisher.publish("t", qos, "x");
        }
        let puback = |packet: &Packet| match packet {
            Packet::Publish(publish) => Packet::Puback(Ack::new(publish.packet_id.unwrap())),
            other => panic!("{other:?}"),
        };
        let answers: Vec<Packet> = client.take().iter().map(puback).collect();
        send(&client, Version::V3_1_1, &answers, together);
        assert!(!client.is_open());
        bench.counters().delivered
    });
    assert_eq!(delivered, 2);
}

#[test]
fn answers_that_are_too_large_for_their_client_end_it_at_the_first() {
    // PUBCOMP takes 4 bytes; 5 with the code that says that the identifier is unknown.
    for most in [3, 4, 5] {
        let came = both_ways(&Config::default(), |bench, together| {
            let set = PropertySet { maximum_packet_size: Some(most), ..PropertySet::NONE };
            let properties = set.into();
            let client = bench.open(Connect { version: Version::V5, properties, ..connect("c") });
            let id = |id| PacketId::new(id).unwrap();
            let releases: Vec<Packet> = (1..9).map(|n| Packet::Pubrel(Ack::new(id(n)))).collect();
            send(&client, Version::V5, &releases, together);
            let received = bench.counters().packets_received;
            let released = received.iter().find(|(name, _)| *name == PacketType::Pubrel);
            (client.is_open(), released.map(|(_, count)| count))
        });
        assert!(came.1 <= Some(8), "{came:?}");
    }
}

#[test]
fn what_waits_for_the_disk_is_answered_in_order() {
    both_ways(&Config::default(), |bench, together| {
        let client = bench.connect_persistent("c", false);
        client.subscribe("t", 2);
        let publisher = bench.connect("p");
        for n in 0..10 {
            publisher.publish("t", 2, &n.to_string());
        }
        let answers: Vec<Packet> = client.take().iter().filter_map(answer).collect();
        bench.hold_store();
        send(&client, Version::V3_1_1, &answers, together);
        assert_eq!(client.take(), []);
        bench.release_store();
        client.take()
    });
}
