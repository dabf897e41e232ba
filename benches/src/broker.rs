//! Brokers as processes: started with a configuration of their own on a free port of loopback,
//! and ended when dropped.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use surewire_load::process::Process;
use surewire_load::{Error, machine};
use tempfile::TempDir;

use crate::certificate::Certificate;
use crate::histograms::{self, Line};
use crate::transport::Transport;

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

/// A program that the tools know how to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Software {
    /// this project's broker
    Surewire,
    /// Eclipse Mosquitto 2
    Mosquitto,
    /// the bare relay: bytes in, bytes out
    Relay,
}

impl Software {
    /// The name on the command line and in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Surewire => "surewire",
            Self::Mosquitto => "mosquitto",
            Self::Relay => "relay",
        }
    }

    /// Where the program is when nobody says: beside this one, or where Debian puts it.
    #[must_use]
    pub fn usual_path(self) -> PathBuf {
        let beside = std::env::current_exe().unwrap_or_default().with_file_name(self.name());
        match self {
            Self::Surewire | Self::Relay => beside,
            Self::Mosquitto => {
                let debian = PathBuf::from("/usr/sbin/mosquitto");
                if debian.exists() { debian } else { self.name().into() }
            }
        }
    }

    fn command(self, program: &Path, setup: &Setup<'_>) -> Result<Command, Error> {
        let mut command = Command::new(program);
        command.current_dir(setup.dir);
        match self {
            Self::Relay => command.arg("--listen").arg(setup.addr.to_string()),
            Self::Surewire => {
                // The configuration is the file alone.
                for (key, _) in std::env::vars_os() {
                    if key.to_string_lossy().starts_with("SUREWIRE_") {
                        command.env_remove(key);
                    }
                }
                command.arg("-c").arg(setup.write("config.yaml", &surewire_config(setup))?)
            }
            Self::Mosquitto => {
                command.arg("-c").arg(setup.write("mosquitto.conf", &mosquitto_config(setup))?)
            }
        };
        Ok(command)
    }
}

/// What a configuration is written from.
struct Setup<'a> {
    dir: &'a Path,
    addr: SocketAddr,
    /// For a second listener: Surewire's management interface, and the one that mosquitto asks for
    /// beside one of WebSocket.
    spare: SocketAddr,
    transport: Transport,
    /// Lines for Surewire's configuration in place of those about windows.
    lines: Option<&'a str>,
}

impl Setup<'_> {
    const CERTIFICATE: &'static str = "certificate.pem";
    const KEY: &'static str = "key.pem";

    fn write(&self, name: &str, text: &str) -> Result<PathBuf, Error> {
        let path = self.dir.join(name);
        let action = format!("write {}", path.display());
        fs::write(&path, text).map_err(Error::system(action))?;
        Ok(path)
    }

    fn path(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }
}

/// The windows are those of [`mosquitto_config`], the default of both (with a larger one
/// mosquitto 2.0 stops answering under a fan-in of QoS 2); the backlog is unlimited by count in both.
const WINDOWS: &str = "max_inflight_messages: 20\nmax_msgqueue_messages: 0\n";

fn surewire_config(setup: &Setup<'_>) -> String {
    let protocol = if setup.transport.uses_websocket() { "websocket" } else { "mqtt" };
    let mut listener = format!("protocol: {protocol}, addr: '{}'", setup.addr);
    if setup.transport.uses_tls() {
        let (certificate, key) = (setup.path(Setup::CERTIFICATE), setup.path(Setup::KEY));
        listener += &format!(", certfile: '{certificate}', keyfile: '{key}'");
    }
    let (spare, lines) = (setup.spare, setup.lines.unwrap_or(WINDOWS));
    format!(
        "{lines}http_server: {{addr: '{spare}', user: {{{USER}: {PASSWORD}}}}}\n\
         listener:\n- {{{listener}}}\n"
    )
}

fn mosquitto_config(setup: &Setup<'_>) -> String {
    let listener = |addr: SocketAddr| format!("listener {} {}\n", addr.port(), addr.ip());
    let mut text = listener(setup.addr);
    if setup.transport.uses_websocket() {
        text = listener(setup.spare) + &text + "protocol websockets\n";
    }
    if setup.transport.uses_tls() {
        let (certificate, key) = (setup.path(Setup::CERTIFICATE), setup.path(Setup::KEY));
        text += &format!("certfile {certificate}\nkeyfile {key}\n");
    }
    if setup.transport != Transport::Tcp {
        // Otherwise each hand-shake waits for delayed acknowledgements of TCP.
        text += "set_tcp_nodelay true\n";
    }
    // As root it would change to a user who cannot read the folder; for others `user` is void.
    text + "allow_anonymous true\nuser root\npersistence false\nlog_type error\n\
            max_inflight_messages 20\nmax_queued_messages 0\n"
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
    /// [`Error::System`] when it cannot be started, [`Error::Broker`] with the end of its log
    /// when it ends or does not listen within 10 s.
    pub fn start(
        software: Software,
        program: &Path,
        transport: Transport,
        certificate: Option<&Certificate>,
    ) -> Result<Self, Error> {
        let dir = tempfile::tempdir().map_err(Error::system(FOLDER))?;
        let (addr, spare) = (machine::free_address()?, machine::free_address()?);
        let setup = Setup { dir: dir.path(), addr, spare, transport, lines: None };
        if let Some(Certificate { certificate_pem, key_pem }) = certificate {
            setup.write(Setup::CERTIFICATE, certificate_pem)?;
            setup.write(Setup::KEY, key_pem)?;
        }
        let (addr, management) = (setup.addr, setup.spare);
        let child = spawn(software, program, &setup)?;
        let mut broker = Self { software, child, addr, management, dir };
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
        let setup = Setup { dir: dir.path(), addr, spare, transport, lines };
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

#[cfg(test)]
mod tests {
    use super::*;

    fn setup(transport: Transport) -> Setup<'static> {
        let [addr, spare] = [1883, 1884].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        Setup { dir: Path::new("/d"), addr, spare, transport, lines: None }
    }

    #[test]
    fn surewires_listener_follows_the_transport() {
        let plain = surewire_config(&setup(Transport::Tcp));
        assert!(plain.ends_with("- {protocol: mqtt, addr: '127.0.0.1:1883'}\n"), "{plain}");
        let secure = surewire_config(&setup(Transport::Wss));
        assert!(secure.contains("protocol: websocket"), "{secure}");
        assert!(secure.contains("certfile: '/d/certificate.pem'"), "{secure}");
    }

    #[test]
    fn mosquittos_listener_follows_the_transport() {
        let plain = mosquitto_config(&setup(Transport::Tcp));
        assert!(plain.starts_with("listener 1883 127.0.0.1\nallow_anonymous"), "{plain}");
        let secure = mosquitto_config(&setup(Transport::Wss));
        assert!(secure.contains("protocol websockets\ncertfile /d/certificate.pem\n"));
    }
}
