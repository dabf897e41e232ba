//! Wrong plans say where, what, and what would be right.

use std::fs;

use tempfile::tempdir;

use super::*;

const RIGHT: &str = "groups: [{name: a, clients: 2, publish: [{topic: t, every: 1s}]}]";

fn read(text: &str) -> Result<Plan, String> {
    let directory = tempdir().unwrap();
    let path = directory.path().join("plan.yaml");
    fs::write(&path, text).unwrap();
    let loaded = load(&path, Given { seed: 1, length: None });
    // Without the directory, which is another one each time.
    let place = format!("{}/", directory.path().display());
    loaded.map_err(|failure| failure.to_string().replace(&place, ""))
}

#[test]
fn a_small_plan_has_defaults_for_all_the_rest() {
    let plan = read(RIGHT).unwrap();
    assert_eq!(plan.length, Duration::from_secs(86_400));
    assert_eq!((plan.links.len(), plan.links[0].latency), (1, Duration::from_millis(1)));
    let group = &plan.groups[0];
    assert_eq!((group.keep_alive, group.version), (60, Version::V3_1_1));
    assert_eq!(group.publish[0].payload, (64, 64));
    let engine = surewire_engine::config::Config::default();
    assert_eq!(plan.broker.config, engine, "the broker's own defaults, whatever this machine is");
}

#[test]
fn keys_of_the_configuration_are_keys_of_the_plan() {
    let config = "broker: {config: {max_msgqueue_messages: 7, durability: none}}\n";
    let plan = read(&format!("{config}{RIGHT}")).unwrap();
    assert_eq!(plan.broker.config.max_msgqueue_messages, Some(7));
    assert_eq!(plan.broker.durability, fleet::Durability::Nothing);
}

#[test]
fn a_configuration_of_its_own_is_found_beside_the_plan() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("plan.yaml");
    fs::write(directory.path().join("broker.yaml"), "max_inflight_messages: 3").unwrap();
    fs::write(&path, format!("broker: {{config_file: broker.yaml}}\n{RIGHT}")).unwrap();
    let plan = load(&path, Given { seed: 1, length: None }).unwrap();
    assert_eq!(plan.broker.config.max_inflight_messages, 3);
    let both = "broker: {config_file: broker.yaml, config: {max_inflight_messages: 1}}";
    let wrong = read(&format!("{both}\n{RIGHT}")).unwrap_err();
    assert!(wrong.contains("found config_file and config, expected one of them"), "{wrong}");
}

#[test]
fn the_command_line_says_otherwise_about_the_length() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("plan.yaml");
    fs::write(&path, RIGHT).unwrap();
    let hour = Some(Duration::from_secs(3_600));
    assert_eq!(load(&path, Given { seed: 1, length: hour }).unwrap().length.as_secs(), 3_600);
}

/// Each of these plans is refused with words that contain the text beside it.
#[track_caller]
fn refused<const N: usize>(rows: [(String, &str); N]) {
    for (text, expected) in rows {
        let wrong = read(&text).expect_err(&text);
        assert!(wrong.contains(expected), "{text}\n{wrong}\nlacks {expected}");
    }
}

#[test]
fn what_is_wrong_with_clients_is_told_with_its_place_and_a_cure() {
    let group = |rest: &str| format!("groups:\n  - {{name: a, clients: 2, {rest}}}\n");
    refused([
        (String::new(), "plan.yaml:1:1: groups: missing, expected groups: a list"),
        ("groups: []".to_owned(), "groups: missing"),
        ("groups: [{name: a}]".to_owned(), "plan.yaml:1:10: groups[0].clients: missing"),
        (
            "groups: [{name: a, clients: 0}]".to_owned(),
            "plan.yaml:1:29: groups[0].clients: found `0`, expected a number of clients from 1",
        ),
        ("gruops: []".to_owned(), "gruops: unknown key; did you mean `groups`?"),
        (
            group("pubish: []"),
            "plan.yaml:2:27: groups[0].pubish: unknown key; did you mean `publish`?",
        ),
        (group("every: 3s"), "did you mean `groups[].publish[].every`?"),
        (
            group("publish: [{topic: t, every: -5s}]"),
            "groups[0].publish[0].every: found `-5s`, expected a duration from 1ms to 366d",
        ),
        (group("publish: [{topic: t, every: 0s}]"), "found `0s`"),
        (group("publish: [{topic: t}]"), "groups[0].publish[0].every: missing"),
        (group("publish: [{topic: t/#, every: 1s}]"), "found `t/#`, expected a topic without"),
        (group("publish: [{topic: $SYS/x, every: 1s}]"), "found `$SYS/x`"),
        (group("publish: [{topic: 't/{id}', every: 1s}]"), "but no {id}"),
        (
            group("publish: [{topic: t, every: 1s, payload: 4B}]"),
            "found `4B`, expected a size from 8B",
        ),
        (
            group("publish: [{topic: t, every: 1s, payload: 1KiB, payload_max: 9B}]"),
            "payload_max: found `9B`, expected at least `payload`, which is 1KiB",
        ),
    ]);
    refused([
        (group("publish: [{topic: t, every: 1s, qos: 3}]"), "found `3`, expected one of 0, 1, 2"),
        (
            group("publish: [{topic: t, every: 1s, expiry: 1h}]"),
            "messages of MQTT 3.1.1 do not expire",
        ),
        (group("session_expiry: 1h"), "session_expiry_interval of `broker.config`"),
        (group("subscribe: [{filter: a/#/b}]"), "found `a/#/b`, expected a topic filter"),
        (group("subscribe: [{filter: 'a/{1..3}'}]"), "without numbers that are drawn"),
        (group("link: lte"), "groups[0].link: found `lte`, expected a name of `links`"),
    ]);
}

#[test]
fn what_is_wrong_with_the_rest_is_told_with_its_place_and_a_cure() {
    let outage = |rest: &str| format!("{RIGHT}\noutages:\n  - {{{rest}}}\n");
    refused([
        (
            format!("links: [{{name: lan}}, {{name: lan}}]\n{RIGHT}"),
            "links[1].name: found `lan` a second time",
        ),
        (
            format!("links: [{{name: lan, dropout_every: 1h}}]\n{RIGHT}"),
            "found one of dropout_every and dropout_lasts, expected both",
        ),
        ("groups: [{name: a/b, clients: 1}]".to_owned(), "found `a/b`, expected a name without /"),
        (
            "groups: [{name: a, clients: 600000}, {name: b, clients: 600000}]".to_owned(),
            "found 1200000 clients up to this group",
        ),
        (
            outage("at: 1h, lasts: 1h"),
            "plan.yaml:3:5: outages[0]: found 0 of the keys broker, link and group",
        ),
        (outage("broker: stop, group: a, at: 1h, lasts: 1h"), "found 2 of the keys"),
        (
            outage("broker: stop, at: 2d, lasts: 1h"),
            "plan.yaml:3:24: outages[0].at: found `2d`, expected a time before the end of the run, which lasts 1d",
        ),
        (outage("group: b, at: 1h, lasts: 1h"), "found `b`, expected the name of a group: a"),
        (outage("broker: explode, at: 1h, lasts: 1h"), "expected one of stop, crash, power"),
        (
            format!("broker: {{config: {{max_conections: 3}}}}\n{RIGHT}"),
            "broker.config.max_conections: unknown key; did you mean `max_connections`?",
        ),
    ]);
}

#[test]
fn all_problems_are_told_at_once() {
    let text = "groups: [{name: a, clients: 2, link: x, subscribe: [{filter: 'a#'}]}]\n\
                outages: [{link: y, at: 1h, lasts: 1h}]";
    assert_eq!(read(text).unwrap_err().lines().count(), 3);
}
