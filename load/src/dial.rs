//! Opening a connection: everything up to SUBACK, blocking and one after another, before a
//! measurement starts.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::Error;
use crate::wire::{self, Connack, Connect, Frame, Qos, Version, WireError, kind};

/// How long a broker may take to answer one packet of a hand-shake.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where to connect, and with what kind of socket.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The broker's address.
    pub addr: SocketAddr,
    /// The address to connect from; `None` leaves the choice to the system.
    pub source: Option<Ipv4Addr>,
    /// The size of the receive buffer in bytes; `None` leaves it to the system.
    pub receive_buffer: Option<usize>,
}

impl Target {
    /// An ordinary socket to `addr`.
    #[must_use]
    pub const fn new(addr: SocketAddr) -> Self {
        Self { addr, source: None, receive_buffer: None }
    }

    /// Opens the TCP connection, with Nagle's algorithm off and a read limit of 10 s.
    ///
    /// # Errors
    /// [`Error::System`] when the connection is refused or a resource runs out.
    pub fn open(&self) -> Result<TcpStream, Error> {
        self.try_open().map_err(Error::system(format!("connect to {}", self.addr)))
    }

    fn try_open(&self) -> io::Result<TcpStream> {
        let socket = Socket::new(Domain::for_address(self.addr), Type::STREAM, None)?;
        if let Some(source) = self.source {
            socket.bind(&SocketAddr::from((source, 0)).into())?;
        }
        // Set before the hand-shake: the window that TCP announces depends on it.
        if let Some(size) = self.receive_buffer {
            socket.set_recv_buffer_size(size)?;
        }
        socket.connect_timeout(&self.addr.into(), PATIENCE)?;
        socket.set_tcp_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(socket.into())
    }
}

/// CONNECT of 3.1.1 with a clean session, and CONNACK, on a fresh stream of bytes.
///
/// # Errors
/// As [`introduce`].
pub fn connect(stream: &mut (impl Read + Write), client_id: &str) -> Result<(), Error> {
    introduce(stream, &Connect::new(client_id)).map(|_| ())
}

/// CONNECT of 3.1.1 of a client whose session is there.
///
/// # Errors
/// As [`introduce`]; also when there is no such session.
pub fn resume(stream: &mut (impl Read + Write), client_id: &str) -> Result<(), Error> {
    let connack = introduce(stream, &Connect { persistent: true, ..Connect::new(client_id) })?;
    if connack.session_present {
        return Ok(());
    }
    Err(Error::Broker(format!("no session is present for {client_id}, which is back")))
}

/// CONNECT and CONNACK on a fresh stream of bytes.
///
/// # Errors
/// [`Error::Broker`] when the broker refuses, [`Error::System`] when the connection breaks.
pub fn introduce(
    stream: &mut (impl Read + Write),
    connect: &Connect<'_>,
) -> Result<Connack, Error> {
    send(stream, &connect.to_bytes())?;
    let frame = expect(stream, kind::CONNACK)?;
    let connack = frame.as_frame().connack(connect.version).map_err(misbehaved)?;
    accepted(&connack)?;
    Ok(connack)
}

/// Whether a CONNACK lets the client in.
///
/// # Errors
/// [`Error::Broker`] with the code if it does not.
pub fn accepted(connack: &Connack) -> Result<(), Error> {
    match connack.code {
        0 => Ok(()),
        code => Err(Error::Broker(format!("CONNACK with return code {code} (0x{code:02x})"))),
    }
}

/// CONNECT without Clean Session, SUBSCRIBE to each filter, and the answers to all of them.
///
/// # Errors
/// As [`connect`] and [`subscribe`].
pub fn begin_session(
    stream: &mut (impl Read + Write),
    client_id: &str,
    filters: &[String],
) -> Result<(), Error> {
    let mut packets = Connect { persistent: true, ..Connect::new(client_id) }.to_bytes();
    for filter in filters {
        packets.extend(wire::subscribe(1, filter, Qos::AtLeastOnce));
    }
    send(stream, &packets)?;
    let frame = expect(stream, kind::CONNACK)?;
    accepted(&frame.as_frame().connack(Version::V3_1_1).map_err(misbehaved)?)?;
    for filter in filters {
        granted(stream, Version::V3_1_1, std::slice::from_ref(filter), Qos::AtLeastOnce)?;
    }
    Ok(())
}

/// DISCONNECT: the client leaves in the orderly way.
///
/// # Errors
/// [`Error::System`] when the connection breaks.
pub fn leave(stream: &mut impl Write) -> Result<(), Error> {
    send(stream, &wire::DISCONNECT)
}

/// SUBSCRIBE and SUBACK of one filter in 3.1.1.
///
/// # Errors
/// As [`subscribe_all`].
pub fn subscribe(stream: &mut (impl Read + Write), filter: &str, qos: Qos) -> Result<(), Error> {
    subscribe_all(stream, Version::V3_1_1, &[filter], qos)
}

/// One SUBSCRIBE to all of `filters` at the same QoS, and its SUBACK.
///
/// # Errors
/// [`Error::Broker`] when less than `qos` is granted, [`Error::System`] when the connection breaks.
pub fn subscribe_all(
    stream: &mut (impl Read + Write),
    version: Version,
    filters: &[impl AsRef<str>],
    qos: Qos,
) -> Result<(), Error> {
    send(stream, &wire::subscribe_all(version, 1, filters, qos))?;
    granted(stream, version, filters, qos)
}

/// PINGREQ and PINGRESP: when it returns, the broker has read all that was sent before.
///
/// # Errors
/// As [`connect`].
pub fn ping(stream: &mut (impl Read + Write)) -> Result<(), Error> {
    send(stream, &wire::PINGREQ)?;
    expect(stream, kind::PINGRESP).map(|_| ())
}

fn granted(
    stream: &mut impl Read,
    version: Version,
    filters: &[impl AsRef<str>],
    qos: Qos,
) -> Result<(), Error> {
    let frame = expect(stream, kind::SUBACK)?;
    let (_, codes) = frame.as_frame().suback(version).map_err(misbehaved)?;
    if codes.len() != filters.len() {
        let (answers, asked) = (codes.len(), filters.len());
        return Err(Error::Broker(format!("a SUBACK with {answers} codes to {asked} filters")));
    }
    match codes.iter().zip(filters).find(|(code, _)| **code != qos.level()) {
        None => Ok(()),
        Some((code, filter)) => Err(Error::Broker(format!(
            "SUBACK with code 0x{code:02x} to {} at QoS {qos}",
            filter.as_ref()
        ))),
    }
}

fn send(stream: &mut impl Write, packet: &[u8]) -> Result<(), Error> {
    stream
        .write_all(packet)
        .and_then(|()| stream.flush())
        .map_err(Error::system("send to the broker"))
}

/// A packet that owns its bytes.
struct OwnedFrame {
    header: u8,
    body: Vec<u8>,
}

impl OwnedFrame {
    fn as_frame(&self) -> Frame<'_> {
        Frame { header: self.header, body: &self.body }
    }
}

fn expect(stream: &mut impl Read, wanted: u8) -> Result<OwnedFrame, Error> {
    let frame = read_frame(stream).map_err(Error::system("read the broker's answer"))?;
    match frame.as_frame().kind() {
        kind if kind == wanted => Ok(frame),
        kind => Err(Error::Broker(format!("a packet of type {kind} instead of {wanted}"))),
    }
}

fn read_frame(stream: &mut impl Read) -> io::Result<OwnedFrame> {
    let mut header = [0];
    stream.read_exact(&mut header)?;
    let mut length = 0;
    for shift in [0, 7, 14] {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        length |= usize::from(byte[0] & 0x7f) << shift;
        if byte[0] < 0x80 {
            let mut body = vec![0; length];
            stream.read_exact(&mut body)?;
            return Ok(OwnedFrame { header: header[0], body });
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "no answer is this long"))
}

fn misbehaved(error: WireError) -> Error {
    Error::Broker(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers prepared in advance; what is sent is kept.
    struct Scripted<'a> {
        answers: &'a [u8],
        sent: Vec<u8>,
    }

    impl Read for Scripted<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            // One byte at a time: answers may arrive in any pieces.
            let end = into.len().min(1);
            self.answers.read(&mut into[..end])
        }
    }

    impl Write for Scripted<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.sent.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn scripted(answers: &[u8]) -> Scripted<'_> {
        Scripted { answers, sent: Vec::new() }
    }

    #[test]
    fn a_connection_subscribes_and_pings() {
        let answers = [&wire::CONNACK[..], &[0x90, 3, 0, 1, 1], &wire::PINGRESP].concat();
        let mut stream = scripted(&answers);
        connect(&mut stream, "c").unwrap();
        subscribe(&mut stream, "f", Qos::AtLeastOnce).unwrap();
        ping(&mut stream).unwrap();
        assert!(stream.answers.is_empty());
        assert_eq!(stream.sent.last_chunk(), Some(&wire::PINGREQ));
    }

    #[test]
    fn a_refusal_is_the_brokers_fault() {
        let refused = connect(&mut scripted(&[0x20, 2, 0, 5]), "c");
        assert!(matches!(refused, Err(Error::Broker(m)) if m.contains("return code 5")));
        let failed = subscribe(&mut scripted(&[0x90, 3, 0, 1, 0x80]), "f", Qos::AtMostOnce);
        assert!(matches!(failed, Err(Error::Broker(m)) if m.contains("SUBACK")));
        let closed = connect(&mut scripted(&[]), "c");
        assert!(matches!(closed, Err(Error::System { .. })));
    }

    #[test]
    fn a_long_answer_is_read_whole() {
        let filters = vec!["f"; 300];
        let mut answer = vec![0x90, 0xaf, 2, 0, 1, 0];
        answer.resize(answer.len() + 300, 1);
        let subscribe_to = |filters: &[&str]| {
            let mut stream = scripted(&answer);
            subscribe_all(&mut stream, Version::V5, filters, Qos::AtLeastOnce)
        };
        subscribe_to(&filters).unwrap();
        let too_few = subscribe_to(&filters[1..]);
        assert!(matches!(too_few, Err(Error::Broker(m)) if m.contains("300 codes to 299")));
    }

    #[test]
    fn a_client_that_is_back_wants_its_session() {
        assert!(resume(&mut scripted(&[0x20, 2, 1, 0]), "c").is_ok());
        let forgotten = resume(&mut scripted(&wire::CONNACK), "c");
        assert!(matches!(forgotten, Err(Error::Broker(m)) if m.contains("no session")));
    }
}
