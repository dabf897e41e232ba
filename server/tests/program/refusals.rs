//! contract: sections 1 and 2, what keeps the program from starting: exit code 1, one message.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use tempfile::{TempDir, tempdir};

use crate::broker::{MQTT, certificate};
use crate::support::run_in;

fn directory_with(config: impl AsRef<[u8]>) -> TempDir {
    let directory = tempdir().unwrap();
    fs::write(directory.path().join("config.yaml"), config).unwrap();
    directory
}

// contract: section 1, the same message when serving and when checking
#[test]
fn a_wrong_file_is_one_exact_message() {
    let rows = [
        (
            "max_inflight_mesages: 5\nreceive_maximum: 0\n",
            "surewire: config.yaml:1:1: max_inflight_mesages: unknown key; did you mean \
             `max_inflight_messages`?\nconfig.yaml:2:18: receive_maximum: found `0`, expected a \
             number of messages from 1 to 65535\n",
        ),
        (
            "logging: maybe\n",
            "surewire: config.yaml:1:10: logging: found `maybe`, expected true or false\n",
        ),
        (
            "http_server: {addr: '127.0.0.1:0'}\n",
            "surewire: config.yaml:1:14: http_server: addr is given without an account; add one, \
             such as `user: {alice: a-password}`, or remove addr\n",
        ),
        (
            "listener: [{protocol: mqtt, addr: '127.0.0.1:0', certfile: a.pem}]\n",
            "surewire: config.yaml:1:12: listener[0]: certfile is given without keyfile; TLS \
             needs both, plain text needs neither\n",
        ),
    ];
    for (file, expected) in rows {
        let directory = directory_with(file);
        for arguments in [&[][..], &["check"]] {
            assert_eq!(run_in(directory.path(), arguments).failure(1), expected, "{file}");
        }
    }
}

// contract: section 1, bad YAML: line and column
#[test]
fn what_is_no_yaml_is_one_message_with_its_place() {
    let directory = directory_with("logging: true\nlistener: [}\n");
    let message = run_in(directory.path(), &[]).failure(1);
    assert!(message.starts_with("surewire: config.yaml:2:12: "), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
}

// contract: section 1, a missing named file
#[test]
fn a_missing_file_is_named() {
    let directory = tempdir().unwrap();
    let expected = "surewire: nowhere.yaml: cannot read the configuration: \
                    No such file or directory (os error 2)\n";
    for arguments in [["-c", "nowhere.yaml"], ["check", "nowhere.yaml"]] {
        assert_eq!(run_in(directory.path(), &arguments).failure(1), expected);
    }
}

// contract: section 2, a port in use
#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let file = format!(
        "listener: [{MQTT}, {{protocol: websocket, addr: '127.0.0.1:{}'}}]",
        address.port()
    );
    let log = run_in(directory_with(file).path(), &[]).failure(1);
    assert!(log.contains(&format!("ERROR listener ws://{address}: cannot listen: ")), "{log}");
    assert!(log.contains("stop the other program on this port"), "{log}");
}

fn tls_failure(directory: &Path, certfile: &str, keyfile: &str) -> String {
    let file = format!(
        "listener: [{{protocol: mqtt, addr: '127.0.0.1:0', certfile: {certfile}, \
         keyfile: {keyfile}}}]"
    );
    fs::write(directory.join("config.yaml"), file).unwrap();
    run_in(directory, &[]).failure(1)
}

// contract: section 2, unreadable or mismatched certificates
#[test]
fn certificates_that_cannot_be_used_are_named() {
    let directory = tempdir().unwrap();
    for name in ["one", "other"] {
        certificate(directory.path(), name);
    }
    fs::write(directory.path().join("empty.pem"), "").unwrap();
    let rows = [
        ("gone.pem", "one.key", "cannot read gone.pem: "),
        ("one.pem", "gone.key", "cannot read gone.key: "),
        ("empty.pem", "one.key", "empty.pem holds no certificate"),
        ("one.pem", "other.key", "the key in other.key does not belong to the certificate in "),
    ];
    for (certfile, keyfile, expected) in rows {
        let log = tls_failure(directory.path(), certfile, keyfile);
        let expected = format!("ERROR listener mqtts://127.0.0.1:0: {expected}");
        assert!(log.contains(&expected), "{expected}\n{log}");
    }
}

#[test]
fn no_password_is_in_what_is_printed_about_a_wrong_file() {
    let canary = "hunter2-canary";
    let files = [
        format!("http_server: {{addr: '127.0.0.1:9', user: {{a: {canary}}}}}\nlogging: maybe\n"),
        format!("http_server: {{addr: '127.0.0.1:9', user: {canary}}}\n"),
        format!("http_server: {{addr: '127.0.0.1:9', user: {{a: [{canary}]}}}}\n"),
        format!("http_server: {{addr: '127.0.0.1:9', user: {{a: {canary}, a: {canary}}}}}\n"),
    ];
    for file in files {
        let message = run_in(directory_with(&file).path(), &[]).failure(1);
        assert!(!message.contains(canary), "{message}");
    }
}
