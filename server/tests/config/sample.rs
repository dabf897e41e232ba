//! contract: section 2, the file that users already have and what its values may look like.

use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;

use surewire_server::config::{Config, Listener, Protocol};

use super::{config, load};

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

fn listener(protocol: Protocol, addr: &str) -> Listener {
    let addr = addr.parse().expect("every test gives a right address");
    let (certfile, keyfile) = (None, None);
    Listener { protocol, addr, certfile, keyfile, allow_anonymous: None, proxy_protocol: false }
}

fn password(config: &Config, name: &str) -> String {
    config.http_server.user.get(name).expect("the account is there").expose().to_owned()
}

// contract: section 2
#[test]
fn the_sample_parses_verbatim() {
    let config = config(SAMPLE);
    assert_eq!(config.delivery_retry_interval, NonZeroU32::new(20));
    assert_eq!(Some(config.max_inflight_messages), NonZeroU16::new(20));
    assert!(config.queue_qos0_messages);
    assert_eq!(config.max_msgqueue_messages, NonZeroU32::new(20));
    assert_eq!(config.profile.cpu, Some(PathBuf::from("cpuprofile")));
    assert_eq!(config.profile.mem, Some(PathBuf::from("memprofile")));
    assert!(!config.logging);
    assert_eq!(config.http_server.addr, Some(":9090".parse().unwrap()));
    assert_eq!(password(&config, "admin"), "admin");
    let expected = [listener(Protocol::Mqtt, ":1883"), listener(Protocol::Websocket, ":8080")];
    assert_eq!(config.listener, expected);
}

// contract: section 2, CRLF and comments in any language
#[test]
fn line_ends_comments_and_a_byte_order_mark_change_nothing() {
    let plain = config(SAMPLE);
    let with_comments = SAMPLE.replace('\n', " # 客户端 größe émoji 🦀\n");
    assert_eq!(config(&with_comments), plain);
    assert_eq!(config(&SAMPLE.replace('\n', "\r\n")), plain);
    assert_eq!(config(&with_comments.replace('\n', "\r\n")), plain);
    assert_eq!(config(&format!("\u{feff}{SAMPLE}")), plain);
    assert_eq!(config(&format!("---\n{SAMPLE}...\n")), plain);
    assert_eq!(config(SAMPLE.trim_end()), plain);
}

// contract: section 2, null is not given
#[test]
fn what_is_empty_or_null_is_the_default() {
    let files = [
        "",
        "\n\n",
        "# nothing\n",
        "---\n",
        "~",
        "{}",
        "listener:",
        "listener: []",
        "listener: null",
        "max_inflight_messages: ",
        "http_server: {addr: , user: }",
        "http_server: {addr: \"\"}",
        "profile: ~",
        "retained: {max_messages: }",
        "log:",
        "listener: [{protocol: mqtt, addr: ':1883', certfile: '', keyfile: \"\"}]",
    ];
    for file in files {
        assert_eq!(config(file), Config::default(), "{file}");
    }
    assert_eq!(Config::default().listener, [listener(Protocol::Mqtt, ":1883")]);
}

// contract: section 2, text as written
#[test]
fn numbers_and_bools_are_text_as_written_where_text_is_expected() {
    for written in ["0123", "1e3", "0x10", "yes", "1_000", "1.50", "true", "12:30:45", "-0", ".inf"]
    {
        let file = format!("http_server: {{addr: 127.0.0.1:1, user: {{admin: {written}}}}}");
        assert_eq!(password(&config(&file), "admin"), written);
        let file = format!("http_server:\n  addr: '[::1]:1'\n  user:\n    admin: {written} # x\n");
        assert_eq!(password(&config(&file), "admin"), written);
    }
    assert_eq!(config("profile: {cpu: 007}").profile.cpu, Some(PathBuf::from("007")));
    let names = config("http_server: {addr: 127.0.0.1:1, user: {007: a, yes: b, 'null': c}}");
    assert_eq!(names.http_server.user.keys().collect::<Vec<_>>(), ["007", "null", "yes"]);
}

// contract: section 2, bools
#[test]
fn yes_no_on_off_are_bools_for_bool_keys() {
    for (word, value) in
        [("yes", true), ("on", true), ("True", true), ("no", false), ("off", false)]
    {
        assert_eq!(config(&format!("logging: {word}")).logging, value, "{word}");
    }
}

#[test]
fn block_style_means_the_same_as_flow_style() {
    let block = "listener:\n  - protocol: websocket\n    addr: localhost:8083\n    \
                 certfile: a.pem\n    keyfile: b.pem\n    allow_anonymous: no\n";
    let listeners = config(block).listener;
    assert_eq!(listeners.len(), 1);
    let (certfile, keyfile) = (PathBuf::from("a.pem"), PathBuf::from("b.pem"));
    assert_eq!(listeners[0].tls(), Some((&certfile, &keyfile)));
    assert_eq!(listeners[0].allow_anonymous, Some(false));
}

#[test]
fn an_alias_repeats_its_anchor() {
    let file = "http_server: {addr: 127.0.0.1:1, user: {a: &p 0123, b: *p}}";
    assert_eq!(password(&config(file), "b"), "0123");
}

#[test]
fn a_password_is_not_in_the_debug_output() {
    let loaded = load("http_server: {addr: 127.0.0.1:1, user: {a: hunter2}}").unwrap();
    let shown = format!("{loaded:?}");
    assert!(shown.contains("<redacted>") && !shown.contains("hunter2"), "{shown}");
}
