//! MQTT 5.0: overlapping subscriptions, one copy for all of them (section 3.3.4).

use surewire_engine::config::Config;
use surewire_engine::packet::{Packet, Publish, SubscribeOptions};

use super::{NOTHING, publish};
use crate::support::{Bench, Client, NEVER, SECOND, options, puback, resume5};

/// Subscribes with these options and perhaps an identifier.
#[track_caller]
fn subscribe(client: &Client, filter: &str, options: SubscribeOptions, identifier: Option<u32>) {
    let code = client.subscribe5(filter, options, identifier);
    assert_eq!(code.byte(), options.qos as u8);
}

/// QoS, RETAIN and Subscription Identifiers of what came, which must be one PUBLISH.
#[track_caller]
fn copy(client: &Client) -> (u8, bool, Vec<u32>) {
    let delivery = client.delivery();
    let mut identifiers = delivery.properties.get().subscription_identifiers.to_vec();
    identifiers.sort_unstable();
    (delivery.qos as u8, delivery.retain, identifiers)
}

fn no_local(qos: u8) -> SubscribeOptions {
    SubscribeOptions { no_local: true, ..options(qos) }
}

fn as_published(qos: u8) -> SubscribeOptions {
    SubscribeOptions { retain_as_published: true, ..options(qos) }
}

fn retained(topic: &str, qos: u8, id: u16) -> Packet {
    Packet::Publish(Publish { retain: true, ..publish(topic, qos, id, "x", |_| {}) })
}

// trap: a merged copy keeps all identifiers and has the highest QoS
// conformance: v5 MQTT-3.3.4-2, v5 MQTT-3.3.4-3, v5 MQTT-3.3.4-4, v5 MQTT-3.3.4-5
#[test]
fn one_copy_has_the_highest_qos_and_every_identifier() {
    let bench = Bench::new();
    let client = bench.connect5("c");
    subscribe(&client, "a/#", options(0), Some(1));
    subscribe(&client, "a/b", options(2), Some(268_435_455));
    subscribe(&client, "+/b", options(1), None);
    subscribe(&client, "#", options(1), Some(1));
    subscribe(&client, "c", options(2), Some(5));
    let publisher = bench.connect5("p");
    for qos in 0..3 {
        publisher.publish("a/b", qos, "x");
        assert_eq!(copy(&client), (qos, false, vec![1, 1, 268_435_455]));
    }
    // Whichever of the filters is the one with the highest.
    let filters = ["a/b", "a/#", "+/b", "#"];
    for highest in filters {
        let client = bench.connect5("other");
        for filter in filters {
            client.subscribe(filter, if filter == highest { 2 } else { 0 });
        }
        publisher.publish("a/b", 2, "x");
        assert_eq!(copy(&client), (2, false, vec![]), "{highest}");
    }
    client.take();
    publisher.publish("a/c", 2, "x");
    assert_eq!(copy(&client), (1, false, vec![1, 1]));
    client.unsubscribe(&["a/#", "#"]);
    publisher.publish("a/b", 1, "x");
    assert_eq!(copy(&client), (1, false, vec![268_435_455]));
    publisher.publish("x/b", 2, "x");
    assert_eq!(copy(&client), (1, false, vec![]));
}

// trap: the same when the copy is queued, after a crash and on resume
// conformance: v5 MQTT-3.3.4-3, v5 MQTT-3.3.4-4
#[test]
fn the_copy_is_the_same_when_it_waited_and_when_it_is_sent_again() {
    let bench = Bench::with(Config { max_inflight_messages: 1, ..Config::default() });
    let client = bench.resume5("c", NEVER, false);
    subscribe(&client, "a/#", as_published(1), Some(7));
    subscribe(&client, "a/b", options(2), Some(3));
    subscribe(&client, "+/b", no_local(2), Some(9));
    let publisher = bench.connect5("p");
    let whole = (2, true, vec![3, 7, 9]);
    publisher.publish("a/b", 1, "fills the window");
    assert_eq!(copy(&client), (1, false, vec![3, 7, 9]));
    publisher.send(retained("a/b", 2, 11));
    // Its own, by two of the three.
    client.send(retained("a/b", 2, 12));
    assert_eq!(client.seen(), ["pubrec 12"]);
    client.send(puback(1));
    assert_eq!(copy(&client), whole, "from the backlog");
    let mut client = client;
    for step in 0..4 {
        if step % 2 == 0 {
            client.lose()
        } else {
            bench.crash(SECOND)
        }
        client = bench.resume5("c", NEVER, true);
        assert_eq!(copy(&client), whole, "sent again");
    }
    client.send(crate::support::pubrec(2));
    client.take();
    client.send(crate::support::pubcomp(2));
    assert_eq!(copy(&client), (2, true, vec![3, 7]));
}

// trap: the same for what came while the client was away
#[test]
fn the_copy_is_the_same_when_the_client_was_away() {
    for crashes in [false, true] {
        let bench = Bench::new();
        let client = bench.resume5("c", NEVER, false);
        subscribe(&client, "#", as_published(0), Some(1));
        subscribe(&client, "a", options(1), Some(2));
        client.lose();
        bench.connect5("p").send(retained("a", 2, 5));
        if crashes {
            bench.crash(SECOND);
        }
        let client = bench.resume5("c", NEVER, true);
        assert_eq!(copy(&client), (1, true, vec![1, 2]));
    }
}

// trap: No Local is judged for each subscription before the copies are merged
// conformance: v5 MQTT-3.8.3-3
#[test]
fn no_local_takes_its_subscription_out_of_the_copy() {
    let bench = Bench::new();
    let client = bench.connect5("c");
    subscribe(&client, "t", SubscribeOptions { no_local: true, ..as_published(2) }, Some(1));
    subscribe(&client, "#", options(1), Some(2));
    let retained_by_it = retained("t", 2, 5);
    client.send(retained_by_it);
    let packets = client.take();
    let [Packet::Publish(own), Packet::Pubrec(_)] = packets.as_slice() else {
        panic!("expected its own message and the PUBREC, got {packets:?}")
    };
    assert_eq!((own.qos as u8, own.retain), (1, false));
    assert_eq!(own.properties.get().subscription_identifiers.as_slice(), [2]);
    bench.connect5("p").send(retained("t", 2, 5));
    assert_eq!(copy(&client), (2, true, vec![1, 2]));
    client.unsubscribe(&["#"]);
    client.publish("t", 0, "own");
    assert_eq!(client.messages(), NOTHING);
}

// conformance: v5 MQTT-3.8.3-3
#[test]
fn no_local_keeps_a_clients_own_messages_from_it_and_no_others() {
    let bench = Bench::new();
    let mut client = bench.resume5("c", NEVER, false);
    subscribe(&client, "t", no_local(2), None);
    let (other, publisher) = (bench.connect5("other"), bench.connect5("p"));
    subscribe(&other, "t", no_local(2), None);
    for step in 0..3 {
        match step {
            1 => client.lose(),
            2 => bench.crash(SECOND),
            _ => {}
        }
        if step > 0 {
            client = bench.resume5("c", NEVER, true);
        }
        for qos in 0..3 {
            client.publish("t", qos, "own");
        }
        let own = |seen: &String| seen.starts_with("t=");
        assert!(!client.seen().iter().any(own), "step {step}");
    }
    assert_eq!(other.messages().len(), 6, "until the crash");
    let publisher_is_gone = !publisher.is_open();
    assert!(publisher_is_gone);
    bench.connect5("p").publish("t", 0, "others'");
    assert_eq!(client.messages(), ["t=others' q0"]);
}

// What a client published on an earlier connection is its own as well.
#[test]
fn no_local_goes_by_the_client_and_not_by_its_connection() {
    let bench = Bench::new();
    let client = bench.resume5("c", NEVER, false);
    subscribe(&client, "t", no_local(1), None);
    client.publish("t", 1, "own");
    client.lose();
    assert_eq!(bench.resume5("c", NEVER, true).messages(), NOTHING);
}

// trap: Retain As Published of any surviving subscription
// conformance: v5 MQTT-3.3.1-12, v5 MQTT-3.3.1-13
#[test]
fn retain_as_published_of_any_subscription_keeps_the_flag() {
    let bench = Bench::new();
    let (one, two) = (bench.connect5("one"), bench.connect5("two"));
    subscribe(&one, "t", options(1), Some(1));
    subscribe(&two, "t", options(1), Some(1));
    subscribe(&two, "#", as_published(0), None);
    let publisher = bench.connect5("p");
    for (retain, flags) in [(false, [false, false]), (true, [false, true])] {
        let message = publish("t", 1, 5, "x", |_| {});
        publisher.send(Packet::Publish(Publish { retain, ..message }));
        let seen = [&one, &two].map(|client| copy(client).1);
        assert_eq!(seen, flags, "published with RETAIN {retain}");
    }
}

// conformance: v5 MQTT-3.8.4-3
#[test]
fn subscribing_again_takes_the_new_identifier_or_none() {
    let bench = Bench::new();
    let client = bench.resume5("c", NEVER, false);
    let publisher = bench.connect5("p");
    for (identifier, expected) in [(Some(1), vec![1]), (Some(2), vec![2]), (None, vec![])] {
        subscribe(&client, "t", options(0), identifier);
        publisher.publish("t", 0, "x");
        assert_eq!(copy(&client), (0, false, expected));
    }
    subscribe(&client, "t", options(0), Some(3));
    bench.crash(SECOND);
    let client = bench.resume5("c", NEVER, true);
    bench.connect5("p").publish("t", 0, "x");
    assert_eq!(copy(&client), (0, false, vec![3]));
}

#[test]
fn one_identifier_is_of_every_filter_of_its_packet() {
    let bench = Bench::new();
    let client = bench.connect5("c");
    let filters = ["a", "+"].map(|filter| surewire_engine::packet::SubscribeFilter {
        filter: filter.into(),
        options: options(0),
    });
    client.send(Packet::Subscribe(Box::new(surewire_engine::packet::Subscribe {
        packet_id: surewire_engine::id::PacketId::FIRST,
        filters: filters.into(),
        properties: crate::support::props(|set| set.subscription_identifiers.push(9)),
    })));
    assert_eq!(client.seen(), ["suback 1 [0, 0]"]);
    bench.connect5("p").publish("a", 0, "x");
    assert_eq!(copy(&client), (0, false, vec![9, 9]));
}

// A retained message comes by the one subscription that asked for it.
#[test]
fn a_retained_message_has_the_identifier_of_its_subscription_alone() {
    let bench = Bench::new();
    bench.connect5("p").send(retained("t", 1, 5));
    let client = bench.connect5("c");
    subscribe(&client, "#", options(0), Some(1));
    assert_eq!(copy(&client), (0, true, vec![1]));
    subscribe(&client, "t", options(1), Some(2));
    assert_eq!(copy(&client), (1, true, vec![2]));
    subscribe(&client, "+", options(1), None);
    assert_eq!(copy(&client), (1, true, vec![]));
}

// What an older client takes up has no identifiers, and gets them back with the next of 5.0.
#[test]
fn identifiers_are_for_5_0_alone() {
    let bench = Bench::new();
    let client = bench.open(resume5("c", NEVER));
    client.expect_connack(false);
    subscribe(&client, "t", as_published(1), Some(1));
    client.lose();
    let publisher = bench.connect5("p");
    let old = bench.connect_persistent("c", true);
    publisher.send(retained("t", 1, 5));
    assert_eq!(copy(&old), (1, false, vec![]));
    old.lose();
    let new = bench.resume5("c", NEVER, true);
    assert_eq!(copy(&new).2, [1]);
}
