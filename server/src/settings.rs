//! What the shell itself needs to know: the configuration, resolved for this machine.

mod resolve;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;
use surewire_engine::codec::Limits;
use surewire_engine::config::Config as EngineConfig;

use crate::config::{Durability, ListenAddress, Secret, Warning};
use crate::planted::Planted;

pub use resolve::Machine;

/// Bytes that a turn writes before others have theirs: about a millisecond.
pub(crate) const AT_ONCE: usize = 1 << 20;

/// As many records as become durable together at most.
pub(crate) const DISK_SHARE: usize = 4 << 20;

/// Everything that [`run`](crate::run) is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What the engine is told.
    pub engine: EngineConfig,
    /// Where clients come in.
    pub listeners: Vec<ListenerSettings>,
    /// Threads that serve connections, at least 1.
    pub workers: usize,
    /// From accept to a complete CONNECT, TLS and WebSocket handshakes included.
    pub connect_timeout: Duration,
    /// Idle time after which the system probes a connection; `None` is never.
    pub tcp_keepalive: Option<Duration>,
    /// What the decoder allows once a client is accepted.
    pub limits: Limits,
    /// Whether every packet is a line of the log.
    pub log_packets: bool,
    /// How often the topics below `$SYS` are brought up to date; `None` is never.
    pub sys_interval: Option<Duration>,
    /// The management interface; `None` is none.
    pub http: Option<HttpSettings>,
    /// Where times are shown as they are on the clock there.
    pub time_zone: TimeZone,
    /// What an acknowledged message survives.
    pub durability: Durability,
    /// Where it is kept, unless it survives nothing.
    pub data_dir: PathBuf,
    /// Bytes of memory that the broker may take; `None` where nothing is known of the machine's.
    pub memory_limit: Option<u64>,
    /// What the operator should know about the configuration.
    pub warnings: Vec<Warning>,
    /// Bytes that a turn writes before others get theirs; each write counts for some as well. Simulations
    /// have less of it.
    pub at_once: usize,
    /// Bytes of records that may wait for the disk before clients that bring more of them have to wait too.
    /// Simulations have less of it.
    pub disk_share: usize,
    /// What is wrong on purpose: nothing outside of simulations.
    pub planted: Planted,
}

/// The management interface.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// Where it listens.
    pub address: ListenAddress,
    /// Who may use it, with which password.
    pub accounts: BTreeMap<String, Secret>,
    /// Whether the metrics can be read without an account.
    pub metrics_open: bool,
}

/// One listener.
#[derive(Clone, Debug)]
pub struct ListenerSettings {
    /// What carries MQTT's bytes.
    pub protocol: Carrier,
    /// Where it listens.
    pub address: ListenAddress,
    /// TLS, where a certificate is given.
    pub tls: Option<TlsFiles>,
    /// Whether clients come in that nobody has authenticated.
    pub allow_anonymous: bool,
}

/// What carries MQTT's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// The TCP or TLS stream itself.
    Stream,
    /// Binary WebSocket messages.
    WebSocket,
}

/// The PEM files of a TLS listener.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate chain, the server's own first.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl Settings {
    /// The built-in defaults on one listener, with nothing stored.
    #[must_use]
    pub fn on(listener: ListenerSettings) -> Self {
        Self {
            engine: EngineConfig::default(),
            listeners: vec![listener],
            workers: 1,
            connect_timeout: Duration::from_secs(10),
            tcp_keepalive: Some(Duration::from_secs(60)),
            limits: Limits {
                max_packet_size: 2 << 20,
                max_user_properties: 1_000,
                reject_control_chars: false,
            },
            log_packets: false,
            sys_interval: Some(Duration::from_secs(10)),
            http: None,
            time_zone: TimeZone::UTC,
            durability: Durability::None,
            data_dir: PathBuf::from("data"),
            memory_limit: None,
            warnings: Vec::new(),
            at_once: AT_ONCE,
            disk_share: DISK_SHARE,
            planted: Planted::NONE,
        }
    }
}

impl ListenerSettings {
    /// Plain MQTT over TCP at `address`, open to everybody.
    #[must_use]
    pub fn plain(address: ListenAddress) -> Self {
        Self { protocol: Carrier::Stream, address, tls: None, allow_anonymous: true }
    }

    /// As the log and errors call it: `mqtt`, `mqtts`, `ws` or `wss`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        match (self.protocol, self.tls.is_some()) {
            (Carrier::Stream, false) => "mqtt",
            (Carrier::Stream, true) => "mqtts",
            (Carrier::WebSocket, false) => "ws",
            (Carrier::WebSocket, true) => "wss",
        }
    }
}
