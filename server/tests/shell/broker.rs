//! A broker on its own thread, and a client that knows only bytes.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use surewire_engine::codec::{self, Limits};
use surewire_engine::packet::{Packet, Version};
use surewire_server::environment::{Environment, RealEnvironment};
use surewire_server::settings::{ListenerSettings, Settings};
use surewire_server::{RunError, Server};
use tokio::sync::oneshot;

/// No test waits longer for anything.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) const LIMITS: Limits =
    Limits { max_packet_size: 8 << 20, max_user_properties: 10, reject_control_chars: false };

/// One plain listener on a free port of loopback, two workers.
pub(crate) fn plain() -> Settings {
    let listener = ListenerSettings::plain("127.0.0.1:0".parse().unwrap());
    Settings { workers: 2, ..Settings::on(listener) }
}

pub(crate) struct Broker {
    addresses: Vec<SocketAddr>,
    http: Option<SocketAddr>,
    shutdown: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), RunError>>>,
}

impl Broker {
    pub(crate) fn start(settings: Settings) -> Self {
        Self::start_in(RealEnvironment::new, settings)
    }

    pub(crate) fn start_in<E: Environment>(
        environment: impl FnOnce() -> E + Send + 'static,
        settings: Settings,
    ) -> Self {
        let (bound, addresses) = std::sync::mpsc::channel();
        let (shutdown, asked) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            runtime().block_on(async {
                let environment = environment();
                let server = Server::bind(settings, &environment).await?;
                bound.send((server.addresses().to_vec(), server.http_address())).unwrap();
                let asked = async {
                    let _ = asked.await;
                };
                server.serve(&environment, asked).await
            })
        });
        let (addresses, http) = addresses.recv_timeout(DEADLINE).expect("the broker binds");
        Self { addresses, http, shutdown: Some(shutdown), thread: Some(thread) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where the management interface is.
    pub(crate) fn http(&self) -> SocketAddr {
        self.http.expect("the test's settings have one")
    }

    pub(crate) fn connect(&self) -> Client<TcpStream> {
        Client::on(tcp(self.address()))
    }

    /// A connected client with clean session.
    pub(crate) fn client(&self, id: &str) -> Client<TcpStream> {
        let mut client = self.connect();
        client.send(&connect_bytes(id));
        client.expect(&[0x20, 2, 0, 0]);
        client
    }

    pub(crate) fn ask_to_stop(&mut self) {
        let _ = self.shutdown.take().map(|shutdown| shutdown.send(()));
    }

    pub(crate) fn stop(mut self) -> Result<(), RunError> {
        self.ask_to_stop();
        self.wait()
    }

    /// What it ends with by itself.
    pub(crate) fn wait(mut self) -> Result<(), RunError> {
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.ask_to_stop();
        if let (Some(thread), false) = (self.thread.take(), std::thread::panicking()) {
            thread.join().unwrap().unwrap();
        }
    }
}

pub(crate) fn runtime() -> tokio::runtime::LocalRuntime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())
        .unwrap()
}

pub(crate) fn tcp(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, DEADLINE).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// MQTT 3.1.1, clean session, keep alive off.
pub(crate) fn connect_bytes(id: &str) -> Vec<u8> {
    let mut bytes = vec![0x10, u8::try_from(12 + id.len()).unwrap()];
    bytes.extend([0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0]);
    bytes.extend(u16::try_from(id.len()).unwrap().to_be_bytes());
    bytes.extend(id.as_bytes());
    bytes
}

pub(crate) fn subscribe_bytes(packet_id: u8, filter: &str, qos: u8) -> Vec<u8> {
    let mut bytes = vec![0x82, u8::try_from(5 + filter.len()).unwrap(), 0, packet_id, 0];
    bytes.push(u8::try_from(filter.len()).unwrap());
    bytes.extend(filter.as_bytes());
    bytes.push(qos);
    bytes
}

/// A PUBLISH with QoS 0.
pub(crate) fn publish_bytes(topic: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x30];
    let mut length = 2 + topic.len() + payload.len();
    while length >= 128 {
        bytes.push(u8::try_from(length % 128).unwrap() | 0x80);
        length /= 128;
    }
    bytes.push(u8::try_from(length).unwrap());
    bytes.extend(u16::try_from(topic.len()).unwrap().to_be_bytes());
    bytes.extend(topic.as_bytes());
    bytes.extend(payload);
    bytes
}

/// Everything up to the end, which must come before the deadline.
pub(crate) fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
        Ok(_) | Err(_) => bytes,
    }
}

/// A client on any stream of bytes.
pub(crate) struct Client<S> {
    pub(crate) stream: S,
    buf: Vec<u8>,
}

impl<S: Read + Write> Client<S> {
    pub(crate) fn on(stream: S) -> Self {
        Self { stream, buf: Vec::new() }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
        self.stream.flush().unwrap();
    }

    /// The next bytes must be these.
    #[track_caller]
    pub(crate) fn expect(&mut self, bytes: &[u8]) {
        while self.buf.len() < bytes.len() {
            let more = self.read();
            assert!(!more.is_empty(), "the end came after {:02x?}", self.buf);
            self.buf.extend(more);
        }
        let rest = self.buf.split_off(bytes.len());
        assert_eq!(std::mem::replace(&mut self.buf, rest), bytes);
    }

    /// The next packet.
    #[track_caller]
    pub(crate) fn packet(&mut self) -> Packet {
        self.packet_of(Version::V3_1_1)
    }

    /// The next packet on a connection of this version.
    #[track_caller]
    pub(crate) fn packet_of(&mut self, version: Version) -> Packet {
        loop {
            let len = codec::frame_len(&self.buf, LIMITS.max_packet_size).unwrap();
            if let Some(len) = len.filter(|len| *len <= self.buf.len()) {
                let rest = self.buf.split_off(len);
                let frame = Bytes::from(std::mem::replace(&mut self.buf, rest));
                return codec::decode(version, frame, &LIMITS).unwrap();
            }
            let more = self.read();
            assert!(!more.is_empty(), "the end came inside a packet");
            self.buf.extend(more);
        }
    }

    /// The topic and payload of the next packet, a PUBLISH.
    #[track_caller]
    pub(crate) fn message(&mut self) -> (String, Bytes) {
        let packet = self.packet();
        let Packet::Publish(publish) = packet else { panic!("{packet:?} is no PUBLISH") };
        (publish.topic.unwrap().to_string(), publish.payload)
    }

    /// Nothing more comes but the end.
    #[track_caller]
    pub(crate) fn expect_end(&mut self) {
        let more = self.read();
        assert!(self.buf.is_empty() && more.is_empty(), "{:02x?} {more:02x?}", self.buf);
    }

    /// What one read brings; empty at the end, however the other side brought it about.
    #[track_caller]
    fn read(&mut self) -> Vec<u8> {
        let mut part = vec![0; 64 * 1024];
        let started = Instant::now();
        match self.stream.read(&mut part) {
            Ok(count) => part.truncate(count),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => part.clear(),
            Err(error) => panic!("{error} after {:?}", started.elapsed()),
        }
        part
    }
}

impl Client<TcpStream> {
    /// Sends until the other side has closed; the number of bytes it took.
    pub(crate) fn drip_until_closed(&mut self, mut next: impl FnMut() -> u8) -> usize {
        let deadline = Instant::now() + DEADLINE;
        self.stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        for sent in 0.. {
            assert!(Instant::now() < deadline, "open after {sent} bytes");
            match self.stream.read(&mut [0]) {
                Ok(0) => return sent,
                Ok(_) => panic!("an answer"),
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => return sent,
            }
            if self.stream.write_all(&[next()]).is_err() {
                return sent;
            }
        }
        unreachable!("the loop has no other end")
    }

    pub(crate) fn half_close(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }
}
