//! Messages: too many, too often, never answered.

use surewire_engine::config::{Config, ReceiveMaximumPolicy};
use surewire_engine::notice::CloseReason;
use surewire_engine::packet::Packet;

use crate::support::{Bench, NEVER, SECOND, ids, puback, pubrec};

// One identifier again and again, and never a PUBREL: memory elsewhere, and a second delivery.
// `attacks_memory.rs` does it many more times.
#[test]
fn cve_2023_28366_a_repeated_qos_2_message_is_delivered_once() {
    let bench = Bench::new();
    bench.check_every(100);
    let reader = bench.connect("r");
    reader.subscribe("t", 0);
    for version in [4, 5] {
        let writer = if version == 4 { bench.connect("w") } else { bench.connect5("w") };
        for round in 0..1_000 {
            writer.publish_as("t", 2, false, "m", 9, round > 0);
            assert_eq!(writer.take(), [pubrec(9)], "round {round}");
        }
        assert_eq!(reader.messages().len(), 1, "version {version}");
    }
}

// More unanswered messages than allowed.
#[test]
fn who_exceeds_the_receive_maximum_is_disconnected_or_not_read() {
    use ReceiveMaximumPolicy::{Backpressure, ByVersion, Strict};
    for (policy, is_new, strict) in [
        (Strict, false, true),
        (Strict, true, true),
        (Backpressure, false, false),
        (Backpressure, true, false),
        (ByVersion, false, false),
        (ByVersion, true, true),
    ] {
        let config =
            Config { receive_maximum: 3, receive_maximum_policy: policy, ..Config::default() };
        let bench = Bench::with(config);
        let keeper = bench.connect_persistent("keeper", false);
        keeper.subscribe("t", 1);
        keeper.disconnect();
        let writer = if is_new { bench.connect5("w") } else { bench.connect("w") };
        // The store holds the answers back, so that all of them are unanswered.
        bench.hold_store();
        for id in 1..=3 {
            writer.publish_as("t", 1, false, "m", id, false);
        }
        assert!(writer.is_open(), "{policy:?}");
        writer.publish_as("t", 1, false, "m", 4, false);
        if strict {
            assert!(!writer.is_open(), "{policy:?} {is_new}");
            if is_new {
                writer.expect_disconnect(0x93);
            }
        } else {
            assert!(writer.is_open() && writer.is_paused(), "{policy:?} {is_new}");
            bench.release_store();
            assert!(!writer.is_paused(), "{policy:?} {is_new}");
        }
    }
}

#[test]
fn a_topic_alias_that_stands_for_nothing_ends_the_connection() {
    let bench = Bench::with(Config { topic_alias_maximum: 2, ..Config::default() });
    let publish = |alias: u16, topic: &str| {
        let [high, low] = alias.to_be_bytes();
        let topic = crate::support::raw::field(topic);
        crate::support::raw::packet(0x30, &[&topic, &[3, 0x23, high, low], b"x"])
    };
    for (alias, topic, code) in
        [(0, "t", 0x94), (3, "t", 0x94), (65_535, "t", 0x94), (1, "", 0x82), (2, "", 0x82)]
    {
        let client = bench.connect5("c");
        client.raw(&publish(alias, topic));
        client.expect_disconnect(code);
    }
    // What one connection has set means nothing on the next, even of the same session.
    let client = bench.resume5("kept", NEVER, false);
    client.raw(&publish(1, "t"));
    client.raw(&publish(1, ""));
    assert!(client.is_open());
    client.lose();
    let client = bench.resume5("kept", NEVER, true);
    client.raw(&publish(1, ""));
    client.expect_disconnect(0x82);
}

// Identifiers were 0, or used twice in a burst, once they came around.
#[test]
fn identifiers_are_neither_0_nor_in_use_when_they_come_around() {
    let bench = Bench::with(Config { max_inflight_messages: 10, ..Config::default() });
    bench.check_every(5_000);
    let (reader, writer) = (bench.connect("r"), bench.connect("w"));
    reader.subscribe("t", 1);
    // The first one stays in use all the way around.
    writer.publish("t", 1, "kept");
    let kept = *ids(&reader.take()).first().unwrap();
    let mut seen = 0_u32;
    while seen < 70_000 {
        for _ in 0..9 {
            writer.publish("t", 1, "m");
        }
        writer.take();
        // The bench itself fails at an identifier that is in flight already.
        let packets = reader.take();
        for id in ids(&packets) {
            assert!(id != 0 && id != kept, "{id} after {seen}");
            reader.send(puback(id));
            seen += 1;
        }
    }
}

// A `$` topic that crashed a broker, and one by which anybody disconnected anybody.
#[test]
fn cve_2018_12543_nobody_publishes_to_dollar_topics() {
    let bench = Bench::new();
    let watcher = bench.connect("watcher");
    for filter in ["#", "$SYS/#", "$CONTROL/#", "$share/x", "$/#", "$other/#", "+/+"] {
        watcher.subscribe_many(&[(filter, 1)]);
    }
    let topics =
        ["$SYS", "$SYS/broker/x", "$CONTROL/dynamic-security/v1", "$other/a", "$", "$share/g/t"];
    for topic in topics {
        for qos in [0, 1, 2] {
            let old = bench.connect("old");
            old.retain(topic, qos, "x");
            assert!(old.is_open(), "{topic}");
            let new = bench.connect5("new");
            new.retain(topic, qos, "x");
            if qos > 0 {
                assert_eq!(new.ack().1, 0x87, "{topic}");
            }
        }
        // Nor by a Will.
        let connect = surewire_engine::packet::Connect {
            will: crate::support::will(topic, "x", 1, true),
            ..crate::support::connect("mortal")
        };
        bench.open(connect).lose();
    }
    bench.settle();
    assert_eq!(watcher.messages(), [""; 0]);
    assert_eq!(bench.sizes().retained, 0);
}

// Thousands of messages for clients that are away: bounded by number and by bytes, QoS 0 first.
#[test]
fn a_queue_of_an_absent_client_is_bounded_by_messages_and_by_bytes() {
    let config = Config {
        max_msgqueue_messages: Some(50),
        max_queued_bytes: 20_000,
        max_inflight_messages: 1,
        ..Config::default()
    };
    let bench = Bench::with(config);
    bench.check_every(50);
    let reader = bench.connect_persistent("r", false);
    reader.subscribe("t", 1);
    reader.disconnect();
    let writer = bench.connect("w");
    for n in 0..500 {
        writer.publish("t", u8::from(n % 2 == 1), &n.to_string());
        writer.take();
    }
    let reader = bench.connect_persistent("r", true);
    let kept = reader.ack_all();
    assert!(kept.len() <= 51, "{}", kept.len());
    assert!(kept.iter().filter(|message| message.ends_with("q0")).count() <= 1, "{kept:?}");
    assert!(kept.last().unwrap().starts_with("t=499"), "{kept:?}");
    reader.disconnect();
    for n in 0..100 {
        writer.publish("t", 1, &format!("{n}{}", "x".repeat(1_000)));
        writer.take();
    }
    let kept = bench.connect_persistent("r", true).ack_all();
    assert!((5..=20).contains(&kept.len()), "{}", kept.len());
}

// A receiver that stops reading costs what it may, and nobody else anything.
#[test]
fn a_receiver_that_does_not_read_holds_up_nobody() {
    let bench = Bench::with(Config { max_unsent_bytes: 10_000, ..Config::default() });
    bench.check_every(20);
    let (stuck, reader, writer) = (bench.connect("stuck"), bench.connect("r"), bench.connect("w"));
    for client in [&stuck, &reader] {
        client.subscribe("t", 0);
    }
    stuck.stuck(true);
    for n in 0..200 {
        writer.publish("t", 0, &format!("{n:01000}"));
        assert_eq!(reader.messages().len(), 1, "message {n}");
    }
    assert!(stuck.untaken() <= 11_100, "{} bytes", stuck.untaken());
    bench.advance(61 * SECOND);
    writer.publish("t", 0, "more");
    bench.settle();
    assert_eq!(stuck.closed(), Some(CloseReason::Stalled));
    assert!(reader.is_open());
}

// Retained messages without end: refused with a code, and what is there is not sent all at once.
#[test]
fn retained_messages_are_bounded_and_replayed_in_steps() {
    let bench = Bench::with(Config { max_retained_messages: 3_000, ..Config::default() });
    bench.check_every(1_000);
    let writer = bench.connect5("w");
    for n in 0..3_010 {
        writer.retain(&format!("t/{n}"), 1, "m");
        let (_, code, _) = writer.ack();
        assert_eq!(code == 0x97, n >= 3_000, "message {n}: {code:#x}");
    }
    assert_eq!(bench.sizes().retained, 3_000);
    bench.largest_step();
    let reader = bench.connect("r");
    reader.subscribe("#", 0);
    bench.settle();
    assert_eq!(reader.messages().len(), 3_000);
    let largest = bench.largest_step();
    assert!(largest <= 1_000, "{largest} packets in one step");
}

// Who never acknowledges gets a window of messages, and no more.
#[test]
fn a_receiver_that_never_acknowledges_gets_its_window_and_no_more() {
    let bench = Bench::new();
    let (reader, writer) = (bench.connect5("r"), bench.connect("w"));
    reader.subscribe("t", 2);
    for _ in 0..200 {
        writer.publish("t", 1, "m");
        writer.take();
    }
    let sent = reader.take();
    assert_eq!(sent.len(), usize::from(Config::default().max_inflight_messages));
    assert!(sent.iter().all(|packet| matches!(packet, Packet::Publish(_))));
    // Answers to what was never sent change nothing.
    for id in 100..200 {
        reader.send(puback(id));
    }
    assert_eq!(reader.take().iter().filter(|p| matches!(p, Packet::Publish(_))).count(), 0);
}
