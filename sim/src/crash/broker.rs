//! The program as a process that can be killed.

use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A broker in a directory of its own. It is killed when this is dropped.
#[derive(Debug)]
pub struct Broker {
    program: PathBuf,
    directory: PathBuf,
    address: SocketAddr,
    running: Option<Child>,
}

impl Broker {
    /// Prepares `directory`; nothing runs yet.
    ///
    /// # Errors
    /// The directory cannot be written, or there is no free port.
    pub fn new(program: &Path, directory: &Path) -> io::Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let config = format!(
            "listener: [{{protocol: mqtt, addr: '{address}'}}]\ndelivery_retry_interval: 1\n\
             max_msgqueue_messages: 0\nmax_queued_bytes: 1GiB\ndata_dir: data\n\
             durability: power\nworkers: 2\n"
        );
        fs::create_dir_all(directory)?;
        fs::write(directory.join("config.yaml"), config)?;
        let (program, directory) = (program.to_owned(), directory.to_owned());
        Ok(Self { program, directory, address, running: None })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has written to its log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.directory.join("log")
    }

    /// Starts the process; it may not listen yet.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn spawn(&mut self) -> io::Result<()> {
        let log = File::options().create(true).append(true).open(self.log())?;
        let mut command = Command::new(&self.program);
        command.current_dir(&self.directory).stdin(Stdio::null()).stdout(Stdio::null());
        self.running = Some(command.stderr(log).spawn()?);
        Ok(())
    }

    /// Waits until it takes connections, and tells how long that took.
    ///
    /// # Errors
    /// It ended, or it does not listen within 30 s.
    pub fn wait(&mut self) -> io::Result<Duration> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.ended()? {
                return Err(io::Error::other(format!("the broker ended by itself: {status}")));
            }
            if TcpStream::connect(self.address).is_ok() {
                return Ok(begun.elapsed());
            }
            if begun.elapsed() > Duration::from_secs(30) {
                return Err(io::Error::other("the broker does not listen after 30 s"));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// How it ended, if it did.
    ///
    /// # Errors
    /// The system does not know.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.running.as_mut().map_or(Ok(None), Child::try_wait)
    }

    /// kill -9.
    ///
    /// # Errors
    /// The system refuses.
    pub fn kill(&mut self) -> io::Result<()> {
        let Some(mut child) = self.running.take() else { return Ok(()) };
        child.kill()?;
        child.wait().map(|_| ())
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}
