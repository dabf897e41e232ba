//! `surewire sim`: the example plans tell what their comments say they tell, and the same again.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::support::surewire;

fn plans() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/plans"))
}

/// However long it takes: nothing here can hang but on a loop without an end.
fn sim(arguments: &[&str]) -> Output {
    let mut command = surewire(&[&["sim"], arguments].concat());
    command.current_dir(plans()).output().unwrap()
}

/// What it prints when all is well.
#[track_caller]
fn printed(arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = sim(arguments);
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

/// Its exit code and what it says when something is wrong.
fn complaint(arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = sim(arguments);
    (status.code(), String::from_utf8(stderr).unwrap())
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&printed(&[arguments, &["--json"]].concat())).unwrap()
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no count"))
}

#[test]
fn a_reconnect_storm_loses_nothing_that_was_acknowledged() {
    let report = json(&["reconnect-storm.yaml", "--hours", "1.2"]);
    let broker = &report["broker"];
    assert_eq!(count(&broker["starts"]), 2);
    assert_eq!((&broker["dropped"], &broker["lost_at_end"]), (&serde_json::json!({}), &0.into()));
    let [devices, control] = &report["groups"].as_array().unwrap()[..] else { panic!("2 groups") };
    assert_eq!((count(&devices["losses"]), count(&devices["connects"])), (1_000, 2_000));
    // The storm: in the beginning there were three or four in a second.
    assert!(count(&broker["busiest_second"]["connects"]) > 30, "{broker}");
    assert!(count(&control["received"]) >= count(&devices["acknowledged"]));
    // Away for the outage, or longer by a backoff.
    let away = devices["reconnect_ms"]["max"].as_f64().unwrap();
    assert!((30_000.0..100_000.0).contains(&away), "{away}");
}

#[test]
fn a_week_end_offline_overflows_the_default_queue() {
    let report = json(&["offline-weekend.yaml", "--hours", "67"]);
    let sensors = &report["groups"][0];
    let dropped = count(&sensors["dropped"]["queue_full_oldest"]);
    // In 60 h 5 clients send 30 an hour to one of the sensors each, and one to all of them.
    let sent = 60 * (5 * 30 + 5 * 100);
    assert!(dropped > sent * 8 / 10 && dropped < sent, "{dropped} of about {sent}");
    // A queue of 20, and a window of 20 that was never sent to anybody.
    assert!(count(&sensors["most_queued_one"]) <= 40, "{sensors}");
    assert_eq!(count(&report["broker"]["connections_ended"]["keep_alive"]), 100);
    let connections = report["curves"]["connections"].as_array().unwrap();
    assert_eq!(connections.len(), 240);
    assert!(connections.iter().any(|now| *now == 6) && connections.last() == Some(&106.into()));
}

#[test]
fn the_same_plan_and_seed_print_the_same_bytes() {
    let arguments = ["reconnect-storm.yaml", "--hours", "1.05"];
    let first = printed(&arguments);
    assert_eq!(first, printed(&arguments));
    assert_ne!(first, printed(&[&arguments[..], &["--seed", "2"]].concat()));
    for part in ["CPU time is", "Logic and limits are exact", "connects/s", "lost to reconnected"] {
        assert!(first.contains(part), "{part} is not in\n{first}");
    }
    let widest = first.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(90), "{widest:?}");
}

#[test]
fn a_wrong_plan_ends_with_2_and_says_where() {
    let (code, error) = complaint(&["reconnect-storm.yaml", "--hours", "0.5"]);
    let place = "reconnect-storm.yaml:56:9: outages[0].at: found `1h`";
    assert!(code == Some(2) && error.contains(place), "{error}");
    let (code, error) = complaint(&["nowhere.yaml"]);
    assert!(code == Some(2) && error.contains("nowhere.yaml: cannot read the plan"), "{error}");
    assert_eq!(complaint(&["reconnect-storm.yaml", "--hours", "-1"]).0, Some(2));
}
