//! Opening a connection: everything up to SUBACK, blocking and one after another, before a
//! measurement starts.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::Error;
use crate::wire::{self, Qos, kind};

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

/// CONNECT and CONNACK on a fresh stream of bytes.
///
/// # Errors
/// [`Error::Broker`] when the broker refuses, [`Error::System`] when the connection breaks.
pub fn connect(stream: &mut (impl Read + Write), client_id: &str) -> Result<(), Error> {
    introduce(stream, &wire::connect(client_id))
}

/// The same without Clean Session. There must be no session of that client yet.
///
/// # Errors
/// As [`connect`].
pub fn connect_persistent(stream: &mut (impl Read + Write), client_id: &str) -> Result<(), Error> {
    introduce(stream, &wire::connect_persistent(client_id))
}

/// CONNECT of a client whose session is there.
///
/// # Errors
/// As [`connect`]; also when there is no such session.
pub fn resume(stream: &mut (impl Read + Write), client_id: &str) -> Result<(), Error> {
    send(stream, &wire::connect_persistent(client_id))?;
    match *expect(stream, kind::CONNACK)? {
        [1, 0] => Ok(()),
        ref other => Err(Error::Broker(format!("CONNACK {other:02x?} to a client that is back"))),
    }
}

fn introduce(stream: &mut (impl Read + Write), connect: &[u8]) -> Result<(), Error> {
    send(stream, connect)?;
    match *expect(stream, kind::CONNACK)? {
        [_, 0] => Ok(()),
        [_, code] => Err(Error::Broker(format!("CONNACK with return code {code}"))),
        _ => Err(Error::Broker("a CONNACK that is not two bytes long".into())),
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
    let mut packets = wire::connect_persistent(client_id);
    for filter in filters {
        packets.extend(wire::subscribe(1, filter, Qos::AtLeastOnce));
    }
    send(stream, &packets)?;
    match *expect(stream, kind::CONNACK)? {
        [_, 0] => {}
        ref other => return Err(Error::Broker(format!("CONNACK {other:02x?}"))),
    }
    for filter in filters {
        match *expect(stream, kind::SUBACK)? {
            [0, 1, 1] => {}
            ref other => return Err(Error::Broker(format!("SUBACK {other:02x?} to {filter}"))),
        }
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

/// SUBSCRIBE and SUBACK of one filter.
///
/// # Errors
/// [`Error::Broker`] when less than `qos` is granted, [`Error::System`] when the connection breaks.
pub fn subscribe(stream: &mut (impl Read + Write), filter: &str, qos: Qos) -> Result<(), Error> {
    send(stream, &wire::subscribe(1, filter, qos))?;
    match *expect(stream, kind::SUBACK)? {
        [0, 1, granted] if granted == qos.level() => Ok(()),
        ref other => Err(Error::Broker(format!("SUBACK {other:02x?} to {filter} at QoS {qos}"))),
    }
}

/// PINGREQ and PINGRESP: when it returns, the broker has read all that was sent before.
///
/// # Errors
/// As [`connect`].
pub fn ping(stream: &mut (impl Read + Write)) -> Result<(), Error> {
    send(stream, &wire::PINGREQ)?;
    expect(stream, kind::PINGRESP).map(|_| ())
}

fn send(stream: &mut impl Write, packet: &[u8]) -> Result<(), Error> {
    stream
        .write_all(packet)
        .and_then(|()| stream.flush())
        .map_err(Error::system("send to the broker"))
}

fn expect(stream: &mut impl Read, wanted: u8) -> Result<Vec<u8>, Error> {
    let (header, body) = read_frame(stream).map_err(Error::system("read the broker's answer"))?;
    if header >> 4 == wanted {
        return Ok(body);
    }
    Err(Error::Broker(format!("a packet of type {} instead of {wanted}", header >> 4)))
}

fn read_frame(stream: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let mut start = [0; 2];
    stream.read_exact(&mut start)?;
    let [header, length] = start;
    if length >= 0x80 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "no answer is this long"));
    }
    let mut body = vec![0; usize::from(length)];
    stream.read_exact(&mut body)?;
    Ok((header, body))
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
}
