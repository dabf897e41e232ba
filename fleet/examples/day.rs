//! How fast a run is: a day of ten thousand clients with a message a minute each.
//!
//! ```sh
//! cargo run --release -p surewire-fleet --example day          # or with a number of hours behind it
//! ```

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    reason = "it measures, and says so"
)]

use std::time::{Duration, Instant};

use surewire_engine::codec::Limits;
use surewire_engine::config::Config;
use surewire_engine::packet::{QoS, Version};
use surewire_fleet::plan::{Broker, Durability, Group, Link, Plan, Publish, Subscribe, Timing};
use surewire_fleet::{Pattern, run};

fn main() {
    let hours = std::env::args().nth(1).and_then(|hours| hours.parse().ok()).unwrap_or(24);
    let plan = plan(Duration::from_secs(hours * 3_600));
    let begun = Instant::now();
    let report = run(&plan, |_| {}).expect("the broker is sound");
    let took = begun.elapsed().as_secs_f64();
    let messages = report.sum(|group| group.published);
    let rate = messages as f64 / took;
    println!("{hours} h, {messages} messages, {} received", report.sum(|group| group.received));
    println!("{} happenings in {took:.1} s: {rate:.0} messages a second", report.happenings);
    println!("{}", peak());
}

fn plan(length: Duration) -> Plan {
    let limits = Limits {
        max_packet_size: 2 << 20,
        max_user_properties: 1_000,
        reject_control_chars: false,
    };
    let publish = Publish {
        topic: topic("data/{client}"),
        every: Duration::from_secs(60),
        timing: Timing::Regular,
        burst: 1,
        payload: (64, 64),
        qos: QoS::AtLeastOnce,
        retain: false,
        expiry: None,
    };
    let subscribe = Subscribe { filter: topic("data/#"), qos: QoS::AtLeastOnce };
    let config = Config { max_msgqueue_messages: Some(1_000), ..Config::default() };
    let (durability, sync) = (Durability::Power, Duration::from_millis(2));
    let (name, latency) = ("lan".to_owned(), Duration::from_millis(10));
    let jitter = Duration::from_millis(5);
    Plan {
        seed: 1,
        length,
        broker: Broker { config, limits, durability, sync, disk: None },
        links: vec![Link { name, latency, jitter, bandwidth: None, dropouts: None }],
        groups: vec![
            Group { publish: vec![publish], ..group("sensors", 10_000) },
            Group { subscribe: vec![subscribe], ..group("app", 1) },
        ],
        outages: Vec::new(),
    }
}

fn topic(text: &str) -> Pattern {
    Pattern::parse(text).expect("its braces are right")
}

fn group(name: &str, clients: u32) -> Group {
    Group {
        name: name.to_owned(),
        clients,
        link: 0,
        version: Version::V3_1_1,
        clean_session: false,
        session_expiry: None,
        keep_alive: 120,
        start_over: Duration::from_secs(60),
        reconnect: (Duration::from_secs(1), Duration::from_secs(60)),
        queue: 1_000,
        publish: Vec::new(),
        subscribe: Vec::new(),
    }
}

/// The most memory that the process ever had, as Linux tells it.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("memory unknown").to_owned()
}
