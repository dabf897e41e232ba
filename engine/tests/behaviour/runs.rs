//! Messages that come in one read and are handed on together: nobody can tell them from messages
//! that came one by one.

use surewire_engine::codec;
use surewire_engine::config::{Config, QueueFullPolicy};
use surewire_engine::id::PacketId;
use surewire_engine::notice::{CloseReason, DropReason, Notice};
use surewire_engine::packet::{
    Connect, Packet, PacketType, Properties, PropertySet, Publish, QoS, SubscribeOptions, Version,
};
use surewire_engine::request::Query;
use surewire_engine::topic::TopicName;

use crate::support::{Bench, Client, connect, options};

/// Bytes of PUBLISH packets to one topic, each with its number.
fn numbered(version: Version, topic: &str, qos: u8, count: u16) -> Vec<Vec<u8>> {
    let publish = |n: u16| {
        let mut bytes = Vec::new();
        let packet = Packet::Publish(Publish {
            dup: false,
            qos: QoS::from_bits(qos).unwrap(),
            retain: false,
            topic: TopicName::new(topic.into()),
            packet_id: PacketId::new(n + 1).filter(|_| qos > 0),
            properties: Properties::NONE,
            payload: n.to_string().into(),
        });
        codec::encode(version, &packet, &mut bytes);
        bytes
    };
    (0..count).map(publish).collect()
}

/// Runs a scene twice, with the publisher's packets in one read and one by one; both must come to
/// the same. Returns what it came to.
fn both_ways<T: PartialEq + std::fmt::Debug>(
    config: &Config,
    version: Version,
    topic: &str,
    scene: impl Fn(&Bench, &dyn Fn()) -> T,
) -> T {
    both_ways_at(config, version, (topic, 0), scene)
}

/// The same at any QoS.
fn both_ways_at<T: PartialEq + std::fmt::Debug>(
    config: &Config,
    version: Version,
    (topic, qos): (&str, u8),
    scene: impl Fn(&Bench, &dyn Fn()) -> T,
) -> T {
    let [together, apart] = [true, false].map(|together| {
        let bench = Bench::with(config.clone());
        let publisher = bench.open(Connect { version, ..connect("p") });
        publisher.take();
        let publish = || {
            let packets = numbered(version, topic, qos, 20);
            if together {
                publisher.raw(&packets.concat());
            } else {
                packets.iter().for_each(|packet| publisher.raw(packet));
            }
        };
        let came = scene(&bench, &publish);
        let answers: Vec<String> = publisher.seen();
        ((came, answers), bench.notices(), bench.counters(), bench.sizes())
    });
    assert_eq!(together.1, apart.1, "notices");
    assert_eq!(together.2, apart.2, "counters");
    assert_eq!(together.3, apart.3, "sizes");
    assert_eq!(together.0, apart.0);
    together.0.0
}

/// The payloads that came.
fn payloads(client: &Client) -> Vec<String> {
    let payload = |packet: Packet| match packet {
        Packet::Publish(publish) => String::from_utf8(publish.payload.to_vec()).unwrap(),
        other => panic!("{other:?}"),
    };
    client.take().into_iter().map(payload).collect()
}

fn twenty() -> Vec<String> {
    (0..20).map(|n| n.to_string()).collect()
}

#[test]
fn a_subscriber_of_any_version_gets_each_message_in_order() {
    for publisher in [Version::V3_1, Version::V3_1_1, Version::V5] {
        let came = both_ways(&Config::default(), publisher, "t/1", |bench, publish| {
            let subscribers = [Version::V3_1, Version::V3_1_1, Version::V5].map(|version| {
                let id = format!("{version:?}");
                let client = bench.open(Connect { version, ..connect(&id) });
                client.take();
                client.subscribe("t/+", 0);
                client
            });
            publish();
            subscribers.map(|client| payloads(&client))
        });
        assert_eq!(came, [twenty(), twenty(), twenty()]);
    }
}

#[test]
fn a_subscription_identifier_comes_with_each_message() {
    let came = both_ways(&Config::default(), Version::V3_1_1, "t", |bench, publish| {
        let client = bench.connect5("c");
        client.subscribe5("t", options(1), Some(7));
        publish();
        let identifiers = |packet: Packet| match packet {
            Packet::Publish(p) => p.properties.get().subscription_identifiers.to_vec(),
            other => panic!("{other:?}"),
        };
        client.take().into_iter().map(identifiers).collect::<Vec<_>>()
    });
    assert_eq!(came, vec![vec![7]; 20]);
}

#[test]
fn a_topic_alias_is_set_once_and_stands_for_the_topic_then() {
    let came = both_ways(&Config::default(), Version::V5, "a/long/topic", |bench, publish| {
        let set = PropertySet { topic_alias_maximum: Some(5), ..PropertySet::NONE };
        let connect = Connect { version: Version::V5, properties: set.into(), ..connect("c") };
        let client = bench.open(connect);
        client.take();
        client.subscribe("#", 0);
        publish();
        let named = |packet: &Packet| match packet {
            Packet::Publish(p) => (p.topic.is_some(), p.properties.get().topic_alias),
            other => panic!("{other:?}"),
        };
        client.take().iter().map(named).collect::<Vec<_>>()
    });
    assert_eq!(came[..3], [(true, Some(1)), (false, Some(1)), (false, Some(1))]);
}

// Whose turn it is may differ: a run goes to one member as a whole.
#[test]
fn a_share_group_gets_each_message_once() {
    for identifier in [None, Some(5)] {
        let bench = Bench::new();
        let members = ["a", "b", "c"].map(|id| bench.connect5(id));
        for member in &members {
            member.subscribe5("$share/g/t", options(1), identifier);
        }
        let publisher = bench.connect("p");
        for _ in 0..3 {
            publisher.raw(&numbered(Version::V3_1_1, "t", 0, 20).concat());
        }
        let came = members.map(|member| payloads(&member));
        assert!(came.iter().all(|part| part.len() == 20), "{came:?}");
        let mut all: Vec<String> = came.concat();
        all.sort_by_key(|n| n.parse::<u32>().unwrap());
        let thrice: Vec<String> = twenty().into_iter().flat_map(|n| vec![n; 3]).collect();
        assert_eq!(all, thrice);
    }
}

#[test]
fn a_share_group_without_members_keeps_each_message() {
    let config = Config { queue_qos0_messages: true, ..Config::default() };
    let came = both_ways(&config, Version::V3_1_1, "t", |bench, publish| {
        let member = bench.connect_persistent("a", false);
        member.subscribe("$share/g/t", 0);
        member.lose();
        publish();
        payloads(&bench.connect_persistent("a", true))
    });
    assert_eq!(came, twenty());
}

#[test]
fn what_does_not_fit_waits_and_comes_in_order() {
    let config = Config { max_unsent_bytes: 60, queue_qos0_messages: true, ..Config::default() };
    let came = both_ways(&config, Version::V3_1_1, "t", |bench, publish| {
        let client = bench.connect("c");
        client.subscribe("t", 0);
        bench.report();
        client.stuck(true);
        publish();
        assert!(client.untaken() <= 60, "{} bytes unsent", client.untaken());
        let mut came = Vec::new();
        for _ in 0..20 {
            came.extend(payloads(&client));
            client.take_bytes(client.untaken());
        }
        came
    });
    assert_eq!(came, twenty());
}

#[test]
fn packets_above_the_clients_limit_are_dropped_one_by_one() {
    // Long enough for a limit that CONNACK keeps to.
    let topic = "t".repeat(100);
    let (dropped, came) =
        both_ways(&Config::default(), Version::V3_1_1, &topic, |bench, publish| {
            let set = PropertySet { maximum_packet_size: Some(106), ..PropertySet::NONE };
            let connect = Connect { version: Version::V5, properties: set.into(), ..connect("c") };
            let client = bench.open(connect);
            client.take();
            client.subscribe("+", 0);
            publish();
            let is_drop = |notice: &Notice| {
                matches!(notice, Notice::Dropped { why: DropReason::PacketTooLarge, .. })
            };
            (bench.notices().into_iter().filter(is_drop).count(), payloads(&client))
        });
    assert_eq!((dropped, came.len()), (10, 10), "those with two digits are one byte too long");
}

#[test]
fn a_session_whose_client_is_away_drops_or_keeps_each() {
    for (queued, expected) in [(true, 20), (false, 0)] {
        let config = Config { queue_qos0_messages: queued, ..Config::default() };
        let came = both_ways(&config, Version::V3_1_1, "t", |bench, publish| {
            let client = bench.connect_persistent("c", false);
            client.subscribe("t", 1);
            client.lose();
            publish();
            payloads(&bench.connect_persistent("c", true))
        });
        assert_eq!(came.len(), expected);
    }
}

#[test]
fn a_topic_that_is_refused_is_refused_for_each() {
    let notices = both_ways(&Config::default(), Version::V3_1_1, "$SYS/x", |bench, publish| {
        publish();
        let is_refusal = |notice: &&Notice| matches!(notice, Notice::PublishRefused { .. });
        bench.notices().iter().filter(is_refusal).count()
    });
    assert_eq!(notices, 20);
}

#[test]
fn what_waits_at_the_gate_goes_first() {
    let came = both_ways(&Config::default(), Version::V3_1_1, "t", |bench, publish| {
        let client = bench.connect_persistent("c", false);
        client.subscribe("t", 0);
        bench.hold_store();
        client.subscribe_as(9, &[("u", 0)]);
        publish();
        let held = client.take().len();
        bench.release_store();
        let packets = client.take();
        (held, packets.first().map(Packet::packet_type), packets.len())
    });
    assert_eq!((came.0, came.2), (0, 21));
    assert_eq!(came.1, Some(PacketType::Suback));
}

#[test]
fn whoever_watches_topics_sees_each() {
    both_ways(&Config::default(), Version::V3_1_1, "t", |bench, publish| {
        bench.query(Query::Topics);
        publish();
        bench.query(Query::Topics)
    });
}

#[test]
fn no_local_keeps_a_run_from_its_publisher() {
    let bench = Bench::new();
    let client = bench.connect5("c");
    let no_local = SubscribeOptions { no_local: true, ..options(0) };
    client.subscribe5("t", no_local, None);
    client.raw(&numbered(Version::V5, "t", 0, 20).concat());
    assert_eq!(client.take(), []);
    let other: Client = bench.connect("o");
    other.raw(&numbered(Version::V3_1_1, "t", 0, 20).concat());
    assert_eq!(payloads(&client), twenty());
}

#[test]
fn above_qos_0_each_message_is_stored_sent_and_acknowledged_by_itself() {
    for (qos, version) in
        [(1, Version::V3_1_1), (2, Version::V3_1_1), (1, Version::V5), (2, Version::V5)]
    {
        let came = both_ways_at(&Config::default(), version, ("t/1", qos), |bench, publish| {
            let stored = bench.connect_persistent("stored", false);
            stored.subscribe_many(&[("t/1", 2), ("t/+", 1)]);
            let clean = bench.connect("clean");
            clean.subscribe("#", 0);
            let away = bench.connect_persistent("away", false);
            away.subscribe("$share/g/t/1", 1);
            away.lose();
            publish();
            let records: Vec<String> =
                bench.records().iter().map(|record| format!("{record:?}")).collect();
            (stored.ack_all(), payloads(&clean), records)
        });
        assert_eq!((came.0.len(), came.1), (20, twenty()));
    }
}

#[test]
fn above_qos_0_every_kind_of_receiver_gets_each_message() {
    let config = Config { max_inflight_messages: 30, ..Config::default() };
    for (qos, version) in
        [(1, Version::V3_1_1), (2, Version::V3_1_1), (1, Version::V5), (2, Version::V5)]
    {
        let came = both_ways_at(&config, version, ("t/1", qos), |bench, publish| {
            let clients: Vec<Client> = [0, 1, 2, 10, 11, 12, 20, 21, 22]
                .into_iter()
                .map(|kind| {
                    let id = format!("c{kind}");
                    let client = match kind / 10 {
                        0 => bench.connect(&id),
                        1 => bench.connect_persistent(&id, false),
                        _ => bench.connect5(&id),
                    };
                    client.take();
                    client.subscribe("t/1", kind % 10);
                    client.subscribe("t/+", 0);
                    client
                })
                .collect();
            let with = |set: PropertySet, id: &str| Connect {
                version: Version::V5,
                properties: set.into(),
                ..connect(id)
            };
            let narrow = PropertySet { receive_maximum: Some(11), ..PropertySet::NONE };
            let aliases = PropertySet { topic_alias_maximum: Some(3), ..PropertySet::NONE };
            let special: Vec<Client> = [(narrow, "narrow"), (aliases, "aliases")]
                .map(|(properties, id)| {
                    let client = bench.open(with(properties, id));
                    client.take();
                    client.subscribe("t/1", 2);
                    client
                })
                .into();
            let identified = bench.connect5("i");
            identified.subscribe5("#", options(2), Some(9));
            let away = bench.connect_persistent("away", false);
            away.subscribe("t/#", 2);
            away.lose();
            publish();
            publish();
            let records: Vec<String> =
                bench.records().iter().map(|record| format!("{record:?}")).collect();
            let all = clients.iter().chain(&special).chain([&identified]);
            let seen: Vec<Vec<String>> = all.map(Client::seen).collect();
            (seen, records)
        });
        // 40 messages, of which a window holds 30; the one of 11 fewer.
        let counts: Vec<usize> = came.0.iter().map(Vec::len).collect();
        assert!(counts.iter().all(|count| (1..=40).contains(count)), "{counts:?}");
        assert_eq!(counts[9], 11);
    }
}

#[test]
fn an_identifier_that_is_there_already_is_answered_and_not_brought_again() {
    let came = both_ways_at(&Config::default(), Version::V3_1_1, ("t", 2), |bench, publish| {
        let client = bench.connect("c");
        client.subscribe("t", 0);
        publish();
        // The same identifiers again: none of them was released.
        publish();
        payloads(&client)
    });
    assert_eq!(came, twenty());
}

#[test]
fn a_run_above_qos_0_that_nobody_wants_is_answered_with_that() {
    for (qos, version) in [(1, Version::V3_1_1), (1, Version::V5), (2, Version::V5)] {
        both_ways_at(&Config::default(), version, ("t", qos), |_, publish| publish());
    }
}

#[test]
fn a_publisher_that_exceeds_its_limit_is_cut_off_at_the_same_message() {
    let config = Config { receive_maximum: 5, ..Config::default() };
    let came = both_ways_at(&config, Version::V5, ("t", 2), |bench, publish| {
        let will = crate::support::will("t", "gone", 0, false);
        let client = bench.connect("c");
        client.subscribe("#", 0);
        let _other = bench.open(Connect { will, ..connect("w") });
        publish();
        payloads(&client)
    });
    assert_eq!(came, twenty()[..5]);
}

#[test]
fn the_will_of_a_publisher_that_is_cut_off_reaches_its_own_topic() {
    let config = Config { receive_maximum: 5, ..Config::default() };
    let [together, apart] = [true, false].map(|together| {
        let bench = Bench::with(config.clone());
        let clients = ["t", "w"].map(|topic| {
            let client = bench.connect(topic);
            client.subscribe(topic, 0);
            client
        });
        let will = crate::support::will("w", "gone", 0, false);
        let publisher = bench.open(Connect { version: Version::V5, will, ..connect("p") });
        publisher.take();
        let packets = numbered(Version::V5, "t", 2, 20);
        if together {
            publisher.raw(&packets.concat());
        } else {
            packets.iter().for_each(|packet| publisher.raw(packet));
        }
        clients.map(|client| payloads(&client))
    });
    assert_eq!(together, apart);
    assert_eq!(together[1], ["gone"]);
}

#[test]
fn a_full_queue_ends_a_connection_between_two_messages_of_a_run() {
    for qos in [0, 1] {
        let config = Config {
            max_unsent_bytes: 40,
            max_msgqueue_messages: Some(2),
            max_inflight_messages: 2,
            queue_qos0_messages: true,
            queue_full_policy: QueueFullPolicy::Disconnect,
            ..Config::default()
        };
        let came = both_ways_at(&config, Version::V3_1_1, ("t", qos), |bench, publish| {
            let member = bench.connect_persistent("m", false);
            member.subscribe("$share/g/t", qos);
            bench.report();
            member.stuck(true);
            publish();
            (member.closed(), bench.counters().dropped.total())
        });
        assert_eq!(came.0, Some(CloseReason::QueueFull), "QoS {qos}");
        assert!(came.1 < 20, "what came afterwards waits in the group: {} dropped", came.1);
    }
}

#[test]
fn a_publisher_is_not_cut_off_for_a_run_that_fills_its_own_queue() {
    let config = Config {
        max_unsent_bytes: 40,
        max_msgqueue_messages: Some(2),
        queue_qos0_messages: true,
        queue_full_policy: QueueFullPolicy::Disconnect,
        ..Config::default()
    };
    let bench = Bench::with(config);
    let client = bench.connect("c");
    client.subscribe("t", 0);
    bench.report();
    client.stuck(true);
    client.raw(&numbered(Version::V3_1_1, "t", 0, 20).concat());
    assert!(client.is_open());
}

#[test]
fn a_publisher_that_is_cut_off_gets_no_will_of_its_own() {
    let config = Config { receive_maximum: 5, ..Config::default() };
    let [together, apart] = [true, false].map(|together| {
        let bench = Bench::with(config.clone());
        let will = crate::support::will("t", "gone", 0, false);
        let publisher = bench.open(Connect { version: Version::V5, will, ..connect("p") });
        publisher.take();
        // More than are taken apart in one step.
        for n in 0..600 {
            publisher.subscribe5(&format!("other/{n}"), options(0), None);
        }
        publisher.subscribe5("t", options(0), None);
        publisher.take();
        let packets = numbered(Version::V5, "t", 2, 20);
        if together {
            publisher.raw(&packets.concat());
        } else {
            packets.iter().for_each(|packet| publisher.raw(packet));
        }
        (bench.counters(), bench.notices())
    });
    assert_eq!(together, apart);
}

#[test]
fn an_identifier_twice_in_one_run_is_one_message() {
    let came = [true, false].map(|together| {
        let bench = Bench::new();
        let client = bench.connect("c");
        client.subscribe("t", 2);
        let publisher = bench.connect("p");
        let mut packets = numbered(Version::V3_1_1, "t", 2, 6);
        packets.swap(1, 4);
        packets.push(packets[2].clone());
        if together {
            publisher.raw(&packets.concat());
        } else {
            packets.iter().for_each(|packet| publisher.raw(packet));
        }
        (client.seen(), publisher.seen(), bench.counters())
    });
    assert_eq!(came[0], came[1]);
    assert_eq!((came[0].0.len(), came[0].1.len()), (6, 7));
}
