//! MQTT 5.0: Wills over the end of the broker itself (docs/contract.md section 7).

use std::time::Duration;

use crate::support::{Bench, Client, NEVER, SECOND, connect5, resume5, will5};
use surewire_engine::packet::{Connect, PropertySet, QoS};

const LONG: Duration = Duration::from_secs(5_000);

/// A broker, with a session that keeps what is published to `will`.
fn broker() -> Bench {
    let bench = Bench::new();
    let reader = bench.resume5("r", NEVER, false);
    reader.subscribe("will", 1);
    reader.disconnect();
    bench
}

/// A client whose session lives so long and whose Will waits so long, accepted.
fn mortal(bench: &Bench, expiry: u32, delay: u32) -> Client {
    let client = bench.open(Connect { will: will5("will", "gone", delay), ..resume5("c", expiry) });
    client.expect_connack(false);
    client
}

/// What has been published by now.
fn published(bench: &Bench) -> Vec<String> {
    let reader = bench.resume5("r", NEVER, true);
    let seen = reader.ack_all();
    reader.disconnect();
    seen
}

#[track_caller]
fn assert_comes_in(bench: &Bench, seconds: u32) {
    if let Some(before) = seconds.checked_sub(1) {
        bench.advance(before * SECOND);
        assert_eq!(published(bench), [""; 0], "too early");
        bench.advance(SECOND);
    }
    assert_eq!(published(bench), ["will=gone q1"]);
    bench.advance(LONG);
    bench.crash(SECOND);
    bench.advance(LONG);
    assert_eq!(published(bench), [""; 0], "once");
}

#[track_caller]
fn assert_never_comes(bench: &Bench) {
    bench.advance(LONG);
    bench.crash(SECOND);
    bench.advance(LONG);
    assert_eq!(published(bench), [""; 0]);
}

// conformance: v5 MQTT-3.1.2-8
#[test]
fn a_crash_is_a_loss_and_the_delay_counts_from_the_restart() {
    for (expiry, delay, seconds) in [(NEVER, 0, 0), (NEVER, 5, 5), (3_600, 100, 100)] {
        let bench = broker();
        mortal(&bench, expiry, delay);
        bench.crash(20 * SECOND);
        assert_comes_in(&bench, seconds);
    }
}

// conformance: v5 MQTT-3.1.2-8
#[test]
fn a_session_that_ended_with_the_broker_or_while_it_was_down_brings_its_will_at_once() {
    for (expiry, delay) in [(0, 0), (0, 600), (10, 600), (10, 0)] {
        let bench = broker();
        mortal(&bench, expiry, delay);
        // Up to half a minute nobody knows when the broker ended.
        bench.crash(41 * SECOND);
        assert_comes_in(&bench, 0);
    }
}

// conformance: v5 MQTT-3.1.3-9
#[test]
fn who_is_back_soon_after_a_crash_cancels_the_will() {
    let bench = broker();
    mortal(&bench, 3_600, 10);
    bench.crash(20 * SECOND);
    bench.advance(9 * SECOND);
    bench.resume5("c", 3_600, true);
    assert_never_comes(&bench);
}

// conformance: v5 MQTT-3.1.3-9
#[test]
fn who_is_back_before_the_broker_has_seen_to_it_cancels_the_will() {
    let bench = broker();
    mortal(&bench, 3_600, 10);
    bench.crash_unsettled(SECOND);
    bench.resume5("c", 3_600, true);
    assert_never_comes(&bench);
}

// The time that the broker was down was not the client's to use: it gets at least half a minute.
// conformance: v5 MQTT-3.1.2-8
#[test]
fn a_will_that_waited_waits_on_after_a_crash() {
    for (delay, seconds) in [(10, 30), (60, 60)] {
        let bench = broker();
        mortal(&bench, 3_600, delay).lose();
        bench.advance(5 * SECOND);
        bench.crash(20 * SECOND);
        assert_comes_in(&bench, seconds);
    }
}

// conformance: v5 MQTT-3.1.2-8
#[test]
fn a_will_that_waited_comes_with_the_end_of_its_session_after_a_crash() {
    let bench = broker();
    mortal(&bench, 40, 3_600).lose();
    bench.advance(5 * SECOND);
    bench.crash(20 * SECOND);
    assert_comes_in(&bench, 15);
}

// conformance: v5 MQTT-3.1.2-8, v5 MQTT-3.1.2-10
#[test]
fn a_will_that_was_published_or_cancelled_stays_so_after_a_crash() {
    let bench = broker();
    mortal(&bench, 3_600, 1).lose();
    bench.advance(SECOND);
    assert_eq!(published(&bench), ["will=gone q1"]);
    bench.resume5("c", 3_600, true);
    bench.crash(SECOND);
    assert_never_comes(&bench);
}

// contract: section 7, a stop is no fault of the client
// conformance: v5 MQTT-3.1.2-8
#[test]
fn a_stop_keeps_the_will_of_a_session_that_goes_on() {
    for (delay, seconds) in [(0, 30), (10, 30), (31, 31), (600, 600)] {
        for returns in [true, false] {
            let bench = broker();
            let client = mortal(&bench, 3_600, delay);
            bench.stop();
            client.expect_disconnect(0x8B);
            bench.crash(100 * SECOND);
            if returns {
                bench.advance((seconds - 1) * SECOND);
                bench.resume5("c", 3_600, true);
                assert_never_comes(&bench);
            } else {
                assert_comes_in(&bench, seconds);
            }
        }
    }
}

// contract: section 7, a session that ends with the stop brings its Will during the stop
// conformance: v5 MQTT-3.1.2-8
#[test]
fn a_stop_publishes_the_will_of_a_session_that_ends() {
    for delay in [0, 600] {
        let bench = broker();
        let with_will = Connect { will: will5("will", "gone", delay), ..connect5("c") };
        bench.open(with_will).expect_connack(false);
        bench.stop();
        bench.crash(Duration::ZERO);
        assert_comes_in(&bench, 0);
    }
}

// conformance: v5 MQTT-3.1.2-8
#[test]
fn a_session_that_expires_soon_after_a_stop_brings_its_will_then() {
    let bench = broker();
    let client = mortal(&bench, 12, 600);
    bench.stop();
    client.expect_disconnect(0x8B);
    bench.crash(5 * SECOND);
    assert_comes_in(&bench, 7);
}

// conformance: v5 MQTT-3.1.3-10, v5 MQTT-3.1.2-15
#[test]
fn a_will_has_its_properties_after_a_restart() {
    let bench = Bench::new();
    let mut connect = Connect { will: will5("will", "gone", 5), ..resume5("c", NEVER) };
    let will = connect.will.as_mut().unwrap();
    (will.retain, will.qos) = (true, QoS::ExactlyOnce);
    let fill = |set: &mut PropertySet| {
        set.message_expiry_interval = Some(100);
        set.content_type = Some("text/plain".into());
        for (name, value) in [("b", "1"), ("a", "2"), ("b", "3")] {
            set.user_properties.push((name.into(), value.into()));
        }
    };
    will.properties.edit(fill);
    bench.open(connect).expect_connack(false);
    bench.clean();
    bench.crash(50 * SECOND);
    bench.advance(5 * SECOND);
    let later = bench.connect5("later");
    later.subscribe("will", 2);
    let delivery = later.delivery();
    let mut expected = PropertySet::default();
    fill(&mut expected);
    assert!(delivery.retain);
    assert_eq!((delivery.qos, delivery.properties.get()), (QoS::ExactlyOnce, &expected));
}
