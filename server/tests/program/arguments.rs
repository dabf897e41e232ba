//! contract: section 1, arguments that end at once.

use std::fs;

use tempfile::tempdir;

use crate::broker::MQTT;
use crate::support::{Program, run, run_in, surewire};

#[test]
fn version_is_one_line() {
    let expected = format!("surewire {}\n", env!("CARGO_PKG_VERSION"));
    for flag in ["--version", "-V"] {
        assert_eq!(run(&[flag]).success(), expected);
    }
}

#[test]
fn help_shows_the_commands_and_each_command_its_flags() {
    let help = run(&["--help"]).success();
    for word in ["check", "pub", "sub", "--config", "config.yaml"] {
        assert!(help.contains(word), "{word}: {help}");
    }
    let shared = ["-h,", "-p,", "-t,", "-q,", "-i,", "-c,", "-k,", "-u,", "-P,", "-V,"];
    let long =
        ["--will-topic", "--will-payload", "--will-qos", "--will-retain", "--cafile", "--ws"];
    for (command, own) in
        [("pub", &["-m,", "-f,", "-l,", "-r,"][..]), ("sub", &["-v,", "-C,", "-W,"])]
    {
        let help = run(&[command, "--help"]).success();
        for flag in shared.iter().chain(&long).chain(own) {
            assert!(help.contains(flag), "{command} {flag}: {help}");
        }
        assert!(help.contains("Examples:"), "{help}");
    }
}

#[test]
fn wrong_usage_is_exit_code_2_and_says_what() {
    let rows = [
        (&["chek"][..], "chek"),
        (&["pub", "-m", "x"], "--topic"),
        (&["pub", "-t", "a/+", "-m", "x"], "neither `+` nor `#`"),
        (&["pub", "-t", "a", "-m", "x", "-q", "3"], "the QoS is 0, 1 or 2"),
        (&["pub", "-t", "a"], "--message"),
        (&["sub", "-t", "a/#/b"], "a/#/b"),
        (&["sub", "-t", "a", "-V", "4"], "mqttv31, mqttv311 or mqttv5"),
        (&["sub", "-t", "a", "-c"], "--id"),
    ];
    for (arguments, part) in rows {
        let message = run(arguments).failure(2);
        assert!(message.contains(part), "{arguments:?}: {message}");
    }
}

// contract: section 1, `surewire check`
#[test]
fn check_shows_what_is_in_effect_and_starts_nothing() {
    let directory = tempdir().unwrap();
    let file = "receive_maximum: 7\nhttp_server: {addr: '127.0.0.1:9', user: {a: hunter2}}\n\
                listener: [{protocol: mqtt, addr: '192.0.2.1:1'}]\n";
    fs::write(directory.path().join("other.yaml"), file).unwrap();
    let ended = run_in(directory.path(), &["check", "other.yaml"]);
    assert_eq!(ended.stderr, "");
    let report = ended.success();
    assert!(report.starts_with("other.yaml: valid\n"), "{report}");
    assert!(report.contains("mqtt on 192.0.2.1:1 (one address)"), "{report}");
    assert!(report.contains("* receive_maximum                7\n"), "{report}");
    assert!(report.contains("  max_inflight_messages          20\n"), "{report}");
    assert!(report.contains("warnings\n  listener[0]: "), "{report}");
    assert!(!report.contains("hunter2"), "{report}");
}

#[test]
fn check_reads_config_yaml_where_no_file_is_named() {
    let directory = tempdir().unwrap();
    fs::write(directory.path().join("config.yaml"), format!("listener: [{MQTT}]")).unwrap();
    let report = run_in(directory.path(), &["check"]).success();
    assert!(report.starts_with("config.yaml: valid\n"), "{report}");
}

#[test]
fn check_goes_quietly_when_nobody_reads_it() {
    let directory = tempdir().unwrap();
    for arguments in [&["check"][..], &["check", "--schema"]] {
        let mut command = surewire(arguments);
        command.current_dir(directory.path());
        let ended = Program::start_unread(command).end();
        assert_eq!((ended.status.code(), ended.stderr.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

// contract: section 2, the JSON schema
#[test]
fn check_prints_the_schema_that_messages_speak_of() {
    let schema: serde_json::Value =
        serde_json::from_str(&run(&["check", "--schema"]).success()).unwrap();
    assert!(schema["properties"]["receive_maximum"].is_object(), "{schema}");
}
