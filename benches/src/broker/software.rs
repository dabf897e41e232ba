//! The programs that the tools know how to start.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use surewire_load::Error;

use crate::broker::setup::Setup;
use crate::broker::{mosquitto, nats, rumqttd, surewire};

/// A program that the tools know how to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Software {
    /// this project's broker
    Surewire,
    /// Eclipse Mosquitto 2
    Mosquitto,
    /// rumqttd 0.20
    Rumqttd,
    /// nats-server with MQTT turned on
    Nats,
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
            Self::Rumqttd => "rumqttd",
            Self::Nats => "nats",
            Self::Relay => "relay",
        }
    }

    /// The Keep Alive that its clients need, in seconds: none, but rumqttd takes nobody who has
    /// none.
    #[must_use]
    pub const fn least_keep_alive_seconds(self) -> u16 {
        match self {
            Self::Rumqttd => 60,
            Self::Surewire | Self::Mosquitto | Self::Nats | Self::Relay => 0,
        }
    }

    /// Where the program is when nobody says: beside this one, on the path, or where Debian puts
    /// it.
    #[must_use]
    pub fn usual_path(self) -> PathBuf {
        let file = match self {
            Self::Surewire | Self::Relay => {
                let own = std::env::current_exe().unwrap_or_default();
                return own.with_file_name(self.name());
            }
            Self::Mosquitto | Self::Rumqttd => self.name(),
            Self::Nats => "nats-server",
        };
        let debian = Path::new("/usr/sbin").join(file);
        let on_path = || std::env::var_os("PATH").and_then(|folders| found_in(&folders, file));
        // The bare name fails with the system's own words.
        if debian.exists() { debian } else { on_path().unwrap_or_else(|| file.into()) }
    }

    /// What the program says about its version, in one line; nothing if it cannot be asked.
    #[must_use]
    pub fn version(self, program: &Path) -> Option<String> {
        let flag = match self {
            Self::Relay => return None,
            // It has no flag for this, and begins its help with it.
            Self::Mosquitto => "-h",
            Self::Surewire | Self::Rumqttd | Self::Nats => "--version",
        };
        let output = Command::new(program).arg(flag).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
    }

    pub(super) fn command(self, program: &Path, setup: &Setup<'_>) -> Result<Command, Error> {
        let mut command = Command::new(program);
        command.current_dir(setup.dir);
        match self {
            Self::Relay => {
                command.arg("--listen").arg(setup.addr.to_string());
            }
            Self::Surewire => surewire::configure(&mut command, setup)?,
            Self::Mosquitto => mosquitto::configure(&mut command, setup)?,
            Self::Rumqttd => rumqttd::configure(&mut command, setup)?,
            Self::Nats => nats::configure(&mut command, setup)?,
        }
        Ok(command)
    }
}

fn found_in(folders: &OsStr, file: &str) -> Option<PathBuf> {
    std::env::split_paths(folders).map(|folder| folder.join(file)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_looked_for_folder_by_folder() {
        let [empty, full] = [0; 2].map(|_| tempfile::tempdir().unwrap());
        let program = full.path().join("nats-server");
        std::fs::write(&program, "").unwrap();
        let folders = std::env::join_paths([empty.path(), full.path()]).unwrap();
        assert_eq!(found_in(&folders, "nats-server"), Some(program));
        assert_eq!(found_in(&folders, "rumqttd"), None);
    }
}
