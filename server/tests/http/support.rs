//! A broker whose clock stands still, and a client of its HTTP that sees every byte.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use bytestring::ByteString;
use jiff::tz::{TimeZone, offset};
use surewire_engine::codec;
use surewire_engine::packet::{Connect, Packet, Properties, Version};
use surewire_engine::time::Time;
use surewire_server::config::{Config, Durability, ListenAddress};
use surewire_server::environment::{
    Clock, Disk, Environment, Listener, LocalFuture, RealEnvironment, Thread, ThreadBody,
};
use surewire_server::settings::{Machine, Settings};

use crate::broker::{Broker, Client, tcp};

/// What the clock says, and how the answers show it: `2023-11-15T06:13:20.5+08:00`.
const NOW: Time = Time::from_nanos(1_700_000_000_500_000_000);
pub(crate) const DATE: &str = "Tue, 14 Nov 2023 22:13:20 GMT";

/// The account admin with the password s3cret.
pub(crate) const ACCOUNT: &str = "Authorization: Basic YWRtaW46czNjcmV0\r\n";

pub(crate) const TEXT: &str = "text/plain; charset=utf-8";
pub(crate) const JSON: &str = "application/json; charset=utf-8";
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// A listener for MQTT, the interface, and the rest of the file.
pub(crate) fn start(rest: &str) -> Broker {
    let file = format!(
        "listener: [{{protocol: mqtt, addr: '127.0.0.1:0'}}]\nworkers: 2\nsys_interval: 0\n\
         http_server: {{addr: '127.0.0.1:0', user: {{admin: s3cret, other: ''}}}}\n{rest}"
    );
    Broker::start_in(Still::default, settings(&file))
}

pub(crate) fn settings(file: &str) -> Settings {
    let no_variables: [(&str, &str); 0] = [];
    let loaded = Config::parse(file.as_bytes(), no_variables).unwrap();
    let settings =
        Settings::resolve(&loaded.config, Machine { cores: 2, files: None, memory: None });
    // Many brokers at a time, and nothing of them is to stay.
    let durability = Durability::None;
    Settings { time_zone: TimeZone::fixed(offset(8)), durability, ..settings }
}

/// The real environment but for the time.
#[derive(Default)]
pub(crate) struct Still(RealEnvironment);

struct StillClock;

impl Clock for StillClock {
    fn now(&self) -> Time {
        NOW
    }
}

impl Environment for Still {
    fn bind<'a>(
        &'a self,
        address: &'a ListenAddress,
    ) -> LocalFuture<'a, io::Result<Vec<Box<dyn Listener>>>> {
        self.0.bind(address)
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(StillClock)
    }

    fn seed(&self) -> io::Result<[u8; 32]> {
        self.0.seed()
    }

    fn start_thread(&self, thread: Thread, body: ThreadBody) -> io::Result<()> {
        self.0.start_thread(thread, body)
    }

    fn open_disk(&self, directory: &Path) -> io::Result<Box<dyn Disk>> {
        self.0.open_disk(directory)
    }

    fn histograms_wanted(&self) -> LocalFuture<'_, ()> {
        self.0.histograms_wanted()
    }
}

/// A connection to the interface.
pub(crate) struct Http {
    pub(crate) stream: TcpStream,
    buf: Vec<u8>,
}

/// An answer: its status line and headers as they came, and its body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Http {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self { stream: tcp(address), buf: Vec::new() }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// The next answer, which has a body unless it is to HEAD.
    #[track_caller]
    pub(crate) fn answer(&mut self) -> Answer {
        let head = self.head();
        let length = header(&head, "content-length").map_or(0, |text| text.parse().unwrap());
        while self.buf.len() < length {
            assert!(self.read(), "the end came inside a body: {head}");
        }
        let rest = self.buf.split_off(length);
        let body = String::from_utf8(std::mem::replace(&mut self.buf, rest)).unwrap();
        Answer { head, body }
    }

    /// The head of the next answer.
    #[track_caller]
    pub(crate) fn head(&mut self) -> String {
        loop {
            if let Some(end) = self.buf.windows(4).position(|part| part == b"\r\n\r\n") {
                let rest = self.buf.split_off(end + 4);
                let head = std::mem::replace(&mut self.buf, rest);
                return String::from_utf8(head).unwrap();
            }
            assert!(self.read(), "the end came instead of an answer: {:?}", self.buf);
        }
    }

    /// Whether the other side closes and says nothing more.
    pub(crate) fn ends(&mut self) -> bool {
        self.buf.is_empty() && !self.read()
    }

    fn read(&mut self) -> bool {
        let mut part = [0; 64 * 1024];
        match self.stream.read(&mut part) {
            Ok(count) => {
                self.buf.extend(&part[..count]);
                count > 0
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => false,
            Err(error) => panic!("{error}"),
        }
    }
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.head.get(9..12).unwrap().parse().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    /// Status, Content-Type and body.
    pub(crate) fn parts(&self) -> (u16, Option<&str>, &str) {
        (self.status(), self.header("content-type"), &self.body)
    }
}

pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut headers = head.lines().filter_map(|line| line.split_once(": "));
    headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// Sends a request without body on a connection of its own.
pub(crate) fn ask(broker: &Broker, method: &str, path: &str, headers: &str) -> Answer {
    let mut http = Http::connect(broker.http());
    http.send(format!("{method} {path} HTTP/1.1\r\nHost: h\r\n{headers}\r\n").as_bytes());
    if method == "HEAD" { Answer { head: http.head(), body: String::new() } } else { http.answer() }
}

/// GET with the account.
pub(crate) fn get(broker: &Broker, path: &str) -> Answer {
    ask(broker, "GET", path, ACCOUNT)
}

/// The body that GET must succeed with, as JSON.
#[track_caller]
pub(crate) fn json(broker: &Broker, path: &str) -> serde_json::Value {
    let answer = get(broker, path);
    assert_eq!(answer.status(), 200, "{answer:?}");
    serde_json::from_str(&answer.body).unwrap()
}

/// POST with the account.
pub(crate) fn post(broker: &Broker, path: &str, kind: &str, body: &[u8]) -> Answer {
    let mut http = Http::connect(broker.http());
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: h\r\n{ACCOUNT}Content-Type: {kind}\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    http.send(&[head.as_bytes(), body].concat());
    http.answer()
}

/// POST of a form that must be done.
#[track_caller]
pub(crate) fn order(broker: &Broker, path: &str, form: &str) {
    let answer = post(broker, path, FORM, form.as_bytes());
    assert_eq!(answer.parts(), (200, Some(JSON), r#"{"code":0,"result":[]}"#), "{path} {form}");
}

/// What a client says when it connects.
pub(crate) fn connect(id: &str, clean: bool) -> Connect {
    Connect {
        version: Version::V3_1_1,
        clean_start: clean,
        keep_alive: 60,
        client_id: ByteString::from(id),
        will: None,
        user_name: None,
        password: None,
        properties: Properties::NONE,
    }
}

/// A client that is connected.
pub(crate) fn client(broker: &Broker, connect: Connect) -> Client<TcpStream> {
    let mut client = broker.connect();
    let mut bytes = Vec::new();
    codec::encode(Version::V3_1_1, &Packet::Connect(Box::new(connect)), &mut bytes);
    client.send(&bytes);
    let Packet::Connack(ack) = client.packet() else { panic!("no CONNACK") };
    assert!(!ack.code.is_error(), "{ack:?}");
    client
}
