//! Memory that is short: docs/contract.md section 8, `memory_limit`.

use std::time::Duration;

use crate::support::{Bench, SECOND, connect, puback};
use surewire_engine::config::Config;
use surewire_engine::event::{Event, Memory};
use surewire_engine::notice::{DropReason, Notice, Refusal};
use surewire_engine::packet::{Connect, Packet, ReasonCode, Version};

/// From one turn of those that are not read to the next.
const TURN: Duration = Duration::from_millis(50);

fn is(bench: &Bench, stage: Memory) {
    bench.event(Event::Memory(stage));
    bench.settle();
}

fn drops(bench: &Bench) -> Vec<(Option<String>, DropReason)> {
    let drop = |notice| match notice {
        Notice::Dropped { client, why, .. } => Some((client.map(|c| c.as_str().to_owned()), why)),
        _ => None,
    };
    bench.notices().into_iter().filter_map(drop).collect()
}

#[test]
fn a_stage_is_told_once() {
    let bench = Bench::new();
    let stages = [Memory::NoQueuedQos0, Memory::NoQueuedQos0, Memory::NoPublishers, Memory::Enough];
    stages.into_iter().for_each(|stage| bench.event(Event::Memory(stage)));
    let told = [Memory::NoQueuedQos0, Memory::NoPublishers, Memory::Enough].map(Notice::Memory);
    assert_eq!(bench.notices(), told);
    assert_eq!(bench.records(), []);
}

// contract: section 8, 80 % no new sessions
#[test]
fn who_has_no_session_is_refused_and_who_has_one_is_not() {
    let bench = Bench::new();
    bench.connect_persistent("kept", false).disconnect();
    let online = bench.connect("online");
    is(&bench, Memory::NoNewSessions);
    bench.notices();

    let old = bench.open(connect("new"));
    assert_eq!(old.take().len(), 1, "CONNACK");
    assert!(!old.is_open());
    let refused =
        |notice: &Notice| matches!(notice, Notice::Refused { why: Refusal::MemoryLimit, .. });
    assert!(bench.notices().iter().any(refused));
    let new = bench.open(Connect { version: Version::V5, ..connect("new") });
    let Some(Packet::Connack(ack)) = new.pop() else { panic!("no CONNACK") };
    assert_eq!(ack.code, ReasonCode::ServerBusy);

    bench.connect_persistent("kept", true);
    bench.connect("online").ping();
    assert!(!online.is_open(), "taken over");
    is(&bench, Memory::Enough);
    bench.connect("new").ping();
}

// contract: section 8, 90 % QoS 0 backlog goes
#[test]
fn queued_qos_0_goes_and_the_rest_stays() {
    let bench = Bench::new();
    let reader = bench.connect_persistent("r", false);
    reader.subscribe("t", 2);
    reader.disconnect();
    let publisher = bench.connect("p");
    for (qos, payload) in [(0, "a"), (1, "b"), (0, "c"), (2, "d")] {
        publisher.publish("t", qos, payload);
    }
    is(&bench, Memory::NoNewSessions);
    assert_eq!(drops(&bench), []);
    is(&bench, Memory::NoQueuedQos0);
    let gone = (Some("r".to_owned()), DropReason::MemoryLimit);
    assert_eq!(drops(&bench), [gone.clone(), gone.clone()]);
    publisher.publish("t", 0, "e");
    publisher.publish("t", 1, "f");
    assert_eq!(drops(&bench), [gone], "not queued any more");
    is(&bench, Memory::Enough);
    publisher.publish("t", 0, "g");
    let reader = bench.connect_persistent("r", true);
    assert_eq!(reader.ack_all(), ["t=b q1", "t=d q2", "t=f q1", "t=g q0"]);
}

#[test]
fn a_qos_0_message_that_need_not_wait_is_delivered() {
    let bench = Bench::new();
    let reader = bench.connect("r");
    reader.subscribe("t", 0);
    is(&bench, Memory::NoQueuedQos0);
    reader.publish("t", 0, "x");
    assert_eq!(reader.messages(), ["t=x q0"]);
}

#[test]
fn what_waits_in_a_share_group_goes_too() {
    let bench = Bench::new();
    let member = bench.connect_persistent("m", false);
    member.subscribe("$share/g/t", 1);
    member.disconnect();
    let publisher = bench.connect("p");
    publisher.publish("t", 0, "a");
    publisher.publish("t", 1, "b");
    is(&bench, Memory::NoQueuedQos0);
    assert_eq!(drops(&bench), [(None, DropReason::MemoryLimit)]);
    publisher.publish("t", 0, "c");
    assert_eq!(drops(&bench), [(None, DropReason::MemoryLimit)]);
    assert_eq!(bench.connect_persistent("m", true).ack_all(), ["t=b q1"]);
}

// architecture: no step is long
#[test]
fn many_backlogs_are_looked_at_in_several_steps() {
    let bench = Bench::new();
    bench.check_every(500);
    for n in 0..2_000 {
        let client = bench.connect_persistent(&format!("c{n}"), false);
        client.subscribe("t", 0);
        client.disconnect();
    }
    bench.connect("p").publish("t", 0, "x");
    bench.notices();
    bench.event(Event::Memory(Memory::NoQueuedQos0));
    assert!((1..=512).contains(&drops(&bench).len()), "one step's worth");
    bench.advance(Duration::ZERO);
    bench.advance(Duration::ZERO);
    bench.settle();
    bench.advance(TURN);
    let of_reason = |(why, count)| (why == DropReason::MemoryLimit).then_some(count);
    assert_eq!(bench.counters().dropped.iter().find_map(of_reason), Some(2_000));
}

// contract: section 8, 95 % publishers are not read
#[test]
fn who_publishes_is_not_read_and_lives() {
    let bench = Bench::new();
    let reader = bench.connect("r");
    reader.subscribe("t", 1);
    let publisher = bench.open(Connect { keep_alive: 2, ..connect("p") });
    publisher.expect_connack(false);
    is(&bench, Memory::NoPublishers);
    assert!(!publisher.is_paused(), "not before it publishes");
    let id = publisher.publish("t", 1, "x");
    assert_eq!(publisher.take(), [puback(id)], "what was read is answered");
    assert!(publisher.is_paused());
    assert_eq!(reader.ack_all(), ["t=x q1"], "who only reads is heard");
    assert!(!reader.is_paused());
    bench.advance(100 * SECOND);
    assert!(publisher.is_open(), "who is not read is not silent");
    assert!(publisher.is_paused());
    is(&bench, Memory::NoQueuedQos0);
    assert!(!publisher.is_paused());
    publisher.ping();
    bench.advance(10 * SECOND);
    assert!(!publisher.is_open(), "its Keep Alive counts again");
}

#[test]
fn who_owes_an_acknowledgement_is_heard_for_it() {
    let bench = Bench::new();
    let both = bench.connect("both");
    both.subscribe("t", 1);
    let publisher = bench.connect("p");
    is(&bench, Memory::NoPublishers);
    both.publish("t", 0, "own");
    publisher.publish("t", 1, "x");
    assert!(both.is_paused() && publisher.is_paused());
    bench.advance(TURN);
    assert!(!both.is_paused(), "it has a message to acknowledge");
    assert_eq!(both.ack_all(), ["t=own q0", "t=x q1"]);
    both.publish("t", 0, "again");
    assert!(both.is_paused(), "it has published");
    bench.advance(10 * TURN);
    assert!(both.is_paused() && publisher.is_paused(), "neither owes anything");
    is(&bench, Memory::Enough);
    assert!(!both.is_paused() && !publisher.is_paused());
}

#[test]
fn a_hushed_connection_may_end_and_come_back() {
    let bench = Bench::with(Config::default());
    let publisher = bench.connect_persistent("p", false);
    is(&bench, Memory::NoPublishers);
    publisher.publish("t", 0, "x");
    publisher.lose();
    let again = bench.connect_persistent("p", true);
    assert!(!again.is_paused());
    again.publish("t", 0, "x");
    bench.advance(TURN);
    is(&bench, Memory::Enough);
    again.ping();
}
