//! Everything around the broker: sockets in memory, a clock that counts, threads of shuttle's.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use shuttle::thread::{self, JoinHandle};
use surewire_engine::time::Time;
use tokio::io::{DuplexStream, duplex};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::disk::Files;
use crate::config::ListenAddress;
use crate::environment::{
    Clock, Disk, Environment, Incoming, Listener, LocalFuture, Stream, Thread, ThreadBody,
};
use crate::sync::block_on;

/// Bytes on their way between a client and the broker at most: hardly more than one packet, so that
/// output waits for its socket.
const IN_FLIGHT: usize = 32;

/// Where clients come in.
#[derive(Clone)]
pub(super) struct Door(UnboundedSender<DuplexStream>);

impl Door {
    /// A connection; the broker has not accepted it yet.
    pub(super) fn connect(&self) -> DuplexStream {
        let (ours, theirs) = duplex(IN_FLIGHT);
        // If the broker has stopped, the socket is closed.
        let _ = self.0.send(theirs);
        ours
    }
}

/// The environment of one run.
pub(super) struct Controlled {
    pub(super) files: Files,
    pub(super) clock: Arc<Counter>,
    sockets: Cell<Option<UnboundedReceiver<DuplexStream>>>,
    threads: RefCell<Vec<JoinHandle<()>>>,
}

impl Controlled {
    pub(super) fn new() -> (Self, Door) {
        let (door, sockets) = unbounded_channel();
        let environment = Self {
            files: Files::default(),
            clock: Arc::default(),
            sockets: Cell::new(Some(sockets)),
            threads: RefCell::default(),
        };
        (environment, Door(door))
    }

    /// Waits until all threads of the broker have ended.
    pub(super) fn join(self) -> Files {
        for thread in self.threads.take() {
            thread.join().unwrap();
        }
        self.files
    }
}

impl Environment for Controlled {
    fn bind<'a>(
        &'a self,
        _address: &'a ListenAddress,
    ) -> LocalFuture<'a, io::Result<Vec<Box<dyn Listener>>>> {
        let sockets = self.sockets.take().unwrap();
        Box::pin(async { Ok(vec![Box::new(Source(sockets)) as Box<dyn Listener>]) })
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::<Counter>::clone(&self.clock)
    }

    fn seed(&self) -> io::Result<[u8; 32]> {
        Ok([7; 32])
    }

    fn start_thread(&self, _thread: Thread, body: ThreadBody) -> io::Result<()> {
        self.threads.borrow_mut().push(thread::spawn(move || block_on(body())));
        Ok(())
    }

    fn open_disk(&self, _directory: &Path) -> io::Result<Box<dyn Disk>> {
        Ok(Box::new(self.files.clone()))
    }

    fn histograms_wanted(&self) -> LocalFuture<'_, ()> {
        Box::pin(std::future::pending())
    }
}

/// A clock that is a little later each time it is read.
pub(super) struct Counter(AtomicU64);

impl Default for Counter {
    fn default() -> Self {
        Self(AtomicU64::new(1_000_000_000))
    }
}

impl Clock for Counter {
    fn now(&self) -> Time {
        Time::from_nanos(self.0.fetch_add(1_000, Ordering::Relaxed))
    }
}

struct Source(UnboundedReceiver<DuplexStream>);

impl Listener for Source {
    fn accept(&mut self) -> LocalFuture<'_, io::Result<(Box<dyn Incoming>, SocketAddr)>> {
        Box::pin(async {
            match self.0.recv().await {
                Some(stream) => Ok((Box::new(stream) as Box<dyn Incoming>, address())),
                None => std::future::pending().await,
            }
        })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(address())
    }
}

fn address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 1883))
}

impl Incoming for DuplexStream {
    fn attach(self: Box<Self>, _keepalive: Option<Duration>) -> io::Result<Box<dyn Stream>> {
        Ok(self)
    }
}
