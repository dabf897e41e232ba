//! Small fleets to begin with.

use std::time::Duration;

use surewire_engine::codec::Limits;
use surewire_engine::config::Config;
use surewire_engine::packet::{QoS, Version};
use surewire_fleet::plan::{
    Broker, Durability, Gone, Group, Link, Outage, Plan, Publish, Subscribe, Timing,
};
use surewire_fleet::{Pattern, Report, run};

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Ten sensors that publish every ten seconds at QoS 1, and one application that reads all of it.
pub(crate) fn sensors() -> Plan {
    Plan {
        seed: 1,
        length: secs(600),
        broker: Broker {
            config: Config { max_msgqueue_messages: Some(1_000), ..Config::default() },
            limits: Limits {
                max_packet_size: 2 << 20,
                max_user_properties: 1_000,
                reject_control_chars: false,
            },
            durability: Durability::Power,
            sync: Duration::from_millis(5),
            disk: None,
        },
        links: vec![link("lan")],
        groups: vec![
            Group { publish: vec![publish("data/{client}")], ..group("sensors", 10) },
            Group { subscribe: vec![subscribe("data/#")], ..group("app", 1) },
        ],
        outages: Vec::new(),
    }
}

pub(crate) fn link(name: &str) -> Link {
    Link {
        name: name.to_owned(),
        latency: Duration::from_millis(10),
        jitter: Duration::ZERO,
        bandwidth: None,
        dropouts: None,
    }
}

pub(crate) fn group(name: &str, clients: u32) -> Group {
    Group {
        name: name.to_owned(),
        clients,
        link: 0,
        version: Version::V3_1_1,
        clean_session: false,
        session_expiry: None,
        keep_alive: 60,
        start_over: secs(1),
        reconnect: (secs(1), secs(60)),
        queue: 1_000,
        publish: Vec::new(),
        subscribe: Vec::new(),
    }
}

pub(crate) fn publish(topic: &str) -> Publish {
    Publish {
        topic: Pattern::parse(topic).unwrap(),
        every: secs(10),
        timing: Timing::Regular,
        burst: 1,
        payload: (64, 64),
        qos: QoS::AtLeastOnce,
        retain: false,
        expiry: None,
    }
}

pub(crate) fn subscribe(filter: &str) -> Subscribe {
    Subscribe { filter: Pattern::parse(filter).unwrap(), qos: QoS::AtLeastOnce }
}

pub(crate) fn outage(what: Gone, at: u64, lasts: u64) -> Outage {
    Outage { what, at: secs(at), lasts: secs(lasts), return_over: Duration::ZERO }
}

/// Runs it and sees that no message is unaccounted for.
pub(crate) fn report(plan: &Plan) -> Report {
    let report = run(plan, |_| {}).unwrap();
    let broker = &report.broker;
    let ends = broker.delivered + broker.dropped.values().sum::<u64>() + broker.held;
    let lost = broker.routed as i64 - ends as i64;
    assert_eq!(lost, broker.lost_at_end, "{broker:?}");
    for group in &report.groups {
        // QoS 0 is not acknowledged, so this holds for groups that publish above it.
        let ends = group.acknowledged
            + group.refused
            + group.overflowed
            + group.uncertain
            + group.forgotten
            + group.pending;
        let above = ends == group.published || group.unsent > 0 || group.acknowledged == 0;
        assert!(above, "{group:?}");
    }
    report
}
