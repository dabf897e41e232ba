//! Sessions: taken over, left behind, fought over.

use std::time::Duration;

use surewire_engine::config::Config;
use surewire_engine::notice::CloseReason;
use surewire_engine::packet::{Connect, Packet};

use crate::support::{
    Bench, NEVER, SECOND, connect, connect5, pubcomp, pubrec, pubrel, resume5, will,
};

/// How often the clients fight.
const ROUNDS: usize = 200;

// Rapid reconnects by one identifier while subscriptions change: use after free elsewhere
// (CVE-2025-59946 as well).
#[test]
fn cve_2026_22040_of_those_who_fight_over_an_identifier_one_is_connected() {
    let bench = Bench::new();
    let writer = bench.connect("writer");
    let mut fighters = Vec::new();
    for round in 0..ROUNDS {
        let clean = round % 3 == 0;
        let fighter = bench.open(Connect { clean_start: clean, ..resume5("same", NEVER) });
        assert!(matches!(fighter.next(), Some(Packet::Connack(_))), "round {round}");
        fighter.subscribe(&format!("a/{}", round % 5), 1);
        if round % 2 == 0 {
            fighter.unsubscribe(&[&format!("a/{}", (round + 3) % 5)]);
        }
        writer.publish("a/1", 0, "x");
        fighters.push(fighter);
        assert_eq!(bench.sizes().connections, 2, "round {round}");
        assert_eq!(bench.sizes().sessions, 2, "round {round}");
    }
    let last = fighters.pop().unwrap();
    assert!(last.is_open());
    for loser in fighters {
        assert_eq!(loser.closed(), Some(CloseReason::TakenOver));
        loser.expect_disconnect(0x8E);
    }
}

// What an old connection still brings after its session was taken over belongs to nobody.
#[test]
fn a_connection_that_was_taken_over_can_do_nothing_more() {
    let bench = Bench::new();
    let watcher = bench.connect("watcher");
    watcher.subscribe("#", 1);
    let first = bench.connect("same");
    let second = bench.connect("same");
    for _ in 0..3 {
        bench.event(surewire_engine::event::Event::Received {
            conn: first.conn(),
            packet: Packet::Pingreq,
        });
    }
    first.lose();
    assert_eq!(watcher.messages(), [""; 0]);
    assert!(second.is_open());
    second.ping();
}

// Expiry that never comes, also over the time in which the broker was down.
#[test]
fn sessions_that_nobody_comes_back_to_are_forgotten_in_time() {
    const MANY: u32 = 500;
    let bench = Bench::new();
    bench.check_every(200);
    for n in 0..MANY {
        let expiry = 10 + n % 100;
        let client = bench.resume5(&format!("zombie{n}"), expiry, false);
        client.subscribe("t", 0);
        client.disconnect();
    }
    assert_eq!(bench.sizes().sessions, MANY as usize);
    bench.advance(60 * SECOND);
    let left = bench.sizes().sessions;
    assert!((230..=260).contains(&left), "{left} after a minute");
    bench.crash(30 * SECOND);
    let left = bench.sizes().sessions;
    assert!((80..=110).contains(&left), "{left} after half a minute of being down");
    bench.advance(30 * SECOND);
    let sizes = bench.sizes();
    assert_eq!((sizes.sessions, sizes.subscriptions), (0, 0));
}

#[test]
fn no_session_is_kept_for_longer_than_the_configuration_has_it() {
    let config = Config {
        max_session_expiry_interval: Some(60),
        session_expiry_interval: Some(Duration::from_secs(60)),
        ..Config::default()
    };
    let bench = Bench::with(config);
    let new = bench.open(resume5("new", NEVER));
    assert_eq!(new.connack().properties.get().session_expiry_interval, Some(60));
    new.disconnect();
    bench.connect_persistent("old", false).disconnect();
    bench.advance(59 * SECOND);
    assert_eq!(bench.sizes().sessions, 2);
    bench.advance(2 * SECOND);
    assert_eq!(bench.sizes().sessions, 0);
}

// Wills of a reconnect storm: each once, and none of those who left in peace.
#[test]
fn in_a_storm_of_vanishing_clients_each_will_comes_once() {
    let bench = Bench::new();
    let watcher = bench.connect("watcher");
    watcher.subscribe("will", 0);
    for round in 0..300 {
        let mortal = bench.open(Connect { will: will("will", "gone", 0, false), ..connect("m") });
        mortal.expect_connack(false);
        match round % 3 {
            0 => mortal.lose(),
            1 => mortal.disconnect(),
            _ => {
                // Taken over by a client without a Will, which leaves in peace.
                bench.connect("m").disconnect();
            }
        }
        let expected = if round % 3 == 1 { 0 } else { 1 };
        assert_eq!(watcher.messages().len(), expected, "round {round}");
    }
}

// The identifier of a QoS 2 message must be durable together with the message: two steps let a crash in
// between deliver it twice.
#[test]
fn cve_2026_8741_a_crash_at_any_step_of_qos_2_doubles_nothing() {
    for step in 0..6 {
        let bench = Bench::new();
        let reader = bench.connect_persistent("r", false);
        reader.subscribe("t", 2);
        reader.disconnect();
        let writer = bench.connect_persistent("w", false);
        bench.hold_store();
        writer.publish_as("t", 2, false, "once", 7, false);
        let mut released = false;
        match step {
            0 => {}
            1 => bench.sync(),
            _ => {
                bench.sync();
                assert_eq!(writer.take(), [pubrec(7)]);
                writer.send(pubrel(7));
                released = true;
                if step > 2 {
                    bench.sync();
                }
            }
        }
        bench.crash(Duration::ZERO);
        // The client does what it must: again from where it has no answer.
        let writer = bench.connect_persistent("w", true);
        if !released {
            writer.publish_as("t", 2, false, "once", 7, true);
            assert_eq!(writer.take(), [pubrec(7)], "step {step}");
        }
        writer.send(pubrel(7));
        assert_eq!(writer.take(), [pubcomp(7)], "step {step}");
        let reader = bench.connect_persistent("r", true);
        assert_eq!(reader.ack_all(), ["t=once q2"], "step {step}");
    }
}

// What was released after a resume lost its QoS, its RETAIN flag or its identifier elsewhere.
#[test]
fn an_exchange_of_qos_2_that_is_resumed_is_finished_as_it_began() {
    for phase in 0..4 {
        let bench = Bench::new();
        let reader = bench.connect_persistent("r", false);
        reader.subscribe("t", 2);
        if phase == 0 {
            reader.lose();
        }
        bench.connect("w").publish_acked("t", 2, "m");
        let reader = if phase == 0 {
            let reader = bench.connect_persistent("r", true);
            assert_eq!(reader.messages(), ["t=m q2"]);
            reader
        } else {
            assert_eq!(reader.messages(), ["t=m q2"]);
            reader
        };
        let id = 1;
        if phase >= 2 {
            reader.send(pubrec(id));
            assert_eq!(reader.take(), [pubrel(id)]);
        }
        if phase == 3 {
            reader.send(pubcomp(id));
        }
        reader.lose();
        let reader = bench.connect_persistent("r", true);
        match phase {
            0 | 1 => {
                assert_eq!(reader.messages(), ["t=m q2 dup"], "phase {phase}");
                reader.send(pubrec(id));
                assert_eq!(reader.take(), [pubrel(id)]);
                reader.send(pubcomp(id));
            }
            2 => {
                assert_eq!(reader.take(), [pubrel(id)]);
                reader.send(pubcomp(id));
            }
            _ => {}
        }
        assert_eq!(reader.take(), [], "phase {phase}");
        reader.lose();
        assert_eq!(bench.connect_persistent("r", true).take(), [], "phase {phase}");
    }
}

// A guessed identifier that differs in a byte, or has the same hash in a weaker scheme, is another
// session.
#[test]
fn a_session_is_found_by_its_whole_identifier() {
    let bench = Bench::new();
    let owner = bench.connect_persistent("meter-0001", false);
    owner.subscribe("t", 1);
    owner.disconnect();
    for other in ["meter-0002", "Meter-0001", "meter-0001 ", "meter-0001\u{301}", "meter-000", "#"]
    {
        let thief = bench.connect_persistent(other, false);
        thief.disconnect();
        let thief = bench.open(Connect { clean_start: true, ..connect5(other) });
        thief.expect_connack(false);
        thief.disconnect();
    }
    bench.connect_persistent("meter-0001", true);
}
