//! What lies between a socket and MQTT's bytes: nothing, TLS, WebSocket, or both.
//!
//! [`accept_websocket`] is there for whoever wants to see one of them by itself, on any stream.

mod tls;
mod websocket;

use std::io;
use std::rc::Rc;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;

use crate::connection::{Counted, Share};
use crate::environment::Stream;
use crate::planted::Planted;
use crate::settings::{Carrier, ListenerSettings};
use crate::worker::line::Line;

pub use tls::TlsError;
pub use websocket::accept as accept_websocket;

/// Bytes of an unfinished TLS handshake beside those that came, from the first of them on.
const TLS_STATE: usize = 16 * 1024;

/// How connections of one listener become streams of MQTT's bytes.
#[derive(Clone)]
pub(crate) struct Transport {
    tls: Option<TlsAcceptor>,
    carrier: Carrier,
    max_packet_size: usize,
    planted: Planted,
}

impl Transport {
    /// Reads the listener's certificate and key, if it has them.
    pub(crate) fn new(
        settings: &ListenerSettings,
        max_packet_size: usize,
        planted: Planted,
    ) -> Result<Arc<Self>, TlsError> {
        let tls = settings.tls.as_ref().map(tls::acceptor).transpose()?;
        Ok(Arc::new(Self { tls, carrier: settings.protocol, max_packet_size, planted }))
    }

    /// Whether MQTT's bytes are the socket's own.
    pub(crate) fn is_plain(&self) -> bool {
        self.tls.is_none() && self.carrier == Carrier::Stream
    }

    /// Does the handshakes on the server's side. What they keep is part of `share` until the stream is
    /// told that its client was admitted. Who has more to bring then stands in `line`.
    pub(crate) async fn establish(
        &self,
        socket: Box<dyn Stream>,
        share: Share,
        line: &Rc<Line>,
    ) -> io::Result<Box<dyn Stream>> {
        if self.is_plain() {
            return Ok(socket);
        }
        let state = if self.tls.is_some() { TLS_STATE } else { 0 };
        let socket: Box<dyn Stream> = Box::new(Counted::new(socket, share, state));
        let stream: Box<dyn Stream> = match &self.tls {
            Some(acceptor) => Box::new(acceptor.accept(socket).await?),
            None => socket,
        };
        match self.carrier {
            Carrier::Stream => Ok(stream),
            Carrier::WebSocket => {
                let stream = websocket::accept(stream, self.max_packet_size, self.planted).await?;
                Ok(Box::new(stream.in_line(Rc::clone(line))))
            }
        }
    }
}
