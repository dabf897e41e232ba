//! Subscriptions: malformed, without end, and in groups whose members die.

use surewire_engine::config::Config;

use crate::support::{Bench, SECOND, puback};

// Filters that no check caught when they came, and that crashed whoever matched them later.
#[test]
fn cve_2025_68699_what_is_no_filter_is_refused_when_it_comes() {
    let malformed = [
        "a#",
        "#a",
        "a/#/b",
        "#/",
        "a/b#",
        "a+",
        "+a",
        "a/+b/c",
        "a/b+",
        "##",
        "++",
        "#/#",
        "+#",
        "$share/",
        "$share//",
        "$share/g",
        "$share/g/",
        "$share//t",
        "$share/a+/t",
        "$share/a#/t",
        "$share/+/t",
        "$share/#/t",
        "$share/g/a#",
        "$share/g/a/#/b",
        "$share/g/+a",
    ];
    let bench = Bench::new();
    let (old, new, writer) = (bench.connect("old"), bench.connect5("new"), bench.connect("w"));
    for filter in malformed {
        assert_eq!(old.subscribe_many(&[(filter, 1)]), [0x80], "{filter}");
        assert_eq!(new.subscribe_many(&[(filter, 1)]), [0x8F], "{filter}");
        // One that is good in the same packet is not the worse for it.
        assert_eq!(new.subscribe_many(&[(filter, 1), ("good", 1)]), [0x8F, 1], "{filter}");
    }
    assert_eq!(bench.sizes().subscriptions, 1);
    for topic in ["a", "a/b", "t", "g/t", "a/b/c"] {
        writer.publish(topic, 0, "x");
    }
    assert_eq!(old.messages(), [""; 0]);
    assert_eq!(new.messages(), [""; 0]);
}

// Ladders of `+` that make the matches of one topic many: each session still gets it once.
#[test]
fn a_ladder_of_overlapping_filters_is_matched_once_a_session() {
    const LEVELS: u32 = 10;
    let bench = Bench::new();
    bench.check_every(500);
    let reader = bench.connect("r");
    let ladder: Vec<String> = (0..1_u32 << LEVELS)
        .map(|bits| {
            let level = |at| if bits >> at & 1 == 0 { "a" } else { "+" };
            (0..LEVELS).map(level).collect::<Vec<_>>().join("/")
        })
        .collect();
    for filters in ladder.chunks(100) {
        let filters: Vec<_> = filters.iter().map(|filter| (filter.as_str(), 0)).collect();
        reader.subscribe_many(&filters);
    }
    let topic = ["a"; LEVELS as usize].join("/");
    let writer = bench.connect("w");
    for _ in 0..10 {
        writer.publish(&topic, 0, "m");
        assert_eq!(reader.messages().len(), 1);
    }
    // One level too many or too few, and nobody has asked for it.
    writer.publish(&format!("{topic}/a"), 0, "m");
    writer.publish(&topic[2..], 0, "m");
    assert_eq!(reader.messages(), [""; 0]);
}

#[test]
fn subscriptions_beyond_the_limits_are_refused() {
    let config = Config {
        max_subscriptions_per_client: 10,
        max_filters_per_subscribe: 20,
        ..Config::default()
    };
    let bench = Bench::with(config);
    let client = bench.connect5("c");
    let filters: Vec<_> = (0..20).map(|n| format!("t/{n}")).collect();
    let filters: Vec<_> = filters.iter().map(|filter| (filter.as_str(), 0)).collect();
    let codes = client.subscribe_many(&filters);
    assert_eq!(codes, [[0; 10], [0x97; 10]].concat());
    let groups: Vec<_> = (0..10).map(|n| format!("$share/g{n}/t")).collect();
    let groups: Vec<_> = groups.iter().map(|filter| (filter.as_str(), 0)).collect();
    assert_eq!(client.subscribe_many(&groups), [0x97; 10]);
    assert_eq!(bench.sizes().subscriptions, 10);
    // Nothing is left of them with their session.
    client.disconnect();
    bench.settle();
    assert_eq!(bench.sizes().subscriptions, 0);
}

// Every message would be brought to one client a hundred thousand times.
#[test]
fn share_groups_beyond_the_limit_are_refused() {
    let bench = Bench::with(Config { max_share_groups_per_client: 3, ..Config::default() });
    let client = bench.connect5("c");
    let groups: Vec<_> = (0..5).map(|n| format!("$share/g{n}/t")).collect();
    let groups: Vec<_> = groups.iter().map(|filter| (filter.as_str(), 0)).collect();
    assert_eq!(client.subscribe_many(&groups), [0, 0, 0, 0x97, 0x97]);
    // Others of its own, those it has, and what took their place.
    assert_eq!(client.subscribe_many(&[("t", 0), ("$share/g0/t", 0)]), [0, 0]);
    client.unsubscribe(&["$share/g0/t"]);
    assert_eq!(client.subscribe_many(&[("$share/g4/t", 0), ("$share/g0/t", 0)]), [0, 0x97]);
    bench.connect("w").publish("t", 0, "m");
    assert_eq!(client.messages().len(), 4);
}

// A member that dies with messages in flight: they leaked, or were never given to anybody else.
#[test]
fn what_a_dead_member_of_a_group_held_goes_to_the_living() {
    let bench = Bench::new();
    let writer = bench.connect("w");
    let mut members: Vec<_> = (0..4).map(|n| bench.connect(&format!("m{n}"))).collect();
    for member in &members {
        member.subscribe("$share/g/t", 1);
    }
    for n in 0..40 {
        writer.publish_acked("t", 1, &n.to_string());
    }
    let mut seen = std::collections::BTreeSet::new();
    while let Some(dying) = members.pop() {
        if members.is_empty() {
            seen.extend(dying.ack_all());
            members.push(dying);
            break;
        }
        dying.take();
        dying.lose();
        bench.settle();
    }
    let payloads: std::collections::BTreeSet<_> =
        seen.iter().map(|message| message.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(payloads.len(), 40, "{seen:?}");
    // The group itself is gone with its last member.
    members.pop().unwrap().disconnect();
    bench.settle();
    assert_eq!(bench.sizes().subscriptions, 0);
    writer.publish_acked("t", 1, "nobody");
}

// Thousands of groups come and go; what they leave behind is nothing.
#[test]
fn groups_that_come_and_go_leave_nothing_behind() {
    let bench = Bench::new();
    bench.check_every(500);
    let writer = bench.connect("w");
    for round in 0..2_000 {
        let member = bench.connect("m");
        member.subscribe(&format!("$share/g{round}/t"), 1);
        writer.publish("t", 1, "m");
        writer.take();
        let got = member.take();
        assert_eq!(got.len(), 1, "round {round}: an older group got it as well");
        if round % 2 == 0 {
            member.send(puback(1));
        }
        member.lose();
    }
    bench.advance(SECOND);
    let sizes = bench.sizes();
    assert_eq!((sizes.subscriptions, sizes.sessions), (0, 1));
}
