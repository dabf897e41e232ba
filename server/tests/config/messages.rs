//! contract: sections 1 and 2, what the operator reads when something is wrong.

use std::fs;

use surewire_server::config::{Config, ConfigError, Fault, Source};

use super::{NO_ENVIRONMENT, load, message};

const BAD_ADDRESS: &str = "expected an address such as `:1883`, `127.0.0.1:1883`, `[::1]:1883` \
                           or `localhost:1883`";

/// File and whole message.
fn check(rows: &[(&str, &str)]) {
    for (file, expected) in rows {
        assert_eq!(message(file), *expected, "{file}");
    }
}

// contract: section 1, the nearest valid key name
#[test]
fn an_unknown_key_names_the_nearest_known_one() {
    check(&[
        (
            "max_inflight_mesages: 20",
            "config.yaml:1:1: max_inflight_mesages: unknown key; did you mean \
             `max_inflight_messages`?",
        ),
        (
            "listener:\n- {protocol: mqtt, adr: ':1883', addr: ':1'}",
            "config.yaml:2:20: listener[0].adr: unknown key; did you mean `addr`?",
        ),
        (
            "proxy_protocol: false",
            "config.yaml:1:1: proxy_protocol: unknown key; did you mean \
             `listener[].proxy_protocol`?",
        ),
        (
            "retained: {compression: on}",
            "config.yaml:1:12: retained.compression: unknown key, expected one of max_messages, \
             max_bytes",
        ),
        (
            "persistence: disk",
            "config.yaml:1:1: persistence: unknown key; `surewire check --schema` prints those \
             that exist",
        ),
    ]);
}

// contract: section 2, all unknown keys and values out of range together
#[test]
fn unknown_keys_and_values_out_of_range_are_listed_together() {
    let file = "logging: no\nmax_conections: 5\nreceive_maximum: 0\nlistener:\n\
                - {protocol: ws, addr: '1883'}\n- {addr: ':1'}\nretained: {max_bytes: -1}\n";
    let expected = [
        "config.yaml:2:1: max_conections: unknown key; did you mean `max_connections`?",
        "config.yaml:3:18: receive_maximum: found `0`, expected a number of messages from 1 to \
         65535",
        "config.yaml:5:14: listener[0].protocol: found `ws`, expected one of mqtt, websocket",
        &format!(
            "config.yaml:5:24: listener[0].addr: found \"1883\", {BAD_ADDRESS}; there is no colon \
             in it"
        ),
        "config.yaml:6:3: listener[1].protocol: missing, expected one of mqtt, websocket",
        "config.yaml:7:23: retained.max_bytes: found `-1`, expected a size from 0B to \
         1048576TiB, such as 1MiB",
    ];
    assert_eq!(message(file), expected.join("\n"));
}

// contract: section 2, the first syntax or type error stops
#[test]
fn the_first_type_error_stops() {
    check(&[
        (
            "max_conections: 5\nlogging: maybe\nmax_packet_size: big\n",
            "config.yaml:2:10: logging: found `maybe`, expected true or false",
        ),
        (
            "delivery_retry_interval: 20s",
            "config.yaml:1:26: delivery_retry_interval: found `20s`, expected a number of seconds \
             from 0 to 4294967295 (0 = never)",
        ),
        (
            "delivery_retry_interval: '20'",
            "config.yaml:1:26: delivery_retry_interval: found \"20\", expected a number of \
             seconds from 0 to 4294967295 (0 = never); write it without quotes",
        ),
        (
            "receive_maximum: 0100",
            "config.yaml:1:18: receive_maximum: found `0100`, expected a number of messages from \
             1 to 65535; a leading zero is ambiguous",
        ),
        (
            "connect_timeout: soon",
            "config.yaml:1:18: connect_timeout: found `soon`, expected a duration from 100ms to \
             1h, such as 10s",
        ),
        (
            "max_keepalive: [1]",
            "config.yaml:1:16: max_keepalive: found a list, expected a duration from 1s to 65535s \
             in whole seconds, such as 10s, or `none`",
        ),
        ("listener: :1883", "config.yaml:1:11: listener: found a single value, expected a list"),
        (
            "listener: [':1883']",
            "config.yaml:1:12: listener[0]: found a single value, expected a map of keys",
        ),
        ("- a", "config.yaml:1:1: found a list, expected a map of keys"),
    ]);
}

// contract: section 1, line and column where the parser knows them
#[test]
fn bad_yaml_stops_with_its_position() {
    let rows = [
        ("a: [1, 2\n", 2, "not valid YAML: "),
        ("logging: no\n\tworkers: 1", 1, "not valid YAML: "),
        ("logging: no\n  workers: 1", 2, "not valid YAML: "),
        ("logging: \"no", 1, "not valid YAML: "),
        ("logging: no\nlogging: yes", 2, "given twice; first at 1:1"),
        ("http_server: {user: {a: 1, a: 2}}", 1, "given twice; first at 1:22"),
        ("---\na: 1\n---\nb: 2", 3, "a second document"),
        ("logging: no\nworkers: \0", 2, "the control character U+0000"),
        ("logging: !mine yes", 1, "the tag !mine"),
        ("logging: *x", 1, "not valid YAML: "),
        ("[a]: 1", 1, "a list or map where a key is expected"),
        (": 1", 1, "a value without a key"),
    ];
    for (file, line, what) in rows {
        let text = message(file);
        assert!(text.starts_with(&format!("config.yaml:{line}:")), "{file}: {text}");
        assert!(text.contains(what) && !text.contains('\n'), "{file}: {text}");
    }
}

#[test]
fn a_file_in_another_encoding_is_refused_at_its_first_bad_byte() {
    let error = Config::parse(b"logging: no\n# gr\xf6\xdfe\n", NO_ENVIRONMENT).unwrap_err();
    assert_eq!(
        error.to_string(),
        "config.yaml:2:5: found bytes that are not UTF-8; save the file as UTF-8"
    );
}

#[test]
fn nested_lists_and_chains_of_aliases_are_bounded() {
    let deep = format!("a: {}{}", "[".repeat(100), "]".repeat(100));
    assert!(message(&deep).contains("inside each other"));
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let inner = format!("*a{}, ", level - 1).repeat(10);
        bomb.push_str(&format!("a{level}: &a{level} [{inner}]\n"));
    }
    assert!(message(&bomb).contains("more than 20000 values"));
}

// contract: section 2, http_server and TLS
#[test]
fn values_that_do_not_go_together_are_refused() {
    check(&[
        (
            "listener: [{protocol: mqtt, addr: ':1', certfile: a.pem}]",
            "config.yaml:1:12: listener[0]: certfile is given without keyfile; TLS needs both, \
             plain text needs neither",
        ),
        (
            "listener: [{protocol: mqtt, addr: ':1', certfile: , keyfile: a.pem}]",
            "config.yaml:1:12: listener[0]: keyfile is given without certfile; TLS needs both, \
             plain text needs neither",
        ),
        (
            "http_server: {addr: '127.0.0.1:9090'}",
            "config.yaml:1:14: http_server: addr is given without an account; add one, such as \
             `user: {alice: a-password}`, or remove addr",
        ),
        (
            "http_server: {addr: ':9090', user: {}}",
            "config.yaml:1:14: http_server: addr is given without an account; add one, such as \
             `user: {alice: a-password}`, or remove addr",
        ),
        (
            "http_server: {addr: ':9090', user: {admin: }}",
            "config.yaml:1:37: http_server.user.admin: missing, expected a password",
        ),
        (
            "listener: [{protocol: mqtt, addr: ':1', proxy_protocol: true}]",
            "config.yaml:1:12: listener[0]: found true, expected false: the PROXY protocol is \
             not supported yet",
        ),
    ]);
}

#[test]
fn a_password_is_in_no_message() {
    let files = [
        "http_server: {addr: ':1', user: hunter2}",
        "http_server: {addr: ':1', user: [hunter2]}",
        "http_server: {addr: ':1', user: {a: [hunter2]}}",
        "http_server: {addr: ':1', user: {a: {b: hunter2}}}",
        "http_server: hunter2",
        "http_server: {addr: ':1', user: {'a:b': hunter2}}",
        "http_server: {addr: ':1', user: {a: hunter2, a: hunter2}}",
    ];
    for file in files {
        let text = message(file);
        assert!(!text.contains("hunter2"), "{text}");
    }
}

// contract: section 1, the file
#[test]
fn a_named_file_must_be_there_and_the_default_one_need_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("broker.yaml");
    let error = Config::load(&path, NO_ENVIRONMENT).unwrap_err();
    let start = format!("{}: cannot read the configuration: ", path.display());
    assert!(error.to_string().starts_with(&start), "{error}");

    let loaded = Config::load_default(directory.path(), NO_ENVIRONMENT).unwrap();
    assert_eq!(loaded.source, Source::BuiltIn);
    assert!(loaded.config.listener.iter().all(|listener| listener.addr.is_loopback()));
    assert_eq!(loaded.warnings, []);

    fs::write(&path, "workers: 3").unwrap();
    let loaded = Config::load(&path, NO_ENVIRONMENT).unwrap();
    assert_eq!(loaded.config.workers.map(u32::from), Some(3));
    fs::write(&path, "wrokers: 3").unwrap();
    let text = Config::load(&path, NO_ENVIRONMENT).unwrap_err().to_string();
    assert!(text.starts_with(&format!("{}:1:1: wrokers: ", path.display())), "{text}");
}

#[test]
fn a_default_file_that_cannot_be_read_is_no_missing_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.yaml");
    fs::create_dir(&path).unwrap();
    let result = Config::load_default(directory.path(), NO_ENVIRONMENT);
    assert!(matches!(result, Err(ConfigError::Unreadable { .. })), "{result:?}");
    fs::remove_dir(&path).unwrap();
    fs::write(&path, "#".repeat((1 << 20) + 1)).unwrap();
    let result = Config::load_default(directory.path(), NO_ENVIRONMENT);
    assert!(result.unwrap_err().to_string().contains("larger than 1 MiB"));
}

#[test]
fn a_huge_value_is_cut_in_its_message_and_control_characters_are_escaped() {
    let text = message(&format!("log: {{level: {}}}", "x".repeat(10_000)));
    assert!(text.len() < 250, "{text}");
    let text = message("\"a\\e[31m\\n\": 1");
    assert!(!text.chars().any(char::is_control), "{text}");
}

#[test]
fn problems_are_values_too() {
    let Err(ConfigError::Invalid { problems, .. }) = load("workers: 5000") else {
        panic!("accepted")
    };
    assert!(matches!(problems[0].fault, Fault::NotAllowed { .. }));
    assert_eq!(problems[0].path, "workers");
}
