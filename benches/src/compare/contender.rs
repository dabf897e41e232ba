//! A broker in a comparison: one to start, or one that runs already.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use surewire_load::process::Process;
use surewire_load::wire::Qos;
use surewire_load::{Error, Shape};

use crate::broker::{Broker, Software};
use crate::compare::rows::Row;
use crate::transport::Transport;

/// A broker to compare.
#[derive(Debug, Clone)]
pub enum Contender {
    /// Started afresh for every run.
    Started {
        /// What it is.
        software: Software,
        /// Where its program is.
        program: PathBuf,
    },
    /// Started by somebody else.
    External(External),
}

/// A broker that somebody else has started, written `name=host:port,pid`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct External {
    name: String,
    addr: SocketAddr,
    pid: u32,
}

/// A contender that takes connections.
#[derive(Debug)]
pub enum Running {
    /// Ends when dropped.
    Started(Broker),
    /// Stays.
    External(External),
}

impl Contender {
    /// Its name in the table.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Started { software, .. } => software.name(),
            Self::External(external) => &external.name,
        }
    }

    /// Whether the row makes sense for it. The relay knows no wildcards and no groups, and can
    /// return acknowledgements only where a subscriber has one publisher and the other way round.
    #[must_use]
    pub fn can_run(&self, row: &Row) -> bool {
        let is_relay = matches!(self, Self::Started { software: Software::Relay, .. });
        !is_relay
            || match row.workload.shape {
                Shape::Pairs => true,
                Shape::Fanin | Shape::Fanout => row.workload.qos == Qos::AtMostOnce,
                Shape::Wildcard | Shape::Shared => false,
            }
    }

    /// Starts it, if it is one to start.
    ///
    /// # Errors
    /// As [`Broker::start`].
    pub fn start(&self) -> Result<Running, Error> {
        match self {
            Self::Started { software, program } => {
                Broker::start(*software, program, Transport::Tcp, None).map(Running::Started)
            }
            Self::External(external) => Ok(Running::External(external.clone())),
        }
    }
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        match self {
            Self::Started(broker) => broker.addr(),
            Self::External(external) => external.addr,
        }
    }

    /// Its process.
    #[must_use]
    pub fn process(&self) -> Process {
        match self {
            Self::Started(broker) => broker.process(),
            Self::External(external) => Process::new(external.pid),
        }
    }
}

impl FromStr for External {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts =
            text.split_once('=').and_then(|(name, rest)| Some((name, rest.rsplit_once(',')?)));
        let Some((name, (addr, pid))) = parts else {
            return Err("expected name=address:port,pid, like other=127.0.0.1:1884,4711".into());
        };
        Ok(Self {
            name: name.to_owned(),
            addr: addr.parse().map_err(|e| format!("{addr}: {e}; an IP address and a port"))?,
            pid: pid.parse().map_err(|e| format!("{pid}: {e}; a process number"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::rows;

    #[test]
    fn an_external_broker_is_name_address_and_process() {
        let external: External = "other=127.0.0.1:1884,4711".parse().unwrap();
        let addr = "127.0.0.1:1884".parse().unwrap();
        assert_eq!(external, External { name: "other".into(), addr, pid: 4711 });
        for wrong in ["other", "other=127.0.0.1:1884", "other=here,1", "other=127.0.0.1:1,x"] {
            assert!(External::from_str(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_relay_runs_where_acknowledgements_find_their_way() {
        let relay = Contender::Started { software: Software::Relay, program: "relay".into() };
        let time = std::time::Duration::from_secs(1);
        let all = rows::all(time);
        let left_out: Vec<_> =
            all.iter().filter(|row| !relay.can_run(row)).map(|row| row.name).collect();
        assert_eq!(left_out, ["fanin1", "fanin2", "fanout1", "fanout2", "wild0", "shared0"]);
    }
}
