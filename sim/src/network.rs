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
    // Room for what a burst has in flight.
    simulation_with(seed, duration, 4_096)
}

/// A simulation in which a stream takes `window` segments that are not read.
pub(crate) fn simulation_with(
    seed: u64,
    duration: Duration,
    window: usize,
) -> turmoil::Sim<'static> {
    turmoil::Builder::new()
        .rng_seed(seed)
        // Without a fixed epoch the wall clock leaks into the run.
        .epoch(SystemTime::UNIX_EPOCH + Duration::from_secs(EPOCH_SECS))
        .simulation_duration(duration)
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(20))
        .tcp_capacity(window)
        .ephemeral_ports(20_000..=65_535)
        .build()
}

/// Opens a socket whose connections send at most `segment` bytes in one segment.
pub(crate) async fn listen(address: SocketAddr, segment: usize) -> io::Result<Box<dyn Listener>> {
    Ok(Box::new(Source { listener: TcpListener::bind(address).await?, segment }))
}

struct Source {
    listener: TcpListener,
    segment: usize,
}

impl Listener for Source {
    fn accept(&mut self) -> LocalFuture<'_, io::Result<(Box<dyn Incoming>, SocketAddr)>> {
        Box::pin(async {
            let (stream, peer) = self.listener.accept().await?;
            let incoming: Box<dyn Incoming> = Box::new(Accepted { stream, segment: self.segment });
            Ok((incoming, peer))
        })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

struct Accepted {
    stream: TcpStream,
    segment: usize,
}

impl Incoming for Accepted {
    fn attach(self: Box<Self>, _keepalive: Option<Duration>) -> io::Result<Box<dyn Stream>> {
        Ok(Box::new(Socket { stream: self.stream, segment: self.segment }))
    }
}

/// The server's trait on turmoil's type. A write is a segment there, whatever its size.
struct Socket {
    stream: TcpStream,
    segment: usize,
}

impl Stream for Socket {}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let segment = buf.get(..self.segment).unwrap_or(buf);
        Pin::new(&mut self.stream).poll_write(cx, segment)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
