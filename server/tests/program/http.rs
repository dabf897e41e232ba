//! The management interface of the running program: its address, its lines in the log, and what
//! must never be in them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;

use crate::broker::{Broker, MQTT, listening};
use crate::support::{Program, run_in, surewire};

/// `Basic YWRtaW46aHVudGVyMg==` is admin with it.
const PASSWORD: &str = "hunter2";
const PAYLOAD: &str = "c4nary";

fn exchange(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn request(line: &str, authorization: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{line} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: {authorization}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

// contract: section 2, passwords never in the log; one line for each request
#[test]
fn every_request_is_a_line_without_password_query_or_body() {
    let rest = format!(
        "http_server: {{addr: '127.0.0.1:0', user: {{admin: {PASSWORD}}}}}\n\
         logging: true\nlog: {{level: trace}}\n"
    );
    let mut broker = Broker::start(&[MQTT], &rest);
    let address = listening(&mut broker.program);
    let body = format!("qos=1&topic=t&payload={PAYLOAD}&password={PASSWORD}");
    let right = "Basic YWRtaW46aHVudGVyMg==";
    for (line, authorization, status) in [
        ("POST /publish", right, "200"),
        // A password in the name's place, and one that is nearly right.
        ("POST /publish?secret=hunter2", "Basic aHVudGVyMjpodW50ZXIy", "401"),
        ("POST /publish", "Basic YWRtaW46aHVudGVyMjI=", "401"),
        ("POST /publish", "Basic hunter2", "401"),
        ("GET /client/a%0AINFO?secret=hunter2", right, "404"),
        ("BREW /nothing", "", "404"),
    ] {
        let answer = exchange(address, &request(line, authorization, &body));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{line}: {answer}");
    }
    let log = broker.stop().stderr;
    for line in [
        "user=\"admin\" method=POST path=\"/publish\" status=200 took=",
        "user=\"-\" method=POST path=\"/publish\" status=401 took=",
        "user=\"admin\" method=GET path=\"/client/a%0AINFO\" status=404 took=",
        "user=\"-\" method=BREW path=\"/nothing\" status=404 took=",
    ] {
        assert!(log.contains(line), "{line}\n{log}");
    }
    assert_eq!(log.lines().filter(|line| line.contains(" path=\"")).count(), 6, "{log}");
    for secret in [PASSWORD, PAYLOAD, "aHVudGVyMg", "hunter22"] {
        assert!(!log.contains(secret), "{secret}\n{log}");
    }
}

// contract: section 2, the REST port in use: exit 1, naming it
#[test]
fn a_port_of_the_interface_that_is_in_use_ends_the_program() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = format!("listener: [{MQTT}]\nhttp_server: {{addr: '{address}', user: {{a: b}}}}\n");
    std::fs::write(directory.path().join("config.yaml"), file).unwrap();
    let log = run_in(directory.path(), &[]).failure(1);
    assert!(log.contains(&format!("listener http://{address}: cannot listen: ")), "{log}");
}

// contract: section 2, a default-looking password on a non-loopback REST address
#[test]
fn a_password_that_is_guessed_first_is_a_warning_where_others_reach_it() {
    let file = format!(
        "listener: [{MQTT}]\nhttp_server: {{addr: '192.0.2.1:0', user: {{admin: admin}}}}\n"
    );
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("config.yaml"), file).unwrap();
    let log = run_in(directory.path(), &[]).failure(1);
    assert!(log.contains("WARN http_server.user.admin: this password is among the first"), "{log}");
}

// contract: section 3, "local zone with numeric offset"
#[test]
fn times_are_those_of_the_zone_that_the_process_is_in() {
    let mut zones = vec![("UTC", "Z\""), ("EAST-5:30", "+05:30\"")];
    // By name they need the system's database, which a small machine may lack.
    if Path::new("/usr/share/zoneinfo/Asia/Shanghai").exists() {
        zones.push(("Asia/Shanghai", "+08:00\""));
    }
    for (zone, offset) in zones {
        let directory = tempfile::tempdir().unwrap();
        let text = format!(
            "listener: [{MQTT}]\nhttp_server: {{addr: '127.0.0.1:0', user: {{admin: {PASSWORD}}}}}\n"
        );
        std::fs::write(directory.path().join("config.yaml"), text).unwrap();
        let mut command = surewire(&[]);
        command.env("TZ", zone).current_dir(directory.path());
        let mut program = Program::start(command);
        let _mqtt = listening(&mut program);
        let address = listening(&mut program);
        let line = "GET /api/v1/status";
        let answer = exchange(address, &request(line, "Basic YWRtaW46aHVudGVyMg==", ""));
        let (_, started) = answer.split_once("\"started_at\":").unwrap();
        let started = started.split(',').next().unwrap();
        assert!(started.ends_with(offset), "{zone}: {started}");
        program.stop();
    }
}
