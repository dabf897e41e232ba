//! Overlapping filters of one client: MQTT 3.1.1 section 3.3.5, docs/contract.md section 5.

use crate::support::Bench;

// conformance: v3.1.1 MQTT-3.3.5-1
#[test]
fn one_copy_at_the_highest_granted_qos() {
    let bench = Bench::new();
    let client = bench.connect("c");
    client.subscribe_many(&[("a/#", 0), ("a/b", 2), ("+/b", 1), ("#", 0)]);
    let publisher = bench.connect("p");
    for qos in 0..3 {
        publisher.publish("a/b", qos, "x");
        assert_eq!(client.ack_all(), [format!("a/b=x q{qos}")]);
    }
    publisher.publish("a/c", 2, "x");
    assert_eq!(client.ack_all(), ["a/c=x q0"], "only what matches counts");
    publisher.publish("c/b", 2, "x");
    assert_eq!(client.ack_all(), ["c/b=x q1"]);
}

// conformance: v3.1.1 MQTT-3.3.5-1
#[test]
fn the_order_of_subscribing_makes_no_difference() {
    for filters in [[("t", 2), ("#", 0)], [("#", 0), ("t", 2)]] {
        let bench = Bench::new();
        let client = bench.connect("c");
        client.subscribe_many(&filters);
        bench.connect("p").publish("t", 2, "x");
        assert_eq!(client.ack_all(), ["t=x q2"]);
    }
}

// conformance: v3.1.1 MQTT-3.3.5-1
#[test]
fn an_offline_session_gets_one_copy_too() {
    let bench = Bench::new();
    bench.connect_persistent("c", false).subscribe_many(&[("t", 1), ("#", 2)]);
    bench.connect_persistent("c", true).lose();
    bench.connect("p").publish("t", 2, "x");
    assert_eq!(bench.connect_persistent("c", true).ack_all(), ["t=x q2"]);
}

// conformance: v3.1.1 MQTT-3.3.5-1
#[test]
fn what_is_left_after_an_unsubscribe_decides() {
    let bench = Bench::new();
    let client = bench.connect("c");
    client.subscribe_many(&[("t", 2), ("#", 1)]);
    client.unsubscribe(&["t"]);
    bench.connect("p").publish("t", 2, "x");
    assert_eq!(client.ack_all(), ["t=x q1"]);
}

// README: a retained message comes once for each new subscription
#[test]
fn retained_messages_come_for_each_filter() {
    let bench = Bench::new();
    bench.connect("p").retain("t", 1, "x");
    let client = bench.connect("c");
    assert_eq!(client.subscribe_many(&[("t", 0), ("#", 1)]), [0, 1]);
    bench.settle();
    assert_eq!(client.ack_all(), ["t=x q0 retain", "t=x q1 retain"]);
}
