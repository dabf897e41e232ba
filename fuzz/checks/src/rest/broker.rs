//! The whole broker in memory: sockets are pipes, and the clock only moves while all wait.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use surewire_engine::time::Time;
use surewire_server::Server;
use surewire_server::config::{Config, Durability, ListenAddress};
use surewire_server::environment::{
    Clock, Disk, Environment, Incoming, Listener, LocalFuture, Stream, Thread, ThreadBody,
};
use surewire_server::settings::{Machine, Settings};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

use super::request::{Answer, Request};

const CONFIG: &str = "http_server: {addr: '127.0.0.1:9090', user: {ops: secret}}\n\
    listener: [{protocol: mqtt, addr: '127.0.0.1:1883'}]\nworkers: 1\nsys_interval: off";

/// One that is connected, with a persistent session, a subscription and a retained message.
const CLIENT: &[u8] = b"\x10\x0d\x00\x04MQTT\x04\x00\x00\x00\x00\x01a\
    \x82\x08\x00\x01\x00\x03a/#\x01\x31\x06\x00\x03a/bx";

/// What the broker answers to it: accepted, granted, and the message.
const ANSWERS: usize = 4 + 5 + 8;

/// The broker, while it runs.
pub(super) struct Broker {
    mqtt: UnboundedSender<Pipe>,
    http: UnboundedSender<Pipe>,
}

/// Runs a broker for as long as `story` takes.
pub(super) fn run(story: impl AsyncFnOnce(&Broker)) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build_local(tokio::runtime::LocalOptions::default())
        .expect("a runtime without I/O");
    let clock = runtime.block_on(async {
        let (environment, broker) = Memory::new();
        let server = Server::bind(settings(), &environment).await.expect("pipes are there");
        tokio::select! {
            biased;
            end = server.serve(&environment, pending()) => panic!("the broker ended: {end:?}"),
            () = async {
                let _client = broker.client().await;
                story(&broker).await;
            } => {}
        }
        Arc::clone(&environment.clock)
    });
    drop(runtime);
    assert_eq!(Arc::strong_count(&clock), 1, "something of the broker is still there");
}

fn settings() -> Settings {
    let no_variables: [(&str, &str); 0] = [];
    let loaded = Config::parse(CONFIG.as_bytes(), no_variables).expect("a configuration");
    let settings =
        Settings::resolve(&loaded.config, Machine { cores: 1, files: None, memory: None });
    Settings { durability: Durability::None, ..settings }
}

impl Broker {
    async fn client(&self) -> DuplexStream {
        let mut pipe = connect(&self.mqtt);
        pipe.write_all(CLIENT).await.expect("the broker reads");
        let mut answers = [0; ANSWERS];
        pipe.read_exact(&mut answers).await.expect("the broker answers");
        pipe
    }

    /// Sends a request on a connection of its own.
    pub(super) async fn ask(&self, request: &Request) -> Answer {
        let mut pipe = connect(&self.http);
        pipe.write_all(&request.bytes()).await.expect("the broker reads");
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            let read = pipe.read_buf(&mut bytes).await.expect("a pipe");
            assert!(read > 0, "no answer to {} {}", request.method, request.target);
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut body = bytes.split_off(end + 4);
        let stream = Answer::read(&head, Vec::new()).is_stream();
        if !stream {
            pipe.read_to_end(&mut body).await.expect("a pipe");
        }
        Answer::read(&head, body)
    }
}

fn connect(listener: &UnboundedSender<Pipe>) -> DuplexStream {
    let (ours, theirs) = duplex(64 << 10);
    listener.send(Pipe(theirs)).expect("the broker listens");
    ours
}

/// Pipes for sockets, and tokio's paused clock.
struct Memory {
    mqtt: Door,
    http: Door,
    clock: Arc<PausedClock>,
}

/// Where the connections to one listener come from, until it is bound.
type Door = std::cell::RefCell<Option<UnboundedReceiver<Pipe>>>;

impl Memory {
    fn new() -> (Self, Broker) {
        let ((mqtt, mqtt_door), (http, http_door)) = (unbounded_channel(), unbounded_channel());
        let clock = Arc::new(PausedClock(Instant::now()));
        let memory = Self { mqtt: Some(mqtt_door).into(), http: Some(http_door).into(), clock };
        (memory, Broker { mqtt, http })
    }
}

impl Environment for Memory {
    fn bind<'a>(
        &'a self,
        address: &'a ListenAddress,
    ) -> LocalFuture<'a, io::Result<Vec<Box<dyn Listener>>>> {
        Box::pin(async {
            let port = address.port();
            let door = if port == 1883 { &self.mqtt } else { &self.http };
            let door = door.take().ok_or(io::ErrorKind::AddrInUse)?;
            Ok(vec![Box::new(Bound { door, port }) as Box<dyn Listener>])
        })
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::<PausedClock>::clone(&self.clock)
    }

    fn seed(&self) -> io::Result<[u8; 32]> {
        Ok([7; 32])
    }

    fn start_thread(&self, _thread: Thread, body: ThreadBody) -> io::Result<()> {
        tokio::task::spawn_local(body());
        Ok(())
    }

    fn open_disk(&self, _directory: &Path) -> io::Result<Box<dyn Disk>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn histograms_wanted(&self) -> LocalFuture<'_, ()> {
        Box::pin(pending())
    }
}

struct PausedClock(Instant);

impl Clock for PausedClock {
    fn now(&self) -> Time {
        Time::from_secs(1_700_000_000) + self.0.elapsed()
    }
}

struct Bound {
    door: UnboundedReceiver<Pipe>,
    port: u16,
}

impl Listener for Bound {
    fn accept(&mut self) -> LocalFuture<'_, io::Result<(Box<dyn Incoming>, SocketAddr)>> {
        Box::pin(async {
            let Some(pipe) = self.door.recv().await else { return pending().await };
            Ok((Box::new(pipe) as Box<dyn Incoming>, SocketAddr::from(([192, 0, 2, 1], 50_000))))
        })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(SocketAddr::from(([127, 0, 0, 1], self.port)))
    }
}

struct Pipe(DuplexStream);

impl Incoming for Pipe {
    fn attach(self: Box<Self>, _: Option<Duration>) -> io::Result<Box<dyn Stream>> {
        Ok(self)
    }
}

impl Stream for Pipe {}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
