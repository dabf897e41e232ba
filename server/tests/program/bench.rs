//! `surewire bench` against the broker of the same program.

use serde_json::Value;

use crate::broker::{Broker, MQTT};
use crate::support::{Ended, Program, run, surewire};

/// No limit on queues, and no disk to wait for.
const ROOMY: &str = "max_msgqueue_messages: 0\ndurability: none\n";

fn bench(broker: &Broker, scenario: &str) -> Ended {
    let (address, pid) = (broker.addresses[0].to_string(), broker.program.id().to_string());
    let mut command = surewire(&["bench"]);
    command.args(scenario.split(' '));
    command.args(["--broker", &address, "--pid", &pid, "--json"]);
    Program::start(command).end()
}

#[test]
fn messages_of_every_shape_arrive_once() {
    let broker = Broker::start(&[MQTT], ROOMY);
    for (scenario, deliveries) in [
        ("fanin --clients 5 --messages 500", 500),
        ("fanout --clients 5 --messages 100 --qos 1 --protocol 5 --user-properties 2", 500),
        ("pairs --clients 5 --messages 500 --qos 2 --persistent --topic-levels 64", 500),
        ("wildcard --clients 20 --messages 500 --filler-subscriptions 1000", 500),
        ("shared --clients 5 --messages 500 --group-size 3 --qos 1 --protocol 5", 500),
    ] {
        let json: Value = serde_json::from_str(&bench(&broker, scenario).success()).unwrap();
        assert_eq!(json["received"], deliveries, "{scenario}: {json}");
        assert!(json["messages_per_cpu_second"].as_f64().unwrap() > 0.0, "{scenario}: {json}");
    }
}

#[test]
fn other_scenarios_count_what_they_did_and_leave_nothing() {
    let broker = Broker::start(&[MQTT], ROOMY);
    for (scenario, part, count) in [
        ("hold --connections 50", "connected", 50),
        ("retained --messages 300 --qos 1", "replayed", 300),
        ("queue --messages 300 --sessions 7 --protocol 5", "drained", 300),
        ("churn --cycles 100 --sessions 20 --at-once 5", "cycled", 100),
    ] {
        let json: Value = serde_json::from_str(&bench(&broker, scenario).success()).unwrap();
        assert_eq!(json[part]["count"], count, "{scenario}: {json}");
        assert!(json[part]["per_second"].as_f64().unwrap() > 0.0, "{scenario}: {json}");
    }
    broker.publish(&["-t", "zz", "-m", "alone", "-r", "-q", "1"]);
    assert_eq!(broker.receive(&["-t", "#", "-C", "1", "-v"]).success(), "zz alone\n");
}

#[test]
fn what_a_limit_drops_is_told_by_the_exit_code() {
    let broker = Broker::start(&[MQTT], "max_msgqueue_messages: 5\ndurability: none\n");
    let ended = bench(&broker, "queue --messages 100 --sessions 1 --patience 1");
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let json: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert!(json["lost"].as_u64().unwrap() > 0, "{json}");
}

#[test]
fn figures_without_sense_name_their_flag() {
    let refused = run(&["bench", "wildcard", "--topic-levels", "2"]).failure(2);
    assert!(refused.contains("--topic-levels 2"), "{refused}");
}
