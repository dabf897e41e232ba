//! What carries the packets: TCP, TLS, WebSocket, or WebSocket over TLS.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use surewire_load::Error;
use surewire_load::dial::Target;
use tungstenite::client::ClientRequestBuilder;
use tungstenite::http::Uri;
use tungstenite::{Message, WebSocket};

/// A way to carry packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// plain TCP
    Tcp,
    /// WebSocket
    Ws,
    /// TLS
    Tls,
    /// WebSocket over TLS
    Wss,
}

impl Transport {
    /// Whether packets travel in WebSocket frames.
    #[must_use]
    pub const fn uses_websocket(self) -> bool {
        matches!(self, Self::Ws | Self::Wss)
    }

    /// Whether the bytes are encrypted.
    #[must_use]
    pub const fn uses_tls(self) -> bool {
        matches!(self, Self::Tls | Self::Wss)
    }
}

/// How to open a connection of one kind.
#[derive(Debug, Clone)]
pub struct Route {
    /// What carries the packets.
    pub transport: Transport,
    /// Whom to trust; needed for TLS.
    pub tls: Option<Arc<ClientConfig>>,
    /// The name in the server's certificate; its address if there is none.
    pub server_name: Option<String>,
}

/// A stream of bytes of any kind.
pub trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

impl Route {
    /// Plain TCP.
    #[must_use]
    pub const fn tcp() -> Self {
        Self { transport: Transport::Tcp, tls: None, server_name: None }
    }

    /// Opens a connection, runs `handshake` on it, and returns only its socket: the client's
    /// TLS and WebSocket state is dropped, so holding thousands of connections stays cheap.
    /// The peer notices nothing as long as it sends nothing.
    ///
    /// # Errors
    /// [`Error::System`] or [`Error::Broker`] when a hand-shake fails, [`Error::Usage`] for TLS
    /// without anyone to trust, or what `handshake` returns.
    pub fn open(
        &self,
        target: &Target,
        handshake: impl FnOnce(&mut dyn Stream) -> Result<(), Error>,
    ) -> Result<TcpStream, Error> {
        let socket = target.open()?;
        let kept = socket.try_clone().map_err(Error::system("duplicate a socket"))?;
        match self.transport {
            Transport::Tcp => handshake(&mut { socket })?,
            Transport::Tls => handshake(&mut self.secure(target, socket)?)?,
            Transport::Ws => handshake(&mut Binary::open(socket, target)?)?,
            Transport::Wss => {
                handshake(&mut Binary::open(self.secure(target, socket)?, target)?)?;
            }
        }
        Ok(kept)
    }

    fn secure(
        &self,
        target: &Target,
        socket: TcpStream,
    ) -> Result<StreamOwned<ClientConnection, TcpStream>, Error> {
        let tls = self.tls.clone().ok_or_else(|| {
            Error::Usage("TLS needs someone to trust: give --tls-ca FILE".to_owned())
        })?;
        let name = match &self.server_name {
            Some(name) => ServerName::try_from(name.clone())
                .map_err(|e| Error::Usage(format!("--tls-name {name}: {e}")))?,
            None => ServerName::from(target.addr.ip()),
        };
        let connection = ClientConnection::new(tls, name)
            .map_err(|e| Error::Usage(format!("TLS cannot be set up: {e}")))?;
        Ok(StreamOwned::new(connection, socket))
    }
}

/// The binary frames of a WebSocket as a stream of bytes.
struct Binary<S> {
    socket: WebSocket<S>,
    unread: io::Cursor<Vec<u8>>,
}

impl<S: Read + Write> Binary<S> {
    fn open(stream: S, target: &Target) -> Result<Self, Error> {
        let failed = |e: &dyn std::fmt::Display| {
            Error::Broker(format!("the WebSocket hand-shake with {} failed: {e}", target.addr))
        };
        let uri: Uri = format!("ws://{}/mqtt", target.addr).parse().map_err(|e| failed(&e))?;
        let request = ClientRequestBuilder::new(uri).with_sub_protocol("mqtt");
        let (socket, _) = tungstenite::client(request, stream).map_err(|e| failed(&e))?;
        Ok(Self { socket, unread: io::Cursor::default() })
    }
}

impl<S: Read + Write> Read for Binary<S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.unread.read(into)?;
            if count > 0 || into.is_empty() {
                return Ok(count);
            }
            match self.socket.read().map_err(io::Error::other)? {
                Message::Binary(bytes) => self.unread = io::Cursor::new(bytes.to_vec()),
                Message::Close(_) => return Ok(0),
                Message::Ping(_) | Message::Pong(_) | Message::Text(_) | Message::Frame(_) => {}
            }
        }
    }
}

impl<S: Read + Write> Write for Binary<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let message = Message::binary(bytes.to_vec());
        self.socket.send(message).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush().map_err(io::Error::other)
    }
}
