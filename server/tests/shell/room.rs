//! A disk without room, one that hangs, one that is read-only, and memory that is short: the broker
//! goes on where it can, and says why where it cannot.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use surewire_engine::log::disk::{DiskError, Op, Reply};
use surewire_server::RunError;
use surewire_server::config::{Config, Durability, ListenAddress};
use surewire_server::environment::{
    Clock, Disk, Environment, Listener, LocalFuture, RealEnvironment, Thread, ThreadBody,
};
use surewire_server::settings::{Machine, Settings};
use tokio::sync::watch;

use crate::broker::{
    Broker, Client, DEADLINE, connect_bytes, publish_bytes, read_to_end, subscribe_bytes, tcp,
};

/// The header of the account `ops` with the password `secret`.
const ACCOUNT: &str = "authorization: Basic b3BzOnNlY3JldA==\r\n";

/// What the test can do to the disk, and to memory.
struct Knobs {
    /// How many files may still be made.
    files: AtomicUsize,
    /// Whether a sync waits.
    hangs: watch::Sender<bool>,
    /// Bytes of memory in use.
    in_use: AtomicU64,
    /// Bytes of it that nothing is in.
    freed: AtomicU64,
}

impl Knobs {
    /// Room for so many files, and nothing else in the way.
    fn with(files: usize) -> Self {
        Self {
            files: AtomicUsize::new(files),
            hangs: watch::Sender::new(false),
            in_use: AtomicU64::new(0),
            freed: AtomicU64::new(0),
        }
    }
}

/// The real environment with a disk that has knobs.
struct Narrow {
    real: RealEnvironment,
    knobs: Arc<Knobs>,
    /// What opening the directory, and making a file in it, fails with.
    fails: Option<io::ErrorKind>,
    making_fails: bool,
}

impl Environment for Narrow {
    fn bind<'a>(
        &'a self,
        address: &'a ListenAddress,
    ) -> LocalFuture<'a, io::Result<Vec<Box<dyn Listener>>>> {
        self.real.bind(address)
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.real.clock()
    }

    fn seed(&self) -> io::Result<[u8; 32]> {
        self.real.seed()
    }

    fn start_thread(&self, thread: Thread, body: ThreadBody) -> io::Result<()> {
        self.real.start_thread(thread, body)
    }

    fn open_disk(&self, directory: &Path) -> io::Result<Box<dyn Disk>> {
        if let Some(kind) = self.fails {
            return Err(kind.into());
        }
        let disk = self.real.open_disk(directory)?;
        let (knobs, making_fails) = (Arc::clone(&self.knobs), self.making_fails);
        Ok(Box::new(NarrowDisk { disk, knobs, making_fails }))
    }

    fn memory_in_use(&self) -> Option<u64> {
        Some(self.knobs.in_use.load(Ordering::SeqCst))
    }

    fn release_memory(&self) {
        let freed = self.knobs.freed.swap(0, Ordering::SeqCst);
        self.knobs.in_use.fetch_sub(freed, Ordering::SeqCst);
    }

    fn histograms_wanted(&self) -> LocalFuture<'_, ()> {
        self.real.histograms_wanted()
    }
}

struct NarrowDisk {
    disk: Box<dyn Disk>,
    knobs: Arc<Knobs>,
    making_fails: bool,
}

impl Disk for NarrowDisk {
    fn perform(&mut self, op: Op) -> LocalFuture<'_, Result<Reply, DiskError>> {
        Box::pin(async move {
            let makes = matches!(op, Op::Allocate { .. });
            if makes && self.making_fails {
                return Err(DiskError::Failed("Read-only file system (os error 30)".into()));
            }
            let take = |files: usize| files.checked_sub(1);
            let files = &self.knobs.files;
            if makes && files.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_err() {
                return Err(DiskError::NoRoom);
            }
            if matches!(op, Op::Remove { .. }) {
                files.fetch_add(1, Ordering::SeqCst);
            }
            if matches!(op, Op::Sync { .. }) {
                let _ = self.knobs.hangs.subscribe().wait_for(|hangs| !hangs).await;
            }
            self.disk.perform(op).await
        })
    }
}

/// A broker on such a disk.
struct Tight {
    broker: Option<Broker>,
    knobs: Arc<Knobs>,
    _directory: tempfile::TempDir,
}

fn settings(data_dir: PathBuf) -> Settings {
    let file = "http_server: {addr: '127.0.0.1:0', user: {ops: secret}, metrics_open: true}\n\
                listener: [{protocol: mqtt, addr: '127.0.0.1:0'}]\nworkers: 2\nsys_interval: off\nmemory_limit: 100MiB";
    let no_variables: [(&str, &str); 0] = [];
    let loaded = Config::parse(file.as_bytes(), no_variables).unwrap();
    let settings =
        Settings::resolve(&loaded.config, Machine { cores: 1, files: None, memory: None });
    Settings { durability: Durability::Power, data_dir, ..settings }
}

impl Tight {
    /// A broker that can make so many files.
    fn start(files: usize) -> Self {
        Self::start_with(files, |_| {})
    }

    fn start_with(files: usize, change: impl FnOnce(&mut Settings)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let knobs = Arc::new(Knobs::with(files));
        let environment = {
            let knobs = Arc::clone(&knobs);
            || Narrow { real: RealEnvironment::new(), knobs, fails: None, making_fails: false }
        };
        let mut settings = settings(directory.path().join("data"));
        change(&mut settings);
        let broker = Broker::start_in(environment, settings);
        Self { broker: Some(broker), knobs, _directory: directory }
    }

    fn broker(&self) -> &Broker {
        self.broker.as_ref().unwrap()
    }

    /// There is room for so many files more.
    fn give(&self, files: usize) {
        self.knobs.files.fetch_add(files, Ordering::SeqCst);
    }

    /// Asks the management interface; the answer with its head.
    fn http(&self, method: &str, path: &str, kind: &str, body: &str) -> String {
        let mut stream = tcp(self.broker().http());
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{ACCOUNT}\
             content-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        String::from_utf8(read_to_end(&mut stream)).unwrap()
    }

    fn order(&self, path: &str, form: &str) -> String {
        self.http("POST", path, "application/x-www-form-urlencoded", form)
    }

    fn metric(&self, name: &str) -> f64 {
        let page = self.http("GET", "/metrics", "text/plain", "");
        let mut samples = page.lines().filter_map(|line| line.split_once(' '));
        samples.find(|(found, _)| *found == name).unwrap().1.parse().unwrap()
    }

    /// Asks for a metric until it is as it should be.
    #[track_caller]
    fn until(&self, name: &str, is: impl Fn(f64) -> bool) -> f64 {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let value = self.metric(name);
            if is(value) {
                return value;
            }
            assert!(Instant::now() < deadline, "{name} stays {value}");
        }
    }

    #[track_caller]
    fn until_full(&self, full: bool) {
        self.until("surewire_store_full", |value| (value > 0.0) == full);
    }

    fn client(&self, id: &str) -> Client<std::net::TcpStream> {
        self.broker().client(id)
    }

    /// The session of the client `away`, who has subscribed with QoS 0 and left.
    fn leave_a_session(&self, topic: &str) {
        let mut away = self.broker().connect();
        away.send(&stored("away"));
        away.expect(&[0x20, 2, 0, 0]);
        away.send(&subscribe_bytes(1, topic, 0));
        away.expect(&[0x90, 3, 0, 1, 0]);
        away.send(&[0xE0, 0]);
        away.expect_end();
    }

    fn stop(mut self) -> Result<(), RunError> {
        self.broker.take().unwrap().stop()
    }
}

/// A CONNECT for a session that stays.
fn stored(id: &str) -> Vec<u8> {
    let mut connect = connect_bytes(id);
    connect[9] = 0;
    connect
}

/// A retained PUBLISH of QoS 1.
fn retained_qos1(topic: &str, id: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = publish_bytes(topic, &[&[0, id], payload].concat());
    bytes[0] = 0x33;
    bytes
}

#[test]
fn a_full_disk_refuses_what_is_new_takes_deletes_and_recovers_without_a_restart() {
    let tight = Tight::start(2);
    let mut reader = tight.client("reader");
    reader.send(&subscribe_bytes(1, "news", 0));
    reader.expect(&[0x90, 3, 0, 1, 0]);
    let mut client = tight.client("c");
    client.send(&retained_qos1("t", 7, b"x"));
    client.expect(&[0x40, 2, 0, 7]);
    tight.until_full(true);

    // Refused: a PUBLISH of QoS 1, and a session that would be stored.
    let mut publisher = tight.client("p");
    publisher.send(&[0x32, 6, 0, 1, b't', 0, 1, b'm']);
    publisher.expect_end();
    let mut lasting = tight.broker().connect();
    lasting.send(&stored("lasting"));
    lasting.expect(&[0x20, 2, 0, 3]);
    lasting.expect_end();

    // What passes through goes on, and what is there can be deleted.
    client.send(&publish_bytes("news", b"hello"));
    assert_eq!(reader.message(), ("news".into(), "hello".into()));
    client.send(&retained_qos1("t", 8, b""));
    client.expect(&[0x40, 2, 0, 8]);

    tight.give(100);
    tight.until_full(false);
    client.send(&[0x32, 6, 0, 1, b't', 0, 9, b'm']);
    client.expect(&[0x40, 2, 0, 9]);
    tight.broker().client("other");
    tight.stop().unwrap();
}

#[test]
fn a_record_that_finds_no_room_at_all_waits_for_it() {
    let tight = Tight::start(0);
    let mut client = tight.client("c");
    client.send(&retained_qos1("t", 7, b"x"));
    tight.until_full(true);
    // Nothing is acknowledged, and the client lives.
    client.send(&[0xC0, 0]);
    client.expect(&[0xD0, 0]);
    tight.give(1);
    client.expect(&[0x40, 2, 0, 7]);
    assert_eq!(tight.metric("surewire_store_waiting_bytes"), 0.0);
    tight.until_full(true);
    tight.give(100);
    tight.until_full(false);
    tight.stop().unwrap();
}

#[test]
fn a_stop_does_not_wait_for_room_and_says_so() {
    let tight = Tight::start(0);
    tight.client("c").send(&retained_qos1("t", 7, b"x"));
    tight.until_full(true);
    let error = tight.stop().unwrap_err();
    assert!(matches!(error, RunError::NoRoom { .. }), "{error}");
}

#[test]
fn the_management_interface_says_507_to_what_would_be_stored() {
    let tight = Tight::start(2);
    tight.client("c").send(&retained_qos1("t", 7, b"x"));
    tight.until_full(true);
    for (path, form) in [
        ("/publish", "topic=t&payload=x&qos=1"),
        ("/publish", "topic=t&payload=x&qos=0&retain=true"),
        ("/subscribe", "topic=t&clientID=nobody&qos=0"),
    ] {
        let answer = tight.order(path, form);
        assert!(answer.starts_with("HTTP/1.1 507 "), "{answer}");
        assert!(answer.ends_with("nothing new can be stored"), "{answer}");
    }
    let publish = |body| tight.http("POST", "/api/v1/publish", "application/json", body);
    let answer = publish(r#"{"topic": "t", "payload": "x", "qos": 2}"#);
    assert!(answer.starts_with("HTTP/1.1 507 "), "{answer}");
    assert!(answer.contains(r#""reason":"storage_full""#), "{answer}");
    // A delete, and a message that is stored nowhere.
    for body in
        [r#"{"topic": "t", "payload": "", "retain": true}"#, r#"{"topic": "t", "payload": "x"}"#]
    {
        let answer = publish(body);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    tight.give(100);
    tight.until_full(false);
    assert!(tight.order("/publish", "topic=t&payload=x&qos=1").starts_with("HTTP/1.1 200 "));
    tight.stop().unwrap();
}

#[test]
fn deletes_make_room_on_a_disk_that_stays_as_it_is() {
    // Two segments, and three spares of the four that are wanted.
    let tight = Tight::start(5);
    let mut client = tight.client("c");
    let payload = vec![b'x'; 1 << 20];
    // The last one begins the second segment.
    for id in 1..=16 {
        client.send(&retained_qos1(&format!("big/{id}"), id, &payload));
        client.expect(&[0x40, 2, 0, id]);
    }
    tight.until_full(true);
    // It is cleaned although nobody does anything. That brings nothing: all of it lives.
    tight.until("surewire_store_records_total", |records| records >= 32.0);
    tight.until_full(true);
    for id in 1..=16 {
        client.send(&retained_qos1(&format!("big/{id}"), id, b""));
        client.expect(&[0x40, 2, 0, id]);
    }
    // Nothing else happens, and nobody gives any room.
    tight.until_full(false);
    client.send(&retained_qos1("t", 1, b"x"));
    client.expect(&[0x40, 2, 0, 1]);
    tight.stop().unwrap();
}

#[test]
fn a_sync_that_hangs_holds_up_only_what_waits_for_it() {
    let tight = Tight::start(100);
    let mut reader = tight.client("reader");
    reader.send(&subscribe_bytes(1, "news", 0));
    reader.expect(&[0x90, 3, 0, 1, 0]);
    tight.knobs.hangs.send_replace(true);
    let mut waiting = tight.client("w");
    waiting.send(&retained_qos1("t", 7, b"x"));
    tight.until("surewire_store_waiting_bytes", |bytes| bytes > 0.0);
    let mut other = tight.client("o");
    for _ in 0..100 {
        other.send(&publish_bytes("news", b"hello"));
        assert_eq!(reader.message(), ("news".into(), "hello".into()));
    }
    waiting.send(&[0xC0, 0]);
    waiting.expect(&[0xD0, 0]);
    tight.knobs.hangs.send_replace(false);
    waiting.expect(&[0x40, 2, 0, 7]);
    tight.stop().unwrap();
}

#[test]
fn what_waits_for_a_disk_that_hangs_is_bounded() {
    let tight = Tight::start(100);
    tight.knobs.hangs.send_replace(true);
    let payload = vec![b'x'; 1 << 20];
    let mut clients: Vec<_> = (0..200).map(|id| tight.client(&format!("c{id}"))).collect();
    for (id, client) in clients.iter_mut().enumerate() {
        let mut retained = publish_bytes(&format!("big/{id}"), &payload);
        retained[0] = 0x31;
        client.send(&retained);
    }
    // What was refused leads to no record, so its client is read on.
    let mut last = clients.pop().unwrap();
    tight.until("surewire_publishes_refused_total", |refused| refused > 100.0);
    last.send(&[0xC0, 0]);
    last.expect(&[0xD0, 0]);
    let waiting = tight.metric("surewire_store_waiting_bytes");
    let (least, most) = (64 << 20, 96 << 20);
    assert!(waiting > f64::from(least) && waiting < f64::from(most), "{waiting}");
    tight.knobs.hangs.send_replace(false);
    tight.until("surewire_store_waiting_bytes", |bytes| bytes == 0.0);
    last.send(&retained_qos1("t", 7, b"x"));
    last.expect(&[0x40, 2, 0, 7]);
    drop(clients);
    tight.stop().unwrap();
}

#[test]
fn who_brings_more_than_the_disk_takes_waits_for_it_and_nobody_else_does() {
    let tight = Tight::start(100);
    let mut reader = tight.client("reader");
    reader.send(&subscribe_bytes(1, "news", 0));
    reader.expect(&[0x90, 3, 0, 1, 0]);
    tight.knobs.hangs.send_replace(true);
    let payload = vec![b'x'; 1 << 20];
    let mut stored = publish_bytes("big", &payload);
    stored[0] = 0x31;
    let many = 100;
    let mut flood = tight.client("flood");
    let sending = std::thread::spawn(move || {
        (0..many).for_each(|_| flood.send(&stored));
        flood.send(&[0xC0, 0]);
        flood.expect(&[0xD0, 0]);
    });
    let waiting = "surewire_store_waiting_bytes";
    tight.until(waiting, |bytes| bytes > f64::from(4 << 20));

    // What is not stored, however much it is, and what is, if it is little.
    let mut other = tight.client("other");
    for _ in 0..10 {
        other.send(&publish_bytes("nothing", &payload));
        other.send(&publish_bytes("news", b"hello"));
        assert_eq!(reader.message(), ("news".into(), "hello".into()));
    }
    other.send(&retained_qos1("t", 7, b"x"));
    assert!(tight.metric(waiting) < f64::from(16 << 20), "{}", tight.metric(waiting));
    tight.knobs.hangs.send_replace(false);
    other.expect(&[0x40, 2, 0, 7]);
    sending.join().unwrap();
    assert_eq!(tight.metric("surewire_publishes_refused_total"), 0.0);
    tight.stop().unwrap();
}

#[test]
fn a_read_only_disk_is_named_at_the_start_and_later() {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path().join("data");
    for fails in [Some(io::ErrorKind::ReadOnlyFilesystem), None] {
        let knobs = Arc::new(Knobs::with(9));
        let environment =
            move || Narrow { real: RealEnvironment::new(), knobs, fails, making_fails: true };
        let broker = Broker::start_in(environment, settings(data_dir.clone()));
        if fails.is_none() {
            broker.client("c").send(&retained_qos1("t", 7, b"x"));
        }
        let error = broker.wait().unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with(&format!("data_dir {}: ", data_dir.display())), "{text}");
        if fails.is_some() {
            assert!(matches!(error, RunError::DataDirectory { .. }), "{error:?}");
            assert!(text.contains("mount what it is on for writing"), "{text}");
        } else {
            assert!(matches!(error, RunError::Disk { .. }), "{error:?}");
            assert!(text.contains("Read-only file system"), "{text}");
        }
    }
}

// contract: section 8, memory_limit
#[test]
fn short_memory_refuses_sessions_then_drops_qos_0_then_stops_publishers_and_recovers() {
    let tight = Tight::start(100);
    let takes = |per_cent: u64, stage: f64| {
        tight.knobs.in_use.store((per_cent << 20) + 1, Ordering::SeqCst);
        tight.until("surewire_memory_stage", |found| found == stage);
    };
    assert_eq!(tight.metric("surewire_memory_limit_bytes"), f64::from(100 << 20));
    let mut publisher = tight.client("p");
    tight.leave_a_session("t");

    takes(80, 1.0);
    let mut new = tight.broker().connect();
    new.send(&connect_bytes("new"));
    new.expect(&[0x20, 2, 0, 3]);
    new.expect_end();

    publisher.send(&publish_bytes("t", b"x"));
    publisher.send(&[0xC0, 0]);
    publisher.expect(&[0xD0, 0]);
    takes(90, 2.0);
    let dropped = "surewire_messages_dropped_total{reason=\"memory_limit\"}";
    tight.until(dropped, |count| count == 1.0);

    takes(95, 3.0);
    publisher.send(&publish_bytes("t", b"x"));
    tight.until(dropped, |count| count == 2.0);
    publisher.send(&[0xC0, 0]);
    // Others are read, and so it is known that this one is not.
    let mut back = tight.broker().connect();
    back.send(&stored("away"));
    back.expect(&[0x20, 2, 1, 0]);
    back.send(&[0xC0, 0]);
    back.expect(&[0xD0, 0]);
    assert!(tight.http("GET", "/api/v1/clients/p", "text/plain", "").contains("\"reading\":false"));

    takes(10, 0.0);
    publisher.expect(&[0xD0, 0]);
    tight.client("new");
    drop((publisher, back));
    tight.stop().unwrap();
}

#[test]
fn nothing_is_dropped_for_memory_that_was_freed_and_not_given_back() {
    let tight = Tight::start(100);
    tight.leave_a_session("t");
    let mut publisher = tight.client("p");
    publisher.send(&publish_bytes("t", b"x"));
    publisher.send(&[0xC0, 0]);
    publisher.expect(&[0xD0, 0]);

    tight.knobs.freed.store(50 << 20, Ordering::SeqCst);
    tight.knobs.in_use.store(99 << 20, Ordering::SeqCst);
    let deadline = Instant::now() + DEADLINE;
    while tight.knobs.freed.load(Ordering::SeqCst) > 0 {
        assert!(Instant::now() < deadline, "it is not given back");
        std::thread::yield_now();
    }
    // The stage that comes after what was given back.
    tight.knobs.in_use.store((80 << 20) + 1, Ordering::SeqCst);
    tight.until("surewire_memory_stage", |stage| stage == 1.0);
    assert_eq!(tight.metric("surewire_messages_dropped_total{reason=\"memory_limit\"}"), 0.0);
    tight.stop().unwrap();
}

#[test]
fn the_rest_of_a_large_packet_is_not_read_while_memory_is_short_and_not_waited_for_for_ever() {
    let patience = Duration::from_millis(200);
    let tight = Tight::start_with(100, |settings| settings.engine.stall_timeout = patience);
    let takes = |per_cent: u64, stage: f64| {
        tight.knobs.in_use.store((per_cent << 20) + 1, Ordering::SeqCst);
        tight.until("surewire_memory_stage", |found| found == stage);
    };
    let mut large = publish_bytes("t", &[b'x'; 200_000]);
    let rest = large.split_off(100_000);
    let received = "surewire_socket_received_bytes_total";

    let mut first = tight.client("first");
    first.send(&large);
    tight.until(received, |count| count >= 100_000.0);
    takes(90, 2.0);
    first.send(&rest);
    first.expect_end();
    let recent = tight.http("GET", "/api/v1/recent", "text/plain", "");
    assert!(recent.contains("memory_short"), "{recent}");

    takes(10, 0.0);
    let mut second = tight.client("second");
    second.send(&large);
    second.send(&rest);
    second.send(&[0xC0, 0]);
    second.expect(&[0xD0, 0]);
    tight.stop().unwrap();
}
