//! A broker in a comparison: one to start, or one that runs already.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::ValueEnum;
use surewire_load::process::Process;
use surewire_load::wire::{Qos, Version};
use surewire_load::{Error, Shape, Workload};

use crate::broker::{Broker, Software, Start};
use crate::certificate::Certificate;
use crate::compare::rows::Row;
use crate::compare::scenarios::Scenario;
use surewire_load::transport::{Route, Transport};

/// A broker to compare.
#[derive(Debug, Clone)]
pub enum Contender {
    /// Started afresh for every run.
    Started {
        /// What it is.
        choice: Choice,
        /// Where its program is.
        program: PathBuf,
    },
    /// Started by somebody else.
    External(External),
}

/// A broker to start, written `name` or, with a number of worker threads, `name:workers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// What it is.
    pub software: Software,
    /// Worker threads, of Surewire only; as many as it likes if nothing is said.
    pub workers: Option<u32>,
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
    Started {
        /// The broker.
        broker: Broker,
        /// What carries the packets.
        transport: Transport,
        /// What its clients trust, where there is TLS.
        certificate: Option<Certificate>,
    },
    /// Stays.
    External(External),
}

impl Contender {
    /// Its name in the table: as it is written on the command line.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Started { choice, .. } => choice.name(),
            Self::External(external) => external.name.clone(),
        }
    }

    /// Whether it is the relay, the yardstick of all others.
    #[must_use]
    pub fn is_relay(&self) -> bool {
        matches!(self, Self::Started { choice, .. } if choice.software == Software::Relay)
    }

    /// The Keep Alive that its clients need, in seconds; 0 turns it off.
    #[must_use]
    pub const fn keep_alive_seconds(&self) -> u16 {
        match self {
            Self::Started { choice, .. } => choice.software.least_keep_alive_seconds(),
            Self::External(_) => 0,
        }
    }

    /// What its program says about its version, if it can be asked.
    #[must_use]
    pub fn version(&self) -> Option<String> {
        match self {
            Self::Started { choice, program } => choice.software.version(program),
            Self::External(_) => None,
        }
    }

    /// Whether the row makes sense for it. The relay knows no wildcards, no groups and no 5.0, has
    /// one subscription a connection, and can return acknowledgements only where a subscriber has
    /// one publisher and the other way round. nats-server knows no groups and no 5.0. Only Surewire
    /// and mosquitto are started with anything but plain TCP.
    #[must_use]
    pub fn can_run(&self, row: &Row) -> bool {
        let (workload, is_plain) = (&row.workload, row.transport == Transport::Tcp);
        let Self::Started { choice, .. } = self else { return is_plain };
        match choice.software {
            Software::Surewire | Software::Mosquitto => true,
            Software::Rumqttd => is_plain,
            Software::Nats => {
                is_plain && workload.version != Version::V5 && workload.shape != Shape::Shared
            }
            Software::Relay => is_plain && relay_can_run(workload),
        }
    }

    /// Whether the scenario makes sense for it: the relay keeps nothing but connections.
    #[must_use]
    pub fn can_keep(&self, scenario: &Scenario) -> bool {
        !self.is_relay() || scenario.name == "connect"
    }

    /// Starts it with a listener of this kind, if it is one to start.
    ///
    /// # Errors
    /// As [`Broker::launch`].
    pub fn start(&self, transport: Transport) -> Result<Running, Error> {
        match self {
            Self::Started { choice: Choice { software, workers }, program } => {
                let made = transport.uses_tls().then(Certificate::generate).transpose()?;
                let (software, workers, certificate) = (*software, *workers, made.as_ref());
                let (only_errors, lines) = (true, None);
                let broker = Broker::launch(&Start {
                    software,
                    program,
                    transport,
                    certificate,
                    workers,
                    only_errors,
                    lines,
                })?;
                Ok(Running::Started { broker, transport, certificate: made })
            }
            Self::External(external) => Ok(Running::External(external.clone())),
        }
    }
}

fn relay_can_run(workload: &Workload) -> bool {
    let understood = workload.version == Version::V3_1_1 && workload.filler_subscriptions == 0;
    understood
        && match workload.shape {
            Shape::Pairs => true,
            Shape::Fanin | Shape::Fanout => workload.qos == Qos::AtMostOnce,
            Shape::Wildcard | Shape::Shared => false,
        }
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        match self {
            Self::Started { broker, .. } => broker.addr(),
            Self::External(external) => external.addr,
        }
    }

    /// The way to it for clients of this version.
    ///
    /// # Errors
    /// [`Error::Usage`] when TLS cannot be set up.
    pub fn route_for(&self, version: Version) -> Result<Route, Error> {
        match self {
            Self::Started { broker, transport, certificate } => Ok(Route {
                addr: broker.addr_for(version),
                websocket: transport.uses_websocket(),
                tls: certificate.as_ref().map(Certificate::client).transpose()?,
            }),
            Self::External(external) => Ok(external.addr.into()),
        }
    }

    /// Its process.
    #[must_use]
    pub fn process(&self) -> Process {
        match self {
            Self::Started { broker, .. } => broker.process(),
            Self::External(external) => Process::new(external.pid),
        }
    }
}

impl Choice {
    /// This software, with as many workers as it likes.
    #[must_use]
    pub const fn of(software: Software) -> Self {
        Self { software, workers: None }
    }

    /// As it is written.
    #[must_use]
    pub fn name(&self) -> String {
        let name = self.software.name();
        self.workers.map_or_else(|| name.to_owned(), |count| format!("{name}:{count}"))
    }
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, workers) = match text.split_once(':') {
            Some((name, workers)) => (name, Some(workers)),
            None => (text, None),
        };
        let all: Vec<_> = Software::value_variants().iter().map(|it| it.name()).collect();
        let software = Software::from_str(name, false)
            .map_err(|_| format!("{name}: no such broker; one of {}", all.join(", ")))?;
        let number = |text: &str| text.parse().ok().filter(|count| *count > 0);
        let workers = workers
            .map(|text| number(text).ok_or(format!("{text}: a number of workers, 1 or more")))
            .transpose()?;
        if workers.is_some() && software != Software::Surewire {
            return Err(format!("{text}: workers can be chosen for surewire only"));
        }
        Ok(Self { software, workers })
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
    fn a_choice_is_a_name_and_perhaps_a_number_of_workers() {
        let choice: Choice = "surewire:2".parse().unwrap();
        assert_eq!(choice, Choice { software: Software::Surewire, workers: Some(2) });
        assert_eq!(choice.name(), "surewire:2");
        assert_eq!("nats".parse(), Ok(Choice::of(Software::Nats)));
        for wrong in ["", "other", "surewire:", "surewire:0", "surewire:x", "mosquitto:2"] {
            assert!(Choice::from_str(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_relay_runs_where_acknowledgements_find_their_way() {
        let choice = Choice::of(Software::Relay);
        let relay = Contender::Started { choice, program: "relay".into() };
        let time = std::time::Duration::from_secs(1);
        let all = rows::all(time);
        let left_out: Vec<_> =
            all.iter().filter(|row| !relay.can_run(row)).map(|row| row.name).collect();
        let fans = "fanin1 fanin2 fanout1 fanout2";
        let strange = "wild0 shared0 v5pairs1 v5fanin0 props0 under1M";
        let layered = "wsfanin0 wspairs1 tlsfanin0 tlspairs1";
        assert_eq!(left_out.join(" "), format!("{fans} {strange} {layered}"));
    }

    #[test]
    fn who_is_not_started_by_us_has_plain_tcp() {
        let external = Contender::External("other=127.0.0.1:1884,4711".parse().unwrap());
        let all = rows::all(std::time::Duration::from_secs(1));
        let left_out = all.iter().filter(|row| !external.can_run(row)).map(|row| row.transport);
        assert!(left_out.eq([Transport::Ws, Transport::Ws, Transport::Tls, Transport::Tls]));
    }
}
