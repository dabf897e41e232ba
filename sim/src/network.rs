//! The simulated network and its sockets as the server's environment wants them.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
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
    simulation_with(seed, duration, 4_096, Duration::from_millis(1))
}

/// A simulation in which a stream takes `window` segments that are not read, and hosts take turns
/// every `tick`.
pub(crate) fn simulation_with(
    seed: u64,
    duration: Duration,
    window: usize,
    tick: Duration,
) -> turmoil::Sim<'static> {
    turmoil::Builder::new()
        .rng_seed(seed)
        // Without a fixed epoch the wall clock leaks into the run.
        .epoch(SystemTime::UNIX_EPOCH + Duration::from_secs(EPOCH_SECS))
        .simulation_duration(duration)
        .tick_duration(tick)
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(20))
        .tcp_capacity(window)
        .ephemeral_ports(20_000..=65_535)
        .build()
}

/// The sockets that a process has, which the system closes when it ends, however it ends.
#[derive(Clone, Default)]
pub(crate) struct Sockets(Arc<Mutex<Vec<Weak<Held>>>>);

/// A stream, until its process loses it.
type Held = Mutex<Option<TcpStream>>;

impl Sockets {
    fn keep(&self, stream: TcpStream) -> Shared {
        let stream = Shared(Arc::new(Mutex::new(Some(stream))));
        let all = &mut *lock(&self.0);
        // Twice what is open is looked through at most.
        if all.len() == all.capacity() {
            all.retain(|socket| socket.strong_count() > 0);
        }
        all.push(Arc::downgrade(&stream.0));
        stream
    }

    /// Nothing of the process is left.
    pub(crate) fn close_all(&self) {
        for socket in lock(&self.0).drain(..).filter_map(|socket| socket.upgrade()) {
            drop(lock(&socket).take());
        }
    }
}

/// Nothing under these locks stops halfway.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens a socket whose connections send at most `segment` bytes in one segment.
pub(crate) async fn listen(
    address: SocketAddr,
    segment: usize,
    sockets: &Sockets,
) -> io::Result<Box<dyn Listener>> {
    let listener = TcpListener::bind(address).await?;
    Ok(Box::new(Source { listener, segment, sockets: sockets.clone() }))
}

struct Source {
    listener: TcpListener,
    segment: usize,
    sockets: Sockets,
}

impl Listener for Source {
    fn accept(&mut self) -> LocalFuture<'_, io::Result<(Box<dyn Incoming>, SocketAddr)>> {
        Box::pin(async {
            let (stream, peer) = self.listener.accept().await?;
            let socket = Socket { stream: self.sockets.keep(stream), segment: self.segment };
            let incoming: Box<dyn Incoming> = Box::new(socket);
            Ok((incoming, peer))
        })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A stream that its process may lose.
struct Shared(Arc<Held>);

impl Shared {
    fn with<T>(
        &self,
        use_it: impl FnOnce(Pin<&mut TcpStream>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match lock(&self.0).as_mut() {
            Some(stream) => use_it(Pin::new(stream)),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

/// The server's traits on turmoil's type. A write is a segment there, whatever its size.
struct Socket {
    stream: Shared,
    segment: usize,
}

impl Incoming for Socket {
    fn attach(self: Box<Self>, _keepalive: Option<Duration>) -> io::Result<Box<dyn Stream>> {
        Ok(self)
    }
}

impl Stream for Socket {}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream.with(|stream| stream.poll_read(cx, buf))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let segment = buf.get(..self.segment).unwrap_or(buf);
        self.stream.with(|stream| stream.poll_write(cx, segment))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.with(|stream| stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.with(|stream| stream.poll_shutdown(cx))
    }
}
