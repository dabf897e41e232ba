//! MQTT 5.0: the Will when a client takes its own session over (sections 3.1.3.2.2 and 3.1.4).

use crate::support::{Bench, Client, NEVER, SECOND, connect, connect5, resume5, will, will5};
use surewire_engine::packet::Connect;

const LONG: u32 = 4_000;

fn watched() -> (Bench, Client) {
    let bench = Bench::new();
    let watcher = bench.connect("watcher");
    watcher.subscribe("#", 0);
    (bench, watcher)
}

/// A 5.0 client with this session and a Will with this delay, connected.
fn old5(bench: &Bench, expiry: Option<u32>, delay: Option<u32>) -> Client {
    let connect = match expiry {
        Some(expiry) => resume5("c", expiry),
        None => Connect { clean_start: false, ..connect5("c") },
    };
    let will = match delay {
        Some(delay) => will5("will", "old", delay),
        None => will("will", "old", 1, false),
    };
    let client = bench.open(Connect { will, ..connect });
    client.expect_connack(false);
    client
}

/// Those that may take over: 5.0 and 3.1.1, each with both values of Clean Start.
fn newcomers() -> [Connect; 4] {
    let older = |clean_start| Connect { clean_start, ..connect("c") };
    let newer = |clean_start| Connect { clean_start, ..resume5("c", LONG) };
    [newer(false), newer(true), older(false), older(true)]
}

// trap: the Will on take-over, every delay, Clean Start and expiry, by 5.0 and by 3.1.1
// conformance: v5 MQTT-3.1.2-8, v5 MQTT-3.1.2-10, v5 MQTT-3.1.3-9, v5 MQTT-3.1.4-3
#[test]
fn a_take_over_publishes_the_will_unless_its_delay_runs_and_the_session_goes_on() {
    for new in newcomers() {
        for expiry in [None, Some(0), Some(1), Some(60), Some(NEVER)] {
            for delay in [None, Some(0), Some(1), Some(30), Some(NEVER)] {
                let what = format!(
                    "delay {delay:?}, expiry {expiry:?}, taken over by {:?} with Clean Start {}",
                    new.version, new.clean_start
                );
                let (bench, watcher) = watched();
                let old = old5(&bench, expiry, delay);
                let taken_over = bench.open(new.clone());
                old.expect_disconnect(0x8E);
                let waits = delay.unwrap_or(0) > 0;
                let goes_on = expiry.unwrap_or(0) > 0 && !new.clean_start;
                taken_over.expect_connack(goes_on);
                let expected: &[&str] = if waits && goes_on { &[] } else { &["will=old q0"] };
                assert_eq!(watcher.messages(), expected, "{what}");
                // And never again, whatever becomes of the new connection.
                bench.advance(70 * SECOND);
                taken_over.lose();
                bench.advance(SECOND * LONG);
                watcher.ping();
            }
        }
    }
}

// trap: the Will on take-over, of a 3.1.1 client by 5.0
// conformance: v5 MQTT-3.1.2-8, v5 MQTT-3.1.4-3
#[test]
fn the_will_of_an_older_client_is_published_by_every_take_over() {
    for new in newcomers() {
        for clean_start in [true, false] {
            let (bench, watcher) = watched();
            let with_will = Connect { will: will("will", "old", 1, false), ..connect("c") };
            let old = bench.open(Connect { clean_start, ..with_will });
            old.expect_connack(false);
            let taken_over = bench.open(new.clone());
            old.expect_silent_close();
            taken_over.expect_connack(!clean_start && !new.clean_start);
            assert_eq!(watcher.messages(), ["will=old q0"]);
            taken_over.lose();
            bench.advance(SECOND * LONG);
            watcher.ping();
        }
    }
}

// trap: the Will on take-over, the new connection brings its own
// conformance: v5 MQTT-3.1.2-7, v5 MQTT-3.1.2-8
#[test]
fn the_will_of_the_new_connection_is_another() {
    for (old_delay, new_delay, seen) in
        [(10, 10, vec!["will=new q0"]), (0, 20, vec!["will=old q0", "will=new q0"])]
    {
        let (bench, watcher) = watched();
        let old = old5(&bench, Some(60), Some(old_delay));
        let with_will = Connect { will: will5("will", "new", new_delay), ..resume5("c", 60) };
        let new = bench.open(with_will);
        new.expect_connack(true);
        old.expect_disconnect(0x8E);
        bench.advance(SECOND);
        new.lose();
        bench.advance(SECOND * (new_delay - 1));
        assert_eq!(watcher.messages(), seen[..seen.len() - 1], "not before its own delay");
        bench.advance(SECOND);
        assert_eq!(watcher.messages(), seen[seen.len() - 1..]);
        bench.advance(SECOND * LONG);
        watcher.ping();
    }
}

// trap: the Will on take-over, the session itself is subscribed to it
// conformance: v5 MQTT-3.1.2-8
#[test]
fn the_will_of_the_old_connection_reaches_the_session_that_goes_on() {
    let bench = Bench::new();
    let old = old5(&bench, Some(60), None);
    old.subscribe("will", 1);
    let new = bench.resume5("c", 60, true);
    assert_eq!(new.messages(), ["will=old q1"]);
}

// trap: the Will on take-over, when the client was away before
// conformance: v5 MQTT-3.1.3-9, v5 MQTT-3.1.2-8
#[test]
fn who_comes_back_in_time_cancels_the_will_and_who_wants_a_new_session_does_not() {
    for new in newcomers() {
        let (bench, watcher) = watched();
        old5(&bench, Some(60), Some(30)).lose();
        bench.advance(29 * SECOND);
        watcher.ping();
        let back = bench.open(new.clone());
        back.expect_connack(!new.clean_start);
        let expected: &[&str] = if new.clean_start { &["will=old q0"] } else { &[] };
        assert_eq!(watcher.messages(), expected, "{:?}", new.version);
        bench.advance(SECOND * LONG);
        back.lose();
        watcher.ping();
    }
}
