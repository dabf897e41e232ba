//! What the broker tells of itself below `$SYS`.

use bytes::Bytes;

use crate::support::Bench;
use crate::support::requests::topic;
use surewire_engine::answer::Answer;
use surewire_engine::config::Config;
use surewire_engine::request::Command;

fn tell(bench: &Bench, name: &str, value: &'static str) {
    let payload = Bytes::from_static(value.as_bytes());
    let order = Command::PublishSystem { topic: topic(name), payload };
    assert_eq!(bench.command(order), Answer::SystemPublished);
}

// conformance: v3.1.1 MQTT-4.7.2-1
#[test]
fn system_values_are_retained_and_live_for_those_who_ask_for_them_by_name() {
    let bench = Bench::new();
    let all = bench.connect("all");
    all.subscribe("#", 0);
    let system = bench.connect("sys");
    system.subscribe("$SYS/#", 2);
    tell(&bench, "$SYS/broker/uptime", "1 seconds");
    assert_eq!(system.messages(), ["$SYS/broker/uptime=1 seconds q0"]);
    tell(&bench, "$SYS/broker/uptime", "2 seconds");
    assert_eq!(system.messages(), ["$SYS/broker/uptime=2 seconds q0"]);
    assert_eq!(bench.retained("$SYS/broker/+"), ["$SYS/broker/uptime=2 seconds q0 retain"]);
    assert!(all.take().is_empty(), "a wildcard at the first level matches no $ topic");
}

#[test]
fn system_values_are_neither_recorded_nor_held_to_the_limits_of_the_retained_store() {
    let bench = Bench::with(Config { max_retained_messages: 1, ..Config::default() });
    let client = bench.connect_persistent("c", false);
    client.subscribe("$SYS/#", 2);
    client.lose();
    bench.records();
    tell(&bench, "$SYS/broker/version", "surewire");
    assert_eq!(bench.records(), []);
    tell(&bench, "$SYS/broker/uptime", "1 seconds");
    assert_eq!(bench.retained("$SYS/broker/version"), ["$SYS/broker/version=surewire q0 retain"]);
    assert_eq!((bench.sizes().retained, bench.sizes().retained_bytes), (0, 0));
    // Nor do they take the place of a client's message.
    bench.connect("p").retain("t", 0, "x");
    assert_eq!(bench.retained("t"), ["t=x q0 retain"]);
}
