//! `surewire pub` and `surewire sub`: sessions that outlive a connection, and wills.

use rustix::process::Signal;

use crate::broker::Broker;
use crate::support::Program;

#[test]
fn a_kept_session_gets_what_came_while_it_was_away() {
    let broker = Broker::plain();
    let flags = ["-i", "worker", "-c", "-q", "1", "-t", "jobs"];
    broker.subscriber(&flags).stop().success();
    let publisher = broker.command("pub", &["-t", "jobs", "-q", "1", "-l"]);
    Program::start_with_input(publisher, b"1\n2\n3\n").end().success();
    let received = broker.receive(&[&flags[..], &["-C", "3", "-d"]].concat());
    assert!(received.stderr.contains("session present true"), "{received:?}");
    assert_eq!(received.success(), "1\n2\n3\n");
}

#[test]
fn a_session_that_is_not_kept_gets_nothing_of_it() {
    let broker = Broker::plain();
    let flags = ["-i", "worker", "-q", "1", "-t", "jobs", "-C", "1"];
    broker.subscriber(&flags).stop().success();
    broker.publish(&["-t", "jobs", "-q", "1", "-m", "missed"]);
    let subscriber = broker.subscriber(&flags);
    broker.publish(&["-t", "jobs", "-q", "1", "-m", "seen"]);
    assert_eq!(subscriber.end().success(), "seen\n");
}

#[test]
fn messages_that_sub_did_not_print_come_again() {
    let broker = Broker::plain();
    let flags = ["-i", "worker", "-c", "-q", "2", "-t", "jobs"];
    broker.subscriber(&flags).stop().success();
    let publisher = broker.command("pub", &["-t", "jobs", "-q", "2", "-l"]);
    Program::start_with_input(publisher, b"1\n2\n3\n4\n").end().success();
    let mut printed = String::new();
    for count in ["1", "2", "1"] {
        printed += &broker.receive(&[&flags[..], &["-C", count]].concat()).success();
    }
    assert_eq!(printed, "1\n2\n3\n4\n");
}

fn with_will(qos: &str) -> [&str; 11] {
    let [topic, payload] = ["wills/a", "gone"];
    [
        "-t",
        "t",
        "-i",
        "mortal",
        "--will-topic",
        topic,
        "--will-payload",
        payload,
        "--will-qos",
        qos,
        "--will-retain",
    ]
}

#[test]
fn the_will_of_a_sub_that_is_killed_arrives() {
    let broker = Broker::plain();
    for qos in ["0", "1", "2"] {
        let watcher = broker.subscriber(&["-t", "wills/#", "-q", "2", "-C", "1", "-v", "-R"]);
        let mortal = broker.subscriber(&with_will(qos));
        mortal.signal(Signal::KILL);
        let seen = watcher.end();
        assert!(seen.stderr.contains(&format!("q{qos}, retain false")), "{seen:?}");
        assert_eq!(seen.success(), "wills/a gone\n");
        drop(mortal);
    }
    assert_eq!(broker.receive(&["-t", "wills/#", "-C", "1"]).success(), "gone\n");
}

#[test]
fn a_sub_that_leaves_has_no_will() {
    let broker = Broker::plain();
    let watcher = broker.subscriber(&["-t", "wills/#", "-t", "after", "-C", "1", "-v"]);
    broker.subscriber(&with_will("0")).stop().success();
    broker.publish(&["-t", "after", "-m", "it", "-q", "1"]);
    assert_eq!(watcher.end().success(), "after it\n");
}
