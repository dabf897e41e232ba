//! MQTT 5.0: the properties of a message reach its receivers as they were sent (section 3.3.2.3).

use bytes::Bytes;
use surewire_engine::config::Config;
use surewire_engine::packet::{Packet, PropertySet, Publish};
use surewire_engine::topic::TopicName;

use super::{publish, retain};
use crate::support::{Bench, Client, NEVER, SECOND, options, props, puback};

/// Everything that a message can carry to its receivers, in an order that must stay.
fn everything(set: &mut PropertySet) {
    set.payload_format_indicator = Some(true);
    set.content_type = Some("text/plain; \u{e9}".into());
    set.response_topic = TopicName::new("answer/to/me".into());
    set.correlation_data = Some(Bytes::from_static(b"\0\xff\0"));
    let pairs = [("a", "1"), ("b", ""), ("a", "0"), ("a", "1"), ("", "x")];
    set.user_properties = pairs.map(|(name, value)| (name.into(), value.into())).into();
}

#[track_caller]
fn expect_everything(client: &Client) -> Publish {
    let delivery = client.delivery();
    assert_eq!(delivery.properties, props(everything));
    delivery
}

fn reader(bench: &Bench) -> Client {
    let reader = bench.resume5("r", NEVER, false);
    reader.subscribe("t", 2);
    reader
}

// conformance: v5 MQTT-3.3.2-15, v5 MQTT-3.3.2-16, v5 MQTT-3.3.2-17, v5 MQTT-3.3.2-18
// conformance: v5 MQTT-3.3.2-20
#[test]
fn they_are_unchanged_and_in_order_live_at_every_qos() {
    let bench = Bench::new();
    let (reader, publisher) = (reader(&bench), bench.connect5("p"));
    for qos in 0..3 {
        publisher.publish5("t", qos, "x", everything);
        let delivery = expect_everything(&reader);
        assert_eq!((delivery.qos as u8, delivery.dup), (qos, false));
    }
}

// conformance: v5 MQTT-3.3.2-15, v5 MQTT-3.3.2-16, v5 MQTT-3.3.2-17, v5 MQTT-3.3.2-18
// conformance: v5 MQTT-3.3.2-20
#[test]
fn they_are_unchanged_after_waiting_for_the_client_and_over_a_crash() {
    for crashes in [false, true] {
        for qos in [1, 2] {
            let bench = Bench::new();
            reader(&bench).lose();
            let publisher = bench.connect5("p");
            publisher.publish5("t", qos, "x", everything);
            if crashes {
                bench.crash(SECOND);
            }
            let back = bench.resume5("r", NEVER, true);
            assert!(!expect_everything(&back).dup);
            // Also when it is sent again.
            back.lose();
            if crashes {
                bench.crash(SECOND);
            }
            assert!(expect_everything(&bench.resume5("r", NEVER, true)).dup);
        }
    }
}

#[test]
fn they_are_unchanged_behind_a_full_window() {
    let bench = Bench::with(Config { max_inflight_messages: 1, ..Config::default() });
    let (reader, publisher) = (reader(&bench), bench.connect5("p"));
    publisher.publish5("t", 1, "first", |_| {});
    publisher.publish5("t", 1, "second", everything);
    assert_eq!(reader.messages(), ["t=first q1"]);
    reader.send(puback(1));
    expect_everything(&reader);
}

// conformance: v5 MQTT-3.3.2-4, v5 MQTT-3.3.2-15, v5 MQTT-3.3.2-16, v5 MQTT-3.3.2-17
// conformance: v5 MQTT-3.3.2-18, v5 MQTT-3.3.2-20
#[test]
fn they_are_unchanged_in_a_retained_message_and_over_a_crash() {
    for crashes in [false, true] {
        let bench = Bench::new();
        let publisher = bench.connect5("p");
        retain(&publisher, "t", "x", everything);
        if crashes {
            bench.crash(SECOND);
        }
        let client = bench.connect5("c");
        client.subscribe("t", 1);
        assert!(expect_everything(&client).retain);
    }
}

#[test]
fn they_are_unchanged_in_a_share_group_where_they_waited() {
    for crashes in [false, true] {
        let bench = Bench::new();
        let member = bench.resume5("m", NEVER, false);
        member.subscribe("$share/g/t", 1);
        member.lose();
        bench.connect5("p").publish5("t", 1, "x", everything);
        if crashes {
            bench.crash(SECOND);
        }
        expect_everything(&bench.resume5("m", NEVER, true));
    }
}

// conformance: v5 MQTT-3.3.2-4
#[test]
fn the_payload_format_indicator_is_0_1_or_absent_as_it_was_sent() {
    let bench = Bench::new();
    let (reader, publisher) = (reader(&bench), bench.connect5("p"));
    let of_delivery = |client: &Client| client.delivery().properties.get().payload_format_indicator;
    for indicator in [None, Some(false), Some(true)] {
        let set = |set: &mut PropertySet| set.payload_format_indicator = indicator;
        publisher.publish5("t", 1, "x", set);
        assert_eq!(of_delivery(&reader), indicator, "live");
        publisher.take();
        retain(&publisher, "kept", "x", set);
        let client = bench.connect5("c");
        client.subscribe("kept", 0);
        assert_eq!(of_delivery(&client), indicator, "retained");
    }
}

// conformance: v5 MQTT-3.3.2-16
#[test]
fn correlation_data_may_be_empty_and_is_not_taken_for_none() {
    let bench = Bench::new();
    let (reader, publisher) = (reader(&bench), bench.connect5("p"));
    for data in [None, Some(Bytes::new()), Some(Bytes::from(vec![0; 65_535]))] {
        publisher.publish5("t", 1, "x", |set| set.correlation_data.clone_from(&data));
        assert_eq!(reader.delivery().properties.get().correlation_data, data);
    }
}

#[test]
fn what_was_for_the_broker_alone_goes_no_further() {
    let bench = Bench::new();
    let (reader, publisher) = (reader(&bench), bench.connect5("p"));
    publisher.publish5("t", 1, "x", |set| set.topic_alias = Some(1));
    publisher.send(Packet::Publish(publish("", 1, 9, "y", |set| set.topic_alias = Some(1))));
    for delivery in reader.deliveries() {
        assert_eq!(delivery.topic, TopicName::new("t".into()));
        assert!(delivery.properties.is_empty(), "{delivery:?}");
    }
}

#[test]
fn an_older_client_gets_the_message_without_them() {
    let bench = Bench::new();
    let old = bench.connect("old");
    old.subscribe("t", 1);
    let publisher = bench.connect5("p");
    publisher.publish5("t", 1, "x", everything);
    let delivery = old.delivery();
    assert_eq!((delivery.payload.as_ref(), delivery.properties.is_empty()), (&b"x"[..], true));
    // And what it publishes has none.
    let reader = bench.connect5("new");
    assert_eq!(reader.subscribe5("u", options(1), None).byte(), 1);
    old.publish("u", 1, "y");
    assert!(reader.delivery().properties.is_empty());
}
