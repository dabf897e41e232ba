//! MQTT 5.0: the session and its expiry (sections 3.1.2.4, 3.1.2.11.2 and 4.1).

use surewire_engine::notice::{CloseReason, Notice, SessionEnd};
use surewire_engine::packet::{Connect, ReasonCode, SubscribeOptions};
use surewire_engine::violation::Violation;

use crate::support::{Bench, NEVER, SECOND, connect5, connect5_with, options, resume5};

fn ends(bench: &Bench) -> Vec<SessionEnd> {
    let end = |notice| match notice {
        Notice::SessionEnded { why, .. } => Some(why),
        _ => None,
    };
    bench.notices().into_iter().filter_map(end).collect()
}

// conformance: v5 MQTT-3.1.2-23, v5 MQTT-4.1.0-1, v5 MQTT-4.1.0-2
#[test]
fn a_session_lives_as_long_as_its_expiry_says_and_no_longer() {
    let bench = Bench::new();
    let client = bench.resume5("c", 10, false);
    client.subscribe("t", 1);
    client.lose();
    bench.advance(9 * SECOND);
    let client = bench.resume5("c", 10, true);
    client.disconnect();
    bench.advance(10 * SECOND);
    assert_eq!(ends(&bench), [SessionEnd::Expired]);
    bench.resume5("c", 10, false);
}

#[test]
fn a_session_without_expiry_ends_with_its_connection() {
    let bench = Bench::new();
    for connect in [resume5("c", 0), Connect { clean_start: false, ..connect5("c") }] {
        let client = bench.open(connect);
        client.expect_connack(false);
        client.subscribe("t", 1);
        client.lose();
        assert_eq!(ends(&bench), [SessionEnd::WithConnection]);
        assert!(bench.records().is_empty(), "nothing of it is stored");
    }
}

#[test]
fn a_kept_session_that_is_taken_up_without_expiry_ends_with_that_connection() {
    let bench = Bench::new();
    let client = bench.resume5("c", 100, false);
    client.subscribe("t", 1);
    client.lose();
    let client = bench.resume5("c", 0, true);
    bench.connect("p").publish("t", 1, "x");
    assert_eq!(client.messages(), ["t=x q1"]);
    client.lose();
    bench.resume5("c", 100, false);
    bench.crash(SECOND);
    assert_eq!(bench.sizes().sessions, 1, "the new one");
}

#[test]
fn a_crash_ends_a_session_that_was_to_end_with_its_connection() {
    let bench = Bench::new();
    bench.resume5("c", 100, false).lose();
    bench.resume5("c", 0, true);
    bench.crash(60 * SECOND);
    assert_eq!(bench.sizes().sessions, 0);
}

#[test]
fn never_is_never() {
    let bench = Bench::new();
    bench.resume5("c", NEVER, false).lose();
    bench.advance(50 * 365 * 86_400 * SECOND);
    bench.resume5("c", NEVER, true);
}

// conformance: v5 MQTT-3.1.2-4, v5 MQTT-3.1.4-4
#[test]
fn clean_start_discards_a_session_that_would_have_lived_on() {
    let bench = Bench::new();
    let client = bench.resume5("c", NEVER, false);
    client.subscribe("t", 1);
    client.lose();
    bench.connect("p").publish("t", 1, "x");
    let kept = |set: &mut surewire_engine::packet::PropertySet| {
        set.session_expiry_interval = Some(NEVER);
    };
    let client = bench.open(connect5_with("c", kept));
    client.expect_connack(false);
    assert_eq!(client.take(), []);
    // The new one is kept as it asked.
    client.subscribe("u", 1);
    client.lose();
    bench.connect("p").publish("u", 1, "y");
    assert_eq!(bench.resume5("c", NEVER, true).messages(), ["u=y q1"]);
}

#[test]
fn the_cap_holds_and_is_told() {
    let config = surewire_engine::config::Config {
        max_session_expiry_interval: Some(60),
        ..surewire_engine::config::Config::default()
    };
    let bench = Bench::with(config);
    let told = |asked| {
        let client = bench.open(resume5("c", asked));
        let told = client.connack().properties.get().session_expiry_interval;
        client.lose();
        told
    };
    assert_eq!(told(59), None);
    assert_eq!(told(60), None);
    assert_eq!(told(61), Some(60));
    assert_eq!(told(NEVER), Some(60));
    bench.advance(60 * SECOND);
    assert_eq!(bench.sizes().sessions, 0);
}

#[test]
fn disconnect_changes_the_expiry_both_ways() {
    let bench = Bench::new();
    for (asked, left) in [(5, 5), (500, 500), (0, 0)] {
        let client = bench.resume5("c", 60, false);
        client.disconnect5(0, |set| set.session_expiry_interval = Some(asked));
        assert_eq!(client.closed(), Some(CloseReason::ByClient(ReasonCode::Success)));
        if left > 0 {
            bench.advance((left - 1) * SECOND);
            assert_eq!(bench.sizes().sessions, 1, "{asked}");
            bench.crash(SECOND);
        }
        bench.advance(SECOND);
        assert_eq!(bench.sizes().sessions, 0, "{asked}");
    }
}

// trap: Session Expiry raised from 0 in DISCONNECT is refused
#[test]
fn session_expiry_raised_from_0_in_disconnect_is_refused() {
    let bench = Bench::new();
    let watcher = bench.connect("w");
    watcher.subscribe("gone", 0);
    let connect = Connect { will: crate::support::will("gone", "c", 0, false), ..connect5("c") };
    let client = bench.open(connect);
    client.expect_connack(false);
    client.disconnect5(0, |set| set.session_expiry_interval = Some(1));
    let told = client.expect_disconnect(0x82);
    assert!(told.properties.get().reason_string.is_some());
    assert_eq!(client.closed(), Some(CloseReason::Violation(Violation::SessionExpiryRaised)));
    // It was no valid DISCONNECT, so the Will is published.
    assert_eq!(watcher.messages(), ["gone=c q0"]);
    assert_eq!(bench.sizes().sessions, 1, "the watcher's");
}

#[test]
fn sessions_pass_between_versions() {
    let bench = Bench::new();
    let client = bench.connect_persistent("c", false);
    client.subscribe("t", 1);
    client.lose();
    let client = bench.resume5("c", 100, true);
    assert_eq!(client.subscribe5("u", options(1), Some(9)), ReasonCode::GrantedQoS1);
    client.lose();
    let publisher = bench.connect5("p");
    publisher.publish5("u", 1, "x", |set| {
        set.user_properties.push(("k".into(), "v".into()));
        set.message_expiry_interval = Some(60);
    });
    let client = bench.connect_persistent("c", true);
    let delivery = client.delivery();
    assert!(delivery.properties.is_empty(), "{delivery:?}");
}

#[test]
fn a_session_that_is_overdue_is_gone_though_its_timer_has_not_gone_off() {
    let bench = Bench::new();
    let client = bench.resume5("c", 10, false);
    client.subscribe("t", 1);
    client.lose();
    bench.stall(11 * SECOND);
    bench.resume5("c", 10, false);
}

#[test]
fn what_was_set_to_a_time_is_forgotten_with_its_reason() {
    let bench = Bench::new();
    for _ in 0..3 {
        let will = crate::support::will5("gone", "c", NEVER);
        let client = bench.open(Connect { will, ..resume5("c", NEVER) });
        client.take();
        client.lose();
    }
    bench.resume5("c", NEVER, true).disconnect5(0, |set| set.session_expiry_interval = Some(0));
    assert_eq!(bench.next_timeout(), None, "the Wills'");
    let client = bench.open(connect5_with("d", |set| set.receive_maximum = Some(1)));
    client.take();
    client.subscribe("t", 1);
    for _ in 0..2 {
        client.publish5("t", 1, "x", |set| set.message_expiry_interval = Some(NEVER));
    }
    client.lose();
    assert_eq!(bench.next_timeout(), None, "the messages'");
    let member = bench.resume5("e", NEVER, false);
    member.subscribe("$share/g/u", 1);
    member.lose();
    bench.connect5("p").publish5("u", 1, "x", |set| set.message_expiry_interval = Some(60));
    assert_ne!(bench.next_timeout(), None);
    bench.resume5("e", NEVER, true).lose();
    bench.open(connect5("e"));
    assert_eq!(bench.next_timeout(), None, "the share group's");
}

// conformance: v5 MQTT-3.3.1-13
#[test]
fn retain_as_published_holds_after_a_restart() {
    let bench = Bench::new();
    let client = bench.resume5("c", NEVER, false);
    let keeps = SubscribeOptions { retain_as_published: true, ..options(1) };
    client.subscribe5("t", keeps, None);
    client.lose();
    bench.crash(SECOND);
    bench.connect("p").retain("t", 1, "x");
    assert_eq!(bench.resume5("c", NEVER, true).messages(), ["t=x q1 retain"]);
}
