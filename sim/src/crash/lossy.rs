//! The real server on a disk that loses at a kill what it would lose at a power cut.

use std::future::pending;
use std::io;
use std::path::Path;
use std::sync::Arc;

use surewire_engine::config::Config as EngineConfig;
use surewire_engine::planted::Planted;
use surewire_server::config::{Config, DEFAULT_FILE, ListenAddress};
use surewire_server::environment::{
    Clock, Disk, Environment, Listener, LocalFuture, RealEnvironment, Thread, ThreadBody,
};
use surewire_server::settings::{Machine, Settings};
use surewire_server::{logging, run};

use super::Plan;
use super::lossy_disk::LossyDisk;

/// The environment of production, but for the disk.
struct Lossy {
    real: RealEnvironment,
    seed: u64,
}

/// Serves until the process is killed, by the config.yaml that is here. The seed decides what of
/// the unsynced gets to the files.
///
/// # Errors
/// The server ended by itself.
pub fn serve(seed: u64, planted: Planted) -> io::Result<()> {
    let variables = std::iter::empty::<(&str, &str)>();
    let loaded = Config::load(Path::new(DEFAULT_FILE), variables).map_err(io::Error::other)?;
    let logging = logging::start(&loaded.config.log, false)?;
    let resolved =
        Settings::resolve(&loaded.config, Machine { cores: 2, files: None, memory: None });
    let engine = EngineConfig { planted, ..resolved.engine };
    let settings = Settings { engine, ..resolved };
    let environment = Lossy { real: RealEnvironment::new(), seed };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())?;
    let outcome = runtime.block_on(run(settings, &environment, pending()));
    logging.flush();
    outcome.map_err(io::Error::other)
}

impl Environment for Lossy {
    fn bind<'a>(
        &'a self,
        address: &'a ListenAddress,
    ) -> LocalFuture<'a, io::Result<Vec<Box<dyn Listener>>>> {
        self.real.bind(address)
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.real.clock()
    }

    fn seed(&self) -> io::Result<[u8; 32]> {
        self.real.seed()
    }

    fn start_thread(&self, thread: Thread, body: ThreadBody) -> io::Result<()> {
        self.real.start_thread(thread, body)
    }

    fn open_disk(&self, directory: &Path) -> io::Result<Box<dyn Disk>> {
        let real = self.real.open_disk(directory)?;
        Ok(Box::new(LossyDisk::new(real, Plan(self.seed))))
    }

    fn histograms_wanted(&self) -> LocalFuture<'_, ()> {
        self.real.histograms_wanted()
    }
}
