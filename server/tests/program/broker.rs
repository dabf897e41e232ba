//! A broker in a directory of its own, and the client commands against it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::support::{Ended, Program, surewire};

/// A listener on any free port.
pub(crate) const MQTT: &str = "{protocol: mqtt, addr: '127.0.0.1:0'}";
/// A listener for WebSocket on any free port.
pub(crate) const WEBSOCKET: &str = "{protocol: websocket, addr: '127.0.0.1:0'}";

/// A running broker. It is killed when this is dropped.
pub(crate) struct Broker {
    pub(crate) program: Program,
    /// Of its listeners, in their order.
    pub(crate) addresses: Vec<SocketAddr>,
    directory: TempDir,
}

impl Broker {
    /// With one listener for MQTT and everything else at its default.
    pub(crate) fn plain() -> Self {
        Self::start(&[MQTT], "")
    }

    /// With these listeners and the rest of the file.
    pub(crate) fn start(listeners: &[&str], rest: &str) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), listeners, rest)
    }

    /// As [`Broker::start`], in a directory that has what the file refers to.
    pub(crate) fn start_in(directory: TempDir, listeners: &[&str], rest: &str) -> Self {
        let text = format!("listener: [{}]\n{rest}", listeners.join(", "));
        std::fs::write(directory.path().join("config.yaml"), text).unwrap();
        let mut command = surewire(&[]);
        command.current_dir(directory.path());
        let mut program = Program::start(command);
        let addresses = listeners.iter().map(|_| listening(&mut program)).collect();
        Self { program, addresses, directory }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// `pub` or `sub` for the first listener.
    pub(crate) fn command(&self, name: &str, arguments: &[&str]) -> Command {
        self.command_at(0, name, arguments)
    }

    /// `pub` or `sub` for one listener.
    pub(crate) fn command_at(&self, listener: usize, name: &str, arguments: &[&str]) -> Command {
        let port = self.addresses[listener].port().to_string();
        let mut command = surewire(&[name, "-h", "127.0.0.1", "-p", &port]);
        command.args(arguments).current_dir(self.directory.path());
        command
    }

    /// Publishes and has it succeed.
    #[track_caller]
    pub(crate) fn publish(&self, arguments: &[&str]) {
        let ended = Program::start(self.command("pub", arguments)).end();
        assert!(ended.status.success(), "{ended:?}");
    }

    /// Runs `sub` to its end.
    pub(crate) fn receive(&self, arguments: &[&str]) -> Ended {
        Program::start(self.command("sub", arguments)).end()
    }

    /// A `sub` that is subscribed.
    pub(crate) fn subscriber(&self, arguments: &[&str]) -> Program {
        self.subscriber_at(0, arguments)
    }

    /// A `sub` that is subscribed by way of one listener.
    pub(crate) fn subscriber_at(&self, listener: usize, arguments: &[&str]) -> Program {
        let mut command = self.command_at(listener, "sub", arguments);
        command.arg("--debug");
        let mut program = Program::start(command);
        program.line("received SUBACK");
        program
    }

    /// Stops it gracefully and leaves its directory.
    pub(crate) fn stop_and_keep(self) -> TempDir {
        let ended = self.program.stop();
        assert!(ended.status.success(), "{ended:?}");
        self.directory
    }

    /// Kills it, and starts another one in the same directory.
    pub(crate) fn kill_and_restart(self) -> Self {
        let Self { program, directory, addresses } = self;
        program.signal(Signal::KILL);
        program.end();
        Self::restart(directory, addresses.len())
    }

    /// Stops it gracefully, and starts another one in the same directory.
    pub(crate) fn stop_and_restart(self) -> Self {
        let listeners = self.addresses.len();
        Self::restart(self.stop_and_keep(), listeners)
    }

    fn restart(directory: TempDir, listeners: usize) -> Self {
        let mut command = surewire(&[]);
        command.current_dir(directory.path());
        let mut program = Program::start(command);
        let addresses = (0..listeners).map(|_| listening(&mut program)).collect();
        Self { program, addresses, directory }
    }

    /// Stops it gracefully and tells what it logged.
    pub(crate) fn stop(self) -> Ended {
        let ended = self.program.stop();
        assert!(ended.status.success(), "{ended:?}");
        ended
    }
}

/// Waits for the next listener and tells its address.
pub(crate) fn listening(program: &mut Program) -> SocketAddr {
    let line = program.line("listening");
    let (_, rest) = line.split_once("://").unwrap();
    rest.split(['"', ' ']).next().unwrap().parse().unwrap()
}

/// Writes a certificate for this machine, `NAME.pem` and `NAME.key`, and tells their paths.
pub(crate) fn certificate(directory: &Path, name: &str) -> (PathBuf, PathBuf) {
    let names = vec!["localhost".into(), "127.0.0.1".into()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let path = |ending| directory.join(format!("{name}.{ending}"));
    let (certificate, key) = (path("pem"), path("key"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (certificate, key)
}
