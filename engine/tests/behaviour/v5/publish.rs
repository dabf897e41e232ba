//! MQTT 5.0: PUBLISH and what it is answered (sections 3.3, 3.4 and 3.5).

use bytes::Bytes;
use surewire_engine::config::Config;
use surewire_engine::event::{Event, Storage};
use surewire_engine::notice::{Notice, PublishRefusal};
use surewire_engine::packet::{Packet, Publish};

use super::{NOTHING, publish, retain};
use crate::support::{Bench, Client, NEVER, SECOND, options, pubrel};

/// Publishes at QoS 1, then at QoS 2, and expects both to be answered with this code.
#[track_caller]
fn expect_code(client: &Client, topic: &str, code: u8) {
    // PUBREC does not say that nobody subscribes.
    let of_pubrec = if code == 0x10 { 0x00 } else { code };
    for (qos, name, code) in [(1, "puback", code), (2, "pubrec", of_pubrec)] {
        client.publish(topic, qos, "x");
        let (answer, found, _) = client.ack();
        assert_eq!((answer, found), (name, code), "{topic} at QoS {qos}");
    }
}

/// Why PUBLISHes were refused since the last look.
fn refusals(bench: &Bench) -> Vec<PublishRefusal> {
    let why = |notice| match notice {
        Notice::PublishRefused { why, .. } => Some(why),
        _ => None,
    };
    bench.notices().into_iter().filter_map(why).collect()
}

// conformance: v5 MQTT-3.3.4-1, v5 MQTT-3.4.2-1, v5 MQTT-3.5.2-1
#[test]
fn each_qos_has_its_answer() {
    let bench = Bench::new();
    let (reader, publisher) = (bench.connect5("r"), bench.connect5("p"));
    reader.subscribe("t", 2);
    publisher.publish("t", 0, "x");
    assert_eq!(publisher.take(), []);
    expect_code(&publisher, "t", 0x00);
    assert_eq!(reader.messages(), ["t=x q0", "t=x q1", "t=x q2"]);
}

// conformance: v5 MQTT-3.4.2-1, v5 MQTT-3.5.2-1
#[test]
fn a_message_for_nobody_is_accepted_with_a_code_that_says_so() {
    let bench = Bench::new();
    let publisher = bench.connect5("p");
    expect_code(&publisher, "t", 0x10);
    // Its own subscription does not count if it keeps the client's own messages from it.
    let local = surewire_engine::packet::SubscribeOptions { no_local: true, ..options(1) };
    publisher.subscribe5("t", local, None);
    expect_code(&publisher, "t", 0x10);
    assert_eq!(retain(&publisher, "t", "kept", |_| {}), 0x00, "it is stored for somebody");
    assert_eq!(retain(&publisher, "t", "", |_| {}), 0x10);
    bench.resume5("away", NEVER, false).subscribe("t", 1);
    expect_code(&publisher, "t", 0x00);
    bench.resume5("away", NEVER, true).lose();
    expect_code(&publisher, "t", 0x00);
    // A share group nobody of which is connected is somebody too.
    let member = bench.resume5("member", NEVER, false);
    member.subscribe("$share/g/u", 1);
    member.lose();
    expect_code(&publisher, "u", 0x00);
}

#[test]
fn a_qos_2_exchange_for_nobody_goes_its_whole_way() {
    let bench = Bench::new();
    let publisher = bench.connect5("p");
    publisher.publish_as("t", 2, false, "x", 5, false);
    assert_eq!(publisher.ack(), ("pubrec", 0x00, None));
    let reader = bench.connect5("r");
    reader.subscribe("t", 2);
    // The exchange is open: the same identifier is the same message.
    publisher.publish_as("t", 2, false, "x", 5, true);
    assert_eq!(publisher.ack(), ("pubrec", 0x00, None));
    publisher.send(pubrel(5));
    assert_eq!(publisher.ack(), ("pubcomp", 0x00, None));
    assert_eq!(reader.messages(), NOTHING);
}

#[test]
fn topics_of_the_brokers_own_are_refused() {
    let bench = Bench::new();
    let (reader, publisher) = (bench.connect5("r"), bench.connect5("p"));
    reader.subscribe_many(&[("$x/#", 2), ("$SYS/#", 2), ("$share/g/#", 2)]);
    for topic in ["$x/y", "$SYS/broker", "$share/g/t", "$share"] {
        publisher.publish(topic, 0, "x");
        assert_eq!(publisher.take(), [], "{topic}");
        expect_code(&publisher, topic, 0x87);
        assert_eq!(refusals(&bench), [PublishRefusal::DollarTopic; 3]);
    }
    assert_eq!(reader.messages(), NOTHING);
    publisher.ping();
}

#[test]
fn topics_beyond_the_limits_are_refused() {
    let config = Config { max_topic_levels: 3, max_topic_length: 10, ..Config::default() };
    let bench = Bench::with(config);
    let publisher = bench.connect5("p");
    for topic in ["a/b/c/d", "///", "abcdefghijk"] {
        expect_code(&publisher, topic, 0x90);
        assert_eq!(refusals(&bench), [PublishRefusal::TopicLimit; 2]);
    }
    for topic in ["a/b/c", "//", "abcdefghij"] {
        expect_code(&publisher, topic, 0x10);
    }
}

// conformance: v5 MQTT-4.3.3-9
#[test]
fn a_refused_qos_2_message_gives_its_identifier_free() {
    let bench = Bench::new();
    let reader = bench.connect5("r");
    reader.subscribe("t", 2);
    let publisher = bench.resume5("p", NEVER, false);
    bench.records();
    publisher.publish_as("$no", 2, false, "x", 5, false);
    let (name, code, words) = publisher.ack();
    assert_eq!((name, code), ("pubrec", 0x87));
    assert!(words.unwrap().contains('$'));
    assert_eq!(bench.records(), [], "nothing of it is kept");
    publisher.publish_as("t", 2, false, "new", 5, false);
    assert_eq!(publisher.ack(), ("pubrec", 0x00, None));
    assert_eq!(reader.messages(), ["t=new q2"]);
    publisher.send(pubrel(5));
    assert_eq!(publisher.ack(), ("pubcomp", 0x00, None));
}

#[test]
fn a_full_retained_store_refuses_what_can_be_refused() {
    let config = Config { max_retained_messages: 1, ..Config::default() };
    let bench = Bench::with(config);
    let (reader, publisher) = (bench.connect5("r"), bench.connect5("p"));
    reader.subscribe("#", 1);
    assert_eq!(retain(&publisher, "a", "1", |_| {}), 0x00);
    assert_eq!(reader.messages(), ["a=1 q1"]);
    assert_eq!(retain(&publisher, "b", "2", |_| {}), 0x97);
    publisher.retain("b", 2, "2");
    let (name, code, _) = publisher.ack();
    assert_eq!((name, code), ("pubrec", 0x97));
    assert_eq!(refusals(&bench), [PublishRefusal::RetainedLimit; 2]);
    assert_eq!(reader.messages(), NOTHING, "nobody got it");
    // QoS 0 has no answer: it is forwarded, and not kept.
    publisher.retain("b", 0, "3");
    assert_eq!(reader.messages(), ["b=3 q0"]);
    let not_kept = |notice: &Notice| matches!(notice, Notice::NotRetained { .. });
    assert!(bench.notices().iter().any(not_kept));
    // What is there may be replaced and removed.
    assert_eq!(retain(&publisher, "a", "4", |_| {}), 0x00);
    assert_eq!(bench.retained("#"), ["a=4 q1 retain"]);
    assert_eq!(retain(&publisher, "a", "", |_| {}), 0x00);
    assert_eq!(retain(&publisher, "b", "5", |_| {}), 0x00);
}

#[test]
fn the_bytes_of_retained_messages_are_limited_too_properties_included() {
    let config = Config { max_retained_bytes: 3_000, ..Config::default() };
    let bench = Bench::with(config);
    let publisher = bench.connect5("p");
    let data = |len| Some(Bytes::from(vec![7; len]));
    assert_eq!(retain(&publisher, "a", "x", |set| set.correlation_data = data(1_000)), 0x00);
    assert_eq!(retain(&publisher, "b", "x", |set| set.correlation_data = data(2_000)), 0x97);
    assert_eq!(retain(&publisher, "a", "x", |set| set.correlation_data = data(2_000)), 0x00);
    assert_eq!(retain(&publisher, "b", &"x".repeat(1_500), |_| {}), 0x97);
}

#[test]
fn a_full_disk_refuses_what_would_be_stored_and_keeps_the_connection() {
    for storage in [Storage::Full, Storage::Behind] {
        let bench = Bench::new();
        let (reader, publisher) = (bench.connect5("r"), bench.connect5("p"));
        reader.subscribe("t", 2);
        bench.event(Event::Storage(storage));
        expect_code(&publisher, "t", 0x97);
        assert_eq!(retain(&publisher, "t", "x", |_| {}), 0x97);
        publisher.publish("t", 0, "goes on");
        assert_eq!(reader.messages(), ["t=goes on q0"]);
        bench.event(Event::Storage(Storage::Takes));
        expect_code(&publisher, "t", 0x00);
    }
}

// conformance: v5 MQTT-3.4.2-1, v5 MQTT-3.5.2-1
#[test]
fn a_payload_that_is_not_the_utf_8_it_is_said_to_be_is_refused_where_that_is_looked_at() {
    for (check, code) in [(true, 0x99), (false, 0x00)] {
        let bench = Bench::with(Config { check_payload_format: check, ..Config::default() });
        let (reader, publisher) = (bench.connect5("r"), bench.connect5("p"));
        reader.subscribe("t", 2);
        for (indicator, payload, code) in [
            (Some(true), &b"\xff"[..], code),
            (Some(true), "\u{20ac}".as_bytes(), 0x00),
            (Some(false), b"\xff", 0x00),
            (None, b"\xff", 0x00),
        ] {
            for qos in 0..3 {
                let set = |set: &mut surewire_engine::packet::PropertySet| {
                    set.payload_format_indicator = indicator;
                };
                let message = publish("t", qos, u16::from(qos) * 7, "", set);
                let payload = Bytes::copy_from_slice(payload);
                publisher.send(Packet::Publish(Publish { payload, ..message }));
                match qos {
                    0 => assert_eq!(publisher.take(), []),
                    _ => assert_eq!(publisher.ack().1, code),
                }
                if qos == 2 && code < 0x80 {
                    publisher.send(pubrel(14));
                    publisher.take();
                }
                assert_eq!(reader.take().len(), usize::from(code < 0x80), "at QoS {qos}");
            }
        }
    }
}

// conformance: v5 MQTT-3.3.1-3, v5 MQTT-4.3.1-1
#[test]
fn dup_is_between_the_publisher_and_the_broker_alone() {
    let bench = Bench::new();
    let (reader, publisher) = (bench.connect5("r"), bench.connect5("p"));
    reader.subscribe("t", 2);
    publisher.publish_as("t", 1, false, "a", 5, true);
    publisher.publish_as("t", 2, false, "b", 6, true);
    publisher.publish("t", 0, "c");
    assert_eq!(reader.messages(), ["t=a q1", "t=b q2", "t=c q0"]);
}

// conformance: v5 MQTT-3.3.2-3, v5 MQTT-4.7.3-4
#[test]
fn topics_are_compared_character_by_character() {
    let bench = Bench::new();
    let publisher = bench.connect5("p");
    let names = ["e\u{301}", "\u{e9}", "A", "a", "a/", "/a", "a//b", "a/b", " a", "\u{feff}a"];
    for filter in names {
        let reader = bench.connect5("r");
        reader.subscribe(filter, 0);
        for name in names {
            publisher.publish(name, 0, "x");
        }
        assert_eq!(reader.messages(), [format!("{filter}=x q0")]);
    }
}

// conformance: v5 MQTT-3.3.2-3, v5 MQTT-4.5.0-1
#[test]
fn a_message_reaches_every_session_whose_filter_matches_and_no_other() {
    let bench = Bench::new();
    let filters = ["#", "a/#", "a/+", "+/b", "a/b", "+", "a", "a/b/c", "b/#", "/a/b"];
    for (n, filter) in filters.iter().enumerate() {
        let client = bench.resume5(&format!("c{n}"), NEVER, false);
        client.subscribe(filter, 2);
        if n % 2 == 0 {
            client.lose();
        }
    }
    bench.connect5("p").publish("a/b", 1, "x");
    bench.crash(SECOND);
    let found = |n: &usize| {
        let client = bench.resume5(&format!("c{n}"), NEVER, true);
        !client.messages().is_empty()
    };
    let found: Vec<&str> = (0..filters.len()).filter(found).map(|n| filters[n]).collect();
    assert_eq!(found, ["#", "a/#", "a/+", "+/b", "a/b"]);
}
