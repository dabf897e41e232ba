//! `surewire sim`: the example plans tell what their comments say they tell, and the same again.

use std::path::Path;

use serde_json::Value;

use crate::support::{Ended, run_in};

fn plans() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/plans"))
}

fn sim(arguments: &[&str]) -> Ended {
    run_in(plans(), &[&["sim"], arguments].concat())
}

fn json(arguments: &[&str]) -> Value {
    let text = sim(&[arguments, &["--json"]].concat()).success();
    serde_json::from_str(&text).unwrap()
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
    // In 60 h 5 clients send 120 an hour to one of the sensors each, and one to all of them.
    let sent = 60 * (5 * 120 + 5 * 100);
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
    let first = sim(&arguments).success();
    assert_eq!(first, sim(&arguments).success());
    assert_ne!(first, sim(&[&arguments[..], &["--seed", "2"]].concat()).success());
    for part in ["CPU time is", "Logic and limits are exact", "connects/s", "lost to reconnected"] {
        assert!(first.contains(part), "{part} is not in\n{first}");
    }
    let widest = first.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(90), "{widest:?}");
}

#[test]
fn a_wrong_plan_ends_with_2_and_says_where() {
    let ended = sim(&["reconnect-storm.yaml", "--hours", "0.5"]);
    assert_eq!(ended.status.code(), Some(2));
    let error = &ended.stderr;
    let place = "reconnect-storm.yaml:56:9: outages[0].at: found `1h`";
    assert!(error.contains(place), "{error}");
    let ended = sim(&["nowhere.yaml"]);
    assert_eq!(ended.status.code(), Some(2));
    assert!(ended.stderr.contains("nowhere.yaml: cannot read the plan"));
    assert_eq!(sim(&["reconnect-storm.yaml", "--hours", "-1"]).status.code(), Some(2));
}
