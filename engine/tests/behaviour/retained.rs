//! Retained messages: MQTT 3.1.1 section 3.3.1.3, docs/contract.md section 8.

use crate::support::{Bench, Client, puback};
use surewire_engine::config::Config;
use surewire_engine::notice::{DropReason, Notice, PublishRefusal};

fn subscriber(bench: &Bench, filter: &str, qos: u8) -> Client {
    let client = bench.connect("subscriber");
    client.subscribe(filter, qos);
    client
}

// conformance: v3.1.1 MQTT-3.3.1-5, v3.1.1 MQTT-3.3.1-8
#[test]
fn a_later_subscriber_gets_the_message_at_the_lower_qos_with_retain_1() {
    for published in 0..=2 {
        for granted in 0..=2 {
            let bench = Bench::new();
            bench.connect("publisher").retain("t", published, "x");
            let expected = format!("t=x q{} retain", published.min(granted));
            assert_eq!(subscriber(&bench, "t", granted).ack_all(), [expected]);
        }
    }
}

// conformance: v3.1.1 MQTT-3.3.1-6, v3.1.1 MQTT-3.3.1-8
#[test]
fn a_new_subscription_gets_the_last_message_of_each_matching_topic() {
    let bench = Bench::new();
    let publisher = bench.connect("publisher");
    for (topic, payload) in [("a/1", "old"), ("a/1", "new"), ("a/2", "x"), ("a", "y"), ("b", "z")] {
        publisher.retain(topic, 1, payload);
    }
    let mut messages = subscriber(&bench, "a/#", 1).ack_all();
    messages.sort();
    assert_eq!(messages, ["a/1=new q1 retain", "a/2=x q1 retain", "a=y q1 retain"]);
}

// conformance: v3.1.1 MQTT-3.3.1-6
#[test]
fn more_retained_messages_than_the_window_holds_all_arrive() {
    let bench = Bench::new();
    let publisher = bench.connect("publisher");
    for n in 0..1_000 {
        publisher.retain(&format!("t/{n:04}"), 1, "x");
    }
    let subscriber = subscriber(&bench, "t/+", 1);
    let first = subscriber.take();
    assert_eq!(first.len(), 20, "as many as the window holds");
    for id in crate::support::ids(&first) {
        subscriber.send(puback(id));
    }
    assert_eq!(subscriber.ack_all().len(), 980);
}

// conformance: v3.1.1 MQTT-3.3.1-6
#[test]
fn retained_messages_that_the_connection_cannot_take_yet_all_arrive() {
    for qos in 0..=2 {
        let config =
            Config { max_unsent_bytes: 100, max_inflight_messages: 100, ..Config::default() };
        let bench = Bench::with(config);
        let publisher = bench.connect("publisher");
        for n in 0..60 {
            publisher.retain(&format!("t/{n:02}"), 2, &"x".repeat(60));
        }
        let subscriber = bench.connect("subscriber");
        subscriber.stuck(true);
        subscriber.subscribe("t/+", qos);
        bench.settle();
        subscriber.stuck(false);
        assert_eq!(subscriber.ack_all().len(), 60);
        assert_eq!(drops(&bench), []);
    }
}

fn drops(bench: &Bench) -> Vec<DropReason> {
    let why = |notice: Notice| match notice {
        Notice::Dropped { why, .. } => Some(why),
        _ => None,
    };
    bench.notices().into_iter().filter_map(why).collect()
}

// conformance: v3.1.1 MQTT-3.3.1-7
#[test]
fn qos_0_displaces_what_was_retained_at_another_qos() {
    let bench = Bench::new();
    let publisher = bench.connect("publisher");
    publisher.retain("t", 2, "old");
    publisher.retain("t", 0, "new");
    assert_eq!(bench.retained("t"), ["t=new q0 retain"]);
    publisher.retain("t", 1, "newer");
    assert_eq!(bench.retained("t"), ["t=newer q1 retain"]);
}

// conformance: v3.1.1 MQTT-3.3.1-9
#[test]
fn an_established_subscription_gets_retain_0() {
    for qos in 0..=2 {
        let bench = Bench::new();
        let subscriber = subscriber(&bench, "t", 2);
        bench.connect("publisher").retain("t", qos, "x");
        assert_eq!(subscriber.messages(), [format!("t=x q{qos}")]);
    }
}

// conformance: v3.1.1 MQTT-3.3.1-9
#[test]
fn an_offline_subscription_gets_retain_0() {
    let bench = Bench::new();
    let away = bench.connect_persistent("away", false);
    away.subscribe("t", 1);
    away.disconnect();
    bench.connect("publisher").retain("t", 1, "x");
    assert_eq!(bench.connect_persistent("away", true).messages(), ["t=x q1"]);
}

// conformance: v3.1.1 MQTT-3.3.1-10, v3.1.1 MQTT-3.3.1-11
#[test]
fn an_empty_retained_message_is_delivered_with_retain_0_and_clears() {
    for qos in 0..=2 {
        let bench = Bench::new();
        let publisher = bench.connect("publisher");
        publisher.retain("t", 2, "x");
        let subscriber = subscriber(&bench, "t", 2);
        assert_eq!(subscriber.ack_all(), ["t=x q2 retain"]);
        publisher.retain("t", qos, "");
        assert_eq!(subscriber.ack_all(), [format!("t= q{qos}")]);
        assert_eq!(bench.retained("#"), [""; 0]);
    }
}

// conformance: v3.1.1 MQTT-3.3.1-11
#[test]
fn an_empty_message_is_not_retained_where_nothing_was() {
    let bench = Bench::new();
    bench.connect("publisher").retain("t", 1, "");
    assert_eq!(bench.sizes().retained, 0);
    assert_eq!(bench.retained("#"), [""; 0]);
}

// conformance: v3.1.1 MQTT-3.3.1-12
#[test]
fn retain_0_neither_stores_nor_replaces_nor_clears() {
    let bench = Bench::new();
    let publisher = bench.connect("publisher");
    publisher.retain("kept", 1, "A");
    for payload in ["B", ""] {
        publisher.publish("kept", 1, payload);
        publisher.publish("other", 1, payload);
    }
    assert_eq!(bench.retained("#"), ["kept=A q1 retain"]);
}

// conformance: v3.1.1 MQTT-3.1.2-7, v3.1.1 MQTT-4.1.0-1
#[test]
fn retained_messages_outlive_every_session() {
    let bench = Bench::new();
    let clean = bench.connect("clean");
    clean.retain("by/clean", 1, "x");
    clean.disconnect();
    let persistent = bench.connect_persistent("persistent", false);
    persistent.retain("by/persistent", 1, "x");
    bench.connect("persistent").disconnect();
    assert_eq!(bench.sizes().sessions, 0);
    assert_eq!(bench.retained("#"), ["by/clean=x q1 retain", "by/persistent=x q1 retain"]);
}

// Each filter of a SUBSCRIBE brings its own retained messages, after the SUBACK.
#[test]
fn overlapping_filters_bring_a_retained_message_each() {
    let bench = Bench::new();
    bench.connect("publisher").retain("a/b", 0, "x");
    let subscriber = bench.connect("subscriber");
    assert_eq!(subscriber.subscribe_many(&[("a/b", 0), ("a/#", 0)]), [0, 0]);
    bench.settle();
    assert_eq!(subscriber.messages(), ["a/b=x q0 retain"; 2]);
}

// Retained messages are for each subscriber; a share group gets none (MQTT 5.0 section 4.8.2).
#[test]
fn a_share_group_gets_no_retained_messages() {
    let bench = Bench::new();
    bench.connect("publisher").retain("t", 1, "x");
    let member = subscriber(&bench, "$share/g/t", 1);
    bench.settle();
    member.ping();
}

// A session's walk over the retained messages goes on where it was when its client returns.
#[test]
fn a_replay_goes_on_after_a_resume() {
    let bench = Bench::new();
    let publisher = bench.connect("publisher");
    for n in 0..50 {
        publisher.retain(&format!("t/{n:02}"), 1, "x");
    }
    let client = bench.connect_persistent("client", false);
    client.subscribe("t/+", 1);
    assert_eq!(client.messages().len(), 20);
    client.lose();
    let back = bench.connect_persistent("client", true);
    let messages = back.ack_all();
    assert_eq!(messages.iter().filter(|m| m.ends_with("dup retain")).count(), 20);
    assert_eq!(messages.len(), 50);
}

// Contract section 8: over the limits it is delivered, not stored, and told.
#[test]
fn over_the_limit_a_message_is_delivered_but_not_retained() {
    let bench = Bench::with(Config { max_retained_messages: 1, ..Config::default() });
    let publisher = bench.connect("publisher");
    publisher.retain("first", 1, "x");
    let watcher = bench.connect("watcher");
    watcher.subscribe("second", 1);
    bench.notices();
    publisher.retain("second", 1, "x");
    assert_eq!(watcher.messages(), ["second=x q1"]);
    assert_eq!(not_retained(&bench), ["second"]);
    assert_eq!(bench.retained("#"), ["first=x q1 retain"]);
    publisher.retain("first", 1, "y");
    assert_eq!(bench.retained("#"), ["first=y q1 retain"], "what is there can be replaced");
}

fn not_retained(bench: &Bench) -> Vec<String> {
    let topic = |notice: Notice| match notice {
        Notice::NotRetained { topic, why: PublishRefusal::RetainedLimit } => {
            Some(topic.to_string())
        }
        _ => None,
    };
    bench.notices().into_iter().filter_map(topic).collect()
}

// conformance: v3.1.1 MQTT-3.3.1-7
#[test]
fn a_message_too_large_to_retain_displaces_the_old_one_all_the_same() {
    for qos in 0..=2 {
        let bench = Bench::with(Config { max_retained_bytes: 100, ..Config::default() });
        let publisher = bench.connect("publisher");
        publisher.retain("t", 1, "old");
        bench.notices();
        publisher.retain("t", qos, &"x".repeat(100));
        assert_eq!(not_retained(&bench), ["t"]);
        assert_eq!(bench.retained("t"), [""; 0], "never the old one again");
    }
}
