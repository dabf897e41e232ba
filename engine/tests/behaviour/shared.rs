//! Share groups of 3.1.1 clients: docs/contract.md section 5, MQTT 5.0 section 4.8.2.

use crate::support::{Bench, Client, pubcomp, pubrec};
use surewire_engine::config::Config;
use surewire_engine::notice::{DropReason, Notice};

const FILTER: &str = "$share/g/t/#";

/// Connected members `m0`, `m1`, .. of the group at this QoS, with clean sessions.
fn members(bench: &Bench, count: usize, qos: u8) -> Vec<Client> {
    let join = |n| {
        let member = bench.connect(&format!("m{n}"));
        member.subscribe(FILTER, qos);
        member
    };
    (0..count).map(join).collect()
}

fn publish(bench: &Bench, qos: u8, range: std::ops::Range<u32>) {
    let publisher = bench.connect("p");
    for n in range {
        publisher.publish("t/x", qos, &n.to_string());
    }
    publisher.disconnect();
}

fn drops(bench: &Bench) -> Vec<DropReason> {
    let reason = |notice: Notice| match notice {
        Notice::Dropped { why, .. } => Some(why),
        _ => None,
    };
    bench.notices().into_iter().filter_map(reason).collect()
}

/// An offline persistent member.
fn offline_member(bench: &Bench, id: &str) {
    let member = bench.connect_persistent(id, false);
    member.subscribe(FILTER, 2);
    member.lose();
}

// contract: section 5, shared subscriptions
#[test]
fn messages_go_round_among_the_connected_members() {
    let bench = Bench::new();
    offline_member(&bench, "away");
    let members = members(&bench, 3, 1);
    publish(&bench, 1, 0..9);
    let mut all: Vec<String> = Vec::new();
    for member in &members {
        let mine = member.ack_all();
        assert_eq!(mine.len(), 3);
        all.extend(mine);
    }
    all.sort();
    assert_eq!(all, (0..9).map(|n| format!("t/x={n} q1")).collect::<Vec<_>>());
}

// contract: section 5, shared subscriptions
#[test]
fn a_member_with_room_goes_before_one_without() {
    let bench = Bench::with(Config { max_inflight_messages: 1, ..Config::default() });
    let members = members(&bench, 2, 1);
    publish(&bench, 1, 0..2);
    assert_eq!(members[0].messages().len(), 1);
    assert_eq!(members[1].ack_all().len(), 1);
    publish(&bench, 1, 2..3);
    assert_eq!(members[1].ack_all(), ["t/x=2 q1"], "the first one's window is full");
}

// contract: section 5, shared subscriptions
#[test]
fn a_stuck_member_is_passed_over() {
    let bench = Bench::with(Config { max_unsent_bytes: 8, ..Config::default() });
    let members = members(&bench, 2, 0);
    members[0].stuck(true);
    publish(&bench, 0, 0..10);
    assert_eq!(members[0].messages().len(), 1);
    assert_eq!(members[1].messages().len(), 9);
}

// contract: section 5, messages for a group nobody of which is connected wait
#[test]
fn with_nobody_connected_messages_wait_and_are_drained_on_return() {
    let bench = Bench::new();
    offline_member(&bench, "away");
    publish(&bench, 1, 0..3);
    publish(&bench, 0, 3..4);
    assert!(drops(&bench).is_empty());
    let back = bench.connect_persistent("away", true);
    assert_eq!(back.ack_all(), ["t/x=0 q1", "t/x=1 q1", "t/x=2 q1", "t/x=3 q0"]);
    publish(&bench, 1, 4..5);
    assert_eq!(back.ack_all(), ["t/x=4 q1"]);
}

// contract: section 5, within the limits of one session
#[test]
fn what_waits_in_a_group_is_bounded() {
    let bench = Bench::with(Config { max_msgqueue_messages: Some(3), ..Config::default() });
    offline_member(&bench, "away");
    publish(&bench, 1, 0..5);
    assert_eq!(drops(&bench), [DropReason::QueueFullOldest; 2]);
    let back = bench.connect_persistent("away", true);
    assert_eq!(back.ack_all(), ["t/x=2 q1", "t/x=3 q1", "t/x=4 q1"]);
}

// contract: section 2, queue_qos0_messages
#[test]
fn qos_0_does_not_wait_in_a_group_when_it_does_not_for_sessions() {
    let bench = Bench::with(Config { queue_qos0_messages: false, ..Config::default() });
    offline_member(&bench, "away");
    publish(&bench, 0, 0..1);
    assert_eq!(drops(&bench), [DropReason::OfflineQoS0]);
}

// contract: section 5, a new member gets what waited for anybody
#[test]
fn who_joins_gets_what_waited() {
    let bench = Bench::new();
    offline_member(&bench, "away");
    publish(&bench, 2, 0..2);
    let joined = bench.connect("new");
    joined.subscribe(FILTER, 1);
    assert_eq!(joined.ack_all(), ["t/x=0 q1", "t/x=1 q1"]);
    assert_eq!(bench.connect_persistent("away", true).ack_all(), [""; 0]);
}

// README: QoS 1 unacknowledged, and what is queued, goes to another member
#[test]
fn who_leaves_for_good_hands_its_messages_on() {
    let bench = Bench::with(Config { max_inflight_messages: 1, ..Config::default() });
    let leaver = bench.connect("leaver");
    leaver.subscribe(FILTER, 1);
    publish(&bench, 1, 0..3);
    assert_eq!(leaver.messages(), ["t/x=0 q1"]);
    let heir = bench.connect("heir");
    heir.subscribe(FILTER, 1);
    leaver.lose();
    assert_eq!(heir.ack_all(), ["t/x=0 q1", "t/x=1 q1", "t/x=2 q1"]);
    assert!(drops(&bench).is_empty());
}

// README: a QoS 2 exchange that began stays with its client
#[test]
fn a_qos_2_exchange_that_began_is_not_handed_on() {
    let bench = Bench::with(Config { max_inflight_messages: 2, ..Config::default() });
    let leaver = bench.connect("leaver");
    leaver.subscribe(FILTER, 2);
    publish(&bench, 2, 0..3);
    assert_eq!(leaver.messages().len(), 2);
    leaver.send(pubrec(1));
    let heir = bench.connect("heir");
    heir.subscribe(FILTER, 2);
    leaver.lose();
    assert_eq!(heir.ack_all(), ["t/x=2 q2"], "only what was never sent");
}

// README: QoS 2 not yet started may go to another member
#[test]
fn a_qos_2_message_that_never_left_the_gate_is_handed_on() {
    let bench = Bench::new();
    let leaver = bench.connect_persistent("leaver", false);
    leaver.subscribe(FILTER, 2);
    let heir = bench.connect("heir");
    heir.subscribe("$share/g/t/#", 2);
    bench.hold_store();
    publish(&bench, 2, 0..2);
    assert_eq!(heir.ack_all(), ["t/x=1 q2"]);
    leaver.lose();
    bench.open(crate::support::connect("leaver"));
    bench.sync();
    assert_eq!(heir.ack_all(), ["t/x=0 q2"]);
}

// README: what is in flight at QoS 1 to a member that goes offline goes to one that is connected
#[test]
fn what_a_leaving_member_has_not_acknowledged_goes_to_another() {
    let bench = Bench::new();
    let member = bench.connect_persistent("a", false);
    member.subscribe(FILTER, 1);
    publish(&bench, 1, 0..1);
    let other = bench.connect("b");
    other.subscribe(FILTER, 1);
    member.lose();
    assert_eq!(other.ack_all(), ["t/x=0 q1"]);
    assert_eq!(bench.connect_persistent("a", true).ack_all(), [""; 0]);
}

// README: while nobody else is connected it stays with the member
#[test]
fn a_persistent_member_keeps_what_it_has_while_it_is_the_only_one() {
    let bench = Bench::new();
    let member = bench.connect_persistent("a", false);
    member.subscribe(FILTER, 1);
    publish(&bench, 1, 0..1);
    member.lose();
    assert_eq!(bench.connect_persistent("a", true).ack_all(), ["t/x=0 q1 dup"]);
}

// conformance: v5 MQTT-4.8.2-5
#[test]
fn a_qos_2_message_whose_publish_was_sent_stays_with_the_member() {
    let bench = Bench::new();
    let member = bench.connect_persistent("a", false);
    member.subscribe(FILTER, 2);
    publish(&bench, 2, 0..1);
    let other = bench.connect("b");
    other.subscribe(FILTER, 2);
    member.lose();
    assert_eq!(other.ack_all(), [""; 0]);
    assert_eq!(bench.connect_persistent("a", true).ack_all(), ["t/x=0 q2 dup"]);
}

// README: a group is a name and a filter
#[test]
fn the_same_name_with_another_filter_is_another_group() {
    let bench = Bench::new();
    let (a, b, c) = (bench.connect("a"), bench.connect("b"), bench.connect("c"));
    a.subscribe("$share/g/t/#", 0);
    b.subscribe("$share/g/t/+", 0);
    c.subscribe("$share/h/t/#", 0);
    publish(&bench, 0, 0..2);
    for client in [a, b, c] {
        assert_eq!(client.messages(), ["t/x=0 q0", "t/x=1 q0"]);
    }
}

// README: shared and plain subscriptions of one client both count
#[test]
fn shared_and_plain_bring_a_copy_each() {
    let bench = Bench::new();
    let client = bench.connect("c");
    client.subscribe_many(&[(FILTER, 1), ("t/x", 0)]);
    publish(&bench, 1, 0..1);
    assert_eq!(client.ack_all(), ["t/x=0 q0", "t/x=0 q1"]);
}

// README: no retained messages on a share group, at first or later subscribe
#[test]
fn a_share_group_brings_no_retained_messages() {
    let bench = Bench::new();
    bench.connect("r").retain("t/x", 1, "kept");
    let client = bench.connect("c");
    client.subscribe(FILTER, 1);
    client.subscribe(FILTER, 1);
    bench.settle();
    assert_eq!(client.seen(), [""; 0]);
}

// README: the group ends with its last session
#[test]
fn a_group_ends_with_its_last_member() {
    let bench = Bench::new();
    offline_member(&bench, "away");
    publish(&bench, 1, 0..2);
    bench.notices();
    bench.connect("away").disconnect();
    assert_eq!(drops(&bench), [DropReason::GroupEnded; 2]);
    let later = bench.connect("later");
    later.subscribe(FILTER, 1);
    assert_eq!(later.ack_all(), [""; 0]);
}

// README: one UNSUBSCRIBE leaves the group
#[test]
fn what_the_last_member_held_when_it_left_the_group_stays_its_own() {
    let bench = Bench::with(Config { max_inflight_messages: 1, ..Config::default() });
    let member = bench.connect("m");
    member.subscribe(FILTER, 1);
    publish(&bench, 1, 0..2);
    member.take();
    member.unsubscribe(&[FILTER]);
    publish(&bench, 1, 2..3);
    member.send(crate::support::puback(1));
    assert_eq!(member.ack_all(), ["t/x=1 q1"]);
    assert!(drops(&bench).is_empty());
}

// README: messages of a group that is gone have no heir
#[test]
fn without_a_group_left_nothing_can_be_handed_on() {
    let bench = Bench::new();
    let member = bench.connect("m");
    member.subscribe(FILTER, 1);
    publish(&bench, 1, 0..1);
    member.lose();
    assert_eq!(drops(&bench), [DropReason::GroupEnded]);
}

// README: a second SUBSCRIBE changes options and adds no weight
#[test]
fn subscribing_again_adds_no_weight() {
    let bench = Bench::new();
    let members = members(&bench, 2, 0);
    members[0].subscribe(FILTER, 0);
    members[0].subscribe(FILTER, 0);
    publish(&bench, 0, 0..10);
    assert_eq!(members[0].messages().len(), 5);
    assert_eq!(members[1].messages().len(), 5);
    assert_eq!(bench.sizes().subscriptions, 2);
}

// README: the least busy of the connected members is next
#[test]
fn a_message_goes_to_the_member_with_the_least_in_flight() {
    let bench = Bench::new();
    let members = members(&bench, 3, 1);
    publish(&bench, 1, 0..3);
    members[1].ack_all();
    publish(&bench, 1, 3..4);
    assert_eq!(members[1].ack_all(), ["t/x=3 q1"]);
    publish(&bench, 1, 4..5);
    assert_eq!(members[1].ack_all(), ["t/x=4 q1"]);
}

// conformance: v3.1.1 MQTT-4.7.2-1
#[test]
fn an_opening_wildcard_in_a_group_matches_no_dollar_topic() {
    let bench = Bench::new();
    let client = bench.connect("c");
    assert_eq!(
        client.subscribe_many(&[("$share/g/#", 0), ("$share//t", 0), ("$share/+/t", 0)]),
        [0, 0x80, 0x80]
    );
    publish(&bench, 0, 0..1);
    assert_eq!(client.messages(), ["t/x=0 q0"]);
}

// README: members come and go, and the turn goes on among who is there
#[test]
fn the_turn_survives_members_coming_and_going() {
    let bench = Bench::new();
    let members = members(&bench, 4, 0);
    publish(&bench, 0, 0..3);
    members[1].lose();
    members[3].unsubscribe(&[FILTER]);
    publish(&bench, 0, 3..13);
    let got: Vec<usize> = members.iter().map(|member| member.messages().len()).collect();
    assert_eq!(got[0] + got[1] + got[2] + got[3], 13);
    assert!(got[0].abs_diff(got[2]) <= 1, "{got:?}");
}

// conformance: v3.1.1 MQTT-4.3.3-1
#[test]
fn an_exchange_of_a_member_that_came_back_goes_on() {
    let bench = Bench::new();
    let member = bench.connect_persistent("a", false);
    member.subscribe(FILTER, 2);
    publish(&bench, 2, 0..1);
    member.send(pubrec(1));
    member.lose();
    let back = bench.connect_persistent("a", true);
    assert_eq!(back.seen(), ["pubrel 1"]);
    back.send(pubcomp(1));
    assert_eq!(back.seen(), [""; 0]);
}

/// Searching the filter's groups for each made this test run for minutes.
#[test]
fn many_groups_of_one_filter_end_without_a_search_for_each() {
    let config = Config { max_share_groups_per_client: 99_000, ..Config::default() };
    let bench = Bench::with(config);
    bench.check_every(u64::MAX);
    let client = bench.connect("c");
    let names: Vec<String> = (0..99_000).map(|n| format!("$share/{n}/t")).collect();
    for part in names.chunks(9_000) {
        let filters: Vec<(&str, u8)> = part.iter().map(|name| (name.as_str(), 0)).collect();
        assert_eq!(client.subscribe_many(&filters), [0; 9_000]);
    }
    // From both ends, so that none is easy to find.
    let (first, last) = names.split_at(names.len() / 2);
    let ends = first.iter().zip(last.iter().rev()).flat_map(|(a, b)| [a.as_str(), b.as_str()]);
    let filters: Vec<&str> = ends.skip(1).collect();
    client.unsubscribe(&filters);
    assert_eq!(bench.sizes().subscriptions, 1);
    bench.check_every(1);
    bench.connect("p").publish("t", 0, "x");
    assert_eq!(client.messages(), ["t=x q0"]);
}

// contract: section 5, messages for a group nobody of which is connected wait
#[test]
fn a_member_with_a_full_backlog_of_its_own_takes_what_waited_for_its_group() {
    let bench = Bench::new();
    let member = bench.connect_persistent("m", false);
    member.subscribe("own", 1);
    member.subscribe("$share/g/t", 1);
    member.disconnect();
    let publisher = bench.connect("p");
    for n in 0..20 {
        publisher.publish("own", 1, &n.to_string());
        publisher.publish("t", 1, &n.to_string());
    }
    bench.notices();
    let back = bench.connect_persistent("m", true);
    let mut seen = back.ack_all();
    seen.sort();
    let mut expected: Vec<String> =
        (0..20).flat_map(|n| [format!("own={n} q1"), format!("t={n} q1")]).collect();
    expected.sort();
    assert_eq!(seen, expected);
    let dropped = |notice: &Notice| matches!(notice, Notice::Dropped { .. });
    assert!(!bench.notices().iter().any(dropped));
}
