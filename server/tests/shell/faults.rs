//! Faults of our own making and of the system's, brought in through the environment.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use surewire_engine::log::disk::{DiskError, Op, Reply};
use surewire_engine::time::Time;
use surewire_server::RunError;
use surewire_server::config::{Durability, ListenAddress};
use surewire_server::environment::{
    Clock, Disk, Environment, Incoming, Listener, LocalFuture, RealEnvironment, Stream, Thread,
    ThreadBody,
};
use surewire_server::settings::Settings;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::broker::{Broker, connect_bytes, plain, publish_bytes, subscribe_bytes};

/// A connection that reads this byte panics.
const POISON: u8 = 0xEE;

/// A write with this byte panics.
const WRITE_POISON: u8 = 0xED;

/// `EMFILE` of Linux: the process has no file descriptor left.
const EMFILE: i32 = 24;

/// The real environment with a fault on demand.
#[derive(Default)]
struct Faulty {
    real: RealEnvironment,
    /// The first accept fails for want of a file descriptor.
    accept_fails: bool,
    /// The first accept panics.
    accept_panics: bool,
    clock_panics: Arc<AtomicBool>,
    /// What the disk answers to a sync, and to making a file.
    disk_says: Option<DiskError>,
}

impl Environment for Faulty {
    fn bind<'a>(
        &'a self,
        address: &'a ListenAddress,
    ) -> LocalFuture<'a, io::Result<Vec<Box<dyn Listener>>>> {
        Box::pin(async {
            let listener = self.real.bind(address).await?.remove(0);
            let (fails, panics) = (self.accept_fails, self.accept_panics);
            let faulty = FaultyListener { listener, fails, panics };
            Ok(vec![Box::new(faulty) as Box<dyn Listener>])
        })
    }

    fn clock(&self) -> Arc<dyn Clock> {
        let panics = Arc::clone(&self.clock_panics);
        Arc::new(FaultyClock { clock: self.real.clock(), panics })
    }

    fn seed(&self) -> io::Result<[u8; 32]> {
        self.real.seed()
    }

    fn start_thread(&self, thread: Thread, body: ThreadBody) -> io::Result<()> {
        self.real.start_thread(thread, body)
    }

    fn open_disk(&self, directory: &Path) -> io::Result<Box<dyn Disk>> {
        let disk = self.real.open_disk(directory)?;
        Ok(Box::new(FaultyDisk { disk, says: self.disk_says.clone() }))
    }

    fn histograms_wanted(&self) -> LocalFuture<'_, ()> {
        self.real.histograms_wanted()
    }
}

struct FaultyListener {
    listener: Box<dyn Listener>,
    fails: bool,
    panics: bool,
}

impl Listener for FaultyListener {
    fn accept(&mut self) -> LocalFuture<'_, io::Result<(Box<dyn Incoming>, SocketAddr)>> {
        Box::pin(async {
            assert!(!self.panics, "accepting panics, as the test wants");
            if std::mem::take(&mut self.fails) {
                return Err(io::Error::from_raw_os_error(EMFILE));
            }
            let (incoming, peer) = self.listener.accept().await?;
            Ok((Box::new(FaultyIncoming(incoming)) as Box<dyn Incoming>, peer))
        })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

struct FaultyIncoming(Box<dyn Incoming>);

impl Incoming for FaultyIncoming {
    fn attach(self: Box<Self>, keepalive: Option<Duration>) -> io::Result<Box<dyn Stream>> {
        Ok(Box::new(FaultyStream(self.0.attach(keepalive)?)))
    }
}

struct FaultyStream(Box<dyn Stream>);

impl Stream for FaultyStream {}

impl AsyncRead for FaultyStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.0).poll_read(cx, buf);
        assert!(!buf.filled()[before..].contains(&POISON), "poison was read, as the test wants");
        read
    }
}

impl AsyncWrite for FaultyStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        assert!(!buf.contains(&WRITE_POISON), "poison is written, as the test wants");
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

struct FaultyDisk {
    disk: Box<dyn Disk>,
    says: Option<DiskError>,
}

impl Disk for FaultyDisk {
    fn perform(&mut self, op: Op) -> LocalFuture<'_, Result<Reply, DiskError>> {
        match (&self.says, &op) {
            (Some(DiskError::NoRoom), Op::Allocate { .. })
            | (Some(DiskError::Failed(_)), Op::Sync { .. }) => {
                Box::pin(std::future::ready(Err(self.says.clone().unwrap())))
            }
            _ => self.disk.perform(op),
        }
    }
}

struct FaultyClock {
    clock: Arc<dyn Clock>,
    panics: Arc<AtomicBool>,
}

impl Clock for FaultyClock {
    fn now(&self) -> Time {
        assert!(!self.panics.load(Ordering::SeqCst), "the clock panics, as the test wants");
        self.clock.now()
    }
}

#[test]
fn a_panic_in_one_connections_task_ends_that_connection_alone() {
    let broker = Broker::start_in(Faulty::default, plain());
    let mut watcher = broker.client("watcher");
    watcher.send(&subscribe_bytes(1, "will", 0));
    watcher.expect(&[0x90, 3, 0, 1, 0]);
    for _ in 0..10 {
        let mut mortal = broker.connect();
        let mut connect = vec![0x10, 25, 0, 4, b'M', b'Q', b'T', b'T', 4, 6, 0, 0, 0, 1, b'm'];
        connect.extend([0, 4, b'w', b'i', b'l', b'l', 0, 4, b'g', b'o', b'n', b'e']);
        mortal.send(&connect);
        mortal.expect(&[0x20, 2, 0, 0]);
        mortal.send(&[POISON]);
        mortal.expect_end();
        assert_eq!(watcher.message(), ("will".into(), "gone".into()));
    }
    broker.stop().unwrap();
}

#[test]
fn a_panic_before_connect_ends_that_connection_alone() {
    let broker = Broker::start_in(Faulty::default, plain());
    let mut stranger = broker.connect();
    stranger.send(&[POISON]);
    stranger.expect_end();
    broker.client("c");
}

#[test]
fn a_panic_under_the_engines_lock_ends_the_broker_with_its_own_error() {
    let clock_panics = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&clock_panics);
    let faulty = move || Faulty { clock_panics: flag, ..Faulty::default() };
    let broker = Broker::start_in(faulty, plain());
    let mut client = broker.client("c");
    clock_panics.store(true, Ordering::SeqCst);
    client.send(&[0xC0, 0]);
    assert!(matches!(broker.wait(), Err(RunError::Engine)));
}

#[test]
fn a_panic_under_the_engines_lock_while_the_broker_stops_is_its_error_too() {
    let clock_panics = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&clock_panics);
    let faulty = move || Faulty { clock_panics: flag, ..Faulty::default() };
    let mut broker = Broker::start_in(faulty, plain());
    let _stays = broker.client("c");
    clock_panics.store(true, Ordering::SeqCst);
    broker.ask_to_stop();
    assert!(matches!(broker.wait(), Err(RunError::Engine)));
}

#[test]
fn accepting_goes_on_after_file_descriptors_ran_out() {
    let faulty = || Faulty { accept_fails: true, ..Faulty::default() };
    let broker = Broker::start_in(faulty, plain());
    let mut client = broker.connect();
    client.send(&connect_bytes("c"));
    client.expect(&[0x20, 2, 0, 0]);
}

#[test]
fn a_panic_while_accepting_ends_the_broker_instead_of_leaving_it_deaf() {
    let faulty = || Faulty { accept_panics: true, ..Faulty::default() };
    let broker = Broker::start_in(faulty, plain());
    assert!(matches!(broker.wait(), Err(RunError::Task)));
}

#[test]
fn a_panic_in_a_turn_outside_the_lock_does_not_leave_a_dead_worker() {
    let broker = Broker::start_in(Faulty::default, plain());
    let mut client = broker.client("c");
    client.send(&subscribe_bytes(1, "t", 0));
    client.expect(&[0x90, 3, 0, 1, 0]);
    client.send(&publish_bytes("t", &[WRITE_POISON]));
    assert!(matches!(broker.wait(), Err(RunError::Engine)));
}

/// What the broker ends with when its disk says this to the first record.
fn ends_with(says: DiskError) -> RunError {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path().join("data");
    let settings = Settings { durability: Durability::Power, data_dir, ..plain() };
    let faulty = || Faulty { disk_says: Some(says), ..Faulty::default() };
    let broker = Broker::start_in(faulty, settings);
    let mut client = broker.client("c");
    // QoS 1, to be retained.
    client.send(&[0x33, 6, 0, 1, b't', 0, 1, b'm']);
    let error = broker.wait().unwrap_err();
    // No PUBACK came, and nobody is left to send one.
    client.stream.set_nonblocking(true).unwrap();
    assert!(!matches!(client.stream.read(&mut [0; 4]), Ok(1..)));
    error
}

#[test]
fn a_failed_sync_ends_the_broker_and_nothing_is_acknowledged() {
    let error = ends_with(DiskError::Failed("Input/output error".into()));
    assert!(matches!(error, RunError::Disk { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("failed: Input/output error; nothing was acknowledged since"), "{text}");
}
