//! The simulated network and its sockets as the server's environment wants them.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use surewire_server::environment::{Incoming, Listener, LocalFuture, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use turmoil::net::{TcpListener, TcpStream};

use crate::EPOCH_SECS;

/// A simulation whose every choice comes from the seed.
#[must_use]
pub fn simulation(seed: u64, duration: Duration) -> turmoil::Sim<'static> {
    turmoil::Builder::new()
        .rng_seed(seed)
        // Without a fixed epoch the wall clock leaks into the run.
        .epoch(SystemTime::UNIX_EPOCH + Duration::from_secs(EPOCH_SECS))
        .simulation_duration(duration)
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(20))
        // A full one panics: room for what a burst has in flight.
        .tcp_capacity(4_096)
        .build()
}

pub(crate) async fn listen(address: SocketAddr) -> io::Result<Box<dyn Listener>> {
    Ok(Box::new(Source { listener: TcpListener::bind(address).await? }))
}

struct Source {
    listener: TcpListener,
}

impl Listener for Source {
    fn accept(&mut self) -> LocalFuture<'_, io::Result<(Box<dyn Incoming>, SocketAddr)>> {
        Box::pin(async {
            let (stream, peer) = self.listener.accept().await?;
            let incoming: Box<dyn Incoming> = Box::new(Accepted(stream));
            Ok((incoming, peer))
        })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

struct Accepted(TcpStream);

impl Incoming for Accepted {
    fn attach(self: Box<Self>, _keepalive: Option<Duration>) -> io::Result<Box<dyn Stream>> {
        Ok(Box::new(Socket(self.0)))
    }
}

/// The server's trait on turmoil's type.
struct Socket(TcpStream);

impl Stream for Socket {}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
