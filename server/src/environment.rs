//! The seam to the outside: everything that the server does not decide itself.
//!
//! [`run`](crate::run) names no socket, clock, thread or source of randomness. In production
//! [`RealEnvironment`] gives it the operating system's; in simulation another implementation gives
//! it simulated ones, and the code in between is the same.

pub(crate) mod disk;
mod memory;
mod real;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use surewire_engine::log::disk::{DiskError, Op, Reply};
use surewire_engine::time::Time;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::config::ListenAddress;

pub use memory::available as available_memory;
pub use real::{Hooks, RealEnvironment};

/// A future that stays on the thread it was made on.
pub type LocalFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// A thread of the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thread {
    /// Serves connections.
    Worker(usize),
    /// Writes the log. Has no sockets.
    Committer,
}

/// What a thread is to run until it returns.
pub type ThreadBody = Box<dyn FnOnce() -> LocalFuture<'static, ()> + Send>;

/// Where sockets, time, randomness and threads come from.
pub trait Environment {
    /// Opens the sockets of one listener: one for each address that its name stands for.
    fn bind<'a>(
        &'a self,
        address: &'a ListenAddress,
    ) -> LocalFuture<'a, io::Result<Vec<Box<dyn Listener>>>>;

    /// The clock that the engine is told the time by.
    fn clock(&self) -> Arc<dyn Clock>;

    /// 32 bytes that nobody can guess; the same ones for the same run in simulation.
    ///
    /// # Errors
    /// The source failed.
    fn seed(&self) -> io::Result<[u8; 32]>;

    /// Runs `body` beside everything else, on a thread of its own where there are threads.
    ///
    /// # Errors
    /// The thread could not be made.
    fn start_thread(&self, thread: Thread, body: ThreadBody) -> io::Result<()>;

    /// Opens the directory that the log is in, which is made if it is not there, for this process
    /// alone: [`io::ErrorKind::WouldBlock`] where another one has it.
    ///
    /// # Errors
    /// The directory cannot be made, opened or locked, or there is no disk.
    fn open_disk(&self, directory: &Path) -> io::Result<Box<dyn Disk>>;

    /// Bytes of memory that the process takes, where there is a figure.
    fn memory_in_use(&self) -> Option<u64> {
        None
    }

    /// Gives back what the process has freed and its allocator keeps for later.
    fn release_memory(&self) {}

    /// Returns each time somebody asks for the histograms in the log.
    fn histograms_wanted(&self) -> LocalFuture<'_, ()>;
}

/// A bound socket that connections come from.
pub trait Listener {
    /// The next connection and its peer's address.
    fn accept(&mut self) -> LocalFuture<'_, io::Result<(Box<dyn Incoming>, SocketAddr)>>;

    /// Where it really listens: the port that was chosen for port 0.
    ///
    /// # Errors
    /// The socket does not know.
    fn local_addr(&self) -> io::Result<SocketAddr>;
}

/// An accepted connection on its way to its worker's thread.
pub trait Incoming: Send {
    /// Makes it usable on the calling thread's reactor. After `keepalive` without traffic the
    /// system asks whether the peer is still there; `None` is never.
    ///
    /// # Errors
    /// The reactor does not take it.
    fn attach(self: Box<Self>, keepalive: Option<Duration>) -> io::Result<Box<dyn Stream>>;
}

/// A connection's bytes, in order and without loss.
pub trait Stream: AsyncRead + AsyncWrite + Unpin {
    /// The client's CONNECT was accepted: limits that protected us from strangers end.
    fn admit(&mut self) {}

    /// Bytes that are kept of what is not whole yet, and so was not given to anybody.
    fn unfinished(&self) -> usize {
        0
    }

    /// Whether the last read ended with nothing because it had taken its share: its task is woken when
    /// it is let in again.
    fn stands_in_line(&self) -> bool {
        false
    }
}

impl Stream for tokio::net::TcpStream {}

#[cfg(test)]
impl Stream for tokio::io::DuplexStream {}

/// The directory that the log is in, of this process alone for as long as this lives.
pub trait Disk: Send {
    /// Does what the log asks for, which is one thing at a time.
    fn perform(&mut self, op: Op) -> LocalFuture<'_, Result<Reply, DiskError>>;
}

/// A clock that never goes back.
pub trait Clock: Send + Sync {
    /// Wall-clock time at the start plus monotonic time since.
    fn now(&self) -> Time;
}
