//! Older clients see nothing of MQTT 5.0, whatever others do.

use super::wire::frames;
use crate::support::raw::{field, packet};
use crate::support::{
    Bench, Client, NEVER, SECOND, connect, connect5, options, props, resume5, will, will5,
};
use bytes::Bytes;
use surewire_engine::config::{Config, QueueFullPolicy};
use surewire_engine::event::{Event, Storage};
use surewire_engine::id::ClientId;
use surewire_engine::packet::{
    Connect, Packet, PropertySet, RetainHandling, SubscribeOptions, Version, Will,
};
use surewire_engine::request::Command;
use surewire_engine::topic::TopicName;

/// Everything that a message can carry.
fn full(set: &mut PropertySet) {
    set.payload_format_indicator = Some(true);
    set.message_expiry_interval = Some(3_600);
    set.content_type = Some("text/plain".into());
    set.response_topic = TopicName::new("answers".into());
    set.correlation_data = Some(Bytes::from_static(b"\x00\x01"));
    set.user_properties.push(("name".into(), "value".into()));
}

/// The PUBLISH packets that came since `from`, with their identifiers set to 0.
fn publishes(client: &Client, from: usize) -> Vec<Vec<u8>> {
    let mut frames = frames(&client.bytes()[from..]);
    frames.retain(|frame| frame[0] >> 4 == 3);
    for frame in &mut frames {
        if frame[0] & 6 != 0 {
            let id = 4 + usize::from(frame[3]);
            frame[id..id + 2].fill(0);
        }
    }
    frames
}

/// A PUBLISH as 3.1.1 has it, its identifier set to 0.
fn publish(first: u8, topic: &str, payload: &[u8]) -> Vec<u8> {
    let id: &[u8] = if first & 6 == 0 { &[] } else { &[0, 0] };
    packet(first, &[&field(topic), id, payload])
}

fn older(bench: &Bench, present: bool) -> Client {
    bench.connect_persistent("c", present)
}

/// A retained message with everything, at this QoS, from a 5.0 client.
fn retain_full(bench: &Bench, topic: &str, qos: u8) {
    let mut with_will = Connect { will: will(topic, "x", qos, true), ..connect5("retainer") };
    if let Some(will) = with_will.will.as_mut() {
        will.properties = props(full);
    }
    bench.open(with_will).lose();
}

// trap: 3.1.1 clients never see 5.0, messages
// conformance: v5 section 3.3.2.3, v3.1.1 MQTT-3.3.1-9
#[test]
fn messages_from_5_0_reach_an_older_client_in_its_own_form() {
    for qos in 0..=2 {
        let bench = Bench::new();
        let client = older(&bench, false);
        client.subscribe("t/#", 2);
        let start = client.bytes().len();
        let publisher = bench.connect5("p");
        publisher.publish5("t/live", qos, "x", full);
        // By an alias that stands for the topic.
        publisher.publish5("t/alias", qos, "y", |set| set.topic_alias = Some(1));
        let aliased = super::wire::publish(0x30, b"", None, &[0x23, 0, 1]);
        publisher.raw(&aliased);
        let first = 0x30 | qos << 1;
        let expected = [
            publish(first, "t/live", b"x"),
            publish(first, "t/alias", b"y"),
            publish(0x30, "t/alias", b"x"),
        ];
        assert_eq!(publishes(&client, start), expected);
        client.take();
        client.lose();
        // Queued, and sent again.
        publisher.publish5("t/queued", qos, "z", full);
        let back = older(&bench, true);
        let mut expected = Vec::new();
        if qos > 0 {
            expected.push(publish(first | 8, "t/live", b"x"));
            expected.push(publish(first | 8, "t/alias", b"y"));
        }
        expected.push(publish(first, "t/queued", b"z"));
        assert_eq!(publishes(&back, 0), expected);
    }
}

// trap: 3.1.1 clients never see 5.0, retained messages and Wills
// conformance: v5 section 3.3.2.3, v5 section 3.1.3.2
#[test]
fn retained_messages_and_wills_of_5_0_reach_an_older_client_in_its_own_form() {
    for qos in 0..=2 {
        let bench = Bench::new();
        let client = older(&bench, false);
        client.subscribe("t/#", 2);
        let start = client.bytes().len();
        retain_full(&bench, "t/will", qos);
        let first = 0x30 | qos << 1;
        assert_eq!(publishes(&client, start), [publish(first, "t/will", b"x")]);
        let later = bench.connect("later");
        later.subscribe("t/#", 2);
        assert_eq!(publishes(&later, 0), [publish(first | 1, "t/will", b"x")]);
        // A delayed one, when its time has come.
        let will = will5("t/delayed", "y", 5).map(|will| {
            let mut properties = props(full);
            properties.edit(|set| set.will_delay_interval = Some(5));
            Box::new(Will { properties, ..*will })
        });
        let start = later.bytes().len();
        bench.open(Connect { will, ..resume5("m", NEVER) }).lose();
        bench.advance(5 * SECOND);
        assert_eq!(publishes(&later, start), [publish(0x32, "t/delayed", b"y")]);
    }
}

// trap: 3.1.1 clients never see 5.0, a session that a 5.0 client began
// conformance: v5 section 3.8.3.1, v3.1.1 MQTT-3.3.1-9
#[test]
fn a_session_of_5_0_serves_an_older_client_in_its_own_form() {
    let bench = Bench::new();
    let newer = bench.open({
        let mut connect = resume5("c", NEVER);
        connect.properties.edit(|set| set.topic_alias_maximum = Some(10));
        connect
    });
    newer.expect_connack(false);
    let every_option = SubscribeOptions {
        no_local: false,
        retain_as_published: true,
        retain_handling: RetainHandling::IfNew,
        ..options(1)
    };
    newer.subscribe5("long/topic/#", every_option, Some(268_435_455));
    newer.subscribe5("$share/g/shared/#", options(1), Some(7));
    let publisher = bench.connect5("p");
    publisher.publish5("long/topic/1", 1, "in flight", full);
    newer.take();
    newer.lose();
    publisher.publish5("long/topic/1", 1, "queued", full);
    let client = older(&bench, true);
    let start = client.bytes().len();
    let expected =
        [publish(0x3A, "long/topic/1", b"in flight"), publish(0x32, "long/topic/1", b"queued")];
    assert_eq!(publishes(&client, 0), expected);
    retain_full(&bench, "long/topic/2", 0);
    publisher.publish5("long/topic/1", 0, "live", full);
    publisher.publish5("shared/x", 1, "shared", full);
    let expected = [
        publish(0x30, "long/topic/2", b"x"),
        publish(0x30, "long/topic/1", b"live"),
        publish(0x32, "shared/x", b"shared"),
    ];
    assert_eq!(publishes(&client, start), expected);
}

// trap: 3.1.1 clients never see 5.0, answers
// conformance: v3.1.1 MQTT-3.9.3-2, v3.1.1 MQTT-3.2.2-6
#[test]
fn answers_to_an_older_client_have_its_own_form() {
    let bench = Bench::with(Config {
        max_subscriptions_per_client: 2,
        max_retained_messages: 0,
        check_payload_format: true,
        max_topic_levels: 3,
        ..Config::default()
    });
    let client = bench.connect("c");
    let ask = |bytes: &[u8]| {
        let before = client.bytes().len();
        client.raw(bytes);
        client.bytes()[before..].to_vec()
    };
    let id = [0x12, 0x34];
    // Nobody subscribes; the topic is the broker's own; it is too deep; nothing is retained.
    for (flags, topic) in [(0, "nobody"), (0, "$SYS/x"), (0, "a/b/c/d"), (1, "retained")] {
        assert_eq!(ask(&packet(0x32 | flags, &[&field(topic), &id])), [0x40, 2, 0x12, 0x34]);
        assert_eq!(ask(&packet(0x34 | flags, &[&field(topic), &id])), [0x50, 2, 0x12, 0x34]);
        assert_eq!(ask(&[0x62, 2, 0x12, 0x34]), [0x70, 2, 0x12, 0x34]);
    }
    assert_eq!(ask(&[0x62, 2, 0, 77]), [0x70, 2, 0, 77], "an unknown PUBREL");
    assert_eq!(ask(&[0x50, 2, 0, 77]), [0x62, 2, 0, 77], "an unknown PUBREC");
    let mut subscribe = id.to_vec();
    for (filter, qos) in [("a", 0), ("b", 2), ("c", 1), ("a/#/b", 1), ("a/b/c/d", 0)] {
        subscribe.extend(field(filter));
        subscribe.push(qos);
    }
    let suback = [0x90, 7, 0x12, 0x34, 0, 2, 0x80, 0x80, 0x80];
    assert_eq!(ask(&packet(0x82, &[&subscribe])), suback);
    let filters = [field("a"), field("never"), field("a/#/b")].concat();
    assert_eq!(ask(&packet(0xA2, &[&id, &filters])), [0xB0, 2, 0x12, 0x34]);
    assert_eq!(ask(&[0xC0, 0]), [0xD0, 0]);
}

/// A way by which the server ends the connection of client `c`, who has a Keep Alive of ten seconds
/// and a subscription to `t`.
type End = (&'static str, fn(&Bench, &Client));

const ENDS: [End; 12] = [
    ("a malformed packet", |_, client| client.raw(&[0xC0, 1, 0])),
    ("AUTH", |_, client| client.raw(&[0xF0, 0])),
    ("a packet of servers", |_, client| client.raw(&[0xD0, 0])),
    ("a packet that is too large", |_, client| client.raw(&[0x30, 255, 255, 255, 127])),
    ("a DISCONNECT of 5.0", |_, client| client.raw(&[0xE0, 1, 4])),
    ("a second CONNECT", |_, client| {
        client.raw(&super::wire::connect(2, &[], &[&field("c")]));
    }),
    ("silence", |bench, _| bench.advance(15 * SECOND)),
    ("a take-over by 5.0", |bench, _| drop(bench.open(resume5("c", NEVER)))),
    ("an operator", |bench, _| {
        bench.command(Command::Disconnect(ClientId::new("c").unwrap()));
    }),
    ("a stop", |bench, _| bench.stop()),
    ("a full queue", |bench, _| {
        let publisher = bench.connect5("p");
        for _ in 0..3 {
            publisher.publish5("t", 2, "x", full);
        }
    }),
    ("a full disk", |bench, client| {
        bench.resume5("r", NEVER, false).subscribe("t", 1);
        bench.event(Event::Storage(Storage::Full));
        client.publish("t", 1, "x");
    }),
];

// trap: 3.1.1 clients never see 5.0, ends
// conformance: v5 MQTT-3.14.0-1, v3.1.1 MQTT-4.8.0-1
#[test]
fn an_older_client_is_cut_off_without_a_word() {
    for version in [Version::V3_1_1, Version::V3_1] {
        for (name, end) in ENDS {
            let bench = Bench::with(Config {
                max_inflight_messages: 1,
                max_msgqueue_messages: Some(1),
                queue_full_policy: QueueFullPolicy::Disconnect,
                server_reference: Some("other.example".into()),
                ..Config::default()
            });
            let connect = Connect { version, keep_alive: 10, ..connect("c") };
            let client = bench.open(Connect { clean_start: false, ..connect });
            client.expect_connack(false);
            client.subscribe("t", 2);
            let before = client.bytes().len();
            end(&bench, &client);
            assert!(!client.is_open(), "{name}");
            let mut seen = client.bytes()[before..].to_vec();
            if name == "a full queue" {
                seen = frames(&seen).concat();
                assert_eq!(publishes(&client, before), [publish(0x34, "t", b"x")]);
                seen.clear();
            }
            assert_eq!(seen, [0; 0], "{name}");
        }
    }
}

// trap: 3.1.1 clients never see 5.0, refusals
// conformance: v3.1.1 MQTT-3.2.2-6
#[test]
fn an_older_client_is_refused_in_its_own_codes() {
    let bench = Bench::with(Config {
        max_connections: 1,
        max_client_id_length: 8,
        response_information: Some("answers/".into()),
        server_reference: Some("other.example".into()),
        ..Config::default()
    });
    let refused = |connect: Connect| {
        let client = bench.open(connect);
        assert!(!client.is_open());
        client.bytes()
    };
    assert_eq!(refused(connect("longer than it may be")), [0x20, 2, 0, 2]);
    let with_will = Connect { will: will("$SYS/x", "x", 0, false), ..connect("c") };
    assert_eq!(refused(with_will), [0x20, 2, 0, 5]);
    let stranger = bench.dial_as(false);
    stranger.send(Packet::Connect(Box::new(connect("c"))));
    assert_eq!(stranger.bytes(), [0x20, 2, 0, 5]);
    let taken = bench.connect5("five");
    assert_eq!(refused(connect("c")), [0x20, 2, 0, 3]);
    taken.disconnect();
    assert_eq!(bench.open(connect("c")).bytes(), [0x20, 2, 0, 0], "no limits are told");
    bench.stop();
    assert_eq!(refused(connect("c")), [0x20, 2, 0, 3]);
}
