//! What carries the packets: TCP, WebSocket, TLS, or WebSocket over TLS.
//!
//! A [`Route`] opens a [`Stream`], which blocks, for the hand-shakes of MQTT; a
//! [`Link`](crate::link::Link) then takes it over. What is between packets and socket goes along.

pub(crate) mod layers;
pub(crate) mod stream;
pub mod tls;
mod websocket;

use std::net::SocketAddr;

pub use self::stream::Stream;
pub use self::tls::Tls;
use crate::Error;
use crate::dial::Target;

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
    /// WebSocket or not, TLS or not.
    #[must_use]
    pub const fn of(websocket: bool, tls: bool) -> Self {
        match (websocket, tls) {
            (false, false) => Self::Tcp,
            (true, false) => Self::Ws,
            (false, true) => Self::Tls,
            (true, true) => Self::Wss,
        }
    }

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

    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Ws => "WebSocket",
            Self::Tls => "TLS",
            Self::Wss => "WebSocket over TLS",
        }
    }
}

/// The way to a broker.
#[derive(Debug, Clone)]
pub struct Route {
    /// Where it listens.
    pub addr: SocketAddr,
    /// Whether packets travel in WebSocket frames.
    pub websocket: bool,
    /// How the bytes are encrypted, if they are.
    pub tls: Option<Tls>,
}

impl From<SocketAddr> for Route {
    /// Plain TCP.
    fn from(addr: SocketAddr) -> Self {
        Self { addr, websocket: false, tls: None }
    }
}

impl Route {
    /// What carries the packets.
    #[must_use]
    pub const fn transport(&self) -> Transport {
        Transport::of(self.websocket, self.tls.is_some())
    }

    /// Opens a connection up to where MQTT begins.
    ///
    /// # Errors
    /// [`Error::System`] when no connection comes up, [`Error::Broker`] when the hand-shake of TLS
    /// or WebSocket fails.
    pub fn open(&self) -> Result<Stream, Error> {
        self.open_by(&Target::new(self.addr))
    }

    /// The same by a socket of one's own choice.
    ///
    /// # Errors
    /// As [`Route::open`].
    pub fn open_by(&self, target: &Target) -> Result<Stream, Error> {
        let mut stream = Stream::from(target.open()?);
        if let Some(tls) = &self.tls {
            stream.secure(tls, target.addr)?;
        }
        if self.websocket {
            stream.upgrade(target.addr)?;
        }
        Ok(stream)
    }
}
