//! MQTT 5.0: Shared Subscriptions (section 4.8.2).

use surewire_engine::config::Config;
use surewire_engine::notice::DropReason;
use surewire_engine::packet::{Packet, SubscribeOptions};

use super::{Answer, NOTHING, drops, retain};
use crate::support::{Bench, Client, NEVER, SECOND, options, puback, pubcomp, pubrec};

const FILTER: &str = "$share/g/t";

/// A connected member of the group whose session is kept for `expiry` seconds.
fn member(bench: &Bench, id: &str, qos: u8, expiry: u32) -> Client {
    let member = bench.resume5(id, expiry, false);
    member.subscribe(FILTER, qos);
    member
}

fn publish(bench: &Bench, qos: u8, payloads: std::ops::Range<u32>) {
    let publisher = bench.connect5("p");
    for n in payloads {
        publisher.publish_acked("t", qos, &n.to_string());
    }
}

/// The payloads of messages as numbers, sorted.
fn sorted<'a>(messages: impl IntoIterator<Item = &'a String>) -> Vec<u32> {
    let number = |message: &String| {
        let (_, rest) = message.split_once('=').unwrap();
        rest.split_once(' ').unwrap().0.parse().unwrap()
    };
    let mut numbers: Vec<u32> = messages.into_iter().map(number).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn messages_go_to_the_least_busy_and_else_in_turn() {
    let bench = Bench::new();
    let members = ["a", "b", "c"].map(|id| member(&bench, id, 1, 0));
    publish(&bench, 1, 0..9);
    let came = members.each_ref().map(Client::messages);
    assert!(came.iter().all(|messages| messages.len() == 3), "{came:?}");
    // The second has nothing in flight any more.
    for id in 1..=3 {
        members[1].send(puback(id));
    }
    publish(&bench, 1, 9..12);
    assert_eq!(members.each_ref().map(|member| member.messages().len()), [0, 3, 0]);
    publish(&bench, 1, 12..15);
    assert_eq!(members.each_ref().map(|member| member.messages().len()), [1; 3]);
}

// conformance: v5 MQTT-4.8.2-3
#[test]
fn a_copy_has_the_qos_and_identifier_of_the_member_that_gets_it() {
    for published in 0..3 {
        let bench = Bench::new();
        let members = [0, 1, 2].map(|qos| {
            let client = bench.connect5(&format!("m{qos}"));
            let code = client.subscribe5(FILTER, options(qos), Some(10 + u32::from(qos)));
            assert_eq!(code.byte(), qos);
            client
        });
        let publisher = bench.connect5("p");
        for _ in 0..6 {
            publisher.publish("t", published, "x");
        }
        let mut total = 0;
        for (member, granted) in members.iter().zip(0..) {
            for delivery in member.deliveries() {
                assert_eq!(delivery.qos as u8, published.min(granted));
                let identifiers = &delivery.properties.get().subscription_identifiers;
                assert_eq!(identifiers.as_slice(), [10 + u32::from(granted)]);
                total += 1;
            }
        }
        assert_eq!(total, 6);
    }
}

// The same for what waited and for what is handed on.
// conformance: v5 MQTT-4.8.2-3
#[test]
fn what_waited_and_what_is_handed_on_is_as_its_new_member_wants_it() {
    let bench = Bench::new();
    let published = SubscribeOptions { retain_as_published: true, ..options(1) };
    let join = |id: &str, options, identifier| {
        let client = bench.resume5(id, NEVER, false);
        client.subscribe5(FILTER, options, identifier);
        client
    };
    let copy = |client: &Client| {
        let delivery = client.delivery();
        let identifiers = delivery.properties.get().subscription_identifiers.to_vec();
        (delivery.qos as u8, delivery.retain, identifiers)
    };
    join("away", options(2), Some(1)).lose();
    retain(&bench.connect5("p"), "t", "x", |_| {});
    let first = join("first", published, Some(2));
    assert_eq!(copy(&first), (1, true, vec![2]));
    let second = join("second", options(2), None);
    first.lose();
    assert_eq!(copy(&second), (1, false, vec![]));
    let third = join("third", options(0), Some(3));
    second.lose();
    assert_eq!(copy(&third), (0, false, vec![3]));
}

#[test]
fn shared_and_plain_subscriptions_bring_a_copy_each() {
    let bench = Bench::new();
    let client = bench.connect5("c");
    client.subscribe5("$share/g/t", options(1), Some(1));
    client.subscribe5("$share/h/t", options(1), Some(2));
    client.subscribe5("t", options(1), Some(3));
    client.subscribe5("+", options(0), Some(4));
    bench.connect5("p").publish("t", 1, "x");
    let mut copies: Vec<Vec<u32>> = client
        .deliveries()
        .iter()
        .map(|delivery| delivery.properties.get().subscription_identifiers.to_vec())
        .collect();
    copies.iter_mut().for_each(|copy| copy.sort_unstable());
    copies.sort();
    assert_eq!(copies, [vec![1], vec![2], vec![3, 4]]);
}

// conformance: v5 MQTT-4.8.2-4
#[test]
fn an_interrupted_qos_2_exchange_is_finished_with_its_member() {
    for (released, crashes) in [(false, false), (true, false), (false, true), (true, true)] {
        let bench = Bench::new();
        let first = member(&bench, "first", 2, NEVER);
        publish(&bench, 2, 0..1);
        assert_eq!(first.seen(), ["t=0 q2 #1"]);
        if released {
            first.send(pubrec(1));
            assert_eq!(first.seen(), ["pubrel 1"]);
        }
        let other = member(&bench, "other", 2, NEVER);
        let other = if crashes {
            bench.crash(SECOND);
            bench.resume5("other", NEVER, true)
        } else {
            first.lose();
            other
        };
        assert_eq!(other.seen(), NOTHING);
        let first = bench.resume5("first", NEVER, true);
        if !released {
            assert_eq!(first.seen(), ["t=0 q2 dup #1"]);
            first.send(pubrec(1));
        }
        assert_eq!(first.seen(), ["pubrel 1"]);
        first.send(pubcomp(1));
        assert_eq!((first.seen(), other.seen()), (vec![], vec![]));
    }
}

// conformance: v5 MQTT-4.8.2-5
#[test]
fn a_qos_2_message_whose_member_never_returns_goes_to_nobody() {
    for released in [false, true] {
        let bench = Bench::new();
        let first = member(&bench, "first", 2, 10);
        publish(&bench, 2, 0..1);
        if released {
            first.send(pubrec(1));
        }
        let other = member(&bench, "other", 2, NEVER);
        first.lose();
        bench.advance(10 * SECOND);
        assert_eq!(bench.sizes().sessions, 2, "the other's and the publisher's");
        assert_eq!(other.seen(), NOTHING);
    }
}

// conformance: v5 MQTT-4.8.2-6, v5 MQTT-4.4.0-2
#[test]
fn a_message_that_a_member_refuses_goes_to_nobody() {
    let answers: [(u8, Answer); 2] = [(1, Packet::Puback), (2, Packet::Pubrec)];
    for (qos, answer) in answers {
        let bench = Bench::new();
        let first = member(&bench, "first", 2, NEVER);
        publish(&bench, qos, 0..1);
        let other = member(&bench, "other", 2, NEVER);
        first.answer(answer, 1, 0x80);
        assert_eq!(drops(&bench), [DropReason::RefusedByClient]);
        first.lose();
        bench.settle();
        assert_eq!(other.seen(), NOTHING);
        assert_eq!(bench.resume5("first", NEVER, true).seen(), NOTHING);
    }
}

#[test]
fn what_a_leaving_member_has_not_acknowledged_goes_to_others() {
    for (expiry, qos) in [(0, 1), (NEVER, 1), (0, 2), (NEVER, 2)] {
        let bench = Bench::with(Config { max_inflight_messages: 2, ..Config::default() });
        let leaver = member(&bench, "leaver", 2, expiry);
        publish(&bench, qos, 0..5);
        assert_eq!(leaver.messages().len(), 2);
        let heirs = ["a", "b"].map(|id| member(&bench, id, 2, 0));
        leaver.lose();
        let came: Vec<String> = heirs.iter().flat_map(Client::ack_all).collect();
        // Of QoS 2 what was sent stays where it is, or ends with its session.
        let expected: Vec<u32> = if qos == 1 { (0..5).collect() } else { (2..5).collect() };
        assert_eq!(sorted(&came), expected, "QoS {qos}");
        if expiry > 0 {
            let back = bench.resume5("leaver", expiry, true).ack_all();
            assert_eq!(back.len(), 5 - expected.len());
        }
    }
}

// What nobody else can take waits where it is.
#[test]
fn nothing_is_lost_when_the_other_members_are_full() {
    let config =
        Config { max_inflight_messages: 2, max_msgqueue_messages: Some(4), ..Config::default() };
    let bench = Bench::with(config);
    let leaver = member(&bench, "leaver", 1, NEVER);
    let other = member(&bench, "other", 1, NEVER);
    publish(&bench, 1, 0..12);
    assert_eq!(drops(&bench), []);
    leaver.lose();
    assert_eq!(drops(&bench), []);
    let mut came = other.ack_all();
    let back = bench.resume5("leaver", NEVER, true);
    came.extend(back.ack_all());
    came.extend(other.ack_all());
    assert_eq!(sorted(&came), (0..12).collect::<Vec<u32>>());
    assert_eq!(drops(&bench), []);
}

// Nor while one of several has room.
#[test]
fn nothing_is_lost_while_another_member_has_room() {
    let config =
        Config { max_inflight_messages: 1, max_msgqueue_messages: Some(4), ..Config::default() };
    let bench = Bench::with(config);
    let first = member(&bench, "first", 1, NEVER);
    publish(&bench, 1, 0..4);
    let second = member(&bench, "second", 1, NEVER);
    // Room is for five each: in the window and behind it.
    publish(&bench, 1, 4..10);
    assert_eq!(drops(&bench), []);
    let mut came = first.ack_all();
    came.extend(second.ack_all());
    assert_eq!(sorted(&came), (0..10).collect::<Vec<u32>>());
}

#[test]
fn the_end_of_a_members_session_hands_on_what_it_held() {
    let bench = Bench::with(Config { max_inflight_messages: 1, ..Config::default() });
    let leaver = member(&bench, "leaver", 1, 10);
    publish(&bench, 1, 0..3);
    // Nobody else is there: it keeps what it has.
    leaver.lose();
    bench.notices();
    let heir = member(&bench, "heir", 1, 0);
    assert_eq!(heir.seen(), NOTHING, "the other may come back");
    bench.advance(10 * SECOND);
    assert_eq!(sorted(&heir.ack_all()), [0, 1, 2]);
    assert_eq!(drops(&bench), []);
}
