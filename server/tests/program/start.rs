//! contract: sections 1 and 2, where the configuration comes from and what the start says.

use std::fs;
use std::path::Path;

use crate::broker::{MQTT, WEBSOCKET, listening};
use crate::support::{Program, run, run_in, surewire};

/// The file that users already have.
const SAMPLE: &str = r#"delivery_retry_interval: 20
max_inflight_messages: 20
queue_qos0_messages: true
max_msgqueue_messages: 20
profile: {cpu: "cpuprofile", mem: "memprofile"}
logging: false
http_server: {addr: ":9090",user: { admin: "admin"}}
listener:
- {protocol: mqtt, addr: ':1883', certfile: , keyfile:  }
- {protocol: websocket, addr: ':8080', certfile: ,keyfile: }
"#;

/// Starts a broker in `directory`, waits for its listeners, stops it and tells what it logged.
fn log_of(directory: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let mut command = surewire(arguments);
    command.current_dir(directory).envs(variables.iter().copied());
    let mut program = Program::start(command);
    assert!(listening(&mut program).ip().is_loopback());
    let ended = program.stop();
    assert!(ended.status.success(), "{ended:?}");
    ended.stderr
}

fn directory_with(name: &str, content: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(name), content).unwrap();
    directory
}

fn count(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

// contract: section 1, no config.yaml
#[test]
fn without_a_file_it_serves_on_loopback_and_one_line_says_so() {
    let directory = tempfile::tempdir().unwrap();
    // Another port than the default one, which may be taken.
    let log = log_of(directory.path(), &[], &[("SUREWIRE_LISTENER__0__ADDR", "localhost:0")]);
    assert_eq!(count(&log, "there is no config.yaml here: built-in defaults"), 1, "{log}");
    assert_eq!(count(&log, "listeners on loopback only"), 1, "{log}");
    assert!(!log.contains(" WARN "), "{log}");
    let report = run_in(directory.path(), &["check"]).success();
    assert!(report.contains("mqtt on localhost:1883 (this machine only)"), "{report}");
}

// contract: section 1, no config.yaml: what is said is true
#[test]
fn a_variable_that_leaves_loopback_is_not_called_loopback() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = surewire(&[]);
    // An address that no machine has: nothing is opened.
    command.env("SUREWIRE_LISTENER__0__ADDR", "192.0.2.1:0").current_dir(directory.path());
    let log = Program::start(command).end().failure(1);
    assert!(log.contains("built-in defaults"), "{log}");
    assert!(!log.contains("loopback only"), "{log}");
}

// contract: section 1, config.yaml of the current directory
#[test]
fn config_yaml_of_the_current_directory_is_read() {
    let directory = directory_with("config.yaml", &format!("listener: [{MQTT}]"));
    let log = log_of(directory.path(), &[], &[]);
    assert!(log.contains("configuration=\"config.yaml\""), "{log}");
    assert!(!log.contains("built-in"), "{log}");
}

// contract: section 1, every spelling
#[test]
fn every_spelling_names_another_file() {
    let directory = directory_with("other.yaml", &format!("listener: [{MQTT}]"));
    fs::write(directory.path().join("config.yaml"), "no: such key").unwrap();
    for spelling in ["-c", "--config", "-config"] {
        let log = log_of(directory.path(), &[spelling, "other.yaml"], &[]);
        assert!(log.contains("configuration=\"other.yaml\""), "{spelling}: {log}");
    }
}

// contract: section 2, verbatim, with either line end
#[test]
fn the_sample_starts_with_either_line_end() {
    for text in [SAMPLE.to_owned(), SAMPLE.replace('\n', "\r\n")] {
        serves_with_both_listeners(&text);
    }
}

#[test]
fn the_shipped_file_starts() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config.yaml");
    serves_with_both_listeners(&fs::read_to_string(path).unwrap());
}

/// Only the addresses are others, by variables: the file itself is as it is.
fn serves_with_both_listeners(text: &str) {
    let directory = directory_with("config.yaml", text);
    let mut command = surewire(&[]);
    command.current_dir(directory.path());
    command.env("SUREWIRE_LISTENER__0__ADDR", "127.0.0.1:0");
    command.env("SUREWIRE_LISTENER__1__ADDR", "127.0.0.1:0");
    command.env("SUREWIRE_HTTP_SERVER__ADDR", "127.0.0.1:0");
    let mut program = Program::start(command);
    let ports = [listening(&mut program).port(), listening(&mut program).port()];
    for (flags, port) in [(&[][..], ports[0]), (&["--ws"][..], ports[1])] {
        let port = port.to_string();
        let base = ["pub", "-h", "127.0.0.1", "-p", &port, "-t", "t", "-m", "m", "-q", "1"];
        run(&[&base, flags].concat()).success();
    }
    let log = program.stop().stderr;
    assert_eq!(count(&log, "listening listener=\"mqtt://127.0.0.1:"), 1, "{log}");
    assert_eq!(count(&log, "listening listener=\"ws://127.0.0.1:"), 1, "{log}");
    assert_eq!(count(&log, "listening listener=\"http://127.0.0.1:"), 1, "{log}");
    for name in ["cpuprofile", "memprofile"] {
        assert!(directory.path().join(name).exists(), "{name}");
    }
}

#[test]
fn what_has_no_function_yet_is_not_mentioned_when_it_is_not_set() {
    let directory = directory_with("config.yaml", &format!("listener: [{WEBSOCKET}]"));
    let log = log_of(directory.path(), &[], &[]);
    assert!(!log.contains("no function"), "{log}");
}

// contract: section 2, a listener that everyone reaches
#[test]
fn a_listener_that_others_reach_without_an_authenticator_is_a_warning() {
    // The first address no machine has: nothing is opened.
    let file = "listener: [{protocol: mqtt, addr: '192.0.2.1:1'}, \
                {protocol: mqtt, addr: '127.0.0.1:0'}]";
    let directory = directory_with("config.yaml", file);
    let log = run_in(directory.path(), &[]).failure(1);
    let warning = "WARN listener[0]: 192.0.2.1:1 is not on loopback and has no authenticator";
    assert_eq!(count(&log, warning), 1, "{log}");
    assert!(!log.contains("listener[1]"), "{log}");
    assert!(log.contains("listener mqtt://192.0.2.1:1: cannot listen: "), "{log}");
}
