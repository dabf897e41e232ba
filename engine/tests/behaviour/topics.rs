//! Topic Names and Topic Filters: MQTT 3.1.1 section 4.7.

use crate::support::raw::{field, packet, subscribe_packet};
use crate::support::{Bench, Client};
use surewire_engine::config::Config;

/// Which of the topics a subscriber to the filter gets.
fn received(bench: &Bench, filter: &str, topics: &[&str]) -> Vec<String> {
    let subscriber = bench.connect("subscriber");
    subscriber.subscribe(filter, 0);
    let publisher = bench.connect("publisher");
    for topic in topics {
        publisher.publish(topic, 0, "");
    }
    let name = |message: String| message.strip_suffix("= q0").unwrap().to_owned();
    subscriber.messages().into_iter().map(name).collect()
}

/// Expects the filter to be refused in the SUBACK.
#[track_caller]
fn assert_refused(client: &Client, filter: &str) {
    assert_eq!(client.subscribe_many(&[(filter, 1)]), [0x80], "{filter}");
}

// conformance: v3.1.1 MQTT-4.7.1-2
#[test]
fn a_hash_that_is_not_alone_in_the_last_level_is_refused() {
    let client = Bench::new().connect("client");
    for filter in ["a#", "#a", "a/#/b", "#/a", "##", "a/b#", "/#/", "+#"] {
        assert_refused(&client, filter);
    }
}

// conformance: v3.1.1 MQTT-4.7.1-2
#[test]
fn a_hash_matches_the_level_above_and_all_below() {
    let bench = Bench::new();
    let topics = ["a", "a/", "a/b", "a/b/c", "ab", "/a", "b/a"];
    assert_eq!(received(&bench, "a/#", &topics), ["a", "a/", "a/b", "a/b/c"]);
    assert_eq!(received(&bench, "#", &topics), topics);
    assert_eq!(received(&bench, "/#", &topics), ["/a"]);
}

// conformance: v3.1.1 MQTT-4.7.1-3
#[test]
fn a_plus_that_is_not_alone_in_its_level_is_refused() {
    let client = Bench::new().connect("client");
    for filter in ["a+", "+a", "a/b+", "a/+b/c", "++", "+/a+", "a/++/b"] {
        assert_refused(&client, filter);
    }
}

// conformance: v3.1.1 MQTT-4.7.1-3
#[test]
fn a_plus_matches_exactly_one_level_also_an_empty_one() {
    let bench = Bench::new();
    let topics = ["a", "/a", "a/", "a/b", "a/b/c", "/", "//"];
    assert_eq!(received(&bench, "+", &topics), ["a"]);
    assert_eq!(received(&bench, "+/+", &topics), ["/a", "a/", "a/b", "/"]);
    assert_eq!(received(&bench, "/+", &topics), ["/a", "/"]);
    assert_eq!(received(&bench, "a/+", &topics), ["a/", "a/b"]);
    assert_eq!(received(&bench, "+/+/+", &topics), ["a/b/c", "//"]);
    assert_eq!(received(&bench, "+/b/#", &topics), ["a/b", "a/b/c"]);
}

// conformance: v3.1.1 MQTT-4.7.2-1
#[test]
fn a_wildcard_in_the_first_level_leaves_dollar_topics_alone() {
    use surewire_engine::topic::matches;
    for filter in ["#", "+", "+/x", "+/#", "+/+"] {
        for topic in ["$SYS", "$SYS/x", "$", "$other/x"] {
            assert!(!matches(filter, topic), "{filter} {topic}");
        }
    }
    for filter in ["$SYS/#", "$SYS/+", "$SYS/x"] {
        assert!(matches(filter, "$SYS/x"), "{filter}");
    }
    assert!(matches("+/$SYS", "a/$SYS"), "a `$` behind the first level is nothing special");
}

// conformance: v3.1.1 MQTT-4.7.2-1
#[test]
fn nothing_on_a_dollar_topic_reaches_an_opening_wildcard() {
    let bench = Bench::new();
    let watcher = bench.connect("watcher");
    for filter in ["#", "+/x", "+/#", "$SYS/#"] {
        watcher.subscribe(filter, 1);
    }
    // No client may publish there; the broker's own messages come by the same way.
    bench.connect("client").publish("$SYS/x", 1, "x");
    watcher.ping();
    bench.connect("client").publish("a/$SYS", 0, "x");
    assert_eq!(watcher.messages(), ["a/$SYS=x q0"]);
}

// conformance: v3.1.1 MQTT-4.7.3-1
#[test]
fn an_empty_topic_closes_and_an_empty_filter_is_refused() {
    let bench = Bench::new();
    let client = bench.connect("client");
    assert_refused(&client, "");
    client.raw(&packet(0x30, &[&field(""), b"x"]));
    client.expect_silent_close();
}

// conformance: v3.1.1 MQTT-4.7.3-1
#[test]
fn one_character_is_enough() {
    let bench = Bench::new();
    for name in ["a", "/", " "] {
        assert_eq!(received(&bench, name, &[name]), [name]);
    }
}

// conformance: v3.1.1 MQTT-4.7.3-2
#[test]
fn u_0000_in_a_topic_or_filter_closes_the_connection() {
    for bytes in [packet(0x30, &[&field("a\0"), b"x"]), subscribe_packet(1, "\0")] {
        let bench = Bench::new();
        let client = bench.connect("client");
        client.raw(&bytes);
        client.expect_silent_close();
    }
}

// conformance: v3.1.1 MQTT-4.7.3-3
#[test]
fn a_topic_of_65_535_bytes_is_routed() {
    let bench = Bench::new();
    let topic = "x".repeat(65_535);
    let subscriber = bench.connect("subscriber");
    subscriber.subscribe(&topic, 1);
    subscriber.subscribe("#", 0);
    bench.connect("publisher").retain(&topic, 1, "x");
    assert_eq!(subscriber.ack_all(), [format!("{topic}=x q1")]);
    assert_eq!(bench.retained(&topic), [format!("{topic}=x q1 retain")]);
}

// Contract: a name of nothing but slashes is as long as it is, and costs no stack.
#[test]
fn a_topic_of_65_535_slashes_is_routed_when_that_many_levels_are_allowed() {
    let bench = Bench::with(Config { max_topic_levels: 65_536, ..Config::default() });
    let topic = "/".repeat(65_535);
    let wild = format!("{}#", "+/".repeat(32_767));
    let subscriber = bench.connect("subscriber");
    for filter in [topic.as_str(), &wild, "#"] {
        subscriber.subscribe(filter, 0);
    }
    bench.connect("publisher").retain(&topic, 0, "x");
    assert_eq!(subscriber.messages(), [format!("{topic}=x q0")]);
    for filter in [&wild, "#", "+/#"] {
        assert_eq!(bench.retained(filter).len(), 1, "{filter:.8}");
    }
    subscriber.unsubscribe(&[&topic, &wild, "#"]);
    assert_eq!(bench.sizes().subscriptions, 0);
}

// Contract section 8: `max_topic_levels` and `max_topic_length` hold for filters too.
#[test]
fn a_filter_over_the_limits_is_refused() {
    let config = Config { max_topic_levels: 3, max_topic_length: 8, ..Config::default() };
    let client = Bench::with(config).connect("client");
    for filter in ["a/b/c/d", "+/+/+/#", "123456789"] {
        assert_refused(&client, filter);
    }
    for filter in ["a/b/c", "+/+/#", "12345678"] {
        client.subscribe(filter, 0);
    }
}

// conformance: v3.1.1 MQTT-4.7.3-4
#[test]
fn names_are_compared_byte_by_byte() {
    let names = [
        "caf\u{e9}",
        "cafe\u{301}",
        "Caf\u{e9}",
        "a/b",
        "a//b",
        "a/b/",
        "/a/b",
        "a/./b",
        "a/b ",
        "a%2Fb",
        "\u{fb01}",
        "fi",
        "\u{200b}a",
        "a",
    ];
    let bench = Bench::new();
    for name in names {
        assert_eq!(received(&bench, name, &names), [name]);
    }
    let publisher = bench.connect("publisher");
    for name in names {
        publisher.retain(name, 0, "x");
    }
    assert_eq!(bench.sizes().retained, names.len());
    for name in names {
        assert_eq!(bench.retained(name), [format!("{name}=x q0 retain")]);
    }
}

// conformance: v3.1.1 MQTT-4.7.3-4
#[test]
fn a_filter_is_compared_byte_by_byte_when_it_is_taken_back() {
    let bench = Bench::new();
    let client = bench.connect("client");
    client.subscribe("caf\u{e9}", 0);
    client.unsubscribe(&["cafe\u{301}", "Caf\u{e9}", "caf\u{e9}/", "caf\u{e9} "]);
    assert_eq!(bench.sizes().subscriptions, 1);
    client.unsubscribe(&["caf\u{e9}"]);
    assert_eq!(bench.sizes().subscriptions, 0);
}
