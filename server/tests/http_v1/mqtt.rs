//! A client that speaks MQTT 3.1.1 on a socket, one packet at a time.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::broker::DEADLINE;

pub(crate) struct Client(TcpStream);

impl Client {
    /// A connected client with clean session.
    pub(crate) fn clean(address: SocketAddr, id: &str) -> Self {
        Self::connect(address, id, 0x02, &[])
    }

    /// A connected client whose session stays.
    pub(crate) fn persistent(address: SocketAddr, id: &str) -> Self {
        Self::connect(address, id, 0x00, &[])
    }

    /// A connected client with clean session and a user name.
    pub(crate) fn named(address: SocketAddr, id: &str, user: &str) -> Self {
        Self::connect(address, id, 0x82, &[user])
    }

    fn connect(address: SocketAddr, id: &str, flags: u8, more: &[&str]) -> Self {
        let stream = TcpStream::connect_timeout(&address, DEADLINE).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut body = [text("MQTT"), vec![4, flags, 0, 60]].concat();
        body.extend([id].iter().chain(more).flat_map(|one| text(one)));
        let mut client = Self(stream);
        client.send(0x10, &body);
        let (first, connack) = client.packet();
        assert_eq!((first, connack[1]), (0x20, 0), "{id} is accepted");
        client
    }

    pub(crate) fn subscribe(&mut self, filter: &str, qos: u8) {
        self.send(0x82, &[vec![0, 1], text(filter), vec![qos]].concat());
        assert_eq!(self.packet(), (0x90, vec![0, 1, qos]), "{filter} is granted");
    }

    /// Subscribes in vain.
    pub(crate) fn refused(&mut self, filter: &str) {
        self.send(0x82, &[vec![0, 1], text(filter), vec![0]].concat());
        assert_eq!(self.packet(), (0x90, vec![0, 1, 0x80]), "{filter} is refused");
    }

    /// The next message: topic, payload, QoS. Not acknowledged.
    pub(crate) fn message(&mut self) -> (String, Vec<u8>, u8) {
        let (first, body) = self.packet();
        assert_eq!(first >> 4, 3, "{first:#04x} is a PUBLISH");
        let qos = first >> 1 & 3;
        let end = 2 + usize::from(u16::from_be_bytes([body[0], body[1]]));
        let payload = if qos == 0 { end } else { end + 2 };
        (String::from_utf8(body[2..end].to_vec()).unwrap(), body[payload..].to_vec(), qos)
    }

    /// Leaves as a client should; the broker knows when this returns.
    pub(crate) fn leave(mut self) {
        self.send(0xE0, &[]);
        self.ends();
    }

    /// Waits for the broker to close the connection, before which nothing comes.
    pub(crate) fn ends(&mut self) {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).unwrap();
        assert!(rest.is_empty(), "{rest:?}");
    }

    fn send(&mut self, first: u8, body: &[u8]) {
        let length = u8::try_from(body.len()).unwrap();
        assert!(length < 128);
        self.0.write_all(&[&[first, length], body].concat()).unwrap();
    }

    fn packet(&mut self) -> (u8, Vec<u8>) {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).unwrap();
        assert!(head[1] < 128);
        let mut body = vec![0; usize::from(head[1])];
        self.0.read_exact(&mut body).unwrap();
        (head[0], body)
    }
}

fn text(text: &str) -> Vec<u8> {
    [&u16::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat()
}
