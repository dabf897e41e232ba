//! The broker ends without a word and starts again with what was durable: MQTT 3.1.1 section 4.1,
//! docs/contract.md sections 5 and 7.

use crate::support::{Bench, SECOND, connect, puback, pubcomp, pubrec, pubrel, will};
use surewire_engine::config::Config;
use surewire_engine::notice::{DropReason, Notice, SessionEnd};
use surewire_engine::packet::Connect;

fn with_will(id: &str, clean_start: bool) -> Connect {
    Connect { clean_start, will: will("will", id, 1, true), ..connect(id) }
}

// conformance: v3.1.1 MQTT-4.4.0-1
#[test]
fn a_session_goes_on_with_its_subscriptions_window_and_backlog() {
    let bench = Bench::with(Config { max_inflight_messages: 3, ..Config::default() });
    let client = bench.connect_persistent("c", false);
    client.subscribe_many(&[("t", 2), ("u", 1)]);
    let publisher = bench.connect("p");
    for (n, qos) in [2, 1, 2, 1, 2].into_iter().enumerate() {
        publisher.publish_acked("t", qos, &n.to_string());
    }
    client.take();
    client.send(pubrec(3));
    bench.crash(SECOND);
    let back = bench.connect_persistent("c", true);
    assert_eq!(back.seen(), ["t=0 q2 dup #1", "t=1 q1 dup #2", "pubrel 3"]);
    back.send(puback(2));
    back.send(pubcomp(3));
    assert_eq!(back.seen(), ["t=3 q1 #4", "t=4 q2 #5"], "the backlog, under fresh identifiers");
    bench.connect("q").publish("u", 1, "live");
    bench.connect("q").publish("v", 1, "not for it");
    back.send(puback(4));
    assert_eq!(back.seen(), ["u=live q1 #6"]);
}

// conformance: v3.1.1 MQTT-4.3.3-2
#[test]
fn a_qos_2_message_that_was_received_is_not_received_again() {
    let bench = Bench::new();
    let reader = bench.connect_persistent("r", false);
    reader.subscribe("t", 2);
    reader.lose();
    let publisher = bench.connect_persistent("p", false);
    let id = publisher.publish("t", 2, "once");
    assert_eq!(publisher.seen(), [format!("pubrec {id}")]);
    bench.crash(SECOND);
    let publisher = bench.connect_persistent("p", true);
    publisher.publish_as("t", 2, false, "once", id, true);
    publisher.send(pubrel(id));
    assert_eq!(publisher.seen(), [format!("pubrec {id}"), format!("pubcomp {id}")]);
    assert_eq!(bench.connect_persistent("r", true).ack_all(), ["t=once q2"]);
}

#[test]
fn what_was_not_durable_was_never_acknowledged() {
    let bench = Bench::new();
    let reader = bench.connect_persistent("r", false);
    reader.subscribe("t", 1);
    reader.lose();
    bench.hold_store();
    let publisher = bench.connect("p");
    publisher.publish("t", 1, "lost");
    assert_eq!(publisher.seen(), [""; 0], "no PUBACK before the record is durable");
    bench.crash(SECOND);
    assert_eq!(bench.connect_persistent("r", true).ack_all(), [""; 0]);
}

#[test]
fn retained_messages_are_there_and_cleared_ones_are_not() {
    let bench = Bench::new();
    let writer = bench.connect("w");
    for (topic, payload) in [("a", "1"), ("b", "2"), ("a", "3"), ("b", "")] {
        writer.retain(topic, 1, payload);
    }
    bench.crash(SECOND);
    assert_eq!(bench.retained("#"), ["a=3 q1 retain"]);
}

// conformance: v3.1.1 MQTT-3.1.2-8
#[test]
fn wills_of_clients_that_the_end_cut_off_are_published_at_once_and_once() {
    let bench = Bench::new();
    let reader = bench.connect_persistent("r", false);
    reader.subscribe("will", 1);
    reader.disconnect();
    bench.open(with_will("clean", true)).expect_connack(false);
    bench.open(with_will("stays", false)).expect_connack(false);
    bench.open(with_will("left", true)).disconnect();
    bench.crash(SECOND);
    bench.crash(SECOND);
    let mut seen = bench.connect_persistent("r", true).ack_all();
    seen.sort();
    assert_eq!(seen, ["will=clean q1", "will=stays q1"]);
}

// conformance: v3.1.1 MQTT-3.1.2-8
#[test]
fn a_client_that_is_back_before_its_will_was_published_does_not_keep_it_back() {
    let bench = Bench::new();
    let reader = bench.connect_persistent("r", false);
    reader.subscribe("will", 1);
    bench.open(with_will("c", false)).expect_connack(false);
    bench.crash_unsettled(SECOND);
    bench.connect_persistent("c", true);
    assert_eq!(bench.connect_persistent("r", true).ack_all(), ["will=c q1"]);
}

// Contract section 7
#[test]
fn a_will_that_a_stop_kept_gives_its_client_half_a_minute() {
    for (returns, expected) in [(true, vec![]), (false, vec!["will=c q1".to_owned()])] {
        let bench = Bench::new();
        let reader = bench.connect_persistent("r", false);
        reader.subscribe("will", 1);
        bench.open(with_will("c", false)).expect_connack(false);
        bench.stop();
        bench.crash(SECOND);
        bench.advance(29 * SECOND);
        if returns {
            bench.connect_persistent("c", true);
        }
        bench.advance(2 * SECOND);
        assert_eq!(bench.connect_persistent("r", true).ack_all(), expected);
    }
}

#[test]
fn a_session_expires_by_the_time_that_the_broker_was_down() {
    let expiry = Some(60 * SECOND);
    let bench = Bench::with(Config { session_expiry_interval: expiry, ..Config::default() });
    bench.connect_persistent("left", false).disconnect();
    bench.advance(30 * SECOND);
    bench.connect_persistent("cut", false);
    bench.notices();
    bench.crash(31 * SECOND);
    // What the log says of `cut` is from before the end, and until half a minute later nobody knows.
    let ended = |notices: Vec<Notice>| -> Vec<String> {
        let client = |notice: Notice| match notice {
            Notice::SessionEnded { client, why: SessionEnd::Expired, .. } => {
                Some(client.to_string())
            }
            _ => None,
        };
        notices.into_iter().filter_map(client).collect()
    };
    assert_eq!(ended(bench.notices()), ["left"]);
    bench.crash(58 * SECOND);
    assert_eq!(ended(bench.notices()), [""; 0], "a second crash does not prolong it, nor shorten");
    bench.advance(2 * SECOND);
    assert_eq!(ended(bench.notices()), ["cut"]);
}

// conformance: v5 section 3.1.2.11.2
#[test]
fn a_session_does_not_expire_by_the_time_in_which_nothing_had_to_be_stored() {
    let expiry = Some(60 * SECOND);
    let bench = Bench::with(Config { session_expiry_interval: expiry, ..Config::default() });
    bench.connect_persistent("cut", false);
    for _ in 0..60 {
        bench.advance(4 * SECOND);
    }
    bench.crash(SECOND);
    bench.connect_persistent("cut", true);
    for _ in 0..60 {
        bench.advance(4 * SECOND);
    }
    bench.crash(59 * SECOND);
    bench.connect_persistent("cut", true);
    bench.crash(91 * SECOND);
    bench.connect_persistent("cut", false);
}

#[test]
fn what_a_share_group_held_goes_to_its_next_member() {
    let bench = Bench::new();
    bench.connect_persistent("m", false).subscribe("$share/g/t", 1);
    bench.crash(SECOND);
    bench.connect("p").publish_acked("t", 1, "waits");
    bench.crash(SECOND);
    assert_eq!(bench.connect_persistent("m", true).ack_all(), ["t=waits q1"]);
}

#[test]
fn what_a_group_held_whose_last_member_was_being_taken_apart_is_dropped_and_told() {
    let bench = Bench::new();
    let member = bench.connect("m");
    for n in 0..1_000 {
        member.subscribe(&format!("$share/g/t/{n}"), 1);
    }
    let publisher = bench.connect("p");
    member.lose();
    for n in 0..1_000 {
        publisher.publish(&format!("t/{n}"), 1, "x");
    }
    bench.crash_unsettled(SECOND);
    bench.notices();
    bench.settle();
    let told =
        |notice: &Notice| matches!(notice, Notice::Dropped { why: DropReason::GroupEnded, .. });
    let dropped = bench.notices().iter().filter(|notice| told(notice)).count();
    assert!(dropped > 0, "some groups were still there to hold a message");
    bench.crash(SECOND);
    assert!(bench.notices().is_empty(), "told once");
}

#[test]
fn retained_messages_that_were_being_sent_go_on_behind_the_last_one_sent() {
    let bench = Bench::with(Config { max_inflight_messages: 2, ..Config::default() });
    let writer = bench.connect("w");
    for n in 0..6 {
        writer.retain(&format!("t/{n}"), 1, "x");
    }
    let reader = bench.connect_persistent("r", false);
    reader.subscribe("t/#", 1);
    assert_eq!(reader.messages(), ["t/0=x q1 retain", "t/1=x q1 retain"]);
    bench.crash(SECOND);
    let back = bench.connect_persistent("r", true);
    let mut seen = back.ack_all();
    seen.dedup();
    let expected: Vec<String> =
        (0..6).map(|n| format!("t/{n}=x q1 {}retain", if n < 2 { "dup " } else { "" })).collect();
    assert_eq!(seen, expected);
}

#[test]
fn subscriptions_that_wait_for_a_client_wait_on() {
    use crate::support::requests::subscribe;
    let bench = Bench::new();
    bench.command(subscribe("new", "t", 1));
    bench.crash(SECOND);
    let client = bench.connect_persistent("new", false);
    bench.connect("p").publish("t", 1, "x");
    assert_eq!(client.messages(), ["t=x q1"]);
}

#[test]
fn identifiers_in_flight_are_not_given_again() {
    let bench = Bench::new();
    let client = bench.connect_persistent("c", false);
    client.subscribe("t", 1);
    let publisher = bench.connect("p");
    for n in 0..5 {
        publisher.publish("t", 1, &n.to_string());
    }
    client.send(puback(1));
    client.send(puback(3));
    bench.crash(SECOND);
    let back = bench.connect_persistent("c", true);
    let publisher = bench.connect("p");
    let mut used = crate::support::ids(&back.take());
    for n in 0..3 {
        publisher.publish("t", 1, &n.to_string());
    }
    let fresh = crate::support::ids(&back.take());
    assert_eq!((used.len(), fresh.len()), (3, 3));
    used.extend(fresh);
    assert_eq!(used.len(), 6, "{used:?}");
}

/// Everything that can be durable, at once.
fn much_of_everything(bench: &Bench) {
    use crate::support::requests::subscribe;
    let writer = bench.connect_persistent("w", false);
    for n in 0..100 {
        writer.retain(&format!("kept/{n}"), 1, "x");
    }
    for n in 0..50 {
        let client = bench.connect_persistent(&format!("c{n}"), false);
        client.subscribe_many(&[("t", 2), ("kept/#", 1), ("$share/g/s", 1)]);
        if n % 2 == 0 {
            client.lose();
        }
    }
    for n in 0..5 {
        writer.publish("t", 1 + n % 2, &n.to_string());
    }
    bench.command(subscribe("nobody", "t", 1));
    bench.open(with_will("will", true)).expect_connack(false);
}

#[test]
fn a_cleaned_log_stands_for_the_same() {
    let bench = Bench::new();
    much_of_everything(&bench);
    // The bench compares what is left with the whole at each trim.
    bench.clean();
    bench.crash(SECOND);
    bench.clean();
    bench.crash(SECOND);
    assert_eq!(bench.connect_persistent("c1", true).ack_all().len(), 105);
}

#[test]
fn a_log_is_cleaned_while_everything_goes_on() {
    let bench = Bench::new();
    bench.check_every(50);
    bench.clean_every(1);
    much_of_everything(&bench);
    for n in 0..100 {
        let client = bench.connect(&format!("p{n}"));
        client.publish("t", 1, "x");
        client.retain(&format!("kept/{}", n % 120), 1, ["x", ""][n % 2]);
        let other = bench.connect_persistent(&format!("c{}", n % 50), true);
        match n % 3 {
            0 => other.lose(),
            1 => drop(other.ack_all()),
            _ => {
                other.ack_all();
                other.subscribe(&format!("t/{n}"), 1);
            }
        }
    }
    assert!(bench.trimmed() > 3, "{}", bench.trimmed());
}
