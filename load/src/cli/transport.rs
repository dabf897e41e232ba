//! The flags for what carries the packets, in the words that all client commands have.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::Error;
use crate::transport::tls::Trust;
use crate::transport::{Route, Tls, Transport};

/// What carries the packets to the broker.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
// A group would conflict with those of the commands that take these flags in.
#[group(skip)]
pub struct TransportArgs {
    /// Connect by WebSocket, path /mqtt
    #[arg(long, help_heading = "Connection")]
    pub ws: bool,

    /// Connect by TLS; the certificates in this PEM file may vouch for the broker
    #[arg(long, value_name = "FILE", help_heading = "TLS")]
    pub cafile: Option<PathBuf>,

    /// Connect by TLS without checking who the broker is: for tests, never across a network
    #[arg(long, conflicts_with = "cafile", help_heading = "TLS")]
    pub insecure: bool,
}

impl TransportArgs {
    /// Who may vouch for the broker; nothing where there is no TLS.
    #[must_use]
    pub fn trust(&self) -> Option<Trust> {
        let file = self.cafile.clone().map(Trust::File);
        file.or_else(|| self.insecure.then_some(Trust::Unchecked))
    }

    /// What the flags ask for.
    #[must_use]
    pub const fn transport(&self) -> Transport {
        Transport::of(self.ws, self.cafile.is_some() || self.insecure)
    }

    /// Where a broker listens if nobody says so.
    #[must_use]
    pub const fn default_port(&self) -> u16 {
        match self.transport() {
            Transport::Tcp => 1883,
            Transport::Tls => 8883,
            Transport::Ws => 8080,
            Transport::Wss => 8443,
        }
    }

    /// The same on loopback.
    pub(super) const fn default_address(&self) -> SocketAddr {
        SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), self.default_port())
    }

    /// The way to a broker, which has this name in its certificate.
    pub(super) fn route(&self, addr: SocketAddr, name: Option<&str>) -> Result<Route, Error> {
        let tls = self.trust().map(|trust| Tls::new(&trust, name)).transpose()?;
        Ok(Route { addr, websocket: self.ws, tls })
    }
}
