//! Topics of 65,535 levels, on a stack that no recursion over them would fit.

use std::thread;

use surewire_engine::config::Config;

use crate::support::Bench;

/// Recursion over 65,535 levels would need some 3 MiB at 48 bytes a call.
const STACK: usize = 512 << 10;

// A stack that overflowed over a topic of slashes.
#[test]
fn topics_of_65535_levels_cost_no_stack() {
    let attack = || {
        let deep = "/".repeat(65_535);
        let config = Config { max_topic_levels: 65_536, ..Config::default() };
        let bench = Bench::with(config);
        // The invariants of so many nodes take seconds to check.
        bench.check_every(u64::MAX);
        let (reader, writer) = (bench.connect_persistent("r", false), bench.connect("w"));
        let wild = format!("{}+", "+/".repeat(32_767));
        let shared = format!("$share/g/{}", "/".repeat(65_500));
        let steep = format!("{}#", "/".repeat(65_534));
        for filter in [&deep, &wild, &shared, &steep] {
            reader.subscribe(filter, 1);
        }
        // Matched, retained and replayed, stored and read, unsubscribed and dropped.
        writer.retain(&deep, 0, "x");
        assert_eq!(reader.take().len(), 1);
        assert_eq!(bench.retained("#").len(), 1);
        bench.clean();
        bench.crash(std::time::Duration::ZERO);
        let reader = bench.connect_persistent("r", true);
        reader.take();
        reader.unsubscribe(&[&deep, &wild]);
        reader.disconnect();
        let anew = bench.connect("r");
        assert_eq!(bench.sizes().subscriptions, 0);
        anew.ping();
    };
    let thread = thread::Builder::new().stack_size(STACK).spawn(attack).unwrap();
    thread.join().unwrap();
}

#[test]
fn levels_and_bytes_beyond_the_limits_are_refused() {
    let config = Config { max_topic_levels: 8, max_topic_length: 100, ..Config::default() };
    let bench = Bench::with(config);
    let reader = bench.connect("r");
    let filters = [("a/".repeat(8), 0x80), ("a/".repeat(7), 0), ("a".repeat(101), 0x80)];
    for (filter, code) in filters {
        assert_eq!(reader.subscribe_many(&[(&filter, 0)]), [code], "{filter}");
    }
    let writer = bench.connect5("w");
    for topic in ["a/".repeat(8), "a".repeat(101)] {
        writer.publish(&topic, 1, "x");
        assert_eq!(writer.ack().1, 0x90, "{topic}");
    }
    assert_eq!(reader.messages(), [""; 0]);
}
