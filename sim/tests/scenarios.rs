//! Every story, as its first seed draws it, and as the command that replays it: what it prints is the same
//! in every process.
#![allow(clippy::unwrap_used, reason = "a test stops where it is wrong")]

use std::process::{Command, Output};

use surewire_sim::scenarios::SCENARIOS;

fn simulate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_surewire-sim")).args(arguments).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What a story tells of a seed: what it came across, and the hash of all that clients saw.
fn play(scenario: &str, seed: &str) -> String {
    let output = simulate(&["--scenario", scenario, "--seed", seed]);
    let told = text(&output);
    assert!(output.status.success(), "{told}");
    // The last line says how long it took.
    let told = told.rsplit_once("again: ").unwrap().0.to_owned();
    assert!(told.contains("\nhash "), "{told}");
    told
}

macro_rules! stories {
    ($($test:ident = $name:literal;)*) => {
        const TESTED: &[&str] = &[$($name),*];

        // Two processes have other addresses, hash keys and times.
        $(#[test]
        fn $test() {
            assert_eq!(play($name, "1"), play($name, "1"));
        })*
    };
}

stories! {
    a_town_is_cut_off = "partition";
    links_get_stuck = "hold";
    one_direction_is_lost = "one-way";
    the_power_is_cut = "power-cut";
    the_broker_is_killed = "bounce";
    readers_are_slow = "slow-reader";
    segments_have_one_byte = "one-byte";
    a_thousand_packets_come_at_once = "coalesced";
    peers_vanish = "half-open";
    wills_follow_keep_alives = "keep-alive-will";
    rivals_fight_for_a_client_id = "take-over";
    all_come_back_at_once = "reconnect-storm";
    operators_work_under_load = "rest";
    the_broker_stops_under_load = "graceful-stop";
    frames_end_anywhere = "web-socket";
    the_disk_is_full = "full-disk";
}

/// Its city is empty, and there is no link to cut.
#[test]
fn nothing_happens_to_a_host_where_nobody_lives() {
    play("one-way", "3665774121");
}

#[test]
fn every_story_is_tested_and_listed() {
    let names: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
    assert_eq!(names, TESTED);
    let listed = text(&simulate(&["--list"]));
    let listed: Vec<_> = listed.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(listed, TESTED);
}

#[test]
fn what_cannot_be_played_is_refused_with_what_can() {
    for (arguments, told) in [
        (&["--scenario", "nonsense"][..], "no story is called nonsense; there are: partition, "),
        (&["--seed", "1"], "which story? `--scenario NAME`"),
        (&["--planted", "nonsense"], "no bug is called nonsense; there are: partial-lost, "),
    ] {
        let output = simulate(arguments);
        assert!(!output.status.success());
        assert!(text(&output).contains(told), "{}", text(&output));
    }
}

#[test]
fn another_seed_is_another_world_and_the_trace_shows_it() {
    let trace = |seed| text(&simulate(&["--scenario", "coalesced", "--seed", seed, "--trace"]));
    let (first, second) = (trace("1"), trace("2"));
    assert_ne!(first, second);
    assert!(first.contains(" hasty-0 "), "{first}");
}

#[cfg(not(feature = "planted"))]
#[test]
fn a_program_without_planted_bugs_says_how_to_get_one_with_them() {
    for name in ["wake-lost", "all"] {
        let output = simulate(&["--planted", name, "--scenario", "bounce"]);
        assert!(!output.status.success());
        assert!(text(&output).contains("build it with `--features planted`"));
    }
}

#[cfg(feature = "planted")]
#[test]
fn a_planted_bug_is_found_and_shown() {
    let output = simulate(&["--planted", "behind-connect-lost", "--scenario", "coalesced"]);
    let told = text(&output);
    assert!(!output.status.success(), "{told}");
    assert!(told.contains("\nVIOLATION "), "{told}");
    let again = told.lines().last().and_then(|line| line.strip_prefix("again: surewire-sim "));
    let again = simulate(&again.unwrap().split(' ').collect::<Vec<_>>());
    assert!(text(&again).contains("\nVIOLATION "), "the line that is told shows it again");
}
