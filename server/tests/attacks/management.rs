//! The management interface as a target.

use std::io::{Read, Write};

use surewire_server::config::{Config, Durability};
use surewire_server::settings::{Machine, Settings};

use crate::broker::{Broker, connect_bytes, read_to_end, tcp};

/// admin with the password s3cret.
const ACCOUNT: &str = "Authorization: Basic YWRtaW46czNjcmV0\r\n";

fn start() -> Broker {
    let file = "listener: [{protocol: mqtt, addr: '127.0.0.1:0'}]\n\
                http_server: {addr: '127.0.0.1:0', user: {admin: s3cret}}\n";
    let loaded = Config::parse(file.as_bytes(), [("", ""); 0]).unwrap();
    let machine = Machine { cores: 2, files: None, memory: None };
    let settings = Settings::resolve(&loaded.config, machine);
    Broker::start(Settings { durability: Durability::None, ..settings })
}

/// The whole answer to a GET.
fn get(broker: &Broker, path: &str, headers: &str) -> String {
    let mut stream = tcp(broker.http());
    let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    String::from_utf8_lossy(&read_to_end(&mut stream)).into_owned()
}

// A client id that is a script, shown by a page.
#[test]
fn a_client_id_that_is_a_script_stays_text() {
    let broker = start();
    let script = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";
    let mut client = broker.connect();
    client.send(&connect_bytes(script));
    client.expect(&[0x20, 2, 0, 0]);
    for path in ["/api/v1/clients", "/api/v1/sessions", "/api/v1/recent"] {
        let answer = get(&broker, path, ACCOUNT);
        let (head, _) = answer.split_once("\r\n\r\n").unwrap();
        let head = head.to_lowercase();
        assert!(head.starts_with("http/1.1 200"), "{path}: {head}");
        assert!(head.contains("content-type: application/json"), "{path}: {head}");
        assert!(head.contains("x-content-type-options: nosniff"), "{path}: {head}");
    }
    // Nor does the page ever make elements of text.
    let assets = concat!(env!("CARGO_MANIFEST_DIR"), "/src/api/dashboard/assets");
    let mut looked_at = 0;
    for file in std::fs::read_dir(assets).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
            assert!(!text.contains(word), "{}: {word}", path.display());
        }
        looked_at += 1;
    }
    assert!(looked_at > 10, "{looked_at} files");
}

// A body without end: memory elsewhere. It is refused by what it claims, and by what has come.
#[test]
fn cve_2023_46118_a_body_without_end_is_refused() {
    let broker = start();
    let head = format!(
        "POST /api/v1/publish HTTP/1.1\r\nHost: h\r\n{ACCOUNT}Content-Type: application/json\r\n"
    );
    let mut stream = tcp(broker.http());
    let claimed = format!("{head}Content-Length: 1099511627776\r\n\r\n");
    stream.write_all(claimed.as_bytes()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    let mut stream = tcp(broker.http());
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n");
    stream.write_all(chunked.as_bytes()).unwrap();
    let chunk = [b"10000\r\n".as_slice(), &[b'x'; 0x10000], b"\r\n"].concat();
    let mut sent = 0_usize;
    // It stops reading, or ends the connection, a little behind 2 MiB.
    while sent < 64 << 20 && stream.write_all(&chunk).is_ok() {
        sent += 0x10000;
    }
    assert!(sent < 64 << 20, "{sent} bytes were taken");
}

// An account that everybody knows.
#[test]
fn there_is_no_account_that_nobody_has_made() {
    // Without a file there is no interface at all, and one without accounts does not start.
    let none = Config::parse(b"", [("", ""); 0]).unwrap();
    assert!(none.config.http_server.addr.is_none());
    for user in ["{}", ""] {
        let file = format!("http_server: {{addr: '127.0.0.1:0', user: {user}}}\n");
        assert!(Config::parse(file.as_bytes(), [("", ""); 0]).is_err(), "user: {user}");
    }
    let broker = start();
    for wrong in [
        "",
        "Authorization: Basic YWRtaW46YWRtaW4=\r\n", // admin:admin
        "Authorization: Basic YWRtaW46cHVibGlj\r\n", // admin:public
        "Authorization: Basic YWRtaW46\r\n",         // admin without a password
        "Authorization: Basic OnMzY3JldA==\r\n",     // nobody with the password
        "Authorization: Basic YWRtaW46czNjcmV0AA==\r\n", // a NUL behind it
        "Authorization: Basic YWRtaW46UzNjcmV0\r\n", // another case
        "Authorization: Basic ====\r\n",
        "Authorization: Bearer s3cret\r\n",
        "Authorization: Basic\r\n",
    ] {
        let answer = get(&broker, "/api/v1/status", wrong);
        assert!(answer.starts_with("HTTP/1.1 401"), "{wrong}: {answer}");
    }
    assert!(get(&broker, "/api/v1/status", ACCOUNT).starts_with("HTTP/1.1 200"));
}

// An empty list of accounts, a certificate without its key: half a configuration must not open a door.
#[test]
fn cve_2018_12551_half_a_configuration_opens_nothing() {
    for file in [
        "listener: [{protocol: mqtt, addr: ':0', certfile: cert.pem}]\n",
        "listener: [{protocol: mqtt, addr: ':0', keyfile: key.pem}]\n",
        "listener: [{protocol: mqtt, addr: ':0', allow_anonymous: perhaps}]\n",
        "listener: [{protocol: mqtt, addr: ':0', cafile: ca.pem}]\n",
        // A source address that anybody could claim.
        "listener: [{protocol: mqtt, addr: ':0', proxy_protocol: true}]\n",
        "allow_anonymus: false\n",
        "http_server: {addr: '127.0.0.1:0', user: {admin: s3cret}, users: {}}\n",
    ] {
        assert!(Config::parse(file.as_bytes(), [("", ""); 0]).is_err(), "{file}");
    }
}
