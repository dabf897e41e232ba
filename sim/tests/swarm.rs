//! The swarm as a command.
#![allow(clippy::unwrap_used, reason = "a test stops where it is wrong")]

use std::process::{Command, Output};

fn swarm(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_swarm")).args(arguments).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

// I15 of what the swarm judges by: two processes have other addresses, hash keys and times.
#[test]
fn a_seed_is_one_world_in_every_process() {
    for seed in ["1", "2", "3", "4", "5", "6"] {
        let run = || swarm(&["--seed", seed, "--lines", "100000"]);
        let (first, second) = (run(), run());
        assert!(first.status.success(), "{}", text(&first));
        assert_eq!(text(&first), text(&second));
        assert!(text(&first).contains("\nhash "));
    }
}

#[test]
fn seeds_are_run_one_after_the_other_and_what_they_met_is_told() {
    let told = text(&swarm(&["--seeds", "20", "--first", "7"]));
    for what in ["seeds in ", "crashes inside recovery", "take-overs", "torn tails"] {
        assert!(told.contains(what), "{told}");
    }
}

#[cfg(not(feature = "planted"))]
#[test]
fn a_program_without_planted_bugs_says_how_to_get_one_with_them() {
    for (name, told) in [
        ("ack-before-sync", "build it with `--features planted`"),
        ("all", "build it with `--features planted`"),
        ("nonsense", "no bug is called nonsense; there are: ack-before-sync, "),
    ] {
        let output = swarm(&["--planted", name]);
        assert!(!output.status.success());
        assert!(text(&output).contains(told), "{}", text(&output));
    }
}

#[cfg(feature = "planted")]
#[test]
fn a_planted_bug_is_found_and_shown() {
    let output = swarm(&["--planted", "ack-before-sync", "--seeds", "100"]);
    let told = text(&output);
    assert!(!output.status.success(), "{told}");
    assert!(told.contains("\nVIOLATION I1: "), "{told}");
    let again = told.lines().last().and_then(|line| line.strip_prefix("again: swarm ")).unwrap();
    let again = swarm(&again.split(' ').collect::<Vec<_>>());
    assert!(text(&again).contains("\nVIOLATION I1: "), "the line that is told shows it again");
}
