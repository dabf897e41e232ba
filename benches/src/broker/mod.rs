//! Brokers as processes: started with a configuration of their own on a free port of loopback,
//! and ended when dropped.

mod mosquitto;
mod nats;
mod rumqttd;
mod setup;
mod software;
mod surewire;

use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use surewire_load::process::Process;
use surewire_load::wire::Version;
use surewire_load::{Error, machine};
use tempfile::TempDir;

use self::setup::Setup;
pub use self::software::Software;
use crate::certificate::Certificate;
use crate::histograms::{self, Line};
use surewire_load::transport::Transport;

const START_LIMIT: Duration = Duration::from_secs(10);
/// The same with much to read first.
const RECOVERY_LIMIT: Duration = Duration::from_secs(300);
/// How long the histograms may take to appear in the log.
const LOG_LIMIT: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(10);
const FOLDER: &str = "make a folder for the broker";

/// The account of Surewire's management interface.
pub const USER: &str = "bench";
/// Its password.
pub const PASSWORD: &str = "bench";

/// How to start a broker.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    /// What it is.
    pub software: Software,
    /// Where its program is.
    pub program: &'a Path,
    /// What carries the packets.
    pub transport: Transport,
    /// Needed for TLS.
    pub certificate: Option<&'a Certificate>,
    /// Worker threads, of Surewire only; as many as it likes if nothing is said.
    pub workers: Option<u32>,
    /// Whether Surewire logs errors alone, as the others do.
    pub only_errors: bool,
    /// Lines of Surewire's configuration, in place of those about windows.
    pub lines: Option<&'a str>,
}

/// A broker that runs. Dropping it ends it.
#[derive(Debug)]
pub struct Broker {
    software: Software,
    child: Child,
    addr: SocketAddr,
    management: SocketAddr,
    dir: TempDir,
}

impl Broker {
    /// Starts `program` and waits until it takes connections. A `certificate` is needed for TLS.
    ///
    /// # Errors
    /// As [`Broker::launch`].
    pub fn start(
        software: Software,
        program: &Path,
        transport: Transport,
        certificate: Option<&Certificate>,
    ) -> Result<Self, Error> {
        let (workers, only_errors, lines) = (None, false, None);
        let start =
            Start { software, program, transport, certificate, workers, only_errors, lines };
        Self::launch(&start)
    }

    /// Starts a broker and waits until it takes connections.
    ///
    /// # Errors
    /// [`Error::Usage`] for what this software is not configured for, [`Error::System`] when it
    /// cannot be started, [`Error::Broker`] with the end of its log when it ends or does not
    /// listen within 10 s.
    pub fn launch(start: &Start<'_>) -> Result<Self, Error> {
        let Start { software, program, transport, certificate, workers, only_errors, lines } =
            *start;
        if workers.is_some() && software != Software::Surewire {
            let name = software.name();
            return Err(Error::Usage(format!("{name}: workers can be chosen for surewire only")));
        }
        let dir = tempfile::tempdir().map_err(Error::system(FOLDER))?;
        let (addr, spare) = (machine::free_address()?, machine::free_address()?);
        let setup = Setup { dir: dir.path(), addr, spare, transport, lines, workers, only_errors };
        if let Some(Certificate { certificate_pem, key_pem }) = certificate {
            setup.write(Setup::CERTIFICATE, certificate_pem)?;
            setup.write(Setup::KEY, key_pem)?;
        }
        let child = spawn(software, program, &setup)?;
        let mut broker = Self { software, child, addr, management: spare, dir };
        broker.wait_until_listening(START_LIMIT)?;
        Ok(broker)
    }

    /// Starts Surewire with these lines of configuration, which tell nothing of listeners, in a
    /// folder of its own below `folder`, or where the system makes temporary ones.
    ///
    /// # Errors
    /// As [`Broker::start`].
    pub fn surewire(program: &Path, lines: &str, folder: Option<&Path>) -> Result<Self, Error> {
        let dir = folder.map_or_else(tempfile::tempdir, tempfile::tempdir_in);
        let dir = dir.map_err(Error::system(FOLDER))?;
        let (addr, spare) = (machine::free_address()?, machine::free_address()?);
        let (transport, lines) = (Transport::Tcp, Some(lines));
        let (workers, only_errors) = (None, false);
        let setup = Setup { dir: dir.path(), addr, spare, transport, lines, workers, only_errors };
        let child = spawn(Software::Surewire, program, &setup)?;
        let software = Software::Surewire;
        let mut broker = Self { software, child, addr, management: spare, dir };
        broker.wait_until_listening(RECOVERY_LIMIT)?;
        Ok(broker)
    }

    /// Where it keeps what is durable, unless its configuration says otherwise.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where it listens for clients of this version: rumqttd has a listener for each.
    #[must_use]
    pub fn addr_for(&self, version: Version) -> SocketAddr {
        match (self.software, version) {
            (Software::Rumqttd, Version::V5) => self.management,
            _ => self.addr,
        }
    }

    /// Where Surewire's management interface listens, for [`USER`] with [`PASSWORD`].
    #[must_use]
    pub const fn management(&self) -> SocketAddr {
        self.management
    }

    /// Its process.
    #[must_use]
    pub fn process(&self) -> Process {
        Process::new(self.child.id())
    }

    /// The histograms that it writes to its log when asked; none if it is not Surewire.
    ///
    /// # Errors
    /// [`Error::System`] when it cannot be asked.
    pub fn histograms(&self) -> Result<Vec<Line>, Error> {
        if self.software != Software::Surewire {
            return Ok(Vec::new());
        }
        kill_process(Pid::from_child(&self.child), Signal::USR1)
            .map_err(|e| Error::system("ask the broker for its histograms")(e.into()))?;
        let asked = Instant::now();
        let mut lines = Vec::new();
        while asked.elapsed() < LOG_LIMIT {
            thread::sleep(PAUSE);
            let now = histograms::parse(&self.log());
            if !now.is_empty() && now == lines {
                break;
            }
            lines = now;
        }
        Ok(lines)
    }

    fn wait_until_listening(&mut self, limit: Duration) -> Result<(), Error> {
        let started = Instant::now();
        while TcpStream::connect(self.addr).is_err() {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(self.did_not_start(Some(status)));
            }
            if started.elapsed() > limit {
                return Err(self.did_not_start(None));
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    fn did_not_start(&self, status: Option<ExitStatus>) -> Error {
        let name = self.software.name();
        let how = status.map_or("did not listen".into(), |status| format!("ended ({status})"));
        Error::Broker(format!("{name} {how}; its log:\n{}", self.log()))
    }

    fn log(&self) -> String {
        fs::read(log_path(self.dir.path()))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It may have ended by itself; the wait then only collects it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(software: Software, program: &Path, setup: &Setup<'_>) -> Result<Child, Error> {
    let log = File::create(log_path(setup.dir)).map_err(Error::system("make a log file"))?;
    let errors = log.try_clone().map_err(Error::system("share a log file"))?;
    let mut command = software.command(program, setup)?;
    command
        .stdout(log)
        .stderr(errors)
        .spawn()
        .map_err(Error::system(format!("start {}", program.display())))
}

fn log_path(dir: &Path) -> PathBuf {
    dir.join("log")
}
