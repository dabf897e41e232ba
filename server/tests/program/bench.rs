//! `surewire bench` against the broker of the same program.

use serde_json::Value;

use tempfile::tempdir;

use crate::broker::{Broker, MQTT, WEBSOCKET, certificate};
use crate::support::{Ended, Program, run, surewire};

/// No limit on queues, and no disk to wait for.
const ROOMY: &str = "max_msgqueue_messages: 0\ndurability: none\n";

fn bench(broker: &Broker, scenario: &str) -> Ended {
    bench_at(broker, 0, scenario)
}

/// By way of one of the broker's listeners, in its directory.
fn bench_at(broker: &Broker, listener: usize, scenario: &str) -> Ended {
    let address = broker.addresses[listener].to_string();
    let pid = broker.program.id().to_string();
    let mut command = surewire(&["bench"]);
    command.current_dir(broker.path()).args(scenario.split(' '));
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

/// A broker with every kind of listener, and for each the flags that lead there.
fn every_transport() -> (Broker, [(&'static str, &'static str); 4]) {
    let directory = tempdir().unwrap();
    certificate(directory.path(), "own");
    certificate(directory.path(), "other");
    let tls = |listener: &str| listener.replace("'}", "', certfile: own.pem, keyfile: own.key}");
    let listeners = [MQTT, WEBSOCKET, &tls(MQTT), &tls(WEBSOCKET)];
    let ways =
        [("", "tcp"), (" --ws", "ws"), (" --cafile own.pem", "tls"), (" --ws --insecure", "wss")];
    (Broker::start_in(directory, &listeners, ROOMY), ways)
}

#[test]
fn messages_arrive_once_over_every_transport() {
    let (broker, ways) = every_transport();
    for (listener, (flags, name)) in ways.into_iter().enumerate() {
        for (scenario, deliveries) in [
            ("fanin --clients 5 --messages 2000", 2_000),
            ("fanin --clients 3 --messages 60 --payload 70000 --outstanding 20", 60),
            ("fanout --clients 5 --messages 100 --qos 1 --protocol 5", 500),
            ("pairs --clients 5 --messages 500 --qos 2 --persistent", 500),
            ("wildcard --clients 20 --messages 500 --filler-subscriptions 1000", 500),
            ("pairs --clients 5 --messages 100 --qos 1 --rate 2000", 100),
        ] {
            let told = bench_at(&broker, listener, &format!("{scenario}{flags}")).success();
            let json: Value = serde_json::from_str(&told).unwrap();
            assert_eq!(json["received"], deliveries, "{scenario}{flags}: {json}");
            assert_eq!(json["transport"], name, "{scenario}{flags}: {json}");
            for wrong in ["lost", "duplicates", "out_of_order"] {
                assert_eq!(json[wrong], 0, "{scenario}{flags}: {json}");
            }
        }
    }
}

#[test]
fn other_scenarios_work_over_every_transport() {
    let (broker, ways) = every_transport();
    for (listener, (flags, name)) in ways.into_iter().enumerate() {
        for (scenario, part, count) in [
            ("hold --connections 20", "connected", 20),
            ("retained --messages 300 --qos 1", "replayed", 300),
            ("queue --messages 300 --sessions 7", "drained", 300),
            ("churn --cycles 60 --sessions 20 --at-once 5", "cycled", 60),
        ] {
            let told = bench_at(&broker, listener, &format!("{scenario}{flags}")).success();
            let json: Value = serde_json::from_str(&told).unwrap();
            assert_eq!(json[part]["count"], count, "{scenario}{flags}: {json}");
            assert_eq!(json["transport"], name, "{scenario}{flags}: {json}");
        }
    }
}

#[test]
fn a_way_that_leads_nowhere_is_told_with_the_cure() {
    let (broker, _) = every_transport();
    for (listener, flags, cure) in [
        (0, "--ws", "check that this port is a WebSocket listener"),
        (0, "--insecure", "check that this port speaks TLS"),
        (2, "--cafile other.pem", "signed by one that is trusted here"),
        (2, "--cafile own.pem --tls-name elsewhere.example", "is for this address"),
        (2, "--cafile gone.pem", "cannot read --cafile gone.pem: "),
    ] {
        let told = bench_at(&broker, listener, &format!("hold --connections 1 {flags}")).failure(2);
        assert!(told.contains(cure), "{flags}: {told}");
    }
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
