//! A connection that blocks, for hand-shakes.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::ClientConnection;
use rustls::pki_types::ServerName;

use super::layers::{Layers, ROOM};
use super::{Tls, websocket};
use crate::Error;

/// A stream of MQTT's bytes, whatever carries them. Whole packets are to be written at once.
#[derive(Debug)]
pub struct Stream {
    socket: TcpStream,
    /// None over plain TCP.
    layers: Option<Box<Layers>>,
    /// What came together with something that has been read.
    unread: VecDeque<u8>,
}

/// What a [`Stream`] is made of.
pub(crate) struct Parts {
    pub(crate) socket: TcpStream,
    pub(crate) layers: Option<Box<Layers>>,
    pub(crate) unread: Vec<u8>,
}

impl From<TcpStream> for Stream {
    /// Plain TCP.
    fn from(socket: TcpStream) -> Self {
        Self { socket, layers: None, unread: VecDeque::new() }
    }
}

impl Stream {
    /// Shakes hands by TLS; what is above it begins from here.
    pub(super) fn secure(&mut self, tls: &Tls, addr: SocketAddr) -> Result<(), Error> {
        let failed = |e: &dyn std::fmt::Display| {
            Error::Broker(format!(
                "TLS with {addr} failed: {e}; check that this port speaks TLS, and that the \
                 broker's certificate is for this address and signed by one that is trusted here"
            ))
        };
        let name = tls.name.clone().unwrap_or_else(|| ServerName::from(addr.ip()));
        let connection = ClientConnection::new(Arc::clone(&tls.config), name);
        let mut connection = connection.map_err(|e| failed(&e))?;
        // What waits for the socket is bounded by those who write.
        connection.set_buffer_limit(None);
        while connection.is_handshaking() || connection.wants_write() {
            connection.complete_io(&mut self.socket).map_err(|e| failed(&e))?;
        }
        self.layers.get_or_insert_default().tls = Some(connection);
        Ok(())
    }

    /// Goes on by WebSocket.
    pub(super) fn upgrade(&mut self, addr: SocketAddr) -> Result<(), Error> {
        websocket::shake_hands(self, addr)?;
        self.layers.get_or_insert_default().websocket = Some(websocket::WebSocket::default());
        Ok(())
    }

    /// The socket alone: what TLS and WebSocket remember is dropped, so that thousands of
    /// connections can be held. The peer notices nothing as long as it sends nothing.
    #[must_use]
    pub fn into_socket(self) -> TcpStream {
        self.socket
    }

    pub(crate) fn into_parts(self) -> Parts {
        Parts { socket: self.socket, layers: self.layers, unread: self.unread.into() }
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some(layers) = &mut self.layers else { return self.socket.read(into) };
        while self.unread.is_empty() && !into.is_empty() {
            let mut room = vec![0; ROOM];
            let got = match layers.read(&mut self.socket, &mut room) {
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                got => got?,
            };
            self.unread.extend(room.get(..got.count).unwrap_or_default());
            if layers.has_answers() {
                let mut wire = Vec::new();
                layers.wrap(&[], &mut wire)?;
                self.socket.write_all(&wire)?;
            }
        }
        self.unread.read(into)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(layers) = &mut self.layers else { return self.socket.write(bytes) };
        let mut wire = Vec::new();
        layers.wrap(bytes, &mut wire)?;
        self.socket.write_all(&wire)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}
