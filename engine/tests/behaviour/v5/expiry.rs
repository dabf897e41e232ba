//! MQTT 5.0: what waits for longer than its publisher wants is dropped, wherever it waits (section
//! 3.3.2.3.3).

use surewire_engine::config::Config;
use surewire_engine::notice::DropReason;

use super::{NOTHING, drops, expires, expiry_of_delivery, retain};
use crate::support::{Bench, Client, NEVER, SECOND, connect5_with, puback, pubcomp, pubrec};

/// A client `r` whose session is kept and subscribed to `t` at QoS 2.
fn reader(bench: &Bench) -> Client {
    let reader = bench.resume5("r", NEVER, false);
    reader.subscribe("t", 2);
    reader
}

fn back(bench: &Bench) -> Client {
    bench.resume5("r", NEVER, true)
}

fn one_at_a_time() -> Bench {
    Bench::with(Config { max_inflight_messages: 1, ..Config::default() })
}

/// A member of a share group for `t`, offline.
fn offline_member(bench: &Bench) {
    let member = bench.resume5("m", NEVER, false);
    member.subscribe("$share/g/t", 2);
    member.lose();
}

// conformance: v5 MQTT-3.3.2-6
#[test]
fn a_receiver_is_told_what_is_left_of_the_time() {
    let bench = Bench::new();
    let live = bench.connect5("live");
    live.subscribe("t", 0);
    reader(&bench).lose();
    let publisher = bench.connect5("p");
    publisher.publish5("t", 1, "x", expires(10));
    assert_eq!(expiry_of_delivery(&live), Some(10));
    bench.advance(3 * SECOND);
    assert_eq!(expiry_of_delivery(&back(&bench)), Some(7));
    // Sent again it is told anew, and never less than nothing.
    bench.advance(5 * SECOND);
    back(&bench).lose();
    assert_eq!(expiry_of_delivery(&back(&bench)), Some(2));
    publisher.publish5("t", 0, "for ever", |_| {});
    assert_eq!(expiry_of_delivery(&live), None);
}

// conformance: v5 MQTT-3.3.2-5
#[test]
fn what_expires_while_the_client_is_away_is_dropped_at_its_time() {
    for qos in [0, 1, 2] {
        for crashes in [false, true] {
            if crashes && qos == 0 {
                continue;
            }
            let bench = Bench::new();
            reader(&bench).lose();
            let publisher = bench.connect5("p");
            publisher.publish5("t", qos, "short", expires(5));
            publisher.publish5("t", qos, "long", expires(60));
            publisher.publish5("t", qos, "for ever", |_| {});
            bench.notices();
            if crashes {
                bench.crash(5 * SECOND);
            } else {
                bench.advance(5 * SECOND - SECOND / 1_000);
                assert_eq!(drops(&bench), []);
                bench.advance(SECOND / 1_000);
            }
            assert_eq!(drops(&bench), [DropReason::Expired]);
            let client = back(&bench);
            assert_eq!(client.messages(), [format!("t=long q{qos}"), format!("t=for ever q{qos}")]);
        }
    }
}

// conformance: v5 MQTT-3.3.2-5, v5 MQTT-3.3.2-6
#[test]
fn a_retained_message_expires_and_until_then_tells_what_is_left() {
    for crashes in [false, true] {
        let bench = Bench::new();
        retain(&bench.connect5("p"), "t", "x", expires(10));
        retain(&bench.connect5("p"), "u", "x", |_| {});
        if crashes {
            bench.crash(4 * SECOND);
        } else {
            bench.advance(4 * SECOND);
        }
        let client = bench.connect5("c");
        client.subscribe("t", 0);
        assert_eq!(expiry_of_delivery(&client), Some(6));
        if crashes {
            bench.crash(6 * SECOND);
        } else {
            bench.advance(6 * SECOND);
        }
        assert_eq!(bench.sizes().retained, 1);
        assert_eq!(bench.retained("#"), ["u=x q1 retain"]);
    }
}

// The process stood still, and the timer has not gone off yet.
#[test]
fn an_expired_retained_message_is_not_sent_even_before_it_is_cleared_away() {
    let bench = Bench::new();
    retain(&bench.connect5("p"), "t", "x", expires(10));
    bench.stall(10 * SECOND);
    let client = bench.connect5("c");
    client.subscribe("t", 0);
    assert_eq!(client.messages(), NOTHING);
}

#[test]
fn a_retained_message_that_is_replaced_takes_its_time_with_it() {
    let bench = Bench::new();
    let publisher = bench.connect5("p");
    retain(&publisher, "t", "old", expires(10));
    retain(&publisher, "t", "new", expires(100));
    bench.advance(50 * SECOND);
    assert_eq!(bench.retained("#"), ["t=new q1 retain"]);
    retain(&publisher, "t", "for ever", |_| {});
    bench.advance(500 * SECOND);
    assert_eq!(bench.retained("#"), ["t=for ever q1 retain"]);
}

// conformance: v5 MQTT-3.3.2-5
#[test]
fn what_waits_behind_a_full_window_expires_too() {
    let bench = one_at_a_time();
    let (client, publisher) = (reader(&bench), bench.connect5("p"));
    publisher.publish5("t", 1, "first", expires(1));
    publisher.publish5("t", 1, "second", expires(5));
    publisher.publish5("t", 2, "third", expires(20));
    assert_eq!(client.messages(), ["t=first q1"]);
    bench.notices();
    bench.advance(10 * SECOND);
    assert_eq!(drops(&bench), [DropReason::Expired], "what was sent is under way");
    client.send(puback(1));
    let delivery = client.delivery();
    assert_eq!(delivery.payload, "third");
    assert_eq!(delivery.properties.get().message_expiry_interval, Some(10));
    // Before the timer has gone off.
    publisher.publish5("t", 1, "fourth", expires(5));
    bench.stall(5 * SECOND);
    client.send(pubrec(2));
    client.send(pubcomp(2));
    assert_eq!(client.seen(), ["pubrel 2"]);
    assert_eq!(drops(&bench), [DropReason::Expired]);
}

// conformance: v5 MQTT-3.3.2-5, v5 MQTT-3.3.2-6
#[test]
fn what_waits_in_a_share_group_expires_too() {
    for crashes in [false, true] {
        for qos in [1, 2] {
            let bench = Bench::new();
            offline_member(&bench);
            let publisher = bench.connect5("p");
            publisher.publish5("t", qos, "short", expires(5));
            publisher.publish5("t", qos, "long", expires(60));
            bench.notices();
            if crashes {
                bench.crash(20 * SECOND);
            } else {
                bench.advance(20 * SECOND);
            }
            assert_eq!(drops(&bench), [DropReason::Expired]);
            let delivery = bench.resume5("m", NEVER, true).delivery();
            assert_eq!(delivery.payload, "long");
            assert_eq!(delivery.properties.get().message_expiry_interval, Some(40));
        }
    }
}

// conformance: v5 MQTT-3.3.2-5
#[test]
fn what_has_expired_in_a_share_group_goes_to_nobody_before_it_is_cleared_away() {
    for crashes in [false, true] {
        let bench = Bench::new();
        offline_member(&bench);
        let publisher = bench.connect5("p");
        publisher.publish5("t", 1, "x", expires(5));
        publisher.publish5("t", 0, "y", expires(5));
        bench.notices();
        if crashes {
            bench.crash_unsettled(5 * SECOND);
        } else {
            bench.stall(5 * SECOND);
        }
        let member = bench.resume5("m", NEVER, true);
        assert_eq!(member.messages(), NOTHING);
        bench.settle();
        let gone = drops(&bench);
        assert_eq!(gone, vec![DropReason::Expired; gone.len()]);
        assert_eq!(gone.len(), if crashes { 1 } else { 2 });
        bench.crash(SECOND);
        assert_eq!(bench.resume5("m", NEVER, true).messages(), NOTHING);
    }
}

// conformance: v5 MQTT-3.3.2-5
#[test]
fn what_has_expired_in_flight_to_a_leaving_member_is_not_handed_on() {
    for kept in [false, true] {
        let bench = Bench::with(Config { max_inflight_messages: 1, ..Config::default() });
        let expiry = if kept { NEVER } else { 0 };
        let leaver = bench.resume5("leaver", expiry, false);
        leaver.subscribe("$share/g/t", 1);
        let publisher = bench.connect5("p");
        publisher.publish5("t", 1, "expires", expires(5));
        publisher.publish5("t", 1, "waits", |_| {});
        assert_eq!(leaver.messages(), ["t=expires q1"]);
        let heir = bench.connect5("heir");
        heir.subscribe("$share/g/t", 1);
        bench.notices();
        bench.advance(5 * SECOND);
        leaver.lose();
        assert_eq!(heir.ack_all(), ["t=waits q1"]);
        assert_eq!(drops(&bench), [DropReason::Expired]);
        if kept {
            assert_eq!(bench.resume5("leaver", NEVER, true).messages(), NOTHING);
        }
    }
}

// conformance: v5 MQTT-4.3.3-7
#[test]
fn a_message_that_was_sent_is_sent_again_after_its_time() {
    for qos in [1, 2] {
        for crashes in [false, true] {
            let bench = Bench::new();
            let (client, publisher) = (reader(&bench), bench.connect5("p"));
            publisher.publish5("t", qos, "x", expires(1));
            assert_eq!(expiry_of_delivery(&client), Some(1));
            client.lose();
            if crashes {
                bench.crash(3 * SECOND);
            } else {
                bench.advance(3 * SECOND);
            }
            let client = back(&bench);
            let delivery = client.delivery();
            assert!(delivery.dup);
            assert_eq!(delivery.properties.get().message_expiry_interval, Some(0));
            assert_eq!(drops(&bench), []);
        }
    }
}

#[test]
fn a_message_that_never_left_the_gate_expires() {
    let bench = Bench::new();
    let (client, publisher) = (reader(&bench), bench.connect5("p"));
    bench.hold_store();
    publisher.publish5("t", 2, "x", expires(5));
    publisher.publish5("t", 2, "y", |_| {});
    client.lose();
    bench.sync();
    bench.advance(5 * SECOND);
    let client = bench.open(crate::support::resume5("r", NEVER));
    bench.sync();
    client.expect_connack(true);
    assert_eq!(client.messages(), ["t=y q2"]);
    bench.sync();
    assert_eq!(drops(&bench), [DropReason::Expired]);
    bench.crash(SECOND);
    assert_eq!(back(&bench).messages(), ["t=y q2 dup"]);
}

// conformance: v5 MQTT-3.3.2-6
#[test]
fn the_time_in_the_gate_counts() {
    let bench = Bench::new();
    let (client, publisher) = (reader(&bench), bench.connect5("p"));
    bench.hold_store();
    publisher.publish5("t", 2, "x", expires(10));
    bench.advance(3 * SECOND);
    bench.sync();
    assert_eq!(expiry_of_delivery(&client), Some(7));
}

#[test]
fn interval_0_is_for_those_who_can_have_it_at_once() {
    let bench = one_at_a_time();
    let live = bench.connect5("live");
    live.subscribe("#", 1);
    reader(&bench).lose();
    offline_member(&bench);
    let publisher = bench.connect5("p");
    publisher.publish5("t", 1, "x", expires(0));
    assert_eq!(expiry_of_delivery(&live), Some(0));
    // The window is full now.
    publisher.publish5("t", 1, "y", expires(0));
    publisher.take();
    retain(&publisher, "u", "z", expires(0));
    bench.settle();
    assert_eq!(drops(&bench), [DropReason::Expired; 6]);
    assert_eq!(bench.retained("u"), NOTHING);
    live.send(puback(1));
    assert_eq!(live.messages(), NOTHING);
    assert_eq!(back(&bench).messages(), NOTHING);
    assert_eq!(bench.resume5("m", NEVER, true).messages(), NOTHING);
}

#[test]
fn the_longest_interval_is_136_years() {
    let bench = Bench::new();
    let publisher = bench.connect5("p");
    retain(&publisher, "t", "x", expires(u32::MAX));
    let day = 86_400 * SECOND;
    bench.advance(day);
    let client = bench.connect5("c");
    client.subscribe("t", 0);
    assert_eq!(expiry_of_delivery(&client), Some(u32::MAX - 86_400));
}

// An older client is not told, and does not get what has expired either.
#[test]
fn it_holds_for_older_clients_too() {
    let bench = Bench::new();
    let old = bench.connect_persistent("old", false);
    old.subscribe("t", 1);
    old.lose();
    let publisher = bench.connect5("p");
    publisher.publish5("t", 1, "short", expires(5));
    publisher.publish5("t", 1, "long", expires(50));
    bench.advance(10 * SECOND);
    let old = bench.connect_persistent("old", true);
    assert_eq!(old.messages(), ["t=long q1"]);
}

// Of many with the same time all go, in order.
#[test]
fn many_expire_at_once() {
    let config = Config { max_msgqueue_messages: Some(2_000), ..Config::default() };
    let bench = Bench::with(config);
    bench.check_every(100);
    reader(&bench).lose();
    let publisher = bench.open(connect5_with("p", |_| {}));
    for n in 0..1_000 {
        publisher.publish5("t", 1, &n.to_string(), expires(5 + n % 2));
    }
    bench.notices();
    bench.advance(5 * SECOND);
    assert_eq!(drops(&bench).len(), 500);
    bench.advance(SECOND);
    assert_eq!(drops(&bench).len(), 500);
    assert_eq!(back(&bench).messages(), NOTHING);
}
