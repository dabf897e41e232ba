//! contract: section 2, `logging`: every packet in words, no secret in any of them.

use crate::broker::{Broker, MQTT};
use crate::support::Program;

const PASSWORD: &str = "hunter2-canary";
const PAYLOAD: &str = "payload-canary";
const WILL: &str = "will-canary";
const ACCOUNT: &str = "account-canary";

/// What a broker logs of one subscriber and one publisher that give all the secrets they can.
fn log(rest: &str) -> String {
    let rest = format!("http_server: {{addr: '127.0.0.1:0', user: {{a: {ACCOUNT}}}}}\n{rest}");
    let mut broker = Broker::start(&[MQTT], &rest);
    let secrets = ["-u", "ann", "-P", PASSWORD, "--will-topic", "w", "--will-payload", WILL];
    let flags = ["-i", "reader", "-t", "a/b", "-q", "2", "-k", "7"];
    let mut subscriber = broker.subscriber(&[&secrets[..], &flags].concat());
    let flags = ["-i", "writer", "-t", "a/b", "-q", "2", "-m", PAYLOAD, "-r", "-d"];
    let publisher = broker.command("pub", &[&secrets[..], &flags].concat());
    let published = Program::start(publisher).end();
    assert!(published.status.success(), "{published:?}");
    subscriber.line("sends PUBCOMP");
    let received = subscriber.stop();
    assert_eq!(received.stdout, format!("{PAYLOAD}\n").as_bytes());
    for shown in [&published.stderr, &received.stderr] {
        assert_no_secret(shown);
    }
    // A DISCONNECT that is not read yet when the broker stops is never in the log.
    broker.program.lines("by_client", 2);
    broker.stop().stderr
}

#[track_caller]
fn assert_no_secret(text: &str) {
    for secret in [PASSWORD, PAYLOAD, WILL, ACCOUNT] {
        assert!(!text.contains(secret), "{secret} is in\n{text}");
    }
}

// contract: section 2, logging
#[test]
fn every_packet_is_in_the_log_in_words_and_no_secret() {
    let log = log("logging: true\n");
    let words = [
        "in CONNECT client \"reader\" MQTT 3.1.1, clean session, keep alive 7 s, user name, \
         password, Will \"w\" QoS 0 11 bytes",
        "out CONNACK accepted",
        "in SUBSCRIBE id 1 \"a/b\" QoS 2",
        "out SUBACK id 1 granted QoS 2",
        "in PUBLISH id 1 \"a/b\" QoS 2 RETAIN 14 bytes",
        "out PUBREC id 1",
        "in PUBREL id 1",
        "out PUBCOMP id 1",
        "out PUBLISH id 1 \"a/b\" QoS 2 14 bytes",
        "in PUBREC id 1",
        "out PUBREL id 1",
        "in PUBCOMP id 1",
        "in DISCONNECT",
    ];
    for part in words {
        assert!(log.contains(part), "{part} is not in\n{log}");
    }
    assert_no_secret(&log);
}

#[test]
fn the_most_talkative_log_has_no_secret_either() {
    for format in ["text", "json"] {
        let log = log(&format!("log: {{level: trace, format: {format}}}\nlogging: true\n"));
        assert!(log.contains("in PUBLISH id 1"), "{log}");
        assert_no_secret(&log);
    }
}

#[test]
fn without_it_no_packet_is_in_the_log() {
    let log = log("");
    assert!(log.contains("connected client=\"reader\""), "{log}");
    assert!(!log.contains("PUBLISH"), "{log}");
    assert_no_secret(&log);
}
