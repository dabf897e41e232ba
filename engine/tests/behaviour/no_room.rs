//! A log that takes no more: what would store something new is refused, everything else goes on.

use crate::support::requests::{clear, client_id, publish, subscribe, unsubscribe};
use crate::support::{Bench, SECOND, connect, puback, pubrec, pubrel, will};
use surewire_engine::answer::{Answer, Obstacle, Outcome};
use surewire_engine::event::{Event, Storage};
use surewire_engine::log::record::Retained;
use surewire_engine::notice::{CloseReason, Notice, PublishRefusal, Refusal, SubscribeRefusal};
use surewire_engine::packet::{Connect, QoS, Version};
use surewire_engine::request::Command;

const NOTHING: [&str; 0] = [];

const VERSIONS: [Version; 2] = [Version::V3_1, Version::V3_1_1];

fn of_version(version: Version, id: &str) -> Connect {
    Connect { version, ..connect(id) }
}

fn persistent(version: Version, id: &str) -> Connect {
    Connect { clean_start: false, ..of_version(version, id) }
}

fn full(bench: &Bench) {
    bench.event(Event::Storage(Storage::Full));
    bench.notices();
    bench.records();
}

fn refusals(bench: &Bench) -> Vec<PublishRefusal> {
    let why = |notice| match notice {
        Notice::PublishRefused { why, .. } => Some(why),
        _ => None,
    };
    bench.notices().into_iter().filter_map(why).collect()
}

#[test]
fn it_is_told_once_and_so_is_its_end() {
    let bench = Bench::new();
    for storage in [Storage::Takes, Storage::Full, Storage::Full, Storage::Behind, Storage::Takes] {
        bench.event(Event::Storage(storage));
    }
    let told = [Storage::Full, Storage::Behind, Storage::Takes].map(Notice::Storage);
    assert_eq!(bench.notices(), told);
    assert_eq!(bench.records(), []);
}

// conformance: v3.1.1 MQTT-3.3.5-2
#[test]
fn a_publish_of_qos_1_or_2_ends_the_connection_and_is_sent_again_later() {
    for version in VERSIONS {
        for (storage, qos) in [(Storage::Full, 1), (Storage::Full, 2), (Storage::Behind, 1)] {
            let bench = Bench::new();
            let receiver = bench.connect_persistent("r", false);
            receiver.subscribe("t", 2);
            let publisher = bench.open(persistent(version, "p"));
            publisher.expect_connack(false);
            bench.event(Event::Storage(storage));
            bench.notices();
            bench.records();
            publisher.publish_as("t", qos, false, "x", 7, false);
            publisher.expect_silent_close();
            assert_eq!(publisher.closed(), Some(CloseReason::StorageFull));
            assert_eq!(refusals(&bench), [PublishRefusal::StorageFull]);
            assert_eq!(receiver.seen(), NOTHING, "not routed");
            assert_eq!(bench.counters().publish_refused, 1);

            let again = bench.open(persistent(version, "p"));
            again.expect_connack(version == Version::V3_1_1);
            bench.event(Event::Storage(Storage::Takes));
            again.publish_as("t", qos, false, "x", 7, true);
            let answer = if qos == 1 { puback(7) } else { pubrec(7) };
            assert_eq!(again.take(), [answer]);
            assert_eq!(receiver.ack_all(), [format!("t=x q{qos}")]);
        }
    }
}

#[test]
fn a_retained_message_of_qos_0_is_dropped_with_a_notice() {
    for version in VERSIONS {
        let bench = Bench::new();
        let listener = bench.connect("l");
        listener.subscribe("t", 0);
        let publisher = bench.open(of_version(version, "p"));
        publisher.expect_connack(false);
        full(&bench);
        publisher.retain("t", 0, "x");
        assert_eq!(refusals(&bench), [PublishRefusal::StorageFull]);
        publisher.ping();
        assert_eq!(listener.messages(), NOTHING);
        assert_eq!((bench.sizes().retained, bench.records()), (0, vec![]));
    }
}

#[test]
fn a_message_of_qos_0_goes_on() {
    let bench = Bench::new();
    let (a, b) = (bench.connect("a"), bench.connect_persistent("b", false));
    a.subscribe("t", 2);
    b.subscribe("t", 2);
    full(&bench);
    a.publish("t", 0, "x");
    assert_eq!(a.messages(), ["t=x q0"]);
    assert_eq!(b.messages(), ["t=x q0"]);
    assert_eq!((bench.notices(), bench.records()), (vec![], vec![]));
}

#[test]
fn a_retained_message_can_be_deleted_at_any_qos() {
    for qos in 0..3 {
        let bench = Bench::new();
        let client = bench.connect("c");
        client.retain("t", 0, "x");
        full(&bench);
        let id = client.retain("t", qos, "");
        match qos {
            1 => assert_eq!(client.take(), [puback(id)]),
            2 => assert_eq!(client.take(), [pubrec(id)]),
            _ => {}
        }
        client.ping();
        assert_eq!(bench.sizes().retained, 0);
        assert_eq!(bench.records().len(), 1, "it is stored that it is gone");
    }
}

#[test]
fn a_topic_that_is_refused_anyway_is_acknowledged_as_ever() {
    let bench = Bench::new();
    let client = bench.connect("c");
    full(&bench);
    let id = client.publish("$x", 1, "x");
    assert_eq!(client.take(), [puback(id)]);
    assert_eq!(refusals(&bench), [PublishRefusal::DollarTopic]);
}

#[test]
fn exchanges_that_began_go_on_to_their_end() {
    let bench = Bench::new();
    let client = bench.connect_persistent("c", false);
    client.subscribe("t", 2);
    client.publish_as("t", 2, false, "x", 7, false);
    client.take();
    full(&bench);
    client.publish_as("t", 2, false, "x", 7, true);
    assert_eq!(client.seen(), ["pubrec 7"], "it has it already");
    client.send(pubrel(7));
    assert_eq!(client.seen(), ["pubcomp 7"]);
    client.send(pubrec(1));
    assert_eq!(client.seen(), ["pubrel 1"]);
    assert_eq!(bench.records().len(), 2);
}

// conformance: v3.1.1 MQTT-3.2.2-5
#[test]
fn a_connect_that_would_store_something_new_is_refused() {
    for version in VERSIONS {
        let bench = Bench::new();
        full(&bench);
        let with_will = Connect { will: will("w", "x", 0, false), ..of_version(version, "w") };
        for refused in [persistent(version, "new"), with_will] {
            let client = bench.open(refused);
            assert_eq!(client.bytes(), [0x20, 2, 0, 3], "server unavailable");
            assert_eq!(client.closed(), Some(CloseReason::Refused));
        }
        let notices = bench.notices();
        let why =
            |notice: &Notice| matches!(notice, Notice::Refused { why: Refusal::StorageFull, .. });
        assert!(notices.len() == 2 && notices.iter().all(why), "{notices:?}");
        assert_eq!((bench.sizes().sessions, bench.records()), (0, vec![]));
        bench.event(Event::Storage(Storage::Takes));
        bench.open(persistent(version, "new")).expect_connack(false);
    }
}

#[test]
fn a_session_without_a_will_is_resumed_and_a_clean_one_comes_and_goes() {
    for version in VERSIONS {
        let bench = Bench::new();
        let client = bench.open(persistent(version, "c"));
        client.expect_connack(false);
        client.subscribe("t", 1);
        client.publish("t", 1, "x");
        client.lose();
        full(&bench);
        let with_will = Connect { will: will("w", "x", 0, false), ..persistent(version, "c") };
        assert!(!bench.open(with_will).is_open(), "a Will is stored");
        let client = bench.open(persistent(version, "c"));
        client.expect_connack(version == Version::V3_1_1);
        assert_eq!(client.ack_all(), ["t=x q1 dup"]);
        let clean = bench.open(of_version(version, "c"));
        clean.expect_connack(false);
        clean.disconnect();
        assert_eq!(bench.sizes().sessions, 0, "the session that was stored is gone");
        // Of a session that is not stored there is nothing to come back to.
        bench.open(of_version(version, "c")).expect_connack(false);
        assert!(!bench.open(persistent(version, "c")).is_open());
    }
}

// conformance: v3.1.1 MQTT-3.9.3-2
#[test]
fn sessions_that_are_stored_may_only_renew_subscriptions() {
    for version in VERSIONS {
        let bench = Bench::new();
        let stored = bench.open(persistent(version, "s"));
        stored.expect_connack(false);
        stored.subscribe("old", 1);
        let passing = bench.open(of_version(version, "p"));
        passing.expect_connack(false);
        full(&bench);
        assert_eq!(stored.subscribe_many(&[("t", 1), ("old", 2)]), [0x80, 2]);
        let refused = Notice::SubscribeRefused {
            client: client_id("s"),
            filter: "t".into(),
            why: SubscribeRefusal::StorageFull,
        };
        assert_eq!(bench.notices(), [refused]);
        assert!(!bench.records().is_empty(), "with another QoS");
        passing.subscribe("t", 1);
        assert_eq!(bench.records(), []);
        stored.unsubscribe(&["old"]);
        assert_eq!((bench.records().len(), bench.sizes().subscriptions), (1, 1));
    }
}

#[test]
fn a_will_is_a_promise_made_earlier() {
    let bench = Bench::new();
    let mortal = bench.open(Connect { will: will("w", "gone", 1, true), ..connect("m") });
    mortal.expect_connack(false);
    full(&bench);
    mortal.lose();
    bench.event(Event::Storage(Storage::Takes));
    assert_eq!(bench.retained("#"), ["w=gone q1 retain"]);
}

#[test]
fn sessions_end_and_expire() {
    let config = surewire_engine::config::Config {
        session_expiry_interval: Some(10 * SECOND),
        ..surewire_engine::config::Config::default()
    };
    let bench = Bench::with(config);
    let client = bench.connect_persistent("c", false);
    full(&bench);
    client.lose();
    bench.advance(11 * SECOND);
    assert_eq!(bench.sizes().sessions, 0);
    assert_eq!(bench.records().len(), 2, "it left, and it ended");
}

#[test]
fn cleaning_goes_on() {
    let bench = Bench::new();
    let client = bench.connect_persistent("c", false);
    client.subscribe("t", 1);
    client.retain("r", 1, "x");
    full(&bench);
    bench.clean();
    assert!(!bench.records().is_empty());
    client.retain("r", 1, "");
    bench.clean();
    assert_eq!(bench.trimmed(), 2);
}

#[test]
fn orders_that_would_store_are_refused_and_those_that_delete_are_not() {
    let bench = Bench::new();
    let stored = bench.connect_persistent("s", false);
    stored.subscribe("old", 1);
    let passing = bench.connect("p");
    for topic in ["r/1", "r/2"] {
        passing.retain(topic, 0, "x");
    }
    bench.command(subscribe("awaited", "t", 1));
    full(&bench);
    let refused = Answer::PublishRefused(PublishRefusal::StorageFull);
    for (qos, retain) in [(0, true), (1, false), (2, true)] {
        assert_eq!(bench.command(publish("t", qos, retain, "x")), refused);
    }
    let refused = Answer::SubscribeRefused(SubscribeRefusal::StorageFull);
    assert_eq!(bench.command(subscribe("s", "t", 0)), refused);
    assert_eq!(bench.command(subscribe("nobody", "t", 0)), refused);
    assert_eq!((bench.records(), bench.counters().publish_refused), (vec![], 3));

    let retained = Retained::Untouched;
    let routed = Answer::Published { receivers: 0, retained };
    assert_eq!(bench.command(publish("t", 0, false, "x")), routed);
    assert_eq!(bench.command(subscribe("p", "t", 1)), Answer::Subscribed);
    let cleared = Answer::Published { receivers: 0, retained: Retained::Cleared };
    assert_eq!(bench.command(publish("r/1", 2, true, "")), cleared);
    assert_eq!(bench.command(clear("r/#")), Answer::RetainedCleared { removed: 1, next: None });
    for (client, filter) in [("s", "old"), ("awaited", "t")] {
        assert_eq!(bench.command(unsubscribe(client, filter)), Answer::Unsubscribed(true));
    }
    let end = Command::EndSession(client_id("s"));
    assert_eq!(bench.command(end), Answer::SessionEnded(true));
    assert_eq!((bench.sizes().retained, bench.sizes().sessions), (0, 1));
}

#[test]
fn explain_names_it() {
    let bench = Bench::new();
    bench.connect("c").subscribe("t", 1);
    full(&bench);
    let stored = bench.explain("c", "t", 1);
    assert_eq!(stored.outcome, Outcome::NotRouted);
    assert_eq!(stored.obstacles, [Obstacle::Refused(PublishRefusal::StorageFull)]);
    assert_eq!(bench.explain("c", "t", 0).outcome, Outcome::Sent(QoS::AtMostOnce));
}
