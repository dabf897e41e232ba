//! The gate: what a packet promises is stored before the packet leaves. Design, "Durability".

use crate::support::{Bench, Client, connect, puback, pubcomp, pubrec, pubrel, will};
use surewire_engine::config::Config;
use surewire_engine::log::record::{Record, Retained, Target};
use surewire_engine::packet::Connect;

const NOTHING: [&str; 0] = [];

/// A broker whose persistent session `c` subscribes to `t` at this QoS; from here on the store
/// answers only when told.
fn held(qos: u8) -> (Bench, Client, Client) {
    let bench = Bench::new();
    let client = bench.connect_persistent("c", false);
    client.subscribe("t", qos);
    let publisher = bench.connect("p");
    bench.records();
    bench.hold_store();
    (bench, client, publisher)
}

fn persistent(id: &str) -> Connect {
    Connect { clean_start: false, ..connect(id) }
}

/// What the client has seen before and after the store caught up.
fn around_sync(bench: &Bench, client: &Client) -> (Vec<String>, Vec<String>) {
    let before = client.seen();
    bench.sync();
    (before, client.seen())
}

fn waits(bench: &Bench, client: &Client, packet: &str) {
    assert_eq!(around_sync(bench, client), (vec![], vec![packet.to_owned()]));
}

// conformance: v3.1.1 MQTT-4.3.2-2
#[test]
fn a_puback_waits_for_the_message() {
    let (bench, _client, publisher) = held(1);
    publisher.publish_as("t", 1, false, "x", 7, false);
    waits(&bench, &publisher, "puback 7");
}

// conformance: v3.1.1 MQTT-4.3.3-2
#[test]
fn pubrec_and_pubcomp_wait_for_their_records() {
    let (bench, client, _publisher) = held(1);
    client.publish_as("elsewhere", 2, false, "x", 7, false);
    waits(&bench, &client, "pubrec 7");
    client.send(pubrel(7));
    waits(&bench, &client, "pubcomp 7");
}

// architecture: a repeated PUBLISH or PUBREL waits on the session's latest record
#[test]
fn a_repeated_packet_waits_for_what_the_first_one_wrote() {
    let (bench, client, _publisher) = held(1);
    for dup in [false, true] {
        client.publish_as("elsewhere", 2, false, "x", 7, dup);
    }
    assert_eq!(around_sync(&bench, &client), (vec![], vec!["pubrec 7".into(); 2]));
    client.send(pubrel(7));
    client.send(pubrel(7));
    assert_eq!(around_sync(&bench, &client), (vec![], vec!["pubcomp 7".into(); 2]));
}

// architecture: what waits: SUBACK, UNSUBACK
#[test]
fn suback_and_unsuback_wait() {
    let (bench, client, _publisher) = held(1);
    client.subscribe_as(9, &[("u", 1)]);
    waits(&bench, &client, "suback 9 [1]");
    client.raw(&[0xA2, 5, 0, 3, 0, 1, b'u']);
    waits(&bench, &client, "unsuback 3");
}

// architecture: what waits: CONNACK when CONNECT created, discarded or took over stored state
#[test]
fn a_connack_waits_for_what_the_connect_changed() {
    let (bench, client, _publisher) = held(1);
    waits(&bench, &bench.open(persistent("new")), "connack");
    client.lose();
    waits(&bench, &bench.open(persistent("c")), "connack");
    waits(&bench, &bench.open(connect("c")), "connack");
    let with_will = Connect { will: will("w", "x", 0, false), ..connect("w") };
    waits(&bench, &bench.open(with_will), "connack");
    assert_eq!(bench.open(connect("clean")).seen(), ["connack"], "changed nothing");
}

// The first CONNECT gave the stored session up, and its client went away before it was told so.
#[test]
fn a_connack_waits_for_what_an_earlier_connect_gave_up() {
    let bench = Bench::new();
    bench.connect_persistent("c", false).lose();
    bench.hold_store();
    let first = bench.open(connect("c"));
    assert_eq!(first.seen(), NOTHING);
    first.lose();
    waits(&bench, &bench.open(connect("c")), "connack");
}

// The same for a retained message: whoever removes what is not there any more is promised that it
// does not come back.
#[test]
fn a_puback_waits_for_what_an_earlier_publish_removed() {
    let bench = Bench::new();
    let (first, second) = (bench.connect("first"), bench.connect("second"));
    first.publish_as("t", 1, true, "x", 1, false);
    assert_eq!(first.seen(), ["puback 1"]);
    bench.hold_store();
    first.publish_as("t", 1, true, "", 2, false);
    second.publish_as("t", 1, true, "", 3, false);
    assert_eq!(first.seen(), NOTHING);
    waits(&bench, &second, "puback 3");
}

// architecture: QoS 0 and 1 deliveries and PINGRESP pass
#[test]
fn pings_and_deliveries_of_qos_0_and_1_do_not_wait() {
    let (bench, client, publisher) = held(1);
    publisher.publish("t", 1, "a");
    publisher.publish("t", 0, "b");
    client.raw(&[0xC0, 0]);
    assert_eq!(client.seen(), ["t=a q1 #1", "t=b q0", "pingresp"]);
    bench.sync();
    assert_eq!(client.seen(), NOTHING);
}

// architecture: outgoing QoS 2 PUBLISH waits until its id is stored, PUBREL for the PUBREC progress
#[test]
fn an_outgoing_qos_2_exchange_waits_at_each_step() {
    let (bench, client, publisher) = held(2);
    publisher.publish("t", 2, "x");
    waits(&bench, &client, "t=x q2 #1");
    client.send(pubrec(1));
    waits(&bench, &client, "pubrel 1");
    client.send(pubcomp(1));
    assert_eq!(client.seen(), NOTHING);
}

// architecture: the same for a message that moves up from the backlog
#[test]
fn a_qos_2_message_of_the_backlog_waits_for_its_identifier() {
    let bench = Bench::with(Config { max_inflight_messages: 1, ..Config::default() });
    let client = bench.connect_persistent("c", false);
    client.subscribe("t", 2);
    let publisher = bench.connect("p");
    publisher.publish("t", 1, "a");
    publisher.publish("t", 2, "b");
    bench.hold_store();
    client.take();
    client.send(puback(1));
    waits(&bench, &client, "t=b q2 #2");
}

// conformance: v3.1.1 MQTT-3.2.0-1
#[test]
fn nothing_overtakes_a_connack_or_suback() {
    let (bench, client, publisher) = held(1);
    publisher.publish("t", 1, "x");
    client.lose();
    let back = bench.open(persistent("c"));
    back.subscribe_as(9, &[("u", 0)]);
    publisher.publish("u", 0, "live");
    back.raw(&[0xC0, 0]);
    assert_eq!(back.seen(), NOTHING);
    bench.sync();
    let all = ["connack", "t=x q1 dup #1", "suback 9 [0]", "u=live q0", "pingresp"];
    assert_eq!(back.seen(), all);
}

// architecture: SUBACK, retained, live
#[test]
fn the_suback_comes_before_retained_and_those_before_live_messages() {
    let (bench, client, publisher) = held(1);
    publisher.retain("u", 1, "kept");
    bench.sync();
    client.subscribe_as(9, &[("u", 1)]);
    publisher.publish("u", 1, "live");
    assert_eq!(client.seen(), NOTHING);
    bench.sync();
    assert_eq!(client.seen(), ["suback 9 [1]", "u=kept q1 retain #1", "u=live q1 #2"]);
}

// architecture: the gate is bounded, full = stop reading
#[test]
fn a_full_gate_stops_the_reading_until_it_empties() {
    let (bench, _client, publisher) = held(1);
    for n in 0..256_u16 {
        assert!(!publisher.is_paused(), "after {n}");
        publisher.publish("t", 1, "x");
    }
    assert!(publisher.is_paused());
    bench.sync();
    assert!(!publisher.is_paused());
    assert_eq!(publisher.take().len(), 256);
}

// architecture: the gate is bounded; nothing that others send grows it without end
#[test]
fn live_traffic_behind_a_suback_that_waits_is_bounded() {
    let config = Config { max_unsent_bytes: 1_000, ..Config::default() };
    let bench = Bench::with(config);
    let client = bench.connect_persistent("c", false);
    client.subscribe("t", 0);
    let publisher = bench.connect("p");
    bench.hold_store();
    client.subscribe_as(9, &[("u", 0)]);
    for _ in 0..1_000 {
        publisher.publish("t", 0, "12345");
    }
    bench.sync();
    let count = client.take().len();
    assert!(count <= 1 + 1_000 / 10 + 20, "{count} packets came");
    publisher.publish("t", 0, "last");
    assert_eq!(client.messages().last().unwrap(), "t=last q0", "it goes on");
}

// architecture: sessions that end with their connection never touch the disk
#[test]
fn transient_traffic_appends_no_records() {
    let bench = Bench::new();
    let (client, publisher) = (bench.connect("c"), bench.connect("p"));
    client.subscribe_many(&[("t", 2), ("$share/g/t", 2)]);
    for qos in 0..3 {
        publisher.publish_acked("t", qos, "x");
        client.ack_all();
    }
    client.unsubscribe(&["t"]);
    client.disconnect();
    publisher.lose();
    assert!(bench.records().is_empty());
}

// architecture: QoS 0 to a connected persistent session is not stored
#[test]
fn qos_0_appends_no_records() {
    let (bench, client, publisher) = held(2);
    publisher.publish("t", 0, "x");
    client.lose();
    bench.records();
    publisher.publish("t", 0, "y");
    assert!(bench.records().is_empty());
}

// architecture: one record per transition
#[test]
fn a_message_is_one_record_with_all_who_hold_it() {
    let bench = Bench::new();
    for id in ["a", "b", "c"] {
        bench.connect_persistent(id, false).subscribe("t", 2);
    }
    bench.connect("transient").subscribe("t", 2);
    bench.connect_persistent("group", false).subscribe("$share/g/t", 1);
    bench.connect_persistent("group", true).lose();
    let publisher = bench.connect_persistent("p", false);
    bench.records();
    publisher.retain("t", 2, "x");
    let records = bench.records();
    let [Record::Published { received, retained, to, .. }] = records.as_slice() else {
        panic!("expected one Published, got {records:?}")
    };
    assert!(received.is_some(), "the sender's identifier");
    assert_eq!(*retained, Retained::Stored);
    let session = |target: &&Target| matches!(target, Target::Session { packet_id: Some(_), .. });
    assert_eq!(to.iter().filter(session).count(), 3);
    assert_eq!(to.len(), 4, "and the group");
}

// architecture: an assigned packet id rides in the ack-advance record
#[test]
fn an_acknowledgement_and_what_moves_up_are_one_record() {
    let bench = Bench::with(Config { max_inflight_messages: 1, ..Config::default() });
    let client = bench.connect_persistent("c", false);
    client.subscribe("t", 1);
    let publisher = bench.connect("p");
    publisher.publish("t", 1, "a");
    publisher.publish("t", 1, "b");
    bench.records();
    client.send(puback(1));
    let records = bench.records();
    let [Record::Advanced { removed: Some(_), sent, .. }] = records.as_slice() else {
        panic!("expected one Advanced, got {records:?}")
    };
    assert_eq!(sent.len(), 1);
}

// architecture: the gate dies with its connection
#[test]
fn what_waits_at_the_gate_ends_with_the_connection() {
    let (bench, client, publisher) = held(2);
    publisher.publish("t", 2, "x");
    client.subscribe_as(9, &[("u", 0)]);
    publisher.publish("t", 0, "lost");
    client.lose();
    bench.sync();
    assert_eq!(client.seen(), NOTHING);
    let back = bench.open(persistent("c"));
    bench.sync();
    assert_eq!(back.seen(), ["connack", "t=x q2 #1"], "sent for the first time: DUP 0");
}
