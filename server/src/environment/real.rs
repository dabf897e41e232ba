//! The operating system's sockets, clock, randomness and threads.

use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use surewire_engine::time::Time;
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::disk::Directory;
use super::memory;
use super::{
    Clock, Disk, Environment, Incoming, Listener, LocalFuture, Stream, Thread, ThreadBody,
};
use crate::config::{Host, ListenAddress};

/// Connections that the kernel completes before we accept them.
const BACKLOG: i32 = 4_096;

/// Bytes that the kernel keeps unsent for a peer that does not take them; the rest waits here, where it is
/// counted, can still expire, and gives way to what is newer. Linux alone would keep up to 4 MiB.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 128 << 10;

/// The environment that the broker has in production. It makes the only threads there are.
#[derive(Debug)]
pub struct RealEnvironment {
    clock: Arc<SystemClock>,
    /// Kept from one call to the next: a signal between two calls must not be lost.
    asked: RefCell<Option<Signal>>,
    hooks: Hooks,
}

/// What only the program around the broker can do.
#[derive(Debug, Clone, Copy)]
pub struct Hooks {
    /// Called by every thread, first of all.
    pub thread_starts: fn(),
    /// Called by every thread, last of all, if it ends before the process does.
    pub thread_stops: fn(),
    /// Gives back what the allocator keeps for later.
    pub release_memory: fn(),
}

impl RealEnvironment {
    /// Starts the clock.
    #[must_use]
    pub fn new() -> Self {
        Self::with_hooks(Hooks { thread_starts: || {}, thread_stops: || {}, release_memory: || {} })
    }

    /// Starts the clock, and calls these when it is time.
    #[must_use]
    pub fn with_hooks(hooks: Hooks) -> Self {
        Self { clock: Arc::new(SystemClock::new()), asked: RefCell::new(None), hooks }
    }
}

impl Default for RealEnvironment {
    fn default() -> Self {
        Self::new()
    }
}

impl Environment for RealEnvironment {
    fn bind<'a>(
        &'a self,
        address: &'a ListenAddress,
    ) -> LocalFuture<'a, io::Result<Vec<Box<dyn Listener>>>> {
        Box::pin(bind(address))
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::<SystemClock>::clone(&self.clock)
    }

    fn seed(&self) -> io::Result<[u8; 32]> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(io::Error::from)?;
        Ok(seed)
    }

    fn start_thread(&self, thread: Thread, body: ThreadBody) -> io::Result<()> {
        let runtime = std::thread::Builder::new().name(match thread {
            Thread::Worker(index) => format!("worker-{index}"),
            Thread::Committer => "committer".to_owned(),
        });
        let (started, outcome) = std::sync::mpsc::sync_channel(1);
        let hooks = self.hooks;
        runtime.spawn(move || {
            (hooks.thread_starts)();
            work(thread, body, &started, hooks);
            (hooks.thread_stops)();
        })?;
        outcome.recv().map_err(io::Error::other)?
    }

    fn open_disk(&self, directory: &Path) -> io::Result<Box<dyn Disk>> {
        Ok(Box::new(Directory::open(directory)?))
    }

    fn memory_in_use(&self) -> Option<u64> {
        memory::in_use()
    }

    fn release_memory(&self) {
        (self.hooks.release_memory)();
    }

    fn histograms_wanted(&self) -> LocalFuture<'_, ()> {
        Box::pin(async {
            let kept = self.asked.take();
            let Some(mut asked) = kept.or_else(|| signal(SignalKind::user_defined1()).ok()) else {
                return std::future::pending().await;
            };
            asked.recv().await;
            self.asked.replace(Some(asked));
        })
    }
}

/// A thread's life: a runtime without work stealing, so that nothing on it needs a lock.
fn work(
    thread: Thread,
    body: ThreadBody,
    started: &std::sync::mpsc::SyncSender<io::Result<()>>,
    hooks: Hooks,
) {
    // The hooks of a runtime are for the threads that wait for what blocks.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    match thread {
        Thread::Worker(_) => runtime.enable_all(),
        Thread::Committer => runtime.enable_time(),
    };
    let runtime = runtime
        .on_thread_start(hooks.thread_starts)
        .on_thread_stop(hooks.thread_stops)
        .build_local(Default::default());
    let (runtime, outcome) = match runtime {
        Ok(runtime) => (Some(runtime), Ok(())),
        Err(error) => (None, Err(error)),
    };
    // The receiver waits for exactly this; if it is gone, the server is gone too.
    if started.send(outcome).is_ok()
        && let Some(runtime) = runtime
    {
        runtime.block_on(async { body().await });
    }
}

async fn bind(address: &ListenAddress) -> io::Result<Vec<Box<dyn Listener>>> {
    let listener = |socket: TcpListener| Box::new(TcpSource(socket)) as Box<dyn Listener>;
    match address.host() {
        Host::All => Ok(vec![listener(bind_all(address.port())?)]),
        Host::Ip(ip) => Ok(vec![listener(bind_one((*ip, address.port()).into(), true)?)]),
        Host::Name(name) => {
            let sockets = bind_name(name, address.port()).await?;
            Ok(sockets.into_iter().map(listener).collect())
        }
    }
}

/// Both families on one socket; IPv4 alone on a machine without IPv6.
fn bind_all(port: u16) -> io::Result<TcpListener> {
    match bind_one((Ipv6Addr::UNSPECIFIED, port).into(), false) {
        Err(error) if lacks_family(&error) => {
            bind_one((IpAddr::V4(Ipv4Addr::UNSPECIFIED), port).into(), false)
        }
        bound => bound,
    }
}

/// Every address of the name that this machine has; with port 0 all get the first one's port.
async fn bind_name(name: &str, port: u16) -> io::Result<Vec<TcpListener>> {
    let mut sockets: Vec<TcpListener> = Vec::new();
    let mut first_error = None;
    for address in lookup_host((name, port)).await? {
        let port = sockets.first().map_or(Ok(port), |s| s.local_addr().map(|a| a.port()))?;
        match bind_one(SocketAddr::new(address.ip(), port), true) {
            Ok(socket) => sockets.push(socket),
            Err(error) if lacks_family(&error) => first_error = Some(error),
            Err(error) => return Err(error),
        }
    }
    match (sockets.is_empty(), first_error) {
        (true, Some(error)) => Err(error),
        (true, None) => Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address")),
        (false, _) => Ok(sockets),
    }
}

fn bind_one(address: SocketAddr, only_v6: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    // A restarted broker must get its port back while old connections are in TIME_WAIT.
    socket.set_reuse_address(true)?;
    // Accepted sockets have it from here. A system that does not know it keeps more.
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_notsent_lowat(UNSENT);
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn lacks_family(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error.kind() == io::ErrorKind::Unsupported
        || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

struct TcpSource(TcpListener);

impl Listener for TcpSource {
    fn accept(&mut self) -> LocalFuture<'_, io::Result<(Box<dyn Incoming>, SocketAddr)>> {
        Box::pin(async {
            let (stream, peer) = self.0.accept().await?;
            // Off this thread's reactor: it is going to be another's.
            let incoming: Box<dyn Incoming> = Box::new(Accepted(stream.into_std()?));
            let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
            Ok((incoming, peer))
        })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

struct Accepted(std::net::TcpStream);

impl Incoming for Accepted {
    fn attach(self: Box<Self>, keepalive: Option<Duration>) -> io::Result<Box<dyn Stream>> {
        let socket = SockRef::from(&self.0);
        socket.set_tcp_nodelay(true)?;
        if let Some(idle) = keepalive {
            socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(idle))?;
        }
        Ok(Box::new(TcpStream::from_std(self.0)?))
    }
}

/// Wall-clock time at the start plus what the monotonic clock says since.
#[derive(Debug)]
struct SystemClock {
    wall: Time,
    since: Instant,
}

impl SystemClock {
    fn new() -> Self {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { wall: Time::ZERO + wall, since: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Time {
        self.wall + self.since.elapsed()
    }
}
