//! contract: section 2, what works and deserves a word.

use surewire_server::config::{Config, report};

use super::{NO_ENVIRONMENT, load};

fn warnings(file: &str) -> Vec<String> {
    let loaded = load(file).unwrap_or_else(|error| panic!("{error}"));
    loaded.warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn a_listener_open_to_all_is_a_warning_off_loopback_only() {
    let file = "listener: [{protocol: mqtt, addr: ':1'}, {protocol: mqtt, addr: 'localhost:2'}]";
    assert_eq!(
        warnings(file),
        ["listener[0]: :1 is not on loopback and has no authenticator: anyone who reaches it may \
          publish and subscribe; bind it to 127.0.0.1 or set allow_anonymous: false"]
    );
}

#[test]
fn a_listener_closed_to_all_is_a_warning() {
    let file = "allow_anonymous: no\nlistener:\n- {protocol: mqtt, addr: ':1'}\n\
                - {protocol: mqtt, addr: '[::1]:2', allow_anonymous: yes}";
    assert_eq!(
        warnings(file),
        ["listener[0]: anonymous clients are refused and no authenticator is configured: nobody \
          can connect here"]
    );
}

#[test]
fn a_guessable_password_is_a_warning_off_loopback_only() {
    let on = |addr: &str, name: &str, password: &str| {
        let file = format!(
            "listener: [{{protocol: mqtt, addr: '[::1]:2'}}]\n\
             http_server: {{addr: '{addr}', user: {{{name}: '{password}'}}}}"
        );
        warnings(&file).iter().any(|warning| warning.contains("first that are guessed"))
    };
    for password in ["admin", "password", "Password", "123456", "", "ALICE"] {
        assert!(on(":9090", "alice", password), "{password}");
        assert!(!on("127.0.0.1:9090", "alice", password), "{password}");
    }
    assert!(!on(":9090", "alice", "correct horse battery staple"));
}

#[test]
fn keys_without_a_function_and_clamped_values_are_told() {
    let file = "listener: [{protocol: mqtt, addr: '[::1]:2'}]\nprofile: {cpu: x}\n\
                http_server: {addr: '[::1]:1', user: {a: b}}\nmax_inflight_messages: 70000";
    let expected = ["max_inflight_messages: 70000 is more than there can be; 65535 is used"];
    assert_eq!(warnings(file), expected);
    let unused = "listener: [{protocol: mqtt, addr: '[::1]:2'}]\nhttp_server: {user: {a: b}}";
    assert_eq!(warnings(unused), ["http_server.user: has no effect without http_server.addr"]);
}

// contract: section 1, check
#[test]
fn the_report_shows_listeners_values_and_warnings() {
    let file = "max_connections: 5000\nhttp_server: {addr: ':1', user: {a: hunter2}}\n\
                listener: [{protocol: websocket, addr: ':8080', certfile: a, keyfile: b}]";
    let text = report(&load(file));
    let lines = [
        "config.yaml: valid",
        "  websocket over TLS on :8080 (every interface), anonymous clients allowed",
        "  * max_connections                5000",
        "    max_packet_size                2MiB",
        "    tcp_keepalive                  1m",
        "    session_expiry_interval        never",
        "  * http_server.user.a             <redacted>",
    ];
    for line in lines {
        assert!(text.lines().any(|l| l == line), "{line}\n{text}");
    }
    assert!(text.contains("\nwarnings\n  listener[0]: :8080 is not on loopback"), "{text}");
    assert!(!text.contains("hunter2"));
    let error = Config::parse(b"logging: maybe", NO_ENVIRONMENT);
    assert_eq!(
        report(&error),
        "config.yaml:1:10: logging: found `maybe`, expected true or false\n"
    );
}
