//! docs/metrics.md: `/metrics` is what Prometheus reads, and says what clients did.

mod exposition;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use surewire_server::config::{Config, Durability};
use surewire_server::settings::{Machine, Settings};

use crate::broker::tcp;
use crate::broker::{Broker, Client, DEADLINE, connect_bytes, publish_bytes, subscribe_bytes};
use exposition::Page;

const DOCUMENTED: &str = include_str!("../../../docs/metrics.md");

/// The header of the account `ops` with the password `secret`.
const ACCOUNT: &str = "authorization: Basic b3BzOnNlY3JldA==\r\n";

fn broker(metrics_open: bool) -> Broker {
    let file = format!(
        "http_server: {{addr: '127.0.0.1:0', user: {{ops: secret}}, metrics_open: {metrics_open}}}\n\
         listener: [{{protocol: mqtt, addr: '127.0.0.1:0'}}]\n\
         workers: 2\nsys_interval: off\nmax_msgqueue_messages: 1"
    );
    let no_variables: [(&str, &str); 0] = [];
    let loaded = Config::parse(file.as_bytes(), no_variables).unwrap();
    let settings =
        Settings::resolve(&loaded.config, Machine { cores: 1, files: None, memory: Some(1 << 40) });
    // Several brokers at a time, and nothing of them is to stay.
    Broker::start(Settings { durability: Durability::None, ..settings })
}

/// The head and the body of the answer.
fn get(address: SocketAddr, headers: &str) -> (String, String) {
    let mut stream = tcp(address);
    let request = format!("GET /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

/// Scrapes until all of `expected` are as they should be: a byte that the client has read already
/// may be counted a moment later.
#[track_caller]
fn scrape_until(broker: &Broker, last: &mut Option<Page>, expected: &[(&str, f64)]) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let page = Page::parse(&get(broker.http(), ACCOUNT).1);
        if let Some(last) = last {
            page.assert_follows(last);
        }
        let wrong: Vec<_> = expected
            .iter()
            .map(|(sample, value)| (sample, value, page.samples.get(*sample)))
            .filter(|(_, value, found)| *found != Some(*value))
            .collect();
        if wrong.is_empty() {
            *last = Some(page);
            return;
        }
        assert!(Instant::now() < deadline, "sample, expected, found: {wrong:?}");
    }
}

/// Counts the bytes both ways.
struct Counted {
    stream: TcpStream,
    read: usize,
    written: usize,
}

impl Read for Counted {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(bytes)?;
        self.read += count;
        Ok(count)
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.stream.write(bytes)?;
        self.written += count;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

fn client(broker: &Broker, connect: &[u8]) -> Client<Counted> {
    let stream = tcp(broker.address());
    let mut client = Client::on(Counted { stream, read: 0, written: 0 });
    client.send(connect);
    client.expect(&[0x20, 2, 0, 0]);
    client
}

/// A PUBLISH with QoS 1 and packet identifier 1 to `t`.
fn publish_qos1(payload: u8) -> [u8; 8] {
    [0x32, 6, 0, 1, b't', 0, 1, payload]
}

/// A session that stays away, with a backlog of one message; a subscriber; a publisher.
fn act(broker: &Broker) -> [Client<Counted>; 3] {
    let mut away_connect = connect_bytes("away");
    away_connect[9] = 0;
    let mut away = client(broker, &away_connect);
    away.send(&subscribe_bytes(1, "t", 1));
    away.expect(&[0x90, 3, 0, 1, 1]);
    away.send(&[0xe0, 0]);
    away.expect_end();

    let mut reader = client(broker, &connect_bytes("reader"));
    reader.send(&subscribe_bytes(1, "t", 1));
    reader.expect(&[0x90, 3, 0, 1, 1]);
    reader.send(&subscribe_bytes(2, "a/#/b", 0));
    reader.expect(&[0x90, 3, 0, 2, 0x80]);

    let mut writer = client(broker, &connect_bytes("writer"));
    for payload in 0..3 {
        writer.send(&publish_qos1(payload));
        writer.expect(&[0x40, 2, 0, 1]);
        reader.expect(&[0x32, 6, 0, 1, b't', 0, payload + 1, payload]);
        reader.send(&[0x40, 2, 0, payload + 1]);
    }
    writer.send(&publish_bytes("t", &[7; 70_000]));
    assert_eq!(reader.message().1.len(), 70_000);
    writer.send(&publish_bytes("$SYS/x", b"no"));
    for client in [&mut reader, &mut writer] {
        client.send(&[0xc0, 0]);
        client.expect(&[0xd0, 0]);
    }
    [away, reader, writer]
}

#[test]
fn the_numbers_are_what_clients_did() {
    let (broker, mut last) = (broker(false), None);
    scrape_until(&broker, &mut last, &[("surewire_connections", 0.0)]);
    let clients = act(&broker);
    let clients = clients.each_ref().map(|client| &client.stream);
    let bytes = |of: fn(&Counted) -> usize| clients.iter().map(|c| of(c)).sum::<usize>() as f64;
    scrape_until(
        &broker,
        &mut last,
        &[
            ("surewire_connections", 2.0),
            ("surewire_connections_max", 2.0),
            ("surewire_sessions", 3.0),
            ("surewire_subscriptions", 2.0),
            ("surewire_sockets", 2.0),
            ("surewire_sockets_accepted_total", 3.0),
            ("surewire_connects_total", 3.0),
            ("surewire_connects_refused_total", 0.0),
            ("surewire_packets_received_total{type=\"connect\"}", 3.0),
            ("surewire_packets_received_total{type=\"publish\"}", 5.0),
            ("surewire_packets_received_total{type=\"puback\"}", 3.0),
            ("surewire_packets_sent_total{type=\"publish\"}", 4.0),
            ("surewire_packets_sent_total{type=\"pingresp\"}", 2.0),
            ("surewire_publishes_received_total{qos=\"0\"}", 2.0),
            ("surewire_publishes_received_total{qos=\"1\"}", 3.0),
            ("surewire_publishes_sent_total{qos=\"1\"}", 3.0),
            ("surewire_payload_received_bytes_total", 70_005.0),
            ("surewire_payload_sent_bytes_total", 70_003.0),
            ("surewire_socket_received_bytes_total", bytes(|client| client.written)),
            ("surewire_socket_sent_bytes_total", bytes(|client| client.read)),
            ("surewire_messages_routed_total", 8.0),
            ("surewire_messages_delivered_total", 4.0),
            ("surewire_messages_held", 1.0),
            ("surewire_messages_dropped_total{reason=\"queue_full_oldest\"}", 2.0),
            ("surewire_messages_dropped_total{reason=\"queue_full_new_qos0\"}", 1.0),
            ("surewire_publishes_refused_total", 1.0),
            ("surewire_subscribes_refused_total", 1.0),
            ("surewire_task_panics_total", 0.0),
            ("surewire_workers", 2.0),
        ],
    );
    let page = last.unwrap();
    for histogram in ["lock_wait", "lock_held", "step"] {
        assert!(page.samples[&format!("surewire_{histogram}_seconds_count")] > 0.0);
        assert!(page.samples[&format!("surewire_{histogram}_seconds_sum")] > 0.0);
    }
    assert!(page.samples["process_resident_memory_bytes"] > 1e6);
    assert!(page.samples["process_start_time_seconds"] > 1.7e9);
}

#[test]
fn it_needs_an_account_unless_it_is_open() {
    let closed = broker(false);
    for headers in ["", "authorization: Basic b3BzOndyb25n\r\n"] {
        let (head, body) = get(closed.http(), headers);
        assert!(head.starts_with("http/1.1 401 "), "{head}");
        assert_eq!(body, "");
    }
    scrape_until(&closed, &mut None, &[("surewire_http_requests_total{status=\"401\"}", 2.0)]);

    let (head, body) = get(broker(true).http(), "");
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
    Page::parse(&body);
}

#[test]
fn every_metric_is_documented_and_nothing_else_is() {
    let broker = broker(true);
    // So that a status is counted.
    get(broker.http(), "");
    let text = get(broker.http(), "").1;
    let mut told: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let row = |line: &'static str| line.strip_prefix("| `")?.split(['`', '{']).next();
    let mut documented: Vec<&str> = DOCUMENTED.lines().filter_map(row).collect();
    // Not every system tells.
    documented.retain(|name| *name != "process_open_fds" || told.contains(name));
    told.sort_unstable();
    documented.sort_unstable();
    assert_eq!(told, documented);
}
