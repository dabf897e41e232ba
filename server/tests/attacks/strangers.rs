//! Clients that are not accepted yet: what they may make the broker hold, and for how long.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};
use surewire_server::config::{Config, Durability};
use surewire_server::settings::{Carrier, Machine, Settings};

use crate::broker::{Broker, DEADLINE, connect_bytes, plain, read_to_end, tcp};

/// A CONNECT of 60,000 bytes.
fn large_connect() -> Vec<u8> {
    let body = [b"\0\x04MQTT\x04\x02\0\0\xea\x56".as_slice(), &[b'x'; 59_990]].concat();
    [b"\x10\xe2\xd4\x03".as_slice(), &body].concat()
}

/// Whether the broker ends it; it must be silent otherwise.
fn is_ended(stream: &TcpStream, within: Duration) -> bool {
    stream.set_read_timeout(Some(within)).unwrap();
    match stream.peek(&mut [0]) {
        Ok(count) => {
            assert_eq!(count, 0, "an answer");
            true
        }
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}

// Thousands of CONNECTs of which the last byte is missing (CVE-2023-0809 as well): what all of them take
// together is bounded, and ordinary clients come in all the same.
#[test]
fn cve_2017_7651_half_connects_take_no_more_than_their_share() {
    /// Together 84 MB.
    const MANY: usize = 1_400;
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    setrlimit(Resource::Nofile, files).unwrap();
    let broker = Broker::start(Settings { connect_timeout: Duration::from_secs(60), ..plain() });
    let connect = large_connect();
    let half = &connect[..connect.len() - 1];
    let mut held = Vec::new();
    for _ in 0..MANY {
        let mut stream = tcp(broker.address());
        // It may be ended before it has sent all of it.
        let _ = stream.write_all(half);
        held.push(stream);
    }
    // Whoever is served after them finds that all of them have been read.
    broker.client("ordinary");
    let is_held = |stream: &TcpStream| !is_ended(stream, Duration::from_millis(1));
    let count = held.iter().filter(|stream| is_held(stream)).count();
    assert!((900..=1_200).contains(&count), "{count} of {MANY} are held");
    // One that is complete gives its share free.
    let mut last = held.into_iter().rfind(is_held).unwrap();
    last.write_all(&connect[connect.len() - 1..]).unwrap();
    let mut answer = [0; 4];
    last.set_read_timeout(Some(DEADLINE)).unwrap();
    last.read_exact(&mut answer).unwrap();
    assert_eq!(answer, [0x20, 2, 0, 0]);
}

// Bytes that drip must not put off the end.
#[test]
fn a_connect_that_drips_ends_at_a_time_that_no_byte_moves() {
    for protocol in [Carrier::Stream, Carrier::WebSocket] {
        let mut settings = Settings { connect_timeout: Duration::from_millis(400), ..plain() };
        settings.listeners[0].protocol = protocol;
        let broker = Broker::start(settings);
        let mut client = broker.connect();
        let mut head: Box<dyn Iterator<Item = u8>> = match protocol {
            Carrier::Stream => Box::new([0x10, 0xE0, 0xD4, 0x03].into_iter()),
            Carrier::WebSocket => Box::new(b"GET /mqtt HTTP/1.1\r\nHost: h\r\nX: ".iter().copied()),
        };
        let sent = client.drip_until_closed(|| head.next().unwrap_or(b'x'));
        assert!(sent > 4, "{protocol:?}: closed after {sent} bytes");
    }
}

// What is no MQTT is not waited for.
#[test]
fn whatever_does_not_begin_with_connect_ends_at_its_first_byte() {
    let broker = Broker::start(Settings { connect_timeout: Duration::from_secs(60), ..plain() });
    for first in (0..=u8::MAX).filter(|first| *first != 0x10) {
        let mut client = broker.connect();
        client.send(&[first]);
        client.expect_end();
    }
}

// An upgrade to WebSocket where there is none brought a server down.
#[test]
fn an_upgrade_where_mqtt_is_no_websocket_harms_nobody() {
    let http = "listener: [{protocol: mqtt, addr: '127.0.0.1:0'}]\n\
                http_server: {addr: '127.0.0.1:0', user: {admin: s3cret}}\n";
    let loaded = Config::parse(http.as_bytes(), [("", ""); 0]).unwrap();
    let machine = Machine { cores: 2, files: None, memory: None };
    let settings = Settings::resolve(&loaded.config, machine);
    let durability = Durability::None;
    let broker = Broker::start(Settings { durability, ..settings });
    let request = b"GET /mqtt HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    for address in [broker.address(), broker.http()] {
        let mut stream = tcp(address);
        stream.write_all(request).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let answer = read_to_end(&mut stream);
        assert!(!answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
    }
    let mut client = broker.connect();
    client.send(&connect_bytes("c"));
    client.expect(&[0x20, 2, 0, 0]);
}
