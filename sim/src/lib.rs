//! Surewire under a simulated network and clock: the real [`surewire_server::run`] on turmoil.
//!
//! The simulation replaces only the [`Environment`]: sockets are turmoil's, time is the simulated
//! host's, randomness comes from the seed, and workers are tasks of the host.

// Documentation is made with flags of its own, and runs nothing.
#[cfg(not(any(tokio_unstable, doc, doctest)))]
compile_error!(
    "the simulation needs `--cfg tokio_unstable`: without it tokio chooses at random and \
     swallows panics; build inside the workspace, whose .cargo/config.toml sets it"
);

pub mod churn;
mod client;
pub mod crash;
mod network;
pub mod swarm;
mod trace;

use std::future::pending;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use surewire_engine::time::Time;
use surewire_server::config::{Host, ListenAddress};
use surewire_server::environment::{
    Clock, Disk, Environment, Listener, LocalFuture, Thread, ThreadBody,
};
use tokio::time::Instant;

pub use client::Client;
pub use network::simulation;
pub use trace::Trace;

/// The wall clock at the start of every simulation, in seconds since the Unix epoch.
pub const EPOCH_SECS: u64 = 1_750_000_000;

/// The environment of a broker on a host of a turmoil simulation.
#[derive(Clone, Debug)]
pub struct SimulatedEnvironment {
    seed: [u8; 32],
    clock: Arc<HostClock>,
}

impl SimulatedEnvironment {
    /// To be called on the host, whose clock it takes.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut bytes = [0; 32];
        for (byte, from) in bytes.iter_mut().zip(seed.to_le_bytes()) {
            *byte = from;
        }
        let wall = Time::from_secs(EPOCH_SECS) + turmoil::sim_elapsed().unwrap_or(Duration::ZERO);
        Self { seed: bytes, clock: Arc::new(HostClock { wall, since: Instant::now() }) }
    }
}

impl Environment for SimulatedEnvironment {
    fn bind<'a>(
        &'a self,
        address: &'a ListenAddress,
    ) -> LocalFuture<'a, io::Result<Vec<Box<dyn Listener>>>> {
        Box::pin(async {
            let ip = match address.host() {
                Host::Ip(ip) => *ip,
                // Simulated hosts have one family each.
                Host::All | Host::Name(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            };
            network::listen(SocketAddr::new(ip, address.port())).await.map(|one| vec![one])
        })
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::<HostClock>::clone(&self.clock)
    }

    fn seed(&self) -> io::Result<[u8; 32]> {
        Ok(self.seed)
    }

    fn start_thread(&self, _thread: Thread, body: ThreadBody) -> io::Result<()> {
        tokio::task::spawn_local(body());
        Ok(())
    }

    fn open_disk(&self, _directory: &Path) -> io::Result<Box<dyn Disk>> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "a simulated host has no disk"))
    }

    fn histograms_wanted(&self) -> LocalFuture<'_, ()> {
        Box::pin(pending())
    }
}

/// A simulated host's time: tokio's paused clock, which only the simulation moves.
#[derive(Debug)]
struct HostClock {
    wall: Time,
    since: Instant,
}

impl Clock for HostClock {
    fn now(&self) -> Time {
        self.wall + self.since.elapsed()
    }
}
