//! MQTT 5.0: retained messages and what a subscription says of them (sections 3.3.1.3 and 3.8.3.1).

use bytes::Bytes;
use surewire_engine::packet::{Packet, Publish, RetainHandling, SubscribeOptions};
use surewire_engine::request::Command;

use super::{NOTHING, codes, publish, retain};
use crate::support::requests::topic;
use crate::support::{Bench, Client, NEVER, SECOND, options, will};

const KEPT: &str = "t=kept q1 retain";

fn handling(retain_handling: RetainHandling) -> SubscribeOptions {
    SubscribeOptions { retain_handling, ..options(1) }
}

/// Subscribes to `t`, and returns the retained messages that this brought.
#[track_caller]
fn subscribe(client: &Client, options: SubscribeOptions) -> Vec<String> {
    assert_eq!(client.subscribe5("t", options, None).byte(), options.qos as u8);
    client.ack_all()
}

/// A broker with a retained message `kept` on `t`, and a client whose session is kept.
fn kept() -> (Bench, Client) {
    let bench = Bench::new();
    retain(&bench.connect5("p"), "t", "kept", |_| {});
    let client = bench.resume5("c", NEVER, false);
    (bench, client)
}

// conformance: v5 MQTT-3.3.1-5, v5 MQTT-3.3.1-8
#[test]
fn a_retained_message_takes_the_place_of_the_one_before_and_others_do_not() {
    let bench = Bench::new();
    let publisher = bench.connect5("p");
    for payload in ["a", "b"] {
        retain(&publisher, "t", payload, |set| {
            set.user_properties.push((payload.into(), "".into()));
        });
    }
    for payload in ["c", ""] {
        publisher.publish("t", 1, payload);
    }
    let client = bench.connect5("c");
    client.subscribe("t", 2);
    let delivery = client.delivery();
    assert_eq!((delivery.payload.as_ref(), delivery.retain), (&b"b"[..], true));
    assert_eq!(delivery.properties.get().user_properties, [("b".into(), "".into())]);
    // One of QoS 0 takes its place as well.
    publisher.retain("t", 0, "d");
    assert_eq!(bench.retained("t"), ["t=d q0 retain"]);
}

// conformance: v5 MQTT-3.3.1-6, v5 MQTT-3.3.1-7
#[test]
fn an_empty_retained_message_is_forwarded_removes_and_is_not_kept() {
    let (bench, client) = kept();
    let plain = bench.connect5("plain");
    assert_eq!(subscribe(&plain, options(1)), [KEPT]);
    let published = SubscribeOptions { retain_as_published: true, ..options(1) };
    assert_eq!(subscribe(&client, published), [KEPT]);
    let publisher = bench.connect5("p");
    retain(&publisher, "t", "", |set| set.content_type = Some("nothing".into()));
    assert_eq!(plain.ack_all(), ["t= q1"]);
    assert_eq!(client.ack_all(), ["t= q1 retain"]);
    assert_eq!(bench.retained("#"), NOTHING);
    bench.crash(SECOND);
    assert_eq!(bench.retained("#"), NOTHING);
    let publisher = bench.connect5("p");
    retain(&publisher, "fresh", "", |_| {});
    assert_eq!(bench.retained("#"), NOTHING);
}

#[test]
fn an_empty_retained_will_removes_too() {
    let (bench, _client) = kept();
    let connect = surewire_engine::packet::Connect {
        will: will("t", "", 1, true),
        ..crate::support::connect5("w")
    };
    let client = bench.open(connect);
    client.expect_connack(false);
    client.lose();
    assert_eq!(bench.retained("#"), NOTHING);
}

// conformance: v5 MQTT-3.3.1-9
#[test]
fn retain_handling_0_brings_it_with_every_subscribe() {
    let (bench, mut client) = kept();
    for step in 0..3 {
        assert_eq!(subscribe(&client, handling(RetainHandling::Always)), [KEPT]);
        assert_eq!(subscribe(&client, handling(RetainHandling::Always)), [KEPT]);
        if step == 0 {
            client.lose()
        } else {
            bench.crash(SECOND)
        }
        client = bench.resume5("c", NEVER, true);
        assert_eq!(client.ack_all(), NOTHING, "a resume is no subscribe");
    }
}

// conformance: v5 MQTT-3.3.1-10
#[test]
fn retain_handling_1_brings_it_with_a_new_subscription_alone() {
    let (bench, mut client) = kept();
    let if_new = handling(RetainHandling::IfNew);
    assert_eq!(subscribe(&client, if_new), [KEPT]);
    for step in 0..3 {
        assert_eq!(subscribe(&client, if_new), NOTHING);
        if step == 0 {
            client.lose()
        } else {
            bench.crash(SECOND)
        }
        client = bench.resume5("c", NEVER, true);
        assert_eq!(subscribe(&client, if_new), NOTHING, "it is the session's, not new");
    }
    client.unsubscribe(&["t"]);
    assert_eq!(subscribe(&client, if_new), [KEPT]);
    // New as another filter, and as that of a share group it is not this one.
    assert_eq!(client.subscribe5("+", if_new, None).byte(), 1);
    assert_eq!(client.ack_all(), [KEPT]);
    client.unsubscribe(&["t"]);
    assert_eq!(client.subscribe5("$share/g/t", if_new, None).byte(), 1);
    assert_eq!(subscribe(&client, if_new), [KEPT]);
    let client = bench.connect5("c");
    assert_eq!(subscribe(&client, if_new), [KEPT], "a session of its own");
}

// conformance: v5 MQTT-3.3.1-11
#[test]
fn retain_handling_2_never_brings_it() {
    let (bench, client) = kept();
    let never = handling(RetainHandling::Never);
    assert_eq!(subscribe(&client, never), NOTHING);
    assert_eq!(subscribe(&client, never), NOTHING);
    bench.settle();
    assert_eq!(client.ack_all(), NOTHING);
    retain(&bench.connect5("p"), "t", "live", |_| {});
    assert_eq!(client.ack_all(), ["t=live q1"]);
    // The others of the same packet are not concerned, and each is judged by itself.
    assert_eq!(subscribe(&client, handling(RetainHandling::Always)), ["t=live q1 retain"]);
}

#[test]
fn each_filter_of_a_packet_has_a_handling_of_its_own() {
    let bench = Bench::new();
    let publisher = bench.connect5("p");
    for topic in ["a", "b", "c"] {
        retain(&publisher, topic, "x", |_| {});
    }
    let client = bench.connect5("c");
    client.subscribe("b", 1);
    client.ack_all();
    // a with 0, b (which is there) with 1, c with 2.
    client.raw(b"\x82\x0f\0\x07\0\0\x01a\x01\0\x01b\x11\0\x01c\x21");
    let suback = client.next();
    assert!(matches!(suback, Some(Packet::Suback(_))), "{suback:?}");
    assert_eq!(client.ack_all(), ["a=x q1 retain"]);
}

// conformance: v5 MQTT-3.3.1-12, v5 MQTT-3.3.1-13
#[test]
fn the_flag_of_live_messages_is_as_the_subscription_wants_it() {
    for (as_published, flags) in [(false, ["", ""]), (true, ["", " retain"])] {
        let (bench, client) = kept();
        let options = SubscribeOptions { retain_as_published: as_published, ..options(1) };
        assert_eq!(subscribe(&client, options), [KEPT], "retained: always set");
        let publisher = bench.connect5("p");
        for (retain, flag) in [false, true].into_iter().zip(flags) {
            for qos in [0, 1] {
                let message = publish("t", qos, u16::from(qos), "x", |_| {});
                publisher.send(Packet::Publish(Publish { retain, ..message }));
                assert_eq!(client.ack_all(), [format!("t=x q{qos}{flag}")]);
            }
        }
    }
}

// What waits keeps the flag as it would have had it live.
#[test]
fn the_flag_of_what_waited_is_as_the_subscription_wants_it() {
    for (as_published, flag) in [(false, ""), (true, " retain")] {
        for crashes in [false, true] {
            let bench = Bench::new();
            let client = bench.resume5("c", NEVER, false);
            let options = SubscribeOptions { retain_as_published: as_published, ..options(1) };
            client.subscribe5("t", options, None);
            client.subscribe5("$share/g/u", options, None);
            client.lose();
            let publisher = bench.connect5("p");
            retain(&publisher, "t", "x", |_| {});
            retain(&publisher, "u", "x", |_| {});
            if crashes {
                bench.crash(SECOND);
            }
            let expected = [format!("t=x q1{flag}"), format!("u=x q1{flag}")];
            assert_eq!(bench.resume5("c", NEVER, true).ack_all(), expected);
        }
    }
}

// Before 5.0 the flag says that the message was retained, whoever subscribed.
// conformance: v3.1.1 MQTT-3.3.1-8, v3.1.1 MQTT-3.3.1-9
#[test]
fn an_older_client_that_resumes_sees_the_flag_of_what_was_retained_alone() {
    for crashes in [false, true] {
        let (bench, client) = kept();
        let keeps = SubscribeOptions { retain_as_published: true, ..options(1) };
        client.subscribe5("$share/g/u", keeps, None);
        client.subscribe5("#", keeps, None);
        let publisher = bench.connect5("p");
        retain(&publisher, "t", "in flight", |_| {});
        client.lose();
        retain(&publisher, "t", "waits", |_| {});
        retain(&publisher, "u", "waits", |_| {});
        if crashes {
            bench.crash(SECOND);
        }
        let returned = bench.connect_persistent("c", true);
        let expected = [
            "t=kept q1 dup retain",
            "t=in flight q1 dup",
            "t=waits q1",
            "u=waits q1",
            "u=waits q1",
        ];
        assert_eq!(returned.ack_all(), expected);
        // A client of 5.0 that comes after it sees what it asked for.
        let publisher = bench.connect5("p");
        retain(&publisher, "t", "live", |_| {});
        assert_eq!(returned.messages(), ["t=live q1"]);
        returned.lose();
        assert_eq!(bench.resume5("c", NEVER, true).ack_all(), ["t=live q1 dup retain"]);
    }
}

// trap: no retained messages for a share group, whatever its Retain Handling
#[test]
fn a_share_group_never_brings_retained_messages() {
    for retain_handling in [RetainHandling::Always, RetainHandling::IfNew, RetainHandling::Never] {
        let (bench, client) = kept();
        for _ in 0..2 {
            client.subscribe5("$share/g/t", handling(retain_handling), None);
            bench.settle();
            assert_eq!(client.seen(), NOTHING);
        }
        client.lose();
        assert_eq!(bench.resume5("c", NEVER, true).seen(), NOTHING);
    }
}

#[test]
fn dollar_topics_are_not_for_filters_that_open_with_a_wildcard() {
    let bench = Bench::new();
    let (topic, payload) = (topic("$SYS/x"), Bytes::from_static(b"system"));
    bench.command(Command::PublishSystem { topic, payload });
    retain(&bench.connect5("p"), "x/x", "client's", |_| {});
    let found = |filter: &str| {
        let client = bench.connect5("c");
        client.subscribe(filter, 1);
        bench.settle();
        client.ack_all()
    };
    for filter in ["#", "+/x", "+/#"] {
        assert_eq!(found(filter), ["x/x=client's q1 retain"], "{filter}");
    }
    for filter in ["$SYS/#", "$SYS/+", "$SYS/x"] {
        assert_eq!(found(filter).len(), 1, "{filter}");
    }
}

// conformance: v5 MQTT-3.8.4-4
#[test]
fn subscribing_again_repeats_what_is_retained_and_loses_nothing_live() {
    let (bench, client) = kept();
    client.subscribe("t", 1);
    assert_eq!(client.ack_all(), [KEPT]);
    let publisher = bench.connect5("p");
    for n in 0..10 {
        publisher.publish("t", 1, &n.to_string());
        client.subscribe_as(7, &[("t", 1)]);
    }
    let (mut live, mut repeated) = (Vec::new(), 0);
    for packet in client.take() {
        match packet {
            Packet::Publish(publish) if !publish.retain => live.push(publish.payload),
            Packet::Publish(publish) => {
                assert_eq!(publish.payload, "kept");
                repeated += 1;
            }
            Packet::Suback(suback) => assert_eq!(suback.codes[0].byte(), 1),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((live.len(), repeated), (10, 10));
    assert!(live.iter().zip(0..).all(|(payload, n)| *payload == n.to_string()), "{live:?}");
    client.subscribe_as(8, &[("nothing", 1)]);
    assert_eq!(codes(&client), (8, vec![1]));
}
