//! What a broker's configuration is written from.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use surewire_load::Error;

use surewire_load::transport::Transport;

/// Messages of QoS 1 and 2 in flight to one client, wherever a configuration can say so: the
/// default of Surewire and of mosquitto. With a larger one mosquitto 2.0 stops answering under a
/// fan-in of QoS 2.
pub(super) const WINDOW: u32 = 20;

/// Folder, addresses and wishes of one broker.
pub(super) struct Setup<'a> {
    /// Its own folder.
    pub(super) dir: &'a Path,
    /// Where MQTT is to listen.
    pub(super) addr: SocketAddr,
    /// For a second listener: Surewire's management interface, rumqttd's for MQTT 5.0, the one that mosquitto asks for
    /// beside one of WebSocket, and that of NATS's own protocol.
    pub(super) spare: SocketAddr,
    /// What carries the packets.
    pub(super) transport: Transport,
    /// Lines for Surewire's configuration in place of those about windows.
    pub(super) lines: Option<&'a str>,
    /// Worker threads of Surewire; its own choice if nothing is said.
    pub(super) workers: Option<u32>,
    /// Whether Surewire logs errors alone.
    pub(super) only_errors: bool,
}

impl Setup<'_> {
    pub(super) const CERTIFICATE: &'static str = "certificate.pem";
    pub(super) const KEY: &'static str = "key.pem";

    pub(super) fn write(&self, name: &str, text: &str) -> Result<PathBuf, Error> {
        let path = self.dir.join(name);
        let action = format!("write {}", path.display());
        fs::write(&path, text).map_err(Error::system(action))?;
        Ok(path)
    }

    pub(super) fn path(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }
}

#[cfg(test)]
pub(super) fn example(transport: Transport) -> Setup<'static> {
    let [addr, spare] = [1883, 1884].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let (dir, lines, workers) = (Path::new("/d"), None, None);
    Setup { dir, addr, spare, transport, lines, workers, only_errors: false }
}
