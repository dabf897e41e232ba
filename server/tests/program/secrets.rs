//! contract: section 2, `logging`: whatever happens, at every level and in both formats, the log
//! has no secret, and no line that somebody else wrote.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::broker::{Broker, MQTT, WEBSOCKET, listening};
use crate::support::{Program, run_in};

/// In CONNECTs that are taken and that are refused, in payloads, in Wills, in requests.
const SECRETS: [&str; 5] =
    ["hunter2-canary", "payload-canary", "will-canary", "account-canary", "guess-canary"];

/// A client identifier and a topic that would be lines of their own.
const FORGED: &str = "x\"\n2026-01-01T00:00:00.000000Z ERROR forged\r\u{1b}[31m";

/// What a broker logs of clients that do everything wrong, with secrets in all of it.
fn log(format: &str) -> String {
    let rest = format!(
        "http_server: {{addr: '127.0.0.1:0', user: {{a: account-canary}}}}\n\
         log: {{level: trace, format: {format}}}\nlogging: true\n"
    );
    let mut broker = Broker::start(&[MQTT, WEBSOCKET], &rest);
    let http = listening(&mut broker.program);
    let secrets = ["-u", "ann", "-P", "hunter2-canary", "-q", "1"];
    let will = ["--will-topic", FORGED, "--will-payload", "will-canary"];
    let message = ["-i", FORGED, "-t", FORGED, "-m", "payload-canary"];
    broker.publish(&[&secrets[..], &will, &message].concat());
    let ws = ["--ws", "-t", "t", "-m", "payload-canary", "-r"];
    let by_websocket = broker.command_at(1, "pub", &[&secrets[..], &ws].concat());
    assert!(Program::start(by_websocket).end().status.success());
    let received = broker.receive(&[&secrets[..], &["-t", "t", "-C", "1"]].concat());
    assert_eq!(received.stdout, b"payload-canary\n");

    for listener in broker.addresses.clone() {
        for bytes in broken() {
            send(listener, &bytes);
        }
    }
    send(http, b"GET /clients HTTP/1.1\r\nhost: a\r\nauthorization: Basic guess-canary\r\n\r\n");
    send(http, b"POST /publish HTTP/1.1\r\nhost: a\r\ncontent-length: 14\r\n\r\npayload-canary");
    send(http, b"guess-canary\x1b[31m\r\n\r\n");
    broker.stop().stderr
}

/// CONNECTs and a PUBLISH with something wrong behind the secret in each, and no HTTP at all.
fn broken() -> Vec<Vec<u8>> {
    let text = |text: &str| [&[0, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let connect = |flags: u8, more: &[&str]| {
        let fields: Vec<u8> = more.iter().flat_map(|field| text(field)).collect();
        let body = [&b"\x00\x04MQTT\x04"[..], &[flags, 0, 9], &fields].concat();
        [&[0x10, u8::try_from(body.len()).unwrap()], &body[..]].concat()
    };
    let publish = [&[0x33, 20, 0, 1, b'a'][..], &[0, 0], b"payload-canary.."].concat();
    vec![
        // A password without a user name, a field too many, and a second CONNECT.
        connect(0x42, &["a", "hunter2-canary"]),
        connect(0xc2, &["a", "ann", "hunter2-canary", "will-canary"]),
        connect(0xc2, &["a", "ann", "hunter2-canary"]).repeat(2),
        [connect(0x02, &["a"]), publish].concat(),
        [b"\x10\x1e\x00\x04MQTX".to_vec(), b"hunter2-canary".to_vec()].concat(),
        b"GET /guess-canary\x1b HTTP/1.1\r\nguess-canary: \x01\r\n\r\n".to_vec(),
    ]
}

/// Sends and reads until the other side has closed or has nothing more to say.
fn send(address: std::net::SocketAddr, bytes: &[u8]) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    stream.write_all(bytes).unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
}

#[track_caller]
fn assert_no_secret(log: &str) {
    for secret in SECRETS {
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        // A path is no secret: it may show what a client put into one.
        let found = log
            .lines()
            .find(|line| (line.contains(secret) || line.contains(&hex)) && !line.contains("path="));
        assert_eq!(found, None, "{secret} is in\n{log}");
    }
    assert!(!log.contains('\u{1b}') && !log.contains('\r'), "{log}");
}

#[test]
fn text_has_no_secret_and_only_lines_of_its_own() {
    let log = log("text");
    assert_no_secret(&log);
    for line in log.lines() {
        let (time, rest) = line.split_at_checked(27).unwrap_or((line, ""));
        assert!(time.starts_with("20") && time.ends_with('Z'), "{line} in\n{log}");
        assert!(!rest.starts_with(" ERROR"), "{line}");
    }
    for told in [
        "in PUBLISH id 1 \"x\\\"\\n2026-",
        "connected client=\"x\\\"\\n2026-",
        "why=\"protocol violated: a Password without a User Name\"",
        "why=\"protocol violated: a second CONNECT on one connection\"",
    ] {
        assert!(log.contains(told), "{told} is not in\n{log}");
    }
}

#[test]
fn json_has_no_secret_and_every_line_is_an_object() {
    let log = log("json");
    assert_no_secret(&log);
    let lines: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    for line in &lines {
        for key in ["timestamp", "level", "message"] {
            assert!(line[key].is_string(), "{line}");
        }
        assert_ne!(line["level"], "ERROR");
    }
    // As it was sent, without a second escape.
    assert!(lines.iter().any(|line| line["message"] == "connected" && line["client"] == FORGED));
}

#[test]
fn the_name_of_a_file_forges_no_line() {
    let directory = tempfile::tempdir().unwrap();
    let name = "none\\n2026-01-01T00:00:00.000000Z ERROR forged";
    let file = format!(
        "listener: [{{protocol: mqtt, addr: '127.0.0.1:0', certfile: \"{name}\", keyfile: k}}]"
    );
    std::fs::write(directory.path().join("config.yaml"), file).unwrap();
    let ended = run_in(directory.path(), &[]);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let last = ended.stderr.lines().last().unwrap();
    assert!(last.contains("cannot read") && last.contains("none\\n2026"), "{ended:?}");
}
