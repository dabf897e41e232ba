//! The simulated computer that a broker runs on.

mod disk;
mod thread;

use std::cell::RefCell;
use std::future::pending;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use surewire_engine::time::Time;
use surewire_server::config::{Host, ListenAddress};
use surewire_server::environment::{
    Clock, Disk, Environment, Listener, LocalFuture, Thread, ThreadBody,
};
use tokio::time::Instant;

use crate::EPOCH_SECS;
use crate::network::{self, Sockets};
use crate::swarm::random::Random;

pub(crate) use disk::SimulatedDisk;

/// What outlives a process: the disk, and what the seed still has to say.
#[derive(Clone)]
pub(crate) struct Machine {
    random: Rc<RefCell<Random>>,
    pub(crate) disk: SimulatedDisk,
    /// The most bytes that the broker's sockets send in one segment.
    segment: usize,
}

impl Machine {
    pub(crate) fn new(seed: u64, segment: usize) -> Self {
        let mut random = Random::new(seed);
        let disk = SimulatedDisk::new(random.split());
        Self { random: Rc::new(RefCell::new(random)), disk, segment }
    }

    /// A process begins. To be called on the host, whose clock it takes.
    pub(crate) fn start(&self) -> SimulatedEnvironment {
        let wall = Time::from_secs(EPOCH_SECS) + turmoil::sim_elapsed().unwrap_or(Duration::ZERO);
        let clock = Arc::new(HostClock { wall, since: Instant::now() });
        let random = self.random.borrow_mut().split();
        let (machine, random) = (self.clone(), RefCell::new(random));
        SimulatedEnvironment { machine, random, clock, sockets: Sockets::default() }
    }
}

/// The environment of a broker on a host of a turmoil simulation.
pub struct SimulatedEnvironment {
    machine: Machine,
    random: RefCell<Random>,
    clock: Arc<HostClock>,
    sockets: Sockets,
}

/// A process ends with its environment, and the system closes what it leaves open: what lives of it
/// in circles of references is no more than memory.
impl Drop for SimulatedEnvironment {
    fn drop(&mut self) {
        self.sockets.close_all();
    }
}

impl SimulatedEnvironment {
    /// On a computer of its own, with an empty disk. To be called on the host, whose clock it takes.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Machine::new(seed, usize::MAX).start()
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
            let address = SocketAddr::new(ip, address.port());
            let listener = network::listen(address, self.machine.segment, &self.sockets).await?;
            Ok(vec![listener])
        })
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::<HostClock>::clone(&self.clock)
    }

    fn seed(&self) -> io::Result<[u8; 32]> {
        let mut seed = [0; 32];
        for eight in seed.chunks_exact_mut(8) {
            eight.copy_from_slice(&self.random.borrow_mut().next().to_le_bytes());
        }
        Ok(seed)
    }

    fn start_thread(&self, _thread: Thread, body: ThreadBody) -> io::Result<()> {
        let random = self.random.borrow_mut().split();
        tokio::task::spawn_local(thread::run(body, random));
        Ok(())
    }

    fn open_disk(&self, _directory: &Path) -> io::Result<Box<dyn Disk>> {
        self.machine.disk.open()
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
