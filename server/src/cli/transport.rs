//! A byte stream to the broker: TCP, TLS or WebSocket, or WebSocket over TLS.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use surewire_load::transport::tls::Trust;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::dial_error::DialError;
use super::{tls, websocket};

/// For one address: its TCP, TLS and WebSocket handshakes, each.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where to connect and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) host: String,
    pub(super) port: u16,
    /// Who may vouch for the broker; nothing where there is no TLS.
    pub(super) trust: Option<Trust>,
    pub(super) websocket: bool,
}

/// Any such byte stream.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Target {
    /// Connects: the host's addresses are tried in turn.
    ///
    /// # Errors
    /// What went wrong at which address, with what to check.
    pub(super) async fn dial(&self) -> Result<Box<dyn Stream>, DialError> {
        let connector = tls::connector(self.trust.as_ref())?;
        let (address, tcp) = self.connect().await?;
        // Small packets are to leave at once; where it cannot be set they leave a little later.
        let _ = tcp.set_nodelay(true);
        let stream: Box<dyn Stream> = match connector {
            None => Box::new(tcp),
            Some(connector) => self.secure(&connector, address, tcp).await?,
        };
        if self.websocket { self.upgrade(address, stream).await } else { Ok(stream) }
    }

    /// `host:port`, with brackets around an IPv6 address.
    pub(super) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    async fn connect(&self) -> Result<(SocketAddr, TcpStream), DialError> {
        let addresses = self.resolve().await?;
        let mut last = None;
        for address in &addresses {
            match timeout(PATIENCE, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok((*address, stream)),
                Ok(Err(error)) => last = Some(Ok(error)),
                Err(_) => last = Some(Err(*address)),
            }
        }
        Err(match last {
            Some(Ok(error)) => DialError::Connect { target: self.authority(), addresses, error },
            Some(Err(address)) => DialError::TimedOut { address, waited: PATIENCE },
            None => DialError::NoAddress { host: self.host.clone() },
        })
    }

    async fn resolve(&self) -> Result<Vec<SocketAddr>, DialError> {
        match lookup_host((self.host.as_str(), self.port)).await {
            Ok(addresses) => Ok(addresses.collect()),
            Err(error) => Err(DialError::Resolve { host: self.host.clone(), error }),
        }
    }

    async fn secure(
        &self,
        connector: &TlsConnector,
        address: SocketAddr,
        tcp: TcpStream,
    ) -> Result<Box<dyn Stream>, DialError> {
        let name = tls::server_name(&self.host)?;
        match timeout(PATIENCE, connector.connect(name, tcp)).await {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(error)) => Err(DialError::Handshake { address, error }),
            Err(_) => Err(DialError::TimedOut { address, waited: PATIENCE }),
        }
    }

    async fn upgrade(
        &self,
        address: SocketAddr,
        stream: Box<dyn Stream>,
    ) -> Result<Box<dyn Stream>, DialError> {
        let scheme = if self.trust.is_none() { "ws" } else { "wss" };
        let url = format!("{scheme}://{}/mqtt", self.authority());
        match timeout(PATIENCE, websocket::upgrade(&url, stream)).await {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(error)) => Err(DialError::WebSocket { address, error: Box::new(error) }),
            Err(_) => Err(DialError::TimedOut { address, waited: PATIENCE }),
        }
    }
}

/// The error for a stream that ended where it must not.
pub(super) fn ended() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the broker closed the connection")
}
