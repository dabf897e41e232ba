//! `surewire pub` and `surewire sub`: what is published is what is printed.

use std::fs;

use rustix::process::Signal;

use crate::broker::{Broker, MQTT};
use crate::support::Program;

#[test]
fn every_qos_crosses_in_every_version() {
    let broker = Broker::plain();
    for version in ["mqttv31", "mqttv311", "mqttv5"] {
        for qos in ["0", "1", "2"] {
            let flags = ["-t", "a/+", "-q", qos, "-V", version];
            let subscriber = broker.subscriber(&[&flags[..], &["-C", "1", "-v"]].concat());
            broker.publish(&["-t", "a/b", "-m", "größe", "-q", qos, "-V", version]);
            let ended = subscriber.end();
            assert!(ended.stderr.contains("received PUBLISH ("), "{ended:?}");
            assert!(
                ended.stderr.contains(&format!("q{qos}, retain false, dup false")),
                "{ended:?}"
            );
            assert_eq!(ended.success(), "a/b größe\n");
        }
    }
    let log = broker.stop().stderr;
    for version in ["\"MQTT 3.1\"", "\"MQTT 3.1.1\"", "\"MQTT 5.0\""] {
        assert!(log.contains(&format!("version={version}")), "{log}");
    }
}

#[test]
fn a_retained_message_waits_is_left_out_and_is_deleted() {
    let broker = Broker::plain();
    broker.publish(&["-t", "r", "-m", "old", "-r", "-q", "1"]);
    assert_eq!(broker.receive(&["-t", "r", "-C", "1"]).success(), "old\n");
    let subscriber = broker.subscriber(&["-t", "r", "-C", "1", "-R"]);
    broker.publish(&["-t", "r", "-m", "fresh", "-q", "1"]);
    assert_eq!(subscriber.end().success(), "fresh\n");
    broker.publish(&["-t", "r", "-n", "-r", "-q", "1"]);
    broker.publish(&["-t", "s", "-m", "last", "-r", "-q", "1"]);
    assert_eq!(broker.receive(&["-t", "r", "-t", "s", "-C", "1", "-v"]).success(), "s last\n");
}

#[test]
fn lines_of_standard_input_arrive_in_order() {
    // The backlog must hold whatever the subscriber is behind.
    let broker = Broker::start(&[MQTT], "max_msgqueue_messages: 0");
    let lines: String = (0..300).map(|number| format!("line {number}\n")).collect();
    for qos in ["0", "1", "2"] {
        let subscriber = broker.subscriber(&["-t", "l", "-q", qos, "-C", "300"]);
        let command = broker.command("pub", &["-t", "l", "-q", qos, "-l"]);
        Program::start_with_input(command, lines.as_bytes()).end().success();
        assert_eq!(subscriber.end().success(), lines, "QoS {qos}");
    }
}

#[test]
fn a_file_of_a_mebibyte_arrives_as_it_is() {
    let broker = Broker::plain();
    let bytes: Vec<u8> =
        (0..1_u32 << 20).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    fs::write(broker.path().join("large"), &bytes).unwrap();
    for qos in ["0", "1", "2"] {
        let subscriber = broker.subscriber(&["-t", "f", "-q", qos, "-C", "1", "-N"]);
        broker.publish(&["-t", "f", "-f", "large", "-q", qos]);
        let ended = subscriber.end();
        assert!(ended.status.success());
        assert!(ended.stdout == bytes, "{} bytes came", ended.stdout.len());
    }
}

#[test]
fn standard_input_as_a_whole_is_one_message() {
    let broker = Broker::plain();
    let subscriber = broker.subscriber(&["-t", "s", "-C", "1"]);
    let command = broker.command("pub", &["-t", "s", "-s"]);
    Program::start_with_input(command, b"a\n\nb").end().success();
    assert_eq!(subscriber.end().success(), "a\n\nb\n");
}

#[test]
fn sub_ends_after_its_count_and_leaves_the_rest() {
    let broker = Broker::plain();
    let subscriber = broker.subscriber(&["-t", "c", "-C", "2"]);
    let command = broker.command("pub", &["-t", "c", "-l"]);
    Program::start_with_input(command, b"1\n2\n3\n").end().success();
    assert_eq!(subscriber.end().success(), "1\n2\n");
}

#[test]
fn sub_ends_when_its_time_is_over_with_27_and_no_word() {
    let broker = Broker::plain();
    assert_eq!(broker.receive(&["-t", "t", "-W", "1"]).failure(27), "");
}

#[test]
fn sub_leaves_out_topics_it_is_told_to() {
    let broker = Broker::plain();
    let subscriber = broker.subscriber(&["-t", "a/#", "-T", "a/b/+", "-C", "1"]);
    broker.publish(&["-t", "a/b/c", "-m", "no", "-q", "1"]);
    broker.publish(&["-t", "a/b", "-m", "yes", "-q", "1"]);
    assert_eq!(subscriber.end().success(), "yes\n");
}

#[test]
fn a_signal_is_the_ordinary_end_of_sub() {
    let mut broker = Broker::plain();
    for signal in [Signal::TERM, Signal::INT] {
        let subscriber = broker.subscriber(&["-t", "t", "-i", "s"]);
        subscriber.signal(signal);
        assert_eq!(subscriber.end().success(), "");
        let line = broker.program.line("disconnected client=\"s");
        assert!(line.contains("why=\"by_client\""), "{line}");
    }
}

#[test]
fn sub_ends_quietly_when_nobody_reads_its_output() {
    let broker = Broker::plain();
    broker.publish(&["-t", "t", "-m", "m", "-r", "-q", "1"]);
    let ended = Program::start_unread(broker.command("sub", &["-t", "t"])).end();
    assert_eq!((ended.status.code(), ended.stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let broker = Broker::plain();
    let command = broker.command("pub", &["-t", "t", "-f", "gone"]);
    let message = Program::start(command).end().failure(1);
    assert_eq!(message, "error: cannot read gone: No such file or directory (os error 2)\n");
}
