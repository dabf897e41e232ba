//! A link over each transport, to another implementation's server end.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use mio::{Events, Poll, Token};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use surewire_load::clock::Clock;
use surewire_load::link::Link;
use surewire_load::transport::tls::Trust;
use surewire_load::transport::{Route, Tls, Transport};
use surewire_load::wire::{CONNACK, DISCONNECT, PINGREQ, PINGRESP, PublishTemplate, Qos, kind};
use surewire_load::{Error, dial};
use tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tungstenite::{Message, WebSocket};

const ALL: [Transport; 4] = [Transport::Tcp, Transport::Ws, Transport::Tls, Transport::Wss];
/// A payload of more than a record of TLS, and more than a socket takes at once.
const PAYLOAD: usize = 100_000;
const MESSAGES: usize = 200;

/// A certificate for 127.0.0.1 as PEM text, and a server that has it.
fn certificate() -> (String, Arc<ServerConfig>) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let pem = made.cert.pem();
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(made.signing_key.serialize_pem().as_bytes()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth();
    (pem, Arc::new(config.with_single_cert(vec![certificate], key).unwrap()))
}

/// A server for one connection, and the way there.
fn serve<T: Send + 'static>(
    transport: Transport,
    talk: impl FnOnce(&mut dyn Stream) -> T + Send + 'static,
) -> (Route, JoinHandle<T>) {
    let (pem, config) = certificate();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (socket, _) = listener.accept().unwrap();
        let seal = |socket: TcpStream| {
            StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), socket)
        };
        match transport {
            Transport::Tcp => talk(&mut { socket }),
            Transport::Tls => talk(&mut seal(socket)),
            Transport::Ws => talk(&mut Frames::accept(socket)),
            Transport::Wss => talk(&mut Frames::accept(seal(socket))),
        }
    });
    let tls = transport.uses_tls().then(|| Tls::new(&Trust::Pem(pem), None).unwrap());
    (Route { addr, websocket: transport.uses_websocket(), tls }, server)
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// Binary messages as bytes. What is written leaves in two messages with a ping between.
struct Frames<S> {
    socket: WebSocket<S>,
    unread: io::Cursor<Vec<u8>>,
}

impl<S: Read + Write> Frames<S> {
    fn accept(stream: S) -> Self {
        #[expect(clippy::result_large_err, reason = "the library's own type")]
        let choose = |_: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
            let protocol = "mqtt".parse().unwrap();
            response.headers_mut().insert("Sec-WebSocket-Protocol", protocol);
            Ok(response)
        };
        let Ok(socket) = tungstenite::accept_hdr(stream, choose) else { panic!("no hand-shake") };
        Self { socket, unread: io::Cursor::default() }
    }
}

impl<S: Read + Write> Read for Frames<S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.unread.read(into)?;
            if count > 0 {
                return Ok(count);
            }
            match self.socket.read().map_err(io::Error::other)? {
                Message::Binary(bytes) => self.unread = io::Cursor::new(bytes.to_vec()),
                Message::Pong(bytes) => assert_eq!(bytes, b"there?"[..]),
                other @ (Message::Text(_)
                | Message::Ping(_)
                | Message::Close(_)
                | Message::Frame(_)) => panic!("{other:?}"),
            }
        }
    }
}

impl<S: Read + Write> Write for Frames<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (first, second) = bytes.split_at(bytes.len() / 2);
        for message in [
            Message::binary(first.to_vec()),
            Message::Ping(b"there?"[..].into()),
            Message::binary(second.to_vec()),
        ] {
            self.socket.write(message).map_err(io::Error::other)?;
        }
        self.flush()?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush().map_err(io::Error::other)
    }
}

/// A message of [`PAYLOAD`] bytes.
fn message() -> Vec<u8> {
    let mut packet = Vec::new();
    PublishTemplate::new("t", Qos::AtMostOnce, 0, PAYLOAD).put(&mut packet, 0, &[]);
    packet
}

#[test]
fn much_goes_both_ways_over_every_transport() {
    for transport in ALL {
        let (route, server) = serve(transport, |stream| {
            let mut message = message();
            for _ in 0..MESSAGES {
                stream.read_exact(&mut message).unwrap();
                stream.write_all(&message).unwrap();
                stream.flush().unwrap();
            }
            // Who closes while answers to pings are on their way resets the connection.
            stream.read_exact(&mut [0; 2]).unwrap();
        });
        let mut poll = Poll::new().unwrap();
        let mut link = Link::new(route.open().unwrap(), poll.registry(), Token(0)).unwrap();
        let (mut scratch, message) = (vec![0; 256 << 10], message());
        let (mut sent, mut received) = (0, 0);
        while received < MESSAGES {
            if sent < MESSAGES && !link.is_waiting() {
                link.out().extend_from_slice(&message);
                sent += 1;
            } else {
                poll.poll(&mut Events::with_capacity(4), None).unwrap();
            }
            link.flush().unwrap();
            link.read_frames(&mut scratch, &Clock::start(), |frame, _, _| {
                assert_eq!((frame.kind(), frame.body.len()), (kind::PUBLISH, 3 + PAYLOAD));
                received += 1;
                Ok(())
            })
            .unwrap();
        }
        link.out().extend_from_slice(&DISCONNECT);
        link.flush().unwrap();
        server.join().unwrap();
        assert!(!link.is_waiting(), "{transport:?}");
    }
}

#[test]
fn what_comes_with_the_answer_to_a_hand_shake_is_not_lost() {
    for transport in ALL {
        let (route, server) = serve(transport, |stream| {
            stream.read_exact(&mut [0; 15]).unwrap();
            // In one write: whoever reads the answer has read the message as well.
            stream.write_all(&[&CONNACK[..], &message()].concat()).unwrap();
            stream.flush().unwrap();
            stream.read_exact(&mut [0; 2]).unwrap();
        });
        let mut stream = route.open().unwrap();
        dial::connect(&mut stream, "c").unwrap();
        let mut poll = Poll::new().unwrap();
        let mut link = Link::new(stream, poll.registry(), Token(0)).unwrap();
        let (mut scratch, mut received) = (vec![0; 256 << 10], 0);
        while received == 0 {
            poll.poll(&mut Events::with_capacity(4), None).unwrap();
            link.read_frames(&mut scratch, &Clock::start(), |frame, _, out| {
                assert_eq!(frame.kind(), kind::PUBLISH);
                out.extend_from_slice(&PINGREQ);
                received += 1;
                Ok(())
            })
            .unwrap();
        }
        link.flush().unwrap();
        server.join().unwrap();
    }
}

#[test]
fn the_end_of_a_connection_is_noticed_over_every_transport() {
    for transport in ALL {
        let (route, server) = serve(transport, |stream| {
            stream.read_exact(&mut [0; 2]).unwrap();
            stream.write_all(&PINGRESP).unwrap();
            stream.flush().unwrap();
        });
        let mut poll = Poll::new().unwrap();
        let mut link = Link::new(route.open().unwrap(), poll.registry(), Token(0)).unwrap();
        link.out().extend_from_slice(&PINGREQ);
        link.flush().unwrap();
        let (mut scratch, mut kinds) = (vec![0; 256 << 10], Vec::new());
        server.join().unwrap();
        let end = loop {
            let read = link.read_frames(&mut scratch, &Clock::start(), |frame, _, _| {
                kinds.push(frame.kind());
                Ok(())
            });
            if let Err(end) = read {
                break end;
            }
            poll.poll(&mut Events::with_capacity(4), None).unwrap();
        };
        let closed = [io::ErrorKind::UnexpectedEof, io::ErrorKind::ConnectionReset];
        assert!(closed.contains(&end.kind()), "{transport:?}: {end}");
        assert_eq!(kinds, [kind::PINGRESP], "{transport:?}");
    }
}

/// The way to `addr` by TLS, with trust in somebody's certificate.
fn sealed(addr: SocketAddr, pem: String) -> Route {
    Route { addr, websocket: false, tls: Some(Tls::new(&Trust::Pem(pem), None).unwrap()) }
}

#[test]
fn a_broker_that_nobody_vouches_for_is_refused_unless_nobody_asks() {
    let (route, server) = serve(Transport::Tls, |stream| stream.read(&mut [0]).is_err());
    let refused = sealed(route.addr, certificate().0).open();
    assert!(matches!(&refused, Err(Error::Broker(m)) if m.contains("TLS with 127.0.0.1")));
    assert!(server.join().unwrap());
    let (route, server) = serve(Transport::Tls, |stream| stream.read_exact(&mut [0; 15]).is_ok());
    let unchecked = Tls::new(&Trust::Unchecked, Some("somebody.else")).unwrap();
    let mut stream = Route { tls: Some(unchecked), ..route }.open().unwrap();
    dial::leave(&mut stream).unwrap();
    drop(stream);
    assert!(!server.join().unwrap());
}

#[test]
fn a_listener_of_another_kind_is_told_in_words() {
    let (route, server) = serve(Transport::Tcp, |stream| {
        stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").unwrap();
        let _ = stream.read(&mut [0; 1_000]);
    });
    let refused = Route { websocket: true, ..route }.open();
    assert!(matches!(&refused, Err(Error::Broker(m)) if m.contains("path /mqtt")), "{refused:?}");
    server.join().unwrap();
}
